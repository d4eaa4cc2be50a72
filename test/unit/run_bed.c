/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/run_bed.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/tensor.h"
#include "common/train/blas.h"

#define NEWS 1
#define LONG 60000

static void *get(size_t n, size_t size)
{
        void *p = calloc(n ? n : 1, size);

        if (!p)
                abort();
        return p;
}

static void fill_frame(zmq_msg_t *frame, const void *bytes, size_t size)
{
        if (zmq_msg_init_size(frame, size) < 0)
                abort();
        memcpy(zmq_msg_data(frame), bytes, size);
}

static int hear_all(line_bed_t *line, unsigned board, const hedge_message_t *message, zmq_msg_t *frames,
                    uint32_t n_frames);

bed_t *bed_new(const char *yaml)
{
        bed_t *bed = get(1, sizeof(*bed));
        char *text = NULL;

        assert_true(asprintf(&text, "name: bed\n%sdata: {train: [i, l], hold_out: %u, classes: %u}\n", yaml, BED_TEST,
                             BED_CLASSES) > 0);
        job_bed_open(&bed->job, text, BED_IMAGES + BED_TEST);
        free(text);
        bed->line.hear = hear_all;
        line_bed_open(&bed->line);
        assert_int_equal(hedge_mailbox_new(&bed->loop), 0);
        bed->gradients_end = &bed->gradients;
        return bed;
}

/* ---- a board ---- */

static void broken(bed_t *bed, const char *text)
{
        if (!*bed->broken)
                snprintf(bed->broken, sizeof(bed->broken), "%s", text);
}

static void leave(bed_board_t *b)
{
        for (unsigned i = 0; i < b->n_shards; i++) {
                hedge_batches_destroy(&b->batches[i]);
                hedge_dataset_destroy(&b->shards[i]);
        }
        b->n_shards = 0;
        hedge_workspace_destroy(&b->workspace);
        hedge_co3_destroy(&b->co3);
        hedge_net_destroy(&b->net);
        free(b->params);
        free(b->error);
        free(b->gradient);
        free(b->statistics);
        free(b->images);
        free(b->computed);
        free(b->labels);
        free(b->room);
        b->params = b->error = b->gradient = b->statistics = b->images = NULL;
        b->computed = NULL;
        b->labels = b->room = NULL;
        b->last = NULL;
        b->joined = false;
}

static hedge_net_t *make_net(const hedge_msg_join_t *join)
{
        const hedge_extent_t image = { join->image_h, join->image_w, join->image_c, false };
        hedge_layer_spec_t *specs = get(join->n_layers, sizeof(*specs));
        hedge_net_t *net = NULL;

        for (uint32_t i = 0; i < join->n_layers; i++) {
                const hedge_train_layer_t *l = &join->layers[i];

                specs[i] = (hedge_layer_spec_t){ .name = *l->name ? l->name : NULL,
                                                 .from = *l->from ? l->from : NULL,
                                                 .with = *l->with ? l->with : NULL,
                                                 .units = l->units,
                                                 .kernel = l->kernel,
                                                 .stride = l->stride,
                                                 .pad = l->pad,
                                                 .no_bias = l->no_bias };
                if (hedge_layer_kind(l->kind, &specs[i].kind) < 0)
                        abort();
        }
        if (hedge_net_new(&image, specs, join->n_layers, &net, NULL) < 0)
                abort();
        free(specs);
        return net;
}

