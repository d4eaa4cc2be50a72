/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/names.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct hedge_names {
        unsigned char key[crypto_shorthash_KEYBYTES];
        uint32_t mask, used;
        struct {
                const char *name;
                uint32_t number;
        } slots[];
};

int hedge_names_new(uint32_t capacity, hedge_names_t **ret)
{
        hedge_names_t *names;
        size_t slots = 16;

        while (slots < (size_t)capacity * 2)
                slots *= 2;
        if (slots > UINT32_MAX)
                return -ENOMEM;
        names = calloc(1, sizeof(*names) + slots * sizeof(names->slots[0]));
        if (!names)
                return -ENOMEM;
        names->mask = (uint32_t)slots - 1;
        randombytes_buf(names->key, sizeof(names->key));
        *ret = names;
        return 0;
}

void hedge_names_destroy(hedge_names_t **names)
{
        free(*names);
        *names = NULL;
}

/* Where a name is, or the empty slot where it would go. */
static uint32_t slot_of(const hedge_names_t *names, const char *name)
{
        unsigned char hash[crypto_shorthash_BYTES];
        uint32_t i;

        crypto_shorthash(hash, (const unsigned char *)name, strlen(name), names->key);
        memcpy(&i, hash, sizeof(i));
        for (i &= names->mask; names->slots[i].name && strcmp(names->slots[i].name, name) != 0;)
                i = (i + 1) & names->mask;
        return i;
}

uint32_t hedge_names_find(const hedge_names_t *names, const char *name)
{
        uint32_t i = slot_of(names, name);

        return names->slots[i].name ? names->slots[i].number : HEDGE_NO_NAME;
}

void hedge_names_add(hedge_names_t *names, const char *name, uint32_t number)
{
        uint32_t i = slot_of(names, name);

        assert(!names->slots[i].name && names->used < names->mask);
        names->slots[i].name = name;
        names->slots[i].number = number;
        names->used++;
}
