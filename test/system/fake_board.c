/* SPDX-License-Identifier: Apache-2.0 */
#include "test/system/fake_board.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/kernel/kernel.h"
#include "test/system/process.h"

static void say_hello(fake_board_t *board)
{
        hedge_digest_t held[FAKE_MAX_SHARES];
        hedge_message_t hello = { .type = HEDGE_MSG_HELLO };

        for (unsigned i = 0; i < board->n_shares; i++)
                held[i] = board->shares[i].digest;
        snprintf(hello.hello.board, sizeof(hello.hello.board), "%s", board->name);
        snprintf(hello.hello.backend, sizeof(hello.hello.backend), "plain");
        hello.hello.incarnation = board->incarnation;
        hello.hello.cores = 1;
        hello.hello.share_bytes_max = 1 << 30;
        hello.hello.n_held = board->n_shares;
        hello.hello.held = held;
        fake_peer_send(&board->peer, &hello, NULL, 0);
}

void fake_board_join(fake_board_t *board, const char *endpoint)
{
        static uint64_t incarnations = 7000;

        if (!board->incarnation)
                board->incarnation = ++incarnations;
        fake_peer_open(&board->peer, endpoint, NULL, NULL);
        say_hello(board);
}

void fake_board_leave(fake_board_t *board)
{
        while (board->n_kept > 0)
                hedge_envelope_release(&board->kept[--board->n_kept]);
        if (board->training)
                hedgew_training_forget(board->training);
        fake_peer_close(&board->peer);
}

void fake_board_forget(fake_board_t *board)
{
        for (unsigned i = 0; i < board->n_shares; i++)
                free(board->shares[i].filters);
        board->n_shares = 0;
        board->incarnation = 0;
        if (board->training)
                assert_int_equal(hedgew_training_end(board->training, TEST_PATIENCE_MS), 0);
        hedgew_training_destroy(&board->training);
}

static fake_share_t *find_share(fake_board_t *board, const hedge_digest_t *digest)
{
        for (unsigned i = 0; i < board->n_shares; i++)
                if (!memcmp(&board->shares[i].digest, digest, sizeof(*digest)))
                        return &board->shares[i];
        return NULL;
}

static void say_error(fake_board_t *board, int code, uint64_t job, const hedge_digest_t *digest)
{
        hedge_message_t message = { .type = HEDGE_MSG_ERROR,
                                    .error = { .code = code, .about = job, .text = "not this board" } };

        if (digest)
                message.error.digest = *digest;
        fake_peer_send(&board->peer, &message, NULL, 0);
}

static void say_end(fake_board_t *board, uint64_t job, uint32_t parts, bool cancelled)
{
        const hedge_message_t message = {
                .type = HEDGE_MSG_TASK_END,
                .task_end = { .run = job, .parts_sent = parts, .cancelled = cancelled },
        };

        fake_peer_send(&board->peer, &message, NULL, 0);
}

static void take_share(fake_board_t *board, hedge_envelope_t *e)
{
        const hedge_msg_share_t *m = &e->message.share;
        hedge_message_t ok = { .type = HEDGE_MSG_SHARE_OK, .share_ok = { .digest = m->digest } };
        size_t size = zmq_msg_size(&e->frames[0]);
        fake_share_t *s = find_share(board, &m->digest);

        board->shares_sent++;
        if (board->mood == FAKE_FULL) {
                say_error(board, HEDGE_ELIMIT, 0, &m->digest);
                return;
        }
        assert_int_equal(size, (size_t)m->ell_b * m->conv.out_c * m->conv.kernel_h * m->conv.kernel_w *
                                       (m->conv.in_c / m->conv.groups) * sizeof(float));
        if (!s) {
                assert_true(board->n_shares < FAKE_MAX_SHARES);
                s = &board->shares[board->n_shares++];
                *s = (fake_share_t){ .digest = m->digest, .conv = m->conv, .ell_b = m->ell_b };
                s->filters = malloc(size);
                assert_non_null(s->filters);
        }
        memcpy(s->filters, zmq_msg_data(&e->frames[0]), size);
        ok.share_ok.held_bytes = size;
        fake_peer_send(&board->peer, &ok, NULL, 0);
}

