/* SPDX-License-Identifier: Apache-2.0 */
#include "common/cost.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 1024 /* of ours, at a time */
#define IO_THREADS  "ZMQbg/"

/* What a thread has, until it says what is next. */
static _Thread_local struct {
        bool ours;
        hedge_cost_kind_t kind;
        uint64_t since_ns;
        uint64_t aside_ns[HEDGE_COST_KINDS]; /* of the time since then */
} here;

static _Atomic uint64_t kinds_ns[HEDGE_COST_KINDS];
static _Atomic uint64_t sent, received, sent_bytes, received_bytes, parts, vain_parts, vain_us;

static atomic_int threads[THREADS_MAX]; /* numbers of those that are ours; below 0: of those that end, or have */
static atomic_uint next_slot;
static pthread_key_t at_exit;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_bool has_exit;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t pool_ns, io_ns; /* the most that was seen: threads end, and what they took stays */

static uint64_t read_clock(clockid_t clock)
{
        struct timespec t;

        return clock_gettime(clock, &t) == 0 ? (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec : 0;
}

static void count(_Atomic uint64_t *total, uint64_t more)
{
        atomic_fetch_add_explicit(total, more, memory_order_relaxed);
}

/* ---- threads ---- */

/* It still lives for a while after this: its slot is taken again last of all. */
static void end_thread(void *slot)
{
        atomic_int *number = slot;

        atomic_store(number, -atomic_load(number));
}

static void make_exit(void)
{
        atomic_store(&has_exit, pthread_key_create(&at_exit, end_thread) == 0);
}

/* Where there is no room the thread is taken for a library's: its time is not lost, only its name. */
static void note_thread(void)
{
        pthread_once(&once, make_exit);
        for (size_t i = 0; atomic_load(&has_exit) && i < THREADS_MAX; i++) {
                atomic_int *slot = &threads[atomic_fetch_add(&next_slot, 1) % THREADS_MAX];
                int number = atomic_load(slot);

                if (number > 0 || !atomic_compare_exchange_strong(slot, &number, gettid()))
                        continue;
                if (pthread_setspecific(at_exit, slot) != 0)
                        atomic_store(slot, 0);
                return;
        }
}

void hedge_cost_thread(void)
{
        if (here.ours)
                return;
        here.ours = true;
        note_thread();
        here.since_ns = read_clock(CLOCK_THREAD_CPUTIME_ID);
}

/* What was done beside the phase's own work, as far as there is time. */
static uint64_t take_aside(hedge_cost_kind_t kind, uint64_t most_ns)
{
        const uint64_t ns = here.aside_ns[kind] < most_ns ? here.aside_ns[kind] : most_ns;

        here.aside_ns[kind] = 0;
        if (ns)
                count(&kinds_ns[kind], ns);
        return ns;
}

hedge_cost_kind_t hedge_cost_enter(hedge_cost_kind_t kind)
{
        const hedge_cost_kind_t before = here.kind;
        uint64_t now_ns, left_ns;

        hedge_cost_thread();
        now_ns = read_clock(CLOCK_THREAD_CPUTIME_ID);
        left_ns = now_ns - here.since_ns;
        for (hedge_cost_kind_t k = 0; k < HEDGE_COST_KINDS; k++)
                left_ns -= take_aside(k, left_ns);
        count(&kinds_ns[before], left_ns);
        here.since_ns = now_ns;
        here.kind = kind;
        return before;
}

int64_t hedge_cost_clock(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void hedge_cost_aside(hedge_cost_kind_t kind, int64_t since_ns)
{
        here.aside_ns[kind] += (uint64_t)(hedge_cost_clock() - since_ns);
}

hedge_cost_kind_t hedge_cost_now(void)
{
        return here.kind;
}

uint64_t hedge_cost_thread_us(void)
{
        return read_clock(CLOCK_THREAD_CPUTIME_ID) / 1000;
}

/* ---- counts ---- */

void hedge_cost_sent(uint64_t bytes)
{
        count(&sent, 1);
        count(&sent_bytes, bytes);
}

void hedge_cost_received(uint64_t bytes)
{
        count(&received, 1);
        count(&received_bytes, bytes);
}

void hedge_cost_parts(uint64_t all, uint64_t vain, uint64_t us)
{
        count(&parts, all);
        count(&vain_parts, vain);
        count(&vain_us, us);
}

/* ---- reading ---- */

/* Of any thread of this process: as pthread_getcpuclockid() makes it, which wants a pthread_t. */
static clockid_t clock_of(int thread)
{
        return (clockid_t)(~(unsigned)thread << 3 |
                           6u); /* CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED of linux/posix-timers.h */
}

static bool is_ours(int thread)
{
        for (size_t i = 0; i < THREADS_MAX; i++)
                if (abs(atomic_load_explicit(&threads[i], memory_order_relaxed)) == thread)
                        return true;
        return false;
}

static bool is_io(const char *number)
{
        char path[64], name[16] = "";
        int fd;

        snprintf(path, sizeof(path), "/proc/self/task/%.20s/comm", number);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        if (read(fd, name, sizeof(name) - 1) < 0)
                name[0] = '\0';
        close(fd);
        return strncmp(name, IO_THREADS, strlen(IO_THREADS)) == 0;
}

static void raise_to(uint64_t *most, uint64_t value)
{
        if (value > *most)
                *most = value;
}

/* Threads that are not ours: libzmq's, and those that libraries compute with. */
static void read_others(void)
{
        DIR *folder = opendir("/proc/self/task");
        uint64_t pools = 0, io = 0;
        struct dirent *entry;

        while (folder && (entry = readdir(folder))) {
                const int thread = (int)strtol(entry->d_name, NULL, 10); /* no number: 0 */
                uint64_t ns;

                if (thread <= 0)
                        continue;
                ns = read_clock(clock_of(thread));
                if (is_ours(thread)) /* afterwards: as long as it was not, none of its time is counted elsewhere */
                        continue;
                if (is_io(entry->d_name))
                        io += ns;
                else
                        pools += ns;
        }
        if (folder)
                closedir(folder);
        raise_to(&io_ns, io);
        raise_to(&pool_ns, pools);
}

static uint64_t kind_us(hedge_cost_kind_t kind, uint64_t more_ns)
{
        return (atomic_load_explicit(&kinds_ns[kind], memory_order_relaxed) + more_ns) / 1000;
}

/* The whole is read last, so that what is named is not more. */
void hedge_cost_read(hedge_cost_t *ret)
{
        struct rusage usage;

        hedge_cost_enter(here.kind);
        pthread_mutex_lock(&lock);
        read_others();
        *ret = (hedge_cost_t){ .kernel_us = kind_us(HEDGE_COST_KERNEL, pool_ns),
                               .coding_us = kind_us(HEDGE_COST_CODING, 0),
                               .solving_us = kind_us(HEDGE_COST_SOLVING, 0),
                               .messages_us = kind_us(HEDGE_COST_MESSAGES, 0),
                               .io_us = io_ns / 1000,
                               .sent = atomic_load(&sent),
                               .received = atomic_load(&received),
                               .sent_bytes = atomic_load(&sent_bytes),
                               .received_bytes = atomic_load(&received_bytes),
                               .parts = atomic_load(&parts),
                               .vain_parts = atomic_load(&vain_parts),
                               .vain_us = atomic_load(&vain_us) };
        if (getrusage(RUSAGE_SELF, &usage) == 0) {
                ret->switches = (uint64_t)usage.ru_nvcsw + (uint64_t)usage.ru_nivcsw;
                ret->faults = (uint64_t)usage.ru_minflt + (uint64_t)usage.ru_majflt;
        }
        ret->process_us = read_clock(CLOCK_PROCESS_CPUTIME_ID) / 1000;
        pthread_mutex_unlock(&lock);
}

/* ---- what others say of themselves ---- */

#define FIGURES (sizeof(hedge_cost_t) / sizeof(uint64_t)) /* it is nothing but numbers in a row */

bool hedge_cost_credible(const hedge_cost_t *cost, const hedge_cost_t *before)
{
        uint64_t now[FIGURES], then[FIGURES];

        memcpy(now, cost, sizeof(now));
        memcpy(then, before, sizeof(then));
        for (size_t i = 0; i < FIGURES; i++)
                if (now[i] > HEDGE_COST_MAX || now[i] < then[i])
                        return false;
        return cost->kernel_us + cost->coding_us + cost->solving_us + cost->messages_us + cost->io_us <=
                       cost->process_us &&
               cost->vain_us <= cost->process_us && cost->vain_parts <= cost->parts;
}
