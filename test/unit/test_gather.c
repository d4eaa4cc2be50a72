/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "daemon/infer/gather.h"
#include "test/unit/dispatch_bed.h"
#include "test/unit/layer.h"

/* One coded layer with the real loop's half (daemon/infer/dispatch.h) and boards that answer as a test says: before the gatherer
 * waits, so that what it hears is known beforehand; or from a thread, where what it hears makes it ask for more. */

#define FOREVER_MS 30000u /* nothing that is there is waited for so long: who waits in vain fails */

static dispatch_bed_t bed;
static hedged_coded_settings_t settings;
static hedged_gather_t gather;
static layer_random_t any;
static float *input, *filter;

static void begin(const hedge_code_params_t *params)
{
        dispatch_bed_begin(&bed, params);
        any = (layer_random_t){ UINT64_C(88172645463325252) };
        input = layer_floats(&any, hedge_conv_in_elements(&dispatch_conv));
        filter = layer_floats(&any, hedge_conv_filter_elements(&dispatch_conv));
        settings = (hedged_coded_settings_t){
                .loop = bed.loop, .accuracy = 1, .conv_error = 1e-6, .timeout_ms = FOREVER_MS, .threads = 1
        };
}

static void end(void)
{
        free(input);
        free(filter);
        dispatch_bed_end(&bed);
}

/* The gatherer asks, and the loop sends. @return the run's number. */
static uint64_t start(void)
{
        for (unsigned b = 0; b < DISPATCH_BOARDS; b++)
                while (bed.boards[b].n_sent)
                        dispatch_bed_shift(&bed.boards[b]);
        assert_int_equal(hedged_gather_init(&gather, &settings, &bed.variant, input), 0);
        assert_int_equal(hedged_gather_start(&gather), 0);
        dispatch_bed_turn(&bed);
        for (unsigned b = 0; b < DISPATCH_BOARDS; b++)
                if (bed.boards[b].n_sent)
                        return bed.boards[b].sent[0].run;
        fail();
        return 0;
}

static void finish(void)
{
        hedged_layer_run_close(gather.run, false);
        dispatch_bed_turn(&bed);
        hedged_gather_release(&gather);
}

static void deliver(unsigned board, uint64_t run, unsigned part)
{
        assert_int_equal(dispatch_bed_part(&bed, board, run, part, dispatch_bed_part_bytes(&bed, HEDGE_PRECISION_F32),
                                           HEDGE_PRECISION_F32),
                         0);
}

/* Everything has come that will: to wait for more would be in vain. */
static int wait_in_time(void)
{
        const int64_t began_us = hedge_now_us();
        int r = hedged_gather_wait(&gather);

        assert_true(hedge_now_us() - began_us < FOREVER_MS * INT64_C(1000));
        return r;
}

static void lose(unsigned board)
{
        hedged_cluster_lost(bed.cluster, dispatch_bed_board(&bed, board));
}

/* What board b was asked for, in the order of asking. @return how many parts. */
static unsigned asked_for(unsigned b, unsigned *parts)
{
        unsigned n = 0;

        for (unsigned i = 0; i < bed.boards[b].n_sent; i++)
                for (unsigned p = 0; p < bed.boards[b].sent[i].n_order; p++)
                        parts[n++] = bed.boards[b].sent[i].order[p];
        return n;
}

static const hedge_code_params_t uncoded = { .scheme = HEDGE_SCHEME_UNCODED, .k_a = 4, .k_b = 1, .n = DISPATCH_BOARDS };
static const hedge_code_params_t mds = { .scheme = HEDGE_SCHEME_MDS, .k_a = 2, .k_b = 1, .n = DISPATCH_BOARDS };
static const hedge_code_params_t krp = { .scheme = HEDGE_SCHEME_KRP, .k_a = 2, .k_b = 2, .n = DISPATCH_BOARDS };
static const hedge_code_params_t steal = { .scheme = HEDGE_SCHEME_STEAL, .k_a = 4, .k_b = 1, .n = DISPATCH_BOARDS };
static const hedge_code_params_t lt = {
        .scheme = HEDGE_SCHEME_LT, .k_a = 6, .k_b = 1, .n = DISPATCH_BOARDS, .seed = 7
};

/* ---- answers that are there before the gatherer looks ---- */

