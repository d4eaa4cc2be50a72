/* SPDX-License-Identifier: Apache-2.0 */
#include "client/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/options.h"
#include "common/clock.h"

static const char *const not_passed_on[] = { "NOTIFY_SOCKET=", "JOURNAL_STREAM=", "WATCHDOG_USEC=", "WATCHDOG_PID=" };

/* Our environment with another NOTIFY_SOCKET; the array alone is owned. */
static char **make_environment(char *notify)
{
        size_t n = 0, kept = 0;
        char **list;

        while (environ[n])
                n++;
        list = calloc(n + 2, sizeof(*list));
        if (!list)
                return NULL;
        for (size_t i = 0; i < n; i++) {
                bool drop = false;

                for (size_t k = 0; k < sizeof(not_passed_on) / sizeof(not_passed_on[0]); k++)
                        drop |= !strncmp(environ[i], not_passed_on[k], strlen(not_passed_on[k]));
                if (!drop)
                        list[kept++] = environ[i];
        }
        list[kept] = notify;
        return list;
}

static int set_attributes(posix_spawnattr_t *attributes)
{
        sigset_t none, all;

        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_setsigmask(attributes, &none);
        posix_spawnattr_setsigdefault(attributes, &all);
        return posix_spawnattr_setflags(attributes,
                                        POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static int spawn(char *const argv[], const char *log, char **environment, pid_t *ret)
{
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int r;

        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
        r = set_attributes(&attributes);
        if (!r)
                r = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        if (!r)
                r = posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0644);
        if (!r)
                r = posix_spawn_file_actions_adddup2(&actions, 1, 2);
        if (!r)
                r = posix_spawn(ret, argv[0], &actions, &attributes, argv, environment);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return -r;
}

int hedgec_process_start(hedgec_process_t *process, char *const argv[], const char *log, const char *notify,
                         hedge_why_t *why)
{
        char variable[160];
        char **environment;
        pid_t pid;
        int r;

        snprintf(variable, sizeof(variable), "NOTIFY_SOCKET=%s", notify);
        environment = make_environment(variable);
        if (!environment)
                return hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
        r = spawn(argv, log, environment, &pid);
        free(environment);
        if (r < 0)
                return hedge_why(why, r, "cannot start %s: %s", argv[0], hedge_strerror(r));
        process->pid = pid;
        process->ready = false;
        process->pidfd = pidfd_open(pid, 0);
        if (process->pidfd >= 0)
                return 0;
        r = -errno;
        kill(pid, SIGKILL); /* our own child, not yet reaped: the number is its own */
        waitpid(pid, NULL, 0);
        process->pid = 0;
        return hedge_why(why, r, "cannot watch %s: %s", argv[0], hedge_strerror(r));
}

static ssize_t read_small(const char *path, char *buf, size_t size)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        size_t used = 0;
        ssize_t n;

        if (fd < 0)
                return -errno;
        while (used < size && (n = read(fd, buf + used, size - used)) > 0)
                used += (size_t)n;
        close(fd);
        return (ssize_t)used;
}

static bool has_argument(pid_t pid, const char *mark)
{
        char path[64], arguments[16384];
        ssize_t size;

        snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
        size = read_small(path, arguments, sizeof(arguments) - 1);
        if (size <= 0)
                return false;
        arguments[size] = '\0';
        for (ssize_t at = 0; at < size; at += (ssize_t)strlen(arguments + at) + 1)
                if (!strcmp(arguments + at, mark))
                        return true;
        return false;
}

int hedgec_process_find(hedgec_process_t *process, const char *pid_file, const char *mark)
{
        char text[32];
        ssize_t size = read_small(pid_file, text, sizeof(text) - 1);
        uint64_t pid;
        int fd;

        if (size < 0)
                return size == -ENOENT ? 0 : (int)size;
        text[size] = '\0';
        text[strcspn(text, "\n")] = '\0';
        if (hedgec_uint_parse(text, 1, INT32_MAX, &pid))
                return 0;
        fd = pidfd_open((pid_t)pid, 0);
        if (fd < 0)
                return errno == ESRCH || errno == EINVAL ? 0 : -errno;
        /* Looked at while we hold it: what we see is what we would signal. */
        if (!has_argument((pid_t)pid, mark)) {
                close(fd);
                return 0;
        }
        process->pid = (pid_t)pid;
        process->pidfd = fd;
        return 1;
}

