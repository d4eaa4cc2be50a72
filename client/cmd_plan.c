/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "client/command.h"
#include "client/json.h"
#include "client/requests.h"
#include "client/table.h"

typedef struct plan_values {
        hedge_target_t target;
        uint64_t boards;
        int objective; /* -1: as configured */
        bool json, verbose;
} plan_values_t;

static const char *const objectives[] = { "latency", "p99", "cost", NULL };

static const hedge_option_t options[] = {
        HEDGE_ROW_UINT("boards", 'b', plan_values_t, boards, "N", "for N boards, not for as many as configured", 1,
                       HEDGE_CODE_MAX_BOARDS),
        HEDGE_ROW_CHOICE("objective", 'o', plan_values_t, objective, "WHAT",
                         "what is to be small: latency, p99 or cost", objectives),
        HEDGE_ROW(FLAG, "verbose", 'v', plan_values_t, verbose, NULL, "show the best of every scheme, per layer"),
        HEDGE_ROW(FLAG, "json", 'j', plan_values_t, json, NULL, "print one JSON object, with everything"),
        HEDGE_ROW_TABLE(plan_values_t, target, hedge_target_options),
        HEDGE_ROW_END,
};

/* What is chosen, if the answer says something that there is. */
static const hedge_plan_candidate_t *chosen_of(const hedge_plan_layer_t *layer)
{
        return &layer->candidates[layer->chosen < layer->n_candidates ? layer->chosen : 0];
}

/* ---- JSON ---- */

static struct json_object *candidate_json(hedge_json_t *json, const hedge_plan_candidate_t *c)
{
        struct json_object *object = hedge_json_object(json);

        hedge_json_add_string(json, object, "scheme", c->scheme);
        hedge_json_add_string(json, object, "note", c->note);
        hedge_json_add_uint(json, object, "k_a", c->k_a);
        hedge_json_add_uint(json, object, "k_b", c->k_b);
        hedge_json_add_uint(json, object, "ell_a", c->ell_a);
        hedge_json_add_uint(json, object, "ell_b", c->ell_b);
        hedge_json_add_uint(json, object, "delta", c->delta);
        hedge_json_add_string(json, object, "wire", c->wire);
        hedge_json_add_double(json, object, "mean_ms", c->mean_ms, 6);
        hedge_json_add_double(json, object, "p99_ms", c->p99_ms, 6);
        hedge_json_add_double(json, object, "cost", c->cost, 6);
        hedge_json_add_double(json, object, "error", c->error, 3);
        return object;
}

static struct json_object *layer_json(hedge_json_t *json, const hedge_plan_layer_t *layer)
{
        struct json_object *object = hedge_json_object(json), *candidates = hedge_json_array(json);

        hedge_json_add_string(json, object, "name", layer->name);
        hedge_json_add_uint(json, object, "macs", layer->macs);
        hedge_json_add_uint(json, object, "chosen", layer->chosen);
        hedge_json_add_double(json, object, "local_ms", layer->local_ms, 6);
        hedge_json_add_uint(json, object, "up_bytes", layer->up_bytes);
        hedge_json_add_uint(json, object, "down_bytes", layer->down_bytes);
        hedge_json_add_uint(json, object, "share_bytes", layer->share_bytes);
        for (uint32_t i = 0; i < layer->n_candidates; i++)
                hedge_json_add(json, candidates, NULL, candidate_json(json, &layer->candidates[i]));
        hedge_json_add(json, object, "candidates", candidates);
        return object;
}

static int print_json(const char *model, const hedge_msg_plan_ok_t *plan)
{
        hedge_json_t json = { 0 };
        struct json_object *boards, *layers;

        json.root = hedge_json_object(&json);
        boards = hedge_json_array(&json);
        layers = hedge_json_array(&json);
        hedge_json_add_string(&json, json.root, "model", model);
        hedge_json_add_string(&json, json.root, "objective", plan->objective);
        hedge_json_add_uint(&json, json.root, "boards", plan->boards);
        hedge_json_add_double(&json, json.root, "predicted_ms", plan->predicted_ms, 6);
        hedge_json_add_double(&json, json.root, "local_ms", plan->local_ms, 6);
        for (uint32_t i = 0; i < plan->n_board_bytes; i++)
                hedge_json_add_uint(&json, boards, NULL, plan->board_bytes[i]);
        hedge_json_add(&json, json.root, "board_bytes", boards);
        for (uint32_t i = 0; i < plan->n_layers; i++)
                hedge_json_add(&json, layers, NULL, layer_json(&json, &plan->layers[i]));
        hedge_json_add(&json, json.root, "layers", layers);
        return hedge_json_print(&json, 0, stdout);
}

