/* SPDX-License-Identifier: Apache-2.0 */
/* Models whose tensors lie in files beside them. */
#include "test/unit/onnx_bed.h"

#include <errno.h>
#include <sys/stat.h>

#include "common/io/file.h"
#include "common/io/folder.h"

#define OFFSET 64 /* of the weights in their file */

static char dir[] = "/tmp/hedge-external-XXXXXX";

static const char *path_of(const char *name)
{
        static char path[256];

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        return path;
}

static void write_file(const char *name, const void *bytes, size_t size)
{
        FILE *f = fopen(path_of(name), "wb");

        assert_non_null(f);
        assert_int_equal(fwrite(bytes, 1, size, f), size);
        assert_int_equal(fclose(f), 0);
}

/* What a tensor says of where its data is; NULL: it does not say that. */
typedef struct said {
        const char *location, *offset, *length;
} said_t;

static void say(Onnx__TensorProto *tensor, Onnx__StringStringEntryProto *entries, Onnx__StringStringEntryProto **list,
                const said_t *said)
{
        const char *const keys[] = { "location", "offset", "length" };
        const char *const values[] = { said->location, said->offset, said->length };

        tensor->external_data = list;
        for (size_t i = 0; i < 3; i++) {
                if (!values[i])
                        continue;
                onnx__string_string_entry_proto__init(&entries[i]);
                entries[i].key = (char *)(uintptr_t)keys[i];
                entries[i].value = (char *)(uintptr_t)values[i];
                list[tensor->n_external_data++] = &entries[i];
        }
        tensor->has_data_location = 1;
        tensor->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
}

/* y = x + w with w = 1, 2, 3, 4, which is in the file or, with `said`, beside it. */
static void write_model(const char *name, const said_t *said, bool keep)
{
        const float w[] = { 1, 2, 3, 4 };
        Onnx__StringStringEntryProto entries[3], *list[3];
        Onnx__TensorProto *tensor;
        unsigned char *bytes;
        size_t size;
        make_t m;

        start(&m, DIMS(4));
        tensor = make_floats(&m, "w", DIMS(4), w);
        if (said)
                say(tensor, entries, list, said);
        if (said && !keep) {
                tensor->has_raw_data = 0;
        }
        make_node(&m, "Add", "x w", "y");
        bytes = make_bytes(&m, &size);
        write_file(name, bytes, size);
        tensor->external_data = NULL;
        tensor->n_external_data = 0;
        make_free(&m);
}

static void write_weights(const char *name)
{
        unsigned char bytes[OFFSET + 16 + 5] = { 0 };

        memcpy(bytes + OFFSET, (const float[]){ 1, 2, 3, 4 }, 16);
        write_file(name, bytes, sizeof(bytes));
}

static void gives_the_sum(hedge_graph_t *graph)
{
        float x[16] = { 10, 20, 30, 40 }; /* with the slack of a back end that reads on */
        hedge_tensor_t in = { { 1, { 4 } }, x }, out = { { 0 }, NULL };
        hedge_kernels_t *kernels;
        hedge_engine_t *engine;

        assert_int_equal(hedge_kernels_new("plain", 1, &kernels), 0);
        assert_int_equal(hedge_engine_new(graph, kernels, &engine), 0);
        assert_int_equal(hedge_engine_run(engine, &in, NULL, NULL, &out), 0);
        for (int i = 0; i < 4; i++)
                assert_true(out.data[i] == (float)(11 * (i + 1)));
        hedge_tensor_release(&out);
        hedge_engine_destroy(&engine);
        hedge_kernels_destroy(&kernels);
        hedge_graph_destroy(&graph);
}

static void loads(const char *name)
{
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { { 0 } };

        if (hedge_onnx_load(path_of(name), NULL, &graph, &why) < 0)
                fail_msg("%s", why.text);
        gives_the_sum(graph);
}

static void is_read_from_the_folder(void **state)
{
        write_weights("model.data");
        assert_int_equal(mkdir(path_of("below"), 0755), 0);
        write_weights("below/model.data");
        write_model("a.onnx", &(said_t){ "model.data", "64", "16" }, false);
        loads("a.onnx");
        write_model("b.onnx", &(said_t){ "./below/model.data", "64", "16" }, false);
        loads("b.onnx");
        write_file("plain.data", (const float[]){ 1, 2, 3, 4 }, 16);
        write_model("c.onnx", &(said_t){ "plain.data", NULL, NULL }, false);
        loads("c.onnx");
}

