/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/measure/measurements.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf/conf.h"
#include "common/io/replace.h"

typedef struct row {
        char *board;
        uint64_t seen_s, tasks;
        double macs_per_s, spread, up_bytes_per_s, down_bytes_per_s, delay_s;
} row_t;

typedef struct file {
        hedge_conf_list_t boards;
} file_t;

#define ROW(field) offsetof(row_t, field)

static const hedge_conf_row_t board_rows[] = {
        { "name", HEDGE_CONF_STRING, ROW(board), 1, HEDGE_BOARD_NAME_MAX - 1, NULL, NULL, "", NULL, NULL, 0 },
        { "seen_s", HEDGE_CONF_UINT, ROW(seen_s), 0, 1e15, NULL, NULL, "", NULL, NULL, 0 },
        { "tasks", HEDGE_CONF_UINT, ROW(tasks), 1, 9e18, NULL, NULL, "", NULL, NULL, 0 },
        { "macs_per_s", HEDGE_CONF_FLOAT, ROW(macs_per_s), 1, 1e15, NULL, NULL, "", NULL, NULL, 0 },
        { "spread", HEDGE_CONF_FLOAT, ROW(spread), 0, 1e6, NULL, NULL, "", NULL, NULL, 0 },
        { "up_bytes_per_s", HEDGE_CONF_FLOAT, ROW(up_bytes_per_s), 1, 1e12, NULL, NULL, "", NULL, NULL, 0 },
        { "down_bytes_per_s", HEDGE_CONF_FLOAT, ROW(down_bytes_per_s), 1, 1e12, NULL, NULL, "", NULL, NULL, 0 },
        { "delay_s", HEDGE_CONF_FLOAT, ROW(delay_s), 0, 1e6, NULL, NULL, "", NULL, NULL, 0 },
        { 0 },
};

static const hedge_conf_row_t file_rows[] = {
        { "boards", HEDGE_CONF_LIST, offsetof(file_t, boards), 0, HEDGED_MEASUREMENTS_MAX, NULL, NULL, "", NULL,
          board_rows, sizeof(row_t) },
        { 0 },
};

static int convert(const file_t *file, const char *path, hedged_measurement_t **ret, unsigned *ret_count,
                   hedge_why_t *why)
{
        const row_t *rows = file->boards.items;
        hedged_measurement_t *m = calloc(file->boards.count + 1, sizeof(*m));

        if (!m)
                return hedge_why(why, -ENOMEM, "%s: out of memory", path);
        for (size_t i = 0; i < file->boards.count; i++) {
                if (!hedge_name_ok(rows[i].board)) {
                        free(m);
                        return hedge_why(why, HEDGE_ECONFIG, "%s: a board cannot have the name of item %zu", path,
                                         i + 1);
                }
                snprintf(m[i].board, sizeof(m[i].board), "%s", rows[i].board);
                m[i].seen_s = (int64_t)rows[i].seen_s;
                m[i].speed = (hedged_speed_t){ rows[i].macs_per_s,       rows[i].spread,  rows[i].up_bytes_per_s,
                                               rows[i].down_bytes_per_s, rows[i].delay_s, rows[i].tasks };
        }
        *ret = m;
        *ret_count = (unsigned)file->boards.count;
        return 0;
}

int hedged_measurements_read(const char *path, hedged_measurement_t **ret, unsigned *ret_count, hedge_why_t *why)
{
        file_t file = { 0 };
        int r = hedge_conf_load(file_rows, path, &file, why);

        if (r < 0)
                return r;
        r = convert(&file, path, ret, ret_count, why);
        hedge_conf_release(file_rows, &file);
        return r;
}

static void print(FILE *f, const hedged_measurement_t *rows, unsigned count)
{
        fputs("# What hedged has learnt about its boards. It writes this file anew; delete it to learn anew.\n", f);
        fputs(count ? "boards:\n" : "boards: []\n", f);
        for (unsigned i = 0; i < count; i++)
                fprintf(f,
                        "  - {name: \"%s\", seen_s: %" PRId64 ", tasks: %" PRIu64 ", macs_per_s: %.5g, spread: %.4g, "
                        "up_bytes_per_s: %.5g, down_bytes_per_s: %.5g, delay_s: %.4g}\n",
                        rows[i].board, rows[i].seen_s, rows[i].speed.tasks, rows[i].speed.macs_per_s,
                        rows[i].speed.spread, rows[i].speed.up_bytes_per_s, rows[i].speed.down_bytes_per_s,
                        rows[i].speed.delay_s);
}

int hedged_measurements_write(const char *path, const hedged_measurement_t *rows, unsigned count, hedge_why_t *why)
{
        hedge_replace_t file;
        int r = hedge_replace_begin(path, &file, why);

        if (r < 0)
                return r;
        print(file.file, rows, count);
        return hedge_replace_end(&file, 0, why);
}
