/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/uep/product.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/uep/decode.h"
#include "common/code/uep/product.h"
#include "common/wire/link.h"

struct hedged_product {
        hedge_uep_shape_t shape;
        const float *a, *b;
        double norms_a[HEDGE_UEP_MAX_PRODUCTS], norms_b[HEDGE_UEP_MAX_PRODUCTS];
        hedge_uep_params_t params;
        hedge_uep_classes_t classes;
        hedge_uep_t *code;
        hedge_uep_decoder_t *decoder;
        hedged_packet_t *packets;
        float **results; /* in the order taken */
        unsigned n_results;
};

static int make_code(hedged_product_t *p, hedge_why_t *why)
{
        int r = hedge_uep_new(&p->params, &p->code, why);

        if (r < 0)
                return r;
        r = hedge_uep_decoder_new(p->code, &p->decoder);
        p->packets = calloc(p->params.packets, sizeof(*p->packets));
        p->results = calloc(p->params.packets, sizeof(*p->results));
        if (r < 0 || !p->packets || !p->results)
                return hedge_why(why, -ENOMEM, "out of memory");
        for (unsigned i = 0; i < p->params.packets; i++)
                p->packets[i].board = HEDGED_NOBODY;
        return 0;
}

int hedged_product_new(const hedge_uep_setup_t *setup, const hedge_uep_shape_t *shape, const float *a, const float *b,
                       unsigned boards, double arrived, hedged_product_t **ret, hedge_why_t *why)
{
        hedged_product_t *p;
        int r = hedge_uep_shape_check(shape, why);

        if (r < 0)
                return r;
        p = calloc(1, sizeof(*p));
        if (!p)
                return hedge_why(why, -ENOMEM, "out of memory");
        p->shape = *shape;
        p->a = a;
        p->b = b;
        r = hedge_uep_norms(shape, a, b, p->norms_a, p->norms_b, why);
        if (r == 0)
                r = hedge_uep_setup_resolve(setup, shape, p->norms_a, p->norms_b, boards, arrived, &p->classes,
                                            &p->params, why);
        if (r == 0)
                r = make_code(p, why);
        if (r < 0)
                hedged_product_destroy(&p);
        else
                *ret = p;
        return r;
}

void hedged_product_destroy(hedged_product_t **product)
{
        hedged_product_t *p = *product;

        if (!p)
                return;
        for (unsigned i = 0; i < p->n_results; i++)
                free(p->results[i]);
        free(p->results);
        free(p->packets);
        hedge_uep_decoder_destroy(&p->decoder);
        hedge_uep_destroy(&p->code);
        free(p);
        *product = NULL;
}

/* ---- packets ---- */

static size_t result_floats(const hedged_product_t *p)
{
        return (size_t)hedge_uep_result_rows(&p->shape) * hedge_uep_result_columns(&p->shape);
}

uint64_t hedged_product_bytes(const hedged_product_t *p)
{
        const uint64_t sides = (uint64_t)hedge_uep_result_rows(&p->shape) + hedge_uep_result_columns(&p->shape);
        uint64_t floats = 0;

        for (unsigned i = 0; i < p->params.packets; i++)
                floats += sides * hedge_uep_task_inner(p->code, &p->shape, i) + result_floats(p);
        return floats * sizeof(float);
}

const hedge_uep_t *hedged_product_code(const hedged_product_t *p)
{
        return p->code;
}

hedged_packet_t *hedged_product_packets(hedged_product_t *p)
{
        return p->packets;
}

const double *hedged_product_windows(const hedged_product_t *p)
{
        return p->params.windows;
}

/* A frame of one factor, coded. */
static int encode_frame(const hedged_product_t *p, unsigned packet, bool is_a, size_t floats, zmq_msg_t *frame)
{
        float *coded = hedge_floats_new(floats);
        int r;

        if (!coded)
                return -ENOMEM;
        r = is_a ? hedge_uep_encode_a(p->code, &p->shape, packet, p->a, coded)
                 : hedge_uep_encode_b(p->code, &p->shape, packet, p->b, coded);
        if (r == 0)
                r = hedge_frame_floats(frame, coded, floats);
        if (r < 0)
                free(coded);
        return r;
}

int hedged_product_encode(const hedged_product_t *p, unsigned packet, uint32_t number, hedge_message_t *ret,
                          zmq_msg_t frames[2])
{
        const unsigned rows = hedge_uep_result_rows(&p->shape), cols = hedge_uep_result_columns(&p->shape);
        const unsigned inner = hedge_uep_task_inner(p->code, &p->shape, packet);
        int r = encode_frame(p, packet, true, (size_t)rows * inner, &frames[0]);

        if (r < 0)
                return r;
        r = encode_frame(p, packet, false, (size_t)inner * cols, &frames[1]);
        if (r < 0) {
                zmq_msg_close(&frames[0]);
                return r;
        }
        *ret = (hedge_message_t){
                .type = HEDGE_MSG_MULTIPLY,
                .multiply = { .packet = number, .rows = rows, .inner = inner, .cols = cols },
        };
        return 0;
}

int hedged_product_take(hedged_product_t *p, unsigned packet, unsigned board, zmq_msg_t *frame, int64_t received_us)
{
        const size_t size = result_floats(p) * sizeof(float);
        float *result;
        int known;

        assert(packet < p->params.packets && zmq_msg_size(frame) == size);
        if (p->packets[packet].received_us)
                return 0;
        result = malloc(size);
        if (!result)
                return -ENOMEM;
        memcpy(result, zmq_msg_data(frame), size); /* a frame's bytes need not be aligned */
        known = hedge_uep_decoder_add(p->decoder, packet);
        assert(known >= 0);
        p->results[p->n_results++] = result;
        p->packets[packet].board = board;
        p->packets[packet].received_us = received_us > 0 ? received_us : 1; /* 0 means: not yet */
        p->packets[packet].determined = (unsigned)known;
        return 0;
}

/* ---- what is known ---- */

bool hedged_product_complete(const hedged_product_t *p)
{
        return hedged_product_known(p) == hedged_product_count(p);
}

unsigned hedged_product_count(const hedged_product_t *p)
{
        return p->classes.products;
}

unsigned hedged_product_known(const hedged_product_t *p)
{
        unsigned n = 0;

        for (unsigned k = 0; k < p->classes.products; k++)
                n += hedge_uep_decoder_has(p->decoder, k);
        return n;
}

static double weight_of(const hedged_product_t *p, unsigned k)
{
        const bool crossed = p->shape.split == HEDGE_UEP_ROW_COLUMN;
        const double size =
                p->norms_a[crossed ? k / p->shape.blocks_b : k] * p->norms_b[crossed ? k % p->shape.blocks_b : k];

        return size * size;
}

double hedged_product_expected_error(const hedged_product_t *p)
{
        double all = 0, unknown = 0;

        for (unsigned k = 0; k < p->classes.products; k++) {
                const double weight = weight_of(p, k);

                all += weight;
                unknown += hedge_uep_decoder_has(p->decoder, k) ? 0 : weight;
        }
        return all > 0 ? unknown / all : 0;
}

int hedged_product_finish(hedged_product_t *p, float *c)
{
        int r = hedge_uep_decoder_solve(p->decoder);

        if (r >= 0)
                hedge_uep_decoder_apply(p->decoder, &p->shape, (const float *const *)p->results, c);
        return r < 0 ? r : 0;
}
