/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_IMPORT_H
#define HEDGE_IMPORT_H

#include "common/model/graph.h"
#include "common/model/literal.h"
#include "common/model/names.h"
#include "common/model/onnx.h"

/** What the operators' handlers share while a model is imported: the ONNX values so far, the current node,
 * its inputs, attributes and outputs. */

/** A computed ONNX value: its ONNX ("logical") shape, and how it lies in memory. Axis i in memory is the logical axis
 * perm[i], so a transpose costs nothing until an operator insists on an order. */
typedef struct hedge_view {
        hedge_shape_t shape; /**< logical */
        hedge_element_t
                element; /**< what the model says its elements are; UNDEFINED on the way to hedge_import_set_view:
                                    the same as the node's first input's */
        uint32_t perm[HEDGE_MAX_RANK];
        uint32_t value; /**< of the graph; its shape is the permuted one */
        uint32_t rows;  /**< the value that tells which of the rows (logical axis 0) are there: rows.h; 0: all */
} hedge_view_t;

/** An ONNX value: known now (literal) or computed when the graph runs (view). */
typedef struct hedge_sym {
        const char *name;
        uint32_t refs;            /**< reads still to come; the literal goes with the last */
        hedge_literal_t *literal; /**< NULL for computed values */
        Onnx__TensorProto
                *bytes; /**< a constant of bytes, until a node reads it; NULL after that, and for all others */
        hedge_view_t view;
} hedge_sym_t;

/** The layout that a value of the graph was last converted to, so that it is converted once. */
typedef struct hedge_relaid {
        bool done;
        uint32_t perm[HEDGE_MAX_RANK];
        uint32_t value;
} hedge_relaid_t;

/** The names of a graph, or of a branch inside one, which also sees the names around it. */
typedef struct hedge_scope {
        hedge_names_t *names; /**< of syms */
        hedge_sym_t *syms;
        uint32_t n_syms;
        const struct hedge_scope *outer; /**< NULL: this is the whole graph's */
} hedge_scope_t;

typedef struct hedge_import {
        const hedge_onnx_limits_t *limits;
        hedge_budget_t budget;
        hedge_why_t *why;
        uint32_t opset;
        uint32_t
                pictures; /**< 0; else the graph is wanted for so many pictures, if its batch is open or may be taken apart */
        bool take_apart;      /**< also a batch that the file fixes */
        uint32_t batch;       /**< pictures of one run as the file and the caller say; 1: open; 0: there is no batch */
        hedge_proto_t *proto; /**< the file; what has been read of it is freed early */
        hedge_graph_t *graph;
        uint32_t value_room, node_room;
        hedge_relaid_t *relaid; /**< one per value */
        hedge_scope_t scope;
        const Onnx__NodeProto *node;   /**< the current one */
        uint64_t attr_read;            /**< bit i: its attribute i has been looked for */
        int attr_error;                /**< the first wrong attribute of the current node */
        struct hedge_kernels *kernels; /**< for what is computed now; NULL before the first */
} hedge_import_t;

/** Say what is wrong with the current node: "Conv 'conv1' (opset 9): ..." (between nodes only the dots). @return code. */
int hedge_import_fail(hedge_import_t *imp, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** Is the current node's operator this one? */
bool hedge_import_is(const hedge_import_t *imp, const char *op_type);

/** Is the input there (an empty name means it is not)? */
bool hedge_import_has(const hedge_import_t *imp, uint32_t i);

/** The node's input i. @return NULL if it is left out. Inputs that exist are defined: the caller of the handlers checks. */
hedge_sym_t *hedge_import_sym(const hedge_import_t *imp, uint32_t i);

/** The shape of input i, which is there. */
const hedge_shape_t *hedge_import_shape_of(const hedge_import_t *imp, uint32_t i);

/** The literal of input i. @return 0, or a refusal that says that `what` is not constant. */
int hedge_import_literal(hedge_import_t *imp, uint32_t i, const char *what, hedge_literal_t **ret);

/** The literal of input i, which is a shape: a list of at most HEDGE_MAX_RANK integers. @return 0, or a refusal. */
int hedge_import_extents(hedge_import_t *imp, uint32_t i, hedge_literal_t **ret);

/** The literal of input i for keeps: moved if this is its last reader, else copied. Call it last. */
int hedge_import_take(hedge_import_t *imp, uint32_t i, hedge_literal_t **ret);

/** One float of a literal input with one element. */
int hedge_import_scalar(hedge_import_t *imp, uint32_t i, const char *what, float *ret);

/** A list of integers. */
typedef struct hedge_ints {
        size_t n;
        const int64_t *v; /**< NULL if it is not given */
} hedge_ints_t;

/** Integers from input i if the node has it, else from the attribute (what later opsets made an input). */
int hedge_import_ints(hedge_import_t *imp, uint32_t i, const char *attribute, hedge_ints_t *ret);

/** The axes that integers name, one bit each; an axis named twice is an error. */
int hedge_import_axes(hedge_import_t *imp, const hedge_ints_t *axes, uint32_t rank, uint32_t *ret);

/** A possibly negative axis of a tensor of `rank` axes. */
int hedge_import_axis(hedge_import_t *imp, int64_t axis, uint32_t rank, uint32_t *ret);

/** What a Reduce operator takes its input's axes together to: those axes (a bit each) and the shape without them, or
 * with 1s. From opset 18 on (ReduceSum: 13) the axes are an input. */
int hedge_import_reduced(hedge_import_t *imp, const hedge_shape_t *in, uint32_t *ret_mask, hedge_shape_t *ret_out);

/** The input as a computed value; a literal becomes a constant of the graph. */
int hedge_import_view(hedge_import_t *imp, uint32_t i, hedge_view_t *ret);

/** Define output i. An output that nothing asks for is dropped. The literal is taken over, also on failure. */
int hedge_import_set_view(hedge_import_t *imp, uint32_t i, const hedge_view_t *view);
int hedge_import_set_literal(hedge_import_t *imp, uint32_t i, hedge_literal_t *literal);

/** What the elements of the node's input i are. UNDEFINED if it is left out. */
hedge_element_t hedge_import_element(const hedge_import_t *imp, uint32_t i);

/** The end of a handler: define output 0 as the view, unless r says that something went wrong. @return r, or as hedge_import_set_view. */
int hedge_import_pass_on(hedge_import_t *imp, int r, const hedge_view_t *view);

/** Does anything ask for output i? */
bool hedge_import_wanted(const hedge_import_t *imp, uint32_t i);

/** Attributes. One of the wrong type is remembered in attr_error, and the default returned. */
int64_t hedge_attr_int(hedge_import_t *imp, const char *name, int64_t otherwise);
float hedge_attr_float(hedge_import_t *imp, const char *name, float otherwise);
hedge_ints_t hedge_attr_ints(hedge_import_t *imp, const char *name);
/** The position of a string attribute in a NULL-terminated list; an unknown word is an error too. */
int hedge_attr_choice(hedge_import_t *imp, const char *name, const char *const *choices, int otherwise);
const Onnx__AttributeProto *hedge_attr_find(hedge_import_t *imp, const char *name);

/** A new literal; says so if the constants take too much. */
int hedge_import_new_literal(hedge_import_t *imp, const hedge_shape_t *shape, bool is_int, hedge_literal_t **ret);

#endif
