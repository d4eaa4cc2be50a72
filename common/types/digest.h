/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TYPES_DIGEST_H
#define HEDGE_TYPES_DIGEST_H

#include <stdint.h>

#define HEDGE_DIGEST_BYTES 16

/** Names contents: equal digests, equal contents. */
typedef struct hedge_digest {
        uint8_t bytes[HEDGE_DIGEST_BYTES];
} hedge_digest_t;

/** The first 8 hexadecimal digits, for messages to people. @return text. */
char *hedge_digest_text(const hedge_digest_t *digest, char text[9]);

#endif
