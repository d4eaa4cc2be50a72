/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks that a board holds: what may come, what they take, and the engines that are made of them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "block_bed.h"
#include "common/model/held.h"
#include "common/model/pack.h"
#include "common/segment/segment.h"
#include "worker/infer/share_filters.h"
#include "worker/infer/share_graph.h"

#define PLENTY (UINT64_C(64) << 20)

typedef struct fixture {
        segment_bed_t bed;
        hedgew_shares_t *shares;
        zmq_msg_t frames[BLOCK_FRAMES_MAX];
        uint32_t n_frames;
        size_t sizes[BLOCK_FRAMES_MAX];
} fixture_t;

static void open_shares(fixture_t *f, uint64_t bytes_max)
{
        hedgew_shares_destroy(&f->shares);
        assert_int_equal(hedgew_shares_new(bytes_max, PLENTY, &f->shares), 0);
}

static void fill(fixture_t *f)
{
        f->n_frames = block_bed_frames(f->bed.graph, f->frames);
        for (uint32_t i = 0; i < f->n_frames; i++)
                f->sizes[i] = zmq_msg_size(&f->frames[i]);
}

static int set_up(void **state)
{
        fixture_t *f = calloc(1, sizeof(*f));

        block_bed_open(&f->bed, 1);
        open_shares(f, PLENTY);
        fill(f);
        *state = f;
        return 0;
}

static int tear_down(void **state)
{
        fixture_t *f = *state;

        block_bed_close_frames(f->frames, f->n_frames);
        assert_true(hedgew_shares_figures(f->shares).alive == hedgew_shares_figures(f->shares).held);
        hedgew_shares_destroy(&f->shares);
        segment_bed_close(&f->bed);
        free(f);
        return 0;
}

/* Only its graph. */
static int begin(fixture_t *f, uint8_t name, hedgew_share_t **ret, hedge_why_t *why)
{
        const hedge_msg_graph_t m = { .digest = { { name } } };
        int r;

        why->text[0] = '\0';
        r = hedgew_graph_claim(f->shares, &m, &f->frames[0], ret, why);
        if (r < 0)
                assert_true(strlen(why->text) > 10);
        return r;
}

/* Its graph and its constants, one after the other. */
static int claim(fixture_t *f, uint8_t name, hedgew_share_t **ret, hedge_why_t *why)
{
        uint64_t come = 0, sent = 0;
        int r = begin(f, name, ret, why);

        for (uint32_t i = 1; r == 0 && i < f->n_frames; i++) {
                assert_true(hedgew_share_is_filling(*ret));
                assert_int_equal(hedgew_graph_fill(*ret, come, &f->frames[i], &come, why), i + 1 == f->n_frames);
                sent += f->sizes[i];
                assert_int_equal(come, sent);
        }
        if (r == 0)
                assert_false(hedgew_share_is_filling(*ret));
        return r;
}

static hedgew_share_t *hold(fixture_t *f, uint8_t name)
{
        hedgew_share_t *share = NULL;
        hedge_why_t why;

        if (claim(f, name, &share, &why) != 0)
                fail_msg("%s", why.text);
        assert_int_equal(hedgew_graph_prepare(share, f->bed.kernels), 0);
        return share;
}

static uint64_t bytes_of(const fixture_t *f)
{
        const hedge_graph_t *g = f->bed.graph;
        uint64_t frames = 0, elements = 0;

        for (uint32_t i = 1; i < f->n_frames; i++)
                frames += f->sizes[i];
        for (uint32_t v = 0; v < g->n_values; v++)
                elements += hedge_value_is_constant(&g->values[v]) ? hedge_shape_elements(&g->values[v].shape) : 0;
        return hedge_held_bytes(frames, elements, g->n_nodes);
}

