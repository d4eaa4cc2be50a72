/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SEGMENT_BED_H
#define HEDGE_SEGMENT_BED_H

#include "common/engine/engine.h"
#include "common/types/window.h"
#include "make_onnx.h"

/** A graph with all its values computed, each in memory of its own: what the pieces of it must give. */
typedef struct segment_bed {
        hedge_graph_t *graph;
        hedge_kernels_t *kernels;
        hedge_engine_t *engine;
        float **data; /**< per value */
} segment_bed_t;

/** Import what was made (and free it). */
void segment_bed_open(segment_bed_t *bed, make_t *m, const char *backend);

/** Take a graph over. */
void segment_bed_take(segment_bed_t *bed, hedge_graph_t *graph, const char *backend);

/** Random inputs, and all that follows from them. */
void segment_bed_compute(segment_bed_t *bed, make_t *random);

/** A window of the output of a local segment, computed as a graph of its own from the window of the input that it says it needs and
 * nothing else, must be what the whole graph has there.
 * @param bound  How far off it may be, of the greatest there is; 0: equal to the bit. */
void segment_bed_check(const segment_bed_t *bed, uint32_t first, uint32_t last, const hedge_window_t *w, double bound);

void segment_bed_close(segment_bed_t *bed);

#endif
