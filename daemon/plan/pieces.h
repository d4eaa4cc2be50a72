/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_PIECES_H
#define HEDGED_PIECES_H

#include <stdint.h>

/** In how many tasks, one after the other, parts are best asked for: one for each coded input, so that a board computes with
 * the first while the next is on its way. One for all where the parts of an input do not follow one another.
 * @param order  n part numbers. @param ret_piece  Which task each is in, from 0. @return how many. */
unsigned hedged_pieces(const uint32_t *order, unsigned n, unsigned ell_b, uint16_t *ret_piece);

#endif
