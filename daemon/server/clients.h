/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_CLIENTS_H
#define HEDGED_CLIENTS_H

#include "daemon/server/server.h"

/** Read what clients have sent to this socket, and have it answered. */
void hedged_clients_receive(hedged_server_t *server, zsock_t *socket);

#endif