static void make_memory(bed_board_t *b)
{
        const size_t n = b->net->n_params;
        uint32_t entries[64];

        for (uint32_t i = 0; i < b->net->n_segments; i++)
                entries[i] = (uint32_t)b->net->segments[i].count;
        if (hedge_co3_new(entries, b->net->n_segments, &b->co3) < 0 ||
            hedge_co3_format_parse(b->join.format, &b->options.format) < 0 ||
            hedge_workspace_new(b->net, NULL, b->join.batch, &b->workspace, NULL) < 0)
                abort();
        b->options.gamma = (float)b->join.gamma;
        b->options.max_bits = (float)b->join.max_bits;
        b->options.compress = b->join.compress;
        b->params = get(n, sizeof(float));
        b->error = get(n, sizeof(float));
        b->gradient = get(n, sizeof(float));
        b->computed = get(n, sizeof(double));
        b->statistics = get(b->net->n_state, sizeof(float));
        b->images = hedge_floats_new(b->join.batch * hedge_extent_elements(&b->net->image));
        b->labels = get(b->join.batch, 1);
        b->room = get(hedge_co3_bound(b->co3), 1);
}

static void on_join(bed_t *bed, unsigned board, const hedge_msg_join_t *join)
{
        bed_board_t *b = &bed->boards[board];
        hedged_line_event_t *event;

        b->joins++;
        if (b->no_join) {
                line_bed_put_error(&bed->line, board, HEDGE_ELIMIT, "no room for such a network", NULL);
                return;
        }
        if (!b->joined || memcmp(&b->join.identity, &join->identity, sizeof(join->identity)) != 0) {
                leave(b);
                b->join = *join;
                b->net = make_net(join);
                make_memory(b);
                b->joined = true;
        }
        b->fresh = false;
        event = line_bed_answer(board, HEDGE_MSG_JOINED);
        event->envelope.message.joined.job = join->job;
        event->envelope.message.joined.n_held = b->n_shards;
        event->envelope.message.joined.held = b->digests;
        line_bed_put(&bed->line, event);
}

static void on_shard(bed_t *bed, unsigned board, const hedge_msg_shard_t *shard, zmq_msg_t *frames)
{
        bed_board_t *b = &bed->boards[board];
        const unsigned i = b->n_shards;
        const hedge_extent_t image = b->net->image;
        hedge_norm_t norm = { 0 };
        hedged_line_event_t *event;

        b->shards_sent++;
        if (b->no_room) {
                line_bed_put_error(&bed->line, board, HEDGE_ELIMIT, "no room for a shard", &shard->digest);
                return;
        }
        if (i == 16 || zmq_msg_size(&frames[0]) != shard->count * hedge_extent_elements(&image) ||
            zmq_msg_size(&frames[1]) != shard->count) {
                broken(bed, "a shard is not what it should be");
                return;
        }
        for (unsigned c = 0; c < image.c; c++) {
                norm.mean[c] = (float)b->join.mean[c];
                norm.deviation[c] = (float)b->join.deviation[c];
        }
        if (hedge_dataset_new(&image, b->join.classes, shard->count, zmq_msg_data(&frames[0]), zmq_msg_data(&frames[1]),
                              &b->shards[i], NULL) < 0 ||
            hedge_batches_new(b->shards[i], &norm, b->join.seed, b->join.batch, b->join.flip, &b->batches[i], NULL) < 0)
                abort();
        b->digests[i] = shard->digest;
        b->n_shards++;
        event = line_bed_answer(board, HEDGE_MSG_SHARD_OK);
        event->envelope.message.shard = *shard;
        line_bed_put(&bed->line, event);
}

static void apply(bed_t *bed, bed_board_t *b, const hedge_msg_step_t *step, zmq_msg_t *frames, uint32_t n_frames)
{
        if (step->whole) {
                memset(b->params, 0, b->net->n_params * sizeof(float));
                b->wholes++;
                if (n_frames != 1)
                        broken(bed, "the whole parameters are one frame");
        } else if (!b->fresh || b->version + n_frames != step->step - 1) {
                broken(bed, "these are not the updates that the board lacks");
        }
        for (uint32_t i = 0; i < n_frames; i++)
                if (hedge_co3_decode(b->co3, zmq_msg_data(&frames[i]), zmq_msg_size(&frames[i]), 1, b->params, NULL) <
                    0)
                        broken(bed, "an update cannot be decoded");
        b->version = step->step - 1;
        b->fresh = true;
}

