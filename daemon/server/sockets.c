/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server/sockets.h"

#include <czmq.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/io/replace.h"
#include "common/log.h"
#include "common/wire/keys.h"

#define LINGER_MS 200

/* With a domain, and where CURVE is on, only keys of that domain get in. */
static int open_one(const hedged_config_t *config, const hedge_wire_limits_t *limits, const char *endpoint,
                    const char *domain, zsock_t **ret, hedge_why_t *why)
{
        hedge_socket_options_t options = { .limits = limits, .linger_ms = LINGER_MS };
        hedge_key_pair_t pair = { .secret_key = "" };
        int r = 0;

        if (domain && config->security == HEDGED_SECURITY_CURVE) {
                r = hedge_keys_load_secret(config->keys.secret, &pair, why);
                if (r < 0)
                        return r;
                options.domain = domain;
                options.secret_key = pair.secret_key;
        }
        r = hedge_socket_new(ZMQ_ROUTER, &options, ret);
        hedge_keys_wipe(&pair);
        return r < 0 ? hedge_why(why, r, "cannot set the socket for %s up: %s", endpoint, hedge_strerror(r)) : 0;
}

int hedged_sockets_open(const hedged_config_t *config, const hedge_wire_limits_t *limits, hedged_sockets_t *s,
                        hedge_why_t *why)
{
        int r = open_one(config, limits, config->listen.boards, "boards", &s->boards, why);

        if (r == 0)
                r = open_one(config, limits, config->listen.clients, NULL, &s->clients, why);
        if (r == 0 && *config->listen.clients_tcp)
                r = open_one(config, limits, config->listen.clients_tcp, "clients", &s->clients_tcp, why);
        if (r < 0)
                return r;
        r = hedge_monitor_new(s->boards, ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, &s->monitor);
        if (r == 0)
                r = hedge_monitor_new(s->clients, ZMQ_EVENT_DISCONNECTED, &s->clients_monitor);
        if (r == 0 && s->clients_tcp)
                r = hedge_monitor_new(s->clients_tcp, ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH,
                                      &s->clients_tcp_monitor);
        return r < 0 ? hedge_why(why, r, "cannot watch connections: %s", hedge_strerror(r)) : 0;
}

static int bind_one(zsock_t *socket, const char *endpoint, hedge_why_t *why)
{
        const mode_t before = umask(0007); /* ipc: the owner and the group, nobody else */
        int r = hedge_socket_bind(socket, endpoint, why);

        umask(before);
        return r;
}

/* Where the boards' socket was bound in the end, for those who have to know it: written beside and renamed. */
static int write_endpoint(const char *path, const char *endpoint, hedge_why_t *why)
{
        hedge_replace_t file;
        int r = hedge_replace_begin(path, &file, why);

        if (r < 0)
                return r;
        fprintf(file.file, "%s\n", endpoint);
        return hedge_replace_end(&file, 0, why);
}

/* The boards' endpoint first: if another coordinator has it, its clients' socket file must not be taken away. */
int hedged_sockets_bind(hedged_sockets_t *s, const hedged_config_t *config, hedge_why_t *why)
{
        int r = bind_one(s->boards, config->listen.boards, why);

        if (r == 0) {
                char *endpoint = zsock_last_endpoint(s->boards);

                log_notice("listening for boards at %s, for clients at %s%s%s", endpoint, config->listen.clients,
                           *config->listen.clients_tcp ? " and " : "", config->listen.clients_tcp);
                if (*config->listen.endpoint_file)
                        r = write_endpoint(config->listen.endpoint_file, endpoint, why);
                freen(endpoint);
        }
        if (r == 0 && s->clients_tcp)
                r = bind_one(s->clients_tcp, config->listen.clients_tcp, why);
        if (r == 0)
                r = bind_one(s->clients, config->listen.clients, why);
        return r;
}

void hedged_sockets_close(hedged_sockets_t *s)
{
        hedge_monitor_destroy(&s->monitor);
        hedge_monitor_destroy(&s->clients_monitor);
        hedge_monitor_destroy(&s->clients_tcp_monitor);
        zsock_destroy(&s->boards);
        zsock_destroy(&s->clients);
        zsock_destroy(&s->clients_tcp);
}
