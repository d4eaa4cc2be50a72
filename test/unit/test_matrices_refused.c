/* SPDX-License-Identifier: Apache-2.0 */
/* The coded matrices of a board: what is refused. */
#include "test/unit/matrices_bed.h"

static void updates_that_do_not_fit_are_refused(void **state)
{
        hedge_code_term_t terms[2] = { { 0, 0, 1 }, { 1, 2, 1 } };
        const struct {
                hedge_update_target_t target;
                uint32_t left_cols, right_cols, n_frames;
                int code;
        } list[] = {
                { { .matrix = 3, .blocks = 2, .block_cols = 2, .n_terms = 2, .terms = terms }, 4, COLS, 2, 0 },
                { { .matrix = 3, .blocks = 2, .block_cols = 3, .n_terms = 2, .terms = terms }, 5, COLS, 2, 0 },
                { { .matrix = 3, .blocks = 2, .block_cols = 3, .n_terms = 2, .terms = terms },
                  6,
                  COLS,
                  2,
                  HEDGE_EMALFORMED },
                { { .matrix = 3, .blocks = 2, .block_cols = 1, .n_terms = 2, .terms = terms },
                  4,
                  COLS,
                  2,
                  HEDGE_EMALFORMED },
                { { .matrix = 3, .blocks = 1, .block_cols = 4, .n_terms = 2, .terms = terms },
                  4,
                  COLS,
                  2,
                  HEDGE_EMALFORMED },
                { { .matrix = 3, .blocks = 2, .block_cols = 2, .n_terms = 2, .terms = terms },
                  4,
                  COLS - 1,
                  2,
                  HEDGE_EMALFORMED },
                { { .matrix = 3, .swap = true, .blocks = 2, .block_cols = 2, .n_terms = 2, .terms = terms },
                  4,
                  COLS,
                  2,
                  HEDGE_EMALFORMED },
                { { .matrix = 3, .swap = true, .blocks = 2, .block_cols = 2, .n_terms = 2, .terms = terms },
                  COLS,
                  4,
                  2,
                  0 },
                { { .matrix = 2, .blocks = 2, .block_cols = 2, .n_terms = 2, .terms = terms }, 4, COLS, 2, -ENOENT },
                { { .matrix = 1024, .blocks = 2, .block_cols = 2, .n_terms = 2, .terms = terms }, 4, COLS, 2, -ENOENT },
                { { .matrix = 3, .blocks = 2, .block_cols = 2, .n_terms = 2, .terms = terms },
                  4,
                  COLS,
                  1,
                  HEDGE_EMALFORMED },
                { { .matrix = 3, .blocks = 2, .block_cols = 2, .n_terms = 2, .terms = terms },
                  4,
                  COLS,
                  0,
                  HEDGE_EMALFORMED },
                { { .matrix = 3, .blocks = 1024, .block_cols = UINT32_MAX, .n_terms = 2, .terms = terms },
                  4,
                  COLS,
                  2,
                  0 },
        };

        for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
                hedgew_matrices_t *m = open_matrices(PLENTY);
                hedge_update_target_t targets[2];
                hedge_msg_update_t message = { .job = TRAIN, .batch = 2, .rate = 1, .n_targets = 2 };
                zmq_msg_t frames[2] = { frame_of(ones, (size_t)2 * list[i].left_cols),
                                        frame_of(ones, (size_t)2 * list[i].right_cols) };
                uint64_t macs;

                /* the first target is always well: all are done, or none is */
                targets[0] = (hedge_update_target_t){
                        .matrix = 8, .blocks = 1, .block_cols = 8, .n_terms = 1, .terms = terms
                };
                targets[1] = list[i].target;
                message.targets = targets;
                message.left_cols = list[i].left_cols;
                message.right_cols = list[i].right_cols;
                assert_int_equal(hold(m, TRAIN, 3, ROWS, COLS, ones), 0);
                assert_int_equal(hold(m, TRAIN, 8, 8, list[i].right_cols, ones), 0);
                for (uint32_t k = list[i].n_frames; k < 2; k++)
                        zmq_msg_close(&frames[k]);
                assert_int_equal(update(m, &message, frames, list[i].n_frames, &macs), list[i].code);
                assert_true(is_held(m, 3, ROWS * COLS) == (list[i].code == 0 || targets[1].matrix != 3));
                assert_true(is_held(m, 8, (size_t)8 * list[i].right_cols) == (list[i].code == 0));
                hedgew_matrices_destroy(&m);
        }
}

