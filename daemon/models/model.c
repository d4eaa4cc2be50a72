/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/model.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/detect/check.h"

#include "common/model/batch.h"
#include "common/model/held.h"
#include "daemon/models/segments.h"

/* The code of a cut; layers that are cut alike share it, and with it its cache of decode matrices. */
static int find_code(hedged_model_t *m, const hedged_cut_t *cut, const hedge_code_t **ret, hedge_why_t *why)
{
        hedged_model_code_t *grown;
        hedge_code_t *code = NULL;
        int r;

        for (unsigned i = 0; i < m->n_codes; i++)
                if (hedged_cut_is_same_code(&m->codes[i].cut, cut)) {
                        *ret = m->codes[i].code;
                        return 0;
                }
        r = hedged_cut_code(cut, m->slots, m->weights, &code, why);
        if (r < 0)
                return r;
        grown = realloc(m->codes, (m->n_codes + 1) * sizeof(*grown));
        if (!grown) {
                hedge_code_destroy(&code);
                return -ENOMEM;
        }
        m->codes = grown;
        m->codes[m->n_codes++] = (hedged_model_code_t){ *cut, code };
        *ret = code;
        return 0;
}

/* A share is named by what it is made from, so that a board that kept it over the coordinator's restart is believed. A board keeps
 * it with the geometry of its parts, so it is for one shape of the model's inputs. */
static void name_share(const hedged_model_t *m, const hedged_layer_t *layer, const hedged_cut_t *cut, unsigned board,
                       hedge_digest_t *ret)
{
        crypto_generichash_state state;
        const uint32_t numbers[] = { layer->node, cut->scheme, cut->k_a,   cut->k_b,       m->slots,
                                     board,       cut->ell_a,  cut->ell_b, cut->systematic };

        crypto_generichash_init(&state, NULL, 0, sizeof(ret->bytes));
        crypto_generichash_update(&state, (const unsigned char *)"hedge share 3", 13);
        crypto_generichash_update(&state, m->graph->digest, sizeof(m->graph->digest));
        crypto_generichash_update(&state, (const unsigned char *)numbers, sizeof(numbers));
        for (uint32_t i = 0; i < m->graph->n_inputs; i++) {
                const hedge_shape_t *shape = &m->graph->values[m->graph->inputs[i]].shape;

                crypto_generichash_update(&state, (const unsigned char *)&shape->rank, sizeof(shape->rank));
                crypto_generichash_update(&state, (const unsigned char *)shape->dims,
                                          shape->rank * sizeof(shape->dims[0]));
        }
        if (cut->weighted)
                crypto_generichash_update(&state, (const unsigned char *)m->weights, m->slots * sizeof(m->weights[0]));
        crypto_generichash_final(&state, ret->bytes, sizeof(ret->bytes));
}

static int init_variant(hedged_model_t *m, hedged_layer_t *layer, const hedge_conv_t *conv, const hedged_cut_t *cut,
                        hedged_variant_t *v, hedge_why_t *why)
{
        int r = find_code(m, cut, &v->code, why);

        if (r < 0)
                return r;
        r = hedge_partition_init(&v->partition, conv, cut->k_a, cut->k_b);
        if (r < 0)
                return r;
        v->cut = *cut;
        v->digests = calloc(m->slots, sizeof(*v->digests));
        if (!v->digests)
                return -ENOMEM;
        for (unsigned board = 0; board < m->slots; board++)
                name_share(m, layer, cut, board, &v->digests[board]);
        return 0;
}

