/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/uep/uep.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/basis.h"
#include "common/code/random.h"
#include "common/code/uep/window.h"

/* How a packet's column is cut into terms. */
typedef enum by { BY_ONE, BY_A, BY_B, BY_PRODUCT } by_t;

typedef struct packet {
        unsigned window, terms;
        by_t by;
} packet_t;

struct hedge_uep {
        hedge_uep_classes_t classes;
        unsigned count;
        packet_t *packets;
        double *columns; /* count x products */
        double *a, *b;   /* count x blocks_a and blocks_b: the factors of packets of one term */
};

static const char *const names[HEDGE_UEP_SCHEMES] = { "uep-now", "uep-ew", "mds", "replication", "uncoded" };

const char *hedge_uep_scheme_name(hedge_uep_scheme_t scheme)
{
        return (unsigned)scheme < HEDGE_UEP_SCHEMES ? names[scheme] : "?";
}

int hedge_uep_scheme_parse(const char *name)
{
        for (int i = 0; i < HEDGE_UEP_SCHEMES; i++)
                if (!strcmp(name, names[i]))
                        return i;
        return -EINVAL;
}

bool hedge_uep_scheme_has_windows(hedge_uep_scheme_t scheme)
{
        return scheme == HEDGE_UEP_NOW || scheme == HEDGE_UEP_EW;
}

static int check_windows(const hedge_uep_params_t *p, hedge_why_t *why)
{
        double sum = 0;

        for (unsigned l = 0; l < p->classes->classes; l++) {
                if (!isfinite(p->windows[l]) || p->windows[l] < 0)
                        return hedge_why(why, -EINVAL, "window probability %g is not within 0 .. 1", p->windows[l]);
                sum += p->windows[l];
        }
        if (!(fabs(sum - 1) <= 1e-3))
                return hedge_why(why, -EINVAL, "the %u window probabilities sum to %g, not to 1", p->classes->classes,
                                 sum);
        return 0;
}

static int check_packets(const hedge_uep_params_t *p, hedge_why_t *why)
{
        const char *name = hedge_uep_scheme_name(p->scheme);
        const unsigned k = p->classes->products;

        if (p->packets > HEDGE_UEP_MAX_PACKETS)
                return hedge_why(why, HEDGE_ELIMIT, "%u packets are more than %u", p->packets, HEDGE_UEP_MAX_PACKETS);
        if (p->packets < (hedge_uep_scheme_has_windows(p->scheme) ? 1 : k))
                return hedge_why(why, -EINVAL, "%s of %u sub-products wants at least %u packets, not %u", name, k,
                                 hedge_uep_scheme_has_windows(p->scheme) ? 1 : k, p->packets);
        if (p->scheme == HEDGE_UEP_UNCODED && p->packets > k)
                return hedge_why(why, -EINVAL, "uncoded has %u packets, not %u", k, p->packets);
        if (p->scheme == HEDGE_UEP_REPLICATION && p->packets > 2 * k)
                return hedge_why(why, -EINVAL, "replication of %u sub-products has %u packets at most, not %u", k,
                                 2 * k, p->packets);
        return 0;
}

int hedge_uep_check(const hedge_uep_params_t *params, hedge_why_t *why)
{
        int r;

        if ((unsigned)params->scheme >= HEDGE_UEP_SCHEMES)
                return hedge_why(why, -EINVAL, "there is no such scheme");
        r = check_packets(params, why);
        if (r == 0 && hedge_uep_scheme_has_windows(params->scheme))
                r = check_windows(params, why);
        return r;
}

