/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SUPPORT_H
#define HEDGE_SUPPORT_H

#include "common/model/operators.h"

/** The row of a node's operator. @return NULL: it is not taken, not of this domain or not of this opset. */
const hedge_operator_t *hedge_support_find(const hedge_import_t *imp, const Onnx__NodeProto *node);

/** Has every node that is read an operator that hedge takes? If not, all that lack are named at once.
 * @return 0, HEDGE_EUNSUPPORTED, HEDGE_EMALFORMED. */
int hedge_support_check(const hedge_import_t *imp, const Onnx__GraphProto *g);

#endif
