/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_FOLDER_H
#define HEDGED_FOLDER_H

#include "common/job/job.h"
#include "common/types/job.h"
#include "daemon/train/job_log.h"

struct zmq_msg_t; /* a frame: <zmq.h> */

/** Where jobs live: one folder each, so that they outlive the process.
 *
 *     JOBS/000007/job.yaml       as the client sent it
 *     JOBS/000007/data-0, ...    its data files; removed when the job has ended
 *     JOBS/000007/log            a JSON object per line: epochs, events, and how it ended (job_log.h)
 *     JOBS/000007/checkpoint     the last one; removed when the job has ended, but kept when it has failed
 *     JOBS/000007/model.onnx, model.yaml
 *
 * A folder is written beside as ".new-..." and renamed, so that a job is there whole or not at all. */
typedef struct hedged_folder {
        char path[3072];
        uint64_t job;
        hedge_job_t config;
        char *text; /**< of job.yaml */
        size_t text_size;
} hedged_folder_t;

/** Paths inside it. @return buf. */
char *hedged_folder_file(const hedged_folder_t *folder, const char *name, char *buf, size_t size);
char *hedged_folder_data(const hedged_folder_t *folder, unsigned i, char *buf, size_t size);

#define HEDGED_FOLDER_CHECKPOINT "checkpoint"
#define HEDGED_FOLDER_MODEL      "model.onnx"
#define HEDGED_FOLDER_MANIFEST   "model.yaml"

/** Take a job in: check all of it (hedge_job_prepare) and store it.
 * @param jobs    The folder of all jobs, which is there. @param job  Its number.
 * @param frames  The YAML text and the data files, borrowed.
 * @return 0, HEDGE_ECONFIG, HEDGE_EMALFORMED, -EEXIST (there is a job of that number), ... with a sentence that names files as
 *         the job does; nothing is left behind then. */
int hedged_folder_create(const char *jobs, uint64_t job, struct zmq_msg_t *frames, uint32_t n_frames,
                         hedged_folder_t **ret, hedge_why_t *why);

/** Read one that is there, with its log. Of one that has ended, what only a job that goes on needs is removed. @return 0, -errno, HEDGE_ECONFIG. */
int hedged_folder_open(const char *jobs, uint64_t job, hedged_folder_t **ret, hedged_job_log_t *ret_log,
                       hedge_why_t *why);

/** NULL-safe; nullifies. The files stay. */
void hedged_folder_close(hedged_folder_t **folder);

/** The numbers of all jobs in the folder, ascending; the folder is made if it is not there, and what is left of jobs that were
 * not stored whole is removed. @param ret  Allocated; free() it. @return how many, -errno. */
int hedged_folder_list(const char *jobs, uint64_t **ret, hedge_why_t *why);

/** Add to the log. @return 0, -errno. */
int hedged_folder_log_epoch(const hedged_folder_t *folder, const hedge_epoch_report_t *epoch);
int hedged_folder_log_event(const hedged_folder_t *folder, const hedge_job_event_t *event);

/** Note how it ended, and remove what only a job that goes on needs. @return 0, -errno. */
int hedged_folder_end(const hedged_folder_t *folder, const char *state, const char *text);

/** Remove it with all its files. */
int hedged_folder_remove(const char *jobs, uint64_t job);

#endif