static void it_is_solved_as_soon_as_the_rank_is_full(void **state)
{
        (void)state;
        uint64_t run;

        begin(&mds);
        run = start();
        deliver(3, run, 0);
        deliver(1, run, 0);
        deliver(0, run, 0); /* one more than it takes */
        assert_int_equal(wait_in_time(), 0);
        assert_true(gather.solved);
        assert_int_equal(gather.n_taken, 2);
        assert_int_equal(gather.taken[0]->board, 3); /* in the decoder's order */
        assert_int_equal(gather.taken[1]->board, 1);
        assert_int_equal(gather.received[0] + gather.received[2], 0);
        assert_int_equal(gather.received[3], 1);
        assert_true(gather.condition >= 1 && gather.gain > 0);
        assert_int_equal(gather.lost, 0);
        finish();
        end();
}

/* The error to be reckoned with after the first n of these boards' parts. */
static double error_after(const unsigned *boards, unsigned n)
{
        hedge_decoder_t *decoder = NULL;
        double error;

        assert_int_equal(hedge_decoder_new(bed.code, &decoder), 0);
        for (unsigned i = 0; i < n; i++)
                assert_true(hedge_decoder_add(decoder, boards[i], 0) >= 0);
        assert_int_equal(hedge_decoder_solve(decoder, NULL), 0);
        error = hedge_decode_error(hedge_decoder_gain(decoder), settings.conv_error, bed.variant.cut.wire);
        hedge_decoder_destroy(&decoder);
        return error;
}

/* @return what waiting says, with so many parts there. */
static int wait_with(double accuracy, const unsigned *boards, unsigned there, unsigned *ret_taken)
{
        uint64_t run;
        int r;

        settings.accuracy = accuracy;
        run = start();
        for (unsigned i = 0; i < there; i++)
                deliver(boards[i], run, 0);
        for (unsigned i = there; i < DISPATCH_BOARDS; i++)
                lose(boards[i]);
        r = wait_in_time();
        assert_int_equal(gather.solved, r == 0);
        *ret_taken = gather.n_taken;
        finish();
        return r;
}

static void an_answer_that_is_not_accurate_enough_takes_more(void **state)
{
        (void)state;
        const unsigned boards[] = { 0, 1, 2, 3 };
        double two, three;
        unsigned taken;

        begin(&mds);
        two = error_after(boards, 2);
        three = error_after(boards, 3);
        assert_true(three < 0.99 * two); /* else this would show nothing */
        assert_int_equal(wait_with(two, boards, 4, &taken), 0);
        assert_int_equal(taken, 2);
        assert_int_equal(wait_with((two + three) / 2, boards, 3, &taken), 0);
        assert_int_equal(taken, 3);
        for (unsigned b = 0; b < DISPATCH_BOARDS; b++)
                dispatch_bed_hello(&bed, b, 2);
        assert_int_equal(wait_with((two + three) / 2, boards, 4, &taken), 0);
        assert_int_equal(taken, 4);                           /* what is there is taken before it is solved again */
        assert_int_equal(wait_with(0, boards, 4, &taken), 1); /* never: everything is in, and it is not enough */
        assert_int_equal(taken, 4);
        bed.variant.cut.wire = HEDGE_PRECISION_Q16; /* whose rounding counts as well */
        assert_int_equal(wait_with((two + three) / 2, boards, 4, &taken), 1);
        end();
}

static void what_can_no_longer_be_decoded_is_given_up(void **state)
{
        (void)state;
        uint64_t run;

        begin(&mds);
        run = start();
        lose(0);
        deliver(1, run, 0);
        lose(2);
        lose(3);
        assert_int_equal(wait_in_time(), 1);
        assert_int_equal(gather.n_taken, 1);
        assert_int_equal(gather.lost, 3);
        assert_false(gather.solved);
        finish();
        end();
        begin(&uncoded);
        start();
        lose(2); /* one is enough where every part is needed: the others are not waited for */
        assert_int_equal(wait_in_time(), 1);
        assert_int_equal(gather.lost, 1);
        finish();
        end();
}

static void all_boards_are_lost(void **state)
{
        (void)state;
        begin(&krp);
        start();
        for (unsigned b = 0; b < DISPATCH_BOARDS; b++)
                lose(b);
        assert_int_equal(wait_in_time(), 1);
        assert_int_equal(gather.n_taken, 0);
        finish();
        end();
}

