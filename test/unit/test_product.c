/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/code/random.h"
#include "common/code/uep/product.h"
#include "daemon/train/uep/chance.h"
#include "daemon/train/uep/exchange.h"
#include "daemon/train/uep/multiply.h"
#include "test/unit/product_bed.h"

#define ROWS    12u
#define INNER   18u
#define COLUMNS 15u
#define SOON_MS 30

static float a[ROWS * INNER], b[INNER * COLUMNS], c[ROWS * COLUMNS], exact[ROWS * COLUMNS];
static product_bed_t *bed;
static hedged_round_t *rounds;

static const hedge_uep_shape_t crossed = { HEDGE_UEP_ROW_COLUMN, ROWS, INNER, COLUMNS, 3, 3 };
static const hedge_uep_shape_t summed = { HEDGE_UEP_COLUMN_ROW, ROWS, INNER, COLUMNS, 6, 6 };

/* Blocks of rows of A and of columns of B, of different importance. */
static void fill(void)
{
        uint64_t random = hedge_random_row(3, 0);

        for (unsigned i = 0; i < ROWS * INNER; i++)
                a[i] = (float)((double)(hedge_random_next(&random) >> 40) / (1 << 23) - 1) *
                       (float)(1u << (2 * (i / (ROWS / 3 * INNER))));
        for (unsigned i = 0; i < INNER * COLUMNS; i++)
                b[i] = (float)((double)(hedge_random_next(&random) >> 40) / (1 << 23) - 1) *
                       (float)(1u << (2 * (i % COLUMNS / (COLUMNS / 3))));
        for (unsigned i = 0; i < ROWS; i++)
                for (unsigned j = 0; j < COLUMNS; j++) {
                        double sum = 0;

                        for (unsigned k = 0; k < INNER; k++)
                                sum += (double)a[i * INNER + k] * b[k * COLUMNS + j];
                        exact[i * COLUMNS + j] = (float)sum;
                }
}

static void begin(unsigned boards)
{
        bed = product_bed_new(boards);
        assert_int_equal(hedged_round_new(line_bed_line(&bed->line), 7, &rounds), 0);
        assert_int_equal(hedged_exchange_look(rounds), 0);
        assert_int_equal(hedged_round_count(rounds), boards);
}

static int tear_down(void **state)
{
        (void)state;
        hedged_round_destroy(&rounds);
        if (bed)
                product_bed_destroy(&bed);
        return 0;
}

static hedged_product_t *make(const hedge_uep_setup_t *setup, const hedge_uep_shape_t *shape, unsigned boards)
{
        hedged_product_t *product = NULL;
        hedge_why_t why = { "" };
        int r = hedged_product_new(setup, shape, a, b, boards, -1, &product, &why);

        if (r < 0)
                fail_msg("%s", why.text);
        return product;
}

static hedged_exchanged_t exchange(hedged_product_t *product, int ms)
{
        hedged_exchanged_t exchanged;

        assert_int_equal(hedged_exchange(rounds, &product, 1, ms ? hedge_now_us() + ms * 1000 : INT64_MAX, &exchanged),
                         0);
        return exchanged;
}

/* Decode, and @return the normalised error. */
static double finish(hedged_product_t **product)
{
        memset(c, 0x55, sizeof(c));
        assert_int_equal(hedged_product_finish(*product, c), 0);
        hedged_product_destroy(product);
        return hedge_uep_loss(c, exact, ROWS * COLUMNS);
}

/* ---- products ---- */

static void test_whole(void **state)
{
        (void)state;
        for (int scheme = 0; scheme < HEDGE_UEP_SCHEMES; scheme++)
                for (int split = 0; split < 2; split++) {
                        const hedge_uep_setup_t setup = {
                                .scheme = (hedge_uep_scheme_t)scheme,
                                .packets = hedge_uep_scheme_has_windows((hedge_uep_scheme_t)scheme) ? 60 : 0,
                                .seed = 5
                        };
                        hedged_product_t *product;

                        begin(10);
                        product = make(&setup, split ? &summed : &crossed, 10);
                        assert_int_equal(exchange(product, 0).refused, 0);
                        assert_true(hedged_product_complete(product));
                        assert_true(hedged_product_expected_error(product) == 0);
                        assert_true(finish(&product) < 1e-7);
                        tear_down(NULL);
                }
}

