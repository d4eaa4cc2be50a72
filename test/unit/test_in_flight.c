/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon/infer/in_flight.h"

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

static void it_follows_the_boards(void **state)
{
        const unsigned wanted[][2] = { { 0, 4 },   { 1, 4 },   { 2, 4 },   { 3, 5 },    { 10, 12 },
                                       { 61, 63 }, { 62, 64 }, { 63, 64 }, { 256, 64 }, { 4000000000u, 64 } };

        (void)state;
        for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
                assert_int_equal(hedged_in_flight_auto(wanted[i][0], 64 * GIB, 10 * MIB), wanted[i][1]);
                assert_int_equal(hedged_in_flight_auto(wanted[i][0], GIB, 0), wanted[i][1]); /* no model is loaded */
        }
}

static void memory_bounds_it(void **state)
{
        (void)state;
        assert_int_equal(hedged_in_flight_auto(10, GIB, 64 * MIB), 8); /* half of it has room for so many */
        assert_int_equal(hedged_in_flight_auto(10, GIB, 256 * MIB), 2);
        assert_int_equal(hedged_in_flight_auto(10, GIB, 4 * GIB), 1); /* it is tried all the same */
        assert_int_equal(hedged_in_flight_auto(10, GIB, UINT64_MAX), 1);
        assert_int_equal(hedged_in_flight_auto(10, UINT64_MAX, 1), 12);
}

static void this_machine_has_memory(void **state)
{
        (void)state;
        assert_in_range(hedged_in_flight_memory(), MIB, SIZE_MAX);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_follows_the_boards),
                cmocka_unit_test(memory_bounds_it),
                cmocka_unit_test(this_machine_has_memory),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