static void drop_share(fake_board_t *board, const hedge_digest_t *digest)
{
        fake_share_t *s = find_share(board, digest);

        board->drops++;
        if (!s)
                return;
        free(s->filters);
        *s = board->shares[--board->n_shares];
}

/* One part: a convolution of a coded input with a coded filter block. */
static void compute(const fake_share_t *s, zmq_msg_t *input, uint32_t lb, zmq_msg_t *ret)
{
        const hedge_conv_t *c = &s->conv;
        const hedge_op_t op = { .kind = HEDGE_OP_CONV, .conv = *c };
        const uint32_t in_c = c->in_c / c->groups;
        const hedge_shape_t shapes[] = { { 4, { 1, c->in_h, c->in_w, c->in_c } },
                                         { 4, { c->out_c, c->kernel_h, c->kernel_w, in_c } } };
        const float *const constants[] = { NULL,
                                           s->filters + (size_t)lb * c->out_c * c->kernel_h * c->kernel_w * in_c };
        float *in = hedge_floats_new((size_t)c->in_h * c->in_w * c->in_c);
        size_t elements = (size_t)hedge_conv_out_h(c) * hedge_conv_out_w(c) * c->out_c;
        float *out = hedge_floats_new(elements);
        const float *const inputs[] = { in, NULL };
        hedge_kernels_t *kernels = NULL;
        hedge_kernel_t *kernel = NULL;

        assert_int_equal(zmq_msg_size(input), (size_t)c->in_h * c->in_w * c->in_c * sizeof(float));
        memcpy(in, zmq_msg_data(input), zmq_msg_size(input));
        assert_int_equal(hedge_kernels_new("plain", 1, &kernels), 0);
        assert_int_equal(hedge_kernel_new(kernels, &op, shapes, 2, constants, &kernel), 0);
        assert_int_equal(hedge_kernel_run(kernel, inputs, out), 0);
        hedge_kernel_destroy(&kernel);
        hedge_kernels_destroy(&kernels);
        free(in);
        assert_int_equal(hedge_frame_floats(ret, out, elements), 0);
}

static void send_parts(fake_board_t *board, uint64_t job, hedge_part_t *parts, zmq_msg_t *frames, uint32_t n, bool last)
{
        const hedge_message_t message = { .type = HEDGE_MSG_PART,
                                          .part = { .run = job, .n_parts = n, .parts = parts, .last = last } };

        fake_peer_send(&board->peer, &message, frames, n);
}

/* The frame of a coded input. */
static zmq_msg_t *find_input(hedge_envelope_t *e, uint32_t la)
{
        const hedge_msg_task_t *task = &e->message.task;

        assert_int_equal(task->n_inputs, e->n_frames);
        for (uint32_t i = 0; i < task->n_inputs; i++)
                if (task->inputs[i] == la)
                        return &e->frames[i];
        fail_msg("the task lacks coded input %u", la);
        return NULL;
}

static void cut_short(zmq_msg_t *frame)
{
        size_t size = zmq_msg_size(frame) - sizeof(float);

        zmq_msg_close(frame);
        assert_int_equal(zmq_msg_init_size(frame, size), 0);
        memset(zmq_msg_data(frame), 0, size);
}

/* Which part it sends when the i-th is due. */
static uint32_t choose_part(const fake_board_t *board, const hedge_msg_task_t *task, uint32_t i)
{
        return board->mood == FAKE_TWICE || board->mood == FAKE_TWICE_AT_ONCE ? task->order[0] : task->order[i];
}

