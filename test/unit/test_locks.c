/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/server/locks.h"

/* Two sets of locks of one process stand against each other as those of two do. */

static char dir[] = "/tmp/hedge-locks-XXXXXX";

/* A path in the test's folder; there are 32 at a time. */
static char *at(const char *before, const char *name)
{
        static char texts[32][64];
        static unsigned n;
        char *text = texts[n++ % 32];

        snprintf(text, sizeof(texts[0]), "%s%s/%s", before, dir, name);
        return text;
}

static hedged_config_t config(const char *models, const char *jobs, const char *clients, const char *boards)
{
        hedged_config_t c = { 0 };

        c.models.repository = at("", models);
        c.jobs.folder = at("", jobs);
        c.listen.clients = at("ipc://", clients);
        c.listen.boards = at("ipc://", boards);
        return c;
}

static void refused(const hedged_config_t *c, const char *key)
{
        hedged_locks_t locks = { 0 };
        hedge_why_t why = { "" };

        assert_int_equal(hedged_locks_take(c, &locks, &why), -EBUSY);
        assert_int_equal(strncmp(why.text, key, strlen(key)), 0);
        assert_non_null(strstr(why.text, "is used by another hedged"));
        hedged_locks_release(&locks);
}

static void each_is_had_by_one(void **state)
{
        const hedged_config_t c = config("models", "jobs", "clients", "boards");
        const hedged_config_t same_models = config("models", "j", "c", "b"), same_jobs = config("m", "jobs", "c", "b");
        const hedged_config_t same_clients = config("m", "j", "clients", "b"),
                              same_boards = config("m", "j", "c", "boards"), none = config("m", "j", "c", "b");
        hedged_locks_t locks = { 0 }, others = { 0 };
        hedge_why_t why;

        assert_int_equal(hedged_locks_take(&c, &locks, &why), 0);
        assert_int_equal(locks.count, HEDGED_LOCKS);
        refused(&same_models, "models.repository");
        refused(&same_jobs, "jobs.folder");
        refused(&same_clients, "listen.clients");
        refused(&same_boards, "listen.boards");
        assert_int_equal(hedged_locks_take(&none, &others, &why),
                         0); /* what was taken before a refusal is free again */
        hedged_locks_release(&others);
        hedged_locks_release(&locks);
        assert_int_equal(hedged_locks_take(&c, &others, &why), 0);
        hedged_locks_release(&others);
}

static void ones_own_folder_is_no_others(void **state)
{
        const hedged_config_t c = config("both", "both", "clients", "boards");
        hedged_locks_t locks = { 0 };
        hedge_why_t why;

        assert_int_equal(hedged_locks_take(&c, &locks, &why), 0);
        hedged_locks_release(&locks);
}

static void only_files_are_locked(void **state)
{
        hedged_config_t c = config("models", "jobs", "clients", "boards");
        hedged_locks_t locks = { 0 };
        hedge_why_t why;

        c.listen.clients = (char[]){ "ipc://@abstract" };
        c.listen.boards = (char[]){ "tcp://*:7501" };
        assert_int_equal(hedged_locks_take(&c, &locks, &why), 0);
        assert_int_equal(locks.count, 2);
        hedged_locks_release(&locks);
}

static void a_lock_that_cannot_be_had_is_told(void **state)
{
        const hedged_config_t c = config("models", "jobs", "linked", "boards");
        hedged_locks_t locks = { 0 };
        char path[64];
        hedge_why_t why;

        snprintf(path, sizeof(path), "%s/linked.lock", dir);
        assert_int_equal(symlink("/dev/null", path), 0); /* not followed: who knows where it leads */
        assert_int_equal(hedged_locks_take(&c, &locks, &why), -ELOOP);
        assert_non_null(strstr(why.text, "cannot lock"));
        hedged_locks_release(&locks);
}

static int set_up(void **state)
{
        return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
        char command[64];

        snprintf(command, sizeof(command), "rm -r %s", dir);
        return system(command);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_is_had_by_one),
                cmocka_unit_test(ones_own_folder_is_no_others),
                cmocka_unit_test(only_files_are_locked),
                cmocka_unit_test(a_lock_that_cannot_be_had_is_told),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
