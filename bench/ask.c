/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/requests.h"
#include "common/clock.h"
#include "common/code/conv/code.h"
#include "common/io/file.h"

/* hedge-ask ENDPOINT MODEL AT_A_TIME FIRST COUNT TIMEOUT_S INPUT:OUTPUTS...: COUNT requests to a model of one input, of which AT_A_TIME are
 * always on their way, over one connection, so that what clients take of a test bed's processors is little. Both files of a
 * pair are raw floats: an input, and what the model's outputs have to be. Request i (from FIRST on) has pair i modulo their number.
 *
 * For each answer, as it comes, a line: the request's number, when it was sent and when its answer was there (milliseconds of the
 * monotonic clock), milliseconds in the coordinator, the largest difference of the outputs relative to their peak, 1 where the largest
 * entry of the first output is elsewhere (else 0), how many boards had a part, and SCHEME*LAYERS, with commas between them, - for none. Or: number,
 * sent, given up, "lost", and a sentence. */

#define BYTES_MAX (1u << 30)

typedef struct pair {
        char *input, *outputs;
        size_t input_bytes, outputs_bytes;
} pair_t;

typedef struct asked {
        uint64_t id;
        unsigned number;
        int64_t begin_us;
} asked_t;

typedef struct asker {
        hedgec_connection_t *connection;
        const char *model;
        hedge_shape_t shape; /* of the input */
        pair_t *pairs;
        unsigned n_pairs, at_a_time, n_asked, next, end;
        int timeout_ms;
        asked_t *asked; /* at_a_time; those on their way first, oldest first */
} asker_t;

static int read_pair(char *words, pair_t *ret)
{
        char *outputs = strchr(words, ':');
        int r;

        if (!outputs)
                return -EINVAL;
        *outputs++ = '\0';
        r = hedge_io_read_file(words, BYTES_MAX, &ret->input, &ret->input_bytes);
        if (r == 0)
                r = hedge_io_read_file(outputs, BYTES_MAX, &ret->outputs, &ret->outputs_bytes);
        return r;
}

static int learn_shape(asker_t *a, hedge_why_t *why)
{
        hedge_envelope_t answer;
        const hedge_msg_models_ok_t *ok;
        int r = hedgec_request_models(a->connection, a->model, &answer, why);

        if (r < 0)
                return r;
        ok = &answer.message.models_ok;
        if (ok->n_models < 1 || ok->models[0].n_inputs != 1)
                r = hedge_why(why, HEDGE_EUNSUPPORTED, "a model of one input is wanted");
        else
                a->shape = ok->models[0].inputs[0].shape;
        for (unsigned i = 0; r == 0 && i < a->n_pairs; i++)
                if (a->pairs[i].input_bytes != hedge_shape_elements(&a->shape) * sizeof(float))
                        r = hedge_why(why, HEDGE_ESHAPE, "input %u has %zu bytes", i, a->pairs[i].input_bytes);
        hedge_envelope_release(&answer);
        return r;
}

static int send_next(asker_t *a, hedge_why_t *why)
{
        asked_t *asked = &a->asked[a->n_asked];
        hedge_message_t message = { .type = HEDGE_MSG_INFER };
        const pair_t *pair = &a->pairs[a->next % a->n_pairs];
        zmq_msg_t frame;
        int r = hedge_frame_borrow(&frame, pair->input, pair->input_bytes, NULL, NULL);

        if (r < 0)
                return r;
        *asked = (asked_t){ hedgec_connection_id(a->connection), a->next, hedge_now_us() };
        message.infer = (hedge_msg_infer_t){ .id = asked->id, .n_inputs = 1, .inputs = &a->shape };
        r = hedgec_set_name(message.infer.model, sizeof(message.infer.model), a->model, why);
        if (r < 0)
                zmq_msg_close(&frame);
        else
                r = hedgec_connection_send(a->connection, &message, &frame, 1, why);
        if (r == 0) {
                a->n_asked++;
                a->next++;
        }
        return r;
}

