/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/infer/share_filters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "worker/infer/share.h"

typedef struct filters {
        hedgew_share_t share;
        hedge_conv_t conv;
        float *filters; /* as they came; NULL while nothing is spare */
        uint32_t n_blocks;
        hedge_kernel_t *kernels[]; /* n_blocks; NULL until prepared */
} filters_t;

/* What a share takes whose filters are as they came. */
static uint64_t bytes_as_sent(uint32_t blocks, uint64_t filters)
{
        return HEDGEW_SHARE_OVERHEAD_BYTES * (1 + (uint64_t)blocks) + filters;
}

/* Does the frame hold exactly ell_b blocks of this geometry, and are its inputs and outputs of a size that we take? */
static int check_geometry(const hedgew_shares_t *shares, const hedge_msg_share_t *message, size_t frame_bytes,
                          hedge_why_t *why)
{
        const uint64_t most = hedgew_shares_frame_bytes_max(shares);
        uint64_t bytes;
        int r = hedge_conv_check(&message->conv);

        if (r < 0)
                return hedge_why(why, r, "the geometry of the share is out of range");
        if (!message->ell_b || message->ell_b > HEDGE_CODE_MAX_PARTS)
                return hedge_why(why, HEDGE_ELIMIT, "%u filter blocks are not between 1 and %u", message->ell_b,
                                 HEDGE_CODE_MAX_PARTS);
        if (hedge_conv_in_elements(&message->conv) > most / sizeof(float) ||
            hedge_conv_out_elements(&message->conv) > most / sizeof(float))
                return hedge_why(why, HEDGE_ELIMIT, "an input or a part of the share is above %llu bytes",
                                 (unsigned long long)most);
        if (__builtin_mul_overflow(hedge_conv_filter_elements(&message->conv), message->ell_b * sizeof(float),
                                   &bytes) ||
            bytes != frame_bytes)
                return hedge_why(why, HEDGE_EMALFORMED, "the frame has %zu bytes, not the %u filter blocks' size",
                                 frame_bytes, message->ell_b);
        return 0;
}

int hedgew_filters_claim(hedgew_shares_t *shares, const hedge_msg_share_t *message, size_t frame_bytes,
                         hedgew_share_t **ret, hedge_why_t *why)
{
        filters_t *f;
        int r = check_geometry(shares, message, frame_bytes, why);

        if (r < 0)
                return r;
        f = calloc(1, sizeof(*f) + message->ell_b * sizeof(f->kernels[0]));
        if (!f)
                return hedge_why(why, -ENOMEM, "no memory for a share");
        f->share.kind = &hedgew_filters_kind;
        f->share.digest = message->digest;
        f->share.bytes = bytes_as_sent(message->ell_b, frame_bytes);
        f->conv = message->conv;
        f->n_blocks = message->ell_b;
        r = hedgew_shares_insert(shares, &f->share, why);
        if (r == 0)
                *ret = &f->share;
        else
                free(f);
        return r;
}

/* ---- packing ---- */

/* @param bytes_max  Of the block, where its kernel has a choice. */
static int prepare_block(const filters_t *f, hedge_kernels_t *kernels, const float *filter, uint64_t bytes_max,
                         hedge_kernel_t **ret)
{
        const hedge_conv_t *conv = &f->conv;
        const hedge_op_t op = { .kind = HEDGE_OP_CONV, .conv = *conv };
        const hedge_shape_t in[] = {
                { 4, { 1, conv->in_h, conv->in_w, conv->in_c } },
                { 4, { conv->out_c, conv->kernel_h, conv->kernel_w, conv->in_c / conv->groups } },
        };
        const float *const constants[] = { NULL, filter };

        return hedge_kernel_new_within(kernels, &op, in, 2, constants,
                                       bytes_max < SIZE_MAX ? (size_t)bytes_max : SIZE_MAX, ret);
}

static uint64_t filter_bytes(const filters_t *f)
{
        return f->n_blocks * hedge_conv_filter_elements(&f->conv) * sizeof(float);
}

/* Pack the blocks again, without transforms, from the filters as they came. A block that can't be stays as it is. */
static void slim(hedgew_share_t *share, hedge_kernels_t *kernels)
{
        filters_t *f = (filters_t *)share;
        const size_t stride = hedge_conv_filter_elements(&f->conv);
        uint64_t packed = HEDGEW_SHARE_OVERHEAD_BYTES;

        for (uint32_t i = 0; i < f->n_blocks; i++) {
                hedge_kernel_t *plain = NULL;

                if (prepare_block(f, kernels, f->filters + i * stride, 0, &plain) == 0) {
                        hedge_kernel_destroy(&f->kernels[i]);
                        f->kernels[i] = plain;
                }
                packed += HEDGEW_SHARE_OVERHEAD_BYTES + hedge_kernel_bytes(f->kernels[i]);
        }
        free(f->filters);
        f->filters = NULL;
        hedgew_share_recount(share, packed, 0);
}

