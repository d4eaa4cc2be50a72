/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/wire/key_folder.h"
#include "common/wire/keys.h"

static char dir[] = "/tmp/hedge-folder-XXXXXX";

static const char *path_of(const char *file)
{
        static char paths[4][512];
        static unsigned next;
        char *buf = paths[next++ % 4];

        snprintf(buf, sizeof(paths[0]), "%s/%s", dir, file);
        return buf;
}

static void write_file(const char *file, const void *bytes, size_t size)
{
        FILE *f = fopen(path_of(file), "w");

        assert_non_null(f);
        assert_int_equal(fwrite(bytes, 1, size, f), size);
        assert_int_equal(fclose(f), 0);
}

static void write_text(const char *file, const char *text)
{
        write_file(file, text, strlen(text));
}

static void copy_file(const char *from, const char *to)
{
        char text[4096];
        FILE *f = fopen(path_of(from), "r");
        size_t n;

        assert_non_null(f);
        n = fread(text, 1, sizeof(text), f);
        fclose(f);
        write_file(to, text, n);
}

/* A folder with two good keys, whose owners are to get in whatever else lies there. */
static int set_up(void **state)
{
        memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
        return mkdtemp(dir) && hedge_keys_generate(dir, "pi-1", NULL) == 0 &&
                               hedge_keys_generate(dir, "pi-2", NULL) == 0
                       ? 0
                       : -1;
}

static int tear_down(void **state)
{
        char command[300];

        snprintf(command, sizeof(command), "rm -r '%s'", dir);
        return system(command);
}

static const char *owner(const hedge_key_folder_t *folder, const char *secret)
{
        hedge_key_pair_t pair;
        const char *name;

        assert_int_equal(hedge_keys_load_secret(path_of(secret), &pair, NULL), 0);
        name = hedge_key_folder_find(folder, pair.public_key);
        return name ? name : "nobody";
}

/* The two good keys and no other; the complaints are these, in their order. */
static void expect(const char *const *complaints, size_t n)
{
        hedge_key_folder_t folder = { 0 };
        hedge_why_t why = { "" };

        if (hedge_key_folder_read(dir, &folder, &why) < 0)
                fail_msg("%s", why.text);
        if (folder.n_complaints != n)
                fail_msg("%zu complaints: %s", folder.n_complaints, folder.n_complaints ? folder.complaints[0] : "");
        for (size_t i = 0; i < n; i++)
                if (strncmp(folder.complaints[i], dir, strlen(dir)) || !strstr(folder.complaints[i], complaints[i]))
                        fail_msg("'%s' does not say '%s'", folder.complaints[i], complaints[i]);
        assert_int_equal(folder.n_keys, 2);
        assert_string_equal(owner(&folder, "pi-1.secret"), "pi-1");
        assert_string_equal(owner(&folder, "pi-2.secret"), "pi-2");
        hedge_key_folder_release(&folder);
        assert_null(folder.keys);
}

static void expect_one(const char *complaint)
{
        expect(&complaint, 1);
}

static void good_keys_are_found(void **state)
{
        hedge_key_folder_t folder = { 0 };

        expect(NULL, 0);
        write_text("readme.txt", "not a key, and not meant to be one");
        write_text(".pi-3.pub", "what an editor leaves behind");
        write_text("pub", "");
        expect(NULL, 0);
        assert_int_equal(hedge_key_folder_read(dir, &folder, NULL), 0);
        assert_null(hedge_key_folder_find(&folder, "0000000000000000000000000000000000000000"));
        assert_null(hedge_key_folder_find(&folder, ""));
        hedge_key_folder_release(&folder);
}

static void an_empty_folder_holds_nobody(void **state)
{
        hedge_key_folder_t folder = { 0 };

        assert_int_equal(mkdir(path_of("none"), 0700), 0);
        assert_int_equal(hedge_key_folder_read(path_of("none"), &folder, NULL), 0);
        assert_int_equal(folder.n_keys + folder.n_complaints, 0);
        hedge_key_folder_release(&folder);
}

static void an_empty_file_costs_its_owner_alone(void **state)
{
        write_text("pi-3.pub", "");
        expect_one("/pi-3.pub: ");
}

