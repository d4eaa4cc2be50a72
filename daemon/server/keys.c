/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "daemon/server/keys.h"
#include "daemon/server/requests.h"

static void log_news(void *arg, const char *sentence)
{
        log_warning("%s", sentence);
}

int hedged_keys_open(hedged_server_t *c, hedge_why_t *why)
{
        const char *folders[HEDGE_ROLES] = { NULL };

        if (c->config->security != HEDGED_SECURITY_CURVE)
                return 0;
        folders[HEDGE_ROLE_BOARD] = c->config->keys.boards;
        if (*c->config->listen.clients_tcp)
                folders[HEDGE_ROLE_CLIENT] = c->config->keys.clients;
        return hedge_auth_new(folders, log_news, c, &c->auth, why);
}

bool hedged_keys_admit(hedged_server_t *c, zsock_t *socket, hedge_envelope_t *e)
{
        const hedge_role_t role = socket == c->sockets.boards ? HEDGE_ROLE_BOARD : HEDGE_ROLE_CLIENT;
        hedge_why_t why;
        int r;

        if (!c->auth || socket == c->sockets.clients)
                return true;
        r = hedge_auth_admit(c->auth, role, e, &why);
        if (r == HEDGE_EDENIED) {
                log_warning("key=%s: refused: %s", e->key, why.text);
                hedged_refuse(&(hedge_asker_t){ socket, e->route, e->about }, r, why.text);
        }
        return r == 0;
}

static void read_events(hedged_server_t *c, hedge_monitor_t *monitor)
{
        uint32_t value;
        int event;

        while ((event = hedge_monitor_next(monitor, &value))) {
                if (event == ZMQ_EVENT_DISCONNECTED && monitor == c->sockets.monitor) /* a client's is no board's */
                        hedged_cluster_disconnected(c->cluster, (int)value);
                else if (event == ZMQ_EVENT_DISCONNECTED)
                        hedged_requests_disconnected(c->requests, (int)value);
                else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH && c->auth)
                        hedge_auth_failed(c->auth);
        }
}

void hedged_keys_monitor(hedged_server_t *c)
{
        read_events(c, c->sockets.monitor);
        read_events(c, c->sockets.clients_monitor);
        if (c->sockets.clients_tcp_monitor)
                read_events(c, c->sockets.clients_tcp_monitor);
}

int hedged_keys_fd(const hedged_server_t *c)
{
        return c->auth ? hedge_auth_fd(c->auth) : -1;
}

void hedged_keys_changed(hedged_server_t *c)
{
        hedge_auth_changed(c->auth);
}

void hedged_keys_reload(hedged_server_t *c)
{
        if (!c->auth) {
                log_notice("there are no keys to read again");
                return;
        }
        log_notice("reading the keys again");
        hedge_auth_read(c->auth);
}

void hedged_keys_tick(hedged_server_t *c)
{
        if (c->auth)
                hedge_auth_tick(c->auth);
}

int hedged_keys_describe(const hedged_server_t *c, hedge_msg_status_ok_t *s)
{
        size_t count = 0;

        s->refused = c->auth ? hedge_auth_refused(c->auth) : 0;
        for (unsigned role = 0; c->auth && role < HEDGE_ROLES; role++)
                count += hedge_auth_folder(c->auth, role)->n_complaints;
        s->keys = calloc(count + 1, sizeof(*s->keys));
        if (!s->keys)
                return -ENOMEM;
        for (unsigned role = 0; c->auth && role < HEDGE_ROLES; role++) {
                const hedge_key_folder_t *folder = hedge_auth_folder(c->auth, role);

                for (size_t i = 0; i < folder->n_complaints; i++)
                        memcpy(s->keys[s->n_keys++], folder->complaints[i], sizeof(*s->keys));
        }
        return 0;
}
