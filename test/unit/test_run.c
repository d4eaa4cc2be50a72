/* SPDX-License-Identifier: Apache-2.0 */
/* A job's thread: alone, and with boards that are played beside it (run_bed.h). */
#include "test/unit/run_bed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/train/co3/downlink.h"

#define MLP "layers: [{type: flatten}, {type: dense, units: 12}, {type: relu}, {type: dense, units: 4}]\n"
#define CONV                                                                                                      \
        "layers: [{type: conv, units: 4, kernel: 3, pad: 1}, {type: batch_norm}, {type: relu}, {type: max_pool, " \
        "kernel: 2}, {type: flatten}, {type: dense, units: 4}]\n"
#define PLAIN "sgd: {rate: 0.05, momentum: 0, decay: 0, schedule: constant}\n"

static void assert_same(const float *a, const float *b, size_t n)
{
        assert_memory_equal(a, b, n * sizeof(float));
}

/* ---- alone ---- */

static void local_learns_and_writes_its_model(void **state)
{
        bed_t *bed = bed_new(CONV "method: local\nepochs: 5\nbatch: 20\n");

        bed_run(bed);
        assert_string_equal(bed->status.state, "done");
        assert_string_equal(bed->status.method, "local");
        assert_int_equal(bed->n_epochs, 5);
        assert_int_equal(bed->epochs[4].epoch, 5);
        assert_true(bed->epochs[4].loss < bed->epochs[0].loss);
        assert_true(bed->epochs[4].test_accuracy > 0.9);
        assert_true(bed->epochs[4].test_accuracy == bed->status.test_accuracy);
        assert_true(bed->epochs[4].bits_per_entry == 0 && bed->epochs[4].boards == 0);
        assert_int_equal(bed->status.steps, 5 * BED_IMAGES / 20);
        assert_int_equal(bed->status.step, bed->status.steps);
        assert_true(bed_file(bed, HEDGED_FOLDER_MODEL) && bed_file(bed, HEDGED_FOLDER_MANIFEST));
        bed_destroy(&bed);
}

/* Stopped at many places, also in the middle of a test, and gone on from there. */
static void local_goes_on_bit_for_bit(void **state)
{
        const char *job = CONV "method: local\nepochs: 3\nbatch: 40\n";
        bed_t *whole = bed_new(job), *pieces = bed_new(job);
        uint64_t step, last;
        float *a, *b;
        size_t n;

        bed_run(whole);
        pieces->line.stop_why = HEDGED_STOP_SHUTDOWN;
        for (unsigned looks = 1; strcmp(pieces->status.state, "done") != 0; looks += 2) {
                pieces->line.stop_look = looks;
                bed_run(pieces);
                assert_true(looks < 100);
        }
        assert_true(bed_event(pieces, "the coordinator was started anew: going on from step "));
        a = bed_checkpoint(whole, &step);
        b = bed_checkpoint(pieces, &last);
        assert_int_equal(step, 30);
        assert_int_equal(last, 30);
        n = 2 * whole->status.parameters + 8;
        assert_same(a, b, n);
        assert_int_equal(pieces->n_epochs, 3);
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(pieces->epochs[i].epoch, i + 1);
                assert_true(pieces->epochs[i].test_loss == whole->epochs[i].test_loss);
                assert_true(pieces->epochs[i].loss > 0);
        }
        free(a);
        free(b);
        bed_destroy(&whole);
        bed_destroy(&pieces);
}

static void a_broken_checkpoint_is_said_and_left(void **state)
{
        bed_t *bed = bed_new(MLP "method: local\nepochs: 2\nbatch: 40\n");
        char path[4096];
        FILE *file;

        bed->line.stop_why = HEDGED_STOP_SHUTDOWN;
        bed->line.stop_look = 8;
        bed_run(bed);
        assert_string_equal(bed->status.state, "running");
        assert_false(bed_file(bed, HEDGED_FOLDER_MODEL));
        file = fopen(hedged_folder_file(bed->job.folder, HEDGED_FOLDER_CHECKPOINT, path, sizeof(path)), "r+");
        assert_non_null(file);
        fseek(file, 200, SEEK_SET);
        fputs("damage", file);
        fclose(file);
        bed->line.stop_look = 0;
        bed_run(bed);
        assert_string_equal(bed->status.state, "done");
        assert_true(bed_event(bed, "the checkpoint cannot be used: "));
        assert_int_equal(bed->n_epochs, 2);
        bed_destroy(&bed);
}

