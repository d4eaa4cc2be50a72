/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server/locks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

#define IPC "ipc://"

#define WAIT_MS \
        2000 /* for one that has just been killed: its files are open until the system has taken all of it down */
#define LOOK_MS 20

static void write_pid(int fd)
{
        char text[32];
        const int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

        if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) != n)
                return; /* it only tells people who it is */
}

static long read_pid(int fd)
{
        char text[32] = "";

        return pread(fd, text, sizeof(text) - 1, 0) > 0 ? strtol(text, NULL, 10) : 0;
}

static bool lock(int fd)
{
        const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000 };
        const int64_t until_ms = hedge_now_ms() + WAIT_MS;

        while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                if (hedge_now_ms() >= until_ms)
                        return false;
                nanosleep(&pause, NULL);
        }
        return true;
}

/* @param key, value  Of the configuration, for a sentence. */
static int take(hedged_locks_t *locks, const char *path, const char *key, const char *value, hedge_why_t *why)
{
        const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640);
        long pid;

        if (fd < 0)
                return 0;
        if (lock(fd)) {
                write_pid(fd);
                locks->fds[locks->count++] = fd;
                return 0;
        }
        pid = read_pid(fd);
        close(fd);
        return hedge_why(why, -EBUSY, "%s: %s is used by another hedged (process %ld)", key, value, pid);
}

static int take_folder(hedged_locks_t *locks, const char *folder, const char *key, hedge_why_t *why)
{
        char path[PATH_MAX];

        if (!*folder || snprintf(path, sizeof(path), "%s/.lock", folder) >= (int)sizeof(path))
                return 0;
        if (mkdir(folder, 0750) < 0 && errno != EEXIST)
                return 0; /* who needs it says why */
        return take(locks, path, key, folder, why);
}

/* Binding takes a socket's file away, whoever listens there. An abstract one, or one of any name, has no file. */
static int take_socket(hedged_locks_t *locks, const char *endpoint, hedge_why_t *why)
{
        const char *file = endpoint + strlen(IPC);
        char path[PATH_MAX];

        if (strncmp(endpoint, IPC, strlen(IPC)) || *file == '@' || *file == '*' ||
            snprintf(path, sizeof(path), "%s.lock", file) >= (int)sizeof(path))
                return 0;
        return take(locks, path, "listen.clients", endpoint, why);
}

int hedged_locks_take(const hedged_config_t *config, hedged_locks_t *ret, hedge_why_t *why)
{
        int r = take_folder(ret, config->models.repository, "models.repository", why);

        if (r == 0)
                r = take_folder(ret, config->jobs.folder, "jobs.folder", why);
        return r < 0 ? r : take_socket(ret, config->listen.clients, why);
}

void hedged_locks_release(hedged_locks_t *locks)
{
        while (locks->count > 0)
                close(locks->fds[--locks->count]);
}
