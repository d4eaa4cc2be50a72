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

#include "client/answer.h"
#include "client/json.h"
#include "client/progress.h"
#include "client/table.h"

static float scores[] = { 1.5f, -2.0f, 23.9816589f, NAN, 1.5f, 7e-20f };
static float second[] = { 42.0f };
static uint32_t boards[] = { 6, 0, 1, 2, 4 };

static hedge_part_report_t parts[] = {
        { .board = 6, .part = 1, .sent_ms = 1.25, .received_ms = 4.5, .compute_us = 1500, .used = true },
        { .board = 3, .part = 0, .sent_ms = 1.5 },
};

static hedge_layer_report_t layer = {
        .name = "squeezenet0_conv0_fwd_a_long_name_that_will_not_fit",
        .scheme = "nsctc",
        .k_a = 4,
        .k_b = 4,
        .delta = 4,
        .parts_needed = 16,
        .parts_used = 17,
        .parts_asked = 20,
        .parts_received = 18,
        .n_boards = 5,
        .boards = boards,
        .lost = 1,
        .condition = 118.25,
        .encode_ms = 0.125,
        .wait_ms = 3.5,
        .decode_ms = 0.25,
        .start_ms = 1,
        .end_ms = 5,
        .wire = "q16",
        .predicted_ms = 4.25,
        .n_parts = 2,
        .parts = parts,
};

static hedgec_answer_t make_answer(void)
{
        static hedge_tensor_t outputs[2];

        outputs[0] = (hedge_tensor_t){ { 2, { 1, 6 } }, scores };
        outputs[1] = (hedge_tensor_t){ { 1, { 1 } }, second };
        return (hedgec_answer_t){ .input = "a \"cat\".png",
                                  .model = "net",
                                  .n_outputs = 2,
                                  .outputs = outputs,
                                  .latency_ms = 12.5,
                                  .n_layers = 1,
                                  .layers = &layer };
}

static void test_top_is_sorted_and_nan_is_last(void **state)
{
        uint32_t indices[6];

        assert_int_equal(hedgec_top(scores, 6, 6, indices), 6);
        assert_memory_equal(indices, ((uint32_t[]){ 2, 0, 4, 5, 1, 3 }), sizeof(indices));
        assert_int_equal(hedgec_top(scores, 6, 2, indices), 2);
        assert_memory_equal(indices, ((uint32_t[]){ 2, 0 }), 2 * sizeof(*indices));
        assert_int_equal(hedgec_top(scores + 3, 2, 1, indices), 1);
        assert_int_equal(indices[0], 1);
        assert_int_equal(hedgec_top(NULL, 0, 3, indices), 0);
}

static void test_labels_of_all_line_ends(void **state)
{
        static const char text[] = "cat\r\ndog\n\nbird\0song\nlast";
        hedgec_labels_t labels;

        assert_int_equal(hedgec_labels_parse(text, sizeof(text) - 1, &labels), 0);
        assert_int_equal(labels.count, 5);
        assert_string_equal(hedgec_labels_name(&labels, 0), "cat");
        assert_string_equal(hedgec_labels_name(&labels, 1), "dog");
        assert_string_equal(hedgec_labels_name(&labels, 2), "");
        assert_string_equal(hedgec_labels_name(&labels, 3), "bird");
        assert_string_equal(hedgec_labels_name(&labels, 4), "last");
        assert_null(hedgec_labels_name(&labels, 5));
        hedgec_labels_release(&labels);
        assert_int_equal(hedgec_labels_parse("", 0, &labels), 0);
        assert_int_equal(labels.count, 0);
        hedgec_labels_release(&labels);
}

static struct json_object *member(struct json_object *object, const char *name)
{
        struct json_object *value;

        assert_true(json_object_object_get_ex(object, name, &value));
        return value;
}

