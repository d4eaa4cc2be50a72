/* SPDX-License-Identifier: Apache-2.0 */
/* The ONNX project's own cases (Debian: libonnx-testdata) on every back end of this build, and as they travel to boards: those of operators
 * that hedge has. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/engine/engine.h"
#include "common/model/literal.h"
#include "common/model/onnx.h"
#include "common/model/operators.h"
#include "common/model/proto.h"
#include "test/unit/pack_bed.h"

#define DATA_DIR   "/usr/share/libonnx-testdata/data"
#define MAX_INPUTS 16

/* Single operators of the newest opset packaged; what PyTorch wrote of opset 6; small graphs. */
static const char *const folders[] = { "node", "pytorch-converted", "pytorch-operator", "simple" };

/* Those that do not pass, and why. One that begins to pass, or is gone, fails the test. */
static const struct {
        const char *name, *why;
} exceptions[] = {
        { "test_batchnorm_epsilon_training_mode", "training" },
        { "test_batchnorm_example_training_mode", "training" },
        { "test_blackmanwindow_expanded", "the answer takes pi for 3.1415" },
        { "test_blackmanwindow_symmetric_expanded", "the answer takes pi for 3.1415" },
        { "test_cast_BFLOAT16_to_FLOAT", "the files hold bfloat16 as UINT16" },
        { "test_cast_FLOAT_to_BFLOAT16", "the files hold bfloat16 as UINT16" },
        { "test_cast_FLOAT_to_STRING", "strings" },
        { "test_cast_STRING_to_FLOAT", "strings" },
        { "test_castlike_BFLOAT16_to_FLOAT", "the files hold bfloat16 as UINT16" },
        { "test_castlike_BFLOAT16_to_FLOAT_expanded", "the files hold bfloat16 as UINT16" },
        { "test_castlike_FLOAT_to_BFLOAT16", "the files hold bfloat16 as UINT16" },
        { "test_castlike_FLOAT_to_BFLOAT16_expanded", "the files hold bfloat16 as UINT16" },
        { "test_castlike_FLOAT_to_STRING", "strings" },
        { "test_castlike_FLOAT_to_STRING_expanded", "strings" },
        { "test_castlike_STRING_to_FLOAT", "strings" },
        { "test_castlike_STRING_to_FLOAT_expanded", "strings" },
        { "test_constantofshape_int_shape_zero", "an empty tensor" },
        { "test_hammingwindow_expanded", "the answer takes pi for 3.1415" },
        { "test_hammingwindow_symmetric_expanded", "the answer takes pi for 3.1415" },
        { "test_hannwindow_expanded", "the answer takes pi for 3.1415" },
        { "test_hannwindow_symmetric_expanded", "the answer takes pi for 3.1415" },
        { "test_gridsample_bicubic", "what is expected has four digits" },
        { "test_identity_opt", "an optional value or a sequence, not a tensor" },
        { "test_identity_sequence", "an optional value or a sequence, not a tensor" },
        { "test_if_opt", "an optional value or a sequence, not a tensor" },
        { "test_if_seq", "an optional value or a sequence, not a tensor" },
        { "test_nllloss_NCd1d2d3d4d5_mean_weight_expanded", "more than six axes" },
        { "test_nllloss_NCd1d2d3d4d5_none_no_weight_expanded", "more than six axes" },
        { "test_reshape_allowzero_reordered", "an empty tensor" },
        { "test_resize_downsample_scales_cubic_align_corners",
          "ONNX divides by the fractional extent, hedge (as ONNX Runtime) by the whole one" },
        { "test_resize_downsample_scales_linear_align_corners",
          "ONNX divides by the fractional extent, hedge (as ONNX Runtime) by the whole one" },
        { "test_slice_start_out_of_bounds", "an empty tensor" },
        { "test_split_zero_size_splits", "an empty tensor" },
        { "test_training_dropout", "training" },
        { "test_training_dropout_default", "training" },
        { "test_training_dropout_default_mask", "training" },
        { "test_training_dropout_mask", "training" },
        { "test_tril_zero", "an empty tensor" },
        { "test_triu_zero", "an empty tensor" },
};

/* Debian 12's libonnx-testdata has this many of ours; fewer means that some were lost. */
#define OURS_AT_LEAST 874

typedef struct file {
        char *bytes;
        size_t size;
} file_t;

static file_t read_file(const char *format, ...) __attribute__((format(printf, 1, 2)));

static file_t read_file(const char *format, ...)
{
        file_t file = { NULL, 0 };
        char path[512];
        va_list args;
        FILE *f;

        va_start(args, format);
        vsnprintf(path, sizeof(path), format, args);
        va_end(args);
        f = fopen(path, "rb");
        if (!f)
                return file;
        fseek(f, 0, SEEK_END);
        file.size = (size_t)ftell(f);
        rewind(f);
        file.bytes = malloc(file.size + 1);
        assert_non_null(file.bytes);
        assert_int_equal(fread(file.bytes, 1, file.size, f), file.size);
        fclose(f);
        return file;
}

