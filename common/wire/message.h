/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_MESSAGE_H
#define HEDGE_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/code/conv/code.h"
#include "common/code/precision.h"
#include "common/conv.h"
#include "common/cost.h"
#include "common/err.h"
#include "common/tensor.h"
#include "common/types/digest.h"
#include "common/types/input_shape.h"
#include "common/types/job.h"
#include "common/types/name.h"
#include "common/types/preprocess.h"
#include "common/types/report.h"
#include "common/types/train_layer.h"
#include "common/types/update.h"
#include "common/types/window.h"

/** HEDGE/1: messages and their frames. docs/protocol.md is the specification.
 *
 * A message is one msgpack header frame and, for some types, raw frames (float32 little-endian tensors, or bytes).
 * In memory it is a hedge_message_t: a tagged union whose fields are described by one table per type, from which
 * packing and unpacking come. */

struct zmq_msg_t; /* a frame: <zmq.h>, for those who handle them */

#define HEDGE_WIRE_VERSION    1
#define HEDGE_STEP_UPDATES    16         /**< frames of a STEP at most */
#define HEDGE_PART_FRAMES     64u        /**< parts in a PART at most */
#define HEDGE_TASK_FRAMES     64u        /**< inputs in a TASK at most */
#define HEDGE_CONSTANTS_BYTES (1u << 20) /**< in a CONSTANTS at most: what else there is waits behind no more */

typedef enum hedge_message_type {
        /* coordinator and board */
        HEDGE_MSG_HELLO = 1, /**< board: who I am and what I hold */
        HEDGE_MSG_WELCOME,   /**< coordinator: you are board number ... */
        HEDGE_MSG_SHARE,     /**< coordinator: keep these coded filter blocks; 1 frame */
        HEDGE_MSG_SHARE_OK,  /**< board: kept */
        HEDGE_MSG_TASK,      /**< coordinator: inputs for a share or a block; 1 frame per input */
        HEDGE_MSG_PART,      /**< board: finished parts; 1 frame per part */
        HEDGE_MSG_TASK_END,  /**< board: no more parts will come of this task, where no PART could say it */
        HEDGE_MSG_CANCEL,    /**< coordinator: stop this task */
        HEDGE_MSG_DROP,      /**< coordinator: forget this share */
        HEDGE_MSG_PING,      /**< coordinator */
        HEDGE_MSG_PONG,      /**< board */
        HEDGE_MSG_ERROR,     /**< anyone: a code and a sentence */
        HEDGE_MSG_BYE,       /**< anyone: I am leaving */
        /* coordinator and board: training */
        HEDGE_MSG_JOIN,     /**< coordinator: take part in this training */
        HEDGE_MSG_JOINED,   /**< board: ready; what I hold of it */
        HEDGE_MSG_SHARD,    /**< coordinator: keep this part of the data; 2 frames: pixels, labels */
        HEDGE_MSG_SHARD_OK, /**< board: kept */
        HEDGE_MSG_STEP,     /**< coordinator: apply these updates, then compute a gradient; 0 .. 16 frames */
        HEDGE_MSG_GRADIENT, /**< board: compressed gradient, batch statistics; 1 .. 2 frames */
        HEDGE_MSG_LEAVE,    /**< coordinator: forget this training */
        HEDGE_MSG_HOLD,     /**< coordinator: keep this coded matrix; 1 frame */
        HEDGE_MSG_APPLY,    /**< coordinator: multiply by a matrix that you hold; 1 frame */
        HEDGE_MSG_UPDATE,   /**< coordinator: encode these factors and take their product off a matrix; 0 .. 2 frames */
        HEDGE_MSG_FETCH,    /**< coordinator: send me a matrix that you hold */
        HEDGE_MSG_MULTIPLY, /**< coordinator: multiply these two; 2 frames */
        HEDGE_MSG_PRODUCT,  /**< board: what came out; 1 frame */
        /* client and coordinator */
        HEDGE_MSG_INFER,  /**< client: 1 frame per model input */
        HEDGE_MSG_RESULT, /**< coordinator: 1 frame per model output */
        HEDGE_MSG_STATUS, /**< client */
        HEDGE_MSG_STATUS_OK,
        HEDGE_MSG_MODELS, /**< client; with a name: that model's details */
        HEDGE_MSG_MODELS_OK, /**< frames, where one model was asked for: the labels as text lines; its model.yaml without them */
        HEDGE_MSG_LOAD, /**< client: frame 1 the ONNX file, frame 2 (optional) its model.yaml; no frame: from the repository */
        HEDGE_MSG_LOAD_OK,
        HEDGE_MSG_UNLOAD, /**< client */
        HEDGE_MSG_UNLOAD_OK,
        HEDGE_MSG_PLAN, /**< client: how would this model run? */
        HEDGE_MSG_PLAN_OK,
        HEDGE_MSG_TRAIN, /**< client: run this job; frame 1 the job's YAML, then its data files in the job's order */
        HEDGE_MSG_TRAIN_OK,
        HEDGE_MSG_JOBS, /**< client: how are they? */
        HEDGE_MSG_JOBS_OK,
        HEDGE_MSG_JOB_STOP, /**< client */
        HEDGE_MSG_JOB_STOP_OK,
        HEDGE_MSG_JOB_MODEL,    /**< client: what did it learn? */
        HEDGE_MSG_JOB_MODEL_OK, /**< 2 frames: ONNX model, its model.yaml */
        HEDGE_MSG_MATMUL,       /**< client: multiply two matrices by a deadline; 2 frames */
        HEDGE_MSG_MATMUL_OK,    /**< 1 frame */
        /* coordinator and board: nodes of a model's graph */
        HEDGE_MSG_GRAPH,        /**< coordinator: keep this block; 1 frame: hedge_graph_pack */
        HEDGE_MSG_CONSTANTS,    /**< coordinator: the next bytes of its constants; 1 frame */
        HEDGE_MSG_CONSTANTS_OK, /**< board: got them, go on */
        HEDGE_MSG_TYPES
} hedge_message_type_t;

