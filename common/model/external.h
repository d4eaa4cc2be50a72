/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_EXTERNAL_H
#define HEDGE_EXTERNAL_H

#include <sodium.h>
#include <stdbool.h>

#include "common/model/proto.h"

/** Models whose tensors lie in files beside them (ONNX's external data), as exporters write them for large models and, by
 * now, by default. A tensor says a file's name, an offset and a length. The model's folder is the limit: no absolute path, no
 * "..", no link on the way. */

/** Read every such tensor of an unpacked model into it. Afterwards the message is self-contained.
 * @param folder     Of the model file.
 * @param max_bytes  Of all that is read.
 * @param hash       Gets the bytes that are read, in their order.
 * @param ret_found  Was there any?
 * @return 0, HEDGE_EMALFORMED (no location, or not so many bytes in the file), HEDGE_ELIMIT, HEDGE_EDENIED (a path that leaves the
 *         folder), -errno of opening and reading; `why` names the tensor and the file. */
int hedge_external_read(hedge_proto_t *proto, const char *folder, uint64_t max_bytes, crypto_generichash_state *hash,
                        bool *ret_found, hedge_why_t *why);

#endif
