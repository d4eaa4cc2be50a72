/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/train/shards.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/random.h"
#include "worker/train/job.h"

uint64_t hedgew_training_shard_bytes(const hedgew_training_shape_t *shape, uint32_t count)
{
        const uint64_t image =
                hedge_extent_elements(&shape->image) + 1 + sizeof(uint32_t); /* with its place in the order */

        return sizeof(hedgew_training_shard_t) + count * image;
}

/* Eight bytes as a number that is the same on every machine. */
static uint64_t number_of(const uint8_t *bytes)
{
        uint64_t number = 0;

        for (int i = 8; i-- > 0;)
                number = number << 8 | bytes[i];
        return number;
}

uint64_t hedgew_training_seed(uint64_t seed, const hedge_digest_t *shard)
{
        return hedge_random_row(hedge_random_row(seed, number_of(shard->bytes)), number_of(shard->bytes + 8));
}

static int check_sizes(const hedgew_training_shape_t *shape, const hedge_msg_shard_t *message, zmq_msg_t frames[2],
                       hedge_why_t *why)
{
        const uint64_t pixels = message->count * hedge_extent_elements(&shape->image);

        if (zmq_msg_size(&frames[0]) != pixels || zmq_msg_size(&frames[1]) != message->count)
                return hedge_why(why, HEDGE_EMALFORMED,
                                 "a shard of %u images has %llu bytes of pixels and as many labels as images, not %zu "
                                 "and %zu",
                                 message->count, (unsigned long long)pixels, zmq_msg_size(&frames[0]),
                                 zmq_msg_size(&frames[1]));
        return 0;
}

static int check_labels(const hedgew_training_shape_t *shape, zmq_msg_t *frame, hedge_why_t *why)
{
        const uint8_t *labels = zmq_msg_data(frame);

        for (size_t i = 0; i < zmq_msg_size(frame); i++)
                if (labels[i] >= shape->classes)
                        return hedge_why(why, HEDGE_EMALFORMED, "image %zu has label %u, but the classes are 0 to %u",
                                         i, labels[i], shape->classes - 1);
        return 0;
}

static int check_digest(const hedge_digest_t *digest, zmq_msg_t frames[2], hedge_why_t *why)
{
        crypto_generichash_state state;
        hedge_digest_t is;

        crypto_generichash_init(&state, NULL, 0, sizeof(is.bytes));
        for (int i = 0; i < 2; i++)
                crypto_generichash_update(&state, zmq_msg_data(&frames[i]), zmq_msg_size(&frames[i]));
        crypto_generichash_final(&state, is.bytes, sizeof(is.bytes));
        if (memcmp(is.bytes, digest->bytes, sizeof(is.bytes)) != 0)
                return hedge_why(why, HEDGE_EMALFORMED, "the shard is not what its digest says");
        return 0;
}

static int take(const hedgew_training_shape_t *shape, const hedge_msg_shard_t *message, zmq_msg_t frames[2],
                hedgew_training_shard_t **ret, hedge_why_t *why)
{
        const uint32_t batch = shape->batch < message->count ? shape->batch : message->count;
        hedgew_training_shard_t *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return hedge_why(why, -ENOMEM, "no memory for a shard");
        s->digest = message->digest;
        s->bytes = hedgew_training_shard_bytes(shape, message->count);
        s->data = (hedge_dataset_t){ .image = shape->image, .classes = shape->classes, .count = message->count };
        r = hedge_batches_new(&s->data, &shape->norm, hedgew_training_seed(shape->seed, &s->digest), batch, shape->flip,
                              &s->batches, why);
        if (r < 0) {
                free(s);
                return r;
        }
        for (int i = 0; i < 2; i++) {
                zmq_msg_init(&s->frames[i]);
                zmq_msg_move(&s->frames[i], &frames[i]);
        }
        s->data.pixels = zmq_msg_data(&s->frames[0]); /* short ones lie in zmq_msg_t itself */
        s->data.labels = zmq_msg_data(&s->frames[1]);
        *ret = s;
        return 0;
}

int hedgew_training_shard_new(const hedgew_training_shape_t *shape, const hedge_msg_shard_t *message,
                              zmq_msg_t frames[2], hedgew_training_shard_t **ret, hedge_why_t *why)
{
        int r = check_sizes(shape, message, frames, why);

        if (r == 0)
                r = check_labels(shape, &frames[1], why);
        if (r == 0)
                r = check_digest(&message->digest, frames, why);
        if (r == 0)
                r = take(shape, message, frames, ret, why);
        return r;
}

void hedgew_training_shard_destroy(hedgew_training_shard_t **shard)
{
        hedgew_training_shard_t *s = *shard;

        if (!s)
                return;
        hedge_batches_destroy(&s->batches);
        for (int i = 0; i < 2; i++)
                zmq_msg_close(&s->frames[i]);
        free(s);
        *shard = NULL;
}