typedef struct hedge_msg_hello {
        char board[HEDGE_BOARD_NAME_MAX];
        uint64_t incarnation; /**< random, new at every start of the process */
        uint32_t cores;
        uint64_t share_bytes_max; /**< memory cap for shares */
        char backend[32];
        char version[32];
        uint32_t n_held;
        hedge_digest_t *held; /**< shares that it still holds */
} hedge_msg_hello_t;

typedef struct hedge_msg_welcome {
        uint64_t coordinator;  /**< the coordinator's incarnation */
        uint32_t index;        /**< the board's number in the codes; UINT32_MAX: it is a spare */
        uint32_t heartbeat_ms; /**< a PING comes this often */
} hedge_msg_welcome_t;

typedef struct hedge_msg_share {
        hedge_digest_t digest;
        hedge_conv_t conv;                /**< geometry of one part */
        uint32_t ell_b;                   /**< filter blocks in the frame, one behind the other */
        char layer[HEDGE_LAYER_NAME_MAX]; /**< model/layer, for people */
} hedge_msg_share_t;

typedef struct hedge_msg_graph { /**< a block; it is kept, answered and dropped as a share is */
        hedge_digest_t digest;
        char layer[HEDGE_LAYER_NAME_MAX]; /**< model and first layer, for people */
} hedge_msg_graph_t;

typedef struct
        hedge_msg_constants { /**< all of a block's constants one behind the other, in the order of its graph's values */
        hedge_digest_t digest;
        uint64_t offset; /**< of the frame's first byte: they come in order and without gaps */
} hedge_msg_constants_t;

typedef struct hedge_msg_constants_ok { /**< answers GRAPH, where it is not held already, and each CONSTANTS */
        hedge_digest_t digest;
        uint64_t bytes; /**< that have come so far */
} hedge_msg_constants_ok_t;

typedef struct hedge_msg_share_ok {
        hedge_digest_t digest;
        uint64_t held_bytes; /**< all shares together */
} hedge_msg_share_ok_t;

typedef struct hedge_msg_task {
        uint64_t run; /**< unique in the coordinator's incarnation; a board may be given several tasks of one run */
        hedge_digest_t digest;
        uint32_t n_inputs;
        uint32_t *inputs; /**< number la of each frame's input; none: 0, 1, ... */
        uint32_t n_order;
        uint32_t *order;  /**< parts to compute, in this order; their inputs are among the frames. Of a share they are
                                   la * ell_b + lb, of windows la, of a segment in one piece the numbers of its outputs */
        uint32_t wire;    /**< hedge_precision_t of the frames, and of the parts that are asked for */
        uint32_t hold_us; /**< a finished part may wait so long for later ones, to be sent in one message with them */
        uint32_t first, last;    /**< nodes of the block's graph, `last` exclusive; 0, 0: the digest is a share's */
        uint32_t n_windows;      /**< 0: the segment is asked for in one piece, the frames are its inputs in order */
        hedge_window_t *windows; /**< one per frame: what is asked for of the segment's output */
} hedge_msg_task_t;

