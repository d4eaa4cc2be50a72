/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_WALK_H
#define HEDGE_WALK_H

#include "common/model/import.h"

/** Walk through an ONNX graph: names, initialisers, bound and computed inputs, nodes in their order, outputs.
 *
 * Fills imp->scope and imp->graph; on failure too, as far as it got: the caller releases them.
 * @return 0; 1: `imp->pictures` are asked for, but no batch is open; or the code of the first thing that is wrong, with the sentence written. */
int hedge_walk(hedge_import_t *imp, const Onnx__GraphProto *graph, const hedge_onnx_options_t *options);

/** Walk through a branch inside a graph: the same, without inputs, and its outputs stay where they are. imp->scope is the branch's own, empty
 * but for `outer`; imp->node is NULL. */
int hedge_walk_branch(hedge_import_t *imp, const Onnx__GraphProto *graph);

#endif
