/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/tidy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/names.h"

#define GONE UINT32_MAX

/* keep[value]: something needs it. Nodes are in topological order, so one pass from the end finds all. */
static void mark(const hedge_graph_t *g, bool *keep)
{
        for (uint32_t i = 0; i < g->n_outputs; i++)
                keep[g->outputs[i]] = true;
        for (uint32_t i = 0; i < g->n_inputs; i++)
                keep[g->inputs[i]] = true;
        for (uint32_t i = g->n_nodes; i-- > 0;)
                for (uint32_t j = 0; keep[g->nodes[i].output] && j < g->nodes[i].n_inputs; j++)
                        keep[g->nodes[i].inputs[j]] = true;
}

/* Move the values that stay together; number[old] = new. */
static void prune_values(hedge_graph_t *g, const bool *keep, uint32_t *number)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < g->n_values; i++) {
                number[i] = keep[i] ? n : GONE;
                if (!keep[i]) {
                        free((void *)(uintptr_t)g->values[i].data);
                        hedge_narrow_destroy(&g->values[i].narrow);
                        continue;
                }
                if (n != i)
                        g->values[n] = g->values[i];
                g->values[n].uses = 0;
                g->values[n++].producer = HEDGE_NO_NODE;
        }
        g->n_values = n;
}

static void prune_nodes(hedge_graph_t *g, const uint32_t *number)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < g->n_nodes; i++) {
                hedge_node_t *node = &g->nodes[i];

                if (number[node->output] == GONE) {
                        free(node->inputs);
                        continue;
                }
                node->output = number[node->output];
                for (uint32_t j = 0; j < node->n_inputs; j++) {
                        node->inputs[j] = number[node->inputs[j]];
                        g->values[node->inputs[j]].uses++;
                }
                g->values[node->output].producer = n;
                if (n != i)
                        g->nodes[n] = *node;
                n++;
        }
        g->n_nodes = n;
}

int hedge_tidy_prune(hedge_graph_t *g)
{
        bool *keep = calloc(g->n_values + 1, sizeof(*keep));
        uint32_t *number = malloc((g->n_values + 1) * sizeof(*number));

        if (!keep || !number) {
                free(keep);
                free(number);
                return -ENOMEM;
        }
        mark(g, keep);
        prune_values(g, keep, number);
        prune_nodes(g, number);
        for (uint32_t i = 0; i < g->n_inputs; i++)
                g->inputs[i] = number[g->inputs[i]];
        for (uint32_t i = 0; i < g->n_outputs; i++) {
                g->outputs[i] = number[g->outputs[i]];
                g->values[g->outputs[i]].uses++;
        }
        free(keep);
        free(number);
        return 0;
}

static void make_printable(char *name)
{
        for (; *name; name++)
                if (*name < 32 || *name > 126)
                        *name = '?';
}

int hedge_tidy_names(hedge_graph_t *g)
{
        hedge_names_t *names;
        int r = hedge_names_new(g->n_nodes + 1, &names);

        if (r < 0)
                return r;
        for (uint32_t i = 0; i < g->n_nodes; i++) {
                hedge_node_t *node = &g->nodes[i];
                char base[HEDGE_NAME_MAX];
                uint64_t suffix = i;

                make_printable(node->name);
                memcpy(base, node->name, sizeof(base));
                for (; hedge_names_find(names, node->name) != HEDGE_NO_NAME; suffix += g->n_nodes)
                        snprintf(node->name, sizeof(node->name), "%.230s#%llu", base, (unsigned long long)suffix);
                hedge_names_add(names, node->name, i);
                if (!g->values[node->output].name[0])
                        memcpy(g->values[node->output].name, node->name, HEDGE_NAME_MAX);
        }
        hedge_names_destroy(&names);
        return 0;
}

static uint64_t bytes_of(const hedge_graph_t *g, uint32_t value)
{
        return (uint64_t)hedge_shape_elements(&g->values[value].shape) * sizeof(float);
}

int hedge_tidy_check_memory(const hedge_graph_t *g, uint64_t max_bytes, hedge_why_t *why)
{
        uint32_t *left = malloc((g->n_values + 1) * sizeof(*left));
        uint64_t live = 0;
        int r = 0;

        if (!left)
                return hedge_why(why, -ENOMEM, "out of memory");
        for (uint32_t i = 0; i < g->n_values; i++)
                left[i] = g->values[i].uses;
        for (uint32_t i = 0; r == 0 && i < g->n_nodes; i++) {
                const hedge_node_t *node = &g->nodes[i];

                live += bytes_of(g, node->output);
                if (live > max_bytes)
                        r = hedge_why(why, HEDGE_ELIMIT, "running the model would take more than %llu bytes at once",
                                      (unsigned long long)max_bytes);
                for (uint32_t j = 0; j < node->n_inputs; j++)
                        if (--left[node->inputs[j]] == 0 && g->values[node->inputs[j]].producer != HEDGE_NO_NODE)
                                live -= bytes_of(g, node->inputs[j]);
        }
        free(left);
        return r;
}
