/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/options.h"

typedef struct common {
        const char *dir;
        uint64_t timeout;
} common_t;

typedef struct values {
        bool json;
        int scheme;
        hedgec_option_list_t set;
        common_t common;
} values_t;

static const char *const schemes[] = { "nsctc", "uncoded", NULL };

static const hedgec_option_t common_options[] = {
        HEDGEC_ROW(STRING, "dir", 'd', common_t, dir, "DIR", "a folder"),
        HEDGEC_ROW_UINT("timeout", 0, common_t, timeout, "SECONDS", "how long", 1, 100),
        HEDGEC_ROW_END,
};

static const hedgec_option_t options[] = {
        HEDGEC_ROW(FLAG, "json", 'j', values_t, json, NULL, "as JSON"),
        HEDGEC_ROW_CHOICE("scheme", 's', values_t, scheme, "S", "which", schemes),
        HEDGEC_ROW(LIST, "set", 0, values_t, set, "KEY=VALUE", "settings"),
        HEDGEC_ROW_TABLE(values_t, common, common_options),
        HEDGEC_ROW_END,
};

/* Parse a line of words; its copies live until the next call. */
static int parse(const char *line, values_t *values, bool *help, char ***operands, hedge_why_t *why)
{
        static char text[4096];
        static char *argv[128];
        int argc = 0;
        char *rest;

        snprintf(text, sizeof(text), "command %s", line);
        for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
                argv[argc++] = word;
        argv[argc] = NULL;
        *operands = argv;
        *help = false;
        memset(why, 0, sizeof(*why));
        int first = hedgec_options_parse(options, argc, argv, values, help, why);
        return first < 0 ? first : argc - first + ((*operands += first), 0);
}

static void test_takes_values_of_every_kind(void **state)
{
        values_t v = { .scheme = -1 };
        hedge_why_t why;
        char **operands;
        bool help;

        assert_int_equal(parse("one -j --scheme=uncoded two --set a=1 --set b=2 -d /x --timeout 100 -- --json", &v,
                               &help, &operands, &why),
                         3);
        assert_true(v.json);
        assert_int_equal(v.scheme, 1);
        assert_int_equal(v.set.count, 2);
        assert_string_equal(v.set.items[1], "b=2");
        assert_string_equal(v.common.dir, "/x");
        assert_int_equal(v.common.timeout, 100);
        assert_false(help);
        assert_string_equal(operands[0], "one");
        assert_string_equal(operands[1], "two");
        assert_string_equal(operands[2], "--json");
}

static void test_leaves_what_is_not_given(void **state)
{
        values_t v = { .scheme = 7, .common = { .dir = "preset", .timeout = 5 } };
        hedge_why_t why;
        char **operands;
        bool help;

        assert_int_equal(parse("", &v, &help, &operands, &why), 0);
        assert_int_equal(v.scheme, 7);
        assert_string_equal(v.common.dir, "preset");
        assert_int_equal(v.common.timeout, 5);
        assert_int_equal(parse("-h x", &v, &help, &operands, &why), 1);
        assert_true(help);
}

static void test_says_what_is_wrong(void **state)
{
        static const struct {
                const char *line, *sentence;
        } wrong[] = {
                { "--colour", "there is no option --colour (or it is ambiguous)" },
                { "-x", "there is no option -x" },
                { "-jx", "there is no option -x" },
                { "--dir", "option --dir wants a value" },
                { "-d", "option -d wants a value" },
                { "--json=yes", "option --json=yes takes no value" },
                { "--scheme magic", "--scheme: 'magic' is none of: nsctc, uncoded" },
                { "--timeout 0", "--timeout: 0 is not within 1 and 100" },
                { "--timeout 99999999999999999999", "--timeout: 99999999999999999999 is not within 1 and 100" },
                { "--timeout 5s", "--timeout: '5s' is not a number" },
                { "--timeout -5", "--timeout: '-5' is not a number" },
        };
        hedge_why_t why;
        char **operands;
        bool help;

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                values_t v = { 0 };

                assert_int_equal(parse(wrong[i].line, &v, &help, &operands, &why), -EINVAL);
                assert_string_equal(why.text, wrong[i].sentence);
        }
}

static void test_bounds_a_list(void **state)
{
        char line[2048] = "";
        values_t v = { 0 };
        hedge_why_t why;
        char **operands;
        bool help;

        for (int i = 0; i < HEDGEC_OPTION_LIST_MAX; i++)
                strcat(line, "--set k=v ");
        assert_int_equal(parse(line, &v, &help, &operands, &why), 0);
        memset(&v, 0, sizeof(v));
        strcat(line, "--set k=v");
        assert_int_equal(parse(line, &v, &help, &operands, &why), -EINVAL);
}

static void test_help_fits_80_columns(void **state)
{
        char *text = NULL, *rest;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        int lines = 0;

        hedgec_options_print(options, out);
        fclose(out);
        assert_non_null(strstr(text, "  -d, --dir DIR"));
        assert_non_null(strstr(text, "      --timeout SECONDS"));
        for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest), lines++)
                assert_true(strlen(line) <= 80);
        assert_true(lines >= 6);
        free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_takes_values_of_every_kind), cmocka_unit_test(test_leaves_what_is_not_given),
                cmocka_unit_test(test_says_what_is_wrong),         cmocka_unit_test(test_bounds_a_list),
                cmocka_unit_test(test_help_fits_80_columns),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
