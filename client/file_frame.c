/* SPDX-License-Identifier: Apache-2.0 */
#include "client/file_frame.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/table.h"
#include "common/wire/link.h"

static void unmap(void *data, void *hint)
{
        munmap(data, (size_t)(uintptr_t)hint);
}

static void free_text(void *data, void *hint)
{
        (void)hint;
        free(data);
}

static int check(const struct stat *info)
{
        if (!S_ISREG(info->st_mode))
                return S_ISDIR(info->st_mode) ? -EISDIR : -EINVAL;
        if (!info->st_size)
                return HEDGE_EMALFORMED;
        return (uint64_t)info->st_size > hedge_wire_default_limits.max_frame_bytes ? HEDGE_ELIMIT : 0;
}

static int complain(const char *path, int r, const struct stat *info, hedge_why_t *why)
{
        if (r == HEDGE_ELIMIT)
                return hedge_why(why, r, "cannot send %s: it has %s, and a file may have %s", path,
                                 hedgec_text_bytes((unsigned long long)info->st_size),
                                 hedgec_text_bytes(hedge_wire_default_limits.max_frame_bytes));
        return hedge_why(why, r, "cannot read %s: %s", path, r == HEDGE_EMALFORMED ? "it is empty" : hedge_strerror(r));
}

int hedgec_frame_file(const char *path, zmq_msg_t *frame, hedge_why_t *why)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat info = { 0 };
        void *data;
        size_t size;
        int r = fd < 0 || fstat(fd, &info) < 0 ? -errno : check(&info);

        if (r == 0) {
                size = (size_t)info.st_size;
                data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
                if (data == MAP_FAILED) {
                        r = -errno;
                } else {
                        r = hedge_frame_borrow(frame, data, size, unmap, (void *)(uintptr_t)size);
                        if (r < 0)
                                munmap(data, size);
                }
        }
        if (fd >= 0)
                close(fd);
        return r < 0 ? complain(path, r, &info, why) : 0;
}

int hedgec_frame_text(char *text, size_t size, zmq_msg_t *frame, hedge_why_t *why)
{
        int r = hedge_frame_borrow(frame, text, size, free_text, NULL);

        return r < 0 ? hedge_why(why, r, "%s", hedge_strerror(r)) : 0;
}
