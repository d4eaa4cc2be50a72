/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_DISTRIBUTE_BED_H
#define HEDGE_TEST_DISTRIBUTE_BED_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/tensor.h"
#include "daemon/models/distribute.h"

/** The distributor between a real registry and a real cluster, with boards that hold what they are sent, and in place of the
 * preparer's thread a queue: nothing happens but what a test does. */

#define SLOTS     4u
#define BOARDS    6u /* that may be there: two more than have a number */
#define LAYERS    3u
#define ENOUGH    2u /* boards at which the second variant is wanted */
#define WINDOW    2u
#define HEARTBEAT 500
#define GONE_MS   60000

static const hedge_conv_t conv = { 6, 5, 2, 4, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 };

typedef struct letter {
        hedge_message_type_t type;
        hedge_digest_t digest;
} letter_t;

typedef struct board {
        bool here; /* else sending to it fails */
        bool full; /* its queue is */
        uint64_t incarnation;
        hedge_digest_t held[64];
        unsigned n_held, room; /* shares it takes at most */
        letter_t inbox[64];
        unsigned n_inbox;
        unsigned shares, drops; /* that came */
        bool unsure;            /* it was taken to be lost, but what was on its way came; or a DROP did not come */
} board_t;

static struct {
        hedged_cluster_t *cluster;
        hedged_registry_t registry;
        hedged_distributor_t *distributor;
        hedged_encode_t *encodes[1024];
        unsigned n_encodes;
        board_t boards[BOARDS];
        int64_t now_ms;
} bed;

/* ---- models ---- */

static hedge_digest_t digest_of(unsigned file, unsigned layer, unsigned variant, unsigned board)
{
        hedge_digest_t digest = { { 0 } };

        digest.bytes[0] = (uint8_t)file;
        digest.bytes[8] = (uint8_t)layer;
        digest.bytes[9] = (uint8_t)variant;
        digest.bytes[10] = (uint8_t)board;
        return digest;
}

/* What fills a share's frame. */
static float tag_of(const hedge_digest_t *digest)
{
        return (float)(digest->bytes[0] * 1000 + digest->bytes[8] * 100 + digest->bytes[9] * 10 + digest->bytes[10]);
}

static void make_variant(hedged_model_t *m, unsigned file, unsigned layer, unsigned variant)
{
        hedged_variant_t *v = &m->layers[layer].variants[variant];

        v->code = m->codes[variant].code;
        v->cut.enough = variant ? ENOUGH : 0;
        assert_int_equal(hedge_partition_init(&v->partition, &conv, hedge_code_k_a(v->code), hedge_code_k_b(v->code)),
                         0);
        v->digests = calloc(SLOTS, sizeof(*v->digests));
        for (unsigned b = 0; b < SLOTS; b++)
                v->digests[b] = digest_of(file, layer, variant, b);
}

/* Every layer has a variant for all, and one for few in which only boards 0 and 1 have a part. */
static hedged_model_t *make_model(const char *name, unsigned file)
{
        hedged_model_t *m = calloc(1, sizeof(*m));

        atomic_init(&m->references, 1);
        snprintf(m->name, sizeof(m->name), "%s", name);
        m->slots = SLOTS;
        m->codes = calloc(2, sizeof(*m->codes));
        m->n_codes = 2;
        assert_int_equal(hedge_code_new(HEDGE_SCHEME_KRP, 2, 2, SLOTS, &m->codes[0].code, NULL), 0);
        assert_int_equal(hedge_code_new(HEDGE_SCHEME_UNCODED, 2, 1, SLOTS, &m->codes[1].code, NULL), 0);
        m->layers = calloc(LAYERS, sizeof(*m->layers));
        m->n_layers = LAYERS;
        for (unsigned l = 0; l < LAYERS; l++) {
                m->layers[l].name = "layer";
                m->layers[l].n_variants = 2;
                for (unsigned v = 0; v < 2; v++)
                        make_variant(m, file, l, v);
        }
        return m;
}

static hedged_model_t *load(const char *name, unsigned file)
{
        hedged_model_set_t set = { { make_model(name, file) }, 1 }, replaced;

        assert_int_equal(hedged_registry_put(&bed.registry, &set, &replaced), 0);
        hedged_distribute_loaded(bed.distributor);
        for (unsigned i = 0; i < replaced.count; i++)
                hedged_distribute_unloaded(bed.distributor, replaced.models[i]);
        hedged_model_set_unref(&replaced);
        return set.models[0];
}