typedef struct hedge_part { /**< one of a PART's, and what its frame holds */
        uint32_t part;
        uint64_t compute_us;
        uint32_t wire; /**< hedge_precision_t of the frame: as asked for, or float32 where q16 cannot hold it */
} hedge_part_t;

typedef struct hedge_msg_part {
        uint64_t run;
        uint32_t n_parts; /**< 1 .. HEDGE_PART_FRAMES: as many as there are frames */
        hedge_part_t *parts;
        bool last; /**< nothing more comes of the task: there is no TASK_END */
} hedge_msg_part_t;

typedef struct hedge_msg_task_end {
        uint64_t run;
        uint32_t parts_sent;
        bool cancelled;
} hedge_msg_task_end_t;

typedef struct hedge_msg_cancel { /**< CANCEL: all tasks of the run */
        uint64_t run;
} hedge_msg_cancel_t;

typedef struct hedge_msg_drop {
        hedge_digest_t digest;
} hedge_msg_drop_t;

typedef struct hedge_msg_ping {
        uint64_t coordinator;
        uint64_t sequence;
} hedge_msg_ping_t;

typedef struct hedge_msg_pong {
        uint64_t incarnation;
        uint64_t sequence;
        uint32_t queued; /**< tasks waiting or running */
        uint32_t shares;
        uint64_t held_bytes;
        uint64_t parts_done; /**< since the start */
        hedge_cost_t cost;   /**< of its process so far; process_us 0: it does not say */
} hedge_msg_pong_t;

typedef struct hedge_msg_error {
        int32_t code; /**< enum hedge_err or -errno */
        char text[HEDGE_TEXT_MAX];
        uint64_t about;        /**< a client's request, or a layer run; 0: none */
        hedge_digest_t digest; /**< the share it is about; zeros: none */
        uint64_t job;          /**< the training it is about; 0: none */
} hedge_msg_error_t;

typedef struct hedge_msg_bye {
        char reason[HEDGE_TEXT_MAX];
} hedge_msg_bye_t;

typedef struct hedge_msg_join {
        uint64_t job;            /**< number of the training; not 0 */
        hedge_digest_t identity; /**< of job and data: the same training as before a restart, or another one */
        uint32_t image_h, image_w, image_c, classes;
        uint32_t n_layers;
        hedge_train_layer_t *layers;
        double mean[4], deviation[4]; /**< hedge_norm_t */
        uint32_t batch;               /**< images of a board's mini-batch */
        uint64_t seed;                /**< of the batches' order */
        bool flip;
        char format[16]; /**< of gradients: hedge_co3_format_name */
        double gamma;    /**< hedge_co3_options_t */
        double max_bits;
        bool compress;
} hedge_msg_join_t;

typedef struct hedge_msg_joined {
        uint64_t job;
        uint32_t n_held;
        hedge_digest_t *held; /**< shards that it still holds of this training */
} hedge_msg_joined_t;

typedef struct hedge_msg_shard { /**< SHARD, SHARD_OK */
        uint64_t job;
        hedge_digest_t digest; /**< of pixels and labels */
        uint32_t count;        /**< images; SHARD only */
} hedge_msg_shard_t;

typedef struct hedge_msg_step {
        uint64_t job;
        uint64_t step;         /**< counted from 1 */
        hedge_digest_t digest; /**< the shard to draw from */
        uint64_t draw;         /**< which mini-batch of it, counted from 0 over all epochs */
        bool whole;     /**< the one frame is the parameters themselves, else frames are updates to add in turn */
        uint64_t taken; /**< the last step to which a gradient of this board counted; 0: none. One that was sent
                                    for a later step counted to none and goes back into the error memory */
} hedge_msg_step_t;

typedef struct hedge_msg_gradient {
        uint64_t job;
        uint64_t step;
        double loss;              /**< mean over the batch */
        uint32_t correct, images; /**< images: 0: out of the error memory alone, nothing new was computed */
        double entropy;           /**< bits per entry: hedge_co3_stats_t */
        uint64_t compute_us, encode_us;
} hedge_msg_gradient_t;

/* Matrices are float32, row by row. */

