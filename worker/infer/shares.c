/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/infer/shares.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 256u

typedef enum share_state { CLAIMED, HELD, FAILED } share_state_t;

struct hedgew_share {
        hedgew_shares_t *shares;
        hedgew_share_t *next; /* in its bucket */
        hedge_digest_t digest;
        hedge_conv_t conv;
        share_state_t state;
        bool in_table;
        unsigned references; /* the table's is one */
        uint64_t bytes;      /* counted */
        uint64_t spare;      /* of these, what it can do without: see make_room */
        float *filters;      /* as they came; NULL while nothing is spare */
        uint32_t n_blocks;
        hedge_kernel_t *kernels[]; /* n_blocks; NULL until prepared */
};

struct hedgew_shares {
        pthread_mutex_t lock;
        uint64_t bytes_max, frame_bytes_max, bytes;
        uint64_t spare; /* of the shares in the table */
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
        share->shares->held -= share->state == HELD;
        share->shares->spare -= share->spare;
}

/* Nobody refers to it any more. Its memory is free before it stops counting. */
static void free_share(hedgew_share_t *share)
{
        hedgew_shares_t *shares = share->shares;
        uint64_t bytes = share->bytes;

        for (uint32_t i = 0; i < share->n_blocks; i++)
                hedge_kernel_destroy(&share->kernels[i]);
        free(share->filters);
        free(share);
        pthread_mutex_lock(&shares->lock);
        shares->bytes -= bytes;
        shares->alive--;
        pthread_mutex_unlock(&shares->lock);
}

