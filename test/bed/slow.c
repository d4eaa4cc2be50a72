/* SPDX-License-Identifier: Apache-2.0 */
#include "test/bed/slow.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

#define WORTH_NS   50000   /* less is owed on: to sleep takes processor time, too */
#define CREDIT_NS  2000000 /* of oversleeping: beyond it the thread was stopped, or the machine is too busy */
#define CORES      4
#define FACTOR_MAX 1e6
#define S_NS       INT64_C(1000000000)

static double factor = 1;
static const volatile char *while_file = "1"; /* the mapped file, or as if there were one */
static atomic_int_least64_t all_owed_ns;      /* of all threads that ever were */
static int64_t look_ns; /* what it takes to read a thread's clock, which the slower processor would not do */
static sem_t cores;

static _Thread_local __attribute__((tls_model("initial-exec"))) struct {
        int64_t seen_ns; /* its processor time that is accounted for */
        int64_t debt_ns; /* what it has to sleep yet; below 0: it overslept */
        int64_t owed_ns, slept_ns, taken_ns, told_ns;
        bool rated;
} me;

/* Of condition variables there are old ones under the same names, which dlsym() would find on x86. */
static void find(const char *name, void *ret, size_t size)
{
        void *found = dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2");

        if (!found)
                found = dlsym(RTLD_NEXT, name);
        if (!found) {
                fprintf(stderr, "slow: there is no %s to be slow in front of\n", name);
                abort();
        }
        memcpy(ret, &found, size); /* threads that meet here write the same */
}

static int64_t now_ns(clockid_t clock)
{
        static int (*real)(clockid_t clock, struct timespec * ret);
        struct timespec t;

        if (!real)
                find("clock_gettime", &real, sizeof(real));
        real(clock, &t);
        return t.tv_sec * S_NS + t.tv_nsec;
}

static void account(void)
{
        const int64_t now = now_ns(CLOCK_THREAD_CPUTIME_ID);
        const int64_t used = now - me.seen_ns - look_ns;
        int64_t owed;

        me.seen_ns = now;
        if (me.rated || used <= 0 || *while_file != '1')
                return;
        me.taken_ns += (int64_t)((double)used * factor);
        owed = (int64_t)((double)used * (factor - 1));
        me.owed_ns += owed;
        me.debt_ns += owed;
        atomic_fetch_add(&all_owed_ns, owed);
}

/* By the kernel's own call, as nanosleep() below pays first. */
static void sleep_debt(void)
{
        const struct timespec t = { me.debt_ns / S_NS, me.debt_ns % S_NS };
        int64_t begin, slept;

        while (sem_wait(&cores) < 0 && errno == EINTR)
                ;
        begin = now_ns(CLOCK_MONOTONIC);
        syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &t, NULL); /* a signal ends it: the rest stays owed */
        sem_post(&cores);
        slept = now_ns(CLOCK_MONOTONIC) - begin;
        if (slept > me.debt_ns + CREDIT_NS)
                slept = me.debt_ns + CREDIT_NS;
        me.slept_ns += slept;
        me.debt_ns -= slept;
}

static void pay(void)
{
        const int saved = errno;

        if (factor <= 1)
                return;
        account();
        if (me.debt_ns >= WORTH_NS) {
                sleep_debt();
                me.seen_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
        }
        errno = saved;
}

EXPORTED void hedge_slow_rated(int rated)
{
        account();
        me.rated = rated;
}

EXPORTED int64_t hedge_slow_taken_us(void)
{
        int64_t us;

        account();
        us = (me.taken_ns - me.told_ns) / 1000;
        me.told_ns += us * 1000;
        return us;
}

EXPORTED int64_t hedge_slow_owed_ns(void)
{
        return me.owed_ns;
}

EXPORTED int64_t hedge_slow_slept_ns(void)
{
        return me.slept_ns;
}

static double number_of(const char *name, double least, double otherwise)
{
        const char *text = getenv(name);
        char *end;
        double number = text ? strtod(text, &end) : otherwise;

        if (text && (end == text || *end || !(number >= least && number <= FACTOR_MAX))) {
                fprintf(stderr, "slow: %s=%s: a number from %g to %g is wanted\n", name, text, least, FACTOR_MAX);
                exit(2);
        }
        return number;
}

static void map_file(const char *path)
{
        const int fd = open(path, O_RDONLY | O_CLOEXEC);
        char *mapped = fd >= 0 ? mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

        if (mapped == MAP_FAILED) {
                fprintf(stderr, "slow: HEDGE_SLOW_WHILE=%s: %s\n", path, strerror(errno));
                exit(2);
        }
        close(fd);
        while_file = mapped;
}

static int64_t measure_look(void)
{
        const int count = 200;
        const int64_t begin = now_ns(CLOCK_THREAD_CPUTIME_ID);

        for (int i = 1; i < count; i++)
                now_ns(CLOCK_THREAD_CPUTIME_ID);
        return (now_ns(CLOCK_THREAD_CPUTIME_ID) - begin) / count;
}