static int add_layer(hedged_model_t *m, uint32_t node_index, const hedged_cut_t *cuts, int n_cuts, hedge_why_t *why)
{
        const hedge_node_t *node = &m->graph->nodes[node_index];
        hedged_layer_t *layer = &m->layers[m->n_layers];

        layer->node = node_index;
        layer->name = node->name;
        layer->filter = &m->graph->values[node->inputs[1]];
        layer->bias = node->n_inputs > 2 ? m->graph->values[node->inputs[2]].data : NULL;
        m->layer_of_node[node_index] = m->n_layers++;
        for (; layer->n_variants < (unsigned)n_cuts; layer->n_variants++) {
                /* counted before it is filled: the destructor takes half-built ones */
                hedged_variant_t *v = &layer->variants[layer->n_variants];
                int r = init_variant(m, layer, &node->op.conv, &cuts[layer->n_variants], v, why);

                if (r < 0) {
                        layer->n_variants++;
                        return r;
                }
        }
        return 0;
}

const hedge_conv_t *hedged_model_conv(const hedge_graph_t *graph, uint32_t index)
{
        const hedge_node_t *node = &graph->nodes[index];

        return node->op.kind == HEDGE_OP_CONV && graph->values[node->inputs[0]].shape.dims[0] == 1 ? &node->op.conv
                                                                                                   : NULL;
}

static uint64_t filters_of(const hedge_graph_t *g)
{
        uint64_t n = 0;

        for (uint32_t i = 0; i < g->n_nodes; i++)
                if (hedged_model_conv(g, i))
                        n += hedge_conv_filter_elements(hedged_model_conv(g, i));
        return n;
}

hedged_budget_t hedged_model_budget(const hedged_config_t *config, const hedge_graph_t *graph)
{
        return (hedged_budget_t){ config->plan.share_bytes ? config->plan.share_bytes : UINT64_MAX, filters_of(graph) };
}

/* What a layer's shares take on the board that has most, of the variants that are always wanted. */
static uint64_t share_bytes(const hedged_model_t *m, const hedged_layer_t *layer)
{
        uint64_t most = 0;

        for (unsigned board = 0; board < m->slots; board++) {
                uint64_t bytes = 0;

                for (unsigned v = 0; v < layer->n_variants; v++)
                        if (layer->variants[v].cut.enough == 0)
                                bytes += hedged_variant_share_bytes(&layer->variants[v], board);
                most = bytes > most ? bytes : most;
        }
        return most;
}

static int plan_layer(hedged_model_t *m, uint32_t node, hedged_planner_t *planner, hedged_budget_t *budget,
                      hedge_why_t *why)
{
        const hedge_conv_t *conv = hedged_model_conv(m->graph, node);
        const char *name = m->graph->nodes[node].name;
        hedged_cut_t cuts[HEDGED_MAX_VARIANTS];
        uint64_t taken = 0;
        bool local = false;
        int n, r;

        if (planner)
                n = hedged_planner_cuts(planner, m->name, name, conv, hedged_budget_part(budget, conv), cuts, &local,
                                        why);
        else
                n = hedged_plan_layer(m->config, m->name, name, conv, cuts, why);
        if (n > 0) {
                r = add_layer(m, node, cuts, n, why);
                if (r < 0)
                        return r;
                atomic_store(&m->layers[m->n_layers - 1].preferred, local ? HEDGED_PREFER_LOCAL : HEDGED_PREFER_NONE);
                taken = share_bytes(m, &m->layers[m->n_layers - 1]);
        }
        hedged_budget_spend(budget, conv, taken);
        return n;
}

static int plan_layers(hedged_model_t *m, hedged_planner_t *planner, hedge_why_t *why)
{
        const hedge_graph_t *g = m->graph;
        hedged_budget_t budget = hedged_model_budget(m->config, g);
        int r = 0;

        m->layers = calloc(g->n_nodes ? g->n_nodes : 1, sizeof(*m->layers));
        m->layer_of_node = malloc((g->n_nodes ? g->n_nodes : 1) * sizeof(*m->layer_of_node));
        if (!m->layers || !m->layer_of_node)
                return -ENOMEM;
        for (uint32_t i = 0; i < g->n_nodes; i++) {
                m->layer_of_node[i] = HEDGE_NO_NODE;
                if (r >= 0 && hedged_model_conv(g, i))
                        r = plan_layer(m, i, planner, &budget, why);
        }
        return r < 0 ? r : 0;
}

