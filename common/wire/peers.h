/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_PEERS_H
#define HEDGE_PEERS_H

#include <stdbool.h>

#include "common/wire/message.h"

/** Who is behind which connection, so that it can be cut: libzmq has no call for that at a ROUTER, so the connection's
 * descriptor (ZMQ_SRCFD) is shut down under it, which libzmq takes for the peer's end (ZMQ_EVENT_DISCONNECTED).
 *
 * Descriptors are libzmq's and used again. So the peer's address is noted with a descriptor, looked at again with every message and
 * compared before it is shut down. What is left is a message that is read when its connection has ended and the next peer
 * has its descriptor, but has said nothing yet: that one might be cut in its place, and connects again. */
typedef struct hedge_peer {
        unsigned role;
        char key[41];                    /**< empty: nobody */
        char name[HEDGE_BOARD_NAME_MAX]; /**< that the key had when it was last looked at */
        unsigned refused;                /**< 0: admitted; else counts up until HEDGE_PEER_CUT */
        char address[128];               /**< a struct sockaddr_storage */
} hedge_peer_t;

#define HEDGE_PEER_CUT 3u

typedef struct hedge_peers {
        hedge_peer_t **by_fd;
        size_t count; /**< of places */
} hedge_peers_t;

/** The peer with this key behind this descriptor; noted if it is a new one.
 * @return Borrowed until the descriptor is another's; NULL: there is no such connection any more, or no memory. */
hedge_peer_t *hedge_peers_note(hedge_peers_t *peers, int fd, const char *key);

/** End this one, which is noted. @return whether it was there still. */
bool hedge_peers_cut(hedge_peers_t *peers, int fd);

/** Free; leaves an empty one. */
void hedge_peers_release(hedge_peers_t *peers);

#endif
