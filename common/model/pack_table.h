/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_PACK_TABLE_H
#define HEDGE_PACK_TABLE_H

#include "common/model/graph.h"
#include "common/record/field.h"

/** What a packed graph consists of, as tables of fields. */

typedef struct hedge_pack_value {
        char name[HEDGE_NAME_MAX];
        hedge_shape_t shape;
        uint32_t element;
        bool marked, constant;
        uint32_t narrow_rows; /**< of a constant in bytes; 0: it is in floats */
        bool narrow_signed;
} hedge_pack_value_t;

/** All but the nodes, each of which has a record of its own kind. */
typedef struct hedge_pack_program {
        uint32_t version;
        uint32_t n_values;
        hedge_pack_value_t *values;
        uint32_t n_inputs;
        uint32_t *inputs;
        uint32_t n_outputs;
        uint32_t *outputs;
} hedge_pack_program_t;

extern const hedge_record_t hedge_pack_program;

/** The fields of a hedge_node_t with an operator of this kind, but for the kind itself; the record's name is the kind's. */
hedge_record_t hedge_pack_node(hedge_op_kind_t kind);

/** The kind of a name of `size` bytes, or HEDGE_OP_KINDS. */
hedge_op_kind_t hedge_pack_kind(const char *name, size_t size);

#endif
