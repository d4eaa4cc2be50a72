/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/plain.h"

static hedge_plain_fn *const functions[HEDGE_OP_KINDS] = {
        [HEDGE_OP_CONV] = hedge_plain_conv,
        [HEDGE_OP_MAX_POOL] = hedge_plain_max_pool,
        [HEDGE_OP_AVERAGE_POOL] = hedge_plain_average_pool,
        [HEDGE_OP_GLOBAL_AVERAGE_POOL] = hedge_plain_global_average,
        [HEDGE_OP_GLOBAL_MAX_POOL] = hedge_plain_global_max,
        [HEDGE_OP_FULLY_CONNECTED] = hedge_plain_fully_connected,
        [HEDGE_OP_MATMUL] = hedge_plain_matmul,
        [HEDGE_OP_ADD] = hedge_plain_binary,
        [HEDGE_OP_SUB] = hedge_plain_binary,
        [HEDGE_OP_MUL] = hedge_plain_binary,
        [HEDGE_OP_DIV] = hedge_plain_binary,
        [HEDGE_OP_MAX] = hedge_plain_binary,
        [HEDGE_OP_MIN] = hedge_plain_binary,
        [HEDGE_OP_POW] = hedge_plain_binary,
        [HEDGE_OP_PRELU] = hedge_plain_binary,
        [HEDGE_OP_CLAMP] = hedge_plain_clamp,
        [HEDGE_OP_LEAKY_RELU] = hedge_plain_leaky_relu,
        [HEDGE_OP_UNARY] = hedge_plain_unary,
        [HEDGE_OP_TO_INTEGER] = hedge_plain_to_integer,
        [HEDGE_OP_SOFTMAX] = hedge_plain_softmax,
        [HEDGE_OP_LOG_SOFTMAX] = hedge_plain_log_softmax,
        [HEDGE_OP_CONCAT] = hedge_plain_concat,
        [HEDGE_OP_PAD] = hedge_plain_pad,
        [HEDGE_OP_RESIZE] = hedge_plain_resize,
        [HEDGE_OP_LRN] = hedge_plain_lrn,
        [HEDGE_OP_TRANSPOSE] = hedge_plain_transpose,
        [HEDGE_OP_SLICE] = hedge_plain_slice,
        [HEDGE_OP_REDUCE_MEAN] = hedge_plain_reduce_mean,
        [HEDGE_OP_RESHAPE] = hedge_plain_reshape,
        [HEDGE_OP_EXPAND] = hedge_plain_expand,
};

static int run(hedge_kernel_t *kernel, const float *const *in, float *out)
{
        return functions[kernel->op.kind](kernel, in, out);
}

const hedge_backend_t hedge_backend_plain = {
        .name = "plain",
        .slack = 0,
        .conv_error = 1e-7,
        .run = run,
};
