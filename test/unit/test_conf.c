/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/conf/conf.h"

typedef struct board {
        char *name;
        uint64_t cores;
        hedge_conf_list_t keys;
} board_t;

typedef struct key {
        char *text;
} board_key_t;

typedef struct settings {
        uint64_t heartbeat_ms, strikes;
        uint64_t memory;
        double budget, any;
        bool verbose;
        char *listen, *name;
        unsigned objective, colour;
        hedge_conf_floats_t mean;
        hedge_conf_list_t boards;
} settings_t;

static const char *const objectives[] = { "latency", "p99", "cost", NULL };
static const char *const colours[] = { "red as a rose", "blue as the sky", "green as the grass", "grey as a board",
                                       NULL };

static const hedge_conf_row_t key_rows[] = {
        { .path = "text", .type = HEDGE_CONF_STRING, .offset = offsetof(board_key_t, text), .help = "A key." },
        { .path = NULL },
};

static const hedge_conf_row_t board_rows[] = {
        { .path = "name",
          .type = HEDGE_CONF_STRING,
          .offset = offsetof(board_t, name),
          .min = 1,
          .max = 8,
          .help = "How the board is called in messages, in the status and in the logs of every program here." },
        { .path = "cores",
          .type = HEDGE_CONF_UINT,
          .offset = offsetof(board_t, cores),
          .min = 1,
          .max = 64,
          .preset = "4",
          .help = "Cores." },
        { .path = "keys",
          .type = HEDGE_CONF_LIST,
          .offset = offsetof(board_t, keys),
          .max = 2,
          .preset = "[]",
          .help = "Keys.",
          .element = key_rows,
          .element_size = sizeof(board_key_t) },
        { .path = NULL },
};

#define AT(member) .offset = offsetof(settings_t, member)

static const hedge_conf_row_t rows[] = {
        { .path = "cluster.heartbeat_ms",
          .type = HEDGE_CONF_UINT,
          AT(heartbeat_ms),
          .min = 100,
          .max = 60000,
          .preset = "500",
          .unit = "ms",
          .help = "Time between two heartbeats. A board that leaves three unanswered is gone, and what it held counts "
                  "as "
                  "lost at once, so that no request waits for it." },
        { .path = "cluster.security.strikes",
          .type = HEDGE_CONF_UINT,
          AT(strikes),
          .min = 1,
          .max = 10,
          .preset = "3",
          .help = "Strikes." },
        { .path = "memory",
          .type = HEDGE_CONF_BYTES,
          AT(memory),
          .min = 1 << 20,
          .max = 1099511627776.,
          .preset = "512M",
          .unit = "bytes",
          .help = "Memory." },
        { .path = "cluster.budget",
          .type = HEDGE_CONF_FLOAT,
          AT(budget),
          .min = 0,
          .max = 1,
          .preset = "1e-3",
          .help = ".5 is much. 'Twas \\ ever." },
        { .path = "cluster.any", .type = HEDGE_CONF_FLOAT, AT(any), .preset = "-2.5", .help = "Any number." },
        { .path = "verbose", .type = HEDGE_CONF_BOOL, AT(verbose), .preset = "yes", .help = "Say more." },
        { .path = "listen",
          .type = HEDGE_CONF_STRING,
          AT(listen),
          .min = 1,
          .max = 40,
          .preset = "tcp://*:7340",
          .help = "Where." },
        { .path = "name", .type = HEDGE_CONF_STRING, AT(name), .preset = "", .help = "Name; empty: the host's." },
        { .path = "objective",
          .type = HEDGE_CONF_CHOICE,
          AT(objective),
          .preset = "p99",
          .choices = objectives,
          .help = "What to make small." },
        { .path = "colour",
          .type = HEDGE_CONF_CHOICE,
          AT(colour),
          .preset = "red as a rose",
          .choices = colours,
          .help = "Colour." },
        { .path = "mean",
          .type = HEDGE_CONF_FLOATS,
          AT(mean),
          .min = -1,
          .max = 1,
          .preset = "[0.5, -0.25]",
          .help = "Means." },
        { .path = "boards",
          .type = HEDGE_CONF_LIST,
          AT(boards),
          .max = 3,
          .preset = "[]",
          .help = "Boards.",
          .element = board_rows,
          .element_size = sizeof(board_t) },
        { .path = NULL },
};

