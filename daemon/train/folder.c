/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "common/io/file.h"
#include "common/io/folder.h"
#include "common/io/replace.h"

#define NEW        ".new-" /* no job's folder begins like this */
#define TEXT       "job.yaml"
#define DATA       "data-"
#define LOG        "log"
#define NAME_BYTES 64 /* of a file in it */

/* Where a job lies, or what is on its way in or out. */
static int job_path(const char *jobs, const char *prefix, uint64_t job, char *buf, size_t size)
{
        const int n = snprintf(buf, size, "%s/%s%06" PRIu64, jobs, prefix, job);

        return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

char *hedged_folder_file(const hedged_folder_t *folder, const char *name, char *buf, size_t size)
{
        snprintf(buf, size, "%s/%s", folder->path, name);
        return buf;
}

char *hedged_folder_data(const hedged_folder_t *folder, unsigned i, char *buf, size_t size)
{
        snprintf(buf, size, "%s/" DATA "%u", folder->path, i);
        return buf;
}

static int write_frame(const char *path, zmq_msg_t *frame, hedge_why_t *why)
{
        const size_t size = zmq_msg_size(frame);
        hedge_replace_t file;
        int r = hedge_replace_begin(path, &file, why);

        if (r < 0)
                return r;
        errno = 0;
        if (fwrite(zmq_msg_data(frame), 1, size, file.file) != size)
                r = hedge_why(why, errno ? -errno : -EIO, "%s: %s", path, hedge_strerror(errno ? -errno : -EIO));
        return hedge_replace_end(&file, r, why);
}

/* All that a new job's folder holds. */
static int write_files(const hedged_folder_t *f, zmq_msg_t *frames, uint32_t n_frames, hedge_why_t *why)
{
        struct timespec now;
        char path[sizeof(f->path) + NAME_BYTES];
        int r = 0;

        if (mkdir(f->path, 0750) < 0)
                return hedge_why(why, -errno, "%s: %s", f->path, hedge_strerror(-errno));
        for (uint32_t i = 0; r == 0 && i < n_frames; i++)
                r = write_frame(i ? hedged_folder_data(f, i - 1, path, sizeof(path))
                                  : hedged_folder_file(f, TEXT, path, sizeof(path)),
                                &frames[i], why);
        if (r < 0)
                return r;
        clock_gettime(CLOCK_REALTIME, &now);
        r = hedged_job_log_begin(hedged_folder_file(f, LOG, path, sizeof(path)),
                                 (double)now.tv_sec + (double)now.tv_nsec * 1e-9);
        if (r == 0)
                r = hedge_io_sync_folder(f->path);
        return r < 0 ? hedge_why(why, r, "%s: %s", path, hedge_strerror(r)) : 0;
}

/* Can it be trained with what is stored? */
static int check_files(const hedged_folder_t *f, hedge_why_t *why)
{
        const size_t size = strlen(f->path) + NAME_BYTES;
        const char *paths[HEDGE_JOB_FILES];
        const unsigned n = hedge_job_files(&f->config, paths);
        hedge_dataset_t *train = NULL, *test = NULL;
        hedge_net_t *net = NULL;
        char *room = calloc(n, size);
        int r;

        if (!room)
                return hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
        for (unsigned i = 0; i < n; i++)
                paths[i] = hedged_folder_data(f, i, room + i * size, size);
        r = hedge_job_prepare(&f->config, paths, &train, &test, &net, why);
        hedge_dataset_destroy(&train);
        hedge_dataset_destroy(&test);
        hedge_net_destroy(&net);
        free(room);
        return r;
}

/* Give the folder its name, unless there is one of that name. */
static int move_in(const char *jobs, hedged_folder_t *f, hedge_why_t *why)
{
        char path[sizeof(f->path)];
        int r = job_path(jobs, "", f->job, path, sizeof(path));

        if (r == 0 && renameat2(AT_FDCWD, f->path, AT_FDCWD, path, RENAME_NOREPLACE) < 0) {
                r = -errno;
                /* a file system that cannot: a folder that is not empty is not replaced anyway */
                if (r == -EINVAL)
                        r = rename(f->path, path) < 0 ? -errno : 0;
        }
        if (r < 0)
                return hedge_why(why, r, "job %" PRIu64 " cannot be stored: %s", f->job, hedge_strerror(r));
        memcpy(f->path, path, sizeof(path));
        r = hedge_io_sync_folder(jobs);
        return r < 0 ? hedge_why(why, r, "%s: %s", jobs, hedge_strerror(r)) : 0;
}

/* A folder in memory, with the job's text parsed. */
static int make(const char *path, uint64_t job, const char *name, const char *text, size_t size, hedged_folder_t **ret,
                hedge_why_t *why)
{
        hedged_folder_t *f = calloc(1, sizeof(*f));
        int r = f ? 0 : hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));

        if (r < 0)
                return r;
        snprintf(f->path, sizeof(f->path), "%s", path);
        f->job = job;
        r = hedge_job_parse(name, text, size, &f->config, why);
        if (r == 0) {
                f->text = malloc(size + 1);
                r = f->text ? 0 : hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
        }
        if (r < 0) {
                hedged_folder_close(&f);
                return r;
        }
        memcpy(f->text, text, size);
        f->text[size] = '\0';
        f->text_size = size;
        *ret = f;
        return 0;
}

