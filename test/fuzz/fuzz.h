/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_FUZZ_H
#define HEDGE_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/** What every fuzzer defines: take any bytes without a crash, a leak or an abort(). @return 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