/* A case is ours if hedge has all its operators, of whatever opset. */
static bool is_ours(const Onnx__GraphProto *graph)
{
        for (size_t i = 0; i < graph->n_node; i++)
                if ((graph->node[i]->domain && graph->node[i]->domain[0]) ||
                    !hedge_operator_find(graph->node[i]->op_type))
                        return false;
        return graph->n_node > 0;
}

/* One case: its files, and which inputs the importer gets as constants. */
typedef struct sample {
        const char *folder, *name;
        file_t model;
        hedge_proto_t *proto;
        const Onnx__GraphProto *graph;
        file_t inputs[MAX_INPUTS];
        size_t n_inputs;
} sample_t;

static void open_sample(const char *folder, const char *name, sample_t *s)
{
        hedge_why_t why = { { 0 } };

        *s = (sample_t){ .folder = folder, .name = name };
        s->model = read_file(DATA_DIR "/%s/%s/model.onnx", folder, name);
        assert_non_null(s->model.bytes);
        if (hedge_proto_unpack(s->model.bytes, s->model.size, &onnx__model_proto__descriptor, &s->proto, &why) < 0)
                fail_msg("%s: %s", name, why.text);
        s->graph = hedge_proto_model(s->proto)->graph;
        for (; s->n_inputs < s->graph->n_input && s->n_inputs < MAX_INPUTS; s->n_inputs++) {
                size_t i = s->n_inputs;

                s->inputs[i] = read_file(DATA_DIR "/%s/%s/test_data_set_0/input_%zu.pb", folder, name, i);
                if (!s->inputs[i].bytes)
                        break;
        }
}

static void close_sample(sample_t *s)
{
        for (size_t i = 0; i < s->n_inputs; i++)
                free(s->inputs[i].bytes);
        free(s->model.bytes);
        hedge_proto_destroy(&s->proto);
}

static bool is_float(const Onnx__ValueInfoProto *info)
{
        return info->type && info->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE &&
               hedge_element_is_float(info->type->tensor_type->elem_type);
}

/* Float types that hedge computes in float32 agree to their own precision, integers exactly. */
static float tolerance(const Onnx__ValueInfoProto *info)
{
        int type = info->type->tensor_type->elem_type;

        if (hedge_element_is_integer(type))
                return 0;
        return type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16    ? 2e-3f
               : type == ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16 ? 1e-2f
                                                                 : 1e-5f;
}

static int compare(const sample_t *s, size_t i, const hedge_tensor_t *out, char *why, size_t size)
{
        file_t file = read_file(DATA_DIR "/%s/%s/test_data_set_0/output_%zu.pb", s->folder, s->name, i);
        hedge_tensor_t want = { { 0 }, NULL };
        hedge_why_t detail = { { 0 } };
        char a[80], b[80];
        int r = file.bytes ? hedge_onnx_tensor(file.bytes, file.size, &want, &detail) : -1;

        free(file.bytes);
        if (r < 0) {
                snprintf(why, size, "output %zu: %s", i, detail.text);
                return -1;
        }
        if (!hedge_shape_equal(&out->shape, &want.shape)) {
                snprintf(why, size, "shape %s instead of %s", hedge_shape_text(&out->shape, a, sizeof(a)),
                         hedge_shape_text(&want.shape, b, sizeof(b)));
                r = -1;
        }
        for (size_t k = 0, n = r == 0 ? hedge_shape_elements(&want.shape) : 0; k < n; k++) {
                float limit = 1e-6f + tolerance(s->graph->output[i]) * (1 + fabsf(want.data[k]));

                if (!(fabsf(out->data[k] - want.data[k]) <= limit) && out->data[k] != want.data[k] &&
                    !(isnan(out->data[k]) && isnan(want.data[k]))) {
                        snprintf(why, size, "element %zu is %g instead of %g", k, (double)out->data[k],
                                 (double)want.data[k]);
                        r = -1;
                        break;
                }
        }
        hedge_tensor_release(&want);
        return r;
}

/* Run an imported case on one back end. */
static int run(const sample_t *s, const hedge_graph_t *g, const char *backend, const bool *bound, char *why,
               size_t size)
{
        hedge_tensor_t in[MAX_INPUTS] = { { { 0 }, NULL } }, out[MAX_INPUTS] = { { { 0 }, NULL } };
        hedge_kernels_t *kernels = NULL;
        hedge_engine_t *engine = NULL;
        hedge_why_t detail = { { 0 } };
        uint32_t n = 0;
        int r;

        assert_int_equal(hedge_kernels_new(backend, 1, &kernels), 0);
        assert_int_equal(hedge_engine_new(g, kernels, &engine), 0);
        for (size_t i = 0; i < s->n_inputs; i++)
                if (!bound[i])
                        assert_int_equal(hedge_onnx_tensor(s->inputs[i].bytes, s->inputs[i].size, &in[n++], &detail),
                                         0);
        assert_int_equal(n, g->n_inputs);
        assert_true(g->n_outputs <= MAX_INPUTS);
        r = hedge_engine_run(engine, in, NULL, NULL, out);
        if (r < 0)
                snprintf(why, size, "%s", hedge_strerror(r));
        for (uint32_t i = 0; r == 0 && i < g->n_outputs; i++)
                r = compare(s, i, &out[i], why, size);
        for (size_t i = 0; i < MAX_INPUTS; i++) {
                hedge_tensor_release(&in[i]);
                hedge_tensor_release(&out[i]);
        }
        hedge_engine_destroy(&engine);
        hedge_kernels_destroy(&kernels);
        return r;
}