static int check_frames(const hedged_folder_t *f, uint32_t n_frames, hedge_why_t *why)
{
        const char *files[HEDGE_JOB_FILES];
        const unsigned n = hedge_job_files(&f->config, files);

        if (n_frames == n + 1)
                return 0;
        return hedge_why(why, HEDGE_EMALFORMED, "the job names %u files, but %u came", n, n_frames - 1);
}

int hedged_folder_create(const char *jobs, uint64_t job, zmq_msg_t *frames, uint32_t n_frames, hedged_folder_t **ret,
                         hedge_why_t *why)
{
        char path[sizeof((*ret)->path)];
        hedged_folder_t *f = NULL;
        int r = job_path(jobs, NEW, job, path, sizeof(path));

        if (r < 0)
                return hedge_why(why, r, "%s: %s", jobs, hedge_strerror(r));
        if (n_frames < 1)
                return hedge_why(why, HEDGE_EMALFORMED, "there is no job");
        r = make(path, job, TEXT, zmq_msg_data(&frames[0]), zmq_msg_size(&frames[0]), &f, why);
        if (r < 0)
                return r;
        r = check_frames(f, n_frames, why);
        if (r < 0)
                goto out;
        r = hedge_io_remove_folder(f->path);
        if (r < 0) {
                hedge_why(why, r, "%s: %s", path, hedge_strerror(r));
                goto out;
        }
        r = write_files(f, frames, n_frames, why);
        if (r == 0)
                r = check_files(f, why);
        if (r == 0)
                r = move_in(jobs, f, why);
        if (r < 0)
                hedge_io_remove_folder(f->path); /* of either name */
out:
        if (r < 0)
                hedged_folder_close(&f);
        else
                *ret = f;
        return r;
}

/* Remove what only a job that goes on needs: data, checkpoints, and beginnings of checkpoints. */
static int tidy(const hedged_folder_t *f, const char *state)
{
        const bool failed = strcmp(state, "failed") == 0;
        DIR *dir = opendir(f->path);
        const struct dirent *entry;
        int r = dir ? 0 : -errno;

        while (dir && (entry = readdir(dir))) {
                const char *name = entry->d_name;
                const bool checkpoint = strcmp(name, HEDGED_FOLDER_CHECKPOINT) == 0;

                if (strncmp(name, DATA, strlen(DATA)) != 0 &&
                    strncmp(name, HEDGED_FOLDER_CHECKPOINT, strlen(HEDGED_FOLDER_CHECKPOINT)) != 0)
                        continue;
                if (!(failed && checkpoint) && unlinkat(dirfd(dir), name, 0) < 0 && errno != ENOENT && r == 0)
                        r = -errno;
        }
        if (dir)
                closedir(dir);
        return r;
}

int hedged_folder_open(const char *jobs, uint64_t job, hedged_folder_t **ret, hedged_job_log_t *ret_log,
                       hedge_why_t *why)
{
        char path[sizeof((*ret)->path)], file[sizeof(path) + NAME_BYTES], *text = NULL;
        hedged_job_log_t log = { .n_epochs = 0 };
        hedged_folder_t *f = NULL;
        size_t size = 0;
        int r = job_path(jobs, "", job, path, sizeof(path));

        if (r < 0)
                return hedge_why(why, r, "%s: %s", jobs, hedge_strerror(r));
        snprintf(file, sizeof(file), "%s/" TEXT, path);
        r = hedge_io_read_file(file, HEDGE_JOB_MAX_BYTES, &text, &size);
        if (r < 0)
                hedge_why(why, r, "%s: %s", file, hedge_strerror(r));
        if (r < 0)
                return r;
        r = make(path, job, file, text, size, &f, why);
        free(text);
        if (r < 0)
                return r;
        r = hedged_job_log_read(hedged_folder_file(f, LOG, file, sizeof(file)), &log);
        if (r < 0) {
                hedged_folder_close(&f);
                return hedge_why(why, r, "%s: %s", file, hedge_strerror(r));
        }
        if (*log.state)
                tidy(f, log.state); /* what could not be removed takes room, nothing more */
        *ret = f;
        *ret_log = log;
        return 0;
}