typedef struct hedge_msg_hold { /**< HOLD; FETCH: send it back, without rows and cols */
        uint64_t job;
        uint32_t matrix; /**< its number in the training; one of that number is replaced */
        uint32_t rows, cols;
} hedge_msg_hold_t;

typedef struct hedge_msg_apply { /**< X (batch x cols) times the matrix transposed: batch x rows */
        uint64_t job;
        uint64_t step;
        uint32_t matrix;
        uint32_t batch;
        uint32_t keep; /**< keep X under this number for an UPDATE; 0: do not */
} hedge_msg_apply_t;

typedef struct hedge_msg_update {
        uint64_t job;
        uint64_t step;
        uint32_t batch;
        uint32_t left_cols, right_cols; /**< columns of the two factors, batch rows each */
        uint32_t left_kept, right_kept; /**< their APPLY's `keep`; 0: the factor is a frame, the left one first */
        double rate, decay;
        uint32_t n_targets;
        hedge_update_target_t *targets;
} hedge_msg_update_t;

typedef struct hedge_msg_multiply { /**< A (rows x inner) times B (inner x cols) */
        uint64_t job;
        uint64_t step;
        uint32_t packet; /**< its number */
        uint32_t rows, inner, cols;
} hedge_msg_multiply_t;

typedef struct hedge_msg_product { /**< of APPLY, MULTIPLY or FETCH */
        uint64_t job;
        uint64_t step;
        uint32_t packet; /**< MULTIPLY's, or APPLY's or FETCH's matrix */
        uint64_t compute_us;
} hedge_msg_product_t;

typedef struct hedge_msg_leave {
        uint64_t job;
} hedge_msg_leave_t;

typedef struct hedge_msg_infer {
        uint64_t id; /**< the client's, echoed in the answer */
        char model[HEDGE_MODEL_NAME_MAX];
        uint32_t n_inputs;
        hedge_shape_t *inputs;
        bool trace; /**< the answer's layers list their parts */
} hedge_msg_infer_t;

typedef struct hedge_msg_result {
        uint64_t id;
        double latency_ms; /**< in the coordinator, from receipt to answer */
        uint32_t n_outputs;
        hedge_shape_t *outputs;
        uint32_t n_layers;
        hedge_layer_report_t *layers; /**< coded layers only */
} hedge_msg_result_t;

typedef struct hedge_msg_status {
        uint64_t id;
} hedge_msg_status_t;

typedef struct hedge_board_status {
        char name[HEDGE_BOARD_NAME_MAX];
        uint32_t index;
        char state[16]; /**< "alive", "suspect", "gone" */
        char backend[32];
        char version[32];
        uint32_t cores;
        uint32_t shares;
        uint64_t held_bytes, share_bytes_max;
        uint64_t parts_done;
        uint64_t incarnation;
        uint32_t queued;
        uint64_t seen_ms; /**< since its last message */
        double round_trip_ms;
        uint64_t comebacks; /**< times it was lost and came back */
        uint64_t measured;  /**< tasks that the next five are learnt from; 0: they are the configured priors */
        double macs_per_s;  /**< when nothing hinders it */
        double spread;      /**< mean of the exponential part of its slowness: a task takes 1 + Exp(spread) as long */
        double up_bytes_per_s, down_bytes_per_s; /**< to the board, from it */
        double delay_ms;                         /**< mean extra time of a task on its way, beside its bytes */
        hedge_cost_t cost; /**< of its process so far, as it said cost_age_ms ago; process_us 0: never */
        uint64_t cost_age_ms;
} hedge_board_status_t;

typedef struct hedge_msg_status_ok {
        uint64_t id;
        char version[32];
        uint64_t uptime_ms;
        uint64_t requests, requests_failed, in_flight;
        uint64_t malformed, late_parts, refused; /**< messages dropped, late parts dropped, connections refused */
        char security[32];
        char backend[32];
        uint32_t slots;    /**< boards the codes are numbered for */
        hedge_cost_t cost; /**< the coordinator's own so far; its parts are those that it has asked boards for */
        uint32_t n_keys;
        char (*keys)[HEDGE_TEXT_MAX]; /**< files in the folders of keys that are none: a sentence each */
        uint32_t n_boards;
        hedge_board_status_t *boards;
} hedge_msg_status_ok_t;

typedef struct hedge_msg_models {
        uint64_t id;
        char name[HEDGE_MODEL_NAME_MAX]; /**< empty: all */
} hedge_msg_models_t;

