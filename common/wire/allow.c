/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/allow.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/wire/keys.h"

#define SUFFIX    ".pub"
#define SETTLED_S 2 /* a file changed more recently might change again within the same time stamp */

typedef struct entry {
        char name[HEDGE_BOARD_NAME_MAX];
        uint8_t key[32];
} entry_t;

struct hedge_allow {
        char *folder;
        entry_t *entries; /* sorted by name */
        size_t n_entries, room;
        uint64_t signature; /* of the folder when it was read */
        bool settled;       /* the signature would show every later change */
};

/* NAME of a file NAME.pub, or false where it is none. */
static bool name_of(const char *file, char name[HEDGE_BOARD_NAME_MAX])
{
        size_t length = strlen(file), stem = length - strlen(SUFFIX);

        if (length <= strlen(SUFFIX) || strcmp(file + stem, SUFFIX) || stem >= HEDGE_BOARD_NAME_MAX)
                return false;
        memcpy(name, file, stem);
        name[stem] = 0;
        return hedge_name_ok(name);
}

static uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
        for (size_t i = 0; i < size; i++)
                hash = (hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
        return hash;
}

/* What the folder looks like from outside: a sum over its files, as they come in any order. */
static uint64_t look(const char *folder, time_t *ret_newest)
{
        uint64_t signature = 1;
        struct dirent *file;
        struct stat st;
        DIR *dir;

        *ret_newest = 0;
        dir = opendir(folder);
        if (!dir)
                return 0;
        while ((file = readdir(dir))) {
                uint64_t hash = UINT64_C(0xcbf29ce484222325);
                char name[HEDGE_BOARD_NAME_MAX];

                if (!name_of(file->d_name, name) || fstatat(dirfd(dir), file->d_name, &st, 0) < 0)
                        continue;
                hash = mix(hash, file->d_name, strlen(file->d_name));
                hash = mix(hash, &st.st_ino, sizeof(st.st_ino));
                hash = mix(hash, &st.st_size, sizeof(st.st_size));
                hash = mix(hash, &st.st_mtim, sizeof(st.st_mtim));
                hash = mix(hash, &st.st_ctim, sizeof(st.st_ctim));
                signature += hash;
                if (st.st_ctim.tv_sec > *ret_newest)
                        *ret_newest = st.st_ctim.tv_sec;
        }
        closedir(dir);
        return signature;
}

static int add(hedge_allow_t *allow, const entry_t *entry)
{
        if (allow->n_entries == allow->room) {
                size_t room = allow->room ? 2 * allow->room : 16;
                entry_t *entries = realloc(allow->entries, room * sizeof(*entries));

                if (!entries)
                        return -ENOMEM;
                allow->entries = entries;
                allow->room = room;
        }
        allow->entries[allow->n_entries++] = *entry;
        return 0;
}

static int add_file(hedge_allow_t *allow, const char *file, hedge_why_t *why)
{
        char path[4096], key[41];
        entry_t entry;
        int r;

        if (!name_of(file, entry.name))
                return 0;
        if (snprintf(path, sizeof(path), "%s/%s", allow->folder, file) >= (int)sizeof(path))
                return hedge_why(why, -ENAMETOOLONG, "%s: a path that is too long", allow->folder);
        r = hedge_keys_load_public(path, key, why);
        if (r < 0)
                return r;
        zmq_z85_decode(entry.key, key);
        return add(allow, &entry);
}

static int by_name(const void *a, const void *b)
{
        return strcmp(((const entry_t *)a)->name, ((const entry_t *)b)->name);
}

/* Read the folder's keys; with `strict` the first file that cannot be read is an error, else it is left out. */
static int read_folder(hedge_allow_t *allow, bool strict, hedge_why_t *why)
{
        struct timespec now;
        struct dirent *file;
        time_t newest;
        DIR *dir;
        int r = 0;

        allow->n_entries = 0;
        allow->signature = look(allow->folder, &newest);
        clock_gettime(CLOCK_REALTIME, &now);
        allow->settled = newest < now.tv_sec - SETTLED_S;
        dir = opendir(allow->folder);
        if (!dir)
                return hedge_why(why, -errno, "%s: %s", allow->folder, hedge_strerror(-errno));
        while ((r == 0 || !strict) && (file = readdir(dir)))
                r = add_file(allow, file->d_name, why);
        closedir(dir);
        if (allow->n_entries)
                qsort(allow->entries, allow->n_entries, sizeof(*allow->entries), by_name);
        return strict ? r : 0;
}

static int check_twice(const hedge_allow_t *allow, hedge_why_t *why)
{
        for (size_t i = 0; i < allow->n_entries; i++)
                for (size_t j = 0; j < i; j++)
                        if (!memcmp(allow->entries[i].key, allow->entries[j].key, sizeof(allow->entries[i].key)))
                                return hedge_why(why, HEDGE_EMALFORMED, "%s: '%s' and '%s' have the same key",
                                                 allow->folder, allow->entries[j].name, allow->entries[i].name);
        return 0;
}

int hedge_allow_new(const char *folder, hedge_allow_t **ret, hedge_why_t *why)
{
        hedge_allow_t *allow;
        int r = -ENOMEM;

        allow = calloc(1, sizeof(*allow));
        if (!allow)
                return r;
        allow->folder = strdup(folder);
        if (allow->folder)
                r = read_folder(allow, true, why);
        if (r == 0)
                r = check_twice(allow, why);
        if (r < 0)
                hedge_allow_destroy(&allow);
        else
                *ret = allow;
        return r;
}

void hedge_allow_destroy(hedge_allow_t **allow)
{
        if (!*allow)
                return;
        free((*allow)->folder);
        free((*allow)->entries);
        free(*allow);
        *allow = NULL;
}

bool hedge_allow_find(hedge_allow_t *allow, const uint8_t key[32], char ret_name[HEDGE_BOARD_NAME_MAX])
{
        time_t newest;

        if (!allow->settled || look(allow->folder, &newest) != allow->signature)
                read_folder(allow, false, NULL);
        for (size_t i = 0; i < allow->n_entries; i++)
                if (!memcmp(allow->entries[i].key, key, sizeof(allow->entries[i].key))) {
                        strcpy(ret_name, allow->entries[i].name);
                        return true;
                }
        return false;
}
