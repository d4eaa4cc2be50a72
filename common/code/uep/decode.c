/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/uep/decode.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/basis.h"
#include "common/code/uep/product.h"

struct hedge_uep_decoder {
        const hedge_uep_t *code;
        unsigned products, count, rank;
        bool solved;
        double *basis;    /* products + 1 vectors of products */
        double *inside;   /* per sub-product, the square of what of its unit vector lies in the space */
        bool *has, *took; /* per sub-product; per packet */
        uint16_t *ids;    /* packets in the order taken */
        double *weights;  /* products x count */
};

int hedge_uep_decoder_new(const hedge_uep_t *code, hedge_uep_decoder_t **ret)
{
        const size_t k = hedge_uep_classes(code)->products, n = hedge_uep_packets(code);
        hedge_uep_decoder_t *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        d->code = code;
        d->products = (unsigned)k;
        d->basis = calloc((k + 1) * k, sizeof(double));
        d->inside = calloc(k, sizeof(double));
        d->has = calloc(k, sizeof(bool));
        d->took = calloc(n, sizeof(bool));
        d->ids = calloc(n, sizeof(*d->ids));
        d->weights = calloc(k * n, sizeof(double));
        if (!d->basis || !d->inside || !d->has || !d->took || !d->ids || !d->weights) {
                hedge_uep_decoder_destroy(&d);
                return -ENOMEM;
        }
        *ret = d;
        return 0;
}

void hedge_uep_decoder_destroy(hedge_uep_decoder_t **decoder)
{
        hedge_uep_decoder_t *d = *decoder;

        if (!d)
                return;
        free(d->basis);
        free(d->inside);
        free(d->has);
        free(d->took);
        free(d->ids);
        free(d->weights);
        free(d);
        *decoder = NULL;
}

/* Take a packet's column into a basis. @return how much it adds to the rank. */
static unsigned take_column(const hedge_uep_decoder_t *d, double *basis, unsigned rank, unsigned packet)
{
        if (rank == d->products)
                return 0;
        memcpy(basis + (size_t)rank * d->products, hedge_uep_column(d->code, packet), d->products * sizeof(double));
        return hedge_basis_take(basis, rank, d->products);
}

int hedge_uep_decoder_add(hedge_uep_decoder_t *decoder, unsigned packet)
{
        hedge_uep_decoder_t *d = decoder;

        if (packet >= hedge_uep_packets(d->code))
                return -EINVAL;
        if (d->took[packet])
                return -EALREADY;
        d->took[packet] = true;
        d->ids[d->count++] = (uint16_t)packet;
        d->solved = false;
        if (take_column(d, d->basis, d->rank, packet)) {
                const double *x = d->basis + (size_t)d->rank++ * d->products;

                for (unsigned k = 0; k < d->products; k++)
                        d->inside[k] += x[k] * x[k];
        }
        for (unsigned k = 0; k < d->products; k++) /* also those that a solve left out: the packet may help */
                d->has[k] = 1 - d->inside[k] < HEDGE_UEP_NEAR * HEDGE_UEP_NEAR;
        return (int)hedge_uep_decoder_determined(d);
}

unsigned hedge_uep_decoder_rank(const hedge_uep_decoder_t *decoder)
{
        return decoder->rank;
}

unsigned hedge_uep_decoder_determined(const hedge_uep_decoder_t *decoder)
{
        unsigned n = 0;

        for (unsigned k = 0; k < decoder->products; k++)
                n += decoder->has[k];
        return n;
}

bool hedge_uep_decoder_has(const hedge_uep_decoder_t *decoder, unsigned product)
{
        return product < decoder->products && decoder->has[product];
}

/* The packets' columns in the coordinates of the basis, C = Z R turned round: what least-norm weights are made of. Coordinates in
 * which the packets do not differ from what they have in others are left out; is_sound sees what that does. */
typedef struct factors {
        unsigned rank, *rows; /* coordinates that are not left out */
        double *z, *upper;    /* rank orthonormal vectors of count; R by columns, d->rank apart */
} factors_t;

static void factors_free(factors_t *f)
{
        free(f->rows);
        free(f->z);
        free(f->upper);
}

static int factorise(const hedge_uep_decoder_t *d, factors_t *f)
{
        *f = (factors_t){ .rows = calloc(d->rank, sizeof(*f->rows)),
                          .z = malloc((size_t)d->rank * d->count * sizeof(double)),
                          .upper = malloc((size_t)d->rank * d->rank * sizeof(double)) };
        if (!f->rows || !f->z || !f->upper)
                return -ENOMEM;
        for (unsigned v = 0; v < d->rank; v++) {
                double *row = f->z + (size_t)f->rank * d->count;

                for (unsigned p = 0; p < d->count; p++)
                        row[p] = hedge_basis_dot(d->basis + (size_t)v * d->products,
                                                 hedge_uep_column(d->code, d->ids[p]), d->products);
                f->rows[f->rank] = v;
                f->rank += hedge_basis_take_with(f->z, f->rank, d->count, sqrt(hedge_basis_dot(row, row, d->count)),
                                                 f->upper + (size_t)f->rank * d->rank);
        }
        return 0;
}

