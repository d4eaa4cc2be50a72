/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_RECORD_FIELD_H
#define HEDGE_RECORD_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/conv.h"
#include "common/err.h"
#include "common/tensor.h"
#include "common/types/digest.h"
#include "common/types/name.h"

/** Fields: what one key of a record (a msgpack map) is, where it lies in the C structure and what it may hold. */

#define HEDGE_CONV_NUMBERS       15u
#define HEDGE_SHAPE_MAX_ELEMENTS HEDGE_MAX_ELEMENTS

typedef enum hedge_field_kind {
        HEDGE_FIELD_U32,
        HEDGE_FIELD_U64,
        HEDGE_FIELD_I32,
        HEDGE_FIELD_I64,
        HEDGE_FIELD_F32, /**< any float32, also what is not a number */
        HEDGE_FIELD_F64,
        HEDGE_FIELD_BOOL,
        HEDGE_FIELD_TEXT,   /**< char[size], zero-terminated */
        HEDGE_FIELD_NAME,   /**< a text for which hedge_name_ok holds */
        HEDGE_FIELD_DIGEST, /**< hedge_digest_t: a bin of 16 bytes */
        HEDGE_FIELD_SHAPE,  /**< hedge_shape_t: an array of its extents */
        HEDGE_FIELD_CONV,   /**< hedge_conv_t: an array of its 15 numbers, in the structure's order */
        HEDGE_FIELD_RECORD, /**< a structure with a table of its own */
} hedge_field_kind_t;

typedef enum hedge_field_many {
        HEDGE_FIELD_ONE,
        HEDGE_FIELD_FIXED, /**< exactly count_max values in a row within the structure */
        HEDGE_FIELD_LIST,  /**< a uint32_t count at count_offset and a pointer at offset */
} hedge_field_many_t;

typedef struct hedge_record hedge_record_t;

typedef struct hedge_field {
        const char *key;
        hedge_field_kind_t kind; /**< of the value, or of each of many */
        hedge_field_many_t many;
        bool required; /**< a field that is not may be absent, which means zero, empty or none */
        size_t offset;
        size_t size;       /**< in memory, of the value or of each of many */
        uint64_t min, max; /**< of a U32 or U64; bytes of a text */
        double low, high;  /**< of an I32 or F64; infinite ones let infinity in */
        size_t count_offset;
        uint32_t count_min, count_max;
        const hedge_record_t *record;
} hedge_field_t;

struct hedge_record {
        const char *name;
        const hedge_field_t *fields;
        uint32_t n_fields; /**< at most 64 */
};

/** Is one value (not a RECORD's inside, not a list) what its field allows?
 * @return 0, HEDGE_EMALFORMED, HEDGE_ELIMIT with half a sentence in `why`: "1024 is above 1023". */
int hedge_field_check(const hedge_field_t *field, const void *value, hedge_why_t *why);

/** Is the number of a list's elements allowed? */
int hedge_field_check_count(const hedge_field_t *field, uint64_t count, hedge_why_t *why);

#endif
