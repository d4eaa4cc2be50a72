/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "test/system/worker_bed.h"

/* The real hedge-worker and its coordinator: meeting, parting, and the life of the process. */

static void greets_a_coordinator_that_was_started_anew(void **state)
{
        hedge_msg_hello_t before, after;
        const hedge_message_t *message;
        worker_bed_t *bed = *state;

        worker_bed_slow_down(bed, 600);
        worker_bed_start(bed, PLAIN "reconnect: {max_ms: 300}");
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, &before);
        worker_bed_give_share(bed, 1);
        worker_bed_give_task(bed, 1);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->queued, 1);
        fake_coordinator_close(&bed->fake);
        fake_coordinator_open(&bed->fake, NULL, NULL); /* the same port, another incarnation */
        message = fake_coordinator_expect(&bed->fake, HEDGE_MSG_HELLO);
        after = message->hello;
        assert_int_equal(after.incarnation, before.incarnation);
        assert_int_equal(after.n_held, 1);
        assert_int_equal(after.held[0].bytes[0], 1);
        fake_coordinator_send(
                &bed->fake,
                &(hedge_message_t){ .type = HEDGE_MSG_WELCOME, .welcome = { bed->fake.incarnation, 0, HEARTBEAT } },
                NULL, 0);
        /* the old task is gone without a word, and the new one takes its turn: cancelled at once, as it is slow */
        worker_bed_give_task(bed, 2);
        worker_bed_cancel(bed, 2);
        message = fake_coordinator_next(&bed->fake, TEST_PATIENCE_MS);
        while (message && message->type == HEDGE_MSG_HELLO)
                message = fake_coordinator_next(&bed->fake, TEST_PATIENCE_MS);
        assert_non_null(message);
        assert_int_equal(message->type, HEDGE_MSG_TASK_END);
        assert_int_equal(message->task_end.run, 2);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->queued, 0);
}

static void another_coordinator_at_the_same_connection_voids_tasks(void **state)
{
        hedge_message_t ping = { .type = HEDGE_MSG_PING };
        worker_bed_t *bed = *state;

        worker_bed_slow_down(bed, 600);
        worker_bed_start(bed, PLAIN);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        worker_bed_give_share(bed, 1);
        worker_bed_give_task(bed, 1);
        ping.ping.coordinator = ++bed->fake.incarnation;
        fake_coordinator_send(&bed->fake, &ping, NULL, 0);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        worker_bed_expect_queue(bed, 0);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->shares, 1);
}

static void a_lost_connection_voids_tasks(void **state)
{
        worker_bed_t *bed = *state;

        worker_bed_slow_down(bed, 600);
        worker_bed_start(bed, PLAIN "reconnect: {max_ms: 300}");
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        worker_bed_give_share(bed, 1);
        worker_bed_give_task(bed, 1);
        worker_bed_expect_queue(bed, 1);
        fake_coordinator_close(&bed->fake);
        fake_coordinator_open(&bed->fake, NULL, NULL);
        bed->fake.incarnation -= 1000; /* the same coordinator: only what was on its way is lost */
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        worker_bed_expect_queue(bed, 0);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->shares, 1);
}

static void says_hello_again_after_silence(void **state)
{
        hedge_message_t error = { .type = HEDGE_MSG_ERROR,
                                  .error = { .code = -ENOTCONN, .text = "who are you? say HELLO" } };
        worker_bed_t *bed = *state;
        hedge_route_t route;
        int64_t start_ms;
        int first_fd;

        worker_bed_start(bed, PLAIN "reconnect: {min_ms: 10, max_ms: 200}");
        fake_coordinator_welcome(&bed->fake, 100, NULL); /* silence: a second */
        start_ms = hedge_now_ms();
        fake_coordinator_ping(&bed->fake); /* a HELLO from here on is a new one */
        first_fd = bed->fake.last.fd;
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        assert_true(hedge_now_ms() - start_ms >= 1000);
        assert_int_equal(bed->fake.last.fd, first_fd);
        fake_coordinator_send(&bed->fake, &error, NULL, 0);
        fake_coordinator_welcome(&bed->fake, 20, NULL);
        /* left alone it says HELLO, and in the end comes by a new connection: another route */
        route = bed->fake.board;
        while (bed->fake.board.size == route.size && !memcmp(bed->fake.board.bytes, route.bytes, route.size)) {
                assert_true(hedge_now_ms() - start_ms < TEST_PATIENCE_MS);
                fake_coordinator_expect(&bed->fake, HEDGE_MSG_HELLO);
        }
}