/* The least-norm weights of one unit vector: R^T y is what it is in the basis, and the weights are Z y. */
static void least_norm(const hedge_uep_decoder_t *d, const factors_t *f, unsigned product, double *weights)
{
        double y[HEDGE_UEP_MAX_PRODUCTS];

        for (unsigned p = 0; p < d->count; p++)
                weights[p] = 0;
        for (unsigned v = 0; v < f->rank; v++) {
                const double *upper = f->upper + (size_t)v * d->rank, *z = f->z + (size_t)v * d->count;

                y[v] = (d->basis[(size_t)f->rows[v] * d->products + product] - hedge_basis_dot(upper, y, v)) / upper[v];
                for (unsigned p = 0; p < d->count; p++)
                        weights[p] += y[v] * z[p];
        }
}

/* Do the weights make that sub-product, without too much of the packets' errors? */
static bool is_sound(const hedge_uep_decoder_t *d, unsigned product, const double *weights)
{
        double gain = 0, far = 0;

        for (unsigned p = 0; p < d->count; p++)
                gain += weights[p] * weights[p];
        if (!(gain <= HEDGE_UEP_MAX_GAIN * HEDGE_UEP_MAX_GAIN))
                return false;
        for (unsigned k = 0; k < d->products; k++) {
                double sum = k == product ? -1 : 0;

                for (unsigned p = 0; p < d->count; p++)
                        sum += weights[p] * hedge_uep_column(d->code, d->ids[p])[k];
                far += sum * sum;
        }
        return far <= 4 * HEDGE_UEP_NEAR * HEDGE_UEP_NEAR;
}

int hedge_uep_decoder_solve(hedge_uep_decoder_t *decoder)
{
        hedge_uep_decoder_t *d = decoder;
        factors_t f = { 0 };
        int r = 0;

        if (hedge_uep_decoder_determined(d) > 0)
                r = factorise(d, &f);
        for (unsigned k = 0; r == 0 && k < d->products; k++) {
                double *weights = d->weights + (size_t)k * d->count;

                if (!d->has[k])
                        continue;
                least_norm(d, &f, k, weights);
                d->has[k] = is_sound(d, k, weights);
        }
        factors_free(&f);
        d->solved = r == 0;
        return r < 0 ? r : (int)hedge_uep_decoder_determined(d);
}

/* A block of C, `row` floats from row to row, as a combination of packets. */
static void blend(const double *weights, unsigned count, const float *const *packets, unsigned rows, unsigned columns,
                  float *c, size_t row)
{
        for (unsigned p = 0; p < count; p++) {
                const float w = (float)weights[p];

                for (unsigned i = 0; w != 0 && i < rows; i++) {
                        const float *restrict from = packets[p] + (size_t)i * columns;
                        float *restrict to = c + i * row;

                        for (unsigned j = 0; j < columns; j++)
                                to[j] += w * from[j];
                }
        }
}

void hedge_uep_decoder_apply(const hedge_uep_decoder_t *decoder, const hedge_uep_shape_t *shape,
                             const float *const *packets, float *c)
{
        const hedge_uep_decoder_t *d = decoder;
        const unsigned rows = hedge_uep_result_rows(shape), columns = hedge_uep_result_columns(shape);
        double sums[HEDGE_UEP_MAX_PACKETS] = { 0 };

        assert(d->solved && hedge_uep_shape_products(shape) == d->products);
        memset(c, 0, (size_t)shape->rows * shape->columns * sizeof(*c));
        for (unsigned k = 0; k < d->products; k++) {
                const double *weights = d->weights + (size_t)k * d->count;

                if (!d->has[k])
                        continue;
                if (shape->split == HEDGE_UEP_ROW_COLUMN)
                        blend(weights, d->count, packets, rows, columns,
                              c + (size_t)(k / shape->blocks_b) * rows * shape->columns +
                                      (size_t)(k % shape->blocks_b) * columns,
                              shape->columns);
                for (unsigned p = 0; p < d->count; p++)
                        sums[p] += weights[p];
        }
        if (shape->split == HEDGE_UEP_COLUMN_ROW)
                blend(sums, d->count, packets, rows, columns, c, columns);
}
