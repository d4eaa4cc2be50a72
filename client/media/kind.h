/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_KIND_H
#define HEDGEC_KIND_H

#include <stddef.h>
#include <stdint.h>

/** What a file holds by its first bytes, whatever its name says. */
typedef enum hedgec_kind {
        HEDGEC_KIND_UNKNOWN, /**< not to be told by its first bytes, as ONNX tensors are not */
        HEDGEC_KIND_OTHER,   /**< known, and nothing that hedge reads as an input */
        HEDGEC_KIND_PNG,
        HEDGEC_KIND_JPEG,
        HEDGEC_KIND_PNM,
        HEDGEC_KIND_NPY,
} hedgec_kind_t;

hedgec_kind_t hedgec_kind(const uint8_t *bytes, size_t size);

/** What it is, as an end of "is ...": "a WebP picture", "empty". Of what is unknown: "no picture that hedge knows". */
const char *hedgec_kind_text(const uint8_t *bytes, size_t size);

#endif
