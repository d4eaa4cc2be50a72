/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cost.h"

#define WORK_US 20000

static uint64_t clock_us(clockid_t clock)
{
        struct timespec t;

        clock_gettime(clock, &t);
        return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Work until this thread has had so much of a processor, however busy the machine is. */
static void work(void)
{
        const uint64_t until = clock_us(CLOCK_THREAD_CPUTIME_ID) + WORK_US;

        while (clock_us(CLOCK_THREAD_CPUTIME_ID) < until)
                ;
}

static uint64_t named(const hedge_cost_t *c)
{
        return c->kernel_us + c->coding_us + c->solving_us + c->messages_us + c->io_us;
}

/* What was done counts where it was done, also inside of something else; and nothing counts twice. */
static void test_phases(void **state)
{
        const uint64_t began = clock_us(CLOCK_THREAD_CPUTIME_ID);
        hedge_cost_t before, after;
        hedge_cost_kind_t outer, inner;

        (void)state;
        hedge_cost_read(&before);
        outer = hedge_cost_enter(HEDGE_COST_CODING);
        assert_int_equal(outer, HEDGE_COST_OTHER);
        work();
        inner = hedge_cost_enter(HEDGE_COST_SOLVING);
        assert_int_equal(inner, HEDGE_COST_CODING);
        assert_int_equal(hedge_cost_now(), HEDGE_COST_SOLVING);
        work();
        work();
        hedge_cost_enter(inner);
        work();
        assert_int_equal(hedge_cost_enter(outer), HEDGE_COST_CODING);
        work();
        hedge_cost_read(&after);
        assert_true(after.coding_us - before.coding_us >= 2 * WORK_US - 1);
        assert_true(after.solving_us - before.solving_us >= 2 * WORK_US - 1);
        assert_true(after.process_us - before.process_us >= 5 * WORK_US - 1);
        /* what came after the last phase is in neither of them */
        assert_true(after.coding_us + after.solving_us - before.coding_us - before.solving_us + WORK_US <=
                    clock_us(CLOCK_THREAD_CPUTIME_ID) - began + 2);
        assert_int_equal(after.messages_us, before.messages_us);
        assert_true(named(&after) <= after.process_us);
        assert_true(hedge_cost_credible(&after, &before));
}

/* A phase that has not ended counts, where the thread itself asks. */
static void test_unended(void **state)
{
        hedge_cost_t before, after;

        (void)state;
        hedge_cost_enter(HEDGE_COST_MESSAGES);
        hedge_cost_read(&before);
        work();
        hedge_cost_read(&after);
        hedge_cost_enter(HEDGE_COST_OTHER);
        assert_true(after.messages_us - before.messages_us >= WORK_US - 1);
}

/* What is set aside is taken from the phase that it was in, and is never more than that took. */
static void test_aside(void **state)
{
        hedge_cost_t before, after;
        uint64_t coding_us;
        int64_t since_ns;

        (void)state;
        hedge_cost_enter(HEDGE_COST_KERNEL);
        hedge_cost_read(&before);
        work();
        since_ns = hedge_cost_clock();
        work();
        hedge_cost_aside(HEDGE_COST_CODING, since_ns);
        hedge_cost_read(&after);
        coding_us = after.coding_us;
        assert_true(coding_us - before.coding_us >= WORK_US - 1);
        assert_true(after.kernel_us + after.coding_us - before.kernel_us - before.coding_us >= 2 * WORK_US - 2);
        assert_true(hedge_cost_credible(&after, &before));
        hedge_cost_read(&before);
        since_ns = hedge_cost_clock();
        nanosleep(&(struct timespec){ 0, 2 * WORK_US * 1000 }, NULL); /* which takes nothing of a processor */
        hedge_cost_aside(HEDGE_COST_SOLVING, since_ns);
        hedge_cost_enter(HEDGE_COST_OTHER);
        hedge_cost_read(&after);
        assert_true(after.solving_us - before.solving_us < WORK_US);
        assert_true(hedge_cost_credible(&after, &before));
        hedge_cost_read(&before);
        assert_int_equal(before.solving_us, after.solving_us); /* nor is the rest of it taken from what comes later */
        assert_int_equal(before.coding_us, coding_us);
}

typedef struct helper {
        const char *name; /* of the thread; NULL: as it is */
        bool ours;
        int done, go; /* pipes: when it has worked, and when it may end */
} helper_t;

static void *help(void *arg)
{
        const helper_t *h = arg;
        char byte = 0;

        if (h->name)
                prctl(PR_SET_NAME, h->name);
        if (h->ours)
                hedge_cost_thread();
        work();
        assert_int_equal(write(h->done, &byte, 1), 1);
        assert_int_equal(read(h->go, &byte, 1), 1);
        return NULL;
}

/* What changes while another thread works and lives, and what is left of it when it has ended. */
static void with_helper(const char *name, bool ours, hedge_cost_t *before, hedge_cost_t *during, hedge_cost_t *after)
{
        int done[2], go[2];
        char byte = 0;
        pthread_t thread;
        helper_t h;

        assert_int_equal(pipe(done), 0);
        assert_int_equal(pipe(go), 0);
        h = (helper_t){ name, ours, done[1], go[0] };
        hedge_cost_read(before);
        assert_int_equal(pthread_create(&thread, NULL, help, &h), 0);
        assert_int_equal(read(done[0], &byte, 1), 1);
        hedge_cost_read(during);
        assert_int_equal(write(go[1], &byte, 1), 1);
        pthread_join(thread, NULL);
        hedge_cost_read(after);
        for (int i = 0; i < 2; i++) {
                close(done[i]);
                close(go[i]);
        }
}

/* Threads of libraries: by their name libzmq's, else they compute. What they took stays when they end. */
static void test_others(void **state)
{
        hedge_cost_t before, during, after;

        (void)state;
        if (access("/proc/self/task", R_OK) != 0) {
                print_message("no /proc here\n");
                skip();
        }
        with_helper("ZMQbg/IO/0", false, &before, &during, &after);
        assert_true(during.io_us - before.io_us >= WORK_US - 1);
        assert_true(after.io_us >= during.io_us);
        assert_true(hedge_cost_credible(&after, &during));
        with_helper(NULL, false, &before, &during, &after);
        assert_true(during.kernel_us - before.kernel_us >= WORK_US - 1);
        assert_true(after.kernel_us >= during.kernel_us);
        assert_true(named(&after) <= after.process_us);
}

/* One of ours that has said nothing counts in the whole alone. */
static void test_ours(void **state)
{
        hedge_cost_t before, during, after;

        (void)state;
        with_helper(NULL, true, &before, &during, &after);
        assert_true(during.process_us - before.process_us >= WORK_US - 1);
        assert_true(named(&after) - named(&before) < WORK_US);
}

static pthread_key_t last; /* made after that by which a thread's end is noticed, so it is looked at after that */

static void stay(void *arg)
{
        const helper_t *h = arg;
        char byte = 0;

        assert_int_equal(write(h->done, &byte, 1), 1);
        assert_int_equal(read(h->go, &byte, 1), 1);
}

static void *end_slowly(void *arg)
{
        hedge_cost_enter(HEDGE_COST_CODING);
        for (int i = 0; i < 3; i++)
                work(); /* more than what those before have left, which is never taken back */
        hedge_cost_enter(HEDGE_COST_OTHER);
        pthread_setspecific(last, arg);
        return NULL;
}

/* One of ours that is about to end is not taken for another's: its time would count twice. */
static void test_ending(void **state)
{
        int done[2], go[2];
        hedge_cost_t before, during;
        char byte = 0;
        pthread_t thread;
        helper_t h;

        (void)state;
        assert_int_equal(pipe(done), 0);
        assert_int_equal(pipe(go), 0);
        h = (helper_t){ .done = done[1], .go = go[0] };
        hedge_cost_read(&before);
        assert_int_equal(pthread_key_create(&last, stay), 0);
        assert_int_equal(pthread_create(&thread, NULL, end_slowly, &h), 0);
        assert_int_equal(read(done[0], &byte, 1), 1);
        hedge_cost_read(&during);
        assert_int_equal(write(go[1], &byte, 1), 1);
        pthread_join(thread, NULL);
        pthread_key_delete(last);
        assert_true(during.coding_us - before.coding_us >= WORK_US - 1);
        assert_true(during.kernel_us - before.kernel_us < WORK_US);
        for (int i = 0; i < 2; i++) {
                close(done[i]);
                close(go[i]);
        }
}

static void *enter_often(void *arg)
{
        (void)arg;
        for (unsigned i = 0; i < 2000; i++) {
                hedge_cost_enter(i % 2 ? HEDGE_COST_CODING : HEDGE_COST_MESSAGES);
                hedge_cost_sent(3);
                hedge_cost_received(5);
                hedge_cost_parts(2, 1, 0); /* what it took has to be within what the process took */
        }
        return NULL;
}

/* Many threads at a time, read meanwhile: totals grow, parts are no more than the whole, and no count is lost. More threads in a
 * row than there is room for at a time. */
static void test_threads(void **state)
{
        enum { AT_ONCE = 8, ROUNDS = 200 };
        hedge_cost_t first, before, now;

        (void)state;
        hedge_cost_read(&first);
        before = first;
        for (unsigned round = 0; round < ROUNDS; round++) {
                pthread_t ids[AT_ONCE];

                for (unsigned i = 0; i < AT_ONCE; i++)
                        assert_int_equal(pthread_create(&ids[i], NULL, enter_often, NULL), 0);
                for (unsigned i = 0; i < AT_ONCE; i++) {
                        hedge_cost_read(&now);
                        assert_true(hedge_cost_credible(&now, &before));
                        before = now;
                        pthread_join(ids[i], NULL);
                }
        }
        hedge_cost_read(&now);
        assert_int_equal(now.sent - first.sent, 2000 * AT_ONCE * ROUNDS);
        assert_int_equal(now.received - first.received, 2000 * AT_ONCE * ROUNDS);
        assert_int_equal(now.sent_bytes - first.sent_bytes, 3 * 2000 * AT_ONCE * ROUNDS);
        assert_int_equal(now.received_bytes - first.received_bytes, 5 * 2000 * AT_ONCE * ROUNDS);
        assert_int_equal(now.vain_parts - first.vain_parts, 2000 * AT_ONCE * ROUNDS);
        assert_int_equal(now.parts - first.parts, 2 * 2000 * AT_ONCE * ROUNDS);
        hedge_cost_parts(3, 2, 7);
        hedge_cost_read(&before);
        assert_int_equal(before.vain_us - now.vain_us, 7);
        assert_int_equal(before.parts - now.parts, 3);
        assert_int_equal(before.vain_parts - now.vain_parts, 2);
}

/* Pages that were not there are faults, and a wait is a switch to somebody else. */
static void test_counts_of_the_system(void **state)
{
        const size_t pages = 64, bytes = pages * (size_t)sysconf(_SC_PAGESIZE);
        hedge_cost_t before, after;
        char *fresh = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        (void)state;
        assert_true(fresh != MAP_FAILED);
        madvise(fresh, bytes, MADV_NOHUGEPAGE);
        hedge_cost_read(&before);
        for (size_t i = 0; i < pages; i++)
                ((volatile char *)fresh)[i * bytes / pages] = 1;
        nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
        hedge_cost_read(&after);
        assert_true(after.faults - before.faults >= pages);
        assert_true(after.switches > before.switches);
        munmap(fresh, bytes);
}

/* What a process cannot have is not believed. */
static void test_credible(void **state)
{
        const hedge_cost_t nothing = { 0 };
        const hedge_cost_t good = { .process_us = 100,
                                    .kernel_us = 40,
                                    .coding_us = 20,
                                    .solving_us = 10,
                                    .messages_us = 20,
                                    .io_us = 10,
                                    .sent = 3,
                                    .vain_us = 100 };
        hedge_cost_t c = good;

        (void)state;
        assert_true(hedge_cost_credible(&good, &nothing));
        assert_true(hedge_cost_credible(&good, &good));
        c.io_us++;
        assert_false(hedge_cost_credible(&c, &good)); /* more than the whole */
        c = good;
        c.vain_us++;
        assert_false(hedge_cost_credible(&c, &good));
        c = good;
        c.vain_parts++;
        assert_false(hedge_cost_credible(&c, &good));
        c = good;
        c.sent--;
        assert_false(hedge_cost_credible(&c, &good)); /* less than before */
        for (size_t i = 0; i < sizeof(c) / sizeof(uint64_t); i++) {
                const uint64_t most = HEDGE_COST_MAX, more = HEDGE_COST_MAX + 1, all = UINT64_MAX;

                memset(&c, 0, sizeof(c));
                c.process_us = c.parts = HEDGE_COST_MAX;
                memcpy((uint64_t *)&c + i, &most, sizeof(most));
                assert_true(hedge_cost_credible(&c, &nothing));
                memcpy((uint64_t *)&c + i, &more, sizeof(more));
                assert_false(hedge_cost_credible(&c, &nothing));
                memcpy((uint64_t *)&c + i, &all, sizeof(all)); /* whose sum would be small again */
                assert_false(hedge_cost_credible(&c, &nothing));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_phases),   cmocka_unit_test(test_unended),
                cmocka_unit_test(test_aside),    cmocka_unit_test(test_others),
                cmocka_unit_test(test_ours),     cmocka_unit_test(test_ending),
                cmocka_unit_test(test_threads),  cmocka_unit_test(test_counts_of_the_system),
                cmocka_unit_test(test_credible),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
