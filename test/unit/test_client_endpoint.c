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

#include "client/endpoint.h"

static char folder[] = "/tmp/hedge-endpoint-XXXXXX";

static int set_up(void **state)
{
        unsetenv("HEDGE_DIR");
        return 0;
}

static int make_folder(void **state)
{
        hedge_why_t why;

        return !mkdtemp(folder) || hedge_keys_generate(folder, "me", &why) || hedge_keys_generate(folder, "hub", &why);
}

static int remove_folder(void **state)
{
        static const char *const names[] = { "me.secret", "me.pub", "hub.secret", "hub.pub" };
        char path[128];

        for (int i = 0; i < 4; i++) {
                snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
                unlink(path);
        }
        return rmdir(folder);
}

static void test_defaults_to_the_system_socket(void **state)
{
        hedgec_target_t target = { 0 };
        hedgec_endpoint_t endpoint;
        hedge_why_t why;

        assert_int_equal(hedgec_endpoint_resolve(&target, &endpoint, &why), 0);
        assert_string_equal(endpoint.address, "ipc:///run/hedge/hedged.sock");
        assert_false(endpoint.curve);
        assert_int_equal(endpoint.timeout_ms, 60000);
}

static void test_dir_comes_before_the_environment(void **state)
{
        hedgec_target_t target = { .timeout_s = 5 };
        char wanted[128];
        hedgec_endpoint_t endpoint;
        hedge_why_t why;

        setenv("HEDGE_DIR", "/nowhere/at all", 1);
        assert_int_equal(hedgec_endpoint_resolve(&target, &endpoint, &why), 0);
        assert_string_equal(endpoint.address, "ipc:///nowhere/at all/run/hedged.sock");
        assert_int_equal(endpoint.timeout_ms, 5000);
        target.dir = folder;
        assert_int_equal(hedgec_endpoint_resolve(&target, &endpoint, &why), 0);
        snprintf(wanted, sizeof(wanted), "ipc://%s/run/hedged.sock", folder);
        assert_string_equal(endpoint.address, wanted);
        setenv("HEDGE_DIR", "", 1);
        target.dir = NULL;
        assert_int_equal(hedgec_endpoint_resolve(&target, &endpoint, &why), 0);
        assert_string_equal(endpoint.address, "ipc:///run/hedge/hedged.sock");
}

static void test_a_relative_folder_becomes_absolute(void **state)
{
        hedgec_target_t target = { .dir = "." };
        char cwd[4096], wanted[4200];
        hedgec_endpoint_t endpoint;
        hedge_why_t why;

        assert_int_equal(chdir(folder), 0);
        assert_non_null(getcwd(cwd, sizeof(cwd)));
        assert_int_equal(hedgec_endpoint_resolve(&target, &endpoint, &why), 0);
        snprintf(wanted, sizeof(wanted), "ipc://%s/run/hedged.sock", cwd);
        assert_string_equal(endpoint.address, wanted);
}

static void test_a_long_folder_is_refused(void **state)
{
        hedgec_target_t target = { 0 };
        hedgec_endpoint_t endpoint;
        char dir[200] = "/";
        hedge_why_t why;

        /* "/run/hedged.sock" is 16 bytes: 91 are left for the folder. */
        memset(dir + 1, 'x', 90);
        target.dir = dir;
        assert_int_equal(hedgec_endpoint_resolve(&target, &endpoint, &why), 0);
        assert_int_equal(strlen(endpoint.address), 6 + HEDGEC_SOCKET_PATH_MAX);
        strcat(dir, "x");
        assert_int_equal(hedgec_endpoint_resolve(&target, &endpoint, &why), -ENAMETOOLONG);
        assert_non_null(strstr(why.text, "choose a shorter DIR"));
}

static void test_tcp_wants_keys(void **state)
{
        char secret[128], server[128];
        hedgec_target_t target = { .connect = "tcp://10.0.0.1:7502" };
        hedge_key_pair_t pair;
        hedgec_endpoint_t endpoint;
        hedge_why_t why;

        setenv("HEDGE_DIR", "/not/used", 1);
        snprintf(secret, sizeof(secret), "%s/me.secret", folder);
        snprintf(server, sizeof(server), "%s/hub.pub", folder);
        assert_int_equal(hedgec_endpoint_resolve(&target, &endpoint, &why), -EINVAL);
        assert_non_null(strstr(why.text, "--server-key"));
        target.key = secret;
        assert_int_equal(hedgec_endpoint_resolve(&target, &endpoint, &why), -EINVAL);
        target.server_key = server;
        assert_int_equal(hedgec_endpoint_resolve(&target, &endpoint, &why), 0);
        assert_true(endpoint.curve);
        assert_string_equal(endpoint.address, "tcp://10.0.0.1:7502");
        assert_int_equal(hedge_keys_load_secret(secret, &pair, &why), 0);
        assert_string_equal(endpoint.keys.secret_key, pair.secret_key);
        assert_int_equal(hedge_keys_load_public(server, pair.public_key, &why), 0);
        assert_string_equal(endpoint.server_key, pair.public_key);
        target.server_key = "/nowhere.pub";
        assert_int_equal(hedgec_endpoint_resolve(&target, &endpoint, &why), -ENOENT);
}

static void test_contradictions_are_refused(void **state)
{
        static const hedgec_target_t wrong[] = {
                { .dir = "/x", .connect = "tcp://h:1", .insecure = true },
                { .dir = "/x", .key = "k" },
                { .server_key = "k" },
                { .insecure = true },
                { .connect = "tcp://h:1", .insecure = true, .key = "k", .server_key = "s" },
                { .connect = "udp://h:1", .insecure = true },
                { .connect = "tcp://h", .insecure = true },
                { .connect = "h:1", .insecure = true },
        };
        hedgec_target_t plain = { .connect = "tcp://h:1", .insecure = true };
        hedgec_endpoint_t endpoint;
        hedge_why_t why;

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                why.text[0] = '\0';
                assert_int_equal(hedgec_endpoint_resolve(&wrong[i], &endpoint, &why), -EINVAL);
                assert_true(why.text[0]);
        }
        assert_int_equal(hedgec_endpoint_resolve(&plain, &endpoint, &why), 0);
        assert_false(endpoint.curve);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_defaults_to_the_system_socket, set_up),
                cmocka_unit_test_setup(test_dir_comes_before_the_environment, set_up),
                cmocka_unit_test_setup(test_a_relative_folder_becomes_absolute, set_up),
                cmocka_unit_test_setup(test_a_long_folder_is_refused, set_up),
                cmocka_unit_test_setup(test_tcp_wants_keys, set_up),
                cmocka_unit_test_setup(test_contradictions_are_refused, set_up),
        };

        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
