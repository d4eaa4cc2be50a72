/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_PREPARE_H
#define HEDGED_PREPARE_H

#include "common/mailbox.h"
#include "common/wire/link.h"
#include "daemon/model.h"

/** The thread for what would hold up the loop: importing models and encoding filter shares. */

/** A model to be loaded. */
typedef struct hedged_load {
        hedge_mail_t mail;
        void *socket; /**< the client's, its route and id: for the answer */
        hedge_route_t route;
        uint64_t id;
        char name[HEDGE_MODEL_NAME_MAX];
        uint32_t wait_ms;
        zmq_msg_t frames[2]; /**< the ONNX file and its model.yaml; none: from the repository */
        unsigned n_frames;
        int64_t answer_by_ms; /**< the loop's: when waiting for the boards ends */
        int result;
        hedge_why_t why;
        hedged_model_t *model; /**< where result is 0 */
} hedged_load_t;

/** A share to be encoded. */
typedef struct hedged_encode {
        hedge_mail_t mail;
        hedged_model_t *model; /**< a reference */
        unsigned layer, variant, board;
        uint64_t incarnation; /**< of the board it is for */
        float *filters;       /**< ell_b filter blocks; NULL where there was no memory */
} hedged_encode_t;

void hedged_load_destroy(hedged_load_t **load);
void hedged_encode_destroy(hedged_encode_t **encode);

typedef struct hedged_preparer hedged_preparer_t;

/** Start the thread. Finished work is put into `loop` with the given kinds of mail. All arguments are borrowed.
 * @return 0, -ENOMEM, -errno. */
int hedged_preparer_new(const hedged_config_t *config, hedge_kernels_t *kernels, hedge_mailbox_t *loop, int loaded_kind,
                        int encoded_kind, hedged_preparer_t **ret);

void hedged_preparer_load(hedged_preparer_t *preparer, hedged_load_t *load);
void hedged_preparer_encode(hedged_preparer_t *preparer, hedged_encode_t *encode);

/** Drop what waits, finish what runs, join. NULL-safe; nullifies. */
void hedged_preparer_destroy(hedged_preparer_t **preparer);

/** Import and plan a model of the repository; also what the start-up does for each. */
int hedged_prepare_stored(const hedged_config_t *config, hedge_kernels_t *kernels, const char *name,
                          hedged_model_t **ret, hedge_why_t *why);

#endif
