/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_EXCHANGE_H
#define HEDGED_EXCHANGE_H

#include "daemon/train/round.h"
#include "daemon/train/uep/product.h"

/** Deal the packets of products out to the boards that are here, and take what comes by a deadline.
 *
 * Packets go to the boards in turn, those that are behind last: a board that still owes HEDGED_EXCHANGE_OWED products of earlier
 * steps or more gets none while there are others. What a board that is lost or refuses had is exchanged to another one. */
#define HEDGED_EXCHANGE_MOST     16u /**< products at a time */
#define HEDGED_EXCHANGE_OWED     4u
#define HEDGED_EXCHANGE_REFUSALS 8u

/** A board refused a product, and why. */
typedef struct hedged_refusal {
        unsigned board;
        hedge_why_t why;
} hedged_refusal_t;

/** What came of it. */
typedef struct hedged_exchanged {
        unsigned boards;   /**< that were asked for something */
        unsigned received; /**< packets that came */
        unsigned refused;  /**< boards that answered with an error or with nonsense; the first of them: */
        hedged_refusal_t refusals[HEDGED_EXCHANGE_REFUSALS];
        int64_t ended_us; /**< when nothing more was waited for */
} hedged_exchanged_t;

/** Take in who is here and who is not, without waiting. @return 0, HEDGE_ESHUTDOWN. */
int hedged_exchange_look(hedged_round_t *round);

/** Wait until at least `boards` boards are here. @param tell  Called, where they are not at once, whenever their number is
 * another. @return 0, HEDGE_ESHUTDOWN. */
int hedged_exchange_wait(hedged_round_t *round, unsigned boards, void (*tell)(void *arg, unsigned here), void *arg);

/** One step of the round: ask for all packets of the products, wait until all of them are complete, nothing more can come
 * (also where no board is here) or the deadline has passed.
 *
 * @param products     1 .. HEDGED_EXCHANGE_MOST, fresh ones.
 * @param deadline_us  Monotonic; INT64_MAX: none.
 * @return 0, HEDGE_ESHUTDOWN (stopped), -ENOMEM. */
int hedged_exchange(hedged_round_t *round, hedged_product_t *const *products, unsigned count, int64_t deadline_us,
                    hedged_exchanged_t *ret);

#endif
