/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/command.h"
#include "client/json.h"
#include "client/plan_chains.h"
#include "client/requests.h"
#include "client/shapes.h"
#include "client/table.h"

typedef struct plan_values {
        hedgec_target_t target;
        uint64_t boards;
        int objective; /* -1: as configured */
        hedgec_option_list_t shapes;
        bool json, verbose;
} plan_values_t;

static const char *const objectives[] = { "latency", "p99", "cost", "auto", NULL };

static const hedgec_option_t options[] = {
        HEDGEC_ROW_UINT("boards", 'b', plan_values_t, boards, "N", "for N boards, not for as many as configured", 1,
                        HEDGE_CODE_MAX_BOARDS),
        HEDGEC_ROW_CHOICE("objective", 'o', plan_values_t, objective, "WHAT",
                          "what is to be small: latency, p99, cost or auto", objectives),
        HEDGEC_SHAPE_ROW(plan_values_t, shapes, "of a model in several shapes, only this one"),
        HEDGEC_ROW(FLAG, "verbose", 'v', plan_values_t, verbose, NULL, "show the best of every scheme, per layer"),
        HEDGEC_ROW(FLAG, "json", 'j', plan_values_t, json, NULL, "print one JSON object, with everything"),
        HEDGEC_ROW_TABLE(plan_values_t, target, hedgec_target_options),
        HEDGEC_ROW_END,
};

/* What is chosen, if the answer says something that there is. */
static const hedge_plan_candidate_t *chosen_of(const hedge_plan_layer_t *layer)
{
        return &layer->candidates[layer->chosen < layer->n_candidates ? layer->chosen : 0];
}

/* ---- JSON ---- */

static struct json_object *candidate_json(hedgec_json_t *json, const hedge_plan_candidate_t *c)
{
        struct json_object *object = hedgec_json_object(json);

        hedgec_json_add_string(json, object, "scheme", c->scheme);
        hedgec_json_add_string(json, object, "note", c->note);
        hedgec_json_add_uint(json, object, "k_a", c->k_a);
        hedgec_json_add_uint(json, object, "k_b", c->k_b);
        hedgec_json_add_uint(json, object, "ell_a", c->ell_a);
        hedgec_json_add_uint(json, object, "ell_b", c->ell_b);
        hedgec_json_add_uint(json, object, "delta", c->delta);
        hedgec_json_add_string(json, object, "wire", c->wire);
        hedgec_json_add_double(json, object, "mean_ms", c->mean_ms, 6);
        hedgec_json_add_double(json, object, "p99_ms", c->p99_ms, 6);
        hedgec_json_add_double(json, object, "hold_ms", c->hold_us / 1e3, 6);
        hedgec_json_add_double(json, object, "here_ms", c->here_ms, 6);
        hedgec_json_add_double(json, object, "boards_ms", c->boards_ms, 6);
        hedgec_json_add_double(json, object, "parts_asked", c->parts_asked, 6);
        hedgec_json_add_double(json, object, "cost", c->cost, 6);
        hedgec_json_add_double(json, object, "error", c->error, 3);
        return object;
}

static struct json_object *layer_json(hedgec_json_t *json, const hedge_plan_layer_t *layer)
{
        struct json_object *object = hedgec_json_object(json), *candidates = hedgec_json_array(json);

        hedgec_json_add_string(json, object, "name", layer->name);
        hedgec_json_add_uint(json, object, "macs", layer->macs);
        hedgec_json_add_uint(json, object, "chosen", layer->chosen);
        hedgec_json_add_double(json, object, "local_ms", layer->local_ms, 6);
        hedgec_json_add_uint(json, object, "up_bytes", layer->up_bytes);
        hedgec_json_add_uint(json, object, "down_bytes", layer->down_bytes);
        hedgec_json_add_uint(json, object, "share_bytes", layer->share_bytes);
        for (uint32_t i = 0; i < layer->n_candidates; i++)
                hedgec_json_add(json, candidates, NULL, candidate_json(json, &layer->candidates[i]));
        hedgec_json_add(json, object, "candidates", candidates);
        return object;
}

