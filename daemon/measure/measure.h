/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_MEASURE_H
#define HEDGED_MEASURE_H

#include "common/kernel/kernel.h"
#include "daemon/cluster/cluster.h"
#include "daemon/config.h"
#include "daemon/measure/speed.h"
#include "daemon/measure/toll.h"

/** How fast every board, its link and the coordinator are, learnt from the tasks they do and kept over restarts.
 *
 * Boards are known by name, up to HEDGED_MEASURE_MAX; the one that was not heard of for longest makes room. What is not
 * measured yet is the configuration's prior.*. The estimators are daemon/measure/pace.h and daemon/measure/transfer.h.
 * Every function takes the lock inside and may be called from any thread; what takes a cluster as well belongs to the loop. */

#define HEDGED_MEASURE_MAX 1024

typedef struct hedged_measure hedged_measure_t;

/** What a board did of one layer run. All times from the coordinator's clock but compute_us, which the board says. */
typedef struct hedged_task_sample {
        uint64_t macs_asked, macs_done;   /**< of all parts; of those that came. Parts of a run are equally heavy */
        unsigned parts_asked, parts_done; /**< of all its tasks of the run */
        uint64_t compute_us;              /**< sum of those that came */
        uint64_t elapsed_us;  /**< from sending the first task to the last part, or to the cancel where none came */
        uint64_t first_us;    /**< from sending the first task to the first parts, which came in one message */
        unsigned first_parts; /**< how many */
        uint64_t first_compute_us; /**< of them together */
        uint64_t up_bytes;         /**< of the first task's frames */
        uint64_t ahead_bytes;      /**< of other boards' tasks of the run that were sent before it: they share the
                                   coordinator's link */
        uint64_t ahead_us;         /**< since the first of those was sent: so much of their time was over */
        uint64_t part_bytes;       /**< of one part's frame */
        bool cancelled;
        bool queued; /**< the board had another run's task to do first: its waiting says nothing, only its computing does */
} hedged_task_sample_t;

/** Start with what the file knows.
 *
 * @param path     Of the file; NULL or empty: none. A damaged one is ignored, and `why` says so; a missing one is no news.
 * @param kernels  To time a convolution on (some milliseconds) where the configuration leaves the coordinator's rate open.
 *                 NULL: it is taken to be a board's, and nothing is timed: costs are hedged_usual_costs. Not kept.
 * @param why      Its text is set empty where there is nothing to say.
 * @return 0, -ENOMEM. */
int hedged_measure_new(const hedged_config_t *config, const char *path, hedge_kernels_t *kernels,
                       hedged_measure_t **ret, hedge_why_t *why);

/** Does not save. NULL-safe; nullifies. */
void hedged_measure_destroy(hedged_measure_t **measure);

/** A layer run is over: once for each of its boards, but not for those that were lost while it ran (dead is not slow).
 * Samples that make no sense (a board may say anything) are ignored. */
void hedged_measure_task(hedged_measure_t *measure, const char *board, const hedged_task_sample_t *sample);

/** The same for a task that a board was given to be measured with: of one that nothing is known about such tasks say more than the
 * configuration's prior does, which then counts for little. */
void hedged_measure_first(hedged_measure_t *measure, const char *board, const hedged_task_sample_t *sample);

/** Is anything known about a board, from tasks of the last week? */
bool hedged_measure_knows(hedged_measure_t *measure, const char *board);

/** The coordinator computed so many multiply-accumulates itself. */
void hedged_measure_local(hedged_measure_t *measure, uint64_t macs, uint64_t us);

/** What messages have cost a process so far, as it says: a board's, or the coordinator's own (NULL). A board that has done no task yet
 * is passed over, and so are all where a test bed's brake makes processor time count for more than it says. */
void hedged_measure_messages(hedged_measure_t *measure, const char *board, const hedged_toll_totals_t *totals);

/** A board's speed. Never heard of: the prior, tasks 0. */
void hedged_measure_speed(hedged_measure_t *measure, const char *board, hedged_speed_t *ret);

/** The coordinator's; its link is the configuration's. */
void hedged_measure_here(hedged_measure_t *measure, hedged_speed_t *ret);

/** All that planning needs: boards by their number, priors where a number has no board, and who may be given work. */
void hedged_measure_snapshot(hedged_measure_t *measure, const hedged_cluster_t *cluster, hedged_speeds_t *ret);

/** Has anything that was usable then and is now, or the coordinator, become faster or slower by more than 25 % (computing,
 * bytes), or has its delay changed by more than 25 % and 2 ms, so that plans made with `then` are to be made again? */
bool hedged_measure_drifted(const hedged_speeds_t *then, const hedged_speeds_t *now);

/** Write the file if anything was learnt since, at most once a minute unless `now` says so: a new file is written beside and
 * renamed. It is not synced, for the loop must not wait for a slow card: after a power cut it may be damaged, and is ignored.
 * @return 1: written; 0: no need; -errno (tried again a minute later). */
int hedged_measure_save(hedged_measure_t *measure, bool now, hedge_why_t *why);

#endif
