/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_IO_KIND_H
#define HEDGE_IO_KIND_H

#include <stddef.h>
#include <stdint.h>

/** What a file holds by its first bytes, whatever its name says. */
typedef enum hedge_kind {
        HEDGE_KIND_UNKNOWN, /**< not to be told by its first bytes, as ONNX tensors are not */
        HEDGE_KIND_OTHER,   /**< known, and nothing that hedge reads as an input */
        HEDGE_KIND_PNG,
        HEDGE_KIND_JPEG,
        HEDGE_KIND_PNM,
        HEDGE_KIND_NPY,
} hedge_kind_t;

hedge_kind_t hedge_kind(const uint8_t *bytes, size_t size);

/** What it is, as an end of "is ...": "a WebP picture", "empty". NULL: unknown. */
const char *hedge_kind_text(const uint8_t *bytes, size_t size);

#endif
