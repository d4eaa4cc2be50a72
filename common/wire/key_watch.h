/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_KEY_WATCH_H
#define HEDGE_KEY_WATCH_H

#include <stdbool.h>

/** Hear of changes in folders of keys, by inotify. Where a .pub file is a symbolic link, what it points to is not watched. */
typedef struct hedge_key_watch hedge_key_watch_t;

/** @return 0, -errno: the system gives no (more) inotify descriptors. */
int hedge_key_watch_new(hedge_key_watch_t **ret);

/** NULL-safe; nullifies. */
void hedge_key_watch_destroy(hedge_key_watch_t **watch);

/** Readable when something has changed. */
int hedge_key_watch_fd(const hedge_key_watch_t *watch);

/** Watch this folder as it is now, and the one that it is in, so that its own replacement is heard of, too. To be called
 * again before each reading: a folder that has been replaced is another.
 * @return 0, -errno: it cannot be watched. */
int hedge_key_watch_add(hedge_key_watch_t *watch, const char *folder);

/** Take the events. @return whether one is of a key file or of a folder. */
bool hedge_key_watch_take(hedge_key_watch_t *watch);

#endif
