/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server/products.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/server/trainings.h"
#include "daemon/train/uep/multiply.h"

/* MATMUL: one product at a time, over the line that training jobs use. */

#define NUMBERS      (1ull << 63) /* from here on: no job has such a number */
#define PACKET_BYTES (2ull << 30) /* that are under way at the same time */

struct hedged_products {
        hedged_multiply_t *multiply; /* the one that is being computed */
        hedge_asker_t asker;         /* who waits for it */
        uint64_t count;              /* so many so far */
        hedged_chance_t chance;      /* that a packet comes in time */
};

static int check(const hedged_server_t *s, const hedge_envelope_t *e, hedge_why_t *why)
{
        if (s->stopping)
                return hedge_why(why, HEDGE_ESHUTDOWN, HEDGED_STOPPING);
        if (s->products->multiply)
                return hedge_why(why, -EBUSY, "another product is being computed, try again later");
        return hedged_multiply_check(&e->message.matmul, e->frames, s->limits.max_frame_bytes, why);
}

static int start(hedged_server_t *s, hedge_envelope_t *e, hedge_why_t *why)
{
        hedged_products_t *p = s->products;
        hedged_speeds_t speeds;
        const hedged_multiply_settings_t settings = {
                .line = hedged_trainings_line(s->trainings),
                .job = NUMBERS + ++p->count,
                .loop = s->mail,
                .done_kind = HEDGED_MAIL_PRODUCT,
                .packet_bytes = PACKET_BYTES,
                .speeds = &speeds,
                .chance = p->chance,
        };
        int r = hedged_trainings_take_line(s->trainings, why);

        if (r < 0)
                return r;
        hedged_measure_snapshot(s->measure, s->cluster, &speeds);
        hedged_line_open(settings.line, settings.job);
        r = hedged_multiply_start(&settings, &e->message.matmul, e->frames, &p->multiply);
        if (r == 0)
                return 0;
        hedged_line_close(settings.line, false);
        hedged_trainings_give_line(s->trainings);
        return hedge_why(why, r, "it could not be started: %s", hedge_strerror(r));
}

void hedged_products_matmul(hedged_server_t *s, const hedge_asker_t *asker, hedge_envelope_t *e)
{
        hedge_why_t why;
        int r = check(s, e, &why);

        if (r == 0)
                r = start(s, e, &why);
        if (r < 0)
                hedged_refuse(asker, r, why.text);
        else
                s->products->asker = *asker;
}

void hedged_products_done(hedged_server_t *s)
{
        hedged_products_t *p = s->products;
        hedge_message_t message = { .type = HEDGE_MSG_MATMUL_OK };
        hedge_why_t why = { "" };
        zmq_msg_t frame;
        int r = hedged_multiply_result(p->multiply, &message.matmul_ok, &frame, &why);

        if (p->asker.socket && r < 0)
                hedged_refuse(&p->asker, r, why.text);
        else if (p->asker.socket)
                hedged_reply(&p->asker, &message, &frame, 1);
        else if (r == 0)
                zmq_msg_close(&frame);
        p->chance = hedged_multiply_chance(p->multiply);
        hedged_multiply_destroy(&p->multiply);
        hedged_line_close(hedged_trainings_line(s->trainings), false);
        hedged_trainings_give_line(s->trainings);
}

void hedged_products_stop(hedged_server_t *s)
{
        if (s->products->multiply)
                hedged_line_stop(hedged_trainings_line(s->trainings), HEDGED_STOP_SHUTDOWN);
}

void hedged_products_abandon(hedged_products_t *p)
{
        if (p->multiply && p->asker.socket)
                hedged_refuse(&p->asker, HEDGE_ESHUTDOWN, HEDGED_STOPPING);
        p->asker.socket = NULL;
}

int hedged_products_new(hedged_products_t **ret)
{
        *ret = calloc(1, sizeof(**ret));
        return *ret ? 0 : -ENOMEM;
}

void hedged_products_destroy(hedged_products_t **products)
{
        free(*products);
        *products = NULL;
}
