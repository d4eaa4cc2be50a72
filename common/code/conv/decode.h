/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_DECODE_H
#define HEDGE_DECODE_H

#include <stdbool.h>

#include "common/code/conv/partition.h"
#include "common/code/precision.h"

/** The decoder: takes parts in any order, from any boards, until their columns have full rank; then solves.
 *
 * Works on columns only; it knows neither boards' health nor the data until hedge_decoder_apply. A decoder belongs to one
 * thread at a time; many of them, in different threads, may work with one code. */
typedef struct hedge_decoder hedge_decoder_t;

/** @param code Borrowed until the decoder is destroyed. @return 0, -ENOMEM. */
int hedge_decoder_new(const hedge_code_t *code, hedge_decoder_t **ret);
void hedge_decoder_destroy(hedge_decoder_t **decoder);

/** Take a part's column.
 *
 * Blocks that came as they are need no solving; coded parts are orthogonalised in what is left of their columns beside these, in
 * double. A column of which less than 1e-10 is left beside the others adds no rank: decoding with it would multiply the
 * kernels' errors by more than 1e10. Parts that add no rank are kept too: they make the answer more accurate.
 * @return its index among the parts taken so far (0, 1, ...: the order hedge_decoder_apply expects), -EALREADY (this part
 *         was taken), -EINVAL (no such board or part), -ENOMEM (the decoder can only be destroyed). */
int hedge_decoder_add(hedge_decoder_t *decoder, unsigned board, unsigned part);

/** Parts taken. */
unsigned hedge_decoder_count(const hedge_decoder_t *decoder);

/** Is the rank full? */
bool hedge_decoder_ready(const hedge_decoder_t *decoder);

/** So many more parts have to come, at least, before the rank is full. */
unsigned hedge_decoder_missing(const hedge_decoder_t *decoder);

/** Could the rank still become full? Says whether the columns taken so far, together with all parts of the boards for
 * which alive[board] is true, have full rank. (True, too, where there is no memory to find out.)
 * @param alive  hedge_code_boards(code) entries. */
bool hedge_decoder_possible(const hedge_decoder_t *decoder, const bool *alive);

/** Solve for the K x count decode matrix D, with X_i * K_b = sum_p D[i * k_b + b][p] * part_p. In double precision.
 *
 * A block of which a plain part is there is that part as it is, of several the first one. The others are solved for from what the
 * coded parts hold beside those: m x m where m blocks are missing. Parts beyond the rank are taken in by weighted least squares
 * (weights as in hedge_decoder_gain), one after the other; one that comes after a solve costs m x count, not another solve. What
 * a block is that came as it is, is not estimated anew from the others: the gain is at most 3 % above that of least squares of all
 * parts at once (13 codes, 30 orders each, up to 10 parts beyond the rank).
 * @param ret_condition  May be NULL. The mean condition, sqrt(|G|^2 |D|^2) / K: the squares of all entries of D and of the recovery
 *                       matrix G of the parts that it uses, summed. At least 1; with as many parts as the rank that is the root
 *                       of the mean square of the singular values times that of their inverses, and so at most the 2-norm
 *                       condition number, which bounds the worst errors as this one does typical ones, and takes much longer
 *                       to find (`hedge codes` shows it).
 * @return 0, HEDGE_EUNDECODABLE (the rank is not full, or double can't tell), -ENOMEM. */
int hedge_decoder_solve(hedge_decoder_t *decoder, double *ret_condition);

/** How much larger errors are in the answer than in a plain part, for errors of the parts that have nothing to do with one another
 * (what boards round while they compute, and what is rounded for the wire): sqrt(sum over blocks k and parts p of
 * (D[k][p] x length of p's column)^2 / K), as a part and what it is wrong by are as large as its column is long. 1 where all parts
 * are plain. (The condition bounds what the worst errors could become together; `./dev bench rounding` shows that they do not.)
 * After hedge_decoder_solve. */
double hedge_decoder_gain(const hedge_decoder_t *decoder);

/** The error to be reckoned with in an answer, relative to its peak.
 * @param conv_error  The kernels', relative to the output's peak. @param wire  hedge_precision_error is its own. */
static inline double hedge_decode_error(double gain, double conv_error, hedge_precision_t wire)
{
        return gain * (conv_error + hedge_precision_error(wire));
}

/** Put the layer's output together: decode, crop, bias, activation in one float pass. After hedge_decoder_solve.
 *
 * @param parts   count pointers, each to strip_h x out_w x part.out_c floats, in the order taken. At least 4-byte aligned.
 * @param bias    out_c floats, or NULL.
 * @param output  out_h x out_w x out_c floats; overwritten.
 * @param threads Threads it may use, at least 1. */
void hedge_decoder_apply(const hedge_decoder_t *decoder, const hedge_partition_t *partition, const float *const *parts,
                         const float *bias, const hedge_activation_t *activation, float *output, unsigned threads);

/** A part as it came over the wire. */
typedef struct hedge_wire_part {
        const void *data; /**< floats, 4-byte aligned; or q16 blocks, of any alignment */
        hedge_precision_t precision;
} hedge_wire_part_t;

/** hedge_decoder_apply on parts as they came: q16 ones are read into the cache just before they are used. The answer is the
 * same, to the bit, as that of hedge_q16_decode of each and hedge_decoder_apply.
 *
 * @param parts count of them, in the order taken; each of strip_h x out_w x part.out_c elements. */
void hedge_decoder_apply_wire(const hedge_decoder_t *decoder, const hedge_partition_t *partition,
                              const hedge_wire_part_t *parts, const float *bias, const hedge_activation_t *activation,
                              float *output, unsigned threads);

#endif
