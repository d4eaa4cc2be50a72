/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/uep/multiply.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/cost.h"
#include "common/tensor.h"
#include "common/thread.h"
#include "daemon/train/uep/exchange.h"

struct hedged_multiply {
        hedge_mail_t mail; /* first: it is what the loop gets */
        hedged_multiply_settings_t settings;
        hedged_speeds_t speeds;
        pthread_t thread;
        hedge_uep_setup_t setup;
        hedge_uep_shape_t shape;
        int64_t began_us, deadline_us;
        zmq_msg_t frames[2];
        float *copies[2];
        hedged_round_t *round;
        hedged_product_t *product;

        int result;
        hedge_why_t why;
        float *c;
        hedge_msg_matmul_ok_t answer;
};

/* ---- what is asked for ---- */

static int read_shape(const hedge_msg_matmul_t *asked, hedge_uep_shape_t *ret, hedge_why_t *why)
{
        const int split = *asked->split ? hedge_uep_split_parse(asked->split) : HEDGE_UEP_ROW_COLUMN;

        if (split < 0)
                return hedge_why(why, -EINVAL, "there is no split '%s': row-column or column-row", asked->split);
        *ret = (hedge_uep_shape_t){
                .split = (hedge_uep_split_t)split,
                .rows = asked->rows,
                .inner = asked->inner,
                .columns = asked->columns,
                .blocks_a = asked->blocks_a,
                .blocks_b = asked->blocks_b,
        };
        return 0;
}

static int read_setup(const hedge_msg_matmul_t *asked, hedge_uep_setup_t *ret, hedge_why_t *why)
{
        const int scheme = hedge_uep_scheme_parse(asked->scheme);

        if (scheme < 0)
                return hedge_why(why, -EINVAL, "there is no scheme '%s': uep-now, uep-ew, mds, replication or uncoded",
                                 asked->scheme);
        *ret = (hedge_uep_setup_t){
                .scheme = (hedge_uep_scheme_t)scheme,
                .levels = asked->levels,
                .classes = asked->classes,
                .packets = asked->packets,
                .stacked = asked->stacked,
                .seed = asked->seed,
                .n_windows = asked->n_windows,
        };
        for (uint32_t i = 0; i < asked->n_windows; i++)
                ret->windows[i] = asked->windows[i];
        return 0;
}

static int check_frame(const char *name, const zmq_msg_t *frame, uint64_t rows, uint64_t columns, hedge_why_t *why)
{
        if (zmq_msg_size(frame) != rows * columns * sizeof(float))
                return hedge_why(why, HEDGE_EMALFORMED,
                                 "%s is said to be %" PRIu64 " x %" PRIu64 " floats, but comes in %zu bytes", name,
                                 rows, columns, zmq_msg_size(frame));
        return 0;
}

int hedged_multiply_check(const hedge_msg_matmul_t *asked, const zmq_msg_t frames[2], uint64_t frame_bytes,
                          hedge_why_t *why)
{
        const uint64_t bytes = (uint64_t)asked->rows * asked->columns * sizeof(float);
        hedge_uep_setup_t setup;
        hedge_uep_shape_t shape;
        int r = read_setup(asked, &setup, why);

        if (r == 0)
                r = read_shape(asked, &shape, why);
        if (r == 0)
                r = check_frame("A", &frames[0], asked->rows, asked->inner, why);
        if (r == 0)
                r = check_frame("B", &frames[1], asked->inner, asked->columns, why);
        if (r == 0)
                r = hedge_uep_setup_check(&setup, &shape, 0, why);
        if (r == 0 && bytes > frame_bytes)
                r = hedge_why(why, HEDGE_ELIMIT, "the product would have %" PRIu64 " bytes, more than %" PRIu64, bytes,
                              frame_bytes);
        return r;
}

/* ---- its thread ---- */

