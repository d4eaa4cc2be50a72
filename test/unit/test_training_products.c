/* SPDX-License-Identifier: Apache-2.0 */
/* Products of a board, with the training's thread: their order, what is not wanted any more, and what is refused. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "test/unit/training_bed.h"

#define TRAIN 5u
#define ROWS  3u
#define COLS  4u

static char luck_path[64];

/* A board in bad luck, as its emulation file says; without a text it is a real one. */
static void open_board(fixture_t *f, uint64_t bytes_max, const char *luck, double macs_per_s)
{
        hedgew_training_settings_t settings = { .bytes_max = bytes_max };
        FILE *file;

        memset(f, 0, sizeof(*f));
        if (luck) {
                snprintf(luck_path, sizeof(luck_path), "/tmp/hedge-test-products-XXXXXX");
                file = fdopen(mkstemp(luck_path), "w");
                assert_non_null(file);
                fputs(luck, file);
                fclose(file);
        }
        if (luck || macs_per_s > 0)
                assert_int_equal(hedgew_emulate_new(luck ? luck_path : NULL, macs_per_s, &f->emulate), 0);
        settings.emulate = f->emulate;
        assert_int_equal(hedgew_training_new(&settings, &f->training), 0);
}

static void close_board(fixture_t *f)
{
        assert_int_equal(hedgew_training_end(f->training, PATIENCE_S * 1000), 0);
        hedgew_training_destroy(&f->training);
        hedgew_emulate_destroy(&f->emulate);
        if (luck_path[0])
                unlink(luck_path);
        luck_path[0] = 0;
}

/* All of its floats are v. */
static zmq_msg_t frame_of(float v, size_t n)
{
        zmq_msg_t frame;

        assert_int_equal(zmq_msg_init_size(&frame, n * sizeof(v)), 0);
        for (size_t i = 0; i < n; i++)
                memcpy((char *)zmq_msg_data(&frame) + i * sizeof(v), &v, sizeof(v));
        return frame;
}

static void tell_hold(fixture_t *f, uint64_t job, uint32_t matrix, uint32_t rows, uint32_t cols, float v)
{
        zmq_msg_t frame = frame_of(v, (size_t)rows * cols);

        tell(f, &(hedge_message_t){ .type = HEDGE_MSG_HOLD, .hold = { job, matrix, rows, cols } }, &frame, 1);
}

/* X is one row. */
static void tell_apply(fixture_t *f, uint64_t step, uint32_t matrix, uint32_t keep, float v)
{
        zmq_msg_t frame = frame_of(v, COLS);
        hedge_message_t message = { .type = HEDGE_MSG_APPLY, .apply = { TRAIN, step, matrix, 1, keep } };

        tell(f, &message, &frame, 1);
}

static void tell_fetch(fixture_t *f, uint64_t job, uint32_t matrix)
{
        tell(f, &(hedge_message_t){ .type = HEDGE_MSG_FETCH, .hold = { job, matrix, 0, 0 } }, NULL, 0);
}

static void tell_multiply(fixture_t *f, uint64_t step, uint32_t packet, uint32_t inner)
{
        hedge_message_t message = { .type = HEDGE_MSG_MULTIPLY, .multiply = { TRAIN, step, packet, 2, inner, 3 } };
        zmq_msg_t frames[2] = { frame_of(1, (size_t)2 * inner), frame_of(2, (size_t)3 * inner) };

        tell(f, &message, frames, 2);
}