/* What does not come is 0, and the error that is expected is that of the norms. */
static void test_part(void **state)
{
        const hedge_uep_setup_t setup = { .scheme = HEDGE_UEP_UNCODED };
        hedged_product_t *product;
        double norms_a[3], norms_b[3], all = 0, unknown = 0, expected;
        hedged_packet_t *packets;
        int64_t began;
        bool known[9];

        (void)state;
        begin(9);
        bed->boards[0].dumb = bed->boards[7].dumb = true;
        product = make(&setup, &crossed, 9);
        began = hedge_now_us();
        assert_int_equal(exchange(product, SOON_MS).received, 7);
        assert_true(hedge_now_us() - began >= SOON_MS * 1000);
        assert_int_equal(hedged_product_known(product), 7);
        packets = hedged_product_packets(product);
        hedge_uep_norms(&crossed, a, b, norms_a, norms_b, NULL);
        for (unsigned i = 0; i < 9; i++)
                for (unsigned k = 0; k < 9; k++)
                        if (hedge_uep_column(hedged_product_code(product), i)[k] != 0) {
                                const double size = norms_a[k / 3] * norms_b[k % 3];

                                known[k] = packets[i].received_us != 0;
                                all += size * size;
                                unknown += known[k] ? 0 : size * size;
                        }
        expected = hedged_product_expected_error(product);
        assert_true(fabs(expected - unknown / all) < 1e-12 && unknown > 0);
        assert_true(finish(&product) > 0.01 * expected);
        for (unsigned i = 0; i < ROWS; i++)
                for (unsigned j = 0; j < COLUMNS; j++) {
                        const unsigned k = i / (ROWS / 3) * 3 + j / (COLUMNS / 3);

                        assert_true(fabs(c[i * COLUMNS + j] - (known[k] ? exact[i * COLUMNS + j] : 0)) < 1e-3);
                }
}

/* mds: as many packets as sub-products are enough, and one less is nothing. */
static void test_threshold(void **state)
{
        const hedge_uep_setup_t setup = { .scheme = HEDGE_UEP_MDS, .seed = 3 };
        hedged_product_t *product;

        (void)state;
        begin(12);
        bed->boards[2].dumb = bed->boards[3].dumb = bed->boards[11].dumb = true;
        product = make(&setup, &crossed, 12);
        assert_int_equal(exchange(product, 0).received, 9);
        assert_true(finish(&product) < 1e-6);

        bed->boards[5].dumb = true;
        product = make(&setup, &crossed, 12);
        assert_int_equal(exchange(product, SOON_MS).received, 8);
        assert_int_equal(hedged_product_known(product), 0);
        assert_true(hedged_product_expected_error(product) == 1);
        assert_true(finish(&product) == 1);
}

/* Several at a time, in one step of the round. */
static void test_together(void **state)
{
        const hedge_uep_setup_t coded = { .scheme = HEDGE_UEP_EW, .packets = 40, .seed = 9 };
        const hedge_uep_setup_t plain = { .scheme = HEDGE_UEP_UNCODED };
        hedged_product_t *products[3];
        hedged_exchanged_t exchanged;

        (void)state;
        begin(5);
        products[0] = make(&coded, &crossed, 5);
        products[1] = make(&plain, &crossed, 5);
        products[2] = make(&plain, &summed, 5);
        assert_int_equal(hedged_exchange(rounds, products, 3, INT64_MAX, &exchanged), 0);
        assert_int_equal(exchanged.boards, 5);
        for (unsigned i = 0; i < 3; i++)
                assert_true(finish(&products[i]) < 1e-7);
}

/* ---- boards ---- */

