/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/names.h"
#include "common/model/pack.h"
#include "common/model/pack_table.h"
#include "common/model/tidy.h"
#include "common/record/unpack.h"

/* A graph as it grows. What is there is allocated, and of it what is counted is filled, so that it can be destroyed at any time. */
typedef struct reader {
        hedge_graph_t *graph;
        hedge_unpacker_t *unpacker; /* lists live there until they are copied */
        uint64_t max_elements;
        hedge_names_t *names;  /* of nodes */
        bool *known;           /* per value: a constant, given, or computed by a node that was read */
        hedge_shape_t *shapes; /* room for the inputs of any node */
        hedge_why_t *why;
} reader_t;

static int no_memory(const reader_t *reader)
{
        return hedge_why(reader->why, -ENOMEM, "graph: no memory");
}

/* A constant, whose data is lent later. */
static int open_constant(reader_t *reader, const hedge_pack_value_t *from, uint32_t i)
{
        hedge_value_t *v = &reader->graph->values[i];

        reader->known[i] = true;
        if (from->narrow_rows == 0) {
                v->lent = true;
                return 0;
        }
        if (from->narrow_rows != 1 && (v->shape.rank == 0 || from->narrow_rows != v->shape.dims[0]))
                return hedge_why(reader->why, HEDGE_EMALFORMED, "graph: values[%u]: %u rows of bytes, which it has not",
                                 i, from->narrow_rows);
        if (hedge_narrow_new_lent(hedge_shape_elements(&v->shape), from->narrow_rows, from->narrow_signed, &v->narrow) <
            0)
                return no_memory(reader);
        return 0;
}

static int open_value(reader_t *reader, const hedge_pack_value_t *from, uint32_t i)
{
        hedge_value_t *v = &reader->graph->values[i];

        *v = (hedge_value_t){ .shape = from->shape,
                              .element = (hedge_element_t)from->element,
                              .marked = from->marked,
                              .producer = HEDGE_NO_NODE };
        memcpy(v->name, from->name, sizeof(v->name));
        if (hedge_shape_elements(&v->shape) == 0)
                return hedge_why(reader->why, HEDGE_ESHAPE, "graph: values[%u]: it is empty", i);
        if (hedge_shape_elements(&v->shape) > reader->max_elements)
                return hedge_why(reader->why, HEDGE_ELIMIT, "graph: values[%u]: more than %llu elements", i,
                                 (unsigned long long)reader->max_elements);
        if (v->marked && v->shape.rank == 0)
                return hedge_why(reader->why, HEDGE_ESHAPE, "graph: values[%u]: no rows that could be marked", i);
        return from->constant ? open_constant(reader, from, i) : 0;
}

static int read_values(reader_t *reader, const hedge_pack_program_t *program)
{
        hedge_graph_t *g = reader->graph;
        int r = 0;

        g->values = calloc((size_t)program->n_values + 1, sizeof(*g->values));
        reader->known = calloc((size_t)program->n_values + 1, sizeof(*reader->known));
        if (!g->values || !reader->known)
                return no_memory(reader);
        for (uint32_t i = 0; r == 0 && i < program->n_values; i++) {
                g->n_values = i + 1;
                r = open_value(reader, &program->values[i], i);
        }
        if (r == 0 && hedge_graph_constants(g, NULL) > HEDGE_PACK_CONSTANTS)
                r = hedge_why(reader->why, HEDGE_ELIMIT, "graph: more than %u constants", HEDGE_PACK_CONSTANTS);
        return r;
}

static int read_inputs(reader_t *reader, const hedge_pack_program_t *program)
{
        hedge_graph_t *g = reader->graph;

        g->inputs = calloc((size_t)program->n_inputs + 1, sizeof(*g->inputs));
        g->open = calloc((size_t)program->n_inputs + 1, sizeof(*g->open));
        if (!g->inputs || !g->open)
                return no_memory(reader);
        for (uint32_t i = 0; i < program->n_inputs; i++) {
                uint32_t value = program->inputs[i];

                if (value >= g->n_values || reader->known[value])
                        return hedge_why(reader->why, HEDGE_EMALFORMED,
                                         "graph: inputs[%u]: value %u is not there, a constant or an input already", i,
                                         value);
                reader->known[value] = true;
                g->inputs[i] = value;
        }
        g->n_inputs = program->n_inputs;
        return 0;
}

/* Only what a node computes, and each value once: an answer has memory of its own. */
static int read_outputs(reader_t *reader, const hedge_pack_program_t *program)
{
        hedge_graph_t *g = reader->graph;
        bool *taken = reader->known; /* which is not asked for any more */

        memset(taken, 0, g->n_values * sizeof(*taken));
        g->outputs = calloc((size_t)program->n_outputs + 1, sizeof(*g->outputs));
        if (!g->outputs)
                return no_memory(reader);
        for (uint32_t i = 0; i < program->n_outputs; i++) {
                uint32_t value = program->outputs[i];

                if (value >= g->n_values || g->values[value].producer == HEDGE_NO_NODE || taken[value])
                        return hedge_why(reader->why, HEDGE_EMALFORMED,
                                         "graph: outputs[%u]: value %u is not computed, or an output already", i,
                                         value);
                taken[value] = true;
                g->values[value].uses++;
                g->outputs[i] = value;
        }
        g->n_outputs = program->n_outputs;
        return 0;
}

