/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/address.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define PATH_BYTES_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)
#define HOST_MAX       256

/* tcp://HOST:PORT in its pieces. */
typedef struct parts {
        char host[HOST_MAX]; /* without brackets and scope */
        char scope[HOST_MAX];
        const char *port; /* NULL: there is none */
        bool bracketed;
} parts_t;

/* What stands behind the scheme, or NULL where it is another one. */
static const char *behind(const char *endpoint, const char *scheme)
{
        size_t n = strlen(scheme);

        return strncmp(endpoint, scheme, n) ? NULL : endpoint + n;
}

/* @return false: too long, or a bracket that is not closed before the port. */
static bool split(const char *address, parts_t *ret)
{
        const char *host = address + (*address == '['), *end = strrchr(address, ':'), *scope;
        size_t n;

        *ret = (parts_t){ .bracketed = host != address };
        if (ret->bracketed) {
                end = strchr(address, ']');
                if (!end || (end[1] && end[1] != ':'))
                        return false;
                ret->port = end[1] ? end + 2 : NULL;
        } else {
                ret->port = end ? end + 1 : NULL;
                end = end ? end : address + strlen(address);
        }
        n = (size_t)(end - host);
        if (n >= HOST_MAX)
                return false;
        memcpy(ret->host, host, n);
        scope = ret->bracketed ? strchr(ret->host, '%') : NULL;
        if (scope && !scope[1])
                return false;
        if (scope) {
                strcpy(ret->scope, scope + 1);
                ret->host[scope - ret->host] = '\0';
        }
        return true;
}

static bool is_port(const char *port, bool binding)
{
        char *end;
        long number;

        if (!port)
                return false;
        if (binding && !strcmp(port, "*"))
                return true;
        number = strtol(port, &end, 10);
        return end != port && !*end && number >= 1 && number <= 65535;
}

static int check_ipv6(const parts_t *parts, const char *endpoint, hedge_why_t *why)
{
        struct in6_addr address;

        if (inet_pton(AF_INET6, parts->host, &address) != 1)
                return hedge_why(why, HEDGE_ECONFIG, "'%s' has no IPv6 address in its brackets", endpoint);
        if (IN6_IS_ADDR_LINKLOCAL(&address) && !*parts->scope)
                return hedge_why(why, HEDGE_ECONFIG,
                                 "'%s' is a link's own address, which wants its interface: [%s%%eth0]", endpoint,
                                 parts->host);
        return 0;
}

static int check_tcp(const char *address, const char *endpoint, bool binding, hedge_why_t *why)
{
        struct in6_addr bare;
        parts_t parts;

        if (!split(address, &parts))
                return hedge_why(why, HEDGE_ECONFIG, "'%s' wants a host and a port", endpoint);
        /* ::1 alone is an address that ends in what looks like a port */
        if (!parts.bracketed && (strchr(parts.host, ':') || inet_pton(AF_INET6, address, &bare) == 1))
                return hedge_why(why, HEDGE_ECONFIG, "'%s': an IPv6 address wants brackets: tcp://[::1]:7501",
                                 endpoint);
        if (!*parts.host || !is_port(parts.port, binding))
                return hedge_why(why, HEDGE_ECONFIG, "'%s' wants a host and a port", endpoint);
        return parts.bracketed ? check_ipv6(&parts, endpoint, why) : 0;
}

int hedge_address_check(const char *endpoint, bool binding, hedge_why_t *why)
{
        const char *path = behind(endpoint, "ipc://"), *address = behind(endpoint, "tcp://");

        if (path && strlen(path) > PATH_BYTES_MAX)
                return hedge_why(why, HEDGE_ECONFIG, "the socket's path is longer than the system's %zu bytes",
                                 PATH_BYTES_MAX);
        if (address)
                return check_tcp(address, endpoint, binding, why);
        if (!path || !*path)
                return hedge_why(why, HEDGE_ECONFIG, "'%s' is no endpoint: tcp://HOST:PORT or ipc://FILE", endpoint);
        return 0;
}

bool hedge_address_is_local(const char *endpoint)
{
        const char *address = behind(endpoint, "tcp://");
        struct in6_addr six;
        struct in_addr four;
        parts_t parts;

        if (!address)
                return behind(endpoint, "ipc://") != NULL;
        if (!split(address, &parts) || !parts.port)
                return false;
        if (parts.bracketed)
                return inet_pton(AF_INET6, parts.host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
        return inet_pton(AF_INET, parts.host, &four) == 1 && ntohl(four.s_addr) >> 24 == 127;
}

bool hedge_address_is_any(const char *endpoint)
{
        const char *address = behind(endpoint, "tcp://");
        struct in6_addr six;
        struct in_addr four;
        parts_t parts;

        if (!address || !split(address, &parts))
                return false;
        if (parts.bracketed)
                return inet_pton(AF_INET6, parts.host, &six) == 1 &&
                       (IN6_IS_ADDR_UNSPECIFIED(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && !six.s6_addr32[3]));
        return !strcmp(parts.host, "*") || (inet_pton(AF_INET, parts.host, &four) == 1 && !four.s_addr);
}
