/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/infer/shares.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "worker/infer/share.h"

#define BUCKETS 256u

struct hedgew_shares {
        pthread_mutex_t lock;
        uint64_t bytes_max, frame_bytes_max, bytes;
        uint64_t spare; /* of the shares in the table */
        uint64_t turns; /* compute thread: how often it rested */
        uint32_t held, alive;
        hedgew_share_t *buckets[BUCKETS];
};

int hedgew_shares_new(uint64_t bytes_max, uint64_t frame_bytes_max, hedgew_shares_t **ret)
{
        hedgew_shares_t *shares = calloc(1, sizeof(*shares));

        if (!shares)
                return -ENOMEM;
        pthread_mutex_init(&shares->lock, NULL);
        shares->bytes_max = bytes_max;
        shares->frame_bytes_max = frame_bytes_max;
        *ret = shares;
        return 0;
}

static hedgew_share_t **bucket(hedgew_shares_t *shares, const hedge_digest_t *digest)
{
        return &shares->buckets[digest->bytes[0] % BUCKETS];
}

static hedgew_share_t *look_up(hedgew_shares_t *shares, const hedge_digest_t *digest)
{
        hedgew_share_t *share = *bucket(shares, digest);

        while (share && memcmp(&share->digest, digest, sizeof(*digest)))
                share = share->next;
        return share;
}

/* Give back a reference, with the lock held. @return whether it was the last: then the caller frees the share. */
static bool let_go(hedgew_share_t *share)
{
        return --share->references == 0;
}

/* Take out of the table, with the lock held. The table's reference goes to the caller. */
static void take_out(hedgew_share_t *share)
{
        hedgew_share_t **link = bucket(share->shares, &share->digest);

        while (*link != share)
                link = &(*link)->next;
        *link = share->next;
        share->in_table = false;
        share->shares->held -= share->state == HEDGEW_SHARE_HELD;
        share->shares->spare -= share->spare;
}

/* Nobody refers to it any more. Its memory is free before it stops counting. */
static void free_share(hedgew_share_t *share)
{
        hedgew_shares_t *shares = share->shares;
        const uint64_t bytes = share->bytes;

        share->kind->release(share);
        pthread_mutex_lock(&shares->lock);
        shares->bytes -= bytes;
        shares->alive--;
        pthread_mutex_unlock(&shares->lock);
}

static unsigned clear(hedgew_shares_t *shares, bool filling)
{
        hedgew_share_t *share;
        unsigned n = 0;

        for (unsigned i = 0; i < BUCKETS; i += !share) {
                pthread_mutex_lock(&shares->lock);
                share = shares->buckets[i];
                while (share && filling && share->state != HEDGEW_SHARE_FILLING)
                        share = share->next;
                if (share)
                        take_out(share);
                pthread_mutex_unlock(&shares->lock);
                n += share != NULL;
                if (share)
                        hedgew_share_unref(&(hedgew_share_t *){ share });
        }
        return n;
}

void hedgew_shares_clear(hedgew_shares_t *shares)
{
        clear(shares, false);
}

unsigned hedgew_shares_clear_filling(hedgew_shares_t *shares)
{
        return clear(shares, true);
}

void hedgew_shares_destroy(hedgew_shares_t **shares)
{
        if (!*shares)
                return;
        hedgew_shares_clear(*shares);
        pthread_mutex_destroy(&(*shares)->lock);
        free(*shares);
        *shares = NULL;
}

/* What can be done without is room: it is given back before the share is packed. */
static int count_bytes(hedgew_shares_t *shares, uint64_t bytes, hedge_why_t *why)
{
        const uint64_t needed = shares->bytes - shares->spare;

        if (bytes > shares->bytes_max || needed > shares->bytes_max - bytes)
                return hedge_why(why, HEDGE_ELIMIT, "a share of %llu bytes does not fit: %llu of %llu bytes are taken",
                                 (unsigned long long)bytes, (unsigned long long)shares->bytes,
                                 (unsigned long long)shares->bytes_max);
        shares->bytes += bytes;
        return 0;
}

static int count_share(hedgew_shares_t *shares, const hedgew_share_t *share, hedge_why_t *why)
{
        if (shares->alive >= HEDGEW_SHARES_MAX)
                return hedge_why(why, HEDGE_ELIMIT, "%u shares are held already", shares->alive);
        return count_bytes(shares, share->bytes, why);
}