static void a_block_is_a_share(void **state)
{
        fixture_t *f = *state;
        hedgew_share_t *share = NULL, *again = NULL;
        hedge_digest_t *list = NULL;
        hedge_why_t why;

        assert_int_equal(claim(f, 1, &share, &why), 0);
        assert_int_equal(hedgew_shares_figures(f->shares).bytes, bytes_of(f));
        assert_int_equal(hedgew_shares_figures(f->shares).held, 0);
        assert_false(hedgew_share_is_held(share));
        assert_int_equal(claim(f, 1, &again, &why), 2);
        assert_int_equal(hedgew_graph_prepare(share, f->bed.kernels), 0);
        assert_true(hedgew_share_is_held(share));
        assert_int_equal(claim(f, 1, &again, &why), 1);
        assert_int_equal(hedgew_shares_list(f->shares, &list), 1);
        assert_int_equal(list[0].bytes[0], 1);
        free(list);
        assert_int_equal(hedgew_shares_drop(f->shares, hedgew_share_digest(share)), 0);
        assert_int_equal(hedgew_shares_figures(f->shares).bytes, bytes_of(f));
        hedgew_share_unref(&share);
        assert_int_equal(hedgew_shares_figures(f->shares).bytes, 0);
        assert_int_equal(claim(f, 1, &share, &why), 0); /* dropped before it is prepared */
        assert_int_equal(hedgew_shares_drop(f->shares, hedgew_share_digest(share)), 0);
        assert_int_equal(hedgew_graph_prepare(share, f->bed.kernels), 1);
        hedgew_share_unref(&share);
        assert_int_equal(hedgew_shares_figures(f->shares).alive, 0);
}

static void a_digest_is_of_one_thing(void **state)
{
        const hedge_conv_t conv = { 5, 6, 4, 8, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 1 };
        hedge_msg_share_t m = { .digest = { { 1 } }, .conv = conv, .ell_b = 1 };
        const size_t bytes = hedge_conv_filter_elements(&conv) * sizeof(float);
        fixture_t *f = *state;
        hedgew_share_t *share = hold(f, 1), *other = NULL;
        hedge_why_t why;

        assert_int_equal(hedgew_filters_claim(f->shares, &m, bytes, &other, &why), HEDGE_EMALFORMED);
        m.digest.bytes[0] = 2;
        assert_int_equal(hedgew_filters_claim(f->shares, &m, bytes, &other, &why), 0);
        hedgew_share_abandon(other);
        hedgew_share_unref(&other);
        assert_int_equal(hedgew_filters_claim(f->shares, &m, bytes, &other, &why), 0);
        hedgew_share_unref(&share);
        assert_int_equal(claim(f, 2, &share, &why), HEDGE_EMALFORMED);
        hedgew_share_abandon(other);
        hedgew_share_unref(&other);
}

static hedgew_engine_t *engine_of(fixture_t *f, hedgew_share_t *share, uint32_t first, uint32_t last)
{
        hedgew_engine_t *engine = NULL;
        hedge_why_t why = { .text = "" };

        if (hedgew_graph_engine(share, f->bed.kernels, first, last, NULL, &engine, &why) < 0)
                fail_msg("%s", why.text);
        assert_non_null(engine);
        return engine;
}

/* Compute with it, all inputs as the bed has them. */
static void run(fixture_t *f, hedgew_share_t *share, hedgew_engine_t *engine)
{
        hedge_tensor_t in[8] = { { { 0 }, NULL } }, out[8];
        uint32_t *ins, *outs, n_in, n_out;

        assert_int_equal(hedge_segment_values(f->bed.graph, engine->first, engine->last, &ins, &n_in, &outs, &n_out),
                         0);
        assert_true(n_in <= 8 && n_out <= 8);
        for (uint32_t i = 0; i < n_in; i++)
                in[i] = (hedge_tensor_t){ f->bed.graph->values[ins[i]].shape, f->bed.data[ins[i]] };
        assert_int_equal(hedge_engine_run(engine->engine, in, NULL, NULL, out), 0);
        for (uint32_t i = 0; i < n_out; i++) {
                assert_memory_equal(out[i].data, f->bed.data[outs[i]],
                                    hedge_shape_elements(&out[i].shape) * sizeof(float));
                hedge_tensor_release(&out[i]);
        }
        free(ins);
        free(outs);
        hedgew_graph_used(share, f->bed.kernels);
}

static uint64_t constant_bytes(const fixture_t *f)
{
        uint64_t bytes = 0;

        for (uint32_t i = 1; i < f->n_frames; i++)
                bytes += f->sizes[i];
        return bytes;
}

