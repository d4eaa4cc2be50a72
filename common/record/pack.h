/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_RECORD_PACK_H
#define HEDGE_RECORD_PACK_H

#include <msgpack.h>

#include "common/record/field.h"

/** How many of a record's fields will be packed: the required ones and those that are not zero or empty. */
uint32_t hedge_pack_count(const hedge_record_t *record, const void *values);

/** Pack these fields as key and value, without the map's own header. Nothing is said about memory: the packer's writer
 * keeps that. @return 0, -EINVAL (a value is not what its field allows). */
int hedge_pack_fields(msgpack_packer *packer, const hedge_record_t *record, const void *values);

#endif
