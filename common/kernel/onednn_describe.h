/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_KERNEL_ONEDNN_DESCRIBE_H
#define HEDGE_KERNEL_ONEDNN_DESCRIBE_H

#include <dnnl.h>

#include "common/kernel/backend.h"

/** An operator in oneDNN's words. */
typedef struct hedge_onednn_words {
        union {
                dnnl_convolution_desc_t conv;
                dnnl_inner_product_desc_t inner_product;
                dnnl_matmul_desc_t matmul;
                dnnl_pooling_v2_desc_t pool;
                dnnl_softmax_v2_desc_t softmax;
                dnnl_eltwise_desc_t eltwise;
                dnnl_lrn_desc_t lrn;
                dnnl_binary_desc_t binary;
        } op;
        dnnl_memory_desc_t in[2], out; /**< of the inputs given at run time, and the output */
        int args[2];                   /**< DNNL_ARG_* of those inputs */
        unsigned n_in;
        dnnl_memory_desc_t weights, bias; /**< as the caller has them; ndims 0: none */
        bool columns;                     /**< in[0] is the windows of the input: see onednn_columns.h */
} hedge_onednn_words_t;

/** Say a kernel's operator in oneDNN's words.
 * @return 0, HEDGE_EUNSUPPORTED, HEDGE_EKERNEL, -ENOMEM. */
int hedge_onednn_describe(const hedge_kernel_t *kernel, hedge_onednn_words_t *ret_words);

/** Say a fully connected operator over one row (in[0] is 1 x K) as a convolution of 1 x 1 over one pixel, or a convolution
 * as one of 1 x 1 over its windows: see onednn_columns.h.
 * @return as hedge_onednn_describe. */
int hedge_onednn_describe_pixels(const hedge_kernel_t *kernel, hedge_onednn_words_t *ret_words);

/** The fused activation as a post-op.
 * @return 0, HEDGE_EUNSUPPORTED, HEDGE_EKERNEL, -ENOMEM. */
int hedge_onednn_fuse(const hedge_activation_t *activation, dnnl_primitive_attr_t attr);

/** @return 0, HEDGE_EUNSUPPORTED, HEDGE_EKERNEL, -ENOMEM. */
int hedge_onednn_error(dnnl_status_t status);

#endif