/* Matrix 7 minus 1 in every entry; the right factor is one that was kept, all ones, or a frame. */
static void tell_update(fixture_t *f, uint64_t step, uint32_t kept)
{
        hedge_code_term_t term = { 0, 0, 1 };
        hedge_update_target_t target = { 7, false, 1, ROWS, 1, &term };
        hedge_message_t message = { .type = HEDGE_MSG_UPDATE,
                                    .update = { .job = TRAIN,
                                                .step = step,
                                                .batch = 1,
                                                .left_cols = ROWS,
                                                .right_cols = COLS,
                                                .right_kept = kept,
                                                .rate = 1,
                                                .n_targets = 1 } };
        zmq_msg_t frames[2] = { frame_of(1, ROWS), frame_of(1, COLS) };
        hedge_message_t sent;
        zmq_msg_t header;

        /* as it comes from the wire, with storage of its own: the thread reads it later */
        message.update.targets = &target;
        assert_int_equal(hedge_message_pack(&message, &header), 0);
        assert_int_equal(hedge_message_unpack(zmq_msg_data(&header), zmq_msg_size(&header), &hedge_wire_default_limits,
                                              &sent, NULL),
                         0);
        zmq_msg_close(&header);
        if (kept)
                zmq_msg_close(&frames[1]);
        tell(f, &sent, frames, kept ? 1 : 2);
}

/* @return its compute_us. */
static uint64_t expect_product(fixture_t *f, uint64_t step, uint32_t packet, size_t n, float v)
{
        const hedge_msg_product_t *product = &expect(f, HEDGE_MSG_PRODUCT)->product;
        hedgew_training_report_t *report = next_report(f);
        const uint64_t compute_us = product->compute_us;

        assert_int_equal(product->job, TRAIN);
        assert_int_equal(product->step, step);
        assert_int_equal(product->packet, packet);
        assert_int_equal(report->n_frames, 1);
        assert_int_equal(zmq_msg_size(&report->frames[0]), n * sizeof(float));
        for (size_t i = 0; i < n; i++)
                assert_true(((const float *)zmq_msg_data(&report->frames[0]))[i] == v);
        done(f);
        return compute_us;
}

static void answers_come_in_order(void **state)
{
        fixture_t f;

        open_board(&f, PLENTY, NULL, 0);
        assert_int_equal(status_of(&f).job, 0);
        tell_hold(&f, TRAIN, 7, ROWS, COLS, 2);
        tell_hold(&f, TRAIN, 0, 1, COLS, 1);
        tell_apply(&f, 1, 7, 3, 1);
        tell_fetch(&f, TRAIN, 7);
        tell_update(&f, 1, 3);
        tell_update(&f, 1, 0);
        tell_apply(&f, 1, 7, 0, 1);
        tell_multiply(&f, 1, 99, 10);
        tell_apply(&f, 1, 0, 0, 5);
        tell_fetch(&f, TRAIN, 7);
        expect_product(&f, 1, 7, ROWS, 2 * COLS);
        expect_product(&f, 0, 7, ROWS * COLS, 2);
        expect_product(&f, 1, 7, ROWS, 0);
        expect_product(&f, 1, 99, 6, 20);
        expect_product(&f, 1, 0, 1, 5 * COLS);
        expect_product(&f, 0, 7, ROWS * COLS, 0);
        assert_int_equal(status_of(&f).job, TRAIN);
        assert_true(status_of(&f).bytes >= (ROWS + 1) * COLS * sizeof(float));
        close_board(&f);
}

static void wait_for_bytes(fixture_t *f, bool some)
{
        const int64_t end_ms = hedge_now_ms() + PATIENCE_S * 1000;

        while ((status_of(f).bytes > 0) != some) {
                assert_true(hedge_now_ms() < end_ms);
                usleep(200);
        }
}

static void leaving_forgets_all(void **state)
{
        fixture_t f;

        open_board(&f, PLENTY, NULL, 0);
        for (int i = 0; i < 3; i++) {
                tell_hold(&f, TRAIN, 7, ROWS, COLS, 2);
                tell_leave(&f, TRAIN + 1); /* not that one */
                tell_apply(&f, 1, 7, 3, 1);
                expect_product(&f, 1, 7, ROWS, 2 * COLS);
                tell_leave(&f, TRAIN);
                wait_for_bytes(&f, false);
                tell_apply(&f, 1, 7, 3, 1);
                expect_error(&f, -ENOENT, TRAIN, NULL);
                tell_fetch(&f, TRAIN, 7);
                expect_error(&f, -ENOENT, TRAIN, NULL);
                tell_update(&f, 1, 0);
                expect_error(&f, -ENOENT, TRAIN, NULL);
                tell_multiply(&f, 2, 1, 4); /* this needs nothing, and leaves no trace */
                expect_product(&f, 2, 1, 6, 8);
                tell_leave(&f, TRAIN);
                wait_for_bytes(&f, false);
        }
        close_board(&f);
}

