/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CONF_DAEMON_H
#define HEDGE_CONF_DAEMON_H

#include <stdbool.h>

#include "common/conf/conf.h"
#include "common/exit.h"

/** The command line of the daemons, which is the same for both but for what they are. */

typedef struct hedge_daemon {
        const char *name;   /**< "hedged" */
        const char *what;   /**< a sentence or two, for --help */
        const char *config; /**< the file where none is given */
        const hedge_conf_row_t *rows;
} hedge_daemon_t;

typedef struct hedge_daemon_options {
        const char *config;
        bool check, verbose;
} hedge_daemon_options_t;

/** Read it; --help, --version and --print-config are done here.
 * @return an exit status, with which the program is to end; or -1: go on. */
int hedge_daemon_options(const hedge_daemon_t *daemon, int argc, char **argv, hedge_daemon_options_t *ret);

#endif
