/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf/tree.h"
#include "common/job/job.h"
#include "common/manifest/manifest.h"
#include "common/train/dataset_read.h"
#include "common/types/job.h"

/* Which of the paths the text begins with, the longest that does (data-1, data-10); negative: none. */
static int path_at(const char *text, const char *const paths[], unsigned n)
{
        size_t longest = 0;
        int found = -1;

        for (unsigned i = 0; i < n; i++) {
                const size_t length = strlen(paths[i]);

                if (length <= longest || strncmp(text, paths[i], length) != 0)
                        continue;
                longest = length;
                found = (int)i;
        }
        return found;
}

/* Say the sentence with the names that the job's author gave the files, wherever they lie. */
static int say(const hedge_job_t *job, const char *const paths[], const hedge_why_t *inner, int code, hedge_why_t *why)
{
        const char *names[HEDGE_JOB_FILES];
        const unsigned n = hedge_job_files(job, names);
        char text[sizeof(inner->text)], shown[192];
        size_t used = 0;

        for (const char *p = inner->text; *p && used + 1 < sizeof(text);) {
                const int i = path_at(p, paths, n);

                if (i < 0) {
                        text[used++] = *p++;
                        continue;
                }
                used += (size_t)snprintf(text + used, sizeof(text) - used, "%s",
                                         hedge_yaml_printable(names[i], shown, sizeof(shown)));
                used = used < sizeof(text) ? used : sizeof(text) - 1;
                p += strlen(paths[i]);
        }
        text[used] = '\0';
        return hedge_why(why, code, "%s", text);
}

static int read_part(const hedge_job_t *job, const char *const paths[], size_t count, hedge_dataset_t **ret,
                     hedge_why_t *why)
{
        if (job->data.format == HEDGE_JOB_CIFAR10)
                return hedge_dataset_read_cifar10(paths, (uint32_t)count, ret, why);
        return hedge_dataset_read_idx(paths[0], paths[1], (uint32_t)job->data.classes, ret, why);
}

/* Cut the last images off to be tested on. */
static int hold_out(const hedge_job_t *job, hedge_dataset_t **train, hedge_dataset_t **ret_test, hedge_why_t *why)
{
        const uint32_t count = (*train)->count;
        hedge_dataset_t *rest = NULL;
        uint32_t kept;
        int r;

        if (job->data.hold_out >= count)
                return hedge_why(why, -EINVAL, "data.hold_out: %llu of %u images leave none to learn from",
                                 (unsigned long long)job->data.hold_out, count);
        kept = count - (uint32_t)job->data.hold_out;
        r = hedge_dataset_slice(*train, 0, kept, &rest, why);
        if (r == 0)
                r = hedge_dataset_slice(*train, kept, count - kept, ret_test, why);
        if (r < 0) {
                hedge_dataset_destroy(&rest);
                return r;
        }
        hedge_dataset_destroy(train);
        *train = rest;
        return 0;
}

static int same_shape(const hedge_dataset_t *train, const hedge_dataset_t *test, hedge_why_t *why)
{
        char a[64], b[64];

        if (hedge_extent_equal(&train->image, &test->image))
                return 0;
        return hedge_why(why, HEDGE_ESHAPE, "data.test: its images are %s, those of data.train %s",
                         hedge_extent_text(&test->image, a, sizeof(a)), hedge_extent_text(&train->image, b, sizeof(b)));
}

int hedge_job_data(const hedge_job_t *job, const char *const paths[], hedge_dataset_t **ret_train,
                   hedge_dataset_t **ret_test, hedge_why_t *why)
{
        hedge_dataset_t *train = NULL, *test = NULL;
        hedge_why_t inner = { "" };
        int r = read_part(job, paths, job->data.train.count, &train, &inner);

        if (r == 0 && job->data.test.count)
                r = read_part(job, paths + job->data.train.count, job->data.test.count, &test, &inner);
        else if (r == 0)
                r = hold_out(job, &train, &test, &inner);
        if (r == 0)
                r = same_shape(train, test, &inner);
        if (r < 0) {
                hedge_dataset_destroy(&train);
                hedge_dataset_destroy(&test);
                return say(job, paths, &inner, r, why);
        }
        *ret_train = train;
        *ret_test = test;
        return 0;
}

static void add_dataset(crypto_generichash_state *hash, const hedge_dataset_t *d)
{
        const uint32_t numbers[] = { d->image.h, d->image.w, d->image.c, d->classes, d->count };

        crypto_generichash_update(hash, (const unsigned char *)numbers, sizeof(numbers));
        crypto_generichash_update(hash, d->pixels, d->count * hedge_extent_elements(&d->image));
        crypto_generichash_update(hash, d->labels, d->count);
}

void hedge_job_digest(const char *text, size_t size, const hedge_dataset_t *train, const hedge_dataset_t *test,
                      unsigned char ret[HEDGE_JOB_DIGEST])
{
        const uint64_t length = size;
        crypto_generichash_state hash;

        crypto_generichash_init(&hash, NULL, 0, HEDGE_JOB_DIGEST);
        crypto_generichash_update(&hash, (const unsigned char *)&length, sizeof(length));
        crypto_generichash_update(&hash, (const unsigned char *)text, size);
        add_dataset(&hash, train);
        add_dataset(&hash, test);
        crypto_generichash_final(&hash, ret, HEDGE_JOB_DIGEST);
}

char *hedge_job_manifest(const hedge_job_t *job, const hedge_norm_t *norm, uint32_t channels)
{
        hedge_manifest_t manifest = { .preprocess = { .given = true, .scale = 1 / 255. },
                                      .layout = HEDGE_LAYOUT_NCHW,
                                      .labels = job->data.labels.items,
                                      .n_labels = (uint32_t)job->data.labels.count };
        char *text = NULL;
        size_t size;

        for (uint32_t c = 0; c < HEDGE_MAX_CHANNELS; c++) {
                manifest.preprocess.mean[c] = c < channels ? (double)norm->mean[c] : 0;
                manifest.preprocess.std[c] = c < channels ? (double)norm->deviation[c] : 1;
        }
        return hedge_manifest_write(&manifest, &text, &size) < 0 ? NULL : text;
}
