/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_UNARY_H
#define HEDGE_UNARY_H

#include <stddef.h>

/** Functions of one element: one table for kernels, for the importer, and for what it computes of constants. */
typedef enum hedge_unary_kind {
        HEDGE_UNARY_ABS,
        HEDGE_UNARY_ACOS,
        HEDGE_UNARY_ACOSH,
        HEDGE_UNARY_ASIN,
        HEDGE_UNARY_ASINH,
        HEDGE_UNARY_ATAN,
        HEDGE_UNARY_ATANH,
        HEDGE_UNARY_CEIL,
        HEDGE_UNARY_CELU,
        HEDGE_UNARY_COS,
        HEDGE_UNARY_COSH,
        HEDGE_UNARY_ELU,
        HEDGE_UNARY_ERF,
        HEDGE_UNARY_EXP,
        HEDGE_UNARY_FLOOR,
        HEDGE_UNARY_GELU,
        HEDGE_UNARY_GELU_TANH,    /**< its approximation by tanh */
        HEDGE_UNARY_HARD_SIGMOID, /**< clamp(alpha * x + beta, 0, 1) */
        HEDGE_UNARY_HARD_SWISH,   /**< x * clamp(x / 6 + 1/2, 0, 1) */
        HEDGE_UNARY_LOG,
        HEDGE_UNARY_MISH,
        HEDGE_UNARY_NEG,
        HEDGE_UNARY_RECIPROCAL,
        HEDGE_UNARY_ROUND,  /**< halves to the even neighbour */
        HEDGE_UNARY_SELU,   /**< beta is gamma */
        HEDGE_UNARY_SHRINK, /**< alpha is lambd, beta is bias */
        HEDGE_UNARY_SIGMOID,
        HEDGE_UNARY_SIGN,
        HEDGE_UNARY_SIN,
        HEDGE_UNARY_SINH,
        HEDGE_UNARY_SOFTPLUS,
        HEDGE_UNARY_SOFTSIGN,
        HEDGE_UNARY_SQRT,
        HEDGE_UNARY_TAN,
        HEDGE_UNARY_TANH,
        HEDGE_UNARY_THRESHOLDED_RELU,
        HEDGE_UNARY_KINDS
} hedge_unary_kind_t;

typedef struct hedge_unary {
        hedge_unary_kind_t kind;
        float alpha, beta; /**< finite; what they are for is the kind's own: hedge_unary_about */
} hedge_unary_t;

/** A kind's ONNX name, and its parameters' names and values where a model does not say: NULL where there are fewer. */
typedef struct hedge_unary_about {
        const char *name;
        const char *parameters[2];
        float otherwise[2];
} hedge_unary_about_t;

const hedge_unary_about_t *hedge_unary_about(hedge_unary_kind_t kind);

/** The kind of an ONNX name. HEDGE_UNARY_KINDS: none. */
hedge_unary_kind_t hedge_unary_find(const char *name);

/** out[i] = f(x[i]); out may be x. */
void hedge_unary_run(const hedge_unary_t *unary, const float *x, float *out, size_t n);

#endif
