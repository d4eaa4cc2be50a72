/* SPDX-License-Identifier: Apache-2.0 */
#include "common/types/digest.h"

#include <stdio.h>

char *hedge_digest_text(const hedge_digest_t *digest, char text[9])
{
        for (unsigned i = 0; i < 4; i++)
                snprintf(text + 2 * i, 3, "%02x", digest->bytes[i]);
        return text;
}
