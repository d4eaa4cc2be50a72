/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/schema.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/code/uep/uep.h"
#include "common/record/table.h"

#define MAX_HELD       65536
#define MAX_TENSORS    64
#define MAX_MODELS     1024
#define MAX_LAYERS     4096
#define MAX_STEPS      1024
#define MAX_CHAINS     16
#define MAX_KNOWN      1024 /* boards, also those that are gone */
#define MAX_BAD_KEYS   1024
#define MAX_MS         3600000
#define MAX_HOLD_US    60000000
#define MAX_CANDIDATES 64
#define MAX_TRAIN      1024 /* layers of a network to be trained */
#define MAX_SHARDS     1024
#define MAX_MATRICES   1024
#define MAX_TARGETS    16
#define MAX_EXTENT     (1u << 24) /* of a matrix or an image */
#define MAX_IMAGES     1000000000
#define MAX_JOBS       1024
#define MAX_EPOCHS     1000000
#define FOREVER        1e15

static const hedge_field_t hello[] = {
        { NAME(hedge_msg_hello_t, board, 1), REQUIRED },
        { U64(hedge_msg_hello_t, incarnation), REQUIRED },
        { U32(hedge_msg_hello_t, cores, 0, 65536), REQUIRED },
        { U64(hedge_msg_hello_t, share_bytes_max), REQUIRED },
        { TEXT(hedge_msg_hello_t, backend) },
        { TEXT(hedge_msg_hello_t, version) },
        { LIST(hedge_msg_hello_t, held, n_held, 0, MAX_HELD), .kind = HEDGE_FIELD_DIGEST },
};

static const hedge_field_t welcome[] = {
        { U64(hedge_msg_welcome_t, coordinator), REQUIRED },
        { U32(hedge_msg_welcome_t, index, 0, ANY32), REQUIRED },
        { U32(hedge_msg_welcome_t, heartbeat_ms, 1, MAX_MS), REQUIRED },
};

static const hedge_field_t share[] = {
        { DIGEST(hedge_msg_share_t, digest), REQUIRED },
        { AT(hedge_msg_share_t, conv), .kind = HEDGE_FIELD_CONV, REQUIRED },
        { U32(hedge_msg_share_t, ell_b, 1, HEDGE_CODE_MAX_PARTS), REQUIRED },
        { TEXT(hedge_msg_share_t, layer) },
};

static const hedge_field_t graph[] = {
        { DIGEST(hedge_msg_graph_t, digest), REQUIRED },
        { TEXT(hedge_msg_graph_t, layer) },
};

static const hedge_field_t constants[] = {
        { DIGEST(hedge_msg_constants_t, digest), REQUIRED },
        { U64(hedge_msg_constants_t, offset), REQUIRED },
};

static const hedge_field_t constants_ok[] = {
        { DIGEST(hedge_msg_constants_ok_t, digest), REQUIRED },
        { U64(hedge_msg_constants_ok_t, bytes), REQUIRED },
};

static const hedge_field_t share_ok[] = {
        { DIGEST(hedge_msg_share_ok_t, digest), REQUIRED },
        { U64(hedge_msg_share_ok_t, held_bytes) },
};

static const hedge_field_t window_fields[] = {
        { U32(hedge_window_t, top, 0, MAX_EXTENT) },
        { U32(hedge_window_t, rows, 1, MAX_EXTENT), REQUIRED },
        { U32(hedge_window_t, left, 0, MAX_EXTENT) },
        { U32(hedge_window_t, cols, 1, MAX_EXTENT), REQUIRED },
};
static const hedge_record_t window = RECORD_OF("window", window_fields);

static const hedge_field_t task[] = {
        { U64(hedge_msg_task_t, run), REQUIRED },
        { DIGEST(hedge_msg_task_t, digest), REQUIRED },
        { LIST(hedge_msg_task_t, order, n_order, 1, HEDGE_CODE_MAX_PARTS), .kind = HEDGE_FIELD_U32,
          .max = HEDGE_CODE_MAX_PARTS - 1, REQUIRED },
        { LIST(hedge_msg_task_t, inputs, n_inputs, 0, HEDGE_TASK_FRAMES), .kind = HEDGE_FIELD_U32,
          .max = HEDGE_CODE_MAX_PARTS - 1 },
        { U32(hedge_msg_task_t, wire, 0, HEDGE_PRECISIONS - 1) },
        { U32(hedge_msg_task_t, hold_us, 0, MAX_HOLD_US) },
        { U32(hedge_msg_task_t, first, 0, ANY32) },
        { U32(hedge_msg_task_t, last, 0, ANY32) },
        { LIST(hedge_msg_task_t, windows, n_windows, 0, HEDGE_TASK_FRAMES), RECORD(window) },
};

