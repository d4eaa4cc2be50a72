/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_UEP_DECODE_H
#define HEDGE_UEP_DECODE_H

#include "common/code/uep/uep.h"

/** Progressive decoding: which sub-products the packets that came determine, whichever else they do not, and their values.
 *
 * A sub-product is determined when its unit vector lies in the space that the packets' columns span. That space is kept as
 * an orthonormal basis (Gram-Schmidt, twice where needed), so nothing grows as it does in Gaussian elimination, and how far a
 * unit vector is from it can be read off: the squares of its coordinates sum to 1 where it lies inside. Values
 * come from the least-norm solution over all packets.
 *
 * A decoder belongs to one thread at a time; many of them may work with one code. */
typedef struct hedge_uep_decoder hedge_uep_decoder_t;

/** A sub-product's unit vector counts as inside the space where it is this near; what is left of the others is below a
 * float's rounding times ten. */
#define HEDGE_UEP_NEAR 1e-6

/** A determined sub-product whose value would hold more than this many times the packets' rounding errors (2-norm of its
 * decode weights; columns have length 1) is left out: with float products that is about 1 % of a packet's size. */
#define HEDGE_UEP_MAX_GAIN 1e5

/** @param code Borrowed until the decoder is destroyed. @return 0, -ENOMEM. */
int hedge_uep_decoder_new(const hedge_uep_t *code, hedge_uep_decoder_t **ret);

/** NULL-safe; nullifies. */
void hedge_uep_decoder_destroy(hedge_uep_decoder_t **decoder);

/** Take a packet, in whatever order they come.
 * @return how many sub-products are determined now, -EALREADY (this one was taken), -EINVAL (no such packet). */
int hedge_uep_decoder_add(hedge_uep_decoder_t *decoder, unsigned packet);

/** The rank of the packets taken; sub-products determined. */
unsigned hedge_uep_decoder_rank(const hedge_uep_decoder_t *decoder);
unsigned hedge_uep_decoder_determined(const hedge_uep_decoder_t *decoder);

/** Is this sub-product determined? After a solve, those that HEDGE_UEP_MAX_GAIN leaves out are not, until the next
 * packet is taken. */
bool hedge_uep_decoder_has(const hedge_uep_decoder_t *decoder, unsigned product);

/** Find the weights of the sub-products that are determined, be they all, some or none.
 * @return how many there are, -ENOMEM. */
int hedge_uep_decoder_solve(hedge_uep_decoder_t *decoder);

/** Put C together, undetermined sub-products 0. After hedge_uep_decoder_solve.
 *
 * @param shape    The product's; checked, of the split and blocks of the code.
 * @param packets  count pointers in the order taken, each to the result of a task (see common/code/uep/product.h).
 * @param c        rows x columns; overwritten. */
void hedge_uep_decoder_apply(const hedge_uep_decoder_t *decoder, const hedge_uep_shape_t *shape,
                             const float *const *packets, float *c);

#endif