/* Of all constants, `size` bytes from `from` on are said to be at `offset`. */
static int fill_with(fixture_t *f, hedgew_share_t *share, uint64_t from, uint64_t offset, size_t size,
                     uint64_t *ret_bytes, hedge_why_t *why)
{
        zmq_msg_t frame;
        unsigned char *to;
        uint64_t at = 0;
        int r;

        assert_int_equal(zmq_msg_init_size(&frame, size), 0);
        to = zmq_msg_data(&frame);
        memset(to, 0, size);
        for (uint32_t i = 1; i < f->n_frames; at += f->sizes[i++])
                for (size_t k = 0; k < f->sizes[i]; k++)
                        if (at + k >= from && at + k - from < size)
                                to[at + k - from] = ((unsigned char *)zmq_msg_data(&f->frames[i]))[k];
        why->text[0] = '\0';
        r = hedgew_graph_fill(share, offset, &frame, ret_bytes, why);
        if (r < 0)
                assert_true(strlen(why->text) > 10);
        zmq_msg_close(&frame);
        return r;
}

static void constants_come_in_any_pieces(void **state)
{
        static const size_t sizes[] = { 1, 3, 7, 4096, 1000000 };
        fixture_t *f = *state;
        const uint64_t all = constant_bytes(f);

        for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
                hedgew_share_t *share = NULL;
                uint64_t come = 0;
                hedge_why_t why;

                assert_int_equal(begin(f, 1, &share, &why), 0);
                assert_int_equal(hedgew_shares_figures(f->shares).bytes, bytes_of(f));
                while (come < all) {
                        const uint64_t from = come, size = all - come < sizes[s] ? all - come : sizes[s];

                        assert_true(hedgew_share_is_filling(share));
                        assert_int_equal(fill_with(f, share, from, from, (size_t)size, &come, &why),
                                         from + size == all);
                        assert_int_equal(come, from + size);
                }
                assert_false(hedgew_share_is_filling(share));
                assert_int_equal(hedgew_graph_prepare(share, f->bed.kernels), 0);
                run(f, share, engine_of(f, share, 0, f->bed.graph->n_nodes));
                assert_int_equal(fill_with(f, share, 0, 0, 8, &come, &why), HEDGE_EMALFORMED); /* it has all */
                assert_true(hedgew_share_is_held(share));
                assert_int_equal(hedgew_shares_drop(f->shares, hedgew_share_digest(share)), 0);
                hedgew_share_unref(&share);
                assert_int_equal(hedgew_shares_figures(f->shares).bytes, 0);
        }
}

/* What is not the next is the end of it: whoever sends it begins anew. */
static void constants_must_be_the_next(void **state)
{
        fixture_t *f = *state;
        const uint64_t all = constant_bytes(f);
        const struct {
                uint64_t offset, size;
                int code;
        } wrong[] = {
                { 99, 8, HEDGE_EMALFORMED },
                { 101, 8, HEDGE_EMALFORMED },
                { 0, 100, HEDGE_EMALFORMED },
                { UINT64_MAX, 8, HEDGE_EMALFORMED },
                { 100, 0, HEDGE_EMALFORMED },
                { 100, all - 99, HEDGE_EMALFORMED },
                { 100, HEDGE_CONSTANTS_BYTES + 1, HEDGE_ELIMIT },
        };

        assert_true(all < HEDGE_CONSTANTS_BYTES);
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                hedgew_share_t *share = NULL, *again = NULL;
                uint64_t come = 0;
                hedge_why_t why;

                assert_int_equal(begin(f, 1, &share, &why), 0);
                assert_int_equal(fill_with(f, share, 0, 0, 100, &come, &why), 0);
                assert_int_equal(fill_with(f, share, 100, wrong[i].offset, (size_t)wrong[i].size, &come, &why),
                                 wrong[i].code);
                assert_int_equal(come, 100);
                assert_null(hedgew_shares_find(f->shares, hedgew_share_digest(share)));
                assert_int_equal(claim(f, 1, &again, &why), 0);
                assert_int_equal(hedgew_shares_drop(f->shares, hedgew_share_digest(again)), 0);
                hedgew_share_unref(&again);
                hedgew_share_unref(&share);
                assert_int_equal(hedgew_shares_figures(f->shares).bytes, 0);
        }
}

static void filters_have_no_constants(void **state)
{
        const hedge_conv_t conv = { 5, 6, 4, 8, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 1 };
        const hedge_msg_share_t m = { .digest = { { 1 } }, .conv = conv, .ell_b = 1 };
        fixture_t *f = *state;
        hedgew_share_t *share = NULL;
        uint64_t come = 0;
        hedge_why_t why;

        assert_int_equal(
                hedgew_filters_claim(f->shares, &m, hedge_conv_filter_elements(&conv) * sizeof(float), &share, &why),
                0);
        assert_int_equal(fill_with(f, share, 0, 0, 8, &come, &why), HEDGE_EMALFORMED);
        assert_int_equal(hedgew_shares_figures(f->shares).alive, 1);
        hedgew_share_abandon(share);
        hedgew_share_unref(&share);
}

