/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of the kernels' rounding when parts are decoded: layers are coded, computed part by part and decoded from parts that
 * arrive in random order, and the error beside a plain convolution in double is compared with two rules, condition x kernel error
 * and gain x kernel error. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/conv/condition.h"
#include "common/code/conv/decode.h"
#include "common/kernel/kernel.h"

#define TRIALS 40

static const struct {
        const char *name;
        hedge_code_params_t params;
} codes[] = {
        { "nsctc 4 4, 8 boards", { .scheme = HEDGE_SCHEME_NSCTC, .k_a = 4, .k_b = 4, .n = 8 } },
        { "nsctc 8 8, 20 boards", { .scheme = HEDGE_SCHEME_NSCTC, .k_a = 8, .k_b = 8, .n = 20 } },
        { "krp 4 4, 10 boards", { .scheme = HEDGE_SCHEME_KRP, .k_a = 4, .k_b = 4, .n = 10, .ell_a = 2, .ell_b = 2 } },
        { "krp 8 4, 10 boards", { .scheme = HEDGE_SCHEME_KRP, .k_a = 8, .k_b = 4, .n = 10, .ell_a = 2, .ell_b = 3 } },
        { "mds 8, 12 boards", { .scheme = HEDGE_SCHEME_MDS, .k_a = 8, .k_b = 1, .n = 12 } },
};

static const struct {
        const char *name;
        hedge_conv_t conv;
} layers[] = {
        { "56x56x64-64", { 56, 56, 64, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 } },
        { "28x28x256-256", { 28, 28, 256, 256, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 } },
};

typedef struct bed {
        hedge_kernels_t *plain, *kernels;
        hedge_code_t *code;
        hedge_conv_t conv;
        hedge_partition_t partition;
        float *input, *filter, *want, *got;
        float **parts; /* as they came */
        double peak;
} bed_t;

/* Worst of all trials. */
typedef struct ratios {
        double error, gain, condition;        /* the error; error / (rule x kernel error) */
        double waited_gain, waited_condition; /* mean parts beyond the rank until the rule allowed 1e-3 */
} ratios_t;

static void *need(void *memory)
{
        if (!memory) {
                fprintf(stderr, "hedge-bench-rounding: out of memory\n");
                exit(1);
        }
        return memory;
}

static void must(int r, const char *what)
{
        if (r < 0) {
                fprintf(stderr, "hedge-bench-rounding: %s: %s\n", what, hedge_strerror(r));
                exit(1);
        }
}

/* Roughly normal inputs after a relu, as inside a network; filters with a mean of 0. */
static float *random_floats(size_t n, bool relu)
{
        float *x = need(hedge_floats_new(n));

        for (size_t i = 0; i < n; i++) {
                float sum = 0;

                for (unsigned j = 0; j < 4; j++)
                        sum += (float)rand() / (float)RAND_MAX - 0.5f;
                x[i] = relu && sum < 0 ? 0 : sum;
        }
        return x;
}

static void compute(hedge_kernels_t *kernels, const hedge_conv_t *conv, const float *input, const float *filter,
                    float *out)
{
        const hedge_op_t op = { .kind = HEDGE_OP_CONV, .conv = *conv };
        const hedge_shape_t shapes[] = { { 4, { 1, conv->in_h, conv->in_w, conv->in_c } },
                                         { 4, { conv->out_c, conv->kernel_h, conv->kernel_w, conv->in_c } } };
        const float *constants[] = { NULL, filter }, *in[] = { input, NULL };
        hedge_kernel_t *kernel = NULL;

        must(hedge_kernel_new(kernels, &op, shapes, 2, constants, &kernel), "kernel");
        must(hedge_kernel_run(kernel, in, out), "kernel");
        hedge_kernel_destroy(&kernel);
}

static float *make_part(const bed_t *b, unsigned board, unsigned part)
{
        const unsigned ell_b = hedge_code_ell_b(b->code, board);
        float *input = need(hedge_floats_new(hedge_partition_input_elements(&b->partition)));
        float *filter = need(hedge_floats_new(hedge_conv_filter_elements(&b->partition.part)));
        float *out = need(hedge_floats_new(hedge_partition_part_elements(&b->partition)));

        hedge_encode_input(&b->partition, hedge_code_a(b->code, board, part / ell_b), b->input, input);
        hedge_encode_filter(&b->partition, hedge_code_b(b->code, board, part % ell_b), b->filter, filter);
        compute(b->kernels, &b->partition.part, input, filter, out);
        free(input);
        free(filter);
        return out;
}

static double error_of(const bed_t *b)
{
        double worst = 0;

        for (size_t i = 0; i < hedge_conv_out_elements(&b->conv); i++)
                worst = fmax(worst, fabs((double)b->got[i] - b->want[i]));
        return worst / b->peak;
}

/* A part's number among all of the code. */
static uint16_t number_of(const hedge_code_t *code, unsigned board, unsigned part)
{
        for (unsigned j = 0; j < board; j++)
                part += hedge_code_parts(code, j);
        return (uint16_t)part;
}

static unsigned shuffle(const hedge_code_t *code, unsigned (*order)[2])
{
        unsigned n = 0;

        for (unsigned j = 0; j < hedge_code_boards(code); j++)
                for (unsigned p = 0; p < hedge_code_parts(code, j); p++, n++) {
                        const unsigned other = (unsigned)rand() % (n + 1);

                        memcpy(order[n], order[other], sizeof(order[n]));
                        order[other][0] = j;
                        order[other][1] = p;
                }
        return n;
}

