/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/measure/toll.h"

#define MESSAGES_MIN 300
#define NEWS         0.3  /* what counts of the latest */
#define FACTOR_MOST  30.0 /* whatever a process says: a board's core is 10 times slower, and counting has its errors */

void hedged_toll_learn(hedged_toll_t *t, const hedged_costs_t *costs, const hedged_toll_totals_t *now)
{
        const hedged_toll_totals_t last = t->last;
        double expected_s, factor;

        if (now->messages < last.messages || now->bytes < last.bytes || now->s < last.s) {
                t->last = *now;
                return;
        }
        if (now->messages - last.messages < MESSAGES_MIN)
                return;
        t->last = *now;
        expected_s = (double)(now->messages - last.messages) * costs->message_s +
                     (double)(now->bytes - last.bytes) * costs->byte_s;
        if (!(expected_s > 0) || !(now->s > last.s))
                return;
        factor = (now->s - last.s) / expected_s;
        factor = factor > FACTOR_MOST ? FACTOR_MOST : factor > 1 / FACTOR_MOST ? factor : 1 / FACTOR_MOST;
        t->factor = t->factor > 0 ? t->factor + NEWS * (factor - t->factor) : factor;
}
