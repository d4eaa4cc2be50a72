/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_MODEL_H
#define HEDGED_MODEL_H

#include <pthread.h>
#include <stdatomic.h>

#include "common/engine/engine.h"
#include "common/manifest/manifest.h"
#include "common/types/digest.h"
#include "common/types/name.h"
#include "daemon/models/block.h"
#include "daemon/models/constants.h"
#include "daemon/models/kept_chains.h"
#include "daemon/plan/planner.h"

/** A model as it is served: its graph, its engine, and for every coded layer the codes and who holds which share. */

/** One way to run a layer; the first is for the whole cluster, the others for what is left of it. */
typedef struct hedged_variant {
        hedged_cut_t cut;
        const hedge_code_t *code; /**< shared between the layers that are cut alike */
        hedge_partition_t partition;
        hedge_digest_t *digests;                              /**< of each board's share */
        _Atomic uint64_t holders[HEDGE_CODE_MAX_BOARDS / 64]; /**< boards that hold their share and may be given work */
} hedged_variant_t;

typedef struct hedged_layer {
        uint32_t node;
        const char *name;
        const hedge_value_t *filter; /**< of the graph */
        const float *bias;           /**< the graph's; may be NULL */
        unsigned n_variants;
        hedged_variant_t variants[HEDGED_MAX_VARIANTS];
        atomic_int preferred; /**< the variant that is best now, by prediction; or one of the two below */
} hedged_layer_t;

#define HEDGED_MODEL_BLOCKS 64u

enum { HEDGED_PREFER_NONE = -1, HEDGED_PREFER_LOCAL = -2 };

/** A code and a cut that it is for. */
typedef struct hedged_model_code {
        hedged_cut_t cut;
        hedge_code_t *code;
} hedged_model_code_t;

typedef struct hedged_model {
        atomic_uint references;
        char name[HEDGE_MODEL_NAME_MAX];
        hedged_constants_t *constants; /**< a reference */
        hedge_graph_t *graph;          /**< its */
        hedge_engine_t *engine;
        hedge_manifest_t manifest;
        uint64_t macs, parameters;
        unsigned slots;
        const hedged_config_t *config;
        double weights[HEDGE_CODE_MAX_BOARDS]; /**< of the codes of weighted cuts */
        hedged_model_code_t *codes;
        unsigned n_codes;
        hedged_layer_t *layers; /**< coded ones, in the order they run */
        unsigned n_layers;
        uint32_t *layer_of_node; /**< index into layers, or HEDGE_NO_NODE */
        hedged_block_t *blocks;  /**< runs of nodes that boards may hold; room for HEDGED_MODEL_BLOCKS */
        atomic_uint n_blocks;    /**< of those; more may come, none goes */
        uint64_t share_bytes[HEDGE_CODE_MAX_BOARDS]; /**< boards' memory, as it was last known; 0: not yet */
        unsigned n_indexed;                          /**< the loop's: of those that the registry's shares have */
        pthread_mutex_t lock;                        /**< of the chains */
        hedged_kept_chains_t *chains;                /**< how requests run now, or NULL: layer by layer */
} hedged_model_t;

/** A model in every shape that it is served in: a graph, a plan and an engine for each. All have one name. */
typedef struct hedged_model_set {
        hedged_model_t *models[HEDGE_INPUT_SHAPES_MAX];
        unsigned count;
} hedged_model_set_t;

/** Make a model of a graph: plan it, make its codes and digests, prepare its engine.
 *
 * With plan.cut measured every layer gets the cuts of hedged_planner_cuts, unless it is in a segment in all chains
 * (daemon/models/segments.h): then it gets none, and boards hold none of its shares. plan.share_bytes is divided among the layers in
 * proportion to their filters; what one leaves goes to those after it.
 * @param config    Borrowed for the model's life.
 * @param speeds    What to plan for; not used with plan.cut simple.
 * @param graph     Taken over, on failure too.
 * @param manifest  Taken over, on failure too.
 * @param kernels   Borrowed for the model's life.
 * @return 0 and a model with one reference, HEDGE_ECONFIG, HEDGE_ELIMIT, HEDGE_EKERNEL, -ENOMEM. */
int hedged_model_new(const hedged_config_t *config, const hedged_speeds_t *speeds, const char *name,
                     hedge_graph_t *graph, hedge_manifest_t *manifest, hedge_kernels_t *kernels, hedged_model_t **ret,
                     hedge_why_t *why);

/** plan.share_bytes for the layers of a graph. */
hedged_budget_t hedged_model_budget(const hedged_config_t *config, const hedge_graph_t *graph);

/** A convolution that may be coded (codes work on one image at a time), or NULL. */
const hedge_conv_t *hedged_model_conv(const hedge_graph_t *graph, uint32_t node);

/** Look again which variant of each layer, or the coordinator, is best for these speeds and usable boards, and prefer that
 * one from now on; then plan the chains again, which may take blocks that were not there (n_blocks). Nothing is encoded or
 * sent. With plan.cut simple it does nothing. To change it takes a gain of 5 %.
 * @param segments  Else the chains stay as they are: they do not depend on which boards are usable.
 * Any thread, one at a time for a model; some 10 ms.
 * @return 0, -ENOMEM (some layers keep what they had). */
int hedged_model_replan(hedged_model_t *model, const hedged_speeds_t *speeds, bool segments);

hedged_model_t *hedged_model_ref(hedged_model_t *model);

/** Give a reference back; the last one destroys. NULL-safe; nullifies. */
void hedged_model_unref(hedged_model_t **model);

/** The same for each, and none is left in the set. */
void hedged_model_set_unref(hedged_model_set_t *set);

/** "data=1x3x320x320, ...": the model's inputs with their shapes, for messages to people. @return buf. */
char *hedged_model_shapes(const hedged_model_t *model, char *buf, size_t size);

/** Are these the shapes of the model's inputs, or of so many pictures of them as it takes? */
bool hedged_model_takes(const hedged_model_t *model, const hedge_shape_t *inputs, uint32_t n);

/** Boards that hold a variant's share and may be given work; any thread. */
bool hedged_variant_holds(const hedged_variant_t *variant, unsigned board);
unsigned hedged_variant_holders(const hedged_variant_t *variant);

/** How requests run now: a reference, for as long as a request runs, to be given back with hedged_kept_chains_unref. NULL: layer by
 * layer, whatever the number of boards. Any thread. */
hedged_kept_chains_t *hedged_model_chains(hedged_model_t *model);

/** Requests that start from now on run so. @param chains  The reference is taken over; NULL: layer by layer. Any thread. */
void hedged_model_set_chains(hedged_model_t *model, hedged_kept_chains_t *chains);

/** A block that the board holds, may be given work with, and that covers these nodes (last exclusive); or NULL. Any thread. */
const hedged_block_t *hedged_model_block(const hedged_model_t *model, uint32_t first, uint32_t last, unsigned board);

/** The variant that a layer runs with now: the preferred one, or the first that enough boards hold; NULL: the coordinator
 * computes it. Any thread. */
hedged_variant_t *hedged_layer_variant(hedged_layer_t *layer);

/** Does the layer run as it should: with a variant, or on the coordinator because that is best? Any thread. */
bool hedged_layer_ready(hedged_layer_t *layer);

/** Bytes of a board's share of a variant: ell_b filter blocks. */
size_t hedged_variant_share_bytes(const hedged_variant_t *variant, unsigned board);

/** Memory that the board counts for it. */
uint64_t hedged_variant_held_bytes(const hedged_variant_t *variant, unsigned board);

#endif
