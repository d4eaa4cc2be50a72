/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/key_watch.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define FOLDERS 4

/* Not IN_MODIFY: a file that is being written is read when that is done. */
#define ABOVE_IT \
        (IN_CREATE | IN_MOVE | IN_DELETE | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF | IN_ONLYDIR | IN_MASK_ADD)
#define IN_FOLDER (ABOVE_IT | IN_CLOSE_WRITE)

struct hedge_key_watch {
        int fd;
        char names[FOLDERS][NAME_MAX + 1]; /* of the folders, in those above them */
        unsigned n_names;
};

int hedge_key_watch_new(hedge_key_watch_t **ret)
{
        hedge_key_watch_t *watch = calloc(1, sizeof(*watch));
        int r;

        if (!watch)
                return -ENOMEM;
        watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (watch->fd < 0) {
                r = -errno;
                free(watch);
                return r;
        }
        *ret = watch;
        return 0;
}

void hedge_key_watch_destroy(hedge_key_watch_t **watch)
{
        if (!*watch)
                return;
        close((*watch)->fd);
        free(*watch);
        *watch = NULL;
}

int hedge_key_watch_fd(const hedge_key_watch_t *watch)
{
        return watch->fd;
}

static int remember(hedge_key_watch_t *watch, const char *name)
{
        for (unsigned i = 0; i < watch->n_names; i++)
                if (!strcmp(watch->names[i], name))
                        return 0;
        if (watch->n_names == FOLDERS)
                return -ENOSPC;
        snprintf(watch->names[watch->n_names++], sizeof(watch->names[0]), "%s", name);
        return 0;
}

int hedge_key_watch_add(hedge_key_watch_t *watch, const char *folder)
{
        char above[PATH_MAX];
        int r;

        snprintf(above, sizeof(above), "%s", folder);
        r = remember(watch, basename(above));
        if (r < 0)
                return r;
        snprintf(above, sizeof(above), "%s", folder);
        if (inotify_add_watch(watch->fd, dirname(above), ABOVE_IT) < 0)
                return -errno;
        /* a folder that is not there now is heard of when it comes */
        return inotify_add_watch(watch->fd, folder, IN_FOLDER) < 0 && errno != ENOENT ? -errno : 0;
}

/* Beside keys there may be files in and above the folders that change all the time. */
static bool concerns_keys(const hedge_key_watch_t *watch, const struct inotify_event *event)
{
        size_t length = event->len ? strlen(event->name) : 0;

        if (!length || (length > 4 && !strcmp(event->name + length - 4, ".pub")))
                return true;
        for (unsigned i = 0; i < watch->n_names; i++)
                if (!strcmp(event->name, watch->names[i]))
                        return true;
        return false;
}

bool hedge_key_watch_take(hedge_key_watch_t *watch)
{
        char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
        bool any = false;
        ssize_t n;

        while ((n = read(watch->fd, buf, sizeof(buf))) > 0)
                for (const char *at = buf; at < buf + n;) {
                        const struct inotify_event *event = (const struct inotify_event *)at;

                        any |= concerns_keys(watch, event);
                        at += sizeof(*event) + event->len;
                }
        return any;
}
