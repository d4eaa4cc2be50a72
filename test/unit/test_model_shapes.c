/* SPDX-License-Identifier: Apache-2.0 */
/* A model in several shapes, as the coordinator serves it: what they share and what they may not, and which is asked for. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/model/onnx.h"
#include "daemon/models/registry.h"
#include "make_onnx.h"

#define SLOTS 4u

static hedged_config_t config;
static hedge_kernels_t *kernels;

/* A convolution over 1 x 2 x open x open. */
static hedged_model_t *make_model(const char *name, uint32_t height, uint32_t width)
{
        const hedge_input_shape_t stated = { "x", { 4, { 1, 2, height, width } } };
        const hedge_onnx_options_t options = { .shapes = &stated, .n_shapes = 1 };
        static const hedged_speeds_t speeds = { .boards = SLOTS };
        hedge_manifest_t manifest = { 0 };
        hedged_model_t *model = NULL;
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { "" };
        unsigned char *bytes;
        size_t size;
        make_t m;

        make_init(&m, 13);
        make_input(&m, "x", DIMS(1, 2, 0, 0));
        make_output(&m, "y");
        make_weights(&m, "w", DIMS(8, 2, 3, 3));
        make_node(&m, "Conv", "x w", "y");
        bytes = make_bytes(&m, &size);
        if (hedge_onnx_import(bytes, size, &options, &graph, &why) < 0)
                fail_msg("%s", why.text);
        make_free(&m);
        if (hedged_model_new(&config, &speeds, name, graph, &manifest, kernels, &model, &why) < 0)
                fail_msg("%s", why.text);
        assert_int_equal(model->n_layers, 1);
        return model;
}

static const hedge_digest_t *digests_of(const hedged_model_t *m)
{
        return m->layers[0].variants[0].digests;
}

/* A board keeps a share with the geometry of its parts: that of another shape is another share. The same shape is the same one. */
static void shares_are_for_a_shape(void **state)
{
        hedged_model_t *a = make_model("a", 12, 16), *b = make_model("b", 16, 12), *again = make_model("c", 12, 16);

        for (unsigned i = 0; i < SLOTS; i++) {
                for (unsigned j = 0; j < SLOTS; j++)
                        assert_memory_not_equal(&digests_of(a)[i], &digests_of(b)[j], sizeof(hedge_digest_t));
                assert_memory_equal(&digests_of(a)[i], &digests_of(again)[i], sizeof(hedge_digest_t));
        }
        hedged_model_unref(&a);
        hedged_model_unref(&b);
        hedged_model_unref(&again);
}

static void expect_order(const hedged_registry_t *r, const char *names)
{
        char found[64] = "";

        for (unsigned i = 0; i < r->count; i++)
                strcat(found, r->models[i]->name);
        assert_string_equal(found, names);
}

static void put(hedged_registry_t *r, const hedged_model_set_t *set, unsigned wanted)
{
        hedged_model_set_t replaced;

        assert_int_equal(hedged_registry_put(r, set, &replaced), 0);
        assert_int_equal(replaced.count, wanted);
        for (unsigned i = 0; i < replaced.count; i++)
                hedged_share_index_remove(&r->shares, replaced.models[i], NULL, NULL);
        hedged_model_set_unref(&replaced);
}

static void all_shapes_come_and_go_together(void **state)
{
        const hedge_shape_t first = { 4, { 1, 2, 12, 16 } }, second = { 4, { 1, 2, 16, 12 } },
                            none = { 4, { 1, 2, 9, 9 } };
        const hedged_model_set_t a = { { make_model("a", 8, 8) }, 1 }, c = { { make_model("c", 8, 8) }, 1 },
                                 two = { { make_model("b", 12, 16), make_model("b", 16, 12) }, 2 },
                                 three = { { make_model("b", 12, 16), make_model("b", 16, 12), make_model("b", 9, 7) },
                                           3 };
        hedged_registry_t r = { .max = 4 };
        hedged_model_set_t out;
        hedged_model_t *found;
        size_t shares;
        char text[100];

        put(&r, &a, 0);
        put(&r, &two, 0);
        put(&r, &c, 0);
        expect_order(&r, "abbc");
        found = hedged_registry_find(&r, "b");
        assert_ptr_equal(found, two.models[0]);
        assert_string_equal(hedged_model_shapes(found, text, sizeof(text)), "x=1x2x12x16");
        assert_ptr_equal(hedged_registry_next(&r, found), two.models[1]);
        assert_null(hedged_registry_next(&r, two.models[1]));
        assert_null(hedged_registry_next(&r, a.models[0]));
        assert_ptr_equal(hedged_registry_choose(&r, "b", &first, 1), two.models[0]);
        assert_ptr_equal(hedged_registry_choose(&r, "b", &second, 1), two.models[1]);
        assert_null(hedged_registry_choose(&r, "b", &none, 1));
        assert_null(hedged_registry_choose(&r, "b", NULL, 0));
        assert_null(hedged_registry_choose(&r, "absent", &first, 1));

        /* too many: all is as it was */
        shares = r.shares.count;
        assert_int_equal(hedged_registry_put(&r, &three, &out), HEDGE_ELIMIT);
        assert_int_equal(r.shares.count, shares);
        expect_order(&r, "abbc");
        r.max = 5;
        put(&r, &three, 2);
        expect_order(&r, "abbbc");

        hedged_registry_remove(&r, "b", &out);
        assert_int_equal(out.count, 3);
        for (unsigned i = 0; i < out.count; i++)
                hedged_share_index_remove(&r.shares, out.models[i], NULL, NULL);
        hedged_model_set_unref(&out);
        expect_order(&r, "ac");
        hedged_registry_remove(&r, "b", &out);
        assert_int_equal(out.count, 0);
        hedged_registry_release(&r);
}

static int set_up(void **state)
{
        static const char yaml[] = "cluster: {slots: 4}\nplan: {cut: simple, min_macs: 0, macs_per_entry: 0}\n";
        hedge_why_t why = { "" };

        if (sodium_init() < 0 || hedge_kernels_new("plain", 1, &kernels) < 0)
                return -1;
        return hedge_conf_parse(hedged_conf_rows, "test.yaml", yaml, strlen(yaml), &config, &why);
}

static int tear_down(void **state)
{
        hedge_kernels_destroy(&kernels);
        hedged_config_release(&config);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(shares_are_for_a_shape),
                cmocka_unit_test(all_shapes_come_and_go_together),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