static const hedge_field_t sent_part_fields[] = {
        { U32(hedge_part_t, part, 0, HEDGE_CODE_MAX_PARTS - 1), REQUIRED },
        { U64(hedge_part_t, compute_us) },
        { U32(hedge_part_t, wire, 0, HEDGE_PRECISIONS - 1) },
};
static const hedge_record_t sent_part = RECORD_OF("sent_part", sent_part_fields);

static const hedge_field_t part[] = {
        { U64(hedge_msg_part_t, run), REQUIRED },
        { LIST(hedge_msg_part_t, parts, n_parts, 1, HEDGE_PART_FRAMES), RECORD(sent_part), REQUIRED },
        { BOOL(hedge_msg_part_t, last) },
};

static const hedge_field_t task_end[] = {
        { U64(hedge_msg_task_end_t, run), REQUIRED },
        { U32(hedge_msg_task_end_t, parts_sent, 0, HEDGE_CODE_MAX_PARTS), REQUIRED },
        { BOOL(hedge_msg_task_end_t, cancelled) },
};

static const hedge_field_t cancel[] = {
        { U64(hedge_msg_cancel_t, run), REQUIRED },
};

static const hedge_field_t drop[] = {
        { DIGEST(hedge_msg_drop_t, digest), REQUIRED },
};

static const hedge_field_t ping[] = {
        { U64(hedge_msg_ping_t, coordinator), REQUIRED },
        { U64(hedge_msg_ping_t, sequence), REQUIRED },
};

static const hedge_field_t cost_fields[] = {
        { COUNT(hedge_cost_t, process_us, HEDGE_COST_MAX), REQUIRED },
        { COUNT(hedge_cost_t, kernel_us, HEDGE_COST_MAX) },
        { COUNT(hedge_cost_t, coding_us, HEDGE_COST_MAX) },
        { COUNT(hedge_cost_t, solving_us, HEDGE_COST_MAX) },
        { COUNT(hedge_cost_t, messages_us, HEDGE_COST_MAX) },
        { COUNT(hedge_cost_t, io_us, HEDGE_COST_MAX) },
        { COUNT(hedge_cost_t, sent, HEDGE_COST_MAX) },
        { COUNT(hedge_cost_t, received, HEDGE_COST_MAX) },
        { COUNT(hedge_cost_t, sent_bytes, HEDGE_COST_MAX) },
        { COUNT(hedge_cost_t, received_bytes, HEDGE_COST_MAX) },
        { COUNT(hedge_cost_t, switches, HEDGE_COST_MAX) },
        { COUNT(hedge_cost_t, faults, HEDGE_COST_MAX) },
        { COUNT(hedge_cost_t, parts, HEDGE_COST_MAX) },
        { COUNT(hedge_cost_t, vain_parts, HEDGE_COST_MAX) },
        { COUNT(hedge_cost_t, vain_us, HEDGE_COST_MAX) },
};
static const hedge_record_t cost = RECORD_OF("cost", cost_fields);

static const hedge_field_t pong[] = {
        { U64(hedge_msg_pong_t, incarnation), REQUIRED },
        { U64(hedge_msg_pong_t, sequence), REQUIRED },
        { U32(hedge_msg_pong_t, queued, 0, ANY32) },
        { U32(hedge_msg_pong_t, shares, 0, ANY32) },
        { U64(hedge_msg_pong_t, held_bytes) },
        { U64(hedge_msg_pong_t, parts_done) },
        { AT(hedge_msg_pong_t, cost), RECORD(cost) },
};

static const hedge_field_t error[] = {
        { AT(hedge_msg_error_t, code), .kind = HEDGE_FIELD_I32, .low = -65535, .high = -1, REQUIRED },
        { TEXT(hedge_msg_error_t, text) },
        { U64(hedge_msg_error_t, about) },
        { DIGEST(hedge_msg_error_t, digest) },
        { U64(hedge_msg_error_t, job) },
};

static const hedge_field_t bye[] = {
        { TEXT(hedge_msg_bye_t, reason) },
};

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

static const hedge_field_t infer[] = {
        { U64(hedge_msg_infer_t, id), REQUIRED },
        { NAME(hedge_msg_infer_t, model, 1), REQUIRED },
        { LIST(hedge_msg_infer_t, inputs, n_inputs, 1, MAX_TENSORS), .kind = HEDGE_FIELD_SHAPE, REQUIRED },
        { BOOL(hedge_msg_infer_t, trace) },
};

