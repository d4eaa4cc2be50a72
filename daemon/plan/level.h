/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_LEVEL_H
#define HEDGED_LEVEL_H

#include "daemon/plan/path.h"
#include "daemon/plan/rooms.h"
#include "daemon/plan/split.h"

/** The best chain for requests that have so many boards each, as many requests at a time as that makes of all boards. */

/** What does not change from one level to the next. */
typedef struct hedged_level_world {
        const hedged_config_t *config;
        const hedged_speeds_t *speeds; /**< whoever is to be planned with is usable */
        unsigned boards;               /**< so many are */
        const hedged_survey_t *survey;
        const hedged_rooms_t *rooms;
        const hedged_luck_t *coarse, *fine; /**< to choose by, and to predict what is chosen */
        unsigned objective;                 /**< HEDGED_OBJECTIVE_* */
        bool q16;
        uint64_t trials; /**< played through so far */
} hedged_level_world_t;

/** What a step takes, of the coordinator too. */
typedef struct hedged_step_load {
        double mean_s, p99_s;
        double computing_s; /**< the coordinator, with all its cores */
        double handling_s;  /**< one of its cores: messages, coding */
        double boards_s;    /**< all boards together */
        double up_bytes, down_bytes;
        double weights_s; /**< sending its constants to boards, spread over requests: not a part of what a request takes */
        double cost;      /**< by plan.price_* */
} hedged_step_load_t;

/** How a segment runs. */
typedef struct hedged_way {
        unsigned from, to; /**< points */
        bool segment;      /**< else nodes one by one */
        unsigned pieces;   /**< windows that were asked for; 1: in one piece */
        unsigned copies;
        hedged_step_load_t load;
} hedged_way_t;

typedef struct hedged_level {
        unsigned boards; /**< of a request */
        unsigned n;
        hedged_way_t *ways;      /**< they follow one another */
        hedged_step_load_t load; /**< of all */
        double score;            /**< infinite: there is no chain that takes boards */
        double rate;             /**< requests per second of the whole cluster */
} hedged_level_t;

/** @return 0, -ENOMEM. */
int hedged_level_find(hedged_level_world_t *world, unsigned boards, hedged_level_t *ret);
void hedged_level_release(hedged_level_t *level);

/** Only nodes, one by one. */
int hedged_level_nodes(hedged_level_world_t *world, unsigned boards, hedged_level_t *ret);

#endif
