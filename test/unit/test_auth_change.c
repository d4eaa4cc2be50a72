/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that come, go and change, and what authentication does with its folders. */
#include "test/unit/auth_bed.h"

/* ---- changes ---- */

static void a_key_that_is_added_or_taken_away_counts_at_once(void **state)
{
        house_t *house = *state;
        void *late, *events;

        expect_unlisted(house, "late");
        put_key("late", "boards", "late");
        expect_change(house);
        late = open_peer(house, "late", house->server.public_key, "from late", &events);
        expect_board(house, "late", "from late");
        assert_int_equal(unlink(path_of("boards/late.pub")), 0);
        say(late, "too late"); /* perhaps on its way already when the key goes */
        expect_word(house, "too late");
        expect_change(house);
        assert_true(was_told(house, "board=late"));
        assert_int_equal(hedge_auth_admit(house->auth, HEDGE_ROLE_BOARD, &house->got, NULL), -EALREADY);
        expect_event(events, ZMQ_EVENT_DISCONNECTED);
        expect_unlisted(house, "late");
}

static void what_comes_after_a_key_has_gone_is_refused(void **state)
{
        house_t *house = *state;
        hedge_why_t why = { "" };

        peer(house, "pi-2", "from two"); /* nothing is known of this connection when the key goes */
        expect_word(house, "from two");
        assert_int_equal(unlink(path_of("boards/pi-2.pub")), 0);
        expect_change(house);
        assert_int_equal(hedge_auth_admit(house->auth, HEDGE_ROLE_BOARD, &house->got, &why), HEDGE_EDENIED);
        assert_non_null(strstr(why.text, "any more"));
}