static int print_json(const hedge_model_status_t *model, const hedge_msg_plan_ok_t *plan)
{
        hedgec_json_t json = { 0 };
        struct json_object *boards, *layers, *inputs;

        json.root = hedgec_json_object(&json);
        boards = hedgec_json_array(&json);
        layers = hedgec_json_array(&json);
        inputs = hedgec_json_array(&json);
        for (uint32_t i = 0; i < model->n_inputs; i++)
                hedgec_json_add_shape(&json, inputs, NULL, &model->inputs[i].shape);
        hedgec_json_add_string(&json, json.root, "model", model->name);
        hedgec_json_add(&json, json.root, "inputs", inputs);
        hedgec_json_add_string(&json, json.root, "objective", plan->objective);
        hedgec_json_add_uint(&json, json.root, "boards", plan->boards);
        hedgec_json_add_double(&json, json.root, "predicted_ms", plan->predicted_ms, 6);
        hedgec_json_add_double(&json, json.root, "local_ms", plan->local_ms, 6);
        hedgec_json_add_double(&json, json.root, "shared_ms", plan->shared_ms, 6);
        hedgec_json_add_double(&json, json.root, "limit_ms", plan->limit_ms, 6);
        hedgec_plan_add_chains(&json, plan);
        for (uint32_t i = 0; i < plan->n_board_bytes; i++)
                hedgec_json_add_uint(&json, boards, NULL, plan->board_bytes[i]);
        hedgec_json_add(&json, json.root, "board_bytes", boards);
        for (uint32_t i = 0; i < plan->n_layers; i++)
                hedgec_json_add(&json, layers, NULL, layer_json(&json, &plan->layers[i]));
        hedgec_json_add(&json, json.root, "layers", layers);
        return hedgec_json_print(&json, 0, stdout);
}

/* ---- text ---- */

static void add_way(hedgec_table_t *table, const hedge_plan_candidate_t *c)
{
        hedgec_table_cell(table, "%s", c->scheme);
        if (!strcmp(c->scheme, "local")) {
                hedgec_table_cell(table, "-");
                hedgec_table_cell(table, "-");
                return;
        }
        hedgec_table_cell(table, "%ux%u", c->k_a, c->k_b);
        hedgec_table_cell(table, "%s", c->wire);
}

static int print_layers(const hedge_msg_plan_ok_t *plan)
{
        static const hedgec_column_t columns[] = {
                { "LAYER", HEDGEC_TAIL, 6 },    { "SCHEME", HEDGEC_LEFT, 6 }, { "CUT", HEDGEC_LEFT, 0 },
                { "WIRE", HEDGEC_LEFT, 0 },     { "MS", HEDGEC_RIGHT, 0 },    { "BUSY", HEDGEC_RIGHT, 0 },
                { "ALONE", HEDGEC_RIGHT, 0 },   { "MB UP", HEDGEC_RIGHT, 0 }, { "MB DOWN", HEDGEC_RIGHT, 0 },
                { "MB KEPT", HEDGEC_RIGHT, 0 }, { "ERROR", HEDGEC_RIGHT, 0 }, { .title = NULL },
        };
        hedgec_table_t *table = hedgec_table_new(columns);
        int r;

        if (!table)
                return -1;
        for (uint32_t i = 0; i < plan->n_layers; i++) {
                const hedge_plan_layer_t *layer = &plan->layers[i];
                const hedge_plan_candidate_t *c = chosen_of(layer);

                hedgec_table_cell(table, "%s", layer->name);
                add_way(table, c);
                hedgec_table_cell(table, "%.1f", c->mean_ms);
                hedgec_table_cell(table, "%.1f", c->here_ms);
                hedgec_table_cell(table, "%.1f", layer->local_ms);
                hedgec_table_cell(table, "%.2f", (double)layer->up_bytes / 1e6);
                hedgec_table_cell(table, "%.2f", (double)layer->down_bytes / 1e6);
                hedgec_table_cell(table, "%.2f", (double)layer->share_bytes / 1e6);
                hedgec_table_cell(table, "%.0e", c->error);
        }
        r = hedgec_table_print(table, 0, stdout);
        hedgec_table_destroy(&table);
        return r;
}