static void test_lost(void **state)
{
        const hedge_uep_setup_t setup = { .scheme = HEDGE_UEP_UNCODED };
        hedged_product_t *product;

        (void)state;
        begin(3);
        bed->boards[1].dies = true;
        product = make(&setup, &crossed, 3);
        assert_int_equal(exchange(product, 0).received, 9);
        assert_int_equal(bed->boards[1].answered, 0);
        assert_true(finish(&product) < 1e-7);

        /* All of them: nothing more can come, and it is not waited for. */
        bed->boards[0].dies = bed->boards[2].dies = true;
        product = make(&setup, &crossed, 3);
        assert_int_equal(exchange(product, 0).received, 0);
        assert_int_equal(hedged_round_count(rounds), 0);
        assert_true(finish(&product) == 1);
        product = make(&setup, &crossed, 3);
        assert_int_equal(exchange(product, 0).boards, 0);
        hedged_product_destroy(&product);
}

static void test_back(void **state)
{
        const hedge_uep_setup_t setup = { .scheme = HEDGE_UEP_UNCODED };
        hedged_product_t *product;

        (void)state;
        begin(1);
        bed->boards[0].dies = bed->boards[0].comes_back = true;
        product = make(&setup, &crossed, 1);
        assert_int_equal(hedged_exchange(rounds, &product, 1, hedge_now_us() + 60000000, &(hedged_exchanged_t){ 0 }),
                         0);
        assert_true(finish(&product) < 1e-7);
}

static void test_refused(void **state)
{
        const hedge_uep_setup_t setup = { .scheme = HEDGE_UEP_UNCODED };
        hedged_product_t *product;
        hedged_exchanged_t exchanged;

        (void)state;
        begin(3);
        bed->boards[2].refuses = true;
        product = make(&setup, &crossed, 3);
        exchanged = exchange(product, 0);
        assert_int_equal(exchanged.refused, 1);
        assert_int_equal(exchanged.refusals[0].board, 2);
        assert_string_equal(exchanged.refusals[0].why.text, "no room for that");
        assert_int_equal(exchanged.received, 9);
        assert_true(finish(&product) < 1e-7);

        bed->boards[0].refuses = bed->boards[1].refuses = true;
        product = make(&setup, &crossed, 3);
        exchanged = exchange(product, 0);
        assert_int_equal(exchanged.received, 0);
        assert_int_equal(exchanged.refused, 3);
        hedged_product_destroy(&product);
}

/* Both copies are never with one board, so that any one may fail. */
static void test_twins(void **state)
{
        const hedge_uep_setup_t setup = { .scheme = HEDGE_UEP_REPLICATION, .packets = 18 };

        (void)state;
        for (unsigned boards = 2; boards <= 9; boards++)
                for (unsigned dumb = 0; dumb < boards; dumb++) {
                        hedged_product_t *product;

                        begin(boards);
                        bed->boards[dumb].dumb = true;
                        product = make(&setup, &crossed, boards);
                        exchange(product, 20000); /* far too long, where the other copy does not come */
                        assert_true(finish(&product) < 1e-7);
                        tear_down(NULL);
                }
}

/* A board that is far behind gets no more, as long as there are others. */
static void test_behind(void **state)
{
        const hedge_uep_setup_t setup = { .scheme = HEDGE_UEP_REPLICATION, .packets = 18 };

        (void)state;
        begin(6);
        bed->boards[4].dumb = true;
        for (unsigned step = 0; step < 10; step++) {
                const unsigned before = bed->boards[4].asked;
                hedged_product_t *product = make(&setup, &crossed, 6);

                assert_int_equal(bed->boards[4].asked, before);
                exchange(product, 0);
                if (step > HEDGED_EXCHANGE_OWED / 3)
                        assert_int_equal(bed->boards[4].asked, before);
                assert_true(finish(&product) < 1e-7);
        }
        assert_true(bed->boards[4].asked >= HEDGED_EXCHANGE_OWED);
        for (unsigned i = 0; i < 4; i++)
                bed->boards[i].dumb = true;
        bed->boards[5].dumb = true;
        bed->boards[4].dumb = false; /* and when they are all gone it is asked again */
        for (unsigned i = 0; i < 6; i++)
                if (i != 4)
                        line_bed_lost(&bed->line, i);
        assert_int_equal(hedged_exchange_look(rounds), 0);
        {
                hedged_product_t *product = make(&setup, &crossed, 6);

                exchange(product, 0);
                assert_true(finish(&product) < 1e-7);
        }
}

