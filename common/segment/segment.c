/* SPDX-License-Identifier: Apache-2.0 */
#include "common/segment/segment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/segment/alive.h"
#include "common/segment/strip.h"

/* The edges of a run of nodes. */
typedef struct edges {
        uint32_t *in, *out, n_in, n_out;
} edges_t;

static bool is_run(const hedge_graph_t *g, uint32_t first, uint32_t last)
{
        return first <= last && last <= g->n_nodes;
}

static bool is_inside(const hedge_value_t *value, uint32_t first, uint32_t last)
{
        return value->producer != HEDGE_NO_NODE && value->producer >= first && value->producer < last;
}

static void find_edges(const hedge_graph_t *g, uint32_t first, uint32_t last, const uint32_t *until, bool *seen,
                       edges_t *edges)
{
        for (uint32_t i = first; i < last; i++) {
                const hedge_node_t *node = &g->nodes[i];

                for (uint32_t j = 0; j < node->n_inputs; j++) {
                        const uint32_t v = node->inputs[j];

                        if (seen[v] || !hedge_alive_moves(g, v) || is_inside(&g->values[v], first, last))
                                continue;
                        seen[v] = true;
                        edges->in[edges->n_in++] = v;
                }
                if (until[node->output] > last)
                        edges->out[edges->n_out++] = node->output;
        }
}

int hedge_segment_values(const hedge_graph_t *g, uint32_t first, uint32_t last, uint32_t **ret_in, uint32_t *ret_n_in,
                         uint32_t **ret_out, uint32_t *ret_n_out)
{
        const size_t room = g->n_values + (size_t)1;
        uint32_t *until;
        bool *seen;
        edges_t edges = { 0 };
        int r = -ENOMEM;

        if (!is_run(g, first, last))
                return -EINVAL;
        until = malloc(room * sizeof(*until));
        seen = calloc(room, sizeof(*seen));
        edges.in = malloc(room * sizeof(*edges.in));
        edges.out = malloc(room * sizeof(*edges.out));
        if (until && seen && edges.in && edges.out) {
                hedge_alive_until(g, until);
                find_edges(g, first, last, until, seen, &edges);
                *ret_in = edges.in;
                *ret_n_in = edges.n_in;
                *ret_out = edges.out;
                *ret_n_out = edges.n_out;
                edges = (edges_t){ 0 };
                r = 0;
        }
        free(until);
        free(seen);
        free(edges.in);
        free(edges.out);
        return r;
}

/* A piece being made: which value of the whole became which of the piece. */
typedef struct piece {
        const hedge_graph_t *whole;
        uint32_t first, last;
        uint32_t *number; /* per value of the whole; HEDGE_NO_VALUE: not in the piece */
        hedge_graph_t *graph;
} piece_t;

static hedge_value_t value_of_piece(const piece_t *piece, const hedge_value_t *value)
{
        hedge_value_t copy = *value;

        copy.lent = hedge_value_is_constant(value);
        copy.producer = is_inside(value, piece->first, piece->last) ? value->producer - piece->first : HEDGE_NO_NODE;
        copy.uses = 0;
        return copy;
}

static int copy_values(const piece_t *piece)
{
        const hedge_graph_t *g = piece->whole;
        uint32_t n = 0;

        memset(piece->number, 0xff, g->n_values * sizeof(*piece->number));
        for (uint32_t i = piece->first; i < piece->last; i++) {
                for (uint32_t j = 0; j < g->nodes[i].n_inputs; j++)
                        piece->number[g->nodes[i].inputs[j]] = 0;
                piece->number[g->nodes[i].output] = 0;
        }
        for (uint32_t v = 0; v < g->n_values; v++)
                if (piece->number[v] != HEDGE_NO_VALUE)
                        piece->number[v] = n++;
        piece->graph->values = calloc(n + (size_t)1, sizeof(*piece->graph->values));
        if (!piece->graph->values)
                return -ENOMEM;
        piece->graph->n_values = n;
        for (uint32_t v = 0; v < g->n_values; v++)
                if (piece->number[v] != HEDGE_NO_VALUE)
                        piece->graph->values[piece->number[v]] = value_of_piece(piece, &g->values[v]);
        return 0;
}

static int copy_nodes(const piece_t *piece)
{
        hedge_graph_t *to = piece->graph;

        to->nodes = calloc(piece->last - piece->first + (size_t)1, sizeof(*to->nodes));
        if (!to->nodes)
                return -ENOMEM;
        for (uint32_t i = piece->first; i < piece->last; i++) {
                const hedge_node_t *from = &piece->whole->nodes[i];
                hedge_node_t *node = &to->nodes[to->n_nodes];

                *node = *from;
                node->inputs = malloc((from->n_inputs + (size_t)1) * sizeof(*node->inputs));
                if (!node->inputs)
                        return -ENOMEM;
                to->n_nodes++;
                node->output = piece->number[from->output];
                for (uint32_t j = 0; j < from->n_inputs; j++) {
                        node->inputs[j] = piece->number[from->inputs[j]];
                        to->values[node->inputs[j]].uses++;
                }
        }
        return 0;
}

/* Which axes the file leaves open is known of its own inputs. */
static uint32_t open_axes(const hedge_graph_t *g, uint32_t value)
{
        for (uint32_t i = 0; g->open && i < g->n_inputs; i++)
                if (g->inputs[i] == value)
                        return g->open[i];
        return 0;
}

static int set_edges(const piece_t *piece, edges_t *edges)
{
        hedge_graph_t *to = piece->graph;

        to->open = calloc(edges->n_in + (size_t)1, sizeof(*to->open));
        if (!to->open)
                return -ENOMEM;
        for (uint32_t i = 0; i < edges->n_in; i++) {
                to->open[i] = open_axes(piece->whole, edges->in[i]);
                edges->in[i] = piece->number[edges->in[i]];
        }
        for (uint32_t i = 0; i < edges->n_out; i++) {
                edges->out[i] = piece->number[edges->out[i]];
                to->values[edges->out[i]].uses++;
        }
        to->inputs = edges->in;
        to->n_inputs = edges->n_in;
        to->outputs = edges->out;
        to->n_outputs = edges->n_out;
        *edges = (edges_t){ 0 };
        return 0;
}

static int make_piece(piece_t *piece)
{
        const hedge_graph_t *g = piece->whole;
        edges_t edges = { 0 };
        int r = hedge_segment_values(g, piece->first, piece->last, &edges.in, &edges.n_in, &edges.out, &edges.n_out);

        if (r == 0)
                r = copy_values(piece);
        if (r == 0)
                r = copy_nodes(piece);
        if (r == 0)
                r = set_edges(piece, &edges);
        memcpy(piece->graph->digest, g->digest, sizeof(g->digest));
        piece->graph->opset = g->opset;
        free(edges.in);
        free(edges.out);
        return r;
}

int hedge_segment_graph(const hedge_graph_t *g, uint32_t first, uint32_t last, const hedge_window_t *out,
                        hedge_graph_t **ret)
{
        piece_t piece = { g, first, last, NULL, NULL };
        int r = -ENOMEM;

        if (!is_run(g, first, last))
                return -EINVAL;
        if (out)
                return hedge_strip_graph(g, first, last, out, ret);
        piece.number = malloc((g->n_values + (size_t)1) * sizeof(*piece.number));
        piece.graph = calloc(1, sizeof(*piece.graph));
        if (piece.number && piece.graph)
                r = make_piece(&piece);
        if (r == 0)
                *ret = piece.graph;
        else
                hedge_graph_destroy(&piece.graph);
        free(piece.number);
        return r;
}
