/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_UEP_PRODUCT_H
#define HEDGE_UEP_PRODUCT_H

#include "common/code/uep/uep.h"

/** From matrices to the tasks of boards: a packet's two coded matrices, whose product the board sends back.
 *
 *                  coded A                         coded B                            result
 *  row-column      rows/blocks_a x terms*inner     terms*inner x columns/blocks_b     rows/blocks_a x columns/blocks_b
 *  column-row      rows x terms*inner/blocks_a     terms*inner/blocks_a x columns     rows x columns
 *
 * All dense, row by row, float. Shapes are checked ones (hedge_uep_shape_check) with the split and blocks of the code. */

unsigned hedge_uep_result_rows(const hedge_uep_shape_t *shape);
unsigned hedge_uep_result_columns(const hedge_uep_shape_t *shape);

/** The inner size of a packet's task: terms times that of a block. */
unsigned hedge_uep_task_inner(const hedge_uep_t *code, const hedge_uep_shape_t *shape, unsigned packet);

/** A packet's coded A: result_rows x task_inner floats to `out`.
 * @return 0, -ENOMEM. */
int hedge_uep_encode_a(const hedge_uep_t *code, const hedge_uep_shape_t *shape, unsigned packet, const float *a,
                       float *out);

/** A packet's coded B: task_inner x result_columns floats to `out`.
 * @return 0, -ENOMEM. */
int hedge_uep_encode_b(const hedge_uep_t *code, const hedge_uep_shape_t *shape, unsigned packet, const float *b,
                       float *out);

/** |C' - C|^2 / |C|^2 (Frobenius) over `count` values: the normalised error of an answer. 0 where both are 0, INFINITY
 * where only C is. */
double hedge_uep_loss(const float *answer, const float *c, size_t count);

#endif
