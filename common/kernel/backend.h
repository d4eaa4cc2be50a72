/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_KERNEL_BACKEND_H
#define HEDGE_KERNEL_BACKEND_H

#include <pthread.h>

#include "common/kernel/kernel.h"
#include "common/kernel/products.h"
#include "common/kernel/scratch.h"

/** hedge_kernels_conv_error of the libraries, whatever the method. Worst of 8,000 random convolutions against sums in double: direct
 * 1.9e-6, F(2x2) 8e-7, F(4x4) 2.7e-6; of layers with 512 channels 4e-6 (F(4x4)); twice that. */
#define HEDGE_CONV_ERROR 8e-6

/** What a module and a program must agree on: how many operators there are, and how long their descriptions. */
#define HEDGE_BACKEND_BUILD                                                                                            \
        ((uint64_t)HEDGE_OP_KINDS << 48 | (uint64_t)HEDGE_UNARY_KINDS << 32 | (uint64_t)sizeof(hedge_kernel_t) << 16 | \
         sizeof(hedge_op_t))

/** Inside common/kernel: what kernel.c asks of a back end. */
typedef struct hedge_backend {
        /** HEDGE_BACKEND_BUILD. A module of another build knows other operators and would compute something else. First, so that
         * it is found in any of them. */
        uint64_t build;
        const char *name;
        size_t slack;      /**< hedge_kernels_slack */
        double conv_error; /**< hedge_kernels_conv_error */

        /** For Winograd's convolutions. NULL: the back end has none. */
        const hedge_products_ops_t *products;

        /** Call work(arg, i) for i = 0 .. count - 1, in at most kernel->threads threads, and wait for all. With products. */
        void (*spread)(hedge_kernel_t *kernel, size_t count, void (*work)(void *arg, size_t i), void *arg);

        /** Start the back end; sets kernels->state. NULL: nothing to start.
         * @return 0, HEDGE_EKERNEL, -ENOMEM. */
        int (*open)(hedge_kernels_t *kernels);

        /** Undo open, also after it failed. May be NULL. */
        void (*close)(hedge_kernels_t *kernels);

        /** Prepare a kernel whose operator and shapes are checked and whose output is not empty; sets
         * kernel->state, and kernel->packed where run needs no constants any more. NULL: all is unsupported.
         * @return 0, HEDGE_EUNSUPPORTED (the plain reference is to take it), HEDGE_EKERNEL, -ENOMEM. */
        int (*prepare)(hedge_kernel_t *kernel, const float *const *constants);

        /** Compute; `in` holds the constants too, unless packed. Called from several threads at once. */
        int (*run)(hedge_kernel_t *kernel, const float *const *in, float *out);

        /** Floats that an input takes once it is brought into the form that run_begun wants. NULL: there is no such form. */
        size_t (*input_floats)(const hedge_kernel_t *kernel);

        /** Bring an input into that form, for all kernels of the same geometry and method. */
        int (*begin)(hedge_kernel_t *kernel, const float *in, float *ret_input);
        int (*run_begun)(hedge_kernel_t *kernel, const float *input, float *out);

        /** Undo prepare, also after it failed half-way. May be NULL. */
        void (*release)(hedge_kernel_t *kernel);
} hedge_backend_t;

struct hedge_kernels {
        const hedge_backend_t *backend;
        unsigned threads;
        unsigned methods; /**< hedge_kernels_allow */
        pthread_mutex_t scratch_lock;
        hedge_scratch_t *scratch; /**< those that nobody uses */
        void *state;              /**< the back end's own */
};

struct hedge_kernel {
        hedge_kernels_t *kernels;
        const hedge_backend_t *computes; /**< kernels->backend, Winograd, or the plain reference */
        void *state;                     /**< its own */
        hedge_op_t op;
        hedge_conv_method_t method; /**< of a convolution */
        hedge_shape_t out;
        hedge_shape_t *in;
        unsigned n_in;
        unsigned threads;     /**< to use: 1 where the work is so light that waking others costs more than it brings */
        float **constants;    /**< n_in copies, NULL for inputs given at run time; NULL where nothing is kept */
        bool packed;          /**< the back end holds the constants in its own form */
        hedge_packs_t *packs; /**< where that may be shared; NULL: nowhere */
        const void *filter, *bias; /**< the names of inputs 1 and 2 in there; NULL: it has none */
        size_t bytes;              /**< memory of constants */
};

/** Has every window of a pool input elements for sure, those next to its padding among them? What libraries assume. */
static inline bool hedge_pool_touches_input(const hedge_pool_t *p)
{
        if (p->dilation_h != 1 || p->dilation_w != 1)
                return !p->pad_top && !p->pad_left && !p->pad_bottom && !p->pad_right;
        return p->pad_bottom < p->kernel_h && p->pad_right < p->kernel_w;
}

extern const hedge_backend_t hedge_backend_plain;
extern const hedge_backend_t hedge_backend_onednn;
extern const hedge_backend_t hedge_backend_xnnpack;

#endif