/* A multiply-accumulate takes ten seconds: what waits is dropped, at once. */
static void leaving_drops_what_waits(void **state)
{
        const int64_t start_ms = hedge_now_ms();
        fixture_t f;

        open_board(&f, PLENTY, NULL, 0.1);
        tell_hold(&f, TRAIN, 7, ROWS, COLS, 2);
        for (unsigned i = 0; i < 5; i++) {
                tell_apply(&f, 1, 7, 0, 1);
                tell_update(&f, 1, 0);
                tell_multiply(&f, 1, 4, 2);
        }
        wait_for_bytes(&f, true);
        tell_leave(&f, TRAIN);
        wait_for_bytes(&f, false);
        assert_null(hedgew_training_report(f.training));
        tell_hold(&f, TRAIN, 7, ROWS, COLS, 3);
        tell_fetch(&f, TRAIN, 7);
        expect_product(&f, 0, 7, ROWS * COLS, 3);
        close_board(&f);
        assert_true(hedge_now_ms() - start_ms < 10000);
}

static void an_emulated_board_takes_its_time(void **state)
{
        fixture_t f;
        int64_t start_us;

        open_board(&f, PLENTY, NULL, 1000);
        tell_hold(&f, TRAIN, 7, ROWS, COLS, 2);
        start_us = hedge_now_us();
        tell_apply(&f, 1, 7, 0, 1); /* 12 multiply-accumulates, as the update */
        tell_update(&f, 1, 0);
        tell_multiply(&f, 1, 4, 2); /* 12, too */
        assert_in_range(expect_product(&f, 1, 7, ROWS, 2 * COLS), 12000, 10000000);
        assert_in_range(expect_product(&f, 1, 4, 6, 4), 12000, 10000000);
        assert_true(hedge_now_us() - start_us >= 36000);
        close_board(&f);
}

/* While the first takes its time, later ones come: only the last of them is wanted, but each factor is kept. */
static void products_of_earlier_steps_are_left_out(void **state)
{
        uint64_t last = 0;
        fixture_t f;

        open_board(&f, PLENTY, NULL, 500);
        tell_hold(&f, TRAIN, 7, ROWS, COLS, 2);
        for (uint32_t step = 1; step <= 9; step++)
                step % 2 ? tell_apply(&f, step, 7, step, 1) : tell_multiply(&f, step, 4, 2);
        while (last < 9) {
                const uint64_t step = expect(&f, HEDGE_MSG_PRODUCT)->product.step;

                assert_true(step > last);
                assert_true(step == 9 || last == 0); /* one may have been begun before the others came */
                last = step;
                done(&f);
        }
        for (uint32_t kept = 1; kept <= 9; kept += 2)
                tell_update(&f, 10, kept);
        tell_fetch(&f, TRAIN, 7);
        expect_product(&f, 0, 7, ROWS * COLS, 2 - 5);
        close_board(&f);
}

