/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/code.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/conv/scheme.h"
#include "common/code/conv/threshold.h"

/* What a scheme takes beside its name, k_a, k_b, n and the seed. */
enum { ELL = 1, WEIGHTS = 2, SYSTEMATIC = 4 };

static const struct {
        const char *name;
        unsigned takes;
        int (*check)(const hedge_code_params_t *params, hedge_why_t *why);
        int (*fill)(hedge_code_t *code, const hedge_code_params_t *params);
} schemes[HEDGE_SCHEMES] = {
        [HEDGE_SCHEME_UNCODED] = { "uncoded", WEIGHTS, NULL, hedge_uncoded_fill },
        [HEDGE_SCHEME_REPLICATION] = { "replication", 0, NULL, hedge_replication_fill },
        [HEDGE_SCHEME_NSCTC] = { "nsctc", 0, hedge_nsctc_check, hedge_nsctc_fill },
        [HEDGE_SCHEME_MDS] = { "mds", ELL | SYSTEMATIC, hedge_mds_check, hedge_mds_fill },
        [HEDGE_SCHEME_LT] = { "lt", ELL | WEIGHTS, hedge_lt_check, hedge_lt_fill },
        [HEDGE_SCHEME_KRP] = { "krp", ELL | WEIGHTS | SYSTEMATIC, hedge_krp_check, hedge_krp_fill },
        [HEDGE_SCHEME_STEAL] = { "steal", WEIGHTS, NULL, hedge_steal_fill },
};

const char *hedge_scheme_name(hedge_scheme_t scheme)
{
        return (unsigned)scheme < HEDGE_SCHEMES ? schemes[scheme].name : "unknown";
}

int hedge_scheme_parse(const char *name)
{
        for (int i = 0; i < HEDGE_SCHEMES; i++)
                if (strcmp(name, schemes[i].name) == 0)
                        return i;
        return -EINVAL;
}

static int check_numbers(unsigned k_a, unsigned k_b, unsigned n, hedge_why_t *why)
{
        if (k_a == 0 || k_b == 0)
                return hedge_why(why, -EINVAL, "k_a and k_b must be at least 1");
        if (n == 0)
                return hedge_why(why, -EINVAL, "a code needs at least one board");
        if (n > HEDGE_CODE_MAX_BOARDS)
                return hedge_why(why, HEDGE_ELIMIT, "%u boards are more than %u", n, HEDGE_CODE_MAX_BOARDS);
        if ((uint64_t)k_a * k_b > HEDGE_CODE_MAX_PARTS)
                return hedge_why(why, HEDGE_ELIMIT, "k_a * k_b = %llu is above %u",
                                 (unsigned long long)((uint64_t)k_a * k_b), HEDGE_CODE_MAX_PARTS);
        return 0;
}

static int check_weights(const double *weights, unsigned n, hedge_why_t *why)
{
        double sum = 0;

        for (unsigned j = 0; j < n; j++) {
                if (!(weights[j] >= 0 && weights[j] <= 1e9) || (weights[j] > 0 && weights[j] < 1e-9))
                        return hedge_why(why, -EINVAL, "the weight of board %u is not 0 and not between 1e-9 and 1e9",
                                         j);
                sum += weights[j];
        }
        return sum > 0 ? 0 : hedge_why(why, -EINVAL, "all boards have the weight 0");
}

static int check_extras(const hedge_code_params_t *p, hedge_why_t *why)
{
        const unsigned takes = schemes[p->scheme].takes;
        const char *name = schemes[p->scheme].name;

        if ((p->ell_a || p->ell_b) && !(takes & ELL))
                return hedge_why(why, -EINVAL, "%s has its own ell_a and ell_b", name);
        if (p->ell && (!(takes & ELL) || p->scheme == HEDGE_SCHEME_MDS))
                return hedge_why(why, -EINVAL, "%s gives every board as much as its own rule says", name);
        if (p->weights && !(takes & WEIGHTS))
                return hedge_why(why, -EINVAL, "%s knows no weights", name);
        if (p->systematic && !(takes & SYSTEMATIC))
                return hedge_why(why, -EINVAL, "%s has no systematic form", name);
        return p->weights ? check_weights(p->weights, p->n, why) : 0;
}

