/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/uep/decode.h"

#include <assert.h>
#include <cblas.h>
#include <errno.h>
#include <lapacke.h>
#include <math.h>
#include <pthread.h>
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

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The matrices are tiny, and its threads would only spin. */
static void use_one_thread(void)
{
        openblas_set_num_threads(1);
}

int hedge_uep_decoder_new(const hedge_uep_t *code, hedge_uep_decoder_t **ret)
{
        const size_t k = hedge_uep_classes(code)->products, n = hedge_uep_packets(code);
        hedge_uep_decoder_t *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        pthread_once(&once, use_one_thread);
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

/* The least-norm weights of unit vectors `which`, by columns of `x`, `rows` apart. */
static int least_norm(const hedge_uep_decoder_t *d, const unsigned *which, unsigned wanted, double *x, unsigned rows)
{
        double *g = malloc((size_t)d->products * d->count * sizeof(double));
        double *singular = malloc((size_t)rows * sizeof(double));
        lapack_int rank, info = 0;
        int r = -ENOMEM;

        if (!g || !singular)
                goto out;
        for (unsigned p = 0; p < d->count; p++)
                memcpy(g + (size_t)p * d->products, hedge_uep_column(d->code, d->ids[p]), d->products * sizeof(double));
        for (unsigned w = 0; w < wanted; w++)
                x[(size_t)w * rows + which[w]] = 1;
        info = LAPACKE_dgelsd(LAPACK_COL_MAJOR, (int)d->products, (int)d->count, (int)wanted, g, (int)d->products, x,
                              (int)rows, singular, HEDGE_NEW_DIRECTION, &rank);
        if (info != LAPACK_WORK_MEMORY_ERROR)
                r = info ? HEDGE_EKERNEL : 0;
out:
        free(singular);
        free(g);
        return r;
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
        unsigned which[HEDGE_UEP_MAX_PRODUCTS], wanted = 0;
        const unsigned rows = d->count > d->products ? d->count : d->products;
        double *x;
        int r;

        for (unsigned k = 0; k < d->products; k++)
                if (d->has[k])
                        which[wanted++] = k;
        d->solved = true;
        if (!wanted)
                return 0;
        x = calloc((size_t)rows * wanted, sizeof(double));
        r = x ? least_norm(d, which, wanted, x, rows) : -ENOMEM;
        for (unsigned w = 0; r == 0 && w < wanted; w++) {
                d->has[which[w]] = is_sound(d, which[w], x + (size_t)w * rows);
                memcpy(d->weights + (size_t)which[w] * d->count, x + (size_t)w * rows, d->count * sizeof(double));
        }
        free(x);
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