/* Nothing of the sending before is left, nor counted; what is complete stays. */
static void a_block_can_begin_anew(void **state)
{
        fixture_t *f = *state;
        hedgew_share_t *share = NULL, *again = NULL;
        uint64_t come = 0;
        hedge_why_t why;

        open_shares(f, bytes_of(f)); /* there is room for one */
        assert_int_equal(begin(f, 1, &share, &why), 0);
        assert_int_equal(fill_with(f, share, 50, 0, 100, &come, &why), 0);
        hedgew_share_unref(&share);
        assert_int_equal(hedgew_shares_figures(f->shares).bytes, bytes_of(f));
        assert_int_equal(claim(f, 1, &again, &why), 0);
        assert_int_equal(hedgew_shares_figures(f->shares).alive, 1);
        assert_int_equal(hedgew_shares_clear_filling(f->shares), 0); /* it is claimed */
        assert_int_equal(hedgew_graph_prepare(again, f->bed.kernels), 0);
        run(f, again, engine_of(f, again, 0, f->bed.graph->n_nodes));
        hedgew_share_unref(&again);

        open_shares(f, 4 * bytes_of(f));
        hedgew_share_unref(&(hedgew_share_t *){ hold(f, 1) });
        for (uint8_t name = 2; name < 4; name++) {
                assert_int_equal(begin(f, name, &share, &why), 0);
                hedgew_share_unref(&share);
        }
        assert_int_equal(hedgew_shares_clear_filling(f->shares), 1); /* blocks come one at a time */
        assert_int_equal(hedgew_shares_figures(f->shares).bytes, bytes_of(f));
        assert_int_equal(hedgew_shares_figures(f->shares).held, 1);
}

/* A network of one product, with weights of 32 KiB. */
static void open_product(fixture_t *f)
{
        make_t m;

        block_bed_close_frames(f->frames, f->n_frames);
        segment_bed_close(&f->bed);
        make_init(&m, 13);
        make_input(&m, "x", DIMS(1, 128));
        make_weights(&m, "w", DIMS(128, 64));
        make_node(&m, "MatMul", "x w", "y");
        make_output(&m, "y");
        segment_bed_open(&f->bed, &m, "plain");
        fill(f);
        assert_int_equal(f->n_frames, 2);
        make_init(&m, 13);
        segment_bed_compute(&f->bed, &m);
        make_free(&m);
}

static const void *constant_of(const hedgew_share_t *share)
{
        const hedge_graph_t *graph = hedgew_graph_of(share);
        uint32_t value;

        assert_int_equal(hedge_graph_constants(graph, NULL), 1);
        for (value = 0; !hedge_value_is_constant(&graph->values[value]); value++)
                ;
        return hedge_graph_constant_data(graph, value);
}

static void constants_are_aligned(void **state)
{
        fixture_t *f = *state;
        hedgew_share_t *share;
        hedge_why_t why;

        open_product(f);
        assert_int_equal(claim(f, 1, &share, &why), 0);
        assert_int_equal((uintptr_t)constant_of(share) % HEDGE_ALIGNMENT, 0);
        assert_int_equal(hedgew_graph_prepare(share, f->bed.kernels), 0);
        run(f, share, engine_of(f, share, 0, f->bed.graph->n_nodes));
        hedgew_share_unref(&share);
}

static void too_long_a_graph_is_not_read(void **state)
{
        fixture_t *f = *state;
        hedgew_share_t *share = NULL;
        hedge_why_t why;

        zmq_msg_close(&f->frames[0]);
        assert_int_equal(zmq_msg_init_size(&f->frames[0], HEDGEW_PROGRAM_BYTES_MAX + 1), 0);
        f->sizes[0] = HEDGEW_PROGRAM_BYTES_MAX + 1;
        assert_int_equal(claim(f, 1, &share, &why), HEDGE_ELIMIT);
}

