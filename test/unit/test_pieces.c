/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/err.h"
#include "daemon/models/pieces.h"

#define ALL (UINT64_C(6) << 32) /* more than 32 bits can count */

static void nothing_is_sent_before_the_graph_is_taken(void **state)
{
        (void)state;
        hedged_pieces_t p = { 0 };

        assert_false(hedged_pieces_have_room(&p, ALL));
        assert_int_equal(hedged_pieces_arrived(&p, 5), 1); /* of a sending before */
        assert_false(hedged_pieces_have_room(&p, ALL));
        assert_int_equal(hedged_pieces_arrived(&p, 0), 0);
        assert_true(hedged_pieces_have_room(&p, ALL));
        assert_false(hedged_pieces_have_room(&p, 0)); /* there is nothing to send */
}

static void a_window_is_kept_full_to_the_end(void **state)
{
        (void)state;
        hedged_pieces_t p = { .begun = true };
        uint64_t confirmed = 0;

        while (confirmed < ALL) {
                uint64_t next;

                while (hedged_pieces_have_room(&p, ALL))
                        hedged_pieces_sent(&p, HEDGED_PIECE_BYTES);
                assert_int_equal(p.sent - confirmed,
                                 ALL - confirmed < HEDGED_PIECES_BYTES_MAX ? ALL - confirmed : HEDGED_PIECES_BYTES_MAX);
                next = confirmed + HEDGED_PIECE_BYTES;
                assert_int_equal(hedged_pieces_arrived(&p, next), 0);
                assert_int_equal(hedged_pieces_arrived(&p, next), 1); /* said already */
                confirmed = next;
        }
        assert_int_equal(p.sent, ALL);
        assert_int_equal(p.n, 0);
        assert_false(hedged_pieces_have_room(&p, ALL));
}

static void small_ones_are_counted(void **state)
{
        (void)state;
        hedged_pieces_t p = { .begun = true };
        unsigned n = 0;

        for (; hedged_pieces_have_room(&p, ALL); n++)
                hedged_pieces_sent(&p, 4);
        assert_int_equal(n, HEDGED_PIECES_MAX);
        assert_int_equal(hedged_pieces_arrived(&p, 4), 0);
        assert_true(hedged_pieces_have_room(&p, ALL));
        assert_int_equal(hedged_pieces_arrived(&p, p.sent), 0); /* it answers once for several */
        assert_int_equal(p.n, 0);
}

static void more_than_was_sent_has_not_come(void **state)
{
        (void)state;
        hedged_pieces_t p = { .begun = true };

        hedged_pieces_sent(&p, 100);
        assert_int_equal(hedged_pieces_arrived(&p, 101), HEDGE_EMALFORMED);
        assert_int_equal(hedged_pieces_arrived(&p, UINT64_MAX), HEDGE_EMALFORMED);
        assert_int_equal(p.arrived, 0);
        assert_int_equal(hedged_pieces_arrived(&p, 100), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_is_sent_before_the_graph_is_taken),
                cmocka_unit_test(a_window_is_kept_full_to_the_end),
                cmocka_unit_test(small_ones_are_counted),
                cmocka_unit_test(more_than_was_sent_has_not_come),
        };

        return cmocka_run_group_tests_name("pieces", tests, NULL, NULL);
}
