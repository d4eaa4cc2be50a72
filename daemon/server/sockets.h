/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_SOCKETS_H
#define HEDGED_SOCKETS_H

#include "common/wire/monitor.h"
#include "daemon/config.h"

/** The coordinator's endpoints: ROUTERs, one for boards, one for clients of this machine, and one for clients elsewhere. */
typedef struct hedged_sockets {
        zsock_t *boards, *clients;
        zsock_t *clients_tcp;                 /**< NULL: not configured */
        hedge_monitor_t *monitor;             /**< of the boards' connections: who has hung up, who was refused */
        hedge_monitor_t *clients_monitor;     /**< of clients': who has hung up */
        hedge_monitor_t *clients_tcp_monitor; /**< of clients_tcp's: who has hung up, who was refused */
} hedged_sockets_t;

/** Make them, with keys where the configuration wants CURVE. Nobody can connect yet.
 * @return 0, or what failed, with a sentence; hedged_sockets_close() then takes what is there. */
int hedged_sockets_open(const hedged_config_t *config, const hedge_wire_limits_t *limits, hedged_sockets_t *ret,
                        hedge_why_t *why);

/** Listen, and write down where (listen.endpoint_file). @return 0, or what failed, with a sentence. */
int hedged_sockets_bind(hedged_sockets_t *sockets, const hedged_config_t *config, hedge_why_t *why);

/** Destroy what is there. What is still to be sent goes on its way until hedge_sockets_end(). */
void hedged_sockets_close(hedged_sockets_t *sockets);

#endif
