/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CODE_H
#define HEDGE_CODE_H

#include <stdbool.h>
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
        HEDGE_SCHEME_MDS,         /**< CoCoI, arXiv 2501.06856: a real (n, k) code over the input strips */
        HEDGE_SCHEME_LT,          /**< CoCoI's rateless baseline: Luby transform code over the input strips */
        HEDGE_SCHEME_KRP,         /**< Khatri-Rao product: random orthonormal vectors on both sides */
        HEDGE_SCHEME_STEAL,       /**< uncoded, but every board could do every part: what late boards owe others redo */
        HEDGE_SCHEMES
} hedge_scheme_t;

#define HEDGE_CODE_MAX_PARTS     1024u /**< bound on K, and on the parts of a board */
#define HEDGE_CODE_MAX_ALL_PARTS 2048u /**< bound on the parts of all boards together */
#define HEDGE_CODE_MAX_BOARDS    256u

/** "uncoded", "replication", "nsctc", "mds", "lt", "krp", "steal". */
const char *hedge_scheme_name(hedge_scheme_t scheme);

/** @return the scheme, or -EINVAL. */
int hedge_scheme_parse(const char *name);

/** How many coded inputs and coded filter blocks one board holds. */
typedef struct hedge_code_ell {
        unsigned ell_a, ell_b;
} hedge_code_ell_t;

/** What a code is made of. Fields that are zero take the scheme's defaults; a field that the scheme has no use for must
 * be zero.
 *
 * The same parameters make the same vectors, to the bit on one machine and to rounding elsewhere (libm). */
typedef struct hedge_code_params {
        hedge_scheme_t scheme;
        unsigned k_a, k_b, n;
        unsigned ell_a, ell_b;       /**< vectors per board; lt: ell_a, krp: both */
        const hedge_code_ell_t *ell; /**< n entries that say it board by board (0: as ell_a, ell_b), or NULL; lt, krp */
        const double *weights;       /**< n relative speeds, finite and at least 0: the numbers of parts follow them,
                                      * and a board of weight 0 holds nothing; or NULL: all alike. uncoded, lt, krp, steal */
        uint64_t seed;               /**< of mds (n > 16), lt and krp; the others take no notice of it */
        bool systematic;             /**< mds, krp: plain parts first, coded ones after them */
} hedge_code_params_t;

/** Make a code.
 *
 * uncoded and replication take any k_a, k_b >= 1; boards for which no part is left hold nothing, and are the last ones.
 * uncoded gives each board some strips times some blocks, so that the largest board has as few parts as can be, and
 * then as few strips (they are what is sent). replication does that on n / 2 boards, twice; n = 1 is uncoded.
 * With weights it is parts / weight that is kept small, and boards anywhere may be left with nothing.
 *
 * nsctc wants k_a and k_b each even or 1 and not both 1, and K / (ell_a * ell_b) <= n.
 *
 * mds wants k_b = 1 and k_a <= n; one coded input per board, any k_a boards decode. The usual generators of MDS codes,
 * Vandermonde matrices, are useless in real numbers: at n = 20, k = 16 the condition of a *median* set is 7e6, of a
 * Chebyshev-Vandermonde one 24 with a worst of 4e5. Measured (median / worst over sets of k boards):
 *
 *     n  k   harmonic      random tight  Gaussian
 *     10 4   5.6 / 36      4.8 / 2e3     9.1 / 2e3
 *     10 8   3.5 / 10      3.8 / 34      18 / 200
 *     16 8   16 / 1e3      11 / 3e3
 *     20 10  39 / 2e4      14 / 1e4      25 / 4e3
 *     40 20  470 / 1e9     33 / 1e4      58 / 2e4
 *     40 32  140 / 6e6     25 / 2e4      120 / 3e4
 *
 * So up to 16 boards board j has the harmonic frame: cos and sin of 2 pi j / n times the frequencies 0 or 1/2, then one
 * more each (a Vandermonde matrix on the unit circle, hence any k rows are independent); above, a random frame whose
 * vectors all have length 1 and whose directions are balanced (the sum of a a^T is n / k times the identity), made from
 * Gaussian vectors by making it so in turns. Systematic: the first k_a boards hold one plain strip each.
 *
 * lt wants k_b = 1; coded inputs are sums of strips. How many is drawn from the robust soliton distribution with
 * c = 0.1, delta = 0.5 (M. Luby, LT codes, 2002), which strips evenly. By rank, not by peeling, K = 16, 32, 48 strips decode
 * from 18, 34.3 and 50.3 parts in the mean. Default: ell_a such that there are 2 K parts or more. Where all boards
 * together would not decode, the next row of random numbers is tried, 64 times.
 *
 * krp gives every board ell_a and ell_b vectors, on each side orthonormal among themselves and else random
 * (at most k_a and k_b; default 2, or 1 where k is 1). Vectors l = 0, 1, ... of a board depend on the seed, the board and k
 * alone: a board can be given more without changing what it or others have. With weights, a board's ell_b (ell_a where
 * k_b = 1) is ell_b times its share of the mean weight, rounded, at least 1.
 * Systematic: the plain strips and blocks of uncoded's layout (with the weights) are the first vectors, coded ones as above
 * follow. ell_a and ell_b count both; a board's plain ones are never left out, and the coded ones are at most k_a and
 * k_b. Default: one coded input more than the largest board has plain ones, and twice as many filter blocks, at most k_b.
 * A board that has only plain vectors on one side codes within its strips (or blocks) only. The price of sending nothing
 * extra: at exactly K parts such a set is often singular, at 5/4 K hardly ever (see hedge_code_order).
 *
 * steal takes any k_a, k_b >= 1. Every board (of a weight above 0) holds all strips and all blocks as they are, the run that
 * uncoded with the weights gives it first, then the others in order: n * K parts. Any board decodes alone.
 *
 * @return 0, -EINVAL, HEDGE_ELIMIT, -ENOMEM; `why` (may be NULL) says which number is wrong. */
