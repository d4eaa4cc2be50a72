/* SPDX-License-Identifier: Apache-2.0 */
/* Where jobs live: taken in whole or not at all, read back, ended, removed. */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#include "daemon/train/folder.h"

#define JOB "name: digits\nmodel: mlp\nbatch: 2\ndata: {train: [\"my/images\", my/labels], hold_out: 1, classes: 2}\n"

/* Three images of 2 x 2, and their labels. */
static const uint8_t images[] = { 0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 7, 6 };
static const uint8_t labels[] = { 0, 0, 8, 1, 0, 0, 0, 3, 1, 0, 1 };

static char top[] = "/tmp/hedge-folder-XXXXXX";
static char jobs[sizeof(top) + 8];

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
        return remove(path);
}

static int make_top(void **state)
{
        return mkdtemp(top) ? 0 : -1;
}

static int remove_top(void **state)
{
        return nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Every test begins without jobs. */
static int begin(void **state)
{
        uint64_t *list = NULL;

        snprintf(jobs, sizeof(jobs), "%s/jobs", top);
        nftw(jobs, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        if (hedged_folder_list(jobs, &list, NULL) != 0)
                return -1;
        free(list);
        return 0;
}

static void fill(zmq_msg_t *frame, const void *bytes, size_t size)
{
        assert_int_equal(zmq_msg_init_size(frame, size), 0);
        memcpy(zmq_msg_data(frame), bytes, size);
}

/* Take in a job with the two data files, or with what is given instead of them. */
static int create_with(uint64_t job, const char *text, const void *first, size_t first_size, unsigned n_frames,
                       hedged_folder_t **ret, hedge_why_t *why)
{
        zmq_msg_t frames[4];
        int r;

        fill(&frames[0], text, strlen(text));
        fill(&frames[1], first, first_size);
        fill(&frames[2], labels, sizeof(labels));
        fill(&frames[3], labels, sizeof(labels));
        r = hedged_folder_create(jobs, job, frames, n_frames, ret, why);
        for (unsigned i = 0; i < 4; i++)
                zmq_msg_close(&frames[i]);
        return r;
}

static hedged_folder_t *create(uint64_t job)
{
        hedged_folder_t *f = NULL;
        hedge_why_t why = { "" };

        if (create_with(job, JOB, images, sizeof(images), 3, &f, &why) < 0)
                fail_msg("%s", why.text);
        return f;
}

static hedged_folder_t *reopen(uint64_t job, hedged_job_log_t *log)
{
        hedged_folder_t *f = NULL;
        hedge_why_t why = { "" };

        if (hedged_folder_open(jobs, job, &f, log, &why) < 0)
                fail_msg("%s", why.text);
        return f;
}

/* Entries of a folder. */
static unsigned entries(const char *path)
{
        DIR *dir = opendir(path);
        unsigned n = 0;

        assert_non_null(dir);
        while (readdir(dir))
                n++;
        closedir(dir);
        return n - 2;
}

static bool has(const hedged_folder_t *f, const char *name)
{
        char path[4096];

        return access(hedged_folder_file(f, name, path, sizeof(path)), F_OK) == 0;
}

static void put(const hedged_folder_t *f, const char *name, const char *mode, const char *text)
{
        char path[4096];
        FILE *file = fopen(hedged_folder_file(f, name, path, sizeof(path)), mode);

        assert_non_null(file);
        fputs(text, file);
        assert_int_equal(fclose(file), 0);
}

static void a_job_is_stored_as_it_came(void **state)
{
        hedged_folder_t *f = create(7), *again;
        hedged_job_log_t log;
        char path[4096], bytes[64];
        FILE *file;

        snprintf(path, sizeof(path), "%s/000007", jobs);
        assert_string_equal(f->path, path);
        assert_int_equal(entries(jobs), 1);
        assert_int_equal(entries(f->path), 4);
        file = fopen(hedged_folder_data(f, 0, path, sizeof(path)), "rb");
        assert_non_null(file);
        assert_int_equal(fread(bytes, 1, sizeof(bytes), file), sizeof(images));
        assert_memory_equal(bytes, images, sizeof(images));
        fclose(file);
        again = reopen(7, &log);
        assert_int_equal(again->job, 7);
        assert_string_equal(again->path, f->path);
        assert_string_equal(again->text, JOB);
        assert_int_equal(again->text_size, strlen(JOB));
        assert_string_equal(again->config.name, "digits");
        assert_string_equal(f->text, JOB);
        assert_true(fabs(log.created_s - (double)time(NULL)) < 100);
        assert_true(!log.n_epochs && !log.n_events && !*log.state);
        hedged_job_log_release(&log);
        hedged_folder_close(&again);
        hedged_folder_close(&f);
        assert_null(f);
}

static void refuse(const char *text, const void *first, size_t first_size, unsigned n_frames, int code,
                   const char *sentence)
{
        hedged_folder_t *f = NULL;
        hedge_why_t why = { "" };

        assert_int_equal(create_with(3, text, first, first_size, n_frames, &f, &why), code);
        assert_null(f);
        assert_int_equal(entries(jobs), 0);
        if (!strstr(why.text, sentence) || strstr(why.text, top))
                fail_msg("'%s' does not say '%s'", why.text, sentence);
}

static void a_job_that_is_refused_leaves_nothing(void **state)
{
        refuse("name: a\nmodels: b\n", images, sizeof(images), 3, HEDGE_ECONFIG, "job.yaml:2: models: is not a known");
        refuse("", images, sizeof(images), 1, HEDGE_ECONFIG, "job.yaml:1: name: is required");
        refuse(JOB, images, sizeof(images), 0, HEDGE_EMALFORMED, "there is no job");
        refuse(JOB, images, sizeof(images), 2, HEDGE_EMALFORMED, "the job names 2 files, but 1 came");
        refuse(JOB, images, sizeof(images), 4, HEDGE_EMALFORMED, "the job names 2 files, but 3 came");
        refuse(JOB, images, sizeof(images) - 1, 3, HEDGE_EMALFORMED, "my/images: cut short");
        refuse(JOB, images, 0, 3, HEDGE_EMALFORMED, "my/images: not an IDX file");
        refuse(JOB "epochs: 2\nsgd: {warm_up: 2}\n", images, sizeof(images), 3, -EINVAL, "sgd: 2 steps in all");
}

static void a_number_is_given_once(void **state)
{
        hedged_folder_t *f = create(5), *other = NULL;
        hedge_why_t why = { "" };

        assert_int_equal(create_with(5, JOB "seed: 2\n", images, sizeof(images), 3, &other, &why), -EEXIST);
        assert_string_equal(why.text, "job 5 cannot be stored: File exists");
        assert_int_equal(entries(jobs), 1);
        hedged_folder_close(&f);
        f = reopen(5, &(hedged_job_log_t){ 0 });
        assert_string_equal(f->text, JOB);
        hedged_folder_close(&f);
}

/* Files that cannot be longer than `bytes` stand for a disk that is full. */
static void a_full_disk_leaves_nothing(void **state)
{
        static uint8_t large[1 << 16];
        struct rlimit old;
        hedged_folder_t *f = NULL;
        hedge_why_t why = { "" };
        int r;

        assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
        signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 8192, old.rlim_max }), 0);
        r = create_with(3, JOB, large, sizeof(large), 3, &f, &why);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        signal(SIGXFSZ, SIG_DFL);
        assert_int_equal(r, -EFBIG);
        assert_non_null(strstr(why.text, "File too large"));
        assert_int_equal(entries(jobs), 0);
}

