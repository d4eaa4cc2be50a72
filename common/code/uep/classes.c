/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/uep/classes.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const char *const split_names[] = { "row-column", "column-row" };
#define SPLITS (sizeof(split_names) / sizeof(split_names[0]))

const char *hedge_uep_split_name(hedge_uep_split_t split)
{
        return (size_t)split < SPLITS ? split_names[split] : "?";
}

int hedge_uep_split_parse(const char *name)
{
        for (size_t i = 0; i < SPLITS; i++)
                if (!strcmp(name, split_names[i]))
                        return (int)i;
        return -EINVAL;
}

unsigned hedge_uep_shape_products(const hedge_uep_shape_t *shape)
{
        return shape->split == HEDGE_UEP_ROW_COLUMN ? shape->blocks_a * shape->blocks_b : shape->blocks_a;
}

static int check_blocks(const hedge_uep_shape_t *s, hedge_why_t *why)
{
        if ((size_t)s->split >= SPLITS)
                return hedge_why(why, -EINVAL, "there is no such way to split a product");
        if (!s->blocks_a || !s->blocks_b)
                return hedge_why(why, -EINVAL, "A and B want at least one block each");
        if (s->split == HEDGE_UEP_COLUMN_ROW && s->blocks_a != s->blocks_b)
                return hedge_why(why, -EINVAL, "column-row wants as many blocks of A as of B, not %u and %u",
                                 s->blocks_a, s->blocks_b);
        if (s->blocks_a > HEDGE_UEP_MAX_PRODUCTS || s->blocks_b > HEDGE_UEP_MAX_PRODUCTS ||
            hedge_uep_shape_products(s) > HEDGE_UEP_MAX_PRODUCTS)
                return hedge_why(why, HEDGE_ELIMIT, "%u x %u blocks make more than %u sub-products", s->blocks_a,
                                 s->blocks_b, HEDGE_UEP_MAX_PRODUCTS);
        return 0;
}

static int check_side(const char *what, unsigned size, unsigned blocks, hedge_why_t *why)
{
        if (size == 0 || size > HEDGE_UEP_MAX_SIDE)
                return hedge_why(why, size ? HEDGE_ELIMIT : -EINVAL, "%s: %u is not within 1 .. %u", what, size,
                                 HEDGE_UEP_MAX_SIDE);
        if (size % blocks)
                return hedge_why(why, HEDGE_ESHAPE, "%s: %u do not partition into %u blocks", what, size, blocks);
        return 0;
}

int hedge_uep_shape_check(const hedge_uep_shape_t *shape, hedge_why_t *why)
{
        const int by_inner = shape->split == HEDGE_UEP_COLUMN_ROW;
        int r = check_blocks(shape, why);

        if (r == 0)
                r = check_side("rows of A", shape->rows, by_inner ? 1 : shape->blocks_a, why);
        if (r == 0)
                r = check_side("columns of A and rows of B", shape->inner, by_inner ? shape->blocks_a : 1, why);
        if (r == 0)
                r = check_side("columns of B", shape->columns, by_inner ? 1 : shape->blocks_b, why);
        return r;
}

/* Norms of row blocks or of column blocks of one matrix. @return the first block with a value that is none, or -1. */
static int norms_of(const float *x, size_t rows, size_t columns, unsigned blocks, int by_rows, double *norms)
{
        const size_t height = by_rows ? rows / blocks : rows, width = by_rows ? columns : columns / blocks;

        memset(norms, 0, blocks * sizeof(*norms));
        for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < columns; j++) {
                        const double one = x[i * columns + j];

                        norms[by_rows ? i / height : j / width] += one * one;
                }
        for (unsigned b = 0; b < blocks; b++) {
                if (!isfinite(norms[b]))
                        return (int)b;
                norms[b] = sqrt(norms[b]);
        }
        return -1;
}

int hedge_uep_norms(const hedge_uep_shape_t *shape, const float *a, const float *b, double *norms_a, double *norms_b,
                    hedge_why_t *why)
{
        const int by_rows = shape->split == HEDGE_UEP_ROW_COLUMN;
        int r = hedge_uep_shape_check(shape, why), bad;

        if (r < 0)
                return r;
        bad = norms_of(a, shape->rows, shape->inner, shape->blocks_a, by_rows, norms_a);
        if (bad >= 0)
                return hedge_why(why, -EINVAL, "block %d of A holds NaN or an infinite value", bad);
        bad = norms_of(b, shape->inner, shape->columns, shape->blocks_b, !by_rows, norms_b);
        if (bad >= 0)
                return hedge_why(why, -EINVAL, "block %d of B holds NaN or an infinite value", bad);
        return 0;
}

/* Numbers 0 .. n - 1, the largest value first, equal ones by number. */
static void sort_by(const double *values, unsigned n, unsigned *order)
{
        for (unsigned i = 0; i < n; i++) {
                unsigned at = i;

                for (; at > 0 && values[order[at - 1]] < values[i]; at--)
                        order[at] = order[at - 1];
                order[at] = i;
        }
}

/* Cut n sorted items into `groups` of as equal sizes as can be, the larger first: the group of every item. */
static void cut_evenly(const unsigned *order, unsigned n, unsigned groups, uint8_t *group)
{
        const unsigned small = n / groups, larger = n % groups;

        for (unsigned i = 0; i < n; i++)
                group[order[i]] = (uint8_t)(i < larger * (small + 1) ? i / (small + 1)
                                                                     : larger + (i - larger * (small + 1)) / small);
}

