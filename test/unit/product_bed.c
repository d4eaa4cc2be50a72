/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/product_bed.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

static void *get(size_t size)
{
        void *p = calloc(1, size);

        if (!p)
                abort();
        return p;
}

static void drop_held(product_board_t *b)
{
        while (b->n_held)
                hedged_line_event_release(&b->held[--b->n_held]);
}

/* ---- a board ---- */

static hedged_line_event_t *multiply(unsigned board, const hedge_msg_multiply_t *asked, zmq_msg_t *frames)
{
        hedged_line_event_t *event = line_bed_answer(board, HEDGE_MSG_PRODUCT);
        const float *a = zmq_msg_data(&frames[0]), *b = zmq_msg_data(&frames[1]);
        float *c;

        if (zmq_msg_size(&frames[0]) != (size_t)asked->rows * asked->inner * sizeof(float) ||
            zmq_msg_size(&frames[1]) != (size_t)asked->inner * asked->cols * sizeof(float))
                abort();
        event->envelope.message.product = (hedge_msg_product_t){ asked->job, asked->step, asked->packet, 10 };
        c = zmq_msg_data(line_bed_frame(event, (size_t)asked->rows * asked->cols * sizeof(float)));
        for (uint32_t i = 0; i < asked->rows; i++)
                for (uint32_t j = 0; j < asked->cols; j++) {
                        double sum = 0;

                        for (uint32_t k = 0; k < asked->inner; k++)
                                sum += (double)a[i * asked->inner + k] * b[k * asked->cols + j];
                        c[i * asked->cols + j] = (float)sum;
                }
        return event;
}

static void lose(product_bed_t *bed, unsigned board)
{
        drop_held(&bed->boards[board]);
        line_bed_lost(&bed->line, board);
        if (bed->boards[board].comes_back)
                line_bed_here(&bed->line, board);
        bed->boards[board].dies = false;
}

static int hear(line_bed_t *line, unsigned board, const hedge_message_t *message, zmq_msg_t *frames, uint32_t n_frames)
{
        product_bed_t *bed = (product_bed_t *)line;
        product_board_t *b = &bed->boards[board];
        hedged_line_event_t *event;

        if (message->type != HEDGE_MSG_MULTIPLY || n_frames != 2)
                abort();
        b->asked++;
        if (b->dies)
                lose(bed, board);
        else if (b->refuses)
                line_bed_put_error(line, board, HEDGE_ELIMIT, "no room for that", NULL);
        else if (!b->dumb && line->here[board]) {
                event = multiply(board, &message->multiply, frames);
                b->answered++;
                if (!b->slow)
                        line_bed_put(line, event);
                else if (b->n_held < sizeof(b->held) / sizeof(b->held[0]))
                        b->held[b->n_held++] = event;
                else
                        hedged_line_event_release(&event);
        }
        return 0;
}

/* ---- the bed ---- */

product_bed_t *product_bed_new(unsigned boards)
{
        product_bed_t *bed = get(sizeof(*bed));

        bed->line.hear = hear;
        line_bed_open(&bed->line);
        for (unsigned i = 0; i < boards; i++)
                line_bed_here(&bed->line, i);
        return bed;
}

void product_bed_destroy(product_bed_t **bed)
{
        for (unsigned i = 0; i < LINE_BED_BOARDS; i++)
                drop_held(&(*bed)->boards[i]);
        line_bed_close(&(*bed)->line);
        free(*bed);
        *bed = NULL;
}

void product_bed_deliver(product_bed_t *bed, unsigned board)
{
        product_board_t *b = &bed->boards[board];

        for (unsigned i = 0; i < b->n_held; i++) {
                b->held[i]->received_us = hedge_now_us();
                line_bed_put(&bed->line, b->held[i]);
        }
        b->n_held = 0;
}