static int parse(const char *text, settings_t *s, hedge_why_t *why)
{
        memset(s, 0, sizeof(*s));
        return hedge_conf_parse(rows, "t.yaml", text, strlen(text), s, why);
}

static void check_defaults(const settings_t *s)
{
        assert_int_equal(s->heartbeat_ms, 500);
        assert_int_equal(s->strikes, 3);
        assert_int_equal(s->memory, 512 << 20);
        assert_true(s->budget == 1e-3 && s->any == -2.5);
        assert_true(s->verbose);
        assert_string_equal(s->listen, "tcp://*:7340");
        assert_string_equal(s->name, "");
        assert_int_equal(s->objective, 1);
        assert_int_equal(s->mean.count, 2);
        assert_true(s->mean.values[1] == -0.25);
        assert_int_equal(s->boards.count, 0);
}

static void check_cleared(const settings_t *s)
{
        static const settings_t zero;

        assert_memory_equal(s, &zero, sizeof(zero));
}

static void test_defaults(void **state)
{
        settings_t s = { 0 };
        hedge_why_t why = { "" };

        assert_int_equal(hedge_conf_load(rows, NULL, &s, &why), 0);
        check_defaults(&s);
        hedge_conf_release(rows, &s);
        check_cleared(&s);
        assert_int_equal(parse("# nothing\n", &s, NULL), 0);
        check_defaults(&s);
        hedge_conf_release(rows, &s);
        assert_int_equal(parse("cluster:\nmemory: 1T\n", &s, &why), 0);
        assert_true(s.memory == 1ull << 40);
        hedge_conf_release(rows, &s);
}

static void test_everything_given(void **state)
{
        static const char text[] = "\xef\xbb\xbf" /* a byte order mark */
                                   "cluster: {heartbeat_ms: 100, budget: .5, any: 1e300, security: {strikes: 10}}\n"
                                   "memory: 1048576\nverbose: off\nlisten: \"quoted # text\"\nname: caf\xc3\xa9\n"
                                   "objective: cost\nmean: []\n"
                                   "boards:\n- name: a\n- {name: b, cores: 2, keys: [{text: x}, {text: y}]}\n";
        settings_t s;
        board_t *boards;
        hedge_why_t why = { "" };

        if (parse(text, &s, &why))
                fail_msg("%s", why.text);
        assert_int_equal(s.heartbeat_ms, 100);
        assert_int_equal(s.strikes, 10);
        assert_true(s.budget == .5 && s.any == 1e300);
        assert_int_equal(s.memory, 1 << 20);
        assert_false(s.verbose);
        assert_string_equal(s.listen, "quoted # text");
        assert_string_equal(s.name, "caf\xc3\xa9");
        assert_int_equal(s.objective, 2);
        assert_int_equal(s.mean.count, 0);
        assert_int_equal(s.boards.count, 2);
        boards = s.boards.items;
        assert_string_equal(boards[0].name, "a");
        assert_int_equal(boards[0].cores, 4);
        assert_int_equal(boards[1].cores, 2);
        assert_int_equal(boards[1].keys.count, 2);
        assert_string_equal(((board_key_t *)boards[1].keys.items)[1].text, "y");
        hedge_conf_release(rows, &s);
        check_cleared(&s);
}