/* The classes of sums of levels, each of at least one sum: where the middle of a sum's products lies among all decides. */
static void merge_sums(const unsigned *count, unsigned sums, unsigned products, unsigned classes, uint8_t *class_of)
{
        unsigned before = 0;

        for (unsigned s = 0; s < sums; s++) {
                const unsigned least = classes + s > sums ? classes + s - sums : 0;
                const unsigned most = s ? class_of[s - 1] + 1u : 0;
                unsigned class = (2 * before + count[s]) * classes / (2 * products);

                class = class > most ? most : class;
                class_of[s] = (uint8_t)(class < least ? least : class);
                before += count[s];
        }
}

static void classify_row_column(const double *norms_a, const double *norms_b, unsigned levels, hedge_uep_classes_t *c)
{
        unsigned order[HEDGE_UEP_MAX_PRODUCTS], count[2 * HEDGE_UEP_MAX_PRODUCTS] = { 0 };
        uint8_t level_a[HEDGE_UEP_MAX_PRODUCTS], level_b[HEDGE_UEP_MAX_PRODUCTS];
        uint8_t class_of[2 * HEDGE_UEP_MAX_PRODUCTS];

        sort_by(norms_a, c->blocks_a, order);
        cut_evenly(order, c->blocks_a, levels, level_a);
        sort_by(norms_b, c->blocks_b, order);
        cut_evenly(order, c->blocks_b, levels, level_b);
        for (unsigned k = 0; k < c->products; k++)
                count[level_a[k / c->blocks_b] + level_b[k % c->blocks_b]]++;
        merge_sums(count, 2 * levels - 1, c->products, c->classes, class_of);
        for (unsigned k = 0; k < c->products; k++)
                c->of[k] = class_of[level_a[k / c->blocks_b] + level_b[k % c->blocks_b]];
}

static void add_up(const double *norms_a, const double *norms_b, hedge_uep_classes_t *c)
{
        double largest = 0, total = 0;

        for (unsigned pass = 0; pass < 2; pass++) /* scaled by the largest, as squares of squares may not be finite */
                for (unsigned k = 0; k < c->products; k++) {
                        const int by_pairs = c->split == HEDGE_UEP_ROW_COLUMN;
                        const double a = norms_a[by_pairs ? k / c->blocks_b : k];
                        const double b = norms_b[by_pairs ? k % c->blocks_b : k];

                        if (pass == 0) {
                                largest = fmax(largest, sqrt(a) * sqrt(b));
                                c->size[c->of[k]]++;
                        } else if (largest > 0) {
                                const double part = pow(sqrt(a) / largest * sqrt(b), 4);

                                c->share[c->of[k]] += part;
                                total += part;
                        }
                }
        for (unsigned l = 0; l < c->classes && total > 0; l++)
                c->share[l] /= total;
}

static int check_norms(const char *side, const double *norms, unsigned n, hedge_why_t *why)
{
        for (unsigned i = 0; i < n; i++)
                if (!isfinite(norms[i]) || norms[i] < 0)
                        return hedge_why(why, -EINVAL, "the norm of block %u of %s is %g", i, side, norms[i]);
        return 0;
}

static int check_counts(const hedge_uep_shape_t *s, unsigned levels, unsigned classes, hedge_why_t *why)
{
        const unsigned fewest = s->blocks_a < s->blocks_b ? s->blocks_a : s->blocks_b;
        unsigned most = s->blocks_a;

        if (s->split == HEDGE_UEP_ROW_COLUMN) {
                if (levels < 1 || levels > fewest)
                        return hedge_why(why, -EINVAL, "%u blocks of A and %u of B do not make %u levels", s->blocks_a,
                                         s->blocks_b, levels);
                most = 2 * levels - 1;
        } else if (levels) {
                return hedge_why(why, -EINVAL, "column-row has classes, but no levels");
        }
        if (classes > HEDGE_UEP_MAX_CLASSES)
                return hedge_why(why, HEDGE_ELIMIT, "%u classes are more than %u", classes, HEDGE_UEP_MAX_CLASSES);
        if (classes < 1 || classes > most)
                return hedge_why(why, -EINVAL, "there can be 1 to %u classes, not %u", most, classes);
        return 0;
}

int hedge_uep_classify(const hedge_uep_shape_t *shape, const double *norms_a, const double *norms_b, unsigned levels,
                       unsigned classes, hedge_uep_classes_t *ret, hedge_why_t *why)
{
        hedge_uep_classes_t c = { .split = shape->split, .blocks_a = shape->blocks_a, .blocks_b = shape->blocks_b };
        double products[HEDGE_UEP_MAX_PRODUCTS];
        unsigned order[HEDGE_UEP_MAX_PRODUCTS];
        int r = check_blocks(shape, why);

        if (r == 0)
                r = check_norms("A", norms_a, shape->blocks_a, why);
        if (r == 0)
                r = check_norms("B", norms_b, shape->blocks_b, why);
        if (r == 0)
                r = check_counts(shape, levels, classes, why);
        if (r < 0)
                return r;
        c.products = hedge_uep_shape_products(shape);
        c.classes = classes;
        if (shape->split == HEDGE_UEP_ROW_COLUMN) {
                classify_row_column(norms_a, norms_b, levels, &c);
        } else {
                for (unsigned i = 0; i < c.products; i++) /* roots keep the order, and are finite */
                        products[i] = sqrt(norms_a[i]) * sqrt(norms_b[i]);
                sort_by(products, c.products, order);
                cut_evenly(order, c.products, classes, c.of);
        }
        add_up(norms_a, norms_b, &c);
        *ret = c;
        return 0;
}