typedef struct difference {
        double worst, largest; /* of the wanted ones, by magnitude */
        float peak[2];         /* of what was got, and of what was wanted: in the first output */
        size_t peak_at[2];
} difference_t;

static void compare_frame(zmq_msg_t *frame, const char *wanted, bool first, difference_t *d)
{
        for (size_t i = 0; i < zmq_msg_size(frame); i += sizeof(float)) {
                float values[2];
                double off;

                memcpy(&values[0], (const char *)zmq_msg_data(frame) + i, sizeof(float));
                memcpy(&values[1], wanted + i, sizeof(float));
                off = isfinite(values[0]) ? fabs((double)values[0] - values[1]) : INFINITY;
                d->worst = off > d->worst ? off : d->worst;
                d->largest = fabsf(values[1]) > d->largest ? fabsf(values[1]) : d->largest;
                for (int k = 0; first && k < 2; k++)
                        if (values[k] > d->peak[k]) {
                                d->peak[k] = values[k];
                                d->peak_at[k] = i;
                        }
        }
}

/* @return infinite where they are not as many. */
static double compare(hedge_envelope_t *answer, const pair_t *wanted, bool *elsewhere)
{
        difference_t d = { .peak = { -INFINITY, -INFINITY } };
        size_t at = 0;

        for (uint32_t f = 0; f < answer->n_frames; f++) {
                const size_t size = zmq_msg_size(&answer->frames[f]);

                if (size % sizeof(float) || size > wanted->outputs_bytes - at)
                        return INFINITY;
                compare_frame(&answer->frames[f], wanted->outputs + at, f == 0, &d);
                at += size;
        }
        *elsewhere = d.peak_at[0] != d.peak_at[1];
        return at == wanted->outputs_bytes ? d.worst / (d.largest > 0 ? d.largest : 1) : INFINITY;
}

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "nsctc*3,local*2" */
static void print_ways(const hedge_msg_result_t *result)
{
        const char **names = calloc(result->n_layers + 1, sizeof(*names));
        uint32_t same;

        for (uint32_t i = 0; names && i < result->n_layers; i++)
                names[i] = result->layers[i].scheme;
        if (names)
                qsort(names, result->n_layers, sizeof(*names), compare_names);
        for (uint32_t i = 0; names && i < result->n_layers; i += same) {
                for (same = 1; i + same < result->n_layers && !strcmp(names[i], names[i + same]);)
                        same++;
                printf("%s%s*%u", i ? "," : "", names[i], same);
        }
        printf("%s\n", names && result->n_layers ? "" : "-");
        free(names);
}

static unsigned count_boards(const hedge_msg_result_t *result)
{
        bool seen[HEDGE_CODE_MAX_BOARDS] = { false };
        unsigned count = 0;

        for (uint32_t i = 0; i < result->n_layers; i++)
                for (uint32_t k = 0; k < result->layers[i].n_boards; k++)
                        if (result->layers[i].boards[k] < HEDGE_CODE_MAX_BOARDS)
                                seen[result->layers[i].boards[k]] = true;
        for (unsigned i = 0; i < HEDGE_CODE_MAX_BOARDS; i++)
                count += seen[i];
        return count;
}

static void say(asker_t *a, const asked_t *asked, hedge_envelope_t *answer)
{
        const double begin_ms = (double)asked->begin_us / 1e3, end_ms = (double)hedge_now_us() / 1e3;
        hedge_why_t why = { "" };
        bool elsewhere = false;
        double error;

        if (hedgec_answer_check(&answer->message, HEDGE_MSG_RESULT, &why) < 0) {
                printf("%u %.3f %.3f lost %s\n", asked->number, begin_ms, end_ms, why.text);
                return;
        }
        error = compare(answer, &a->pairs[asked->number % a->n_pairs], &elsewhere);
        printf("%u %.3f %.3f %.3f %.3e %d %u ", asked->number, begin_ms, end_ms, answer->message.result.latency_ms,
               error, elsewhere, count_boards(&answer->message.result));
        print_ways(&answer->message.result);
}