static void a_file_that_is_no_certificate(void **state)
{
        write_text("aaa.pub", "junk");
        expect_one("/aaa.pub: ");
}

static void a_key_that_is_not_z85(void **state)
{
        write_text("pi-3.pub", "curve\n    public-key = \"~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\"\n");
        expect_one("/pi-3.pub: ");
}

static void a_key_that_is_too_short(void **state)
{
        write_text("pi-3.pub", "curve\n    public-key = \"abcde\"\n");
        expect_one("/pi-3.pub: ");
}

static void a_dangling_link(void **state)
{
        assert_int_equal(symlink("nowhere.pub", path_of("pi-3.pub")), 0);
        expect_one("/pi-3.pub: No such file");
}

static void a_folder_in_place_of_a_file(void **state)
{
        assert_int_equal(mkdir(path_of("pi-3.pub"), 0700), 0);
        expect_one("/pi-3.pub: ");
}

/* Without waiting for a writer. */
static void a_pipe(void **state)
{
        assert_int_equal(mkfifo(path_of("pi-3.pub"), 0600), 0);
        expect_one("/pi-3.pub: ");
}

static void a_file_that_is_too_large(void **state)
{
        char *text = malloc(1 << 20);

        memset(text, '#', 1 << 20);
        write_file("pi-3.pub", text, 1 << 20);
        free(text);
        expect_one("/pi-3.pub: ");
}

static void bytes_that_are_no_text(void **state)
{
        write_file("pi-3.pub", "curve\0 \xff\xfe\x01", 10);
        expect_one("/pi-3.pub: ");
}

static void a_file_that_may_not_be_read(void **state)
{
        if (geteuid() == 0) { /* whom no mode keeps out: what cannot be read is a loop of links to him */
                assert_int_equal(symlink("pi-3.pub", path_of("pi-3.pub")), 0);
        } else {
                copy_file("pi-1.pub", "pi-3.pub");
                assert_int_equal(chmod(path_of("pi-3.pub"), 0), 0);
        }
        expect_one(geteuid() == 0 ? "/pi-3.pub: Too many levels" : "/pi-3.pub: Permission denied");
}

static void a_name_that_nobody_can_have(void **state)
{
        char file[200];

        copy_file("pi-1.pub", "pi 1.pub");
        expect_one("/pi 1.pub: ");
        assert_int_equal(unlink(path_of("pi 1.pub")), 0);
        memset(file, 'a', 120);
        strcpy(file + 120, ".pub");
        copy_file("pi-1.pub", file);
        expect_one("aaa.pub: ");
}

/* The copy, whatever it is called, and not the one it was copied from. */
static void a_copy_costs_the_copy_alone(void **state)
{
        static const char *const both[] = { "/aaa.pub: a copy of the key of 'pi-1'",
                                            "/zzz.pub: a copy of the key of 'pi-1'" };

        copy_file("pi-1.pub", "aaa.pub");
        expect_one(both[0]);
        copy_file("pi-1.pub", "zzz.pub");
        expect(both, 2);
}

/* Of two certificates that do not say whom they were made for, the first by name. */
static void of_copies_without_a_name_the_first_counts(void **state)
{
        hedge_key_folder_t folder = { 0 };
        hedge_key_pair_t pair;
        char text[128];

        assert_int_equal(hedge_keys_load_secret(path_of("pi-2.secret"), &pair, NULL), 0);
        snprintf(text, sizeof(text), "curve\n    public-key = \"%s\"\n", pair.public_key);
        write_text("pi-2.pub", text);
        write_text("pi-3.pub", text);
        expect_one("/pi-3.pub: a copy of the key of 'pi-2'");
        write_text("aaa.pub", text);
        assert_int_equal(hedge_key_folder_read(dir, &folder, NULL), 0);
        assert_int_equal(folder.n_complaints, 2);
        assert_string_equal(owner(&folder, "pi-2.secret"), "aaa");
        hedge_key_folder_release(&folder);
}