static void other_trainings_have_nothing_here(void **state)
{
        hedgew_matrices_t *m = open_matrices(PLENTY);
        uint64_t bytes = hedgew_matrices_bytes(m);

        assert_int_equal(apply(m, 3, 0, 2, frame_of(ones, 2 * COLS), NULL), -ENOENT);
        assert_int_equal(try_plain_update(m, 0), -ENOENT);
        assert_false(is_held(m, 3, ROWS * COLS));
        assert_int_equal(hold(m, 0, 3, ROWS, COLS, ones), HEDGE_EMALFORMED);
        assert_int_equal(hold(m, TRAIN, 3, ROWS, COLS, ones), 0);
        assert_int_equal(apply(m, 3, 1, 2, frame_of(ones, 2 * COLS), NULL), 0);
        assert_int_equal(try_plain_update(m, 1), 0);
        /* one of another number in HOLD replaces all */
        assert_int_equal(hold(m, TRAIN + 1, 4, ROWS, COLS, ones), 0);
        assert_int_equal(hedgew_matrices_train(m), TRAIN + 1);
        assert_int_equal(hedgew_matrices_bytes(m), bytes + sizeof(float) * ROWS * COLS);
        assert_false(is_held(m, 3, ROWS * COLS));
        assert_int_equal(hold(m, TRAIN, 3, ROWS, COLS, ones), 0);
        assert_int_equal(try_plain_update(m, 1), -ENOENT);
        hedgew_matrices_leave(m);
        assert_int_equal(hedgew_matrices_train(m), 0);
        assert_int_equal(hedgew_matrices_bytes(m), bytes);
        assert_false(is_held(m, 3, ROWS * COLS));
        hedgew_matrices_destroy(&m);
}

static void memory_is_counted_and_bounded(void **state)
{
        const uint32_t rows = 64, cols = 128; /* 32 KiB */
        uint64_t row = hedge_random_row(6, 0), full;
        float *v = draw(&row, (size_t)rows * cols);
        hedgew_matrices_t *m = open_matrices(0);
        hedge_msg_multiply_t message = { .rows = 64, .inner = 1, .cols = 512 };
        hedgew_matrices_product_t product;
        hedge_why_t why = { "" };
        const uint64_t none = hedgew_matrices_bytes(m), one = sizeof(float) * rows * cols;
        zmq_msg_t frames[2];

        assert_int_equal(hold(m, TRAIN, 0, 1, 1, v), HEDGE_ELIMIT);
        hedgew_matrices_destroy(&m);
        m = open_matrices(none + 2 * one);
        assert_int_equal(hold(m, TRAIN, 0, rows, cols, v), 0);
        assert_int_equal(hold(m, TRAIN, 1, rows, cols, v), 0);
        full = hedgew_matrices_bytes(m);
        assert_int_equal(full, none + 2 * one);
        assert_int_equal(hold(m, TRAIN, 1, cols, rows, v), 0); /* in place of the one before */
        assert_int_equal(hold(m, TRAIN, 2, 1, 1, v), HEDGE_ELIMIT);
        assert_int_equal(apply(m, 0, 1, 1, frame_of(v, cols), NULL), HEDGE_ELIMIT); /* nothing can be kept */
        assert_int_equal(apply(m, 0, 0, 1, frame_of(v, cols), NULL), 0);
        assert_int_equal(hedgew_matrices_bytes(m), full);
        {
                hedge_update_target_t target;
                hedge_msg_update_t update_message = plain_update(&target, 1);
                zmq_msg_t factors[2] = { frame_of(v, rows), frame_of(v, cols) };
                uint64_t macs;

                update_message.left_cols = rows;
                update_message.right_cols = cols;
                target.matrix = 0;
                target.block_cols = rows;
                assert_int_equal(update(m, &update_message, factors, 2, &macs), HEDGE_ELIMIT);
        }
        assert_false(is_held(m, 0, (size_t)rows * cols));
        assert_int_equal(hedgew_matrices_bytes(m), full - one);
        hedgew_matrices_destroy(&m);
        /* a product that is larger than all that may be taken, of small factors */
        m = open_matrices(100000);
        frames[0] = frame_of(v, 64);
        frames[1] = frame_of(v, 512);
        assert_int_equal(hedgew_matrices_multiply(m, &message, frames, &product, &why), HEDGE_ELIMIT);
        assert_true(why.text[0]);
        zmq_msg_close(&frames[0]);
        zmq_msg_close(&frames[1]);
        hedgew_matrices_destroy(&m);
        free(v);
}

