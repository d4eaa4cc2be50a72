/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_KERNEL_SCRATCH_H
#define HEDGE_KERNEL_SCRATCH_H

#include <stddef.h>

#include "common/kernel/kernel.h"

/** Inside of common/kernel: room that a running call needs, kept from call to call and shared by all kernels of a
 * hedge_kernels_t. */
typedef struct hedge_scratch {
        struct hedge_scratch *next;
        size_t room;
        float *floats; /**< HEDGE_ALIGNMENT aligned, finite numbers: zeros at first, then what calls before have left */
} hedge_scratch_t;

/** At least `floats` floats, the caller's until given back. Thread-safe. @return 0, -ENOMEM. */
int hedge_scratch_take(hedge_kernels_t *kernels, size_t floats, hedge_scratch_t **ret);
void hedge_scratch_give(hedge_kernels_t *kernels, hedge_scratch_t *scratch);

/** Free all that has been given back. Thread-safe. */
void hedge_scratch_free(hedge_kernels_t *kernels);

#endif
