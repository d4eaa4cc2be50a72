/* SPDX-License-Identifier: Apache-2.0 */
/* What coding costs beside the layer itself: encoding all boards' inputs, solving and decoding, for VGG-16's layers. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/code/conv/decode.h"
#include "common/kernel/kernel.h"
#include "daemon/plan/plan.h"

#define MAX_REPEATS 101
#define HEAVY_MACS  1000000000u /* from here on a layer counts as heavy */

typedef struct options {
        unsigned k_a, k_b; /* 0: as the coordinator cuts each layer */
        unsigned n, threads, repeats;
        const char *backend;
        bool q16, json;
} options_t;

typedef struct vgg_layer {
        const char *name;
        uint32_t extent, in_c, out_c;
        unsigned count; /* how many there are */
} vgg_layer_t;

/* Every 3 x 3 convolution of VGG-16, equal ones once. */
static const vgg_layer_t vgg[] = {
        { "conv1_1", 224, 3, 64, 1 },    { "conv1_2", 224, 64, 64, 1 },    { "conv2_1", 112, 64, 128, 1 },
        { "conv2_2", 112, 128, 128, 1 }, { "conv3_1", 56, 128, 256, 1 },   { "conv3_2,3", 56, 256, 256, 2 },
        { "conv4_1", 28, 256, 512, 1 },  { "conv4_2,3", 28, 512, 512, 2 }, { "conv5_1,2,3", 14, 512, 512, 3 },
};

enum {
        STEP_ENCODE,
        STEP_SOLVE,
        STEP_DECODE,
        STEP_LAYER,
        STEP_ENCODE_FUSED, /* to q16 blocks */
        STEP_ENCODE_APART, /* to floats, then to q16 blocks */
        STEP_DECODE_FUSED,
        STEP_DECODE_APART,
        STEPS
};

typedef struct measured {
        double ms[STEPS];
} measured_t;

typedef struct run {
        const options_t *options;
        const hedge_code_t *code;
        hedge_op_t op;
        hedge_kernels_t *kernels;
        hedge_kernel_t *kernel;
        hedge_partition_t partition;
        unsigned inputs, parts; /* coded inputs of all boards; parts that decode */
        const double **a;
        float *input, *filter, *output, **coded, **part;
        void **input_bytes, **part_bytes; /* as q16 blocks */
        hedge_wire_part_t *wire_parts;
        double *samples[STEPS];
} run_t;

