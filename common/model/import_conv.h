/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_IMPORT_CONV_H
#define HEDGE_IMPORT_CONV_H

#include "common/model/import.h"

/** What convolutions of floats and of integers are made of. All return 0, or a refusal. */

/** The geometry that the node's attributes and its filter give.
 * @param x     N x H x W x C, as it is in the graph.
 * @param rank  Of the node's input: 3 or 4. */
int hedge_conv_geometry(hedge_import_t *imp, const hedge_shape_t *x, const hedge_literal_t *filter, uint32_t rank,
                        hedge_conv_t *ret);

/** Filter O x I x H x W (or O x I x L) as the graph's O x H x W x I. */
int hedge_conv_filter(hedge_import_t *imp, hedge_literal_t *filter, uint32_t *ret);

#endif
