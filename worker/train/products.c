/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/train/products.h"

#include <errno.h>

#include "common/clock.h"
#include "common/log.h"

bool hedgew_training_products_are(hedge_message_type_t type)
{
        return type == HEDGE_MSG_HOLD || type == HEDGE_MSG_APPLY || type == HEDGE_MSG_UPDATE ||
               type == HEDGE_MSG_FETCH || type == HEDGE_MSG_MULTIPLY;
}

uint64_t hedgew_training_products_step(const hedge_message_t *message)
{
        if (message->type == HEDGE_MSG_APPLY)
                return message->apply.step;
        return message->type == HEDGE_MSG_MULTIPLY ? message->multiply.step : UINT64_MAX;
}

uint64_t hedgew_training_products_train(const hedge_message_t *message)
{
        switch (message->type) {
        case HEDGE_MSG_APPLY:
                return message->apply.job;
        case HEDGE_MSG_UPDATE:
                return message->update.job;
        case HEDGE_MSG_MULTIPLY:
                return message->multiply.job;
        default:
                return message->hold.job;
        }
}

static void refuse(hedgew_training_thread_t *t, const hedgew_training_order_t *order, int code, const hedge_why_t *why)
{
        hedgew_training_thread_report(t, order, hedgew_training_error(code, why, order->job, NULL));
}

/* Time that an emulated board takes for so many multiply-accumulates. */
static int64_t least_us(const hedgew_training_order_t *order, uint64_t macs)
{
        const double us = order->fate.macs_per_s > 0 ? 1e6 * (double)macs / order->fate.macs_per_s : 0;

        return (int64_t)(us < 1e12 ? us : 1e12);
}

/* @return false: nobody wants the order any more. */
static bool pass_time(hedgew_training_thread_t *t, const hedgew_training_order_t *order, int64_t began_us,
                      uint64_t macs)
{
        const int64_t us = least_us(order, macs);

        return us == 0 || hedgew_training_thread_linger(t, order, began_us + us, true) != HEDGEW_TRAINING_GONE;
}

/* ---- products ---- */

/* What a PRODUCT says of the message that asked for it. */
static hedge_msg_product_t product_of(const hedge_message_t *message)
{
        hedge_msg_product_t product = { .job = hedgew_training_products_train(message) };

        if (message->type == HEDGE_MSG_MULTIPLY) {
                product.step = message->multiply.step;
                product.packet = message->multiply.packet;
        } else if (message->type == HEDGE_MSG_APPLY) {
                product.step = message->apply.step;
                product.packet = message->apply.matrix;
        } else {
                product.packet = message->hold.matrix;
        }
        return product;
}

/* Takes the product over. */
static void send_product(hedgew_training_thread_t *t, const hedgew_training_order_t *order, int64_t began_us,
                         hedgew_matrices_product_t *product)
{
        const uint64_t bytes = zmq_msg_size(&product->frame);
        hedgew_training_answer_t *answer;
        uint64_t compute_us = (uint64_t)(hedge_now_us() - began_us);

        if (!pass_time(t, order, began_us, product->macs) || !hedgew_training_thread_room(t, order, bytes)) {
                zmq_msg_close(&product->frame);
                return;
        }
        if (compute_us < (uint64_t)least_us(order, product->macs))
                compute_us = (uint64_t)least_us(order, product->macs);
        answer = hedgew_training_answer_new(HEDGE_MSG_PRODUCT);
        if (answer) {
                answer->report.message.product = product_of(&order->envelope.message);
                answer->report.message.product.compute_us = compute_us;
                answer->report.n_frames = 1;
                answer->bytes = bytes;
                answer->due_us = order->fate.hold_us ? hedge_now_us() + order->fate.hold_us : 0;
                zmq_msg_move(&answer->frames[0], &product->frame);
        }
        zmq_msg_close(&product->frame);
        hedgew_training_thread_report(t, order, answer);
}

/* Compute what is asked for. @param wanted  Its product, not only what it changes. */
static int compute(hedgew_training_thread_t *t, hedgew_training_order_t *order, bool wanted,
                   hedgew_matrices_product_t *ret, hedge_why_t *why)
{
        const hedge_message_t *message = &order->envelope.message;

        if (message->type == HEDGE_MSG_APPLY)
                return hedgew_matrices_apply(t->matrices, &message->apply, order->envelope.frames, wanted ? ret : NULL,
                                             why);
        if (message->type == HEDGE_MSG_MULTIPLY)
                return wanted ? hedgew_matrices_multiply(t->matrices, &message->multiply, order->envelope.frames, ret,
                                                         why)
                              : 0;
        return hedgew_matrices_fetch(t->matrices, &message->hold, ret, why);
}