static void unload(hedged_model_t *m)
{
        hedged_model_set_t set;

        hedged_registry_remove(&bed.registry, m->name, &set);
        assert_int_equal(set.count, 1);
        assert_ptr_equal(set.models[0], m);
        hedged_distribute_unloaded(bed.distributor, m);
        hedged_model_set_unref(&set);
}

/* ---- in place of the preparer ---- */

void hedged_preparer_encode(hedged_preparer_t *preparer, hedged_encode_t *e)
{
        assert_null(preparer);
        assert_true(bed.n_encodes < sizeof(bed.encodes) / sizeof(bed.encodes[0]));
        bed.encodes[bed.n_encodes++] = e;
}

void hedged_encode_destroy(hedged_encode_t **e)
{
        free((*e)->filters);
        hedged_model_unref(&(*e)->model);
        free(*e);
        *e = NULL;
}

static hedged_encode_t *take_encode(void)
{
        hedged_encode_t *e = bed.encodes[0];

        assert_true(bed.n_encodes > 0);
        memmove(bed.encodes, bed.encodes + 1, --bed.n_encodes * sizeof(bed.encodes[0]));
        return e;
}

static void encode_one(void)
{
        hedged_encode_t *e = take_encode();
        const hedged_variant_t *v = &e->model->layers[e->layer].variants[e->variant];
        const size_t n = hedged_variant_share_bytes(v, e->board) / sizeof(float);

        e->filters = hedge_floats_new(n);
        for (size_t i = 0; i < n; i++)
                e->filters[i] = tag_of(&v->digests[e->board]);
        hedged_distribute_encoded(bed.distributor, e);
}

static void encode_all(void)
{
        while (bed.n_encodes)
                encode_one();
}

/* ---- boards ---- */

static hedge_route_t route_of(unsigned i)
{
        return (hedge_route_t){ .bytes = { (uint8_t)(i + 1) }, .size = 1 };
}

static hedged_board_t *known(unsigned i)
{
        const hedge_route_t route = route_of(i);

        return hedged_cluster_find(bed.cluster, &route);
}

static void check_frame(const hedge_msg_share_t *share, zmq_msg_t *frame)
{
        const float *data = zmq_msg_data(frame);
        hedge_partition_t expected;

        assert_int_equal(hedge_partition_init(&expected, &conv, 2, share->digest.bytes[9] ? 1 : 2), 0);
        assert_memory_equal(&share->conv, &expected.part, sizeof(share->conv));
        assert_int_equal(zmq_msg_size(frame),
                         share->ell_b * hedge_partition_filter_elements(&expected) * sizeof(float));
        for (size_t i = 0; i < zmq_msg_size(frame) / sizeof(float); i++)
                assert_true(data[i] == tag_of(&share->digest));
}

static int send_to(zsock_t *socket, const hedge_route_t *route, const hedge_message_t *message, zmq_msg_t *frames,
                   uint32_t n_frames)
{
        board_t *b = &bed.boards[route->bytes[0] - 1];
        const int r = !b->here ? -EHOSTUNREACH : b->full ? -EAGAIN : 0;
        letter_t letter = { .type = message->type };

        assert_ptr_equal(socket, &bed);
        assert_int_equal(n_frames, message->type == HEDGE_MSG_SHARE);
        if (message->type == HEDGE_MSG_SHARE) {
                check_frame(&message->share, frames);
                letter.digest = message->share.digest;
                zmq_msg_close(frames);
        } else {
                assert_int_equal(message->type, HEDGE_MSG_DROP);
                letter.digest = message->drop.digest;
        }
        if (r == 0) {
                assert_true(b->n_inbox < sizeof(b->inbox) / sizeof(b->inbox[0]));
                b->inbox[b->n_inbox++] = letter;
        } else if (message->type == HEDGE_MSG_DROP) {
                b->unsure = true;
        }
        return r;
}

static unsigned find_held(const board_t *b, const hedge_digest_t *digest)
{
        unsigned i = 0;

        while (i < b->n_held && memcmp(&b->held[i], digest, sizeof(*digest)))
                i++;
        return i;
}