/* Whatever comes: no crash, no leak, and never more than the cap. */
static void nothing_is_too_hostile(void **state)
{
        const uint64_t cap = 60000; /* the empty structure takes most of it */
        uint64_t row = hedge_random_row(8, 0);
        hedgew_matrices_t *m = open_matrices(cap);
        float *v = draw(&row, 4096);
        unsigned well = 0;

        for (int i = 0; i < 20000; i++) {
                const uint32_t a = 1 + (uint32_t)hedge_random_below(&row, 5);
                const uint32_t b = 1 + (uint32_t)hedge_random_below(&row, 5);
                const uint32_t c = 1 + (uint32_t)hedge_random_below(&row, 5);
                const uint64_t train = hedge_random_below(&row, 30) ? TRAIN : hedge_random_below(&row, 3);
                const bool wrong = hedge_random_below(&row, 10) == 0;
                const uint32_t many = hedge_random_below(&row, 20) ? 1 : 1u << hedge_random_below(&row, 24);
                zmq_msg_t frames[2] = { frame_of(v, a * b + wrong), frame_of(v, b * c) };
                hedgew_matrices_product_t product = { .macs = 0 };
                hedge_code_term_t terms[2] = { { (uint32_t)hedge_random_below(&row, 3), c - 1, 1 },
                                               { 0, (uint32_t)hedge_random_below(&row, 2) * many, 1e9 } };
                hedge_update_target_t target = { (uint32_t)hedge_random_below(&row, 3), b == 1, 2, a * many, 2, terms };
                uint32_t n_frames = 0;
                uint64_t macs;
                int r;

                zmq_msg_init(&product.frame);
                switch (hedge_random_below(&row, 5)) {
                case 0:
                        r = hedgew_matrices_hold(m, &(hedge_msg_hold_t){ train, target.matrix, a * many, b },
                                                 &frames[0], NULL);
                        break;
                case 1:
                        r = hedgew_matrices_apply(
                                m,
                                &(hedge_msg_apply_t){ .job = train,
                                                      .matrix = target.matrix,
                                                      .batch = a * many,
                                                      .keep = (uint32_t)hedge_random_below(&row, 200) },
                                &frames[0], &product, NULL);
                        break;
                case 2:
                        r = hedgew_matrices_fetch(m, &(hedge_msg_hold_t){ .job = train, .matrix = target.matrix },
                                                  &product, NULL);
                        break;
                case 3:
                        r = hedgew_matrices_multiply(m, &(hedge_msg_multiply_t){ train, 0, 0, a, b, c * many }, frames,
                                                     &product, NULL);
                        break;
                default: {
                        hedge_msg_update_t message = { .job = train,
                                                       .batch = a,
                                                       .left_cols = b,
                                                       .right_cols = c,
                                                       .rate = 1e9,
                                                       .decay = 1,
                                                       .n_targets = 1,
                                                       .targets = &target };

                        message.left_kept = (uint32_t)hedge_random_below(&row, 3) ? 0 : c;
                        message.right_kept = (uint32_t)hedge_random_below(&row, 2) ? 0 : c;
                        n_frames = !message.left_kept + !message.right_kept + (wrong && b == 1);
                        if (n_frames > 2)
                                n_frames = 2;
                        r = hedgew_matrices_update(m, &message, frames, n_frames, &macs, NULL);
                }
                }
                well += r == 0;
                assert_true(r == 0 || r == -ENOENT || r == HEDGE_EMALFORMED || r == HEDGE_ELIMIT);
                assert_true(hedgew_matrices_bytes(m) <= cap);
                zmq_msg_close(&product.frame);
                zmq_msg_close(&frames[0]);
                zmq_msg_close(&frames[1]);
        }
        assert_true(well > 1000);
        hedgew_matrices_leave(m);
        free(v);
        hedgew_matrices_destroy(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(updates_that_do_not_fit_are_refused),
                cmocka_unit_test(other_trainings_have_nothing_here),
                cmocka_unit_test(memory_is_counted_and_bounded),
                cmocka_unit_test(nothing_is_too_hostile),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
