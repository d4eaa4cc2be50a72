/* SPDX-License-Identifier: Apache-2.0 */
/* The coded matrices of a board: what is kept from one message to the next, and what goes with one that failed. */
#include "test/unit/matrices_bed.h"

static void a_factor_is_kept_until_the_next_of_its_number(void **state)
{
        hedgew_matrices_t *m = open_matrices(PLENTY);
        float twos[2 * COLS];
        uint64_t bytes;
        float *w;

        for (unsigned i = 0; i < 2 * COLS; i++)
                twos[i] = 2;
        assert_int_equal(hold(m, TRAIN, 3, ROWS, COLS, ones), 0);
        assert_int_equal(apply(m, 3, 64, 2, frame_of(ones, 2 * COLS), NULL), 0);
        bytes = hedgew_matrices_bytes(m);
        assert_int_equal(apply(m, 3, 64, 2, frame_of(twos, 2 * COLS), NULL), 0);
        assert_int_equal(hedgew_matrices_bytes(m), bytes);
        assert_int_equal(try_plain_update(m, 64), 0);
        assert_int_equal(try_plain_update(m, 64), 0); /* it stays */
        w = fetch(m, 3, ROWS * COLS);
        for (unsigned i = 0; i < ROWS * COLS; i++)
                assert_true(w[i] == 1 - 2 * 2 * 2);
        free(w);
        /* another number of rows, another one of columns */
        assert_int_equal(apply(m, 3, 64, 1, frame_of(ones, COLS), NULL), 0);
        assert_int_equal(try_plain_update(m, 64), HEDGE_EMALFORMED);
        assert_false(is_held(m, 3, ROWS * COLS));
        assert_int_equal(hold(m, TRAIN, 3, ROWS, COLS, ones), 0);
        assert_int_equal(try_plain_update(m, 63), -ENOENT);
        hedgew_matrices_destroy(&m);
}

static void at_most_64_factors_are_kept(void **state)
{
        hedgew_matrices_t *m = open_matrices(PLENTY);

        assert_int_equal(hold(m, TRAIN, 3, ROWS, COLS, ones), 0);
        for (uint32_t i = 1; i <= HEDGEW_MATRICES_KEPT; i++)
                assert_int_equal(apply(m, 3, 1000 - i, 2, frame_of(ones, 2 * COLS), NULL), 0);
        assert_int_equal(apply(m, 3, 1000, 2, frame_of(ones, 2 * COLS), NULL), HEDGE_ELIMIT);
        assert_int_equal(apply(m, 3, 999, 2, frame_of(ones, 2 * COLS), NULL), 0);
        for (uint32_t i = 1; i <= HEDGEW_MATRICES_KEPT; i++)
                assert_int_equal(try_plain_update(m, 1000 - i), 0);
        hedgew_matrices_destroy(&m);
}

/* Frames of a few floats lie in zmq_msg_t itself. */
static void tiny_factors_are_kept_too(void **state)
{
        const float zeros[2] = { 0, 0 }, one = 1;
        hedgew_matrices_t *m = open_matrices(PLENTY);
        float *w;

        assert_int_equal(hold(m, TRAIN, 3, 1, 2, zeros), 0);
        for (uint32_t i = 1; i <= HEDGEW_MATRICES_KEPT; i++) {
                const float x[2] = { (float)i, -(float)(i * i) };

                assert_int_equal(apply(m, 3, i, 1, frame_of(x, 2), NULL), 0);
        }
        for (uint32_t i = 1; i <= HEDGEW_MATRICES_KEPT; i++) {
                hedge_update_target_t target;
                hedge_msg_update_t message = plain_update(&target, 1);
                zmq_msg_t delta = frame_of(&one, 1);
                uint64_t macs;

                message.left_cols = target.block_cols = 1;
                message.right_cols = 2;
                message.right_kept = i;
                message.decay = 1;
                assert_int_equal(update(m, &message, &delta, 1, &macs), 0);
                w = fetch(m, 3, 2);
                assert_true(w[0] == -(float)i && w[1] == (float)(i * i));
                free(w);
        }
        hedgew_matrices_destroy(&m);
}

/* A failed message leaves nothing that the coordinator may take for what it wanted. */
static void what_a_failed_message_was_to_change_is_gone(void **state)
{
        hedgew_matrices_t *m = open_matrices(PLENTY);

        assert_int_equal(hold(m, TRAIN, 2, ROWS, COLS, ones), 0);
        assert_int_equal(hold(m, TRAIN, 3, ROWS, COLS, ones), 0);
        assert_int_equal(apply(m, 3, 9, 2, frame_of(ones, 2 * COLS), NULL), 0);
        assert_int_equal(apply(m, 3, 9, 2, frame_of(ones, 2 * COLS - 1), NULL), HEDGE_EMALFORMED);
        assert_int_equal(try_plain_update(m, 9), -ENOENT);
        assert_false(is_held(m, 3, ROWS * COLS));
        assert_true(is_held(m, 2, ROWS * COLS));
        {
                const hedge_msg_hold_t message = { TRAIN, 2, ROWS, COLS };
                zmq_msg_t frame = frame_of(ones, ROWS * COLS + 1);

                assert_int_equal(hedgew_matrices_hold(m, &message, &frame, NULL), HEDGE_EMALFORMED);
                zmq_msg_close(&frame);
        }
        assert_false(is_held(m, 2, ROWS * COLS));
        hedgew_matrices_destroy(&m);
}

static void missed_messages_count_as_failed(void **state)
{
        hedgew_matrices_t *m = open_matrices(PLENTY);
        hedge_update_target_t target;
        hedge_message_t message = { .type = HEDGE_MSG_UPDATE, .update = plain_update(&target, 2) };

        for (uint32_t i = 2; i < 5; i++)
                assert_int_equal(hold(m, TRAIN, i, ROWS, COLS, ones), 0);
        assert_int_equal(apply(m, 2, 9, 2, frame_of(ones, 2 * COLS), NULL), 0);
        hedgew_matrices_miss(m, &message);
        assert_false(is_held(m, 3, ROWS * COLS));
        hedgew_matrices_miss(m, &(hedge_message_t){ .type = HEDGE_MSG_HOLD, .hold = { TRAIN, 2, 1, 1 } });
        assert_false(is_held(m, 2, ROWS * COLS));
        hedgew_matrices_miss(
                m, &(hedge_message_t){ .type = HEDGE_MSG_APPLY, .apply = { .job = TRAIN, .batch = 2, .keep = 9 } });
        assert_int_equal(hold(m, TRAIN, 3, ROWS, COLS, ones), 0);
        assert_int_equal(try_plain_update(m, 9), -ENOENT);
        message.update.job++; /* another training's matter nothing */
        assert_int_equal(hold(m, TRAIN, 3, ROWS, COLS, ones), 0);
        hedgew_matrices_miss(m, &message);
        assert_true(is_held(m, 3, ROWS * COLS));
        assert_true(is_held(m, 4, ROWS * COLS));
        hedgew_matrices_destroy(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_factor_is_kept_until_the_next_of_its_number),
                cmocka_unit_test(at_most_64_factors_are_kept),
                cmocka_unit_test(tiny_factors_are_kept_too),
                cmocka_unit_test(what_a_failed_message_was_to_change_is_gone),
                cmocka_unit_test(missed_messages_count_as_failed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