int hedgec_process_write_pid(const hedgec_process_t *process, const char *pid_file)
{
        FILE *file = fopen(pid_file, "we");

        if (!file)
                return -errno;
        fprintf(file, "%d\n", (int)process->pid);
        return fclose(file) ? -errno : 0;
}

bool hedgec_process_ended(hedgec_process_t *process, int *ret_status)
{
        struct pollfd item = { .fd = process->pidfd, .events = POLLIN };
        int status = 0;

        if (process->pidfd < 0 || poll(&item, 1, 0) < 1)
                return process->pidfd < 0;
        if (waitpid(process->pid, &status, WNOHANG) < 0)
                status = 0; /* another's child */
        hedgec_process_release(process);
        if (ret_status)
                *ret_status = status;
        return true;
}

char *hedgec_process_end_text(int status, char *buf, size_t size)
{
        if (WIFSIGNALED(status))
                snprintf(buf, size, "was killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
        else
                snprintf(buf, size, "ended with status %d", WEXITSTATUS(status));
        return buf;
}

void hedgec_process_release(hedgec_process_t *process)
{
        if (process->pidfd >= 0)
                close(process->pidfd);
        process->pidfd = -1;
        process->pid = 0;
}

static void signal_all(hedgec_process_t *processes, unsigned count, int signal)
{
        for (unsigned i = 0; i < count; i++)
                if (processes[i].pidfd >= 0)
                        pidfd_send_signal(processes[i].pidfd, signal, NULL, 0);
}

/* Wait for those that are left, until the deadline. @return how many are still there. */
static unsigned wait_all(hedgec_process_t *processes, unsigned count, int64_t deadline)
{
        struct pollfd *items = calloc(count ? count : 1, sizeof(*items));
        unsigned left = count;

        while (items) {
                int64_t wait = deadline - hedge_now_ms();

                left = 0;
                for (unsigned i = 0; i < count; i++) {
                        left += !hedgec_process_ended(&processes[i], NULL);
                        items[i] = (struct pollfd){ .fd = processes[i].pidfd, .events = POLLIN };
                }
                if (!left || wait <= 0)
                        break;
                if (poll(items, count, (int)wait) < 0 && errno != EINTR)
                        break;
        }
        free(items);
        return left;
}

unsigned hedgec_process_stop_all(hedgec_process_t *processes, unsigned count, int grace_ms)
{
        unsigned left;

        signal_all(processes, count, SIGTERM);
        signal_all(processes, count, SIGCONT);
        left = wait_all(processes, count, hedge_now_ms() + grace_ms);
        if (left) {
                signal_all(processes, count, SIGKILL);
                wait_all(processes, count, hedge_now_ms() + grace_ms);
        }
        return left;
}

/* A program in a folder, if it is there. */
static bool try_folder(const char *folder, const char *below, const char *name, char *path, size_t size)
{
        int length = snprintf(path, size, "%s%s/%s", folder, below, name);
        struct stat info;

        return length > 0 && (size_t)length < size && stat(path, &info) == 0 && S_ISREG(info.st_mode) &&
               access(path, X_OK) == 0;
}

static bool try_search_path(const char *name, char *path, size_t size)
{
        const char *list = getenv("PATH");
        char folder[PATH_MAX];
        size_t n;

        for (; list && *list; list += n + (list[n] == ':')) {
                n = strcspn(list, ":");
                if (!n || n >= sizeof(folder))
                        continue;
                snprintf(folder, sizeof(folder), "%.*s", (int)n, list);
                if (try_folder(folder, "", name, path, size))
                        return true;
        }
        return false;
}

int hedgec_find_program(const char *name, const char *folder, char *path, size_t size, hedge_why_t *why)
{
        char self[PATH_MAX] = "", below[64];
        ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
        char *slash;

        self[length > 0 ? length : 0] = '\0';
        slash = strrchr(self, '/');
        if (slash)
                *slash = '\0';
        snprintf(below, sizeof(below), "/../%s", folder);
        if (slash && (try_folder(self, "", name, path, size) || try_folder(self, below, name, path, size) ||
                      try_folder(self, "/../sbin", name, path, size)))
                return 0;
        if (try_search_path(name, path, size))
                return 0;
        return hedge_why(why, -ENOENT, "cannot find %s: neither beside this program nor on PATH", name);
}