/* A frame's floats, copied only where they are not aligned. */
static const float *floats_of(hedged_multiply_t *m, unsigned i)
{
        void *data = zmq_msg_data(&m->frames[i]);
        const size_t size = zmq_msg_size(&m->frames[i]);

        if ((uintptr_t)data % sizeof(float) == 0)
                return data;
        m->copies[i] = malloc(size);
        if (m->copies[i])
                memcpy(m->copies[i], data, size);
        return m->copies[i];
}

/* By what was measured, for packets of one sub-product's size each; else by the last products, whatever their sizes. */
static double chance(const hedged_multiply_t *m)
{
        const hedge_uep_shape_t *s = &m->shape;
        const bool crossed = s->split == HEDGE_UEP_ROW_COLUMN;
        const double rows = crossed ? s->rows / s->blocks_a : s->rows;
        const double columns = crossed ? s->columns / s->blocks_b : s->columns;
        const double inner = crossed ? s->inner : s->inner / s->blocks_a;
        const double seconds = (double)(m->deadline_us - hedge_now_us()) / 1e6;

        const double expected =
                hedged_chance_expected(&m->speeds, rows * inner * columns, sizeof(float) * inner * (rows + columns),
                                       sizeof(float) * rows * columns, seconds);

        return expected >= 0 ? expected : hedged_chance_learnt(&m->settings.chance, seconds);
}

static int make_product(hedged_multiply_t *m)
{
        const float *a = floats_of(m, 0), *b = floats_of(m, 1);
        const unsigned boards = hedged_round_count(m->round);
        uint64_t bytes;
        int r;

        if (boards == 0)
                return hedge_why(&m->why, HEDGE_ENOBOARDS, "no board is there to compute it");
        if (!a || !b)
                return hedge_why(&m->why, -ENOMEM, "out of memory");
        r = hedged_product_new(&m->setup, &m->shape, a, b, boards, chance(m), &m->product, &m->why);
        if (r < 0)
                return r;
        bytes = hedged_product_bytes(m->product);
        if (bytes > m->settings.packet_bytes)
                return hedge_why(&m->why, HEDGE_ELIMIT,
                                 "its packets would take %" PRIu64 " MiB, more than %" PRIu64
                                 " MiB: ask for fewer of them, or more blocks",
                                 bytes >> 20, m->settings.packet_bytes >> 20);
        return 0;
}

/* A product of which nothing has come since every board refused is an error and not a matrix of zeros. */
static int gather(hedged_multiply_t *m)
{
        hedged_exchanged_t exchanged;
        int r = hedged_exchange(m->round, &m->product, 1, m->deadline_us, &exchanged);

        if (r == 0)
                hedged_chance_learn(&m->settings.chance, m->product, exchanged.ended_us);
        if (r == HEDGE_ESHUTDOWN)
                return hedge_why(&m->why, r, "the coordinator is stopping");
        if (r < 0)
                return hedge_why(&m->why, r, "%s", hedge_strerror(r));
        if (exchanged.received == 0 && exchanged.refused > 0 && hedge_now_us() < m->deadline_us)
                return hedge_why(&m->why, HEDGE_ENOBOARDS, "no board could compute it: %s: %s",
                                 hedged_round_name(m->round, exchanged.refusals[0].board),
                                 exchanged.refusals[0].why.text);
        if (exchanged.received == 0 && hedged_round_count(m->round) == 0)
                return hedge_why(&m->why, HEDGE_ENOBOARDS, "all boards went away before any had computed anything");
        return 0;
}

static int report(hedged_multiply_t *m)
{
        const hedge_uep_t *code = hedged_product_code(m->product);
        const hedged_packet_t *packets = hedged_product_packets(m->product);
        hedge_msg_matmul_ok_t *ok = &m->answer;

        ok->n_packets = hedge_uep_packets(code);
        ok->packets = calloc(ok->n_packets, sizeof(*ok->packets));
        if (!ok->packets)
                return -ENOMEM;
        for (uint32_t i = 0; i < ok->n_packets; i++) {
                const int64_t us = packets[i].received_us - packets[i].asked_us;

                ok->packets[i].board = packets[i].board == HEDGED_NOBODY ? 0 : packets[i].board;
                ok->packets[i].window = hedge_uep_window(code, i);
                ok->packets[i].determined = packets[i].determined;
                if (packets[i].received_us)
                        ok->packets[i].received_ms = us > 0 ? (double)us / 1000 : 1e-3;
        }
        ok->products = hedged_product_count(m->product);
        ok->determined = hedged_product_known(m->product);
        ok->expected_error = hedged_product_expected_error(m->product);
        return 0;
}

