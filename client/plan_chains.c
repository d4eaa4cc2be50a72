/* SPDX-License-Identifier: Apache-2.0 */
#include "client/plan_chains.h"

#include <stdio.h>
#include <string.h>

#include "client/table.h"

static bool is_segment(const hedge_plan_step_t *s)
{
        return strcmp(s->kind, "here") && strcmp(s->kind, "layers");
}

bool hedgec_plan_has_segments(const hedge_msg_plan_ok_t *plan)
{
        for (uint32_t i = 0; plan->n_chains > 0 && i < plan->chains[0].n_steps; i++)
                if (is_segment(&plan->chains[0].steps[i]))
                        return true;
        return false;
}

/* ---- step by step ---- */

static void add_nodes(hedgec_table_t *table, const hedge_plan_step_t *s)
{
        if (s->last - s->first <= 1)
                hedgec_table_cell(table, "%s", s->first_name);
        else
                hedgec_table_cell(table, "%s .. %s", s->first_name, s->last_name);
}

static void add_way(hedgec_table_t *table, const hedge_plan_step_t *s)
{
        char copies[24] = "";

        if (s->copies > 1)
                snprintf(copies, sizeof(copies), ", each %u times", s->copies);
        if (!strcmp(s->kind, "strips"))
                hedgec_table_cell(table, "%u strips of %u%s", s->windows, s->rows, copies);
        else if (!strcmp(s->kind, "tiles"))
                hedgec_table_cell(table, "%u tiles, %u x %u%s", s->windows, s->rows, s->cols, copies);
        else
                hedgec_table_cell(table, "%s%s", s->kind, copies);
        hedgec_table_cell(table, "%s", is_segment(s) ? s->wire : "-");
}

static int print_steps(const hedge_plan_chain_t *chain)
{
        static const hedgec_column_t columns[] = {
                { "NODES", HEDGEC_LEFT, 10 },   { "RUN", HEDGEC_LEFT, 6 },      { "WIRE", HEDGEC_LEFT, 0 },
                { "MS", HEDGEC_RIGHT, 0 },      { "MACS", HEDGEC_RIGHT, 0 },    { "MB UP", HEDGEC_RIGHT, 0 },
                { "MB DOWN", HEDGEC_RIGHT, 0 }, { "MB KEPT", HEDGEC_RIGHT, 0 }, { .title = NULL },
        };
        hedgec_table_t *table = hedgec_table_new(columns);
        int r;

        if (!table)
                return -1;
        for (uint32_t i = 0; i < chain->n_steps; i++) {
                const hedge_plan_step_t *s = &chain->steps[i];

                add_nodes(table, s);
                add_way(table, s);
                hedgec_table_cell(table, "%.1f", s->mean_ms);
                hedgec_table_cell(table, "%s", hedgec_text_count(s->macs));
                hedgec_table_cell(table, "%.2f", (double)s->up_bytes / 1e6);
                hedgec_table_cell(table, "%.2f", (double)s->down_bytes / 1e6);
                hedgec_table_cell(table, "%.2f", (double)s->held_bytes / 1e6);
        }
        r = hedgec_table_print(table, 0, stdout);
        hedgec_table_destroy(&table);
        return r;
}

/* ---- by how many are in flight ---- */

static uint32_t count_segments(const hedge_plan_chain_t *chain)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < chain->n_steps; i++)
                n += is_segment(&chain->steps[i]);
        return n;
}

static int print_levels(const hedge_msg_plan_ok_t *plan)
{
        static const hedgec_column_t columns[] = {
                { "IN FLIGHT", HEDGEC_RIGHT, 0 },
                { "BOARDS EACH", HEDGEC_RIGHT, 0 },
                { "MS", HEDGEC_RIGHT, 0 },
                { "A SECOND", HEDGEC_RIGHT, 0 },
                { "STEPS", HEDGEC_RIGHT, 0 },
                { "ON BOARDS AT ONE GO", HEDGEC_RIGHT, 0 },
                { .title = NULL },
        };
        hedgec_table_t *table = hedgec_table_new(columns);
        int r;

        if (!table)
                return -1;
        for (uint32_t i = 0; i < plan->n_chains; i++) {
                hedgec_table_cell(table, "%u%s", plan->chains[i].in_flight, i + 1 < plan->n_chains ? "" : " or more");
                hedgec_table_cell(table, "%u", plan->chains[i].boards);
                hedgec_table_cell(table, "%.1f", plan->chains[i].mean_ms);
                hedgec_table_cell(table, "%.2f", plan->chains[i].per_second);
                hedgec_table_cell(table, "%u", plan->chains[i].n_steps);
                hedgec_table_cell(table, "%u", count_segments(&plan->chains[i]));
        }
        r = hedgec_table_print(table, 0, stdout);
        hedgec_table_destroy(&table);
        return r;
}

