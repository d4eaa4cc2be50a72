/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_DISPATCH_BED_H
#define HEDGE_TEST_DISPATCH_BED_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/infer/dispatch.h"
#include "daemon/models/model.h"

/** The loop's half of layer runs without a loop: a real cluster, boards that are told what to send, a list in place of the
 * measurements, and mail that is handled when a test says so. Failures abort: this also runs where cmocka cannot be told. */

#define DISPATCH_BOARDS  4u
#define DISPATCH_SENT    256u /* messages that a board may have in its queue */
#define DISPATCH_SAMPLES 64u  /* the last ones are kept */

#define STUCK_S 200 /* who waits for an event that does not come fails, and does not wait for ever */

#define MUST(what) ((what) ? (void)0 : dispatch_bed_fail(__FILE__, __LINE__, #what))

static inline void dispatch_bed_fail(const char *file, int line, const char *what)
{
        fprintf(stderr, "%s:%d: %s does not hold\n", file, line, what);
        abort();
}

static const hedge_conv_t dispatch_conv = HEDGE_CONV_3X3(8, 6, 2, 4);

/** What a board was sent: a TASK, or a CANCEL. */
typedef struct dispatch_sent {
        hedge_message_type_t type;
        uint64_t run;
        hedge_digest_t digest;
        hedge_precision_t wire;
        uint32_t n_inputs, n_order;
        uint32_t inputs[HEDGED_TASK_INPUTS];
        uint32_t order[HEDGE_CODE_MAX_PARTS];
        zmq_msg_t frames[HEDGED_TASK_INPUTS];
        uint32_t first, last, n_windows;
        hedge_window_t windows[HEDGED_TASK_INPUTS];
} dispatch_sent_t;

typedef struct dispatch_board {
        int fails;             /**< what sending to it says; 0: it works */
        dispatch_sent_t *sent; /**< room for DISPATCH_SENT */
        unsigned n_sent;
} dispatch_board_t;

typedef struct dispatch_sample {
        char board[HEDGE_BOARD_NAME_MAX];
        hedged_task_sample_t sample;
} dispatch_sample_t;

typedef struct dispatch_bed {
        hedged_cluster_t *cluster;
        hedged_dispatch_t *dispatch;
        hedge_mailbox_t *loop;
        hedge_code_t *code;
        hedge_digest_t digests[DISPATCH_BOARDS];
        hedged_variant_t variant;
        dispatch_board_t boards[DISPATCH_BOARDS];
        dispatch_sample_t samples[DISPATCH_SAMPLES];
        unsigned n_samples; /* so far */
        int64_t now_ms;
} dispatch_bed_t;

/* In place of daemon/measure. */
void hedged_measure_task(hedged_measure_t *measure, const char *board, const hedged_task_sample_t *sample)
{
        dispatch_bed_t *bed = (dispatch_bed_t *)(void *)measure;
        dispatch_sample_t *s = &bed->samples[bed->n_samples++ % DISPATCH_SAMPLES];

        snprintf(s->board, sizeof(s->board), "%s", board);
        s->sample = *sample;
}

