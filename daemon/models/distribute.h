/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_DISTRIBUTE_H
#define HEDGED_DISTRIBUTE_H

#include "daemon/cluster/cluster.h"
#include "daemon/models/prepare.h"
#include "daemon/models/registry.h"

/** Getting the shares to the boards, once, and knowing who holds which. The loop's.
 *
 * Every board gets the shares of the variants that are always wanted; those that are for few boards (cut.enough) only while no more
 * than so many are left; and of blocks those that daemon/models/room.h chooses for it. A board gets a few at a time, the next when it has confirmed one; of blocks one at a time,
 * in pieces, and after what is coded. What else there is for it never waits behind more than some of these. */
typedef struct hedged_distributor hedged_distributor_t;

#define HEDGED_DISTRIBUTE_PATIENT_MS 6000 /**< after the start: a board knocks at least every 5 s */

/** All arguments are borrowed.
 * @param send              hedge_link_send, with the boards' ROUTER socket.
 * @param patient_until_ms  Boards may still be on their way until then: so far those that are here are not taken to be few.
 * @return 0, -ENOMEM. */
int hedged_distributor_new(hedge_send_t *send, zsock_t *boards, hedged_cluster_t *cluster, hedged_registry_t *registry,
                           hedged_preparer_t *preparer, int64_t patient_until_ms, hedged_distributor_t **ret);
void hedged_distributor_destroy(hedged_distributor_t **distributor);

/** The board's number that the shares which it holds were made for, or HEDGED_NO_INDEX. */
uint32_t hedged_distribute_number(const hedged_distributor_t *d, const hedge_msg_hello_t *hello);

/** A board said HELLO: `held` is what it holds. What no loaded model knows is dropped there. */
void hedged_distribute_hello(hedged_distributor_t *d, hedged_board_t *board, const hedge_msg_hello_t *hello);

/** A board's usability changed, or (restarted) it is another process: see hedged_board_changed_t. */
void hedged_distribute_changed(hedged_distributor_t *d, hedged_board_t *board, bool restarted);

/** Send what is missing, wherever there is room on the way: now and then, for what failed for a while. */
void hedged_distribute_feed(hedged_distributor_t *d);

/** The preparer has encoded a share. Takes it over. */
void hedged_distribute_encoded(hedged_distributor_t *d, hedged_encode_t *encode);

/** The board has confirmed a share. @return whether it is one of a loaded model's. */
bool hedged_distribute_confirmed(hedged_distributor_t *d, hedged_board_t *board, const hedge_digest_t *digest);

/** The board says that so many bytes of a block's constants have come: it gets more.
 * @return 0, 1 (never mind: it is on its way no more, or this was said of a sending before), HEDGE_EMALFORMED (that many were not
 * sent). */
int hedged_distribute_arrived(hedged_distributor_t *d, hedged_board_t *board, const hedge_msg_constants_ok_t *ok);

/** The board has refused a share, or does not hold it (any more). @return whether it is a block that it has less room for than was
 * reckoned with: then hedged_distribute_room says less, and it is worth planning again. */
bool hedged_distribute_refused(hedged_distributor_t *d, hedged_board_t *board, const hedge_digest_t *digest, int code);

/** A model was put into the registry: start sending what the boards do not hold for another model of the same file. */
void hedged_distribute_loaded(hedged_distributor_t *d);

/** A model was taken out of the registry, or replaced in it: take its shares out of the index, and tell the boards to forget those
 * that no other model has. */
void hedged_distribute_unloaded(hedged_distributor_t *d, hedged_model_t *model);

/** A model has been planned again, which may have given it new blocks. One that is not in the registry (any more) is left alone. */
void hedged_distribute_replanned(hedged_distributor_t *d, hedged_model_t *model);

/** What the boards that are known could give to the blocks of a model of this name, into speeds->share_bytes: hedged_room_of. */
void hedged_distribute_room(const hedged_distributor_t *d, const char *model, hedged_speeds_t *speeds);

/** Is everything that has to be sent to the boards at hand sent and confirmed, for this model? */
bool hedged_distribute_settled(const hedged_distributor_t *d, const hedged_model_t *model);

#endif