static int print_candidates(const hedge_plan_layer_t *layer, bool by_cost)
{
        const hedgec_column_t columns[] = {
                { "", HEDGEC_LEFT, 0 },
                { "SCHEME", HEDGEC_LEFT, 0 },
                { "CUT", HEDGEC_LEFT, 0 },
                { "WIRE", HEDGEC_LEFT, 0 },
                { "DELTA", HEDGEC_RIGHT, 0 },
                { "MS", HEDGEC_RIGHT, 0 },
                { by_cost ? "COST" : "P99 MS", HEDGEC_RIGHT, 0 },
                { "ERROR", HEDGEC_RIGHT, 0 },
                { "NOTE", HEDGEC_LEFT, 8 },
                { .title = NULL },
        };
        hedgec_table_t *table = hedgec_table_new(columns);
        int r;

        if (!table)
                return -1;
        hedgec_print_safe(layer->name, stdout);
        printf(", %s multiply-accumulates\n", hedgec_text_count(layer->macs));
        for (uint32_t i = 0; i < layer->n_candidates; i++) {
                const hedge_plan_candidate_t *c = &layer->candidates[i];

                hedgec_table_cell(table, "%s", i == layer->chosen ? "*" : "");
                add_way(table, c);
                hedgec_table_cell(table, "%u", c->delta);
                hedgec_table_cell(table, "%.1f", c->mean_ms);
                hedgec_table_cell(table, by_cost ? "%.3g" : "%.1f", by_cost ? c->cost : c->p99_ms);
                hedgec_table_cell(table, "%.0e", c->error);
                hedgec_table_cell(table, "%s", c->note);
        }
        r = hedgec_table_print(table, 2, stdout);
        hedgec_table_destroy(&table);
        return r;
}

static void print_memory(const hedge_msg_plan_ok_t *plan)
{
        uint64_t least = UINT64_MAX, most = 0;

        for (uint32_t i = 0; i < plan->n_board_bytes; i++) {
                least = plan->board_bytes[i] < least ? plan->board_bytes[i] : least;
                most = plan->board_bytes[i] > most ? plan->board_bytes[i] : most;
        }
        if (plan->n_board_bytes && least != most)
                printf("%s to %s of memory per board\n", hedgec_text_bytes(least), hedgec_text_bytes(most));
        else
                printf("%s of memory per board\n", hedgec_text_bytes(most));
}

static void print_totals(const hedge_msg_plan_ok_t *plan)
{
        uint64_t up = 0, down = 0;
        unsigned shared = 0;
        double error = 0;

        for (uint32_t i = 0; i < plan->n_layers; i++) {
                const hedge_plan_candidate_t *c = chosen_of(&plan->layers[i]);

                up += plan->layers[i].up_bytes;
                down += plan->layers[i].down_bytes;
                shared += strcmp(c->scheme, "local") != 0;
                error = c->error > error ? c->error : error;
        }
        printf("\n%u convolutions, %u of them on %u boards, planned for %s\n", plan->n_layers, shared, plan->boards,
               plan->objective);
        printf("%.1f ms together, %.1f ms on the coordinator alone, %.1f ms at the very least\n", plan->predicted_ms,
               plan->local_ms, plan->limit_ms);
        if (shared)
                printf("%s to the boards, %s back; error of a layer at most %.0e\n", hedgec_text_bytes(up),
                       hedgec_text_bytes(down), error);
        else if (plan->shared_ms > 0)
                printf("%.1f ms at best with the boards, so a request that is alone does without them\n",
                       plan->shared_ms);
        else
                puts("Nothing that boards could do for it was found.");
}

/* Layers by themselves; where a request runs by segments only for who wants to know it all. */
static int print_text(const hedge_msg_plan_ok_t *plan, bool verbose)
{
        const bool segments = hedgec_plan_has_segments(plan);
        int r = 0;

        for (uint32_t i = 0; verbose && r == 0 && i < plan->n_layers; i++) {
                r = print_candidates(&plan->layers[i], !strcmp(plan->objective, "cost"));
                putchar('\n');
        }
        if (r == 0 && plan->n_layers > 0 && (verbose || !segments))
                r = print_layers(plan);
        if (r == 0 && (segments || plan->n_chains > 1)) {
                if (plan->n_layers > 0 && (verbose || !segments))
                        putchar('\n');
                r = hedgec_plan_print_chains(plan, verbose);
        }
        if (r < 0)
                return r;
        if (segments)
                hedgec_plan_print_chain_totals(plan);
        else
                print_totals(plan);
        print_memory(plan);
        return 0;
}