static void stopped_by_its_user_it_leaves_a_model(void **state)
{
        bed_t *bed = bed_new(MLP "method: local\nepochs: 1000\nbatch: 40\n");

        bed->line.stop_why = HEDGED_STOP_USER;
        bed->line.stop_look = 25;
        bed_run(bed);
        assert_string_equal(bed->status.state, "stopped");
        assert_true(bed_file(bed, HEDGED_FOLDER_MODEL) && bed_file(bed, HEDGED_FOLDER_MANIFEST));
        bed_destroy(&bed);
}

static void a_loss_that_is_no_number_fails_the_job(void **state)
{
        bed_t *bed = bed_new(MLP "method: local\nepochs: 50\nbatch: 40\nsgd: {rate: 1000, schedule: constant}\n");

        bed_run(bed);
        assert_string_equal(bed->status.state, "failed");
        assert_non_null(strstr(bed->status.text, "the rate of 1000 may be too great"));
        assert_false(bed_file(bed, HEDGED_FOLDER_MODEL));
        bed_destroy(&bed);
}

/* ---- with boards ---- */

/* Everything that counted, in the order of steps and boards, makes the parameters that the job has. */
static void assert_sum(const bed_t *bed, uint64_t until)
{
        const bed_board_t *b = &bed->boards[0];
        const hedge_net_t *net = b->net;
        const hedge_sgd_t sgd = { .rate = 0.05f, .schedule = HEDGE_SCHEDULE_CONSTANT };
        float *params = calloc(net->n_params, sizeof(float)), *momentum = calloc(net->n_params, sizeof(float));
        float *sum = calloc(net->n_params, sizeof(float)), *state = calloc(net->n_state + 1, sizeof(float));
        float *at = bed_checkpoint(bed, NULL);

        hedge_net_initialise(net, 1, params, state);
        for (uint64_t step = 1; step <= until; step++) {
                unsigned count = 0;

                memset(sum, 0, net->n_params * sizeof(float));
                for (unsigned board = 0; board < BED_BOARDS; board++) {
                        for (const bed_gradient_t *g = bed->gradients; g; g = g->next) {
                                if (g->step != step || g->board != board || !g->counted)
                                        continue;
                                assert_int_equal(hedge_co3_decode(b->co3, g->bytes, g->size, 1, sum, NULL), 0);
                                count++;
                        }
                }
                assert_true(count > 0);
                for (size_t i = 0; i < net->n_params; i++)
                        sum[i] *= 1 / (float)count;
                hedge_sgd_update(&sgd, net, step - 1, params, sum, momentum, sum);
                for (size_t i = 0; i < net->n_params; i++)
                        params[i] += sum[i];
        }
        assert_same(params, at, net->n_params);
        free(params);
        free(momentum);
        free(sum);
        free(state);
        free(at);
}

/* Nothing is lost: what boards computed is what counted and what their memories still hold. */
static void assert_nothing_is_lost(const bed_t *bed)
{
        const hedge_net_t *net = bed_net(bed);
        double *computed = calloc(net->n_params, sizeof(double));
        float *there = calloc(net->n_params, sizeof(float));
        double worst = 0;

        for (unsigned i = 0; i < BED_BOARDS; i++) {
                const bed_board_t *b = &bed->boards[i];

                for (size_t j = 0; b->net && j < net->n_params; j++) {
                        computed[j] += b->computed[j];
                        there[j] += b->error[j];
                }
        }
        for (const bed_gradient_t *g = bed->gradients; g; g = g->next)
                if (g->counted || bed->boards[g->board].last == g)
                        assert_int_equal(hedge_co3_decode(bed->boards[0].co3, g->bytes, g->size, 1, there, NULL), 0);
        for (size_t j = 0; j < net->n_params; j++)
                worst = fmax(worst, fabs(computed[j] - (double)there[j]));
        assert_true(worst < 1e-3);
        free(computed);
        free(there);
}