static void epochs_and_events_are_kept(void **state)
{
        const hedge_epoch_report_t epoch = { .epoch = 1,
                                             .loss = 0.1,
                                             .test_loss = INFINITY,
                                             .test_accuracy = 1 / 3.,
                                             .seconds = 4,
                                             .ms_per_step = 5,
                                             .samples_per_s = 6,
                                             .bytes_up_per_step = 7,
                                             .bytes_down_per_step = 8,
                                             .bits_per_entry = 9,
                                             .entropy = 10,
                                             .late = 11,
                                             .boards = 12 };
        const hedge_job_event_t event = { .step = UINT64_MAX, .at_s = 2.5, .text = "\"a\"\n\\ is lost\xc3\xa9" };
        hedged_folder_t *f = create(1);
        hedged_job_log_t log;

        assert_int_equal(hedged_folder_log_epoch(f, &epoch), 0);
        assert_int_equal(hedged_folder_log_event(f, &event), 0);
        for (uint32_t i = 2; i <= 9; i++) {
                assert_int_equal(hedged_folder_log_epoch(f, &(hedge_epoch_report_t){ .epoch = i, .loss = i }), 0);
                assert_int_equal(hedged_folder_log_event(f, &(hedge_job_event_t){ .step = i, .text = "b" }), 0);
        }
        hedged_folder_close(&f);
        f = reopen(1, &log);
        assert_int_equal(log.n_epochs, 9);
        assert_int_equal(log.n_events, 9);
        assert_true(log.epochs[0].loss == epoch.loss && isinf(log.epochs[0].test_loss) &&
                    log.epochs[0].test_accuracy == epoch.test_accuracy && log.epochs[0].seconds == 4 &&
                    log.epochs[0].ms_per_step == 5 && log.epochs[0].samples_per_s == 6);
        assert_true(log.epochs[0].bytes_up_per_step == 7 && log.epochs[0].bytes_down_per_step == 8 &&
                    log.epochs[0].bits_per_entry == 9 && log.epochs[0].entropy == 10 && log.epochs[0].late == 11 &&
                    log.epochs[0].boards == 12);
        assert_true(log.events[0].step == UINT64_MAX && log.events[0].at_s == 2.5);
        assert_string_equal(log.events[0].text, event.text);
        assert_true(log.epochs[8].epoch == 9 && log.epochs[8].loss == 9 && log.events[8].step == 9);
        hedged_job_log_release(&log);
        assert_null(log.epochs);
        hedged_folder_close(&f);
}

