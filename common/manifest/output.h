/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_MANIFEST_OUTPUT_H
#define HEDGE_MANIFEST_OUTPUT_H

#include <stdio.h>

#include "common/err.h"
#include "common/manifest/settings.h"
#include "common/types/output.h"

/** Take the section `output` of a model.yaml as a whole: which settings go together.
 * @param name  Of the file, for messages. @return 0, HEDGE_ECONFIG. */
int hedge_manifest_take_output(const char *name, const hedge_manifest_output_t *settings, hedge_output_t *ret,
                               hedge_why_t *why);

/** Write the section, so that it reads back as the same; nothing for a model of classes. */
void hedge_manifest_write_output(const hedge_output_t *output, FILE *out);

/** A text between double quotes, as YAML has it. */
void hedge_manifest_write_quoted(const char *text, FILE *out);

#endif
