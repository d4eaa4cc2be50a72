/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_ZOO_GRAPH_H
#define HEDGE_ZOO_GRAPH_H

#include "common/model/graph.h"

/** A network of the zoo as it comes out of its file. @param divisor  As for hedge_zoo_new. @return to be destroyed. */
hedge_graph_t *zoo_graph(const char *name, uint64_t seed, unsigned divisor);

#endif