/* Filters, weights and biases are packed for kernels before anything runs, and only filters and weights may be in bytes. */
static int check_constants(const reader_t *reader, const hedge_node_t *node)
{
        bool packs = node->op.kind == HEDGE_OP_CONV || node->op.kind == HEDGE_OP_FULLY_CONNECTED;

        for (uint32_t j = 0; j < node->n_inputs; j++) {
                const hedge_value_t *v = &reader->graph->values[node->inputs[j]];

                if (packs && j > 0 && !v->lent && !v->narrow)
                        return hedge_why(reader->why, HEDGE_EMALFORMED, "%s: input %u must be a constant",
                                         hedge_op_title(&node->op), j);
                if (v->narrow && (!packs || j != 1))
                        return hedge_why(reader->why, HEDGE_EMALFORMED, "%s: input %u cannot be in bytes",
                                         hedge_op_title(&node->op), j);
        }
        return 0;
}

static int check_shapes(const reader_t *reader, const hedge_node_t *node)
{
        const hedge_shape_t *stated = &reader->graph->values[node->output].shape;
        char a[80], b[80];
        hedge_shape_t shape;
        int r;

        for (uint32_t j = 0; j < node->n_inputs; j++)
                reader->shapes[j] = reader->graph->values[node->inputs[j]].shape;
        r = hedge_op_infer(&node->op, reader->shapes, node->n_inputs, &shape, reader->why);
        if (r == 0 && !hedge_shape_equal(&shape, stated))
                r = hedge_why(reader->why, HEDGE_ESHAPE, "%s: its result is %s, not %s", hedge_op_title(&node->op),
                              hedge_shape_text(&shape, a, sizeof(a)), hedge_shape_text(stated, b, sizeof(b)));
        return r;
}

static int check_name(const reader_t *reader, const hedge_node_t *node)
{
        for (const char *c = node->name; *c; c++)
                if (*c < 32 || *c > 126)
                        return hedge_why(reader->why, HEDGE_EMALFORMED, "its name is not printable");
        if (hedge_names_find(reader->names, node->name) != HEDGE_NO_NAME)
                return hedge_why(reader->why, HEDGE_EMALFORMED, "another one is called '%.60s'", node->name);
        return 0;
}

/* What it reads is there, what it computes is not. */
static int check_values(const reader_t *reader, const hedge_node_t *node)
{
        const hedge_graph_t *g = reader->graph;

        for (uint32_t j = 0; j < node->n_inputs; j++)
                if (node->inputs[j] >= g->n_values || !reader->known[node->inputs[j]])
                        return hedge_why(reader->why, HEDGE_EMALFORMED, "%s: value %u is not there when it is read",
                                         hedge_op_title(&node->op), node->inputs[j]);
        if (node->output >= g->n_values || reader->known[node->output])
                return hedge_why(reader->why, HEDGE_EMALFORMED, "%s: value %u is not one to be computed",
                                 hedge_op_title(&node->op), node->output);
        return 0;
}

static void link_node(reader_t *reader, uint32_t i)
{
        hedge_graph_t *g = reader->graph;
        const hedge_node_t *node = &g->nodes[i];

        for (uint32_t j = 0; j < node->n_inputs; j++)
                g->values[node->inputs[j]].uses++;
        g->values[node->output].producer = i;
        reader->known[node->output] = true;
        hedge_names_add(reader->names, node->name, i);
}

static int parse_node(reader_t *reader, const msgpack_object *map, hedge_node_t *ret)
{
        const msgpack_object *op = map->type == MSGPACK_OBJECT_MAP ? hedge_unpack_find(map, "op") : NULL;
        hedge_node_t node = { .name = "" };
        hedge_record_t record;
        uint32_t *inputs;
        int r;

        if (!op || op->type != MSGPACK_OBJECT_STR)
                return hedge_why(reader->why, HEDGE_EMALFORMED, "no operator");
        node.op.kind = hedge_pack_kind(op->via.str.ptr, op->via.str.size);
        if (node.op.kind == HEDGE_OP_KINDS)
                return hedge_why(reader->why, HEDGE_EMALFORMED, "an unknown operator");
        record = hedge_pack_node(node.op.kind);
        r = hedge_unpack_record(reader->unpacker, &record, map, &node);
        if (r < 0)
                return r;
        inputs = malloc(node.n_inputs * sizeof(*inputs));
        if (!inputs)
                return no_memory(reader);
        memcpy(inputs, node.inputs, node.n_inputs * sizeof(*inputs));
        node.inputs = inputs;
        *ret = node;
        return 0;
}