/* With one thread its processor time, so that whatever else runs on the machine counts for less. */
static double now_ms(const options_t *o)
{
        struct timespec t;

        clock_gettime(o->threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static float *random_floats(size_t n)
{
        float *x = hedge_floats_new(n);
        uint32_t state = 1;

        for (size_t i = 0; x && i < n; i++) {
                state = state * 1664525u + 1013904223u;
                x[i] = (float)(int32_t)state / 2147483648.0f;
        }
        return x;
}

static float **many_floats(unsigned count, size_t n)
{
        float **x = calloc(count, sizeof(*x));

        for (unsigned i = 0; x && i < count; i++) {
                x[i] = random_floats(n);
                if (!x[i])
                        return NULL;
        }
        return x;
}

static void **many_blocks(unsigned count, size_t n, float *const *from)
{
        void **x = calloc(count, sizeof(*x));

        for (unsigned i = 0; x && i < count; i++) {
                x[i] = malloc(hedge_q16_bytes(n));
                if (!x[i] || hedge_q16_encode(from[i], n, x[i]) < 0)
                        return NULL;
        }
        return x;
}

static int open_blocks(run_t *run)
{
        run->input_bytes = many_blocks(run->inputs, hedge_partition_input_elements(&run->partition), run->coded);
        run->part_bytes = many_blocks(run->parts, hedge_partition_part_elements(&run->partition), run->part);
        run->wire_parts = calloc(run->parts, sizeof(*run->wire_parts));
        if (!run->input_bytes || !run->part_bytes || !run->wire_parts)
                return -ENOMEM;
        for (unsigned i = 0; i < run->parts; i++)
                run->wire_parts[i] = (hedge_wire_part_t){ run->part_bytes[i], HEDGE_PRECISION_Q16 };
        return 0;
}

static int open_kernel(run_t *run)
{
        const hedge_conv_t *c = &run->op.conv;
        const hedge_shape_t shapes[] = { { 4, { 1, c->in_h, c->in_w, c->in_c } },
                                         { 4, { c->out_c, c->kernel_h, c->kernel_w, c->in_c } } };
        const float *constants[] = { NULL, run->filter };
        int r = hedge_kernels_new(run->options->backend, run->options->threads, &run->kernels);

        return r < 0 ? r : hedge_kernel_new(run->kernels, &run->op, shapes, 2, constants, &run->kernel);
}

static hedge_conv_t geometry(const vgg_layer_t *layer)
{
        const uint32_t e = layer->extent;

        return (hedge_conv_t){ e, e, layer->in_c, layer->out_c, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
}

static int run_open(run_t *run, const options_t *o, const vgg_layer_t *layer, const hedge_code_t *code)
{
        unsigned next = 0;
        int r;

        *run = (run_t){ .options = o, .code = code, .op = { .kind = HEDGE_OP_CONV, .conv = geometry(layer) } };
        run->op.activation = (hedge_activation_t){ HEDGE_ACT_CLAMP, 0, 1e30f };
        r = hedge_partition_init(&run->partition, &run->op.conv, hedge_code_k_a(code), hedge_code_k_b(code));
        if (r < 0)
                return r;
        for (unsigned j = 0; j < o->n; j++)
                run->inputs += hedge_code_ell_a(code, j);
        run->parts = hedge_code_rank(code);
        run->a = calloc(run->inputs, sizeof(*run->a));
        run->input = random_floats(hedge_conv_in_elements(&run->op.conv));
        run->filter = random_floats(hedge_conv_filter_elements(&run->op.conv));
        run->output = random_floats(hedge_conv_out_elements(&run->op.conv));
        run->coded = many_floats(run->inputs, hedge_partition_input_elements(&run->partition));
        run->part = many_floats(run->parts, hedge_partition_part_elements(&run->partition));
        for (unsigned s = 0; s < STEPS; s++)
                run->samples[s] = calloc(o->repeats, sizeof(double));
        if (!run->a || !run->input || !run->filter || !run->output || !run->coded || !run->part)
                return -ENOMEM;
        for (unsigned j = 0; j < o->n; j++)
                for (unsigned la = 0; la < hedge_code_ell_a(code, j); la++)
                        run->a[next++] = hedge_code_a(code, j, la);
        r = o->q16 ? open_blocks(run) : 0;
        return r < 0 ? r : open_kernel(run);
}

static void run_close(run_t *run)
{
        for (unsigned i = 0; run->coded && i < run->inputs; i++)
                free(run->coded[i]);
        for (unsigned i = 0; run->part && i < run->parts; i++)
                free(run->part[i]);
        for (unsigned s = 0; s < STEPS; s++)
                free(run->samples[s]);
        for (unsigned i = 0; run->input_bytes && i < run->inputs; i++)
                free(run->input_bytes[i]);
        for (unsigned i = 0; run->part_bytes && i < run->parts; i++)
                free(run->part_bytes[i]);
        free(run->input_bytes);
        free(run->part_bytes);
        free(run->wire_parts);
        free(run->coded);
        free(run->part);
        free(run->a);
        free(run->input);
        free(run->filter);
        free(run->output);
        hedge_kernel_destroy(&run->kernel);
        hedge_kernels_destroy(&run->kernels);
}

/* Fused and apart take turns, so that whatever else runs hits both. */
static void encode_q16_once(run_t *run, unsigned i)
{
        const size_t n = hedge_partition_input_elements(&run->partition);
        const unsigned threads = run->options->threads;
        double start = now_ms(run->options);

        hedge_encode_inputs_q16(&run->partition, run->inputs, run->a, run->input, run->input_bytes, threads);
        run->samples[STEP_ENCODE_FUSED][i] = now_ms(run->options) - start;
        start = now_ms(run->options);
        hedge_encode_inputs(&run->partition, run->inputs, run->a, run->input, run->coded, threads);
        for (unsigned k = 0; k < run->inputs; k++)
                hedge_q16_encode(run->coded[k], n, run->input_bytes[k]);
        run->samples[STEP_ENCODE_APART][i] = now_ms(run->options) - start;
}

static void decode_q16_once(run_t *run, const hedge_decoder_t *decoder, unsigned i)
{
        const size_t n = hedge_partition_part_elements(&run->partition);
        const unsigned threads = run->options->threads;
        double start = now_ms(run->options);

        hedge_decoder_apply_wire(decoder, &run->partition, run->wire_parts, run->filter, &run->op.activation,
                                 run->output, threads);
        run->samples[STEP_DECODE_FUSED][i] = now_ms(run->options) - start;
        start = now_ms(run->options);
        for (unsigned k = 0; k < run->parts; k++)
                hedge_q16_decode(run->part_bytes[k], 0, n, run->part[k]);
        hedge_decoder_apply(decoder, &run->partition, (const float *const *)run->part, run->filter, &run->op.activation,
                            run->output, threads);
        run->samples[STEP_DECODE_APART][i] = now_ms(run->options) - start;
}

/* The last delta boards answer; a code of its own, so that no decode matrix is known yet. */
static int decode_once(run_t *run, const hedge_code_t *code, unsigned i)
{
        const unsigned delta = hedge_code_delta(code);
        hedge_decoder_t *decoder;
        double start = now_ms(run->options);
        int r = hedge_decoder_new(code, &decoder);

        if (r < 0)
                return r;
        for (unsigned j = run->options->n - delta; j < run->options->n; j++)
                for (unsigned p = 0; p < hedge_code_parts(code, j); p++)
                        hedge_decoder_add(decoder, j, p);
        r = hedge_decoder_solve(decoder, NULL);
        run->samples[STEP_SOLVE][i] = now_ms(run->options) - start;
        if (r == 0) {
                start = now_ms(run->options);
                hedge_decoder_apply(decoder, &run->partition, (const float *const *)run->part, run->filter,
                                    &run->op.activation, run->output, run->options->threads);
                run->samples[STEP_DECODE][i] = now_ms(run->options) - start;
                if (run->options->q16)
                        decode_q16_once(run, decoder, i);
        }
        hedge_decoder_destroy(&decoder);
        return r;
}

static int run_once(run_t *run, unsigned i)
{
        const options_t *o = run->options;
        const float *in[] = { run->input, NULL };
        hedge_code_t *code;
        double start = now_ms(run->options);
        int r;

        hedge_encode_inputs(&run->partition, run->inputs, run->a, run->input, run->coded, o->threads);
        run->samples[STEP_ENCODE][i] = now_ms(run->options) - start;
        if (o->q16)
                encode_q16_once(run, i);
        r = hedge_code_new(HEDGE_SCHEME_NSCTC, hedge_code_k_a(run->code), hedge_code_k_b(run->code), o->n, &code, NULL);
        if (r < 0)
                return r;
        r = decode_once(run, code, i);
        hedge_code_destroy(&code);
        if (r < 0)
                return r;
        start = now_ms(run->options);
        r = hedge_kernel_run(run->kernel, in, run->output);
        run->samples[STEP_LAYER][i] = now_ms(run->options) - start;
        return r;
}

static int ascending(const void *x, const void *y)
{
        return (*(const double *)x > *(const double *)y) - (*(const double *)x < *(const double *)y);
}

static int measure(const options_t *o, const vgg_layer_t *layer, const hedge_code_t *code, measured_t *ret)
{
        run_t run;
        int r = run_open(&run, o, layer, code);

        if (r == 0)
                r = run_once(&run, 0); /* warm up; overwritten */
        for (unsigned i = 0; i < o->repeats && r == 0; i++)
                r = run_once(&run, i);
        for (unsigned s = 0; s < STEPS && r == 0; s++) {
                qsort(run.samples[s], o->repeats, sizeof(double), ascending);
                ret->ms[s] = run.samples[s][o->repeats / 2];
        }
        run_close(&run);
        return r;
}

static double coding_ms(const measured_t *m)
{
        return m->ms[STEP_ENCODE] + m->ms[STEP_SOLVE] + m->ms[STEP_DECODE];
}

static uint64_t layer_macs(const vgg_layer_t *l)
{
        return (uint64_t)l->extent * l->extent * 9 * l->in_c * l->out_c;
}

/* Milliseconds that one board computes its parts at a rate. */
static double board_ms(const vgg_layer_t *l, const hedge_code_t *code, double gflops)
{
        return 2e-6 * (double)layer_macs(l) * hedge_code_parts(code, 0) / hedge_code_rank(code) / gflops;
}

static void print_head(const options_t *o, const char *backend)
{
        printf("nsctc, %u boards; %s, threads %u, medians of %u\n", o->n, backend, o->threads, o->repeats);
        printf("encode: all boards' inputs. coding: encode + solve + decode, as a share of the\n"
               "layer here, and of a board's time for its parts at 1.5, 5 and 15 GFLOP/s.\n"
               "%s time in ms.\n\n",
               o->threads == 1 ? "Processor" : "Wall clock");
        if (o->q16)
                printf("q16: encoding to and decoding from it, fused / floats and q16 apart.\n\n");
        printf("%-11s %5s %6s %6s %6s %6s %6s  %6s %6s %6s %6s", "layer", "cut", "here", "encode", "solve", "decode",
               "coding", "here", "1.5", "5", "15");
        printf(o->q16 ? "   %-15s %-15s\n" : "\n", "encode q16", "decode q16");
}

static void print_row(const options_t *o, const vgg_layer_t *l, const hedge_code_t *code, const measured_t *m)
{
        const double c = coding_ms(m);
        char cut[16];

        snprintf(cut, sizeof(cut), "%ux%u", hedge_code_k_a(code), hedge_code_k_b(code));
        printf("%-11s %5s %6.2f %6.2f %6.2f %6.2f %6.2f  %5.1f%% %5.2f%% %5.2f%% %5.2f%%%s", l->name, cut,
               m->ms[STEP_LAYER], m->ms[STEP_ENCODE], m->ms[STEP_SOLVE], m->ms[STEP_DECODE], c,
               100 * c / m->ms[STEP_LAYER], 100 * c / board_ms(l, code, 1.5), 100 * c / board_ms(l, code, 5),
               100 * c / board_ms(l, code, 15), layer_macs(l) < HEAVY_MACS ? " *" : "  ");
        if (o->q16)
                printf(" %6.2f / %6.2f %6.2f / %6.2f", m->ms[STEP_ENCODE_FUSED], m->ms[STEP_ENCODE_APART],
                       m->ms[STEP_DECODE_FUSED], m->ms[STEP_DECODE_APART]);
        putchar('\n');
}

static void print_json(const options_t *o, const vgg_layer_t *l, const hedge_code_t *code, const measured_t *m)
{
        printf("{\"layer\": \"%s\", \"k_a\": %u, \"k_b\": %u, \"n\": %u, \"delta\": %u, \"threads\": %u, "
               "\"macs\": %llu, \"layer_ms\": %.4f, \"encode_ms\": %.4f, \"solve_ms\": %.4f, \"decode_ms\": %.4f, "
               "\"ratio\": %.5f, \"ratio_at_5_gflops\": %.5f, \"q16_ms\": [%.4f, %.4f, %.4f, %.4f]}\n",
               l->name, hedge_code_k_a(code), hedge_code_k_b(code), o->n, hedge_code_delta(code), o->threads,
               (unsigned long long)layer_macs(l), m->ms[STEP_LAYER], m->ms[STEP_ENCODE], m->ms[STEP_SOLVE],
               m->ms[STEP_DECODE], coding_ms(m) / m->ms[STEP_LAYER], coding_ms(m) / board_ms(l, code, 5),
               m->ms[STEP_ENCODE_FUSED], m->ms[STEP_ENCODE_APART], m->ms[STEP_DECODE_FUSED], m->ms[STEP_DECODE_APART]);
        fflush(stdout);
}

/* The code of a layer: as asked for, or as the coordinator would cut it. */
static int layer_code(const options_t *o, const hedged_config_t *config, const vgg_layer_t *layer, hedge_code_t **ret,
                      hedge_why_t *why)
{
        hedged_cut_t cuts[HEDGED_MAX_VARIANTS] = { { .k_a = o->k_a, .k_b = o->k_b } };
        const hedge_conv_t conv = geometry(layer);

        if (!o->k_a && hedged_plan_layer(config, "vgg16", layer->name, &conv, cuts, why) <= 0)
                return hedge_why(why, -EINVAL, "%s: there is no cut for %u boards", layer->name, o->n);
        return hedge_code_new(HEDGE_SCHEME_NSCTC, cuts[0].k_a, cuts[0].k_b, o->n, ret, why);
}

static int run_all(const options_t *o, const hedged_config_t *config, hedge_why_t *why)
{
        measured_t heavy = { 0 };

        if (!o->json)
                print_head(o, o->backend ? o->backend : hedge_kernels_available()[0]);
        for (unsigned i = 0; i < sizeof(vgg) / sizeof(vgg[0]); i++) {
                hedge_code_t *code;
                measured_t m;
                int r = layer_code(o, config, &vgg[i], &code, why);

                if (r < 0)
                        return r;
                r = measure(o, &vgg[i], code, &m);
                if (r == 0 && o->json)
                        print_json(o, &vgg[i], code, &m);
                else if (r == 0)
                        print_row(o, &vgg[i], code, &m);
                for (unsigned s = 0; s < STEPS && layer_macs(&vgg[i]) >= HEAVY_MACS; s++)
                        heavy.ms[s] += vgg[i].count * m.ms[s];
                hedge_code_destroy(&code);
                if (r < 0)
                        return hedge_why(why, r, "%s: %s", vgg[i].name, hedge_strerror(r));
        }
        if (!o->json)
                printf("\nheavy layers together: coding %.1f %% of the time here\n* below 1 G multiply-accumulates\n",
                       100 * coding_ms(&heavy) / heavy.ms[STEP_LAYER]);
        return 0;
}

static unsigned number(const char *text)
{
        char *end;
        unsigned long x = strtoul(text, &end, 10);

        return *end || x > 1000000 ? 0 : (unsigned)x;
}

static int parse(int argc, char **argv, options_t *o)
{
        static const struct option known[] = {
                { "ka", 1, NULL, 'a' },      { "kb", 1, NULL, 'b' },      { "n", 1, NULL, 'n' },
                { "threads", 1, NULL, 't' }, { "repeats", 1, NULL, 'r' }, { "backend", 1, NULL, 'k' },
                { "q16", 0, NULL, 'q' },     { "json", 0, NULL, 'j' },    { NULL, 0, NULL, 0 },
        };
        int c;

        while ((c = getopt_long(argc, argv, "", known, NULL)) != -1)
                switch (c) {
                case 'a':
                        o->k_a = number(optarg);
                        break;
                case 'b':
                        o->k_b = number(optarg);
                        break;
                case 'n':
                        o->n = number(optarg);
                        break;
                case 't':
                        o->threads = number(optarg);
                        break;
                case 'r':
                        o->repeats = number(optarg);
                        break;
                case 'k':
                        o->backend = optarg;
                        break;
                case 'q':
                        o->q16 = true;
                        break;
                case 'j':
                        o->json = true;
                        break;
                default:
                        return -EINVAL;
                }
        return optind == argc && o->threads > 0 && o->repeats > 0 && o->repeats <= MAX_REPEATS ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
        options_t o = { .n = 8, .threads = 1, .repeats = 9 };
        hedged_config_t config = { 0 };
        hedge_why_t why = { "" };
        int r;

        if (parse(argc, argv, &o) < 0 || !o.k_a != !o.k_b) {
                fprintf(stderr, "usage: hedge-bench-codec [--ka A --kb B] [--n BOARDS] [--threads T] [--repeats R]\n"
                                "                         [--backend onednn|xnnpack|plain] [--q16] [--json]\n"
                                "Without --ka and --kb every layer is cut as the coordinator would.\n"
                                "With --q16 also encoding to q16 blocks and decoding from them, fused and apart.\n");
                return 2;
        }
        r = hedged_config_load(NULL, &config, &why);
        if (r == 0) {
                config.cluster.slots = o.n;
                r = run_all(&o, &config, &why);
        }
        if (r < 0)
                fprintf(stderr, "hedge-bench-codec: %s\n", why.text);
        hedged_config_release(&config);
        return r < 0;
}