static const hedge_field_t part_report_fields[] = {
        { U32(hedge_part_report_t, board, 0, HEDGE_CODE_MAX_BOARDS - 1), REQUIRED },
        { U32(hedge_part_report_t, part, 0, HEDGE_CODE_MAX_PARTS - 1), REQUIRED },
        { F64(hedge_part_report_t, sent_ms, 0, FOREVER) },
        { F64(hedge_part_report_t, received_ms, 0, FOREVER) },
        { U64(hedge_part_report_t, compute_us) },
        { BOOL(hedge_part_report_t, used) },
};
static const hedge_record_t part_report = RECORD_OF("part_report", part_report_fields);

static const hedge_field_t layer_fields[] = {
        { TEXT(hedge_layer_report_t, name), REQUIRED },
        { TEXT(hedge_layer_report_t, scheme), REQUIRED },
        { U32(hedge_layer_report_t, k_a, 0, HEDGE_CODE_MAX_PARTS) },
        { U32(hedge_layer_report_t, k_b, 0, HEDGE_CODE_MAX_PARTS) },
        { U32(hedge_layer_report_t, delta, 0, HEDGE_CODE_MAX_BOARDS) },
        { U32(hedge_layer_report_t, parts_needed, 0, HEDGE_CODE_MAX_PARTS) },
        { U32(hedge_layer_report_t, parts_asked, 0, ANY32) },
        { U32(hedge_layer_report_t, parts_used, 0, ANY32) },
        { U32(hedge_layer_report_t, parts_received, 0, ANY32) },
        { LIST(hedge_layer_report_t, boards, n_boards, 0, HEDGE_CODE_MAX_BOARDS), .kind = HEDGE_FIELD_U32,
          .max = HEDGE_CODE_MAX_BOARDS - 1 },
        { U32(hedge_layer_report_t, lost, 0, ANY32) },
        { F64(hedge_layer_report_t, condition, 0, INFINITY) },
        { F64(hedge_layer_report_t, encode_ms, 0, FOREVER) },
        { F64(hedge_layer_report_t, wait_ms, 0, FOREVER) },
        { F64(hedge_layer_report_t, decode_ms, 0, FOREVER) },
        { F64(hedge_layer_report_t, start_ms, 0, FOREVER) },
        { F64(hedge_layer_report_t, end_ms, 0, FOREVER) },
        { TEXT(hedge_layer_report_t, wire) },
        { F64(hedge_layer_report_t, predicted_ms, 0, FOREVER) },
        { LIST(hedge_layer_report_t, parts, n_parts, 0, HEDGE_CODE_MAX_ALL_PARTS), RECORD(part_report) },
};
static const hedge_record_t layer = RECORD_OF("layer", layer_fields);

static const hedge_field_t result[] = {
        { U64(hedge_msg_result_t, id), REQUIRED },
        { F64(hedge_msg_result_t, latency_ms, 0, FOREVER) },
        { LIST(hedge_msg_result_t, outputs, n_outputs, 1, MAX_TENSORS), .kind = HEDGE_FIELD_SHAPE, REQUIRED },
        { LIST(hedge_msg_result_t, layers, n_layers, 0, MAX_LAYERS), RECORD(layer) },
};

static const hedge_field_t status[] = {
        { U64(hedge_msg_status_t, id), REQUIRED },
};

static const hedge_field_t board_fields[] = {
        { NAME(hedge_board_status_t, name, 1), REQUIRED },
        { U32(hedge_board_status_t, index, 0, ANY32), REQUIRED },
        { TEXT(hedge_board_status_t, state), REQUIRED },
        { TEXT(hedge_board_status_t, backend) },
        { TEXT(hedge_board_status_t, version) },
        { U32(hedge_board_status_t, cores, 0, ANY32) },
        { U32(hedge_board_status_t, shares, 0, ANY32) },
        { U64(hedge_board_status_t, held_bytes) },
        { U64(hedge_board_status_t, share_bytes_max) },
        { U64(hedge_board_status_t, parts_done) },
        { U64(hedge_board_status_t, incarnation) },
        { U32(hedge_board_status_t, queued, 0, ANY32) },
        { U64(hedge_board_status_t, seen_ms) },
        { F64(hedge_board_status_t, round_trip_ms, 0, FOREVER) },
        { U64(hedge_board_status_t, comebacks) },
        { U64(hedge_board_status_t, measured) },
        { F64(hedge_board_status_t, macs_per_s, 0, FOREVER) },
        { F64(hedge_board_status_t, spread, 0, FOREVER) },
        { F64(hedge_board_status_t, up_bytes_per_s, 0, FOREVER) },
        { F64(hedge_board_status_t, down_bytes_per_s, 0, FOREVER) },
        { F64(hedge_board_status_t, delay_ms, 0, FOREVER) },
        { AT(hedge_board_status_t, cost), RECORD(cost) },
        { U64(hedge_board_status_t, cost_age_ms) },
};
static const hedge_record_t board = RECORD_OF("board", board_fields);

