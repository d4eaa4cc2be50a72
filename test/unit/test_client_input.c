/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/input.h"
#include "client/media/npy.h"
#include "client/model_file.h"
#include "common/types/name.h"

static char folder[] = "/tmp/hedge-input-XXXXXX";
static char six[64], four[64], wide[64], text[64], grey[64];

static void write_tensor(const char *path, hedge_shape_t shape)
{
        float values[24];
        hedge_tensor_t tensor = { shape, values };
        FILE *out = fopen(path, "w");

        for (int i = 0; i < 24; i++)
                values[i] = (float)i;
        assert_non_null(out);
        assert_int_equal(hedgec_npy_write(&tensor, HEDGE_ELEMENT_FLOAT, out), 0);
        fclose(out);
}

static int make_files(void **state)
{
        FILE *out;

        if (!mkdtemp(folder))
                return -1;
        snprintf(six, sizeof(six), "%s/six.npy", folder);
        snprintf(four, sizeof(four), "%s/four.NPY", folder);
        snprintf(wide, sizeof(wide), "%s/a,b.npy", folder);
        snprintf(text, sizeof(text), "%s/text.png", folder);
        write_tensor(six, (hedge_shape_t){ 2, { 2, 3 } });
        write_tensor(four, (hedge_shape_t){ 3, { 1, 4, 1 } });
        write_tensor(wide, (hedge_shape_t){ 2, { 2, 3 } });
        snprintf(grey, sizeof(grey), "%s/grey", folder);
        out = fopen(grey, "w");
        fputs("P5 2 1 255\nab", out);
        fclose(out);
        out = fopen(text, "w");
        fputs("no picture at all, only a text that goes on and on", out);
        return fclose(out);
}

static int remove_files(void **state)
{
        unlink(six);
        unlink(four);
        unlink(wide);
        unlink(text);
        unlink(grey);
        return rmdir(folder);
}

static void test_extents_of_one_do_not_count(void **state)
{
        static const struct {
                hedge_shape_t a, b;
                int fits;
        } cases[] = {
                { { 2, { 28, 28 } }, { 4, { 1, 1, 28, 28 } }, 1 },
                { { 3, { 3, 1, 5 } }, { 4, { 1, 3, 5, 1 } }, 1 },
                { { 0, { 0 } }, { 2, { 1, 1 } }, 1 },
                { { 2, { 3, 5 } }, { 2, { 5, 3 } }, 0 },
                { { 1, { 15 } }, { 2, { 3, 5 } }, 0 },
                { { 3, { 3, 5, 2 } }, { 2, { 3, 5 } }, 0 },
                { { 3, { 224, 224, 3 } }, { 4, { 1, 3, 224, 224 } }, 0 },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_int_equal(hedgec_shape_fits(&cases[i].a, &cases[i].b), cases[i].fits);
                assert_int_equal(hedgec_shape_fits(&cases[i].b, &cases[i].a), cases[i].fits);
        }
}

static void test_a_tensor_takes_the_models_shape(void **state)
{
        hedge_shape_t wanted[] = { { 4, { 1, 2, 1, 3 } }, { 1, { 5 } } };
        hedge_tensor_t tensor = { .data = NULL };
        hedgec_form_t form;
        hedge_why_t why;

        assert_int_equal(hedgec_form_init(&form, wanted, 1), 0);
        assert_int_equal(hedgec_input_read(&form, six, &tensor, &why), 0);
        assert_true(hedge_shape_equal(&tensor.shape, &wanted[0]));
        assert_true(tensor.data[5] == 5);
        hedge_tensor_release(&tensor);
        /* A comma in a name parts nothing where there is one input. */
        assert_int_equal(hedgec_input_read(&form, wide, &tensor, &why), 0);
        hedge_tensor_release(&tensor);
        hedgec_form_release(&form);
        assert_int_equal(hedgec_form_init(&form, wanted + 1, 1), 0);
        assert_int_equal(hedgec_input_read(&form, six, &tensor, &why), HEDGE_ESHAPE);
        assert_non_null(strstr(why.text, "its shape is 2x3, the model wants 5"));
        hedgec_form_release(&form);
}

