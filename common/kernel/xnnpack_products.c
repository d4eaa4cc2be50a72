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

static void free_product(void *object)
{
        product_t *product = object;

        if (product->op)
                xnn_delete_operator(product->op);
        pthread_mutex_destroy(&product->lock);
        free(product);
}

static int open_products(hedge_products_t *p)
{
        p->state = calloc(p->count, sizeof(product_t *));
        return p->state ? hedge_xnnpack_start(p->kernels) : -ENOMEM;
}

static void close_products(hedge_products_t *p)
{
        product_t **products = p->state;

        if (!products)
                return;
        for (unsigned i = 0; i < p->count; i++)
                if (products[i] && p->packs)
                        hedge_packs_give(p->packs, products[i]);
                else if (products[i])
                        free_product(products[i]);
        free(products);
        p->state = NULL;
}

/* However many rows it has is said anew with each call. */
static hedge_pack_key_t key_of(const hedge_products_t *p, unsigned which)
{
        return (hedge_pack_key_t){ .name = p->name, .which = p->first + which, .form = "" };
}

static bool take_product(hedge_products_t *p, unsigned which)
{
        const hedge_pack_key_t key = key_of(p, which);
        product_t **products = p->state;

        products[which] = p->packs ? hedge_packs_take(p->packs, &key) : NULL;
        return products[which];
}

static int pack_product(hedge_products_t *p, unsigned which, const float *w)
{
        const size_t bytes = p->columns * (p->depth + 1) * sizeof(float);
        const hedge_pack_key_t key = key_of(p, which);
        product_t *product = calloc(1, sizeof(*product));
        int r;

        if (!product)
                return -ENOMEM;
        pthread_mutex_init(&product->lock, NULL);
        r = hedge_xnnpack_error(xnn_create_fully_connected_nc_f32(p->depth, p->columns, p->depth, p->columns, w, NULL,
                                                                  -INFINITY, INFINITY, 0, &product->op));
        if (r == 0 && p->packs)
                r = hedge_packs_put(p->packs, &key, product, bytes, free_product);
        if (r < 0) {
                free_product(product);
                return r;
        }
        ((product_t **)p->state)[which] = product;
        p->bytes += p->packs ? 0 : bytes;
        return 0;
}

static int run_product(hedge_products_t *p, unsigned which, const float *in, float *out)
{
        product_t *product = ((product_t **)p->state)[which];
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
        .take = take_product,
        .pack = pack_product,
        .run = run_product,
};
