/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/command.h"
#include "client/json.h"
#include "client/requests.h"
#include "client/table.h"

typedef struct status_values {
        hedgec_target_t target;
        bool json, verbose;
} status_values_t;

static const hedgec_option_t options[] = {
        HEDGEC_ROW(FLAG, "json", 'j', status_values_t, json, NULL, "print one JSON object"),
        HEDGEC_ROW(FLAG, "verbose", 'v', status_values_t, verbose, NULL, "show more about every board"),
        HEDGEC_ROW_TABLE(status_values_t, target, hedgec_target_options),
        HEDGEC_ROW_END,
};

/* What a process has taken, in seconds where it is a time. */
static const struct {
        const char *name;
        size_t offset;
        bool is_time;
} figures[] = {
        { "processor_s", offsetof(hedge_cost_t, process_us), true },
        { "kernel_s", offsetof(hedge_cost_t, kernel_us), true },
        { "coding_s", offsetof(hedge_cost_t, coding_us), true },
        { "solving_s", offsetof(hedge_cost_t, solving_us), true },
        { "messages_s", offsetof(hedge_cost_t, messages_us), true },
        { "io_s", offsetof(hedge_cost_t, io_us), true },
        { "messages_sent", offsetof(hedge_cost_t, sent), false },
        { "messages_received", offsetof(hedge_cost_t, received), false },
        { "bytes_sent", offsetof(hedge_cost_t, sent_bytes), false },
        { "bytes_received", offsetof(hedge_cost_t, received_bytes), false },
        { "context_switches", offsetof(hedge_cost_t, switches), false },
        { "page_faults", offsetof(hedge_cost_t, faults), false },
        { "parts", offsetof(hedge_cost_t, parts), false },
        { "vain_parts", offsetof(hedge_cost_t, vain_parts), false },
        { "vain_s", offsetof(hedge_cost_t, vain_us), true },
};

/* null: it has not said. @return the object, to which more may be added. */
static struct json_object *add_cost(hedgec_json_t *json, struct json_object *to, const hedge_cost_t *cost)
{
        struct json_object *object;

        if (!cost->process_us) {
                hedgec_json_add_null(json, to, "cost");
                return NULL;
        }
        object = hedgec_json_object(json);
        for (size_t i = 0; i < sizeof(figures) / sizeof(figures[0]); i++) {
                uint64_t value;

                memcpy(&value, (const char *)cost + figures[i].offset, sizeof(value));
                if (figures[i].is_time)
                        hedgec_json_add_double(json, object, figures[i].name, (double)value / 1e6, 15);
                else
                        hedgec_json_add_uint(json, object, figures[i].name, value);
        }
        hedgec_json_add(json, to, "cost", object);
        return object;
}

static struct json_object *board_json(hedgec_json_t *json, const hedge_board_status_t *board)
{
        struct json_object *object = hedgec_json_object(json), *cost;
        char incarnation[20];

        /* 64 random bits are more than JSON's readers keep of a number. */
        snprintf(incarnation, sizeof(incarnation), "%016" PRIx64, board->incarnation);
        hedgec_json_add_string(json, object, "name", board->name);
        hedgec_json_add_uint(json, object, "index", board->index);
        hedgec_json_add_string(json, object, "state", board->state);
        hedgec_json_add_string(json, object, "backend", board->backend);
        hedgec_json_add_string(json, object, "version", board->version);
        hedgec_json_add_uint(json, object, "cores", board->cores);
        hedgec_json_add_uint(json, object, "shares", board->shares);
        hedgec_json_add_uint(json, object, "held_bytes", board->held_bytes);
        hedgec_json_add_uint(json, object, "share_bytes_max", board->share_bytes_max);
        hedgec_json_add_uint(json, object, "parts_done", board->parts_done);
        hedgec_json_add_string(json, object, "incarnation", incarnation);
        hedgec_json_add_uint(json, object, "queued", board->queued);
        hedgec_json_add_uint(json, object, "seen_ms", board->seen_ms);
        hedgec_json_add_double(json, object, "round_trip_ms", board->round_trip_ms, 6);
        hedgec_json_add_uint(json, object, "comebacks", board->comebacks);
        hedgec_json_add_uint(json, object, "measured_tasks", board->measured);
        hedgec_json_add_double(json, object, "macs_per_s", board->macs_per_s, 4);
        hedgec_json_add_double(json, object, "spread", board->spread, 3);
        hedgec_json_add_double(json, object, "up_bytes_per_s", board->up_bytes_per_s, 4);
        hedgec_json_add_double(json, object, "down_bytes_per_s", board->down_bytes_per_s, 4);
        hedgec_json_add_double(json, object, "delay_ms", board->delay_ms, 4);
        cost = add_cost(json, object, &board->cost);
        if (cost)
                hedgec_json_add_uint(json, cost, "age_ms", board->cost_age_ms);
        return object;
}