/* The digest is in the table: is it the same share? With the lock held. */
static int compare_known(const hedgew_share_t *known, const hedgew_share_t *share, hedge_why_t *why)
{
        if (known->kind != share->kind || !known->kind->is_same(known, share))
                return hedge_why(why, HEDGE_EMALFORMED, "the digest belongs to a share of another geometry");
        return known->state == HEDGEW_SHARE_HELD ? 1 : 2;
}

int hedgew_shares_insert(hedgew_shares_t *shares, hedgew_share_t *share, hedge_why_t *why)
{
        hedgew_share_t **head = bucket(shares, &share->digest);
        const hedgew_share_t *known;
        int r;

        pthread_mutex_lock(&shares->lock);
        known = look_up(shares, &share->digest);
        r = known ? compare_known(known, share, why) : count_share(shares, share, why);
        if (r == 0) {
                share->shares = shares;
                share->references = 2;
                share->in_table = true;
                share->next = *head;
                *head = share;
                shares->alive++;
        }
        pthread_mutex_unlock(&shares->lock);
        return r;
}

uint64_t hedgew_shares_bytes_max(const hedgew_shares_t *shares)
{
        return shares->bytes_max;
}

uint64_t hedgew_shares_frame_bytes_max(const hedgew_shares_t *shares)
{
        return shares->frame_bytes_max;
}

uint64_t hedgew_shares_free(hedgew_shares_t *shares)
{
        uint64_t bytes;

        pthread_mutex_lock(&shares->lock);
        bytes = shares->bytes_max > shares->bytes ? shares->bytes_max - shares->bytes : 0;
        pthread_mutex_unlock(&shares->lock);
        return bytes;
}

int hedgew_share_grow(hedgew_share_t *share, uint64_t bytes, hedge_why_t *why)
{
        hedgew_shares_t *shares = share->shares;
        int r = 0;

        pthread_mutex_lock(&shares->lock);
        if (bytes > share->bytes)
                r = count_bytes(shares, bytes - share->bytes, why);
        if (r == 0 && bytes > share->bytes)
                share->bytes = bytes;
        pthread_mutex_unlock(&shares->lock);
        return r;
}

/* The share in the table that can do without most, with a reference of the caller's; NULL: none can do without anything. */
static hedgew_share_t *find_spare(hedgew_shares_t *shares)
{
        hedgew_share_t *most = NULL;

        pthread_mutex_lock(&shares->lock);
        for (unsigned i = 0; i < BUCKETS; i++)
                for (hedgew_share_t *share = shares->buckets[i]; share; share = share->next)
                        if (share->spare > (most ? most->spare : 0))
                                most = share;
        if (most)
                most->references++;
        pthread_mutex_unlock(&shares->lock);
        return most;
}

void hedgew_share_recount(hedgew_share_t *share, uint64_t bytes, uint64_t spare)
{
        hedgew_shares_t *shares = share->shares;

        pthread_mutex_lock(&shares->lock);
        shares->bytes += bytes - share->bytes;
        if (share->in_table)
                shares->spare += spare - share->spare;
        share->bytes = bytes;
        share->spare = spare;
        pthread_mutex_unlock(&shares->lock);
}

/* What is spare is faster (transformed filters, engines for other windows), but large: it has only memory that nobody else wants. */
void hedgew_shares_make_room(hedgew_shares_t *shares, hedge_kernels_t *kernels)
{
        for (;;) {
                hedgew_share_t *share = NULL;
                bool full;

                pthread_mutex_lock(&shares->lock);
                full = shares->bytes > shares->bytes_max;
                pthread_mutex_unlock(&shares->lock);
                if (full)
                        share = find_spare(shares);
                if (!share)
                        return;
                share->kind->slim(share, kernels);
                hedgew_share_unref(&share);
        }
}

int hedgew_share_publish(hedgew_share_t *share)
{
        hedgew_shares_t *shares = share->shares;
        bool dropped;

        pthread_mutex_lock(&shares->lock);
        share->state = HEDGEW_SHARE_HELD;
        shares->held += share->in_table;
        dropped = !share->in_table;
        pthread_mutex_unlock(&shares->lock);
        return dropped;
}

void hedgew_share_abandon(hedgew_share_t *share)
{
        hedgew_shares_t *shares = share->shares;

        pthread_mutex_lock(&shares->lock);
        share->state = HEDGEW_SHARE_FAILED;
        if (share->in_table) {
                take_out(share);
                let_go(share); /* never the last: the caller has one */
        }
        pthread_mutex_unlock(&shares->lock);
}

