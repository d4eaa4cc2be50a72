/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/plan/plan.h"
#include "test/unit/square.h"

static hedged_config_t config;

static void configure(const char *yaml)
{
        hedge_why_t why = { "" };

        hedged_config_release(&config);
        if (hedge_conf_parse(hedged_conf_rows, "test.yaml", yaml, strlen(yaml), &config, &why) < 0)
                fail_msg("%s", why.text);
}

static int plan(const hedge_conv_t *conv, const char *layer, hedged_cut_t *cuts)
{
        hedge_why_t why = { "" };

        return hedged_plan_layer(&config, "model", layer, conv, cuts, &why);
}

static void light_layers_stay_local(void **state)
{
        (void)state;
        hedge_conv_t light = square(14, 16, 16, 3), heavy = square(56, 64, 64, 3);
        hedged_cut_t cuts[HEDGED_MAX_VARIANTS];

        configure("");
        assert_int_equal(plan(&light, "a", cuts), 0);
        assert_true(plan(&heavy, "a", cuts) > 0);
}

static void spare_boards_bound_the_threshold(void **state)
{
        (void)state;
        hedge_conv_t heavy = square(56, 64, 64, 3);
        hedged_cut_t cuts[HEDGED_MAX_VARIANTS];
        int n;

        configure("cluster: {slots: 8}\nplan: {spare: 2}\n");
        n = plan(&heavy, "a", cuts);
        assert_true(n >= 2);
        assert_int_equal(cuts[0].scheme, HEDGE_SCHEME_NSCTC);
        assert_in_range(cuts[0].delta, 4, 6);
        for (int i = 1; i < n; i++)
                assert_true(cuts[i].delta <= cuts[i - 1].delta / 2);
        assert_int_equal(cuts[n - 1].delta, 1);
}

/* Every plan that comes out must be a code and a partition; one-row and one-filter layers included, where the scheme can
 * cut them at all. */
static void every_plan_can_be_built(void **state)
{
        (void)state;
        static const unsigned slots[] = { 1, 2, 3, 5, 8, 20, 40 };
        static const char *const schemes[] = { "nsctc", "replication", "uncoded", "mds", "lt", "krp", "steal" };
        const hedge_conv_t layers[] = { square(56, 64, 64, 3), square(1, 512, 1000, 1), square(32, 3, 1, 3),
                                        square(7, 512, 512, 3), square(2, 8, 3, 1) };

        for (size_t s = 0; s < 7; s++)
                for (size_t c = 0; c < 7; c++)
                        for (size_t l = 0; l < 5; l++) {
                                char yaml[200];
                                hedged_cut_t cuts[HEDGED_MAX_VARIANTS];
                                int n;

                                snprintf(yaml, sizeof(yaml), "cluster: {slots: %u}\nplan: {scheme: %s, min_macs: 0}\n",
                                         slots[s], schemes[c]);
                                configure(yaml);
                                n = plan(&layers[l], "a", cuts);
                                assert_true(n >= 0);
                                if ((c == 3 || c == 4) && (l == 1 || slots[s] <= 2))
                                        continue; /* strips alone, and there is one row or no board to spare */
                                assert_true(n > 0 || (l == 2 && slots[s] == 1) || l == 4);
                                for (int i = 0; i < n; i++) {
                                        hedge_code_t *code = NULL;
                                        hedge_partition_t p;

                                        assert_int_equal(hedge_code_new(cuts[i].scheme, cuts[i].k_a, cuts[i].k_b,
                                                                        slots[s], &code, NULL),
                                                         0);
                                        assert_int_equal(hedge_code_delta(code), cuts[i].delta);
                                        assert_true(cuts[i].delta <= slots[s]);
                                        assert_int_equal(hedge_partition_init(&p, &layers[l], cuts[i].k_a, cuts[i].k_b),
                                                         0);
                                        hedge_code_destroy(&code);
                                }
                        }
}

static void rules_come_first(void **state)
{
        (void)state;
        hedge_conv_t heavy = square(56, 64, 64, 3), light = square(14, 16, 16, 3);
        hedged_cut_t cuts[HEDGED_MAX_VARIANTS];
        hedge_why_t why = { "" };

        configure("plan:\n"
                  "  rules:\n"
                  "    - {layer: \"first*\", scheme: local}\n"
                  "    - {model: \"mod*\", layer: light, scheme: nsctc, k_a: 2, k_b: 4}\n"
                  "    - {layer: bad, scheme: nsctc, k_a: 3, k_b: 4}\n");
        assert_int_equal(plan(&heavy, "first1", cuts), 0);
        assert_true(plan(&light, "light", cuts) > 0);
        assert_int_equal(cuts[0].k_a, 2);
        assert_int_equal(cuts[0].k_b, 4);
        assert_int_equal(hedged_plan_layer(&config, "model", "bad", &heavy, cuts, &why), HEDGE_ECONFIG);
        assert_non_null(strstr(why.text, "bad"));
}

static int release(void **state)
{
        (void)state;
        hedged_config_release(&config);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(light_layers_stay_local),
                cmocka_unit_test(spare_boards_bound_the_threshold),
                cmocka_unit_test(every_plan_can_be_built),
                cmocka_unit_test(rules_come_first),
        };

        return cmocka_run_group_tests(tests, NULL, release);
}
