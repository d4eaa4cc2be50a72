/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/handshake.h"

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

#include "common/cost.h"
#include "common/thread.h"
#include "common/wire/actors.h"

#define ZAUTH_MS 10000 /* it answers when it has read some files: far longer than that takes */

/* A folder of ours: keys/0, keys/1 and so on. */
typedef struct home {
        int fd; /* -1: none */
        unsigned written;
        char path[PATH_MAX];
} home_t;

struct hedge_handshake {
        zactor_t *actor;
        home_t home; /* what zauth reads */
};

static const home_t no_home = { .fd = -1 };
static atomic_flag exists = ATOMIC_FLAG_INIT; /* there is one ZAP handler in a context, and one context */

/* zauth's list is a hash of keys: each may be there once. */
static bool is_in_one_of(const hedge_key_folder_t *folders, unsigned n, const char *key)
{
        for (unsigned i = 0; i < n; i++)
                if (hedge_key_folder_find(&folders[i], key))
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

static int write_keys(const hedge_key_folder_t *folders, unsigned n, home_t *home)
{
        int r = 0;

        for (unsigned i = 0; i < n; i++)
                for (size_t k = 0; r == 0 && k < folders[i].n_keys; k++)
                        if (!is_in_one_of(folders, i, folders[i].keys[k].key))
                                r = write_key(home->fd, home->written++, folders[i].keys[k].key);
        return r;
}

/* Signals wait meanwhile: CZMQ gives up where one interrupts it, and zauth would be in the middle of reading. */
static int tell_zauth(zactor_t *actor, int home)
{
        char location[64];
        sigset_t before;
        int r = 0;

        snprintf(location, sizeof(location), "/proc/self/fd/%d/keys", home);
        if (access(location, R_OK | X_OK) < 0)
                return -errno;
        hedge_signals_block(&before);
        if (zstr_sendx(actor, "CURVE", location, NULL) < 0 || zsock_wait(actor) < 0)
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

int hedge_handshake_accept(hedge_handshake_t *h, const hedge_key_folder_t *folders, unsigned n)
{
        home_t home = no_home;
        int r = make_home(&home);

        if (r == 0)
                r = write_keys(folders, n, &home);
        if (r == 0)
                r = tell_zauth(h->actor, home.fd);
        if (r < 0) {
                remove_home(&home);
                return r;
        }
        remove_home(&h->home);
        h->home = home;
        return 0;
}

static void authenticate(zsock_t *pipe, void *arg)
{
        hedge_cost_thread();
        zauth(pipe, arg);
}

int hedge_handshake_new(hedge_handshake_t **ret)
{
        hedge_handshake_t *h;
        int r;

        if (atomic_flag_test_and_set(&exists))
                return -EADDRINUSE;
        h = calloc(1, sizeof(*h));
        r = h ? hedge_actor_start(authenticate, NULL, &h->actor) : -ENOMEM;
        if (r < 0) {
                free(h);
                atomic_flag_clear(&exists);
                return r;
        }
        h->home = no_home;
        zsock_set_sndtimeo(zactor_sock(h->actor), ZAUTH_MS);
        zsock_set_rcvtimeo(zactor_sock(h->actor), ZAUTH_MS);
        *ret = h;
        return 0;
}

void hedge_handshake_destroy(hedge_handshake_t **handshake)
{
        hedge_handshake_t *h = *handshake;

        if (!h)
                return;
        zactor_destroy(&h->actor);
        remove_home(&h->home);
        free(h);
        *handshake = NULL;
        atomic_flag_clear(&exists);
}