static int finish(hedged_multiply_t *m)
{
        int r = -ENOMEM;

        m->c = hedge_floats_new((size_t)m->shape.rows * m->shape.columns);
        if (m->c)
                r = hedged_product_finish(m->product, m->c);
        if (r == 0)
                r = report(m);
        m->answer.ms = (double)(hedge_now_us() - m->began_us) / 1000;
        return r < 0 ? hedge_why(&m->why, r, "%s", hedge_strerror(r)) : 0;
}

static void *matmul_main(void *arg)
{
        hedged_multiply_t *m = arg;
        int r;

        hedge_cost_thread();
        r = hedged_exchange_look(m->round);
        if (r < 0)
                hedge_why(&m->why, r, "the coordinator is stopping");
        if (r == 0)
                r = make_product(m);
        if (r == 0)
                r = gather(m);
        if (r == 0)
                r = finish(m);
        m->result = r;
        hedge_mailbox_put(m->settings.loop, &m->mail);
        return NULL;
}

/* ---- the loop's side ---- */

static void release(hedged_multiply_t *m)
{
        hedged_product_destroy(&m->product);
        hedged_round_destroy(&m->round);
        for (unsigned i = 0; i < 2; i++) {
                zmq_msg_close(&m->frames[i]);
                free(m->copies[i]);
        }
        free(m->answer.packets);
        free(m->c);
        free(m);
}

int hedged_multiply_start(const hedged_multiply_settings_t *settings, const hedge_msg_matmul_t *asked,
                          zmq_msg_t frames[2], hedged_multiply_t **ret)
{
        hedged_multiply_t *m = calloc(1, sizeof(*m));
        int r;

        if (!m)
                return -ENOMEM;
        m->mail.kind = settings->done_kind;
        m->settings = *settings;
        m->speeds = *settings->speeds;
        m->began_us = hedge_now_us();
        m->deadline_us = m->began_us + (int64_t)asked->deadline_ms * 1000;
        m->answer.id = asked->id;
        for (unsigned i = 0; i < 2; i++)
                zmq_msg_init(&m->frames[i]);
        r = read_setup(asked, &m->setup, NULL);
        if (r == 0)
                r = read_shape(asked, &m->shape, NULL);
        if (r == 0)
                r = hedged_round_new(settings->line, settings->job, &m->round);
        if (r == 0) {
                for (unsigned i = 0; i < 2; i++)
                        zmq_msg_move(&m->frames[i], &frames[i]);
                r = hedge_thread_start(&m->thread, 0, matmul_main, m);
                for (unsigned i = 0; r < 0 && i < 2; i++)
                        zmq_msg_move(&frames[i], &m->frames[i]);
        }
        if (r < 0)
                release(m);
        else
                *ret = m;
        return r;
}

void hedged_multiply_destroy(hedged_multiply_t **matmul)
{
        if (!*matmul)
                return;
        pthread_join((*matmul)->thread, NULL);
        release(*matmul);
        *matmul = NULL;
}

hedged_chance_t hedged_multiply_chance(const hedged_multiply_t *m)
{
        return m->settings.chance;
}

int hedged_multiply_result(hedged_multiply_t *m, hedge_msg_matmul_ok_t *ret, zmq_msg_t *frame, hedge_why_t *why)
{
        int r = m->result;

        if (r < 0)
                return hedge_why(why, r, "%s", m->why.text);
        r = hedge_frame_floats(frame, m->c, (size_t)m->shape.rows * m->shape.columns);
        if (r < 0)
                return hedge_why(why, r, "%s", hedge_strerror(r));
        m->c = NULL;
        *ret = m->answer;
        return 0;
}