static void the_cap_holds(void **state)
{
        fixture_t *f = *state;
        const uint64_t each = bytes_of(f);
        hedgew_share_t *share = NULL;
        hedge_why_t why;

        open_shares(f, each - 1);
        assert_int_equal(claim(f, 1, &share, &why), HEDGE_ELIMIT);
        assert_non_null(strstr(why.text, "does not fit"));
        open_shares(f, 2 * each);
        hedgew_share_unref(&(hedgew_share_t *){ hold(f, 1) });
        hedgew_share_unref(&(hedgew_share_t *){ hold(f, 2) });
        assert_int_equal(claim(f, 3, &share, &why), HEDGE_ELIMIT);
        assert_int_equal(hedgew_shares_figures(f->shares).bytes, 2 * each);
        assert_null(share);
}

/* ---- engines ---- */

static void engines_are_kept_while_there_is_room(void **state)
{
        fixture_t *f = *state;
        hedgew_share_t *share = hold(f, 1);
        const uint32_t n = f->bed.graph->n_nodes;
        hedgew_engine_t *all = engine_of(f, share, 0, n), *some;
        uint64_t bytes;

        run(f, share, all);
        some = engine_of(f, share, 0, 3);
        run(f, share, some);
        assert_ptr_not_equal(all, some);
        bytes = hedgew_shares_figures(f->shares).bytes;
        assert_true(bytes > bytes_of(f)); /* one fits in what was counted for it; two do not */
        for (int i = 0; i < 3; i++) {
                assert_ptr_equal(engine_of(f, share, 0, n), all);
                run(f, share, all);
                assert_ptr_equal(engine_of(f, share, 0, 3), some);
                run(f, share, some);
                assert_int_equal(hedgew_shares_figures(f->shares).bytes, bytes);
        }
        hedgew_share_unref(&share);
}

/* Of the bed: convolutions and a branch, from 16 x 12 x 3 to 16 x 12 x 8, which look at 3 rows above and below at most. */
#define FIRST 1
#define LAST  6

static hedgew_engine_t *window_of(fixture_t *f, hedgew_share_t *share, hedge_window_t window)
{
        hedgew_engine_t *engine = NULL;
        hedge_why_t why = { .text = "" };

        if (hedgew_graph_engine(share, f->bed.kernels, FIRST, LAST, &window, &engine, &why) < 0)
                fail_msg("%s", why.text);
        return engine;
}

static void strips_inside_a_picture_share_an_engine(void **state)
{
        fixture_t *f = *state;
        hedgew_share_t *share = hold(f, 1);
        hedgew_engine_t *inside = window_of(f, share, (hedge_window_t){ 4, 2, 0, 12 });

        for (uint32_t i = 0; i < 2 * HEDGEW_ENGINE_WINDOWS; i++) { /* more than it keeps in mind */
                const uint32_t top = 3 + i % 8;

                assert_ptr_equal(window_of(f, share, (hedge_window_t){ top, 2, 0, 12 }), inside);
                assert_ptr_equal(window_of(f, share, (hedge_window_t){ 4, 2, 0, 12 }), inside);
        }
        /* at a border, or of another size, another one */
        assert_ptr_not_equal(window_of(f, share, (hedge_window_t){ 0, 2, 0, 12 }), inside);
        assert_ptr_not_equal(window_of(f, share, (hedge_window_t){ 14, 2, 0, 12 }), inside);
        assert_ptr_not_equal(window_of(f, share, (hedge_window_t){ 4, 3, 0, 12 }), inside);
        assert_ptr_not_equal(window_of(f, share, (hedge_window_t){ 4, 2, 0, 11 }), inside);
        assert_ptr_not_equal(engine_of(f, share, FIRST, LAST), inside);
        assert_ptr_equal(window_of(f, share, (hedge_window_t){ 4, 2, 0, 12 }), inside);
        hedgew_share_unref(&share);
}

