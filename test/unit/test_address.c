/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/address.h"

static void endpoints_are_checked(void **state)
{
        (void)state;
        static const struct {
                const char *endpoint;
                bool connect, bind;
        } cases[] = {
                { "tcp://10.0.0.1:7501", true, true },
                { "tcp://pi-1.example:7501", true, true },
                { "tcp://[::1]:7501", true, true },
                { "tcp://*:7501", true, true },
                { "tcp://*:*", false, true },
                { "tcp://127.0.0.1:*", false, true },
                { "ipc:///run/hedge/x", true, true },
                { "ipc://", false, false },
                { "tcp://10.0.0.1", false, false },
                { "tcp://:7501", false, false },
                { "tcp://10.0.0.1:0", false, false },
                { "tcp://10.0.0.1:65536", false, false },
                { "tcp://10.0.0.1:x", false, false },
                { "tcp://10.0.0.1:", false, false },
                { "udp://10.0.0.1:1", false, false },
                { "", false, false },
                { "tcp://[::]:7501", true, true },
                { "tcp://[::1]:*", false, true },
                { "tcp://::1:7501", false, false },
                { "tcp://::1", false, false },
                { "tcp://[::1]", false, false },
                { "tcp://[::1]7501", false, false },
                { "tcp://[::1:7501", false, false },
                { "tcp://[]:7501", false, false },
                { "tcp://[pi.example]:1", false, false },
                { "tcp://[10.0.0.1]:1", false, false },
                { "tcp://[fe80::1]:7501", false, false },
                { "tcp://[fe80::1%eth0]:7501", true, true },
                { "tcp://[fd00::2%]:7501", false, false },
                { "tcp://[::ffff:10.0.0.1]:7501", true, true },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                hedge_why_t why = { "" };

                assert_int_equal(hedge_address_check(cases[i].endpoint, false, &why) == 0, cases[i].connect);
                assert_int_equal(hedge_address_check(cases[i].endpoint, true, &why) == 0, cases[i].bind);
                assert_true(cases[i].bind || strlen(why.text) > 10);
        }
}

static void a_socket_path_has_a_limit(void **state)
{
        (void)state;
        char endpoint[256];

        snprintf(endpoint, sizeof(endpoint), "ipc:///%0106d", 1);
        assert_int_equal(hedge_address_check(endpoint, true, NULL), 0);
        snprintf(endpoint, sizeof(endpoint), "ipc:///%0107d", 1);
        assert_int_equal(hedge_address_check(endpoint, true, NULL), HEDGE_ECONFIG);
}

static void a_name_is_not_a_loopback_address(void **state)
{
        (void)state;
        static const char *const local[] = { "ipc:///x", "tcp://127.0.0.1:1", "tcp://127.9.8.7:*", "tcp://[::1]:5",
                                             "tcp://[0:0::1]:5" };
        static const char *const other[] = {
                "tcp://127.example.org:1", "tcp://*:1",    "tcp://localhost:1", "tcp://128.0.0.1:1", "tcp://127.",
                "udp://127.0.0.1:1",       "tcp://[::]:1", "tcp://[::2]:1"
        };

        for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
                assert_true(hedge_address_is_local(local[i]));
        for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
                assert_false(hedge_address_is_local(other[i]));
}

static void every_interface_is_known(void **state)
{
        (void)state;
        static const char *const any[] = { "tcp://*:1", "tcp://0.0.0.0:1", "tcp://[::]:1", "tcp://[0::0]:*",
                                           "tcp://[::ffff:0.0.0.0]:1" };
        static const char *const one[] = { "ipc://*", "tcp://0.0.0.1:1", "tcp://[::1]:1", "tcp://eth0:1",
                                           "tcp://[::ffff:1.0.0.0]:1" };

        for (size_t i = 0; i < sizeof(any) / sizeof(any[0]); i++)
                assert_true(hedge_address_is_any(any[i]));
        for (size_t i = 0; i < sizeof(one) / sizeof(one[0]); i++)
                assert_false(hedge_address_is_any(one[i]));
}

static void an_address_without_brackets_is_told(void **state)
{
        (void)state;
        hedge_why_t why;

        assert_int_equal(hedge_address_check("tcp://::1:7501", false, &why), HEDGE_ECONFIG);
        assert_string_equal(why.text, "'tcp://::1:7501': an IPv6 address wants brackets: tcp://[::1]:7501");
        assert_int_equal(hedge_address_check("tcp://[fe80::7]:7501", false, &why), HEDGE_ECONFIG);
        assert_non_null(strstr(why.text, "wants its interface: [fe80::7%eth0]"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(endpoints_are_checked),
                cmocka_unit_test(a_socket_path_has_a_limit),
                cmocka_unit_test(a_name_is_not_a_loopback_address),
                cmocka_unit_test(every_interface_is_known),
                cmocka_unit_test(an_address_without_brackets_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