static void epochs_done_again_replace_those_before(void **state)
{
        hedged_folder_t *f = create(1);
        hedged_job_log_t log;

        for (uint32_t i = 1; i <= 4; i++)
                hedged_folder_log_epoch(f, &(hedge_epoch_report_t){ .epoch = i, .loss = 1 });
        hedged_folder_log_epoch(f, &(hedge_epoch_report_t){ .epoch = 3, .loss = 2 });
        hedged_folder_close(&f);
        f = reopen(1, &log);
        assert_int_equal(log.n_epochs, 3);
        assert_true(log.epochs[1].loss == 1 && log.epochs[2].loss == 2 && log.epochs[2].epoch == 3);
        hedged_job_log_release(&log);
        hedged_folder_close(&f);
}

static void half_a_line_is_passed_over(void **state)
{
        hedged_folder_t *f = create(1);
        hedged_job_log_t log;

        hedged_folder_log_epoch(f, &(hedge_epoch_report_t){ .epoch = 1 });
        put(f, "log", "a", "{\"epoch\": 2, \"lo");
        hedged_folder_close(&f);
        f = reopen(1, &log);
        assert_int_equal(log.n_epochs, 1);
        hedged_job_log_release(&log);
        /* the next line is a line of its own */
        hedged_folder_log_epoch(f, &(hedge_epoch_report_t){ .epoch = 2 });
        put(f, "log", "a", "[1]\n{\"epoch\": \"x\"}\n{\"epoch\": -4}\n{\"event\": null}\n{\"end\": null}\n\n3\n{}\n");
        hedged_folder_log_event(f, &(hedge_job_event_t){ .text = "c" });
        hedged_folder_close(&f);
        f = reopen(1, &log);
        assert_int_equal(log.n_epochs, 2);
        assert_int_equal(log.n_events, 1);
        assert_string_equal(log.state, "");
        hedged_job_log_release(&log);
        hedged_folder_close(&f);
}

static void an_end_removes_what_is_not_needed_any_more(void **state)
{
        static const char *const states[] = { "done", "failed", "stopped" };

        for (unsigned i = 0; i < 3; i++) {
                hedged_folder_t *f = create(i + 1);
                hedged_job_log_t log;

                put(f, "checkpoint", "w", "c");
                put(f, "checkpoint.X2y3Zz", "w", "c");
                put(f, "model.onnx", "w", "m");
                assert_int_equal(hedged_folder_end(f, states[i], "why \"it\" did"), 0);
                for (int again = 0; again < 2; again++) {
                        assert_true(!has(f, "data-0") && !has(f, "data-1") && !has(f, "checkpoint.X2y3Zz"));
                        assert_int_equal(has(f, "checkpoint"), i == 1);
                        assert_true(has(f, "model.onnx") && has(f, "job.yaml") && has(f, "log"));
                        put(f, "data-1", "w", "as if the end had been cut short");
                        hedged_folder_close(&f);
                        f = reopen(i + 1, &log);
                        assert_string_equal(log.state, states[i]);
                        assert_string_equal(log.text, "why \"it\" did");
                        hedged_job_log_release(&log);
                }
                hedged_folder_close(&f);
        }
}