static void too_few_boards_are_not_asked(void **state)
{
        (void)state;
        begin(&uncoded);
        atomic_store(&bed.variant.holders[0], 7); /* without board 3 */
        assert_int_equal(hedged_gather_init(&gather, &settings, &bed.variant, input), 0);
        assert_int_equal(hedged_gather_start(&gather), 1);
        dispatch_bed_turn(&bed);
        for (unsigned b = 0; b < DISPATCH_BOARDS; b++)
                assert_int_equal(bed.boards[b].n_sent, 0);
        finish();
        end();
        begin(&mds);
        atomic_store(&bed.variant.holders[0], 5); /* boards 0 and 2 are enough here */
        start();
        for (unsigned b = 0; b < DISPATCH_BOARDS; b++)
                assert_int_equal(bed.boards[b].n_sent, b % 2 == 0);
        finish();
        end();
}

static void parts_of_a_board_wait_until_it_is_done(void **state)
{
        (void)state;
        unsigned parts[DISPATCH_BOARDS][16], n = 0;
        uint64_t run;

        begin(&krp);
        bed.variant.cut.whole_boards = true;
        run = start();
        for (unsigned b = 0; b < DISPATCH_BOARDS; b++) {
                n = asked_for(b, parts[b]);
                assert_int_equal(n, 2); /* of its first coded input */
        }
        deliver(0, run, parts[0][0]);
        deliver(1, run, parts[1][0]);
        deliver(2, run, parts[2][1]);
        deliver(1, run, parts[1][1]);
        deliver(2, run, parts[2][0]);
        assert_int_equal(wait_in_time(), 0);
        assert_int_equal(gather.n_taken, 4);
        assert_int_equal(gather.received[0], 0); /* it sent one that would have made the rank full earlier */
        assert_int_equal(gather.received[1], 2);
        assert_int_equal(gather.n_held, 1);
        finish();
        end();
}

static void the_program_stops_in_the_middle(void **state)
{
        (void)state;
        uint64_t run;

        begin(&mds);
        run = start();
        deliver(1, run, 0);
        hedged_dispatch_shutdown(bed.dispatch);
        deliver(2, run, 0); /* behind it */
        assert_int_equal(wait_in_time(), HEDGE_ESHUTDOWN);
        assert_int_equal(gather.n_taken, 1);
        finish();
        end();
}

static void a_layer_that_is_not_in_in_time_is_given_up(void **state)
{
        (void)state;
        int64_t began_us;
        uint64_t run;

        begin(&mds);
        settings.timeout_ms = 20;
        run = start();
        deliver(1, run, 0);
        began_us = hedge_now_us();
        assert_int_equal(hedged_gather_wait(&gather), 1);
        assert_true(hedge_now_us() - began_us >= 20000);
        assert_int_equal(gather.n_taken, 1);
        finish();
        for (unsigned b = 0; b < DISPATCH_BOARDS; b++) /* and nobody goes on with it */
                assert_int_equal(bed.boards[b].n_sent, b == 1 ? 1 : 2);
        end();
}

static const hedge_part_report_t *report_of(const hedge_layer_report_t *report, unsigned board)
{
        for (uint32_t i = 0; i < report->n_parts; i++)
                if (report->parts[i].board == board)
                        return &report->parts[i];
        return NULL;
}

static void the_trace_tells_of_every_part(void **state)
{
        (void)state;
        const int64_t began_us = hedge_now_us() - 1000000;
        hedge_layer_report_t report = { 0 };
        uint64_t run;

        begin(&mds);
        atomic_store(&bed.variant.holders[0], 15);
        run = start();
        deliver(3, run, 0);
        deliver(0, run, 0);
        deliver(1, run, 0); /* too late */
        lose(2);
        assert_int_equal(wait_in_time(), 0);
        assert_int_equal(hedged_gather_trace(&gather, began_us, &report), 0);
        assert_int_equal(report.n_parts, 4);
        for (unsigned b = 0; b < DISPATCH_BOARDS; b++) {
                const hedge_part_report_t *p = report_of(&report, b);

                assert_non_null(p);
                assert_true(p->sent_ms >= 1000);
                assert_int_equal(p->used, b == 0 || b == 3);
                assert_int_equal(p->compute_us, b == 2 ? 0 : 1);
                assert_true(b == 2 ? p->received_ms <= 0 : p->received_ms >= p->sent_ms);
        }
        free(report.parts);
        finish();
        end();
}

/* What the gatherer's thread sleeps for; 0: it is awake. */
static unsigned sleeps_for(void)
{
        unsigned least;

        pthread_mutex_lock(&gather.run->inbox.lock);
        least = gather.run->inbox.least;
        pthread_mutex_unlock(&gather.run->inbox.lock);
        return least;
}

