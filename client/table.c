/* SPDX-License-Identifier: Apache-2.0 */
#include "client/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 16
#define GAP         2

struct hedgec_table {
        const hedgec_column_t *columns;
        int n_columns;
        char **cells;
        size_t n_cells, capacity;
        bool lost;
};

hedgec_table_t *hedgec_table_new(const hedgec_column_t *columns)
{
        hedgec_table_t *table = calloc(1, sizeof(*table));

        if (!table)
                return NULL;
        table->columns = columns;
        while (table->n_columns < COLUMNS_MAX && columns[table->n_columns].title)
                table->n_columns++;
        return table;
}

void hedgec_table_destroy(hedgec_table_t **table)
{
        if (!*table)
                return;
        for (size_t i = 0; i < (*table)->n_cells; i++)
                free((*table)->cells[i]);
        free((*table)->cells);
        free(*table);
        *table = NULL;
}

static bool make_room(hedgec_table_t *table)
{
        size_t capacity = table->capacity ? 2 * table->capacity : 64;
        char **cells;

        if (table->n_cells < table->capacity)
                return true;
        cells = realloc(table->cells, capacity * sizeof(*cells));
        if (!cells)
                return false;
        table->cells = cells;
        table->capacity = capacity;
        return true;
}

void hedgec_table_cell(hedgec_table_t *table, const char *format, ...)
{
        char *text = NULL;
        va_list args;
        int length;

        va_start(args, format);
        length = vasprintf(&text, format, args);
        va_end(args);
        if (length < 0 || !make_room(table)) {
                table->lost = true;
                if (length >= 0)
                        free(text);
                return;
        }
        for (unsigned char *c = (unsigned char *)text; *c; c++)
                if (*c < 0x20 || *c == 0x7f)
                        *c = '?';
        table->cells[table->n_cells++] = text;
}

/* Characters, not bytes: names may be UTF-8. */
static int text_width(const char *text)
{
        int width = 0;

        for (; *text; text++)
                width += (*text & 0xc0) != 0x80;
        return width;
}

/* Where the first `characters` characters of a text end. */
static const char *skip(const char *text, int characters)
{
        while (*text && (characters > 0 || (*text & 0xc0) == 0x80))
                characters -= (*text++ & 0xc0) != 0x80 && characters > 0;
        return text;
}

static void print_cell(const char *text, int width, const hedgec_column_t *column, bool last, FILE *out)
{
        int used = text_width(text), pad = used < width ? width - used : 0;

        if (used > width && column->align == HEDGEC_TAIL)
                fprintf(out, "~%s", skip(text, used - width + 1));
        else if (used > width)
                fprintf(out, "%.*s~", (int)(skip(text, width - 1) - text), text);
        else if (column->align == HEDGEC_RIGHT)
                fprintf(out, "%*s%s", pad, "", text);
        else
                fputs(text, out);
        if (!last)
                fprintf(out, "%*s", GAP + (column->align == HEDGEC_RIGHT ? 0 : pad), "");
}

/* Take what is too much from the columns that may shrink, the widest first. */
static void fit(const hedgec_table_t *table, int indent, int *widths)
{
        int total = indent - GAP, widest;

        for (int c = 0; c < table->n_columns; c++)
                total += widths[c] + GAP;
        for (; total > HEDGEC_TABLE_WIDTH; total--) {
                widest = -1;
                for (int c = 0; c < table->n_columns; c++)
                        if (table->columns[c].shrink && widths[c] > table->columns[c].shrink &&
                            (widest < 0 || widths[c] > widths[widest]))
                                widest = c;
                if (widest < 0)
                        return;
                widths[widest]--;
        }
}

int hedgec_table_print(const hedgec_table_t *table, int indent, FILE *out)
{
        size_t columns = (size_t)table->n_columns, rows = table->n_cells / columns;
        int widths[COLUMNS_MAX];

        for (size_t c = 0; c < columns; c++)
                widths[c] = text_width(table->columns[c].title);
        for (size_t i = 0; i < rows * columns; i++)
                if (text_width(table->cells[i]) > widths[i % columns])
                        widths[i % columns] = text_width(table->cells[i]);
        fit(table, indent, widths);
        for (size_t row = 0; row <= rows; row++) {
                fprintf(out, "%*s", indent, "");
                for (size_t c = 0; c < columns; c++)
                        print_cell(row ? table->cells[(row - 1) * columns + c] : table->columns[c].title, widths[c],
                                   &table->columns[c], c + 1 == columns, out);
                fputc('\n', out);
        }
        return table->lost ? -ENOMEM : 0;
}

static char *next_buffer(void)
{
        static _Thread_local char buffers[8][32];
        static _Thread_local unsigned turn;

        return buffers[turn++ % 8];
}

static const char *scaled(unsigned long long value, double base, const char *const *units, const char *space)
{
        char *buffer = next_buffer();
        double v = (double)value;
        unsigned u = 0;

        for (; v >= base && units[u + 1]; u++)
                v /= base;
        snprintf(buffer, 32, "%.*f%s%s", u && v < 99.95 ? (v < 9.995 ? 2 : 1) : 0, v, space, units[u]);
        return buffer;
}

const char *hedgec_text_bytes(unsigned long long bytes)
{
        static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", NULL };

        return scaled(bytes, 1024, units, " ");
}

const char *hedgec_text_count(unsigned long long count)
{
        static const char *const units[] = { "", "k", "M", "G", "T", NULL };

        return scaled(count, 1000, units, "");
}

const char *hedgec_text_duration(unsigned long long ms)
{
        char *buffer = next_buffer();
        unsigned long long s = ms / 1000;

        if (ms < 1000)
                snprintf(buffer, 32, "%llu ms", ms);
        else if (s < 60)
                snprintf(buffer, 32, "%.1f s", (double)ms / 1000);
        else if (s < 3600)
                snprintf(buffer, 32, "%llu min %llu s", s / 60, s % 60);
        else if (s < 48 * 3600)
                snprintf(buffer, 32, "%llu h %llu min", s / 3600, s / 60 % 60);
        else
                snprintf(buffer, 32, "%llu d %llu h", s / 86400, s / 3600 % 24);
        return buffer;
}
