/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/products.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/kernel/xnnpack_describe.h"

/* A fully connected operator for each product. It remembers where its input is, so one call at a time has it. */
typedef struct product {
        pthread_mutex_t lock;
        xnn_operator_t op;
} product_t;

static int open_products(hedge_products_t *p)
{
        product_t *products = p->state = calloc(p->count, sizeof(*products));

        if (!products)
                return -ENOMEM;
        for (unsigned i = 0; i < p->count; i++)
                pthread_mutex_init(&products[i].lock, NULL);
        return hedge_xnnpack_start(p->kernels);
}

static void close_products(hedge_products_t *p)
{
        product_t *products = p->state;

        if (!products)
                return;
        for (unsigned i = 0; i < p->count; i++) {
                if (products[i].op)
                        xnn_delete_operator(products[i].op);
                pthread_mutex_destroy(&products[i].lock);
        }
        free(products);
        p->state = NULL;
}

static int pack_product(hedge_products_t *p, unsigned which, const float *w)
{
        product_t *products = p->state;

        p->bytes += p->columns * (p->depth + 1) * sizeof(float);
        return hedge_xnnpack_error(xnn_create_fully_connected_nc_f32(
                p->depth, p->columns, p->depth, p->columns, w, NULL, -INFINITY, INFINITY, 0, &products[which].op));
}

static int run_product(hedge_products_t *p, unsigned which, const float *in, float *out)
{
        product_t *product = &((product_t *)p->state)[which];
        int r;

        pthread_mutex_lock(&product->lock);
        r = hedge_xnnpack_error(xnn_setup_fully_connected_nc_f32(product->op, p->rows, in, out, NULL));
        if (r == 0)
                r = hedge_xnnpack_error(xnn_run_operator(product->op, NULL));
        pthread_mutex_unlock(&product->lock);
        return r == HEDGE_EUNSUPPORTED ? HEDGE_EKERNEL : r;
}

const hedge_products_ops_t hedge_products_xnnpack = {
        .costs = { { 8, 8, 1000 }, { 10, 12, 2000 }, { 12, 20, 2000 } },
        .open = open_products,
        .close = close_products,
        .pack = pack_product,
        .run = run_product,
};