/* With room for some of them, those that were used last are there, and no more is taken. */
static void the_oldest_engines_go_first(void **state)
{
        fixture_t *f = *state;
        const uint32_t n = f->bed.graph->n_nodes;
        hedgew_share_t *share;
        uint64_t one, cap;

        share = hold(f, 1);
        run(f, share, engine_of(f, share, 0, n));
        one = hedge_engine_bytes(engine_of(f, share, 0, n)->engine);
        hedgew_shares_clear(f->shares);
        hedgew_share_unref(&share);

        cap = bytes_of(f) + 2 * one; /* for a little more than two */
        open_shares(f, cap);
        share = hold(f, 1);
        for (uint32_t last = n - 5; last <= n; last++) {
                hedgew_engine_t *e = engine_of(f, share, 0, last);

                run(f, share, e);
                assert_ptr_equal(engine_of(f, share, 0, last), e);
                assert_true(hedgew_shares_figures(f->shares).bytes <= cap);
        }
        /* what was used least recently is new, unless it has the very memory of what went: so by what it holds */
        assert_true(hedge_engine_bytes(engine_of(f, share, 0, n)->engine) > 0);
        assert_int_equal(hedge_engine_bytes(engine_of(f, share, 0, n - 5)->engine), 0);
        hedgew_shares_clear(f->shares);
        hedgew_share_unref(&share);

        open_shares(f, bytes_of(f)); /* for one: it goes before the next takes anything */
        share = hold(f, 1);
        run(f, share, engine_of(f, share, 0, n));
        assert_true(hedge_engine_bytes(engine_of(f, share, 0, n)->engine) > 0);
        engine_of(f, share, 0, 3);
        assert_int_equal(hedge_engine_bytes(engine_of(f, share, 0, n)->engine), 0);
        hedgew_share_unref(&share);
}

static void further_engines_make_room_for_other_shares(void **state)
{
        fixture_t *f = *state;
        const uint32_t n = f->bed.graph->n_nodes;
        const uint64_t each = bytes_of(f);
        hedgew_share_t *share, *other;
        uint8_t name = 1;

        open_shares(f, 8 * each);
        share = hold(f, name++);
        for (uint32_t last = 1; last <= n; last++)
                run(f, share, engine_of(f, share, 0, last));
        assert_true(hedgew_shares_figures(f->shares).bytes > 2 * each);
        for (; name <= 8; name++) {
                other = hold(f, name); /* the cap holds eight of them */
                assert_true(hedgew_shares_figures(f->shares).bytes <= 8 * each);
                hedgew_share_unref(&other);
        }
        run(f, share, engine_of(f, share, 0, n)); /* one can still be made, and is not made again for each run */
        assert_ptr_equal(engine_of(f, share, 0, n), engine_of(f, share, 0, n));
        assert_true(hedge_engine_bytes(engine_of(f, share, 0, n)->engine) > 0);
        hedgew_share_unref(&share);
}

static void buffers_go_when_nothing_is_computed(void **state)
{
        fixture_t *f = *state;
        hedgew_share_t *share = hold(f, 1), *other = hold(f, 2);
        hedgew_engine_t *engine = engine_of(f, share, 0, f->bed.graph->n_nodes);
        uint64_t bytes, run_bytes;

        run(f, share, engine);
        run(f, other, engine_of(f, other, 0, f->bed.graph->n_nodes));
        bytes = hedge_engine_bytes(engine->engine);
        run_bytes = hedge_engine_run_bytes(engine->engine);
        hedgew_shares_rest(f->shares);
        assert_true(hedge_engine_bytes(engine->engine) < bytes);
        assert_true(hedge_engine_bytes(engine->engine) + run_bytes >= bytes); /* what is packed is still there */
        assert_ptr_equal(engine_of(f, share, 0, f->bed.graph->n_nodes), engine);
        run(f, share, engine);
        assert_int_equal(hedge_engine_bytes(engine->engine), bytes);
        hedgew_shares_rest(f->shares);
        hedgew_share_unref(&share);
        hedgew_share_unref(&other);
}

/* Large enough to be worth transforming filters. */
#define CHANNELS 32
#define SIDE     26

static void open_convs(fixture_t *f)
{
        make_t m;

        block_bed_close_frames(f->frames, f->n_frames);
        segment_bed_close(&f->bed);
        make_init(&m, 13);
        make_input(&m, "x", DIMS(1, CHANNELS, SIDE, SIDE));
        make_weights(&m, "w", DIMS(CHANNELS, CHANNELS, 3, 3));
        make_weights(&m, "v", DIMS(CHANNELS, CHANNELS, 3, 3));
        make_int_list(&m, make_node(&m, "Conv", "x w", "y"), "pads", DIMS(1, 1, 1, 1));
        make_int_list(&m, make_node(&m, "Conv", "y v", "z"), "pads", DIMS(1, 1, 1, 1));
        make_output(&m, "z");
        segment_bed_open(&f->bed, &m, NULL);
        fill(f);
}

