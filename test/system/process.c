/* SPDX-License-Identifier: Apache-2.0 */
#include "test/system/process.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"

void test_dir_make(char *dir, size_t size)
{
        const char *base = getenv("TMPDIR");

        snprintf(dir, size, "%s/hedge-test-XXXXXX", base ? base : "/tmp");
        assert_non_null(mkdtemp(dir));
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
        return remove(path);
}

void test_dir_remove(const char *dir)
{
        if (*dir)
                nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void test_write_file(const char *dir, const char *name, const char *text)
{
        char path[300];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

static void become(const char *log, const char *const *arguments, const char *const *environment)
{
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
                _exit(126);
        for (; environment && *environment; environment++)
                putenv((char *)(uintptr_t)*environment);
        execv(arguments[0], (char *const *)(uintptr_t)arguments);
        dprintf(STDERR_FILENO, "%s: %s\n", arguments[0], strerror(errno));
        _exit(127);
}

void test_process_start(test_process_t *process, const char *dir, const char *name, const char *const *arguments,
                        const char *const *environment)
{
        snprintf(process->log, sizeof(process->log), "%s/%s.log", dir, name);
        process->pid = fork();
        assert_true(process->pid >= 0);
        if (process->pid == 0)
                become(process->log, arguments, environment);
}

int test_process_wait(test_process_t *process, int timeout_ms)
{
        const struct timespec pause = { 0, 2000000 };
        int64_t end_ms = hedge_now_ms() + timeout_ms;
        int status;

        for (;;) {
                if (waitpid(process->pid, &status, WNOHANG) == process->pid)
                        break;
                if (hedge_now_ms() >= end_ms)
                        return -1;
                nanosleep(&pause, NULL);
        }
        process->pid = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool test_process_runs(const test_process_t *process)
{
        siginfo_t info = { .si_pid = 0 };

        return process->pid > 0 && waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               info.si_pid == 0;
}

void test_process_kill(test_process_t *process)
{
        if (process->pid <= 0)
                return;
        kill(process->pid, SIGKILL);
        waitpid(process->pid, NULL, 0);
        process->pid = 0;
}

bool test_process_said(const test_process_t *process, const char *text)
{
        FILE *file = fopen(process->log, "r");
        char line[4096];
        bool found = false;

        while (file && !found && fgets(line, sizeof(line), file))
                found = strstr(line, text);
        if (file)
                fclose(file);
        return found;
}

void test_process_show(const test_process_t *process)
{
        FILE *file = fopen(process->log, "r");
        char line[4096];

        while (file && fgets(line, sizeof(line), file))
                fprintf(stderr, "    | %s", line);
        if (file)
                fclose(file);
}

long test_process_memory_kib(const test_process_t *process, const char *field)
{
        char path[64], line[256];
        long kib = -1;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/status", (int)process->pid);
        file = fopen(path, "r");
        assert_non_null(file);
        while (kib < 0 && fgets(line, sizeof(line), file))
                if (!strncmp(line, field, strlen(field)) && line[strlen(field)] == ':')
                        kib = strtol(line + strlen(field) + 1, NULL, 10);
        fclose(file);
        assert_true(kib >= 0);
        return kib;
}

long test_process_cpu_ms(const test_process_t *process)
{
        unsigned long user, system;
        char path[64], line[1024];
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int)process->pid);
        file = fopen(path, "r");
        assert_non_null(file);
        assert_non_null(fgets(line, sizeof(line), file));
        fclose(file);
        /* behind the name: state and ten numbers, then user and system time */
        assert_int_equal(
                sscanf(strrchr(line, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system),
                2);
        return (long)((user + system) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK));
}

int test_notify_open(const char *dir, char *environment, size_t size)
{
        const struct timeval patience = { TEST_PATIENCE_MS / 1000, 0 };
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        snprintf(address.sun_path, sizeof(address.sun_path), "%.60s/notify", dir);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
        snprintf(environment, size, "NOTIFY_SOCKET=%s", address.sun_path);
        return fd;
}

void test_notify_expect(int fd, const char *text)
{
        char got[1024];

        do {
                ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

                if (n < 0)
                        fail_msg("systemd was not told '%s'", text);
                got[n < 0 ? 0 : n] = 0;
        } while (!strstr(got, text));
}
