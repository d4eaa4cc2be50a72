/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_MODEL_H
#define HEDGED_MODEL_H

#include <stdatomic.h>

#include "common/engine/engine.h"
#include "common/manifest/manifest.h"
#include "common/wire/message.h"
#include "daemon/plan.h"

/** A model as it is served: its graph, its engine, and for every coded layer the codes and who holds which share. */

/** Whether a board holds its share of a variant. The loop's business. */
typedef enum hedged_held {
        HEDGED_SHARE_MISSING,
        HEDGED_SHARE_SENDING, /**< being encoded, or sent and not yet confirmed */
        HEDGED_SHARE_HELD,
        HEDGED_SHARE_REFUSED, /**< the board has no room for it */
} hedged_held_t;

/** One way to run a layer; the first is for the whole cluster, the others for what is left of it. */
typedef struct hedged_variant {
        hedged_cut_t cut;
        const hedge_code_t *code; /**< shared between the layers that are cut alike */
        hedge_partition_t partition;
        hedge_digest_t *digests;                              /**< of each board's share */
        hedged_held_t *held;                                  /**< the loop's own: what each board holds */
        _Atomic uint64_t holders[HEDGE_CODE_MAX_BOARDS / 64]; /**< boards that hold their share and may be given work */
} hedged_variant_t;

typedef struct hedged_layer {
        uint32_t node;
        const char *name;
        const float *filter, *bias; /**< the graph's; bias may be NULL */
        unsigned n_variants;
        hedged_variant_t variants[HEDGED_MAX_VARIANTS];
} hedged_layer_t;

typedef struct hedged_model {
        atomic_uint references;
        char name[HEDGE_MODEL_NAME_MAX];
        hedge_graph_t *graph;
        hedge_engine_t *engine;
        hedge_manifest_t manifest;
        uint64_t macs, parameters;
        unsigned slots;
        hedge_code_t **codes;
        unsigned n_codes;
        hedged_layer_t *layers; /**< coded ones, in the order they run */
        unsigned n_layers;
        uint32_t *layer_of_node; /**< index into layers, or HEDGE_NO_NODE */
} hedged_model_t;

/** Make a model of a graph: plan it, make its codes and digests, prepare its engine.
 *
 * @param graph     Taken over, on failure too.
 * @param manifest  Taken over, on failure too.
 * @param kernels   Borrowed for the model's life.
 * @return 0 and a model with one reference, HEDGE_ECONFIG, HEDGE_ELIMIT, -ENOMEM. */
int hedged_model_new(const hedged_config_t *config, const char *name, hedge_graph_t *graph, hedge_manifest_t *manifest,
                     hedge_kernels_t *kernels, hedged_model_t **ret, hedge_why_t *why);

hedged_model_t *hedged_model_ref(hedged_model_t *model);

/** Give a reference back; the last one destroys. NULL-safe; nullifies. */
void hedged_model_unref(hedged_model_t **model);

/** Boards that hold a variant's share and may be given work; any thread. */
bool hedged_variant_holds(const hedged_variant_t *variant, unsigned board);
unsigned hedged_variant_holders(const hedged_variant_t *variant);

/** The variant that a layer runs with now: the first that enough boards hold, or NULL. Any thread. */
hedged_variant_t *hedged_layer_variant(hedged_layer_t *layer);

/** Bytes of a board's share of a variant: ell_b filter blocks. */
size_t hedged_variant_share_bytes(const hedged_variant_t *variant, unsigned board);

#endif