static int check(const hedge_code_params_t *p, hedge_why_t *why)
{
        int r;

        if ((unsigned)p->scheme >= HEDGE_SCHEMES)
                return hedge_why(why, -EINVAL, "no such scheme: %d", (int)p->scheme);
        r = check_numbers(p->k_a, p->k_b, p->n, why);
        if (r == 0)
                r = check_extras(p, why);
        if (r == 0 && schemes[p->scheme].check)
                r = schemes[p->scheme].check(p, why);
        return r;
}

void hedge_code_number(hedge_code_t *code)
{
        code->all_parts = 0;
        for (unsigned j = 0; j < code->n; j++) {
                code->boards[j].first_part = code->all_parts;
                code->all_parts += hedge_code_parts(code, j);
        }
}

/* Called before the boards are filled, and so no more than these are ever made. */
unsigned hedge_code_weigh(const hedge_code_params_t *params, unsigned board, unsigned total)
{
        double sum = 0, share;

        if (!params->weights)
                return total;
        for (unsigned j = 0; j < params->n; j++)
                sum += params->weights[j];
        share = total * params->weights[board] * params->n / sum;
        if (share <= 0)
                return 0;
        return share < 1 ? 1 : (unsigned)fmin(round(share), HEDGE_CODE_MAX_ALL_PARTS);
}

static int fill(hedge_code_t *code, const hedge_code_params_t *params, hedge_why_t *why)
{
        int r = schemes[params->scheme].fill(code, params);

        if (r == HEDGE_ELIMIT)
                return hedge_why(why, r, "more than %u parts for a board, or %u for all", HEDGE_CODE_MAX_PARTS,
                                 HEDGE_CODE_MAX_ALL_PARTS);
        if (r < 0 && r != -EINVAL)
                return hedge_why(why, r, "%s", hedge_strerror(r));
        hedge_code_number(code);
        if (r == 0 && *code->delta == 0)
                r = hedge_threshold_exists(code);
        if (r == -ENOMEM)
                return hedge_why(why, r, "out of memory");
        if (r == -EINVAL || (r == 0 && *code->delta == 0))
                return hedge_why(why, -EINVAL, "%s with k_a = %u, k_b = %u: all %u parts together do not decode",
                                 schemes[params->scheme].name, code->k_a, code->k_b, code->all_parts);
        return 0;
}

int hedge_code_new_with(const hedge_code_params_t *params, hedge_code_t **ret, hedge_why_t *why)
{
        hedge_code_t *code;
        int r = check(params, why);

        if (r < 0)
                return r;
        code = calloc(1, sizeof(*code));
        if (!code)
                return hedge_why(why, -ENOMEM, "out of memory");
        code->scheme = params->scheme;
        code->k_a = params->k_a;
        code->k_b = params->k_b;
        code->n = params->n;
        code->systematic = params->systematic;
        code->boards = calloc(code->n, sizeof(*code->boards));
        code->delta = calloc(1, sizeof(*code->delta));
        r = code->boards && code->delta ? 0 : -ENOMEM;
        r = r < 0 ? hedge_why(why, r, "out of memory") : fill(code, params, why);
        if (r < 0) {
                hedge_code_destroy(&code);
                return r;
        }
        *ret = code;
        return 0;
}

int hedge_code_new(hedge_scheme_t scheme, unsigned k_a, unsigned k_b, unsigned n, hedge_code_t **ret, hedge_why_t *why)
{
        const hedge_code_params_t params = { .scheme = scheme, .k_a = k_a, .k_b = k_b, .n = n };

        return hedge_code_new_with(&params, ret, why);
}