/* The same gradients, on the same mini-batches, as common/train takes alone. Equal but for rounding: where processors multiply
 * and add at once, compilers do so in one of the two and not in the other. */
static void one_board_in_fp32_is_as_good_as_local(void **state)
{
        bed_t *bed = bed_new(CONV "method: co3\nepochs: 2\nbatch: 20\nco3: {format: fp32, downlink: fp32}\n");
        const bed_board_t *b = &bed->boards[0];
        const hedge_sgd_t sgd = {
                .rate = 0.03f, .momentum = 0.9f, .decay = 0.0005f, .schedule = HEDGE_SCHEDULE_COSINE, .steps = 40
        };
        hedge_trainer_t *trainer = NULL;
        const hedge_checkpoint_t *alone;
        float *at;

        bed_here(bed, 0);
        bed_run(bed);
        assert_string_equal(bed->status.state, "done");
        assert_int_equal(b->steps, 40);
        assert_int_equal(b->wholes, 1);
        assert_int_equal(hedge_trainer_new(b->net, &sgd, b->batches[0], 1, &trainer, NULL), 0);
        for (unsigned i = 0; i < 40; i++) {
                hedge_score_t score;

                assert_int_equal(hedge_train_step(trainer, &score), 0);
        }
        alone = hedge_trainer_checkpoint(trainer);
        at = bed_checkpoint(bed, NULL);
        for (size_t i = 0; i < b->net->n_params; i++) {
                assert_true(fabsf(at[i] - alone->params[i]) < 1e-5f);
                assert_true(fabsf(at[b->net->n_params + i] - alone->momentum[i]) < 1e-5f);
        }
        for (size_t i = 0; i < b->net->n_state; i++)
                assert_true(fabsf(at[2 * b->net->n_params + i] - alone->state[i]) < 1e-5f);
        free(at);
        hedge_trainer_destroy(&trainer);
        bed_destroy(&bed);
}

/* Whoever is first: the sum is taken in the order of boards. */
static void runs_repeat_bit_for_bit(void **state)
{
        const char *job = CONV "method: co3\nepochs: 2\nbatch: 40\nco3: {format: fp8, downlink: fp8}\n";
        bed_t *a = bed_new(job), *b = bed_new(job);
        float *at_a, *at_b;

        b->backwards = true;
        bed_all_here(a, 5);
        for (unsigned i = 5; i-- > 0;)
                bed_here(b, i);
        bed_run(a);
        bed_run(b);
        assert_string_equal(a->status.state, "done");
        assert_string_equal(b->status.state, "done");
        at_a = bed_checkpoint(a, NULL);
        at_b = bed_checkpoint(b, NULL);
        assert_same(at_a, at_b, 2 * a->status.parameters + 8);
        assert_true(a->epochs[1].loss == b->epochs[1].loss);
        free(at_a);
        free(at_b);
        bed_destroy(&a);
        bed_destroy(&b);
}

static void eight_boards_learn(void **state)
{
        bed_t *bed = bed_new(
                CONV "method: co3\nepochs: 8\nbatch: 40\nsgd: {rate: 0.05}\nco3: {format: fp8, downlink: fp8}\n");
        const hedge_epoch_report_t *last = &bed->epochs[7];
        size_t up = 0;

        bed_all_here(bed, 8);
        bed_run(bed);
        assert_string_equal(bed->status.state, "done");
        assert_int_equal(bed->n_epochs, 8);
        assert_true(last->test_accuracy > 0.9);
        assert_true(last->boards == 8);
        assert_int_equal(last->late, 0);
        assert_true(last->bits_per_entry > 0 && last->bits_per_entry < 12 && last->entropy > 0 && last->entropy <= 8);
        for (unsigned i = 0; i < 8; i++) {
                assert_int_equal(bed->boards[i].steps, 80);
                assert_int_equal(bed->boards[i].n_shards, 1);
                assert_int_equal(bed->boards[i].wholes, 1);
                if (i > 0)
                        assert_same(bed->boards[i].params, bed->boards[0].params, bed_net(bed)->n_params);
        }
        for (const bed_gradient_t *g = bed->gradients; g; g = g->next)
                if (g->step > 70)
                        up += g->size + bed_net(bed)->n_state * sizeof(float);
        assert_true(last->bytes_up_per_step == (double)up / 10);
        bed_destroy(&bed);
}

