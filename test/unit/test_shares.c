/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "worker/infer/share_filters.h"

#define BLOCKS 3
#define CAP    (1024 * 1024)

static const hedge_conv_t conv = { 5, 6, 4, 8, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 1 };

#define FILTERS     (BLOCKS * 8 * 3 * 3 * 4)
#define FRAME_BYTES (FILTERS * sizeof(float))

typedef struct fixture {
        hedgew_shares_t *shares;
        hedge_kernels_t *kernels;
        float filters[FILTERS];
} fixture_t;

static int set_up(void **state)
{
        fixture_t *f = calloc(1, sizeof(*f));

        assert_int_equal(hedgew_shares_new(CAP, CAP, &f->shares), 0);
        assert_int_equal(hedge_kernels_new("plain", 1, &f->kernels), 0);
        for (int i = 0; i < FILTERS; i++)
                f->filters[i] = (float)(i % 7) - 3;
        *state = f;
        return 0;
}

static int tear_down(void **state)
{
        fixture_t *f = *state;

        hedgew_shares_destroy(&f->shares);
        hedge_kernels_destroy(&f->kernels);
        assert_null(f->shares);
        free(f);
        return 0;
}

static hedge_msg_share_t message(uint8_t name)
{
        hedge_msg_share_t m = { .conv = conv, .ell_b = BLOCKS, .layer = "model/layer" };

        memset(&m.digest, name, sizeof(m.digest));
        return m;
}

static void keep(fixture_t *f, uint8_t name)
{
        hedge_msg_share_t m = message(name);
        hedgew_share_t *share = NULL;
        hedge_why_t why;

        assert_int_equal(hedgew_filters_claim(f->shares, &m, FRAME_BYTES, &share, &why), 0);
        assert_int_equal(hedgew_filters_prepare(share, f->kernels, f->filters, &why), 0);
        hedgew_share_unref(&share);
        assert_null(share);
}

static void a_share_is_held_once_it_is_prepared(void **state)
{
        fixture_t *f = *state;
        hedge_msg_share_t m = message(1);
        hedge_digest_t *list = NULL;
        hedgew_share_t *share;

        assert_int_equal(hedgew_filters_claim(f->shares, &m, FRAME_BYTES, &share, NULL), 0);
        assert_true(hedgew_shares_figures(f->shares).bytes >= FRAME_BYTES);
        assert_int_equal(hedgew_shares_figures(f->shares).held, 0);
        assert_int_equal(hedgew_shares_list(f->shares, &list), 0);
        assert_null(list);
        assert_null(hedgew_filters_kernel(share, 0));
        assert_int_equal(hedgew_filters_prepare(share, f->kernels, f->filters, NULL), 0);
        for (uint32_t i = 0; i < BLOCKS; i++)
                assert_non_null(hedgew_filters_kernel(share, i));
        assert_int_equal(hedgew_filters_blocks(share), BLOCKS);
        hedgew_share_unref(&share);
        keep(f, 2);
        assert_int_equal(hedgew_shares_figures(f->shares).held, 2);
        assert_int_equal(hedgew_shares_list(f->shares, &list), 2);
        assert_int_equal(list[0].bytes[0] + list[1].bytes[0], 3);
        free(list);
}

static void sending_a_share_again_changes_nothing(void **state)
{
        fixture_t *f = *state;
        hedge_msg_share_t m = message(1);
        hedgew_share_t *share, *again = NULL;
        uint64_t bytes;
        hedge_why_t why;

        assert_int_equal(hedgew_filters_claim(f->shares, &m, FRAME_BYTES, &share, &why), 0);
        assert_int_equal(hedgew_filters_claim(f->shares, &m, FRAME_BYTES, &again, &why), 2);
        assert_int_equal(hedgew_filters_prepare(share, f->kernels, f->filters, &why), 0);
        hedgew_share_unref(&share);
        bytes = hedgew_shares_figures(f->shares).bytes;
        assert_int_equal(hedgew_filters_claim(f->shares, &m, FRAME_BYTES, &again, &why), 1);
        assert_null(again);
        assert_int_equal(hedgew_shares_figures(f->shares).bytes, bytes);
        assert_int_equal(hedgew_shares_figures(f->shares).held, 1);
        /* the same digest for something else is not the same share */
        m.conv.pad_left = 1;
        assert_int_equal(hedgew_filters_claim(f->shares, &m, FRAME_BYTES, &again, &why), HEDGE_EMALFORMED);
}

