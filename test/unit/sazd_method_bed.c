/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/sazd_method_bed.h"

#include <unistd.h>

#define IMAGES  400u /* to learn from */
#define TESTED  40u
#define LONG_MS 60000

/* The jobs' common part; 10 steps an epoch. */
#define JOB                                                                                                            \
        "name: bed\nepochs: 2\nbatch: 40\nsgd: {rate: 0.1, momentum: 0, decay: 0.01, schedule: constant}\n"            \
        "data: {train: [i, l], hold_out: 40, classes: 4}\n"                                                            \
        "layers:\n  - {type: flatten}\n  - {type: dense, units: 50}\n  - {type: relu}\n  - {type: dense, units: 42}\n" \
        "  - {type: relu}\n  - {type: dense, units: 4}\n"

/* ---- boards ---- */

static void put_product(bed_t *bed, unsigned board, uint64_t step, uint32_t matrix, hedgew_matrices_product_t *product)
{
        hedged_line_event_t *event = line_bed_answer(board, HEDGE_MSG_PRODUCT);

        event->envelope.message.product = (hedge_msg_product_t){ .job = 7, .step = step, .packet = matrix };
        zmq_msg_move(line_bed_frame(event, 0), &product->frame);
        line_bed_put(&bed->line, event);
}

static int serve(bed_t *bed, unsigned board, said_t *said, hedge_why_t *why)
{
        board_t *b = &bed->boards[board];
        hedge_message_t *m = &said->message;
        hedgew_matrices_product_t product;
        uint64_t macs;
        int r = 0;

        switch (m->type) {
        case HEDGE_MSG_HOLD:
                b->holds++;
                if (b->no_room)
                        return hedge_why(why, HEDGE_ELIMIT, "no room for a matrix");
                return hedgew_matrices_hold(b->matrices, &m->hold, &said->frames[0], why);
        case HEDGE_MSG_APPLY:
                r = hedgew_matrices_apply(b->matrices, &m->apply, &said->frames[0], &product, why);
                if (r == 0)
                        put_product(bed, board, m->apply.step, m->apply.matrix, &product);
                return r;
        case HEDGE_MSG_UPDATE:
                return hedgew_matrices_update(b->matrices, &m->update, said->frames, said->n_frames, &macs, why);
        case HEDGE_MSG_FETCH:
                r = hedgew_matrices_fetch(b->matrices, &m->hold, &product, why);
                if (r == 0)
                        put_product(bed, board, 0, m->hold.matrix, &product);
                return r;
        default:
                fail_msg("a %s", hedge_message_name(m->type));
        }
        return r;
}

static void close_said(said_t *said)
{
        for (uint32_t i = 0; i < said->n_frames; i++)
                zmq_msg_close(&said->frames[i]);
}

void bed_serve_one(bed_t *bed, unsigned board, said_t *said)
{
        hedge_why_t why = { "" };
        int r = serve(bed, board, said, &why);

        if (r < 0) {
                hedgew_matrices_miss(bed->boards[board].matrices, &said->message);
                line_bed_put_error(&bed->line, board, r, why.text, NULL);
        }
        close_said(said);
}

void bed_come(bed_t *bed, unsigned board)
{
        board_t *b = &bed->boards[board];

        if (!b->matrices)
                assert_int_equal(hedgew_matrices_new(64 << 20, &b->matrices, NULL), 0);
        line_bed_here(&bed->line, board);
}

void bed_forget(bed_t *bed, unsigned board)
{
        board_t *b = &bed->boards[board];

        for (unsigned i = 0; i < b->queued; i++)
                close_said(&b->queue[i]);
        b->queued = 0;
        bed->line.here[board] = b->frozen = false;
        hedgew_matrices_destroy(&b->matrices);
}

/* ---- the line ---- */

static void look_at_step(bed_t *bed, const hedge_message_t *message)
{
        if (message->type != HEDGE_MSG_APPLY || message->apply.matrix != 0 || message->apply.step == bed->step)
                return;
        bed->step = message->apply.step;
        bed->steps++;
        if (bed->script)
                bed->script(bed);
}