/* ---- text ---- */

static void add_way(hedge_table_t *table, const hedge_plan_candidate_t *c)
{
        hedge_table_cell(table, "%s", c->scheme);
        if (!strcmp(c->scheme, "local")) {
                hedge_table_cell(table, "-");
                hedge_table_cell(table, "-");
                return;
        }
        hedge_table_cell(table, "%ux%u", c->k_a, c->k_b);
        hedge_table_cell(table, "%s", c->wire);
}

static int print_layers(const hedge_msg_plan_ok_t *plan)
{
        static const hedge_column_t columns[] = {
                { "LAYER", HEDGE_TAIL, 6 },
                { "SCHEME", HEDGE_LEFT, 6 },
                { "CUT", HEDGE_LEFT, 0 },
                { "WIRE", HEDGE_LEFT, 0 },
                { "MS", HEDGE_RIGHT, 0 },
                { "ALONE", HEDGE_RIGHT, 0 },
                { "MB UP", HEDGE_RIGHT, 0 },
                { "MB DOWN", HEDGE_RIGHT, 0 },
                { "MB KEPT", HEDGE_RIGHT, 0 },
                { "ERROR", HEDGE_RIGHT, 0 },
                { .title = NULL },
        };
        hedge_table_t *table = hedge_table_new(columns);
        int r;

        if (!table)
                return -1;
        for (uint32_t i = 0; i < plan->n_layers; i++) {
                const hedge_plan_layer_t *layer = &plan->layers[i];
                const hedge_plan_candidate_t *c = chosen_of(layer);

                hedge_table_cell(table, "%s", layer->name);
                add_way(table, c);
                hedge_table_cell(table, "%.1f", c->mean_ms);
                hedge_table_cell(table, "%.1f", layer->local_ms);
                hedge_table_cell(table, "%.2f", (double)layer->up_bytes / 1e6);
                hedge_table_cell(table, "%.2f", (double)layer->down_bytes / 1e6);
                hedge_table_cell(table, "%.2f", (double)layer->share_bytes / 1e6);
                hedge_table_cell(table, "%.0e", c->error);
        }
        r = hedge_table_print(table, 0, stdout);
        hedge_table_destroy(&table);
        return r;
}

static int print_candidates(const hedge_plan_layer_t *layer, bool by_cost)
{
        const hedge_column_t columns[] = {
                { "", HEDGE_LEFT, 0 },
                { "SCHEME", HEDGE_LEFT, 0 },
                { "CUT", HEDGE_LEFT, 0 },
                { "WIRE", HEDGE_LEFT, 0 },
                { "DELTA", HEDGE_RIGHT, 0 },
                { "MS", HEDGE_RIGHT, 0 },
                { by_cost ? "COST" : "P99 MS", HEDGE_RIGHT, 0 },
                { "ERROR", HEDGE_RIGHT, 0 },
                { "NOTE", HEDGE_LEFT, 8 },
                { .title = NULL },
        };
        hedge_table_t *table = hedge_table_new(columns);
        int r;

        if (!table)
                return -1;
        hedge_print_safe(layer->name, stdout);
        printf(", %s multiply-accumulates\n", hedge_text_count(layer->macs));
        for (uint32_t i = 0; i < layer->n_candidates; i++) {
                const hedge_plan_candidate_t *c = &layer->candidates[i];

                hedge_table_cell(table, "%s", i == layer->chosen ? "*" : "");
                add_way(table, c);
                hedge_table_cell(table, "%u", c->delta);
                hedge_table_cell(table, "%.1f", c->mean_ms);
                hedge_table_cell(table, by_cost ? "%.3g" : "%.1f", by_cost ? c->cost : c->p99_ms);
                hedge_table_cell(table, "%.0e", c->error);
                hedge_table_cell(table, "%s", c->note);
        }
        r = hedge_table_print(table, 2, stdout);
        hedge_table_destroy(&table);
        return r;
}