/* Boards 1 and 3 answer only when two more steps have been asked for. */
static void deliver_late(bed_t *bed, unsigned board, const hedge_message_t *message)
{
        if (message->type != HEDGE_MSG_STEP || board != 0)
                return;
        bed->boards[1].slow = bed->boards[3].slow = message->step.step < 95;
        if (message->step.step % 3 == 0)
                bed_deliver(bed, 1);
        if (message->step.step % 5 == 0)
                bed_deliver(bed, 3);
}

static void a_late_gradient_is_not_lost(void **state)
{
        bed_t *bed = bed_new(CONV PLAIN "method: co3\nepochs: 10\nbatch: 40\n"
                                        "co3: {format: fp4, downlink: fp32, quorum: 2}\n");
        unsigned late = 0;

        bed->script = deliver_late;
        bed_all_here(bed, 4);
        bed_run(bed);
        assert_string_equal(bed->status.state, "done");
        for (unsigned i = 0; i < bed->n_epochs; i++)
                late += bed->epochs[i].late;
        assert_true(late > 20);
        assert_int_equal(bed->boards[0].memories + bed->boards[2].memories, 0);
        assert_int_equal(bed->boards[1].memories + bed->boards[3].memories, late);
        assert_sum(bed, 100);
        assert_nothing_is_lost(bed);
        bed_destroy(&bed);
}

/* Board 2 goes in the middle, with its answer on the way, and comes back; board 4 comes as a new one. */
static void come_and_go(bed_t *bed, unsigned board, const hedge_message_t *message)
{
        if (message->type != HEDGE_MSG_STEP || board != 0)
                return;
        bed->boards[2].slow = message->step.step == 10;
        if (message->step.step == 12)
                bed_here(bed, 2);
        if (message->step.step == 30)
                bed_here(bed, 4);
}

static void lose_at_ten(bed_t *bed, unsigned board, const hedge_message_t *message)
{
        come_and_go(bed, board, message);
        if (message->type == HEDGE_MSG_STEP && board == 3 && message->step.step == 10)
                bed_lost(bed, 2);
}

static void boards_come_and_go(void **state)
{
        bed_t *bed = bed_new(MLP PLAIN "method: co3\nepochs: 4\nbatch: 40\nco3: {format: fp8, downlink: fp32}\n");

        bed->script = lose_at_ten;
        bed_all_here(bed, 4);
        bed_run(bed);
        assert_string_equal(bed->status.state, "done");
        assert_true(bed_event(bed, "board-2 is lost: going on with 3 boards"));
        assert_true(bed_event(bed, "board-2 takes part again"));
        assert_true(bed_event(bed, "board-4 takes part, with the shard of board-0"));
        assert_int_equal(bed->boards[2].joins, 2);
        assert_int_equal(bed->boards[2].shards_sent, 1); /* it had it still */
        assert_int_equal(bed->boards[2].wholes, 2);
        assert_int_equal(bed->boards[2].memories, 1); /* what it sent for step 10 never came */
        assert_int_equal(bed->boards[0].n_shards, 2); /* the shard of board 2 was with board 0 */
        assert_int_equal(bed->boards[4].n_shards, 1);
        assert_true(bed->boards[4].steps > 5);
        assert_sum(bed, 40);
        assert_nothing_is_lost(bed);
        bed_destroy(&bed);
}

/* Both go in step 5; board 1 comes back as another process, which knows nothing. */
static void all_go(bed_t *bed, unsigned board, const hedge_message_t *message)
{
        if (message->type != HEDGE_MSG_STEP || message->step.step != 5 || bed->boards[1].joins > 1)
                return;
        bed_lost(bed, board);
        if (board == 0)
                return;
        bed_restart(bed, 1);
        bed_here(bed, 1);
}

static void without_boards_it_waits(void **state)
{
        bed_t *bed = bed_new(MLP "method: co3\nepochs: 2\nbatch: 40\n");

        bed->script = all_go;
        bed_all_here(bed, 2);
        bed_run(bed);
        assert_string_equal(bed->status.state, "done");
        assert_true(bed->waited);
        assert_true(bed_event(bed, "board-1 is lost"));
        assert_true(bed_event(bed, "waiting for boards"));
        assert_int_equal(bed->n_epochs, 2);
        assert_int_equal(bed->status.boards, 1);
        assert_int_equal(bed->boards[1].joins, 2);
        assert_int_equal(bed->boards[1].n_shards, 2);
        bed_destroy(&bed);
}