/* What comes after its step does no harm. */
static void test_late(void **state)
{
        const hedge_uep_setup_t setup = { .scheme = HEDGE_UEP_UNCODED };
        hedged_product_t *product;

        (void)state;
        begin(3);
        bed->boards[0].slow = true;
        product = make(&setup, &crossed, 3);
        assert_int_equal(exchange(product, SOON_MS).received, 6);
        hedged_product_destroy(&product);
        product_bed_deliver(bed, 0);
        bed->boards[0].slow = false;
        product = make(&setup, &crossed, 3);
        assert_int_equal(exchange(product, 0).received, 9);
        assert_true(finish(&product) < 1e-7);
}

static void test_stopped(void **state)
{
        const hedge_uep_setup_t setup = { .scheme = HEDGE_UEP_UNCODED };
        hedged_product_t *product;
        hedged_exchanged_t exchanged;

        (void)state;
        begin(2);
        bed->boards[0].dumb = true;
        product = make(&setup, &crossed, 2);
        line_bed_stop(&bed->line, HEDGED_STOP_USER);
        assert_int_equal(hedged_exchange(rounds, &product, 1, INT64_MAX, &exchanged), HEDGE_ESHUTDOWN);
        assert_int_equal(hedged_exchange_look(rounds), HEDGE_ESHUTDOWN);
        hedged_product_destroy(&product);
}

/* ---- what is asked for ---- */

static int refused(const hedge_uep_setup_t *setup, const hedge_uep_shape_t *shape, unsigned boards, const char *text)
{
        hedge_why_t why = { "" };
        int r = hedge_uep_setup_check(setup, shape, boards, &why);

        if (r >= 0 || !strstr(why.text, text))
                fail_msg("%d: '%s' and not '%s'", r, why.text, text);
        return r;
}

static void test_setup(void **state)
{
        const hedge_uep_shape_t odd = { HEDGE_UEP_ROW_COLUMN, ROWS + 1, INNER, COLUMNS, 3, 3 };
        const hedge_uep_shape_t small = { HEDGE_UEP_ROW_COLUMN, ROWS, INNER, COLUMNS, 1, 1 };
        hedge_uep_setup_t setup = { .scheme = HEDGE_UEP_MDS };

        (void)state;
        assert_int_equal(hedge_uep_setup_check(&setup, &crossed, 0, NULL), 0);
        assert_int_equal(hedge_uep_setup_check(&setup, &crossed, 9, NULL), 0);
        assert_int_equal(refused(&setup, &crossed, 8, "8 boards"), HEDGE_ENOBOARDS);
        assert_int_equal(hedge_uep_setup_boards(&setup, &crossed), 9);
        setup.packets = 9;
        assert_int_equal(hedge_uep_setup_check(&setup, &crossed, 1, NULL), 0);
        assert_int_equal(hedge_uep_setup_boards(&setup, &crossed), 1);
        assert_int_equal(refused(&setup, &odd, 0, "13"), HEDGE_ESHAPE);
        setup = (hedge_uep_setup_t){ .scheme = HEDGE_UEP_NOW, .n_windows = 2, .windows = { 0.5, 0.5 } };
        assert_int_equal(refused(&setup, &crossed, 0, "2 window probabilities for 3 classes"), -EINVAL);
        setup.classes = 2;
        assert_int_equal(hedge_uep_setup_check(&setup, &crossed, 0, NULL), 0);
        setup.windows[0] = 0.9;
        assert_int_equal(refused(&setup, &crossed, 0, ""), -EINVAL);
        setup = (hedge_uep_setup_t){ .scheme = HEDGE_UEP_NOW };
        assert_int_equal(hedge_uep_setup_check(&setup, &small, 0, NULL), 0); /* one block: one level, one class */
        setup.levels = 4;
        refused(&setup, &crossed, 0, "");
}

