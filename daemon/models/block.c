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
        if (b->program_bytes > frame_bytes_max)
                return HEDGE_ELIMIT;
        b->constants = calloc(b->n_constants + 1, sizeof(*b->constants));
        if (!b->constants)
                return -ENOMEM;
        hedge_graph_constants(g, b->constants);
        for (uint32_t i = 0; i < b->n_constants; i++) {
                frames += hedge_graph_constant_size(g, b->constants[i]);
                elements += hedge_shape_elements(&g->values[b->constants[i]].shape);
        }
        b->bytes = hedge_held_bytes(frames, elements, g->n_nodes);
        b->constant_bytes = frames;
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

int hedged_block_frame(const hedged_block_t *b, zmq_msg_t *ret)
{
        if (zmq_msg_init_size(ret, b->program_bytes) < 0)
                return -ENOMEM;
        memcpy(zmq_msg_data(ret), b->program, b->program_bytes);
        return 0;
}

/* Which constant is there? @param offset  In all of them; becomes that in the one. */
static int find(const hedged_block_t *b, uint64_t *offset, uint32_t *ret)
{
        for (uint32_t i = 0; i < b->n_constants; i++) {
                const size_t size = hedge_graph_constant_size(b->graph, b->constants[i]);

                if (*offset < size) {
                        *ret = b->constants[i];
                        return 0;
                }
                *offset -= size;
        }
        return -EINVAL;
}

int hedged_block_piece(const hedged_block_t *b, hedged_constants_t *constants, uint64_t offset, size_t most,
                       zmq_msg_t *ret)
{
        const unsigned char *data;
        uint32_t value;
        size_t left;
        int r = find(b, &offset, &value);

        if (r < 0)
                return r;
        data = hedge_graph_constant_data(b->graph, value);
        left = hedge_graph_constant_size(b->graph, value) - (size_t)offset;
        r = hedge_frame_borrow(ret, (void *)(uintptr_t)(data + offset), left < most ? left : most, give_back,
                               hedged_constants_ref(constants));
        if (r < 0)
                give_back(NULL, constants);
        return r;
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