hedgew_share_t *hedgew_shares_find(hedgew_shares_t *shares, const hedge_digest_t *digest)
{
        hedgew_share_t *share;

        pthread_mutex_lock(&shares->lock);
        share = look_up(shares, digest);
        if (share)
                share->references++;
        pthread_mutex_unlock(&shares->lock);
        return share;
}

void hedgew_share_unref(hedgew_share_t **share)
{
        hedgew_share_t *gone = *share;
        bool last;

        *share = NULL;
        if (!gone)
                return;
        pthread_mutex_lock(&gone->shares->lock);
        last = let_go(gone);
        pthread_mutex_unlock(&gone->shares->lock);
        if (last)
                free_share(gone);
}

static int drop(hedgew_shares_t *shares, const hedge_digest_t *digest, bool filling)
{
        hedgew_share_t *share;

        pthread_mutex_lock(&shares->lock);
        share = look_up(shares, digest);
        if (share && filling && share->state != HEDGEW_SHARE_FILLING)
                share = NULL;
        if (share)
                take_out(share);
        pthread_mutex_unlock(&shares->lock);
        if (!share)
                return HEDGE_ENOSHARE;
        hedgew_share_unref(&share);
        return 0;
}

int hedgew_shares_drop(hedgew_shares_t *shares, const hedge_digest_t *digest)
{
        return drop(shares, digest, false);
}

void hedgew_shares_drop_filling(hedgew_shares_t *shares, const hedge_digest_t *digest)
{
        drop(shares, digest, true);
}

/* The first in a bucket that has something to give back and was not asked yet, with a reference. */
static hedgew_share_t *find_resting(hedgew_shares_t *shares, unsigned at, uint64_t turn)
{
        hedgew_share_t *share;

        pthread_mutex_lock(&shares->lock);
        share = shares->buckets[at];
        while (share && (!share->kind->rest || share->rested == turn))
                share = share->next;
        if (share) {
                share->rested = turn;
                share->references++;
        }
        pthread_mutex_unlock(&shares->lock);
        return share;
}

void hedgew_shares_rest(hedgew_shares_t *shares)
{
        const uint64_t turn = ++shares->turns;
        hedgew_share_t *share;

        for (unsigned i = 0; i < BUCKETS; i++)
                while ((share = find_resting(shares, i, turn))) {
                        share->kind->rest(share);
                        hedgew_share_unref(&share);
                }
}

int hedgew_shares_list(hedgew_shares_t *shares, hedge_digest_t **ret)
{
        hedge_digest_t *list = NULL;
        uint32_t n = 0;

        pthread_mutex_lock(&shares->lock);
        if (shares->held)
                list = calloc(shares->held, sizeof(*list));
        for (unsigned i = 0; i < BUCKETS && list; i++)
                for (const hedgew_share_t *share = shares->buckets[i]; share; share = share->next)
                        if (share->state == HEDGEW_SHARE_HELD)
                                list[n++] = share->digest;
        if (shares->held && !list) {
                pthread_mutex_unlock(&shares->lock);
                return -ENOMEM;
        }
        pthread_mutex_unlock(&shares->lock);
        *ret = list;
        return (int)n;
}

hedgew_shares_figures_t hedgew_shares_figures(hedgew_shares_t *shares)
{
        hedgew_shares_figures_t figures;

        pthread_mutex_lock(&shares->lock);
        figures = (hedgew_shares_figures_t){ .held = shares->held, .alive = shares->alive, .bytes = shares->bytes };
        pthread_mutex_unlock(&shares->lock);
        return figures;
}

const hedge_digest_t *hedgew_share_digest(const hedgew_share_t *share)
{
        return &share->digest;
}

const hedgew_share_kind_t *hedgew_share_kind(const hedgew_share_t *share)
{
        return share->kind;
}

static bool is(const hedgew_share_t *share, hedgew_share_state_t state)
{
        bool yes;

        pthread_mutex_lock(&share->shares->lock);
        yes = share->state == state;
        pthread_mutex_unlock(&share->shares->lock);
        return yes;
}

bool hedgew_share_is_held(const hedgew_share_t *share)
{
        return is(share, HEDGEW_SHARE_HELD);
}

bool hedgew_share_is_filling(const hedgew_share_t *share)
{
        return is(share, HEDGEW_SHARE_FILLING);
}

void hedgew_share_filled(hedgew_share_t *share)
{
        pthread_mutex_lock(&share->shares->lock);
        share->state = HEDGEW_SHARE_CLAIMED;
        pthread_mutex_unlock(&share->shares->lock);
}