static void a_list_is_in_order_and_tidies_up(void **state)
{
        static const uint64_t numbers[] = { 12, 2, 1000000, 999999 };
        uint64_t *list = NULL;
        char path[128];

        for (unsigned i = 0; i < 4; i++) {
                hedged_folder_t *f = create(numbers[i]);

                hedged_folder_close(&f);
        }
        snprintf(path, sizeof(path), "%s/.new-000044", jobs);
        assert_int_equal(mkdir(path, 0750), 0);
        snprintf(path, sizeof(path), "%s/.new-000044/data-0", jobs);
        assert_int_equal(fclose(fopen(path, "w")), 0);
        snprintf(path, sizeof(path), "%s/0000013", jobs);
        assert_int_equal(mkdir(path, 0750), 0);
        snprintf(path, sizeof(path), "%s/000000", jobs);
        assert_int_equal(mkdir(path, 0750), 0);
        snprintf(path, sizeof(path), "%s/notes", jobs);
        assert_int_equal(mkdir(path, 0750), 0);
        assert_int_equal(hedged_folder_list(jobs, &list, NULL), 4);
        assert_true(list[0] == 2 && list[1] == 12 && list[2] == 999999 && list[3] == 1000000);
        assert_int_equal(entries(jobs), 7);
        free(list);
}

static void a_job_is_removed(void **state)
{
        hedged_folder_t *f = create(4);
        hedged_job_log_t log;
        hedge_why_t why = { "" };

        hedged_folder_close(&f);
        assert_int_equal(hedged_folder_remove(jobs, 4), 0);
        assert_int_equal(entries(jobs), 0);
        assert_int_equal(hedged_folder_remove(jobs, 4), -ENOENT);
        assert_int_equal(hedged_folder_open(jobs, 4, &f, &log, &why), -ENOENT);
        assert_non_null(strstr(why.text, "000004/job.yaml: No such file"));
}

static void damaged_folders_are_refused(void **state)
{
        hedged_folder_t *f = create(4), *again = NULL;
        hedged_job_log_t log;
        hedge_why_t why = { "" };
        char path[4096];

        assert_int_equal(unlink(hedged_folder_file(f, "log", path, sizeof(path))), 0);
        assert_int_equal(hedged_folder_open(jobs, 4, &again, &log, &why), -ENOENT);
        assert_int_equal(hedged_folder_log_epoch(f, &(hedge_epoch_report_t){ .epoch = 1 }), -ENOENT);
        put(f, "job.yaml", "w", "name: x\n");
        assert_int_equal(hedged_folder_open(jobs, 4, &again, &log, &why), HEDGE_ECONFIG);
        assert_non_null(strstr(why.text, "000004/job.yaml:1: data.train: is required"));
        assert_null(again);
        hedged_folder_close(&f);
}

static void paths_that_are_too_long_are_refused(void **state)
{
        char long_path[4000];
        hedged_folder_t *f = NULL;
        hedged_job_log_t log;
        hedge_why_t why;
        zmq_msg_t frame;

        memset(long_path, 'x', sizeof(long_path) - 1);
        long_path[sizeof(long_path) - 1] = '\0';
        fill(&frame, JOB, strlen(JOB));
        assert_int_equal(hedged_folder_create(long_path, 1, &frame, 1, &f, &why), -ENAMETOOLONG);
        assert_int_equal(hedged_folder_open(long_path, 1, &f, &log, &why), -ENAMETOOLONG);
        assert_int_equal(hedged_folder_remove(long_path, 1), -ENAMETOOLONG);
        zmq_msg_close(&frame);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(a_job_is_stored_as_it_came, begin),
                cmocka_unit_test_setup(a_job_that_is_refused_leaves_nothing, begin),
                cmocka_unit_test_setup(a_number_is_given_once, begin),
                cmocka_unit_test_setup(a_full_disk_leaves_nothing, begin),
                cmocka_unit_test_setup(epochs_and_events_are_kept, begin),
                cmocka_unit_test_setup(epochs_done_again_replace_those_before, begin),
                cmocka_unit_test_setup(half_a_line_is_passed_over, begin),
                cmocka_unit_test_setup(an_end_removes_what_is_not_needed_any_more, begin),
                cmocka_unit_test_setup(a_list_is_in_order_and_tidies_up, begin),
                cmocka_unit_test_setup(a_job_is_removed, begin),
                cmocka_unit_test_setup(damaged_folders_are_refused, begin),
                cmocka_unit_test_setup(paths_that_are_too_long_are_refused, begin),
        };

        return cmocka_run_group_tests(tests, make_top, remove_top);
}