static void test_json_is_one_line_with_everything(void **state)
{
        hedgec_answer_t answer = make_answer();
        hedgec_labels_t labels;
        struct json_object *root, *top, *one;
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        assert_int_equal(hedgec_labels_parse("zero\none\nt\xff\xc3\xa4\n", 14, &labels), 0);
        assert_int_equal(hedgec_answer_print_json(&answer, &labels, 6, out), 0);
        fclose(out);
        assert_ptr_equal(strchr(text, '\n'), text + size - 1);
        root = json_tokener_parse(text);
        assert_non_null(root);
        assert_string_equal(json_object_get_string(member(root, "input")), "a \"cat\".png");
        assert_string_equal(json_object_get_string(member(root, "model")), "net");
        assert_true(json_object_get_double(member(root, "latency_ms")) == 12.5);
        top = member(root, "top");
        assert_int_equal(json_object_array_length(top), 6);
        one = json_object_array_get_idx(top, 0);
        assert_int_equal(json_object_get_int(member(one, "index")), 2);
        assert_string_equal(json_object_get_string(member(one, "label")), "t?\xc3\xa4");
        assert_true((float)json_object_get_double(member(one, "score")) == scores[2]);
        assert_true((float)json_object_get_double(member(json_object_array_get_idx(top, 3), "score")) == scores[5]);
        assert_null(member(json_object_array_get_idx(top, 3), "label"));
        assert_null(member(json_object_array_get_idx(top, 5), "score"));
        one = json_object_array_get_idx(member(root, "layers"), 0);
        assert_string_equal(json_object_get_string(member(one, "scheme")), "nsctc");
        assert_int_equal(json_object_get_int(member(one, "k_a")), 4);
        assert_int_equal(json_object_get_int(member(one, "k_b")), 4);
        assert_int_equal(json_object_get_int(member(one, "delta")), 4);
        assert_int_equal(json_object_get_int(member(one, "parts_needed")), 16);
        assert_int_equal(json_object_get_int(member(one, "parts_used")), 17);
        assert_int_equal(json_object_get_int(member(one, "parts_asked")), 20);
        assert_int_equal(json_object_array_length(member(one, "boards_used")), 5);
        assert_int_equal(json_object_get_int(json_object_array_get_idx(member(one, "boards_used"), 0)), 6);
        assert_true(json_object_get_double(member(one, "condition")) == 118.25);
        assert_true(json_object_get_double(member(one, "encode_ms")) == 0.125);
        assert_true(json_object_get_double(member(one, "wait_ms")) == 3.5);
        assert_true(json_object_get_double(member(one, "decode_ms")) == 0.25);
        assert_string_equal(json_object_get_string(member(one, "wire")), "q16");
        assert_true(json_object_get_double(member(one, "predicted_ms")) == 4.25);
        assert_false(json_object_object_get_ex(one, "parts", NULL));
        json_object_put(root);
        hedgec_labels_release(&labels);
        free(text);
}

static void test_json_lists_parts_of_a_trace(void **state)
{
        hedgec_answer_t answer = make_answer();
        hedgec_labels_t labels = { 0 };
        struct json_object *root, *list, *one;
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        answer.trace = true;
        assert_int_equal(hedgec_answer_print_json(&answer, &labels, 1, out), 0);
        fclose(out);
        root = json_tokener_parse(text);
        list = member(json_object_array_get_idx(member(root, "layers"), 0), "parts");
        assert_int_equal(json_object_array_length(list), 2);
        one = json_object_array_get_idx(list, 0);
        assert_int_equal(json_object_get_int(member(one, "board")), 6);
        assert_int_equal(json_object_get_int(member(one, "part")), 1);
        assert_true(json_object_get_double(member(one, "sent_ms")) == 1.25);
        assert_true(json_object_get_double(member(one, "received_ms")) == 4.5);
        assert_true(json_object_get_double(member(one, "compute_ms")) == 1.5);
        assert_true(json_object_get_boolean(member(one, "used")));
        one = json_object_array_get_idx(list, 1);
        assert_null(member(one, "received_ms"));
        assert_false(json_object_get_boolean(member(one, "used")));
        json_object_put(root);
        free(text);
}

