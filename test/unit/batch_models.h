/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_BATCH_MODELS_H
#define HEDGE_TEST_BATCH_MODELS_H

#include "make_onnx.h"

/** Small models that keep the pictures of a batch apart, and such that mix them. */

#define OPEN 0 /* a batch that the file leaves open */

/** Make a model whose input "x" has the batch first: `n` pictures, or OPEN. */
typedef void make_fn(make_t *m, int64_t n);

typedef struct batch_model {
        const char *name;
        make_fn *make;
        const char *mixes; /**< words of the reason; NULL: any number is taken */
} batch_model_t;

/** The last one has no name. */
extern const batch_model_t batch_models[];

/** Leave the first axis of an input open, under a name. */
void open_first(Onnx__ValueInfoProto *info, const char *name);

/** Add a Reshape of `inputs` to `dims`, n of them, which are a constant called `name`. */
void reshape(make_t *m, const char *inputs, const char *output, const char *name, make_dims_t dims, size_t n);

/** Models of the list that other tests want. */
make_fn make_classifier, make_reduced, make_matmul;

#endif