static void run_convs(fixture_t *f, hedgew_share_t *share, hedge_tensor_t *in)
{
        hedgew_engine_t *engine = engine_of(f, share, 0, f->bed.graph->n_nodes);
        hedge_tensor_t out;

        assert_int_equal(hedge_engine_run(engine->engine, in, NULL, NULL, &out), 0);
        hedge_tensor_release(&out);
        hedgew_graph_used(share, f->bed.kernels);
}

/* They are faster, and take four times as much: only while nobody else wants it, and without that the engine is kept. */
static void transformed_filters_take_only_what_nobody_wants(void **state)
{
        const size_t filters = (size_t)2 * CHANNELS * CHANNELS * 9 * sizeof(float);
        const hedge_shape_t shape = { 4, { 1, CHANNELS, SIDE, SIDE } };
        fixture_t *f = *state;
        hedgew_engine_t *engine;
        hedgew_share_t *share;
        hedge_tensor_t in;
        uint64_t each;

        if (!strcmp(hedge_kernels_available()[0], "plain")) {
                print_message("this build has no back end that transforms filters\n");
                skip();
        }
        open_convs(f);
        each = bytes_of(f);
        open_shares(f, 8 * each);
        assert_int_equal(hedge_tensor_alloc(&in, &shape), 0);
        memset(in.data, 0, hedge_shape_elements(&shape) * sizeof(float));
        share = hold(f, 1);
        run_convs(f, share, &in);
        hedgew_shares_rest(f->shares);
        assert_true(hedgew_shares_figures(f->shares).bytes > each + filters);
        for (uint8_t name = 2; name <= 8; name++)
                hedgew_share_unref(&(hedgew_share_t *){ hold(f, name) });
        assert_int_equal(hedgew_shares_figures(f->shares).held, 8);
        assert_true(hedgew_shares_figures(f->shares).bytes <= 8 * each);
        run_convs(f, share, &in);
        engine = engine_of(f, share, 0, f->bed.graph->n_nodes);
        assert_true(engine->tight);
        engine->macs = 77; /* one that was made anew would not have that */
        for (int i = 0; i < 3; i++) {
                run_convs(f, share, &in);
                assert_int_equal(engine_of(f, share, 0, f->bed.graph->n_nodes)->macs, 77);
                hedgew_shares_rest(f->shares);
                assert_true(hedgew_shares_figures(f->shares).bytes <=
                            8 * each + filters / 8); /* padding of few channels */
        }
        hedge_tensor_release(&in);
        hedgew_share_unref(&share);
}

/* A few bytes on the wire can ask for any memory while they run: no more than all shares may take. */
static void what_a_run_takes_is_bounded(void **state)
{
        fixture_t *f = *state;
        hedgew_engine_t *engine = NULL;
        hedge_why_t why = { .text = "" };
        hedgew_share_t *share;
        make_t m;

        block_bed_close_frames(f->frames, f->n_frames);
        segment_bed_close(&f->bed);
        make_init(&m, 13);
        make_input(&m, "x", DIMS(1, 256, 256, 4));
        make_node(&m, "Sigmoid", "x", "y");
        make_node(&m, "Tanh", "y", "z");
        make_output(&m, "z");
        segment_bed_open(&f->bed, &m, "plain");
        fill(f);
        open_shares(f, 1 << 20); /* a value has as many bytes */
        share = hold(f, 1);
        assert_int_equal(hedgew_graph_engine(share, f->bed.kernels, 0, f->bed.graph->n_nodes, NULL, &engine, &why),
                         HEDGE_ELIMIT);
        assert_non_null(strstr(why.text, "while they run"));
        assert_null(engine);
        assert_int_equal(hedgew_shares_figures(f->shares).bytes, bytes_of(f));
        hedgew_share_unref(&share);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_block_is_a_share),
                TEST(a_digest_is_of_one_thing),
                TEST(constants_come_in_any_pieces),
                TEST(constants_must_be_the_next),
                TEST(filters_have_no_constants),
                TEST(a_block_can_begin_anew),
                TEST(constants_are_aligned),
                TEST(too_long_a_graph_is_not_read),
                TEST(the_cap_holds),
                TEST(engines_are_kept_while_there_is_room),
                TEST(strips_inside_a_picture_share_an_engine),
                TEST(the_oldest_engines_go_first),
                TEST(further_engines_make_room_for_other_shares),
                TEST(buffers_go_when_nothing_is_computed),
                TEST(transformed_filters_take_only_what_nobody_wants),
                TEST(what_a_run_takes_is_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
