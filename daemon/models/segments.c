/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/segments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/plan/hulls.h"

/* ---- memory ---- */

/* What each board has, of those that are not there as it was. */
static void remember_memory(hedged_model_t *m, const hedged_speeds_t *speeds)
{
        for (unsigned b = 0; b < speeds->boards; b++)
                if (speeds->share_bytes[b])
                        m->share_bytes[b] = speeds->share_bytes[b];
}

/* The coded shares of this model that the board must hold. */
static uint64_t coded_bytes(const hedged_model_t *m, unsigned board)
{
        uint64_t bytes = 0;

        for (unsigned l = 0; l < m->n_layers; l++)
                for (unsigned v = 0; v < m->layers[l].n_variants; v++)
                        if (m->layers[l].variants[v].cut.enough == 0)
                                bytes += hedged_variant_held_bytes(&m->layers[l].variants[v], board);
        return bytes;
}

static void find_capacity(hedged_model_t *m, const hedged_speeds_t *speeds, bool beside_coded, hedged_capacity_t *ret)
{
        remember_memory(m, speeds);
        hedged_capacity_find(m->config, m->share_bytes, speeds->boards, ret);
        for (unsigned b = 0; beside_coded && b < speeds->boards; b++) {
                const uint64_t coded = coded_bytes(m, b);

                ret->bytes[b] -= coded < ret->bytes[b] ? coded : ret->bytes[b];
        }
}

/* ---- blocks ---- */

static hedged_block_t *find_block(const hedged_model_t *m, uint32_t first, uint32_t last)
{
        for (unsigned i = 0; i < atomic_load(&m->n_blocks); i++)
                if (m->blocks[i].first == first && m->blocks[i].last == last)
                        return &m->blocks[i];
        return NULL;
}

/* One that cannot be sent is left out: nobody holds it then, and its segments run by what else there is.
 * @return 0, -ENOMEM, HEDGE_ELIMIT (there are too many already). */
static int add_block(hedged_model_t *m, uint32_t first, uint32_t last)
{
        const unsigned n = atomic_load(&m->n_blocks);
        int r;

        if (find_block(m, first, last))
                return 0;
        if (n == HEDGED_MODEL_BLOCKS)
                return HEDGE_ELIMIT;
        r = hedged_block_init(&m->blocks[n], m->graph, first, last, m->slots, m->config->limits.frame_bytes);
        if (r == 0)
                atomic_store(&m->n_blocks, n + 1); /* filled before it is seen */
        return r == -ENOMEM ? r : 0;
}

/* @param hulls  Of all chains: what a board holds that has room for it. */
static int add_blocks(hedged_model_t *m, const hedged_chains_t *chains, const hedged_hull_t *hulls, int n)
{
        int r = 0;

        for (int i = 0; r == 0 && i < n; i++)
                r = add_block(m, hulls[i].first, hulls[i].last);
        for (unsigned i = 0; r == 0 && i < chains->n_blocks; i++)
                r = add_block(m, chains->blocks[i].first, chains->blocks[i].last);
        return r;
}

/* What a chain gains by its segments inside the block. In one piece on one board a request may take longer than here: what that gains
 * is that others run beside it, which is worth something, too. */
static double gain_of(const hedged_chain_t *chain, const hedged_block_t *block, const hedged_node_cost_t *nodes)
{
        double gain = 0;

        for (unsigned s = 0; s < chain->n_steps; s++) {
                const hedged_step_t *step = &chain->steps[s];
                double by_itself = 0;

                if (step->kind != HEDGED_STEP_SEGMENT || !hedged_block_covers(block, step->first, step->last))
                        continue;
                for (uint32_t i = step->first; i < step->last; i++)
                        by_itself += nodes[i].s;
                gain += by_itself - step->predicted_s > 0.01 * by_itself ? by_itself - step->predicted_s
                                                                         : 0.01 * by_itself;
        }
        return gain;
}

static bool is_hull(const hedged_block_t *block, const hedged_hull_t *hulls, int n)
{
        for (int i = 0; i < n; i++)
                if (hulls[i].first == block->first && hulls[i].last == block->last)
                        return true;
        return false;
}

/* What the chains say of a block: what it gains, and which boards hold it. One of a plan before gains nothing, so that no board gets it
 * any more; whoever has it keeps it, and is given nothing that is inside. */
static void tell_block(const hedged_chains_t *chains, const hedged_node_cost_t *nodes, const hedged_hull_t *hulls,
                       int n, hedged_block_t *block)
{
        const hedged_placement_t *placed = hedged_chains_placement(chains, block->first, block->last);
        const bool asked = is_hull(block, hulls, n) || placed;
        double gain = 0;

        for (unsigned c = 0; asked && c < chains->n; c++) {
                const double one = gain_of(&chains->chains[c], block, nodes);

                gain = one > gain ? one : gain;
        }
        atomic_store(&block->saves_us, (uint64_t)(gain * 1e6 + 0.999));
        atomic_store(&block->all, n == 1 && asked && hedged_block_covers(block, hulls[0].first, hulls[0].last));
        for (unsigned w = 0; w < HEDGE_CODE_MAX_BOARDS / 64; w++)
                atomic_store(&block->planned[w], placed ? placed->boards[w] : 0);
}

