/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_SAY_H
#define HEDGEC_SAY_H

#include <stdio.h>

#include "common/exit.h"

/** Say `hedge: SENTENCE` on stderr, safe for a terminal whatever the text holds. @return HEDGE_EXIT_FAILED. */
int hedgec_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** The same for wrong usage of a command: adds how to get help. @return HEDGE_EXIT_USAGE. */
int hedgec_complain_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Write text whose control characters are replaced by '?': names and labels come from models and peers. */
void hedgec_print_safe(const char *text, FILE *out);

/** Write out what stands in stdout's buffer. Why that fails is kept, as stdio forgets it. */
void hedgec_flush(void);

/** The last of it, and say so where anything was lost: a full disk or a closed pipe must not pass for success.
 * @return `status`, or HEDGE_EXIT_FAILED where that was 0. */
int hedgec_flush_all(int status);

#endif