/* What it sent last counted, or comes back. @return whether it came back. */
static bool settle(bed_board_t *b, uint64_t taken)
{
        bed_gradient_t *last = b->last;

        b->last = NULL;
        if (last && taken >= last->step) {
                last->counted = true;
                return false;
        }
        if (!last || b->options.gamma <= 0)
                return false;
        if (hedge_co3_decode(b->co3, last->bytes, last->size, 1, b->error, NULL) < 0)
                abort();
        return true;
}

static unsigned find_shard(const bed_board_t *b, const hedge_digest_t *digest)
{
        for (unsigned i = 0; i < b->n_shards; i++)
                if (memcmp(&b->digests[i], digest, sizeof(*digest)) == 0)
                        return i;
        return UINT32_MAX;
}

static void compute(bed_board_t *b, unsigned shard, uint64_t draw, hedge_score_t *score)
{
        const uint32_t steps = hedge_batches_steps(b->batches[shard]);

        hedge_batches_get(b->batches[shard], draw / steps, (uint32_t)(draw % steps), b->images, b->labels);
        if (hedge_net_gradient(b->workspace, b->params, b->images, b->labels, b->join.batch, b->gradient, b->statistics,
                               score) < 0)
                abort();
        for (size_t i = 0; i < b->net->n_params; i++)
                b->computed[i] += (double)b->gradient[i];
}

static bed_gradient_t *encode(bed_t *bed, unsigned board, uint64_t step, hedge_co3_stats_t *stats)
{
        bed_board_t *b = &bed->boards[board];
        bed_gradient_t *g;
        size_t size;

        if (hedge_co3_encode(b->co3, &b->options, b->gradient, b->error, b->room, &size, stats, NULL) < 0)
                abort();
        g = get(1, sizeof(*g) + size);
        g->step = step;
        g->board = board;
        g->size = size;
        memcpy(g->bytes, b->room, size);
        *bed->gradients_end = g;
        bed->gradients_end = &g->next;
        return g;
}

static void give_frames(hedged_line_event_t *event, bed_board_t *b, bool statistics)
{
        hedge_envelope_t *e = &event->envelope;

        e->n_frames = statistics ? 2 : 1;
        e->frames = get(2, sizeof(*e->frames));
        fill_frame(&e->frames[0], b->last->bytes, b->last->size);
        if (statistics)
                fill_frame(&e->frames[1], b->statistics, b->net->n_state * sizeof(float));
        if (b->mad)
                memset(zmq_msg_data(&e->frames[0]), 0xa5, b->last->size);
}

/* All answers of a step are piled up, to come in reverse. */
static void pile_up(bed_t *bed, hedged_line_event_t *event)
{
        unsigned here = 0;

        for (unsigned i = 0; i < BED_BOARDS; i++)
                here += bed->line.here[i];
        bed->pile[bed->piled++] = event;
        if (bed->piled < here)
                return;
        while (bed->piled > 0)
                line_bed_put(&bed->line, bed->pile[--bed->piled]);
}

static void send_answer(bed_t *bed, unsigned board, hedged_line_event_t *event)
{
        bed_board_t *b = &bed->boards[board];

        if (b->slow)
                b->answer = event;
        else if (bed->backwards)
                pile_up(bed, event);
        else
                line_bed_put(&bed->line, event);
}

