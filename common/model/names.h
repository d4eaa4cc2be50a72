/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_NAMES_H
#define HEDGE_NAMES_H

#include <stdint.h>

/** A map from names to numbers, for names that a file chooses (keyed hash: no one can make them collide). */
typedef struct hedge_names hedge_names_t;

#define HEDGE_NO_NAME UINT32_MAX

/** Room for `capacity` names. @return 0, -ENOMEM. */
int hedge_names_new(uint32_t capacity, hedge_names_t **ret);
void hedge_names_destroy(hedge_names_t **names);

/** The number of a name, or HEDGE_NO_NAME. */
uint32_t hedge_names_find(const hedge_names_t *names, const char *name);

/** Add a name that is not there yet; it is kept by reference. There must be room. */
void hedge_names_add(hedge_names_t *names, const char *name, uint32_t number);

#endif
