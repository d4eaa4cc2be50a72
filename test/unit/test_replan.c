/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/models/model.h"
#include "zoo_graph.h"

/* A small AlexNet on slow machines, so that sharing its layers out pays. */

#define SLOTS 6u
#define RATE  2e6 /* MAC/s */
#define LINK  12.5e6

static hedged_config_t config;
static hedge_kernels_t *kernels;
static hedged_speeds_t speeds;

static void configure(const char *plan)
{
        hedge_why_t why = { "" };
        char yaml[300];

        snprintf(yaml, sizeof(yaml), "cluster: {slots: %u}\nplan: {work: layers, min_macs: 0%s}\n", SLOTS, plan);
        hedged_config_release(&config);
        if (hedge_conf_parse(hedged_conf_rows, "test.yaml", yaml, strlen(yaml), &config, &why) < 0)
                fail_msg("%s", why.text);
}

static void all_alike(double link, double spread)
{
        speeds = (hedged_speeds_t){ .boards = SLOTS,
                                    .here = { .macs_per_s = RATE, .up_bytes_per_s = link, .down_bytes_per_s = link } };
        for (unsigned b = 0; b < SLOTS; b++) {
                speeds.board[b] = (hedged_speed_t){
                        .macs_per_s = RATE, .spread = spread, .up_bytes_per_s = link, .down_bytes_per_s = link
                };
                speeds.usable[b] = true;
        }
}

static hedged_model_t *make_model(void)
{
        hedge_manifest_t manifest = { 0 };
        hedged_model_t *model = NULL;
        hedge_why_t why = { "" };

        if (hedged_model_new(&config, &speeds, "alexnet", zoo_graph("alexnet", 1, 16), &manifest, kernels, &model,
                             &why) < 0)
                fail_msg("%s", why.text);
        return model;
}

/* All boards that are usable hold everything. */
static void hold_all(hedged_model_t *m)
{
        for (unsigned l = 0; l < m->n_layers; l++)
                for (unsigned v = 0; v < m->layers[l].n_variants; v++) {
                        uint64_t holders = 0;

                        for (unsigned b = 0; b < SLOTS; b++)
                                if (speeds.usable[b] && hedge_code_parts(m->layers[l].variants[v].code, b) > 0)
                                        holders |= UINT64_C(1) << b;
                        atomic_store(&m->layers[l].variants[v].holders[0], holders);
                }
}

static unsigned coded(hedged_model_t *m)
{
        unsigned n = 0;

        for (unsigned l = 0; l < m->n_layers; l++) {
                n += hedged_layer_variant(&m->layers[l]) != NULL;
                assert_true(hedged_layer_ready(&m->layers[l]));
        }
        return n;
}

static void layers_follow_the_links(void **state)
{
        (void)state;
        hedged_model_t *m;
        unsigned before;

        configure("");
        all_alike(LINK, 0.5);
        m = make_model();
        assert_true(m->n_layers >= 3);
        hold_all(m);
        before = coded(m);
        assert_true(before >= 3);
        assert_int_equal(hedged_model_replan(m, &speeds, true), 0);
        assert_int_equal(coded(m), before);
        all_alike(1e3, 0.5);
        assert_int_equal(hedged_model_replan(m, &speeds, true), 0);
        assert_int_equal(coded(m), 0);
        all_alike(LINK, 0.5);
        assert_int_equal(hedged_model_replan(m, &speeds, true), 0);
        assert_int_equal(coded(m), before);
        hedged_model_unref(&m);
}

/* With few boards left, what they can decode is used, or nothing. */
static void layers_follow_the_boards(void **state)
{
        (void)state;
        hedged_model_t *m;

        configure("");
        all_alike(LINK, 0.5);
        m = make_model();
        for (unsigned b = 2; b < SLOTS; b++)
                speeds.usable[b] = false;
        hold_all(m);
        assert_int_equal(hedged_model_replan(m, &speeds, true), 0);
        for (unsigned l = 0; l < m->n_layers; l++)
                if (hedged_layer_variant(&m->layers[l]))
                        assert_true(hedged_layer_variant(&m->layers[l])->cut.delta <= 2);
        for (unsigned b = 0; b < SLOTS; b++)
                speeds.usable[b] = false;
        assert_int_equal(hedged_model_replan(m, &speeds, true), 0);
        assert_int_equal(coded(m), 0);
        hedged_model_unref(&m);
}

