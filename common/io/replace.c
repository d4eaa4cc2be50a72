/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/folder.h"

static int say(hedge_why_t *why, const char *path, int error)
{
        return hedge_why(why, -error, "%s: %s", path, hedge_strerror(-error));
}

static void forget(hedge_replace_t *r)
{
        free(r->path);
        free(r->beside);
        *r = (hedge_replace_t){ NULL, NULL, NULL };
}

/* A new file beside the path; its mode is what the process's umask leaves. */
static int open_beside(hedge_replace_t *r, int *ret_fd)
{
        static atomic_uint opened;

        for (;;) {
                if (asprintf(&r->beside, "%s.%ld-%u", r->path, (long)getpid(), atomic_fetch_add(&opened, 1)) < 0) {
                        r->beside = NULL;
                        return -ENOMEM;
                }
                *ret_fd = open(r->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
                if (*ret_fd >= 0)
                        return 0;
                if (errno != EEXIST)
                        return -errno;
                free(r->beside); /* of a process that was killed */
        }
}

/* A device or a pipe that is there is written to as it is: there is nothing to replace, and it must not be. */
static int open_itself(const hedge_replace_t *r, int *ret_fd)
{
        *ret_fd = open(r->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return *ret_fd < 0 ? -errno : 0;
}

static bool is_special(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

static int open_file(hedge_replace_t *r, int *ret_fd)
{
        if (!r->path)
                return -ENOMEM;
        return is_special(r->path) ? open_itself(r, ret_fd) : open_beside(r, ret_fd);
}

int hedge_replace_begin(const char *path, hedge_replace_t *ret, hedge_why_t *why)
{
        hedge_replace_t r = { .path = strdup(path) };
        int fd = -1, error = open_file(&r, &fd);

        if (error == 0 && !(r.file = fdopen(fd, "wb"))) {
                error = -errno;
                close(fd);
                if (r.beside)
                        unlink(r.beside);
        }
        if (error == 0) {
                *ret = r;
                return 0;
        }
        forget(&r);
        return say(why, path, -error);
}

/* A rename is on the disk when its folder is. */
static int sync_name(const char *path)
{
        const char *slash = strrchr(path, '/');
        char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
        const int r = folder ? hedge_io_sync_folder(folder) : -ENOMEM;

        free(folder);
        return r;
}

/* The last step, once its bytes are on the disk. */
static int give_name(const hedge_replace_t *replace, hedge_why_t *why)
{
        int r;

        if (rename(replace->beside, replace->path) < 0) {
                r = say(why, replace->path, errno);
                unlink(replace->beside);
                return r;
        }
        r = sync_name(replace->path);
        return r < 0 ? say(why, replace->path, -r) : 0;
}

int hedge_replace_end(hedge_replace_t *replace, int result, hedge_why_t *why)
{
        int r = result;

        if (!ferror(replace->file)) /* else it says why writing failed */
                errno = 0;
        if (r == 0 && (fflush(replace->file) != 0 || ferror(replace->file) ||
                       (replace->beside && fsync(fileno(replace->file)) < 0)))
                r = say(why, replace->path, errno ? errno : EIO);
        if (fclose(replace->file) != 0 && r == 0)
                r = say(why, replace->path, errno);
        if (r < 0 && replace->beside)
                unlink(replace->beside);
        else if (replace->beside)
                r = give_name(replace, why);
        forget(replace);
        return r;
}
