/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/invitation.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void copy_name(char *to, size_t size, const char *from)
{
        snprintf(to, size, "%s", from ? from : "");
}

static void describe(const hedge_layer_spec_t *spec, hedge_train_layer_t *ret)
{
        *ret = (hedge_train_layer_t){ .units = spec->units,
                                      .kernel = spec->kernel,
                                      .stride = spec->stride,
                                      .pad = spec->pad,
                                      .no_bias = spec->no_bias };
        copy_name(ret->kind, sizeof(ret->kind), hedge_layer_type(spec->kind)->name);
        copy_name(ret->name, sizeof(ret->name), spec->name);
        copy_name(ret->from, sizeof(ret->from), spec->from);
        copy_name(ret->with, sizeof(ret->with), spec->with);
}

static int describe_layers(const hedged_work_t *work, hedge_msg_join_t *join, hedge_why_t *why)
{
        hedge_layer_spec_t *specs;
        int n = hedge_job_layers(work->job, work->train->classes, &specs, why);

        if (n < 0)
                return n;
        join->layers = calloc((size_t)n, sizeof(*join->layers));
        join->n_layers = (uint32_t)n;
        for (int i = 0; join->layers && i < n; i++)
                describe(&specs[i], &join->layers[i]);
        free(specs);
        return join->layers ? 0 : hedge_why(why, -ENOMEM, "out of memory");
}

/* The same job may be sent twice: what boards keep of one is nothing to the other. */
static void identify(const hedged_work_t *work, hedge_digest_t *ret)
{
        const uint64_t job = work->settings->folder->job;
        crypto_generichash_state hash;

        crypto_generichash_init(&hash, NULL, 0, sizeof(ret->bytes));
        crypto_generichash_update(&hash, work->digest, sizeof(work->digest));
        crypto_generichash_update(&hash, (const unsigned char *)&job, sizeof(job));
        crypto_generichash_final(&hash, ret->bytes, sizeof(ret->bytes));
}

static void digest_shard(const hedge_dataset_t *shard, hedge_digest_t *ret)
{
        crypto_generichash_state hash;

        crypto_generichash_init(&hash, NULL, 0, sizeof(ret->bytes));
        crypto_generichash_update(&hash, shard->pixels, shard->count * hedge_extent_elements(&shard->image));
        crypto_generichash_update(&hash, shard->labels, shard->count);
        crypto_generichash_final(&hash, ret->bytes, sizeof(ret->bytes));
}

static int name_shards(const hedged_work_t *work, hedged_invitation_t *inv, hedge_why_t *why)
{
        int r = 0;

        inv->digests = calloc(inv->shards, sizeof(*inv->digests));
        if (!inv->digests)
                return hedge_why(why, -ENOMEM, "out of memory");
        for (uint32_t i = 0; r == 0 && i < inv->shards; i++) {
                hedge_dataset_t *shard = NULL;

                r = hedge_dataset_shard(work->train, work->job->seed, i, inv->shards, &shard, why);
                if (r == 0)
                        digest_shard(shard, &inv->digests[i]);
                hedge_dataset_destroy(&shard);
        }
        return r;
}

int hedged_invitation_make(const hedged_work_t *work, uint32_t shards, uint32_t batch, hedged_invitation_t *ret,
                           hedge_why_t *why)
{
        const hedge_job_t *job = work->job;
        const hedge_extent_t *image = &work->train->image;
        hedge_msg_join_t *join = &ret->join.join;
        int r;

        *ret = (hedged_invitation_t){ .shards = shards, .batch = batch, .join = { .type = HEDGE_MSG_JOIN } };
        *join = (hedge_msg_join_t){ .job = work->settings->folder->job,
                                    .image_h = image->h,
                                    .image_w = image->w,
                                    .image_c = image->c,
                                    .classes = work->net->classes,
                                    .batch = batch,
                                    .seed = job->seed,
                                    .flip = job->data.flip,
                                    .gamma = job->co3.gamma,
                                    .max_bits = job->co3.max_bits,
                                    .compress = job->co3.compress };
        copy_name(join->format, sizeof(join->format), hedge_co3_format_name((hedge_co3_format_t)job->co3.format));
        for (uint32_t c = 0; c < image->c && c < HEDGE_MAX_CHANNELS; c++) {
                join->mean[c] = work->norm.mean[c];
                join->deviation[c] = work->norm.deviation[c];
        }
        identify(work, &join->identity);
        r = describe_layers(work, join, why);
        return r < 0 ? r : name_shards(work, ret, why);
}

void hedged_invitation_release(hedged_invitation_t *invitation)
{
        free(invitation->join.join.layers);
        free(invitation->digests);
        *invitation = (hedged_invitation_t){ 0 };
}

uint32_t hedged_invitation_find(const hedged_invitation_t *invitation, const hedge_digest_t *digest)
{
        for (uint32_t i = 0; i < invitation->shards; i++)
                if (memcmp(&invitation->digests[i], digest, sizeof(*digest)) == 0)
                        return i;
        return UINT32_MAX;
}

static int copy_frame(zmq_msg_t *frame, const void *bytes, size_t size)
{
        if (zmq_msg_init_size(frame, size) < 0)
                return -ENOMEM;
        memcpy(zmq_msg_data(frame), bytes, size);
        return 0;
}

int hedged_invitation_shard(const hedged_invitation_t *invitation, const hedged_work_t *work, uint32_t shard,
                            hedge_message_t *ret, zmq_msg_t ret_frames[2])
{
        hedge_dataset_t *data = NULL;
        int r = hedge_dataset_shard(work->train, work->job->seed, shard, invitation->shards, &data, NULL);

        if (r < 0)
                return r;
        r = copy_frame(&ret_frames[0], data->pixels, data->count * hedge_extent_elements(&data->image));
        if (r == 0) {
                r = copy_frame(&ret_frames[1], data->labels, data->count);
                if (r < 0)
                        zmq_msg_close(&ret_frames[0]);
        }
        if (r == 0)
                *ret = (hedge_message_t){ .type = HEDGE_MSG_SHARD,
                                          .shard = { .job = invitation->join.join.job,
                                                     .digest = invitation->digests[shard],
                                                     .count = data->count } };
        hedge_dataset_destroy(&data);
        return r;
}