static void unlucky_boards_keep_their_matrices_right(void **state)
{
        fixture_t f;

        open_board(&f, PLENTY, "boards 2\nboard 0\nfailing 2\n", 0);
        tell_hold(&f, TRAIN, 7, ROWS, COLS, 2);
        tell_apply(&f, 1, 7, 3, 1);
        expect_error(&f, HEDGE_EKERNEL, TRAIN, NULL);
        tell_multiply(&f, 1, 4, 2);
        expect_error(&f, HEDGE_EKERNEL, TRAIN, NULL);
        tell_update(&f, 1, 3);
        tell_fetch(&f, TRAIN, 7);
        expect_product(&f, 0, 7, ROWS * COLS, 1);
        close_board(&f);
        open_board(&f, PLENTY, "boards 2\nboard 1\nsilent 2\n", 0);
        tell_hold(&f, TRAIN, 7, ROWS, COLS, 2);
        tell_apply(&f, 1, 7, 3, 1);
        tell_multiply(&f, 1, 4, 2);
        tell_update(&f, 1, 3);
        tell_fetch(&f, TRAIN, 7);
        expect_product(&f, 0, 7, ROWS * COLS, 1);
        close_board(&f);
        open_board(&f, PLENTY, "boards 1\nboard 0\nfixed 1 60\n", 0);
        tell_hold(&f, TRAIN, 7, ROWS, COLS, 2);
        tell_apply(&f, 1, 7, 3, 1);
        expect_product(&f, 1, 7, ROWS, 2 * COLS);
        close_board(&f);
}

/* ---- connections ---- */

static void matrices_belong_to_their_connection(void **state)
{
        fixture_t f;

        open_board(&f, PLENTY, NULL, 0);
        tell_hold(&f, TRAIN, 7, ROWS, COLS, 2);
        tell_apply(&f, 1, 7, 3, 1);
        expect(&f, HEDGE_MSG_PRODUCT); /* it does not get out */
        hedgew_training_forget(f.training);
        assert_null(hedgew_training_report(f.training));
        tell_apply(&f, 2, 7, 3, 1);
        expect_error(&f, -ENOENT, TRAIN, NULL);
        tell_hold(&f, TRAIN, 7, ROWS, COLS, 2);
        tell_update(&f, 2, 3);
        expect_error(&f, -ENOENT, TRAIN, NULL);
        tell_hold(&f, TRAIN, 7, ROWS, COLS, 3);
        tell_apply(&f, 1, 7, 3, 1); /* steps may be counted anew */
        expect_product(&f, 1, 7, ROWS, 3 * COLS);
        close_board(&f);
}

static void one_training_at_a_time(void **state)
{
        const hedge_msg_join_t terms = CASE_JOIN(1, case_conv);
        fixture_t f;

        open_all(&f, PLENTY, 0, &terms);
        join(&f, &terms, 0);
        give_shard(&f, 1, 0);
        tell_multiply(&f, 1, 4, 2); /* it may be there beside */
        expect_product(&f, 1, 4, 6, 4);
        assert_int_equal(status_of(&f).job, 1);
        join(&f, &terms, 1);
        tell_hold(&f, TRAIN, 7, ROWS, COLS, 2);
        tell_fetch(&f, TRAIN, 7);
        expect_product(&f, 0, 7, ROWS * COLS, 2);
        assert_int_equal(status_of(&f).job, TRAIN);
        tell_step(&f, 1, 0, 0, WHOLE);
        expect_error(&f, -ENOENT, 1, NULL);
        tell_fetch(&f, TRAIN, 7);
        expect(&f, HEDGE_MSG_PRODUCT); /* it does not get out, and then nobody wants it */
        tell_hold(&f, TRAIN + 1, 7, ROWS, COLS, 2);
        tell_fetch(&f, TRAIN, 7);
        expect_error(&f, -ENOENT, TRAIN, NULL);
        join(&f, &terms, 0);
        tell_fetch(&f, TRAIN + 1, 7);
        expect_error(&f, -ENOENT, TRAIN + 1, NULL);
        assert_int_equal(status_of(&f).job, 1);
        close_all(&f);
}

/* ---- limits ---- */