static void fill_factored(hedge_uep_t *code, const hedge_uep_params_t *p, unsigned packet, unsigned turn,
                          uint64_t *state)
{
        const unsigned na = code->classes.blocks_a, nb = code->classes.blocks_b;
        double *a = code->a + (size_t)packet * na, *b = code->b + (size_t)packet * nb;
        double *column = code->columns + (size_t)packet * code->classes.products;
        bool rows[HEDGE_UEP_MAX_PRODUCTS], columns[HEDGE_UEP_MAX_PRODUCTS];

        hedge_uep_find_rectangle(p, code->packets[packet].window, turn, rows, columns);
        for (unsigned i = 0; i < na; i++)
                a[i] = rows[i] ? hedge_random_normal(state) : 0;
        for (unsigned j = 0; j < nb; j++)
                b[j] = columns[j] ? hedge_random_normal(state) : 0;
        hedge_basis_unit(a, na);
        hedge_basis_unit(b, nb);
        for (unsigned k = 0; k < code->classes.products; k++)
                column[k] = a[k / nb] * b[k % nb];
}

static unsigned count_rows(const double *column, unsigned na, unsigned nb)
{
        unsigned count = 0;

        for (unsigned i = 0; i < na; i++) {
                bool any = false;

                for (unsigned j = 0; j < nb; j++)
                        any |= column[i * nb + j] != 0;
                count += any;
        }
        return count;
}

static unsigned count_columns(const double *column, unsigned na, unsigned nb)
{
        unsigned count = 0;

        for (unsigned j = 0; j < nb; j++) {
                bool any = false;

                for (unsigned i = 0; i < na; i++)
                        any |= column[i * nb + j] != 0;
                count += any;
        }
        return count;
}

static void fill_stacked(hedge_uep_t *code, const hedge_uep_params_t *p, unsigned packet, uint64_t *state)
{
        const hedge_uep_classes_t *c = &code->classes;
        packet_t *one = &code->packets[packet];
        double *column = code->columns + (size_t)packet * c->products;
        unsigned rows, columns;

        for (unsigned k = 0; k < c->products; k++)
                if (hedge_uep_in_window(p, one->window, k))
                        do
                                column[k] = hedge_random_normal(state);
                        while (column[k] == 0);
        hedge_basis_unit(column, c->products);
        if (c->split == HEDGE_UEP_COLUMN_ROW) {
                one->by = BY_PRODUCT;
                one->terms = 0;
                for (unsigned k = 0; k < c->products; k++)
                        one->terms += column[k] != 0;
                return;
        }
        rows = count_rows(column, c->blocks_a, c->blocks_b);
        columns = count_columns(column, c->blocks_a, c->blocks_b);
        one->by = rows <= columns ? BY_A : BY_B;
        one->terms = rows <= columns ? rows : columns;
}

/* Sub-product number `rank` in order of importance. */
static unsigned nth_product(const hedge_uep_classes_t *c, unsigned rank)
{
        for (unsigned l = 0; l < c->classes; l++)
                for (unsigned k = 0; k < c->products; k++)
                        if (c->of[k] == l && rank-- == 0)
                                return k;
        return 0;
}

static void fill_plain(hedge_uep_t *code, unsigned packet)
{
        const hedge_uep_classes_t *c = &code->classes;
        const unsigned k = nth_product(c, packet % c->products);
        const bool pairs = c->split == HEDGE_UEP_ROW_COLUMN;

        code->columns[(size_t)packet * c->products + k] = 1;
        code->a[(size_t)packet * c->blocks_a + (pairs ? k / c->blocks_b : k)] = 1;
        code->b[(size_t)packet * c->blocks_b + (pairs ? k % c->blocks_b : k)] = 1;
}

static void fill(hedge_uep_t *code, const hedge_uep_params_t *p)
{
        const bool stacked = p->stacked || code->classes.split == HEDGE_UEP_COLUMN_ROW;
        unsigned turns[HEDGE_UEP_MAX_CLASSES] = { 0 }, rectangles[HEDGE_UEP_MAX_CLASSES] = { 0 };

        for (unsigned l = 0; !stacked && l < code->classes.classes; l++)
                rectangles[l] = hedge_uep_count_rectangles(p, l);
        for (unsigned n = 0; n < code->count; n++) {
                uint64_t state = hedge_random_row(p->seed, n);
                packet_t *one = &code->packets[n];

                *one = (packet_t){ .terms = 1, .by = BY_ONE };
                if (hedge_uep_scheme_has_windows(p->scheme))
                        one->window = hedge_uep_draw_window(p, &state);
                if (p->scheme == HEDGE_UEP_REPLICATION || p->scheme == HEDGE_UEP_UNCODED)
                        fill_plain(code, n);
                else if (stacked)
                        fill_stacked(code, p, n, &state);
                else
                        fill_factored(code, p, n, turns[one->window]++ % rectangles[one->window], &state);
        }
}

