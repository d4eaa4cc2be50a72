/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_LOOPBACK_H
#define HEDGED_LOOPBACK_H

#include <stdbool.h>
#include <stddef.h>

/** A connection of this program with itself, by libzmq as boards' are, to find out what a message costs. */
typedef struct hedged_loopback hedged_loopback_t;

/** Over the loopback interface, or where there is none by a Unix socket. In contexts of their own: nobody is asked for the key.
 * @param encrypted  By CURVE. @return 0, -ENOMEM, -errno. */
int hedged_loopback_new(bool encrypted, hedged_loopback_t **ret);

/** NULL-safe; nullifies. */
void hedged_loopback_destroy(hedged_loopback_t **loopback);

/** Send messages of a short header and a frame of so many bytes, and wait for each before the next is sent, as a layer's
 * messages come: one by one, with pauses, each waking who waits for it.
 * @param ret_s  Processor time of the whole program from a message's sending until it is received, in the mean.
 * @return 0, -EAGAIN (one has not come within a second), -errno. */
int hedged_loopback_run(hedged_loopback_t *loopback, size_t bytes, unsigned messages, double *ret_s);

#endif
