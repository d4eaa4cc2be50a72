/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_KERNEL_H
#define HEDGE_KERNEL_H

#include "common/kernel/packs.h"
#include "common/op.h"

/** Computing operators: one interface, several back ends.
 *
 * A hedge_kernels_t is a back end with its threads; a hedge_kernel_t is one operator, prepared for fixed shapes
 * with its constants packed. What a back end has not, the plain reference computes. */
typedef struct hedge_kernels hedge_kernels_t;
typedef struct hedge_kernel hedge_kernel_t;

/** Ways to compute a convolution. All keep to hedge_kernels_conv_error; where an input is infinite or not a number, Winograd's give
 * not a number for all outputs of its tiles, the direct ones only for those that it reaches. */
typedef enum hedge_conv_method {
        HEDGE_CONV_DIRECT,     /**< the library's own: direct, or as one matrix product */
        HEDGE_CONV_WINOGRAD_2, /**< F(2x2, 3x3): for 3x3 filters of stride 1 only, as the others below */
        HEDGE_CONV_WINOGRAD_4, /**< F(4x4, 3x3) */
        HEDGE_CONV_METHODS
} hedge_conv_method_t;

/** Open a back end.
 *
 * @param backend "onednn", "xnnpack", "plain" (the reference, slow), or NULL for the best that is here.
 * @param threads Threads one operator may use, at least 1.
 * @return 0, HEDGE_EUNSUPPORTED (not here, or a library that it needs is not), HEDGE_EKERNEL, -ENOMEM. */
int hedge_kernels_new(const char *backend, unsigned threads, hedge_kernels_t **ret);

/** The same, with the sentence for a person: which module is missing, or which library it wants. */
int hedge_kernels_open(const char *backend, unsigned threads, hedge_kernels_t **ret, hedge_why_t *why);

/** All kernels made from it must be gone. NULL-safe; nullifies. */
void hedge_kernels_destroy(hedge_kernels_t **kernels);

/** "onednn", "xnnpack" or "plain". */
const char *hedge_kernels_name(const hedge_kernels_t *kernels);

/** The back ends that are here: in this build, and installed (common/plugin.h). Best first, NULL at the end. */
const char *const *hedge_kernels_available(void);

/** Readable bytes that this back end wants behind every input of hedge_kernel_run: at most HEDGE_TENSOR_SLACK.
 * Tensors that hedge allocates have them; a buffer received from a socket has not and must be copied where this
 * is not 0. */
size_t hedge_kernels_slack(const hedge_kernels_t *kernels);

/** Error of a convolution relative to the largest output magnitude, as measured; for error budgets. */
double hedge_kernels_conv_error(const hedge_kernels_t *kernels);

/** Allow only some methods for convolutions prepared from now on, for tests and benchmarks; where none of them
 * applies it is direct.
 * @param methods  A mask of 1 << HEDGE_CONV_*. */
void hedge_kernels_allow(hedge_kernels_t *kernels, unsigned methods);

/** Prepare an operator.
 *
 * @param op         Checked by hedge_op_infer inside.
 * @param in         Shapes of its n_in inputs.
 * @param constants  n_in pointers: the data of constant inputs (copied or packed; not kept), NULL for those given
 *                   at run time. Filters, weights and biases must be constant. NULL: none is.
 * @return 0, HEDGE_ESHAPE, HEDGE_ELIMIT, HEDGE_EKERNEL, -EINVAL, -ENOMEM. */
int hedge_kernel_new(hedge_kernels_t *kernels, const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in,
                     const float *const *constants, hedge_kernel_t **ret);

/** The same, where memory is short: a method whose transformed filters would take more than `bytes_max` is left out. (The
 * direct one is never: it takes about the filters' own size.) */
int hedge_kernel_new_within(hedge_kernels_t *kernels, const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in,
                            const float *const *constants, size_t bytes_max, hedge_kernel_t **ret);

/** The same, sharing what is packed with other kernels of the back end.
 * @param names  n_in of them: each stands for the data of the constant for as long as anything is in `packs`; NULL where it is none. */
int hedge_kernel_new_sharing(hedge_kernels_t *kernels, const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in,
                             const float *const *constants, size_t bytes_max, hedge_packs_t *packs,
                             const void *const *names, hedge_kernel_t **ret);

/** NULL-safe; nullifies. */
void hedge_kernel_destroy(hedge_kernel_t **kernel);

/** The output's shape. */
const hedge_shape_t *hedge_kernel_shape(const hedge_kernel_t *kernel);

/** How a convolution is computed; chosen when it was prepared, from its geometry alone. */
hedge_conv_method_t hedge_kernel_method(const hedge_kernel_t *kernel);

/** "direct", "winograd 4x4", ... */
const char *hedge_conv_method_name(hedge_conv_method_t method);

/** Bytes of memory that the prepared operator holds (packed constants), without what it shares. */
size_t hedge_kernel_bytes(const hedge_kernel_t *kernel);

/** Compute. May be called from several threads at once.
 *
 * @param in   n_in pointers; those of constants are ignored. At least 4-byte aligned, with the back end's slack.
 * @param out  The output; must not overlap an input, but for element-wise operators, where it may be in[0]. With the
 *             back end's slack too: it may be read there, though never written.
 * @return 0, HEDGE_EKERNEL, -ENOMEM. */
int hedge_kernel_run(hedge_kernel_t *kernel, const float *const *in, float *out);

/** An input for several kernels, each a convolution of the same geometry, as the filter blocks of a share are: what all of them would do
 * with it (Winograd's transform) is done once. */
typedef struct hedge_kernel_input hedge_kernel_input_t;

/** @param kernel  Any of the kernels. @param in  As for hedge_kernel_run. Borrowed until the input is destroyed.
 * @return 0, HEDGE_EKERNEL, -ENOMEM. */
int hedge_kernel_input_new(hedge_kernel_t *kernel, const float *in, hedge_kernel_input_t **ret);

/** NULL-safe; nullifies. */
void hedge_kernel_input_destroy(hedge_kernel_input_t **input);

/** Compute, as hedge_kernel_run does. A kernel that another method computes takes the input as it was given. */
int hedge_kernel_run_input(hedge_kernel_t *kernel, const hedge_kernel_input_t *input, float *out);

/** Free the memory that calls have left for later ones. */
void hedge_kernels_trim(hedge_kernels_t *kernels);

#endif