/* The plan of a model in one of its shapes. */
static int plan_one(hedgec_connection_t *connection, const plan_values_t *v, const hedge_model_status_t *model,
                    bool heading, hedge_why_t *why)
{
        hedge_shape_t *shapes = calloc(model->n_inputs + 1, sizeof(*shapes));
        const hedgec_plan_question_t question = { model->name, (uint32_t)v->boards,
                                                  v->objective < 0 ? NULL : objectives[v->objective], model->n_inputs,
                                                  shapes };
        hedge_envelope_t answer;
        char text[300];
        int r;

        if (!shapes)
                return hedge_why(why, -ENOMEM, "out of memory");
        for (uint32_t i = 0; i < model->n_inputs; i++)
                shapes[i] = model->inputs[i].shape;
        r = hedgec_request_plan(connection, &question, &answer, why);
        free(shapes);
        if (r < 0)
                return r;
        if (heading) {
                hedgec_print_safe(hedgec_shapes_text(model, text, sizeof(text)), stdout);
                putchar('\n');
        }
        r = v->json ? print_json(model, &answer.message.plan_ok) : print_text(&answer.message.plan_ok, v->verbose);
        hedge_envelope_release(&answer);
        return r < 0 ? hedge_why(why, r, "out of memory") : 0;
}

static int plan_all(hedgec_connection_t *connection, const plan_values_t *v, const char *name,
                    const hedgec_shapes_t *shapes, hedge_why_t *why)
{
        const hedge_msg_models_ok_t *models;
        hedge_envelope_t answer;
        unsigned planned = 0;
        int r = hedgec_request_models(connection, name, &answer, why);

        if (r < 0)
                return r;
        models = &answer.message.models_ok;
        for (uint32_t i = 0; r == 0 && i < models->n_models; i++) {
                if (!hedgec_shapes_match(shapes->items, shapes->n, &models->models[i]))
                        continue;
                if (planned++ && !v->json)
                        putchar('\n');
                r = plan_one(connection, v, &models->models[i], models->n_models > 1 && !v->json, why);
        }
        if (r == 0 && planned == 0)
                r = hedge_why(why, HEDGE_ESHAPE,
                              "model '%s' is not loaded for this shape; 'hedge models %s' shows which", name, name);
        hedge_envelope_release(&answer);
        return r;
}

static int run(const void *values, char **operands, unsigned n_operands)
{
        const plan_values_t *v = values;
        hedgec_connection_t *connection = NULL;
        hedgec_shapes_t shapes;
        hedge_why_t why = { "" };
        int r = hedgec_shapes_parse(&v->shapes, &shapes, &why);

        if (r < 0)
                return hedgec_complain_usage("plan", "plan: %s", why.text);
        r = hedgec_connect("plan", &v->target, &connection);
        if (r)
                return r;
        r = plan_all(connection, v, operands[0], &shapes, &why);
        return hedgec_disconnect(&connection, r, &why);
}

static const plan_values_t presets = { .objective = -1 };

const hedgec_command_t hedgec_command_plan = {
        .name = "plan",
        .operands = "MODEL",
        .summary = "show how a model is best run, and why",
        .details = "Show how a loaded model is best run on the boards as they are measured now:\n"
                   "which runs of its nodes boards compute at one go, in strips, tiles or whole,\n"
                   "and how each convolution is best run by itself, with the time predicted and\n"
                   "that of the coordinator alone, bytes to and from all boards and memory on a\n"
                   "board; and what becomes of it when several requests are in flight. Layers\n"
                   "keep the cuts that they were loaded with: load the model again to have them\n"
                   "cut as shown here.",
        .example = "hedge plan vgg16 --objective p99",
        .options = options,
        .presets = &presets,
        .values_size = sizeof(plan_values_t),
        .min_operands = 1,
        .max_operands = 1,
        .run = run,
};
