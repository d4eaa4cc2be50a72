/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/job_text.h"

static int set(const char *before, const char *setting, char **ret, hedge_why_t *why)
{
        char *text = strdup(before);
        size_t size = strlen(before);
        int r = hedgec_job_text_set("job.yaml", &text, &size, setting, why);

        assert_int_equal(strlen(text), size);
        *ret = text;
        return r;
}

static void becomes(const char *before, const char *setting, const char *after)
{
        hedge_why_t why = { "" };
        char *text;

        if (set(before, setting, &text, &why))
                fail_msg("%s: %s", setting, why.text);
        assert_string_equal(text, after);
        free(text);
}

static void refused(const char *before, const char *setting, int code, const char *sentence)
{
        hedge_why_t why = { "" };
        char *text;

        assert_int_equal(set(before, setting, &text, &why), code);
        assert_string_equal(text, before);
        if (!strstr(why.text, sentence))
                fail_msg("'%s' is not in: %s", sentence, why.text);
        free(text);
}

static void test_values_are_replaced(void **state)
{
        becomes("epochs: 4 # few\nbatch: 64\n", "epochs=9", "epochs: 9 # few\nbatch: 64\n");
        becomes("epochs: 4 # few\nbatch: 64", "batch=1", "epochs: 4 # few\nbatch: 1");
        becomes("'epochs' :  \"4\"\n", "epochs=9", "'epochs': 9\n");
        becomes("sgd: {rate: 0.1, momentum: 0.9}\n", "sgd.momentum=0", "sgd: {rate: 0.1, momentum: 0}\n");
        becomes("sgd:\n  rate: 0.1  # slow\n  decay: 1\n", "sgd.rate=2", "sgd:\n  rate: 2  # slow\n  decay: 1\n");
        becomes("a:\n  b: 1\nb: 2\n", "b=3", "a:\n  b: 1\nb: 3\n");
        becomes("epochs:\nbatch: 1\n", "epochs=9", "epochs: 9\nbatch: 1\n");
        becomes("epochs: 4\r\nbatch: 1\r\n", "epochs=9", "epochs: 9\r\nbatch: 1\r\n");
        becomes("name: a=b\n", "name=c=d", "name: c=d\n");
        becomes("test: x\n", "test=", "test: \n");
}

static void test_values_of_several_lines(void **state)
{
        becomes("train:\n  - a\n  - b\n\n# why\nbatch: 1\n", "train=[c, d]", "train: [c, d]\n\n# why\nbatch: 1\n");
        becomes("data:\n  train:\n  - a\n  - b\n  flip: true\n", "data.train=c", "data:\n  train: c\n  flip: true\n");
        becomes("sgd:\n  rate: 1\n  decay: 2\nbatch: 1\n", "sgd={rate: 3}", "sgd: {rate: 3}\nbatch: 1\n");
        becomes("sgd:\n  rate: 1\n  # a\n  decay: 2\n  # b\n\n# c\nbatch: 1\n", "sgd=3",
                "sgd: 3\n  # b\n\n# c\nbatch: 1\n");
        becomes("{a: \"x\n  # b\", c: 1}", "a=2", "{a: 2, c: 1}");
        becomes("name: |\n  two\n  lines\nbatch: 1\n", "name=one", "name: one\nbatch: 1\n");
        becomes("a: [1,\n  2]\nb: 1\n", "a=3", "a: 3\nb: 1\n");
}

static void test_keys_are_added(void **state)
{
        becomes("# first\nepochs: 4\n", "batch=9", "# first\nbatch: 9\nepochs: 4\n");
        becomes("epochs: 4\n", "sgd.rate=1", "sgd: {rate: 1}\nepochs: 4\n");
        becomes("epochs: 4\n", "a.b.c=1", "a: {b: {c: 1}}\nepochs: 4\n");
        becomes("sgd:\n    rate: 1\n", "sgd.decay=2", "sgd:\n    decay: 2\n    rate: 1\n");
        becomes("sgd: {rate: 1}\n", "sgd.decay=2", "sgd: {decay: 2, rate: 1}\n");
        becomes("sgd: {}\n", "sgd.decay=2", "sgd: {decay: 2}\n");
        becomes("sgd:\n#  rate: 1\nbatch: 1\n", "sgd.rate=2", "sgd: {rate: 2}\n#  rate: 1\nbatch: 1\n");
        becomes("", "batch=9", "batch: 9\n");
        becomes("# nothing", "batch=9", "# nothing\nbatch: 9\n");
        becomes("{epochs: 4}", "batch=9", "{batch: 9, epochs: 4}");
}

static void test_characters_are_not_bytes(void **state)
{
        becomes("name: K\xc3\xa4se # \xe2\x82\xac\nbatch: 1 # \xf0\x9f\x98\x80\nlast: 2\n", "last=3",
                "name: K\xc3\xa4se # \xe2\x82\xac\nbatch: 1 # \xf0\x9f\x98\x80\nlast: 3\n");
}

static void test_what_cannot_be_set_is_said(void **state)
{
        refused("a: 1\n", "a", -EINVAL, "KEY=VALUE is wanted");
        refused("a: 1\n", "=1", -EINVAL, "KEY=VALUE is wanted");
        refused("a: 1\n", "a..b=1", -EINVAL, "KEY=VALUE is wanted");
        refused("a: 1\n", ".a=1", -EINVAL, "KEY=VALUE is wanted");
        refused("a: 1\n", "a.=1", -EINVAL, "KEY=VALUE is wanted");
        refused("a: 1\n", "a: 2, b=1", -EINVAL, "KEY=VALUE is wanted");
        refused("a: 1\n", "a=1\nb: 2", -EINVAL, "KEY=VALUE is wanted");
        refused("b: 2\na: [1, 2]\n", "a.b=1", -EINVAL, "job.yaml:2: a is a list");
        refused("b: 2\na:\n  c: 1\n", "a.c.d=1", -EINVAL, "job.yaml:3: a.c is no section");
        refused("a: [1\nb: 2\n", "b=1", HEDGE_ECONFIG, "job.yaml:");
        refused("- a\n", "b=1", HEDGE_ECONFIG, "job.yaml:1:");
        refused("a: &x [1]\nb: *x\n", "b=1", HEDGE_ECONFIG, "job.yaml:2: aliases");
        refused("a: \xff\n", "a=1", HEDGE_ECONFIG, "job.yaml:");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_values_are_replaced),
                cmocka_unit_test(test_values_of_several_lines),
                cmocka_unit_test(test_keys_are_added),
                cmocka_unit_test(test_characters_are_not_bytes),
                cmocka_unit_test(test_what_cannot_be_set_is_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
