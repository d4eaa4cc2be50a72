/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_KERNEL_ONEDNN_CHOOSE_H
#define HEDGE_KERNEL_ONEDNN_CHOOSE_H

#include "common/kernel/onednn_describe.h"

/** Choose one of oneDNN's implementations of an operator: its own first choice, or one that was measured to be faster.
 *
 * @param words  As hedge_onednn_describe has made them; written anew where the choice says the operator in other words.
 * @param ret    Destroy it with dnnl_primitive_desc_destroy. Written on success.
 * @return 0, HEDGE_EUNSUPPORTED (nothing but reference loops, which are slower than ours), HEDGE_EKERNEL, -ENOMEM. */
int hedge_onednn_choose(const hedge_kernel_t *kernel, dnnl_engine_t engine, hedge_onednn_words_t *words,
                        dnnl_primitive_desc_t *ret);

#endif
