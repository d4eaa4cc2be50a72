/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_INPUTS_H
#define HEDGE_INPUTS_H

#include "common/model/import.h"

/** The constants of a graph, or of a branch inside one, that are read. Call it after hedge_scope_open.
 * @return 0, HEDGE_EMALFORMED, HEDGE_EUNSUPPORTED, HEDGE_ELIMIT, -ENOMEM. */
int hedge_inputs_constants(hedge_import_t *imp, const Onnx__GraphProto *g);

/** The literal of a constant that is still in the file; of all others nothing. To be called before a symbol is read.
 * @return as above. */
int hedge_inputs_decode(hedge_import_t *imp, hedge_sym_t *sym);

/** What the nodes of a model start from: its constants, and the inputs of the graph. Call it after hedge_scope_open.
 * @param options  Inputs that are constants, and shapes of others.
 * @return 0, 1 (`imp->pictures` are asked for, but no batch is open), HEDGE_EMALFORMED, HEDGE_EUNSUPPORTED, HEDGE_ELIMIT, -ENOMEM, HEDGE_ESHAPE (hedge_extents_settle). */
int hedge_inputs_open(hedge_import_t *imp, const Onnx__GraphProto *g, const hedge_onnx_options_t *options);

#endif
