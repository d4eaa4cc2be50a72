/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/conv.h"
#include "common/err.h"
#include "test/unit/layer.h"

static const hedge_conv_t plain = { 8, 6, 4, 10, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 2 };

static void test_sizes(void **state)
{
        assert_int_equal(hedge_conv_check(&plain), 0);
        assert_int_equal(hedge_conv_out_h(&plain), 8);
        assert_int_equal(hedge_conv_out_w(&plain), 6);
        assert_int_equal(hedge_conv_in_elements(&plain), 8 * 6 * 4);
        assert_int_equal(hedge_conv_filter_elements(&plain), 10 * 3 * 3 * 2);
        assert_int_equal(hedge_conv_out_elements(&plain), 8 * 6 * 10);
        assert_int_equal(hedge_conv_macs(&plain), 8 * 6 * 10 * 3 * 3 * 2);
}

/* Count the places where the window fits, one by one. */
static uint32_t count_places(uint32_t in, uint32_t before, uint32_t after, uint32_t kernel, uint32_t dilation,
                             uint32_t stride)
{
        uint32_t n = 0;

        for (uint64_t start = 0; start + (uint64_t)dilation * (kernel - 1) < (uint64_t)in + before + after;
             start += stride)
                n++;
        return n;
}

static void test_output_extents(void **state)
{
        layer_random_t r = { 1 };

        for (unsigned i = 0; i < 2000; i++) {
                const hedge_conv_t c = layer_any(&r);

                assert_int_equal(hedge_conv_out_h(&c),
                                 count_places(c.in_h, c.pad_top, c.pad_bottom, c.kernel_h, c.dilation_h, c.stride_h));
                assert_int_equal(hedge_conv_out_w(&c),
                                 count_places(c.in_w, c.pad_left, c.pad_right, c.kernel_w, c.dilation_w, c.stride_w));
        }
}

static void test_zero_extents_are_refused(void **state)
{
        for (unsigned i = 0; i < 15; i++) {
                uint32_t field[15] = { 8, 6, 4, 10, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 2 };
                const int is_pad = i >= 10 && i < 14;

                field[i] = 0;
                const hedge_conv_t c = { field[0],  field[1],  field[2],  field[3],  field[4],
                                         field[5],  field[6],  field[7],  field[8],  field[9],
                                         field[10], field[11], field[12], field[13], field[14] };
                assert_int_equal(hedge_conv_check(&c), is_pad ? 0 : -EINVAL);
        }
}

static void test_what_does_not_fit_is_refused(void **state)
{
        hedge_conv_t c = plain;

        c.groups = 3;
        assert_int_equal(hedge_conv_check(&c), -EINVAL);
        c = plain;
        c.kernel_h = 11;
        assert_int_equal(hedge_conv_check(&c), -EINVAL);
        c.kernel_h = 10;
        assert_int_equal(hedge_conv_check(&c), 0);
        assert_int_equal(hedge_conv_out_h(&c), 1);
        c = plain;
        c.dilation_w = 4;
        assert_int_equal(hedge_conv_check(&c), -EINVAL);
}

static void test_limits(void **state)
{
        const uint32_t huge[] = { (1u << 20) + 1, UINT32_MAX };
        hedge_conv_t c;

        for (unsigned i = 0; i < 2; i++) {
                c = plain;
                c.in_h = huge[i];
                assert_int_equal(hedge_conv_check(&c), HEDGE_ELIMIT);
                c = plain;
                c.pad_bottom = huge[i];
                assert_int_equal(hedge_conv_check(&c), HEDGE_ELIMIT);
                c = plain;
                c.dilation_h = huge[i];
                assert_int_equal(hedge_conv_check(&c), HEDGE_ELIMIT);
        }
        c = plain;
        c.in_h = c.in_w = 1u << 16; /* the product is too large, each extent is not */
        assert_int_equal(hedge_conv_check(&c), HEDGE_ELIMIT);
        c = plain;
        c.in_h = c.in_w = c.in_c = c.out_c = c.kernel_h = c.kernel_w = 1u << 20;
        c.groups = 1;
        assert_int_equal(hedge_conv_check(&c), HEDGE_ELIMIT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sizes),
                cmocka_unit_test(test_output_extents),
                cmocka_unit_test(test_zero_extents_are_refused),
                cmocka_unit_test(test_what_does_not_fit_is_refused),
                cmocka_unit_test(test_limits),
        };

        return cmocka_run_group_tests_name("conv", tests, NULL, NULL);
}