static int print_json(const hedge_msg_status_ok_t *status)
{
        hedgec_json_t json = { 0 };
        struct json_object *boards, *keys;

        json.root = hedgec_json_object(&json);
        hedgec_json_add_string(&json, json.root, "version", status->version);
        hedgec_json_add_uint(&json, json.root, "uptime_ms", status->uptime_ms);
        hedgec_json_add_string(&json, json.root, "security", status->security);
        hedgec_json_add_string(&json, json.root, "backend", status->backend);
        hedgec_json_add_uint(&json, json.root, "slots", status->slots);
        hedgec_json_add_uint(&json, json.root, "alive", hedgec_status_count(status, "alive"));
        hedgec_json_add_uint(&json, json.root, "requests", status->requests);
        hedgec_json_add_uint(&json, json.root, "requests_failed", status->requests_failed);
        hedgec_json_add_uint(&json, json.root, "in_flight", status->in_flight);
        hedgec_json_add_uint(&json, json.root, "malformed", status->malformed);
        hedgec_json_add_uint(&json, json.root, "late_parts", status->late_parts);
        hedgec_json_add_uint(&json, json.root, "refused", status->refused);
        add_cost(&json, json.root, &status->cost);
        keys = hedgec_json_array(&json);
        for (uint32_t i = 0; i < status->n_keys; i++)
                hedgec_json_add_string(&json, keys, NULL, status->keys[i]);
        hedgec_json_add(&json, json.root, "keys", keys);
        boards = hedgec_json_array(&json);
        for (uint32_t i = 0; i < status->n_boards; i++)
                hedgec_json_add(&json, boards, NULL, board_json(&json, &status->boards[i]));
        hedgec_json_add(&json, json.root, "boards", boards);
        return hedgec_json_print(&json, 1, stdout);
}

/* Three digits, or what is before the point. */
static void add_number(hedgec_table_t *table, double value)
{
        int digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;

        hedgec_table_cell(table, "%.*f", digits, value);
}

static void add_board(hedgec_table_t *table, const hedge_board_status_t *board)
{
        hedgec_table_cell(table, "%u", board->index);
        hedgec_table_cell(table, "%s", board->name);
        hedgec_table_cell(table, "%s", board->state);
        hedgec_table_cell(table, "%s", hedgec_text_bytes(board->held_bytes));
        hedgec_table_cell(table, "%s", hedgec_text_count(board->parts_done));
        if (board->measured) {
                add_number(table, board->macs_per_s / 1e9);
                add_number(table, board->spread);
                add_number(table, board->up_bytes_per_s * 8 / 1e6);
        } else {
                for (unsigned i = 0; i < 3; i++)
                        hedgec_table_cell(table, "-");
        }
        hedgec_table_cell(table, "%s", hedgec_text_duration(board->seen_ms));
}

static int print_boards(const hedge_msg_status_ok_t *status)
{
        static const hedgec_column_t columns[] = { { "NO", HEDGEC_RIGHT, 0 },     { "BOARD", HEDGEC_LEFT, 8 },
                                                   { "STATE", HEDGEC_LEFT, 0 },   { "HELD", HEDGEC_RIGHT, 0 },
                                                   { "PARTS", HEDGEC_RIGHT, 0 },  { "GMAC/S", HEDGEC_RIGHT, 0 },
                                                   { "SPREAD", HEDGEC_RIGHT, 0 }, { "MBIT/S", HEDGEC_RIGHT, 0 },
                                                   { "SEEN", HEDGEC_RIGHT, 0 },   { .title = NULL } };
        hedgec_table_t *table = hedgec_table_new(columns);
        int r;

        if (!table)
                return -1;
        for (uint32_t i = 0; i < status->n_boards; i++)
                add_board(table, &status->boards[i]);
        r = hedgec_table_print(table, 0, stdout);
        hedgec_table_destroy(&table);
        return r;
}

