/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_MEASUREMENTS_H
#define HEDGED_MEASUREMENTS_H

#include "common/types/name.h"
#include "daemon/measure/speed.h"

/** The file that keeps what was measured: YAML, one board per line, read with the same strictness as a configuration. */

#define HEDGED_MEASUREMENTS_MAX 1024

typedef struct hedged_measurement {
        char board[HEDGE_BOARD_NAME_MAX];
        int64_t seen_s; /**< since 1970: when it last did a task */
        hedged_speed_t speed;
} hedged_measurement_t;

/** Read a file.
 * @param ret  Allocated; free it. @param ret_count  At most HEDGED_MEASUREMENTS_MAX.
 * @return 0, HEDGE_ECONFIG (damaged), -ENOENT, -errno. */
int hedged_measurements_read(const char *path, hedged_measurement_t **ret, unsigned *ret_count, hedge_why_t *why);

/** Write beside the file and rename. @return 0, -errno. */
int hedged_measurements_write(const char *path, const hedged_measurement_t *rows, unsigned count, hedge_why_t *why);

#endif
