/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_FILE_H
#define HEDGEC_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/** Is it "-", standard input? */
bool hedgec_file_is_stdin(const char *path);

/** What sentences call it: its path, or "standard input". */
const char *hedgec_file_name(const char *path);

/** Read a whole file, or a pipe to its end; "-" is standard input, which there is once.
 * @param max_bytes  Larger ones are refused; memory is taken as bytes come, not as the file claims.
 * @param ret_bytes  To be freed; one zero byte lies behind the contents.
 * @return 0, HEDGE_ELIMIT, -errno; `why` names the file. */
int hedgec_file_read(const char *path, size_t max_bytes, uint8_t **ret_bytes, size_t *ret_size, hedge_why_t *why);

#endif
