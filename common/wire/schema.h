/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SCHEMA_H
#define HEDGE_SCHEMA_H

#include "common/record/field.h"
#include "common/wire/message.h"

/** The schema of HEDGE/1: one table of fields per message type. Packing, unpacking, the range checks and the tables of
 * docs/protocol.md all come from it. */

typedef struct hedge_schema {
        hedge_record_t record; /**< its name is the type's; NULL: no such type */
        uint32_t frames_min, frames_max;
        size_t frames_offset; /**< where not 0: the number of frames is the uint32_t there */
} hedge_schema_t;

/** The schema of a type, or NULL. */
const hedge_schema_t *hedge_schema(hedge_message_type_t type);

/** The type of a name of `size` bytes, or 0. */
hedge_message_type_t hedge_schema_type(const char *name, size_t size);

#endif
