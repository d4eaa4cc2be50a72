/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf/conf.h"
#include "common/conf/value.h"

#define COLUMNS 80

/* Write text as comment lines of at most COLUMNS; a word longer than a line is left whole. */
static void print_comment(const char *text, int indent, FILE *out)
{
        int room = COLUMNS - indent - 2, used = 0;

        while (*text) {
                int n = (int)strcspn(text, " ");

                if (used && used + 1 + n > room) {
                        fputc('\n', out);
                        used = 0;
                }
                used += used ? fprintf(out, " %.*s", n, text)
                             : fprintf(out, "%*s# %.*s", indent, "", n, text) - indent - 2;
                text += n;
                text += strspn(text, " ");
        }
        fputc('\n', out);
}

/* What stands behind the colon where there is no default. */
static const char *placeholder(const hedge_conf_row_t *row, char *buf, size_t size)
{
        const char *word = strrchr(row->path, '.');

        switch (row->type) {
        case HEDGE_CONF_CHOICE:
                return row->choices[0];
        case HEDGE_CONF_BOOL:
                return "true";
        case HEDGE_CONF_FLOATS:
        case HEDGE_CONF_LIST:
        case HEDGE_CONF_STRINGS:
                return "[]";
        case HEDGE_CONF_STRING:
                snprintf(buf, size, "<%s>", word ? word + 1 : row->path);
                return buf;
        default:
                return hedge_conf_number_text(row, row->min, buf, size);
        }
}

static const char *value_text(const hedge_conf_row_t *row, char *buf, size_t size)
{
        if (!row->preset)
                return placeholder(row, buf, size);
        return *row->preset ? row->preset : "\"\"";
}

/* "key: value  # range": behind the value where it fits, else in a comment before it. */
static void print_setting(const hedge_conf_row_t *row, const char *key, int indent, const char *mark, FILE *out)
{
        char line[256], range[256], note[288], buf[64];

        hedge_conf_range_text(row, range, sizeof(range));
        snprintf(note, sizeof(note), "%s%s%s", row->preset ? "" : "required", !row->preset && *range ? ", " : "",
                 range);
        snprintf(line, sizeof(line), "%s%s: %s", mark, key, value_text(row, buf, sizeof(buf)));
        if (*note && (size_t)indent + strlen(line) + strlen(note) + 4 > COLUMNS) {
                print_comment(note, indent, out);
                *note = 0;
        }
        fprintf(out, "%*s%s%s%s\n", indent, "", line, *note ? "  # " : "", note);
}

static void print_rows(const hedge_conf_row_t *rows, const char *section, int indent, const char *mark, FILE *out);

/* One item with every key in its place; the lines begin with the mark that comments them out. */
static void print_item(const hedge_conf_row_t *row, const char *key, int indent, const char *mark, FILE *out)
{
        char *text = NULL, *line, *rest;
        size_t size;
        FILE *item = open_memstream(&text, &size);

        if (!item)
                return;
        print_rows(row->element, "", indent + 4, "", item);
        if (fclose(item) || !text)
                goto out;
        fprintf(out, "%*s%s%s:\n", indent, "", mark, key);
        rest = text;
        for (bool first = true; (line = strsep(&rest, "\n")) && rest; first = false) {
                if (strlen(line) > (size_t)indent)
                        line += indent;
                if (first)
                        line[2] = '-';
                fprintf(out, "%*s%s%s\n", *line ? indent : 0, "", *line ? mark : "", line);
        }
out:
        free(text);
}

/* Is this the first row of its section? `n` is the length of the section's path. */
static bool opens_section(const hedge_conf_row_t *rows, const hedge_conf_row_t *row, size_t n)
{
        while (rows != row && strncmp(rows->path, row->path, n + 1))
                rows++;
        return rows == row;
}

/* The rows whose path begins with `section` ("" or "cluster."), sections below it in turn. */
static void print_rows(const hedge_conf_row_t *rows, const char *section, int indent, const char *mark, FILE *out)
{
        char below[128];
        bool first = true;

        for (const hedge_conf_row_t *row = rows; row->path; row++) {
                const char *key;
                size_t n;

                if (strncmp(row->path, section, strlen(section)))
                        continue;
                key = row->path + strlen(section);
                n = strcspn(key, ".");
                if (key[n] && !opens_section(rows, row, strlen(section) + n))
                        continue;
                if (!first)
                        fputc('\n', out);
                first = false;
                if (key[n]) {
                        snprintf(below, sizeof(below), "%.*s.", (int)(strlen(section) + n), row->path);
                        fprintf(out, "%*s%.*s:\n", indent, "", (int)n, key);
                        print_rows(rows, below, indent + 2, mark, out);
                        continue;
                }
                print_comment(row->help, indent, out);
                if (row->type == HEDGE_CONF_LIST)
                        print_item(row, key, indent, mark, out);
                else
                        print_setting(row, key, indent, mark, out);
        }
}

void hedge_conf_print_example(const hedge_conf_row_t *rows, FILE *out)
{
        print_comment("Settings are shown with their defaults and commented out: remove the '#' in front of a key to "
                      "change it.",
                      0, out);
        fputc('\n', out);
        print_rows(rows, "", 0, "#", out);
}

/* Text for mdoc(7): one sentence per line, nothing that roff would take as a request or an escape. */
static void print_roff(const char *text, FILE *out)
{
        bool line_start = true;

        for (; *text; text++) {
                if (line_start && (*text == '.' || *text == '\''))
                        fputs("\\&", out);
                line_start = false;
                if (*text == '\\') {
                        fputs("\\e", out);
                } else if (*text == ' ' && strchr(".?!", text[-1]) && isupper((unsigned char)text[1])) {
                        fputc('\n', out);
                        line_start = true;
                } else {
                        fputc(*text, out);
                }
        }
        fputc('\n', out);
}

static const char *type_text(const hedge_conf_row_t *row)
{
        static const char *const texts[] = {
                [HEDGE_CONF_UINT] = "number",    [HEDGE_CONF_BYTES] = "bytes", [HEDGE_CONF_FLOAT] = "number",
                [HEDGE_CONF_BOOL] = "boolean",   [HEDGE_CONF_STRING] = "text", [HEDGE_CONF_CHOICE] = "choice",
                [HEDGE_CONF_FLOATS] = "numbers", [HEDGE_CONF_LIST] = "list",   [HEDGE_CONF_STRINGS] = "list",
        };

        return texts[row->type];
}

void hedge_conf_print_mdoc(const hedge_conf_row_t *rows, FILE *out)
{
        char range[256], text[512], buf[64];
        bool list;

        for (; rows->path; rows++) {
                list = rows->type == HEDGE_CONF_LIST;
                fprintf(out, ".It Cm %s : Ar %s\n", rows->path, type_text(rows));
                print_roff(rows->help, out);
                hedge_conf_range_text(rows, range, sizeof(range));
                if (*range) {
                        snprintf(text, sizeof(text), "Values: %s.", range);
                        print_roff(text, out);
                }
                if (rows->preset)
                        snprintf(text, sizeof(text), "Default: %s.", value_text(rows, buf, sizeof(buf)));
                else
                        snprintf(text, sizeof(text), "Required.");
                print_roff(text, out);
                if (!list)
                        continue;
                fputs("The keys of an item:\n.Bl -tag -width Ds\n", out);
                hedge_conf_print_mdoc(rows->element, out);
                fputs(".El\n", out);
        }
}
