/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#define OPEN_MAX_FOLDERS 16

int hedge_io_sync_folder(const char *path)
{
        const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const int r = fd < 0 || fsync(fd) < 0 ? -errno : 0;

        if (fd >= 0)
                close(fd);
        return r;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
        return remove(path) < 0 ? -errno : 0;
}

int hedge_io_remove_folder(const char *path)
{
        const int r = nftw(path, remove_one, OPEN_MAX_FOLDERS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);

        return r == -1 ? (errno == ENOENT ? 0 : -errno) : r;
}
