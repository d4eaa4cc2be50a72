/* SPDX-License-Identifier: Apache-2.0 */
/* Which shape of a model an input is for, and which shape it gives to a model that is open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/forms.h"
#include "client/shape_of_input.h"
#include "client/shapes.h"

static char name[] = "input";
static char *names[] = { name, name };

static hedgec_input_file_t picture(uint32_t width, uint32_t height)
{
        return (hedgec_input_file_t){ .is_picture = true,
                                      .picture = { .width = width, .height = height, .channels = 3 } };
}

static hedgec_input_file_t tensor(hedge_shape_t shape)
{
        return (hedgec_input_file_t){ .tensor = { .shape = shape } };
}

static void test_pictures_go_where_they_fit(void **state)
{
        /* height x width: two of one ratio, a square, a wide one */
        hedge_shape_t shapes[] = { { 4, { 1, 3, 300, 400 } },
                                   { 4, { 1, 3, 600, 800 } },
                                   { 4, { 1, 3, 500, 500 } },
                                   { 4, { 1, 3, 100, 300 } } };
        static const struct {
                uint32_t width, height;
                unsigned form;
        } cases[] = {
                { 400, 300, 0 }, { 401, 301, 1 }, { 800, 600, 1 }, { 8000, 6000, 1 }, { 4, 3, 0 },   { 10, 10, 2 },
                { 9, 10, 2 },    { 10, 90, 2 },   { 90, 10, 3 },   { 300, 100, 3 },   { 40, 31, 0 }, { 1, 1, 2 },
        };
        hedgec_form_t forms[4] = { 0 };
        hedge_why_t why;

        for (unsigned i = 0; i < 4; i++)
                forms[i] = (hedgec_form_t){ .n_inputs = 1, .shapes = &shapes[i] };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                hedgec_input_file_t file = picture(cases[i].width, cases[i].height);
                const hedgec_input_t input = { .names = names, .files = &file, .n = 1 };
                unsigned form = 9;

                assert_int_equal(hedgec_forms_choose(forms, 4, &input, &form, &why), 0);
                if (form != cases[i].form)
                        fail_msg("%ux%u goes to %u and not %u", cases[i].width, cases[i].height, form, cases[i].form);
        }
}

static void test_channels_last(void **state)
{
        hedge_shape_t shapes[] = { { 4, { 1, 40, 20, 3 } }, { 3, { 20, 40, 3 } } };
        hedgec_form_t forms[2] = { { .n_inputs = 1, .shapes = &shapes[0], .preprocess.nhwc = true },
                                   { .n_inputs = 1, .shapes = &shapes[1], .preprocess.nhwc = true } };
        hedgec_input_file_t file = picture(400, 200);
        const hedgec_input_t input = { .names = names, .files = &file, .n = 1 };
        unsigned form = 9;

        assert_int_equal(hedgec_forms_choose(forms, 2, &input, &form, NULL), 0);
        assert_int_equal(form, 1);
        file = picture(200, 400);
        assert_int_equal(hedgec_forms_choose(forms, 2, &input, &form, NULL), 0);
        assert_int_equal(form, 0);
}