static void the_cap_holds_before_memory_is_taken(void **state)
{
        fixture_t *f = *state;
        hedge_msg_share_t m;
        hedgew_share_t *share = NULL;
        hedge_why_t why;
        unsigned held = 0;
        int r = 0;

        for (unsigned i = 1; i < 255 && r == 0; i++) {
                m = message((uint8_t)i);
                r = hedgew_filters_claim(f->shares, &m, FRAME_BYTES, &share, &why);
                if (r == 0) {
                        assert_int_equal(hedgew_filters_prepare(share, f->kernels, f->filters, &why), 0);
                        hedgew_share_unref(&share);
                        held++;
                }
                assert_true(hedgew_shares_figures(f->shares).bytes <= CAP);
        }
        assert_int_equal(r, HEDGE_ELIMIT);
        assert_non_null(strstr(why.text, "does not fit"));
        assert_true(held >= CAP / (2 * (FRAME_BYTES + (BLOCKS + 1) * HEDGEW_SHARE_OVERHEAD_BYTES)));
        assert_int_equal(hedgew_shares_figures(f->shares).held, held);
        m = message(1);
        assert_int_equal(hedgew_shares_drop(f->shares, &m.digest), 0);
        keep(f, 255);
}

static void geometry_and_frame_must_fit(void **state)
{
        fixture_t *f = *state;
        hedgew_share_t *share = NULL;
        hedge_msg_share_t m = message(1);
        hedge_why_t why;

        assert_int_equal(hedgew_filters_claim(f->shares, &m, FRAME_BYTES - 4, &share, &why), HEDGE_EMALFORMED);
        assert_int_equal(hedgew_filters_claim(f->shares, &m, FRAME_BYTES + 1, &share, &why), HEDGE_EMALFORMED);
        m.ell_b = 0;
        assert_int_equal(hedgew_filters_claim(f->shares, &m, 0, &share, &why), HEDGE_ELIMIT);
        m.ell_b = UINT32_MAX;
        assert_int_equal(hedgew_filters_claim(f->shares, &m, FRAME_BYTES, &share, &why), HEDGE_ELIMIT);
        m = message(1);
        m.conv.stride_h = 0;
        assert_int_equal(hedgew_filters_claim(f->shares, &m, FRAME_BYTES, &share, &why), -EINVAL);
        m = message(1);
        m.conv.in_h = m.conv.in_w = 1 << 10; /* an input of 16 MiB */
        assert_int_equal(hedgew_filters_claim(f->shares, &m, FRAME_BYTES, &share, &why), HEDGE_ELIMIT);
        assert_null(share);
        assert_int_equal(hedgew_shares_figures(f->shares).bytes, 0);
        assert_int_equal(hedgew_shares_figures(f->shares).alive, 0);
}

static void a_share_in_use_outlives_its_drop(void **state)
{
        fixture_t *f = *state;
        hedge_msg_share_t m = message(1);
        hedgew_share_t *share;
        float in[5 * 6 * 4] = { 1 }, out[3 * 4 * 8] = { 0 };
        const float *const inputs[] = { in, NULL };
        uint64_t bytes;

        keep(f, 1);
        bytes = hedgew_shares_figures(f->shares).bytes;
        share = hedgew_shares_find(f->shares, &m.digest);
        assert_non_null(share);
        assert_int_equal(hedgew_shares_drop(f->shares, &m.digest), 0);
        assert_int_equal(hedgew_shares_drop(f->shares, &m.digest), HEDGE_ENOSHARE);
        assert_null(hedgew_shares_find(f->shares, &m.digest));
        assert_int_equal(hedgew_shares_figures(f->shares).held, 0);
        assert_int_equal(hedgew_shares_figures(f->shares).alive, 1);
        assert_int_equal(hedgew_shares_figures(f->shares).bytes, bytes);
        assert_int_equal(hedge_kernel_run(hedgew_filters_kernel(share, 0), inputs, out), 0);
        assert_true(out[0] == f->filters[0]);
        /* it may come back while the old one is still in use */
        keep(f, 1);
        assert_int_equal(hedgew_shares_figures(f->shares).held, 1);
        hedgew_share_unref(&share);
        assert_int_equal(hedgew_shares_figures(f->shares).alive, 1);
        assert_int_equal(hedgew_shares_figures(f->shares).bytes, bytes);
}

static void a_share_dropped_before_it_is_prepared_is_not_held(void **state)
{
        fixture_t *f = *state;
        hedge_msg_share_t m = message(1);
        hedgew_share_t *share;

        assert_int_equal(hedgew_filters_claim(f->shares, &m, FRAME_BYTES, &share, NULL), 0);
        assert_int_equal(hedgew_shares_drop(f->shares, &m.digest), 0);
        assert_int_equal(hedgew_filters_prepare(share, f->kernels, f->filters, NULL), 1);
        assert_int_equal(hedgew_shares_figures(f->shares).held, 0);
        hedgew_share_unref(&share);
        assert_int_equal(hedgew_shares_figures(f->shares).bytes, 0);
}

