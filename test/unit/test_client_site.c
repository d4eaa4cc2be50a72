/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/notify.h"
#include "client/settings.h"
#include "client/site.h"
#include "common/clock.h"

static char folder[] = "/tmp/hedge-site-XXXXXX";
static hedgec_site_t site;

static int make_site(void **state)
{
        hedge_why_t why;

        return !mkdtemp(folder) || hedgec_site_create(folder, &site, &why);
}

static int remove_site(void **state)
{
        char command[128];

        hedgec_site_close(&site);
        snprintf(command, sizeof(command), "rm -r %s", folder);
        return system(command);
}

static char *read_file(const char *path, char *text, size_t size)
{
        FILE *file = fopen(path, "r");

        assert_non_null(file);
        text[fread(text, 1, size - 1, file)] = '\0';
        fclose(file);
        return text;
}

static void test_settings_are_grouped_and_replaced(void **state)
{
        char path[HEDGEC_SITE_PATH_MAX], text[2048];
        hedgec_option_list_t extra = { { "plan.scheme=nsctc", "listen.boards=tcp://*:1", "log.level=debug" }, 3 };
        hedgec_setting_t settings[] = {
                hedgec_setting_text("listen.boards", "tcp://127.0.0.1:*"),
                hedgec_setting_text("security", "a \"b\" \\ \n"),
                hedgec_setting_uint("cluster.slots", 8),
                hedgec_setting_text("listen.clients", "ipc:///x"),
        };
        hedge_why_t why;

        hedgec_site_path(&site, path, "conf/x.yaml");
        assert_int_equal(hedgec_settings_write(path, settings, 4, &extra, &why), 0);
        assert_string_equal(read_file(path, text, sizeof(text)), "# Written by hedge up; it will be written anew.\n"
                                                                 "listen:\n"
                                                                 "  boards: tcp://*:1\n"
                                                                 "  clients: \"ipc:///x\"\n"
                                                                 "security: \"a \\x22b\\x22 \\x5c \\x0a\"\n"
                                                                 "cluster:\n"
                                                                 "  slots: 8\n"
                                                                 "plan:\n"
                                                                 "  scheme: nsctc\n"
                                                                 "log:\n"
                                                                 "  level: debug\n");
        extra = (hedgec_option_list_t){ { "no setting" }, 1 };
        assert_int_equal(hedgec_settings_write(path, settings, 4, &extra, &why), -EINVAL);
        assert_string_equal(why.text, "'no setting' is no setting: KEY=VALUE is wanted");
        extra = (hedgec_option_list_t){ { "a=b\nc: d" }, 1 };
        assert_int_equal(hedgec_settings_write(path, settings, 4, &extra, &why), -EINVAL);
}

static void test_a_second_up_is_refused(void **state)
{
        hedgec_site_t other;
        hedge_why_t why;

        assert_int_equal(hedgec_site_create(folder, &other, &why), -EBUSY);
        assert_int_equal(hedgec_site_open("/nowhere/at/all", &other, &why), -ENOENT);
        assert_int_equal(hedgec_site_create("/proc/hedge", &other, &why), -ENOENT);
}

static void test_keys_are_made_once(void **state)
{
        char path[HEDGEC_SITE_PATH_MAX], first[1024], again[1024];
        hedge_why_t why;

        assert_int_equal(hedgec_site_make_keys(&site, 3, &why), 0);
        read_file(hedgec_site_path(&site, path, "keys/boards/board-3.pub"), first, sizeof(first));
        assert_int_equal(hedgec_site_make_keys(&site, 3, &why), 0);
        assert_string_equal(read_file(path, again, sizeof(again)), first);
        assert_int_equal(access(hedgec_site_path(&site, path, "keys/coordinator.secret"), F_OK), 0);
        assert_int_equal(hedgec_site_make_keys(&site, 2, &why), 0);
        assert_int_equal(access(hedgec_site_path(&site, path, "keys/boards/board-3.pub"), F_OK), -1);
        assert_int_equal(access(hedgec_site_path(&site, path, "keys/boards/board-2.pub"), F_OK), 0);
}

/* A shell that stands for a daemon: its configuration's path is an argument, as theirs is. */
static void start(hedgec_process_t *process, const char *name, const char *script, const char *notify)
{
        char shell[] = "/bin/sh", flag[] = "-c", body[512], zero[] = "daemon", conf[HEDGEC_SITE_PATH_MAX];
        char log[HEDGEC_SITE_PATH_MAX], pid[HEDGEC_SITE_PATH_MAX];
        char *argv[] = { shell, flag, body, zero, hedgec_site_path(&site, conf, "conf/%s.yaml", name), NULL };
        hedge_why_t why;

        snprintf(body, sizeof(body), "%s", script);
        snprintf(process->name, sizeof(process->name), "%s", name);
        process->pidfd = -1;
        assert_int_equal(
                hedgec_process_start(process, argv, hedgec_site_path(&site, log, "log/%s.log", name), notify, &why), 0);
        assert_int_equal(hedgec_process_write_pid(process, hedgec_site_path(&site, pid, "run/%s.pid", name)), 0);
}

static void wait_for_text(const char *path, const char *wanted)
{
        int64_t deadline = hedge_now_ms() + 20000;
        char text[256];

        do {
                assert_true(hedge_now_ms() < deadline);
                usleep(1000);
        } while (access(path, F_OK) || strcmp(read_file(path, text, sizeof(text)), wanted));
}