/* Packing may take more than the floats did (channels padded to the vector's width, for one). */
static int count_packed(filters_t *f, hedge_kernels_t *kernels, uint64_t packed, hedge_why_t *why)
{
        int r = hedgew_share_grow(&f->share, packed, why);

        if (r == 0)
                hedgew_shares_make_room(f->share.shares, kernels);
        return r;
}

static bool is_transformed(const filters_t *f)
{
        bool transformed = false;

        for (uint32_t i = 0; i < f->n_blocks; i++)
                transformed |= hedge_kernel_method(f->kernels[i]) != HEDGE_CONV_DIRECT;
        return transformed;
}

static void keep_filters(filters_t *f, const float *filters)
{
        if (!is_transformed(f))
                return;
        f->filters = hedge_floats_new(filter_bytes(f) / sizeof(float));
        if (f->filters) /* else nothing is spare */
                memcpy(f->filters, filters, filter_bytes(f));
}

/* Give back what was counted too much, and let tasks see the share. @return 1 where it was dropped in the meantime. */
static int publish(filters_t *f, uint64_t packed)
{
        const uint64_t least = bytes_as_sent(f->n_blocks, filter_bytes(f));

        if (f->filters)
                packed += filter_bytes(f);
        hedgew_share_recount(&f->share, packed, f->filters && packed > least ? packed - least : 0);
        return hedgew_share_publish(&f->share);
}

/* @param room  For a block's transformed filters.
 * @return 0, HEDGE_ELIMIT (what is packed so far was counted), ... */
static int pack_blocks(filters_t *f, hedge_kernels_t *kernels, const float *filters, uint64_t room,
                       uint64_t *ret_packed, hedge_why_t *why)
{
        const size_t stride = hedge_conv_filter_elements(&f->conv);
        uint64_t packed = HEDGEW_SHARE_OVERHEAD_BYTES;
        int r = 0;

        for (uint32_t i = 0; i < f->n_blocks && r == 0; i++) {
                hedge_kernel_destroy(&f->kernels[i]);
                r = prepare_block(f, kernels, filters + i * stride, room, &f->kernels[i]);
                if (r < 0)
                        return hedge_why(why, r, "preparing filter block %u: %s", i, hedge_strerror(r));
                packed += HEDGEW_SHARE_OVERHEAD_BYTES + hedge_kernel_bytes(f->kernels[i]);
                r = count_packed(f, kernels, packed, why);
        }
        *ret_packed = packed;
        return r;
}

int hedgew_filters_prepare(hedgew_share_t *share, hedge_kernels_t *kernels, const float *filters, hedge_why_t *why)
{
        filters_t *f = (filters_t *)share;
        uint64_t packed;
        int r;

        hedgew_shares_make_room(share->shares, kernels);
        /* transformed, a block may have an equal part of what is free: the filters themselves are kept beside, and are counted already */
        r = pack_blocks(f, kernels, filters, hedgew_shares_free(share->shares) / f->n_blocks, &packed, why);
        if (r == HEDGE_ELIMIT) /* a library's padding made the transformed filters larger than foreseen */
                r = pack_blocks(f, kernels, filters, 0, &packed, why);
        if (r < 0) {
                hedgew_share_abandon(share);
                return r;
        }
        keep_filters(f, filters);
        return publish(f, packed);
}

/* ---- the kind ---- */

static bool is_same(const hedgew_share_t *known, const hedgew_share_t *other)
{
        const filters_t *a = (const filters_t *)known, *b = (const filters_t *)other;

        return a->n_blocks == b->n_blocks && !memcmp(&a->conv, &b->conv, sizeof(a->conv));
}

static void release(hedgew_share_t *share)
{
        filters_t *f = (filters_t *)share;

        for (uint32_t i = 0; i < f->n_blocks; i++)
                hedge_kernel_destroy(&f->kernels[i]);
        free(f->filters);
        free(f);
}

const hedgew_share_kind_t hedgew_filters_kind = { is_same, slim, NULL, release };

const hedge_conv_t *hedgew_filters_conv(const hedgew_share_t *share)
{
        return &((const filters_t *)share)->conv;
}

uint32_t hedgew_filters_blocks(const hedgew_share_t *share)
{
        return ((const filters_t *)share)->n_blocks;
}

hedge_kernel_t *hedgew_filters_kernel(hedgew_share_t *share, uint32_t block)
{
        return hedgew_share_is_held(share) ? ((filters_t *)share)->kernels[block] : NULL;
}
