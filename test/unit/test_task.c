/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/infer/task.h"

/* What a TASK may ask for. The share has three filter blocks. */
#define BLOCKS     3
#define IN         (6 * 5 * 3)
#define FRAMES_MAX 8

static const hedge_conv_t conv = { 6, 5, 3, 4, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 1 };

static int set_up(void **state)
{
        const hedge_msg_share_t m = { .digest = { { 9 } }, .conv = conv, .ell_b = BLOCKS };
        const size_t bytes = BLOCKS * hedge_conv_filter_elements(&conv) * sizeof(float);
        hedgew_shares_t *shares;
        hedgew_share_t *share;

        assert_int_equal(hedgew_shares_new(1 << 20, 1 << 20, &shares), 0);
        assert_int_equal(hedgew_filters_claim(shares, &m, bytes, &share, NULL), 0);
        hedgew_share_unref(&share);
        *state = shares;
        return 0;
}

static int tear_down(void **state)
{
        hedgew_shares_t *shares = *state;

        hedgew_shares_clear(shares);
        assert_int_equal(hedgew_shares_figures(shares).alive, 0);
        hedgew_shares_destroy(&shares);
        return 0;
}

/* Make a task of n_frames frames of so many bytes. Frames that were not taken must be as they were. */
static int make(hedgew_shares_t *shares, hedge_msg_task_t m, uint32_t n_frames, size_t bytes, hedgew_task_t **ret)
{
        hedge_why_t why = { .text = "" };
        zmq_msg_t frames[FRAMES_MAX];
        int r;

        m.digest.bytes[0] = 9;
        for (uint32_t i = 0; i < n_frames; i++) {
                assert_int_equal(zmq_msg_init_size(&frames[i], bytes), 0);
                memset(zmq_msg_data(&frames[i]), (int)i, bytes);
        }
        r = hedgew_task_new(shares, &m, frames, n_frames, ret, &why);
        for (uint32_t i = 0; i < n_frames; i++) {
                assert_int_equal(zmq_msg_size(&frames[i]), r < 0 ? bytes : 0);
                zmq_msg_close(&frames[i]);
        }
        if (r < 0)
                assert_true(strlen(why.text) > 10);
        return r;
}

static void refuse(hedgew_shares_t *shares, hedge_msg_task_t m, uint32_t n_frames, size_t bytes)
{
        hedgew_task_t *task = NULL;

        assert_int_equal(make(shares, m, n_frames, bytes, &task), HEDGE_EMALFORMED);
        assert_null(task);
}

#define LIST(n, ...)        \
        n, (uint32_t[])     \
        {                   \
                __VA_ARGS__ \
        }
#define FLOATS (IN * sizeof(float))

static void parts_find_their_inputs_by_number(void **state)
{
        static const hedgew_task_part_t expected[] = { { 16, 1, 1 }, { 5, 0, 2 }, { 15, 1, 0 }, { 1023, 2, 0 } };
        const hedge_msg_task_t m = { .n_inputs = 3,
                                     .inputs = (uint32_t[]){ 1, 5, 341 },
                                     .n_order = 4,
                                     .order = (uint32_t[]){ 16, 5, 15, 1023 } };
        hedgew_task_t *task = NULL;

        assert_int_equal(make(*state, m, 3, FLOATS, &task), 0);
        assert_int_equal(task->n_inputs, 3);
        assert_int_equal(task->n_order, 4);
        assert_int_equal(task->input_bytes, 3 * FLOATS);
        for (int i = 0; i < 4; i++) {
                assert_int_equal(task->order[i].number, expected[i].number);
                assert_int_equal(task->order[i].input, expected[i].input);
                assert_int_equal(task->order[i].block, expected[i].block);
        }
        hedgew_task_destroy(&task);
}

static void without_a_list_inputs_are_counted(void **state)
{
        const hedge_msg_task_t m = { .n_order = 2, .order = (uint32_t[]){ 5, 0 } };
        hedgew_task_t *task = NULL;

        assert_int_equal(make(*state, m, 2, FLOATS, &task), 0);
        assert_int_equal(task->order[0].input, 1);
        assert_int_equal(task->order[1].input, 0);
        hedgew_task_destroy(&task);
}

