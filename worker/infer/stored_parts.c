/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/infer/stored_parts.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024u

typedef struct entry {
        struct entry *next; /* in its bucket */
        hedgew_stored_key_t key;
        size_t elements;
        float part[];
} entry_t;

struct hedgew_stored_parts {
        hedgew_stored_figures_t figures;
        entry_t *buckets[BUCKETS];
};

_Static_assert(sizeof(hedgew_stored_key_t) == 2 * sizeof(hedge_digest_t) + 32, "keys are compared as bytes");

int hedgew_stored_parts_new(hedgew_stored_parts_t **ret)
{
        hedgew_stored_parts_t *stored = calloc(1, sizeof(*stored));

        if (!stored)
                return -ENOMEM;
        *ret = stored;
        return 0;
}

void hedgew_stored_parts_destroy(hedgew_stored_parts_t **stored)
{
        if (!*stored)
                return;
        for (unsigned i = 0; i < BUCKETS; i++)
                for (entry_t *entry = (*stored)->buckets[i], *next; entry; entry = next) {
                        next = entry->next;
                        free(entry);
                }
        free(*stored);
        *stored = NULL;
}

hedge_digest_t hedgew_stored_digest(const float *input, size_t elements)
{
        hedge_digest_t digest;

        crypto_generichash(digest.bytes, sizeof(digest.bytes), (const unsigned char *)input, elements * sizeof(*input),
                           NULL, 0);
        return digest;
}

hedge_digest_t hedgew_stored_number(uint64_t input)
{
        hedge_digest_t digest = { { 0 } };

        memcpy(digest.bytes, &input, sizeof(input));
        return digest;
}

static entry_t **bucket(hedgew_stored_parts_t *stored, const hedgew_stored_key_t *key)
{
        const unsigned place = key->input.bytes[0] | (unsigned)key->share.bytes[0] << 8;

        return &stored->buckets[(place + key->part + key->first + key->window.top) % BUCKETS];
}

const float *hedgew_stored_parts_find(hedgew_stored_parts_t *stored, const hedgew_stored_key_t *key,
                                      size_t *ret_elements)
{
        const entry_t *entry = *bucket(stored, key);

        while (entry && memcmp(&entry->key, key, sizeof(*key)))
                entry = entry->next;
        if (entry)
                *ret_elements = entry->elements;
        stored->figures.found += entry != NULL;
        stored->figures.computed += entry == NULL;
        return entry ? entry->part : NULL;
}

void hedgew_stored_parts_put(hedgew_stored_parts_t *stored, const hedgew_stored_key_t *key, const float *part,
                             size_t elements, uint64_t bytes_max)
{
        const uint64_t bytes = sizeof(entry_t) + (uint64_t)elements * sizeof(*part);
        entry_t *entry, **head = bucket(stored, key);

        if (bytes > bytes_max || stored->figures.bytes > bytes_max - bytes)
                return;
        entry = malloc(bytes);
        if (!entry)
                return;
        entry->key = *key;
        entry->elements = elements;
        memcpy(entry->part, part, elements * sizeof(*part));
        entry->next = *head;
        *head = entry;
        stored->figures.bytes += bytes;
}

static bool is_near(const float *found, const float *computed, size_t elements, double tolerance)
{
        double peak = 0, worst = 0;

        for (size_t i = 0; i < elements; i++) {
                const double off = fabs((double)found[i] - computed[i]);

                if (!(off <= DBL_MAX)) /* not a number, or infinite */
                        return false;
                worst = fmax(worst, off);
                peak = fmax(peak, fabs(computed[i]));
        }
        return worst <= tolerance * peak;
}

bool hedgew_stored_parts_check(hedgew_stored_parts_t *stored, const float *found, const float *computed,
                               size_t elements, double tolerance)
{
        const bool same = memcmp(found, computed, elements * sizeof(*found)) == 0 ||
                          (tolerance > 0 && is_near(found, computed, elements, tolerance));

        stored->figures.checked++;
        stored->figures.wrong += !same;
        return same;
}

hedgew_stored_figures_t hedgew_stored_parts_figures(const hedgew_stored_parts_t *stored)
{
        return stored->figures;
}
