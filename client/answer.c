/* SPDX-License-Identifier: Apache-2.0 */
#include "client/answer.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "client/json.h"
#include "client/table.h"

int hedgec_labels_parse(const char *text, size_t size, hedgec_labels_t *ret)
{
        hedgec_labels_t labels = { .text = malloc(size + 1) };
        size_t n = 0, at = 0;

        if (!labels.text)
                return -ENOMEM;
        memcpy(labels.text, text, size);
        labels.text[size] = '\0';
        for (size_t i = 0; i < size; i++)
                n += text[i] == '\n';
        n += size && text[size - 1] != '\n';
        labels.lines = calloc(n ? n : 1, sizeof(*labels.lines));
        if (!labels.lines) {
                free(labels.text);
                return -ENOMEM;
        }
        for (; labels.count < n; labels.count++) {
                size_t length = strcspn(labels.text + at, "\n");

                /* A zero byte in the text would end the line early: step over it by its position, not by its length. */
                labels.lines[labels.count] = labels.text + at;
                while (at + length < size && labels.text[at + length] != '\n')
                        length++;
                labels.text[at + length] = '\0';
                if (length && labels.text[at + length - 1] == '\r')
                        labels.text[at + length - 1] = '\0';
                at += length + 1;
        }
        *ret = labels;
        return 0;
}

void hedgec_labels_release(hedgec_labels_t *labels)
{
        free(labels->text);
        free(labels->lines);
        *labels = (hedgec_labels_t){ 0 };
}

const char *hedgec_labels_name(const hedgec_labels_t *labels, uint32_t index)
{
        return index < labels->count ? labels->lines[index] : NULL;
}

static bool better(float a, float b)
{
        return isnan(b) ? !isnan(a) : a > b;
}

uint32_t hedgec_top(const float *scores, size_t size, uint32_t n, uint32_t *indices)
{
        uint32_t count = 0, at;

        if (!n)
                return 0;
        for (size_t i = 0; i < size; i++) {
                if (count == n && !better(scores[i], scores[indices[n - 1]]))
                        continue;
                at = count < n ? count++ : n - 1;
                for (; at && better(scores[i], scores[indices[at - 1]]); at--)
                        indices[at] = indices[at - 1];
                indices[at] = (uint32_t)i;
        }
        return count;
}

/* The best of the first output. @return how many, 0 also where there is no output; -ENOMEM. */
static int find_top(const hedgec_answer_t *answer, uint32_t n, uint32_t **ret)
{
        size_t size = answer->n_outputs ? hedge_shape_elements(&answer->outputs[0].shape) : 0;
        uint32_t *indices;

        if (n > size)
                n = (uint32_t)size;
        indices = calloc(n ? n : 1, sizeof(*indices));
        if (!indices)
                return -ENOMEM;
        *ret = indices;
        return (int)hedgec_top(n ? answer->outputs[0].data : NULL, size, n, indices);
}

static struct json_object *parts_json(hedgec_json_t *json, const hedge_layer_report_t *layer)
{
        struct json_object *array = hedgec_json_array(json), *entry;

        for (uint32_t i = 0; i < layer->n_parts; i++) {
                const hedge_part_report_t *part = &layer->parts[i];

                entry = hedgec_json_object(json);
                hedgec_json_add_uint(json, entry, "board", part->board);
                hedgec_json_add_uint(json, entry, "part", part->part);
                hedgec_json_add_double(json, entry, "sent_ms", part->sent_ms, 9);
                if (part->received_ms > 0)
                        hedgec_json_add_double(json, entry, "received_ms", part->received_ms, 9);
                else
                        hedgec_json_add_null(json, entry, "received_ms");
                hedgec_json_add_double(json, entry, "compute_ms", (double)part->compute_us / 1000, 9);
                hedgec_json_add_bool(json, entry, "used", part->used);
                hedgec_json_add(json, array, NULL, entry);
        }
        return array;
}

static struct json_object *layer_json(hedgec_json_t *json, const hedge_layer_report_t *layer, bool trace)
{
        struct json_object *object = hedgec_json_object(json), *boards = hedgec_json_array(json);

