/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/log.h"
#include "daemon/server/state.h"

/* MATMUL: one product at a time, over the line that training jobs use. */

#define NUMBERS      (1ull << 63) /* from here on: no job has such a number */
#define PACKET_BYTES (2ull << 30) /* that are under way at the same time */

static int check(const hedged_coordinator_t *c, const hedge_envelope_t *e, hedge_why_t *why)
{
        if (c->stopping)
                return hedge_why(why, HEDGE_ESHUTDOWN, "the coordinator is stopping");
        if (c->running)
                return hedge_why(why, -EBUSY, "job %" PRIu64 " is training on the boards: wait for it, or stop it",
                                 c->running->status.job);
        if (c->product)
                return hedge_why(why, -EBUSY, "another product is being computed, try again later");
        return hedged_multiply_check(&e->message.matmul, e->frames, c->limits.max_frame_bytes, why);
}

static int start(hedged_coordinator_t *c, hedge_envelope_t *e, hedge_why_t *why)
{
        hedged_speeds_t speeds;
        const hedged_multiply_settings_t settings = {
                .line = c->line,
                .job = NUMBERS + ++c->products,
                .loop = c->mail,
                .done_kind = HEDGED_MAIL_PRODUCT,
                .packet_bytes = PACKET_BYTES,
                .speeds = &speeds,
                .chance = c->product_chance,
        };
        int r;

        hedged_measure_snapshot(c->measure, c->cluster, &speeds);
        hedged_line_open(c->line, settings.job);
        r = hedged_multiply_start(&settings, &e->message.matmul, e->frames, &c->product);
        if (r == 0)
                return 0;
        hedged_line_close(c->line, false);
        return hedge_why(why, r, "it could not be started: %s", hedge_strerror(r));
}

void hedged_products_matmul(hedged_coordinator_t *c, zsock_t *socket, hedge_envelope_t *e)
{
        const uint64_t id = e->message.matmul.id;
        hedge_why_t why;
        int r = check(c, e, &why);

        if (r == 0)
                r = start(c, e, &why);
        if (r < 0) {
                hedged_reply_error(socket, &e->route, id, r, why.text);
                return;
        }
        c->product_ask = (hedged_stop_ask_t){ .socket = socket, .route = e->route, .id = id };
}

void hedged_products_done(hedged_coordinator_t *c)
{
        hedged_stop_ask_t *ask = &c->product_ask;
        hedge_message_t message = { .type = HEDGE_MSG_MATMUL_OK };
        hedge_why_t why = { "" };
        zmq_msg_t frame;
        int r = hedged_multiply_result(c->product, &message.matmul_ok, &frame, &why);

        if (ask->socket && r < 0)
                hedged_reply_error(ask->socket, &ask->route, ask->id, r, why.text);
        else if (ask->socket)
                hedged_reply(ask->socket, &ask->route, ask->id, &message, &frame, 1);
        else if (r == 0)
                zmq_msg_close(&frame);
        c->product_chance = hedged_multiply_chance(c->product);
        hedged_multiply_destroy(&c->product);
        hedged_line_close(c->line, false);
        hedged_training_next(c);
}

void hedged_products_stop(hedged_coordinator_t *c)
{
        if (c->product)
                hedged_line_stop(c->line, HEDGED_STOP_SHUTDOWN);
}

void hedged_products_abandon(hedged_coordinator_t *c)
{
        if (c->product && c->product_ask.socket)
                hedged_reply_error(c->product_ask.socket, &c->product_ask.route, c->product_ask.id, HEDGE_ESHUTDOWN,
                                   "the coordinator is stopping");
        c->product_ask.socket = NULL;
}
