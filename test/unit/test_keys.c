/* SPDX-License-Identifier: Apache-2.0 */
#include <czmq.h>
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

#include "common/wire/keys.h"

/* The pair of the CURVE test vectors in RFC 26's reference code and libzmq's manual; not a secret. */
#define PUBLIC "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
#define SECRET "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs"

static char dir[] = "/tmp/hedge-keys-XXXXXX";

static const char *path_of(const char *file)
{
        static char path[4][256];
        static unsigned next;
        char *buf = path[next++ % 4];

        snprintf(buf, sizeof(path[0]), "%s/%s", dir, file);
        return buf;
}

static void write_file(const char *file, const char *text, mode_t mode)
{
        FILE *f = fopen(path_of(file), "w");

        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        fclose(f);
        assert_int_equal(chmod(path_of(file), mode), 0);
}

static mode_t mode_of(const char *file)
{
        struct stat st;

        assert_int_equal(stat(path_of(file), &st), 0);
        return st.st_mode & 07777;
}

static void a_pair_is_written_and_read_back(void **state)
{
        hedge_key_pair_t pair = { "", "" }, other = { "", "" };
        char public_key[41];
        hedge_why_t why = { "" };

        umask(0); /* the modes do not hang on it */
        assert_int_equal(hedge_keys_generate(dir, "pi-3", &why), 0);
        umask(077);
        assert_int_equal(hedge_keys_generate(dir, "pi-4", &why), 0);
        umask(022);
        assert_int_equal(mode_of("pi-3.secret"), 0600);
        assert_int_equal(mode_of("pi-3.pub"), 0644);
        assert_int_equal(mode_of("pi-4.pub"), 0644);
        assert_int_equal(hedge_keys_load_secret(path_of("pi-3.secret"), &pair, &why), 0);
        assert_int_equal(strlen(pair.public_key), 40);
        assert_int_equal(strlen(pair.secret_key), 40);
        assert_int_equal(hedge_keys_load_public(path_of("pi-3.pub"), public_key, &why), 0);
        assert_string_equal(public_key, pair.public_key);
        assert_int_equal(hedge_keys_load_secret(path_of("pi-4.secret"), &other, &why), 0);
        assert_string_not_equal(pair.secret_key, other.secret_key);
        hedge_keys_wipe(&pair);
        assert_string_equal(pair.secret_key, "");
        /* A .pub file has no secret. */
        assert_int_equal(chmod(path_of("pi-3.pub"), 0600), 0);
        assert_int_equal(hedge_keys_load_secret(path_of("pi-3.pub"), &pair, &why), HEDGE_EMALFORMED);
        assert_non_null(strstr(why.text, "secret-key"));
}

static void nothing_is_overwritten(void **state)
{
        hedge_key_pair_t before, after;
        hedge_why_t why = { "" };

        assert_int_equal(hedge_keys_generate(dir, "once", &why), 0);
        assert_int_equal(hedge_keys_load_secret(path_of("once.secret"), &before, &why), 0);
        assert_int_equal(hedge_keys_generate(dir, "once", &why), -EEXIST);
        assert_non_null(strstr(why.text, "there already"));
        assert_int_equal(unlink(path_of("once.pub")), 0);
        assert_int_equal(hedge_keys_generate(dir, "once", &why), -EEXIST);
        assert_int_equal(access(path_of("once.pub"), F_OK), -1);
        assert_int_equal(hedge_keys_load_secret(path_of("once.secret"), &after, &why), 0);
        assert_memory_equal(&before, &after, sizeof(before));
        /* Nor is a lone half left behind. */
        write_file("half.pub", "x", 0644);
        assert_int_equal(hedge_keys_generate(dir, "half", &why), -EEXIST);
        assert_int_equal(access(path_of("half.secret"), F_OK), -1);
        assert_int_equal(hedge_keys_generate(path_of("nowhere"), "a", &why), -ENOENT);
        assert_int_equal(hedge_keys_generate(dir, "../a", &why), -EINVAL);
        assert_int_equal(hedge_keys_generate(dir, "", &why), -EINVAL);
}

static void a_secret_that_others_may_read_is_refused(void **state)
{
        static const mode_t modes[] = { 0604, 0640, 0660, 0644, 0602 };
        hedge_key_pair_t pair;
        hedge_why_t why = { "" };

        assert_int_equal(hedge_keys_generate(dir, "open", &why), 0);
        for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
                assert_int_equal(chmod(path_of("open.secret"), modes[i]), 0);
                assert_int_equal(hedge_keys_load_secret(path_of("open.secret"), &pair, &why), HEDGE_EDENIED);
                assert_non_null(strstr(why.text, "must be 600"));
        }
        assert_int_equal(chmod(path_of("open.secret"), 0400), 0);
        assert_int_equal(hedge_keys_load_secret(path_of("open.secret"), &pair, &why), 0);
}