static void test_groups_are_counted(void **state)
{
        hedge_shape_t wanted[] = { { 2, { 2, 3 } }, { 1, { 4 } } };
        hedge_tensor_t tensors[2];
        char group[300];
        hedgec_form_t form;
        hedge_why_t why;

        assert_int_equal(hedgec_form_init(&form, wanted, 2), 0);
        snprintf(group, sizeof(group), "%s,%s", six, four);
        assert_int_equal(hedgec_input_read(&form, group, tensors, &why), 0);
        assert_true(hedge_shape_equal(&tensors[1].shape, &wanted[1]));
        hedge_tensor_release(&tensors[0]);
        hedge_tensor_release(&tensors[1]);
        assert_int_equal(hedgec_input_read(&form, six, tensors, &why), -EINVAL);
        assert_non_null(strstr(why.text, "the model has 2 inputs, here are 1"));
        assert_int_equal(strncmp(why.text, six, strlen(six)), 0);
        snprintf(group, sizeof(group), "%s,%s,%s", six, four, six);
        assert_int_equal(hedgec_input_read(&form, group, tensors, &why), -EINVAL);
        snprintf(group, sizeof(group), "%s,%s", six, six);
        assert_int_equal(hedgec_input_read(&form, group, tensors, &why), HEDGE_ESHAPE);
        snprintf(group, sizeof(group), "%s,%s/absent.npy", six, folder);
        assert_int_equal(hedgec_input_read(&form, group, tensors, &why), -ENOENT);
        hedgec_form_release(&form);
}

static void test_pictures_need_to_be_prepared(void **state)
{
        hedge_shape_t wanted = { 4, { 1, 32, 32, 3 } };
        hedge_tensor_t tensor;
        hedgec_form_t form;
        hedge_why_t why;

        assert_int_equal(hedgec_form_init(&form, &wanted, 1), 0);
        assert_int_equal(hedgec_input_read(&form, grey, &tensor, &why), -EINVAL);
        assert_non_null(strstr(why.text, "--preprocess none, imagenet or tf"));
        assert_int_equal(hedgec_form_use_preset(&form, "magic"), -EINVAL);
        assert_int_equal(hedgec_form_use_preset(&form, "tf"), 0);
        assert_true(form.preprocess.given && form.preprocess.nhwc);
        assert_true(hedgec_input_read(&form, text, &tensor, &why) < 0);
        assert_int_equal(strncmp(why.text, text, strlen(text)), 0);
        hedgec_form_release(&form);
}

static void test_models_are_named_after_their_files(void **state)
{
        static const struct {
                const char *path, *name;
        } cases[] = { { "squeezenet1.1-7.onnx", "squeezenet1.1-7" },
                      { "/a/b c/net v2.onnx", "net-v2" },
                      { "_.net.onnx", "net" },
                      { "plain", "plain" },
                      { "/nowhere/model.onnx", "model" } };
        char name[HEDGE_MODEL_NAME_MAX], path[300], nest[200];
        hedge_why_t why;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_int_equal(hedgec_model_default_name(cases[i].path, name, sizeof(name), &why), 0);
                assert_string_equal(name, cases[i].name);
                assert_true(hedge_name_ok(name));
        }
        assert_int_equal(hedgec_model_default_name("___.onnx", name, sizeof(name), &why), -EINVAL);
        memset(path, 'x', 64);
        strcpy(path + 64, ".onnx");
        assert_int_equal(hedgec_model_default_name(path, name, sizeof(name), &why), -EINVAL);
        /* model.onnx has its folder's name, of whatever path it was reached. */
        snprintf(nest, sizeof(nest), "%s/my net", folder);
        assert_int_equal(mkdir(nest, 0755), 0);
        snprintf(path, sizeof(path), "%s/my net/../my net/model.onnx", folder);
        fclose(fopen(path, "w"));
        assert_int_equal(hedgec_model_default_name(path, name, sizeof(name), &why), 0);
        assert_string_equal(name, "my-net");
        unlink(path);
        rmdir(nest);
}

static void test_models_are_found_in_the_repository(void **state)
{
        char models[200], one[200], file[300], path[PATH_MAX];
        hedge_why_t why;

        snprintf(models, sizeof(models), "%s/models", folder);
        snprintf(one, sizeof(one), "%s/models/one", folder);
        snprintf(file, sizeof(file), "%s/models/one/model.onnx", folder);
        mkdir(models, 0755);
        mkdir(one, 0755);
        fclose(fopen(file, "w"));
        assert_int_equal(hedgec_model_find("one", folder, path, sizeof(path), &why), 0);
        assert_string_equal(path, file);
        assert_int_equal(hedgec_model_find(six, NULL, path, sizeof(path), &why), 0);
        assert_string_equal(path, six);
        assert_int_equal(hedgec_model_find("no-such-model-anywhere", folder, path, sizeof(path), &why), -ENOENT);
        assert_non_null(strstr(why.text, "there is no file 'no-such-model-anywhere'"));
        unlink(file);
        rmdir(one);
        rmdir(models);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_extents_of_one_do_not_count),
                cmocka_unit_test(test_a_tensor_takes_the_models_shape),
                cmocka_unit_test(test_groups_are_counted),
                cmocka_unit_test(test_pictures_need_to_be_prepared),
                cmocka_unit_test(test_models_are_named_after_their_files),
                cmocka_unit_test(test_models_are_found_in_the_repository),
        };

        return cmocka_run_group_tests(tests, make_files, remove_files);
}