/* @return as add_blocks. */
static int take_blocks(hedged_model_t *m, const hedged_chains_t *chains, const hedged_node_cost_t *nodes)
{
        hedged_hull_t *hulls = NULL;
        int n = hedged_hulls_find(m->graph, chains, 0, m->graph->n_nodes, &hulls);
        int r = n < 0 ? n : add_blocks(m, chains, hulls, n);

        for (unsigned i = 0; r == 0 && i < atomic_load(&m->n_blocks); i++)
                tell_block(chains, nodes, hulls, n, &m->blocks[i]);
        free(hulls);
        return r;
}

/* @param beside_coded  The model's coded shares take of the boards' memory, too. */
static int plan(hedged_model_t *m, const hedged_speeds_t *speeds, const hedged_node_cost_t *nodes, bool beside_coded)
{
        hedged_kept_chains_t *kept = NULL;
        hedged_chains_t *chains = NULL;
        hedged_capacity_t capacity;
        int r;

        find_capacity(m, speeds, beside_coded, &capacity);
        r = hedged_chains_plan(m->config, speeds, m->graph, nodes, &capacity, &chains);
        if (r == 0)
                r = take_blocks(m, chains, nodes);
        if (r < 0) {
                hedged_chains_destroy(&chains);
                return r == HEDGE_ELIMIT ? 0 : r; /* plans have changed too often: what boards hold fits the last one */
        }
        r = hedged_kept_chains_new(chains, &kept);
        if (r == 0)
                hedged_model_set_chains(m, kept);
        return r;
}

/* Does some chain run this node by itself, so that it may be coded? */
static bool is_left(const hedged_model_t *m, uint32_t node)
{
        return !m->chains || hedged_chains_leave(m->chains->chains, node);
}

int hedged_segments_plan(hedged_model_t *m, const hedged_speeds_t *speeds, const hedged_node_cost_t *nodes)
{
        return m->blocks ? plan(m, speeds, nodes, true) : 0;
}

/* ---- a new model ---- */

static void drop_layer(hedged_model_t *m, unsigned l)
{
        for (unsigned v = 0; v < m->layers[l].n_variants; v++)
                free(m->layers[l].variants[v].digests);
        m->layer_of_node[m->layers[l].node] = HEDGE_NO_NODE;
}

/* Layers that no chain runs by themselves are not coded. */
static void drop_layers(hedged_model_t *m)
{
        const unsigned before = m->n_layers;

        m->n_layers = 0;
        for (unsigned l = 0; l < before; l++) {
                const uint32_t node = m->layers[l].node;

                if (!is_left(m, node)) {
                        drop_layer(m, l);
                        continue;
                }
                m->layer_of_node[node] = m->n_layers;
                memmove(&m->layers[m->n_layers++], &m->layers[l], sizeof(m->layers[l]));
        }
}

static int plan_chains(hedged_model_t *m, const hedged_speeds_t *speeds, bool beside_coded)
{
        hedged_node_cost_t *nodes = calloc(m->graph->n_nodes, sizeof(*nodes));
        int r;

        if (!nodes)
                return -ENOMEM;
        hedged_nodes_local(m->config, m->name, speeds, m->graph, nodes);
        for (unsigned l = 0; l < m->n_layers; l++)
                if (atomic_load(&m->layers[l].preferred) != HEDGED_PREFER_LOCAL)
                        hedged_node_coded(&m->layers[l].variants[0].cut, &nodes[m->layers[l].node]);
        r = plan(m, speeds, nodes, beside_coded);
        free(nodes);
        return r;
}

int hedged_segments_begin(hedged_model_t *m, const hedged_speeds_t *speeds)
{
        int r;

        if (m->config->plan.cut == HEDGED_CUT_SIMPLE || m->config->plan.work == HEDGED_WORK_LAYERS ||
            m->graph->n_nodes == 0)
                return 0;
        m->blocks = calloc(HEDGED_MODEL_BLOCKS, sizeof(*m->blocks));
        r = m->blocks ? plan_chains(m, speeds, false) : -ENOMEM;
        if (r == 0 && m->n_blocks > 0) {
                drop_layers(m);
                if (m->n_layers > 0)
                        r = plan_chains(m, speeds, true);
        }
        return r;
}

/* ---- as it is ---- */

uint32_t hedged_segments_nodes(hedged_model_t *m)
{
        hedged_kept_chains_t *kept = hedged_model_chains(m);
        uint32_t n = 0;

        for (unsigned s = 0; kept && s < kept->chains->chains[0].n_steps; s++) {
                const hedged_step_t *step = &kept->chains->chains[0].steps[s];

                n += step->kind == HEDGED_STEP_SEGMENT ? step->last - step->first : 0;
        }
        hedged_kept_chains_unref(&kept);
        return n;
}

static bool is_held(const hedged_model_t *m, const hedged_step_t *step)
{
        for (unsigned b = 0; b < m->slots; b++)
                if (hedged_model_block(m, step->first, step->last, b))
                        return true;
        return false;
}

bool hedged_segments_ready(hedged_model_t *m)
{
        hedged_kept_chains_t *kept = hedged_model_chains(m);
        bool ready = true;

        for (unsigned s = 0; kept && s < kept->chains->chains[0].n_steps; s++) {
                const hedged_step_t *step = &kept->chains->chains[0].steps[s];

                ready &= step->kind != HEDGED_STEP_SEGMENT || is_held(m, step);
        }
        hedged_kept_chains_unref(&kept);
        return ready;
}
