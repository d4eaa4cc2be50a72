/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "client/command.h"
#include "client/json.h"
#include "common/code/conv/study.h"

typedef struct codes_values {
        const char *scheme;
        uint64_t k_a, k_b, n, ell_a, ell_b, seed;
        bool systematic, json;
} codes_values_t;

static const codes_values_t presets = { .scheme = "nsctc", .seed = 1 };

static const hedgec_option_t options[] = {
        HEDGEC_ROW(STRING, "scheme", 's', codes_values_t, scheme, "S",
                   "nsctc, krp, mds, lt, steal, uncoded, replication"),
        HEDGEC_ROW_UINT("ka", 0, codes_values_t, k_a, "A", "input strips", 1, HEDGE_CODE_MAX_PARTS),
        HEDGEC_ROW_UINT("kb", 0, codes_values_t, k_b, "B", "filter blocks", 1, HEDGE_CODE_MAX_PARTS),
        HEDGEC_ROW_UINT("n", 'n', codes_values_t, n, "N", "boards", 1, HEDGE_CODE_MAX_BOARDS),
        HEDGEC_ROW_UINT("ell-a", 0, codes_values_t, ell_a, "L", "coded inputs of each board (krp, lt)", 1,
                        HEDGE_CODE_MAX_PARTS),
        HEDGEC_ROW_UINT("ell-b", 0, codes_values_t, ell_b, "L", "coded filter blocks of each board (krp)", 1,
                        HEDGE_CODE_MAX_PARTS),
        HEDGEC_ROW(FLAG, "systematic", 0, codes_values_t, systematic, NULL, "plain parts first (krp, mds)"),
        HEDGEC_ROW_UINT("seed", 0, codes_values_t, seed, "SEED", "of the code, the data and the sets of boards (1)", 0,
                        UINT64_MAX),
        HEDGEC_ROW(FLAG, "json", 'j', codes_values_t, json, NULL, "print one JSON object"),
        HEDGEC_ROW_END,
};

static int print_json(const hedge_code_t *code, const hedge_code_study_t *study)
{
        hedgec_json_t json = { 0 };

        json.root = hedgec_json_object(&json);
        hedgec_json_add_string(&json, json.root, "scheme", hedge_scheme_name(hedge_code_scheme(code)));
        hedgec_json_add_uint(&json, json.root, "k_a", hedge_code_k_a(code));
        hedgec_json_add_uint(&json, json.root, "k_b", hedge_code_k_b(code));
        hedgec_json_add_uint(&json, json.root, "n", hedge_code_boards(code));
        hedgec_json_add_uint(&json, json.root, "delta", study->delta);
        hedgec_json_add_uint(&json, json.root, "subsets", study->subsets);
        hedgec_json_add_double(&json, json.root, "cond_median", study->cond_median, 6);
        hedgec_json_add_double(&json, json.root, "cond_worst", study->cond_worst, 6);
        hedgec_json_add_double(&json, json.root, "mse_float32", study->mse_float32, 6);
        hedgec_json_add_double(&json, json.root, "mse_float64", study->mse_float64, 6);
        return hedgec_json_print(&json, 0, stdout);
}

static void print_error(const char *what, double mse)
{
        if (isnan(mse))
                printf("%-16s  no figure: the layer cannot be cut so finely\n", what);
        else
                printf("%-16s  %.3g\n", what, mse);
}

static void print_text(const hedge_code_t *code, const hedge_code_study_t *study)
{
        printf("%-16s  %s, k_a %u, k_b %u, %u boards\n", "code", hedge_scheme_name(hedge_code_scheme(code)),
               hedge_code_k_a(code), hedge_code_k_b(code), hedge_code_boards(code));
        printf("%-16s  any %u boards\n", "decodes from", study->delta);
        printf("%-16s  median %.3g, worst %.3g (of %u sets of boards)\n", "condition", study->cond_median,
               study->cond_worst, study->subsets);
        puts("mean squared error on AlexNet's second convolution (outputs of variance 1)");
        print_error("  float32", study->mse_float32);
        print_error("  float64", study->mse_float64);
}

static int run(const void *values, char **operands, unsigned n_operands)
{
        const codes_values_t *v = values;
        int scheme = hedge_scheme_parse(v->scheme);
        hedge_code_params_t params;
        hedge_code_study_t study;
        hedge_code_t *code = NULL;
        hedge_why_t why = { "" };
        int r;

        if (scheme < 0)
                return hedgec_complain_usage("codes", "codes: there is no scheme '%s'", v->scheme);
        if (!v->k_a || !v->k_b || !v->n)
                return hedgec_complain_usage("codes", "codes: --ka, --kb and --n are wanted");
        params = (hedge_code_params_t){
                .scheme = (hedge_scheme_t)scheme,
                .k_a = (unsigned)v->k_a,
                .k_b = (unsigned)v->k_b,
                .n = (unsigned)v->n,
                .ell_a = (unsigned)v->ell_a,
                .ell_b = (unsigned)v->ell_b,
                .seed = v->seed,
                .systematic = v->systematic,
        };
        r = hedge_code_new_with(&params, &code, &why);
        if (!r)
                r = hedge_code_study(code, v->seed, &study);
        if (!r && v->json)
                r = print_json(code, &study);
        else if (!r)
                print_text(code, &study);
        hedge_code_destroy(&code);
        return r < 0 ? hedgec_complain("%s", why.text[0] ? why.text : hedge_strerror(r)) : EXIT_SUCCESS;
}

const hedgec_command_t hedgec_command_codes = {
        .name = "codes",
        .operands = "",
        .summary = "study a code: condition numbers and decoding errors",
        .details = "Study a code without a cluster: from how many boards it decodes (delta), the\n"
                   "condition numbers of its recovery matrices over sets of delta boards, and the\n"
                   "mean squared error on AlexNet's second convolution in float32 and float64.",
        .example = "hedge codes --scheme nsctc --ka 8 --kb 8 --n 20",
        .options = options,
        .presets = &presets,
        .values_size = sizeof(codes_values_t),
        .run = run,
};