static void test_processes_are_found_by_what_they_are(void **state)
{
        hedgec_process_t started[2] = { 0 }, found[HEDGEC_SITE_BOARDS_MAX + 1];
        char path[HEDGEC_SITE_PATH_MAX];
        hedgec_process_t impostor = { .pid = getpid(), .pidfd = -1 };
        unsigned stale = 0;
        hedge_why_t why;
        int status = 0;

        start(&started[0], "board-1", "echo up; while :; do sleep 60 & wait; done", "@none");
        start(&started[1], "hedged", "echo up; while :; do sleep 60 & wait; done", "@none");
        wait_for_text(hedgec_site_path(&site, path, "log/board-1.log"), "up\n");
        wait_for_text(hedgec_site_path(&site, path, "log/hedged.log"), "up\n");
        /* A number that another process has got meanwhile, one that nobody has, and no number. */
        assert_int_equal(hedgec_process_write_pid(&impostor, hedgec_site_path(&site, path, "run/board-2.pid")), 0);
        impostor.pid = 0x7fffffff;
        assert_int_equal(hedgec_process_write_pid(&impostor, hedgec_site_path(&site, path, "run/board-3.pid")), 0);
        fclose(fopen(hedgec_site_path(&site, path, "run/board-4.pid"), "w"));
        assert_int_equal(hedgec_site_processes(&site, found, &stale, &why), 2);
        assert_int_equal(stale, 3);
        assert_string_equal(found[0].name, "hedged");
        assert_int_equal(found[0].pid, started[1].pid);
        assert_int_equal(found[1].pid, started[0].pid);
        assert_int_equal(kill(started[0].pid, SIGSTOP), 0);
        /* Frozen ones too end by SIGTERM, without waiting for the grace. */
        assert_int_equal(hedgec_process_stop_all(found, 2, 20000), 0);
        for (int i = 0; i < 2; i++)
                assert_true(hedgec_process_ended(&started[i], &status));
        hedgec_site_clean(&site);
        assert_int_equal(hedgec_site_processes(&site, found, &stale, &why), 0);
        assert_int_equal(stale, 0);
}

static void test_the_deaf_are_killed(void **state)
{
        hedgec_process_t deaf = { 0 };
        char path[HEDGEC_SITE_PATH_MAX];

        start(&deaf, "board-9", "trap '' TERM; echo deaf; while :; do sleep 60 & wait; done", "@none");
        wait_for_text(hedgec_site_path(&site, path, "log/board-9.log"), "deaf\n");
        assert_int_equal(hedgec_process_stop_all(&deaf, 1, 100), 1);
        assert_int_equal(deaf.pidfd, -1);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        hedgec_site_clean(&site);
}

static void test_readiness_and_death_are_told_apart(void **state)
{
        hedgec_notify_t notify;
        hedgec_process_t processes[2] = { 0 };
        unsigned ended = 9;
        int status = 0, r;
        char how[64];
        hedge_why_t why;

        assert_int_equal(hedgec_notify_open(&notify, &why), 0);
        assert_int_equal(notify.name[0], '@');
        start(&processes[0], "hedged",
              "python3 -c 'import os, socket; n = os.environ[\"NOTIFY_SOCKET\"]; "
              "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); "
              "s.sendto(b\"STATUS=x\\nREADY=1\\n\", \"\\0\" + n[1:]); print(\"JOURNAL_STREAM\" in os.environ)' & wait; "
              "exit 3",
              notify.name);
        /* The sender is a child of the process: not the one we started, so not counted. */
        while (!(r = hedgec_notify_wait(&notify, processes, 1, 20000, &ended, &status)))
                assert_false(processes[0].ready);
        assert_int_equal(r, 2);
        assert_int_equal(ended, 0);
        assert_string_equal(hedgec_process_end_text(status, how, sizeof(how)), "ended with status 3");
        start(&processes[1], "board-1",
              "exec python3 -c 'import os, socket, time; n = os.environ[\"NOTIFY_SOCKET\"]; "
              "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); "
              "s.sendto(b\"STATUS=x\\nREADY=1\\n\", \"\\0\" + n[1:]); time.sleep(60)'",
              notify.name);
        while (!processes[1].ready)
                assert_int_equal(hedgec_notify_wait(&notify, processes, 2, 20000, &ended, &status), 0);
        raise(SIGTERM);
        assert_int_equal(hedgec_notify_wait(&notify, processes, 2, 20000, &ended, &status), 1);
        assert_int_equal(hedgec_process_stop_all(processes, 2, 20000), 0);
        hedgec_notify_close(&notify);
        hedgec_site_clean(&site);
}

static void test_a_missing_program_is_said(void **state)
{
        char missing[] = "/nowhere/hedged", path[HEDGEC_SITE_PATH_MAX], *argv[] = { missing, NULL };
        hedgec_process_t process = { .pidfd = -1 };
        hedge_why_t why;

        assert_int_equal(hedgec_process_start(&process, argv, hedgec_site_path(&site, path, "log/x.log"), "@x", &why),
                         -ENOENT);
        assert_non_null(strstr(why.text, "cannot start /nowhere/hedged"));
        assert_int_equal(hedgec_find_program("hedge-no-such-program", "worker", path, sizeof(path), &why), -ENOENT);
        assert_int_equal(hedgec_find_program("sh", "worker", path, sizeof(path), &why), 0);
        assert_int_equal(path[0], '/');
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_settings_are_grouped_and_replaced),
                cmocka_unit_test(test_a_second_up_is_refused),
                cmocka_unit_test(test_keys_are_made_once),
                cmocka_unit_test(test_processes_are_found_by_what_they_are),
                cmocka_unit_test(test_the_deaf_are_killed),
                cmocka_unit_test(test_readiness_and_death_are_told_apart),
                cmocka_unit_test(test_a_missing_program_is_said),
        };

        return cmocka_run_group_tests(tests, make_site, remove_site);
}