static void add_details(hedgec_table_t *table, const hedge_board_status_t *board)
{
        hedgec_table_cell(table, "%u", board->index);
        hedgec_table_cell(table, "%s", board->name);
        hedgec_table_cell(table, "%s", board->backend);
        hedgec_table_cell(table, "%u", board->cores);
        hedgec_table_cell(table, "%u", board->shares);
        hedgec_table_cell(table, "%u", board->queued);
        hedgec_table_cell(table, "%.1f", board->round_trip_ms);
        hedgec_table_cell(table, "%" PRIu64, board->comebacks);
        hedgec_table_cell(table, "%s", hedgec_text_count(board->measured));
        add_number(table, board->delay_ms);
}

/* What does not fit beside the rest. */
static int print_details(const hedge_msg_status_ok_t *status)
{
        static const hedgec_column_t columns[] = { { "NO", HEDGEC_RIGHT, 0 },
                                                   { "BOARD", HEDGEC_LEFT, 8 },
                                                   { "KERNEL", HEDGEC_LEFT, 0 },
                                                   { "CORES", HEDGEC_RIGHT, 0 },
                                                   { "SHARES", HEDGEC_RIGHT, 0 },
                                                   { "QUEUED", HEDGEC_RIGHT, 0 },
                                                   { "RTT MS", HEDGEC_RIGHT, 0 },
                                                   { "BACK", HEDGEC_RIGHT, 0 },
                                                   { "TASKS", HEDGEC_RIGHT, 0 },
                                                   { "DELAY MS", HEDGEC_RIGHT, 0 },
                                                   { .title = NULL } };
        hedgec_table_t *table = hedgec_table_new(columns);
        int r;

        if (!table)
                return -1;
        putchar('\n');
        for (uint32_t i = 0; i < status->n_boards; i++)
                add_details(table, &status->boards[i]);
        r = hedgec_table_print(table, 0, stdout);
        hedgec_table_destroy(&table);
        return r;
}

static void print_cost(const hedge_cost_t *c)
{
        const double percent = 100.0 / (double)c->process_us;

        printf("processor %.1f s: kernels %.0f%%, coding %.0f%%, solving %.0f%%, messages %.0f%%, I/O %.0f%%\n",
               (double)c->process_us / 1e6, percent * (double)c->kernel_us, percent * (double)c->coding_us,
               percent * (double)c->solving_us, percent * (double)c->messages_us, percent * (double)c->io_us);
}

static int print_text(const hedge_msg_status_ok_t *status, bool verbose)
{
        int r;

        printf("hedged ");
        hedgec_print_safe(status->version, stdout);
        printf(", up %s, security ", hedgec_text_duration(status->uptime_ms));
        hedgec_print_safe(status->security, stdout);
        printf(", kernels ");
        hedgec_print_safe(status->backend, stdout);
        printf("\nrequests  %" PRIu64 " answered, %" PRIu64 " failed, %" PRIu64 " in flight\n"
               "dropped   %" PRIu64 " late parts, %" PRIu64 " malformed messages, %" PRIu64 " refused connections\n"
               "boards    %u alive of %u slots\n",
               status->requests, status->requests_failed, status->in_flight, status->late_parts, status->malformed,
               status->refused, hedgec_status_count(status, "alive"), status->slots);
        if (status->cost.process_us)
                print_cost(&status->cost);
        for (uint32_t i = 0; i < status->n_keys; i++) {
                printf("no key    ");
                hedgec_print_safe(status->keys[i], stdout);
                putchar('\n');
        }
        if (!status->n_boards)
                return 0;
        r = print_boards(status);
        return r < 0 || !verbose ? r : print_details(status);
}

static int run(const void *values, char **operands, unsigned n_operands)
{
        const status_values_t *v = values;
        hedgec_connection_t *connection = NULL;
        hedge_envelope_t answer;
        hedge_why_t why = { "" };
        int r = hedgec_connect("status", &v->target, &connection);

        if (r)
                return r;
        r = hedgec_request_status(connection, &answer, &why);
        if (!r) {
                const hedge_msg_status_ok_t *status = &answer.message.status_ok;

                r = v->json ? print_json(status) : print_text(status, v->verbose);
                if (r < 0)
                        hedge_why(&why, r, "out of memory");
                hedge_envelope_release(&answer);
        }
        return hedgec_disconnect(&connection, r, &why);
}

const hedgec_command_t hedgec_command_status = {
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
