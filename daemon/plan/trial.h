/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_TRIAL_H
#define HEDGED_TRIAL_H

#include "daemon/plan/extremes.h"
#include "daemon/plan/late.h"
#include "daemon/plan/simulate.h"

/** The simulation's inside: one layer played through once (daemon/plan/simulate.h says how). */

/** One board in it. */
typedef struct hedged_trial_board {
        double part_s;                     /**< one part takes */
        double begin_s, upload_s, round_s; /**< its first piece leaves, all of them travel for so long, a round takes */
        double delay_in_s, delay_out_s;
        double take_s, give_s, give_part_s; /**< processor time: a piece comes, a message leaves, each part of it */
        double computed_s, sent_s;          /**< when it has computed, and sent, what it sends next */
        double arrival_s;                   /**< of that, or when an idle one is to be looked at; infinite: never */
        unsigned batch;                     /**< parts in it */
        unsigned at;                        /**< parts of its own that have arrived */
        unsigned redoes;                    /**< steal: the plain part that it redoes, where own is false */
        bool own, alone;                    /**< alone: one core */
        hedged_advance_t advance;
} hedged_trial_board_t;

typedef struct hedged_trial {
        const hedged_speeds_t *speeds;
        const hedged_duties_t *duties;
        double input_bytes, part_bytes, part_macs, input_macs; /**< of one; input_macs: to encode a combination */
        double input_elements, part_elements;
        hedged_trial_board_t *runners;
        uint8_t *have;        /**< K: the plain part is in */
        uint8_t *given;       /**< K: steal: to so many boards beside its owner */
        uint16_t *strip_rank; /**< k_a */
        unsigned *owing;      /**< boards that owe something, in any order */
        unsigned n_owing;
        unsigned asked; /**< parts, of all boards */
        unsigned count, plain, rank, global, boards_whole, parts_whole;
        double link_s, here_s; /**< when the coordinator's link and its processor are free */
        hedged_forecast_t sum; /**< over the trials so far, but for times */
} hedged_trial_t;

/** @return how long the layer takes; infinite where it does not decode. */
double hedged_trial_run(hedged_trial_t *trial, const hedged_luck_t *luck, unsigned number);

/* ---- what boards do and the coordinator's processor, daemon/plan/trial_boards.c ---- */

/** Encode and send all first tasks; every board computes its first message. */
void hedged_trial_begin(hedged_trial_t *trial, const hedged_luck_t *luck, unsigned number);

/** The coordinator's processor does something for so long, at `now` or when it is free. @return when it is done. */
double hedged_trial_work_here(hedged_trial_t *trial, double now_s, double for_s);

/** What a message of so many bytes costs a processor that is so many times slower than the coordinator's. */
double hedged_trial_message_s(const hedged_trial_t *trial, double bytes, double slower);

/** A board computes what goes into its next message, and sends that. */
void hedged_trial_compute_next(hedged_trial_t *trial, unsigned board);

/** Another task for a board that has nothing left, at a time. @param coded  Its input is a combination (1) or not (0). */
void hedged_trial_send_input(hedged_trial_t *trial, unsigned board, double now_s, unsigned coded, unsigned parts);

/** A part of a board has come. */
void hedged_trial_settle(hedged_trial_t *trial, unsigned board, double now_s);

#endif