/* Windows are made for the deadline, even where nothing is known of it, and as given where they are. */
static void test_windows(void **state)
{
        hedge_uep_setup_t setup = { .scheme = HEDGE_UEP_EW };
        const double ones[3] = { 1, 4, 16 };
        hedge_uep_classes_t classes;
        hedge_uep_params_t params;
        double early;

        (void)state;
        assert_int_equal(hedge_uep_setup_resolve(&setup, &crossed, ones, ones, 15, -1, &classes, &params, NULL), 0);
        assert_int_equal(params.packets, 15);
        assert_int_equal(classes.classes, 3);
        assert_true(fabs(params.windows[0] - 1.0 / 3) < 1e-9 && fabs(params.windows[2] - 1.0 / 3) < 1e-9);
        assert_int_equal(hedge_uep_setup_resolve(&setup, &crossed, ones, ones, 15, 0.2, &classes, &params, NULL), 0);
        early = params.windows[0];
        assert_true(early > 0.5);
        assert_int_equal(hedge_uep_setup_resolve(&setup, &crossed, ones, ones, 15, 0.9, &classes, &params, NULL), 0);
        assert_true(params.windows[0] < early);
        setup.n_windows = 3;
        setup.windows[0] = 0.25;
        setup.windows[1] = 0.75;
        assert_int_equal(hedge_uep_setup_resolve(&setup, &crossed, ones, ones, 15, 0.9, &classes, &params, NULL), 0);
        assert_true(params.windows[0] == 0.25 && params.windows[1] == 0.75);
}

static void test_nan(void **state)
{
        const hedge_uep_setup_t setup = { .scheme = HEDGE_UEP_EW };
        hedged_product_t *product = NULL;
        hedge_why_t why = { "" };

        (void)state;
        a[40] = NAN;
        assert_int_equal(hedged_product_new(&setup, &crossed, a, b, 9, -1, &product, &why), -EINVAL);
        assert_null(product);
        assert_true(*why.text);
        fill();
}

/* ---- the chance that a packet comes ---- */

static void test_chance_expected(void **state)
{
        static hedged_speeds_t speeds;
        double chance;

        (void)state;
        assert_true(hedged_chance_expected(&speeds, 1, 1, 1, 1) < 0);
        speeds.usable[0] = speeds.usable[3] = true;
        speeds.board[0] = (hedged_speed_t){ 1e6, 1, 1e6, 1e6, 0, 9 };
        speeds.board[3] = speeds.board[0];
        speeds.board[3].spread = 0;
        /* 1 s of computing and 0.1 s each way; board 0 takes Exp(1 s) longer */
        chance = hedged_chance_expected(&speeds, 1e6, 1e5, 1e5, 2.2);
        assert_true(fabs(chance - (1 + 1 - exp(-1)) / 2) < 1e-12);
        assert_true(hedged_chance_expected(&speeds, 1e6, 1e5, 1e5, 1.1) == 0);
        speeds.board[3].tasks = 0;
        assert_true(hedged_chance_expected(&speeds, 1e6, 1e5, 1e5, 2.2) < 0);
}