static void *wait_alone(void *ret)
{
        *(int *)ret = hedged_gather_wait(&gather);
        return NULL;
}

static void it_sleeps_until_there_is_something_to_decide(void **state)
{
        (void)state;
        pthread_t thread;
        uint64_t run;
        int r = -1;

        begin(&uncoded);
        run = start();
        deliver(3, run, 0);
        assert_int_equal(pthread_create(&thread, NULL, wait_alone, &r), 0);
        while (sleeps_for() == 0)
                sched_yield();
        for (unsigned b = 0; b < 2; b++) {
                assert_int_equal(sleeps_for(), 3); /* of four, one was there */
                deliver(b, run, 0);
        }
        assert_int_equal(sleeps_for(), 3);
        deliver(2, run, 0);
        pthread_join(thread, NULL);
        assert_int_equal(r, 0);
        assert_int_equal(gather.waits, 1);
        assert_int_equal(gather.n_taken, 4);
        finish();
        end();
}

/* ---- any answers and losses, against the decoder alone ---- */

typedef struct happening {
        unsigned board, part;
        bool lost;
} happening_t;

/* Every part that was asked for, in any order; some boards are lost at some time, and send nothing after that. */
static unsigned shuffle(happening_t *list)
{
        bool lost[DISPATCH_BOARDS] = { false };
        unsigned n = 0, kept = 0, parts[64];

        for (unsigned b = 0; b < DISPATCH_BOARDS; b++) {
                const unsigned count = asked_for(b, parts);

                for (unsigned i = 0; i < count; i++)
                        list[n++] = (happening_t){ b, parts[i], false };
                if (layer_between(&any, 0, 2) > 0)
                        list[n++] = (happening_t){ b, 0, true };
        }
        for (unsigned i = n; i > 1; i--) {
                const unsigned j = layer_between(&any, 0, i - 1);
                const happening_t other = list[j];

                list[j] = list[i - 1];
                list[i - 1] = other;
        }
        for (unsigned i = 0; i < n; i++) {
                if (!lost[list[i].board])
                        list[kept++] = list[i];
                lost[list[i].board] |= list[i].lost;
        }
        return kept;
}

/* A lost board counts only while it owes something. */
static bool owes(const happening_t *list, unsigned at, unsigned board)
{
        unsigned parts[64], left = asked_for(board, parts);

        for (unsigned i = 0; i < at; i++)
                left -= list[i].board == board && !list[i].lost;
        return left > 0;
}

static bool is_good(hedge_decoder_t *decoder)
{
        return hedge_decoder_ready(decoder) && hedge_decoder_solve(decoder, NULL) == 0 &&
               hedge_decode_error(hedge_decoder_gain(decoder), settings.conv_error, HEDGE_PRECISION_F32) <=
                       settings.accuracy;
}

/* What the gatherer should say: it solves when the rank is full, and once more with everything.
 * @param ret_taken  Parts that it should take. */
static int foresee(const happening_t *list, unsigned n, unsigned *ret_taken)
{
        bool alive[DISPATCH_BOARDS] = { true, true, true, true }, tried = false, good = false, possible = true;
        hedge_decoder_t *decoder = NULL;

        assert_int_equal(hedge_decoder_new(bed.code, &decoder), 0);
        for (unsigned i = 0; i < n && !good && possible; i++) {
                if (list[i].lost) {
                        alive[list[i].board] &= !owes(list, i, list[i].board);
                        possible = hedge_decoder_possible(decoder, alive);
                        continue;
                }
                assert_true(hedge_decoder_add(decoder, list[i].board, list[i].part) >= 0);
                good = !tried && is_good(decoder);
                tried = hedge_decoder_ready(decoder);
        }
        good = good || (possible && is_good(decoder));
        *ret_taken = hedge_decoder_count(decoder);
        hedge_decoder_destroy(&decoder);
        return good ? 0 : 1;
}

static void any_answers_are_taken_as_the_decoder_would(void **state)
{
        (void)state;
        unsigned solved = 0, given_up = 0, more = 0;

        for (unsigned round = 0; round < 300; round++) {
                happening_t list[64];
                unsigned n, taken;
                uint64_t run;
                int expected;

                begin(&lt);
                any.state += round * UINT64_C(1000003);
                settings.accuracy = round % 2 ? 1 : 2.5e-6; /* 2.5 times what a plain part is wrong by */
                run = start();
                n = shuffle(list);
                expected = foresee(list, n, &taken);
                for (unsigned i = 0; i < n; i++)
                        if (list[i].lost)
                                lose(list[i].board);
                        else
                                deliver(list[i].board, run, list[i].part);
                assert_int_equal(wait_in_time(), expected);
                assert_int_equal(gather.n_taken, taken);
                solved += expected == 0;
                given_up += expected == 1;
                more += taken > hedge_code_rank(bed.code);
                finish();
                end();
        }
        assert_true(solved > 30 && given_up > 30 && more > 30); /* all of it happens */
}

