/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/conv/streamed.h"
#include "common/code/conv/study.h"

#define TRIALS 300u
#define SEED   1u

/* Small, but cut as finely as any of the codes asks for. */
static const hedge_conv_t layer = { 128, 8, 4, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 };

static const hedge_code_params_t codes[] = {
        { .scheme = HEDGE_SCHEME_UNCODED, .k_a = 5, .k_b = 8, .n = 10 },
        { .scheme = HEDGE_SCHEME_REPLICATION, .k_a = 5, .k_b = 8, .n = 10 },
        { .scheme = HEDGE_SCHEME_MDS, .k_a = 8, .k_b = 1, .n = 10, .seed = SEED },
        { .scheme = HEDGE_SCHEME_MDS, .k_a = 16, .k_b = 1, .n = 20, .seed = SEED },
        { .scheme = HEDGE_SCHEME_MDS, .k_a = 32, .k_b = 1, .n = 40, .seed = SEED },
        { .scheme = HEDGE_SCHEME_MDS, .k_a = 48, .k_b = 1, .n = 60, .seed = SEED },
        { .scheme = HEDGE_SCHEME_MDS, .k_a = 8, .k_b = 1, .n = 10, .seed = SEED, .systematic = true },
        { .scheme = HEDGE_SCHEME_MDS, .k_a = 16, .k_b = 1, .n = 20, .seed = SEED, .systematic = true },
        { .scheme = HEDGE_SCHEME_LT, .k_a = 20, .k_b = 1, .n = 10, .seed = SEED },
        { .scheme = HEDGE_SCHEME_LT, .k_a = 40, .k_b = 1, .n = 10, .seed = SEED },
        { .scheme = HEDGE_SCHEME_LT, .k_a = 60, .k_b = 1, .n = 60, .seed = SEED },
        { .scheme = HEDGE_SCHEME_NSCTC, .k_a = 4, .k_b = 8, .n = 10 },
        { .scheme = HEDGE_SCHEME_NSCTC, .k_a = 8, .k_b = 8, .n = 18 },
        { .scheme = HEDGE_SCHEME_NSCTC, .k_a = 8, .k_b = 8, .n = 20 },
        { .scheme = HEDGE_SCHEME_NSCTC, .k_a = 16, .k_b = 8, .n = 40 },
        { .scheme = HEDGE_SCHEME_NSCTC, .k_a = 12, .k_b = 16, .n = 60 },
        { .scheme = HEDGE_SCHEME_KRP, .k_a = 4, .k_b = 8, .n = 10, .seed = SEED },
        { .scheme = HEDGE_SCHEME_KRP, .k_a = 4, .k_b = 8, .n = 10, .ell_a = 2, .ell_b = 4, .seed = SEED },
        { .scheme = HEDGE_SCHEME_KRP, .k_a = 4, .k_b = 8, .n = 10, .ell_a = 1, .ell_b = 8, .seed = SEED },
        { .scheme = HEDGE_SCHEME_KRP, .k_a = 8, .k_b = 8, .n = 20, .seed = SEED },
        { .scheme = HEDGE_SCHEME_KRP, .k_a = 8, .k_b = 8, .n = 20, .ell_a = 2, .ell_b = 4, .seed = SEED },
        { .scheme = HEDGE_SCHEME_KRP, .k_a = 16, .k_b = 8, .n = 40, .seed = SEED },
        { .scheme = HEDGE_SCHEME_KRP, .k_a = 12, .k_b = 16, .n = 60, .seed = SEED },
        { .scheme = HEDGE_SCHEME_KRP, .k_a = 10, .k_b = 4, .n = 10, .seed = SEED, .systematic = true },
        { .scheme = HEDGE_SCHEME_KRP, .k_a = 5, .k_b = 8, .n = 10, .seed = SEED, .systematic = true },
        { .scheme = HEDGE_SCHEME_KRP, .k_a = 8, .k_b = 8, .n = 20, .seed = SEED, .systematic = true },
};
#define CODES (sizeof(codes) / sizeof(codes[0]))

typedef struct figures {
        char scheme[24], cut[16], ell[16];
        unsigned n, delta;
        hedge_code_study_t whole; /* of whole boards */
        hedge_streamed_t at_k, more;
        hedge_code_error_t error;
} figures_t;

