/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/packs.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 256u

typedef struct pack {
        struct pack *next; /* in its bucket */
        hedge_pack_key_t key;
        void *object;
        void (*destroy)(void *object);
        uint64_t bytes;
        unsigned users;
        char form[]; /* the key's */
} pack_t;

struct hedge_packs {
        pthread_mutex_t lock;
        uint64_t bytes;
        pack_t *buckets[BUCKETS]; /* by the name, so that one is searched for all that was made of a constant */
};

int hedge_packs_new(hedge_packs_t **ret)
{
        hedge_packs_t *packs = calloc(1, sizeof(*packs));

        if (!packs)
                return -ENOMEM;
        pthread_mutex_init(&packs->lock, NULL);
        *ret = packs;
        return 0;
}

void hedge_packs_destroy(hedge_packs_t **packs)
{
        if (!*packs)
                return;
        pthread_mutex_destroy(&(*packs)->lock);
        free(*packs);
        *packs = NULL;
}

uint64_t hedge_packs_bytes(hedge_packs_t *packs)
{
        uint64_t bytes;

        pthread_mutex_lock(&packs->lock);
        bytes = packs->bytes;
        pthread_mutex_unlock(&packs->lock);
        return bytes;
}

static pack_t **bucket(hedge_packs_t *packs, const void *name)
{
        return &packs->buckets[((uintptr_t)name >> 6) % BUCKETS];
}

static bool is_same(const hedge_pack_key_t *a, const hedge_pack_key_t *b)
{
        return a->name == b->name && a->which == b->which && a->form_bytes == b->form_bytes &&
               !memcmp(a->form, b->form, a->form_bytes);
}

void *hedge_packs_take(hedge_packs_t *packs, const hedge_pack_key_t *key)
{
        pack_t *pack;

        pthread_mutex_lock(&packs->lock);
        pack = *bucket(packs, key->name);
        while (pack && !is_same(&pack->key, key))
                pack = pack->next;
        if (pack)
                pack->users++;
        pthread_mutex_unlock(&packs->lock);
        return pack ? pack->object : NULL;
}

int hedge_packs_put(hedge_packs_t *packs, const hedge_pack_key_t *key, void *object, uint64_t bytes,
                    void (*destroy)(void *object))
{
        pack_t *pack = malloc(sizeof(*pack) + key->form_bytes), **head = bucket(packs, key->name);

        if (!pack)
                return -ENOMEM;
        *pack = (pack_t){ .key = *key, .object = object, .destroy = destroy, .bytes = bytes, .users = 1 };
        memcpy(pack->form, key->form, key->form_bytes);
        pack->key.form = pack->form;
        pthread_mutex_lock(&packs->lock);
        pack->next = *head;
        *head = pack;
        packs->bytes += bytes;
        pthread_mutex_unlock(&packs->lock);
        return 0;
}

static pack_t **find(hedge_packs_t *packs, const void *object)
{
        for (unsigned i = 0; i < BUCKETS; i++)
                for (pack_t **link = &packs->buckets[i]; *link; link = &(*link)->next)
                        if ((*link)->object == object)
                                return link;
        return NULL;
}

void hedge_packs_give(hedge_packs_t *packs, void *object)
{
        pack_t **link, *gone = NULL;

        pthread_mutex_lock(&packs->lock);
        link = find(packs, object);
        if (link && --(*link)->users == 0) {
                gone = *link;
                *link = gone->next;
                packs->bytes -= gone->bytes;
        }
        pthread_mutex_unlock(&packs->lock);
        if (!gone)
                return;
        gone->destroy(gone->object);
        free(gone);
}

bool hedge_packs_have(hedge_packs_t *packs, const void *name)
{
        const pack_t *pack;

        pthread_mutex_lock(&packs->lock);
        pack = *bucket(packs, name);
        while (pack && !(pack->key.name == name && pack->key.which > 0))
                pack = pack->next;
        pthread_mutex_unlock(&packs->lock);
        return pack != NULL;
}