typedef struct hedge_model_tensor {
        char name[HEDGE_LAYER_NAME_MAX];
        hedge_shape_t shape;
        uint32_t
                element; /**< a hedge_element_t: what the model says it holds; it comes and goes as float32. 0: not said */
        uint32_t open;       /**< of an input: bit i is set where the model's file leaves the extent of axis i open */
        uint32_t batch_axis; /**< 1 + the axis of the batch; 0: none, it is of all pictures, or not known whose it is */
} hedge_model_tensor_t;

typedef struct hedge_model_status {
        char name[HEDGE_MODEL_NAME_MAX];
        char state[16]; /**< "ready", "waiting" (too few boards hold it; runs locally), "unloaded" */
        uint64_t macs, parameters;
        uint32_t layers, coded_layers;
        uint32_t segment_layers; /**< in segments, where a request has all boards to itself */
        uint32_t ready_boards;   /**< boards that hold all their shares of it */
        uint64_t share_bytes;    /**< on the board that holds most */
        uint32_t n_inputs, n_outputs;
        hedge_model_tensor_t *inputs, *outputs;
        bool any_batch;      /**< a request may hold any number of pictures; the shapes are those of one */
        uint32_t batch;      /**< pictures of these shapes */
        bool batch_apart;    /**< of each of several pictures it is known which part of the outputs is its */
        char batch_why[256]; /**< why not any number, though the model's file leaves it open */
        char how[256];       /**< the end of "It runs ...", with what is predicted; empty: nothing is */
        hedge_model_preprocess_t preprocess;
} hedge_model_status_t;

typedef struct hedge_msg_models_ok {
        uint64_t id;
        uint32_t n_models;
        hedge_model_status_t *models;
} hedge_msg_models_ok_t;

typedef struct hedge_msg_load {
        uint64_t id;
        char name[HEDGE_MODEL_NAME_MAX];
        uint32_t wait_ms; /**< wait this long for the boards to hold it before answering; 0: do not wait */
        uint32_t n_shapes;
        hedge_input_shape_t
                *shapes; /**< of its inputs, see hedge_input_shapes_sets; none: as model.yaml or an earlier LOAD says */
} hedge_msg_load_t;

typedef struct hedge_msg_unload {
        uint64_t id;
        char name[HEDGE_MODEL_NAME_MAX];
} hedge_msg_unload_t;

typedef struct hedge_msg_plan {
        uint64_t id;
        char model[HEDGE_MODEL_NAME_MAX];
        uint32_t boards;    /**< plan for so many; 0: as many as the codes are numbered for */
        char objective[16]; /**< "latency", "p99", "cost", "auto"; empty: as configured */
        uint32_t n_inputs;
        hedge_shape_t *inputs; /**< of a model that is loaded for several shapes, which of them; none: the first */
} hedge_msg_plan_t;

/** A way to run a layer, as the planner sees it. */
typedef struct hedge_plan_candidate {
        char scheme[16]; /**< "local", "krp", ... */
        char note[32];   /**< where it is not the planner's own best: "CoCoI's k", "FCDCC's optimum" */
        uint32_t k_a, k_b, ell_a, ell_b, delta;
        char wire[8];
        uint32_t hold_us;       /**< parts of a task may wait so long for one another */
        double mean_ms, p99_ms; /**< predicted */
        double here_ms;         /**< the coordinator's processor time, predicted */
        double boards_ms;       /**< that of all boards together */
        double parts_asked;     /**< in the mean */
        double cost;            /**< FCDCC's, in the configured prices */
        double error;           /**< expected, relative to the output's peak */
} hedge_plan_candidate_t;

typedef struct hedge_plan_layer {
        char name[HEDGE_LAYER_NAME_MAX];
        uint64_t macs;
        uint32_t chosen; /**< index into candidates */
        double local_ms;
        uint64_t up_bytes, down_bytes; /**< of all boards, per request */
        uint64_t share_bytes;          /**< on the board that holds most */
        uint32_t n_candidates;
        hedge_plan_candidate_t *candidates; /**< the best of each scheme, "local" first */
} hedge_plan_layer_t;