static const hedge_field_t status_ok[] = {
        { U64(hedge_msg_status_ok_t, id), REQUIRED },
        { TEXT(hedge_msg_status_ok_t, version) },
        { U64(hedge_msg_status_ok_t, uptime_ms) },
        { U64(hedge_msg_status_ok_t, requests) },
        { U64(hedge_msg_status_ok_t, requests_failed) },
        { U64(hedge_msg_status_ok_t, in_flight) },
        { U64(hedge_msg_status_ok_t, malformed) },
        { U64(hedge_msg_status_ok_t, late_parts) },
        { U64(hedge_msg_status_ok_t, refused) },
        { TEXT(hedge_msg_status_ok_t, security) },
        { TEXT(hedge_msg_status_ok_t, backend) },
        { U32(hedge_msg_status_ok_t, slots, 0, HEDGE_CODE_MAX_BOARDS) },
        { AT(hedge_msg_status_ok_t, cost), RECORD(cost) },
        { LIST(hedge_msg_status_ok_t, keys, n_keys, 0, MAX_BAD_KEYS), .kind = HEDGE_FIELD_TEXT,
          .max = HEDGE_TEXT_MAX - 1 },
        { LIST(hedge_msg_status_ok_t, boards, n_boards, 0, MAX_KNOWN), RECORD(board) },
};

static const hedge_field_t models[] = {
        { U64(hedge_msg_models_t, id), REQUIRED },
        { NAME(hedge_msg_models_t, name, 0) },
};

static const hedge_field_t tensor_fields[] = {
        { TEXT(hedge_model_tensor_t, name) },
        { AT(hedge_model_tensor_t, shape), .kind = HEDGE_FIELD_SHAPE, REQUIRED },
        { U32(hedge_model_tensor_t, element, 0, 255) },
        { U32(hedge_model_tensor_t, open, 0, (1u << HEDGE_MAX_RANK) - 1) },
        { U32(hedge_model_tensor_t, batch_axis, 0, HEDGE_MAX_RANK) },
};
static const hedge_record_t tensor = RECORD_OF("tensor", tensor_fields);

static const hedge_field_t preprocess_fields[] = {
        { BOOL(hedge_model_preprocess_t, given) },
        { U32(hedge_model_preprocess_t, resize, 0, 65536) },
        { BOOL(hedge_model_preprocess_t, crop) },
        { U32(hedge_model_preprocess_t, letterbox, 0, HEDGE_LETTERBOX_CORNER) },
        { BOOL(hedge_model_preprocess_t, bgr) },
        { BOOL(hedge_model_preprocess_t, as_stored) },
        { BOOL(hedge_model_preprocess_t, nhwc) },
        { F64(hedge_model_preprocess_t, scale, -1e9, 1e9) },
        { FIXED(hedge_model_preprocess_t, mean, 4), .kind = HEDGE_FIELD_F64, .low = -1e9, .high = 1e9 },
        { FIXED(hedge_model_preprocess_t, std, 4), .kind = HEDGE_FIELD_F64, .low = -1e9, .high = 1e9 },
};
static const hedge_record_t preprocess = RECORD_OF("preprocess", preprocess_fields);

static const hedge_field_t model_fields[] = {
        { NAME(hedge_model_status_t, name, 1), REQUIRED },
        { TEXT(hedge_model_status_t, state), REQUIRED },
        { U64(hedge_model_status_t, macs) },
        { U64(hedge_model_status_t, parameters) },
        { U32(hedge_model_status_t, layers, 0, ANY32) },
        { U32(hedge_model_status_t, coded_layers, 0, ANY32) },
        { U32(hedge_model_status_t, segment_layers, 0, ANY32) },
        { U32(hedge_model_status_t, ready_boards, 0, ANY32) },
        { U64(hedge_model_status_t, share_bytes) },
        { LIST(hedge_model_status_t, inputs, n_inputs, 0, MAX_TENSORS), RECORD(tensor) },
        { LIST(hedge_model_status_t, outputs, n_outputs, 0, MAX_TENSORS), RECORD(tensor) },
        { AT(hedge_model_status_t, preprocess), RECORD(preprocess) },
        { BOOL(hedge_model_status_t, any_batch) },
        { U32(hedge_model_status_t, batch, 0, ANY32) },
        { BOOL(hedge_model_status_t, batch_apart) },
        { TEXT(hedge_model_status_t, batch_why) },
        { TEXT(hedge_model_status_t, how) },
};
static const hedge_record_t model = RECORD_OF("model", model_fields);