static void the_simple_rule_stays(void **state)
{
        (void)state;
        hedged_model_t *m;
        unsigned before;

        configure(", cut: simple");
        all_alike(LINK, 0.5);
        m = make_model();
        hold_all(m);
        before = coded(m);
        assert_true(before > 0);
        assert_int_equal(m->layers[0].variants[0].cut.scheme, HEDGE_SCHEME_NSCTC);
        all_alike(1e3, 0.5);
        assert_int_equal(hedged_model_replan(m, &speeds, true), 0);
        assert_int_equal(coded(m), before);
        hedged_model_unref(&m);
}

/* The memory of all layers together, of what is always kept. */
static uint64_t kept_bytes(const hedged_model_t *m, unsigned board)
{
        uint64_t bytes = 0;

        for (unsigned l = 0; l < m->n_layers; l++)
                for (unsigned v = 0; v < m->layers[l].n_variants; v++)
                        if (!m->layers[l].variants[v].cut.enough)
                                bytes += hedged_variant_share_bytes(&m->layers[l].variants[v], board);
        return bytes;
}

static void share_bytes_bound_a_model(void **state)
{
        (void)state;
        hedged_model_t *m;
        uint64_t all = 0, limit;
        char plan[40];

        configure("");
        all_alike(LINK, 1);
        m = make_model();
        for (unsigned b = 0; b < SLOTS; b++)
                all = kept_bytes(m, b) > all ? kept_bytes(m, b) : all;
        hedged_model_unref(&m);
        limit = all / 2;
        assert_true(limit > 0);
        snprintf(plan, sizeof(plan), ", share_bytes: %llu", (unsigned long long)limit);
        configure(plan);
        m = make_model();
        assert_true(m->n_layers > 0);
        for (unsigned b = 0; b < SLOTS; b++)
                assert_true(kept_bytes(m, b) <= limit);
        hedged_model_unref(&m);
}

static bool same_digests(const hedged_model_t *a, const hedged_model_t *b)
{
        bool same = a->n_layers == b->n_layers;

        for (unsigned l = 0; same && l < a->n_layers; l++)
                for (unsigned i = 0; i < SLOTS; i++)
                        same = same && !memcmp(&a->layers[l].variants[0].digests[i],
                                               &b->layers[l].variants[0].digests[i], sizeof(hedge_digest_t));
        return same;
}

/* A restart makes the same shares, also when speeds have moved a little; other weights are other shares. */
static void shares_are_named_by_what_is_in_them(void **state)
{
        (void)state;
        hedged_model_t *a, *b, *c;

        configure(", scheme: krp, k_a: 2, k_b: 4");
        all_alike(LINK, 0.5);
        for (unsigned i = 0; i < 3; i++)
                speeds.board[i].macs_per_s *= 4;
        a = make_model();
        for (unsigned i = 0; i < SLOTS; i++)
                speeds.board[i].macs_per_s *= 1.01;
        b = make_model();
        speeds.board[1].macs_per_s /= 2;
        c = make_model();
        assert_true(a->layers[0].variants[0].cut.weighted);
        assert_true(same_digests(a, b));
        assert_false(same_digests(a, c));
        hedged_model_unref(&a);
        hedged_model_unref(&b);
        hedged_model_unref(&c);
}

static int open_kernels(void **state)
{
        (void)state;
        return hedge_kernels_new("plain", 1, &kernels);
}

static int close_kernels(void **state)
{
        (void)state;
        hedge_kernels_destroy(&kernels);
        hedged_config_release(&config);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(layers_follow_the_links),
                cmocka_unit_test(layers_follow_the_boards),
                cmocka_unit_test(the_simple_rule_stays),
                cmocka_unit_test(share_bytes_bound_a_model),
                cmocka_unit_test(shares_are_named_by_what_is_in_them),
        };

        return cmocka_run_group_tests(tests, open_kernels, close_kernels);
}
