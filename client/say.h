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

#endif
