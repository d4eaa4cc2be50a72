/* SPDX-License-Identifier: Apache-2.0 */
#include "client/options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 48
#define HELP_COLUMN 28

/* A row, with where its value is once the tables are laid flat. */
typedef struct flat_option {
        const hedgec_option_t *row;
        size_t offset;
} flat_option_t;

static unsigned flatten(const hedgec_option_t *options, size_t base, flat_option_t *flat, unsigned n)
{
        for (; options->type != HEDGEC_OPTION_END; options++) {
                if (options->type == HEDGEC_OPTION_TABLE)
                        n = flatten(options->table, base + options->offset, flat, n);
                else if (n < OPTIONS_MAX)
                        flat[n++] = (flat_option_t){ options, base + options->offset };
        }
        return n;
}

int hedgec_uint_parse(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
        unsigned long long value;
        char *end;

        if (!isdigit((unsigned char)text[0]))
                return -EINVAL;
        errno = 0;
        value = strtoull(text, &end, 10);
        if (*end)
                return -EINVAL;
        if (errno == ERANGE || value < min || value > max)
                return -ERANGE;
        *ret = value;
        return 0;
}

static int parse_choice(const hedgec_option_t *row, const char *text, int *ret, hedge_why_t *why)
{
        char known[256] = "";

        for (int i = 0; row->choices[i]; i++) {
                if (!strcmp(row->choices[i], text)) {
                        *ret = i;
                        return 0;
                }
                if (i)
                        strncat(known, ", ", sizeof(known) - strlen(known) - 1);
                strncat(known, row->choices[i], sizeof(known) - strlen(known) - 1);
        }
        return hedge_why(why, -EINVAL, "--%s: '%s' is none of: %s", row->name, text, known);
}

static int append(const hedgec_option_t *row, const char *text, hedgec_option_list_t *list, hedge_why_t *why)
{
        if (list->count == HEDGEC_OPTION_LIST_MAX)
                return hedge_why(why, -EINVAL, "--%s may be given %d times", row->name, HEDGEC_OPTION_LIST_MAX);
        list->items[list->count++] = text;
        return 0;
}

static int store(const flat_option_t *option, const char *text, void *values, hedge_why_t *why)
{
        const hedgec_option_t *row = option->row;
        void *value = (char *)values + option->offset;
        int r;

        switch (row->type) {
        case HEDGEC_OPTION_FLAG:
                *(bool *)value = true;
                return 0;
        case HEDGEC_OPTION_STRING:
                *(const char **)value = text;
                return 0;
        case HEDGEC_OPTION_LIST:
                return append(row, text, value, why);
        case HEDGEC_OPTION_CHOICE:
                return parse_choice(row, text, value, why);
        case HEDGEC_OPTION_UINT:
                r = hedgec_uint_parse(text, row->min, row->max, value);
                if (r == -ERANGE)
                        return hedge_why(why, -EINVAL, "--%s: %s is not within %" PRIu64 " and %" PRIu64, row->name,
                                         text, row->min, row->max);
                return r ? hedge_why(why, -EINVAL, "--%s: '%s' is not a number", row->name, text) : 0;
        case HEDGEC_OPTION_END:
        case HEDGEC_OPTION_TABLE:
                break;
        }
        return -EINVAL;
}

/* getopt's own messages name argv[0] and have another form than ours: say it ourselves. */
static int complain(int code, char **argv, hedge_why_t *why)
{
        const char *what = argv[optind - 1];

        if (optopt > 0 && optopt < 256 && strncmp(what, "--", 2))
                return hedge_why(why, -EINVAL, code == ':' ? "option -%c wants a value" : "there is no option -%c",
                                 optopt);
        if (code == ':')
                return hedge_why(why, -EINVAL, "option %s wants a value", what);
        if (strchr(what, '=') && optopt)
                return hedge_why(why, -EINVAL, "option %s takes no value", what);
        return hedge_why(why, -EINVAL, "there is no option %s (or it is ambiguous)", what);
}

int hedgec_options_parse(const hedgec_option_t *options, int argc, char **argv, void *values, bool *ret_help,
                         hedge_why_t *why)
{
        flat_option_t flat[OPTIONS_MAX];
        struct option longs[OPTIONS_MAX + 2] = { 0 };
        char letters[2 * OPTIONS_MAX + 4] = ":h", *end = letters + 2;
        unsigned n = flatten(options, 0, flat, 0);
        bool help = false;
        int c, r;

        for (unsigned i = 0; i < n; i++) {
                const hedgec_option_t *row = flat[i].row;
                int wants = row->type == HEDGEC_OPTION_FLAG ? no_argument : required_argument;

                longs[i] = (struct option){ row->name, wants, NULL, 256 + (int)i };
                if (row->letter)
                        *end++ = row->letter;
                if (row->letter && wants == required_argument)
                        *end++ = ':';
        }
        longs[n] = (struct option){ "help", no_argument, NULL, 'h' };
        opterr = 0;
        optind = 0; /* GNU: begin afresh */
        while ((c = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
                unsigned i = c >= 256 ? (unsigned)c - 256 : 0;

                if (c == '?' || c == ':')
                        return complain(c, argv, why);
                if (c == 'h') {
                        help = true;
                        continue;
                }
                while (c < 256 && i < n && flat[i].row->letter != c)
                        i++;
                r = store(&flat[i], optarg, values, why);
                if (r)
                        return r;
        }
        *ret_help = help;
        return optind;
}

static void print_row(const hedgec_option_t *row, FILE *out)
{
        char left[64];
        int width;

        width = row->letter ? snprintf(left, sizeof(left), "  -%c, --%s", row->letter, row->name)
                            : snprintf(left, sizeof(left), "      --%s", row->name);
        if (row->metavar)
                width += snprintf(left + width, sizeof(left) - (size_t)width, " %s", row->metavar);
        if (width < HELP_COLUMN)
                fprintf(out, "%-*s%s\n", HELP_COLUMN, left, row->help);
        else
                fprintf(out, "%s\n%*s%s\n", left, HELP_COLUMN, "", row->help);
}

void hedgec_options_print(const hedgec_option_t *options, FILE *out)
{
        flat_option_t flat[OPTIONS_MAX];
        unsigned n = flatten(options, 0, flat, 0);

        for (unsigned i = 0; i < n; i++)
                print_row(flat[i].row, out);
        print_row(&(hedgec_option_t){ .name = "help", .letter = 'h', .help = "show this" }, out);
}