static void a_key_that_is_replaced_in_place_is_another(void **state)
{
        house_t *house = *state;
        struct stat before, after;
        void *events;

        for (unsigned round = 0; round < 20; round++) { /* the same name, file and size; most within the same second */
                const char *now = round % 2 ? "pi-2" : "stranger", *old = round % 2 ? "stranger" : "pi-2";

                open_peer(house, old, house->server.public_key, "from the old", &events);
                expect_board(house, "pi-2", "from the old");
                assert_int_equal(stat(path_of("boards/pi-2.pub"), &before), 0);
                put_key(now, "boards", "pi-2");
                assert_int_equal(stat(path_of("boards/pi-2.pub"), &after), 0);
                assert_true(before.st_ino == after.st_ino && before.st_size == after.st_size);
                expect_change(house);
                expect_event(events, ZMQ_EVENT_DISCONNECTED);
                open_peer(house, old, house->server.public_key, "the old again", &events);
                expect_event(events, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
                expect_silence(house);
                close_sockets(house, 2);
        }
}

static void a_key_under_another_name_is_another_board(void **state)
{
        house_t *house = *state;
        void *events, *two = open_peer(house, "pi-2", house->server.public_key, "from two", &events);

        expect_board(house, "pi-2", "from two");
        assert_int_equal(rename(path_of("boards/pi-2.pub"), path_of("boards/pi-3.pub")), 0);
        expect_change(house);
        expect_event(events, ZMQ_EVENT_DISCONNECTED);
        say(two, "from three"); /* libzmq connects again by itself */
        expect_board(house, "pi-3", "from three");
}

static void a_folder_may_be_replaced(void **state)
{
        house_t *house = *state;
        void *events;

        open_peer(house, "pi-1", house->server.public_key, "from one", &events);
        expect_board(house, "pi-1", "from one");
        assert_int_equal(mkdir(path_of("other"), 0700), 0);
        put_key("late", "other", "late");
        assert_int_equal(rename(path_of("boards"), path_of("keys/old")), 0);
        expect_change(house);
        expect_event(events, ZMQ_EVENT_DISCONNECTED);
        assert_true(was_told(house, "boards: No such file"));
        assert_int_equal(hedge_auth_folder(house->auth, HEDGE_ROLE_BOARD)->n_complaints, 1);
        assert_int_equal(rename(path_of("other"), path_of("boards")), 0);
        expect_change(house);
        peer(house, "late", "from late");
        expect_board(house, "late", "from late");
        assert_int_equal(hedge_auth_folder(house->auth, HEDGE_ROLE_BOARD)->n_complaints, 0);
        put_key("pi-2", "boards", "pi-2"); /* the new one is watched, too */
        expect_change(house);
        peer(house, "pi-2", "from two");
        expect_board(house, "pi-2", "from two");
        assert_int_equal(rename(path_of("keys/old"), path_of("other")), 0);
}

static void bad_files_are_told_once_and_cost_nobody_else(void **state)
{
        house_t *house = *state;
        FILE *f = fopen(path_of("boards/aaa.pub"), "w");

        fputs("junk", f);
        fclose(f);
        expect_change(house);
        assert_int_equal(house->n_told, 1);
        assert_true(was_told(house, "boards/aaa.pub"));
        hedge_auth_read(house->auth);
        assert_int_equal(house->n_told, 1);
        peer(house, "pi-1", "from one");
        expect_board(house, "pi-1", "from one");
        hedge_auth_destroy(&house->auth);
        assert_int_equal(start_auth(house, NULL), 0); /* at a start it is the same */
        assert_int_equal(hedge_auth_folder(house->auth, HEDGE_ROLE_BOARD)->n_complaints, 1);
        assert_int_equal(house->n_told, 2);
}

/* Want of descriptors says nothing about keys: all stays as it is, and is made good at the next tick. */
static void a_read_that_fails_for_want_of_descriptors_changes_nothing(void **state)
{
        house_t *house = *state;
        struct rlimit limit, low;
        void *one = peer(house, "pi-1", "from one");

        expect_board(house, "pi-1", "from one");
        assert_int_equal(unlink(path_of("boards/pi-2.pub")), 0);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        low = limit;
        low.rlim_cur = 3;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
        hedge_auth_read(house->auth);
        hedge_auth_tick(house->auth);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_int_equal(house->n_told, 1);
        assert_int_equal(hedge_auth_folder(house->auth, HEDGE_ROLE_BOARD)->n_keys, 2);
        say(one, "still here");
        expect_board(house, "pi-1", "still here");
        hedge_auth_tick(house->auth);
        assert_int_equal(hedge_auth_folder(house->auth, HEDGE_ROLE_BOARD)->n_keys, 1);
        expect_unlisted(house, "pi-2");
}

/* ---- its life ---- */

static void on_signal(int number)
{
}

/* CZMQ's actors take an interrupted wait for the program's end. */
static void signals_do_not_end_it(void **state)
{
        const struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
        house_t *house = *state;
        struct sigaction before;
        struct dirent *task;
        DIR *tasks;

        assert_int_equal(sigaction(SIGHUP, &action, &before), 0);
        for (unsigned i = 0; i < 20; i++) {
                tasks = opendir("/proc/self/task");
                while ((task = readdir(tasks)))
                        if (*task->d_name != '.')
                                syscall(SYS_tgkill, getpid(), atoi(task->d_name), SIGHUP);
                closedir(tasks);
        }
        peer(house, "pi-1", "from one");
        expect_board(house, "pi-1", "from one");
        hedge_auth_read(house->auth);
        assert_int_equal(house->n_told, 0);
        sigaction(SIGHUP, &before, NULL);
}

static void *change_keys(void *arg)
{
        house_t *house = arg;

        for (unsigned i = 0; i < 200; i++) {
                if (i % 2)
                        unlink(path_of("boards/late.pub"));
                else
                        put_key("late", "boards", "late");
                hedge_auth_read(house->auth);
        }
        return NULL;
}

typedef struct pester {
        pthread_t whom;
        atomic_bool enough;
} pester_t;

static void *send_signals(void *arg)
{
        pester_t *p = arg;

        while (!atomic_load(&p->enough)) {
                pthread_kill(p->whom, SIGHUP);
                sched_yield();
        }
        return NULL;
}

/* Nor do they come between it and us. */
static void signals_do_not_interrupt_a_change(void **state)
{
        const struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
        pester_t pester = { .whom = pthread_self() };
        pthread_t thread;
        house_t *house = *state;
        struct sigaction before;

        assert_int_equal(sigaction(SIGHUP, &action, &before), 0);
        assert_int_equal(pthread_create(&thread, NULL, send_signals, &pester), 0);
        change_keys(house);
        atomic_store(&pester.enough, true);
        pthread_join(thread, NULL);
        sigaction(SIGHUP, &before, NULL);
        if (house->n_told)
                fail_msg("%s", house->told[0]);
}

static void there_is_one_in_a_process(void **state)
{
        house_t *house = *state;
        hedge_auth_t *first = house->auth;
        hedge_why_t why;

        assert_int_equal(start_auth(house, &why), -EADDRINUSE);
        assert_ptr_equal(house->auth, first);
        peer(house, "pi-1", "from one");
        expect_board(house, "pi-1", "from one"); /* the first is still there */
        /* After the first has gone, its place is free. */
        hedge_auth_destroy(&house->auth);
        assert_int_equal(start_auth(house, &why), 0);
        peer(house, "pi-2", "from two");
        expect_board(house, "pi-2", "from two");
}

static void a_folder_that_is_not_there_is_an_error_at_start(void **state)
{
        house_t *house = *state;
        hedge_why_t why;

        hedge_auth_destroy(&house->auth);
        assert_int_equal(rename(path_of("boards"), path_of("other")), 0);
        assert_int_equal(start_auth(house, &why), -ENOENT);
        assert_non_null(strstr(why.text, "/boards: "));
        assert_int_equal(rename(path_of("other"), path_of("boards")), 0);
        assert_int_equal(start_auth(house, &why), 0);
}

static unsigned folders_in_tmp(void)
{
        DIR *tmp = opendir(path_of("tmp"));
        struct dirent *file;
        unsigned n = 0;

        while ((file = readdir(tmp)))
                n += *file->d_name != '.';
        closedir(tmp);
        return n;
}

static void nothing_is_left_on_the_disk(void **state)
{
        house_t *house = *state;

        put_key("late", "boards", "late");
        expect_change(house);
        assert_int_equal(folders_in_tmp(), 1);
        hedge_auth_destroy(&house->auth);
        assert_int_equal(folders_in_tmp(), 0);
}

/* Reading what is as it was is no work for zauth. */
static void what_has_not_changed_is_not_given_again(void **state)
{
        house_t *house = *state;

        assert_int_equal(rename(path_of("tmp"), path_of("other")), 0); /* where a folder for zauth would be made */
        for (unsigned i = 0; i < 20; i++) {
                put_key("pi-1", "boards", "pi-1");
                expect_change(house);
                hedge_auth_read(house->auth);
        }
        assert_int_equal(house->n_told, 0);
        put_key("late", "boards", "late"); /* now it has to be, and cannot; but is, as soon as it can */
        expect_change(house);
        assert_int_equal(house->n_told, 1);
        assert_int_equal(rename(path_of("other"), path_of("tmp")), 0);
        hedge_auth_tick(house->auth);
        peer(house, "late", "from late");
        expect_board(house, "late", "from late");
}

/* Handshakes at every moment of a change: who is in the folder before and after gets in. */
static void changes_shut_nobody_else_out(void **state)
{
        house_t *house = *state;
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, change_keys, house), 0);
        for (unsigned i = 0; i < 100; i++) {
                peer(house, "pi-1", "from one");
                expect_word(house, "from one");
                close_sockets(house, 2);
        }
        pthread_join(thread, NULL);
        assert_int_equal(house->n_told, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                HOUSE(a_key_that_is_added_or_taken_away_counts_at_once),
                HOUSE(what_comes_after_a_key_has_gone_is_refused),
                HOUSE(a_key_that_is_replaced_in_place_is_another),
                HOUSE(a_key_under_another_name_is_another_board),
                HOUSE(a_folder_may_be_replaced),
                HOUSE(bad_files_are_told_once_and_cost_nobody_else),
                HOUSE(a_read_that_fails_for_want_of_descriptors_changes_nothing),
                HOUSE(signals_do_not_end_it),
                HOUSE(signals_do_not_interrupt_a_change),
                HOUSE(there_is_one_in_a_process),
                HOUSE(a_folder_that_is_not_there_is_an_error_at_start),
                HOUSE(nothing_is_left_on_the_disk),
                HOUSE(what_has_not_changed_is_not_given_again),
                HOUSE(changes_shut_nobody_else_out),
        };

        return cmocka_run_group_tests(tests, make_keys, remove_keys);
}
