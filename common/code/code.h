/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CODE_H
#define HEDGE_CODE_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/** Linear codes over the k_a input strips and k_b filter blocks of a convolution.
 *
 * A board holds ell_a coded inputs, each a combination sum_i a_i X_i, and ell_b coded filter blocks sum_b b_b K_b.
 * Part (la, lb) of a board, numbered la * ell_b + lb, is the convolution of the two: by linearity
 * sum_{i,b} a_i b_b (X_i * K_b), that is the column g = a (x) b of R^K, K = k_a * k_b, entry i * k_b + b.
 * Any parts whose columns have rank K decode. A scheme is a table of (a, b) per board and nothing else. */
typedef struct hedge_code hedge_code_t;

typedef enum hedge_scheme {
        HEDGE_SCHEME_UNCODED,     /**< every part once */
        HEDGE_SCHEME_REPLICATION, /**< every part on two boards */
        HEDGE_SCHEME_NSCTC,       /**< FCDCC, arXiv 2411.01579: circulant and rotation matrix embedding */
        HEDGE_SCHEMES
} hedge_scheme_t;

#define HEDGE_CODE_MAX_PARTS  1024u /**< bound on K */
#define HEDGE_CODE_MAX_BOARDS 256u

/** "uncoded", "replication", "nsctc". */
const char *hedge_scheme_name(hedge_scheme_t scheme);

/** @return the scheme, or -EINVAL. */
int hedge_scheme_parse(const char *name);

/** Make a code for n boards.
 *
 * nsctc wants k_a and k_b each even or 1 and not both 1, and K / (ell_a * ell_b) <= n.
 * uncoded and replication take any k_a, k_b >= 1; boards for which no part is left hold nothing, and are the last ones.
 * uncoded gives each board some strips times some blocks, so that the largest board has as few parts as can be, and
 * then as few strips (they are what is sent). replication does that on n / 2 boards, twice; n = 1 is uncoded.
 * @return 0, -EINVAL, HEDGE_ELIMIT, -ENOMEM; `why` (may be NULL) says which number is wrong. */
int hedge_code_new(hedge_scheme_t scheme, unsigned k_a, unsigned k_b, unsigned n, hedge_code_t **ret, hedge_why_t *why);

/** NULL-safe; nullifies. */
void hedge_code_destroy(hedge_code_t **code);

hedge_scheme_t hedge_code_scheme(const hedge_code_t *code);
unsigned hedge_code_k_a(const hedge_code_t *code);
unsigned hedge_code_k_b(const hedge_code_t *code);
unsigned hedge_code_boards(const hedge_code_t *code);

/** K = k_a * k_b: the rank that decodes. */
unsigned hedge_code_rank(const hedge_code_t *code);

/** Recovery threshold: any `delta` boards decode, of those that hold something.
 *
 * nsctc: K / (ell_a * ell_b). uncoded: all boards that hold something. replication: all of them but one, as the two
 * that hold the same parts may be the ones that are missing; many smaller sets decode too. */
unsigned hedge_code_delta(const hedge_code_t *code);

/** Coded inputs and coded filter blocks of a board; 0 where it holds nothing. */
unsigned hedge_code_ell_a(const hedge_code_t *code, unsigned board);
unsigned hedge_code_ell_b(const hedge_code_t *code, unsigned board);

/** ell_a * ell_b. */
unsigned hedge_code_parts(const hedge_code_t *code, unsigned board);

/** The coefficients of coded input la (k_a of them) and of coded filter block lb (k_b). Borrowed. */
const double *hedge_code_a(const hedge_code_t *code, unsigned board, unsigned la);
const double *hedge_code_b(const hedge_code_t *code, unsigned board, unsigned lb);

/** The column of a part: K coefficients to `column`. */
void hedge_code_column(const hedge_code_t *code, unsigned board, unsigned part, double *column);

#endif
