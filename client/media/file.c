/* SPDX-License-Identifier: Apache-2.0 */
#include "client/media/file.h"

#include "common/io/file.h"

int hedgec_file_read(const char *path, size_t max_bytes, uint8_t **ret_bytes, size_t *ret_size, hedge_why_t *why)
{
        char *bytes;
        int r = hedge_io_read_file(path, max_bytes, &bytes, ret_size);

        if (r == HEDGE_ELIMIT)
                return hedge_why(why, r, "%s: is larger than %zu bytes", path, max_bytes);
        if (r < 0)
                return hedge_why(why, r, "%s: cannot be read: %s", path, hedge_strerror(r));
        *ret_bytes = (uint8_t *)bytes;
        return 0;
}