static const hedge_field_t models_ok[] = {
        { U64(hedge_msg_models_ok_t, id), REQUIRED },
        { LIST(hedge_msg_models_ok_t, models, n_models, 0, MAX_MODELS), RECORD(model) },
};

static const hedge_field_t input_shape_fields[] = {
        { TEXT(hedge_input_shape_t, name) },
        { AT(hedge_input_shape_t, shape), .kind = HEDGE_FIELD_SHAPE, REQUIRED },
};
static const hedge_record_t input_shape = RECORD_OF("input_shape", input_shape_fields);

static const hedge_field_t load[] = {
        { U64(hedge_msg_load_t, id), REQUIRED },
        { NAME(hedge_msg_load_t, name, 1), REQUIRED },
        { U32(hedge_msg_load_t, wait_ms, 0, MAX_MS) },
        { LIST(hedge_msg_load_t, shapes, n_shapes, 0, HEDGE_INPUT_SHAPES_MAX), RECORD(input_shape) },
};

static const hedge_field_t unload[] = {
        { U64(hedge_msg_unload_t, id), REQUIRED },
        { NAME(hedge_msg_unload_t, name, 1), REQUIRED },
};

static const hedge_field_t done[] = {
        { U64(hedge_msg_done_t, id), REQUIRED },
        { AT(hedge_msg_done_t, model), RECORD(model), REQUIRED },
};

static const hedge_field_t plan[] = {
        { U64(hedge_msg_plan_t, id), REQUIRED },
        { NAME(hedge_msg_plan_t, model, 1), REQUIRED },
        { U32(hedge_msg_plan_t, boards, 0, HEDGE_CODE_MAX_BOARDS) },
        { TEXT(hedge_msg_plan_t, objective) },
        { LIST(hedge_msg_plan_t, inputs, n_inputs, 0, MAX_TENSORS), .kind = HEDGE_FIELD_SHAPE },
};

static const hedge_field_t candidate_fields[] = {
        { TEXT(hedge_plan_candidate_t, scheme), REQUIRED },
        { TEXT(hedge_plan_candidate_t, note) },
        { U32(hedge_plan_candidate_t, k_a, 0, HEDGE_CODE_MAX_PARTS) },
        { U32(hedge_plan_candidate_t, k_b, 0, HEDGE_CODE_MAX_PARTS) },
        { U32(hedge_plan_candidate_t, ell_a, 0, HEDGE_CODE_MAX_PARTS) },
        { U32(hedge_plan_candidate_t, ell_b, 0, HEDGE_CODE_MAX_PARTS) },
        { U32(hedge_plan_candidate_t, delta, 0, HEDGE_CODE_MAX_BOARDS) },
        { TEXT(hedge_plan_candidate_t, wire) },
        { F64(hedge_plan_candidate_t, mean_ms, 0, FOREVER) },
        { F64(hedge_plan_candidate_t, p99_ms, 0, FOREVER) },
        { U32(hedge_plan_candidate_t, hold_us, 0, MAX_HOLD_US) },
        { F64(hedge_plan_candidate_t, here_ms, 0, FOREVER) },
        { F64(hedge_plan_candidate_t, boards_ms, 0, FOREVER) },
        { F64(hedge_plan_candidate_t, parts_asked, 0, FOREVER) },
        { F64(hedge_plan_candidate_t, cost, 0, INFINITY) },
        { F64(hedge_plan_candidate_t, error, 0, INFINITY) },
};
static const hedge_record_t candidate = RECORD_OF("candidate", candidate_fields);

static const hedge_field_t plan_layer_fields[] = {
        { TEXT(hedge_plan_layer_t, name), REQUIRED },
        { U64(hedge_plan_layer_t, macs) },
        { U32(hedge_plan_layer_t, chosen, 0, MAX_CANDIDATES - 1) },
        { F64(hedge_plan_layer_t, local_ms, 0, FOREVER) },
        { U64(hedge_plan_layer_t, up_bytes) },
        { U64(hedge_plan_layer_t, down_bytes) },
        { U64(hedge_plan_layer_t, share_bytes) },
        { LIST(hedge_plan_layer_t, candidates, n_candidates, 1, MAX_CANDIDATES), RECORD(candidate), REQUIRED },
};
static const hedge_record_t plan_layer = RECORD_OF("plan_layer", plan_layer_fields);