static int hear(line_bed_t *line, unsigned board, const hedge_message_t *message, zmq_msg_t *frames, uint32_t n_frames)
{
        bed_t *bed = (bed_t *)line;
        board_t *b = &bed->boards[board];
        said_t said = { .message = *message, .n_frames = n_frames };

        assert_true(line_bed_may_send(message, n_frames));
        look_at_step(bed, message);
        for (uint32_t i = 0; i < n_frames; i++) {
                zmq_msg_init(&said.frames[i]);
                zmq_msg_move(&said.frames[i], &frames[i]);
        }
        if (!line->here[board] || b->dumb) {
                close_said(&said);
        } else if (b->frozen) {
                assert_true(b->queued < QUEUE);
                if (b->queued == 0)
                        b->oldest_us = hedge_now_us();
                b->queue[b->queued++] = said;
                b->longest = b->queued > b->longest ? b->queued : b->longest;
        } else {
                bed_serve_one(bed, board, &said);
        }
        return 0;
}

/* ---- a job ---- */

bed_t *bed_new(const char *yaml, unsigned boards)
{
        bed_t *bed = calloc(1, sizeof(*bed));
        char text[2048];

        assert_non_null(bed);
        snprintf(text, sizeof(text), JOB "%s", yaml);
        job_bed_open(&bed->job, text, IMAGES + TESTED);
        bed->line.hear = hear;
        line_bed_open(&bed->line);
        assert_int_equal(hedge_mailbox_new(&bed->loop), 0);
        for (unsigned i = 0; i < boards; i++)
                bed_come(bed, i);
        return bed;
}

void bed_destroy(bed_t **bed)
{
        bed_t *b = *bed;

        for (unsigned i = 0; i < BOARDS; i++)
                bed_forget(b, i);
        line_bed_close(&b->line);
        hedge_mailbox_destroy(&b->loop);
        job_bed_close(&b->job);
        free(b);
        *bed = NULL;
}

static bool take_news(bed_t *bed, hedged_news_t *news)
{
        const bool ended = news->ended;

        bed->status = news->status;
        bed->waited |= strcmp(news->status.state, "waiting") == 0;
        if (news->has_epoch)
                bed->epochs[bed->n_epochs++ % 16] = news->epoch;
        if (news->has_event && bed->n_events < 64) {
                bed->events[bed->n_events++] = news->event;
                if (bed->on_event)
                        bed->on_event(bed, news->event.text);
        }
        free(news);
        return ended;
}

void bed_run(bed_t *bed)
{
        const hedged_run_settings_t settings = {
                .folder = bed->job.folder, .line = line_bed_line(&bed->line), .loop = bed->loop, .patience_ms = 100
        };
        hedged_run_t *thread = NULL;
        hedge_mail_t *mail;

        bed->line.stopping = HEDGED_STOP_NO;
        assert_int_equal(hedged_run_start(&settings, &thread), 0);
        do {
                mail = hedge_mailbox_wait(bed->loop, LONG_MS);
                if (!mail)
                        fail_msg("it does not end");
        } while (!take_news(bed, (hedged_news_t *)mail));
        hedged_run_destroy(&thread);
        line_bed_drop(&bed->line);
}

void bed_expect_state(const bed_t *bed, const char *state)
{
        if (strcmp(bed->status.state, state) != 0)
                fail_msg("it is %s, not %s: %s", bed->status.state, state, bed->status.text);
}

unsigned bed_events(const bed_t *bed, const char *text)
{
        unsigned n = 0;

        for (unsigned i = 0; i < bed->n_events; i++)
                n += strstr(bed->events[i].text, text) != NULL;
        return n;
}

void bed_expect_event(const bed_t *bed, const char *text)
{
        if (bed_events(bed, text))
                return;
        for (unsigned i = 0; i < bed->n_events; i++)
                print_message("%s\n", bed->events[i].text);
        fail_msg("nobody said: %s", text);
}