static void on_step(bed_t *bed, unsigned board, const hedge_msg_step_t *step, zmq_msg_t *frames, uint32_t n_frames)
{
        bed_board_t *b = &bed->boards[board];
        const unsigned shard = find_shard(b, &step->digest);
        hedge_co3_stats_t stats = { 0 };
        hedge_score_t score = { 0 };
        hedged_line_event_t *event;
        bool memory;

        b->steps++;
        if (b->answer)
                broken(bed, "asked before it had answered");
        if (b->dumb)
                return;
        if (b->edom) {
                line_bed_put_error(&bed->line, board, -EDOM, "the loss is no number", NULL);
                return;
        }
        if (b->forgets) {
                b->forgets = false;
                line_bed_put_error(&bed->line, board, HEDGE_ENOSHARE, "no such shard", &step->digest);
                return;
        }
        if (shard == UINT32_MAX) {
                broken(bed, "a shard that the board does not hold");
                return;
        }
        apply(bed, b, step, frames, n_frames);
        memory = settle(b, step->taken);
        b->memories += memory;
        if (memory)
                memset(b->gradient, 0, b->net->n_params * sizeof(float));
        else
                compute(b, shard, step->draw, &score);
        b->last = encode(bed, board, step->step, &stats);
        event = line_bed_answer(board, HEDGE_MSG_GRADIENT);
        event->envelope.message.gradient = (hedge_msg_gradient_t){ .job = step->job,
                                                                   .step = step->step,
                                                                   .loss = b->nan ? (double)INFINITY : score.loss,
                                                                   .correct = score.correct,
                                                                   .images = memory ? 0 : b->join.batch,
                                                                   .entropy = stats.entropy };
        give_frames(event, b, !memory && b->net->n_state > 0);
        send_answer(bed, board, event);
}

/* A product; a board that is mad sends one of another size. */
static void on_multiply(bed_t *bed, unsigned board, const hedge_msg_multiply_t *m, zmq_msg_t *frames)
{
        bed_board_t *b = &bed->boards[board];
        const size_t size = (size_t)m->rows * m->cols * sizeof(float);
        hedged_line_event_t *event;
        zmq_msg_t *product;

        b->multiplied++;
        if (b->dumb)
                return;
        if (b->no_room) {
                line_bed_put_error(&bed->line, board, HEDGE_ELIMIT, "no memory for that", NULL);
                return;
        }
        if (zmq_msg_size(&frames[0]) != (size_t)m->rows * m->inner * sizeof(float) ||
            zmq_msg_size(&frames[1]) != (size_t)m->inner * m->cols * sizeof(float)) {
                broken(bed, "factors of another size than is said");
                return;
        }
        event = line_bed_answer(board, HEDGE_MSG_PRODUCT);
        event->envelope.message.product = (hedge_msg_product_t){ m->job, m->step, m->packet, 1 };
        product = line_bed_frame(event, b->mad ? size + 4 : size);
        hedge_blas_multiply(false, false, m->rows, m->cols, m->inner, zmq_msg_data(&frames[0]),
                            zmq_msg_data(&frames[1]), 0.0f, zmq_msg_data(product));
        line_bed_put(&bed->line, event);
}

/* As with the real line, what is said to a board that was lost since is not sent. */
static void hear(bed_t *bed, unsigned board, const hedge_message_t *message, zmq_msg_t *frames, uint32_t n_frames)
{
        if (!bed->line.here[board] || bed->line.heard[board] != bed->line.session[board])
                return;
        if (message->type == HEDGE_MSG_JOIN)
                on_join(bed, board, &message->join);
        else if (message->type == HEDGE_MSG_SHARD)
                on_shard(bed, board, &message->shard, frames);
        else if (message->type == HEDGE_MSG_STEP)
                on_step(bed, board, &message->step, frames, n_frames);
        else if (message->type == HEDGE_MSG_MULTIPLY)
                on_multiply(bed, board, &message->multiply, frames);
}

/* ---- the line ---- */

static int hear_all(line_bed_t *line, unsigned board, const hedge_message_t *message, zmq_msg_t *frames,
                    uint32_t n_frames)
{
        bed_t *bed = (bed_t *)line;

        if (!line_bed_may_send(message, n_frames))
                broken(bed, "a message that cannot be sent");
        if (message->type == HEDGE_MSG_STEP)
                bed->last_step = message->step.step;
        if (bed->script)
                bed->script(bed, board, message);
        hear(bed, board, message, frames, n_frames);
        return 0;
}

void bed_here(bed_t *bed, unsigned board)
{
        line_bed_here(&bed->line, board);
}

void bed_all_here(bed_t *bed, unsigned boards)
{
        for (unsigned i = 0; i < boards; i++)
                bed_here(bed, i);
}

