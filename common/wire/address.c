/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/address.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define PATH_BYTES_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

/* What stands behind the scheme, or NULL where it is another one. */
static const char *behind(const char *endpoint, const char *scheme)
{
        size_t n = strlen(scheme);

        return strncmp(endpoint, scheme, n) ? NULL : endpoint + n;
}

static bool has_port(const char *address, bool binding)
{
        const char *port = strrchr(address, ':');
        char *end;
        long number;

        if (!port || port == address)
                return false;
        if (binding && !strcmp(port, ":*"))
                return true;
        number = strtol(++port, &end, 10);
        return end != port && !*end && number >= 1 && number <= 65535;
}

int hedge_address_check(const char *endpoint, bool binding, hedge_why_t *why)
{
        const char *path = behind(endpoint, "ipc://"), *address = behind(endpoint, "tcp://");

        if (path && strlen(path) > PATH_BYTES_MAX)
                return hedge_why(why, HEDGE_ECONFIG, "the socket's path is longer than the system's %zu bytes",
                                 PATH_BYTES_MAX);
        if (address && !has_port(address, binding))
                return hedge_why(why, HEDGE_ECONFIG, "'%s' wants a host and a port", endpoint);
        if (!address && (!path || !*path))
                return hedge_why(why, HEDGE_ECONFIG, "'%s' is no endpoint: tcp://HOST:PORT or ipc://FILE", endpoint);
        return 0;
}

bool hedge_address_is_local(const char *endpoint)
{
        const char *address = behind(endpoint, "tcp://"), *port;
        struct in_addr host;
        char text[16];

        if (!address)
                return behind(endpoint, "ipc://") != NULL;
        if (!strncmp(address, "[::1]:", 6))
                return true;
        port = strrchr(address, ':');
        if (!port || port - address >= (ptrdiff_t)sizeof(text))
                return false;
        memcpy(text, address, (size_t)(port - address));
        text[port - address] = '\0';
        return inet_pton(AF_INET, text, &host) == 1 && ntohl(host.s_addr) >> 24 == 127;
}