static const hedge_field_t plan_step_fields[] = {
        { TEXT(hedge_plan_step_t, first_name), REQUIRED },
        { TEXT(hedge_plan_step_t, last_name), REQUIRED },
        { U32(hedge_plan_step_t, first, 0, ANY32) },
        { U32(hedge_plan_step_t, last, 0, ANY32) },
        { TEXT(hedge_plan_step_t, kind), REQUIRED },
        { U32(hedge_plan_step_t, windows, 0, HEDGE_CODE_MAX_PARTS) },
        { U32(hedge_plan_step_t, rows, 0, ANY32) },
        { U32(hedge_plan_step_t, cols, 0, ANY32) },
        { U32(hedge_plan_step_t, copies, 0, HEDGE_CODE_MAX_BOARDS) },
        { TEXT(hedge_plan_step_t, wire) },
        { F64(hedge_plan_step_t, mean_ms, 0, FOREVER) },
        { U64(hedge_plan_step_t, macs) },
        { U64(hedge_plan_step_t, up_bytes) },
        { U64(hedge_plan_step_t, down_bytes) },
        { U64(hedge_plan_step_t, held_bytes) },
};
static const hedge_record_t plan_step = RECORD_OF("plan_step", plan_step_fields);

static const hedge_field_t plan_chain_fields[] = {
        { U32(hedge_plan_chain_t, boards, 0, HEDGE_CODE_MAX_BOARDS) },
        { U32(hedge_plan_chain_t, in_flight, 0, ANY32) },
        { F64(hedge_plan_chain_t, mean_ms, 0, FOREVER) },
        { F64(hedge_plan_chain_t, per_second, 0, FOREVER) },
        { LIST(hedge_plan_chain_t, steps, n_steps, 1, MAX_STEPS), RECORD(plan_step), REQUIRED },
};
static const hedge_record_t plan_chain = RECORD_OF("plan_chain", plan_chain_fields);

static const hedge_field_t plan_ok[] = {
        { U64(hedge_msg_plan_ok_t, id), REQUIRED },
        { TEXT(hedge_msg_plan_ok_t, objective) },
        { U32(hedge_msg_plan_ok_t, boards, 0, HEDGE_CODE_MAX_BOARDS) },
        { F64(hedge_msg_plan_ok_t, predicted_ms, 0, FOREVER) },
        { F64(hedge_msg_plan_ok_t, local_ms, 0, FOREVER) },
        { F64(hedge_msg_plan_ok_t, shared_ms, 0, FOREVER) },
        { F64(hedge_msg_plan_ok_t, limit_ms, 0, FOREVER) },
        { LIST(hedge_msg_plan_ok_t, chains, n_chains, 0, MAX_CHAINS), RECORD(plan_chain) },
        { LIST(hedge_msg_plan_ok_t, board_bytes, n_board_bytes, 0, HEDGE_CODE_MAX_BOARDS), .kind = HEDGE_FIELD_U64,
          .max = ANY64 },
        { LIST(hedge_msg_plan_ok_t, layers, n_layers, 0, MAX_LAYERS), RECORD(plan_layer) },
};

static const hedge_field_t train[] = {
        { U64(hedge_msg_train_t, id), REQUIRED },
};

static const hedge_field_t epoch_fields[] = {
        { U32(hedge_epoch_report_t, epoch, 1, MAX_EPOCHS), REQUIRED },
        { F64(hedge_epoch_report_t, loss, 0, INFINITY) },
        { F64(hedge_epoch_report_t, test_loss, 0, INFINITY) },
        { F64(hedge_epoch_report_t, test_accuracy, 0, 1) },
        { F64(hedge_epoch_report_t, seconds, 0, FOREVER) },
        { F64(hedge_epoch_report_t, ms_per_step, 0, FOREVER) },
        { F64(hedge_epoch_report_t, samples_per_s, 0, FOREVER) },
        { F64(hedge_epoch_report_t, bytes_up_per_step, 0, FOREVER) },
        { F64(hedge_epoch_report_t, bytes_down_per_step, 0, FOREVER) },
        { F64(hedge_epoch_report_t, bits_per_entry, 0, FOREVER) },
        { F64(hedge_epoch_report_t, entropy, 0, FOREVER) },
        { U32(hedge_epoch_report_t, late, 0, ANY32) },
        { F64(hedge_epoch_report_t, boards, 0, FOREVER) },
};
static const hedge_record_t epoch = RECORD_OF("epoch", epoch_fields);

static const hedge_field_t event_fields[] = {
        { U64(hedge_job_event_t, step) },
        { F64(hedge_job_event_t, at_s, 0, FOREVER) },
        { TEXT(hedge_job_event_t, text), REQUIRED },
};
static const hedge_record_t event = RECORD_OF("event", event_fields);

