/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/models/repository.h"

typedef struct folder {
        char path[64];
        char listed[256]; /* names, one behind the other */
} folder_t;

static int set_up(void **state)
{
        folder_t *f = calloc(1, sizeof(*f));

        strcpy(f->path, "/tmp/hedge-repository-XXXXXX");
        assert_non_null(mkdtemp(f->path));
        *state = f;
        return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
        return remove(path);
}

static int tear_down(void **state)
{
        folder_t *f = *state;

        nftw(f->path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(f);
        return 0;
}

static void note(void *arg, const char *name)
{
        folder_t *f = arg;

        strcat(f->listed, name);
        strcat(f->listed, " ");
}

static void expect_listed(folder_t *f, const char *names)
{
        f->listed[0] = '\0';
        assert_int_equal(hedged_repository_list(f->path, note, f), 0);
        assert_string_equal(f->listed, names);
}

static void store(folder_t *f, const char *name, const char *onnx, const char *manifest)
{
        hedge_why_t why;

        const hedged_stored_t model = { .onnx = onnx,
                                        .onnx_bytes = strlen(onnx),
                                        .manifest = manifest,
                                        .manifest_bytes = manifest ? strlen(manifest) : 0 };

        assert_int_equal(hedged_repository_store(f->path, name, &model, &why), 0);
}

/* text NULL: there is no such file. */
static void expect_file(folder_t *f, const char *name, const char *text)
{
        char path[256], got[256] = "";
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", f->path, name);
        file = fopen(path, "r");
        if (!text) {
                assert_null(file);
                return;
        }
        assert_non_null(file);
        assert_int_equal(fread(got, 1, sizeof(got) - 1, file), strlen(text));
        assert_string_equal(got, text);
        fclose(file);
}

static void make(folder_t *f, const char *name, bool is_folder)
{
        char path[256];

        snprintf(path, sizeof(path), "%s/%s", f->path, name);
        if (is_folder) {
                assert_int_equal(mkdir(path, 0700), 0);
        } else {
                FILE *file = fopen(path, "w");

                assert_non_null(file);
                fclose(file);
        }
}

static void a_stored_model_replaces_all_of_the_old_one(void **state)
{
        folder_t *f = *state;

        store(f, "net", "first", "scale: 1\n");
        expect_file(f, "net/model.onnx", "first");
        expect_file(f, "net/model.yaml", "scale: 1\n");
        store(f, "net", "second", NULL);
        expect_file(f, "net/model.onnx", "second");
        expect_file(f, "net/model.yaml", NULL);
        assert_true(hedged_repository_has(f->path, "net"));
        expect_listed(f, "net ");
        expect_file(f, ".net.new", NULL);
}

/* Shapes stay with the model that they were stated for, and go with it. */
static void shapes_are_noted(void **state)
{
        const hedge_input_shape_t shapes[] = { { "x", { 2, { 1, 3 } } }, { "x", { 2, { 1, 4 } } } };
        const hedged_stored_t model = { .onnx = "onnx", .onnx_bytes = 4, .shapes = shapes, .n_shapes = 2 };
        folder_t *f = *state;
        hedge_manifest_t manifest;
        hedge_why_t why;

        assert_int_equal(hedged_repository_store(f->path, "net", &model, &why), 0);
        expect_file(f, "net/shapes", "x=1x3\nx=1x4\n");
        assert_int_equal(hedged_repository_set_shapes(f->path, "net", shapes + 1, 1, &why), 0);
        expect_file(f, "net/shapes", "x=1x4\n");
        assert_int_equal(hedged_repository_manifest(f->path, "net", &manifest, &why), 0);
        assert_int_equal(manifest.n_shapes, 1);
        assert_memory_equal(manifest.shapes, shapes + 1, sizeof(shapes[0]));
        hedge_manifest_release(&manifest);
        store(f, "net", "other", NULL);
        expect_file(f, "net/shapes", NULL);
        assert_int_equal(hedged_repository_set_shapes(f->path, "absent", shapes, 1, &why), -ENOENT);
        assert_non_null(strstr(why.text, "cannot note the shapes in"));
}

static void what_a_power_cut_left_is_cleared(void **state)
{
        folder_t *f = *state;

        make(f, ".net.new", true);
        make(f, ".net.new/model.onnx", false);
        make(f, ".net.new/rest", false);
        expect_listed(f, "");
        store(f, "net", "whole", NULL);
        expect_file(f, "net/model.onnx", "whole");
        expect_file(f, "net/rest", NULL);
        expect_file(f, ".net.new", NULL);
}

static void a_store_that_fails_keeps_the_old_one(void **state)
{
        folder_t *f = *state;
        struct rlimit before, full;
        hedge_why_t why;
        int r;

        store(f, "net", "old", "scale: 1\n");
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        full = before;
        full.rlim_cur = 4; /* as if the disk were full */
        signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
        r = hedged_repository_store(f->path, "net", &(hedged_stored_t){ .onnx = "longer than this", .onnx_bytes = 16 },
                                    &why);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(r, -EFBIG);
        assert_non_null(strstr(why.text, "cannot store"));
        expect_file(f, "net/model.onnx", "old");
        expect_file(f, "net/model.yaml", "scale: 1\n");
        expect_file(f, ".net.new/model.onnx", NULL);
}

/* A model's folder may be a link: what it leads to is the user's. */
static void links_are_replaced_and_not_followed(void **state)
{
        folder_t *f = *state;
        char path[256];

        store(f, "real", "real", NULL);
        make(f, "real/folder", true);
        snprintf(path, sizeof(path), "%s/net", f->path);
        assert_int_equal(symlink("real", path), 0);
        store(f, "net", "new", NULL);
        expect_file(f, "net/model.onnx", "new");
        expect_file(f, "real/model.onnx", "real");
        store(f, "real", "newer", NULL); /* a folder within goes with it */
        expect_file(f, "real/model.onnx", "newer");
        store(f, "real", "newest", NULL);
        expect_file(f, "real/model.onnx", "newest");
}

static void models_out_of_service_stay_so(void **state)
{
        folder_t *f = *state;

        store(f, "b", "b", NULL);
        store(f, "a", "a", NULL);
        expect_listed(f, "a b ");
        assert_int_equal(hedged_repository_set_loaded(f->path, "a", false), 0);
        assert_int_equal(hedged_repository_set_loaded(f->path, "a", false), 0);
        expect_listed(f, "b ");
        assert_true(hedged_repository_has(f->path, "a"));
        assert_int_equal(hedged_repository_set_loaded(f->path, "a", true), 0);
        assert_int_equal(hedged_repository_set_loaded(f->path, "a", true), 0);
        expect_listed(f, "a b ");
        assert_int_equal(hedged_repository_set_loaded(f->path, "b", false), 0);
        store(f, "b", "again", NULL); /* is in service */
        expect_listed(f, "a b ");
        assert_int_equal(hedged_repository_set_loaded(f->path, "none", false), -ENOENT);
}

static void only_models_are_listed(void **state)
{
        folder_t *f = *state;

        make(f, "empty", true);
        make(f, "file", false);
        make(f, ".hidden", true);
        make(f, ".hidden/model.onnx", false);
        make(f, "sp ace", true);
        make(f, "sp ace/model.onnx", false);
        expect_listed(f, "");
        assert_false(hedged_repository_has(f->path, "empty"));
        assert_int_equal(hedged_repository_list("/nowhere/at/all", note, f), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(shapes_are_noted),
                TEST(a_stored_model_replaces_all_of_the_old_one),
                TEST(what_a_power_cut_left_is_cleared),
                TEST(a_store_that_fails_keeps_the_old_one),
                TEST(links_are_replaced_and_not_followed),
                TEST(models_out_of_service_stay_so),
                TEST(only_models_are_listed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