static void test_tensors_go_where_they_are_equal(void **state)
{
        hedge_shape_t shapes[] = { { 4, { 1, 3, 4, 5 } }, { 4, { 1, 3, 5, 4 } }, { 4, { 1, 3, 9, 9 } } };
        hedge_shape_t pairs[][2] = { { { 4, { 1, 3, 8, 8 } }, { 1, { 4 } } }, { { 4, { 1, 3, 4, 4 } }, { 1, { 5 } } } };
        hedgec_form_t forms[3] = { 0 },
                      two[2] = { { .n_inputs = 2, .shapes = pairs[0] }, { .n_inputs = 2, .shapes = pairs[1] } };
        hedgec_input_file_t files[2] = { tensor((hedge_shape_t){ 3, { 3, 5, 4 } }) };
        hedgec_input_t input = { .names = names, .files = files, .n = 1 };
        hedge_why_t why = { "" };
        unsigned form = 9;

        for (unsigned i = 0; i < 3; i++)
                forms[i] = (hedgec_form_t){ .n_inputs = 1, .shapes = &shapes[i] };
        assert_int_equal(hedgec_forms_choose(forms, 3, &input, &form, &why), 0);
        assert_int_equal(form, 1);
        files[0] = tensor((hedge_shape_t){ 3, { 3, 5, 5 } });
        assert_int_equal(hedgec_forms_choose(forms, 3, &input, &form, &why), HEDGE_ESHAPE);
        assert_string_equal(why.text, "input: its shape is 3x5x5, the model wants 1x3x4x5 or 1x3x5x4 or 1x3x9x9");
        assert_int_equal(hedgec_forms_choose(forms, 1, &input, &form, &why),
                         0); /* the only one: said when it is taken */
        assert_int_equal(form, 0);

        /* a tensor beside a picture decides, whatever fits the picture better */
        input.n = 2;
        files[0] = picture(8, 8);
        files[1] = tensor((hedge_shape_t){ 1, { 5 } });
        assert_int_equal(hedgec_forms_choose(two, 2, &input, &form, &why), 0);
        assert_int_equal(form, 1);
}

typedef struct given {
        hedge_onnx_input_t input;
        hedgec_input_file_t file;
        hedge_layout_t layout;
        uint32_t resize;
        uint32_t stated; /* 0: nothing can be */
        hedge_shape_t shape;
} given_t;

/* An input's own extents, where the model leaves just them open. */
static void test_shape_of_an_input(void **state)
{
#define OPEN(...)                   \
        {                           \
                "x", true,          \
                {                   \
                        __VA_ARGS__ \
                }                   \
        }
        const given_t cases[] = {
                { OPEN(4, { 0, 3, 0, 0 }), picture(7, 5), HEDGE_LAYOUT_AUTO, 0, 1, { 4, { 1, 3, 5, 7 } } },
                { OPEN(4, { 2, 3, 0, 0 }), picture(7, 5), HEDGE_LAYOUT_NCHW, 0, 1, { 4, { 2, 3, 5, 7 } } },
                { OPEN(4, { 0, 0, 0, 3 }), picture(7, 5), HEDGE_LAYOUT_AUTO, 0, 1, { 4, { 1, 5, 7, 3 } } },
                { OPEN(3, { 3, 0, 0 }), picture(7, 5), HEDGE_LAYOUT_AUTO, 0, 1, { 3, { 3, 5, 7 } } },
                { OPEN(3, { 0, 0, 3 }), picture(7, 5), HEDGE_LAYOUT_AUTO, 0, 1, { 3, { 5, 7, 3 } } },
                { OPEN(3, { 0, 0, 3 }), picture(7, 5), HEDGE_LAYOUT_NCHW, 0, 0, { 0 } },
                { OPEN(4, { 0, 3, 0, 0 }), picture(7, 5), HEDGE_LAYOUT_NHWC, 0, 0, { 0 } },
                { OPEN(4, { 0, 3, 0, 0 }), picture(7, 5), HEDGE_LAYOUT_AUTO, 256, 0, { 0 } }, /* resized to what? */
                { OPEN(4, { 0, 3, 0, 5 }), picture(7, 5), HEDGE_LAYOUT_AUTO, 0, 0, { 0 } },
                { OPEN(4, { 0, 0, 0, 0 }), picture(7, 5), HEDGE_LAYOUT_AUTO, 0, 0, { 0 } },
                { OPEN(2, { 0, 0 }), picture(7, 5), HEDGE_LAYOUT_AUTO, 0, 0, { 0 } },
                { { "x", false, { 0 } }, picture(7, 5), HEDGE_LAYOUT_AUTO, 0, 0, { 0 } },
                { OPEN(3, { 0, 0, 2 }), tensor((hedge_shape_t){ 3, { 4, 9, 2 } }), 0, 0, 1, { 3, { 4, 9, 2 } } },
                { OPEN(3, { 0, 0, 2 }), tensor((hedge_shape_t){ 2, { 9, 2 } }), 0, 0, 1, { 3, { 1, 9, 2 } } },
                { OPEN(3, { 4, 0, 2 }), tensor((hedge_shape_t){ 2, { 9, 2 } }), 0, 0, 0, { 0 } },
                { { "x", false, { 0 } }, tensor((hedge_shape_t){ 2, { 9, 2 } }), 0, 0, 1, { 2, { 9, 2 } } },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                hedgec_input_file_t file = cases[i].file;
                const hedgec_input_t input = { .names = names, .files = &file, .n = 1 };
                const hedge_model_preprocess_t how = { .given = true, .resize = cases[i].resize };
                hedge_input_shape_t stated;
                uint32_t n = hedgec_shape_of_input(&cases[i].input, &input, cases[i].layout, &how, &stated);

                if (n != cases[i].stated || (n && !hedge_shape_equal(&stated.shape, &cases[i].shape)))
                        fail_msg("case %zu: %u shapes", i, n);
                if (n)
                        assert_string_equal(stated.name, "x");
        }
}

