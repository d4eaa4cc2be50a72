/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_LAYER_H
#define HEDGE_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/** The layers of a network that can be trained: what a caller writes, what it comes to, and how it is computed.
 *
 * Activations are N x H x W x C, float32. A mini-batch runs through layer by layer. */
typedef enum hedge_layer_kind {
        HEDGE_LAYER_DENSE,
        HEDGE_LAYER_CONV,
        HEDGE_LAYER_MAX_POOL,            /**< padding never wins */
        HEDGE_LAYER_AVERAGE_POOL,        /**< over what of the window is inside the image */
        HEDGE_LAYER_GLOBAL_AVERAGE_POOL, /**< H x W x C to 1 x 1 x C */
        HEDGE_LAYER_RELU,
        HEDGE_LAYER_BATCH_NORM, /**< per channel */
        HEDGE_LAYER_FLATTEN,    /**< H x W x C to one row */
        HEDGE_LAYER_ADD,        /**< two values of one shape: the end of a residual block */
        HEDGE_LAYER_KINDS
} hedge_layer_kind_t;

#define HEDGE_LAYER_NAME  32   /**< bytes of a layer's name, with its terminating zero */
#define HEDGE_MAX_LAYERS  1024 /**< of a network */
#define HEDGE_LAYER_IMAGE "image"

/** A layer as a caller writes it; what a kind does not use is 0. */
typedef struct hedge_layer_spec {
        hedge_layer_kind_t kind;
        const char *name; /**< NULL: the kind and a number */
        const char *from; /**< the layer that it reads, or HEDGE_LAYER_IMAGE; NULL: the one before */
        const char *with; /**< ADD: the other one */
        uint32_t units;   /**< DENSE: outputs; CONV: filters */
        uint32_t kernel;  /**< CONV, pools: side of the window (pools: at most HEDGE_MAX_POOL) */
        uint32_t stride;  /**< 0: 1 for CONV, the window's side for pools */
        uint32_t pad;     /**< on all four sides; less than the window's side */
        bool no_bias;     /**< DENSE, CONV */
} hedge_layer_spec_t;

#define HEDGE_MAX_POOL 15 /**< side of a pool's window */

/** The shape of a value, without the batch. */
typedef struct hedge_extent {
        uint32_t h, w, c;
        bool flat; /**< one row of c numbers; h = w = 1 */
} hedge_extent_t;

uint64_t hedge_extent_elements(const hedge_extent_t *extent);

bool hedge_extent_equal(const hedge_extent_t *a, const hedge_extent_t *b);

/** "28 x 28 x 1", "400", for messages to people. @return buf. */
char *hedge_extent_text(const hedge_extent_t *extent, char *buf, size_t size);

/** A layer in its network. Values are numbered: 0 is the image, i + 1 the output of layer i. */
typedef struct hedge_layer {
        hedge_layer_kind_t kind;
        char name[HEDGE_LAYER_NAME];
        uint32_t in, with;            /**< values that it reads; `with` only for ADD */
        hedge_extent_t x, y;          /**< shapes of input and output */
        uint32_t kernel, stride, pad; /**< all 0 but for CONV and pools */
        uint64_t weights, n_weights;  /**< in the parameters: DENSE units x c, CONV units x kernel x kernel x c,
                                                    BATCH_NORM c scales */
        uint64_t bias, n_bias;        /**< in the parameters: one per output channel, or none; BATCH_NORM's shifts */
        uint64_t means, variances, n_statistics; /**< in the state: BATCH_NORM's running statistics, c each */
} hedge_layer_t;

/** One layer's part of a pass. Borrowed memory; what a layer does not use is NULL. */
typedef struct hedge_layer_pass {
        uint32_t batch;
        bool training;       /**< batch normalisation takes the batch's own statistics */
        const float *params; /**< of the whole network, as are state, gradient and statistics */
        const float *state;  /**< read when not training */
        const float *x, *x2; /**< inputs; x2 only for ADD */
        float *y;            /**< output; RELU may be given x itself */
        void *saved;         /**< what forward keeps for backward */
        float *scratch;
        struct hedge_conv_onednn *onednn; /**< CONV: what computes it where it can (see conv_onednn.h), or NULL */

        const float *dy;   /**< backward: the loss by the output */
        float *dx;         /**< by the input, overwritten; NULL where nobody asks. RELU may be given dy itself */
        float *gradient;   /**< by the parameters: the layer's own are overwritten */
        float *statistics; /**< forward when training: the batch's means and variances (over n - 1), the layer's own */
} hedge_layer_pass_t;

/** What a kind is. */
typedef struct hedge_layer_type {
        const char *name; /**< as a job writes it: "dense", "conv", ... */
        bool parameters;  /**< has some */
        /** Check the numbers in `spec` against layer->x and fill in y, the window and the counts of parameters. */
        int (*shape)(hedge_layer_t *layer, const hedge_layer_spec_t *spec, hedge_why_t *why);
        uint64_t (*saved_bytes)(const hedge_layer_t *layer, uint32_t batch);         /**< NULL: none */
        uint64_t (*scratch_floats)(const hedge_layer_t *layer, uint32_t batch);      /**< NULL: none */
        void (*forward)(const hedge_layer_t *layer, const hedge_layer_pass_t *pass); /**< NULL: y is x as it lies */
        void (*backward)(const hedge_layer_t *layer,
                         const hedge_layer_pass_t *pass); /**< NULL: dx is dy, for all inputs */
} hedge_layer_type_t;

/** The type of a kind. */
const hedge_layer_type_t *hedge_layer_type(hedge_layer_kind_t kind);

/** The kind with that name. @return 0, -EINVAL. */
int hedge_layer_kind(const char *name, hedge_layer_kind_t *ret);

#endif
