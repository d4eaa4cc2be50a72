/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/study.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/conv/convolve.h"
#include "common/code/conv/solve.h"
#include "common/code/conv/subsets.h"
#include "common/code/random.h"

#define CONDITIONS     2000u
#define CONDITIONS_MIN 20u
#define FULL_RANK      128u /* up to here all CONDITIONS are computed */
#define LAYER_SUBSETS  101u

const hedge_conv_t hedge_alexnet[HEDGE_ALEXNET_LAYERS] = {
        { 227, 227, 3, 96, 11, 11, 4, 4, 1, 1, 0, 0, 0, 0, 1 }, { 27, 27, 96, 256, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2, 1 },
        { 13, 13, 256, 384, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 },  { 13, 13, 384, 384, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 },
        { 13, 13, 384, 256, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 },
};

/* A tensor of floats or doubles. */
typedef struct data {
        size_t elements, size;
        void *at;
} data_t;

static int data_new(data_t *data, size_t elements, size_t size)
{
        data->elements = elements;
        data->size = size;
        data->at = malloc(elements * size);
        return data->at ? 0 : -ENOMEM;
}

static double data_get(const data_t *data, size_t i)
{
        return data->size == sizeof(float) ? (double)((const float *)data->at)[i] : ((const double *)data->at)[i];
}

/* The same numbers for either size: rounded to float. */
static void fill_normal(data_t *data, uint64_t seed, double deviation)
{
        for (size_t i = 0; i < data->elements; i++) {
                const float x = (float)(deviation * hedge_random_normal(&seed));

                if (data->size == sizeof(float))
                        ((float *)data->at)[i] = x;
                else
                        ((double *)data->at)[i] = (double)x;
        }
}

/* One run of the whole way in one precision. */
typedef struct trial {
        const hedge_code_t *code;
        const hedge_passes_t *passes;
        hedge_partition_t partition;
        const hedge_subset_t *set;
        hedge_decoder_t *decoder;
        data_t input, filter, output, coded_input, coded_filter;
        data_t parts; /* one after the other, in the order taken */
} trial_t;

static void trial_free(trial_t *t)
{
        hedge_decoder_destroy(&t->decoder);
        free(t->input.at);
        free(t->filter.at);
        free(t->output.at);
        free(t->coded_input.at);
        free(t->coded_filter.at);
        free(t->parts.at);
}

static int trial_prepare(trial_t *t, const hedge_conv_t *layer, uint64_t seed)
{
        const size_t size = t->passes->size, fan_in = hedge_conv_filter_elements(layer) / layer->out_c;
        size_t parts = 0;

        for (unsigned i = 0; i < hedge_code_delta(t->code); i++)
                parts += hedge_code_parts(t->code, t->set->boards[i]);
        if (hedge_partition_part_elements(&t->partition) > SIZE_MAX / size / parts)
                return HEDGE_ELIMIT;
        if (data_new(&t->input, hedge_conv_in_elements(layer), size) < 0 ||
            data_new(&t->filter, hedge_conv_filter_elements(layer), size) < 0 ||
            data_new(&t->output, hedge_conv_out_elements(layer), size) < 0 ||
            data_new(&t->coded_input, hedge_partition_input_elements(&t->partition), size) < 0 ||
            data_new(&t->coded_filter, hedge_partition_filter_elements(&t->partition), size) < 0 ||
            data_new(&t->parts, parts * hedge_partition_part_elements(&t->partition), size) < 0)
                return -ENOMEM;
        fill_normal(&t->input, seed, 1);
        fill_normal(&t->filter, ~seed, sqrt(1 / (double)fan_in));
        return hedge_decoder_new(t->code, &t->decoder);
}

static void *trial_part(const trial_t *t, int index)
{
        return (char *)t->parts.at + (size_t)index * hedge_partition_part_elements(&t->partition) * t->passes->size;
}

static int trial_board(trial_t *t, unsigned board)
{
        const unsigned ell_b = hedge_code_ell_b(t->code, board);
        int r = 0;

        for (unsigned p = 0; p < hedge_code_parts(t->code, board) && r >= 0; p++) {
                const double *a = hedge_code_a(t->code, board, p / ell_b), *b = hedge_code_b(t->code, board, p % ell_b);

                hedge_encode_inputs_with(t->passes, &t->partition, 1, &a, t->input.at, &t->coded_input.at, 1);
                hedge_encode_filters_with(t->passes, &t->partition, 1, &b, t->filter.at, &t->coded_filter.at);
                r = hedge_decoder_add(t->decoder, board, p);
                if (r >= 0)
                        r = hedge_convolve(&t->partition.part, t->passes, t->coded_input.at, t->coded_filter.at,
                                           trial_part(t, r));
        }
        return r;
}

