/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_RANDOM_GRAPH_H
#define HEDGE_RANDOM_GRAPH_H

#include "make_onnx.h"

/** A graph of operators on random earlier values, images of 1 x 4 x 4 x 4 and lines of 64, some of them answers. */
void make_random_graph(make_t *m, make_t *random);

#endif