/* Parts in random order until they decode; the first set is looked at, and how long each rule would have waited. */
static void try_once(bed_t *b, double kernel_error, ratios_t *r)
{
        const hedge_activation_t none = { HEDGE_ACT_NONE, 0, 0 };
        unsigned(*order)[2] = need(calloc(HEDGE_CODE_MAX_ALL_PARTS, sizeof(*order)));
        const unsigned n = shuffle(b->code, order);
        hedge_decoder_t *decoder;
        uint16_t ids[HEDGE_CODE_MAX_ALL_PARTS];
        unsigned taken = 0;
        bool gain_waits = true, condition_waits = true;
        double condition, gain, error;

        must(hedge_decoder_new(b->code, &decoder), "decoder");
        while (taken < n && (gain_waits || condition_waits)) {
                const unsigned *which = order[taken];
                const bool first = !hedge_decoder_ready(decoder);

                ids[taken] = number_of(b->code, which[0], which[1]);
                b->parts[taken++] = make_part(b, which[0], which[1]);
                must(hedge_decoder_add(decoder, which[0], which[1]), "decoder");
                if (!hedge_decoder_ready(decoder) || hedge_decoder_solve(decoder, NULL) < 0)
                        continue;
                must(hedge_condition_of(b->code, ids, taken, &condition), "condition");
                gain = hedge_decoder_gain(decoder);
                if (first) {
                        hedge_decoder_apply(decoder, &b->partition, (const float *const *)b->parts, NULL, &none, b->got,
                                            1);
                        error = error_of(b);
                        r->error = fmax(r->error, error);
                        r->gain = fmax(r->gain, error / (gain * kernel_error));
                        r->condition = fmax(r->condition, error / (condition * kernel_error));
                }
                gain_waits = gain_waits && gain * kernel_error > 1e-3;
                condition_waits = condition_waits && condition * kernel_error > 1e-3;
                r->waited_gain += gain_waits / (double)TRIALS;
                r->waited_condition += condition_waits / (double)TRIALS;
        }
        hedge_decoder_destroy(&decoder);
        for (unsigned i = 0; i < taken; i++)
                free(b->parts[i]);
        free(order);
}

static void study(size_t layer, size_t code, hedge_conv_method_t method)
{
        bed_t b = { .conv = layers[layer].conv };
        ratios_t r = { 0 };

        must(hedge_kernels_new("plain", 1, &b.plain), "plain");
        must(hedge_kernels_new(NULL, 1, &b.kernels), "kernels");
        hedge_kernels_allow(b.kernels, 1u << method);
        must(hedge_code_new_with(&codes[code].params, &b.code, NULL), codes[code].name);
        must(hedge_partition_init(&b.partition, &b.conv, hedge_code_k_a(b.code), hedge_code_k_b(b.code)), "partition");
        srand(1);
        b.input = random_floats(hedge_conv_in_elements(&b.conv), true);
        b.filter = random_floats(hedge_conv_filter_elements(&b.conv), false);
        b.want = need(hedge_floats_new(hedge_conv_out_elements(&b.conv)));
        b.got = need(hedge_floats_new(hedge_conv_out_elements(&b.conv)));
        b.parts = need(calloc(HEDGE_CODE_MAX_ALL_PARTS, sizeof(*b.parts)));
        compute(b.plain, &b.conv, b.input, b.filter, b.want);
        for (size_t i = 0; i < hedge_conv_out_elements(&b.conv); i++)
                b.peak = fmax(b.peak, fabs(b.want[i]));
        for (unsigned t = 0; t < TRIALS; t++)
                try_once(&b, hedge_kernels_conv_error(b.kernels), &r);
        printf("%-14s %-21s %-13s %8.1e %9.2f %9.3f %8.1f %8.1f\n", layers[layer].name, codes[code].name,
               hedge_conv_method_name(method), r.error, r.gain, r.condition, r.waited_gain, r.waited_condition);
        fflush(stdout);
        free(b.parts);
        free(b.got);
        free(b.want);
        free(b.filter);
        free(b.input);
        hedge_code_destroy(&b.code);
        hedge_kernels_destroy(&b.kernels);
        hedge_kernels_destroy(&b.plain);
}

int main(int argc, char **argv)
{
        (void)argv;
        if (argc > 1) {
                fprintf(stderr, "usage: hedge-bench-rounding\n");
                return 2;
        }
        printf("Worst of %d random orders of arrival, decoded at the first full rank: error relative to the peak, the\n"
               "same relative to gain and to condition times the kernels' error; and how many parts more each of\n"
               "the two rules waits for in the mean, for an accuracy of 1e-3.\n\n"
               "%-14s %-21s %-13s %8s %9s %9s %8s %8s\n",
               TRIALS, "layer", "code", "method", "error", "/ gain", "/ cond.", "gain", "cond.");
        for (size_t layer = 0; layer < sizeof(layers) / sizeof(layers[0]); layer++)
                for (size_t code = 0; code < sizeof(codes) / sizeof(codes[0]); code++)
                        for (hedge_conv_method_t m = HEDGE_CONV_DIRECT; m < HEDGE_CONV_METHODS; m++)
                                study(layer, code, m);
        return 0;
}
