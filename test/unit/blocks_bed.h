/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_BLOCKS_BED_H
#define HEDGE_TEST_BLOCKS_BED_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/log.h"
#include "common/model/held.h"
#include "common/model/onnx.h"
#include "common/model/pack.h"
#include "daemon/models/distribute.h"
#include "make_onnx.h"

/** The distributor between a real registry and a real cluster, with models that have blocks, and boards that count the memory of what
 * they are sent as the worker does. */

#define SLOTS 3u

typedef struct letter {
        hedge_message_type_t type;
        hedge_digest_t digest;
        uint64_t offset; /* of constants */
        zmq_msg_t frame; /* of DROP empty */
} letter_t;

typedef struct held {
        hedge_digest_t digest;
        uint64_t bytes;
} held_t;

/* A block whose constants are to come. */
typedef struct coming {
        held_t as;
        uint64_t come, all;
} coming_t;

typedef struct board {
        bool here, full;
        bool unsure; /* it was taken to be lost, but what was on its way came; or a DROP did not come */
        uint64_t incarnation, memory, bytes, most; /* memory that it says it has; that it counts, and ever did */
        uint64_t refuses;                          /* what takes more than this is refused, whatever it said */
        held_t held[32];
        unsigned n_held;
        coming_t coming; /* `all` 0: none is */
        letter_t inbox[64];
        unsigned n_inbox;
        unsigned graphs, blocks, refused, drops; /* graphs: begun; blocks: complete */
} board_t;

static struct {
        hedged_cluster_t *cluster;
        hedged_registry_t registry;
        hedged_distributor_t *distributor;
        board_t boards[SLOTS];
        unsigned encodes;
        int64_t now_ms;
} bed;

/* ---- models ---- */

#define LARGE 100u /* a file whose last weights are more than may be under way at once */

/* Three convolutions, each with more weights than the one before it. */
static hedge_graph_t *make_graph(unsigned file)
{
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { "" };
        unsigned char *bytes;
        size_t size;
        make_t m;

        make_init(&m, 13);
        make_input(&m, "x", DIMS(1, 32, 16, 16));
        make_weights(&m, "w1", DIMS(32, 32, 3, 3));
        make_weights(&m, "w2", DIMS(64, 32, 3, 3));
        make_weights(&m, "w3", file == LARGE ? DIMS(640, 64, 3, 3) : DIMS(64, 64, 3, 3));
        make_node(&m, "Conv", "x w1", "a");
        make_node(&m, "Conv", "a w2", "b");
        make_node(&m, "Conv", "b w3", "y");
        make_output(&m, "y");
        bytes = make_bytes(&m, &size);
        if (hedge_onnx_import(bytes, size, NULL, &graph, &why) < 0)
                fail_msg("%s", why.text);
        make_free(&m);
        graph->digest[0] = (unsigned char)file;
        return graph;
}

static uint32_t find_conv(const hedge_graph_t *g, unsigned which)
{
        uint32_t node = 0;

        while (g->nodes[node].op.kind != HEDGE_OP_CONV || which-- > 0)
                node++;
        return node;
}

static void add_block(hedged_model_t *m, uint32_t first, uint32_t last, uint64_t saves_us)
{
        assert_int_equal(hedged_block_init(&m->blocks[m->n_blocks], m->graph, first, last, SLOTS, 1 << 20), 0);
        m->blocks[m->n_blocks].saves_us = saves_us;
        m->n_blocks++;
}

/* Block 0 is the whole; of the segments the last saves most, for its bytes too. */
static hedged_model_t *make_model(const char *name, unsigned file)
{
        hedged_model_t *m = calloc(1, sizeof(*m));
        uint32_t second, third;

        atomic_init(&m->references, 1);
        pthread_mutex_init(&m->lock, NULL);
        snprintf(m->name, sizeof(m->name), "%s", name);
        m->slots = SLOTS;
        assert_int_equal(hedged_constants_new(make_graph(file), &m->constants), 0);
        m->graph = m->constants->graph;
        m->blocks = calloc(HEDGED_MODEL_BLOCKS, sizeof(*m->blocks));
        second = find_conv(m->graph, 1);
        third = find_conv(m->graph, 2);
        add_block(m, 0, m->graph->n_nodes, 1000000);
        m->blocks[0].all = true;
        add_block(m, 0, second, 100000);
        add_block(m, second, third, 200000);
        add_block(m, third, m->graph->n_nodes, 2000000);
        return m;
}