static void what_is_refused_is_not_held(void **state)
{
        fixture_t f;
        zmq_msg_t frame;

        open_board(&f, 1 << 20, NULL, 0);
        tell_hold(&f, TRAIN, 7, ROWS, COLS, 2);
        tell_hold(&f, TRAIN, 8, 1024, 255, 2); /* too much beside the other */
        expect_error(&f, HEDGE_ELIMIT, TRAIN, NULL);
        tell_hold(&f, TRAIN, 9, ROWS, COLS, 2);
        tell_hold(&f, TRAIN, 9, 1024, 257, 2); /* more than may even wait */
        expect_error(&f, HEDGE_ELIMIT, TRAIN, NULL);
        frame = frame_of(1, 1);
        tell(&f, &(hedge_message_t){ .type = HEDGE_MSG_HOLD, .hold = { TRAIN, 7, 2, 1 } }, &frame, 1);
        expect_error(&f, HEDGE_EMALFORMED, TRAIN, NULL);
        for (uint32_t i = 7; i < 10; i++) {
                tell_fetch(&f, TRAIN, i);
                expect_error(&f, -ENOENT, TRAIN, NULL);
        }
        close_board(&f);
}

/* One that cannot even be answered in its turn ends all: updates would be missing. */
static void too_many_at_once_are_refused(void **state)
{
        const int64_t end_ms = hedge_now_ms() + PATIENCE_S * 1000;
        fixture_t f;
        int code;

        open_board(&f, PLENTY, NULL, 0.1);
        tell_hold(&f, TRAIN, 7, ROWS, COLS, 2);
        for (unsigned i = 0; i < 300 && !hedgew_training_report(f.training); i++)
                tell_update(&f, 1, 0);
        expect_error(&f, HEDGE_ELIMIT, TRAIN, NULL);
        do { /* until the thread has dropped them */
                tell_fetch(&f, TRAIN, 7);
                code = expect(&f, HEDGE_MSG_ERROR)->error.code;
                done(&f);
                assert_true(hedge_now_ms() < end_ms);
        } while (code == HEDGE_ELIMIT);
        assert_int_equal(code, -ENOENT);
        tell_hold(&f, TRAIN, 7, ROWS, COLS, 3);
        tell_fetch(&f, TRAIN, 7);
        expect_product(&f, 0, 7, ROWS * COLS, 3);
        close_board(&f);
}

/* Products that nobody fetches take as much memory as may be taken, and no more. */
static void products_wait_for_room(void **state)
{
        const size_t one = 100 * 1000 * sizeof(float);
        fixture_t f;

        open_board(&f, 3 * one, NULL, 0);
        tell_hold(&f, TRAIN, 7, 100, 1000, 2);
        for (unsigned i = 0; i < 12; i++)
                tell_fetch(&f, TRAIN, 7);
        for (unsigned i = 0; i < 12; i++) {
                const int64_t end_ms = hedge_now_ms() + PATIENCE_S * 1000;
                const size_t most = (i < 10 ? 3 : 12 - i) * one;

                while (status_of(&f).unsent_bytes < most) {
                        assert_true(hedge_now_ms() < end_ms);
                        usleep(200);
                }
                for (int k = 0; k < 20; k++) { /* it stays so */
                        assert_int_equal(status_of(&f).unsent_bytes, most);
                        usleep(50);
                }
                expect_product(&f, 0, 7, 100 * 1000, 2);
        }
        assert_int_equal(status_of(&f).unsent_bytes, 0);
        for (unsigned i = 0; i < 12; i++)
                tell_fetch(&f, TRAIN, 7);
        close_board(&f); /* also while the thread waits for room */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(answers_come_in_order),
                cmocka_unit_test(leaving_forgets_all),
                cmocka_unit_test(leaving_drops_what_waits),
                cmocka_unit_test(an_emulated_board_takes_its_time),
                cmocka_unit_test(products_of_earlier_steps_are_left_out),
                cmocka_unit_test(unlucky_boards_keep_their_matrices_right),
                cmocka_unit_test(matrices_belong_to_their_connection),
                cmocka_unit_test(one_training_at_a_time),
                cmocka_unit_test(what_is_refused_is_not_held),
                cmocka_unit_test(too_many_at_once_are_refused),
                cmocka_unit_test(products_wait_for_room),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