static int measure(const hedge_code_params_t *p, figures_t *f, hedge_why_t *why)
{
        hedge_code_t *code = NULL;
        int r = hedge_code_new_with(p, &code, why);

        if (r < 0)
                return r;
        snprintf(f->scheme, sizeof(f->scheme), "%s%s", hedge_scheme_name(p->scheme), p->systematic ? "+plain" : "");
        snprintf(f->cut, sizeof(f->cut), "%ux%u", p->k_a, p->k_b);
        snprintf(f->ell, sizeof(f->ell), "%ux%u", hedge_code_ell_a(code, 0), hedge_code_ell_b(code, 0));
        f->n = p->n;
        f->delta = hedge_code_delta(code);
        r = hedge_code_study_conditions(code, SEED, &f->whole);
        if (r == 0)
                r = hedge_code_stream(code, 0, TRIALS, SEED, &f->at_k);
        if (r == 0)
                r = hedge_code_stream(code, 2, TRIALS, SEED, &f->more);
        if (r == 0)
                r = hedge_code_study_layer(code, &layer, SEED, &f->error);
        hedge_code_destroy(&code);
        return r;
}

/* A number in five columns. */
static const char *five(double x, char *text)
{
        if (isinf(x) || x == 0)
                return isinf(x) ? "-" : "0";
        if (x >= 0.995 && x < 9.95)
                snprintf(text, 8, "%.1f", x);
        else if (x >= 9.95 && x < 99999)
                snprintf(text, 8, "%.0f", x);
        else
                snprintf(text, 8, "%.0e", x);
        return text;
}

static unsigned per_cent(const hedge_streamed_t *s)
{
        return (100 * s->singular + s->trials / 2) / s->trials;
}

static void print_heading(void)
{
        puts("                                     condition       first parts to come     mean\n"
             "                                     delta boards    K          K + 2        squared error\n"
             "scheme      k_a,b  n ell del median worst  median   -% median   -%   f32   f64");
}

static void print_row(const figures_t *f)
{
        char t[6][8];

        printf("%-11s %5s %2u %3s %3u %6s %5s  %6s %4u %6s %4u %5s %5s\n", f->scheme, f->cut, f->n, f->ell, f->delta,
               five(f->whole.cond_median, t[0]), five(f->whole.cond_worst, t[1]), five(f->at_k.cond_median, t[2]),
               per_cent(&f->at_k), five(f->more.cond_median, t[3]), per_cent(&f->more),
               five(f->error.mse_float32, t[4]), five(f->error.mse_float64, t[5]));
}

static void print_number(const char *name, double x)
{
        if (isfinite(x))
                printf(", \"%s\": %.6g", name, x);
        else
                printf(", \"%s\": null", name);
}

static void print_json(const figures_t *f, bool first)
{
        printf("%s\n  {\"scheme\": \"%s\", \"cut\": \"%s\", \"n\": %u, \"ell\": \"%s\", \"delta\": %u",
               first ? "[" : ",", f->scheme, f->cut, f->n, f->ell, f->delta);
        print_number("cond_median", f->whole.cond_median);
        print_number("cond_worst", f->whole.cond_worst);
        print_number("streamed_k_median", f->at_k.cond_median);
        print_number("streamed_k_singular", (double)f->at_k.singular / f->at_k.trials);
        print_number("streamed_k2_median", f->more.cond_median);
        print_number("streamed_k2_singular", (double)f->more.singular / f->more.trials);
        print_number("mse_float32", f->error.mse_float32);
        print_number("mse_float64", f->error.mse_float64);
        putchar('}');
}

static void usage(FILE *to)
{
        fputs("usage: hedge-bench-codes [--json]\n\n"
              "How well conditioned each scheme is: sets of delta whole boards (all, or 2,000\n"
              "random ones), and the first K and K + 2 parts to come from boards of random\n"
              "speed (-%: how many of 300 were singular; then the median may be without a\n"
              "number, too); and the mean squared error of a convolution, outputs of variance\n"
              "1, computed in float32 and in float64.\n",
              to);
}

int main(int argc, char **argv)
{
        static const struct option options[] = { { "json", no_argument, NULL, 'j' },
                                                 { "help", no_argument, NULL, 'h' },
                                                 { 0 } };
        bool json = false;
        int c;

        while ((c = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
                if (c != 'j') {
                        usage(c == 'h' ? stdout : stderr);
                        return c != 'h';
                }
                json = true;
        }
        if (!json)
                print_heading();
        for (size_t i = 0; i < CODES; i++) {
                hedge_why_t why = { "" };
                figures_t f;
                int r = measure(&codes[i], &f, &why);

                if (r < 0) {
                        fprintf(stderr, "hedge-bench-codes: %s: %s\n", hedge_scheme_name(codes[i].scheme),
                                why.text[0] ? why.text : hedge_strerror(r));
                        return 1;
                }
                if (json)
                        print_json(&f, i == 0);
                else
                        print_row(&f);
                fflush(stdout);
        }
        if (json)
                puts("\n]");
        return 0;
}
