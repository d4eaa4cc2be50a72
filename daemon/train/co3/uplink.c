/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/co3/uplink.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BOARDS HEDGE_CODE_MAX_BOARDS

typedef struct answer {
        bool here;
        zmq_msg_t gradient, statistics; /* the second may be empty */
} answer_t;

struct hedged_uplink {
        hedge_co3_t *co3;
        const hedge_net_t *net;
        float *sum, *statistics;
        unsigned added, added_statistics;
        answer_t answers[BOARDS];
};

int hedged_uplink_new(hedge_co3_t *co3, const hedge_net_t *net, hedged_uplink_t **ret)
{
        hedged_uplink_t *u = calloc(1, sizeof(*u));

        if (!u)
                return -ENOMEM;
        u->co3 = co3;
        u->net = net;
        u->sum = calloc(net->n_params, sizeof(*u->sum));
        u->statistics = calloc(net->n_state + 1, sizeof(*u->statistics));
        if (!u->sum || !u->statistics) {
                hedged_uplink_destroy(&u);
                return -ENOMEM;
        }
        *ret = u;
        return 0;
}

static void drop(answer_t *answer)
{
        if (!answer->here)
                return;
        zmq_msg_close(&answer->gradient);
        zmq_msg_close(&answer->statistics);
        answer->here = false;
}

void hedged_uplink_destroy(hedged_uplink_t **uplink)
{
        hedged_uplink_t *u = *uplink;

        if (!u)
                return;
        for (unsigned b = 0; b < BOARDS; b++)
                drop(&u->answers[b]);
        free(u->sum);
        free(u->statistics);
        free(u);
        *uplink = NULL;
}

void hedged_uplink_begin(hedged_uplink_t *u)
{
        for (unsigned b = 0; b < BOARDS; b++)
                drop(&u->answers[b]);
        memset(u->sum, 0, u->net->n_params * sizeof(*u->sum));
        memset(u->statistics, 0, u->net->n_state * sizeof(*u->statistics));
        u->added = u->added_statistics = 0;
}

static int check_statistics(const hedge_net_t *net, zmq_msg_t *frame, hedge_why_t *why)
{
        const uint8_t *bytes = zmq_msg_data(frame);

        if (zmq_msg_size(frame) != net->n_state * sizeof(float))
                return hedge_why(why, HEDGE_EMALFORMED, "batch statistics of %zu bytes, not %zu", zmq_msg_size(frame),
                                 net->n_state * sizeof(float));
        for (size_t i = 0; i < net->n_state; i++) {
                float number;

                memcpy(&number, bytes + i * sizeof(number), sizeof(number));
                if (!isfinite(number))
                        return hedge_why(why, HEDGE_EMALFORMED, "batch statistics that are no numbers");
        }
        return 0;
}

int hedged_uplink_put(hedged_uplink_t *u, unsigned board, zmq_msg_t *frames, uint32_t n_frames, bool images,
                      hedge_why_t *why)
{
        const uint32_t wanted = images && u->net->n_state ? 2 : 1;
        answer_t *answer = &u->answers[board];
        int r;

        assert(board < BOARDS && !answer->here);
        if (n_frames != wanted)
                return hedge_why(why, HEDGE_EMALFORMED, "a gradient of %u frames, not %u", n_frames, wanted);
        r = wanted == 2 ? check_statistics(u->net, &frames[1], why) : 0;
        if (r < 0)
                return r;
        answer->here = true;
        zmq_msg_init(&answer->gradient);
        zmq_msg_init(&answer->statistics);
        zmq_msg_move(&answer->gradient, &frames[0]);
        if (wanted == 2)
                zmq_msg_move(&answer->statistics, &frames[1]);
        return 0;
}

/* Frames lie at any byte. */
static void add_statistics(hedged_uplink_t *u, zmq_msg_t *frame)
{
        const uint8_t *bytes = zmq_msg_data(frame);

        if (zmq_msg_size(frame) == 0)
                return;
        for (size_t i = 0; i < u->net->n_state; i++) {
                float number;

                memcpy(&number, bytes + i * sizeof(number), sizeof(number));
                u->statistics[i] += number;
        }
        u->added_statistics++;
}

int hedged_uplink_add(hedged_uplink_t *u, unsigned end, unsigned *ret_board, hedge_why_t *why)
{
        unsigned b = 0;
        int r;

        while (b < end && b < BOARDS && !u->answers[b].here)
                b++;
        if (b >= end || b >= BOARDS)
                return 0;
        *ret_board = b;
        r = hedge_co3_decode(u->co3, zmq_msg_data(&u->answers[b].gradient), zmq_msg_size(&u->answers[b].gradient), 1,
                             u->sum, why);
        if (r == 0) {
                add_statistics(u, &u->answers[b].statistics);
                u->added++;
        }
        drop(&u->answers[b]);
        return r < 0 ? r : 1;
}

static void divide(float *numbers, size_t n, unsigned by)
{
        const float factor = 1 / (float)by;

        for (size_t i = 0; by > 1 && i < n; i++)
                numbers[i] *= factor;
}

void hedged_uplink_mean(hedged_uplink_t *u, float **ret_gradient, const float **ret_statistics)
{
        assert(u->added > 0);
        divide(u->sum, u->net->n_params, u->added);
        divide(u->statistics, u->net->n_state, u->added_statistics);
        *ret_gradient = u->sum;
        *ret_statistics = u->added_statistics ? u->statistics : NULL;
}