static void test_errors(void **state)
{
        static const struct {
                const char *text, *error;
        } cases[] = {
                { "a: b", "t.yaml:1: a: is not a known key" },
                { "\n\ncluster:\n  heartbeat_ms: 20", "t.yaml:4: cluster.heartbeat_ms: 20 is below 100" },
                { "cluster:\n  heartbeat_ms: 60001", "t.yaml:2: cluster.heartbeat_ms: 60001 is above 60000" },
                { "cluster:\n  heartbeet_ms: 500",
                  "t.yaml:2: cluster.heartbeet_ms: is not a known key; did you mean cluster.heartbeat_ms?" },
                { "heartbeat_ms: 500",
                  "t.yaml:1: heartbeat_ms: is not a known key; did you mean cluster.heartbeat_ms?" },
                { "cluster.heartbeat_ms: 500",
                  "t.yaml:1: cluster.heartbeat_ms: is not a known key; did you mean cluster.heartbeat_ms?" },
                { "memory: 1M\nmemory: 2M", "t.yaml:2: memory: is given twice, first in line 1" },
                { "cluster: {}\nmemory: 2M\ncluster:\n", "t.yaml:3: cluster: is given twice, first in line 1" },
                { "cluster: 3", "t.yaml:1: cluster: wants keys below it" },
                { "cluster: [1]", "t.yaml:1: cluster: wants keys below it" },
                { "cluster:\n  heartbeat_ms: soon", "t.yaml:2: cluster.heartbeat_ms: soon is not a whole number" },
                { "cluster:\n  heartbeat_ms: 500.0", "t.yaml:2: cluster.heartbeat_ms: 500.0 is not a whole number" },
                { "cluster:\n  heartbeat_ms: -500", "t.yaml:2: cluster.heartbeat_ms: -500 is not a whole number" },
                { "cluster:\n  heartbeat_ms: 0500", "t.yaml:2: cluster.heartbeat_ms: 0500 is not a whole number" },
                { "cluster:\n  heartbeat_ms: \"500\"",
                  "t.yaml:2: cluster.heartbeat_ms: 500 must be written without quotes" },
                { "cluster:\n  heartbeat_ms: 18446744073709551616",
                  "t.yaml:2: cluster.heartbeat_ms: 18446744073709551616 is too large" },
                { "cluster:\n  heartbeat_ms:\n", "t.yaml:2: cluster.heartbeat_ms: has no value" },
                { "cluster:\n  heartbeat_ms: [1]", "t.yaml:2: cluster.heartbeat_ms: wants one value, not a list" },
                { "cluster:\n  heartbeat_ms: {a: 1}",
                  "t.yaml:2: cluster.heartbeat_ms: wants one value, not a section" },
                { "memory: 512m", "t.yaml:1: memory: 512m is not a number of bytes such as 4096, 512M or 2G" },
                { "memory: M", "t.yaml:1: memory: M is not a number of bytes such as 4096, 512M or 2G" },
                { "memory: 16777216T", "t.yaml:1: memory: 16777216T is too large" },
                { "memory: 1K", "t.yaml:1: memory: 1K is below 1M" },
                { "memory: 2T", "t.yaml:1: memory: 2T is above 1T" },
                { "cluster: {budget: 1.5}", "t.yaml:1: cluster.budget: 1.5 is above 1" },
                { "cluster: {any: nan}", "t.yaml:1: cluster.any: nan is not a number" },
                { "cluster: {any: 1e999}", "t.yaml:1: cluster.any: 1e999 is not a number" },
                { "cluster: {any: 0x10}", "t.yaml:1: cluster.any: 0x10 is not a number" },
                { "verbose: maybe", "t.yaml:1: verbose: maybe is neither true nor false" },
                { "listen: \"\"", "t.yaml:1: listen: its length of 0 is below 1" },
                { "listen: ~", "t.yaml:1: listen: has no value" },
                { "listen: 0123456789012345678901234567890123456789x",
                  "t.yaml:1: listen: its length of 41 is above 40" },
                { "objective: speed", "t.yaml:1: objective: speed is not latency, p99 or cost" },
                { "objective: \"\\e[2J\"", "t.yaml:1: objective: ?[2J is not latency, p99 or cost" },
                { "mean: 3", "t.yaml:1: mean: wants a list of numbers such as [0.5, 0.5], not text" },
                { "mean: [0, 2]", "t.yaml:1: mean: 2 is above 1" },
                { "mean: [0, [0]]", "t.yaml:1: mean: every item must be a number" },
                { "mean: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]", "t.yaml:1: mean: has 17 numbers, more than 16" },
                { "boards: 3", "t.yaml:1: boards: wants a list" },
                { "boards:", "t.yaml:1: boards: has no value" },
                { "boards:\n- 1", "t.yaml:2: boards: wants items made of keys with values" },
                { "boards:\n- cores: 3", "t.yaml:2: boards[0].name: is required" },
                { "boards:\n- name: a\n- name: b\n  cores: 65", "t.yaml:4: boards[1].cores: 65 is above 64" },
                { "boards:\n- name: a\n- name: b\n  core: 65",
                  "t.yaml:4: boards[1].core: is not a known key; did you mean boards[1].cores?" },
                { "boards:\n- name: a\n  keys:\n  - text: b\n  - tex: c",
                  "t.yaml:5: boards[0].keys[1].tex: is not a known key; did you mean boards[0].keys[1].text?" },
                { "boards: [{name: a}, {name: b}, {name: c}, {name: d}]",
                  "t.yaml:1: boards: has 4 items, more than 3" },
                { "[1, 2]", "t.yaml:1: wants keys with values" },
                { "just text", "t.yaml:1: wants keys with values" },
                { "? [a]\n: b", "t.yaml:1: a key must be text" },
                { "name: &a x", "t.yaml:1: anchors (&), aliases (*) and tags (!) are not allowed" },
                { "listen: b\nname: *a", "t.yaml:2: anchors (&), aliases (*) and tags (!) are not allowed" },
                { "cluster: !!map {}", "t.yaml:1: anchors (&), aliases (*) and tags (!) are not allowed" },
                { "name: a\n---\nname: b", "t.yaml:2: only one document is allowed" },
                { "name: \"a\\0b\"", "t.yaml:1: text must not hold a zero byte" },
                { "<<: {name: a}", "t.yaml:1: <<: is not a known key" },
                { "name: a\n\tlisten: b", "t.yaml:2: has a tab, which YAML does not take here: indent with spaces" },
                { "cluster:\n\theartbeat_ms: 5",
                  "t.yaml:2: has a tab, which YAML does not take here: indent with spaces" },
                { "cluster:\n  \theartbeat_ms: 5",
                  "t.yaml:2: has a tab, which YAML does not take here: indent with spaces" },
                { "\tname: a", "t.yaml:1: has a tab, which YAML does not take here: indent with spaces" },
                { "\xef\xbb\xbfname: a\ncluster:\n\theartbeat_ms: 5",
                  "t.yaml:3: has a tab, which YAML does not take here: indent with spaces" },
                { "name: a\tb: c", "t.yaml:1: mapping values are not allowed in this context" },
                { "name: a\nlisten: \xff", "t.yaml:2: invalid leading UTF-8 octet" },
                { "name: [a\n",
                  "t.yaml:2: did not find expected ',' or ']' (while parsing a flow sequence in line 1)" },
                { "mean: [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]", "t.yaml:1: is nested too deeply" },
        };
        settings_t s;
        hedge_why_t why;
        int failed = 0;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                int r = parse(cases[i].text, &s, &why);

                if (r != HEDGE_ECONFIG || strncmp(why.text, cases[i].error, strlen(cases[i].error) + 1)) {
                        print_error("%s\n  gives %d, %s\n  not      %s\n", cases[i].text, r, why.text, cases[i].error);
                        failed++;
                }
                check_cleared(&s);
        }
        assert_int_equal(failed, 0);
}

