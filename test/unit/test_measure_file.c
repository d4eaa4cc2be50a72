/* SPDX-License-Identifier: Apache-2.0 */
/* How fast boards are: what outlasts a restart. */
#include "test/unit/measure_bed.h"

/* ---- the file ---- */

static void write_text(const char *text)
{
        FILE *f = fopen(path, "w");

        assert_non_null(f);
        fputs(text, f);
        fclose(f);
}

static bool exists(void)
{
        return access(path, F_OK) == 0;
}

static void a_restart_forgets_nothing(void **state)
{
        const board_t board = { 7.5e8, 0.5, 0.01, 40 * MBIT, 0.004, 0 };
        const board_t slower = { 2.5e8, 0.5, 0.01, 40 * MBIT, 0.004, 0 };
        const board_t faster = { 3e9, 0.5, 0.01, 40 * MBIT, 0.004, 0 };
        layer_random_t r = { 13 };
        hedged_measure_t *m = start(path);
        hedged_speed_t before, after;
        hedge_why_t why;

        (void)state;
        assert_int_equal(hedged_measure_save(m, true, &why), 0); /* nothing learnt: nothing to write */
        assert_false(exists());
        feed(m, "pi-3", &r, &board, 150);
        assert_int_equal(hedged_measure_save(m, false, &why), 0); /* not within a minute */
        assert_false(exists());
        assert_int_equal(hedged_measure_save(m, true, &why), 1);
        assert_true(exists());
        assert_int_equal(hedged_measure_save(m, true, &why), 0);
        before = speed(m, "pi-3");
        hedged_measure_destroy(&m);

        m = start(path);
        after = speed(m, "pi-3");
        assert_near(after.macs_per_s, before.macs_per_s, 1e-3);
        assert_near(after.spread, before.spread, 1e-3);
        assert_near(after.up_bytes_per_s, before.up_bytes_per_s, 1e-3);
        assert_near(after.delay_s, before.delay_s, 1e-3);
        assert_int_equal(after.tasks, 150);
        feed(m, "pi-3", &r, &slower, 2); /* and it is not thrown over by the first few */
        assert_near(speed(m, "pi-3").macs_per_s, before.macs_per_s, 0.1);
        assert_near(speed(m, "pi-3").spread, before.spread, 0.5);
        assert_int_equal(speed(m, "pi-3").tasks, 152);
        feed(m, "pi-3", &r, &faster, 8); /* unless it is another machine now */
        assert_near(speed(m, "pi-3").macs_per_s, 3e9, 0.25);
        hedged_measure_destroy(&m);
}

static void a_damaged_file_is_ignored(void **state)
{
        static const char *const damaged[] = {
                "boards:\n  - {name: \"pi\", seen_s: 1",
                "boards:\n  - {name: \"pi\"}\n",
                "boards: [1, 2]\n",
                "boards:\n  - {name: \"../x\", seen_s: 9000000000, tasks: 5, macs_per_s: 1e9, spread: 0.1, "
                "up_bytes_per_s: 1e7, down_bytes_per_s: 1e7, delay_s: 0}\n",
                "boards:\n  - {name: \"pi\", seen_s: 9000000000, tasks: 5, macs_per_s: 0, spread: 0.1, "
                "up_bytes_per_s: 1e7, down_bytes_per_s: 1e7, delay_s: 0}\n",
                "boards:\n  - {name: \"pi\", seen_s: 9000000000, tasks: 5, macs_per_s: .nan, spread: 0.1, "
                "up_bytes_per_s: 1e7, down_bytes_per_s: 1e7, delay_s: 0}\n",
                "",
        };
        const board_t board = { 1e9, 0, 0, 100 * MBIT, 0, 0 };

        (void)state;
        for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
                layer_random_t r = { 1 };
                hedged_measure_t *m = NULL;
                hedge_why_t why;

                write_text(damaged[i]);
                assert_int_equal(hedged_measure_new(&config, path, NULL, &m, &why), 0);
                assert_non_null(strstr(why.text, path));
                assert_near(speed(m, "pi").macs_per_s, 2.5e9, 1e-9);
                feed(m, "pi", &r, &board, 20);
                assert_int_equal(hedged_measure_save(m, true, &why), 1); /* and replaced */
                hedged_measure_destroy(&m);
                m = start(path);
                assert_int_equal(speed(m, "pi").tasks, 20);
                hedged_measure_destroy(&m);
        }
}

static void a_file_that_cannot_be_written_is_said(void **state)
{
        char nowhere[128];
        layer_random_t r = { 1 };
        hedged_measure_t *m;
        hedge_why_t why;

        (void)state;
        snprintf(nowhere, sizeof(nowhere), "%s/no/boards.yaml", dir);
        m = start(nowhere);
        feed(m, "pi", &r, &(board_t){ 1e9, 0, 0, 1e7, 0, 0 }, 1);
        assert_int_equal(hedged_measure_save(m, true, &why), -ENOENT);
        assert_non_null(strstr(why.text, nowhere));
        assert_int_equal(hedged_measure_save(m, true, &why), -ENOENT); /* it stays to be done */
        hedged_measure_destroy(&m);
}

static void boards_of_long_ago_are_dropped(void **state)
{
        hedged_measure_t *m;
        long long now_s = time(NULL), day_s = 86400;
        char text[600];

        (void)state;
        snprintf(text, sizeof(text),
                 "boards:\n"
                 "  - {name: \"old\", seen_s: %lld, tasks: 5, macs_per_s: 1e9, spread: 0.1, up_bytes_per_s: 1e7, "
                 "down_bytes_per_s: 1e7, delay_s: 0}\n"
                 "  - {name: \"young\", seen_s: %lld, tasks: 6, macs_per_s: 2e9, spread: 0.1, up_bytes_per_s: 1e7, "
                 "down_bytes_per_s: 1e7, delay_s: 0}\n",
                 now_s - 31 * day_s, now_s - 29 * day_s);
        write_text(text);
        m = start(path);
        assert_int_equal(speed(m, "old").tasks, 0);
        assert_int_equal(speed(m, "young").tasks, 6);
        hedged_measure_destroy(&m);
}

static void no_more_boards_are_kept_than_fit(void **state)
{
        layer_random_t r = { 1 };
        hedged_measure_t *m = start(path);
        hedge_why_t why;
        unsigned kept = 0;
        char name[16];

        (void)state;
        for (unsigned i = 0; i < HEDGED_MEASURE_MAX + 20; i++) {
                name_of(name, i);
                feed(m, name, &r, &(board_t){ 1e9, 0, 0, 1e7, 0, 0 }, 1);
        }
        name_of(name, HEDGED_MEASURE_MAX + 19);
        assert_int_equal(speed(m, name).tasks, 1);
        for (unsigned i = 0; i < HEDGED_MEASURE_MAX + 20; i++) {
                name_of(name, i);
                kept += speed(m, name).tasks == 1;
        }
        assert_int_equal(kept, HEDGED_MEASURE_MAX);
        assert_int_equal(hedged_measure_save(m, true, &why), 1);
        hedged_measure_destroy(&m);
        m = start(path); /* so many can be read again */
        assert_int_equal(speed(m, name).tasks, 1);
        hedged_measure_destroy(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_restart_forgets_nothing),
                TEST(a_damaged_file_is_ignored),
                TEST(a_file_that_cannot_be_written_is_said),
                TEST(boards_of_long_ago_are_dropped),
                TEST(no_more_boards_are_kept_than_fit),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
