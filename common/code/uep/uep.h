/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_UEP_H
#define HEDGE_UEP_H

#include <stdbool.h>

#include "common/code/uep/classes.h"

/** Codes over the sub-products of C = A B that protect those that matter most: by a deadline these are decoded first.
 *
 * Source: UEP, arXiv 2103.02928, and for the windows D. Vukobratovic and V. Stankovic, "Unequal error protection random
 * linear coding strategies for erasure channels", 2012.
 *
 * A *packet* is one task of one board: the product of one coded matrix made from A with one made from B. Both are `terms`
 * coded blocks side by side (A) or one below the other (B), so that the one product is
 *
 *     sum_t (sum_i a_ti A_i) (sum_j b_tj B_j) = sum_k g_k P_k
 *
 * over the sub-products P_k; g is the packet's *column*. A task of t terms costs a board t times what one sub-product costs.
 *
 * The *window* of a packet says which sub-products it may combine, and is drawn with the window probabilities:
 * NOW (non-overlapping windows): those of one class; EW (expanding windows): those of one class and of all above.
 *
 * How windows and factors go together ("mix"):
 *  - factored (row-column only): one term, so a coded packet costs what a plain one does, but its coefficients are a product
 *    a_i b_j, and their support is a rectangle of blocks of A times blocks of B. A window that is no rectangle
 *    is covered by the largest rectangles in it (one for each set of blocks of B that occurs in a row of it), and its packets take
 *    them in turns. On a rectangle such packets are as good as general ones: any N of them have rank
 *    min(N, blocks), but for a set of measure zero. In a window of several rectangles one of them can be decoded before
 *    the others, so some sub-products come sooner and the whole window later than the closed form says.
 *  - stacked: every sub-product of the window has a coefficient of its own, which is what the closed forms of
 *    common/code/uep/expect.h assume. row-column: as many terms as blocks of A (or of B, where these are fewer) occur in the
 *    window; column-row: as many as sub-products, the concatenation of the blocks. */
typedef struct hedge_uep hedge_uep_t;

#define HEDGE_UEP_MAX_PACKETS 512u

typedef enum hedge_uep_scheme {
        HEDGE_UEP_NOW,         /**< non-overlapping windows */
        HEDGE_UEP_EW,          /**< expanding windows */
        HEDGE_UEP_MDS,         /**< one window over all: any K packets decode (K sub-products), fewer nothing */
        HEDGE_UEP_REPLICATION, /**< every sub-product once, then once more, the most important first */
        HEDGE_UEP_UNCODED,     /**< every sub-product once, the most important first */
        HEDGE_UEP_SCHEMES
} hedge_uep_scheme_t;

/** "uep-now", "uep-ew", "mds", "replication", "uncoded". */
const char *hedge_uep_scheme_name(hedge_uep_scheme_t scheme);

/** @return the scheme, or -EINVAL. */
int hedge_uep_scheme_parse(const char *name);

/** Does the scheme draw windows? */
bool hedge_uep_scheme_has_windows(hedge_uep_scheme_t scheme);

typedef struct hedge_uep_params {
        hedge_uep_scheme_t scheme;
        const hedge_uep_classes_t *classes; /**< borrowed for the call */
        unsigned packets; /**< now, ew: at least 1; mds: at least K; uncoded: K; replication: K to 2 K */
        bool stacked;     /**< now, ew and mds by column-row are always */
        uint64_t seed;    /**< now, ew, mds */
        double windows
                [HEDGE_UEP_MAX_CLASSES]; /**< now, ew: one probability per class, 0 or more, sum 1 (within 1e-3, and
                                                * then made 1); the others take no notice of them */
} hedge_uep_params_t;

/** Is this a code? @return 0, -EINVAL, HEDGE_ELIMIT; `why` (may be NULL) says which number is wrong. */
int hedge_uep_check(const hedge_uep_params_t *params, hedge_why_t *why);

/** Make all packets' coefficients. The same parameters make the same ones. Columns have length 1, and random ones are
 * made of Gaussian numbers.
 * @return as hedge_uep_check; -ENOMEM. */
int hedge_uep_new(const hedge_uep_params_t *params, hedge_uep_t **ret, hedge_why_t *why);

/** NULL-safe; nullifies. */
void hedge_uep_destroy(hedge_uep_t **code);

const hedge_uep_classes_t *hedge_uep_classes(const hedge_uep_t *code);
unsigned hedge_uep_packets(const hedge_uep_t *code);

/** The window of a packet: its class (now), the last of its classes (ew), else 0. */
unsigned hedge_uep_window(const hedge_uep_t *code, unsigned packet);

/** What the task costs, in sub-products; at least 1. */
unsigned hedge_uep_terms(const hedge_uep_t *code, unsigned packet);

/** The coefficients of one term: blocks_a to `a`, blocks_b to `b`. */
void hedge_uep_term(const hedge_uep_t *code, unsigned packet, unsigned term, double *a, double *b);

/** The column of a packet: one coefficient per sub-product. Borrowed. */
const double *hedge_uep_column(const hedge_uep_t *code, unsigned packet);

#endif