/* With the planner, where the configuration wants it. */
static int plan_model(hedged_model_t *m, const hedged_speeds_t *speeds, double conv_error, hedge_why_t *why)
{
        hedged_planner_t *planner = NULL;
        int r = 0;

        if (m->config->plan.cut == HEDGED_CUT_MEASURED) {
                r = hedged_planner_new(m->config, speeds, m->config->plan.objective, conv_error, &planner);
                if (r == 0 && hedged_planner_weights(planner))
                        memcpy(m->weights, hedged_planner_weights(planner), m->slots * sizeof(m->weights[0]));
        }
        if (r == 0)
                r = plan_layers(m, planner, why);
        hedged_planner_destroy(&planner);
        return r;
}

static void destroy(hedged_model_t *m)
{
        for (unsigned i = 0; i < m->n_layers; i++)
                for (unsigned v = 0; v < m->layers[i].n_variants; v++)
                        free(m->layers[i].variants[v].digests);
        for (unsigned i = 0; i < m->n_codes; i++)
                hedge_code_destroy(&m->codes[i].code);
        free(m->codes);
        free(m->layers);
        free(m->layer_of_node);
        for (unsigned i = 0; i < m->n_blocks; i++)
                hedged_block_release(&m->blocks[i]);
        free(m->blocks);
        hedged_kept_chains_unref(&m->chains);
        pthread_mutex_destroy(&m->lock);
        hedge_engine_destroy(&m->engine);
        hedge_manifest_release(&m->manifest);
        hedged_constants_unref(&m->constants); /* after all that points into the graph */
        free(m);
}

int hedged_model_new(const hedged_config_t *config, const hedged_speeds_t *speeds, const char *name,
                     hedge_graph_t *graph, hedge_manifest_t *manifest, hedge_kernels_t *kernels, hedged_model_t **ret,
                     hedge_why_t *why)
{
        hedged_model_t *m = calloc(1, sizeof(*m));
        hedged_constants_t *constants = NULL;
        int r = hedged_constants_new(graph, &constants);

        if (!m || r < 0) {
                hedged_constants_unref(&constants);
                hedge_manifest_release(manifest);
                free(m);
                return -ENOMEM;
        }
        atomic_init(&m->references, 1);
        pthread_mutex_init(&m->lock, NULL);
        snprintf(m->name, sizeof(m->name), "%s", name);
        m->constants = constants;
        m->graph = graph;
        m->manifest = *manifest;
        memset(manifest, 0, sizeof(*manifest));
        if (graph->n_inputs)
                hedge_manifest_resolve(&m->manifest, &graph->values[graph->inputs[0]].shape);
        m->config = config;
        m->slots = (unsigned)config->cluster.slots;
        m->macs = hedge_graph_macs(graph);
        for (uint32_t i = 0; i < graph->n_values; i++)
                if (hedge_value_is_constant(&graph->values[i]))
                        m->parameters += hedge_shape_elements(&graph->values[i].shape);
        r = hedge_detect_check_graph(&m->manifest.output, graph, m->manifest.preprocess.nhwc, m->manifest.n_labels,
                                     why);
        if (r == 0)
                r = plan_model(m, speeds, hedge_kernels_conv_error(kernels), why);
        if (r == 0)
                r = hedged_segments_begin(m, speeds);
        if (r == 0)
                r = hedge_engine_new(graph, kernels, &m->engine);
        if (r < 0) {
                destroy(m);
                return r;
        }
        *ret = m;
        return 0;
}

hedged_model_t *hedged_model_ref(hedged_model_t *m)
{
        atomic_fetch_add(&m->references, 1);
        return m;
}

void hedged_model_unref(hedged_model_t **model)
{
        if (*model && atomic_fetch_sub(&(*model)->references, 1) == 1)
                destroy(*model);
        *model = NULL;
}

void hedged_model_set_unref(hedged_model_set_t *set)
{
        while (set->count > 0)
                hedged_model_unref(&set->models[--set->count]);
}

