/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/planned.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/replace.h"

#define HEAD       "hedge-planned 3"
#define SPEED      8 /* numbers of a machine */
#define COSTS      7
#define MOST_BYTES (UINT64_C(1) << 53) /* a number that a double holds exactly, as those below it */

static int path_of(char *path, const char *repository, const char *model, const char *suffix)
{
        int n = snprintf(path, PATH_MAX, "%s/%s/planned%s", repository, model, suffix);

        return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static void write_speed(FILE *f, const hedged_speed_t *s, unsigned cores, double slower, uint64_t share_bytes)
{
        fprintf(f, "%.17g %.17g %.17g %.17g %.17g %u %.17g %" PRIu64 "\n", s->macs_per_s, s->spread, s->up_bytes_per_s,
                s->down_bytes_per_s, s->delay_s, cores, slower, share_bytes < MOST_BYTES ? share_bytes : MOST_BYTES);
}

static void write_costs(FILE *f, const hedged_costs_t *c)
{
        fprintf(f, "%.17g %.17g %.17g %.17g %.17g %.17g %.17g\n", c->message_s, c->byte_s, c->part_s, c->entry_s,
                c->coding_s, c->solve_s, c->layer_s);
}

int hedged_planned_save(const char *repository, const char *model, const hedged_speeds_t *speeds)
{
        char path[PATH_MAX];
        hedge_replace_t file;
        int r = path_of(path, repository, model, "");

        if (r == 0)
                r = hedge_replace_begin(path, &file, NULL);
        if (r < 0)
                return r;
        fprintf(file.file, HEAD "\n%u\n", speeds->boards);
        write_costs(file.file, &speeds->costs);
        write_speed(file.file, &speeds->here, speeds->here_cores, 1, 0);
        for (unsigned b = 0; b < speeds->boards; b++)
                write_speed(file.file, &speeds->board[b], speeds->cores[b], speeds->slower[b], speeds->share_bytes[b]);
        return hedge_replace_end(&file, 0, NULL);
}

static bool is_rate(double x)
{
        return x >= 1 && x <= 1e18;
}

static bool is_mean(double x)
{
        return x >= 0 && x <= 1e6;
}

/* A line of so many numbers. */
static bool read_numbers(FILE *f, double *numbers, unsigned n)
{
        char line[256], *at = line, *end;

        if (!fgets(line, sizeof(line), f))
                return false;
        for (unsigned i = 0; i < n; i++, at = end) {
                numbers[i] = strtod(at, &end);
                if (end == at)
                        return false;
        }
        return *at == '\n';
}

static bool read_head(FILE *f, unsigned boards)
{
        char line[sizeof(HEAD) + 1];
        double n;

        return fgets(line, sizeof(line), f) && !strcmp(line, HEAD "\n") && read_numbers(f, &n, 1) && n == boards;
}

static bool read_speed(FILE *f, hedged_speed_t *s, unsigned *cores, double *slower, uint64_t *share_bytes)
{
        double x[SPEED];

        if (!read_numbers(f, x, SPEED) || !is_rate(x[0]) || !is_mean(x[1]) || !is_rate(x[2]) || !is_rate(x[3]) ||
            !is_mean(x[4]) || !(x[5] >= 0 && x[5] <= UINT16_MAX) || !is_mean(x[6]) ||
            !(x[7] >= 0 && x[7] <= (double)MOST_BYTES))
                return false;
        *s = (hedged_speed_t){ x[0], x[1], x[2], x[3], x[4], 0 };
        *cores = (unsigned)x[5];
        *slower = x[6];
        *share_bytes = (uint64_t)x[7];
        return true;
}

static bool read_costs(FILE *f, hedged_costs_t *c)
{
        double x[COSTS];

        if (!read_numbers(f, x, COSTS))
                return false;
        for (unsigned i = 0; i < COSTS; i++)
                if (!is_mean(x[i]))
                        return false;
        *c = (hedged_costs_t){ .message_s = x[0],
                               .byte_s = x[1],
                               .part_s = x[2],
                               .entry_s = x[3],
                               .coding_s = x[4],
                               .solve_s = x[5],
                               .layer_s = x[6] };
        return true;
}

int hedged_planned_load(const char *repository, const char *model, unsigned boards, hedged_speeds_t *ret)
{
        hedged_speeds_t read = { .boards = boards };
        char path[PATH_MAX];
        int r = path_of(path, repository, model, "");
        uint64_t none;
        double own;
        bool good;
        FILE *f;

        if (r < 0)
                return r;
        f = fopen(path, "re");
        if (!f)
                return -errno;
        good = boards <= HEDGE_CODE_MAX_BOARDS && read_head(f, boards) && read_costs(f, &read.costs) &&
               read_speed(f, &read.here, &read.here_cores, &own, &none);
        for (unsigned b = 0; good && b < boards; b++) {
                good = read_speed(f, &read.board[b], &read.cores[b], &read.slower[b], &read.share_bytes[b]);
                read.usable[b] = true;
        }
        fclose(f);
        if (!good)
                return -EINVAL;
        *ret = read;
        return 0;
}
