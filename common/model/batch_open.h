/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_BATCH_OPEN_H
#define HEDGE_BATCH_OPEN_H

#include "common/model/import.h"

/** Which inputs of a file are pictures one behind the other.
 *
 * The batch is the first axis: of the inputs where the file leaves it open (under one name, or none), or, where it does so nowhere,
 * of all inputs if all are images (four axes or more) of the same first extent, which is above 1. */

/** A quick look at a file: may it have a batch that is open, or (`fixed` too) a fixed one of several? */
bool hedge_batch_may_be(const Onnx__GraphProto *graph, bool fixed);

/** Find the inputs that have a batch, set imp->batch, and give those that leave it open (with imp->take_apart also those that fix it) imp->pictures pictures where that is not 0.
 * @param infos   Of the graph's inputs, whose imp->graph->open is set. @param shapes  Theirs as they are settled otherwise; an open batch is 1.
 * @return 0; 1: imp->pictures is not 0, but no batch is open; HEDGE_ELIMIT with the sentence: an input would be too large. */
int hedge_batch_settle(hedge_import_t *imp, const Onnx__ValueInfoProto *const *infos, uint32_t n,
                       hedge_shape_t *shapes);

#endif
