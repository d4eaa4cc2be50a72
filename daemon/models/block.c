/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/block.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/held.h"
#include "common/model/pack.h"
#include "common/segment/segment.h"
#include "common/wire/link.h"

/* Which values are constants, and what they take here, on the way and there. */
static int count(hedged_block_t *b, uint64_t frame_bytes_max)
{
        const hedge_graph_t *g = b->graph;
        uint64_t frames = 0, elements = 0;

        b->n_constants = hedge_graph_constants(g, NULL);
        if (b->n_constants >= HEDGE_GRAPH_FRAMES || b->program_bytes > frame_bytes_max)
                return HEDGE_ELIMIT;
        b->constants = calloc(b->n_constants + 1, sizeof(*b->constants));
        if (!b->constants)
                return -ENOMEM;
        hedge_graph_constants(g, b->constants);
        for (uint32_t i = 0; i < b->n_constants; i++) {
                const uint64_t bytes = hedge_graph_constant_size(g, b->constants[i]);

                if (bytes > frame_bytes_max)
                        return HEDGE_ELIMIT;
                frames += bytes;
                elements += hedge_shape_elements(&g->values[b->constants[i]].shape);
        }
        b->bytes = hedge_held_bytes(frames, elements, g->n_nodes);
        b->sent_bytes = b->program_bytes + frames;
        return 0;
}

/* The program says all but the constants' numbers, which are the file's. */
static int name(hedged_block_t *b, const hedge_graph_t *graph, unsigned boards)
{
        const uint32_t nodes[] = { b->first, b->last };
        crypto_generichash_state all;

        b->digests = calloc(boards + 1, sizeof(*b->digests));
        if (!b->digests)
                return -ENOMEM;
        crypto_generichash_init(&all, NULL, 0, sizeof(b->digests->bytes));
        crypto_generichash_update(&all, (const unsigned char *)"hedge block 1", 13);
        crypto_generichash_update(&all, graph->digest, sizeof(graph->digest));
        crypto_generichash_update(&all, (const unsigned char *)nodes, sizeof(nodes));
        crypto_generichash_update(&all, b->program, b->program_bytes);
        for (uint32_t board = 0; board < boards; board++) {
                crypto_generichash_state one = all;

                crypto_generichash_update(&one, (const unsigned char *)&board, sizeof(board));
                crypto_generichash_final(&one, b->digests[board].bytes, sizeof(b->digests[board].bytes));
        }
        return 0;
}

int hedged_block_init(hedged_block_t *block, const hedge_graph_t *graph, uint32_t first, uint32_t last, unsigned boards,
                      uint64_t frame_bytes_max)
{
        int r;

        memset(block, 0, sizeof(*block));
        block->first = first;
        block->last = last;
        r = hedge_segment_graph(graph, first, last, NULL, &block->graph);
        if (r == 0)
                r = hedge_graph_pack(block->graph, &block->program, &block->program_bytes);
        if (r == 0)
                r = count(block, frame_bytes_max);
        if (r == 0)
                r = name(block, graph, boards);
        if (r < 0)
                hedged_block_release(block);
        return r;
}

/* Perhaps on ZeroMQ's thread: the last one frees memory, and nothing else. */
static void give_back(void *data, void *constants)
{
        (void)data;
        hedged_constants_unref(&(hedged_constants_t *){ constants });
}

static int borrow(const hedged_block_t *b, uint32_t value, hedged_constants_t *constants, zmq_msg_t *frame)
{
        const void *data = hedge_graph_constant_data(b->graph, value);
        int r = hedge_frame_borrow(frame, (void *)(uintptr_t)data, hedge_graph_constant_size(b->graph, value),
                                   give_back, hedged_constants_ref(constants));

        if (r < 0)
                give_back(NULL, constants);
        return r;
}

int hedged_block_frames(const hedged_block_t *b, hedged_constants_t *constants, zmq_msg_t **ret)
{
        zmq_msg_t *frames = calloc(1 + b->n_constants, sizeof(*frames));
        uint32_t n = 0;

        if (!frames || zmq_msg_init_size(&frames[n], b->program_bytes) < 0) {
                free(frames);
                return -ENOMEM;
        }
        memcpy(zmq_msg_data(&frames[n++]), b->program, b->program_bytes);
        while (n <= b->n_constants && borrow(b, b->constants[n - 1], constants, &frames[n]) == 0)
                n++;
        if (n == 1 + b->n_constants) {
                *ret = frames;
                return 0;
        }
        while (n > 0)
                zmq_msg_close(&frames[--n]);
        free(frames);
        return -ENOMEM;
}

void hedged_block_release(hedged_block_t *b)
{
        hedge_graph_destroy(&b->graph);
        free(b->constants);
        free(b->program);
        free(b->digests);
        b->constants = NULL;
        b->program = NULL;
        b->digests = NULL;
}

bool hedged_block_covers(const hedged_block_t *b, uint32_t first, uint32_t last)
{
        return b->first <= first && first < last && last <= b->last;
}

static uint64_t bit_of(unsigned board)
{
        return UINT64_C(1) << (board % 64);
}

bool hedged_block_is_chosen(const hedged_block_t *b, unsigned board)
{
        return b->chosen[board / 64] & bit_of(board);
}

void hedged_block_choose(hedged_block_t *b, unsigned board, bool chosen)
{
        const uint64_t others = b->chosen[board / 64] & ~bit_of(board);

        b->chosen[board / 64] = chosen ? others | bit_of(board) : others;
}

bool hedged_block_is_planned(const hedged_block_t *b, unsigned board)
{
        return atomic_load(&b->planned[board / 64]) & bit_of(board);
}

bool hedged_block_holds(const hedged_block_t *b, unsigned board)
{
        return atomic_load(&b->holders[board / 64]) & bit_of(board);
}

unsigned hedged_block_holders(const hedged_block_t *b)
{
        unsigned n = 0;

        for (size_t i = 0; i < sizeof(b->holders) / sizeof(b->holders[0]); i++)
                n += (unsigned)__builtin_popcountll(atomic_load(&b->holders[i]));
        return n;
}