static int trial_decode(trial_t *t)
{
        const hedge_activation_t none = { HEDGE_ACT_NONE, 0, 0 };
        const void *parts[HEDGE_CODE_MAX_ALL_PARTS];
        int r = hedge_decoder_solve(t->decoder, NULL);

        if (r < 0)
                return r;
        for (unsigned p = 0; p < hedge_decoder_count(t->decoder); p++)
                parts[p] = trial_part(t, (int)p);
        hedge_decoder_apply_with(t->decoder, t->passes, &t->partition, parts, NULL, &none, t->output.at, 1);
        return 0;
}

static double mean_square(const data_t *x, const data_t *y)
{
        double sum = 0;

        for (size_t i = 0; i < x->elements; i++) {
                const double d = data_get(x, i) - data_get(y, i);

                sum += d * d;
        }
        return sum / (double)x->elements;
}

/* `direct` is the convolution in double; the first trial, which is one in double, computes it. */
static int run_trial(trial_t *t, const hedge_conv_t *layer, uint64_t seed, data_t *direct, double *ret_mse)
{
        int r = trial_prepare(t, layer, seed);

        if (r == 0 && !direct->at) {
                r = data_new(direct, hedge_conv_out_elements(layer), sizeof(double));
                if (r == 0)
                        r = hedge_convolve(layer, t->passes, t->input.at, t->filter.at, direct->at);
        }
        for (unsigned i = 0; i < hedge_code_delta(t->code) && r >= 0; i++)
                r = trial_board(t, t->set->boards[i]);
        if (r >= 0)
                r = trial_decode(t);
        if (r == 0)
                *ret_mse = mean_square(&t->output, direct);
        trial_free(t);
        return r;
}

int hedge_code_study_layer(const hedge_code_t *code, const hedge_conv_t *layer, uint64_t seed, hedge_code_error_t *ret)
{
        trial_t f64 = { .code = code, .passes = hedge_passes_f64() };
        trial_t f32 = { .code = code, .passes = hedge_passes_f32() };
        hedge_subset_t *sets = NULL;
        hedge_code_error_t error;
        data_t direct = { 0 };
        int r = hedge_partition_init(&f64.partition, layer, hedge_code_k_a(code), hedge_code_k_b(code));

        if (r < 0)
                return r;
        f32.partition = f64.partition;
        r = hedge_subsets_new(code, LAYER_SUBSETS, seed, &sets);
        if (r < 0)
                return r;
        f32.set = f64.set = &sets[r / 2];
        error.condition = f64.set->condition;
        r = run_trial(&f64, layer, seed, &direct, &error.mse_float64);
        if (r == 0)
                r = run_trial(&f32, layer, seed, &direct, &error.mse_float32);
        if (r == 0)
                *ret = error;
        free(direct.at);
        free(sets);
        return r;
}

static unsigned conditions_for(unsigned rank)
{
        const double ratio = (double)FULL_RANK / rank, wanted = CONDITIONS * ratio * ratio * ratio;

        if (rank <= FULL_RANK)
                return CONDITIONS;
        return wanted < CONDITIONS_MIN ? CONDITIONS_MIN : (unsigned)wanted;
}

int hedge_code_study_conditions(const hedge_code_t *code, uint64_t seed, hedge_code_study_t *ret)
{
        hedge_code_study_t study = { .delta = hedge_code_delta(code), .mse_float32 = NAN, .mse_float64 = NAN };
        hedge_subset_t *sets;
        int r = hedge_subsets_new(code, conditions_for(hedge_code_rank(code)), seed, &sets);

        if (r < 0)
                return r;
        study.subsets = (unsigned)r;
        study.cond_median = (sets[(r - 1) / 2].condition + sets[r / 2].condition) / 2;
        study.cond_worst = sets[r - 1].condition;
        free(sets);
        *ret = study;
        return 0;
}

int hedge_code_study(const hedge_code_t *code, uint64_t seed, hedge_code_study_t *ret)
{
        hedge_code_study_t study;
        hedge_code_error_t error;
        int r = hedge_code_study_conditions(code, seed, &study);

        if (r < 0)
                return r;
        r = hedge_code_study_layer(code, &hedge_alexnet[1], seed, &error);
        if (r == 0) {
                study.mse_float32 = error.mse_float32;
                study.mse_float64 = error.mse_float64;
        } else if (r != -EINVAL) {
                return r;
        }
        *ret = study;
        return 0;
}