static hedged_model_t *load(const char *name, unsigned file)
{
        hedged_model_set_t set = { { make_model(name, file) }, 1 }, replaced;

        assert_int_equal(hedged_registry_put(&bed.registry, &set, &replaced), 0);
        assert_int_equal(replaced.count, 0);
        hedged_distribute_loaded(bed.distributor);
        return set.models[0];
}

static void unload(hedged_model_t *m)
{
        hedged_model_set_t set;

        hedged_registry_remove(&bed.registry, m->name, &set);
        hedged_distribute_unloaded(bed.distributor, m);
        hedged_model_set_unref(&set);
}

/* A layer whose share board 0 has to hold, and no other board. @return what it takes there. */
static uint64_t add_layer(hedged_model_t *m)
{
        static const hedge_conv_t conv = { 6, 5, 2, 4, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
        hedged_variant_t *v;

        m->codes = calloc(1, sizeof(*m->codes));
        m->n_codes = 1;
        assert_int_equal(hedge_code_new(HEDGE_SCHEME_UNCODED, 1, 1, SLOTS, &m->codes[0].code, NULL), 0);
        m->layers = calloc(1, sizeof(*m->layers));
        m->n_layers = m->layers[0].n_variants = 1;
        v = &m->layers[0].variants[0];
        v->code = m->codes[0].code;
        assert_int_equal(hedge_partition_init(&v->partition, &conv, 1, 1), 0);
        v->digests = calloc(SLOTS, sizeof(*v->digests));
        for (unsigned b = 0; b < SLOTS; b++)
                v->digests[b].bytes[0] = (uint8_t)(1 + b);
        return hedged_variant_held_bytes(v, 0);
}

/* ---- in place of the preparer, which blocks do not need ---- */

void hedged_preparer_encode(hedged_preparer_t *preparer, hedged_encode_t *e)
{
        assert_null(preparer);
        bed.encodes++;
        hedged_model_unref(&e->model);
        free(e);
}

void hedged_encode_destroy(hedged_encode_t **e)
{
        (void)e;
        fail();
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

static const hedge_digest_t *digest_of(const hedge_message_t *message)
{
        switch (message->type) {
        case HEDGE_MSG_GRAPH:
                return &message->graph.digest;
        case HEDGE_MSG_CONSTANTS:
                return &message->constants.digest;
        default:
                assert_int_equal(message->type, HEDGE_MSG_DROP);
                return &message->drop.digest;
        }
}

/* As hedge_link_send: the frames are gone either way. */
static int send_to(zsock_t *socket, const hedge_route_t *route, const hedge_message_t *message, zmq_msg_t *frames,
                   uint32_t n_frames)
{
        board_t *b = &bed.boards[route->bytes[0] - 1];
        const int r = !b->here ? -EHOSTUNREACH : b->full ? -EAGAIN : 0;
        letter_t *letter = &b->inbox[b->n_inbox];

        assert_ptr_equal(socket, &bed);
        assert_true(b->n_inbox < sizeof(b->inbox) / sizeof(b->inbox[0]));
        assert_int_equal(n_frames, message->type != HEDGE_MSG_DROP);
        *letter = (letter_t){ .type = message->type, .digest = *digest_of(message) };
        if (message->type == HEDGE_MSG_CONSTANTS)
                letter->offset = message->constants.offset;
        zmq_msg_init(&letter->frame);
        if (n_frames) {
                zmq_msg_move(&letter->frame, &frames[0]);
                zmq_msg_close(&frames[0]);
        }
        if (r == 0)
                b->n_inbox++;
        else
                zmq_msg_close(&letter->frame);
        b->unsure |= r < 0 && message->type == HEDGE_MSG_DROP;
        return r;
}

/* What the worker counts when a GRAPH comes: from its program alone. @param ret_all  Bytes of its constants. */
static uint64_t bytes_of(letter_t *letter, uint64_t *ret_all)
{
        uint64_t all = 0, elements = 0, bytes;
        hedge_graph_t *g = NULL;
        uint32_t values[64], n;
        hedge_why_t why = { "" };

        if (hedge_graph_unpack(zmq_msg_data(&letter->frame), zmq_msg_size(&letter->frame), 1 << 24, &g, &why) < 0)
                fail_msg("%s", why.text);
        n = hedge_graph_constants(g, values);
        for (uint32_t i = 0; i < n; i++) {
                all += hedge_graph_constant_size(g, values[i]);
                elements += hedge_shape_elements(&g->values[values[i]].shape);
        }
        bytes = hedge_held_bytes(all, elements, g->n_nodes);
        hedge_graph_destroy(&g);
        if (ret_all)
                *ret_all = all;
        return bytes;
}

static unsigned find_held(const board_t *b, const hedge_digest_t *digest)
{
        unsigned i = 0;

        while (i < b->n_held && memcmp(&b->held[i].digest, digest, sizeof(*digest)) != 0)
                i++;
        return i;
}

/* Of a model that is loaded no more it is too late. */
static void confirm(unsigned i, const hedge_digest_t *digest, uint64_t bytes)
{
        const hedge_msg_constants_ok_t ok = { .digest = *digest, .bytes = bytes };

        assert_true(hedged_distribute_arrived(bed.distributor, known(i), &ok) >= 0);
}

static void stop_coming(board_t *b)
{
        if (b->coming.all)
                b->bytes -= b->coming.as.bytes;
        b->coming.all = 0;
}

static bool is_coming(const board_t *b, const hedge_digest_t *digest)
{
        return b->coming.all && memcmp(&b->coming.as.digest, digest, sizeof(*digest)) == 0;
}

/* A board has one block coming at a time, and begins anew with what it is sent anew. */
static void take_block(unsigned i, letter_t *letter)
{
        board_t *b = &bed.boards[i];
        uint64_t all;
        const uint64_t bytes = bytes_of(letter, &all);

        b->graphs++;
        stop_coming(b);
        if (find_held(b, &letter->digest) < b->n_held) {
                assert_true(b->unsure); /* else none is sent to who holds it */
                hedged_distribute_confirmed(bed.distributor, known(i), &letter->digest);
                return;
        }
        assert_true(b->bytes + bytes <= b->memory || b->unsure); /* what does not fit is not sent */
        if (bytes > b->refuses || b->bytes + bytes > b->memory) {
                b->refused++;
                assert_true(hedged_distribute_refused(bed.distributor, known(i), &letter->digest, HEDGE_ELIMIT));
                return;
        }
        b->coming = (coming_t){ { letter->digest, bytes }, 0, all };
        b->bytes += bytes;
        b->most = b->bytes > b->most ? b->bytes : b->most;
        confirm(i, &letter->digest, 0);
}

static void take_constants(unsigned i, letter_t *letter)
{
        board_t *b = &bed.boards[i];
        const held_t as = b->coming.as;

        if (!is_coming(b, &letter->digest)) { /* of a sending before */
                assert_true(b->unsure);
                hedged_distribute_refused(bed.distributor, known(i), &letter->digest, HEDGE_ENOSHARE);
                return;
        }
        assert_int_equal(letter->offset, b->coming.come);
        assert_in_range(zmq_msg_size(&letter->frame), 1, HEDGE_CONSTANTS_BYTES);
        b->coming.come += zmq_msg_size(&letter->frame);
        assert_true(b->coming.come <= b->coming.all);
        confirm(i, &letter->digest, b->coming.come);
        if (b->coming.come < b->coming.all)
                return;
        b->coming.all = 0;
        b->blocks++;
        b->held[b->n_held++] = as;
        hedged_distribute_confirmed(bed.distributor, known(i), &as.digest);
}

static void take_drop(unsigned i, const hedge_digest_t *digest)
{
        board_t *b = &bed.boards[i];
        const unsigned at = find_held(b, digest);

        b->drops++;
        if (is_coming(b, digest))
                stop_coming(b);
        if (at == b->n_held)
                return;
        b->bytes -= b->held[at].bytes;
        b->held[at] = b->held[--b->n_held];
}

/* The board does what it was sent first. */
static void work_one(unsigned i)
{
        board_t *b = &bed.boards[i];
        letter_t letter = b->inbox[0];

        memmove(b->inbox, b->inbox + 1, --b->n_inbox * sizeof(b->inbox[0]));
        if (letter.type == HEDGE_MSG_GRAPH)
                take_block(i, &letter);
        else if (letter.type == HEDGE_MSG_CONSTANTS)
                take_constants(i, &letter);
        else
                take_drop(i, &letter.digest);
        zmq_msg_close(&letter.frame);
}

static void settle(void)
{
        unsigned turns = 0;

        for (unsigned i = 0; i < SLOTS; i++)
                while (bed.boards[i].n_inbox) {
                        assert_true(turns++ < 1000);
                        work_one(i);
                }
}

static void say_hello(unsigned i)
{
        board_t *b = &bed.boards[i];
        const hedge_route_t route = route_of(i);
        hedge_digest_t held[32];
        hedge_msg_hello_t hello = {
                .incarnation = b->incarnation, .held = held, .n_held = b->n_held, .share_bytes_max = b->memory
        };
        hedged_board_t *board;

        for (unsigned h = 0; h < b->n_held; h++)
                held[h] = b->held[h].digest;
        b->here = true;
        stop_coming(b);
        snprintf(hello.board, sizeof(hello.board), "board-%u", i);
        hedged_cluster_prefer(bed.cluster, hedged_distribute_number(bed.distributor, &hello));
        assert_int_equal(hedged_cluster_hello(bed.cluster, &hello, &route, (int)i, bed.now_ms, &board), 0);
        hedged_distribute_hello(bed.distributor, board, &hello);
}

static void forget_inbox(unsigned i)
{
        board_t *b = &bed.boards[i];

        while (b->n_inbox > 0)
                zmq_msg_close(&b->inbox[--b->n_inbox].frame);
}

static void start_board(unsigned i, uint64_t memory)
{
        bed.boards[i].incarnation++;
        bed.boards[i].memory = memory;
        bed.now_ms += 3600000; /* nobody is on probation */
        forget_inbox(i);
        say_hello(i);
}

static void changed(void *arg, hedged_board_t *board, bool restarted)
{
        (void)arg;
        hedged_distribute_changed(bed.distributor, board, restarted);
}

static int set_up(void **state)
{
        (void)state;
        memset(&bed, 0, sizeof(bed));
        bed.now_ms = 1000000;
        bed.registry.max = 8;
        for (unsigned i = 0; i < SLOTS; i++)
                bed.boards[i].refuses = UINT64_MAX;
        assert_int_equal(hedged_cluster_new(SLOTS, 500, 3, 60000, changed, NULL, &bed.cluster), 0);
        assert_int_equal(hedged_distributor_new(send_to, (void *)&bed, bed.cluster, &bed.registry, NULL, INT64_MAX,
                                                &bed.distributor),
                         0);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        for (unsigned i = 0; i < SLOTS; i++)
                forget_inbox(i);
        hedged_distributor_destroy(&bed.distributor);
        hedged_cluster_destroy(&bed.cluster);
        hedged_registry_release(&bed.registry);
        return 0;
}

/* Bit i: the board holds block i of the model. */
static unsigned holds(unsigned i, const hedged_model_t *m)
{
        unsigned which = 0;

        for (unsigned k = 0; k < m->n_blocks; k++) {
                const bool there =
                        find_held(&bed.boards[i], &m->blocks[k].digests[known(i)->index]) < bed.boards[i].n_held;

                which |= (unsigned)there << k;
                assert_int_equal(hedged_block_holds(&m->blocks[k], known(i)->index), there && known(i)->usable);
        }
        return which;
}

#endif
