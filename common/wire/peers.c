/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

_Static_assert(sizeof(((hedge_peer_t *)0)->address) == sizeof(struct sockaddr_storage), "room for every address");

static bool address_of(int fd, char ret[sizeof(struct sockaddr_storage)])
{
        socklen_t size = sizeof(struct sockaddr_storage);

        memset(ret, 0, size);
        return getpeername(fd, (struct sockaddr *)ret, &size) == 0;
}

static bool make_room(hedge_peers_t *peers, size_t count)
{
        hedge_peer_t **by_fd = realloc(peers->by_fd, count * sizeof(hedge_peer_t *));

        if (!by_fd)
                return false;
        memset(by_fd + peers->count, 0, (count - peers->count) * sizeof(hedge_peer_t *));
        peers->by_fd = by_fd;
        peers->count = count;
        return true;
}

hedge_peer_t *hedge_peers_note(hedge_peers_t *peers, int fd, const char *key)
{
        hedge_peer_t *peer, now = { 0 };
        bool same;

        if (fd < 0)
                return NULL;
        peer = (size_t)fd < peers->count ? peers->by_fd[fd] : NULL;
        same = peer && !strcmp(peer->key, key);
        if (!address_of(fd, now.address))
                return same ? peer : NULL;
        if (same && !memcmp(peer->address, now.address, sizeof(now.address)))
                return peer;
        if ((size_t)fd >= peers->count && !make_room(peers, (size_t)fd + 16))
                return NULL;
        if (!peer)
                peer = peers->by_fd[fd] = malloc(sizeof(*peer));
        if (!peer)
                return NULL;
        *peer = now;
        snprintf(peer->key, sizeof(peer->key), "%s", key);
        return peer;
}

bool hedge_peers_cut(hedge_peers_t *peers, int fd)
{
        hedge_peer_t *peer = peers->by_fd[fd];
        char address[sizeof(peer->address)];

        peer->refused = HEDGE_PEER_CUT;
        return address_of(fd, address) && !memcmp(address, peer->address, sizeof(address)) &&
               shutdown(fd, SHUT_RDWR) == 0;
}

void hedge_peers_release(hedge_peers_t *peers)
{
        for (size_t fd = 0; fd < peers->count; fd++)
                free(peers->by_fd[fd]);
        free(peers->by_fd);
        memset(peers, 0, sizeof(*peers));
}
