/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/wire/peers.h"

#define ONE "1111111111111111111111111111111111111111"
#define TWO "2222222222222222222222222222222222222222"

/* A connection: [0] is the peer's end, [1] ours. */
static void open_pair(int ends[2])
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(address);
        int listener = socket(AF_INET, SOCK_STREAM, 0);

        assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
        ends[0] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(ends[0], (struct sockaddr *)&address, size), 0);
        ends[1] = accept(listener, NULL, NULL);
        assert_true(ends[1] >= 0);
        close(listener);
}

static void a_peer_that_is_cut_sees_the_end(void **state)
{
        hedge_peers_t peers = { 0 };
        int ends[2];
        char byte;

        open_pair(ends);
        assert_non_null(hedge_peers_note(&peers, ends[1], ONE));
        assert_true(hedge_peers_cut(&peers, ends[1]));
        assert_int_equal(read(ends[0], &byte, 1), 0);
        assert_int_equal(hedge_peers_note(&peers, ends[1], ONE)->refused, HEDGE_PEER_CUT);
        close(ends[0]);
        close(ends[1]);
        hedge_peers_release(&peers);
}

/* Another connection has got the descriptor, and has not said anything yet. */
static void whoever_has_the_descriptor_next_is_not_cut(void **state)
{
        hedge_peers_t peers = { 0 };
        int first[2], next[2];
        hedge_peer_t *peer;
        char byte = 'x';

        open_pair(first);
        open_pair(next);
        peer = hedge_peers_note(&peers, first[1], ONE);
        assert_non_null(peer);
        strcpy(peer->name, "pi-1");
        assert_int_equal(dup2(next[1], first[1]), first[1]);
        assert_false(hedge_peers_cut(&peers, first[1]));
        assert_int_equal(write(first[1], &byte, 1), 1);
        assert_int_equal(read(next[0], &byte, 1), 1);
        peer = hedge_peers_note(&peers, first[1], ONE); /* nor is it known before it speaks, be the key the same */
        assert_int_equal(peer->refused, 0);
        assert_string_equal(peer->name, "");
        assert_true(hedge_peers_cut(&peers, first[1]));
        for (unsigned i = 0; i < 2; i++) {
                close(first[i]);
                close(next[i]);
        }
        hedge_peers_release(&peers);
}

static void another_key_is_another_peer(void **state)
{
        hedge_peers_t peers = { 0 };
        int ends[2];

        open_pair(ends);
        hedge_peers_note(&peers, ends[1], ONE)->refused = 1;
        assert_int_equal(hedge_peers_note(&peers, ends[1], ONE)->refused, 1);
        assert_int_equal(hedge_peers_note(&peers, ends[1], TWO)->refused, 0);
        close(ends[0]);
        close(ends[1]);
        assert_null(hedge_peers_note(&peers, ends[1], ONE)); /* closed */
        assert_null(hedge_peers_note(&peers, -1, ONE));
        hedge_peers_release(&peers);
        hedge_peers_release(&peers);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_peer_that_is_cut_sees_the_end),
                cmocka_unit_test(whoever_has_the_descriptor_next_is_not_cut),
                cmocka_unit_test(another_key_is_another_peer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
