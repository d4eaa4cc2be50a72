/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_STRIPS_TRIAL_H
#define HEDGED_STRIPS_TRIAL_H

#include "daemon/plan/extremes.h"
#include "daemon/plan/late.h"
#include "daemon/plan/strips.h"

/** The inside of hedged_strips_simulate: one segment played through once. */

#define HEDGED_STRIPS_OWED 2 /**< windows that a board is given at a time */

/** A window on its way. */
typedef struct hedged_strips_errand {
        unsigned strip;
        double begin_s; /**< it is begun to be computed */
        double done_s;  /**< it is computed */
        double arrival_s; /**< what comes of it is here, but for the coordinator's link; of the coordinator's own done_s */
} hedged_strips_errand_t;

/** A board, or the coordinator. */
typedef struct hedged_strips_machine {
        bool here, alone;    /**< alone: one core */
        double pace_s;       /**< so long takes a unit of work, in this trial */
        double usual_pace_s; /**< mean, as anybody knows it */
        double worst_pace_s; /**< 95 of 100 are faster */
        double up, down;     /**< bytes per second */
        double delay_in_s, delay_out_s, delay_s;
        double slower; /**< as hedged_speeds_slower */
        double up_free_s, computed_s, down_free_s;
        double first_bytes; /**< that it is given at the beginning */
        double look_s;      /**< idle: when to look again; infinite: never */
        double spent_s;     /**< here: the processor's other time when it began */
        hedged_strips_errand_t errands[HEDGED_STRIPS_OWED];
        unsigned n_errands;
        hedged_advance_t advance;
} hedged_strips_machine_t;

typedef struct hedged_strips_trial {
        const hedged_speeds_t *speeds;
        const hedged_strips_t *strips;
        hedged_strips_machine_t *machines;
        unsigned n_machines;
        uint8_t *given; /**< per window: to so many machines */
        uint8_t *have;  /**< per window: it is in */
        unsigned n_have;
        double here_s;    /**< when the coordinator's processor is free of messages */
        double up_free_s; /**< its link, to boards */
        double link_s;    /**< and from them */
        double spent_s;   /**< that processor's time so far */
        hedged_forecast_t sum;
} hedged_strips_trial_t;

/** Play it through with the machines as they are drawn. @return when it is done; infinite: never. */
double hedged_strips_trial_run(hedged_strips_trial_t *trial);

/* ---- what machines do, daemon/plan/strips_machines.c ---- */

/** Make the machines of a trial: those of the team that a request of this number has. */
void hedged_strips_machines_draw(hedged_strips_trial_t *trial, const hedged_team_t *team, const hedged_luck_t *luck,
                                 unsigned number);

/** Give windows out at the beginning, as many as machines take at a time. */
void hedged_strips_begin(hedged_strips_trial_t *trial);

/** Give a machine a window, now. */
void hedged_strips_give(hedged_strips_trial_t *trial, hedged_strips_machine_t *machine, unsigned strip, double now_s);

/** Which window of those that are to be given out a machine gets next. @return strips->n: none. */
unsigned hedged_strips_next(const hedged_strips_trial_t *trial, const hedged_strips_machine_t *machine);

/** The coordinator's processor handles a message with so many numbers, at `now` or when it is free. @return when it has. */
double hedged_strips_handle(hedged_strips_trial_t *trial, double now_s, double bytes, double elements);

#endif
