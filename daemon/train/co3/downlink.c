/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/co3/downlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct hedged_downlink {
        hedge_co3_t *co3;
        hedge_co3_options_t options;
        uint64_t step, first;                  /* done; done at the beginning */
        float *error;                          /* NULL: nothing is left out */
        uint8_t *room;                         /* for any message */
        zmq_msg_t updates[HEDGE_STEP_UPDATES]; /* step s at s % HEDGE_STEP_UPDATES */
        zmq_msg_t whole;
        bool has_whole; /* of this step */
};

int hedged_downlink_new(hedge_co3_t *co3, hedge_co3_format_t format, bool compress, uint64_t step,
                        hedged_downlink_t **ret)
{
        const bool exact = format == HEDGE_CO3_FP32;
        hedged_downlink_t *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        d->co3 = co3;
        d->options = (hedge_co3_options_t){ .format = format, .gamma = exact ? 0 : 1, .compress = compress };
        d->step = d->first = step;
        for (unsigned i = 0; i < HEDGE_STEP_UPDATES; i++)
                zmq_msg_init(&d->updates[i]);
        zmq_msg_init(&d->whole);
        d->room = malloc(hedge_co3_bound(co3));
        if (!exact)
                d->error = calloc(hedge_co3_entries(co3), sizeof(*d->error));
        if (!d->room || (!exact && !d->error)) {
                hedged_downlink_destroy(&d);
                return -ENOMEM;
        }
        *ret = d;
        return 0;
}

void hedged_downlink_destroy(hedged_downlink_t **downlink)
{
        hedged_downlink_t *d = *downlink;

        if (!d)
                return;
        for (unsigned i = 0; i < HEDGE_STEP_UPDATES; i++)
                zmq_msg_close(&d->updates[i]);
        zmq_msg_close(&d->whole);
        free(d->error);
        free(d->room);
        free(d);
        *downlink = NULL;
}

/* Encode into `frame`, which is emptied first. */
static int encode(hedged_downlink_t *d, const hedge_co3_options_t *options, const float *numbers, float *error,
                  zmq_msg_t *frame, hedge_why_t *why)
{
        size_t size;
        int r;

        zmq_msg_close(frame);
        zmq_msg_init(frame);
        r = hedge_co3_encode(d->co3, options, numbers, error, d->room, &size, NULL, why);
        if (r < 0)
                return r;
        if (zmq_msg_init_size(frame, size) < 0) {
                zmq_msg_init(frame);
                return hedge_why(why, -ENOMEM, "out of memory");
        }
        memcpy(zmq_msg_data(frame), d->room, size);
        return 0;
}

int hedged_downlink_add(hedged_downlink_t *d, const float *update, float *params, hedge_why_t *why)
{
        zmq_msg_t *frame = &d->updates[(d->step + 1) % HEDGE_STEP_UPDATES];
        int r = encode(d, &d->options, update, d->error, frame, why);

        if (r == 0)
                r = hedge_co3_decode(d->co3, zmq_msg_data(frame), zmq_msg_size(frame), 1, params, why);
        if (r < 0)
                return r;
        d->step++;
        d->has_whole = false;
        return 0;
}

static int whole(hedged_downlink_t *d, const float *params, zmq_msg_t *ret)
{
        const hedge_co3_options_t exact = { .format = HEDGE_CO3_FP32 };
        int r = d->has_whole ? 0 : encode(d, &exact, params, NULL, &d->whole, NULL);

        if (r < 0)
                return r;
        d->has_whole = true;
        zmq_msg_init(ret);
        zmq_msg_copy(ret, &d->whole);
        return 1;
}

int hedged_downlink_frames(hedged_downlink_t *d, uint64_t version, const float *params, zmq_msg_t *ret_frames,
                           bool *ret_whole)
{
        unsigned n = 0;

        *ret_whole = version > d->step || version < d->first || d->step - version > HEDGE_STEP_UPDATES;
        if (*ret_whole)
                return whole(d, params, &ret_frames[0]);
        for (uint64_t step = version + 1; step <= d->step; step++, n++) {
                zmq_msg_init(&ret_frames[n]);
                zmq_msg_copy(&ret_frames[n], &d->updates[step % HEDGE_STEP_UPDATES]);
        }
        return (int)n;
}