/** A step of a chain: nodes first .. last, last exclusive. */
typedef struct hedge_plan_step {
        char first_name[HEDGE_LAYER_NAME_MAX], last_name[HEDGE_LAYER_NAME_MAX]; /**< of the first and the last node */
        uint32_t first, last;
        char kind[16];                 /**< "here", "layers" (some of them coded), "strips", "tiles", "whole" */
        uint32_t windows;              /**< of a segment; 1: in one piece */
        uint32_t rows, cols;           /**< of a window, mostly */
        uint32_t copies;               /**< of a window, from the start */
        char wire[8];                  /**< of a segment */
        double mean_ms;                /**< predicted */
        uint64_t macs;                 /**< of all windows: with what their borders have in common */
        uint64_t up_bytes, down_bytes; /**< of all boards, per request */
        uint64_t held_bytes;           /**< of a segment: memory for its nodes on a board */
} hedge_plan_step_t;

/** How a request runs that has so many boards to itself. */
typedef struct hedge_plan_chain {
        uint32_t boards;
        double mean_ms;     /**< predicted */
        uint32_t in_flight; /**< from so many requests on it is taken */
        double per_second;  /**< requests of the whole cluster, each with so many boards */
        uint32_t n_steps;
        hedge_plan_step_t *steps; /**< they follow one another */
} hedge_plan_chain_t;

typedef struct hedge_msg_plan_ok {
        uint64_t id;
        char objective[16];
        uint32_t boards;
        double predicted_ms; /**< mean of a request */
        double local_ms;     /**< by the coordinator alone */
        double shared_ms;    /**< by the best way that takes boards, planned or not; 0: there is none */
        double limit_ms; /**< its work over all that compute, and its own bytes over the links: nothing can be faster */
        uint32_t n_chains;
        hedge_plan_chain_t
                *chains; /**< with plan.objective auto by how many requests are in flight, most boards first */
        uint32_t n_board_bytes;
        uint64_t *board_bytes; /**< shares and nodes of this model on each board */
        uint32_t n_layers;
        hedge_plan_layer_t *layers; /**< convolutions, in the order they run */
} hedge_msg_plan_ok_t;

typedef struct hedge_msg_done { /**< LOAD_OK, UNLOAD_OK */
        uint64_t id;
        hedge_model_status_t model;
} hedge_msg_done_t;

typedef struct hedge_msg_train {
        uint64_t id;
} hedge_msg_train_t;

typedef struct hedge_msg_jobs {
        uint64_t id;
        uint64_t job;                    /**< 0: all, without their lists */
        uint32_t from_epoch, from_event; /**< lists begin here: what the client has not seen yet */
} hedge_msg_jobs_t;

typedef struct hedge_msg_jobs_ok { /**< TRAIN_OK, JOBS_OK, JOB_STOP_OK */
        uint64_t id;
        uint32_t n_jobs;
        hedge_job_status_t *jobs;
} hedge_msg_jobs_ok_t;

typedef struct hedge_msg_job_ask { /**< JOB_STOP, JOB_MODEL */
        uint64_t id;
        uint64_t job;
} hedge_msg_job_ask_t;

typedef struct hedge_msg_job_model_ok {
        uint64_t id;
        uint64_t job;
        char name[HEDGE_MODEL_NAME_MAX];
} hedge_msg_job_model_ok_t;

/** Multiply A (rows x inner) by B (inner x columns) on the boards (common/code/uep/uep.h says what the numbers mean). */
typedef struct hedge_msg_matmul {
        uint64_t id;
        uint32_t rows, inner, columns;
        char scheme[16]; /**< hedge_uep_scheme_name */
        char split[16];  /**< hedge_uep_split_name */
        uint32_t blocks_a, blocks_b, levels, classes;
        uint32_t packets; /**< 0: one per board */
        uint32_t n_windows;
        double *windows; /**< probabilities; none: chosen, or even */
        bool stacked;
        uint64_t seed;
        uint32_t deadline_ms;
} hedge_msg_matmul_t;

/** What became of a packet. */
typedef struct hedge_packet_report {
        uint32_t board, window;
        double received_ms;  /**< since it was asked for; 0: not in time */
        uint32_t determined; /**< sub-products known then */
} hedge_packet_report_t;

typedef struct hedge_msg_matmul_ok {
        uint64_t id;
        double ms;                     /**< in all */
        uint32_t products, determined; /**< sub-products; how many of them are known */
        double expected_error;         /**< of the unknown ones' norms: normalised, see hedge_uep_losses */
        uint32_t n_packets;
        hedge_packet_report_t *packets;
} hedge_msg_matmul_ok_t;

