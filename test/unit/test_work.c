/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/code/q16.h"
#include "daemon/infer/coded_work.h"

static void parts_of_one_kind_are_all_alike(void **state)
{
        (void)state;
        hedged_run_work_t *work;

        assert_int_equal(hedged_work_new(3, 7, 1, &work), 0);
        work->part[0] = (hedged_work_part_t){ .elements = 10, .macs = 5 };
        assert_ptr_equal(hedged_work_part(work, 6), hedged_work_part(work, 0));
        work->wire = HEDGE_PRECISION_Q16;
        for (unsigned p = 0; p < 7; p++) {
                assert_true(hedged_work_takes(work, p, HEDGE_PRECISION_F32, 40));
                assert_true(hedged_work_takes(work, p, HEDGE_PRECISION_Q16, hedge_q16_bytes(10)));
                assert_false(hedged_work_takes(work, p, HEDGE_PRECISION_F32, 39));
                assert_false(hedged_work_takes(work, p, HEDGE_PRECISION_F32, 0));
                assert_false(hedged_work_takes(work, p, HEDGE_PRECISION_Q16, 40));
                assert_false(hedged_work_takes(work, p, HEDGE_PRECISIONS, 40));
        }
        work->wire = HEDGE_PRECISION_F32;
        assert_false(hedged_work_takes(work, 0, HEDGE_PRECISION_Q16, hedge_q16_bytes(10)));
        hedged_work_destroy(&work);
        assert_null(work);
}

static void parts_may_differ_in_size_and_have_fewer_rows(void **state)
{
        (void)state;
        hedged_run_work_t *work;

        assert_int_equal(hedged_work_new(1, 2, 2, &work), 0);
        work->wire = HEDGE_PRECISION_Q16;
        work->part[0] = (hedged_work_part_t){ .elements = 12, .macs = 1 };
        work->part[1] = (hedged_work_part_t){ .elements = 12, .row = 3, .floats = true };
        assert_int_equal(hedged_work_bytes(work, 0, HEDGE_PRECISION_Q16), hedge_q16_bytes(12));
        assert_int_equal(hedged_work_bytes(work, 1, HEDGE_PRECISION_Q16), 48);
        assert_true(hedged_work_takes(work, 0, HEDGE_PRECISION_Q16, hedge_q16_bytes(12)));
        assert_false(hedged_work_takes(work, 0, HEDGE_PRECISION_F32, 36));
        assert_false(hedged_work_takes(work, 1, HEDGE_PRECISION_Q16, hedge_q16_bytes(12)));
        for (size_t bytes = 0; bytes < 100; bytes++)
                assert_int_equal(hedged_work_takes(work, 1, HEDGE_PRECISION_F32, bytes),
                                 bytes <= 48 && bytes % 12 == 0);
        hedged_work_destroy(&work);
}

/* Every board's parts of a coded layer, as its code has them. */
static void a_coded_layer_is_work(void **state)
{
        (void)state;
        const hedge_code_params_t params = { .scheme = HEDGE_SCHEME_STEAL, .k_a = 2, .k_b = 2, .n = 3 };
        const hedge_conv_t conv = { .in_h = 8,
                                    .in_w = 6,
                                    .in_c = 2,
                                    .out_c = 4,
                                    .kernel_h = 3,
                                    .kernel_w = 3,
                                    .stride_h = 1,
                                    .stride_w = 1,
                                    .dilation_h = 1,
                                    .dilation_w = 1,
                                    .groups = 1 };
        hedge_digest_t digests[3];
        hedged_variant_t v = { .digests = digests,
                               .cut = { .wire = HEDGE_PRECISION_Q16, .hold_us = 7, .whole_boards = true } };
        hedge_code_t *code;
        hedged_run_work_t *work;

        assert_int_equal(hedge_code_new_with(&params, &code, NULL), 0);
        v.code = code;
        assert_int_equal(hedge_partition_init(&v.partition, &conv, 2, 2), 0);
        assert_int_equal(hedged_coded_work(&v, &work), 0);
        assert_int_equal(work->boards, 3);
        assert_int_equal(work->most_parts, 4);
        assert_int_equal(work->hold_us, 7);
        assert_true(work->whole_boards);
        for (unsigned b = 0; b < 3; b++) {
                assert_ptr_equal(work->board[b].digest, &digests[b]);
                assert_int_equal(work->board[b].parts, 4);
        }
        /* 3 of 6 rows, 4 columns, 2 of 4 channels, each of 3 x 3 x 2 products */
        assert_int_equal(hedged_work_part(work, 3)->elements, 3 * 4 * 2);
        assert_int_equal(hedged_work_part(work, 3)->macs, 3 * 4 * 2 * 18);
        hedged_work_destroy(&work);
        hedge_code_destroy(&code);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parts_of_one_kind_are_all_alike),
                cmocka_unit_test(parts_may_differ_in_size_and_have_fewer_rows),
                cmocka_unit_test(a_coded_layer_is_work),
        };

        return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