void bed_lost(bed_t *bed, unsigned board)
{
        hedged_line_event_release(&bed->boards[board].answer);
        line_bed_lost(&bed->line, board);
}

void bed_restart(bed_t *bed, unsigned board)
{
        leave(&bed->boards[board]);
}

void bed_deliver(bed_t *bed, unsigned board)
{
        bed_board_t *b = &bed->boards[board];

        if (b->answer)
                line_bed_put(&bed->line, b->answer);
        b->answer = NULL;
}

void bed_stop(bed_t *bed, enum hedged_stop why)
{
        line_bed_stop(&bed->line, why);
}

/* ---- a run ---- */

static bool take_news(bed_t *bed, hedged_news_t *news)
{
        const bool ended = news->ended, waits = strcmp(news->status.state, "waiting") == 0;

        bed->status = news->status;
        if (waits && !bed->waited && bed->on_waiting)
                bed->on_waiting(bed);
        bed->waited |= waits;
        if (news->has_epoch && bed->n_epochs < 64)
                bed->epochs[bed->n_epochs++] = news->epoch;
        if (news->has_event && bed->n_events < 64)
                bed->events[bed->n_events++] = news->event;
        free(news);
        return ended;
}

void bed_run(bed_t *bed)
{
        const hedged_run_settings_t settings = { .folder = bed->job.folder,
                                                 .line = line_bed_line(&bed->line),
                                                 .loop = bed->loop,
                                                 .news_kind = NEWS,
                                                 .macs_per_s = bed->macs_per_s,
                                                 .patience_ms = bed->patience_ms };
        hedged_run_t *run = NULL;
        hedge_mail_t *mail;

        bed->line.stopping = HEDGED_STOP_NO;
        bed->line.looks = 0;
        assert_int_equal(hedged_run_start(&settings, &run), 0);
        do {
                mail = hedge_mailbox_wait(bed->loop, LONG);
                if (!mail)
                        fail_msg("the run does not end; a board says: %s", bed->broken);
                assert_int_equal(mail->kind, NEWS);
        } while (!take_news(bed, (hedged_news_t *)mail));
        hedged_run_destroy(&run);
        assert_null(hedge_mailbox_take(bed->loop));
        line_bed_drop(&bed->line);
        assert_string_equal(bed->broken, "");
        for (bed_gradient_t *g = bed->gradients; g; g = g->next)
                g->counted |= g->step == bed->last_step && !bed->boards[g->board].answer;
}

bool bed_event(const bed_t *bed, const char *text)
{
        for (unsigned i = 0; i < bed->n_events; i++)
                if (strstr(bed->events[i].text, text))
                        return true;
        return false;
}

bool bed_file(const bed_t *bed, const char *name)
{
        char path[4096];

        return access(hedged_folder_file(bed->job.folder, name, path, sizeof(path)), F_OK) == 0;
}

const hedge_net_t *bed_net(const bed_t *bed)
{
        for (unsigned i = 0; i < BED_BOARDS; i++)
                if (bed->boards[i].net)
                        return bed->boards[i].net;
        return NULL;
}

float *bed_checkpoint(const bed_t *bed, uint64_t *ret_step)
{
        job_bed_learnt_t l = job_bed_learnt(&bed->job);
        float *all = l.params;

        if (ret_step)
                *ret_step = l.step;
        l.params = NULL;
        job_bed_release(&l);
        return all;
}

void bed_destroy(bed_t **bed)
{
        bed_t *b = *bed;
        bed_gradient_t *g;

        while ((g = b->gradients)) {
                b->gradients = g->next;
                free(g);
        }
        for (unsigned i = 0; i < BED_BOARDS; i++) {
                hedged_line_event_release(&b->boards[i].answer);
                leave(&b->boards[i]);
        }
        line_bed_close(&b->line);
        hedge_mailbox_destroy(&b->loop);
        job_bed_close(&b->job);
        free(b);
        *bed = NULL;
}