static void inputs_that_are_not_the_frames_are_malformed(void **state)
{
        const hedge_msg_task_t m = { .n_order = 1, .order = (uint32_t[]){ 0 } };

        refuse(*state, m, 0, 0);
        refuse(*state,
               (hedge_msg_task_t){ 1, .n_inputs = 1, .inputs = (uint32_t[]){ 0 }, .n_order = 1, .order = m.order }, 2,
               FLOATS);
        refuse(*state,
               (hedge_msg_task_t){ 1, .n_inputs = 2, .inputs = (uint32_t[]){ 0, 1 }, .n_order = 1, .order = m.order },
               1, FLOATS);
        refuse(*state,
               (hedge_msg_task_t){ 1, .n_inputs = 2, .inputs = (uint32_t[]){ 0, 0 }, .n_order = 1, .order = m.order },
               2, FLOATS);
        refuse(*state,
               (hedge_msg_task_t){ 1, .n_inputs = 2, .inputs = (uint32_t[]){ 0, 1024 }, .n_order = 1,
                                   .order = m.order },
               2, FLOATS);
        refuse(*state,
               (hedge_msg_task_t){ 1, .n_inputs = 2, .inputs = (uint32_t[]){ 0, UINT32_MAX }, .n_order = 1,
                                   .order = m.order },
               2, FLOATS);
}

static void refuse_order(void **state, uint32_t n, uint32_t *order)
{
        refuse(*state,
               (hedge_msg_task_t){ 1, .n_inputs = 2, .inputs = (uint32_t[]){ 0, 2 }, .n_order = n, .order = order }, 2,
               FLOATS);
}

static void parts_that_are_not_there_are_malformed(void **state)
{
        uint32_t many[HEDGE_CODE_MAX_PARTS + 1] = { 0 };

        refuse_order(state, 0, many);
        refuse_order(state, HEDGE_CODE_MAX_PARTS + 1, many);
        refuse_order(state, LIST(2, 0, 3)); /* of input 1, which did not come */
        refuse_order(state, LIST(2, 0, 9));
        refuse_order(state, LIST(2, 0, 1024));
        refuse_order(state, LIST(1, UINT32_MAX));
        refuse_order(state, LIST(3, 7, 0, 7));
}

static void frames_have_the_size_of_their_precision(void **state)
{
        hedge_msg_task_t m = { .n_order = 1, .order = (uint32_t[]){ 0 } };
        hedgew_task_t *task = NULL;

        refuse(*state, m, 1, FLOATS - 1);
        refuse(*state, m, 1, FLOATS + 4);
        refuse(*state, m, 1, hedge_q16_bytes(IN));
        m.wire = HEDGE_PRECISION_Q16;
        refuse(*state, m, 1, FLOATS);
        refuse(*state, m, 1, 0);
        refuse(*state, m, 2, hedge_q16_bytes(IN) - 2);
        assert_int_equal(make(*state, m, 2, hedge_q16_bytes(IN), &task), 0);
        assert_int_equal(task->wire, HEDGE_PRECISION_Q16);
        assert_int_equal(task->input_bytes, 2 * hedge_q16_bytes(IN));
        hedgew_task_destroy(&task);
        m.wire = HEDGE_PRECISIONS;
        refuse(*state, m, 1, FLOATS);
        m.wire = UINT32_MAX;
        refuse(*state, m, 1, FLOATS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(parts_find_their_inputs_by_number, set_up, tear_down),
                cmocka_unit_test_setup_teardown(without_a_list_inputs_are_counted, set_up, tear_down),
                cmocka_unit_test_setup_teardown(inputs_that_are_not_the_frames_are_malformed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(parts_that_are_not_there_are_malformed, set_up, tear_down),
                cmocka_unit_test_setup_teardown(frames_have_the_size_of_their_precision, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
