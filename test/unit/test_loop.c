/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/server/loop.h"

static hedged_config_t config(uint64_t heartbeat_ms, uint64_t gone_ms)
{
        return (hedged_config_t){ .cluster = { .heartbeat_ms = heartbeat_ms, .gone_ms = gone_ms } };
}

static void the_first_pings_are_due_at_once(void **state)
{
        const hedged_config_t c = config(500, 60000);

        assert_int_equal(hedged_loop_ping_ms(&c, 0, false), 0);
        assert_int_equal(hedged_loop_ping_ms(&c, 0, true), 0);
}

static void calm_boards_are_left_to_sleep(void **state)
{
        const hedged_config_t c = config(500, 60000);

        assert_int_equal(hedged_loop_ping_ms(&c, 100000, true), 100500);
        assert_int_equal(hedged_loop_ping_ms(&c, 100000, false), 102000);
}

/* A board is gone after gone_ms without a word, however calm it was: it is asked at least twice in that. */
static void nobody_sleeps_until_he_is_gone(void **state)
{
        const hedged_config_t c = config(500, 3000), less_than_two = config(500, 700);

        assert_int_equal(hedged_loop_ping_ms(&c, 100000, false), 101500);
        assert_int_equal(hedged_loop_ping_ms(&less_than_two, 100000, false), 100500);
}

/* Also where nothing of a server is there yet: what failed to start has nothing to wait for. */
static void a_server_of_nothing_is_idle(void **state)
{
        static const hedged_server_t server;

        assert_true(hedged_server_is_idle(&server));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_first_pings_are_due_at_once),
                cmocka_unit_test(calm_boards_are_left_to_sleep),
                cmocka_unit_test(nobody_sleeps_until_he_is_gone),
                cmocka_unit_test(a_server_of_nothing_is_idle),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