/* One known key many times over, deep nesting and long names: quick, and a sentence each. */
static void test_hostile(void **state)
{
        static char text[(1 << 20) + 2];
        settings_t s = { 0 };
        hedge_why_t why;

        for (size_t i = 0; i + 8 < sizeof(text); i += 8)
                memcpy(text + i, "name: a\n", 8);
        assert_int_equal(hedge_conf_parse(rows, "t", text, 1 << 20, &s, &why), HEDGE_ECONFIG);
        assert_string_equal(why.text, "t:2: name: is given twice, first in line 1");
        assert_int_equal(hedge_conf_parse(rows, "t", text, sizeof(text), &s, &why), HEDGE_ECONFIG);
        assert_string_equal(why.text, "t: is larger than 1048576 bytes");
        memset(text, '[', sizeof(text));
        assert_int_equal(hedge_conf_parse(rows, "t", text, 1 << 20, &s, &why), HEDGE_ECONFIG);
        memset(text, 'k', 1000);
        memcpy(text + 1000, ": 1", 4);
        assert_int_equal(hedge_conf_parse(rows, "t", text, strlen(text), &s, &why), HEDGE_ECONFIG);
        assert_non_null(strstr(why.text, "...: is not a known key"));
        assert_int_equal(hedge_conf_parse(rows, "t", "name: \0", 7, &s, &why), HEDGE_ECONFIG);
        assert_string_equal(why.text, "t:1: control characters are not allowed");
        check_cleared(&s);
}