static int read_node(reader_t *reader, const msgpack_object *map, uint32_t i)
{
        hedge_graph_t *g = reader->graph;
        hedge_node_t *node = &g->nodes[i];
        int r = parse_node(reader, map, node);

        if (r < 0)
                return r;
        g->n_nodes = i + 1;
        r = check_values(reader, node);
        if (r == 0)
                r = check_constants(reader, node);
        if (r == 0)
                r = check_shapes(reader, node);
        if (r == 0)
                r = check_name(reader, node);
        if (r == 0)
                link_node(reader, i);
        return r;
}

static int read_nodes(reader_t *reader, const msgpack_object *root)
{
        const msgpack_object *nodes = hedge_unpack_find(root, "nodes");
        hedge_graph_t *g = reader->graph;
        hedge_why_t *why = reader->why, problem = { "" };
        uint32_t n = nodes && nodes->type == MSGPACK_OBJECT_ARRAY ? nodes->via.array.size : 0;
        int r = 0;

        if (n == 0 || n > HEDGE_PACK_NODES)
                return hedge_why(why, n ? HEDGE_ELIMIT : HEDGE_EMALFORMED, "graph: nodes: %u of them", n);
        g->nodes = calloc(n, sizeof(*g->nodes));
        if (!g->nodes || hedge_names_new(n, &reader->names) < 0)
                return no_memory(reader);
        reader->why = reader->unpacker->why = &problem;
        for (uint32_t i = 0; r == 0 && i < n; i++) {
                r = read_node(reader, &nodes->via.array.ptr[i], i);
                if (r < 0)
                        hedge_why(why, r, "graph: nodes[%u]: %s", i, problem.text);
        }
        reader->why = reader->unpacker->why = why;
        return r;
}

static int check_all_known(const reader_t *reader)
{
        for (uint32_t i = 0; i < reader->graph->n_values; i++)
                if (!reader->known[i])
                        return hedge_why(reader->why, HEDGE_EMALFORMED, "graph: values[%u]: nothing gives it", i);
        return 0;
}

static int check_memory(const reader_t *reader)
{
        const hedge_graph_t *g = reader->graph;
        uint64_t most = reader->max_elements, constants = 0, inputs = 0;

        for (uint32_t i = 0; i < g->n_values; i++)
                if (g->values[i].lent || g->values[i].narrow)
                        constants += hedge_shape_elements(&g->values[i].shape);
        for (uint32_t i = 0; i < g->n_inputs; i++)
                inputs += hedge_shape_elements(&g->values[g->inputs[i]].shape);
        if (constants > most || inputs > most)
                return hedge_why(reader->why, HEDGE_ELIMIT, "graph: more than %llu elements of constants or of inputs",
                                 (unsigned long long)most);
        return hedge_tidy_check_memory(g, most < UINT64_MAX / sizeof(float) ? most * sizeof(float) : UINT64_MAX,
                                       reader->why);
}

static int read_program(reader_t *reader, const msgpack_object *root)
{
        hedge_pack_program_t program = { 0 };
        int r = hedge_unpack_record(reader->unpacker, &hedge_pack_program, root, &program);

        if (r == 0 && program.version != HEDGE_PACK_VERSION)
                r = hedge_why(reader->why, HEDGE_EVERSION, "graph: version %u of operators, but here it is %u",
                              program.version, HEDGE_PACK_VERSION);
        if (r == 0)
                r = read_values(reader, &program);
        if (r == 0)
                r = read_inputs(reader, &program);
        if (r == 0)
                r = read_nodes(reader, root);
        if (r == 0)
                r = check_all_known(reader);
        if (r == 0)
                r = read_outputs(reader, &program);
        return r < 0 ? r : check_memory(reader);
}

static int read_graph(const msgpack_object *root, uint64_t max_elements, hedge_graph_t **ret, hedge_why_t *why)
{
        hedge_unpacker_t unpacker = { .why = why };
        reader_t reader = { .graph = calloc(1, sizeof(*reader.graph)),
                            .unpacker = &unpacker,
                            .max_elements = max_elements,
                            .shapes = malloc(HEDGE_PACK_NODE_INPUTS * sizeof(*reader.shapes)),
                            .why = why };
        int r = reader.graph && reader.shapes ? 0 : no_memory(&reader);

        if (r == 0)
                r = read_program(&reader, root);
        if (r == 0) {
                *ret = reader.graph;
                reader.graph = NULL;
        }
        hedge_graph_destroy(&reader.graph);
        if (reader.names)
                hedge_names_destroy(&reader.names);
        if (unpacker.storage)
                msgpack_zone_free(unpacker.storage);
        free(reader.known);
        free(reader.shapes);
        return r;
}

int hedge_graph_unpack(const void *bytes, size_t size, uint64_t max_elements, hedge_graph_t **ret, hedge_why_t *why)
{
        msgpack_unpacked unpacked;
        hedge_why_t problem = { "" };
        int r = hedge_unpack_bytes(bytes, size, &unpacked, &problem);

        if (r < 0)
                return hedge_why(why, r, "graph: %s", problem.text);
        if (unpacked.data.type != MSGPACK_OBJECT_MAP)
                r = hedge_why(why, HEDGE_EMALFORMED, "graph: not a map");
        else
                r = read_graph(&unpacked.data, max_elements, ret, why);
        msgpack_unpacked_destroy(&unpacked);
        return r;
}
