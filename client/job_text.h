/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_JOB_TEXT_H
#define HEDGEC_JOB_TEXT_H

#include <stddef.h>

#include "common/err.h"

/** Change a key in the text of a YAML file, as `--set KEY=VALUE` does; the rest of the text stays as it is, and so do its
 * comments and, but for keys that are added, the numbers of its lines.
 *
 * Whether the file may have such a key is for its schema to say, afterwards.
 * @param name     Stands in messages.
 * @param text     malloc'ed, `size` bytes; replaced by the new text on success.
 * @param setting  "sgd.rate=0.1": the key with its sections, and its value in YAML, on one line.
 * @return 0, -EINVAL (no KEY=VALUE, or what should be a section is none), HEDGE_ECONFIG (the text is no YAML), -ENOMEM. */
int hedgec_job_text_set(const char *name, char **text, size_t *size, const char *setting, hedge_why_t *why);

#endif
