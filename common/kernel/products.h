/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_KERNEL_PRODUCTS_H
#define HEDGE_KERNEL_PRODUCTS_H

#include "common/kernel/packs.h"

typedef struct hedge_kernels hedge_kernels_t;

/** Inside of common/kernel: a stack of matrix products with constant right sides, as a back end's library computes them.
 *
 * out[i] = in[i] * w[i]^T for i = 0 .. count - 1, with in[i] rows x depth, w[i] columns x depth and out[i] rows x columns, all
 * dense and row-major. */
typedef struct hedge_products {
        hedge_kernels_t *kernels;
        unsigned count;
        size_t rows, depth, columns;
        size_t bytes;         /**< memory of the packed right sides, without those that are shared */
        hedge_packs_t *packs; /**< where they may be shared; NULL: nowhere */
        const void *name;     /**< of what they are made of */
        uint32_t first;       /**< number of w[0] among all that is made of it; above 0 */
        void *state;          /**< the back end's own */
} hedge_products_t;

/** What Winograd's convolution costs beside its products' arithmetic, in multiply-accumulates of a direct convolution of the same
 * library, which it does at nearly the processor's peak: so the wider its vectors, the more everything else weighs. */
typedef struct hedge_products_costs {
        double transform; /**< an element of a transformed tile, in or out */
        double filter;    /**< an element of a transformed filter, read once per block of tiles */
        double call;      /**< a product */
} hedge_products_costs_t;

typedef struct hedge_products_ops {
        /** For vectors of up to 4, 8 and 16 floats. Fitted to measured layers of VGG-16, ResNet-18 and ResNet-56, with their filters in
         * memory, where a network of more than the caches hold has them; `./dev bench kernel --models layers`
         * shows what each choice brings. */
        hedge_products_costs_t costs[3];

        /** Sets products->state of one whose other members are set. @return 0, HEDGE_EUNSUPPORTED, HEDGE_EKERNEL, -ENOMEM. */
        int (*open)(hedge_products_t *products);

        /** Undo open, also after it failed half-way. */
        void (*close)(hedge_products_t *products);

        /** Use w[which] as another has packed it. @return whether there is such a one: else it is to be packed. */
        bool (*take)(hedge_products_t *products, unsigned which);

        /** Pack w[which], which is not kept; once for each. Counts it in products->bytes.
         * @return 0, HEDGE_EUNSUPPORTED, HEDGE_EKERNEL, -ENOMEM. */
        int (*pack)(hedge_products_t *products, unsigned which, const float *w);

        /** One product by the calling thread alone. Different ones may run at once in different threads, and the same one for
         * different calls. `in` has the back end's slack. @return 0, HEDGE_EKERNEL, -ENOMEM. */
        int (*run)(hedge_products_t *products, unsigned which, const float *in, float *out);
} hedge_products_ops_t;

extern const hedge_products_ops_t hedge_products_onednn;
extern const hedge_products_ops_t hedge_products_xnnpack;

#endif
