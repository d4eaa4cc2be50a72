/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_CODED_WEIGHTS_H
#define HEDGED_CODED_WEIGHTS_H

#include "common/code/sazd/poly.h"
#include "common/code/sazd/sazd.h"
#include "common/types/update.h"

/** A code over the rows of a matrix: `extent` rows are cut into k data blocks, the last ones filled up with zeros, and made into
 * n coded blocks, any k of which give the matrix back; uncoded, n = k and all are needed. What is linear in the rows keeps to
 * it: blocks of W times X are coded blocks of W X. */
typedef struct hedged_code hedged_code_t;

typedef enum hedged_code_kind { HEDGED_CODE_SAZD, HEDGED_CODE_POLY, HEDGED_CODE_UNCODED } hedged_code_kind_t;

typedef struct hedged_code_params {
        hedged_code_kind_t kind;
        unsigned k, r;              /**< r is 0 where uncoded */
        uint32_t extent;            /**< at least 1 */
        uint32_t step;              /**< SAZD: hedge_sazd_params_t.step */
        hedge_poly_points_t points; /**< POLY */
} hedged_code_params_t;

/** @return 0, -EINVAL, HEDGE_ELIMIT, -ENOMEM, with a sentence. */
int hedged_code_new(const hedged_code_params_t *params, hedged_code_t **ret, hedge_why_t *why);

/** NULL-safe; nullifies. */
void hedged_code_destroy(hedged_code_t **code);

unsigned hedged_code_needed(const hedged_code_t *code); /**< k */
unsigned hedged_code_blocks(const hedged_code_t *code); /**< n = k + r */

/** Rows of a coded block, and of a data block. */
uint32_t hedged_code_rows(const hedged_code_t *code, unsigned block);
uint32_t hedged_code_data_rows(const hedged_code_t *code);

/** The block as a sum of data blocks: hedge_update_target_t's terms. @return how many, at most HEDGE_SAZD_MAX_BLOCKS. */
uint32_t hedged_code_terms(const hedged_code_t *code, unsigned block, hedge_code_term_t *ret);

/** Make one block of a matrix.
 * @param matrix  extent x cols. @param ret  hedged_code_rows(block) x cols. @return 0, -ENOMEM. */
int hedged_code_encode(const hedged_code_t *code, unsigned block, size_t cols, const float *matrix, float *ret);

/** The matrix, of blocks that are here.
 * @param have    A bit each. @param blocks  n; those of `have` rows x cols each, dense.
 * @param ret     extent x cols. @return 0, HEDGE_EUNDECODABLE (too few, or a singular set), -ENOMEM. */
int hedged_code_decode(const hedged_code_t *code, uint32_t have, size_t cols, const float *const *blocks, float *ret);

/** The same for what boards answer, where rows of the code are columns: X W^T.
 * @param batch   Rows. @param blocks  n; those of `have` batch x rows each. @param ret  batch x extent. */
int hedged_code_decode_products(const hedged_code_t *code, uint32_t have, uint32_t batch, const float *const *blocks,
                                float *ret);

/** ret (cols x rows) = a (rows x cols) transposed. */
void hedged_transpose(size_t rows, size_t cols, const float *restrict a, float *restrict ret);

/** How ill conditioned decoding is: POLY's worst set's 2-norm condition number, over at most 5,000 sets; 0: not a question, or too
 * many sets. @return 0, -ENOMEM, HEDGE_EKERNEL. */
int hedged_code_condition(const hedged_code_t *code, double *ret);

#endif