static void stops_within_a_second_between_and_inside_parts(void **state)
{
        const int second_ms = getenv("HEDGE_TEST_SANITIZED") ? 10000 : 1000; /* TSan sleeps before every exit */
        hedge_conv_t heavy = worker_bed_conv;
        hedge_message_t message;
        worker_bed_t *bed = *state;
        int64_t start_ms;
        zmq_msg_t frame;
        long cpu_ms;

        worker_bed_start(bed, PLAIN);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        heavy.in_h = heavy.in_w = 256;
        heavy.in_c = heavy.out_c = 128; /* 9.5 thousand million: many seconds for the plain kernel */
        message = worker_bed_share_message(1, &heavy);
        message.share.ell_b = 1;
        worker_bed_frame(&frame, (size_t)128 * 128 * 9, 1);
        fake_coordinator_send(&bed->fake, &message, &frame, 1);
        fake_coordinator_expect(&bed->fake, HEDGE_MSG_SHARE_OK);
        message = (hedge_message_t){
                .type = HEDGE_MSG_TASK,
                .task = { .run = 1, .digest = { { 1 } }, .n_order = 1, .order = (uint32_t[]){ 0 } }
        };
        worker_bed_frame(&frame, (size_t)256 * 256 * 128, 1);
        fake_coordinator_send(&bed->fake, &message, &frame, 1);
        cpu_ms = test_process_cpu_ms(&bed->worker);
        while (test_process_cpu_ms(&bed->worker) - cpu_ms < 300) /* until it is in the kernel */
                assert_int_equal(fake_coordinator_ping(&bed->fake)->queued, 1);
        start_ms = hedge_now_ms();
        kill(bed->worker.pid, SIGTERM);
        fake_coordinator_expect(&bed->fake, HEDGE_MSG_BYE);
        worker_bed_expect_exit(bed, 0, TEST_PATIENCE_MS);
        assert_in_range(hedge_now_ms() - start_ms, 0, second_ms);
        assert_true(test_process_said(&bed->worker, "still computing"));
        /* and in the middle of a part that only waits */
        worker_bed_slow_down(bed, 600);
        worker_bed_launch(bed, "insecure-loopback", PLAIN);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        worker_bed_give_share(bed, 1);
        worker_bed_give_task(bed, 1);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->queued, 1);
        start_ms = hedge_now_ms();
        kill(bed->worker.pid, SIGINT);
        worker_bed_expect_exit(bed, 0, TEST_PATIENCE_MS);
        assert_in_range(hedge_now_ms() - start_ms, 0, second_ms);
}

static void make_keys(worker_bed_t *bed)
{
        char path[300], boards[300], from[300], to[300];
        hedge_why_t why;

        snprintf(boards, sizeof(boards), "%s/boards", bed->dir);
        assert_int_equal(mkdir(boards, 0700), 0);
        assert_int_equal(hedge_keys_generate(bed->dir, "coordinator", &why), 0);
        assert_int_equal(hedge_keys_generate(bed->dir, "pi-7", &why), 0);
        snprintf(from, sizeof(from), "%s/pi-7.pub", bed->dir);
        snprintf(to, sizeof(to), "%s/boards/pi-7.pub", bed->dir);
        assert_int_equal(link(from, to), 0);
        snprintf(path, sizeof(path), "%s/coordinator.secret", bed->dir);
        assert_int_equal(hedge_keys_load_secret(path, &bed->keys, &why), 0);
}

static void open_curve(worker_bed_t *bed, const hedge_key_pair_t *keys)
{
        char boards[300];

        snprintf(boards, sizeof(boards), "%s/boards", bed->dir);
        fake_coordinator_open(&bed->fake, keys, boards);
}

static void keeps_trying_a_coordinator_with_a_wrong_key(void **state)
{
        hedge_key_pair_t wrong;
        worker_bed_t *bed = *state;
        int64_t end_ms;

        make_keys(bed);
        assert_int_equal(zmq_curve_keypair(wrong.public_key, wrong.secret_key), 0);
        open_curve(bed, &wrong);
        worker_bed_launch(bed, "curve", PLAIN "reconnect: {min_ms: 20, max_ms: 200}");
        for (end_ms = hedge_now_ms() + TEST_PATIENCE_MS;
             !test_process_said(&bed->worker, "the handshake failed") && hedge_now_ms() < end_ms;)
                assert_null(fake_coordinator_next(&bed->fake, 50));
        assert_true(test_process_said(&bed->worker, "the handshake failed"));
        assert_null(fake_coordinator_next(&bed->fake, 500));
        assert_true(test_process_runs(&bed->worker));
        fake_coordinator_close(&bed->fake);
        open_curve(bed, &bed->keys);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        assert_string_equal(bed->fake.last.user, "pi-7");
        worker_bed_give_share(bed, 1);
        worker_bed_give_task(bed, 1);
        worker_bed_expect_part(bed, 1, 1, worker_bed_parts[0]);
        worker_bed_expect_last(bed, 1);
}

/* Run to its end with this configuration; it must refuse it with this sentence. */
static void expect_refusal(worker_bed_t *bed, const char *security, const char *more, const char *sentence)
{
        worker_bed_launch(bed, security, more);
        worker_bed_expect_exit(bed, 78, TEST_PATIENCE_MS);
        if (!test_process_said(&bed->worker, sentence))
                test_process_show(&bed->worker);
        assert_true(test_process_said(&bed->worker, sentence));
        assert_int_equal(unlink(bed->worker.log), 0);
}

