/* SPDX-License-Identifier: Apache-2.0 */
#include "client/site.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/endpoint.h"
#include "common/wire/keys.h"

char *hedgec_site_path(const hedgec_site_t *site, char buf[HEDGEC_SITE_PATH_MAX], const char *format, ...)
{
        int length = snprintf(buf, HEDGEC_SITE_PATH_MAX, "%s/", site->dir);
        va_list args;

        va_start(args, format);
        vsnprintf(buf + length, HEDGEC_SITE_PATH_MAX - (size_t)length, format, args);
        va_end(args);
        return buf;
}

/* Our folders may hold secrets; those above them are the user's and get his usual mode. */
static int make_folders(const char *path)
{
        char part[PATH_MAX];
        size_t length = strlen(path);

        if (length >= sizeof(part))
                return -ENAMETOOLONG;
        for (size_t i = 1; i <= length; i++) {
                if (path[i] != '/' && path[i] != '\0')
                        continue;
                memcpy(part, path, i);
                part[i] = '\0';
                if (mkdir(part, 0777) < 0 && errno != EEXIST)
                        return -errno;
        }
        return 0;
}

static int take_lock(hedgec_site_t *site, hedge_why_t *why)
{
        char path[HEDGEC_SITE_PATH_MAX];

        site->lock = open(hedgec_site_path(site, path, "run/lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (site->lock < 0)
                return hedge_why(why, -errno, "cannot open %s: %s", path, hedge_strerror(-errno));
        if (flock(site->lock, LOCK_EX | LOCK_NB) == 0)
                return 0;
        hedgec_site_close(site);
        return hedge_why(why, -EBUSY, "another 'hedge up' holds %s", site->dir);
}

static int set_dir(const char *dir, hedgec_site_t *site, hedge_why_t *why)
{
        char socket[HEDGEC_SITE_PATH_MAX];
        int r = hedgec_socket_path(dir, socket, sizeof(socket), why);

        if (r < 0)
                return r;
        socket[strlen(socket) - strlen("/run/hedged.sock")] = '\0';
        snprintf(site->dir, sizeof(site->dir), "%s", socket);
        return 0;
}

int hedgec_site_create(const char *dir, hedgec_site_t *ret, hedge_why_t *why)
{
        static const struct {
                const char *name;
                mode_t mode;
        } folders[] = { { "keys", 0700 },   { "keys/boards", 0755 }, { "keys/clients", 0755 }, { "conf", 0755 },
                        { "models", 0755 }, { "log", 0755 },         { "run", 0700 } };
        hedgec_site_t site = { .lock = -1 };
        char path[HEDGEC_SITE_PATH_MAX];
        int r;

        /* Before anything is made: would its socket's name fit? */
        r = set_dir(dir, &site, why);
        if (r < 0)
                return r;
        r = make_folders(dir);
        if (r < 0)
                return hedge_why(why, r, "cannot make the folder %s: %s", dir, hedge_strerror(r));
        r = set_dir(dir, &site, why);
        for (size_t i = 0; !r && i < sizeof(folders) / sizeof(folders[0]); i++)
                if (mkdir(hedgec_site_path(&site, path, "%s", folders[i].name), folders[i].mode) < 0 && errno != EEXIST)
                        r = hedge_why(why, -errno, "cannot make the folder %s: %s", path, hedge_strerror(-errno));
        if (!r)
                r = take_lock(&site, why);
        if (!r)
                *ret = site;
        return r;
}

int hedgec_site_open(const char *dir, hedgec_site_t *ret, hedge_why_t *why)
{
        hedgec_site_t site = { .lock = -1 };
        char path[HEDGEC_SITE_PATH_MAX];
        int r = set_dir(dir, &site, why);

        if (r < 0)
                return r;
        if (access(hedgec_site_path(&site, path, "run"), F_OK) < 0)
                return hedge_why(why, -errno, "%s is no cluster's folder ('hedge up --dir %s' makes one): %s", dir, dir,
                                 hedge_strerror(-errno));
        *ret = site;
        return 0;
}

void hedgec_site_close(hedgec_site_t *site)
{
        if (site->lock >= 0)
                close(site->lock);
        site->lock = -1;
}

static int make_key(const hedgec_site_t *site, const char *name, hedge_why_t *why)
{
        char keys[HEDGEC_SITE_PATH_MAX];
        int r = hedge_keys_generate(hedgec_site_path(site, keys, "keys"), name, why);

        return r == -EEXIST ? 0 : r;
}

/* NAME.pub of keys/ also in keys/boards/: a link, so that there is one key only. */
static int let_in(const hedgec_site_t *site, const char *name, hedge_why_t *why)
{
        char path[HEDGEC_SITE_PATH_MAX], target[96];

        snprintf(target, sizeof(target), "../%s.pub", name);
        if (symlink(target, hedgec_site_path(site, path, "keys/boards/%s.pub", name)) < 0 && errno != EEXIST)
                return hedge_why(why, -errno, "cannot write %s: %s", path, hedge_strerror(-errno));
        return 0;
}

static void shut_out(const hedgec_site_t *site, unsigned boards)
{
        char path[HEDGEC_SITE_PATH_MAX];
        bool gone = false;

        for (unsigned i = boards + 1; i <= HEDGEC_SITE_BOARDS_MAX && !gone; i++)
                gone = unlink(hedgec_site_path(site, path, "keys/boards/board-%u.pub", i)) < 0;
}

int hedgec_site_make_keys(const hedgec_site_t *site, unsigned boards, hedge_why_t *why)
{
        char name[32];
        int r = make_key(site, "coordinator", why);

        for (unsigned i = 1; !r && i <= boards; i++) {
                snprintf(name, sizeof(name), "board-%u", i);
                r = make_key(site, name, why);
                if (!r)
                        r = let_in(site, name, why);
        }
        if (!r)
                shut_out(site, boards);
        return r;
}

/* "NAME.pid" -> NAME of a program of ours. */
static bool parse_pid_name(const char *file, char *name, size_t size)
{
        size_t length = strlen(file);

        if (length < 5 || length - 4 >= size || strcmp(file + length - 4, ".pid"))
                return false;
        snprintf(name, size, "%.*s", (int)length - 4, file);
        return !strcmp(name, "hedged") || !strncmp(name, "board-", 6);
}

/* Takes hold of a process, hedged in front. */
static void insert(hedgec_process_t *processes, int count, const hedgec_process_t *process)
{
        processes[count] = *process;
        if (!strcmp(process->name, "hedged")) {
                processes[count] = processes[0];
                processes[0] = *process;
        }
}

int hedgec_site_processes(const hedgec_site_t *site, hedgec_process_t *processes, unsigned *ret_stale, hedge_why_t *why)
{
        char path[HEDGEC_SITE_PATH_MAX], mark[HEDGEC_SITE_PATH_MAX];
        DIR *run = opendir(hedgec_site_path(site, path, "run"));
        unsigned stale = 0;
        struct dirent *entry;
        int count = 0, r = 0;

        if (!run)
                return hedge_why(why, -errno, "cannot read %s: %s", path, hedge_strerror(-errno));
        while (r >= 0 && count <= HEDGEC_SITE_BOARDS_MAX && (entry = readdir(run))) {
                hedgec_process_t process = { .pidfd = -1 };

                if (!parse_pid_name(entry->d_name, process.name, sizeof(process.name)))
                        continue;
                hedgec_site_path(site, path, "run/%s.pid", process.name);
                r = hedgec_process_find(&process, path, hedgec_site_path(site, mark, "conf/%s.yaml", process.name));
                if (r < 0)
                        hedge_why(why, r, "cannot look at the process of %s: %s", path, hedge_strerror(r));
                else if (r)
                        insert(processes, count++, &process);
                else
                        stale++;
        }
        closedir(run);
        for (int i = 0; r < 0 && i < count; i++)
                hedgec_process_release(&processes[i]);
        if (r >= 0 && ret_stale)
                *ret_stale = stale;
        return r < 0 ? r : count;
}

void hedgec_site_clean(const hedgec_site_t *site)
{
        char path[HEDGEC_SITE_PATH_MAX], name[64];
        DIR *run = opendir(hedgec_site_path(site, path, "run"));
        struct dirent *entry;

        while (run && (entry = readdir(run)))
                if (parse_pid_name(entry->d_name, name, sizeof(name)))
                        unlink(hedgec_site_path(site, path, "run/%s.pid", name));
        if (run)
                closedir(run);
        unlink(hedgec_site_path(site, path, "run/hedged.sock"));
        unlink(hedgec_site_path(site, path, "run/boards.endpoint"));
}