int hedge_code_new_with(const hedge_code_params_t *params, hedge_code_t **ret, hedge_why_t *why);

/** The short form: everything else is zero, that is, by default. */
int hedge_code_new(hedge_scheme_t scheme, unsigned k_a, unsigned k_b, unsigned n, hedge_code_t **ret, hedge_why_t *why);

/** NULL-safe; nullifies. */
void hedge_code_destroy(hedge_code_t **code);

hedge_scheme_t hedge_code_scheme(const hedge_code_t *code);
unsigned hedge_code_k_a(const hedge_code_t *code);
unsigned hedge_code_k_b(const hedge_code_t *code);
unsigned hedge_code_boards(const hedge_code_t *code);

/** K = k_a * k_b: the rank that decodes. */
unsigned hedge_code_rank(const hedge_code_t *code);

/** Recovery threshold: the smallest d such that any d boards decode, of those that hold something. That is one more than
 * the largest number of boards which together do not. Many smaller sets may decode too.
 *
 * uncoded: all boards that hold something. steal: 1. replication: all of them but one, as the two that hold the same parts may be
 * the ones that are missing. nsctc: K / (ell_a * ell_b). mds: k_a. krp with equal boards: the rank of random vectors
 * depends on their numbers alone, so one set of boards stands for all; K / (ell_a * ell_b) rounded up, and more where
 * ell_a > k_a / 2 and ell_b > k_b / 2, as then two boards have products in common.
 * lt, systematic krp and krp with boards of different numbers: every set is looked at where at most 12 boards hold
 * something; else the answer is from sets grown at random, and from those that lack one block, and a lower bound.
 * It is computed when first asked for (a few ms to a second for K = 128) and kept. */
unsigned hedge_code_delta(const hedge_code_t *code);

/** Coded inputs and coded filter blocks of a board; 0 where it holds nothing. */
unsigned hedge_code_ell_a(const hedge_code_t *code, unsigned board);
unsigned hedge_code_ell_b(const hedge_code_t *code, unsigned board);

/** ell_a * ell_b. */
unsigned hedge_code_parts(const hedge_code_t *code, unsigned board);

/** The coefficients of coded input la (k_a of them) and of coded filter block lb (k_b). Borrowed. */
const double *hedge_code_a(const hedge_code_t *code, unsigned board, unsigned la);
const double *hedge_code_b(const hedge_code_t *code, unsigned board, unsigned lb);

/** Which strip a coded input is, where it is one strip as it is, and which block a coded filter block; k_a and k_b where they
 * are combinations. */
unsigned hedge_code_strip(const hedge_code_t *code, unsigned board, unsigned la);
unsigned hedge_code_block(const hedge_code_t *code, unsigned board, unsigned lb);

/** Is the part a plain one: one strip with one block, each as it is? */
bool hedge_code_is_plain(const hedge_code_t *code, unsigned board, unsigned part);

/** How many parts, from the first of hedge_code_order on, a board is given at the start: for steal its own, the parts that
 * uncoded would give it (none, where it would have none); for systematic krp those whose coded input is a plain one (all,
 * where it has no plain input), without those that depend on others of them; for plain krp those of its first coded input;
 * for every other scheme all. The rest waits until the board runs out of work. */
unsigned hedge_code_first_parts(const hedge_code_t *code, unsigned board);

/** The order in which a board's parts are best computed: plain parts by number; then those of plain inputs with coded
 * blocks, which cost no upload, but help these strips alone; then those of coded inputs, input by input, with coded
 * filter blocks first and then with plain ones from the last to the first (what slow boards have not come to); last
 * what depends on the others. For codes without plain vectors it is by number. For steal: its own parts by number, then
 * those of others by number.
 *
 * Measured (parts of boards of random speed; sets of K + K / 4 that were singular): systematic krp of 10 x 4 on 10 boards by
 * number 79 %, in this order none. 5 x 8 on 10 boards, where two share a strip: 62 %, with coded inputs before plain ones
 * 4 %: that is the price of what costs no upload. 8 x 8 on 20 boards: below 1 %.
 * @param order hedge_code_parts(code, board) entries. */
void hedge_code_order(const hedge_code_t *code, unsigned board, uint32_t *order);

/** The column of a part: K coefficients to `column`. */
void hedge_code_column(const hedge_code_t *code, unsigned board, unsigned part, double *column);

#endif