/* From packets with exponential times, of which only those before the deadline are seen. */
static void test_chance_learnt(void **state)
{
        const hedge_uep_setup_t setup = { .scheme = HEDGE_UEP_UNCODED };
        hedged_product_t *product = make(&setup, &crossed, 9);
        hedged_packet_t *packets = hedged_product_packets(product);
        hedged_chance_t chance = { 0, 0 };
        uint64_t random = hedge_random_row(8, 0);
        double learnt;

        (void)state;
        assert_true(hedged_chance_learnt(&chance, 1) < 0);
        for (unsigned n = 0; n < 400; n++) {
                for (unsigned i = 0; i < 9; i++) {
                        const double u = ((double)(hedge_random_next(&random) >> 12) + 1) / (double)(1ull << 52);
                        const double ms = -20 * log(u);

                        packets[i] = (hedged_packet_t){ .board = i, .asked_us = 1000000 };
                        packets[i].received_us = ms < 10 ? 1000000 + (int64_t)(ms * 1000) : 0;
                }
                hedged_chance_learn(&chance, product, 1010000);
        }
        learnt = hedged_chance_learnt(&chance, 0.01);
        assert_true(fabs(learnt - (1 - exp(-0.5))) < 0.1);
        hedged_product_destroy(&product);
}

/* ---- for a client ---- */

static hedge_msg_matmul_t asked;
static zmq_msg_t frames[2];
static hedge_mailbox_t *loop;

static void ask(const char *scheme, unsigned deadline_ms)
{
        asked = (hedge_msg_matmul_t){ .id = 4,
                                      .rows = ROWS,
                                      .inner = INNER,
                                      .columns = COLUMNS,
                                      .blocks_a = 3,
                                      .blocks_b = 3,
                                      .seed = 2,
                                      .deadline_ms = deadline_ms };
        strcpy(asked.scheme, scheme);
        zmq_msg_init_size(&frames[0], sizeof(a));
        memcpy(zmq_msg_data(&frames[0]), a, sizeof(a));
        zmq_msg_init_size(&frames[1], sizeof(b));
        memcpy(zmq_msg_data(&frames[1]), b, sizeof(b));
}

static void forget(void)
{
        zmq_msg_close(&frames[0]);
        zmq_msg_close(&frames[1]);
}

static int run(uint64_t packet_bytes, hedge_why_t *why)
{
        static const hedged_speeds_t speeds;
        const hedged_multiply_settings_t settings = { .line = line_bed_line(&bed->line),
                                                      .job = 9,
                                                      .loop = loop,
                                                      .done_kind = 77,
                                                      .packet_bytes = packet_bytes,
                                                      .speeds = &speeds };
        hedged_multiply_t *matmul = NULL;
        hedge_msg_matmul_ok_t ok;
        hedge_mail_t *mail;
        zmq_msg_t frame;
        int r;

        assert_int_equal(hedged_multiply_check(&asked, frames, 1 << 20, why), 0);
        assert_int_equal(hedged_multiply_start(&settings, &asked, frames, &matmul), 0);
        mail = hedge_mailbox_wait(loop, 60000);
        assert_non_null(mail);
        assert_int_equal(mail->kind, 77);
        r = hedged_multiply_result(matmul, &ok, &frame, why);
        if (r == 0) {
                assert_true(hedged_multiply_chance(matmul).arrivals >= ok.determined);
                assert_int_equal(ok.id, 4);
                assert_int_equal(zmq_msg_size(&frame), sizeof(c));
                memcpy(c, zmq_msg_data(&frame), sizeof(c));
                zmq_msg_close(&frame);
                r = (int)ok.determined;
                assert_int_equal(ok.products, 9);
                assert_true(ok.ms > 0);
                for (unsigned i = 0; i < ok.n_packets; i++)
                        assert_true(ok.packets[i].board < 9);
        }
        hedged_multiply_destroy(&matmul);
        return r;
}