static void test_what_is_open(void **state)
{
        const hedge_onnx_input_t inputs[] = {
                OPEN(4, { 0, 3, 8, 8 }), OPEN(4, { 1, 3, 8, 0 }), OPEN(1, { 0 }), { "x", false, { 0 } }, OPEN(0, { 0 })
        };

        assert_true(hedgec_inputs_are_open(inputs, 1));
        assert_true(hedgec_inputs_are_open(inputs + 1, 1));
        assert_true(hedgec_inputs_are_open(inputs + 2, 1));
        assert_true(hedgec_inputs_are_open(inputs + 3, 1));
        assert_false(hedgec_inputs_are_open(inputs + 4, 1));
        assert_false(hedgec_inputs_are_open(inputs, 0));
}

static void test_shapes_that_are_asked_for(void **state)
{
        hedge_model_tensor_t inputs[] = { { .name = "a", .shape = { 2, { 1, 4 } }, .open = 2 },
                                          { .name = "b", .shape = { 1, { 7 } } } };
        const hedge_model_status_t two = { .n_inputs = 2, .inputs = inputs }, one = { .n_inputs = 1, .inputs = inputs };
        const hedge_input_shape_t stated[] = {
                { "a", { 2, { 1, 4 } } }, { "b", { 1, { 7 } } }, { "b", { 1, { 8 } } }, { "", { 2, { 1, 4 } } }
        };
        hedgec_option_list_t option = { { "a=1x4", "b=7", "a=1x5" }, 3 };
        hedgec_shapes_t shapes;
        hedge_why_t why = { "" };
        char text[64];

        assert_true(hedgec_shapes_match(stated, 0, &two));
        assert_true(hedgec_shapes_match(stated, 2, &two));
        assert_false(hedgec_shapes_match(stated, 3, &two));
        assert_true(hedgec_shapes_match(stated + 3, 1, &one));
        assert_false(hedgec_shapes_match(stated + 3, 1, &two));
        assert_false(hedgec_shapes_match(stated + 1, 1, &one));
        assert_true(hedgec_shapes_open(&two));
        assert_string_equal(hedgec_shapes_text(&two, text, sizeof(text)), "a=1x4 b=7");
        assert_int_equal(hedgec_shapes_parse(&option, &shapes, &why), 0);
        assert_int_equal(shapes.n, 3);
        option.items[1] = "b";
        assert_true(hedgec_shapes_parse(&option, &shapes, &why) < 0);
        assert_non_null(strstr(why.text, "--shape: 'b' is no shape"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pictures_go_where_they_fit),
                cmocka_unit_test(test_channels_last),
                cmocka_unit_test(test_tensors_go_where_they_are_equal),
                cmocka_unit_test(test_shape_of_an_input),
                cmocka_unit_test(test_what_is_open),
                cmocka_unit_test(test_shapes_that_are_asked_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
