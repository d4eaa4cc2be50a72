/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_RECORD_PACK_H
#define HEDGE_RECORD_PACK_H

#include <msgpack.h>

#include "common/record/field.h"

/** msgpack_sbuffer with a memory: one write that failed is seen at the end. The caller destroys or releases the buffer. */
typedef struct hedge_writer {
        msgpack_sbuffer buffer;
        bool failed; /**< there was no memory */
} hedge_writer_t;

/** A packer that writes there. */
void hedge_writer_begin(hedge_writer_t *writer, msgpack_packer *ret_packer);

/** How many of a record's fields will be packed: the required ones and those that are not zero or empty. */
uint32_t hedge_pack_count(const hedge_record_t *record, const void *values);

/** Pack these fields as key and value, without the map's own header. Nothing is said about memory: the packer's writer
 * keeps that (hedge_writer_t). @return 0, -EINVAL (a value is not what its field allows). */
int hedge_pack_fields(msgpack_packer *packer, const hedge_record_t *record, const void *values);

#endif
