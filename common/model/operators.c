/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/operators.h"

#include <stdlib.h>
#include <string.h>

#include "common/model/microsoft.h"

#define MANY   4096
#define NEWEST HEDGE_NEWEST_OPSET

static const hedge_operator_t operators[] = {
        { "Abs", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Acos", 7, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Acosh", 9, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Add", 1, NEWEST, 2, 2, hedge_import_binary, hedge_eval_binary, NULL },
        { "AffineGrid", 20, NEWEST, 2, 2, hedge_import_affine_grid, NULL, "the size must be constant" },
        { "And", 1, NEWEST, 2, 2, hedge_import_compare, hedge_eval_compare, NULL },
        { "ArgMax", 1, NEWEST, 1, 1, hedge_import_arg_extreme, NULL, NULL },
        { "ArgMin", 1, NEWEST, 1, 1, hedge_import_arg_extreme, NULL, NULL },
        { "Asin", 7, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Asinh", 9, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Atan", 7, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Atanh", 9, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "AveragePool", 1, NEWEST, 1, 1, hedge_import_average_pool, NULL, "one to three spatial axes" },
        { "BatchNormalization", 1, NEWEST, 5, 5, hedge_import_batch_norm, NULL, "not in training mode" },
        { "BitShift", 11, NEWEST, 2, 2, hedge_import_bit_shift, hedge_eval_remainder, NULL },
        { "Cast", 1, NEWEST, 1, 1, hedge_import_cast, NULL, "not of or to strings" },
        { "CastLike", 15, NEWEST, 2, 2, hedge_import_cast, NULL, "not of or to strings" },
        { "Ceil", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Celu", 12, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Clip", 1, NEWEST, 1, 3, hedge_import_clip, NULL, NULL },
        { "Compress", 9, NEWEST, 2, 2, hedge_import_compress, NULL, "the condition must be constant" },
        { "Concat", 1, NEWEST, 1, MANY, hedge_import_concat, hedge_eval_concat, NULL },
        { "Constant", 1, NEWEST, 0, 0, NULL, hedge_eval_constant, "not strings, not sparse" },
        { "ConstantOfShape", 9, NEWEST, 1, 1, NULL, hedge_eval_constant_of_shape, "the shape must be constant" },
        { "Conv", 1, NEWEST, 2, 3, hedge_import_conv, NULL,
          "one to three spatial axes; filter and bias must be constant" },
        { "ConvInteger", 10, NEWEST, 2, 4, hedge_import_conv_integer, NULL,
          "one or two spatial axes; the filter must be constant; sums that may pass 2^24 only as floats" },
        { "ConvTranspose", 1, NEWEST, 2, 3, hedge_import_conv_transpose, NULL,
          "one to three spatial axes; filter and bias must be constant" },
        { "Cos", 7, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Cosh", 9, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "CumSum", 11, NEWEST, 2, 2, hedge_import_cum_sum, NULL, "the axis must be constant" },
        { "DepthToSpace", 1, NEWEST, 1, 1, hedge_import_depth_to_space, NULL, NULL },
        { "DequantizeLinear", 10, NEWEST, 2, 3, hedge_import_dequantize_linear, hedge_eval_dequantize_linear,
          "of 8, 16 and 32 bits" },
        { "Div", 1, NEWEST, 2, 2, hedge_import_binary, hedge_eval_binary, NULL },
        { "Dropout", 1, NEWEST, 1, 3, hedge_import_dropout, NULL, "not in training mode" },
        { "DynamicQuantizeLinear", 11, NEWEST, 1, 1, hedge_import_dynamic_quantize_linear, NULL, NULL },
        { "Elu", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Equal", 1, NEWEST, 2, 2, hedge_import_compare, hedge_eval_compare, NULL },
        { "Erf", 9, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Exp", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Expand", 8, NEWEST, 2, 2, hedge_import_expand, NULL, "the shape must be constant" },
        { "Flatten", 1, NEWEST, 1, 1, hedge_import_flatten, NULL, NULL },
        { "Floor", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Gather", 1, NEWEST, 2, 2, hedge_import_gather, hedge_eval_gather, NULL },
        { "GatherElements", 11, NEWEST, 2, 2, hedge_import_gather_elements, NULL, NULL },
        { "GatherND", 11, NEWEST, 2, 2, hedge_import_gather_nd, NULL, NULL },
        { "Gelu", 20, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Gemm", 1, NEWEST, 2, 3, hedge_import_gemm, NULL, NULL },
        { "GlobalAveragePool", 1, NEWEST, 1, 1, hedge_import_global_pool, NULL, "one to three spatial axes" },
        { "GlobalLpPool", 1, NEWEST, 1, 1, hedge_import_global_lp_pool, NULL, NULL },
        { "GlobalMaxPool", 1, NEWEST, 1, 1, hedge_import_global_pool, NULL, "one to three spatial axes" },
        { "Greater", 1, NEWEST, 2, 2, hedge_import_compare, hedge_eval_compare, NULL },
        { "GreaterOrEqual", 12, NEWEST, 2, 2, hedge_import_compare, hedge_eval_compare, NULL },
        { "GridSample", 16, NEWEST, 2, 2, hedge_import_grid_sample, NULL, NULL },
        { "GroupNormalization", 18, NEWEST, 3, 3, hedge_import_group_norm, NULL, "up to three spatial axes" },
        { "HardSigmoid", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "HardSwish", 14, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Identity", 1, NEWEST, 1, 1, hedge_import_identity, NULL, NULL },
        { "If", 1, NEWEST, 1, 1, hedge_import_if, NULL, "the condition must be constant" },
        { "InstanceNormalization", 1, NEWEST, 3, 3, hedge_import_instance_norm, NULL, NULL },
        { "IsInf", 10, NEWEST, 1, 1, hedge_import_test, NULL, NULL },
        { "IsNaN", 9, NEWEST, 1, 1, hedge_import_test, NULL, NULL },
        { "LRN", 1, NEWEST, 1, 1, hedge_import_lrn, NULL, "images" },
        { "LayerNormalization", 17, NEWEST, 2, 3, hedge_import_layer_norm, NULL, NULL },
        { "LeakyRelu", 1, NEWEST, 1, 1, hedge_import_leaky_relu, NULL, NULL },
        { "Less", 1, NEWEST, 2, 2, hedge_import_compare, hedge_eval_compare, NULL },
        { "LessOrEqual", 12, NEWEST, 2, 2, hedge_import_compare, hedge_eval_compare, NULL },
        { "Log", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "LogSoftmax", 1, NEWEST, 1, 1, hedge_import_softmax, NULL, NULL },
        { "LpNormalization", 1, NEWEST, 1, 1, hedge_import_lp_norm, NULL, NULL },
        { "LpPool", 1, NEWEST, 1, 1, hedge_import_lp_pool, NULL, "one or two spatial axes" },
        { "MatMul", 1, NEWEST, 2, 2, hedge_import_matmul, NULL, NULL },
        { "MatMulInteger", 10, NEWEST, 2, 4, hedge_import_matmul_integer, NULL,
          "sums that may pass 2^24 only as floats" },
        { "Max", 1, NEWEST, 1, MANY, hedge_import_min_max, hedge_eval_binary, NULL },
        { "MaxPool", 1, NEWEST, 1, 1, hedge_import_max_pool, NULL,
          "one to three spatial axes; indices of one and two" },
        { "MaxUnpool", 9, NEWEST, 2, 3, hedge_import_max_unpool, NULL, "output_shape must be constant" },
        { "Mean", 1, NEWEST, 1, MANY, hedge_import_sum, NULL, NULL },
        { "MeanVarianceNormalization", 9, NEWEST, 1, 1, hedge_import_mean_variance_norm, NULL, NULL },
        { "Min", 1, NEWEST, 1, MANY, hedge_import_min_max, hedge_eval_binary, NULL },
        { "Mish", 18, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Mod", 10, NEWEST, 2, 2, hedge_import_mod, hedge_eval_remainder, NULL },
        { "Mul", 1, NEWEST, 2, 2, hedge_import_binary, hedge_eval_binary, NULL },
        { "Neg", 1, NEWEST, 1, 1, hedge_import_neg, hedge_eval_unary, NULL },
        { "NonMaxSuppression", 10, NEWEST, 2, 5, hedge_import_non_max_suppression, NULL,
          "the limits must be constant; what follows must treat every row by itself" },
        { "NonZero", 9, NEWEST, 1, 1, NULL, hedge_eval_non_zero, "of constants" },
        { "Not", 1, NEWEST, 1, 1, hedge_import_test, NULL, NULL },
        { "OneHot", 9, NEWEST, 3, 3, hedge_import_one_hot, NULL, "the depth must be constant" },
        { "Or", 1, NEWEST, 2, 2, hedge_import_compare, hedge_eval_compare, NULL },
        { "PRelu", 1, NEWEST, 2, 2, hedge_import_prelu, NULL, NULL },
        { "Pad", 1, NEWEST, 1, 4, hedge_import_pad, NULL, "pads and value must be constant" },
        { "Pow", 1, NEWEST, 2, 2, hedge_import_pow, NULL, NULL },
        { "QLinearConv", 10, NEWEST, 8, 9, hedge_import_qlinear_conv, NULL,
          "one or two spatial axes; filter, bias, scales and zero points of filter and result must be constant" },
        { "QLinearMatMul", 10, NEWEST, 8, 8, hedge_import_qlinear_matmul, NULL,
          "scales and the result's zero point must be constant" },
        { "QuantizeLinear", 10, NEWEST, 2, 3, hedge_import_quantize_linear, hedge_eval_quantize_linear,
          "to 8 and 16 bits" },
        { "RMSNormalization", 23, NEWEST, 2, 2, hedge_import_layer_norm, NULL, NULL },
        { "Range", 11, NEWEST, 3, 3, NULL, hedge_eval_range, "of constants" },
        { "Reciprocal", 1, NEWEST, 1, 1, hedge_import_reciprocal, hedge_eval_unary, NULL },
        { "ReduceL1", 1, NEWEST, 1, 2, hedge_import_reduce, hedge_eval_reduce, "axes must be constant" },
        { "ReduceL2", 1, NEWEST, 1, 2, hedge_import_reduce, hedge_eval_reduce, "axes must be constant" },
        { "ReduceLogSum", 1, NEWEST, 1, 2, hedge_import_reduce, hedge_eval_reduce, "axes must be constant" },
        { "ReduceLogSumExp", 1, NEWEST, 1, 2, hedge_import_reduce, hedge_eval_reduce, "axes must be constant" },
        { "ReduceMax", 1, NEWEST, 1, 2, hedge_import_reduce, hedge_eval_reduce, "axes must be constant" },
        { "ReduceMean", 1, NEWEST, 1, 2, hedge_import_reduce, hedge_eval_reduce, "axes must be constant" },
        { "ReduceMin", 1, NEWEST, 1, 2, hedge_import_reduce, hedge_eval_reduce, "axes must be constant" },
        { "ReduceProd", 1, NEWEST, 1, 2, hedge_import_reduce, hedge_eval_reduce, "axes must be constant" },
        { "ReduceSum", 1, NEWEST, 1, 2, hedge_import_reduce, hedge_eval_reduce, "axes must be constant" },
        { "ReduceSumSquare", 1, NEWEST, 1, 2, hedge_import_reduce, hedge_eval_reduce, "axes must be constant" },
        { "Relu", 1, NEWEST, 1, 1, hedge_import_relu, NULL, NULL },
        { "Reshape", 1, NEWEST, 1, 2, hedge_import_reshape, NULL, "the shape must be constant" },
        { "Resize", 10, NEWEST, 1, 4, hedge_import_resize, NULL,
          "depth, height and width; scales, sizes, roi must be constant" },
        { "Round", 11, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Scatter", 9, 10, 3, 3, hedge_import_scatter_elements, NULL, NULL },
        { "ScatterElements", 11, NEWEST, 3, 3, hedge_import_scatter_elements, NULL, NULL },
        { "ScatterND", 11, NEWEST, 3, 3, hedge_import_scatter_nd, NULL, NULL },
        { "Selu", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Shape", 1, NEWEST, 1, 1, hedge_import_shape, NULL, NULL },
        { "Shrink", 9, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Sigmoid", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Sign", 9, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Sin", 7, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Sinh", 9, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Size", 1, NEWEST, 1, 1, hedge_import_size, NULL, NULL },
        { "Slice", 1, NEWEST, 1, 5, hedge_import_slice, NULL, "starts, ends, axes, steps must be constant" },
        { "Softmax", 1, NEWEST, 1, 1, hedge_import_softmax, NULL, NULL },
        { "Softplus", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Softsign", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "SpaceToDepth", 1, NEWEST, 1, 1, hedge_import_space_to_depth, NULL, NULL },
        { "Split", 1, NEWEST, 1, 2, hedge_import_split, NULL, "sizes must be constant" },
        { "Sqrt", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Squeeze", 1, NEWEST, 1, 2, hedge_import_squeeze, NULL, "axes must be constant" },
        { "Sub", 1, NEWEST, 2, 2, hedge_import_binary, hedge_eval_binary, NULL },
        { "Sum", 1, NEWEST, 1, MANY, hedge_import_sum, NULL, NULL },
        { "Tan", 7, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Tanh", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "ThresholdedRelu", 10, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, NULL },
        { "Tile", 6, NEWEST, 2, 2, hedge_import_tile, NULL, "repeats must be constant" },
        { "TopK", 1, NEWEST, 1, 2, hedge_import_top_k, NULL, "k must be constant" },
        { "Transpose", 1, NEWEST, 1, 1, hedge_import_transpose, NULL, NULL },
        { "Trilu", 14, NEWEST, 1, 2, hedge_import_trilu, NULL, "k must be constant" },
        { "Unique", 11, NEWEST, 1, 1, NULL, hedge_eval_unique, "of constants" },
        { "Unsqueeze", 1, NEWEST, 1, 2, hedge_import_unsqueeze, NULL, "axes must be constant" },
        { "Upsample", 1, 9, 1, 2, hedge_import_upsample, NULL, "depth, height and width" },
        { "Where", 9, NEWEST, 3, 3, hedge_import_where, hedge_eval_where, NULL },
        { "Xor", 1, NEWEST, 2, 2, hedge_import_compare, hedge_eval_compare, NULL },
};

const hedge_operator_t *hedge_operators(size_t *ret_n)
{
        *ret_n = sizeof(operators) / sizeof(operators[0]);
        return operators;
}

static int compare(const void *name, const void *row)
{
        return strcmp(name, ((const hedge_operator_t *)row)->name);
}

const hedge_operator_t *hedge_operator_find(const char *name)
{
        return bsearch(name, operators, sizeof(operators) / sizeof(operators[0]), sizeof(operators[0]), compare);
}

bool hedge_operator_takes_integers(const hedge_operator_t *op)
{
        static const char *const names[] = {
                "Abs",
                "Add",
                "And",
                "ArgMax",
                "ArgMin",
                "BitShift",
                "Cast",
                "CastLike",
                "Clip",
                "Compress",
                "Concat",
                "ConvInteger",
                "CumSum",
                "DepthToSpace",
                "DequantizeLinear",
                "Div",
                "Equal",
                "Expand",
                "Flatten",
                "Gather",
                "GatherElements",
                "GatherND",
                "Greater",
                "GreaterOrEqual",
                "Identity",
                "If",
                "Less",
                "LessOrEqual",
                "MatMulInteger",
                "Max",
                "MaxPool",
                "MaxUnpool",
                "Min",
                "Mod",
                "Mul",
                "Neg",
                "NonMaxSuppression",
                "Not",
                "OneHot",
                "Or",
                "Pad",
                "Pow",
                "QLinearConv",
                "QLinearMatMul",
                "QuantizeLinear",
                "ReduceL1",
                "ReduceMax",
                "ReduceMean",
                "ReduceMin",
                "ReduceProd",
                "ReduceSum",
                "ReduceSumSquare",
                "Relu",
                "Reshape",
                "Scatter",
                "ScatterElements",
                "ScatterND",
                "Shape",
                "Sign",
                "Size",
                "Slice",
                "SpaceToDepth",
                "Split",
                "Squeeze",
                "Sub",
                "Tile",
                "TopK",
                "Transpose",
                "Trilu",
                "Unsqueeze",
                "Where",
                "Xor",
        };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (strcmp(op->name, names[i]) == 0)
                        return true;
        return op == hedge_microsoft_find(op->name);
}

static void document_rows(FILE *to, const hedge_operator_t *rows, size_t n)
{
        for (size_t i = 0; i < n; i++)
                fprintf(to, "| %s | %u to %u | %s |\n", rows[i].name, rows[i].since, rows[i].until,
                        rows[i].note ? rows[i].note : "");
}

bool hedge_operator_may_ignore(const hedge_operator_t *op, const char *attribute)
{
        static const struct {
                const char *name, *attribute; /* name NULL: of any operator */
        } rows[] = {
                { NULL, "consumed_inputs" },          /* a hint on memory, up to opset 5 */
                { "BatchNormalization", "is_test" },  /* with one output it makes no difference */
                { "BatchNormalization", "momentum" }, /* of training */
                { "Cast", "saturate" },               /* to types of 8 bits, which are refused */
                { "CastLike", "saturate" },
                { "Dropout", "ratio" }, /* of training */
                { "Dropout", "seed" },
                { "Gemm", "broadcast" },                /* allowed what is always allowed by now */
                { "GroupNormalization", "stash_type" }, /* a precision that is exceeded */
                { "If", "else_branch" },                /* the one that is not taken */
                { "If", "then_branch" },
                { "LayerNormalization", "stash_type" },
                { "MaxPool", "storage_order" },   /* of the indices, which are refused */
                { "QuantizeLinear", "saturate" }, /* to floats of 8 bits, which are refused */
                { "RMSNormalization", "stash_type" },
                { "TopK", "sorted" }, /* in order is one of the orders that are allowed */
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                if (strcmp(rows[i].attribute, attribute) == 0 && (!rows[i].name || strcmp(rows[i].name, op->name) == 0))
                        return true;
        return false;
}

void hedge_operators_document(FILE *to)
{
        const hedge_operator_t *rows;
        size_t n;

        fprintf(to,
                "# ONNX operators\n\n"
                "hedge judges each operator of an ONNX model alone: the table says for which opsets what it means is "
                "known, %u being\nthe newest that has been looked at. Extents that a file leaves open are stated when "
                "it is loaded; a batch is else 1.\nEverything is computed in float32: other floating point types "
                "become "
                "it, integers and booleans are exact up to 16777215,\nand what could not be is refused when it comes. "
                "What is constant is computed when the model is loaded, nodes that lead to\nno output are dropped, and "
                "operators that are not in this table are refused, all at once.\n\n"
                "This page is written by `list_operators` from the importer's own table.\n\n"
                "| operator | opset | remarks |\n|---|---|---|\n",
                HEDGE_NEWEST_OPSET);
        document_rows(to, operators, sizeof(operators) / sizeof(operators[0]));
        fputs("\nOf the domain com.microsoft, beside which opset of ONNX does not matter:\n\n"
              "| operator | opset | remarks |\n|---|---|---|\n",
              to);
        rows = hedge_microsoft_operators(&n);
        document_rows(to, rows, n);
}
