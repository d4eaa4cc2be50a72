/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>

#include "client/command.h"
#include "client/json.h"
#include "client/requests.h"
#include "client/table.h"

typedef struct status_values {
        hedge_target_t target;
        bool json, verbose;
} status_values_t;

static const hedge_option_t options[] = {
        HEDGE_ROW(FLAG, "json", 'j', status_values_t, json, NULL, "print one JSON object"),
        HEDGE_ROW(FLAG, "verbose", 'v', status_values_t, verbose, NULL, "show more about every board"),
        HEDGE_ROW_TABLE(status_values_t, target, hedge_target_options),
        HEDGE_ROW_END,
};

static struct json_object *board_json(hedge_json_t *json, const hedge_board_status_t *board)
{
        struct json_object *object = hedge_json_object(json);
        char incarnation[20];

        /* 64 random bits are more than JSON's readers keep of a number. */
        snprintf(incarnation, sizeof(incarnation), "%016" PRIx64, board->incarnation);
        hedge_json_add_string(json, object, "name", board->name);
        hedge_json_add_uint(json, object, "index", board->index);
        hedge_json_add_string(json, object, "state", board->state);
        hedge_json_add_string(json, object, "backend", board->backend);
        hedge_json_add_string(json, object, "version", board->version);
        hedge_json_add_uint(json, object, "cores", board->cores);
        hedge_json_add_uint(json, object, "shares", board->shares);
        hedge_json_add_uint(json, object, "held_bytes", board->held_bytes);
        hedge_json_add_uint(json, object, "share_bytes_max", board->share_bytes_max);
        hedge_json_add_uint(json, object, "parts_done", board->parts_done);
        hedge_json_add_string(json, object, "incarnation", incarnation);
        hedge_json_add_uint(json, object, "queued", board->queued);
        hedge_json_add_uint(json, object, "seen_ms", board->seen_ms);
        hedge_json_add_double(json, object, "round_trip_ms", board->round_trip_ms, 6);
        hedge_json_add_uint(json, object, "comebacks", board->comebacks);
        hedge_json_add_uint(json, object, "measured_tasks", board->measured);
        hedge_json_add_double(json, object, "macs_per_s", board->macs_per_s, 4);
        hedge_json_add_double(json, object, "spread", board->spread, 3);
        hedge_json_add_double(json, object, "up_bytes_per_s", board->up_bytes_per_s, 4);
        hedge_json_add_double(json, object, "down_bytes_per_s", board->down_bytes_per_s, 4);
        hedge_json_add_double(json, object, "delay_ms", board->delay_ms, 4);
        return object;
}

static int print_json(const hedge_msg_status_ok_t *status)
{
        hedge_json_t json = { 0 };
        struct json_object *boards;

        json.root = hedge_json_object(&json);
        hedge_json_add_string(&json, json.root, "version", status->version);
        hedge_json_add_uint(&json, json.root, "uptime_ms", status->uptime_ms);
        hedge_json_add_string(&json, json.root, "security", status->security);
        hedge_json_add_string(&json, json.root, "backend", status->backend);
        hedge_json_add_uint(&json, json.root, "slots", status->slots);
        hedge_json_add_uint(&json, json.root, "alive", hedge_status_count(status, "alive"));
        hedge_json_add_uint(&json, json.root, "requests", status->requests);
        hedge_json_add_uint(&json, json.root, "requests_failed", status->requests_failed);
        hedge_json_add_uint(&json, json.root, "in_flight", status->in_flight);
        hedge_json_add_uint(&json, json.root, "malformed", status->malformed);
        hedge_json_add_uint(&json, json.root, "late_parts", status->late_parts);
        hedge_json_add_uint(&json, json.root, "refused", status->refused);
        boards = hedge_json_array(&json);
        for (uint32_t i = 0; i < status->n_boards; i++)
                hedge_json_add(&json, boards, NULL, board_json(&json, &status->boards[i]));
        hedge_json_add(&json, json.root, "boards", boards);
        return hedge_json_print(&json, 1, stdout);
}

/* Three digits, or what is before the point. */
static void add_number(hedge_table_t *table, double value)
{
        int digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;

        hedge_table_cell(table, "%.*f", digits, value);
}

static void add_board(hedge_table_t *table, const hedge_board_status_t *board)
{
        hedge_table_cell(table, "%u", board->index);
        hedge_table_cell(table, "%s", board->name);
        hedge_table_cell(table, "%s", board->state);
        hedge_table_cell(table, "%s", hedge_text_bytes(board->held_bytes));
        hedge_table_cell(table, "%s", hedge_text_count(board->parts_done));
        if (board->measured) {
                add_number(table, board->macs_per_s / 1e9);
                add_number(table, board->spread);
                add_number(table, board->up_bytes_per_s * 8 / 1e6);
        } else {
                for (unsigned i = 0; i < 3; i++)
                        hedge_table_cell(table, "-");
        }
        hedge_table_cell(table, "%s", hedge_text_duration(board->seen_ms));
}

