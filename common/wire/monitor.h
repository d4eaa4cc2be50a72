/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_MONITOR_H
#define HEDGE_MONITOR_H

#include "common/wire/socket.h"

/** What happens to a socket's connections: an event and its number for each. Read in the thread that owns the socket; CZMQ's zmonitor
 * would have a thread of its own for each, on boards that count their threads. */
typedef struct hedge_monitor hedge_monitor_t;

/** @param events  ZMQ_EVENT_..., or-ed together. @return 0, -ENOMEM, -errno. */
int hedge_monitor_new(zsock_t *socket, int events, hedge_monitor_t **ret);

/** Before its socket is destroyed. NULL-safe; nullifies. */
void hedge_monitor_destroy(hedge_monitor_t **monitor);

/** Readable while there may be events. */
zsock_t *hedge_monitor_socket(hedge_monitor_t *monitor);

/** The next event, without waiting.
 * @param ret_value  Its number: a descriptor, a ZAP status, an errno; NULL: it is not of interest.
 * @return the event, 0: there is none. */
int hedge_monitor_next(hedge_monitor_t *monitor, uint32_t *ret_value);

#endif
