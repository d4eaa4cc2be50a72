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

/** Take the column of a part.
 *
 * The rank is updated incrementally (orthogonalisation in double). A column of which less than 1e-10 is left beside the
 * others adds none: decoding with it would multiply the kernels' errors by more than 1e10. Parts that add no rank are kept too: they improve
 * the least-squares solution and so the condition.
 * @return its index among the parts taken so far (0, 1, ...: the order hedge_decoder_apply expects), -EALREADY (this part
 *         was taken), -EINVAL (no such board or part), -ENOMEM. */
int hedge_decoder_add(hedge_decoder_t *decoder, unsigned board, unsigned part);

/** Parts taken, and their rank. */
unsigned hedge_decoder_count(const hedge_decoder_t *decoder);
unsigned hedge_decoder_rank(const hedge_decoder_t *decoder);

/** Is the rank full? */
bool hedge_decoder_ready(const hedge_decoder_t *decoder);

/** Could the rank still become full? Says whether the columns taken so far, together with all parts of the boards for
 * which alive[board] is true, have full rank.
 * @param alive  hedge_code_boards(code) entries. */
bool hedge_decoder_possible(const hedge_decoder_t *decoder, const bool *alive);

/** Solve for the K x count decode matrix D, with X_i * K_b = sum_p D[i * k_b + b][p] * part_p. In double precision
 * (LAPACK); least squares where there are more parts than K. A block of which a plain part is there is that part as
 * it is (of several the first one); the least squares of all parts make the others. Measured on systematic krp against least
 * squares for all (10 boards, K = 20 .. 128, up to 3 boards missing): apply takes a half to a quarter of the time, the gain is
 * 0.01 to 0.05 larger (plain blocks keep their 1, the others are the same).
 * The decode matrices of recent sets of parts are kept with the code and used again.
 * @param ret_condition  2-norm condition number of the recovery matrix; may be NULL.
 * @return 0, HEDGE_EUNDECODABLE, HEDGE_EKERNEL (LAPACK failed), -ENOMEM. */
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
