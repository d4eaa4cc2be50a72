/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_UPLINK_H
#define HEDGEW_UPLINK_H

#include "common/wire/keys.h"
#include "common/wire/link.h"

/** The DEALER socket to the coordinator, and what happens to its connection. Used by one thread. */
typedef struct hedgew_uplink hedgew_uplink_t;

typedef struct hedgew_uplink_settings {
        const char *endpoint;         /**< tcp://HOST:PORT or ipc://FILE; borrowed */
        const hedge_key_pair_t *keys; /**< ours; NULL: without CURVE. Borrowed */
        const char *coordinator_key;  /**< with keys: the coordinator's public key; borrowed */
        hedge_wire_limits_t limits;
        unsigned reconnect_min_ms, reconnect_max_ms; /**< between attempts to connect */
} hedgew_uplink_settings_t;

typedef enum hedgew_uplink_event {
        HEDGEW_UPLINK_NOTHING,
        HEDGEW_UPLINK_CONNECTED, /**< the handshake is done: what is sent now goes out */
        HEDGEW_UPLINK_CLOSED,    /**< what was on its way, either way, is lost */
        HEDGEW_UPLINK_REFUSED,   /**< the handshake failed: a wrong key, or none that the coordinator lets in */
} hedgew_uplink_event_t;

/** Open the socket; it connects, and connects again, by itself. Nothing is queued while there is no connection: sending says
 * -EAGAIN then. @return 0, -ENOMEM, -EINVAL (the endpoint), -errno. */
int hedgew_uplink_new(const hedgew_uplink_settings_t *settings, hedgew_uplink_t **ret);

/** Close the socket and open a new one, whose attempts to connect are at least `reconnect_ms` apart. On failure there is none: destroy it. @return as hedgew_uplink_new. */
int hedgew_uplink_reopen(hedgew_uplink_t *uplink, unsigned reconnect_ms);

/** Close the socket; what was sent may still go out for `linger_ms`. */
void hedgew_uplink_close(hedgew_uplink_t *uplink, int linger_ms);

/** Waits for what lingers. NULL-safe; nullifies. */
void hedgew_uplink_destroy(hedgew_uplink_t **uplink);

/** The socket, for hedge_link_send and zmq_poll, and the socket to poll (ZMQ_POLLIN) for events. Others after a reopen. */
zsock_t *hedgew_uplink_socket(hedgew_uplink_t *uplink);
zsock_t *hedgew_uplink_monitor(hedgew_uplink_t *uplink);

const hedge_wire_limits_t *hedgew_uplink_limits(const hedgew_uplink_t *uplink);

/** The oldest event that was not taken yet; does not wait. */
hedgew_uplink_event_t hedgew_uplink_next(hedgew_uplink_t *uplink);

#endif
