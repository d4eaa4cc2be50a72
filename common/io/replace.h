/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_REPLACE_H
#define HEDGE_REPLACE_H

#include <stdio.h>

#include "common/err.h"

/** Writing a file so that its name stands for the old content or the new one, whatever happens in between. A device or a pipe under
 * that name, /dev/full say, is written to and stays what it is. */
typedef struct hedge_replace {
        FILE *file;          /**< to write to */
        char *path, *beside; /**< beside is NULL for what is no ordinary file */
} hedge_replace_t;

/** Open a new file beside `path` (same folder), readable and writable for whomever the process's umask lets. @return 0, -errno with a sentence. */
int hedge_replace_begin(const char *path, hedge_replace_t *ret, hedge_why_t *why);

/** Bring it to the disk under its name if `result` is 0 and all was written, else remove it. Ends `replace` either way.
 * @return result, or -errno with a sentence. */
int hedge_replace_end(hedge_replace_t *replace, int result, hedge_why_t *why);

#endif