int hedge_code_hold(hedge_code_t *code, unsigned board, unsigned ell_a, unsigned ell_b)
{
        hedge_code_board_t *b = &code->boards[board];
        const size_t parts = (size_t)ell_a * ell_b;

        if (ell_a > HEDGE_CODE_MAX_ALL_PARTS || parts > HEDGE_CODE_MAX_PARTS ||
            parts > HEDGE_CODE_MAX_ALL_PARTS - code->all_parts)
                return HEDGE_ELIMIT;
        code->all_parts += (unsigned)parts;
        b->a = calloc((size_t)ell_a * code->k_a, sizeof(double));
        b->b = calloc((size_t)ell_b * code->k_b, sizeof(double));
        if (!b->a || !b->b)
                return -ENOMEM;
        b->ell_a = ell_a;
        b->ell_b = ell_b;
        return 0;
}

void hedge_code_destroy(hedge_code_t **code)
{
        hedge_code_t *c = *code;

        if (!c)
                return;
        for (unsigned j = 0; c->boards && j < c->n; j++) {
                free(c->boards[j].a);
                free(c->boards[j].b);
        }
        free(c->boards);
        free(c->delta);
        free(c);
        *code = NULL;
}

hedge_scheme_t hedge_code_scheme(const hedge_code_t *code)
{
        return code->scheme;
}

unsigned hedge_code_k_a(const hedge_code_t *code)
{
        return code->k_a;
}

unsigned hedge_code_k_b(const hedge_code_t *code)
{
        return code->k_b;
}

unsigned hedge_code_boards(const hedge_code_t *code)
{
        return code->n;
}

unsigned hedge_code_rank(const hedge_code_t *code)
{
        return code->k_a * code->k_b;
}

/* Boards that hold something. */
static unsigned holders(const hedge_code_t *code)
{
        unsigned n = 0;

        for (unsigned j = 0; j < code->n; j++)
                n += hedge_code_parts(code, j) > 0;
        return n;
}

unsigned hedge_code_delta(const hedge_code_t *code)
{
        int found = (int)atomic_load(code->delta);

        if (found > 0)
                return (unsigned)found;
        found = hedge_threshold_find(code);
        if (found < 0) /* no memory: all of them do */
                return holders(code);
        atomic_store(code->delta, (unsigned)found);
        return (unsigned)found;
}

unsigned hedge_code_ell_a(const hedge_code_t *code, unsigned board)
{
        assert(board < code->n);
        return code->boards[board].ell_a;
}

unsigned hedge_code_ell_b(const hedge_code_t *code, unsigned board)
{
        assert(board < code->n);
        return code->boards[board].ell_b;
}

unsigned hedge_code_parts(const hedge_code_t *code, unsigned board)
{
        return hedge_code_ell_a(code, board) * hedge_code_ell_b(code, board);
}

const double *hedge_code_a(const hedge_code_t *code, unsigned board, unsigned la)
{
        assert(la < hedge_code_ell_a(code, board));
        return code->boards[board].a + (size_t)la * code->k_a;
}

const double *hedge_code_b(const hedge_code_t *code, unsigned board, unsigned lb)
{
        assert(lb < hedge_code_ell_b(code, board));
        return code->boards[board].b + (size_t)lb * code->k_b;
}

void hedge_code_column(const hedge_code_t *code, unsigned board, unsigned part, double *column)
{
        const unsigned ell_b = hedge_code_ell_b(code, board);
        const double *a, *b;

        assert(part < hedge_code_parts(code, board));
        a = hedge_code_a(code, board, part / ell_b);
        b = hedge_code_b(code, board, part % ell_b);
        for (unsigned i = 0; i < code->k_a; i++)
                for (unsigned j = 0; j < code->k_b; j++)
                        column[i * code->k_b + j] = a[i] * b[j];
}