int hedge_uep_new(const hedge_uep_params_t *params, hedge_uep_t **ret, hedge_why_t *why)
{
        int r = hedge_uep_check(params, why);
        hedge_uep_t *code;

        if (r < 0)
                return r;
        code = calloc(1, sizeof(*code));
        if (!code)
                return -ENOMEM;
        code->classes = *params->classes;
        code->count = params->packets;
        code->packets = calloc(code->count, sizeof(*code->packets));
        code->columns = calloc((size_t)code->count * code->classes.products, sizeof(double));
        code->a = calloc((size_t)code->count * code->classes.blocks_a, sizeof(double));
        code->b = calloc((size_t)code->count * code->classes.blocks_b, sizeof(double));
        if (!code->packets || !code->columns || !code->a || !code->b) {
                hedge_uep_destroy(&code);
                return -ENOMEM;
        }
        fill(code, params);
        *ret = code;
        return 0;
}

void hedge_uep_destroy(hedge_uep_t **code)
{
        if (!*code)
                return;
        free((*code)->packets);
        free((*code)->columns);
        free((*code)->a);
        free((*code)->b);
        free(*code);
        *code = NULL;
}

const hedge_uep_classes_t *hedge_uep_classes(const hedge_uep_t *code)
{
        return &code->classes;
}

unsigned hedge_uep_packets(const hedge_uep_t *code)
{
        return code->count;
}

unsigned hedge_uep_window(const hedge_uep_t *code, unsigned packet)
{
        return code->packets[packet].window;
}

unsigned hedge_uep_terms(const hedge_uep_t *code, unsigned packet)
{
        return code->packets[packet].terms;
}

const double *hedge_uep_column(const hedge_uep_t *code, unsigned packet)
{
        return code->columns + (size_t)packet * code->classes.products;
}

/* Block (of A, of B, or product) number `term` of those that the column has something of. */
static unsigned nth_block(const hedge_uep_t *code, unsigned packet, unsigned term)
{
        const double *column = hedge_uep_column(code, packet);
        const unsigned na = code->classes.blocks_a, nb = code->classes.blocks_b;
        const by_t by = code->packets[packet].by;

        for (unsigned x = 0;; x++) {
                bool any = by == BY_PRODUCT && column[x] != 0;

                for (unsigned j = 0; by == BY_A && j < nb; j++)
                        any |= column[x * nb + j] != 0;
                for (unsigned i = 0; by == BY_B && i < na; i++)
                        any |= column[i * nb + x] != 0;
                if (any && term-- == 0)
                        return x;
        }
}

void hedge_uep_term(const hedge_uep_t *code, unsigned packet, unsigned term, double *a, double *b)
{
        const double *column = hedge_uep_column(code, packet);
        const unsigned na = code->classes.blocks_a, nb = code->classes.blocks_b;
        const by_t by = code->packets[packet].by;
        unsigned x;

        if (by == BY_ONE) {
                memcpy(a, code->a + (size_t)packet * na, na * sizeof(*a));
                memcpy(b, code->b + (size_t)packet * nb, nb * sizeof(*b));
                return;
        }
        memset(a, 0, na * sizeof(*a));
        memset(b, 0, nb * sizeof(*b));
        x = nth_block(code, packet, term);
        if (by == BY_B)
                b[x] = 1;
        else
                a[x] = 1;
        for (unsigned j = 0; by == BY_A && j < nb; j++)
                b[j] = column[x * nb + j];
        for (unsigned i = 0; by == BY_B && i < na; i++)
                a[i] = column[i * nb + x];
        if (by == BY_PRODUCT)
                b[x] = column[x];
}
