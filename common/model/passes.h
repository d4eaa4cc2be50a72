/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_PASSES_H
#define HEDGE_PASSES_H

#include "common/model/onnx.h"
#include "common/model/proto.h"

/** From an unpacked file to a graph.
 *
 * A file that leaves its batch open is read for two and for three pictures before it is read for one
 * (common/model/batch_prove.h), one after the other: no two are in memory with their weights. */

/** Read and unpack the file. Called up to five times. */
typedef int hedge_passes_open_t(void *arg, hedge_proto_t **ret, hedge_why_t *why);

/** @param options  Complete: with limits. @return 0, or what `open` or the import failed with. */
int hedge_passes_import(hedge_passes_open_t *open, void *arg, const hedge_onnx_options_t *options, hedge_graph_t **ret,
                        hedge_why_t *why);

#endif
