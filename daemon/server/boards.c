/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server/boards.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "daemon/server/keys.h"
#include "daemon/server/plans.h"
#include "daemon/server/probes.h"
#include "daemon/server/requests.h"
#include "daemon/server/trainings.h"

#define PER_TURN 64 /* messages read before the loop looks at everything else */

static void refuse(hedged_server_t *c, const hedge_route_t *route, uint64_t about, int code, const char *text)
{
        hedged_refuse(&(hedge_asker_t){ c->sockets.boards, *route, about }, code, text);
}

void hedged_boards_changed(void *arg, hedged_board_t *board, bool restarted)
{
        hedged_server_t *c = arg;

        log_notice("board=%s number=%d state=%s%s", board->name,
                   board->index == HEDGED_NO_INDEX ? -1 : (int)board->index, hedged_board_state_name(board),
                   restarted ? ": started" : "");
        hedged_probes_changed(c, board);
        if (board->state != HEDGED_BOARD_ALIVE || restarted)
                hedged_dispatch_board_lost(c->dispatch, board);
        hedged_distribute_changed(c->distributor, board, restarted);
        hedged_line_changed(hedged_trainings_line(c->trainings), board);
        hedged_requests_adjust(c);
}

static void say_welcome(hedged_server_t *c, hedged_board_t *board)
{
        hedge_message_t message = { .type = HEDGE_MSG_WELCOME };

        message.welcome.coordinator = c->incarnation;
        message.welcome.index = board->index;
        message.welcome.heartbeat_ms = (uint32_t)c->config->cluster.heartbeat_ms;
        if (hedge_link_send(c->sockets.boards, &board->route, &message, NULL, 0) < 0)
                hedged_cluster_lost(c->cluster, board);
}

static void handle_hello(hedged_server_t *c, hedge_envelope_t *e)
{
        const hedge_msg_hello_t *hello = &e->message.hello;
        hedged_board_t *board;
        char text[HEDGE_TEXT_MAX];
        int r;

        if (c->auth && strcmp(e->user, hello->board) != 0) {
                c->malformed++;
                log_warning("board=%s: its key belongs to '%s', refused", hello->board, e->user);
                snprintf(text, sizeof(text), "this key belongs to the board '%s', not to '%s'", e->user, hello->board);
                refuse(c, &e->route, 0, HEDGE_EDENIED, text);
                return;
        }
        hedged_cluster_prefer(c->cluster, hedged_distribute_number(c->distributor, hello));
        r = hedged_cluster_hello(c->cluster, hello, &e->route, e->fd, hedge_now_ms(), &board);
        if (r < 0) {
                log_warning("board=%s: too many boards are known, refused", hello->board);
                refuse(c, &e->route, 0, r, "the coordinator knows too many boards already");
                return;
        }
        say_welcome(c, board);
        hedged_distribute_hello(c->distributor, board, hello);
        hedged_line_changed(hedged_trainings_line(c->trainings), board);
}

static void handle_part(hedged_server_t *c, hedged_board_t *board, hedge_envelope_t *e)
{
        const hedge_msg_part_t *part = &e->message.part;
        hedge_why_t why = { .text = "" };
        int r;

        if (hedged_probes_part(c, board, e))
                return;
        r = hedged_dispatch_part(c->dispatch, board, e, &why);
        if (r == -ENOENT) {
                c->late_parts += part->n_parts;
        } else if (r < 0) {
                c->malformed++;
                log_warning("board=%s run=%llu: of %u parts: %s, ignoring them", board->name,
                            (unsigned long long)part->run, part->n_parts, why.text);
                refuse(c, &e->route, part->run, r, why.text);
        }
}

static void handle_training(hedged_server_t *c, hedged_board_t *board, hedge_envelope_t *e)
{
        const hedge_message_type_t type = e->message.type;

        if (hedged_line_received(hedged_trainings_line(c->trainings), board, e) != HEDGE_EMALFORMED)
                return;
        c->malformed++;
        log_warning("board=%s: sent a %s that nobody asked for, ignoring it", board->name, hedge_message_name(type));
}

static void handle_error(hedged_server_t *c, hedged_board_t *board, hedge_envelope_t *e)
{
        const hedge_msg_error_t *error = &e->message.error;
        static const hedge_digest_t none;
        bool again = false;

        if (error->job) {
                log_warning("board=%s job=%llu: %s (%s)", board->name, (unsigned long long)error->job, error->text,
                            hedge_strerror(error->code));
                c->malformed += hedged_line_received(hedged_trainings_line(c->trainings), board, e) == HEDGE_EMALFORMED;
                return;
        }
        if (hedged_probes_error(c, board, error))
                return;
        log_warning("board=%s run=%llu: %s (%s)", board->name, (unsigned long long)error->about, error->text,
                    hedge_strerror(error->code));
        if (error->about)
                hedged_dispatch_ended(c->dispatch, board, error->about);
        /* what goes wrong in a task says nothing about its share, unless that is what is missing */
        if (memcmp(&error->digest, &none, sizeof(none)) != 0 && (!error->about || error->code == HEDGE_ENOSHARE))
                again = hedged_distribute_refused(c->distributor, board, &error->digest, error->code);
        if (again)
                hedged_plans_look_again(c->plans, true);
}

static void handle_pong(hedged_server_t *c, hedged_board_t *board, const hedge_msg_pong_t *pong)
{
        if (hedged_cluster_pong(c->cluster, board, pong, hedge_now_us()) == 0)
                return;
        c->malformed++;
        log_warning("board=%s: says that it has taken what it cannot have, ignoring that", board->name);
}

