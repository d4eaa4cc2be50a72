/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_KERNEL_XNNPACK_DESCRIBE_H
#define HEDGE_KERNEL_XNNPACK_DESCRIBE_H

#include <xnnpack.h>

#include "common/kernel/backend.h"

/** Start XNNPACK and the kernels' threads, if that has not been done. @return 0, HEDGE_EKERNEL, -ENOMEM. */
int hedge_xnnpack_start(hedge_kernels_t *kernels);

/** Make the XNNPACK operator of a kernel, its constants packed inside; sets kernel->packed and kernel->bytes.
 * @return 0, HEDGE_EUNSUPPORTED, HEDGE_EKERNEL, -ENOMEM. */
int hedge_xnnpack_create(hedge_kernel_t *kernel, const float *const *constants, xnn_operator_t *ret);

/** Point an operator at its inputs and output. @return 0, HEDGE_EUNSUPPORTED, HEDGE_EKERNEL, -ENOMEM. */
int hedge_xnnpack_setup(const hedge_kernel_t *kernel, xnn_operator_t op, const float *const *in, float *out,
                        pthreadpool_t pool);

/** @return 0, HEDGE_EUNSUPPORTED, HEDGE_EKERNEL, -ENOMEM. */
int hedge_xnnpack_error(enum xnn_status status);

#endif