static void wrong_configurations_are_refused_with_a_sentence(void **state)
{
        worker_bed_t *bed = *state;
        char path[300];

        make_keys(bed);
        snprintf(bed->fake.endpoint, sizeof(bed->fake.endpoint), "tcp://127.0.0.1:9");
        expect_refusal(bed, "insecure-loopback", "nonsense: 1", "worker.yaml:6: nonsense");
        expect_refusal(bed, "insecure-loopback", "compute: {threads: many}", "compute.threads");
        expect_refusal(bed, "insecure-loopback", "reconnect: {min_ms: 500, max_ms: 400}", "reconnect.max_ms");
        snprintf(path, sizeof(path), "%s/pi-7.secret", bed->dir);
        assert_int_equal(chmod(path, 0644), 0);
        expect_refusal(bed, "curve", "", "pi-7.secret");
        assert_int_equal(chmod(path, 0600), 0);
        test_write_file(bed->dir, "coordinator.pub", "this is no key\n");
        expect_refusal(bed, "curve", "", "coordinator.pub");
        assert_int_equal(unlink(path), 0);
        expect_refusal(bed, "curve", "", "pi-7.secret");
        snprintf(bed->fake.endpoint, sizeof(bed->fake.endpoint), "tcp://192.0.2.1:7501");
        expect_refusal(bed, "insecure-loopback", "", "leaves this machine");
        snprintf(bed->fake.endpoint, sizeof(bed->fake.endpoint), "tcp://127.example.org:7501");
        expect_refusal(bed, "insecure-loopback", "", "leaves this machine");
        snprintf(bed->fake.endpoint, sizeof(bed->fake.endpoint), "tcp://192.0.2.1");
        expect_refusal(bed, "network", "", "wants a host and a port");
        snprintf(bed->fake.endpoint, sizeof(bed->fake.endpoint), "udp://192.0.2.1:5");
        expect_refusal(bed, "network", "", "is no endpoint");
        snprintf(bed->macs_per_s, sizeof(bed->macs_per_s), "HEDGE_EMULATE_MACS_PER_S=fast");
        snprintf(bed->fake.endpoint, sizeof(bed->fake.endpoint), "tcp://127.0.0.1:9");
        expect_refusal(bed, "insecure-loopback", "", "is no rate");
}

static void tells_systemd_how_it_is(void **state)
{
        worker_bed_t *bed = *state;
        int fd = test_notify_open(bed->dir, bed->extra[0], sizeof(bed->extra[0]));

        snprintf(bed->extra[1], sizeof(bed->extra[1]), "WATCHDOG_USEC=200000");
        worker_bed_start(bed, PLAIN);
        test_notify_expect(fd, "READY=1");
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        test_notify_expect(fd, "STATUS=connected to");
        for (int i = 0; i < 3; i++)
                test_notify_expect(fd, "WATCHDOG=1");
        kill(bed->worker.pid, SIGTERM);
        test_notify_expect(fd, "STOPPING=1");
        worker_bed_expect_exit(bed, 0, TEST_PATIENCE_MS);
        close(fd);
}

static void is_small_when_idle(void **state)
{
        const struct timespec pause = { 0, 100000000 };
        int64_t end_ms = hedge_now_ms() + 10000;
        long idle, held, kib;
        worker_bed_t *bed = *state;

        if (getenv("HEDGE_TEST_SANITIZED")) {
                print_message("skipped: a sanitizer's own memory is no measure\n");
                skip();
        }
        make_keys(bed);
        open_curve(bed, &bed->keys);
        worker_bed_launch(bed, "curve", "");
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        fake_coordinator_ping(&bed->fake);
        idle = test_process_memory_kib(&bed->worker, "VmRSS");
        worker_bed_give_share(bed, 1);
        worker_bed_give_task(bed, 1);
        worker_bed_expect_last(bed, 1);
        held = test_process_memory_kib(&bed->worker, "VmRSS");
        worker_bed_drop(bed, 1);
        do {
                nanosleep(&pause, NULL);
                kib = test_process_memory_kib(&bed->worker, "VmRSS");
        } while (kib > 12 * 1024 && hedge_now_ms() < end_ms);
        print_message("resident: %ld KiB connected, %ld KiB computing, %ld KiB afterwards\n", idle, held, kib);
        assert_in_range(idle, 1, 12 * 1024);
        assert_in_range(kib, 1, 12 * 1024);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, worker_bed_set_up, worker_bed_tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(greets_a_coordinator_that_was_started_anew),
                TEST(another_coordinator_at_the_same_connection_voids_tasks),
                TEST(a_lost_connection_voids_tasks),
                TEST(says_hello_again_after_silence),
                TEST(stops_within_a_second_between_and_inside_parts),
                TEST(keeps_trying_a_coordinator_with_a_wrong_key),
                TEST(wrong_configurations_are_refused_with_a_sentence),
                TEST(tells_systemd_how_it_is),
                TEST(is_small_when_idle),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
