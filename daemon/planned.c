/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/planned.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#define HEAD "hedge-planned 1"

static int path_of(char *path, const char *repository, const char *model, const char *suffix)
{
        int n = snprintf(path, PATH_MAX, "%s/%s/planned%s", repository, model, suffix);

        return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static void write_speed(FILE *f, const hedged_speed_t *s)
{
        fprintf(f, "%.17g %.17g %.17g %.17g %.17g\n", s->macs_per_s, s->spread, s->up_bytes_per_s, s->down_bytes_per_s,
                s->delay_s);
}

int hedged_planned_save(const char *repository, const char *model, const hedged_speeds_t *speeds)
{
        char path[PATH_MAX], beside[PATH_MAX];
        FILE *f;
        int r = path_of(path, repository, model, "");

        if (r == 0)
                r = path_of(beside, repository, model, ".new");
        if (r < 0)
                return r;
        f = fopen(beside, "we");
        if (!f)
                return -errno;
        fprintf(f, HEAD "\n%u\n", speeds->boards);
        write_speed(f, &speeds->here);
        for (unsigned b = 0; b < speeds->boards; b++)
                write_speed(f, &speeds->board[b]);
        if (ferror(f))
                r = -EIO;
        if (fclose(f) < 0)
                r = -errno;
        if (r == 0 && rename(beside, path) < 0)
                r = -errno;
        if (r < 0)
                remove(beside);
        return r;
}

static bool is_rate(double x)
{
        return x >= 1 && x <= 1e18;
}

static bool is_mean(double x)
{
        return x >= 0 && x <= 1e6;
}

static bool read_speed(FILE *f, hedged_speed_t *s)
{
        return fscanf(f, "%lf %lf %lf %lf %lf", &s->macs_per_s, &s->spread, &s->up_bytes_per_s, &s->down_bytes_per_s,
                      &s->delay_s) == 5 &&
               is_rate(s->macs_per_s) && is_mean(s->spread) && is_rate(s->up_bytes_per_s) &&
               is_rate(s->down_bytes_per_s) && is_mean(s->delay_s);
}

int hedged_planned_load(const char *repository, const char *model, unsigned boards, hedged_speeds_t *ret)
{
        hedged_speeds_t read = { 0 };
        char path[PATH_MAX];
        int end = 0, r = path_of(path, repository, model, "");
        bool good;
        FILE *f;

        if (r < 0)
                return r;
        f = fopen(path, "re");
        if (!f)
                return -errno;
        good = fscanf(f, HEAD "%n%9u", &end, &read.boards) == 1 && end > 0 && read.boards == boards &&
               boards <= HEDGE_CODE_MAX_BOARDS && read_speed(f, &read.here);
        for (unsigned b = 0; good && b < boards; b++) {
                good = read_speed(f, &read.board[b]);
                read.usable[b] = true;
        }
        fclose(f);
        if (!good)
                return -EINVAL;
        *ret = read;
        return 0;
}