/* Waiting from the very beginning, it can be stopped. */
static void it_waits_for_the_first_board(void **state)
{
        bed_t *bed = bed_new(MLP "method: co3\nepochs: 2\nbatch: 40\n");

        bed->line.stop_why = HEDGED_STOP_USER;
        bed->line.stop_look = 1;
        bed_run(bed);
        assert_string_equal(bed->status.state, "stopped");
        assert_true(bed->waited);
        assert_true(bed_event(bed, "waiting for boards"));
        assert_false(bed_file(bed, HEDGED_FOLDER_MODEL));
        bed_destroy(&bed);
}

static void go_mad(bed_t *bed, unsigned board, const hedge_message_t *message)
{
        bed_board_t *b = &bed->boards[board];

        if (message->type != HEDGE_MSG_STEP)
                return;
        b->nan = board == 1 && message->step.step == 13;
}

static void go_madder(bed_t *bed, unsigned board, const hedge_message_t *message)
{
        bed->boards[board].edom = message->type == HEDGE_MSG_STEP && board == 1 && message->step.step == 13;
}

static void fails_at_13(void (*script)(bed_t *, unsigned, const hedge_message_t *))
{
        bed_t *bed = bed_new(MLP "method: co3\nepochs: 4\nbatch: 40\n");

        bed->script = script;
        bed_all_here(bed, 4);
        bed_run(bed);
        assert_string_equal(bed->status.state, "failed");
        assert_non_null(strstr(bed->status.text, "epoch 2, step 13: the loss"));
        assert_false(bed_file(bed, HEDGED_FOLDER_MODEL));
        bed_destroy(&bed);
}

static void a_boards_loss_that_is_no_number_fails_the_job(void **state)
{
        fails_at_13(go_mad);
        fails_at_13(go_madder);
}

static void useless_boards_are_left_out(void **state)
{
        bed_t *bed = bed_new(CONV "method: co3\nepochs: 2\nbatch: 40\n");

        bed->boards[1].mad = true;
        bed->boards[2].no_join = true;
        bed->boards[3].no_room = true;
        bed->boards[4].forgets = true;
        bed_all_here(bed, 5);
        bed_run(bed);
        assert_string_equal(bed->status.state, "done");
        assert_true(bed_event(bed, "board-1 is left out: "));
        assert_int_equal(bed->boards[1].steps, 3);
        assert_true(bed_event(bed, "board-2 is left out: no room for such a network"));
        assert_true(bed_event(bed, "board-3 is left out: no room for a shard"));
        assert_int_equal(bed->boards[4].shards_sent, bed->boards[4].n_shards);
        assert_int_equal(bed->boards[0].steps, 20);
        assert_int_equal(bed->boards[0].n_shards + bed->boards[4].n_shards, 6); /* the one forgotten came twice */
        assert_int_equal(bed->status.boards, 2);
        bed_destroy(&bed);
}

static void fall_silent(bed_t *bed, unsigned board, const hedge_message_t *message)
{
        if (message->type != HEDGE_MSG_STEP || board != 0)
                return;
        bed->boards[2].dumb = message->step.step == 5;
        if (message->step.step == 9)
                bed_here(bed, 2);
}

/* A board that is there and says nothing does not hold the others up for ever. */
static void a_silent_board_is_not_waited_for_for_ever(void **state)
{
        bed_t *bed = bed_new(MLP PLAIN "method: co3\nepochs: 2\nbatch: 40\nco3: {format: fp8, downlink: fp32}\n");

        bed->script = fall_silent;
        bed->patience_ms = 40;
        bed_all_here(bed, 4);
        bed_run(bed);
        assert_string_equal(bed->status.state, "done");
        assert_true(bed_event(bed, "board-2 does not answer: going on without it until it does"));
        assert_int_equal(bed->boards[2].steps, 16); /* all but 6 to 9 */
        assert_int_equal(bed->boards[0].steps, 20);
        bed_destroy(&bed);
}