/* One file with all in it, which needs no folder, is the same model. */
static void is_gathered_to_be_sent(void **state)
{
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { { 0 } };
        char *bytes = NULL, *file = NULL, untouched;
        size_t size = 0, file_size;

        write_weights("model.data");
        write_model("a.onnx", &(said_t){ "model.data", "64", "16" }, false);
        assert_int_equal(hedge_onnx_gather(path_of("a.onnx"), 1000, &bytes, &size, &why), 0);
        assert_non_null(bytes);
        assert_int_equal(hedge_onnx_import(bytes, size, NULL, &graph, &why), 0);
        gives_the_sum(graph);
        assert_int_equal(hedge_io_read_file(path_of("a.onnx"), 1000, &file, &file_size), 0);
        assert_true(hedge_onnx_may_be_split(file, file_size));
        assert_int_equal(hedge_onnx_import(file, file_size, NULL, &graph, &why), HEDGE_EUNSUPPORTED);
        assert_non_null(strstr(why.text, "tensor 'w' keeps its data in another file"));
        free(file);
        free(bytes);
        assert_int_equal(hedge_onnx_gather(path_of("a.onnx"), file_size + 15, &bytes, &size, &why), HEDGE_ELIMIT);
        write_model("whole.onnx", NULL, false);
        bytes = &untouched;
        assert_int_equal(hedge_onnx_gather(path_of("whole.onnx"), 1000, &bytes, &size, &why), 0);
        assert_null(bytes);
        assert_int_equal(hedge_io_read_file(path_of("whole.onnx"), 1000, &file, &file_size), 0);
        assert_false(hedge_onnx_may_be_split(file, file_size));
        free(file);
}

/* Models of one file with different weights beside it are not the same model. */
static void has_a_digest_of_all(void **state)
{
        hedge_graph_t *a = NULL, *b = NULL;
        float other[] = { 1, 2, 3, 5 };

        write_model("a.onnx", &(said_t){ "model.data", NULL, NULL }, false);
        write_file("model.data", (const float[]){ 1, 2, 3, 4 }, 16);
        assert_int_equal(hedge_onnx_load(path_of("a.onnx"), NULL, &a, NULL), 0);
        write_file("model.data", other, 16);
        assert_int_equal(hedge_onnx_load(path_of("a.onnx"), NULL, &b, NULL), 0);
        assert_memory_not_equal(a->digest, b->digest, sizeof(a->digest));
        hedge_graph_destroy(&a);
        hedge_graph_destroy(&b);
}

static void is_refused(void **state)
{
        static const struct {
                said_t said;
                bool keep;
                int code;
                const char *words;
        } cases[] = {
                { { "/etc/hostname", NULL, NULL }, false, HEDGE_EDENIED, "only files in the model's folder" },
                { { "../model.data", NULL, NULL }, false, HEDGE_EDENIED, "only files in the model's folder" },
                { { "below/../../x", NULL, NULL }, false, HEDGE_EDENIED, "only files in the model's folder" },
                { { "link.data", "64", "16" }, false, HEDGE_EDENIED, "only files in the model's folder" },
                { { "absent.data", NULL, NULL }, false, -ENOENT, "'w' cannot be read from 'absent.data'" },
                { { "below", NULL, NULL }, false, -EISDIR, "'w' cannot be read from 'below'" },
                { { NULL, "64", "16" }, false, HEDGE_EMALFORMED, "does not say in which" },
                { { "", "64", "16" }, false, HEDGE_EMALFORMED, "does not say in which" },
                { { "model.data", "64", "22" }, false, HEDGE_EMALFORMED, "goes beyond the end of 'model.data'" },
                { { "model.data", "86", NULL }, false, HEDGE_EMALFORMED, "goes beyond the end of 'model.data'" },
                { { "model.data", "18446744073709551615", "16" }, false, HEDGE_EMALFORMED, "goes beyond the end" },
                { { "model.data", "64", "18446744073709551615" }, false, HEDGE_EMALFORMED, "goes beyond the end" },
                { { "model.data", "99999999999999999999999", NULL }, false, HEDGE_EMALFORMED, "for the offset" },
                { { "model.data", "-1", NULL }, false, HEDGE_EMALFORMED, "has '-1' for the offset" },
                { { "model.data", "64", "16 " }, false, HEDGE_EMALFORMED, "has '16 ' for the length" },
                { { "model.data", "64", "12" }, false, HEDGE_EMALFORMED, "should have 4 elements and has 3" },
                { { "model.data", "64", "16" }, true, HEDGE_EMALFORMED, "both here and elsewhere" },
        };
        hedge_graph_t *graph = NULL;

        write_weights("model.data");
        mkdir(path_of("below"), 0755);
        assert_int_equal(symlink("model.data", path_of("link.data")), 0);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                hedge_why_t why = { { 0 } };
                int r;

                write_model("a.onnx", &cases[i].said, cases[i].keep);
                r = hedge_onnx_load(path_of("a.onnx"), NULL, &graph, &why);
                if (r != cases[i].code || !strstr(why.text, cases[i].words) || !strstr(why.text, "a.onnx: "))
                        fail_msg("case %zu: %d '%s' instead of %d '%s'", i, r, why.text, cases[i].code, cases[i].words);
        }
}

static int make_folder(void **state)
{
        return mkdtemp(dir) ? 0 : -1;
}

static int remove_folder(void **state)
{
        return hedge_io_remove_folder(dir);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(is_read_from_the_folder),
                cmocka_unit_test(is_gathered_to_be_sent),
                cmocka_unit_test(has_a_digest_of_all),
                cmocka_unit_test(is_refused),
        };

        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
