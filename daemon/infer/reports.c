/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/reports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int make_room(hedged_reports_t *reports, unsigned more)
{
        unsigned room = reports->room ? reports->room : 4;
        hedge_layer_report_t *list;

        while (room < reports->n + more)
                room *= 2;
        if (room == reports->room)
                return 0;
        list = realloc(reports->list, room * sizeof(*list));
        if (!list)
                return -ENOMEM;
        reports->list = list;
        reports->room = room;
        return 0;
}

hedge_layer_report_t *hedged_reports_add(hedged_reports_t *reports)
{
        if (make_room(reports, 1) < 0)
                return NULL;
        memset(&reports->list[reports->n], 0, sizeof(*reports->list));
        return &reports->list[reports->n++];
}

int hedged_reports_join(hedged_reports_t *reports, hedged_reports_t *others)
{
        if (others->n > 0 && make_room(reports, others->n) < 0)
                return -ENOMEM;
        if (others->n > 0)
                memcpy(reports->list + reports->n, others->list, others->n * sizeof(*others->list));
        reports->n += others->n;
        free(others->list);
        *others = (hedged_reports_t){ 0 };
        return 0;
}

void hedged_reports_release(hedged_reports_t *reports)
{
        for (unsigned i = 0; i < reports->n; i++) {
                free(reports->list[i].boards);
                free(reports->list[i].parts);
        }
        free(reports->list);
        *reports = (hedged_reports_t){ 0 };
}