int hedgec_plan_print_chains(const hedge_msg_plan_ok_t *plan, bool all)
{
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < plan->n_chains; i++) {
                if (i > 0 && !all)
                        break;
                if (i > 0)
                        printf("\nFrom %u in flight on, with %u board%s each\n", plan->chains[i].in_flight,
                               plan->chains[i].boards, plan->chains[i].boards == 1 ? "" : "s");
                r = print_steps(&plan->chains[i]);
        }
        if (r == 0 && plan->n_chains > 1) {
                putchar('\n');
                r = print_levels(plan);
        }
        return r;
}

void hedgec_plan_print_chain_totals(const hedge_msg_plan_ok_t *plan)
{
        const hedge_plan_chain_t *alone = &plan->chains[0];
        uint64_t up = 0, down = 0;

        for (uint32_t i = 0; i < alone->n_steps; i++) {
                up += alone->steps[i].up_bytes;
                down += alone->steps[i].down_bytes;
        }
        printf("\n%u steps, %u of them at one go on %u boards, planned for %s\n", alone->n_steps, count_segments(alone),
               plan->boards, plan->objective);
        printf("%.1f ms together, %.1f ms on the coordinator alone, %.1f ms at the very least\n", plan->predicted_ms,
               plan->local_ms, plan->limit_ms);
        printf("%s to the boards, %s back\n", hedgec_text_bytes(up), hedgec_text_bytes(down));
}

/* ---- JSON ---- */

static struct json_object *step_json(hedgec_json_t *json, const hedge_plan_step_t *s)
{
        struct json_object *object = hedgec_json_object(json);

        hedgec_json_add_string(json, object, "kind", s->kind);
        hedgec_json_add_uint(json, object, "first", s->first);
        hedgec_json_add_uint(json, object, "last", s->last);
        hedgec_json_add_string(json, object, "first_name", s->first_name);
        hedgec_json_add_string(json, object, "last_name", s->last_name);
        hedgec_json_add_uint(json, object, "windows", s->windows);
        hedgec_json_add_uint(json, object, "rows", s->rows);
        hedgec_json_add_uint(json, object, "cols", s->cols);
        hedgec_json_add_uint(json, object, "copies", s->copies);
        hedgec_json_add_string(json, object, "wire", s->wire);
        hedgec_json_add_double(json, object, "mean_ms", s->mean_ms, 6);
        hedgec_json_add_uint(json, object, "macs", s->macs);
        hedgec_json_add_uint(json, object, "up_bytes", s->up_bytes);
        hedgec_json_add_uint(json, object, "down_bytes", s->down_bytes);
        hedgec_json_add_uint(json, object, "held_bytes", s->held_bytes);
        return object;
}

void hedgec_plan_add_chains(hedgec_json_t *json, const hedge_msg_plan_ok_t *plan)
{
        struct json_object *chains = hedgec_json_array(json);

        for (uint32_t i = 0; i < plan->n_chains; i++) {
                struct json_object *chain = hedgec_json_object(json), *steps = hedgec_json_array(json);

                hedgec_json_add_uint(json, chain, "boards", plan->chains[i].boards);
                hedgec_json_add_uint(json, chain, "in_flight", plan->chains[i].in_flight);
                hedgec_json_add_double(json, chain, "mean_ms", plan->chains[i].mean_ms, 6);
                hedgec_json_add_double(json, chain, "per_second", plan->chains[i].per_second, 6);
                for (uint32_t j = 0; j < plan->chains[i].n_steps; j++)
                        hedgec_json_add(json, steps, NULL, step_json(json, &plan->chains[i].steps[j]));
                hedgec_json_add(json, chain, "steps", steps);
                hedgec_json_add(json, chains, NULL, chain);
        }
        hedgec_json_add(json, json->root, "chains", chains);
}
