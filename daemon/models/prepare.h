/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_PREPARE_H
#define HEDGED_PREPARE_H

#include "common/mailbox.h"
#include "common/wire/link.h"
#include "daemon/models/explain.h"
#include "daemon/models/model.h"

/** The thread for what would hold up the loop: importing models, planning, encoding filter shares. */

/** A model to be loaded. */
typedef struct hedged_load {
        hedge_mail_t mail;
        hedge_asker_t asker;
        char name[HEDGE_MODEL_NAME_MAX];
        uint32_t wait_ms;
        hedged_speeds_t speeds; /**< to plan for */
        zmq_msg_t frames[2];    /**< the ONNX file and its model.yaml; none: from the repository */
        unsigned n_frames;
        hedge_input_shape_t
                shapes[HEDGE_INPUT_SHAPES_MAX]; /**< n_shapes that are stated; none: the model's own count */
        uint32_t n_shapes;
        int64_t answer_by_ms; /**< the loop's: when waiting for the boards ends, for their measuring, then for their shares */
        int result;
        hedge_why_t why;
        hedged_model_set_t set; /**< where result is 0 */
} hedged_load_t;

/** A share to be encoded. */
typedef struct hedged_encode {
        hedge_mail_t mail;
        hedged_model_t *model; /**< a reference */
        unsigned layer, variant, board;
        uint64_t ticket; /**< the share index's */
        float *filters;  /**< ell_b filter blocks; NULL where there was no memory */
} hedged_encode_t;

void hedged_load_destroy(hedged_load_t **load);
void hedged_encode_destroy(hedged_encode_t **encode);

/** A model that was planned again. */
typedef struct hedged_replan {
        hedge_mail_t mail;
        hedged_model_t *model; /**< a reference */
        hedged_speeds_t speeds;
        bool segments; /**< the chains, too */
} hedged_replan_t;

void hedged_replan_destroy(hedged_replan_t **replan);

typedef struct hedged_preparer hedged_preparer_t;

/** Kinds of mail in which finished work comes back to the loop. */
typedef struct hedged_preparer_kinds {
        int loaded, encoded, planned, replanned;
} hedged_preparer_kinds_t;

/** Start the thread. All arguments are borrowed, `kinds` for the call only. @return 0, -ENOMEM, -errno. */
int hedged_preparer_new(const hedged_config_t *config, hedge_kernels_t *kernels, hedge_mailbox_t *loop,
                        const hedged_preparer_kinds_t *kinds, hedged_preparer_t **ret);

void hedged_preparer_load(hedged_preparer_t *preparer, hedged_load_t *load);
void hedged_preparer_encode(hedged_preparer_t *preparer, hedged_encode_t *encode);

/** hedged_model_replan with a copy of the speeds. @return 0, -ENOMEM (nothing happens, and nothing comes back). */
int hedged_preparer_replan(hedged_preparer_t *preparer, hedged_model_t *model, const hedged_speeds_t *speeds,
                           bool segments);

/** hedged_explain. */
void hedged_preparer_ask(hedged_preparer_t *preparer, hedged_ask_t *ask);

/** Drop what waits, finish what runs, join. NULL-safe; nullifies. */
void hedged_preparer_destroy(hedged_preparer_t **preparer);

/** Import and plan a model of the repository, in all its shapes, at the start-up, for the speeds that it was planned for when it was loaded, so that
 * the boards' shares fit; where none are noted (daemon/plan/planned.h), for those given. */
int hedged_prepare_stored(const hedged_config_t *config, hedge_kernels_t *kernels, const hedged_speeds_t *speeds,
                          const char *name, hedged_model_set_t *ret, hedge_why_t *why);

#endif
