/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_KERNEL_PACKS_H
#define HEDGE_KERNEL_PACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What kernels have packed of their constants, once for all kernels that are prepared with it and want it in the same form:
 * the same convolution for windows of several sizes, for one. What no kernel uses any more is freed at once. Thread-safe. */
typedef struct hedge_packs hedge_packs_t;

/** @return 0, -ENOMEM. */
int hedge_packs_new(hedge_packs_t **ret);

/** All kernels that were prepared with it must be gone. NULL-safe; nullifies. */
void hedge_packs_destroy(hedge_packs_t **packs);

/** Memory of all of it: hedge_kernel_bytes does not count what is in there. */
uint64_t hedge_packs_bytes(hedge_packs_t *packs);

/* Inside of common/kernel. */

/** What something was packed from, and how. */
typedef struct hedge_pack_key {
        const void *name; /**< of the constant */
        uint32_t which;   /**< 0: the constant itself; else a matrix that was made of it */
        const void *form; /**< form_bytes of them, compared as bytes */
        size_t form_bytes;
} hedge_pack_key_t;

/** @return what was put under this key, one user more; or NULL. */
void *hedge_packs_take(hedge_packs_t *packs, const hedge_pack_key_t *key);

/** Add what the caller has made, and uses. @param destroy  Frees it when nobody uses it any more.
 * @return 0, -ENOMEM (it is the caller's). */
int hedge_packs_put(hedge_packs_t *packs, const hedge_pack_key_t *key, void *object, uint64_t bytes,
                    void (*destroy)(void *object));

/** One user less. */
void hedge_packs_give(hedge_packs_t *packs, void *object);

/** Is there something that was made of the constant: a matrix, not itself? */
bool hedge_packs_have(hedge_packs_t *packs, const void *name);

#endif
