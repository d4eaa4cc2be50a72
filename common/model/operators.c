/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/operators.h"

#include <stdlib.h>
#include <string.h>

#include "common/model/microsoft.h"

#define MANY   4096
#define NEWEST HEDGE_NEWEST_OPSET

static const hedge_operator_t operators[] = {
        { "Abs", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, true, NULL },
        { "Acos", 7, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Acosh", 9, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Add", 1, NEWEST, 2, 2, hedge_import_binary, hedge_eval_binary, true, NULL },
        { "AffineGrid", 20, NEWEST, 2, 2, hedge_import_affine_grid, NULL, false, "the size must be constant" },
        { "And", 1, NEWEST, 2, 2, hedge_import_compare, hedge_eval_compare, true, NULL },
        { "ArgMax", 1, NEWEST, 1, 1, hedge_import_arg_extreme, NULL, true, NULL },
        { "ArgMin", 1, NEWEST, 1, 1, hedge_import_arg_extreme, NULL, true, NULL },
        { "Asin", 7, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Asinh", 9, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Atan", 7, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Atanh", 9, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "AveragePool", 1, NEWEST, 1, 1, hedge_import_average_pool, NULL, false, "one to three spatial axes" },
        { "BatchNormalization", 1, NEWEST, 5, 5, hedge_import_batch_norm, NULL, false, "not in training mode" },
        { "BitShift", 11, NEWEST, 2, 2, hedge_import_bit_shift, hedge_eval_remainder, true, NULL },
        { "Cast", 1, NEWEST, 1, 1, hedge_import_cast, NULL, true, "not of or to strings" },
        { "CastLike", 15, NEWEST, 2, 2, hedge_import_cast, NULL, true, "not of or to strings" },
        { "Ceil", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Celu", 12, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Clip", 1, NEWEST, 1, 3, hedge_import_clip, NULL, true, NULL },
        { "Compress", 9, NEWEST, 2, 2, hedge_import_compress, NULL, true, "the condition must be constant" },
        { "Concat", 1, NEWEST, 1, MANY, hedge_import_concat, hedge_eval_concat, true, NULL },
        { "Constant", 1, NEWEST, 0, 0, NULL, hedge_eval_constant, false, "not strings, not sparse" },
        { "ConstantOfShape", 9, NEWEST, 1, 1, NULL, hedge_eval_constant_of_shape, false, "the shape must be constant" },
        { "Conv", 1, NEWEST, 2, 3, hedge_import_conv, NULL, false,
          "one to three spatial axes; filter and bias must be constant" },
        { "ConvInteger", 10, NEWEST, 2, 4, hedge_import_conv_integer, NULL, true,
          "one or two spatial axes; the filter must be constant; sums that may pass 2^24 only as floats" },
        { "ConvTranspose", 1, NEWEST, 2, 3, hedge_import_conv_transpose, NULL, false,
          "one to three spatial axes; filter and bias must be constant" },
        { "Cos", 7, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Cosh", 9, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "CumSum", 11, NEWEST, 2, 2, hedge_import_cum_sum, NULL, true, "the axis must be constant" },
        { "DepthToSpace", 1, NEWEST, 1, 1, hedge_import_depth_to_space, NULL, true, NULL },
        { "DequantizeLinear", 10, NEWEST, 2, 3, hedge_import_dequantize_linear, hedge_eval_dequantize_linear, true,
          "of 8, 16 and 32 bits" },
        { "Div", 1, NEWEST, 2, 2, hedge_import_binary, hedge_eval_binary, true, NULL },
        { "Dropout", 1, NEWEST, 1, 3, hedge_import_dropout, NULL, false, "not in training mode" },
        { "DynamicQuantizeLinear", 11, NEWEST, 1, 1, hedge_import_dynamic_quantize_linear, NULL, false, NULL },
        { "Elu", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Equal", 1, NEWEST, 2, 2, hedge_import_compare, hedge_eval_compare, true, NULL },
        { "Erf", 9, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Exp", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Expand", 8, NEWEST, 2, 2, hedge_import_expand, NULL, true, "the shape must be constant" },
        { "Flatten", 1, NEWEST, 1, 1, hedge_import_flatten, NULL, true, NULL },
        { "Floor", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Gather", 1, NEWEST, 2, 2, hedge_import_gather, hedge_eval_gather, true, NULL },
        { "GatherElements", 11, NEWEST, 2, 2, hedge_import_gather_elements, NULL, true, NULL },
        { "GatherND", 11, NEWEST, 2, 2, hedge_import_gather_nd, NULL, true, NULL },
        { "Gelu", 20, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Gemm", 1, NEWEST, 2, 3, hedge_import_gemm, NULL, false, NULL },
        { "GlobalAveragePool", 1, NEWEST, 1, 1, hedge_import_global_pool, NULL, false, "one to three spatial axes" },
        { "GlobalLpPool", 1, NEWEST, 1, 1, hedge_import_global_lp_pool, NULL, false, NULL },
        { "GlobalMaxPool", 1, NEWEST, 1, 1, hedge_import_global_pool, NULL, false, "one to three spatial axes" },
        { "Greater", 1, NEWEST, 2, 2, hedge_import_compare, hedge_eval_compare, true, NULL },
        { "GreaterOrEqual", 12, NEWEST, 2, 2, hedge_import_compare, hedge_eval_compare, true, NULL },
        { "GridSample", 16, NEWEST, 2, 2, hedge_import_grid_sample, NULL, false, NULL },
        { "GroupNormalization", 18, NEWEST, 3, 3, hedge_import_group_norm, NULL, false, "up to three spatial axes" },
        { "HardSigmoid", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "HardSwish", 14, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Identity", 1, NEWEST, 1, 1, hedge_import_identity, NULL, true, NULL },
        { "If", 1, NEWEST, 1, 1, hedge_import_if, NULL, true, "the condition must be constant" },
        { "InstanceNormalization", 1, NEWEST, 3, 3, hedge_import_instance_norm, NULL, false, NULL },
        { "IsInf", 10, NEWEST, 1, 1, hedge_import_test, NULL, false, NULL },
        { "IsNaN", 9, NEWEST, 1, 1, hedge_import_test, NULL, false, NULL },
        { "LRN", 1, NEWEST, 1, 1, hedge_import_lrn, NULL, false, "images" },
        { "LayerNormalization", 17, NEWEST, 2, 3, hedge_import_layer_norm, NULL, false, NULL },
        { "LeakyRelu", 1, NEWEST, 1, 1, hedge_import_leaky_relu, NULL, false, NULL },
        { "Less", 1, NEWEST, 2, 2, hedge_import_compare, hedge_eval_compare, true, NULL },
        { "LessOrEqual", 12, NEWEST, 2, 2, hedge_import_compare, hedge_eval_compare, true, NULL },
        { "Log", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "LogSoftmax", 1, NEWEST, 1, 1, hedge_import_softmax, NULL, false, NULL },
        { "LpNormalization", 1, NEWEST, 1, 1, hedge_import_lp_norm, NULL, false, NULL },
        { "LpPool", 1, NEWEST, 1, 1, hedge_import_lp_pool, NULL, false, "one or two spatial axes" },
        { "MatMul", 1, NEWEST, 2, 2, hedge_import_matmul, NULL, false, NULL },
        { "MatMulInteger", 10, NEWEST, 2, 4, hedge_import_matmul_integer, NULL, true,
          "sums that may pass 2^24 only as floats" },
        { "Max", 1, NEWEST, 1, MANY, hedge_import_min_max, hedge_eval_binary, true, NULL },
        { "MaxPool", 1, NEWEST, 1, 1, hedge_import_max_pool, NULL, true,
          "one to three spatial axes; indices of one and two" },
        { "MaxUnpool", 9, NEWEST, 2, 3, hedge_import_max_unpool, NULL, true, "output_shape must be constant" },
        { "Mean", 1, NEWEST, 1, MANY, hedge_import_sum, NULL, false, NULL },
        { "MeanVarianceNormalization", 9, NEWEST, 1, 1, hedge_import_mean_variance_norm, NULL, false, NULL },
        { "Min", 1, NEWEST, 1, MANY, hedge_import_min_max, hedge_eval_binary, true, NULL },
        { "Mish", 18, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Mod", 10, NEWEST, 2, 2, hedge_import_mod, hedge_eval_remainder, true, NULL },
        { "Mul", 1, NEWEST, 2, 2, hedge_import_binary, hedge_eval_binary, true, NULL },
        { "Neg", 1, NEWEST, 1, 1, hedge_import_neg, hedge_eval_unary, true, NULL },
        { "NonMaxSuppression", 10, NEWEST, 2, 5, hedge_import_non_max_suppression, NULL, true,
          "the limits must be constant; what follows must treat every row by itself" },
        { "NonZero", 9, NEWEST, 1, 1, NULL, hedge_eval_non_zero, false, "of constants" },
        { "Not", 1, NEWEST, 1, 1, hedge_import_test, NULL, true, NULL },
        { "OneHot", 9, NEWEST, 3, 3, hedge_import_one_hot, NULL, true, "the depth must be constant" },
        { "Or", 1, NEWEST, 2, 2, hedge_import_compare, hedge_eval_compare, true, NULL },
        { "PRelu", 1, NEWEST, 2, 2, hedge_import_prelu, NULL, false, NULL },
        { "Pad", 1, NEWEST, 1, 4, hedge_import_pad, NULL, true, "pads and value must be constant" },
        { "Pow", 1, NEWEST, 2, 2, hedge_import_pow, NULL, true, NULL },
        { "QLinearConv", 10, NEWEST, 8, 9, hedge_import_qlinear_conv, NULL, true,
          "one or two spatial axes; filter, bias, scales and zero points of filter and result must be constant" },
        { "QLinearMatMul", 10, NEWEST, 8, 8, hedge_import_qlinear_matmul, NULL, true,
          "scales and the result's zero point must be constant" },
        { "QuantizeLinear", 10, NEWEST, 2, 3, hedge_import_quantize_linear, hedge_eval_quantize_linear, true,
          "to 8 and 16 bits" },
        { "RMSNormalization", 23, NEWEST, 2, 2, hedge_import_layer_norm, NULL, false, NULL },
        { "Range", 11, NEWEST, 3, 3, NULL, hedge_eval_range, false, "of constants" },
        { "Reciprocal", 1, NEWEST, 1, 1, hedge_import_reciprocal, hedge_eval_unary, false, NULL },
        { "ReduceL1", 1, NEWEST, 1, 2, hedge_import_reduce, hedge_eval_reduce, true, "axes must be constant" },
        { "ReduceL2", 1, NEWEST, 1, 2, hedge_import_reduce, hedge_eval_reduce, false, "axes must be constant" },
        { "ReduceLogSum", 1, NEWEST, 1, 2, hedge_import_reduce, hedge_eval_reduce, false, "axes must be constant" },
        { "ReduceLogSumExp", 1, NEWEST, 1, 2, hedge_import_reduce, hedge_eval_reduce, false, "axes must be constant" },
        { "ReduceMax", 1, NEWEST, 1, 2, hedge_import_reduce, hedge_eval_reduce, true, "axes must be constant" },
        { "ReduceMean", 1, NEWEST, 1, 2, hedge_import_reduce, hedge_eval_reduce, true, "axes must be constant" },
        { "ReduceMin", 1, NEWEST, 1, 2, hedge_import_reduce, hedge_eval_reduce, true, "axes must be constant" },
        { "ReduceProd", 1, NEWEST, 1, 2, hedge_import_reduce, hedge_eval_reduce, true, "axes must be constant" },
        { "ReduceSum", 1, NEWEST, 1, 2, hedge_import_reduce, hedge_eval_reduce, true, "axes must be constant" },
        { "ReduceSumSquare", 1, NEWEST, 1, 2, hedge_import_reduce, hedge_eval_reduce, true, "axes must be constant" },
        { "Relu", 1, NEWEST, 1, 1, hedge_import_relu, NULL, true, NULL },
        { "Reshape", 1, NEWEST, 1, 2, hedge_import_reshape, NULL, true, "the shape must be constant" },
        { "Resize", 10, NEWEST, 1, 4, hedge_import_resize, NULL, false,
          "depth, height and width; scales, sizes, roi must be constant" },
        { "Round", 11, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Scatter", 9, 10, 3, 3, hedge_import_scatter_elements, NULL, true, NULL },
        { "ScatterElements", 11, NEWEST, 3, 3, hedge_import_scatter_elements, NULL, true, NULL },
        { "ScatterND", 11, NEWEST, 3, 3, hedge_import_scatter_nd, NULL, true, NULL },
        { "Selu", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Shape", 1, NEWEST, 1, 1, hedge_import_shape, NULL, true, NULL },
        { "Shrink", 9, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Sigmoid", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Sign", 9, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, true, NULL },
        { "Sin", 7, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Sinh", 9, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Size", 1, NEWEST, 1, 1, hedge_import_size, NULL, true, NULL },
        { "Slice", 1, NEWEST, 1, 5, hedge_import_slice, NULL, true, "starts, ends, axes, steps must be constant" },
        { "Softmax", 1, NEWEST, 1, 1, hedge_import_softmax, NULL, false, NULL },
        { "Softplus", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Softsign", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "SpaceToDepth", 1, NEWEST, 1, 1, hedge_import_space_to_depth, NULL, true, NULL },
        { "Split", 1, NEWEST, 1, 2, hedge_import_split, NULL, true, "sizes must be constant" },
        { "Sqrt", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Squeeze", 1, NEWEST, 1, 2, hedge_import_squeeze, NULL, true, "axes must be constant" },
        { "Sub", 1, NEWEST, 2, 2, hedge_import_binary, hedge_eval_binary, true, NULL },
        { "Sum", 1, NEWEST, 1, MANY, hedge_import_sum, NULL, false, NULL },
        { "Tan", 7, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Tanh", 1, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "ThresholdedRelu", 10, NEWEST, 1, 1, hedge_import_unary, hedge_eval_unary, false, NULL },
        { "Tile", 6, NEWEST, 2, 2, hedge_import_tile, NULL, true, "repeats must be constant" },
        { "TopK", 1, NEWEST, 1, 2, hedge_import_top_k, NULL, true, "k must be constant" },
        { "Transpose", 1, NEWEST, 1, 1, hedge_import_transpose, NULL, true, NULL },
        { "Trilu", 14, NEWEST, 1, 2, hedge_import_trilu, NULL, true, "k must be constant" },
        { "Unique", 11, NEWEST, 1, 1, NULL, hedge_eval_unique, false, "of constants" },
        { "Unsqueeze", 1, NEWEST, 1, 2, hedge_import_unsqueeze, NULL, true, "axes must be constant" },
        { "Upsample", 1, 9, 1, 2, hedge_import_upsample, NULL, false, "depth, height and width" },
        { "Where", 9, NEWEST, 3, 3, hedge_import_where, hedge_eval_where, true, NULL },
        { "Xor", 1, NEWEST, 2, 2, hedge_import_compare, hedge_eval_compare, true, NULL },
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
                { "MaxPool", "storage_order" },   /* of the indices, where they are not wanted */
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