static void forget(asker_t *a, unsigned i)
{
        memmove(&a->asked[i], &a->asked[i + 1], (--a->n_asked - i) * sizeof(*a->asked));
}

/* Wait for the next answer; the oldest is given up where its time is over. @return -ECONNRESET: no more will come. */
static int receive(asker_t *a, hedge_why_t *why)
{
        const int64_t left_us = a->asked[0].begin_us + INT64_C(1000) * a->timeout_ms - hedge_now_us();
        hedge_envelope_t answer;
        uint64_t id;
        int r = hedgec_connection_receive(a->connection, left_us > 1000 ? (int)(left_us / 1000) : 1, &answer, why);

        if (r == -ETIMEDOUT) {
                printf("%u %.3f %.3f lost no answer within %d s\n", a->asked[0].number,
                       (double)a->asked[0].begin_us / 1e3, (double)hedge_now_us() / 1e3, a->timeout_ms / 1000);
                forget(a, 0);
                return 0;
        }
        if (r < 0)
                return r;
        id = hedgec_answer_id(&answer.message);
        for (unsigned i = 0; i < a->n_asked; i++)
                if (a->asked[i].id == id) {
                        say(a, &a->asked[i], &answer);
                        forget(a, i);
                        break;
                }
        hedge_envelope_release(&answer);
        return 0;
}

static int ask_all(asker_t *a, hedge_why_t *why)
{
        int r = learn_shape(a, why);

        while (r == 0 && (a->n_asked || a->next != a->end)) {
                while (r == 0 && a->n_asked < a->at_a_time && a->next != a->end)
                        r = send_next(a, why);
                if (r == 0)
                        r = receive(a, why);
                fflush(stdout);
        }
        return r;
}

static unsigned number(const char *word)
{
        char *end;
        const unsigned long n = strtoul(word, &end, 10);

        if (end == word || *end || n > 1000000000) {
                fprintf(stderr, "hedge-ask: %s: a number is wanted\n", word);
                exit(2);
        }
        return (unsigned)n;
}

int main(int argc, char **argv)
{
        asker_t a = { .model = argc > 2 ? argv[2] : "" };
        hedge_why_t why = { "" };
        int r = 0;

        if (argc < 8) {
                fprintf(stderr, "usage: hedge-ask ENDPOINT MODEL AT_A_TIME FIRST COUNT TIMEOUT_S INPUT:OUTPUTS...\n");
                return 2;
        }
        a.at_a_time = number(argv[3]);
        a.next = number(argv[4]);
        a.end = a.next + number(argv[5]);
        a.timeout_ms = (int)number(argv[6]) * 1000;
        a.n_pairs = (unsigned)argc - 7;
        a.pairs = calloc(a.n_pairs, sizeof(*a.pairs));
        a.asked = calloc(a.at_a_time + 1, sizeof(*a.asked));
        if (!a.pairs || !a.asked || !a.at_a_time)
                return 1;
        for (unsigned i = 0; r == 0 && i < a.n_pairs; i++)
                r = read_pair(argv[7 + i], &a.pairs[i]);
        if (r < 0)
                fprintf(stderr, "hedge-ask: %s\n", hedge_strerror(r));
        else
                r = hedgec_connect("ask", &(hedgec_target_t){ .connect = argv[1], .timeout_s = number(argv[6]) },
                                   &a.connection);
        if (r == 0) {
                r = ask_all(&a, &why);
                if (r < 0)
                        fprintf(stderr, "hedge-ask: %s\n", why.text[0] ? why.text : hedge_strerror(r));
        }
        hedgec_connection_close(&a.connection);
        for (unsigned i = 0; i < a.n_pairs; i++) {
                free(a.pairs[i].input);
                free(a.pairs[i].outputs);
        }
        free(a.pairs);
        free(a.asked);
        return r ? 1 : 0;
}
