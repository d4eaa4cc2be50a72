/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/detect/detect.h"
#include "common/manifest/manifest.h"
#include "test/fuzz/fuzz.h"

/* A model.yaml, a zero byte, then the outputs that it names: rank and extents (each a byte) of one after the other, and the
 * numbers, which are used again and again. Whatever shapes come, only what is in the tensors is read. */

#define MAX_TENSORS  10
#define MAX_ELEMENTS 40000

typedef struct bytes {
        const uint8_t *at;
        size_t left;
} bytes_t;

typedef struct answer {
        hedge_detect_outputs_t outputs;
        const char *names[MAX_TENSORS];
        hedge_tensor_t tensors[MAX_TENSORS];
} answer_t;

static uint8_t take(bytes_t *b)
{
        if (!b->left)
                return 1;
        b->left--;
        return *b->at++;
}

static void add_tensors(answer_t *answer, const hedge_output_names_t *names, bytes_t *b)
{
        for (uint32_t i = 0; i < names->count && answer->outputs.n < MAX_TENSORS; i++) {
                hedge_tensor_t *tensor = &answer->tensors[answer->outputs.n];

                tensor->shape = (hedge_shape_t){ .rank = take(b) % (HEDGE_MAX_RANK + 1) };
                for (uint32_t d = 0; d < tensor->shape.rank; d++)
                        tensor->shape.dims[d] = take(b) % 97;
                if (hedge_shape_check(&tensor->shape, MAX_ELEMENTS) < 0)
                        tensor->shape = (hedge_shape_t){ .rank = 0 };
                /* exactly as large as it says, so that a sanitizer sees what is read behind it */
                tensor->data = malloc(hedge_shape_elements(&tensor->shape) * sizeof(float) + !tensor->shape.rank);
                if (!tensor->data)
                        abort();
                answer->names[answer->outputs.n++] = names->names[i];
        }
}

static void fill(answer_t *answer, const bytes_t *b)
{
        for (uint32_t i = 0; i < answer->outputs.n; i++)
                for (size_t k = 0; k < hedge_shape_elements(&answer->tensors[i].shape); k++) {
                        uint8_t byte = b->left ? b->at[k % b->left] : (uint8_t)k;

                        answer->tensors[i].data[k] = byte == 255 ? NAN : byte == 254 ? INFINITY : (float)byte / 64 - 1;
                }
}

static void check_boxes(const hedge_output_t *what, const answer_t *answer, const hedge_map_t *map)
{
        hedge_box_t *boxes;
        uint32_t n;

        if (hedge_detect_boxes(what, &answer->outputs, map, &boxes, &n, NULL) < 0)
                return;
        if (n > what->max)
                abort();
        for (uint32_t i = 0; i < n; i++) {
                const float *c = boxes[i].corners;

                if (!(boxes[i].score >= (float)what->score && boxes[i].score < 1.01f) ||
                    !(c[0] >= 0 && c[0] < c[2] && c[2] <= (float)map->width && c[1] >= 0 && c[1] < c[3] &&
                      c[3] <= (float)map->height))
                        abort();
        }
        free(boxes);
}

static void check_mask(const hedge_output_t *what, const answer_t *answer, const hedge_map_t *map)
{
        uint64_t counts[256], all = 0;
        uint8_t *mask;

        if (hedge_detect_mask(what, &answer->outputs, map, &mask, counts, NULL) < 0)
                return;
        for (unsigned i = 0; i < 256; i++)
                all += counts[i];
        if (all != (uint64_t)map->width * map->height)
                abort();
        free(mask);
}

static void try_output(const hedge_manifest_t *manifest, bytes_t b)
{
        const hedge_map_t map = {
                .width = 50, .height = 40, .scale_x = 1.5, .scale_y = .7, .offset_x = -3, .offset_y = 2
        };
        const hedge_output_t *what = &manifest->output;
        answer_t answer = { .outputs = { .nhwc = manifest->layout == HEDGE_LAYOUT_NHWC,
                                         .n_labels = manifest->n_labels } };
        hedge_why_t why = { "" };

        answer.outputs.width = take(&b) + 1u;
        answer.outputs.height = take(&b) + 1u;
        add_tensors(&answer, &what->tensors, &b);
        add_tensors(&answer, &what->boxes, &b);
        add_tensors(&answer, &what->scores, &b);
        add_tensors(&answer, &what->labels, &b);
        add_tensors(&answer, &what->indices, &b);
        answer.outputs.names = answer.names;
        answer.outputs.tensors = answer.tensors;
        fill(&answer, &b);
        if (hedge_detect_check(what, &answer.outputs, &why) < 0 && !why.text[0])
                abort();
        if (what->kind == HEDGE_OUTPUT_BOXES)
                check_boxes(what, &answer, &map);
        else if (what->kind == HEDGE_OUTPUT_SEGMENTATION)
                check_mask(what, &answer, &map);
        for (uint32_t i = 0; i < answer.outputs.n; i++)
                free(answer.tensors[i].data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const uint8_t *end = memchr(data, 0, size);
        hedge_manifest_t manifest = { .n_labels = 0 };
        size_t length = end ? (size_t)(end - data) : size;

        if (hedge_manifest_parse("f", (const char *)data, length, NULL, &manifest, NULL) == 0)
                try_output(&manifest, (bytes_t){ end ? end + 1 : data, end ? size - length - 1 : 0 });
        hedge_manifest_release(&manifest);
        return 0;
}