static void test_matmul(void **state)
{
        hedge_why_t why = { "" };

        (void)state;
        assert_int_equal(hedge_mailbox_new(&loop), 0);
        bed = product_bed_new(9);
        ask("mds", 60000);
        assert_int_equal(run(1 << 20, &why), 9);
        assert_true(hedge_uep_loss(c, exact, ROWS * COLUMNS) < 1e-6);
        product_bed_destroy(&bed);

        bed = product_bed_new(9);
        bed->boards[3].dumb = true;
        ask("uncoded", SOON_MS);
        assert_int_equal(run(1 << 20, &why), 8);
        assert_true(hedge_uep_loss(c, exact, ROWS * COLUMNS) > 1e-4);
        product_bed_destroy(&bed);

        bed = product_bed_new(0);
        ask("uncoded", 60000);
        assert_int_equal(run(1 << 20, &why), HEDGE_ENOBOARDS);
        product_bed_destroy(&bed);

        bed = product_bed_new(8);
        ask("mds", 60000);
        assert_int_equal(run(1 << 20, &why), HEDGE_ENOBOARDS);
        ask("uncoded", 60000);
        product_bed_destroy(&bed);
        bed = product_bed_new(8);
        assert_int_equal(run(1000, &why), HEDGE_ELIMIT);
        product_bed_destroy(&bed);

        bed = product_bed_new(1);
        bed->boards[0].refuses = true;
        ask("uncoded", 60000);
        assert_int_equal(run(1 << 20, &why), HEDGE_ENOBOARDS);
        assert_non_null(strstr(why.text, "board-0: no room for that"));
        product_bed_destroy(&bed);

        bed = product_bed_new(2);
        line_bed_stop(&bed->line, HEDGED_STOP_USER);
        ask("uncoded", 60000);
        assert_int_equal(run(1 << 20, &why), HEDGE_ESHUTDOWN);
        product_bed_destroy(&bed);

        bed = product_bed_new(2);
        ask("uncoded", 60000);
        ((float *)zmq_msg_data(&frames[1]))[3] = INFINITY;
        assert_int_equal(run(1 << 20, &why), -EINVAL);
        assert_int_equal(bed->boards[0].asked, 0);
        hedge_mailbox_destroy(&loop);
}

static void test_matmul_checks(void **state)
{
        hedge_why_t why;

        (void)state;
        ask("magic", 10);
        assert_int_equal(hedged_multiply_check(&asked, frames, 1 << 20, &why), -EINVAL);
        strcpy(asked.scheme, "mds");
        strcpy(asked.split, "in two");
        assert_int_equal(hedged_multiply_check(&asked, frames, 1 << 20, &why), -EINVAL);
        strcpy(asked.split, "column-row");
        assert_int_equal(hedged_multiply_check(&asked, frames, 1 << 20, &why), 0);
        asked.blocks_b = 6;
        assert_int_equal(hedged_multiply_check(&asked, frames, 1 << 20, &why), -EINVAL);
        asked.blocks_a = asked.blocks_b = 4;
        assert_int_equal(hedged_multiply_check(&asked, frames, 1 << 20, &why), HEDGE_ESHAPE);
        asked.blocks_a = asked.blocks_b = 3;
        asked.rows++;
        assert_int_equal(hedged_multiply_check(&asked, frames, 1 << 20, &why), HEDGE_EMALFORMED);
        asked.rows--;
        assert_int_equal(hedged_multiply_check(&asked, frames, sizeof(c) - 1, &why), HEDGE_ELIMIT);
        assert_int_equal(hedged_multiply_check(&asked, frames, sizeof(c), &why), 0);
        forget();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(test_whole, tear_down),
                cmocka_unit_test_teardown(test_part, tear_down),
                cmocka_unit_test_teardown(test_threshold, tear_down),
                cmocka_unit_test_teardown(test_together, tear_down),
                cmocka_unit_test_teardown(test_lost, tear_down),
                cmocka_unit_test_teardown(test_back, tear_down),
                cmocka_unit_test_teardown(test_refused, tear_down),
                cmocka_unit_test_teardown(test_twins, tear_down),
                cmocka_unit_test_teardown(test_behind, tear_down),
                cmocka_unit_test_teardown(test_late, tear_down),
                cmocka_unit_test_teardown(test_stopped, tear_down),
                cmocka_unit_test(test_setup),
                cmocka_unit_test(test_windows),
                cmocka_unit_test(test_nan),
                cmocka_unit_test(test_chance_expected),
                cmocka_unit_test(test_chance_learnt),
                cmocka_unit_test_teardown(test_matmul, tear_down),
                cmocka_unit_test(test_matmul_checks),
        };

        fill();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
