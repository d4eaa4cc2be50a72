/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_LABELS_H
#define HEDGE_LABELS_H

#include "common/manifest/manifest.h"

/** The names of a model's classes as text. */

/** May it be a label: n bytes, no control characters? @param number  Its number, for the sentence. @return 0, HEDGE_ELIMIT, HEDGE_ECONFIG. */
int hedge_label_check(const char *name, size_t number, const char *text, size_t n, hedge_why_t *why);

/** Cut a label file's text into the manifest's labels: one per line, of whatever line ends, a byte order mark left out.
 * @param name  The file's, for sentences: what is no UTF-8 is told with its line.
 * @return 0, HEDGE_ELIMIT, HEDGE_ECONFIG, -ENOMEM; then the manifest is to be released. */
int hedge_labels_split(const char *name, const char *text, size_t size, hedge_manifest_t *manifest, hedge_why_t *why);

#endif