void hedgew_shares_clear(hedgew_shares_t *shares)
{
        hedgew_share_t *share;

        for (unsigned i = 0; i < BUCKETS; i += !share) {
                pthread_mutex_lock(&shares->lock);
                share = shares->buckets[i];
                if (share)
                        take_out(share);
                pthread_mutex_unlock(&shares->lock);
                if (share)
                        hedgew_share_unref(&(hedgew_share_t *){ share });
        }
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

/* Does the frame hold exactly ell_b blocks of this geometry, and are its inputs and outputs of a size that we take? */
static int check_geometry(const hedgew_shares_t *shares, const hedge_msg_share_t *message, size_t frame_bytes,
                          hedge_why_t *why)
{
        uint64_t bytes;
        int r = hedge_conv_check(&message->conv);

        if (r < 0)
                return hedge_why(why, r, "the geometry of the share is out of range");
        if (!message->ell_b || message->ell_b > HEDGE_CODE_MAX_PARTS)
                return hedge_why(why, HEDGE_ELIMIT, "%u filter blocks are not between 1 and %u", message->ell_b,
                                 HEDGE_CODE_MAX_PARTS);
        if (hedge_conv_in_elements(&message->conv) > shares->frame_bytes_max / sizeof(float) ||
            hedge_conv_out_elements(&message->conv) > shares->frame_bytes_max / sizeof(float))
                return hedge_why(why, HEDGE_ELIMIT, "an input or a part of the share is above %llu bytes",
                                 (unsigned long long)shares->frame_bytes_max);
        if (__builtin_mul_overflow(hedge_conv_filter_elements(&message->conv), message->ell_b * sizeof(float),
                                   &bytes) ||
            bytes != frame_bytes)
                return hedge_why(why, HEDGE_EMALFORMED, "the frame has %zu bytes, not the %u filter blocks' size",
                                 frame_bytes, message->ell_b);
        return 0;
}

/* The share is in the table: is it the same one? With the lock held. */
static int compare_known(const hedgew_share_t *known, const hedge_msg_share_t *message, hedge_why_t *why)
{
        if (known->n_blocks != message->ell_b || memcmp(&known->conv, &message->conv, sizeof(known->conv)))
                return hedge_why(why, HEDGE_EMALFORMED, "the digest belongs to a share of another geometry");
        return known->state == HELD ? 1 : 2;
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

/* Put a new share into the table, with the lock held; the caller has a reference too. */
static int insert(hedgew_shares_t *shares, const hedge_msg_share_t *message, uint64_t bytes, hedgew_share_t **ret,
                  hedge_why_t *why)
{
        hedgew_share_t *share, **head = bucket(shares, &message->digest);
        int r;

        if (shares->alive >= HEDGEW_SHARES_MAX)
                return hedge_why(why, HEDGE_ELIMIT, "%u shares are held already", shares->alive);
        r = count_bytes(shares, bytes, why);
        if (r < 0)
                return r;
        share = calloc(1, sizeof(*share) + message->ell_b * sizeof(share->kernels[0]));
        if (!share) {
                shares->bytes -= bytes;
                return hedge_why(why, -ENOMEM, "no memory for a share");
        }
        share->shares = shares;
        share->digest = message->digest;
        share->conv = message->conv;
        share->n_blocks = message->ell_b;
        share->bytes = bytes;
        share->references = 2;
        share->in_table = true;
        share->next = *head;
        *head = share;
        shares->alive++;
        *ret = share;
        return 0;
}

/* What a share takes whose filters are as they came. */
static uint64_t bytes_as_sent(uint32_t blocks, uint64_t filters)
{
        return HEDGEW_SHARE_OVERHEAD_BYTES * (1 + (uint64_t)blocks) + filters;
}

int hedgew_shares_claim(hedgew_shares_t *shares, const hedge_msg_share_t *message, size_t frame_bytes,
                        hedgew_share_t **ret, hedge_why_t *why)
{
        const hedgew_share_t *known;
        int r = check_geometry(shares, message, frame_bytes, why);

        if (r < 0)
                return r;
        pthread_mutex_lock(&shares->lock);
        known = look_up(shares, &message->digest);
        if (known)
                r = compare_known(known, message, why);
        else
                r = insert(shares, message, bytes_as_sent(message->ell_b, frame_bytes), ret, why);
        pthread_mutex_unlock(&shares->lock);
        return r;
}

/* ---- packing ---- */

/* @param bytes_max  Of the block, where its kernel has a choice. */
static int prepare_block(const hedgew_share_t *share, hedge_kernels_t *kernels, const float *filter, uint64_t bytes_max,
                         hedge_kernel_t **ret)
{
        const hedge_conv_t *conv = &share->conv;
        const hedge_op_t op = { .kind = HEDGE_OP_CONV, .conv = *conv };
        const hedge_shape_t in[] = {
                { 4, { 1, conv->in_h, conv->in_w, conv->in_c } },
                { 4, { conv->out_c, conv->kernel_h, conv->kernel_w, conv->in_c / conv->groups } },
        };
        const float *const constants[] = { NULL, filter };

        return hedge_kernel_new_within(kernels, &op, in, 2, constants,
                                       bytes_max < SIZE_MAX ? (size_t)bytes_max : SIZE_MAX, ret);
}

static uint64_t filter_bytes(const hedgew_share_t *share)
{
        return share->n_blocks * hedge_conv_filter_elements(&share->conv) * sizeof(float);
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

/* What the share takes now, of which it can do without `spare`. */
static void recount(hedgew_share_t *share, uint64_t bytes, uint64_t spare)
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

/* Pack a share's blocks again, without transforms, from the filters as they came. A block that can't be stays as it is. */
static void repack(hedgew_share_t *share, hedge_kernels_t *kernels)
{
        const size_t stride = hedge_conv_filter_elements(&share->conv);
        uint64_t packed = HEDGEW_SHARE_OVERHEAD_BYTES;

        for (uint32_t i = 0; i < share->n_blocks; i++) {
                hedge_kernel_t *plain = NULL;

                if (prepare_block(share, kernels, share->filters + i * stride, 0, &plain) == 0) {
                        hedge_kernel_destroy(&share->kernels[i]);
                        share->kernels[i] = plain;
                }
                packed += HEDGEW_SHARE_OVERHEAD_BYTES + hedge_kernel_bytes(share->kernels[i]);
        }
        free(share->filters);
        share->filters = NULL;
        recount(share, packed, 0);
}

/* Transformed filters are faster, but several times as large: they take only memory that nobody else wants. */
static void make_room(hedgew_shares_t *shares, hedge_kernels_t *kernels)
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
                repack(share, kernels);
                hedgew_share_unref(&share);
        }
}

/* Packing may take more than the floats did (channels padded to the vector's width, for one). */
static int count_packed(hedgew_share_t *share, hedge_kernels_t *kernels, uint64_t packed, hedge_why_t *why)
{
        hedgew_shares_t *shares = share->shares;
        uint64_t extra = packed > share->bytes ? packed - share->bytes : 0;
        int r;

        pthread_mutex_lock(&shares->lock);
        r = count_bytes(shares, extra, why);
        if (r == 0)
                share->bytes += extra;
        pthread_mutex_unlock(&shares->lock);
        if (r == 0)
                make_room(shares, kernels);
        return r;
}

/* Room for a block's transformed filters: an equal part of what nobody has counted. The filters themselves are kept beside them,
 * and are counted already. */
static uint64_t room_for_block(const hedgew_share_t *share)
{
        hedgew_shares_t *shares = share->shares;
        uint64_t room;

        pthread_mutex_lock(&shares->lock);
        room = shares->bytes_max > shares->bytes ? shares->bytes_max - shares->bytes : 0;
        pthread_mutex_unlock(&shares->lock);
        return room / share->n_blocks;
}

static bool is_transformed(const hedgew_share_t *share)
{
        bool transformed = false;

        for (uint32_t i = 0; i < share->n_blocks; i++)
                transformed |= hedge_kernel_method(share->kernels[i]) != HEDGE_CONV_DIRECT;
        return transformed;
}

static void keep_filters(hedgew_share_t *share, const float *filters)
{
        if (!is_transformed(share))
                return;
        share->filters = hedge_floats_new(filter_bytes(share) / sizeof(float));
        if (share->filters) /* else nothing is spare */
                memcpy(share->filters, filters, filter_bytes(share));
}

/* Give back what was counted too much, and let tasks see the share. @return 1 where it was dropped in the meantime. */
static int publish(hedgew_share_t *share, uint64_t packed)
{
        hedgew_shares_t *shares = share->shares;
        const uint64_t least = bytes_as_sent(share->n_blocks, filter_bytes(share));
        bool dropped;

        if (share->filters)
                packed += filter_bytes(share);
        recount(share, packed, share->filters && packed > least ? packed - least : 0);
        pthread_mutex_lock(&shares->lock);
        share->state = HELD;
        shares->held += share->in_table;
        dropped = !share->in_table;
        pthread_mutex_unlock(&shares->lock);
        return dropped;
}

/* @return 0, HEDGE_ELIMIT (what is packed so far was counted), ... */
static int pack_blocks(hedgew_share_t *share, hedge_kernels_t *kernels, const float *filters, uint64_t room,
                       uint64_t *ret_packed, hedge_why_t *why)
{
        const size_t stride = hedge_conv_filter_elements(&share->conv);
        uint64_t packed = HEDGEW_SHARE_OVERHEAD_BYTES;
        int r = 0;

        for (uint32_t i = 0; i < share->n_blocks && r == 0; i++) {
                hedge_kernel_destroy(&share->kernels[i]);
                r = prepare_block(share, kernels, filters + i * stride, room, &share->kernels[i]);
                if (r < 0)
                        return hedge_why(why, r, "preparing filter block %u: %s", i, hedge_strerror(r));
                packed += HEDGEW_SHARE_OVERHEAD_BYTES + hedge_kernel_bytes(share->kernels[i]);
                r = count_packed(share, kernels, packed, why);
        }
        *ret_packed = packed;
        return r;
}

int hedgew_share_prepare(hedgew_share_t *share, hedge_kernels_t *kernels, const float *filters, hedge_why_t *why)
{
        uint64_t packed;
        int r;

        make_room(share->shares, kernels);
        r = pack_blocks(share, kernels, filters, room_for_block(share), &packed, why);
        if (r == HEDGE_ELIMIT) /* a library's padding made the transformed filters larger than foreseen */
                r = pack_blocks(share, kernels, filters, 0, &packed, why);
        if (r < 0) {
                hedgew_share_abandon(share);
                return r;
        }
        keep_filters(share, filters);
        return publish(share, packed);
}

void hedgew_share_abandon(hedgew_share_t *share)
{
        hedgew_shares_t *shares = share->shares;

        pthread_mutex_lock(&shares->lock);
        share->state = FAILED;
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

int hedgew_shares_drop(hedgew_shares_t *shares, const hedge_digest_t *digest)
{
        hedgew_share_t *share;

        pthread_mutex_lock(&shares->lock);
        share = look_up(shares, digest);
        if (share)
                take_out(share);
        pthread_mutex_unlock(&shares->lock);
        if (!share)
                return HEDGE_ENOSHARE;
        hedgew_share_unref(&share);
        return 0;
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
                        if (share->state == HELD)
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

const hedge_conv_t *hedgew_share_conv(const hedgew_share_t *share)
{
        return &share->conv;
}

uint32_t hedgew_share_blocks(const hedgew_share_t *share)
{
        return share->n_blocks;
}

hedge_kernel_t *hedgew_share_kernel(hedgew_share_t *share, uint32_t block)
{
        share_state_t state;

        pthread_mutex_lock(&share->shares->lock);
        state = share->state;
        pthread_mutex_unlock(&share->shares->lock);
        return state == HELD ? share->kernels[block] : NULL;
}