static int dispatch_bed_send(zsock_t *arg, const hedge_route_t *route, const hedge_message_t *message,
                             zmq_msg_t *frames, uint32_t n_frames)
{
        dispatch_bed_t *bed = (void *)arg;
        dispatch_board_t *b = &bed->boards[route->bytes[0] - 1];
        dispatch_sent_t *s = &b->sent[b->n_sent];
        const hedge_msg_task_t *task = &message->task;

        MUST(b->n_sent < DISPATCH_SENT);
        for (uint32_t i = 0; b->fails < 0 && i < n_frames; i++)
                zmq_msg_close(&frames[i]);
        if (b->fails < 0)
                return b->fails;
        b->n_sent++;
        *s = (dispatch_sent_t){ .type = message->type, .run = message->cancel.run };
        if (message->type == HEDGE_MSG_CANCEL)
                return 0;
        MUST(message->type == HEDGE_MSG_TASK && n_frames == task->n_inputs);
        s->run = task->run;
        s->digest = task->digest;
        s->wire = (hedge_precision_t)task->wire;
        s->n_inputs = task->n_inputs;
        s->n_order = task->n_order;
        s->first = task->first;
        s->last = task->last;
        s->n_windows = task->n_windows;
        MUST(task->n_windows == 0 || task->n_windows == task->n_inputs);
        for (uint32_t i = 0; i < task->n_windows; i++)
                s->windows[i] = task->windows[i];
        memcpy(s->inputs, task->inputs, task->n_inputs * sizeof(s->inputs[0]));
        memcpy(s->order, task->order, task->n_order * sizeof(s->order[0]));
        for (uint32_t i = 0; i < n_frames; i++) {
                zmq_msg_init(&s->frames[i]);
                zmq_msg_move(&s->frames[i], &frames[i]);
        }
        return 0;
}

/** Forget the oldest message to a board. */
static inline void dispatch_bed_shift(dispatch_board_t *b)
{
        for (uint32_t i = 0; i < b->sent[0].n_inputs; i++)
                zmq_msg_close(&b->sent[0].frames[i]);
        memmove(b->sent, b->sent + 1, --b->n_sent * sizeof(b->sent[0]));
}

static void dispatch_bed_changed(void *arg, hedged_board_t *board, bool restarted)
{
        dispatch_bed_t *bed = arg;

        if (bed->dispatch && (board->state != HEDGED_BOARD_ALIVE || restarted))
                hedged_dispatch_board_lost(bed->dispatch, board);
}

/** Board i, which has number i. NULL: it was never there. */
static inline hedged_board_t *dispatch_bed_board(dispatch_bed_t *bed, unsigned i)
{
        return hedged_cluster_at(bed->cluster, i);
}

static inline void dispatch_bed_hello(dispatch_bed_t *bed, unsigned i, uint64_t incarnation)
{
        const hedge_route_t route = { .bytes = { (uint8_t)(i + 1) }, .size = 1 };
        hedge_msg_hello_t hello = { .incarnation = incarnation };
        hedged_board_t *board;

        snprintf(hello.board, sizeof(hello.board), "board-%u", i);
        bed->now_ms += 3600000; /* nobody is on probation */
        MUST(hedged_cluster_hello(bed->cluster, &hello, &route, (int)i, bed->now_ms, &board) == 0);
        MUST(board->index == i && board->usable);
}

static inline void dispatch_bed_variant(dispatch_bed_t *bed, const hedge_code_params_t *params)
{
        hedged_variant_t *v = &bed->variant;

        MUST(hedge_code_new_with(params, &bed->code, NULL) == 0);
        MUST(hedge_partition_init(&v->partition, &dispatch_conv, params->k_a, params->k_b) == 0);
        v->code = bed->code;
        v->digests = bed->digests;
        v->cut = (hedged_cut_t){
                .scheme = params->scheme, .k_a = params->k_a, .k_b = params->k_b, .delta = hedge_code_delta(bed->code)
        };
        for (unsigned i = 0; i < DISPATCH_BOARDS; i++)
                memset(&bed->digests[i], (int)i + 1, sizeof(bed->digests[i]));
        atomic_store(&v->holders[0], (1u << DISPATCH_BOARDS) - 1);
}

static inline void dispatch_bed_begin(dispatch_bed_t *bed, const hedge_code_params_t *params)
{
        alarm(STUCK_S);
        memset(bed, 0, sizeof(*bed));
        bed->now_ms = 1000000;
        MUST(hedged_cluster_new(DISPATCH_BOARDS, 500, 3, 60000, dispatch_bed_changed, bed, &bed->cluster) == 0);
        MUST(hedged_dispatch_new(dispatch_bed_send, (void *)bed, bed->cluster, (hedged_measure_t *)(void *)bed,
                                 &bed->dispatch) == 0);
        MUST(hedge_mailbox_new(&bed->loop) == 0);
        dispatch_bed_variant(bed, params);
        for (unsigned i = 0; i < DISPATCH_BOARDS; i++) {
                bed->boards[i].sent = calloc(DISPATCH_SENT, sizeof(dispatch_sent_t));
                MUST(bed->boards[i].sent);
                dispatch_bed_hello(bed, i, 1);
        }
}

