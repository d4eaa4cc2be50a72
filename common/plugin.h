/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_PLUGIN_H
#define HEDGE_PLUGIN_H

#include <stdbool.h>

#include "common/err.h"

/** Parts of hedge that need a large library: modules beside the programs, opened when they are first wanted. So a program maps
 * no library that it does not use, and a package for boards may leave modules out.
 *
 * They lie in LIBDIR/hedge, fixed when hedge is built; for a program that lies in the build folder, in the build folder. No
 * environment variable changes that. Their names carry hedge's version. */

/** Is there such a module? */
bool hedge_plugin_installed(const char *name);

/** Open it, for good. From any thread, as often as one likes.
 * @param name     "onednn", "xnnpack".
 * @param symbols  The names wanted from it. @param ret Their n addresses; written only on success.
 * @param why      May be NULL. @return 0, HEDGE_EUNSUPPORTED (not installed, or a library that it needs is not). */
int hedge_plugin_open(const char *name, const char *const *symbols, unsigned n, void **ret, hedge_why_t *why);

#endif
