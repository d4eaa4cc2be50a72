/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/measure/costs.h"

#include <math.h>
#include <stdlib.h>

#include "common/code/conv/decode.h"
#include "common/tensor.h"
#include "common/thread.h"
#include "daemon/measure/here.h"
#include "daemon/measure/loopback.h"
#include "daemon/measure/processor.h"

#define FEW_BYTES     1024
#define MANY_BYTES    262144
#define TURNS         5 /* the best of so many: what disturbs makes it longer, never shorter */
#define MESSAGES      30
#define LONG_MESSAGES 4
#define PART_OF       0.1 /* of a message: a part in it goes through no system call and wakes nobody */
#define LAYER_OF      10  /* messages: a layer starts and wakes threads as messages do, beside its own */
#define K_A           8
#define K_B           4
#define BOARDS        8

const hedged_costs_t hedged_usual_costs = {
        .message_s = 2e-5,
        .byte_s = 1e-9,
        .part_s = 2e-6,
        .entry_s = 5e-10,
        .coding_s = 1.5e-11,
        .solve_s = 1e-9,
        .layer_s = 2e-4,
};

/* ---- messages ---- */

/* One message, there and in. @return infinite where it cannot be said. */
static double time_messages(hedged_loopback_t *x, size_t bytes, unsigned messages)
{
        double best_s = INFINITY, took_s;

        for (unsigned turn = 0; turn < TURNS; turn++) {
                if (hedged_loopback_run(x, bytes, messages, &took_s) < 0)
                        return INFINITY;
                best_s = took_s < best_s ? took_s : best_s;
        }
        return best_s;
}

static void measure_messages(bool encrypted, hedged_costs_t *costs)
{
        hedged_loopback_t *x = NULL;
        double few_s, many_s, first_s;

        if (hedged_loopback_new(encrypted, &x) < 0)
                return;
        if (hedged_loopback_run(x, FEW_BYTES, 2, &first_s) == 0) { /* the handshake is over then */
                few_s = time_messages(x, FEW_BYTES, MESSAGES);
                many_s = time_messages(x, MANY_BYTES, LONG_MESSAGES);
                if (isfinite(few_s) && few_s > 0) {
                        costs->message_s = few_s / 2;
                        costs->part_s = PART_OF * costs->message_s;
                        costs->layer_s = LAYER_OF * costs->message_s;
                }
                if (isfinite(many_s) && many_s > few_s)
                        costs->byte_s = (many_s - few_s) / (MANY_BYTES - FEW_BYTES) / 2;
        }
        hedged_loopback_destroy(&x);
}

/* ---- coding ---- */

/* A decoder that has parts of full rank. */
static int fill_decoder(const hedge_code_t *code, hedge_decoder_t **ret)
{
        hedge_decoder_t *d = NULL;
        int r = hedge_decoder_new(code, &d);

        for (unsigned b = 0; r >= 0 && b < hedge_code_boards(code); b++)
                for (unsigned p = 0; r >= 0 && p < hedge_code_parts(code, b) && !hedge_decoder_ready(d); p++)
                        r = hedge_decoder_add(d, b, p);
        if (r >= 0)
                r = hedge_decoder_ready(d) ? 0 : HEDGE_EUNDECODABLE;
        if (r < 0)
                hedge_decoder_destroy(&d);
        else
                *ret = d;
        return r;
}

/* @return what it takes; infinite without memory. */
static double time_decoding(const hedge_decoder_t *d, const hedge_partition_t *p)
{
        const size_t bytes = hedge_precision_bytes(HEDGE_PRECISION_Q16, hedge_partition_part_elements(p));
        const unsigned n = hedge_decoder_count(d);
        hedge_wire_part_t *parts = calloc(n, sizeof(*parts));
        unsigned char *data = calloc(n, bytes);
        float *out = hedge_floats_new(hedge_conv_out_elements(&hedged_here_layer));
        const hedge_activation_t none = { 0 };
        double best_s = INFINITY;

        for (unsigned i = 0; parts && data && i < n; i++)
                parts[i] = (hedge_wire_part_t){ data + i * bytes, HEDGE_PRECISION_Q16 };
        for (unsigned turn = 0; parts && data && out && turn < TURNS; turn++) {
                const double began_s = hedged_processor_s();
                double took_s;

                hedge_decoder_apply_wire(d, p, parts, NULL, &none, out, 1);
                took_s = hedged_processor_s() - began_s;
                best_s = took_s < best_s ? took_s : best_s;
        }
        free(parts);
        free(data);
        free(out);
        return best_s;
}

typedef struct decoding {
        double solve_s, apply_s;
        unsigned parts;
} decoding_t;

static int decode(hedge_scheme_t scheme, uint64_t seed, const hedge_partition_t *p, decoding_t *ret)
{
        const hedge_code_params_t params = { .scheme = scheme,
                                             .k_a = K_A,
                                             .k_b = K_B,
                                             .n = BOARDS,
                                             .ell_a = scheme == HEDGE_SCHEME_KRP ? 2 : 0,
                                             .ell_b = scheme == HEDGE_SCHEME_KRP ? K_B : 0,
                                             .seed = seed };
        hedge_decoder_t *d = NULL;
        hedge_code_t *code = NULL;
        double began_s;
        int r = hedge_code_new_with(&params, &code, NULL);

        if (r == 0) {
                began_s = hedged_processor_s();
                r = fill_decoder(code, &d);
                if (r == 0)
                        r = hedge_decoder_solve(d, NULL);
                ret->solve_s = hedged_processor_s() - began_s;
        }
        if (r == 0) {
                ret->apply_s = time_decoding(d, p);
                ret->parts = hedge_decoder_count(d);
        }
        hedge_decoder_destroy(&d);
        hedge_code_destroy(&code);
        return r;
}

/* Plain parts, then coded ones, the first time for what is done once only. */
static void measure_coding(hedged_costs_t *costs)
{
        const double entries = (double)hedge_conv_out_elements(&hedged_here_layer);
        decoding_t plain, coded;
        hedge_partition_t p;

        if (hedge_partition_init(&p, &hedged_here_layer, K_A, K_B) < 0 ||
            decode(HEDGE_SCHEME_UNCODED, 0, &p, &plain) < 0 || !isfinite(plain.apply_s))
                return;
        if (plain.apply_s > 0)
                costs->entry_s = plain.apply_s / entries;
        if (decode(HEDGE_SCHEME_KRP, 1, &p, &coded) < 0 || decode(HEDGE_SCHEME_KRP, 2, &p, &coded) < 0)
                return;
        if (coded.solve_s > 0)
                costs->solve_s = coded.solve_s / pow(K_A * K_B, 3);
        if (isfinite(coded.apply_s) && coded.apply_s > plain.apply_s)
                costs->coding_s = (coded.apply_s - plain.apply_s) / (entries * coded.parts);
}

/* libzmq starts threads of its own, which are not to take the program's signals. */
hedged_costs_t hedged_costs_measure(bool encrypted)
{
        hedged_costs_t costs = hedged_usual_costs;
        sigset_t before;

        hedge_signals_block(&before);
        measure_messages(encrypted, &costs);
        measure_coding(&costs);
        hedge_signals_restore(&before);
        return costs;
}