/* As many together as a message takes, or one by one. */
static void work(fake_board_t *board, hedge_envelope_t *e)
{
        const hedge_msg_task_t *task = &e->message.task;
        const uint64_t job = board->mood == FAKE_UNKNOWN_JOB ? task->run + 1000 : task->run;
        const bool apart = board->mood == FAKE_TWICE || board->mood == FAKE_UNKNOWN_JOB;
        fake_share_t *s = find_share(board, &task->digest);
        hedge_part_t parts[HEDGE_PART_FRAMES];
        zmq_msg_t frames[HEDGE_PART_FRAMES];
        const uint32_t most = task->n_order + (board->mood == FAKE_TWICE_AT_ONCE);
        uint32_t n = 0;

        assert_non_null(s);
        for (uint32_t i = 0; i < most; i++) {
                const uint32_t part = choose_part(board, task, i);
                const bool last = i + 1 == most;

                compute(s, find_input(e, part / s->ell_b), part % s->ell_b, &frames[n]);
                if (board->mood == FAKE_WRONG_SIZE)
                        cut_short(&frames[n]);
                parts[n++] = (hedge_part_t){ .part = board->mood == FAKE_WRONG_INDEX ? part + 500 : part };
                if (!apart && !last && n < HEDGE_PART_FRAMES)
                        continue;
                send_parts(board, job, parts, frames, n, !apart && last);
                n = 0;
        }
        if (apart)
                say_end(board, task->run, task->n_order, false);
}

static void keep_task(fake_board_t *board, hedge_envelope_t *e)
{
        assert_in_range(board->n_kept, 0, FAKE_MAX_TASKS - 1);
        board->kept[board->n_kept++] = *e;
        memset(e, 0, sizeof(*e));
}

/* Do the kept tasks, those of one job only if it is not 0. */
static void work_kept(fake_board_t *board, uint64_t job)
{
        unsigned kept = 0;

        for (unsigned i = 0; i < board->n_kept; i++) {
                hedge_envelope_t e = board->kept[i];

                if (job && e.message.task.run != job) {
                        board->kept[kept++] = e;
                        continue;
                }
                work(board, &e);
                hedge_envelope_release(&e);
        }
        board->n_kept = kept;
}

static bool keeps(const fake_board_t *board, uint64_t job)
{
        for (unsigned i = 0; i < board->n_kept; i++)
                if (board->kept[i].message.task.run == job)
                        return true;
        return false;
}

static void take_task(fake_board_t *board, hedge_envelope_t *e)
{
        const hedge_msg_task_t *task = &e->message.task;
        fake_share_t *s = find_share(board, &task->digest);

        board->tasks++;
        if (!board->first_job)
                board->first_job = task->run;
        if (!s || (board->mood == FAKE_FORGETFUL && !s->forgotten)) {
                if (s)
                        s->forgotten = true;
                say_error(board, HEDGE_ENOSHARE, task->run, &task->digest);
                return;
        }
        switch (board->mood) {
        case FAKE_SILENT:
                return;
        case FAKE_EMPTY:
                say_end(board, task->run, 0, false);
                return;
        case FAKE_HANGS_UP:
                fake_board_leave(board);
                return;
        case FAKE_LATE:
        case FAKE_HELD_BACK:
                keep_task(board, e);
                return;
        default:
                work(board, e);
        }
}

/* ---- training ---- */

static void refuse_training(fake_board_t *board, uint64_t train)
{
        const hedge_message_t message = {
                .type = HEDGE_MSG_ERROR,
                .error = { .code = HEDGE_ELIMIT, .job = train, .text = "no memory for this training" },
        };

        fake_peer_send(&board->peer, &message, NULL, 0);
}

static void count_shard(fake_board_t *board, const hedge_digest_t *digest)
{
        for (unsigned i = 0; i < board->shards && i < FAKE_SHARDS; i++)
                board->again += memcmp(&board->held[i], digest, sizeof(*digest)) == 0;
        if (board->shards < FAKE_SHARDS)
                board->held[board->shards] = *digest;
        board->shards++;
}

static void count_training(fake_board_t *board, const hedge_message_t *m)
{
        board->joins += m->type == HEDGE_MSG_JOIN;
        if (m->type == HEDGE_MSG_SHARD)
                count_shard(board, &m->shard.digest);
        board->steps += m->type == HEDGE_MSG_STEP;
        board->leaves += m->type == HEDGE_MSG_LEAVE;
        if (m->type == HEDGE_MSG_LEAVE)
                board->left = m->leave.job;
}