static const hedge_field_t job_fields[] = {
        { U64(hedge_job_status_t, job), REQUIRED },
        { NAME(hedge_job_status_t, name, 1), REQUIRED },
        { TEXT(hedge_job_status_t, method), REQUIRED },
        { TEXT(hedge_job_status_t, state), REQUIRED },
        { TEXT(hedge_job_status_t, text) },
        { U32(hedge_job_status_t, epoch, 0, MAX_EPOCHS) },
        { U32(hedge_job_status_t, epochs, 0, MAX_EPOCHS) },
        { U64(hedge_job_status_t, step) },
        { U64(hedge_job_status_t, steps) },
        { U64(hedge_job_status_t, parameters) },
        { F64(hedge_job_status_t, loss, 0, INFINITY) },
        { F64(hedge_job_status_t, test_accuracy, -1, 1) },
        { F64(hedge_job_status_t, samples_per_s, 0, FOREVER) },
        { F64(hedge_job_status_t, bytes_up_per_step, 0, FOREVER) },
        { U32(hedge_job_status_t, boards, 0, ANY32) },
        { F64(hedge_job_status_t, left_s, -1, FOREVER) },
        { F64(hedge_job_status_t, age_s, 0, FOREVER) },
        { U32(hedge_job_status_t, first_epoch, 0, ANY32) },
        { LIST(hedge_job_status_t, epochs_done, n_epochs_done, 0, HEDGE_JOB_LIST), RECORD(epoch) },
        { U32(hedge_job_status_t, first_event, 0, ANY32) },
        { LIST(hedge_job_status_t, events, n_events, 0, HEDGE_JOB_LIST), RECORD(event) },
};
static const hedge_record_t job = RECORD_OF("job", job_fields);

static const hedge_field_t jobs[] = {
        { U64(hedge_msg_jobs_t, id), REQUIRED },
        { U64(hedge_msg_jobs_t, job) },
        { U32(hedge_msg_jobs_t, from_epoch, 0, ANY32) },
        { U32(hedge_msg_jobs_t, from_event, 0, ANY32) },
};

static const hedge_field_t jobs_ok[] = {
        { U64(hedge_msg_jobs_ok_t, id), REQUIRED },
        { LIST(hedge_msg_jobs_ok_t, jobs, n_jobs, 0, MAX_JOBS), RECORD(job) },
};

static const hedge_field_t job_ask[] = {
        { U64(hedge_msg_job_ask_t, id), REQUIRED },
        { U64(hedge_msg_job_ask_t, job), REQUIRED },
};

static const hedge_field_t job_model_ok[] = {
        { U64(hedge_msg_job_model_ok_t, id), REQUIRED },
        { U64(hedge_msg_job_model_ok_t, job), REQUIRED },
        { NAME(hedge_msg_job_model_ok_t, name, 1), REQUIRED },
};

static const hedge_field_t matmul[] = {
        { U64(hedge_msg_matmul_t, id), REQUIRED },
        { U32(hedge_msg_matmul_t, rows, 1, HEDGE_UEP_MAX_SIDE), REQUIRED },
        { U32(hedge_msg_matmul_t, inner, 1, HEDGE_UEP_MAX_SIDE), REQUIRED },
        { U32(hedge_msg_matmul_t, columns, 1, HEDGE_UEP_MAX_SIDE), REQUIRED },
        { TEXT(hedge_msg_matmul_t, scheme), REQUIRED },
        { TEXT(hedge_msg_matmul_t, split) },
        { U32(hedge_msg_matmul_t, blocks_a, 1, HEDGE_UEP_MAX_PRODUCTS), REQUIRED },
        { U32(hedge_msg_matmul_t, blocks_b, 1, HEDGE_UEP_MAX_PRODUCTS), REQUIRED },
        { U32(hedge_msg_matmul_t, levels, 0, HEDGE_UEP_MAX_PRODUCTS) },
        { U32(hedge_msg_matmul_t, classes, 0, HEDGE_UEP_MAX_CLASSES) },
        { U32(hedge_msg_matmul_t, packets, 0, HEDGE_UEP_MAX_PACKETS) },
        { LIST(hedge_msg_matmul_t, windows, n_windows, 0, HEDGE_UEP_MAX_CLASSES), .kind = HEDGE_FIELD_F64, .low = 0,
          .high = 1 },
        { BOOL(hedge_msg_matmul_t, stacked) },
        { U64(hedge_msg_matmul_t, seed) },
        { U32(hedge_msg_matmul_t, deadline_ms, 1, MAX_MS), REQUIRED },
};