/* Keys that the first version of hedge wrote, and CZMQ's own, whose comments, order and quotes are others. */
static void older_and_other_certificates_are_read(void **state)
{
        hedge_key_folder_t folder = { 0 };

        write_text("old.pub", "#   hedge: CURVE public key of old, made 2026-01-02 03:04:05 UTC\n"
                              "#   Give it to those who are to let its owner in, or to connect to it.\n"
                              "metadata\n"
                              "    name = \"old\"\n"
                              "curve\n"
                              "    public-key = \"[Q{DQk@*M/F8=gg}^<wOl&w&gW%Q)SCSD^A=A.[i\"\n");
        write_text("other.pub", "#   made by another program\n"
                                "\n"
                                "metadata\n"
                                "    email = \"a@b.example\"\n"
                                "curve\n"
                                "    public-key = \"Y4[rb:^p7FEiV/ve1o}]3AAiOUlyd%q5y1x!i%NP\"\n");
        assert_int_equal(hedge_key_folder_read(dir, &folder, NULL), 0);
        assert_int_equal(folder.n_complaints, 0);
        assert_string_equal(hedge_key_folder_find(&folder, "[Q{DQk@*M/F8=gg}^<wOl&w&gW%Q)SCSD^A=A.[i"), "old");
        assert_string_equal(hedge_key_folder_find(&folder, "Y4[rb:^p7FEiV/ve1o}]3AAiOUlyd%q5y1x!i%NP"), "other");
        hedge_key_folder_release(&folder);
}

static void many_bad_files_are_told_in_short(void **state)
{
        const unsigned n = HEDGE_COMPLAINTS_MAX + 10;
        hedge_key_folder_t folder = { 0 };
        char file[32];

        for (unsigned i = 0; i < n; i++) {
                snprintf(file, sizeof(file), "bad-%03u.pub", i);
                write_text(file, "");
        }
        assert_int_equal(hedge_key_folder_read(dir, &folder, NULL), 0);
        assert_int_equal(folder.n_keys, 2);
        assert_int_equal(folder.n_complaints, HEDGE_COMPLAINTS_MAX);
        assert_non_null(strstr(folder.complaints[HEDGE_COMPLAINTS_MAX - 1], "and 11 more files"));
        hedge_key_folder_release(&folder);
}

static void a_folder_that_cannot_be_read_is_an_error(void **state)
{
        hedge_key_folder_t folder = { 0 };
        hedge_why_t why = { "" };
        int r = hedge_key_folder_read(path_of("nowhere"), &folder, &why);

        assert_int_equal(r, -ENOENT);
        assert_false(hedge_key_folder_short(r));
        assert_non_null(strstr(why.text, "/nowhere: "));
        assert_int_equal(hedge_key_folder_read(path_of("pi-1.pub"), &folder, &why), -ENOTDIR);
        assert_null(folder.keys);
}

/* It must not read as if nobody were there. */
static void want_of_descriptors_is_an_error(void **state)
{
        hedge_key_folder_t folder = { 0 };
        struct rlimit limit, low;
        int r, at;

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        at = dup(0); /* the next free one */
        close(at);
        for (int room = 0; room < 2; room++) { /* none for the folder; one for the folder, none for a file */
                low = limit;
                low.rlim_cur = (rlim_t)(at + room);
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
                r = hedge_key_folder_read(dir, &folder, NULL);
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
                assert_int_equal(r, -EMFILE);
                assert_true(hedge_key_folder_short(r));
                assert_null(folder.keys);
        }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(good_keys_are_found),
                TEST(an_empty_folder_holds_nobody),
                TEST(an_empty_file_costs_its_owner_alone),
                TEST(a_file_that_is_no_certificate),
                TEST(a_key_that_is_not_z85),
                TEST(a_key_that_is_too_short),
                TEST(a_dangling_link),
                TEST(a_folder_in_place_of_a_file),
                TEST(a_pipe),
                TEST(a_file_that_is_too_large),
                TEST(bytes_that_are_no_text),
                TEST(a_file_that_may_not_be_read),
                TEST(a_name_that_nobody_can_have),
                TEST(a_copy_costs_the_copy_alone),
                TEST(of_copies_without_a_name_the_first_counts),
                TEST(older_and_other_certificates_are_read),
                TEST(many_bad_files_are_told_in_short),
                TEST(a_folder_that_cannot_be_read_is_an_error),
                TEST(want_of_descriptors_is_an_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