void hedged_folder_close(hedged_folder_t **folder)
{
        if (!*folder)
                return;
        hedge_job_release(&(*folder)->config);
        free((*folder)->text);
        free(*folder);
        *folder = NULL;
}

/* The number that a folder is named by; 0: it is none. */
static uint64_t number_of(const char *name)
{
        const size_t n = strlen(name);
        uint64_t job;
        char again[32];

        if (n < 6 || n > 20 || strspn(name, "0123456789") != n)
                return 0;
        job = strtoull(name, NULL, 10);
        snprintf(again, sizeof(again), "%06" PRIu64, job);
        return strcmp(again, name) == 0 ? job : 0;
}

static int compare(const void *a, const void *b)
{
        const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return (x > y) - (x < y);
}

/* Note a folder's number, or remove what is left of one. */
static int visit(const char *jobs, const char *name, uint64_t **list, int *n)
{
        const uint64_t job = number_of(name);
        char path[sizeof(((hedged_folder_t *)0)->path)];
        uint64_t *more;

        if (strncmp(name, NEW, strlen(NEW)) == 0) {
                const int length = snprintf(path, sizeof(path), "%s/%s", jobs, name);

                return length < 0 || (size_t)length >= sizeof(path) ? -ENAMETOOLONG : hedge_io_remove_folder(path);
        }
        if (!job)
                return 0;
        more = reallocarray(*list, (size_t)*n + 1, sizeof(*more));
        if (!more)
                return -ENOMEM;
        *list = more;
        more[(*n)++] = job;
        return 0;
}

int hedged_folder_list(const char *jobs, uint64_t **ret, hedge_why_t *why)
{
        const struct dirent *entry;
        uint64_t *list = malloc(sizeof(*list));
        DIR *dir = NULL;
        int n = 0, r = list ? 0 : -ENOMEM;

        if (r == 0 && mkdir(jobs, 0750) < 0 && errno != EEXIST)
                r = -errno;
        if (r == 0 && !(dir = opendir(jobs)))
                r = -errno;
        while (r == 0 && (errno = 0, entry = readdir(dir)))
                r = visit(jobs, entry->d_name, &list, &n);
        if (r == 0 && errno)
                r = -errno;
        if (dir)
                closedir(dir);
        if (r < 0) {
                free(list);
                return hedge_why(why, r, "%s: %s", jobs, hedge_strerror(r));
        }
        qsort(list, (size_t)n, sizeof(*list), compare);
        *ret = list;
        return n;
}

int hedged_folder_log_epoch(const hedged_folder_t *folder, const hedge_epoch_report_t *epoch)
{
        char path[sizeof(folder->path) + NAME_BYTES];

        return hedged_job_log_epoch(hedged_folder_file(folder, LOG, path, sizeof(path)), epoch);
}

int hedged_folder_log_event(const hedged_folder_t *folder, const hedge_job_event_t *event)
{
        char path[sizeof(folder->path) + NAME_BYTES];

        return hedged_job_log_event(hedged_folder_file(folder, LOG, path, sizeof(path)), event);
}

int hedged_folder_end(const hedged_folder_t *folder, const char *state, const char *text)
{
        char path[sizeof(folder->path) + NAME_BYTES];
        int r = hedged_job_log_end(hedged_folder_file(folder, LOG, path, sizeof(path)), state, text);

        return r < 0 ? r : tidy(folder, state);
}

int hedged_folder_remove(const char *jobs, uint64_t job)
{
        char path[sizeof(((hedged_folder_t *)0)->path)], away[sizeof(path)];
        int r = job_path(jobs, NEW, job, away, sizeof(away));

        if (r == 0)
                r = job_path(jobs, "", job, path, sizeof(path));
        if (r == 0)
                r = hedge_io_remove_folder(away);
        /* renamed first, so that half a job is never taken for one */
        if (r == 0 && rename(path, away) < 0)
                r = -errno;
        return r < 0 ? r : hedge_io_remove_folder(away);
}