static void print_totals(const hedge_msg_plan_ok_t *plan)
{
        uint64_t least = UINT64_MAX, most = 0, up = 0, down = 0;
        unsigned shared = 0;
        double error = 0;

        for (uint32_t i = 0; i < plan->n_board_bytes; i++) {
                least = plan->board_bytes[i] < least ? plan->board_bytes[i] : least;
                most = plan->board_bytes[i] > most ? plan->board_bytes[i] : most;
        }
        for (uint32_t i = 0; i < plan->n_layers; i++) {
                const hedge_plan_candidate_t *c = chosen_of(&plan->layers[i]);

                up += plan->layers[i].up_bytes;
                down += plan->layers[i].down_bytes;
                shared += strcmp(c->scheme, "local") != 0;
                error = c->error > error ? c->error : error;
        }
        printf("\n%u convolutions, %u of them on %u boards, planned for %s\n", plan->n_layers, shared, plan->boards,
               plan->objective);
        printf("%.1f ms together, %.1f ms on the coordinator alone\n", plan->predicted_ms, plan->local_ms);
        printf("%s to the boards, %s back; error of a layer at most %.0e\n", hedge_text_bytes(up),
               hedge_text_bytes(down), error);
        if (plan->n_board_bytes && least != most)
                printf("%s to %s of shares per board\n", hedge_text_bytes(least), hedge_text_bytes(most));
        else
                printf("%s of shares per board\n", hedge_text_bytes(most));
}

static int print_text(const hedge_msg_plan_ok_t *plan, bool verbose)
{
        int r = 0;

        if (plan->n_layers == 0) {
                puts("It has no convolution that could be shared out.");
                return 0;
        }
        for (uint32_t i = 0; verbose && r == 0 && i < plan->n_layers; i++) {
                r = print_candidates(&plan->layers[i], !strcmp(plan->objective, "cost"));
                putchar('\n');
        }
        if (r == 0)
                r = print_layers(plan);
        if (r == 0)
                print_totals(plan);
        return r;
}

static int run(const void *values, char **operands, unsigned n_operands)
{
        const plan_values_t *v = values;
        const hedge_plan_question_t question = { operands[0], (uint32_t)v->boards,
                                                 v->objective < 0 ? NULL : objectives[v->objective] };
        hedge_connection_t *connection = NULL;
        hedge_envelope_t answer;
        hedge_why_t why = { "" };
        int r = hedge_connect("plan", &v->target, &connection);

        if (r)
                return r;
        r = hedge_request_plan(connection, &question, &answer, &why);
        if (r == 0) {
                r = v->json ? print_json(operands[0], &answer.message.plan_ok)
                            : print_text(&answer.message.plan_ok, v->verbose);
                if (r < 0)
                        hedge_why(&why, r, "out of memory");
                hedge_envelope_release(&answer);
        }
        hedge_connection_close(&connection);
        return r < 0 ? hedge_complain("%s", why.text) : EXIT_SUCCESS;
}

static const plan_values_t presets = { .objective = -1 };

const hedge_command_t hedge_command_plan = {
        .name = "plan",
        .operands = "MODEL",
        .summary = "show how a model is best run, and why",
        .details = "Show how each convolution of a loaded model is best run on the boards as they\n"
                   "are measured now: the scheme and its cut, the time predicted for it and for the\n"
                   "coordinator alone, bytes to and from all boards, memory for its shares on a\n"
                   "board, and the expected error. A model that was loaded earlier keeps the cuts\n"
                   "that it was loaded with: load it again to have it cut as shown here.",
        .example = "hedge plan vgg16 --objective p99",
        .options = options,
        .presets = &presets,
        .values_size = sizeof(plan_values_t),
        .min_operands = 1,
        .max_operands = 1,
        .run = run,
};
