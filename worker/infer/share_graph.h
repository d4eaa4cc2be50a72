/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_SHARE_GRAPH_H
#define HEDGEW_SHARE_GRAPH_H

#include <zmq.h>

#include "worker/infer/engines.h"
#include "worker/infer/shares.h"

/** Shares that are blocks: nodes of a model's graph as a graph of their own, with their constants. Any run of these nodes can be
 * asked for, all of it or a window of what it gives. */
extern const hedgew_share_kind_t hedgew_graph_kind;

/** Largest packed graph that is taken: its constants come beside it. */
#define HEDGEW_PROGRAM_BYTES_MAX (16u << 20)

/** Make room for a block.
 *
 * Unpacks and checks its graph, and the cap. Counted from here on are the constants twice (as they come, and packed by the kernels)
 * and the overhead of each constant and node. Its constants are to come then, by hedgew_graph_fill. Blocks come
 * one at a time: one that was being filled is forgotten, whichever.
 * @param program  The packed graph.
 * @param ret      A reference. Written when 0 is returned.
 * @return 0, 1 (it is held already), 2 (it is claimed already, and will be held soon), HEDGE_EMALFORMED, HEDGE_ELIMIT (a value is too
 * large; over the cap), what else is wrong with the graph (HEDGE_ESHAPE, HEDGE_EUNSUPPORTED, -EINVAL), -ENOMEM. */
int hedgew_graph_claim(hedgew_shares_t *shares, const hedge_msg_graph_t *message, zmq_msg_t *program,
                       hedgew_share_t **ret, hedge_why_t *why);

/** The next bytes of a claimed block's constants have come, from this offset on in all of them. They are copied. What is wrong is the end
 * of the block, unless none were to come: it is forgotten. Belongs to the thread that claims.
 * @param share      Any, with a reference of the caller's.
 * @param ret_bytes  That have come by now. Written when 0 or 1 is returned.
 * @return 0, 1 (these were the last: it is to be prepared with hedgew_graph_prepare), HEDGE_EMALFORMED (they are not the next, or none
 * were to come of this share), HEDGE_ELIMIT (too many at once), -ENOMEM. */
int hedgew_graph_fill(hedgew_share_t *share, uint64_t offset, zmq_msg_t *frame, uint64_t *ret_bytes, hedge_why_t *why);

/** Let tasks compute with a claimed block. What was spare before makes room for it: so this belongs to the compute thread.
 * @return 0, 1 (done, but it was dropped in the meantime). */
int hedgew_graph_prepare(hedgew_share_t *share, hedge_kernels_t *kernels);

/** The graph of a block, held or claimed. Borrowed. */
const hedge_graph_t *hedgew_graph_of(const hedgew_share_t *share);

/** The engine of a segment of the block, or of a window of it: one that is there, or a new one. On the compute thread.
 *
 * The memory of the first is counted with the block; further ones are made in what is left, and those that were used least recently go
 * for it. One can be made whatever is left, with the methods that take least, unless what it computes takes more than all
 * shares may.
 * @param window  NULL: the segment in one piece.
 * @param ret     Borrowed until the next call, or until the share is released. Say hedgew_graph_used when it has run.
 * @return 0, HEDGE_ELIMIT, HEDGE_EUNSUPPORTED (it has no windows), -EINVAL, -ENOMEM. */
int hedgew_graph_engine(hedgew_share_t *share, hedge_kernels_t *kernels, uint32_t first, uint32_t last,
                        const hedge_window_t *window, hedgew_engine_t **ret, hedge_why_t *why);

/** Count what its engines take by now, and give back what is wanted elsewhere. */
void hedgew_graph_used(hedgew_share_t *share, hedge_kernels_t *kernels);

#endif