static bool has(unsigned i, unsigned file, unsigned layer, unsigned variant)
{
        const hedge_digest_t digest = digest_of(file, layer, variant, known(i)->index);

        return find_held(&bed.boards[i], &digest) < bed.boards[i].n_held;
}

static void take_share(unsigned i, const hedge_digest_t *digest)
{
        board_t *b = &bed.boards[i];

        b->shares++;
        if (find_held(b, digest) < b->n_held) {
                assert_true(b->unsure); /* else none is sent to who holds it */
                hedged_distribute_confirmed(bed.distributor, known(i), digest);
                return;
        }
        if (b->n_held >= b->room) {
                hedged_distribute_refused(bed.distributor, known(i), digest, HEDGE_ELIMIT);
                return;
        }
        b->held[b->n_held++] = *digest;
        hedged_distribute_confirmed(bed.distributor, known(i), digest);
}

static void take_drop(unsigned i, const hedge_digest_t *digest)
{
        board_t *b = &bed.boards[i];
        unsigned at = find_held(b, digest);

        b->drops++;
        if (at < b->n_held)
                b->held[at] = b->held[--b->n_held];
}

/* The board does what it was sent first. */
static void work_one(unsigned i)
{
        board_t *b = &bed.boards[i];
        letter_t letter = b->inbox[0];

        memmove(b->inbox, b->inbox + 1, --b->n_inbox * sizeof(b->inbox[0]));
        if (letter.type == HEDGE_MSG_SHARE)
                take_share(i, &letter.digest);
        else
                take_drop(i, &letter.digest);
}

/* Until nothing is left to do. */
static void settle(void)
{
        unsigned turns = 0;

        for (bool busy = true; busy;) {
                assert_true(turns++ < 1000); /* else the same goes to and fro for ever */
                busy = bed.n_encodes > 0;
                encode_all();
                for (unsigned i = 0; i < BOARDS; i++)
                        while (bed.boards[i].n_inbox) {
                                busy = true;
                                work_one(i);
                        }
        }
}

static void say_hello(unsigned i)
{
        board_t *b = &bed.boards[i];
        const hedge_route_t route = route_of(i);
        hedge_msg_hello_t hello = { .incarnation = b->incarnation, .held = b->held, .n_held = b->n_held };
        hedged_board_t *board;

        b->here = true;
        snprintf(hello.board, sizeof(hello.board), "board-%u", i);
        hedged_cluster_prefer(bed.cluster, hedged_distribute_number(bed.distributor, &hello));
        assert_int_equal(hedged_cluster_hello(bed.cluster, &hello, &route, (int)i, bed.now_ms, &board), 0);
        hedged_distribute_hello(bed.distributor, board, &hello);
}

static void start_board(unsigned i)
{
        bed.boards[i].incarnation++;
        bed.boards[i].n_inbox = 0;
        bed.boards[i].unsure = false;
        say_hello(i);
}

static void changed(void *arg, hedged_board_t *board, bool restarted)
{
        (void)arg;
        hedged_distribute_changed(bed.distributor, board, restarted);
}

static void begin(int64_t patient_until_ms)
{
        memset(&bed, 0, sizeof(bed));
        bed.now_ms = 1000000;
        bed.registry.max = 8;
        for (unsigned i = 0; i < BOARDS; i++)
                bed.boards[i].room = 64;
        assert_int_equal(hedged_cluster_new(SLOTS, HEARTBEAT, 3, GONE_MS, changed, NULL, &bed.cluster), 0);
        assert_int_equal(hedged_distributor_new(send_to, (void *)&bed, bed.cluster, &bed.registry, NULL,
                                                patient_until_ms, &bed.distributor),
                         0);
}

static int set_up(void **state)
{
        (void)state;
        begin(INT64_MAX); /* boards are never taken to be few before there were more */
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        while (bed.n_encodes) {
                hedged_encode_t *e = take_encode();

                hedged_encode_destroy(&e);
        }
        hedged_distributor_destroy(&bed.distributor);
        hedged_cluster_destroy(&bed.cluster);
        hedged_registry_release(&bed.registry);
        return 0;
}

static unsigned holders(const hedged_model_t *m, unsigned layer, unsigned variant)
{
        return hedged_variant_holders(&m->layers[layer].variants[variant]);
}

#endif
