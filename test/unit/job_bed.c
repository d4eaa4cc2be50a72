/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/job_bed.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "common/code/random.h"

static void *get(size_t n, size_t size)
{
        void *p = calloc(n ? n : 1, size);

        if (!p)
                abort();
        return p;
}

/* Four pictures, dimmed, in noise. */
static void draw(uint8_t *image, unsigned class, uint64_t *random)
{
        uint64_t picture = hedge_random_row(77, class);

        for (unsigned i = 0; i < JOB_BED_SIDE * JOB_BED_SIDE; i++) {
                const unsigned on = hedge_random_next(&picture) >> 63 ? 110 : 0;

                image[i] = (uint8_t)(on + (hedge_random_next(random) >> 57));
        }
}

static void fill_frame(zmq_msg_t *frame, const void *bytes, size_t size)
{
        if (zmq_msg_init_size(frame, size) < 0)
                abort();
        memcpy(zmq_msg_data(frame), bytes, size);
}

static void make_data(uint32_t n, zmq_msg_t *images, zmq_msg_t *labels)
{
        const uint8_t head[] = { 0, 0, 8, 3,           0, 0, (uint8_t)(n >> 8), (uint8_t)n, 0, 0, 0, JOB_BED_SIDE,
                                 0, 0, 0, JOB_BED_SIDE };
        const uint8_t short_head[] = { 0, 0, 8, 1, 0, 0, (uint8_t)(n >> 8), (uint8_t)n };
        const size_t image = JOB_BED_SIDE * JOB_BED_SIDE;
        uint8_t *pixels = get(sizeof(head) + n * image, 1), *classes = get(sizeof(short_head) + n, 1);
        uint64_t random = hedge_random_row(5, 0);

        memcpy(pixels, head, sizeof(head));
        memcpy(classes, short_head, sizeof(short_head));
        for (uint32_t i = 0; i < n; i++) {
                const unsigned class = (unsigned)(hedge_random_next(&random) >> 62);

                draw(pixels + sizeof(head) + i * image, class, &random);
                classes[sizeof(short_head) + i] = (uint8_t) class;
        }
        fill_frame(images, pixels, sizeof(head) + n * image);
        fill_frame(labels, classes, sizeof(short_head) + n);
        free(pixels);
        free(classes);
}

void job_bed_open(job_bed_t *job, const char *yaml, uint32_t images)
{
        zmq_msg_t frames[3];
        hedge_why_t why = { "" };

        snprintf(job->top, sizeof(job->top), "/tmp/hedge-train-XXXXXX");
        assert_non_null(mkdtemp(job->top));
        fill_frame(&frames[0], yaml, strlen(yaml));
        make_data(images, &frames[1], &frames[2]);
        if (hedged_folder_create(job->top, 7, frames, 3, &job->folder, &why) < 0)
                fail_msg("%s", why.text);
        for (int i = 0; i < 3; i++)
                zmq_msg_close(&frames[i]);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
        (void)info;
        (void)kind;
        (void)where;
        return remove(path);
}

void job_bed_close(job_bed_t *job)
{
        hedged_folder_close(&job->folder);
        nftw(job->top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

job_bed_learnt_t job_bed_learnt(const job_bed_t *job)
{
        char first[4096], second[4096], path[4096];
        const char *const paths[] = { hedged_folder_data(job->folder, 0, first, sizeof(first)),
                                      hedged_folder_data(job->folder, 1, second, sizeof(second)) };
        hedge_dataset_t *train, *test;
        hedge_checkpoint_t at = { 0 };
        hedge_why_t why = { "" };
        job_bed_learnt_t l = { 0 };

        if (hedge_job_prepare(&job->folder->config, paths, &train, &test, &l.net, &why) < 0)
                fail_msg("%s", why.text);
        at.params = l.params = get(2 * l.net->n_params + l.net->n_state, sizeof(float));
        at.momentum = l.momentum = l.params + l.net->n_params;
        at.state = l.state = l.momentum + l.net->n_params;
        hedge_job_digest(job->folder->text, job->folder->text_size, train, test, at.digest);
        if (hedge_checkpoint_load(l.net, &at, hedged_folder_file(job->folder, "checkpoint", path, sizeof(path)), &why) <
            0)
                fail_msg("%s", why.text);
        l.step = at.step;
        hedge_dataset_destroy(&train);
        hedge_dataset_destroy(&test);
        return l;
}

void job_bed_release(job_bed_learnt_t *learnt)
{
        hedge_net_destroy(&learnt->net);
        free(learnt->params);
        learnt->params = learnt->momentum = learnt->state = NULL;
}