static void handle_constants_ok(hedged_server_t *c, hedged_board_t *board, const hedge_msg_constants_ok_t *ok)
{
        if (hedged_distribute_arrived(c->distributor, board, ok) != HEDGE_EMALFORMED)
                return;
        c->malformed++;
        log_warning("board=%s: has got %llu bytes of constants, more than were sent, ignoring that", board->name,
                    (unsigned long long)ok->bytes);
}

static void handle_known(hedged_server_t *c, hedged_board_t *board, hedge_envelope_t *e)
{
        hedged_cluster_seen(c->cluster, board, e->fd, hedge_now_ms());
        switch (e->message.type) {
        case HEDGE_MSG_PART:
                handle_part(c, board, e);
                break;
        case HEDGE_MSG_TASK_END:
                if (!hedged_probes_ended(c, board, e->message.task_end.run))
                        hedged_dispatch_ended(c->dispatch, board, e->message.task_end.run);
                break;
        case HEDGE_MSG_PONG:
                handle_pong(c, board, &e->message.pong);
                break;
        case HEDGE_MSG_SHARE_OK:
                board->held_bytes = e->message.share_ok.held_bytes;
                if (!hedged_probes_share_ok(c, board, &e->message.share_ok.digest))
                        hedged_distribute_confirmed(c->distributor, board, &e->message.share_ok.digest);
                break;
        case HEDGE_MSG_CONSTANTS_OK:
                handle_constants_ok(c, board, &e->message.constants_ok);
                break;
        case HEDGE_MSG_JOINED:
        case HEDGE_MSG_SHARD_OK:
        case HEDGE_MSG_GRADIENT:
        case HEDGE_MSG_PRODUCT:
                handle_training(c, board, e);
                break;
        case HEDGE_MSG_ERROR:
                handle_error(c, board, e);
                break;
        case HEDGE_MSG_BYE:
                log_notice("board=%s: says goodbye: %s", board->name, e->message.bye.reason);
                hedged_cluster_lost(c->cluster, board);
                break;
        default:
                c->malformed++;
                log_warning("board=%s: sent a %s, which boards do not send, ignoring it", board->name,
                            hedge_message_name(e->message.type));
                refuse(c, &e->route, 0, HEDGE_EUNSUPPORTED, "boards do not send this type of message");
        }
}

static void handle(hedged_server_t *c, hedge_envelope_t *e)
{
        hedged_board_t *board;

        if (e->message.type == HEDGE_MSG_HELLO) {
                handle_hello(c, e);
                return;
        }
        board = hedged_cluster_find(c->cluster, &e->route);
        if (board)
                handle_known(c, board, e);
        else if (e->message.type != HEDGE_MSG_ERROR && e->message.type != HEDGE_MSG_BYE) {
                c->malformed++;
                refuse(c, &e->route, 0, HEDGE_EDENIED, "say HELLO first");
        }
}

void hedged_boards_receive(hedged_server_t *c)
{
        for (unsigned i = 0; i < PER_TURN; i++) {
                hedge_envelope_t e;
                hedge_why_t why = { "" };
                int r = hedge_link_receive(c->sockets.boards, true, &c->limits, &e, &why);

                if (r == 0 || r == -EAGAIN)
                        return;
                if (!hedged_keys_admit(c, c->sockets.boards, &e)) {
                        hedge_envelope_release(&e);
                        continue;
                }
                if (r > 0) {
                        handle(c, &e);
                        hedge_envelope_release(&e);
                        continue;
                }
                c->malformed++;
                log_warning("dropping a board's message: %s", why.text[0] ? why.text : hedge_strerror(r));
                if (e.route.size)
                        refuse(c, &e.route, e.about, r, why.text);
        }
}

void hedged_boards_tick(hedged_server_t *c)
{
        unsigned count;
        hedged_board_t *const *boards;

        hedged_cluster_tick(c->cluster, hedge_now_ms(), hedge_now_us());
        hedged_distribute_feed(c->distributor);
        boards = hedged_cluster_boards(c->cluster, &count);
        for (unsigned i = 0; i < count; i++) {
                hedge_message_t message = { .type = HEDGE_MSG_PING };

                if (boards[i]->state == HEDGED_BOARD_GONE)
                        continue;
                if (boards[i]->promoted) { /* an ERROR about nothing: say HELLO again */
                        boards[i]->promoted = false;
                        refuse(c, &boards[i]->route, 0, -EAGAIN, "this board is a spare no more: say HELLO again");
                }
                message.ping.coordinator = c->incarnation;
                message.ping.sequence = boards[i]->ping_sequence;
                if (hedge_link_send(c->sockets.boards, &boards[i]->route, &message, NULL, 0) == -EHOSTUNREACH)
                        hedged_cluster_lost(c->cluster, boards[i]);
        }
}

void hedged_boards_bye(hedged_server_t *c)
{
        unsigned count;
        hedged_board_t *const *boards = hedged_cluster_boards(c->cluster, &count);

        for (unsigned i = 0; i < count; i++) {
                hedge_message_t message = { .type = HEDGE_MSG_BYE };

                snprintf(message.bye.reason, sizeof(message.bye.reason), "the coordinator is stopping");
                if (boards[i]->state == HEDGED_BOARD_ALIVE)
                        hedge_link_send(c->sockets.boards, &boards[i]->route, &message, NULL, 0);
        }
}