static void certificates_of_czmq_are_read(void **state)
{
        hedge_key_pair_t pair;
        hedge_why_t why = { "" };

        write_file("czmq.secret",
                   "#   ****  Generated on 2026-01-01 00:00:00 by CZMQ  ****\n"
                   "#   ZeroMQ CURVE **Secret** Certificate\n"
                   "#   DO NOT PROVIDE THIS FILE TO OTHER USERS nor change its permissions.\n"
                   "\n"
                   "metadata\n"
                   "    public-key = \"not this one, it is longer than a key may be ..\"\n"
                   "curve\n"
                   "    public-key = \"" PUBLIC "\"\n"
                   "    secret-key = \"" SECRET "\"\n",
                   0600);
        if (hedge_keys_load_secret(path_of("czmq.secret"), &pair, &why) < 0)
                fail_msg("%s", why.text);
        assert_string_equal(pair.public_key, PUBLIC);
        assert_string_equal(pair.secret_key, SECRET);
        write_file("crlf.pub", "curve\r\n\tpublic-key='" PUBLIC "'\r\n", 0644);
        assert_int_equal(hedge_keys_load_public(path_of("crlf.pub"), pair.public_key, &why), 0);
}

/* Both ways: CZMQ reads what we have written, and we what it has. */
static void files_are_those_of_zcert(void **state)
{
        hedge_key_pair_t ours, theirs;
        hedge_why_t why = { "" };
        zcert_t *cert;

        assert_int_equal(hedge_keys_generate(dir, "ours", &why), 0);
        assert_int_equal(hedge_keys_load_secret(path_of("ours.secret"), &ours, &why), 0);
        cert = zcert_load(path_of("ours.secret"));
        assert_non_null(cert);
        assert_string_equal(zcert_public_txt(cert), ours.public_key);
        assert_string_equal(zcert_secret_txt(cert), ours.secret_key);
        assert_string_equal(zcert_meta(cert, "name"), "ours");
        zcert_destroy(&cert);
        cert = zcert_load(path_of("ours.pub"));
        assert_non_null(cert);
        assert_string_equal(zcert_public_txt(cert), ours.public_key);
        zcert_destroy(&cert);

        cert = zcert_new();
        zcert_set_meta(cert, "name", "theirs");
        assert_int_equal(zcert_save(cert, path_of("theirs")), 0);
        assert_int_equal(hedge_keys_load_secret(path_of("theirs_secret"), &theirs, &why), 0);
        assert_string_equal(theirs.public_key, zcert_public_txt(cert));
        assert_string_equal(theirs.secret_key, zcert_secret_txt(cert));
        assert_int_equal(hedge_keys_load_public(path_of("theirs"), theirs.public_key, &why), 0);
        assert_string_equal(theirs.public_key, zcert_public_txt(cert));
        zcert_destroy(&cert);
}

static void what_is_no_certificate_is_refused(void **state)
{
        static const char *texts[] = {
                "",
                "curve\n",
                "curve\n    public-key\n",
                "curve\n    public-key = \n",
                "curve\n    public-key = \"",
                "curve\n    public-key = \"short\"\n",
                "curve\n    public-key = \"" PUBLIC,
                "curve\n    public-key = \"" PUBLIC "x\"\n",
                "curve\n    public-key = \"~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\"\n",
                "public-key = \"" PUBLIC "\"\n",
                "curved\n    public-key = \"" PUBLIC "\"\n",
                "metadata\n    public-key = \"" PUBLIC "\"\n",
                "#curve\n    public-key = \"" PUBLIC "\"\n",
        };
        hedge_key_pair_t pair;
        char key[41] = "untouched", *longest = malloc(20001);
        hedge_why_t why;

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                write_file("bad.pub", texts[i], 0644);
                why.text[0] = 0;
                if (hedge_keys_load_public(path_of("bad.pub"), key, &why) != HEDGE_EMALFORMED)
                        fail_msg("taken: %s", texts[i]);
                assert_non_null(strstr(why.text, "bad.pub"));
                assert_string_equal(key, "untouched");
        }
        memset(longest, 'x', 20000);
        longest[20000] = 0;
        write_file("bad.pub", longest, 0644);
        assert_int_equal(hedge_keys_load_public(path_of("bad.pub"), key, &why), HEDGE_EMALFORMED);
        free(longest);
        write_file("bad.secret", "curve\n    public-key = \"" SECRET "\"\n    secret-key = \"" SECRET "\"\n", 0600);
        assert_int_equal(hedge_keys_load_secret(path_of("bad.secret"), &pair, &why), HEDGE_EMALFORMED);
        assert_non_null(strstr(why.text, "not a pair"));
        assert_int_equal(hedge_keys_load_public(path_of("none.pub"), key, &why), -ENOENT);
        assert_int_equal(hedge_keys_load_public(dir, key, &why), HEDGE_EMALFORMED);
        assert_int_equal(hedge_keys_load_public("/dev/null", key, &why), HEDGE_EMALFORMED);
}

static int make_dir(void **state)
{
        return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
        char command[300];

        snprintf(command, sizeof(command), "rm -r '%s'", dir);
        return system(command);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_pair_is_written_and_read_back),
                cmocka_unit_test(nothing_is_overwritten),
                cmocka_unit_test(a_secret_that_others_may_read_is_refused),
                cmocka_unit_test(certificates_of_czmq_are_read),
                cmocka_unit_test(files_are_those_of_zcert),
                cmocka_unit_test(what_is_no_certificate_is_refused),
        };

        return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
