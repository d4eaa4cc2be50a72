/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_SITE_H
#define HEDGEC_SITE_H

#include "client/process.h"

/** The folder of a cluster on this machine, as `hedge up` makes it:
 *
 *     keys/coordinator.{secret,pub}  keys/board-I.{secret,pub}
 *     keys/boards/board-I.pub  keys/clients/        who may connect
 *     conf/hedged.yaml  conf/board-I.yaml
 *     models/                                       the repository
 *     log/hedged.log  log/board-I.log
 *     run/hedged.pid  run/board-I.pid  run/hedged.sock  run/boards.endpoint  run/lock */
#define HEDGEC_SITE_PATH_MAX   256
#define HEDGEC_SITE_BOARDS_MAX 256

typedef struct hedgec_site {
        char dir[HEDGEC_SITE_PATH_MAX - 80]; /**< absolute */
        int lock;                            /**< of run/lock; -1: not held */
} hedgec_site_t;

/** The path of a file in the folder (printf style). @return buf. */
char *hedgec_site_path(const hedgec_site_t *site, char buf[HEDGEC_SITE_PATH_MAX], const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/** Make the folders where they are missing, and take the lock that a second `hedge up` would want.
 * @return 0, -ENAMETOOLONG (for a socket), -EBUSY (another `hedge up` is at work), -errno. */
int hedgec_site_create(const char *dir, hedgec_site_t *ret, hedge_why_t *why);

/** Open a folder that hedgec_site_create has made. @return 0, -ENOENT (it is none), -errno. */
int hedgec_site_open(const char *dir, hedgec_site_t *ret, hedge_why_t *why);

void hedgec_site_close(hedgec_site_t *site);

/** Make the keys that are missing: the coordinator's and those of `boards` boards; and let exactly these boards in. */
int hedgec_site_make_keys(const hedgec_site_t *site, unsigned boards, hedge_why_t *why);

/** Find the processes that run in the folder: those of run/NAME.pid that are still ours.
 * @param processes  HEDGEC_SITE_BOARDS_MAX + 1 entries; release or stop what is found.
 * @param ret_stale  How many pid files were of no running process. May be NULL.
 * @return how many were found, hedged first; -errno. */
int hedgec_site_processes(const hedgec_site_t *site, hedgec_process_t *processes, unsigned *ret_stale,
                          hedge_why_t *why);

/** Remove the pid files, the socket and the endpoint file: after all processes have ended. */
void hedgec_site_clean(const hedgec_site_t *site);

#endif
