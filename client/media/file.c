/* SPDX-License-Identifier: Apache-2.0 */
#include "client/media/file.h"

#include <string.h>
#include <unistd.h>

#include "common/io/file.h"

bool hedgec_file_is_stdin(const char *path)
{
        return !strcmp(path, "-");
}

const char *hedgec_file_name(const char *path)
{
        return hedgec_file_is_stdin(path) ? "standard input" : path;
}

int hedgec_file_read(const char *path, size_t max_bytes, uint8_t **ret_bytes, size_t *ret_size, hedge_why_t *why)
{
        bool is_stdin = hedgec_file_is_stdin(path);
        const char *name = hedgec_file_name(path);
        char *bytes;
        int r = is_stdin ? hedge_io_read(STDIN_FILENO, max_bytes, &bytes, ret_size)
                         : hedge_io_read_file(path, max_bytes, &bytes, ret_size);

        if (r == HEDGE_ELIMIT)
                return hedge_why(why, r, "%s: is larger than %zu bytes", name, max_bytes);
        if (r < 0)
                return hedge_why(why, r, "%s: cannot be read: %s", name, hedge_strerror(r));
        *ret_bytes = (uint8_t *)bytes;
        return 0;
}
