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

#include "daemon/infer/windows.h"

#define H 9u
#define W 37u
#define C 11u /* a row is no whole blocks, and the image is more than is staged at a time, once it is made taller */

static float value(size_t i)
{
        return (float)((i * 2654435761u) % 10007) / 5000.0f - 1.0f;
}

static void new_image(uint32_t height, hedge_tensor_t *ret)
{
        const hedge_shape_t shape = { 4, { 1, height, W, C } };

        assert_int_equal(hedge_tensor_alloc(ret, &shape), 0);
        for (size_t i = 0; i < hedge_shape_elements(&shape); i++)
                ret->data[i] = value(i);
}

/* The frame is the window's elements in order, written as one tensor; what comes back changes the window, and nothing else. */
static void check_window(const hedge_tensor_t *image, const hedge_window_t *w, hedge_precision_t wire)
{
        const size_t n = hedged_window_elements(&image->shape, w), all = hedge_shape_elements(&image->shape);
        float *plain = malloc(n * sizeof(float)), *decoded = malloc(n * sizeof(float));
        char *expected = malloc(hedge_precision_bytes(wire, n) + 1);
        hedge_tensor_t back;
        zmq_msg_t frame;
        size_t at = 0;

        for (uint32_t y = w->top; y < w->top + w->rows; y++)
                for (uint32_t x = w->left; x < w->left + w->cols; x++)
                        for (uint32_t c = 0; c < C; c++)
                                plain[at++] = image->data[((size_t)y * W + x) * C + c];
        if (wire == HEDGE_PRECISION_Q16)
                assert_int_equal(hedge_q16_encode(plain, n, expected), 0);
        else
                memcpy(expected, plain, n * sizeof(float));
        assert_true(hedged_window_fits(&image->shape, w));
        assert_int_equal(hedged_window_frame(image, w, wire, &frame), 0);
        assert_int_equal(zmq_msg_size(&frame), hedge_precision_bytes(wire, n));
        assert_memory_equal(zmq_msg_data(&frame), expected, zmq_msg_size(&frame));
        if (wire == HEDGE_PRECISION_Q16)
                hedge_q16_decode(expected, 0, n, decoded);
        else
                memcpy(decoded, plain, n * sizeof(float));
        assert_int_equal(hedge_tensor_alloc(&back, &image->shape), 0);
        for (size_t i = 0; i < all; i++)
                back.data[i] = 77;
        memmove(expected + 1, expected, zmq_msg_size(&frame)); /* of any alignment */
        hedged_window_place(expected + 1, wire, w, &back);
        at = 0;
        for (uint32_t y = 0; y < image->shape.dims[1]; y++)
                for (uint32_t x = 0; x < W; x++)
                        for (uint32_t c = 0; c < C; c++) {
                                const bool inside =
                                        y >= w->top && y < w->top + w->rows && x >= w->left && x < w->left + w->cols;
                                const float is = back.data[((size_t)y * W + x) * C + c];

                                assert_true(inside ? !memcmp(&is, &decoded[at], sizeof(is)) : is > 76 && is < 78);
                                at += inside;
                        }
        assert_int_equal(at, n);
        zmq_msg_close(&frame);
        hedge_tensor_release(&back);
        free(plain);
        free(decoded);
        free(expected);
}

static void any_window_goes_there_and_back(void **state)
{
        (void)state;
        static const hedge_window_t windows[] = { { 0, H, 0, W },     { 0, 1, 0, W },  { 3, 4, 0, W },
                                                  { H - 1, 1, 0, W }, { 2, 5, 1, 36 }, { 0, H, 0, 1 },
                                                  { 0, H, W - 1, 1 }, { 4, 1, 5, 6 },  { 1, 8, 10, 20 } };
        hedge_tensor_t image;

        new_image(H, &image);
        for (unsigned i = 0; i < sizeof(windows) / sizeof(windows[0]); i++)
                for (unsigned wire = 0; wire < HEDGE_PRECISIONS; wire++)
                        check_window(&image, &windows[i], (hedge_precision_t)wire);
        hedge_tensor_release(&image);
        new_image(100, &image);
        for (unsigned wire = 0; wire < HEDGE_PRECISIONS; wire++)
                check_window(&image, &(hedge_window_t){ 3, 90, 2, 33 }, (hedge_precision_t)wire);
        hedge_tensor_release(&image);
}

static void a_tensor_of_any_shape_goes_as_a_whole(void **state)
{
        (void)state;
        const hedge_shape_t shape = { 2, { 3, 50 } };
        hedge_tensor_t t, back;
        zmq_msg_t frame;

        assert_int_equal(hedge_tensor_alloc(&t, &shape), 0);
        assert_int_equal(hedge_tensor_alloc(&back, &shape), 0);
        for (size_t i = 0; i < 150; i++)
                t.data[i] = value(i);
        assert_int_equal(hedged_window_frame(&t, NULL, HEDGE_PRECISION_F32, &frame), 0);
        assert_int_equal(zmq_msg_size(&frame), 600);
        hedged_window_place(zmq_msg_data(&frame), HEDGE_PRECISION_F32, NULL, &back);
        assert_memory_equal(back.data, t.data, 600);
        zmq_msg_close(&frame);
        hedge_tensor_release(&t);
        hedge_tensor_release(&back);
}

static void what_q16_cannot_hold_is_said(void **state)
{
        (void)state;
        hedge_tensor_t image;
        zmq_msg_t frame;

        new_image(H, &image);
        image.data[((size_t)4 * W + 20) * C + 3] = INFINITY;
        assert_int_equal(hedged_window_frame(&image, &(hedge_window_t){ 0, H, 0, W }, HEDGE_PRECISION_Q16, &frame),
                         -EINVAL);
        assert_int_equal(hedged_window_frame(&image, &(hedge_window_t){ 4, 1, 19, 3 }, HEDGE_PRECISION_Q16, &frame),
                         -EINVAL);
        check_window(&image, &(hedge_window_t){ 4, 1, 19, 3 }, HEDGE_PRECISION_F32);
        check_window(&image, &(hedge_window_t){ 4, 5, 21, 3 }, HEDGE_PRECISION_Q16); /* it is beside it */
        hedge_tensor_release(&image);
}

static void windows_outside_are_known(void **state)
{
        (void)state;
        static const hedge_window_t outside[] = { { 0, 0, 0, W },          { 0, 1, 0, 0 },
                                                  { 0, H + 1, 0, W },      { 1, H, 0, W },
                                                  { 0, 1, 1, W },          { H, 1, 0, W },
                                                  { 0, 1, W, 1 },          { UINT32_MAX, 2, 0, 1 },
                                                  { 2, UINT32_MAX, 0, 1 }, { 0, 1, 2, UINT32_MAX } };
        const hedge_shape_t shape = { 4, { 1, H, W, C } }, two = { 4, { 2, H, W, C } }, flat = { 3, { 1, H, W } };

        for (unsigned i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
                assert_false(hedged_window_fits(&shape, &outside[i]));
        assert_false(hedged_window_fits(&two, &(hedge_window_t){ 0, 1, 0, 1 }));
        assert_false(hedged_window_fits(&flat, &(hedge_window_t){ 0, 1, 0, 1 }));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(any_window_goes_there_and_back),
                cmocka_unit_test(a_tensor_of_any_shape_goes_as_a_whole),
                cmocka_unit_test(what_q16_cannot_hold_is_said),
                cmocka_unit_test(windows_outside_are_known),
        };

        return cmocka_run_group_tests_name("windows", tests, NULL, NULL);
}