__attribute__((constructor)) static void begin(void)
{
        sem_init(&cores, 0, (unsigned)number_of("HEDGE_SLOW_CORES", 1, CORES));
        look_ns = measure_look();
        prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0); /* threads inherit it */
        if (getenv("HEDGE_SLOW_WHILE"))
                map_file(getenv("HEDGE_SLOW_WHILE"));
        me.seen_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
        factor = number_of("HEDGE_SLOW", 1, 1); /* last: from now on it is paid for */
}

/* The C library's function of the same name, after paying. */
#define STAND_IN(result, name, parameters, arguments)     \
        EXPORTED result name parameters                   \
        {                                                 \
                static result(*real) parameters;          \
                                                          \
                if (!real)                                \
                        find(#name, &real, sizeof(real)); \
                pay();                                    \
                return real arguments;                    \
        }

/* --- what blocks --- */

STAND_IN(int, epoll_wait, (int fd, struct epoll_event *events, int most, int timeout), (fd, events, most, timeout))
STAND_IN(int, epoll_pwait, (int fd, struct epoll_event *events, int most, int timeout, const sigset_t *signals),
         (fd, events, most, timeout, signals))
STAND_IN(int, poll, (struct pollfd * fds, nfds_t count, int timeout), (fds, count, timeout))
STAND_IN(int, ppoll, (struct pollfd * fds, nfds_t count, const struct timespec *timeout, const sigset_t *signals),
         (fds, count, timeout, signals))
STAND_IN(int, select, (int count, fd_set *in, fd_set *out, fd_set *bad, struct timeval *timeout),
         (count, in, out, bad, timeout))
STAND_IN(int, pthread_cond_wait, (pthread_cond_t * changed, pthread_mutex_t *lock), (changed, lock))
STAND_IN(int, pthread_cond_timedwait, (pthread_cond_t * changed, pthread_mutex_t *lock, const struct timespec *until),
         (changed, lock, until))
STAND_IN(int, pthread_cond_clockwait,
         (pthread_cond_t * changed, pthread_mutex_t *lock, clockid_t clock, const struct timespec *until),
         (changed, lock, clock, until))
STAND_IN(int, pthread_mutex_lock, (pthread_mutex_t * lock), (lock))
STAND_IN(int, pthread_join, (pthread_t thread, void **result), (thread, result))
STAND_IN(int, nanosleep, (const struct timespec *time, struct timespec *left), (time, left))
STAND_IN(int, clock_nanosleep, (clockid_t clock, int flags, const struct timespec *time, struct timespec *left),
         (clock, flags, time, left))
STAND_IN(int, usleep, (useconds_t us), (us))
STAND_IN(unsigned, sleep, (unsigned seconds), (seconds))

EXPORTED int sched_yield(void)
{
        pay();
        return (int)syscall(SYS_sched_yield);
}

/* --- threads: one that is made for a part of some work is as its maker, and ends when it would have --- */

typedef struct start {
        void *(*routine)(void *argument);
        void *argument;
        bool rated;
} start_t;

static void *run(void *given)
{
        const start_t start = *(start_t *)given;
        void *result;

        free(given);
        me.rated = start.rated;
        result = start.routine(start.argument);
        pay();
        return result;
}

EXPORTED int pthread_create(pthread_t *ret, const pthread_attr_t *attributes, void *(*routine)(void *argument),
                            void *argument)
{
        static int (*real)(pthread_t * ret, const pthread_attr_t *attributes, void *(*routine)(void *), void *argument);
        start_t *start = malloc(sizeof(*start));
        int r;

        if (!real)
                find("pthread_create", &real, sizeof(real));
        if (!start)
                return EAGAIN;
        pay();
        *start = (start_t){ routine, argument, me.rated };
        r = real(ret, attributes, run, start);
        if (r)
                free(start);
        return r;
}

/* --- what the thread itself sees --- */

/* A slower processor would have worked for longer. */
EXPORTED int clock_gettime(clockid_t clock, struct timespec *ret)
{
        static int (*real)(clockid_t clock, struct timespec * ret);
        int64_t ns;
        int r;

        if (!real)
                find("clock_gettime", &real, sizeof(real));
        pay();
        r = real(clock, ret);
        if (r == 0 && (clock == CLOCK_THREAD_CPUTIME_ID || clock == CLOCK_PROCESS_CPUTIME_ID)) {
                ns = ret->tv_nsec + (clock == CLOCK_THREAD_CPUTIME_ID ? me.owed_ns : atomic_load(&all_owed_ns));
                ret->tv_sec += ns / S_NS;
                ret->tv_nsec = ns % S_NS;
        }
        return r;
}

/* --- what others see --- */

STAND_IN(int, pthread_cond_signal, (pthread_cond_t * changed), (changed))
STAND_IN(int, pthread_cond_broadcast, (pthread_cond_t * changed), (changed))
STAND_IN(ssize_t, write, (int fd, const void *data, size_t size), (fd, data, size))
STAND_IN(ssize_t, send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags))
STAND_IN(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))

/* --- what comes: not before the thread would be ready for it --- */

STAND_IN(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size))
STAND_IN(ssize_t, recv, (int fd, void *data, size_t size, int flags), (fd, data, size, flags))
STAND_IN(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags))