        hedgec_json_add_string(json, object, "name", layer->name);
        hedgec_json_add_string(json, object, "scheme", layer->scheme);
        hedgec_json_add_uint(json, object, "k_a", layer->k_a);
        hedgec_json_add_uint(json, object, "k_b", layer->k_b);
        hedgec_json_add_uint(json, object, "delta", layer->delta);
        hedgec_json_add_uint(json, object, "parts_needed", layer->parts_needed);
        hedgec_json_add_uint(json, object, "parts_asked", layer->parts_asked);
        hedgec_json_add_uint(json, object, "parts_used", layer->parts_used);
        hedgec_json_add_uint(json, object, "parts_received", layer->parts_received);
        for (uint32_t i = 0; i < layer->n_boards; i++)
                hedgec_json_add_uint(json, boards, NULL, layer->boards[i]);
        hedgec_json_add(json, object, "boards_used", boards);
        hedgec_json_add_uint(json, object, "boards_lost", layer->lost);
        hedgec_json_add_double(json, object, "condition", layer->condition, 6);
        hedgec_json_add_double(json, object, "encode_ms", layer->encode_ms, 6);
        hedgec_json_add_double(json, object, "wait_ms", layer->wait_ms, 6);
        hedgec_json_add_double(json, object, "decode_ms", layer->decode_ms, 6);
        hedgec_json_add_double(json, object, "start_ms", layer->start_ms, 9);
        hedgec_json_add_double(json, object, "end_ms", layer->end_ms, 9);
        hedgec_json_add_string(json, object, "wire", layer->wire);
        if (layer->predicted_ms > 0)
                hedgec_json_add_double(json, object, "predicted_ms", layer->predicted_ms, 6);
        else
                hedgec_json_add_null(json, object, "predicted_ms");
        if (trace)
                hedgec_json_add(json, object, "parts", parts_json(json, layer));
        return object;
}

static struct json_object *top_json(hedgec_json_t *json, const hedgec_answer_t *answer, const hedgec_labels_t *labels,
                                    const uint32_t *indices, int n)
{
        struct json_object *array = hedgec_json_array(json), *entry;

        for (int i = 0; i < n; i++) {
                const char *name = hedgec_labels_name(labels, indices[i]);

                entry = hedgec_json_object(json);
                hedgec_json_add_uint(json, entry, "index", indices[i]);
                if (name)
                        hedgec_json_add_string(json, entry, "label", name);
                else
                        hedgec_json_add_null(json, entry, "label");
                hedgec_json_add_double(json, entry, "score", (double)answer->outputs[0].data[indices[i]], 9);
                hedgec_json_add(json, array, NULL, entry);
        }
        return array;
}

void hedgec_answer_begin_json(const hedgec_answer_t *answer, hedgec_json_t *json)
{
        json->root = hedgec_json_object(json);
        hedgec_json_add_string(json, json->root, "input", answer->input);
        hedgec_json_add_string(json, json->root, "model", answer->model);
}

void hedgec_answer_end_json(const hedgec_answer_t *answer, hedgec_json_t *json)
{
        struct json_object *layers;

        hedgec_json_add_double(json, json->root, "latency_ms", answer->latency_ms, 6);
        layers = hedgec_json_array(json);
        for (uint32_t i = 0; i < answer->n_layers; i++)
                hedgec_json_add(json, layers, NULL, layer_json(json, &answer->layers[i], answer->trace));
        hedgec_json_add(json, json->root, "layers", layers);
}

int hedgec_answer_print_json(const hedgec_answer_t *answer, const hedgec_labels_t *labels, uint32_t top, FILE *out)
{
        hedgec_json_t json = { 0 };
        uint32_t *indices;
        int n = find_top(answer, top, &indices);

        if (n < 0)
                return n;
        hedgec_answer_begin_json(answer, &json);
        hedgec_json_add(&json, json.root, "top", top_json(&json, answer, labels, indices, n));
        hedgec_answer_end_json(answer, &json);
        free(indices);
        return hedgec_json_print(&json, 0, out);
}

