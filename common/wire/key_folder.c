/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/key_folder.h"

#include <czmq.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/keys.h"

#define SUFFIX ".pub"

bool hedge_key_folder_short(int code)
{
        return code == -ENOMEM || code == -EMFILE || code == -ENFILE;
}

static void complain(hedge_key_folder_t *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* There is always room: there are so many places, and the last stays for what does not fit. */
static void complain(hedge_key_folder_t *f, const char *format, ...)
{
        va_list args;

        if (f->n_complaints++ >= HEDGE_COMPLAINTS_MAX)
                return;
        va_start(args, format);
        vsnprintf(f->complaints[f->n_complaints - 1], sizeof(f->complaints[0]), format, args);
        va_end(args);
}

static bool is_key_file(const char *file)
{
        size_t length = strlen(file);

        return *file != '.' && length > strlen(SUFFIX) && !strcmp(file + length - strlen(SUFFIX), SUFFIX);
}

/* NAME of NAME.pub. */
static bool name_of(const char *file, char name[HEDGE_BOARD_NAME_MAX])
{
        size_t stem = strlen(file) - strlen(SUFFIX);

        if (stem >= HEDGE_BOARD_NAME_MAX)
                return false;
        memcpy(name, file, stem);
        name[stem] = 0;
        return hedge_name_ok(name);
}

static int add_file(hedge_key_folder_t *f, const char *folder, const char *file)
{
        hedge_why_t why = { "" };
        hedge_key_t key = { "", "" }; /* all of it: lists are compared as bytes */
        char path[4096];
        int r;

        if (!name_of(file, key.name)) {
                complain(f, "%s/%s: a board or client cannot have this name", folder, file);
                return 0;
        }
        if (f->n_keys == HEDGE_KEYS_MAX) {
                complain(f, "%s/%s: more than %u keys", folder, file, HEDGE_KEYS_MAX);
                return 0;
        }
        if (snprintf(path, sizeof(path), "%s/%s", folder, file) >= (int)sizeof(path))
                return -ENAMETOOLONG;
        r = hedge_keys_load_public(path, key.key, &why);
        if (hedge_key_folder_short(r))
                return r;
        if (r < 0)
                complain(f, "%s", why.text);
        else
                f->keys[f->n_keys++] = key;
        return 0;
}

static int by_key(const void *a, const void *b)
{
        const hedge_key_t *x = a, *y = b;
        int order = strcmp(x->key, y->key);

        return order ? order : strcmp(x->name, y->name);
}

static int by_text(const void *a, const void *b)
{
        return strcmp(a, b);
}

/* Was this key made under the name that its file has? */
static bool is_original(const char *folder, const char *name)
{
        char path[4096];
        const char *made_as;
        zcert_t *cert;
        bool same;

        snprintf(path, sizeof(path), "%s/%s" SUFFIX, folder, name);
        cert = zcert_load(path);
        made_as = cert ? zcert_meta(cert, "name") : NULL;
        same = made_as && !strcmp(made_as, name);
        zcert_destroy(&cert);
        return same;
}

/* Of every run of one key leave one: keys are sorted. */
static void drop_copies(hedge_key_folder_t *f, const char *folder)
{
        size_t kept = 0;

        for (size_t i = 0, end; i < f->n_keys; i = end) {
                size_t owner = i;

                for (end = i + 1; end < f->n_keys && !strcmp(f->keys[end].key, f->keys[i].key); end++)
                        if (!is_original(folder, f->keys[owner].name) && is_original(folder, f->keys[end].name))
                                owner = end;
                for (size_t j = i; j < end; j++)
                        if (j != owner)
                                complain(f, "%s/%s" SUFFIX ": a copy of the key of '%s'", folder, f->keys[j].name,
                                         f->keys[owner].name);
                f->keys[kept++] = f->keys[owner];
        }
        f->n_keys = kept;
}

static void close_complaints(hedge_key_folder_t *f, const char *folder)
{
        size_t more = f->n_complaints > HEDGE_COMPLAINTS_MAX ? f->n_complaints - HEDGE_COMPLAINTS_MAX : 0;

        f->n_complaints -= more;
        if (f->n_complaints)
                qsort(f->complaints, f->n_complaints, sizeof(*f->complaints), by_text);
        if (more)
                snprintf(f->complaints[f->n_complaints - 1], sizeof(f->complaints[0]),
                         "%s: and %zu more files that are no keys", folder, more + 1);
}

int hedge_key_folder_read(const char *folder, hedge_key_folder_t *ret, hedge_why_t *why)
{
        hedge_key_folder_t f = { .keys = calloc(HEDGE_KEYS_MAX, sizeof(*f.keys)),
                                 .complaints = calloc(HEDGE_COMPLAINTS_MAX, sizeof(*f.complaints)) };
        DIR *dir = NULL;
        int r = f.keys && f.complaints ? 0 : -ENOMEM;

        if (r == 0 && !(dir = opendir(folder)))
                r = -errno;
        for (struct dirent *file; r == 0 && (file = readdir(dir));)
                if (is_key_file(file->d_name))
                        r = add_file(&f, folder, file->d_name);
        if (dir)
                closedir(dir);
        if (r < 0) {
                hedge_key_folder_release(&f);
                return hedge_why(why, r, "%s: %s", folder, hedge_strerror(r));
        }
        if (f.n_keys)
                qsort(f.keys, f.n_keys, sizeof(*f.keys), by_key);
        drop_copies(&f, folder);
        close_complaints(&f, folder);
        *ret = f;
        return 0;
}

const char *hedge_key_folder_find(const hedge_key_folder_t *folder, const char *key)
{
        size_t low = 0, high = folder->n_keys;

        while (low < high) {
                size_t middle = (low + high) / 2;
                int order = strcmp(key, folder->keys[middle].key);

                if (order == 0)
                        return folder->keys[middle].name;
                if (order < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return NULL;
}

void hedge_key_folder_release(hedge_key_folder_t *folder)
{
        free(folder->keys);
        free(folder->complaints);
        memset(folder, 0, sizeof(*folder));
}