static inline void dispatch_bed_end(dispatch_bed_t *bed)
{
        for (unsigned i = 0; i < DISPATCH_BOARDS; i++) {
                while (bed->boards[i].n_sent)
                        dispatch_bed_shift(&bed->boards[i]);
                free(bed->boards[i].sent);
        }
        MUST(!hedge_mailbox_take(bed->loop));
        hedge_mailbox_destroy(&bed->loop);
        hedged_dispatch_destroy(&bed->dispatch);
        hedged_cluster_destroy(&bed->cluster);
        hedge_code_destroy(&bed->code);
        alarm(0);
}

/** The loop handles its mail. */
static inline void dispatch_bed_turn(dispatch_bed_t *bed)
{
        hedge_mail_t *mail;

        while ((mail = hedge_mailbox_take(bed->loop)))
                hedged_dispatch_mail(bed->dispatch, mail);
}

/** The bytes of a part's frame. */
static inline size_t dispatch_bed_part_bytes(const dispatch_bed_t *bed, hedge_precision_t wire)
{
        return hedge_precision_bytes(wire, hedge_partition_part_elements(&bed->variant.partition));
}

/** Board i sends a PART. @param frames  Closed afterwards. @return what hedged_dispatch_part says. */
static inline int dispatch_bed_send_frames(dispatch_bed_t *bed, unsigned i, const hedge_msg_part_t *m,
                                           zmq_msg_t *frames)
{
        hedge_envelope_t e = { .message = { .type = HEDGE_MSG_PART, .part = *m },
                               .frames = frames,
                               .n_frames = m->n_parts };
        size_t bytes[HEDGE_PART_FRAMES];
        hedge_why_t why = { .text = "" };
        int r;

        for (uint32_t k = 0; k < m->n_parts; k++)
                bytes[k] = zmq_msg_size(&frames[k]);
        r = hedged_dispatch_part(bed->dispatch, dispatch_bed_board(bed, i), &e, &why);
        MUST((r == HEDGE_EMALFORMED) == (why.text[0] != 0));
        for (uint32_t k = 0; k < m->n_parts; k++) {
                MUST(zmq_msg_size(&frames[k]) == (r == 0 ? 0 : bytes[k])); /* all are taken, or none is */
                zmq_msg_close(&frames[k]);
        }
        return r;
}

/** One whose frames have so many bytes each, all of them the part's number. */
static inline int dispatch_bed_send_parts(dispatch_bed_t *bed, unsigned i, const hedge_msg_part_t *m,
                                          const size_t *bytes)
{
        zmq_msg_t frames[HEDGE_PART_FRAMES];

        for (uint32_t k = 0; k < m->n_parts; k++) {
                MUST(zmq_msg_init_size(&frames[k], bytes[k]) == 0);
                memset(zmq_msg_data(&frames[k]), (int)m->parts[k].part, bytes[k]);
        }
        return dispatch_bed_send_frames(bed, i, m, frames);
}

/** One part whose frame has so many bytes. */
static inline int dispatch_bed_part(dispatch_bed_t *bed, unsigned i, uint64_t run, unsigned number, size_t bytes,
                                    hedge_precision_t wire)
{
        hedge_part_t part = { .part = number, .compute_us = number + 1, .wire = wire };

        return dispatch_bed_send_parts(bed, i, &(hedge_msg_part_t){ .run = run, .n_parts = 1, .parts = &part }, &bytes);
}

#endif
