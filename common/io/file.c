/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
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
                if (n > 0 && *size == room) /* one more than is allowed shows that there is too much */
                        r = grow(bytes, &room, room < max_bytes / 2 ? 2 * room : max_bytes + 1);
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

static int open_regular_at(int dir, const char *path, int flags)
{
        const int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);
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

int hedge_io_open_regular(const char *path, int flags)
{
        return open_regular_at(AT_FDCWD, path, flags);
}

/* The next name of a path. @return its length: 0 at the end of the path, HEDGE_EDENIED, -ENAMETOOLONG. */
static int next_name(const char *path, char *name, size_t size)
{
        const size_t length = strcspn(path, "/");

        if (length >= size)
                return -ENAMETOOLONG;
        memcpy(name, path, length);
        name[length] = '\0';
        return strcmp(name, "..") == 0 ? HEDGE_EDENIED : (int)length;
}

/* A name in a folder, which is no link: a folder on the way, or the file at the end. */
static int open_name(int dir, const char *name, bool last)
{
        struct stat st;
        int fd;

        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return -errno;
        if (S_ISLNK(st.st_mode))
                return HEDGE_EDENIED;
        if (last)
                return open_regular_at(dir, name, O_NOFOLLOW);
        fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW);
        return fd < 0 ? -errno : fd;
}

int hedge_io_open_beneath(const char *folder, const char *path)
{
        int dir = open(folder, O_RDONLY | O_CLOEXEC | O_DIRECTORY), length = dir < 0 ? -errno : 0, next;
        char name[NAME_MAX + 1];

        if (*path == '/')
                length = HEDGE_EDENIED;
        while (length >= 0) {
                length = next_name(path, name, sizeof(name));
                if (length < 0)
                        break;
                path += length + strspn(path + length, "/");
                if (length == 0 || strcmp(name, ".") == 0) {
                        if (*path)
                                continue;
                        length = -EISDIR;
                        break;
                }
                next = open_name(dir, name, *path == '\0');
                close(dir);
                dir = next;
                if (dir < 0 || *path == '\0')
                        return dir;
        }
        if (dir >= 0)
                close(dir);
        return length;
}

int hedge_io_read_file(const char *path, size_t max_bytes, char **ret, size_t *ret_size)
{
        const int fd = open(path, O_RDONLY | O_CLOEXEC);
        const int r = fd < 0 ? -errno : hedge_io_read(fd, max_bytes, ret, ret_size);

        if (fd >= 0)
                close(fd);
        return r;
}