/* The greatest difference, relative to the root mean square. */
static double distance(const float *a, const float *b, size_t n)
{
        double square = 0, most = 0;

        for (size_t i = 0; i < n; i++) {
                square += (double)b[i] * (double)b[i];
                most = fmax(most, fabs((double)a[i] - (double)b[i]));
                if (!isfinite(a[i]))
                        return INFINITY;
        }
        return square > 0 ? most / sqrt(square / (double)n) : most;
}

static job_bed_learnt_t local_run(unsigned epochs)
{
        char yaml[64];
        bed_t *bed;
        job_bed_learnt_t l;

        snprintf(yaml, sizeof(yaml), "method: local\n");
        bed = bed_new(yaml, 0);
        bed->job.folder->config.epochs = epochs;
        bed_run(bed);
        bed_expect_state(bed, "done");
        l = job_bed_learnt(&bed->job);
        bed_destroy(&bed);
        return l;
}

void bed_expect_as_local(const bed_t *bed, double bound)
{
        job_bed_learnt_t here = job_bed_learnt(&bed->job), there = local_run((unsigned)bed->job.folder->config.epochs);
        const double d = distance(here.params, there.params, there.net->n_params);

        assert_int_equal(here.step, there.step);
        if (!(d <= bound))
                fail_msg("off by %g", d);
        job_bed_release(&here);
        job_bed_release(&there);
}

/* The theorem: what a board holds is the code of the true weights. */
void bed_expect_code_word(bed_t *bed, unsigned board, unsigned seat, hedged_code_kind_t kind, unsigned k, unsigned r,
                          double bound)
{
        static const uint32_t outputs[] = { 50, 42 }, inputs[] = { 64, 50 };
        job_bed_learnt_t l = job_bed_learnt(&bed->job);
        const uint32_t layers[] = { 1, 3 };

        for (uint32_t matrix = 0; matrix < 2 * LAYERS; matrix++) {
                const uint32_t m = outputs[matrix / 2], n = inputs[matrix / 2], layer = layers[matrix / 2];
                const uint32_t extent = matrix % 2 ? n : m, cols = matrix % 2 ? m : n;
                const hedged_code_params_t params = { kind,
                                                      k,
                                                      r,
                                                      extent,
                                                      hedge_job_sazd_step(&bed->job.folder->config,
                                                                          (extent + k - 1) / k),
                                                      (hedge_poly_points_t)bed->job.folder->config.sazd.points };
                const float *w = l.params + l.net->layers[layer].weights;
                hedge_msg_hold_t fetch = { .job = 7, .matrix = matrix };
                float *turned = calloc((size_t)m * n, sizeof(float)), *event;
                hedgew_matrices_product_t held;
                hedged_code_t *code;
                double d;

                if (matrix == 1) { /* nobody asks for the first layer's other product */
                        assert_int_equal(hedgew_matrices_fetch(bed->boards[board].matrices, &fetch, &held, NULL),
                                         -ENOENT);
                        free(turned);
                        continue;
                }
                assert_int_equal(hedged_code_new(&params, &code, NULL), 0);
                for (uint32_t i = 0; i < m; i++)
                        for (uint32_t j = 0; j < n; j++)
                                turned[matrix % 2 ? j * m + i : i * n + j] = w[i * n + j];
                event = calloc((size_t)hedged_code_rows(code, seat) * cols, sizeof(float));
                assert_int_equal(hedged_code_encode(code, seat, cols, turned, event), 0);
                assert_int_equal(hedgew_matrices_fetch(bed->boards[board].matrices, &fetch, &held, NULL), 0);
                assert_int_equal(zmq_msg_size(&held.frame),
                                 hedged_code_rows(code, seat) * (size_t)cols * sizeof(float));
                d = distance(zmq_msg_data(&held.frame), event, hedged_code_rows(code, seat) * (size_t)cols);
                if (!(d <= bound))
                        fail_msg("board %u, matrix %u: off by %g", board, matrix, d);
                zmq_msg_close(&held.frame);
                hedged_code_destroy(&code);
                free(event);
                free(turned);
        }
        job_bed_release(&l);
}