static int print_boards(const hedge_msg_status_ok_t *status)
{
        static const hedge_column_t columns[] = { { "NO", HEDGE_RIGHT, 0 },     { "BOARD", HEDGE_LEFT, 8 },
                                                  { "STATE", HEDGE_LEFT, 0 },   { "HELD", HEDGE_RIGHT, 0 },
                                                  { "PARTS", HEDGE_RIGHT, 0 },  { "GMAC/S", HEDGE_RIGHT, 0 },
                                                  { "SPREAD", HEDGE_RIGHT, 0 }, { "MBIT/S", HEDGE_RIGHT, 0 },
                                                  { "SEEN", HEDGE_RIGHT, 0 },   { .title = NULL } };
        hedge_table_t *table = hedge_table_new(columns);
        int r;

        if (!table)
                return -1;
        for (uint32_t i = 0; i < status->n_boards; i++)
                add_board(table, &status->boards[i]);
        r = hedge_table_print(table, 0, stdout);
        hedge_table_destroy(&table);
        return r;
}

static void add_details(hedge_table_t *table, const hedge_board_status_t *board)
{
        hedge_table_cell(table, "%u", board->index);
        hedge_table_cell(table, "%s", board->name);
        hedge_table_cell(table, "%s", board->backend);
        hedge_table_cell(table, "%u", board->cores);
        hedge_table_cell(table, "%u", board->shares);
        hedge_table_cell(table, "%u", board->queued);
        hedge_table_cell(table, "%.1f", board->round_trip_ms);
        hedge_table_cell(table, "%" PRIu64, board->comebacks);
        hedge_table_cell(table, "%s", hedge_text_count(board->measured));
        add_number(table, board->delay_ms);
}

/* What does not fit beside the rest. */
static int print_details(const hedge_msg_status_ok_t *status)
{
        static const hedge_column_t columns[] = { { "NO", HEDGE_RIGHT, 0 },
                                                  { "BOARD", HEDGE_LEFT, 8 },
                                                  { "KERNEL", HEDGE_LEFT, 0 },
                                                  { "CORES", HEDGE_RIGHT, 0 },
                                                  { "SHARES", HEDGE_RIGHT, 0 },
                                                  { "QUEUED", HEDGE_RIGHT, 0 },
                                                  { "RTT MS", HEDGE_RIGHT, 0 },
                                                  { "BACK", HEDGE_RIGHT, 0 },
                                                  { "TASKS", HEDGE_RIGHT, 0 },
                                                  { "DELAY MS", HEDGE_RIGHT, 0 },
                                                  { .title = NULL } };
        hedge_table_t *table = hedge_table_new(columns);
        int r;

        if (!table)
                return -1;
        putchar('\n');
        for (uint32_t i = 0; i < status->n_boards; i++)
                add_details(table, &status->boards[i]);
        r = hedge_table_print(table, 0, stdout);
        hedge_table_destroy(&table);
        return r;
}

static int print_text(const hedge_msg_status_ok_t *status, bool verbose)
{
        int r;

        printf("hedged ");
        hedge_print_safe(status->version, stdout);
        printf(", up %s, security ", hedge_text_duration(status->uptime_ms));
        hedge_print_safe(status->security, stdout);
        printf(", kernels ");
        hedge_print_safe(status->backend, stdout);
        printf("\nrequests  %" PRIu64 " answered, %" PRIu64 " failed, %" PRIu64 " in flight\n"
               "dropped   %" PRIu64 " late parts, %" PRIu64 " malformed messages, %" PRIu64 " refused connections\n"
               "boards    %u alive of %u slots\n",
               status->requests, status->requests_failed, status->in_flight, status->late_parts, status->malformed,
               status->refused, hedge_status_count(status, "alive"), status->slots);
        if (!status->n_boards)
                return 0;
        r = print_boards(status);
        return r < 0 || !verbose ? r : print_details(status);
}

static int run(const void *values, char **operands, unsigned n_operands)
{
        const status_values_t *v = values;
        hedge_connection_t *connection = NULL;
        hedge_envelope_t answer;
        hedge_why_t why = { "" };
        int r = hedge_connect("status", &v->target, &connection);

        if (r)
                return r;
        r = hedge_request_status(connection, &answer, &why);
        if (!r) {
                const hedge_msg_status_ok_t *status = &answer.message.status_ok;

                r = v->json ? print_json(status) : print_text(status, v->verbose);
                if (r < 0)
                        hedge_why(&why, r, "out of memory");
                hedge_envelope_release(&answer);
        }
        hedge_connection_close(&connection);
        return r < 0 ? hedge_complain("%s", why.text) : EXIT_SUCCESS;
}

const hedge_command_t hedge_command_status = {
        .name = "status",
        .operands = "",
        .summary = "show the coordinator and its boards",
        .details = "Show the coordinator, what it has answered, and every board: its state (alive,\n"
                   "suspect, gone), what it holds, the parts it has computed, how fast it was found\n"
                   "to be (its best rate, how far its tasks stray from it, its link) and when it was\n"
                   "last heard. With --verbose also how often it was lost and came back, and more.",
        .example = "hedge status --dir /tmp/hedge",
        .options = options,
        .values_size = sizeof(status_values_t),
        .run = run,
};
