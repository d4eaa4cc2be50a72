/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets in, and as what. */
#include "test/unit/auth_bed.h"

/* ---- who gets in ---- */

static void a_listed_key_gets_in_under_its_name(void **state)
{
        house_t *house = *state;

        peer(house, "pi-1", "from one");
        expect_board(house, "pi-1", "from one");
        peer(house, "pi-2", "from two");
        expect_board(house, "pi-2", "from two");
        assert_string_equal(house->got.key, key_of("pi-2").public_key);
        assert_int_equal(hedge_auth_refused(house->auth), 0);
}

static void an_unknown_key_is_refused(void **state)
{
        expect_unlisted(*state, "stranger");
}

static void a_peer_without_curve_is_refused(void **state)
{
        expect_refused(*state, NULL, NULL, NOT_BY_AUTH);
}

static void a_server_with_another_key_is_not_believed(void **state)
{
        hedge_key_pair_t other = key_of("stranger");

        expect_refused(*state, "pi-1", other.public_key, NOT_BY_AUTH);
}

static void without_a_handler_nobody_gets_in(void **state)
{
        house_t *house = *state;
        void *events;

        hedge_auth_destroy(&house->auth);
        assert_null(house->auth);
        open_router(house, true, 300); /* so long libzmq waits for an answer of nobody */
        open_peer(house, "pi-1", house->server.public_key, "from one", &events);
        expect_event(events, NOT_BY_AUTH);
        expect_silence(house);
}

static void an_open_socket_beside_it_stays_open(void **state)
{
        house_t *house = *state;

        open_router(house, false, 0);
        open_peer(house, NULL, NULL, "in clear", NULL);
        expect_word(house, "in clear");
        assert_string_equal(house->got.key, "");
        assert_int_equal(hedge_auth_refused(house->auth), 0);
}

static void a_key_of_another_role_is_told_so_and_cut(void **state)
{
        house_t *house = *state;
        hedge_why_t why = { "" };
        void *events, *ann = open_peer(house, "ann", house->server.public_key, "from ann", &events);

        expect_word(house, "from ann");
        assert_int_equal(hedge_auth_admit(house->auth, HEDGE_ROLE_BOARD, &house->got, &why), HEDGE_EDENIED);
        assert_non_null(strstr(why.text, "the client 'ann'"));
        say(ann, "again");
        expect_word(house, "again");
        assert_int_equal(hedge_auth_admit(house->auth, HEDGE_ROLE_BOARD, &house->got, &why), -EALREADY);
        assert_int_equal(hedge_auth_refused(house->auth), 1);
        for (unsigned i = 0; i < 3; i++)
                hedge_auth_tick(house->auth);
        expect_event(events, ZMQ_EVENT_DISCONNECTED);
        expect_at_router(house, ZMQ_EVENT_DISCONNECTED);
        /* the right socket lets it in */
        zmq_disconnect(ann, house->endpoint);
        peer(house, "ann", "as a client");
        expect_word(house, "as a client");
        assert_int_equal(hedge_auth_admit(house->auth, HEDGE_ROLE_CLIENT, &house->got, &why), 0);
        assert_string_equal(house->got.user, "ann");
        peer(house, "pi-1", "a board as a client");
        expect_word(house, "a board as a client");
        assert_int_equal(hedge_auth_admit(house->auth, HEDGE_ROLE_CLIENT, &house->got, &why), HEDGE_EDENIED);
        assert_non_null(strstr(why.text, "the board 'pi-1'"));
}

static void a_key_may_have_both_roles(void **state)
{
        house_t *house = *state;
        hedge_why_t why;

        put_key("pi-1", "clients", "desk");
        expect_change(house);
        peer(house, "pi-1", "both");
        expect_board(house, "pi-1", "both");
        assert_int_equal(hedge_auth_admit(house->auth, HEDGE_ROLE_CLIENT, &house->got, &why), 0);
        assert_string_equal(house->got.user, "desk");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                HOUSE(a_listed_key_gets_in_under_its_name),      HOUSE(an_unknown_key_is_refused),
                HOUSE(a_peer_without_curve_is_refused),          HOUSE(a_server_with_another_key_is_not_believed),
                HOUSE(without_a_handler_nobody_gets_in),         HOUSE(an_open_socket_beside_it_stays_open),
                HOUSE(a_key_of_another_role_is_told_so_and_cut), HOUSE(a_key_may_have_both_roles),
        };

        return cmocka_run_group_tests(tests, make_keys, remove_keys);
}
