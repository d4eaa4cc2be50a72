/* SPDX-License-Identifier: Apache-2.0 */
/* Coordinator and board: who is there, shares, tasks and parts. */
#include "common/wire/schema_group.h"

#define MAX_HELD 65536

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
const hedge_record_t hedge_schema_cost = RECORD_OF("cost", cost_fields);

static const hedge_field_t pong[] = {
        { U64(hedge_msg_pong_t, incarnation), REQUIRED },
        { U64(hedge_msg_pong_t, sequence), REQUIRED },
        { U32(hedge_msg_pong_t, queued, 0, ANY32) },
        { U32(hedge_msg_pong_t, shares, 0, ANY32) },
        { U64(hedge_msg_pong_t, held_bytes) },
        { U64(hedge_msg_pong_t, parts_done) },
        { AT(hedge_msg_pong_t, cost), RECORD(hedge_schema_cost) },
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

hedge_schema_group_t hedge_schema_boards = {
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
};
