/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/auth.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/handshake.h"
#include "common/wire/key_watch.h"
#include "common/wire/peers.h"

struct hedge_auth {
        hedge_handshake_t *handshake;
        char *paths[HEDGE_ROLES];
        hedge_key_folder_t folders[HEDGE_ROLES];
        hedge_key_watch_t *watch;
        bool unwatched; /* a change may be missed: read at every tick */
        bool due;       /* the last reading could not be done, or zauth does not have it yet: at the next tick */
        hedge_peers_t peers;
        unsigned long refused;
        hedge_auth_tell_t *tell;
        void *arg;
};

static const char *const roles[HEDGE_ROLES] = { "board", "client" };

/* ---- the folders ---- */

static void say(hedge_auth_t *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(hedge_auth_t *a, const char *format, ...)
{
        char sentence[HEDGE_TEXT_MAX + 64];
        va_list args;

        if (!a->tell)
                return;
        va_start(args, format);
        vsnprintf(sentence, sizeof(sentence), format, args);
        va_end(args);
        a->tell(a->arg, sentence);
}

static void watch(hedge_auth_t *a)
{
        int r = a->watch ? 0 : -ENOSYS;

        for (unsigned role = 0; r == 0 && role < HEDGE_ROLES; role++)
                if (a->paths[role])
                        r = hedge_key_watch_add(a->watch, a->paths[role]);
        if (r < 0 && !a->unwatched)
                say(a, "the folders of keys cannot be watched (%s): reading them again now and then",
                    hedge_strerror(r));
        a->unwatched = r < 0;
}

/* A folder that holds nobody, and why. */
static int read_nobody(hedge_key_folder_t *ret, const hedge_why_t *why)
{
        ret->complaints = calloc(1, sizeof(*ret->complaints));
        if (!ret->complaints)
                return -ENOMEM;
        snprintf(ret->complaints[0], sizeof(ret->complaints[0]), "%s", why->text);
        ret->n_complaints = 1;
        return 0;
}

static int read_folders(hedge_auth_t *a, bool first, hedge_key_folder_t ret[HEDGE_ROLES], hedge_why_t *why)
{
        int r = 0;

        watch(a); /* before reading: what changes from now on is heard of */
        for (unsigned role = 0; r == 0 && role < HEDGE_ROLES; role++) {
                if (!a->paths[role])
                        continue;
                r = hedge_key_folder_read(a->paths[role], &ret[role], why);
                if (r < 0 && !first && !hedge_key_folder_short(r))
                        r = read_nobody(&ret[role], why);
        }
        return r;
}

static bool is_new(const hedge_key_folder_t *before, const char *text)
{
        for (size_t i = 0; i < before->n_complaints; i++)
                if (!strcmp(before->complaints[i], text))
                        return false;
        return true;
}

/* Put what was read in place. @return whether the keys are others than before. */
static bool take_over(hedge_auth_t *a, hedge_key_folder_t fresh[HEDGE_ROLES])
{
        bool changed = false;

        for (unsigned role = 0; role < HEDGE_ROLES; role++) {
                hedge_key_folder_t *before = &a->folders[role], *now = &fresh[role];

                for (size_t i = 0; i < now->n_complaints; i++)
                        if (is_new(before, now->complaints[i]))
                                say(a, "%s, leaving it out", now->complaints[i]);
                changed |= before->n_keys != now->n_keys ||
                           (now->n_keys && memcmp(before->keys, now->keys, now->n_keys * sizeof(*now->keys)));
                hedge_key_folder_release(before);
                *before = *now;
        }
        return changed;
}

static void cut_the_revoked(hedge_auth_t *a)
{
        for (size_t fd = 0; fd < a->peers.count; fd++) {
                const hedge_peer_t *peer = a->peers.by_fd[fd];
                const char *name;

                if (!peer || peer->refused)
                        continue;
                name = hedge_key_folder_find(&a->folders[peer->role], peer->key);
                if (name && !strcmp(name, peer->name))
                        continue;
                if (hedge_peers_cut(&a->peers, (int)fd))
                        say(a, "%s=%s: its key was taken away, its connection is cut", roles[peer->role], peer->name);
        }
}

void hedge_auth_read(hedge_auth_t *a)
{
        hedge_key_folder_t fresh[HEDGE_ROLES] = { 0 };
        bool was_due = a->due;
        hedge_why_t why;
        int r = read_folders(a, false, fresh, &why);

        a->due = r < 0;
        if (r < 0) {
                for (unsigned role = 0; role < HEDGE_ROLES; role++)
                        hedge_key_folder_release(&fresh[role]);
        } else if (take_over(a, fresh) || was_due) {
                r = hedge_handshake_accept(a->handshake, a->folders, HEDGE_ROLES);
                a->due = r < 0;
                cut_the_revoked(a); /* last: whoever sees it and has a new key gets in with that */
        }
        if (r < 0 && !was_due)
                say(a, "cannot read the keys again: %s, trying on", hedge_strerror(r));
}

void hedge_auth_changed(hedge_auth_t *a)
{
        if (hedge_key_watch_take(a->watch))
                hedge_auth_read(a);
}

int hedge_auth_fd(const hedge_auth_t *auth)
{
        return auth->watch ? hedge_key_watch_fd(auth->watch) : -1;
}

void hedge_auth_tick(hedge_auth_t *a)
{
        if (a->due || a->unwatched)
                hedge_auth_read(a);
        for (size_t fd = 0; fd < a->peers.count; fd++) {
                hedge_peer_t *peer = a->peers.by_fd[fd];

                if (peer && peer->refused && peer->refused < HEDGE_PEER_CUT && ++peer->refused == HEDGE_PEER_CUT)
                        hedge_peers_cut(&a->peers, (int)fd);
        }
}

/* ---- who is it? ---- */

static int refuse(hedge_auth_t *a, hedge_role_t role, const char *key, hedge_why_t *why)
{
        a->refused++;
        for (unsigned other = 0; other < HEDGE_ROLES; other++) {
                const char *name = hedge_key_folder_find(&a->folders[other], key);

                if (name)
                        return hedge_why(why, HEDGE_EDENIED, "this is the key of the %s '%s', and not a %s's",
                                         roles[other], name, roles[role]);
        }
        return hedge_why(why, HEDGE_EDENIED, "this key is not accepted any more");
}

int hedge_auth_admit(hedge_auth_t *a, hedge_role_t role, hedge_envelope_t *e, hedge_why_t *why)
{
        const char *name = hedge_key_folder_find(&a->folders[role], e->key);
        hedge_peer_t *peer = hedge_peers_note(&a->peers, e->fd, e->key);

        if (peer && peer->refused)
                return -EALREADY;
        if (!name) {
                if (peer)
                        peer->refused = 1;
                return refuse(a, role, e->key, why);
        }
        strcpy(e->user, name);
        if (peer && !*peer->name) {
                peer->role = role;
                strcpy(peer->name, name);
        }
        return 0;
}

void hedge_auth_failed(hedge_auth_t *auth)
{
        auth->refused++;
}

unsigned long hedge_auth_refused(const hedge_auth_t *auth)
{
        return auth->refused;
}

const hedge_key_folder_t *hedge_auth_folder(const hedge_auth_t *auth, hedge_role_t role)
{
        return &auth->folders[role];
}

/* ---- its life ---- */

static int open_auth(hedge_auth_t *a, const char *const folders[HEDGE_ROLES], hedge_why_t *why)
{
        hedge_key_folder_t fresh[HEDGE_ROLES] = { 0 };
        int r;

        for (unsigned role = 0; role < HEDGE_ROLES; role++)
                if (folders[role] && !(a->paths[role] = strdup(folders[role])))
                        return hedge_why(why, -ENOMEM, "out of memory");
        hedge_key_watch_new(&a->watch); /* where there is none, folders are read at ticks */
        r = read_folders(a, true, fresh, why);
        take_over(a, fresh);
        if (r < 0)
                return r;
        r = hedge_handshake_new(&a->handshake);
        if (r == 0)
                r = hedge_handshake_accept(a->handshake, a->folders, HEDGE_ROLES);
        return r < 0 ? hedge_why(why, r, "cannot start authentication: %s", hedge_strerror(r)) : 0;
}

int hedge_auth_new(const char *const folders[HEDGE_ROLES], hedge_auth_tell_t *tell, void *arg, hedge_auth_t **ret,
                   hedge_why_t *why)
{
        hedge_auth_t *a;
        int r;

        a = calloc(1, sizeof(*a));
        if (!a)
                return hedge_why(why, -ENOMEM, "out of memory");
        a->tell = tell;
        a->arg = arg;
        r = open_auth(a, folders, why);
        if (r < 0)
                hedge_auth_destroy(&a);
        else
                *ret = a;
        return r;
}

void hedge_auth_destroy(hedge_auth_t **auth)
{
        hedge_auth_t *a = *auth;

        if (!a)
                return;
        hedge_handshake_destroy(&a->handshake);
        hedge_key_watch_destroy(&a->watch);
        for (unsigned role = 0; role < HEDGE_ROLES; role++) {
                hedge_key_folder_release(&a->folders[role]);
                free(a->paths[role]);
        }
        hedge_peers_release(&a->peers);
        free(a);
        *auth = NULL;
}
