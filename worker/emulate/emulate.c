/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/emulate/emulate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/io/file.h"
#include "common/log.h"
#include "worker/emulate/emulation.h"

struct hedgew_emulate {
        char *path;
        double macs_per_s;
        struct stat seen; /* of the file when it was read, well or not */
        bool missed;      /* the log was told that it is not there */
        hedgew_emulation_t now;
        uint64_t run, runs; /* the last run; of this round */
};

static bool is_same(const struct stat *a, const struct stat *b)
{
        return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
               a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void read_again(hedgew_emulate_t *e)
{
        hedge_why_t why = { .text = "" };
        char *text = NULL;
        size_t size;
        int r = hedge_io_read_file(e->path, HEDGEW_EMULATION_TEXT_MAX, &text, &size);

        if (r < 0)
                log_error("%s: %s, ignoring: what was read before stays true", e->path, hedge_strerror(r));
        else if (hedgew_emulation_parse(text, &e->now, &why) < 0)
                log_error("%s:%s, ignoring: what was read before stays true", e->path, why.text);
        else
                e->runs = 0; /* another request, perhaps of the same round: it is to have the same luck */
        free(text);
}

static void look(hedgew_emulate_t *e)
{
        struct stat now;

        if (!e->path)
                return;
        if (stat(e->path, &now) < 0) {
                if (!e->missed)
                        log_error("%s: %s, ignoring: what was read before stays true", e->path, hedge_strerror(-errno));
                e->missed = true;
                return;
        }
        e->missed = false;
        if (is_same(&now, &e->seen))
                return;
        e->seen = now;
        read_again(e);
}

int hedgew_emulate_new(const char *path, double macs_per_s, hedgew_emulate_t **ret)
{
        hedgew_emulate_t *e = calloc(1, sizeof(*e));

        if (!e)
                return -ENOMEM;
        e->macs_per_s = macs_per_s;
        e->path = path ? strdup(path) : NULL;
        if (path && !e->path) {
                free(e);
                return -ENOMEM;
        }
        look(e);
        *ret = e;
        return 0;
}

void hedgew_emulate_destroy(hedgew_emulate_t **emulate)
{
        if (!*emulate)
                return;
        free((*emulate)->path);
        free(*emulate);
        *emulate = NULL;
}

static void count(hedgew_emulate_t *e, uint64_t run)
{
        if (e->runs == 0 || e->run != run)
                e->runs++;
        e->run = run;
}

void hedgew_emulate_task(hedgew_emulate_t *e, uint64_t run, hedgew_fate_t *ret)
{
        hedgew_emulation_draws_t draws;
        hedgew_emulation_kind_t kind;
        int64_t in_us;

        look(e);
        count(e, run);
        hedgew_emulation_draw(&e->now, e->runs - 1, &draws);
        kind = hedgew_emulation_kind(&e->now);
        in_us = (int64_t)(draws.in_ms * 1000);
        ret->macs_per_s = (e->now.macs_per_s > 0 ? e->now.macs_per_s : e->macs_per_s) / draws.slower;
        ret->arrival_us = kind == HEDGEW_EMULATION_SILENT ? HEDGEW_NEVER_US : in_us > 0 ? hedge_now_us() + in_us : 0;
        ret->hold_us = (int64_t)(draws.out_ms * 1000);
        ret->fails = kind == HEDGEW_EMULATION_FAILING;
        ret->store_bytes = ret->macs_per_s > 0 ? e->now.store_mib << 20 : 0; /* else what it takes would be missing */
        ret->input = e->now.input;
        ret->verify = e->now.verify;
}
