/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/command.h"
#include "client/endpoint.h"
#include "client/site.h"

#define GRACE_MS 5000

typedef struct down_values {
        const char *dir;
        bool quiet;
} down_values_t;

static const hedgec_option_t options[] = {
        HEDGEC_ROW(STRING, "dir", 'd', down_values_t, dir, "DIR", "the cluster's folder (HEDGE_DIR)"),
        HEDGEC_ROW(FLAG, "quiet", 'q', down_values_t, quiet, NULL, "say nothing where all goes well"),
        HEDGEC_ROW_END,
};

static void report(const char *dir, bool coordinator, unsigned boards)
{
        if (!coordinator && !boards)
                printf("Nothing runs in %s.\n", dir);
        else
                printf("Ended %s%u board%s in %s.\n", coordinator ? "the coordinator and " : "", boards,
                       boards == 1 ? "" : "s", dir);
}

static int bring_down(const down_values_t *v, const hedgec_site_t *site, hedgec_process_t *processes, hedge_why_t *why)
{
        int n = hedgec_site_processes(site, processes, NULL, why);
        bool coordinator;
        unsigned killed;

        if (n < 0)
                return n;
        coordinator = n && !strcmp(processes[0].name, "hedged");
        killed = hedgec_process_stop_all(processes, (unsigned)n, GRACE_MS);
        if (killed)
                hedgec_complain("%u %s did not stop within %d s and had to be killed", killed,
                                killed == 1 ? "process" : "processes", GRACE_MS / 1000);
        hedgec_site_clean(site);
        if (!v->quiet)
                report(site->dir, coordinator, (unsigned)n - coordinator);
        return 0;
}

static int run(const void *values, char **operands, unsigned n_operands)
{
        const down_values_t *v = values;
        hedgec_target_t target = { .dir = v->dir };
        const char *dir = hedgec_target_dir(&target);
        hedgec_process_t *processes;
        hedgec_site_t site;
        hedge_why_t why = { "" };
        int r;

        if (!dir)
                return hedgec_complain_usage("down", "down: --dir DIR (or HEDGE_DIR) must say where");
        processes = calloc(HEDGEC_SITE_BOARDS_MAX + 1, sizeof(*processes));
        r = processes ? hedgec_site_open(dir, &site, &why) : hedge_why(&why, -ENOMEM, "out of memory");
        if (!r) {
                r = bring_down(v, &site, processes, &why);
                hedgec_site_close(&site);
        }
        free(processes);
        return r < 0 ? hedgec_complain("%s", why.text) : EXIT_SUCCESS;
}

const hedgec_command_t hedgec_command_down = {
        .name = "down",
        .operands = "",
        .summary = "end a cluster started by 'hedge up'",
        .details = "End the processes of the cluster in DIR, frozen ones too, and wait for them.\n"
                   "Keys, configuration, models and logs stay; 'hedge up' uses them again.",
        .example = "hedge down --dir /tmp/hedge",
        .options = options,
        .values_size = sizeof(down_values_t),
        .run = run,
};
