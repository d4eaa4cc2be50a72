/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TYPES_REPORT_H
#define HEDGE_TYPES_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/types/name.h"

/** What became of one part that a board was asked for. Times are since the request began. */
typedef struct hedge_part_report {
        uint32_t board, part;
        double sent_ms;      /**< when the task that asked for it was sent */
        double received_ms;  /**< 0: it did not come in time */
        uint64_t compute_us; /**< on the board */
        bool used;           /**< by the decoder */
} hedge_part_report_t;

/** How one coded layer of a request went. */
typedef struct hedge_layer_report {
        char name[HEDGE_LAYER_NAME_MAX];
        char scheme
                [16]; /**< "nsctc", ...; of a segment "strips", "tiles", "whole"; "local" where the coordinator had to compute it itself */
        uint32_t k_a, k_b, delta;
        uint32_t parts_needed, parts_used; /**< rank, and parts the decoder took */
        uint32_t parts_asked;    /**< of boards; what was not used was computed in vain, or cancelled before */
        uint32_t parts_received; /**< parts that had arrived when it was decoded */
        uint32_t n_boards;
        uint32_t *boards; /**< numbers of the boards whose parts were used */
        uint32_t lost;    /**< boards lost while the layer ran */
        double condition;
        double encode_ms, wait_ms, decode_ms;
        double start_ms, end_ms; /**< since the request began */
        char wire[8];            /**< "f32", "q16" */
        double predicted_ms;     /**< by the planner; 0: it was not asked */
        uint32_t n_parts;
        hedge_part_report_t *parts; /**< where INFER asked for a trace */
} hedge_layer_report_t;

#endif
