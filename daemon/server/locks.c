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
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

#define IPC "ipc://"

#define WAIT_MS \
        2000 /* for one that has just been killed: its files are open until the system has taken all of it down */
#define LOOK_MS 20

/* The process that has a lock, as the system lists them; 0: it does not say. */
static long holder(int fd)
{
        char line[256], file[64];
        struct stat st;
        FILE *list;
        long pid = 0;

        if (fstat(fd, &st) < 0 || !(list = fopen("/proc/locks", "re")))
                return 0;
        snprintf(file, sizeof(file), " %02x:%02x:%llu ", major(st.st_dev), minor(st.st_dev),
                 (unsigned long long)st.st_ino);
        while (!pid && fgets(line, sizeof(line), list)) {
                const char *writer = strstr(line, " WRITE ");

                if (writer && strstr(line, " FLOCK ") && strstr(line, file))
                        pid = strtol(writer + strlen(" WRITE "), NULL, 10);
        }
        fclose(list);
        return pid;
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

/* Takes the descriptor over. @param key, value  Of the configuration, for a sentence. */
static int take(hedged_locks_t *locks, int fd, const char *key, const char *value, hedge_why_t *why)
{
        char who[32] = "";
        long pid;

        if (fd < 0)
                return 0; /* whoever needs it says why */
        if (lock(fd)) {
                locks->fds[locks->count++] = fd;
                return 0;
        }
        pid = holder(fd);
        if (pid > 0)
                snprintf(who, sizeof(who), " (process %ld)", pid);
        close(fd);
        return hedge_why(why, -EBUSY, "%s: %s is used by another hedged%s", key, value, who);
}

static int take_folder(hedged_locks_t *locks, const char *folder, const char *key, hedge_why_t *why)
{
        if (*folder)
                mkdir(folder, 0750);
        return take(locks, open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), key, folder, why);
}

/* Binding takes a socket's file away, whoever listens there. An abstract one, or one of any name, has no file. */
static int take_socket(hedged_locks_t *locks, const char *endpoint, hedge_why_t *why)
{
        const char *file = endpoint + strlen(IPC);
        char path[PATH_MAX];

        if (strncmp(endpoint, IPC, strlen(IPC)) || *file == '@' || *file == '*' ||
            snprintf(path, sizeof(path), "%s.lock", file) >= (int)sizeof(path))
                return 0;
        return take(locks, open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0640), "listen.clients",
                    endpoint, why);
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
