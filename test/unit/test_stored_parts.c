/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/infer/stored_parts.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ELEMENTS 1000
#define ROOM     (1u << 20)

static hedgew_stored_key_t key_of(uint8_t share, const float *input, uint32_t part, uint32_t method)
{
        hedgew_stored_key_t key = { .input = hedgew_stored_digest(input, ELEMENTS), .part = part, .method = method };

        memset(&key.share, share, sizeof(key.share));
        return key;
}

static void only_the_same_part_is_found(void **state)
{
        float inputs[2][ELEMENTS], part[ELEMENTS];
        hedgew_stored_parts_t *stored = NULL;
        hedgew_stored_key_t key, others[7];
        hedgew_stored_figures_t figures;
        const float *found;
        size_t elements = 0;

        (void)state;
        for (unsigned i = 0; i < ELEMENTS; i++) {
                inputs[0][i] = inputs[1][i] = (float)i;
                part[i] = -(float)i;
        }
        inputs[1][ELEMENTS - 1] += 1;
        assert_int_equal(hedgew_stored_parts_new(&stored), 0);
        key = key_of(1, inputs[0], 2, 0);
        assert_null(hedgew_stored_parts_find(stored, &key, &elements));
        hedgew_stored_parts_put(stored, &key, part, ELEMENTS, ROOM);
        found = hedgew_stored_parts_find(stored, &key, &elements);
        assert_non_null(found);
        assert_memory_equal(found, part, sizeof(part));
        assert_int_equal(elements, ELEMENTS);

        others[0] = key_of(2, inputs[0], 2, 0);
        others[1] = key_of(1, inputs[1], 2, 0);
        others[2] = key_of(1, inputs[0], 3, 0);
        others[3] = key_of(1, inputs[0], 2, 1);
        others[4] = others[5] = others[6] = key;
        others[4].last = 1;
        others[5].window.rows = 1;
        others[6].window.left = 1;
        for (unsigned i = 0; i < 7; i++)
                assert_null(hedgew_stored_parts_find(stored, &others[i], &elements));

        assert_true(hedgew_stored_parts_check(stored, found, part, ELEMENTS, 0));
        part[7] += 1; /* of a peak of 999 */
        assert_true(hedgew_stored_parts_check(stored, found, part, ELEMENTS, 2e-3));
        assert_false(hedgew_stored_parts_check(stored, found, part, ELEMENTS, 5e-4));
        assert_false(hedgew_stored_parts_check(stored, found, part, ELEMENTS, 0));
        part[7] = NAN;
        assert_false(hedgew_stored_parts_check(stored, found, part, ELEMENTS, 1));
        figures = hedgew_stored_parts_figures(stored);
        assert_int_equal(figures.found, 1);
        assert_int_equal(figures.computed, 8);
        assert_int_equal(figures.checked, 5);
        assert_int_equal(figures.wrong, 3);
        key.input = hedgew_stored_number(1);
        others[0].input = hedgew_stored_number(2);
        assert_memory_not_equal(&key.input, &others[0].input, sizeof(key.input));
        hedgew_stored_parts_destroy(&stored);
        assert_null(stored);
        hedgew_stored_parts_destroy(&stored);
}

static void no_more_is_kept_than_there_is_room_for(void **state)
{
        float input[ELEMENTS], part[ELEMENTS] = { 0 };
        hedgew_stored_parts_t *stored = NULL;
        unsigned kept = 0;
        size_t elements;

        (void)state;
        memset(input, 0, sizeof(input));
        assert_int_equal(hedgew_stored_parts_new(&stored), 0);
        for (uint32_t block = 0; block < 2 * ROOM / sizeof(part); block++) {
                const hedgew_stored_key_t key = key_of(1, input, block, 0);

                hedgew_stored_parts_put(stored, &key, part, ELEMENTS, ROOM);
                kept += hedgew_stored_parts_find(stored, &key, &elements) != NULL;
                assert_true(hedgew_stored_parts_figures(stored).bytes <= ROOM);
        }
        /* what goes with each part takes a little, too */
        assert_in_range(kept, ROOM / sizeof(part) * 9 / 10, ROOM / sizeof(part));
        hedgew_stored_parts_destroy(&stored);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_the_same_part_is_found),
                cmocka_unit_test(no_more_is_kept_than_there_is_room_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