static void an_abandoned_share_leaves_nothing(void **state)
{
        fixture_t *f = *state;
        hedge_msg_share_t m = message(1);
        hedgew_share_t *share, *task;

        assert_int_equal(hedgew_filters_claim(f->shares, &m, FRAME_BYTES, &share, NULL), 0);
        task = hedgew_shares_find(f->shares, &m.digest);
        hedgew_share_abandon(share);
        assert_null(hedgew_shares_find(f->shares, &m.digest));
        assert_null(hedgew_filters_kernel(task, 0));
        hedgew_share_unref(&share);
        hedgew_share_unref(&task);
        assert_int_equal(hedgew_shares_figures(f->shares).bytes, 0);
        assert_int_equal(hedgew_shares_figures(f->shares).alive, 0);
        keep(f, 1);
}

/* Large enough to be worth transforming, in a cap that holds eight such shares as they come. */
static const hedge_conv_t large = { 26, 26, 32, 32, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 1 };

#define LARGE_FILTERS (BLOCKS * 32 * 3 * 3 * 32)
#define LARGE_OUT     (24 * 24 * 32)

static int keep_large(fixture_t *f, uint8_t name, const float *filters)
{
        hedge_msg_share_t m = { .conv = large, .ell_b = BLOCKS, .layer = "model/layer" };
        hedgew_share_t *share = NULL;
        hedge_why_t why;
        int r;

        memset(&m.digest, name, sizeof(m.digest));
        r = hedgew_filters_claim(f->shares, &m, LARGE_FILTERS * sizeof(float), &share, &why);
        if (r == 0) {
                assert_int_equal(hedgew_filters_prepare(share, f->kernels, filters, &why), 0);
                hedgew_share_unref(&share);
        }
        return r;
}

static hedge_conv_method_t compute_with(fixture_t *f, uint8_t name, const float *input, float *out)
{
        const float *const in[] = { input, NULL };
        hedge_conv_method_t method;
        hedge_digest_t digest;
        hedgew_share_t *share;

        memset(&digest, name, sizeof(digest));
        share = hedgew_shares_find(f->shares, &digest);
        assert_non_null(share);
        method = hedge_kernel_method(hedgew_filters_kernel(share, BLOCKS - 1));
        assert_int_equal(hedge_kernel_run(hedgew_filters_kernel(share, BLOCKS - 1), in, out), 0);
        hedgew_share_unref(&share);
        return method;
}

static void transformed_filters_take_only_what_nobody_wants(void **state)
{
        fixture_t *f = *state;
        float *filters = hedge_floats_new(LARGE_FILTERS), *input = hedge_floats_new(hedge_conv_in_elements(&large));
        float *before = hedge_floats_new(LARGE_OUT), *after = hedge_floats_new(LARGE_OUT);
        hedgew_shares_figures_t figures;

        if (!strcmp(hedge_kernels_available()[0], "plain")) {
                free(filters);
                free(input);
                free(before);
                free(after);
                print_message("this build has no back end that transforms filters\n");
                skip();
        }
        hedge_kernels_destroy(&f->kernels);
        assert_int_equal(hedge_kernels_new(NULL, 1, &f->kernels), 0);
        for (size_t i = 0; i < LARGE_FILTERS; i++)
                filters[i] = (float)(i % 11) / 5 - 1;
        for (size_t i = 0; i < hedge_conv_in_elements(&large); i++)
                input[i] = (float)(i % 13) / 6 - 1;

        assert_int_equal(keep_large(f, 1, filters), 0);
        assert_int_not_equal(compute_with(f, 1, input, before), HEDGE_CONV_DIRECT);
        figures = hedgew_shares_figures(f->shares);
        assert_true(figures.bytes > 2 * LARGE_FILTERS * sizeof(float));
        for (uint8_t name = 2; name <= 8; name++)
                assert_int_equal(keep_large(f, name, filters), 0);
        figures = hedgew_shares_figures(f->shares);
        assert_int_equal(figures.held, 8);
        assert_true(figures.bytes <= CAP);
        assert_int_equal(compute_with(f, 1, input, after), HEDGE_CONV_DIRECT);
        for (size_t i = 0; i < LARGE_OUT; i++) /* 288 products of at most 1: rounding of either method is far below */
                assert_true(before[i] - after[i] < 1e-3f && after[i] - before[i] < 1e-3f);
        assert_int_equal(keep_large(f, 9, filters), HEDGE_ELIMIT);

        hedgew_shares_clear(f->shares);
        assert_int_equal(hedgew_shares_figures(f->shares).bytes, 0);
        assert_int_equal(keep_large(f, 1, filters), 0);
        assert_int_not_equal(compute_with(f, 1, input, after), HEDGE_CONV_DIRECT);
        free(filters);
        free(input);
        free(before);
        free(after);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_share_is_held_once_it_is_prepared),  TEST(sending_a_share_again_changes_nothing),
                TEST(the_cap_holds_before_memory_is_taken), TEST(geometry_and_frame_must_fit),
                TEST(a_share_in_use_outlives_its_drop),     TEST(a_share_dropped_before_it_is_prepared_is_not_held),
                TEST(an_abandoned_share_leaves_nothing),    TEST(transformed_filters_take_only_what_nobody_wants),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