/* As a board gets it: packed, unpacked, and lent its constants. */
static int run_sent(const sample_t *s, const hedge_graph_t *g, const bool *bound, char *why, size_t size)
{
        hedge_graph_t *copy = sent(g);
        int r = run(s, copy, "plain", bound, why, size);

        same_graph(g, copy);
        hedge_graph_destroy(&copy);
        return r;
}

/* @return 0 if the case passes everywhere, 1 if it is refused at import, -1 if it is wrong. */
static int try_sample(const sample_t *s, const bool *bound, char *why, size_t size)
{
        hedge_onnx_binding_t bindings[MAX_INPUTS];
        hedge_onnx_options_t options = { .bindings = bindings };
        hedge_graph_t *graph = NULL;
        hedge_why_t detail = { { 0 } };
        int r;

        for (size_t i = 0; i < s->n_inputs; i++)
                if (bound[i])
                        bindings[options.n_bindings++] =
                                (hedge_onnx_binding_t){ s->graph->input[i]->name, s->inputs[i].bytes,
                                                        s->inputs[i].size };
        r = hedge_onnx_import(s->model.bytes, s->model.size, &options, &graph, &detail);
        if (r < 0) {
                snprintf(why, size, "%s", detail.text);
                return 1;
        }
        for (const char *const *b = hedge_kernels_available(); r == 0 && *b; b++)
                r = run(s, graph, *b, bound, why, size);
        if (r == 0)
                r = run_sent(s, graph, bound, why, size);
        hedge_graph_destroy(&graph);
        return r;
}

/* Are these operators taken only with constant inputs (Range)? */
static bool only_for_constants(const Onnx__GraphProto *graph)
{
        for (size_t i = 0; i < graph->n_node; i++)
                if (hedge_operator_find(graph->node[i]->op_type)->import)
                        return false;
        return true;
}

/* Inputs given at run time where that is possible, and as constants, all but the first: both must be right. */
static bool passes(const sample_t *s, char *why, size_t size)
{
        bool bound[MAX_INPUTS] = { false };
        int at_run_time = try_sample(s, bound, why, size), constant;

        for (size_t i = 0; i < s->n_inputs; i++)
                bound[i] = i > 0 || !is_float(s->graph->input[i]);
        if (at_run_time < 0)
                return false;
        constant = try_sample(s, bound, why, size);
        if (constant < 0 || at_run_time == 0 || constant == 0)
                return constant >= 0;
        memset(bound, 1, sizeof(bound));
        return only_for_constants(s->graph) && try_sample(s, bound, why, size) == 0;
}

static const char *exception(const char *name, bool *seen)
{
        for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++)
                if (strcmp(exceptions[i].name, name) == 0) {
                        seen[i] = true;
                        return exceptions[i].why;
                }
        return NULL;
}

static int not_hidden(const struct dirent *entry)
{
        return entry->d_name[0] != '.';
}

typedef struct tally {
        bool seen[sizeof(exceptions) / sizeof(exceptions[0])];
        unsigned passed, excepted, other, wrong;
} tally_t;

static void try_case(const char *folder, const char *name, tally_t *t)
{
        char why[600] = "";
        const char *reason;
        sample_t s;
        bool ok;

        open_sample(folder, name, &s);
        if (!is_ours(s.graph)) {
                t->other++;
                close_sample(&s);
                return;
        }
        ok = passes(&s, why, sizeof(why));
        reason = exception(name, t->seen);
        t->passed += ok && !reason;
        t->excepted += !ok && reason;
        if (ok != !reason) {
                print_error("%s/%s: %s\n", folder, name, ok ? "passes, but is listed as an exception" : why);
                t->wrong++;
        }
        close_sample(&s);
}

static void try_folder(const char *folder, tally_t *t)
{
        struct dirent **entries;
        char path[512];
        int n;

        snprintf(path, sizeof(path), DATA_DIR "/%s", folder);
        n = scandir(path, &entries, not_hidden, alphasort);
        if (n < 0) {
                print_message("SKIP: %s is not there (Debian: libonnx-testdata)\n", path);
                skip();
        }
        for (int i = 0; i < n; i++) {
                try_case(folder, entries[i]->d_name, t);
                free(entries[i]);
        }
        free(entries);
}

static void test_every_case(void **state)
{
        tally_t t = { .passed = 0 };

        for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
                try_folder(folders[i], &t);
        for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++)
                if (!t.seen[i]) {
                        print_error("%s: listed as an exception, but not there\n", exceptions[i].name);
                        t.wrong++;
                }
        print_message("%u cases pass, %u do not for the reasons listed, %u are of other operators\n", t.passed,
                      t.excepted, t.other);
        assert_int_equal(t.wrong, 0);
        assert_true(t.passed + t.excepted >= OURS_AT_LEAST);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_case),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