typedef struct hedge_message {
        hedge_message_type_t type;
        union {
                hedge_msg_hello_t hello;
                hedge_msg_welcome_t welcome;
                hedge_msg_share_t share;
                hedge_msg_graph_t graph;
                hedge_msg_constants_t constants;
                hedge_msg_constants_ok_t constants_ok;
                hedge_msg_share_ok_t share_ok;
                hedge_msg_task_t task;
                hedge_msg_part_t part;
                hedge_msg_task_end_t task_end;
                hedge_msg_cancel_t cancel;
                hedge_msg_drop_t drop;
                hedge_msg_ping_t ping;
                hedge_msg_pong_t pong;
                hedge_msg_error_t error;
                hedge_msg_bye_t bye;
                hedge_msg_infer_t infer;
                hedge_msg_result_t result;
                hedge_msg_status_t status;
                hedge_msg_status_ok_t status_ok;
                hedge_msg_models_t models;
                hedge_msg_models_ok_t models_ok;
                hedge_msg_load_t load;
                hedge_msg_unload_t unload;
                hedge_msg_done_t done;
                hedge_msg_plan_t plan;
                hedge_msg_plan_ok_t plan_ok;
                hedge_msg_join_t join;
                hedge_msg_joined_t joined;
                hedge_msg_shard_t shard;
                hedge_msg_step_t step;
                hedge_msg_gradient_t gradient;
                hedge_msg_leave_t leave;
                hedge_msg_hold_t hold;
                hedge_msg_apply_t apply;
                hedge_msg_update_t update;
                hedge_msg_multiply_t multiply;
                hedge_msg_product_t product;
                hedge_msg_matmul_t matmul;
                hedge_msg_matmul_ok_t matmul_ok;
                hedge_msg_train_t train;
                hedge_msg_jobs_t jobs;
                hedge_msg_jobs_ok_t jobs_ok;
                hedge_msg_job_ask_t job_ask;
                hedge_msg_job_model_ok_t job_model_ok;
        };
        void *storage; /**< what the arrays of a decoded message live in; hedge_message_release frees it */
} hedge_message_t;

/** What a peer may send, checked before any memory is taken for it. */
typedef struct hedge_wire_limits {
        uint32_t max_header_bytes; /**< default 4 MiB */
        uint32_t max_frames;       /**< raw frames, default 64 */
        uint64_t max_frame_bytes;  /**< default 1 GiB */
} hedge_wire_limits_t;

extern const hedge_wire_limits_t hedge_wire_default_limits;

/** "HELLO", ...; "?" for a number that is no type. */
const char *hedge_message_name(hedge_message_type_t type);

/** Pack a header into a fresh frame. @return 0, -ENOMEM, -EINVAL (a field is beyond its own bounds: our bug). */
int hedge_message_pack(const hedge_message_t *message, struct zmq_msg_t *ret_header);

/** Unpack a header: version, type, every field's presence, type and range; unknown fields are skipped.
 * Bounds and depth are checked over the raw bytes before msgpack-c sees them.
 * @param why  For the log or the ERROR answer.
 * @return 0, HEDGE_EMALFORMED, HEDGE_EVERSION, HEDGE_EUNSUPPORTED (type unknown), HEDGE_ELIMIT, -ENOMEM. */
int hedge_message_unpack(const void *bytes, size_t size, const hedge_wire_limits_t *limits, hedge_message_t *ret,
                         hedge_why_t *why);

/** Which request or layer run is a header about that does not unpack: its `id` or `run`, so that it can be answered to. 0: it
 * does not say, or is no map of this version at all. */
uint64_t hedge_message_about(const void *bytes, size_t size, const hedge_wire_limits_t *limits);

/** Free the storage of an unpacked message and clear it. Does nothing to a message made by hand. */
void hedge_message_release(hedge_message_t *message);

/** The most raw frames that the message may have. */
uint32_t hedge_message_max_frames(const hedge_message_t *message);

/** Is this the number of raw frames that the message must have? @return 0, HEDGE_EMALFORMED. */
int hedge_message_check_frames(const hedge_message_t *message, uint32_t n_frames, hedge_why_t *why);

/** Check shape against frame: does this raw frame hold exactly the shape's floats? @return 0, HEDGE_EMALFORMED, HEDGE_ELIMIT. */
int hedge_wire_check_tensor(const hedge_shape_t *shape, struct zmq_msg_t *frame, hedge_why_t *why);

#endif
