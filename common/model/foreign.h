/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_FOREIGN_H
#define HEDGE_FOREIGN_H

#include <stddef.h>

/** What a file is that was taken for an ONNX model and is none: a pointer of Git LFS, a web page, an archive, another
 * framework's model, by how such files begin. A guess for a sentence; nothing else hangs on it.
 * @return e.g. "a gzip archive: unpack it first", or NULL: it looks like nothing that people mistake for a model. */
const char *hedge_foreign_kind(const void *bytes, size_t size);

#endif
