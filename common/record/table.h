/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_RECORD_TABLE_H
#define HEDGE_RECORD_TABLE_H

#include "common/record/field.h"

/** Words for tables of fields, only for the files that have such tables: `s` is the structure, `m` its member, whose name is the key.
 *
 *   static const hedge_field_t cancel[] = { { U64(hedge_msg_cancel_t, run), REQUIRED } };
 *   static const hedge_record_t record = RECORD_OF("CANCEL", cancel); */

#define ANY32 UINT32_MAX
#define ANY64 UINT64_MAX

#define SIZE(s, m) sizeof(((s *)0)->m)
#define AT(s, m)   .key = #m, .offset = offsetof(s, m), .size = SIZE(s, m)

#define REQUIRED .required = true

#define U32(s, m, lo, hi) AT(s, m), .kind = HEDGE_FIELD_U32, .min = lo, .max = hi
#define U64(s, m)         AT(s, m), .kind = HEDGE_FIELD_U64, .max = ANY64
#define COUNT(s, m, hi)   AT(s, m), .kind = HEDGE_FIELD_U64, .max = hi
#define F64(s, m, lo, hi) AT(s, m), .kind = HEDGE_FIELD_F64, .low = lo, .high = hi
#define BOOL(s, m)        AT(s, m), .kind = HEDGE_FIELD_BOOL
#define TEXT(s, m)        AT(s, m), .kind = HEDGE_FIELD_TEXT, .max = SIZE(s, m) - 1
#define NAME(s, m, least) AT(s, m), .kind = HEDGE_FIELD_NAME, .min = least, .max = SIZE(s, m) - 1
#define DIGEST(s, m)      AT(s, m), .kind = HEDGE_FIELD_DIGEST
#define LIST(s, m, count, lo, hi)                                                                    \
        .key = #m, .offset = offsetof(s, m), .size = sizeof(*((s *)0)->m), .many = HEDGE_FIELD_LIST, \
        .count_offset = offsetof(s, count), .count_min = lo, .count_max = hi
#define FIXED(s, m, n) \
        .key = #m, .offset = offsetof(s, m), .size = sizeof(((s *)0)->m[0]), .many = HEDGE_FIELD_FIXED, .count_max = n
#define RECORD(table) .kind = HEDGE_FIELD_RECORD, .record = &(table)
#define RECORD_OF(title, list)                                                            \
        {                                                                                 \
                .name = title, .fields = list, .n_fields = sizeof(list) / sizeof(list[0]) \
        }

#endif
