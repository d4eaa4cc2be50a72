/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_HEDGED_BED_H
#define HEDGE_TEST_HEDGED_BED_H

#include "common/engine/engine.h"
#include "common/model/onnx.h"
#include "test/system/fake_board.h"
#include "test/system/process.h"

/** The real hedged with fake boards and a fake client around it, all moved by the test's one thread. */
#define BED_BOARDS 6

typedef struct hedged_bed {
        char dir[256], endpoint[256], clients[300];
        test_process_t hedged;
        fake_board_t boards[BED_BOARDS];
        fake_peer_t client;
        unsigned max_loaded; /**< models.max_loaded; 0: many */
        const char *jobs;    /**< more keys of jobs:, ", keep: 2"; NULL: none */
        const char *listen;  /**< more lines of listen:; NULL: none. With one of clients_tcp clients' keys are read */
        uint64_t id;         /**< of the client's last request */
        void *onnx;          /**< the digit classifier's file */
        size_t onnx_bytes;
        hedge_kernels_t *kernels;
        hedge_graph_t *graph;
        hedge_engine_t *engine; /**< computes what every answer has to be */
        hedge_tensor_t input, expected;
} hedged_bed_t;

/** A bed with its folder and the reference answer; nothing runs yet. For cmocka. */
int hedged_bed_set_up(void **state);
int hedged_bed_tear_down(void **state);

/** Start hedged with four slots and a configuration that ends with `more` (YAML), and connect the client. The port stays
 * the same for further starts. */
void hedged_bed_start(hedged_bed_t *bed, const char *more);

/** The same without waiting until it serves. */
void hedged_bed_launch(hedged_bed_t *bed, const char *security, const char *more);

/** Wait until it listens; read its endpoint. */
void hedged_bed_await(hedged_bed_t *bed);

/** Let `n` boards, board-0 and so on, join. */
void hedged_bed_join(hedged_bed_t *bed, unsigned n);

/** Let boards work until the client has got something. */
const hedge_message_t *hedged_bed_answer(hedged_bed_t *bed);

/** Let boards work until this is so. */
void hedged_bed_until(hedged_bed_t *bed, bool (*happened)(hedged_bed_t *bed), const char *what);

/** Send INFER of a model that is the digit classifier; the id is in the bed. */
void hedged_bed_ask(hedged_bed_t *bed, const char *model);

/** INFER, and the answer is right. @return the RESULT; borrowed until the next call. */
const hedge_msg_result_t *hedged_bed_infer(hedged_bed_t *bed, const char *model);

/** The last answer is a RESULT with the right values. */
void hedged_bed_check(hedged_bed_t *bed);

/** LOAD of bytes. The answer is to be fetched. */
void hedged_bed_send_load(hedged_bed_t *bed, const char *name, const void *onnx, size_t size, const char *yaml,
                          uint32_t wait_ms);

/** LOAD the digit classifier and wait until every board holds it. */
void hedged_bed_load(hedged_bed_t *bed, const char *name);

void hedged_bed_send_unload(hedged_bed_t *bed, const char *name);

/** An ERROR with this code comes for the last request. */
const hedge_msg_error_t *hedged_bed_expect_error(hedged_bed_t *bed, int code);

/** STATUS. */
const hedge_msg_status_ok_t *hedged_bed_status(hedged_bed_t *bed);

/** MODELS: the model of this name, or NULL. */
const hedge_model_status_t *hedged_bed_model(hedged_bed_t *bed, const char *name);

/** hedged with four boards that hold the model "digits". */
hedged_bed_t *hedged_bed_ready(void **state, const char *more);

/** Did all coded layers run here, or all of them on the boards; were parts of this board used? */
bool hedged_bed_says_local(const hedge_msg_result_t *result);
bool hedged_bed_says_coded(const hedge_msg_result_t *result);
bool hedged_bed_uses_board(const hedge_msg_result_t *result, uint32_t board);

/** End it by a signal. @return its exit status. */
int hedged_bed_end(hedged_bed_t *bed, int signal);

#endif
