/* SPDX-License-Identifier: Apache-2.0 */
#include "client/endpoint.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/wire/address.h"

const hedgec_option_t hedgec_target_options[] = {
        HEDGEC_ROW(STRING, "dir", 'd', hedgec_target_t, dir, "DIR",
                   "the cluster in DIR, made by 'hedge up' (HEDGE_DIR)"),
        HEDGEC_ROW(STRING, "connect", 'c', hedgec_target_t, connect, "ENDPOINT",
                   "the coordinator at ENDPOINT (tcp://..., ipc://...)"),
        HEDGEC_ROW(STRING, "key", 0, hedgec_target_t, key, "FILE.secret", "our key pair, for tcp"),
        HEDGEC_ROW(STRING, "server-key", 0, hedgec_target_t, server_key, "FILE.pub",
                   "the coordinator's public key, for tcp"),
        HEDGEC_ROW(FLAG, "insecure", 0, hedgec_target_t, insecure, NULL,
                   "tcp without keys, where the coordinator says so too"),
        HEDGEC_ROW_UINT("timeout", 0, hedgec_target_t, timeout_s, "SECONDS", "wait this long for an answer (60)", 1,
                        86400),
        HEDGEC_ROW_END,
};

const char *hedgec_target_dir(const hedgec_target_t *target)
{
        const char *dir = target->dir;

        if (!dir && !target->connect)
                dir = getenv("HEDGE_DIR");
        return dir && *dir ? dir : NULL;
}

int hedgec_socket_path(const char *dir, char *path, size_t size, hedge_why_t *why)
{
        char absolute[PATH_MAX];
        int length;

        /* The folder may not exist yet, or no more: then the name is taken as it stands. */
        if (!realpath(dir, absolute)) {
                char cwd[PATH_MAX] = "";

                if (dir[0] != '/' && !getcwd(cwd, sizeof(cwd)))
                        return hedge_why(why, -errno, "cannot read the working directory: %s", hedge_strerror(-errno));
                length = snprintf(absolute, sizeof(absolute), "%s%s%s", cwd, dir[0] == '/' ? "" : "/", dir);
                if (length >= (int)sizeof(absolute))
                        return hedge_why(why, -ENAMETOOLONG, "the name of the folder is too long");
        }
        length = snprintf(path, size, "%s/run/hedged.sock", absolute);
        if (length > HEDGEC_SOCKET_PATH_MAX || length >= (int)size)
                return hedge_why(why, -ENAMETOOLONG,
                                 "%s is too long for a socket: DIR/run/hedged.sock may have %d bytes, not %d; "
                                 "choose a shorter DIR",
                                 dir, HEDGEC_SOCKET_PATH_MAX, length);
        return 0;
}

static int resolve_keys(const hedgec_target_t *target, hedgec_endpoint_t *endpoint, hedge_why_t *why)
{
        int r;

        if (target->insecure && (target->key || target->server_key))
                return hedge_why(why, -EINVAL, "--insecure goes without --key and --server-key");
        if (target->insecure)
                return 0;
        if (!target->key || !target->server_key)
                return hedge_why(
                        why, -EINVAL,
                        "--connect %s wants --key FILE.secret (made by 'hedge keygen') and --server-key FILE.pub "
                        "(the coordinator's)",
                        target->connect);
        r = hedge_keys_load_secret(target->key, &endpoint->keys, why);
        if (!r)
                r = hedge_keys_load_public(target->server_key, endpoint->server_key, why);
        endpoint->curve = true;
        return r;
}

static int resolve_connect(const hedgec_target_t *target, hedgec_endpoint_t *endpoint, hedge_why_t *why)
{
        const char *address = target->connect;
        hedge_why_t inner = { "" };

        if (strlen(address) >= sizeof(endpoint->address))
                return hedge_why(why, -EINVAL, "--connect: the endpoint is too long");
        strcpy(endpoint->address, address);
        if (!strncmp(address, "ipc://", 6)) {
                if (strlen(address + 6) > HEDGEC_SOCKET_PATH_MAX)
                        return hedge_why(why, -ENAMETOOLONG, "--connect: a socket's path may have %d bytes",
                                         HEDGEC_SOCKET_PATH_MAX);
                return 0;
        }
        if (hedge_address_check(address, false, &inner) < 0)
                return hedge_why(why, -EINVAL, "--connect: %s", inner.text);
        return resolve_keys(target, endpoint, why);
}

int hedgec_endpoint_resolve(const hedgec_target_t *target, hedgec_endpoint_t *ret, hedge_why_t *why)
{
        hedgec_endpoint_t endpoint = { .address = "ipc://" };
        const char *dir = hedgec_target_dir(target);
        int r = 0;

        if (target->dir && target->connect)
                return hedge_why(why, -EINVAL, "--dir and --connect each say which coordinator: give one of them");
        if (!target->connect && (target->key || target->server_key || target->insecure))
                return hedge_why(why, -EINVAL, "--key, --server-key and --insecure go with --connect");
        endpoint.timeout_ms = (int)(target->timeout_s ? target->timeout_s : HEDGEC_DEFAULT_TIMEOUT_S) * 1000;
        if (target->connect)
                r = resolve_connect(target, &endpoint, why);
        else if (dir)
                r = hedgec_socket_path(dir, endpoint.address + 6, sizeof(endpoint.address) - 6, why);
        else
                strcat(endpoint.address, HEDGEC_DEFAULT_SOCKET);
        if (!r)
                *ret = endpoint;
        hedge_keys_wipe(&endpoint.keys);
        return r;
}
