/* SPDX-License-Identifier: Apache-2.0 */
/* Coordinator and board: training. */
#include <math.h>

#include "common/wire/schema_group.h"

#define MAX_TRAIN    1024 /* layers of a network to be trained */
#define MAX_SHARDS   1024
#define MAX_MATRICES 1024
#define MAX_TARGETS  16
#define MAX_IMAGES   1000000000

static const hedge_field_t train_layer_fields[] = {
        { TEXT(hedge_train_layer_t, kind), REQUIRED },
        { TEXT(hedge_train_layer_t, name) },
        { TEXT(hedge_train_layer_t, from) },
        { TEXT(hedge_train_layer_t, with) },
        { U32(hedge_train_layer_t, units, 0, ANY32) },
        { U32(hedge_train_layer_t, kernel, 0, 65536) },
        { U32(hedge_train_layer_t, stride, 0, 65536) },
        { U32(hedge_train_layer_t, pad, 0, 65536) },
        { BOOL(hedge_train_layer_t, no_bias) },
};
static const hedge_record_t train_layer = RECORD_OF("train_layer", train_layer_fields);

static const hedge_field_t join[] = {
        { U64(hedge_msg_join_t, job), REQUIRED },
        { DIGEST(hedge_msg_join_t, identity), REQUIRED },
        { U32(hedge_msg_join_t, image_h, 1, 65536), REQUIRED },
        { U32(hedge_msg_join_t, image_w, 1, 65536), REQUIRED },
        { U32(hedge_msg_join_t, image_c, 1, 4), REQUIRED },
        { U32(hedge_msg_join_t, classes, 1, 256), REQUIRED },
        { LIST(hedge_msg_join_t, layers, n_layers, 1, MAX_TRAIN), RECORD(train_layer), REQUIRED },
        { FIXED(hedge_msg_join_t, mean, 4), .kind = HEDGE_FIELD_F64, .low = -1e6, .high = 1e6 },
        { FIXED(hedge_msg_join_t, deviation, 4), .kind = HEDGE_FIELD_F64, .low = 0, .high = 1e6 },
        { U32(hedge_msg_join_t, batch, 1, 65536), REQUIRED },
        { U64(hedge_msg_join_t, seed) },
        { BOOL(hedge_msg_join_t, flip) },
        { TEXT(hedge_msg_join_t, format), REQUIRED },
        { F64(hedge_msg_join_t, gamma, 0, 1) },
        { F64(hedge_msg_join_t, max_bits, 0, 32) },
        { BOOL(hedge_msg_join_t, compress) },
};

static const hedge_field_t joined[] = {
        { U64(hedge_msg_joined_t, job), REQUIRED },
        { LIST(hedge_msg_joined_t, held, n_held, 0, MAX_SHARDS), .kind = HEDGE_FIELD_DIGEST },
};

static const hedge_field_t shard[] = {
        { U64(hedge_msg_shard_t, job), REQUIRED },
        { DIGEST(hedge_msg_shard_t, digest), REQUIRED },
        { U32(hedge_msg_shard_t, count, 1, MAX_IMAGES), REQUIRED },
};

static const hedge_field_t shard_ok[] = {
        { U64(hedge_msg_shard_t, job), REQUIRED },
        { DIGEST(hedge_msg_shard_t, digest), REQUIRED },
};

static const hedge_field_t step[] = {
        { U64(hedge_msg_step_t, job), REQUIRED },
        { U64(hedge_msg_step_t, step), REQUIRED },
        { DIGEST(hedge_msg_step_t, digest), REQUIRED },
        { U64(hedge_msg_step_t, draw) },
        { BOOL(hedge_msg_step_t, whole) },
        { U64(hedge_msg_step_t, taken) },
};

static const hedge_field_t gradient[] = {
        { U64(hedge_msg_gradient_t, job), REQUIRED },     { U64(hedge_msg_gradient_t, step), REQUIRED },
        { F64(hedge_msg_gradient_t, loss, 0, INFINITY) }, { U32(hedge_msg_gradient_t, correct, 0, 65536) },
        { U32(hedge_msg_gradient_t, images, 0, 65536) },  { F64(hedge_msg_gradient_t, entropy, 0, 64) },
        { U64(hedge_msg_gradient_t, compute_us) },        { U64(hedge_msg_gradient_t, encode_us) },
};

static const hedge_field_t leave[] = {
        { U64(hedge_msg_leave_t, job), REQUIRED },
};

