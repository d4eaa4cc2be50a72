/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/pack.h"

#include <errno.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/pack_table.h"
#include "common/record/guard.h"
#include "common/record/pack.h"

static void pack_text(msgpack_packer *packer, const char *text)
{
        msgpack_pack_str(packer, strlen(text));
        msgpack_pack_str_body(packer, text, strlen(text));
}

static hedge_pack_value_t describe_value(const hedge_value_t *v)
{
        hedge_pack_value_t value = { .shape = v->shape,
                                     .element = v->element,
                                     .marked = v->marked,
                                     .constant = hedge_value_is_constant(v) || v->lent,
                                     .narrow_rows = v->narrow ? v->narrow->rows : 0,
                                     .narrow_signed = v->narrow && v->narrow->is_signed };

        memcpy(value.name, v->name, sizeof(value.name));
        return value;
}

static int pack_node(msgpack_packer *packer, const hedge_node_t *node)
{
        hedge_record_t record = hedge_pack_node(node->op.kind);

        msgpack_pack_map(packer, 1 + hedge_pack_count(&record, node));
        pack_text(packer, "op");
        pack_text(packer, record.name);
        return hedge_pack_fields(packer, &record, node);
}

static int pack_program(msgpack_packer *packer, const hedge_graph_t *g, const hedge_pack_program_t *program)
{
        int r;

        msgpack_pack_map(packer, 1 + hedge_pack_count(&hedge_pack_program, program));
        r = hedge_pack_fields(packer, &hedge_pack_program, program);
        pack_text(packer, "nodes");
        msgpack_pack_array(packer, g->n_nodes);
        for (uint32_t i = 0; r == 0 && i < g->n_nodes; i++)
                r = pack_node(packer, &g->nodes[i]);
        return r;
}

static bool is_packable(const hedge_graph_t *g)
{
        return g->n_values <= HEDGE_PACK_VALUES && g->n_nodes <= HEDGE_PACK_NODES && g->n_inputs <= HEDGE_PACK_EDGES &&
               g->n_outputs <= HEDGE_PACK_EDGES && hedge_graph_constants(g, NULL) <= HEDGE_PACK_CONSTANTS;
}

int hedge_graph_pack(const hedge_graph_t *g, void **ret, size_t *ret_size)
{
        hedge_pack_program_t program = { HEDGE_PACK_VERSION, g->n_values,  NULL,      g->n_inputs,
                                         g->inputs,          g->n_outputs, g->outputs };
        hedge_writer_t writer;
        msgpack_packer packer;
        int r;

        if (!is_packable(g))
                return HEDGE_ELIMIT;
        program.values = malloc(((size_t)g->n_values + 1) * sizeof(*program.values));
        if (!program.values)
                return -ENOMEM;
        for (uint32_t i = 0; i < g->n_values; i++)
                program.values[i] = describe_value(&g->values[i]);
        hedge_writer_begin(&writer, &packer);
        r = pack_program(&packer, g, &program);
        free(program.values);
        if (r == 0 && writer.failed)
                r = -ENOMEM;
        if (r == 0)
                r = hedge_guard(writer.buffer.data, writer.buffer.size, NULL); /* as who unpacks it does */
        if (r < 0) {
                msgpack_sbuffer_destroy(&writer.buffer);
                return r;
        }
        *ret_size = writer.buffer.size;
        *ret = msgpack_sbuffer_release(&writer.buffer);
        return 0;
}