static void stop_at_17(bed_t *bed, unsigned board, const hedge_message_t *message)
{
        if (message->type == HEDGE_MSG_STEP && message->step.step == 17 && board == 1)
                bed_stop(bed, HEDGED_STOP_SHUTDOWN);
}

static void boards_go_on_with_a_new_coordinator(void **state)
{
        bed_t *bed = bed_new(CONV PLAIN "method: co3\nepochs: 3\nbatch: 40\nco3: {format: fp8, downlink: fp32}\n");

        bed->script = stop_at_17;
        bed_all_here(bed, 3);
        bed_run(bed);
        assert_string_equal(bed->status.state, "running");
        assert_int_equal(bed->status.step, 16);
        bed->script = NULL;
        bed_all_here(bed, 4); /* one more than there are shards now */
        bed_run(bed);
        assert_string_equal(bed->status.state, "done");
        assert_true(bed_event(bed, "the coordinator was started anew: going on from step 16"));
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(bed->boards[i].shards_sent, 1);
                assert_int_equal(bed->boards[i].joins, 2);
        }
        assert_int_equal(bed->boards[3].n_shards, 1);
        bed_destroy(&bed);
}

/* What one update leaves out goes into the next ones. */
static void updates_in_few_bits_add_up(void **state)
{
        const uint32_t entries[] = { 100 };
        hedge_co3_t *co3 = NULL;
        hedged_downlink_t *d = NULL;
        float update[100], params[100] = { 0 }, board[100] = { 0 };
        zmq_msg_t frames[HEDGE_STEP_UPDATES];
        bool whole;
        int n;

        assert_int_equal(hedge_co3_new(entries, 1, &co3), 0);
        assert_int_equal(hedged_downlink_new(co3, HEDGE_CO3_FP8, true, 0, &d), 0);
        for (unsigned i = 0; i < 100; i++)
                update[i] = 1 + 0.01f * (float)i;
        for (unsigned step = 0; step < 40; step++) {
                assert_int_equal(hedged_downlink_add(d, update, params, NULL), 0);
                if (step % 16 != 15)
                        continue;
                n = hedged_downlink_frames(d, step - 15, params, frames, &whole);
                assert_int_equal(n, 16);
                assert_false(whole);
                for (int i = 0; i < n; i++) {
                        assert_int_equal(hedge_co3_decode(co3, zmq_msg_data(&frames[i]), zmq_msg_size(&frames[i]), 1,
                                                          board, NULL),
                                         0);
                        zmq_msg_close(&frames[i]);
                }
                assert_same(board, params, 100);
        }
        for (unsigned i = 0; i < 100; i++)
                assert_true(fabsf(params[i] - 40 * update[i]) < 0.3f);
        assert_int_equal(hedged_downlink_frames(d, 23, params, frames, &whole), 1); /* 17 behind */
        assert_true(whole);
        zmq_msg_close(&frames[0]);
        assert_int_equal(hedged_downlink_frames(d, 40, params, frames, &whole), 0);
        hedged_downlink_destroy(&d);
        hedge_co3_destroy(&co3);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(local_learns_and_writes_its_model),
                cmocka_unit_test(local_goes_on_bit_for_bit),
                cmocka_unit_test(a_broken_checkpoint_is_said_and_left),
                cmocka_unit_test(stopped_by_its_user_it_leaves_a_model),
                cmocka_unit_test(a_loss_that_is_no_number_fails_the_job),
                cmocka_unit_test(one_board_in_fp32_is_as_good_as_local),
                cmocka_unit_test(runs_repeat_bit_for_bit),
                cmocka_unit_test(eight_boards_learn),
                cmocka_unit_test(a_late_gradient_is_not_lost),
                cmocka_unit_test(boards_come_and_go),
                cmocka_unit_test(without_boards_it_waits),
                cmocka_unit_test(it_waits_for_the_first_board),
                cmocka_unit_test(a_boards_loss_that_is_no_number_fails_the_job),
                cmocka_unit_test(useless_boards_are_left_out),
                cmocka_unit_test(a_silent_board_is_not_waited_for_for_ever),
                cmocka_unit_test(boards_go_on_with_a_new_coordinator),
                cmocka_unit_test(updates_in_few_bits_add_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
