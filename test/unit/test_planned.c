/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/plan/planned.h"

#define GOOD_HEAD "hedge-planned 3\n1\n1 1 1 1 1 1 1\n"

static char folder[] = "/tmp/hedge-planned-XXXXXX";

static hedged_speeds_t some_speeds(unsigned n)
{
        hedged_speeds_t s = { .boards = n,
                              .here = { 1.0 / 3 * 1e9, 0, 125e6, 124e6, 0, 0 },
                              .here_cores = 3,
                              .costs = { 1e-5 / 3, 1e-9 / 3, 1e-6 / 3, 1e-10 / 3, 1e-11 / 3, 1e-9 / 7, 1e-4 / 3 } };

        for (unsigned b = 0; b < n; b++) {
                s.board[b] = (hedged_speed_t){ 7e8 / (b + 1), b / 7.0, 12.5e6, 11e6, 1e-3 / (b + 3), 0 };
                s.cores[b] = b;
                s.slower[b] = b / 3.0;
                s.share_bytes[b] = (UINT64_C(1) << 40) * b + 7 * b;
                s.usable[b] = true;
        }
        return s;
}

static void write_text(const char *text)
{
        char path[100];
        FILE *f;

        snprintf(path, sizeof(path), "%s/net/planned", folder);
        f = fopen(path, "w");
        assert_non_null(f);
        fputs(text, f);
        fclose(f);
}

static void what_was_saved_comes_back_to_the_bit(void **state)
{
        (void)state;
        const hedged_speeds_t saved = some_speeds(5);
        hedged_speeds_t boastful = saved, read;

        assert_int_equal(hedged_planned_load(folder, "net", 5, &read), -ENOENT);
        assert_int_equal(hedged_planned_save(folder, "net", &saved), 0);
        assert_int_equal(hedged_planned_load(folder, "net", 5, &read), 0);
        assert_int_equal(read.boards, 5);
        assert_true(read.here.macs_per_s == saved.here.macs_per_s);
        assert_int_equal(read.here_cores, 3);
        assert_memory_equal(&read.costs, &saved.costs, sizeof(read.costs));
        for (unsigned b = 0; b < 5; b++) {
                assert_int_equal(read.cores[b], saved.cores[b]);
                assert_true(read.slower[b] == saved.slower[b]);
                assert_true(read.share_bytes[b] == saved.share_bytes[b]);
                assert_true(read.board[b].macs_per_s == saved.board[b].macs_per_s &&
                            read.board[b].spread == saved.board[b].spread &&
                            read.board[b].delay_s == saved.board[b].delay_s && read.usable[b]);
        }
        boastful.share_bytes[1] = UINT64_MAX; /* as a board may say */
        assert_int_equal(hedged_planned_save(folder, "net", &boastful), 0);
        assert_int_equal(hedged_planned_load(folder, "net", 5, &read), 0);
        assert_true(read.share_bytes[1] == UINT64_C(1) << 53);
        assert_int_equal(hedged_planned_load(folder, "net", 6, &read), -EINVAL);
        assert_int_equal(hedged_planned_save(folder, "nothing", &saved), -ENOENT);
}

static void damaged_files_are_refused(void **state)
{
        (void)state;
        static const char *const texts[] = {
                "",
                "hedge-planned 2\n1\n1 1 1 1 1 1 1\n1 0 1 1 0 4 1\n1 0 1 1 0 4 1\n",
                GOOD_HEAD "1 0 1 1 0 4 1 0\n1 0 1 1 0 4 1\n",
                GOOD_HEAD "1 0 1 1 0 4 1 0\n1 0 1 1 0 4 -1 0\n",
                GOOD_HEAD "1 0 1 1 0 4 1 0\n1 0 1 1 0 -1 0 0\n",
                GOOD_HEAD "1 0 1 1 0 4 1 0\n1 0 1 1 0 1e9 0 0\n",
                GOOD_HEAD "1 0 1 1 0 4 1 0\n1 0 1 1 0 4 1 -1\n",
                GOOD_HEAD "1 0 1 1 0 4 1 0\n1 0 1 1 0 4 1 1e17\n",
                GOOD_HEAD "1 0 1 1 0 4 1 0\n1 0 1 1 0 4 1 nan\n",
                "hedge-planned 3\n1\n1 1 1 1 1 1\n1 0 1 1 0 4 1 0\n1 0 1 1 0 4 1 0\n",
                "hedge-planned 3\n1\n1 1 1 -1 1 1 1\n1 0 1 1 0 4 1 0\n1 0 1 1 0 4 1 0\n",
                "hedge-planned 3\n1\nnan 1 1 1 1 1 1\n1 0 1 1 0 4 1 0\n1 0 1 1 0 4 1 0\n",
                GOOD_HEAD "1 0 1 1 0 4 1 0\n",
                GOOD_HEAD "1 0 1 1 0 4 1 0\n1 0 1 1\n",
                GOOD_HEAD "1 0 1 1 0 4 1 0\nnan 0 1 1 0 4 1 0\n",
                GOOD_HEAD "1 0 1 1 0 4 1 0\n1 -1 1 1 0 4 1 0\n",
                GOOD_HEAD "1 0 1 1 0 4 1 0\n1 0 inf 1 0 4 1 0\n",
                GOOD_HEAD "0 0 1 1 0 4 1 0\n1 0 1 1 0 4 1 0\n",
                "hedge-planned 3\n-1\n1 1 1 1 1 1 1\n1 0 1 1 0 4 1 0\n1 0 1 1 0 4 1 0\n",
                "hedge-planned 3\n999999999\n1 1 1 1 1 1 1\n1 0 1 1 0 4 1 0\n1 0 1 1 0 4 1 0\n",
        };
        hedged_speeds_t read;

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                write_text(texts[i]);
                assert_int_equal(hedged_planned_load(folder, "net", 1, &read), -EINVAL);
        }
        write_text(GOOD_HEAD "1 0 1 1 0 4 1 0\n1 0 1 1 0 4 1 67108864\n");
        assert_int_equal(hedged_planned_load(folder, "net", 1, &read), 0);
}

static int make_folder(void **state)
{
        char path[100];

        (void)state;
        if (!mkdtemp(folder))
                return -1;
        snprintf(path, sizeof(path), "%s/net", folder);
        return mkdir(path, 0700);
}

static int remove_folder(void **state)
{
        char path[100];

        (void)state;
        snprintf(path, sizeof(path), "%s/net/planned", folder);
        unlink(path);
        snprintf(path, sizeof(path), "%s/net", folder);
        rmdir(path);
        return rmdir(folder);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_saved_comes_back_to_the_bit),
                cmocka_unit_test(damaged_files_are_refused),
        };

        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
