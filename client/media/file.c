/* SPDX-License-Identifier: Apache-2.0 */
#include "client/media/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int grow(uint8_t **bytes, size_t *room, size_t wanted)
{
        uint8_t *more = realloc(*bytes, wanted);

        if (!more)
                return -ENOMEM;
        *bytes = more;
        *room = wanted;
        return 0;
}

static int read_all(int fd, size_t max_bytes, uint8_t **bytes, size_t *size)
{
        struct stat status;
        size_t room = 0;
        ssize_t n = 1;
        int r;

        if (fstat(fd, &status) < 0)
                return -errno;
        if (S_ISREG(status.st_mode) && (uint64_t)status.st_size > max_bytes)
                return HEDGE_ELIMIT;
        r = grow(bytes, &room, S_ISREG(status.st_mode) ? (size_t)status.st_size + 2 : 65536);
        while (!r && n) {
                n = read(fd, *bytes + *size, room - 1 - *size);
                if (n < 0 && errno != EINTR)
                        return -errno;
                *size += n > 0 ? (size_t)n : 0;
                if (*size > max_bytes)
                        return HEDGE_ELIMIT;
                if (n > 0 && *size == room - 1)
                        r = grow(bytes, &room, 2 * room);
        }
        if (!r)
                (*bytes)[*size] = 0;
        return r;
}

int hedgec_file_read(const char *path, size_t max_bytes, uint8_t **ret_bytes, size_t *ret_size, hedge_why_t *why)
{
        uint8_t *bytes = NULL;
        size_t size = 0;
        int fd, r;

        fd = open(path, O_RDONLY | O_CLOEXEC);
        r = fd < 0 ? -errno : read_all(fd, max_bytes, &bytes, &size);
        if (fd >= 0)
                close(fd);
        if (r == HEDGE_ELIMIT)
                hedge_why(why, r, "%s: is larger than %zu bytes", path, max_bytes);
        else if (r < 0)
                hedge_why(why, r, "%s: cannot be read: %s", path, hedge_strerror(r));
        if (r < 0) {
                free(bytes);
                return r;
        }
        *ret_bytes = bytes;
        *ret_size = size;
        return 0;
}