char *hedged_model_shapes(const hedged_model_t *m, char *buf, size_t size)
{
        const hedge_graph_t *g = m->graph;
        size_t used = 0;
        char shape[80];

        buf[0] = '\0';
        for (uint32_t i = 0; i < g->n_inputs && used < size; i++) {
                const hedge_value_t *input = &g->values[g->inputs[i]];

                used += (size_t)snprintf(buf + used, size - used, "%s%.80s=%s", i ? ", " : "", input->name,
                                         hedge_shape_text(&input->shape, shape, sizeof(shape)));
        }
        return buf;
}

bool hedged_model_takes(const hedged_model_t *m, const hedge_shape_t *inputs, uint32_t n)
{
        uint32_t runs;

        return n == m->graph->n_inputs && hedge_batch_runs(m->graph, inputs, n, &runs, NULL) == 0;
}

bool hedged_variant_holds(const hedged_variant_t *v, unsigned board)
{
        return atomic_load(&v->holders[board / 64]) >> (board % 64) & 1;
}

unsigned hedged_variant_holders(const hedged_variant_t *v)
{
        unsigned n = 0;

        for (size_t i = 0; i < sizeof(v->holders) / sizeof(v->holders[0]); i++)
                n += (unsigned)__builtin_popcountll(atomic_load(&v->holders[i]));
        return n;
}

hedged_kept_chains_t *hedged_model_chains(hedged_model_t *m)
{
        hedged_kept_chains_t *chains;

        pthread_mutex_lock(&m->lock);
        chains = m->chains ? hedged_kept_chains_ref(m->chains) : NULL;
        pthread_mutex_unlock(&m->lock);
        return chains;
}

void hedged_model_set_chains(hedged_model_t *m, hedged_kept_chains_t *chains)
{
        hedged_kept_chains_t *old;

        pthread_mutex_lock(&m->lock);
        old = m->chains;
        m->chains = chains;
        pthread_mutex_unlock(&m->lock);
        hedged_kept_chains_unref(&old);
}

const hedged_block_t *hedged_model_block(const hedged_model_t *m, uint32_t first, uint32_t last, unsigned board)
{
        const unsigned n = atomic_load(&m->n_blocks);

        for (unsigned i = 0; i < n; i++)
                if (hedged_block_covers(&m->blocks[i], first, last) && hedged_block_holds(&m->blocks[i], board))
                        return &m->blocks[i];
        return NULL;
}

/* What can be used now, whatever is preferred. */
static hedged_variant_t *first_held(hedged_layer_t *layer)
{
        for (unsigned i = 0; i < layer->n_variants; i++)
                if (hedged_variant_holders(&layer->variants[i]) >= layer->variants[i].cut.delta)
                        return &layer->variants[i];
        return NULL;
}

hedged_variant_t *hedged_layer_variant(hedged_layer_t *layer)
{
        const int preferred = atomic_load(&layer->preferred);

        if (preferred == HEDGED_PREFER_LOCAL)
                return NULL;
        if (preferred >= 0 &&
            hedged_variant_holders(&layer->variants[preferred]) >= layer->variants[preferred].cut.delta)
                return &layer->variants[preferred];
        return first_held(layer);
}

bool hedged_layer_ready(hedged_layer_t *layer)
{
        return atomic_load(&layer->preferred) == HEDGED_PREFER_LOCAL || first_held(layer);
}

size_t hedged_variant_share_bytes(const hedged_variant_t *v, unsigned board)
{
        return hedge_code_ell_b(v->code, board) * hedge_partition_filter_elements(&v->partition) * sizeof(float);
}

uint64_t hedged_variant_held_bytes(const hedged_variant_t *v, unsigned board)
{
        return hedged_variant_share_bytes(v, board) +
               HEDGE_HELD_OVERHEAD_BYTES * (1 + (uint64_t)hedge_code_ell_b(v->code, board));
}
