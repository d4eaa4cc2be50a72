/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_RECORD_UNPACK_H
#define HEDGE_RECORD_UNPACK_H

#include <msgpack.h>

#include "common/record/field.h"

#define HEDGE_UNPACK_STORAGE (UINT64_C(32) << 20) /**< bytes that the lists of one message may take */

typedef struct hedge_unpacker {
        msgpack_zone *storage; /**< made when the first list comes; the caller frees it, also on failure */
        uint64_t used;
        hedge_why_t *why;
} hedge_unpacker_t;

/** Unpack bytes from outside, once hedge_guard has had a look at them. @param ret  Points into the bytes; the caller destroys it after 0.
 * @return 0, HEDGE_EMALFORMED, HEDGE_ELIMIT, -ENOMEM. */
int hedge_unpack_bytes(const void *bytes, size_t size, msgpack_unpacked *ret, hedge_why_t *why);

/** The value of the first such key in a map, or NULL. */
const msgpack_object *hedge_unpack_find(const msgpack_object *map, const char *key);

/** Fill a zeroed structure from a map: unknown keys are skipped, missing required ones, a key that comes twice, wrong
 * types and values out of range are errors, with a sentence: "TASK: order[3]: 1024 is above 1023".
 * @return 0, HEDGE_EMALFORMED, HEDGE_ELIMIT, -ENOMEM. */
int hedge_unpack_record(hedge_unpacker_t *unpacker, const hedge_record_t *record, const msgpack_object *map,
                        void *values);

#endif
