/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_ROOM 65536 /* of what does not say how long it is */

/* More room, with a byte to spare for the zero at the end. */
static int grow(char **bytes, size_t *room, size_t wanted)
{
        char *more = realloc(*bytes, wanted + 1);

        if (!more)
                return -ENOMEM;
        *bytes = more;
        *room = wanted;
        return 0;
}

static int read_all(int fd, size_t max_bytes, char **bytes, size_t *size)
{
        struct stat st;
        size_t room = 0;
        ssize_t n = 1;
        int r;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (S_ISREG(st.st_mode) && (uint64_t)st.st_size > max_bytes)
                return HEDGE_ELIMIT;
        /* one more than it has, which shows that it ends there */
        r = grow(bytes, &room, S_ISREG(st.st_mode) && st.st_size > 0 ? (size_t)st.st_size + 1 : FIRST_ROOM);
        while (r == 0 && n != 0) {
                n = read(fd, *bytes + *size, room - *size);
                if (n < 0 && errno != EINTR)
                        return -errno;
                *size += n > 0 ? (size_t)n : 0;
                if (*size > max_bytes)
                        return HEDGE_ELIMIT;
                if (n > 0 && *size == room)
                        r = grow(bytes, &room, 2 * room);
        }
        if (r == 0)
                (*bytes)[*size] = 0;
        return r;
}

int hedge_io_read(int fd, size_t max_bytes, char **ret, size_t *ret_size)
{
        char *bytes = NULL;
        size_t size = 0;
        int r = read_all(fd, max_bytes, &bytes, &size);

        if (r < 0) {
                free(bytes);
                return r;
        }
        *ret = bytes;
        *ret_size = size;
        return 0;
}

int hedge_io_read_exactly(int fd, void *bytes, size_t size)
{
        for (size_t at = 0; at < size;) {
                const ssize_t n = read(fd, (char *)bytes + at, size - at);

                if (n < 0 && errno != EINTR)
                        return -errno;
                if (n == 0)
                        return -ENODATA;
                at += n > 0 ? (size_t)n : 0;
        }
        return 0;
}

int hedge_io_write(int fd, const void *bytes, size_t size)
{
        for (size_t at = 0; at < size;) {
                const ssize_t n = write(fd, (const char *)bytes + at, size - at);

                if (n < 0 && errno != EINTR)
                        return -errno;
                at += n > 0 ? (size_t)n : 0;
        }
        return 0;
}

int hedge_io_open_regular(const char *path, int flags)
{
        const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
        struct stat st;
        int r = 0;

        if (fd < 0 || fstat(fd, &st) < 0)
                r = -errno;
        else if (!S_ISREG(st.st_mode))
                r = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
        if (r < 0 && fd >= 0)
                close(fd);
        return r < 0 ? r : fd;
}

int hedge_io_read_file(const char *path, size_t max_bytes, char **ret, size_t *ret_size)
{
        const int fd = open(path, O_RDONLY | O_CLOEXEC);
        const int r = fd < 0 ? -errno : hedge_io_read(fd, max_bytes, ret, ret_size);

        if (fd >= 0)
                close(fd);
        return r;
}
