/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/code.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/scheme.h"

static const struct {
        const char *name;
        int (*check)(unsigned k_a, unsigned k_b, unsigned n, hedge_why_t *why);
        int (*fill)(hedge_code_t *code);
} schemes[HEDGE_SCHEMES] = {
        [HEDGE_SCHEME_UNCODED] = { "uncoded", NULL, hedge_uncoded_fill },
        [HEDGE_SCHEME_REPLICATION] = { "replication", NULL, hedge_replication_fill },
        [HEDGE_SCHEME_NSCTC] = { "nsctc", hedge_nsctc_check, hedge_nsctc_fill },
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

static void number_parts(hedge_code_t *code)
{
        code->all_parts = 0;
        for (unsigned j = 0; j < code->n; j++) {
                code->boards[j].first_part = code->all_parts;
                code->all_parts += hedge_code_parts(code, j);
        }
}

int hedge_code_new(hedge_scheme_t scheme, unsigned k_a, unsigned k_b, unsigned n, hedge_code_t **ret, hedge_why_t *why)
{
        hedge_code_t *code;
        int r;

        if ((unsigned)scheme >= HEDGE_SCHEMES)
                return hedge_why(why, -EINVAL, "no such scheme: %d", (int)scheme);
        r = check_numbers(k_a, k_b, n, why);
        if (r == 0 && schemes[scheme].check)
                r = schemes[scheme].check(k_a, k_b, n, why);
        if (r < 0)
                return r;
        code = calloc(1, sizeof(*code));
        if (!code)
                return hedge_why(why, -ENOMEM, "out of memory");
        *code = (hedge_code_t){ .scheme = scheme, .k_a = k_a, .k_b = k_b, .n = n };
        code->boards = calloc(n, sizeof(*code->boards));
        r = code->boards ? hedge_cache_new(&code->cache) : -ENOMEM;
        if (r == 0)
                r = schemes[scheme].fill(code);
        if (r < 0) {
                hedge_code_destroy(&code);
                return hedge_why(why, r, "out of memory");
        }
        number_parts(code);
        *ret = code;
        return 0;
}

int hedge_code_hold(hedge_code_t *code, unsigned board, unsigned ell_a, unsigned ell_b)
{
        hedge_code_board_t *b = &code->boards[board];

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
        hedge_cache_destroy(&c->cache);
        free(c->boards);
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

unsigned hedge_code_delta(const hedge_code_t *code)
{
        return code->delta;
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
