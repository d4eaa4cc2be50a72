/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_FILE_H
#define HEDGEC_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/** Read a whole file, or a pipe to its end.
 * @param max_bytes  Larger ones are refused; memory is taken as bytes come, not as the file claims.
 * @param ret_bytes  To be freed; one zero byte lies behind the contents.
 * @return 0, HEDGE_ELIMIT, -errno; `why` names the file. */
int hedgec_file_read(const char *path, size_t max_bytes, uint8_t **ret_bytes, size_t *ret_size, hedge_why_t *why);

#endif