static const hedge_field_t packet_fields[] = {
        { U32(hedge_packet_report_t, board, 0, HEDGE_CODE_MAX_BOARDS - 1) },
        { U32(hedge_packet_report_t, window, 0, HEDGE_UEP_MAX_CLASSES - 1) },
        { F64(hedge_packet_report_t, received_ms, 0, FOREVER) },
        { U32(hedge_packet_report_t, determined, 0, HEDGE_UEP_MAX_PRODUCTS) },
};
static const hedge_record_t packet = RECORD_OF("packet", packet_fields);

static const hedge_field_t matmul_ok[] = {
        { U64(hedge_msg_matmul_ok_t, id), REQUIRED },
        { F64(hedge_msg_matmul_ok_t, ms, 0, FOREVER) },
        { U32(hedge_msg_matmul_ok_t, products, 0, HEDGE_UEP_MAX_PRODUCTS) },
        { U32(hedge_msg_matmul_ok_t, determined, 0, HEDGE_UEP_MAX_PRODUCTS) },
        { F64(hedge_msg_matmul_ok_t, expected_error, 0, 1) },
        { LIST(hedge_msg_matmul_ok_t, packets, n_packets, 0, HEDGE_UEP_MAX_PACKETS), RECORD(packet) },
};

#define TYPE(type, table) [HEDGE_MSG_##type] = { .record = RECORD_OF(#type, table) }
#define FRAMES(type, table, lo, hi) \
        [HEDGE_MSG_##type] = { .record = RECORD_OF(#type, table), .frames_min = lo, .frames_max = hi }
#define FRAMES_BY(type, table, s, m)                                           \
        [HEDGE_MSG_##type] = { .record = RECORD_OF(#type, table),              \
                               .frames_max = MAX_TENSORS,                      \
                               .frames_offset = offsetof(hedge_message_t, s) + \
                                                offsetof(__typeof__(((hedge_message_t *)0)->s), m) }

static const hedge_schema_t schemas[HEDGE_MSG_TYPES] = {
        TYPE(HELLO, hello),
        TYPE(WELCOME, welcome),
        FRAMES(SHARE, share, 1, 1),
        TYPE(SHARE_OK, share_ok),
        FRAMES(GRAPH, graph, 1, 1),
        FRAMES(CONSTANTS, constants, 1, 1),
        TYPE(CONSTANTS_OK, constants_ok),
        FRAMES(TASK, task, 1, HEDGE_TASK_FRAMES),
        FRAMES_BY(PART, part, part, n_parts),
        TYPE(TASK_END, task_end),
        TYPE(CANCEL, cancel),
        TYPE(DROP, drop),
        TYPE(PING, ping),
        TYPE(PONG, pong),
        TYPE(ERROR, error),
        TYPE(BYE, bye),
        FRAMES_BY(INFER, infer, infer, n_inputs),
        FRAMES_BY(RESULT, result, result, n_outputs),
        TYPE(STATUS, status),
        TYPE(STATUS_OK, status_ok),
        TYPE(MODELS, models),
        FRAMES(MODELS_OK, models_ok, 0, 2),
        FRAMES(LOAD, load, 0, 2),
        TYPE(LOAD_OK, done),
        TYPE(UNLOAD, unload),
        TYPE(UNLOAD_OK, done),
        TYPE(PLAN, plan),
        TYPE(PLAN_OK, plan_ok),
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
        FRAMES(TRAIN, train, 2, 1 + HEDGE_JOB_FILES),
        TYPE(TRAIN_OK, jobs_ok),
        TYPE(JOBS, jobs),
        TYPE(JOBS_OK, jobs_ok),
        TYPE(JOB_STOP, job_ask),
        TYPE(JOB_STOP_OK, jobs_ok),
        TYPE(JOB_MODEL, job_ask),
        FRAMES(JOB_MODEL_OK, job_model_ok, 2, 2),
        FRAMES(MATMUL, matmul, 2, 2),
        FRAMES(MATMUL_OK, matmul_ok, 1, 1),
};

const hedge_schema_t *hedge_schema(hedge_message_type_t type)
{
        if ((unsigned)type >= HEDGE_MSG_TYPES || !schemas[type].record.name)
                return NULL;
        return &schemas[type];
}

hedge_message_type_t hedge_schema_type(const char *name, size_t size)
{
        for (unsigned type = 1; type < HEDGE_MSG_TYPES; type++)
                if (strlen(schemas[type].record.name) == size && !memcmp(schemas[type].record.name, name, size))
                        return (hedge_message_type_t)type;
        return (hedge_message_type_t)0;
}