static void test_files(void **state)
{
        char path[] = "/tmp/hedge-conf-XXXXXX";
        int fd = mkstemp(path);
        settings_t s = { 0 };
        hedge_why_t why;

        assert_true(fd >= 0);
        assert_int_equal(write(fd, "memory: 3M\n", 11), 11);
        close(fd);
        assert_int_equal(hedge_conf_load(rows, path, &s, &why), 0);
        assert_int_equal(s.memory, 3 << 20);
        hedge_conf_release(rows, &s);
        unlink(path);
        assert_int_equal(hedge_conf_load(rows, path, &s, &why), -ENOENT);
        assert_non_null(strstr(why.text, "cannot be read: No such file"));
        assert_int_equal(hedge_conf_load(rows, "/", &s, &why), -EISDIR);
        check_cleared(&s);
}

/* What a printer writes, in a buffer that the next call overwrites. */
static char *printed(void (*print)(const hedge_conf_row_t *, FILE *))
{
        static char text[16384];
        FILE *out = fmemopen(text, sizeof(text), "w");

        assert_non_null(out);
        print(rows, out);
        fclose(out);
        return text;
}

static void test_example_is_the_defaults(void **state)
{
        char *text = printed(hedge_conf_print_example), *rest = text, *line;
        settings_t s;
        hedge_why_t why = { "" };

        if (parse(text, &s, &why))
                fail_msg("%s\n%s", why.text, text);
        check_defaults(&s);
        hedge_conf_release(rows, &s);
        assert_non_null(strstr(text, "\ncluster:\n"));
        assert_non_null(strstr(text, "\n  #heartbeat_ms: 500  # 100 to 60000 ms\n"));
        assert_non_null(strstr(text, "# grey as a board\n") || strstr(text, "or grey as a board\n"));
        while ((line = strsep(&rest, "\n")))
                if (strlen(line) > 80)
                        fail_msg("longer than 80 columns: %s", line);
}

/* Every setting uncommented is the defaults again, but for the list: it shows an item. */
static void test_example_uncommented(void **state)
{
        char *text = printed(hedge_conf_print_example), *from = text, *to = text;
        settings_t s;
        hedge_why_t why = { "" };

        for (; *from; from++)
                if (*from != '#' || from[1] == ' ' || (from > text && from[-1] == '"'))
                        *to++ = *from;
                else if (!strncmp(from, "#boards", 7))
                        break;
        *to = 0;
        if (parse(text, &s, &why))
                fail_msg("%s\n%s", why.text, text);
        check_defaults(&s);
        hedge_conf_release(rows, &s);

        text = printed(hedge_conf_print_example);
        from = strstr(text, "#boards");
        for (to = from; *from; from++)
                if (*from != '#' || from[-1] != '\n')
                        *to++ = *from;
        *to = 0;
        from = strstr(text, "\nboards:");
        assert_int_equal(parse(from ? from : strstr(text, "boards:"), &s, &why), 0);
        assert_int_equal(s.boards.count, 1);
        assert_string_equal(((board_t *)s.boards.items)->name, "<name>");
        hedge_conf_release(rows, &s);
}

static void test_mdoc(void **state)
{
        const char *text = printed(hedge_conf_print_mdoc);

        assert_non_null(strstr(text, ".It Cm cluster.heartbeat_ms : Ar number\nTime between two heartbeats.\nA board"));
        assert_non_null(strstr(text, "\nValues: 100 to 60000 ms.\nDefault: 500.\n"));
        assert_non_null(strstr(text, "\n\\&.5 is much. 'Twas \\e ever.\n"));
        assert_non_null(strstr(text, ".Bl -tag -width Ds\n.It Cm name : Ar text\n"));
        assert_non_null(strstr(text, "\nRequired.\n"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_everything_given),
                cmocka_unit_test(test_errors),
                cmocka_unit_test(test_hostile),
                cmocka_unit_test(test_files),
                cmocka_unit_test(test_example_is_the_defaults),
                cmocka_unit_test(test_example_uncommented),
                cmocka_unit_test(test_mdoc),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