static const hedge_field_t hold[] = {
        { U64(hedge_msg_hold_t, job), REQUIRED },
        { U32(hedge_msg_hold_t, matrix, 0, MAX_MATRICES - 1) },
        { U32(hedge_msg_hold_t, rows, 1, MAX_EXTENT), REQUIRED },
        { U32(hedge_msg_hold_t, cols, 1, MAX_EXTENT), REQUIRED },
};

static const hedge_field_t apply[] = {
        { U64(hedge_msg_apply_t, job), REQUIRED },
        { U64(hedge_msg_apply_t, step) },
        { U32(hedge_msg_apply_t, matrix, 0, MAX_MATRICES - 1) },
        { U32(hedge_msg_apply_t, batch, 1, 65536), REQUIRED },
        { U32(hedge_msg_apply_t, keep, 0, MAX_MATRICES) },
};

static const hedge_field_t term_fields[] = {
        { U32(hedge_code_term_t, block, 0, HEDGE_CODE_MAX_PARTS - 1) },
        { U32(hedge_code_term_t, shift, 0, MAX_EXTENT) },
        { F64(hedge_code_term_t, weight, -1e9, 1e9) },
};
static const hedge_record_t term = RECORD_OF("term", term_fields);

static const hedge_field_t target_fields[] = {
        { U32(hedge_update_target_t, matrix, 0, MAX_MATRICES - 1) },
        { BOOL(hedge_update_target_t, swap) },
        { U32(hedge_update_target_t, blocks, 1, HEDGE_CODE_MAX_PARTS), REQUIRED },
        { U32(hedge_update_target_t, block_cols, 1, MAX_EXTENT), REQUIRED },
        { LIST(hedge_update_target_t, terms, n_terms, 1, HEDGE_CODE_MAX_PARTS), RECORD(term), REQUIRED },
};
static const hedge_record_t target = RECORD_OF("target", target_fields);

static const hedge_field_t update[] = {
        { U64(hedge_msg_update_t, job), REQUIRED },
        { U64(hedge_msg_update_t, step) },
        { U32(hedge_msg_update_t, batch, 1, 65536), REQUIRED },
        { U32(hedge_msg_update_t, left_cols, 1, MAX_EXTENT), REQUIRED },
        { U32(hedge_msg_update_t, right_cols, 1, MAX_EXTENT), REQUIRED },
        { U32(hedge_msg_update_t, left_kept, 0, MAX_MATRICES) },
        { U32(hedge_msg_update_t, right_kept, 0, MAX_MATRICES) },
        { F64(hedge_msg_update_t, rate, -1e9, 1e9) },
        { F64(hedge_msg_update_t, decay, 0, 1) },
        { LIST(hedge_msg_update_t, targets, n_targets, 1, MAX_TARGETS), RECORD(target), REQUIRED },
};

static const hedge_field_t fetch[] = {
        { U64(hedge_msg_hold_t, job), REQUIRED },
        { U32(hedge_msg_hold_t, matrix, 0, MAX_MATRICES - 1) },
};

static const hedge_field_t multiply[] = {
        { U64(hedge_msg_multiply_t, job), REQUIRED },
        { U64(hedge_msg_multiply_t, step) },
        { U32(hedge_msg_multiply_t, packet, 0, ANY32) },
        { U32(hedge_msg_multiply_t, rows, 1, MAX_EXTENT), REQUIRED },
        { U32(hedge_msg_multiply_t, inner, 1, MAX_EXTENT), REQUIRED },
        { U32(hedge_msg_multiply_t, cols, 1, MAX_EXTENT), REQUIRED },
};

static const hedge_field_t product[] = {
        { U64(hedge_msg_product_t, job), REQUIRED },
        { U64(hedge_msg_product_t, step) },
        { U32(hedge_msg_product_t, packet, 0, ANY32) },
        { U64(hedge_msg_product_t, compute_us) },
};

hedge_schema_group_t hedge_schema_training = {
        TYPE(JOIN, join),
        TYPE(JOINED, joined),
        FRAMES(SHARD, shard, 2, 2),
        TYPE(SHARD_OK, shard_ok),
        FRAMES(STEP, step, 0, HEDGE_STEP_UPDATES),
        FRAMES(GRADIENT, gradient, 1, 2),
        TYPE(LEAVE, leave),
        FRAMES(HOLD, hold, 1, 1),
        FRAMES(APPLY, apply, 1, 1),
        FRAMES(UPDATE, update, 0, 2),
        TYPE(FETCH, fetch),
        FRAMES(MULTIPLY, multiply, 2, 2),
        FRAMES(PRODUCT, product, 1, 1),
};