/* One that never arrives on an emulated board changes what it changes all the same: it is the answer that does not come. */
static void do_product(hedgew_training_thread_t *t, hedgew_training_order_t *order)
{
        const bool never = order->fate.arrival_us == HEDGEW_NEVER_US;
        const hedgew_training_standing_t is =
                hedgew_training_thread_linger(t, order, never ? 0 : order->fate.arrival_us, false);
        const bool wanted = is == HEDGEW_TRAINING_WANTED && !never && !order->fate.fails;
        const int64_t began_us = hedge_now_us();
        hedgew_matrices_product_t product;
        hedge_why_t why = { .text = "" };
        int r;

        if (is == HEDGEW_TRAINING_GONE)
                return;
        hedgew_training_thread_busy(t, true);
        r = compute(t, order, wanted, &product, &why);
        hedgew_training_thread_busy(t, false);
        if (r == 0 && order->fate.fails && is == HEDGEW_TRAINING_WANTED)
                r = hedge_why(&why, HEDGE_EKERNEL, "emulated failure");
        if (r < 0)
                refuse(t, order, r, &why);
        else if (wanted)
                send_product(t, order, began_us, &product);
}

/* ---- messages without an answer ---- */

static void do_update(hedgew_training_thread_t *t, hedgew_training_order_t *order)
{
        const bool never = order->fate.arrival_us == HEDGEW_NEVER_US;
        hedge_why_t why = { .text = "" };
        int64_t began_us;
        uint64_t macs;
        int r;

        if (hedgew_training_thread_linger(t, order, never ? 0 : order->fate.arrival_us, true) == HEDGEW_TRAINING_GONE)
                return;
        began_us = hedge_now_us();
        hedgew_training_thread_busy(t, true);
        r = hedgew_matrices_update(t->matrices, &order->envelope.message.update, order->envelope.frames,
                                   order->envelope.n_frames, &macs, &why);
        hedgew_training_thread_busy(t, false);
        if (r < 0)
                refuse(t, order, r, &why);
        else
                pass_time(t, order, began_us, macs);
}

static void do_hold(hedgew_training_thread_t *t, hedgew_training_order_t *order)
{
        const hedge_msg_hold_t *hold = &order->envelope.message.hold;
        hedge_why_t why = { .text = "" };
        int r;

        if (t->job)
                hedgew_training_thread_leave(t);
        if (hold->job != hedgew_matrices_train(t->matrices))
                log_info("job=%llu: holding coded matrices", (unsigned long long)hold->job);
        r = hedgew_matrices_hold(t->matrices, hold, order->envelope.frames, &why);
        if (r < 0)
                refuse(t, order, r, &why);
}

/* ---- all of them ---- */

/* There shall be a place for matrices, and none in it that came by another connection. */
static int prepare(hedgew_training_thread_t *t, const hedgew_training_order_t *order, hedge_why_t *why)
{
        const hedge_message_type_t type = order->envelope.message.type;

        if (t->matrices && t->matrices_generation != order->generation)
                hedgew_matrices_leave(t->matrices);
        t->matrices_generation = order->generation;
        if (t->matrices)
                return 0;
        if (type != HEDGE_MSG_HOLD && type != HEDGE_MSG_MULTIPLY)
                return hedge_why(why, -ENOENT, "this board holds no matrices of training %llu",
                                 (unsigned long long)order->job);
        return hedgew_matrices_new(t->settings.bytes_max, &t->matrices, why);
}

void hedgew_training_products_carry_out(hedgew_training_thread_t *t, hedgew_training_order_t *order)
{
        const hedge_message_type_t type = order->envelope.message.type;
        hedge_why_t why = { .text = "" };
        int r;

        if (hedgew_training_thread_linger(t, order, 0, true) == HEDGEW_TRAINING_GONE)
                return;
        r = order->code < 0 ? order->code : prepare(t, order, &why);
        if (order->code < 0 && t->matrices)
                hedgew_matrices_miss(t->matrices, &order->envelope.message);
        if (r < 0)
                refuse(t, order, r, order->code < 0 ? &order->why : &why);
        else if (type == HEDGE_MSG_HOLD)
                do_hold(t, order);
        else if (type == HEDGE_MSG_UPDATE)
                do_update(t, order);
        else
                do_product(t, order);
        hedgew_training_thread_publish(t, t->status.steps);
}

void hedgew_training_products_leave(hedgew_training_thread_t *t, const hedgew_training_order_t *order)
{
        uint64_t job;

        if (!t->matrices)
                return;
        job = hedgew_matrices_train(t->matrices);
        if (job && job != order->job)
                return;
        if (job)
                log_info("job=%llu: its matrices are forgotten", (unsigned long long)job);
        hedgew_matrices_destroy(&t->matrices);
        hedgew_training_thread_publish(t, t->status.steps);
}
