/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/placement.h"

#include <errno.h>
#include <stdlib.h>

#include "common/tensor.h"

#define NOWHERE UINT32_MAX
#define ALIGNED (HEDGE_ALIGNMENT / sizeof(float))

static const hedge_layer_type_t *type_of(const hedge_layer_t *l)
{
        return hedge_layer_type(l->kind);
}

/* Does it put its output where its input lies? Only where nobody else reads that input. */
static bool in_place(const hedge_net_t *net, const hedge_place_t *places, const hedge_layer_t *l)
{
        if (hedge_net_readers(net, l->in) > 1)
                return false;
        if (l->kind == HEDGE_LAYER_FLATTEN)
                return true;
        return l->kind == HEDGE_LAYER_RELU && places[l->in].home != 0;
}

static void settle(hedge_placement_t *plan)
{
        const hedge_net_t *net = plan->net;

        plan->places[0].home = 0;
        for (uint32_t i = 0; i < net->n_layers; i++) {
                const hedge_layer_t *l = &net->layers[i];
                hedge_place_t *p = &plan->places[i + 1];

                p->home = in_place(net, plan->places, l) ? plan->places[l->in].home : i + 1;
                p->wanted = type_of(l)->parameters || plan->places[l->in].wanted || plan->places[l->with].wanted;
        }
}

/* Room for n floats; where it begins. */
static uint64_t take(hedge_placement_t *plan, uint64_t n)
{
        const uint64_t at = plan->floats;

        plan->floats += (n + ALIGNED - 1) / ALIGNED * ALIGNED;
        return at;
}

static uint64_t value_floats(const hedge_placement_t *plan, uint32_t value)
{
        return plan->max_batch * hedge_extent_elements(hedge_net_value(plan->net, value));
}

/* A free slot for a value's gradient, made large enough. `busy` says which are taken. */
static void acquire(hedge_placement_t *plan, bool *busy, uint32_t value)
{
        hedge_place_t *p = &plan->places[plan->places[value].home];
        const uint64_t n = value_floats(plan, value);
        uint32_t s = 0;

        if (p->slot != NOWHERE)
                return;
        while (s < plan->n_slots && busy[s])
                s++;
        if (s == plan->n_slots)
                plan->n_slots++;
        if (plan->slot_floats[s] < n)
                plan->slot_floats[s] = n;
        busy[s] = true;
        p->slot = s;
}

/* Go through the backward pass: a gradient is there from the last reader of its value to the value's maker. */
static void share_slots(hedge_placement_t *plan, bool *busy)
{
        const hedge_net_t *net = plan->net;

        for (uint32_t v = 0; v <= net->n_layers; v++)
                plan->places[v].slot = NOWHERE;
        acquire(plan, busy, net->n_layers);
        for (uint32_t i = net->n_layers; i-- > 0;) {
                const hedge_layer_t *l = &net->layers[i];
                const uint32_t home = plan->places[i + 1].home;

                if (plan->places[l->in].wanted)
                        acquire(plan, busy, l->in);
                if (plan->places[l->with].wanted)
                        acquire(plan, busy, l->with);
                if (home == i + 1 && plan->places[home].slot != NOWHERE)
                        busy[plan->places[home].slot] = false;
        }
}

/* Room for a second gradient of a value with several readers, on its way to be added. */
static uint64_t extra_floats(const hedge_placement_t *plan)
{
        uint64_t most = 0;

        for (uint32_t v = 1; v <= plan->net->n_layers; v++)
                if (hedge_net_readers(plan->net, v) > 1 && value_floats(plan, v) > most)
                        most = value_floats(plan, v);
        return most;
}

static void lay_out(hedge_placement_t *plan)
{
        const hedge_net_t *net = plan->net;
        uint64_t scratch = 0;

        for (uint32_t i = 0; i < net->n_layers; i++) {
                const hedge_layer_t *l = &net->layers[i];
                const hedge_layer_type_t *type = type_of(l);
                const uint64_t needs = type->scratch_floats ? type->scratch_floats(l, plan->max_batch) : 0;
                const uint64_t bytes = type->saved_bytes ? type->saved_bytes(l, plan->max_batch) : 0;

                scratch = needs > scratch ? needs : scratch;
                plan->saved[i] = take(plan, (bytes + sizeof(float) - 1) / sizeof(float));
                if (plan->places[i + 1].home == i + 1)
                        plan->places[i + 1].at = take(plan, value_floats(plan, i + 1));
        }
        for (uint32_t s = 0; s < plan->n_slots; s++)
                plan->slots[s] = take(plan, plan->slot_floats[s]);
        plan->scratch = take(plan, scratch);
        plan->extra = take(plan, extra_floats(plan));
}

int hedge_placement_make(const hedge_net_t *net, uint32_t max_batch, hedge_placement_t *ret)
{
        const size_t n = net->n_layers;
        hedge_placement_t plan = { .net = net, .max_batch = max_batch };
        bool *busy = calloc(n + 1, sizeof(*busy));

        plan.places = calloc(n + 1, sizeof(*plan.places));
        plan.saved = calloc(n, sizeof(*plan.saved));
        plan.slots = calloc(n + 1, sizeof(*plan.slots));
        plan.slot_floats = calloc(n + 1, sizeof(*plan.slot_floats));
        if (!busy || !plan.places || !plan.saved || !plan.slots || !plan.slot_floats) {
                free(busy);
                hedge_placement_release(&plan);
                return -ENOMEM;
        }
        settle(&plan);
        share_slots(&plan, busy);
        lay_out(&plan);
        free(busy);
        *ret = plan;
        return 0;
}

void hedge_placement_release(hedge_placement_t *placement)
{
        free(placement->places);
        free(placement->saved);
        free(placement->slots);
        free(placement->slot_floats);
        *placement = (hedge_placement_t){ .net = NULL };
}