/* ---- boards that answer while the gatherer waits ---- */

enum behaviour { ANSWERS, IS_SILENT, DIES, GIVES_UP };

static struct {
        enum behaviour behaviour[DISPATCH_BOARDS];
        unsigned tasks[DISPATCH_BOARDS]; /* that came */
        pthread_t thread;
        bool runs;
        hedge_mail_t stop;
} boards;

/* The part as a board computes it. */
static void compute(unsigned board, dispatch_sent_t *s, unsigned part)
{
        const hedge_partition_t *p = &bed.variant.partition;
        const unsigned ell_b = hedge_code_ell_b(bed.code, board), la = part / ell_b;
        hedge_part_t said = { .part = part, .compute_us = 1 };
        const hedge_msg_part_t message = { .run = s->run, .n_parts = 1, .parts = &said };
        const size_t n = hedge_partition_part_elements(p);
        float *block = malloc(hedge_partition_filter_elements(p) * sizeof(float));
        double *exact;
        zmq_msg_t frame;
        unsigned at = 0;

        while (at < s->n_inputs && s->inputs[at] != la)
                at++;
        MUST(block && at < s->n_inputs);
        MUST(zmq_msg_size(&s->frames[at]) == hedge_partition_input_elements(p) * sizeof(float));
        hedge_encode_filter(p, hedge_code_b(bed.code, board, part % ell_b), filter, block);
        exact = layer_convolve(&p->part, zmq_msg_data(&s->frames[at]), block);
        MUST(zmq_msg_init_size(&frame, n * sizeof(float)) == 0);
        for (size_t i = 0; i < n; i++)
                ((float *)zmq_msg_data(&frame))[i] = (float)exact[i];
        dispatch_bed_send_frames(&bed, board, &message, &frame); /* may be late */
        free(exact);
        free(block);
}

static void answer(unsigned board)
{
        dispatch_sent_t *s = &bed.boards[board].sent[0];

        boards.tasks[board] += s->type == HEDGE_MSG_TASK;
        for (unsigned i = 0; s->type == HEDGE_MSG_TASK && boards.behaviour[board] == ANSWERS && i < s->n_order; i++)
                compute(board, s, s->order[i]);
        if (s->type == HEDGE_MSG_TASK && boards.behaviour[board] == DIES)
                lose(board);
        if (s->type == HEDGE_MSG_TASK && boards.behaviour[board] == GIVES_UP)
                hedged_dispatch_ended(bed.dispatch, dispatch_bed_board(&bed, board), s->run);
        dispatch_bed_shift(&bed.boards[board]);
}

static void *loop_main(void *arg)
{
        (void)arg;
        for (;;) {
                hedge_mail_t *mail = hedge_mailbox_wait(bed.loop, -1);

                if (mail == &boards.stop)
                        return NULL;
                hedged_dispatch_mail(bed.dispatch, mail);
                for (unsigned b = 0; b < DISPATCH_BOARDS; b++)
                        while (bed.boards[b].n_sent)
                                answer(b);
        }
}

/* Start and wait, while boards behave. The gatherer is still to be released, and the bed's thread runs. */
static int run_with(const hedge_code_params_t *params, enum behaviour first, enum behaviour others)
{
        int r;

        begin(params);
        memset(&boards, 0, sizeof(boards));
        for (unsigned b = 0; b < DISPATCH_BOARDS; b++)
                boards.behaviour[b] = b ? others : first;
        boards.stop.kind = -1;
        assert_int_equal(hedged_gather_init(&gather, &settings, &bed.variant, input), 0);
        assert_int_equal(pthread_create(&boards.thread, NULL, loop_main, NULL), 0);
        boards.runs = true;
        r = hedged_gather_start(&gather);
        if (r == 0)
                r = hedged_gather_wait(&gather);
        hedged_layer_run_close(gather.run, false);
        return r;
}

/* The decoded layer is the layer. The parts are rounded to float, the codes add no more than a few roundings, and decoding
 * multiplies that by the condition number at most (as in test_decode). */
