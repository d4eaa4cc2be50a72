/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_VALUE_KIND_H
#define HEDGE_VALUE_KIND_H

#include <stddef.h>

/** ONNX has files of one value each: a TensorProto, a SequenceProto, a MapProto or an OptionalProto, which do not say which
 * they are. Their fields tell tensors from the others: where those hold tensors, a tensor has numbers.
 * @return what it is, as an end of "is ...", where it is certainly no tensor; else NULL. */
const char *hedge_value_other_kind(const void *bytes, size_t size);

#endif
