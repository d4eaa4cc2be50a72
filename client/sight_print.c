/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "client/sight.h"
#include "client/table.h"

/* A class and how many pixels are of it. */
typedef struct share {
        uint32_t class;
        uint64_t pixels;
} share_t;

static int compare_shares(const void *a, const void *b)
{
        const share_t *x = a, *y = b;

        if (x->pixels != y->pixels)
                return x->pixels < y->pixels ? 1 : -1;
        return (x->class > y->class) - (x->class < y->class);
}

/* The classes that occur, the largest first. @return how many; ret_all: all pixels, those that the model has not seen too. */
static uint32_t sort_shares(const hedgec_finding_t *finding, share_t shares[HEDGE_DETECT_MAX_CLASSES],
                            uint64_t *ret_all)
{
        uint32_t n = 0;

        *ret_all = finding->counts[HEDGE_DETECT_OUTSIDE];
        for (uint32_t c = 0; c < HEDGE_DETECT_MAX_CLASSES; c++) {
                *ret_all += finding->counts[c];
                if (finding->counts[c])
                        shares[n++] = (share_t){ c, finding->counts[c] };
        }
        qsort(shares, n, sizeof(*shares), compare_shares);
        return n;
}

static void add_class(hedgec_json_t *json, struct json_object *to, const hedgec_finding_t *finding, uint32_t class)
{
        const char *name = hedgec_labels_name(finding->labels, class);

        if (name)
                hedgec_json_add_string(json, to, "label", name);
        else
                hedgec_json_add_null(json, to, "label");
        hedgec_json_add_uint(json, to, "class", class);
}

static struct json_object *boxes_json(hedgec_json_t *json, const hedgec_finding_t *finding)
{
        struct json_object *array = hedgec_json_array(json);

        for (uint32_t i = 0; i < finding->n_boxes; i++) {
                const hedge_box_t *box = &finding->boxes[i];
                struct json_object *entry = hedgec_json_object(json), *corners = hedgec_json_array(json);

                add_class(json, entry, finding, box->class);
                hedgec_json_add_double(json, entry, "score", (double)box->score, 6);
                for (unsigned k = 0; k < 4; k++)
                        hedgec_json_add_double(json, corners, NULL, (double)box->corners[k] * finding->reduction, 6);
                hedgec_json_add(json, entry, "box", corners);
                hedgec_json_add(json, array, NULL, entry);
        }
        return array;
}

static struct json_object *shares_json(hedgec_json_t *json, const hedgec_finding_t *finding)
{
        struct json_object *array = hedgec_json_array(json);
        share_t shares[HEDGE_DETECT_MAX_CLASSES];
        uint64_t all;
        uint32_t n = sort_shares(finding, shares, &all);

        for (uint32_t i = 0; i < n; i++) {
                struct json_object *entry = hedgec_json_object(json);

                add_class(json, entry, finding, shares[i].class);
                hedgec_json_add_double(json, entry, "share", (double)shares[i].pixels / (double)all, 6);
                hedgec_json_add(json, array, NULL, entry);
        }
        return array;
}

int hedgec_sight_print_json(const hedgec_finding_t *finding, FILE *out)
{
        hedgec_json_t json = { 0 };

        hedgec_answer_begin_json(finding->answer, &json);
        hedgec_json_add_uint(&json, json.root, "width", (uint64_t)finding->map.width * finding->reduction);
        hedgec_json_add_uint(&json, json.root, "height", (uint64_t)finding->map.height * finding->reduction);
        if (finding->kind == HEDGE_OUTPUT_BOXES)
                hedgec_json_add(&json, json.root, "boxes", boxes_json(&json, finding));
        else
                hedgec_json_add(&json, json.root, "classes", shares_json(&json, finding));
        hedgec_answer_end_json(finding->answer, &json);
        return hedgec_json_print(&json, 0, out);
}

static void class_cells(hedgec_table_t *table, const hedgec_finding_t *finding, uint32_t class)
{
        const char *name = hedgec_labels_name(finding->labels, class);

        hedgec_table_cell(table, "%u", class);
        hedgec_table_cell(table, "%s", name ? name : "-");
}

static int print_boxes(const hedgec_finding_t *finding, FILE *out)
{
        static const hedgec_column_t columns[] = {
                { "SCORE", HEDGEC_RIGHT, 0 }, { "CLASS", HEDGEC_RIGHT, 0 },
                { "LABEL", HEDGEC_LEFT, 16 }, { "X0", HEDGEC_RIGHT, 0 },
                { "Y0", HEDGEC_RIGHT, 0 },    { "X1", HEDGEC_RIGHT, 0 },
                { "Y1", HEDGEC_RIGHT, 0 },    { .title = NULL },
        };
        hedgec_table_t *table = hedgec_table_new(columns);
        int r;

        if (!table)
                return -ENOMEM;
        for (uint32_t i = 0; i < finding->n_boxes; i++) {
                hedgec_table_cell(table, "%.3f", (double)finding->boxes[i].score);
                class_cells(table, finding, finding->boxes[i].class);
                for (unsigned k = 0; k < 4; k++)
                        hedgec_table_cell(table, "%.1f", (double)finding->boxes[i].corners[k] * finding->reduction);
        }
        r = finding->n_boxes ? hedgec_table_print(table, 2, out) : 0;
        hedgec_table_destroy(&table);
        return r;
}

static int print_shares(const hedgec_finding_t *finding, FILE *out)
{
        static const hedgec_column_t columns[] = { { "SHARE", HEDGEC_RIGHT, 0 },
                                                   { "CLASS", HEDGEC_RIGHT, 0 },
                                                   { "LABEL", HEDGEC_LEFT, 16 },
                                                   { .title = NULL } };
        hedgec_table_t *table = hedgec_table_new(columns);
        share_t shares[HEDGE_DETECT_MAX_CLASSES];
        uint64_t all;
        uint32_t n = sort_shares(finding, shares, &all);
        int r;

        if (!table)
                return -ENOMEM;
        for (uint32_t i = 0; i < n; i++) {
                hedgec_table_cell(table, "%.2f %%", 100 * (double)shares[i].pixels / (double)all);
                class_cells(table, finding, shares[i].class);
        }
        r = n ? hedgec_table_print(table, 2, out) : 0;
        hedgec_table_destroy(&table);
        return r;
}

int hedgec_sight_print_text(const hedgec_finding_t *finding, FILE *out)
{
        const hedgec_answer_t *answer = finding->answer;

        fprintf(out, "%s: %s, %u x %u, ", answer->input, answer->model, finding->map.width * finding->reduction,
                finding->map.height * finding->reduction);
        if (finding->kind == HEDGE_OUTPUT_BOXES)
                fprintf(out, "%u %s, ", finding->n_boxes, finding->n_boxes == 1 ? "box" : "boxes");
        fprintf(out, "%.1f ms\n", answer->latency_ms);
        return finding->kind == HEDGE_OUTPUT_BOXES ? print_boxes(finding, out) : print_shares(finding, out);
}
