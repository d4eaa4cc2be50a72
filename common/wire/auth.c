/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/auth.h"

#include <czmq.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/thread.h"
#include "common/wire/actors.h"
#include "common/wire/key_watch.h"
#include "common/wire/peers.h"

#define ZAUTH_MS 10000 /* it answers when it has read some files: far longer than that takes */

/* A folder of ours: keys/0, keys/1 and so on. */
typedef struct home {
        int fd; /* -1: none */
        unsigned written;
        char path[PATH_MAX];
} home_t;

struct hedge_auth {
        zactor_t *zauth;
        home_t home; /* what zauth reads */
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
static const home_t no_home = { .fd = -1 };
static atomic_flag exists = ATOMIC_FLAG_INIT; /* there is one ZAP handler in a context, and one context */

/* ---- zauth ---- */

static int start_zauth(hedge_auth_t *a)
{
        int r = hedge_actor_start(zauth, NULL, &a->zauth);

        if (r < 0)
                return r;
        zsock_set_sndtimeo(zactor_sock(a->zauth), ZAUTH_MS);
        zsock_set_rcvtimeo(zactor_sock(a->zauth), ZAUTH_MS);
        return 0;
}

/* zauth's list is a hash of keys: each may be there once. */
static bool is_listed_before(const hedge_auth_t *a, unsigned role, const char *key)
{
        for (unsigned i = 0; i < role; i++)
                if (hedge_key_folder_find(&a->folders[i], key))
                        return true;
        return false;
}

static int write_key(int home, unsigned number, const char *key)
{
        char file[32];
        int fd, r;

        snprintf(file, sizeof(file), "keys/%u", number);
        fd = openat(home, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        r = dprintf(fd, "curve\n    public-key = \"%s\"\n", key) < 0 ? -errno : 0;
        return close(fd) < 0 && r == 0 ? -errno : r;
}

static int write_keys(const hedge_auth_t *a, home_t *home)
{
        int r = 0;

        for (unsigned role = 0; role < HEDGE_ROLES; role++)
                for (size_t i = 0; r == 0 && i < a->folders[role].n_keys; i++)
                        if (!is_listed_before(a, role, a->folders[role].keys[i].key))
                                r = write_key(home->fd, home->written++, a->folders[role].keys[i].key);
        return r;
}

/* Signals wait meanwhile: CZMQ gives up where one interrupts it, and zauth would be in the middle of reading. */
static int tell_zauth(hedge_auth_t *a, int home)
{
        char location[64];
        sigset_t before;
        int r = 0;

        snprintf(location, sizeof(location), "/proc/self/fd/%d/keys", home);
        if (access(location, R_OK | X_OK) < 0)
                return -errno;
        hedge_signals_block(&before);
        if (zstr_sendx(a->zauth, "CURVE", location, NULL) < 0 || zsock_wait(a->zauth) < 0)
                r = -ETIMEDOUT;
        hedge_signals_restore(&before);
        return r;
}

/* The lock keeps away what cleans folders of temporary files. */
static int make_home(home_t *home)
{
        const char *systemd = getenv("RUNTIME_DIRECTORY"), *tmp = getenv("TMPDIR");

        if (systemd && *systemd == '/')
                snprintf(home->path, sizeof(home->path), "%.*s/keys-XXXXXX", (int)strcspn(systemd, ":"), systemd);
        else
                snprintf(home->path, sizeof(home->path), "%s/hedge-keys-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");
        if (!mkdtemp(home->path))
                return -errno;
        home->fd = open(home->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (home->fd < 0 || flock(home->fd, LOCK_SH) < 0 || mkdirat(home->fd, "keys", 0700) < 0)
                return -errno;
        return 0;
}

static void remove_home(home_t *home)
{
        char file[32];

        while (home->written) {
                snprintf(file, sizeof(file), "keys/%u", --home->written);
                unlinkat(home->fd, file, 0);
        }
        if (home->fd >= 0) {
                unlinkat(home->fd, "keys", AT_REMOVEDIR);
                close(home->fd);
        }
        if (*home->path)
                rmdir(home->path);
        *home = no_home;
}

/* Give zauth the keys as they are now, in a fresh folder: its store compares a folder's time in seconds and size in bytes,
 * so it would miss a key that is replaced within the second. The folder stays until zauth has the next: the store looks at
 * it for every handshake, and one that found it half removed would let half of them in. Zauth goes there by our descriptor, so that
 * nobody can put another in its place. */
static int give_keys(hedge_auth_t *a)
{
        home_t home = no_home;
        int r = make_home(&home);

        if (r == 0)
                r = write_keys(a, &home);
        if (r == 0)
                r = tell_zauth(a, home.fd);
        if (r < 0) {
                remove_home(&home);
                return r;
        }
        remove_home(&a->home);
        a->home = home;
        return 0;
}

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
                                say(a, "%s, ignoring it", now->complaints[i]);
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
                r = give_keys(a);
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
        r = start_zauth(a);
        if (r == 0)
                r = give_keys(a);
        return r < 0 ? hedge_why(why, r, "cannot start authentication: %s", hedge_strerror(r)) : 0;
}

int hedge_auth_new(const char *const folders[HEDGE_ROLES], hedge_auth_tell_t *tell, void *arg, hedge_auth_t **ret,
                   hedge_why_t *why)
{
        hedge_auth_t *a;
        int r;

        if (atomic_flag_test_and_set(&exists))
                return hedge_why(why, -EADDRINUSE, "there is an authentication in this process already");
        a = calloc(1, sizeof(*a));
        if (!a) {
                atomic_flag_clear(&exists);
                return hedge_why(why, -ENOMEM, "out of memory");
        }
        a->home = no_home;
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
        zactor_destroy(&a->zauth);
        remove_home(&a->home);
        hedge_key_watch_destroy(&a->watch);
        for (unsigned role = 0; role < HEDGE_ROLES; role++) {
                hedge_key_folder_release(&a->folders[role]);
                free(a->paths[role]);
        }
        hedge_peers_release(&a->peers);
        free(a);
        *auth = NULL;
        atomic_flag_clear(&exists);
}
