/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_ROWS_H
#define HEDGE_ROWS_H

#include "common/model/import.h"

/** Tensors with as many rows as it turns out when the model runs, as NonMaxSuppression gives them.
 *
 * A graph's shapes are fixed, so such a tensor has room for the most rows there can be, and its view says which value of the
 * graph tells the real ones (hedge_view_t.rows). Operators that treat every row by itself may follow: what they make of rows that
 * are not there is cut off when the answer leaves (HEDGE_OP_MARK_ROWS). All others are refused. */

/** May the current node follow its inputs' rows? @return 0 (*ret_rows is the value that tells the rows of its outputs; 0: their
 * rows are fixed), HEDGE_EUNSUPPORTED. */
int hedge_rows_check(hedge_import_t *imp, uint32_t *ret_rows);

/** The node's outputs are there: their rows are those. @return 0, HEDGE_EUNSUPPORTED (they are no rows any more). */
int hedge_rows_pass_on(hedge_import_t *imp, uint32_t rows);

/** Add to a graph's output, which is a plain view, what marks the rows that are not there. */
int hedge_rows_mark(hedge_import_t *imp, hedge_view_t *view);

#endif
