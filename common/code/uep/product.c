/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/uep/product.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

unsigned hedge_uep_result_rows(const hedge_uep_shape_t *shape)
{
        return shape->split == HEDGE_UEP_ROW_COLUMN ? shape->rows / shape->blocks_a : shape->rows;
}

unsigned hedge_uep_result_columns(const hedge_uep_shape_t *shape)
{
        return shape->split == HEDGE_UEP_ROW_COLUMN ? shape->columns / shape->blocks_b : shape->columns;
}

static unsigned block_inner(const hedge_uep_shape_t *shape)
{
        return shape->split == HEDGE_UEP_ROW_COLUMN ? shape->inner : shape->inner / shape->blocks_a;
}

unsigned hedge_uep_task_inner(const hedge_uep_t *code, const hedge_uep_shape_t *shape, unsigned packet)
{
        return hedge_uep_terms(code, packet) * block_inner(shape);
}

/* to += c * from, a block of rows x columns in matrices whose rows lie to_row and from_row apart. */
static void add_block(double c, const float *from, size_t from_row, float *to, size_t to_row, size_t rows,
                      size_t columns)
{
        for (size_t i = 0; c != 0 && i < rows; i++) {
                const float *restrict in = from + i * from_row;
                float *restrict out = to + i * to_row;

                for (size_t j = 0; j < columns; j++)
                        out[j] += (float)c * in[j];
        }
}

int hedge_uep_encode_a(const hedge_uep_t *code, const hedge_uep_shape_t *shape, unsigned packet, const float *a,
                       float *out)
{
        const size_t rows = hedge_uep_result_rows(shape), inner = block_inner(shape);
        const size_t width = hedge_uep_task_inner(code, shape, packet);
        const size_t next = shape->split == HEDGE_UEP_ROW_COLUMN ? rows * shape->inner : inner; /* block to block */
        double *c = malloc(((size_t)shape->blocks_a + shape->blocks_b) * sizeof(*c));

        if (!c)
                return -ENOMEM;
        memset(out, 0, rows * width * sizeof(*out));
        for (unsigned t = 0; t < hedge_uep_terms(code, packet); t++) {
                hedge_uep_term(code, packet, t, c, c + shape->blocks_a);
                for (unsigned i = 0; i < shape->blocks_a; i++)
                        add_block(c[i], a + i * next, shape->inner, out + t * inner, width, rows, inner);
        }
        free(c);
        return 0;
}

int hedge_uep_encode_b(const hedge_uep_t *code, const hedge_uep_shape_t *shape, unsigned packet, const float *b,
                       float *out)
{
        const size_t columns = hedge_uep_result_columns(shape), inner = block_inner(shape);
        const size_t next = shape->split == HEDGE_UEP_ROW_COLUMN ? columns : inner * columns;
        double *c = malloc(((size_t)shape->blocks_a + shape->blocks_b) * sizeof(*c));

        if (!c)
                return -ENOMEM;
        memset(out, 0, hedge_uep_task_inner(code, shape, packet) * columns * sizeof(*out));
        for (unsigned t = 0; t < hedge_uep_terms(code, packet); t++) {
                hedge_uep_term(code, packet, t, c + shape->blocks_b, c);
                for (unsigned j = 0; j < shape->blocks_b; j++)
                        add_block(c[j], b + j * next, shape->columns, out + t * inner * columns, columns, inner,
                                  columns);
        }
        free(c);
        return 0;
}

double hedge_uep_loss(const float *answer, const float *c, size_t count)
{
        double off = 0, all = 0;

        for (size_t i = 0; i < count; i++) {
                const double d = (double)answer[i] - c[i];

                off += d * d;
                all += (double)c[i] * c[i];
        }
        if (off == 0)
                return 0;
        return all > 0 ? off / all : INFINITY;
}
