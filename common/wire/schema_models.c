/* SPDX-License-Identifier: Apache-2.0 */
/* Client and coordinator: requests, models, plans. */
#include <math.h>

#include "common/wire/schema_group.h"

#define MAX_MODELS     1024
#define MAX_LAYERS     4096
#define MAX_STEPS      1024
#define MAX_CHAINS     16
#define MAX_KNOWN      1024 /* boards, also those that are gone */
#define MAX_BAD_KEYS   1024
#define MAX_CANDIDATES 64

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
        { AT(hedge_board_status_t, cost), RECORD(hedge_schema_cost) },
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
        { AT(hedge_msg_status_ok_t, cost), RECORD(hedge_schema_cost) },
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

hedge_schema_group_t hedge_schema_models = {
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
};
