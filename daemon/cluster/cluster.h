/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_CLUSTER_H
#define HEDGED_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/wire/message.h"
#include "common/wire/route.h"

/** Who is there: the boards, their numbers in the codes, and whether they are to be trusted with work.
 *
 * A pure state machine: it is told what came in and what time it is, and says through `changed` what follows from it.
 * It sends nothing itself.
 *
 *   HELLO -> alive -> (missed heartbeats: `strikes`, or its connection closed) -> suspect -> (`gone_ms` silent) -> gone
 *                 <- (any message)                                              <-        HELLO
 *
 * A board that keeps coming and going is watched for a while before it gets work again, longer each time. */
typedef enum hedged_board_state {
        HEDGED_BOARD_GONE,
        HEDGED_BOARD_SUSPECT,
        HEDGED_BOARD_ALIVE,
} hedged_board_state_t;

#define HEDGED_NO_INDEX UINT32_MAX

typedef struct hedged_board {
        char name[HEDGE_BOARD_NAME_MAX];
        char backend[32], version[32];
        uint32_t index; /**< its number in the codes, or HEDGED_NO_INDEX: a spare */
        hedged_board_state_t state;
        bool usable;       /**< alive, has a number, not on probation, and ready: may be given work */
        bool unmeasured;   /**< would be usable, were it ready: hedged_cluster_set_ready */
        uint64_t measured; /**< incarnation that was measured, or was tried to be: the caller's; 0: none */
        uint64_t incarnation;
        hedge_route_t route;
        int fd; /**< of its connection, -1 where unknown */
        uint32_t cores, shares, queued;
        uint64_t share_bytes_max, held_bytes, parts_done;
        int64_t seen_ms; /**< when its last message came */
        int64_t probation_until_ms;
        int64_t last_back_ms;
        uint32_t missed;          /**< heartbeats in a row */
        int64_t patient_until_ms; /**< none is missed before: PINGs wait behind a share on the way to it */
        uint64_t excused_bytes;   /**< silence that they take is none: hedged_cluster_excuse */
        uint64_t streamed_bytes;  /**< likewise: hedged_cluster_streaming */
        uint64_t hellos;          /**< said so far: another one, another connection */
        uint32_t recent_backs;    /**< came back so often within the last minutes */
        uint64_t comebacks;       /**< ever */
        uint64_t ping_sequence;   /**< of the last PING; 0: none yet */
        int64_t ping_us;          /**< when it was sent */
        bool ping_answered;
        bool promoted; /**< was a spare and has a number now: it has yet to be told so */
        double round_trip_ms;
        hedge_cost_t cost; /**< what it said last that it has taken; process_us 0: nothing yet */
        int64_t cost_ms;   /**< when it said so */
} hedged_board_t;

/** A board's `usable` or `state` or incarnation changed. `restarted`: it is another process than before (or new): what it
 * held is gone, but for what its HELLO lists. */
typedef void hedged_board_changed_t(void *arg, hedged_board_t *board, bool restarted);

typedef struct hedged_cluster hedged_cluster_t;

/** @param slots  Boards that the codes are numbered for. @return 0, -ENOMEM. */
int hedged_cluster_new(unsigned slots, unsigned heartbeat_ms, unsigned strikes, unsigned gone_ms,
                       hedged_board_changed_t *changed, void *arg, hedged_cluster_t **ret);
void hedged_cluster_destroy(hedged_cluster_t **cluster);

/** Is a board that could be given work ready for it? Asked before it becomes usable, as often as time passes. */
typedef bool hedged_board_ready_t(void *arg, const hedged_board_t *board);

/** Have boards asked about so, with the argument of `changed`. Without it all are ready. */
void hedged_cluster_set_ready(hedged_cluster_t *cluster, hedged_board_ready_t *ready);

/** A board may be ready now. */
void hedged_cluster_look(hedged_cluster_t *cluster, hedged_board_t *board, int64_t now_ms);

/** A HELLO came. Takes the board in (again), gives it a number if one is free.
 * @return 0, HEDGE_ELIMIT (too many boards are known). */
int hedged_cluster_hello(hedged_cluster_t *cluster, const hedge_msg_hello_t *hello, const hedge_route_t *route, int fd,
                         int64_t now_ms, hedged_board_t **ret);

/** The next HELLO is of a board that had this number (of a coordinator before us): a new board gets it again where it is
 * free. HEDGED_NO_INDEX: any. */
void hedged_cluster_prefer(hedged_cluster_t *cluster, uint32_t index);

/** The board with this route, or NULL: it has to say HELLO. */
hedged_board_t *hedged_cluster_find(hedged_cluster_t *cluster, const hedge_route_t *route);

/** The board with this number, or NULL. */
hedged_board_t *hedged_cluster_at(hedged_cluster_t *cluster, unsigned index);

/** A message came from the board. */
void hedged_cluster_seen(hedged_cluster_t *cluster, hedged_board_t *board, int fd, int64_t now_ms);

/** Its answer to a PING came. @return 0, HEDGE_EMALFORMED: what it says of its cost cannot be, and is left out. */
int hedged_cluster_pong(hedged_cluster_t *cluster, hedged_board_t *board, const hedge_msg_pong_t *pong, int64_t now_us);

/** So many bytes of shares are on their way to it: what comes behind them may take long on a slow link (10 Mbit/s is
 * reckoned with). 0: all of them have arrived. */
void hedged_cluster_sending(hedged_cluster_t *cluster, hedged_board_t *board, uint64_t bytes, int64_t now_ms);

/** A block is on its way to it in pieces, of which so many bytes are under way at the moment: so much longer may it be silent before a
 * heartbeat counts as missed. 0: none are. */
void hedged_cluster_streaming(hedged_cluster_t *cluster, hedged_board_t *board, uint64_t bytes);

/** Beside shares so many bytes of questions and answers are under way to and from it, which may take as long on a slow
 * link: so much longer may it be silent before a heartbeat counts as missed. 0: none. */
void hedged_cluster_excuse(hedged_cluster_t *cluster, hedged_board_t *board, uint64_t bytes);

/** The board cannot be reached any more (a send failed), or said BYE: suspect at once. */
void hedged_cluster_lost(hedged_cluster_t *cluster, hedged_board_t *board);

/** A connection closed: the board that used it is lost. */
void hedged_cluster_disconnected(hedged_cluster_t *cluster, int fd);

/** Time passes: once per heartbeat interval. Counts strikes and numbers the next PING of every board that is not gone
 * (board->ping_sequence); the caller sends it. */
void hedged_cluster_tick(hedged_cluster_t *cluster, int64_t now_ms, int64_t now_us);

/** Has every board that is not gone answered its last PING, and is none suspect, on probation or taking a share in? */
bool hedged_cluster_calm(const hedged_cluster_t *cluster);

/** All boards that are known, in order of arrival; `count` of them. */
hedged_board_t *const *hedged_cluster_boards(const hedged_cluster_t *cluster, unsigned *ret_count);

/** Boards that may be given work. */
unsigned hedged_cluster_usable(const hedged_cluster_t *cluster);

unsigned hedged_cluster_slots(const hedged_cluster_t *cluster);

/** "alive", "suspect", "gone", "probation", "measuring", "spare". */
const char *hedged_board_state_name(const hedged_board_t *board);

#endif
