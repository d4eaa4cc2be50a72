/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/emulate/emulation.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/random.h"

#define BLANK      " \t\r"
#define VALUES_MAX 3
#define MS_MAX     1e9

/* What draws are for, so that each has random numbers of its own. */
enum { FOR_ROUND = 1, FOR_JOB, FOR_IN, FOR_OUT, FOR_ORDER, FOR_STRAGGLER };

typedef struct value {
        size_t at;
        bool whole; /* uint64_t, else double */
        double min, max;
} value_t;

typedef struct row {
        const char *key;
        value_t values[VALUES_MAX];
        unsigned n_values;
} row_t;

#define AT(field) offsetof(hedgew_emulation_t, field)
#define WHOLE(field, min, max)            \
        {                                 \
                AT(field), true, min, max \
        }
#define NUMBER(field, min, max)            \
        {                                  \
                AT(field), false, min, max \
        }
#define COUNT(field) WHOLE(field, 0, HEDGEW_EMULATION_BOARDS_MAX)

static const row_t rows[] = {
        { "boards", { WHOLE(boards, 1, HEDGEW_EMULATION_BOARDS_MAX) }, 1 },
        { "board", { COUNT(board) }, 1 },
        { "seed", { WHOLE(seed, 0, INFINITY) }, 1 },
        { "round", { WHOLE(round, 0, INFINITY) }, 1 },
        { "macs_per_s", { NUMBER(macs_per_s, 1, 1e18) }, 1 },
        { "store", { WHOLE(store_mib, 0, HEDGEW_EMULATION_STORE_MAX) }, 1 },
        { "input", { WHOLE(input, 0, INFINITY) }, 1 },
        { "verify", { WHOLE(verify, 0, 1) }, 1 },
        { "slowdown", { NUMBER(slowdown, 0, 1e6) }, 1 },
        { "task_slowdown", { NUMBER(task_slowdown, 0, 1e6) }, 1 },
        { "delay_ms", { NUMBER(delay_ms, 0, MS_MAX) }, 1 },
        { "fixed", { COUNT(fixed), NUMBER(fixed_ms, 0, MS_MAX) }, 2 },
        { "failing", { COUNT(failing) }, 1 },
        { "silent", { COUNT(silent) }, 1 },
        { "straggler", { COUNT(straggler), NUMBER(straggler_factor, 1, 1e6), NUMBER(straggler_probability, 0, 1) }, 3 },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static int read_whole(const char *word, const value_t *value, uint64_t *ret)
{
        unsigned long long number;
        char *end;

        errno = 0;
        number = strtoull(word, &end, 10);
        if (*word < '0' || *word > '9' || *end || errno)
                return HEDGE_ECONFIG;
        if ((double)number < value->min || (double)number > value->max)
                return HEDGE_ECONFIG;
        *ret = number;
        return 0;
}

static int read_number(const char *word, const value_t *value, double *ret)
{
        char *end;
        double number = strtod(word, &end);

        if (end == word || *end || !(number >= value->min && number <= value->max))
                return HEDGE_ECONFIG;
        *ret = number;
        return 0;
}

static int read_values(const row_t *row, unsigned line, char **rest, hedgew_emulation_t *ret, hedge_why_t *why)
{
        const char *word;

        for (unsigned i = 0; i < row->n_values; i++) {
                const value_t *value = &row->values[i];
                void *field = (char *)ret + value->at;

                word = strtok_r(NULL, BLANK, rest);
                if (!word)
                        return hedge_why(why, HEDGE_ECONFIG, "%u: %s takes %u values", line, row->key, row->n_values);
                if ((value->whole ? read_whole(word, value, field) : read_number(word, value, field)) < 0)
                        return hedge_why(why, HEDGE_ECONFIG, "%u: %s: '%.40s' is no %s from %g to %g", line, row->key,
                                         word, value->whole ? "whole number" : "number", value->min, value->max);
        }
        word = strtok_r(NULL, BLANK, rest);
        if (word)
                return hedge_why(why, HEDGE_ECONFIG, "%u: %s: '%.40s' is one value too many", line, row->key, word);
        return 0;
}

/* @param lines  Where each key came, by its row; 0: it did not. */
static int read_line(char *text, unsigned line, unsigned lines[N_ROWS], hedgew_emulation_t *ret, hedge_why_t *why)
{
        char *rest = NULL, *key;
        size_t i = 0;

        text[strcspn(text, "#")] = 0;
        key = strtok_r(text, BLANK, &rest);
        if (!key)
                return 0;
        while (i < N_ROWS && strcmp(rows[i].key, key))
                i++;
        if (i == N_ROWS)
                return hedge_why(why, HEDGE_ECONFIG, "%u: there is no key '%.40s'", line, key);
        if (lines[i])
                return hedge_why(why, HEDGE_ECONFIG, "%u: %s came in line %u already", line, key, lines[i]);
        lines[i] = line;
        return read_values(&rows[i], line, &rest, ret, why);
}

/* What no single line shows is the fault of the last that it takes. */
static int check_boards(const hedgew_emulation_t *e, const unsigned lines[N_ROWS], hedge_why_t *why)
{
        static const char *const about[] = { "board", "fixed", "failing", "silent" };
        const uint64_t bad = e->fixed + e->failing + e->silent;
        unsigned last = 0;

        for (size_t i = 0; i < N_ROWS; i++)
                for (size_t j = 0; j < sizeof(about) / sizeof(about[0]); j++)
                        if (!strcmp(rows[i].key, about[j]) && lines[i] > last)
                                last = lines[i];
        if (e->boards && e->board >= e->boards)
                return hedge_why(why, HEDGE_ECONFIG, "%u: board %llu is none of %llu", last,
                                 (unsigned long long)e->board, (unsigned long long)e->boards);
        if (bad > e->boards)
                return hedge_why(why, HEDGE_ECONFIG, "%u: %llu boards fail, are silent or late, of %llu", last,
                                 (unsigned long long)bad, (unsigned long long)e->boards);
        return 0;
}

int hedgew_emulation_parse(const char *text, hedgew_emulation_t *ret, hedge_why_t *why)
{
        unsigned lines[N_ROWS] = { 0 };
        hedgew_emulation_t fresh = { 0 };
        char *copy = strdup(text), *rest = copy, *line;
        unsigned number = 0;
        int r = copy ? 0 : hedge_why(why, -ENOMEM, "no memory");

        while (r == 0 && (line = strsep(&rest, "\n")))
                r = read_line(line, ++number, lines, &fresh, why);
        if (r == 0)
                r = check_boards(&fresh, lines, why);
        free(copy);
        if (r == 0)
                *ret = fresh;
        return r;
}

/* The first of the random numbers that are for this purpose. */
static uint64_t row_of(const hedgew_emulation_t *e, uint64_t board, uint64_t purpose, uint64_t run)
{
        const uint64_t numbers[] = { e->round, board, purpose, run };
        uint64_t row = e->seed;

        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                row = hedge_random_row(row, numbers[i]);
        return row;
}

static double exponential(const hedgew_emulation_t *e, uint64_t purpose, uint64_t run)
{
        uint64_t row = row_of(e, e->board, purpose, run);

        return hedge_random_exponential(&row);
}

/* Where this board stands in the round's random order. */
static uint64_t place(const hedgew_emulation_t *e)
{
        uint16_t order[HEDGEW_EMULATION_BOARDS_MAX];
        uint64_t row = row_of(e, 0, FOR_ORDER, 0);
        uint64_t i;

        for (i = 0; i < e->boards; i++)
                order[i] = (uint16_t)i;
        for (i = 0; i < e->boards; i++) {
                const uint64_t j = i + hedge_random_below(&row, (unsigned)(e->boards - i));
                const uint16_t swapped = order[i];

                order[i] = order[j];
                order[j] = swapped;
                if (order[i] == e->board)
                        break;
        }
        return i;
}

hedgew_emulation_kind_t hedgew_emulation_kind(const hedgew_emulation_t *e)
{
        uint64_t at;

        if (!(e->failing + e->silent + e->fixed))
                return HEDGEW_EMULATION_WELL;
        at = place(e);
        if (at < e->failing)
                return HEDGEW_EMULATION_FAILING;
        if (at < e->failing + e->silent)
                return HEDGEW_EMULATION_SILENT;
        return at < e->failing + e->silent + e->fixed ? HEDGEW_EMULATION_FIXED : HEDGEW_EMULATION_WELL;
}

static double straggling(const hedgew_emulation_t *e)
{
        uint64_t row = row_of(e, e->board, FOR_STRAGGLER, 0);

        if (!e->straggler_probability || e->board != e->straggler)
                return 1;
        return hedge_random_uniform(&row) < e->straggler_probability ? e->straggler_factor : 1;
}

void hedgew_emulation_draw(const hedgew_emulation_t *e, uint64_t run, hedgew_emulation_draws_t *ret)
{
        ret->slower = straggling(e);
        if (e->slowdown > 0)
                ret->slower *= 1 + e->slowdown * exponential(e, FOR_ROUND, 0);
        if (e->task_slowdown > 0)
                ret->slower *= 1 + e->task_slowdown * exponential(e, FOR_JOB, run);
        ret->in_ms = e->delay_ms > 0 ? e->delay_ms * exponential(e, FOR_IN, run) : 0;
        ret->out_ms = e->delay_ms > 0 ? e->delay_ms * exponential(e, FOR_OUT, run) : 0;
        if (hedgew_emulation_kind(e) == HEDGEW_EMULATION_FIXED)
                ret->out_ms += e->fixed_ms;
}