static void test_text_fits_80_columns(void **state)
{
        hedgec_answer_t answer = make_answer();
        hedgec_labels_t labels = { 0 };
        char *text = NULL, *rest, copy[4096];
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        assert_int_equal(hedgec_answer_print_text(&answer, &labels, 3, out), 0);
        assert_int_equal(hedgec_answer_print_layers(&answer, out), 0);
        fclose(out);
        assert_true(size < sizeof(copy));
        strcpy(copy, text);
        for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
                assert_true(strlen(line) <= 80);
        assert_non_null(strstr(text, "a \"cat\".png: net, 12.5 ms\n"));
        assert_non_null(strstr(text, "  23.982      2  -\n"));
        assert_non_null(strstr(text, "will_not_fit  nsctc "));
        assert_non_null(strstr(text, "17/16"));
        assert_non_null(strstr(text, "0-2,4,6"));
        assert_non_null(strstr(text, "118"));
        free(text);
}

static void test_raw_is_every_output(void **state)
{
        hedgec_answer_t answer = make_answer();
        char *bytes = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&bytes, &size);

        assert_int_equal(hedgec_answer_write_raw(&answer, out), 0);
        fclose(out);
        assert_int_equal(size, sizeof(scores) + sizeof(second));
        assert_memory_equal(bytes, scores, sizeof(scores));
        assert_memory_equal(bytes + sizeof(scores), second, sizeof(second));
        free(bytes);
}

static void test_tables_align_and_cut(void **state)
{
        static const hedgec_column_t columns[] = { { "NAME", HEDGEC_LEFT, 6 },
                                                   { "N", HEDGEC_RIGHT, 0 },
                                                   { .title = NULL } };
        hedgec_table_t *table = hedgec_table_new(columns);
        char *text = NULL, wide[100];
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        memset(wide, 'w', 90);
        wide[90] = '\0';
        hedgec_table_cell(table, "a\x1b[2J");
        hedgec_table_cell(table, "%d", 7);
        hedgec_table_cell(table, "K\xc3\xa4se");
        hedgec_table_cell(table, "%d", 1234);
        assert_int_equal(hedgec_table_print(table, 0, out), 0);
        fflush(out);
        assert_string_equal(text, "NAME      N\na?[2J     7\nK\xc3\xa4se   1234\n");
        hedgec_table_cell(table, "%s", wide);
        hedgec_table_cell(table, "1");
        rewind(out);
        assert_int_equal(hedgec_table_print(table, 2, out), 0);
        fclose(out);
        wide[71] = '~';
        wide[72] = '\0';
        assert_non_null(strstr(text, wide));
        assert_null(strstr(text, "ww~w"));
        hedgec_table_destroy(&table);
        assert_null(table);
        free(text);
}

static void test_human_numbers(void **state)
{
        assert_string_equal(hedgec_text_bytes(1023), "1023 B");
        assert_string_equal(hedgec_text_bytes(1536), "1.50 KiB");
        assert_string_equal(hedgec_text_count(3860000000ull), "3.86G");
        assert_string_equal(hedgec_text_count(25000000ull), "25.0M");
        assert_string_equal(hedgec_text_duration(999), "999 ms");
        assert_string_equal(hedgec_text_duration(61000), "1 min 1 s");
        assert_string_equal(hedgec_text_duration(3 * 86400000ull), "3 d 0 h");
}

static void test_progress_is_bounded(void **state)
{
        hedgec_progress_t progress = { .title = "infer", .unit = "inputs", .total = 4 };
        char text[80];

        assert_string_equal(hedgec_progress_text(&progress, 2, text, sizeof(text)),
                            "infer [###############...............] 2/4 inputs");
        assert_string_equal(hedgec_progress_text(&progress, 9, text, sizeof(text)),
                            "infer [##############################] 4/4 inputs");
        progress.total = 0;
        assert_string_equal(hedgec_progress_text(&progress, 1, text, sizeof(text)),
                            "infer [..............................] 0/0 inputs");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_top_is_sorted_and_nan_is_last),
                cmocka_unit_test(test_labels_of_all_line_ends),
                cmocka_unit_test(test_json_is_one_line_with_everything),
                cmocka_unit_test(test_json_lists_parts_of_a_trace),
                cmocka_unit_test(test_text_fits_80_columns),
                cmocka_unit_test(test_raw_is_every_output),
                cmocka_unit_test(test_tables_align_and_cut),
                cmocka_unit_test(test_human_numbers),
                cmocka_unit_test(test_progress_is_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
