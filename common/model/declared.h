/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_DECLARED_H
#define HEDGE_DECLARED_H

#include "common/model/onnx.h"
#include "onnx.pb-c.h"

/** The inputs of a graph that are no initialisers. @return as hedge_onnx_inputs. */
int hedge_declared(const Onnx__GraphProto *g, hedge_onnx_input_t **ret, uint32_t *ret_n, hedge_why_t *why);

#endif