int hedgec_answer_print_text(const hedgec_answer_t *answer, const hedgec_labels_t *labels, uint32_t top, FILE *out)
{
        static const hedgec_column_t columns[] = { { "SCORE", HEDGEC_RIGHT, 0 },
                                                   { "CLASS", HEDGEC_RIGHT, 0 },
                                                   { "LABEL", HEDGEC_LEFT, 16 },
                                                   { .title = NULL } };
        hedgec_table_t *table = hedgec_table_new(columns);
        uint32_t *indices = NULL;
        int n = table ? find_top(answer, top, &indices) : -ENOMEM;
        int r;

        for (int i = 0; i < n; i++) {
                const char *name = hedgec_labels_name(labels, indices[i]);

                hedgec_table_cell(table, "%.5g", (double)answer->outputs[0].data[indices[i]]);
                hedgec_table_cell(table, "%u", indices[i]);
                hedgec_table_cell(table, "%s", name ? name : "-");
        }
        if (n >= 0)
                fprintf(out, "%s: %s, %.1f ms\n", answer->input, answer->model, answer->latency_ms);
        r = n > 0 ? hedgec_table_print(table, 2, out) : n;
        free(indices);
        hedgec_table_destroy(&table);
        return r;
}

static int compare_numbers(const void *a, const void *b)
{
        uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

        return (x > y) - (x < y);
}

char *hedgec_boards_text(const uint32_t *boards, uint32_t count, char *buf, size_t size)
{
        uint32_t *sorted = malloc((count ? count : 1) * sizeof(*sorted));
        size_t used = 0;

        snprintf(buf, size, "%s", sorted ? "-" : "?");
        if (!sorted || !count)
                goto out;
        memcpy(sorted, boards, count * sizeof(*sorted));
        qsort(sorted, count, sizeof(*sorted), compare_numbers);
        for (uint32_t i = 0, last; i < count && used < size; i = last + 1) {
                for (last = i; last + 1 < count && sorted[last + 1] == sorted[last] + 1; last++)
                        ;
                used += (size_t)snprintf(buf + used, size - used, last == i ? "%s%u" : "%s%u-%u", i ? "," : "",
                                         sorted[i], sorted[last]);
        }
out:
        free(sorted);
        return buf;
}

int hedgec_answer_print_layers(const hedgec_answer_t *answer, FILE *out)
{
        static const hedgec_column_t columns[] = {
                { "LAYER", HEDGEC_TAIL, 10 },  { "SCHEME", HEDGEC_LEFT, 0 },
                { "CUT", HEDGEC_RIGHT, 0 },    { "PARTS", HEDGEC_RIGHT, 0 },
                { "BOARDS", HEDGEC_LEFT, 11 }, { "COND", HEDGEC_RIGHT, 0 },
                { "ENC MS", HEDGEC_RIGHT, 0 }, { "WAIT MS", HEDGEC_RIGHT, 0 },
                { "DEC MS", HEDGEC_RIGHT, 0 }, { .title = NULL },
        };
        hedgec_table_t *table = hedgec_table_new(columns);
        char boards[128];
        int r;

        if (!table)
                return -ENOMEM;
        for (uint32_t i = 0; i < answer->n_layers; i++) {
                const hedge_layer_report_t *layer = &answer->layers[i];

                hedgec_table_cell(table, "%s", layer->name);
                hedgec_table_cell(table, "%s", layer->scheme);
                hedgec_table_cell(table, "%ux%u", layer->k_a, layer->k_b);
                hedgec_table_cell(table, "%u/%u", layer->parts_used, layer->parts_needed);
                hedgec_table_cell(table, "%s",
                                  hedgec_boards_text(layer->boards, layer->n_boards, boards, sizeof(boards)));
                hedgec_table_cell(table, "%.3g", layer->condition);
                hedgec_table_cell(table, "%.2f", layer->encode_ms);
                hedgec_table_cell(table, "%.2f", layer->wait_ms);
                hedgec_table_cell(table, "%.2f", layer->decode_ms);
        }
        r = answer->n_layers ? hedgec_table_print(table, 2, out) : 0;
        hedgec_table_destroy(&table);
        return r;
}

int hedgec_answer_write_raw(const hedgec_answer_t *answer, FILE *out)
{
        for (uint32_t i = 0; i < answer->n_outputs; i++) {
                size_t elements = hedge_shape_elements(&answer->outputs[i].shape);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
                errno = 0;
                if (fwrite(answer->outputs[i].data, sizeof(float), elements, out) != elements)
                        return errno ? -errno : -EIO;
#else
#error "raw outputs are little-endian; this machine is not"
#endif
        }
        return 0;
}