static void take_training(fake_board_t *board, hedge_envelope_t *e)
{
        const hedgew_training_settings_t settings = { .bytes_max = UINT64_C(1) << 28 };
        const hedge_message_type_t type = e->message.type;

        count_training(board, &e->message);
        if (board->mood == FAKE_FULL && type == HEDGE_MSG_JOIN) {
                refuse_training(board, e->message.join.job);
        } else if (board->mood == FAKE_HANGS_UP && type == HEDGE_MSG_STEP) {
                fake_board_leave(board);
        } else if (board->mood != FAKE_SILENT || type != HEDGE_MSG_STEP) {
                if (!board->training)
                        assert_int_equal(hedgew_training_new(&settings, &board->training), 0);
                hedgew_training_message(board->training, e);
        }
}

static void shorten(zmq_msg_t *frame)
{
        zmq_msg_t shorter;

        assert_int_equal(zmq_msg_init_size(&shorter, zmq_msg_size(frame) - 1), 0);
        memcpy(zmq_msg_data(&shorter), zmq_msg_data(frame), zmq_msg_size(&shorter));
        zmq_msg_close(frame);
        *frame = shorter;
}

/* Send what its part in the training has to say. @return whether there was anything. */
static bool send_report(fake_board_t *board)
{
        hedgew_training_report_t *report = board->training ? hedgew_training_report(board->training) : NULL;

        if (!report)
                return false;
        if (board->mood == FAKE_WRONG_SIZE && report->message.type == HEDGE_MSG_GRADIENT)
                shorten(&report->frames[0]);
        fake_peer_send(&board->peer, &report->message, report->frames, report->n_frames);
        if (board->mood == FAKE_TWICE) {
                report = hedgew_training_report(board->training); /* with its frames made anew */
                fake_peer_send(&board->peer, &report->message, report->frames, report->n_frames);
        }
        hedgew_training_reported(board->training);
        return true;
}

static void handle(fake_board_t *board, hedge_envelope_t *e)
{
        const hedge_message_t *m = &e->message;
        hedge_message_t pong = { .type = HEDGE_MSG_PONG };

        switch (m->type) {
        case HEDGE_MSG_WELCOME:
                board->welcomes++;
                board->coordinator = m->welcome.coordinator;
                board->index = m->welcome.index;
                break;
        case HEDGE_MSG_SHARE:
                take_share(board, e);
                break;
        case HEDGE_MSG_TASK:
                take_task(board, e);
                break;
        case HEDGE_MSG_CANCEL:
                board->cancels++;
                if (board->mood == FAKE_LATE && keeps(board, m->cancel.run))
                        work_kept(board, m->cancel.run);
                else if (board->mood != FAKE_SILENT)
                        say_end(board, m->cancel.run, 0, true);
                break;
        case HEDGE_MSG_DROP:
                drop_share(board, &m->drop.digest);
                break;
        case HEDGE_MSG_PING:
                pong.pong.incarnation = board->incarnation;
                pong.pong.sequence = m->ping.sequence;
                pong.pong.shares = board->n_shares;
                fake_peer_send(&board->peer, &pong, NULL, 0);
                break;
        case HEDGE_MSG_ERROR:
                board->errors++;
                board->error = m->error;
                if (!m->error.about && board->mood == FAKE_GOOD)
                        say_hello(board);
                break;
        case HEDGE_MSG_BYE:
                board->byes++;
                break;
        case HEDGE_MSG_JOIN:
        case HEDGE_MSG_SHARD:
        case HEDGE_MSG_STEP:
        case HEDGE_MSG_LEAVE:
                take_training(board, e);
                break;
        default:
                fail_msg("the coordinator sent a board %s", hedge_message_name(m->type));
        }
}

bool fake_board_step(fake_board_t *board)
{
        hedge_envelope_t e;

        if (!board->peer.socket)
                return false;
        if (board->mood != FAKE_HELD_BACK && board->mood != FAKE_LATE)
                work_kept(board, 0);
        if (send_report(board))
                return true;
        if (!fake_peer_next(&board->peer, 0))
                return false;
        e = board->peer.last; /* a handler may close the peer */
        memset(&board->peer.last, 0, sizeof(board->peer.last));
        handle(board, &e);
        hedge_envelope_release(&e);
        return true;
}