static void check_answer(void)
{
        const size_t n = hedge_conv_out_elements(&dispatch_conv);
        const hedge_activation_t none = { HEDGE_ACT_NONE, 0, 0 };
        hedge_wire_part_t *parts = calloc(gather.n_taken, sizeof(*parts));
        double *expected = layer_convolve(&dispatch_conv, input, filter), worst = 0, peak = 0;
        float *output = malloc(n * sizeof(float));

        for (unsigned i = 0; i < gather.n_taken; i++)
                parts[i] = (hedge_wire_part_t){ zmq_msg_data(&gather.taken[i]->frame), gather.taken[i]->wire };
        hedge_decoder_apply_wire(gather.decoder, &bed.variant.partition, parts, NULL, &none, output, 1);
        for (size_t i = 0; i < n; i++) {
                worst = fmax(worst, fabs((double)output[i] - expected[i]));
                peak = fmax(peak, fabs(expected[i]));
        }
        assert_true(worst <= 1e-6 * gather.condition * (peak + 1));
        free(output);
        free(expected);
        free(parts);
}

static void end_with(void)
{
        hedged_gather_release(&gather);
        hedge_mailbox_put(bed.loop, &boards.stop);
        pthread_join(boards.thread, NULL);
        boards.runs = false;
        end();
}

/* A test that fails leaves no thread to the next. */
static int tear_down(void **state)
{
        (void)state;
        if (boards.runs)
                end_with();
        return 0;
}

static void every_scheme_decodes_what_boards_compute(void **state)
{
        (void)state;
        const hedge_code_params_t *all[] = { &uncoded, &mds, &krp, &steal, &lt };

        for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
                assert_int_equal(run_with(all[i], ANSWERS, ANSWERS), 0);
                assert_true(gather.solved && gather.n_taken >= hedge_code_rank(bed.code));
                check_answer();
                if (all[i] == &uncoded || all[i] == &mds) /* whose boards are given nothing more */
                        assert_true(gather.waits <= 1);
                end_with();
        }
}

static void a_board_that_is_done_is_given_what_others_are_late_with(void **state)
{
        (void)state;
        const hedge_code_params_t *all[] = { &krp, &steal };

        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(run_with(all[i], ANSWERS, IS_SILENT), 0);
                assert_int_equal(gather.n_taken, 4); /* it did everything */
                assert_int_equal(gather.received[0], 4);
                check_answer();
                assert_int_equal(gather.lost, 0);
                end_with();
                assert_int_equal(boards.tasks[0], i ? 4 : 2); /* by parts, and by coded inputs */
                for (unsigned b = 1; b < DISPATCH_BOARDS; b++)
                        assert_int_equal(boards.tasks[b], 1);
        }
}

static void what_is_lost_is_given_to_another(void **state)
{
        (void)state;
        const enum behaviour ways[] = { DIES, GIVES_UP };

        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(run_with(&steal, ANSWERS, ways[i]), 0);
                assert_int_equal(gather.received[0], 4);
                check_answer();
                end_with();
                assert_int_equal(run_with(&uncoded, ANSWERS, ways[i]), 1); /* which another cannot do */
                assert_true(gather.lost >= 1);
                end_with();
                assert_int_equal(run_with(&steal, ways[i], ways[i]), 1);
                assert_int_equal(gather.lost, DISPATCH_BOARDS);
                end_with();
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_is_solved_as_soon_as_the_rank_is_full),
                cmocka_unit_test(an_answer_that_is_not_accurate_enough_takes_more),
                cmocka_unit_test(what_can_no_longer_be_decoded_is_given_up),
                cmocka_unit_test(all_boards_are_lost),
                cmocka_unit_test(too_few_boards_are_not_asked),
                cmocka_unit_test(parts_of_a_board_wait_until_it_is_done),
                cmocka_unit_test(the_program_stops_in_the_middle),
                cmocka_unit_test(a_layer_that_is_not_in_in_time_is_given_up),
                cmocka_unit_test(the_trace_tells_of_every_part),
                cmocka_unit_test(it_sleeps_until_there_is_something_to_decide),
                cmocka_unit_test(any_answers_are_taken_as_the_decoder_would),
                cmocka_unit_test_teardown(every_scheme_decodes_what_boards_compute, tear_down),
                cmocka_unit_test_teardown(a_board_that_is_done_is_given_what_others_are_late_with, tear_down),
                cmocka_unit_test_teardown(what_is_lost_is_given_to_another, tear_down),
        };

        return cmocka_run_group_tests_name("gather", tests, NULL, NULL);
}
