/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/subsets.h"

#include <errno.h>
#include <stdlib.h>

#include "common/code/conv/condition.h"
#include "common/code/conv/scheme.h"
#include "common/code/random.h"

/* The boards that hold something. @return how many. */
static unsigned find_holders(const hedge_code_t *code, uint8_t *holders)
{
        unsigned n = 0;

        for (unsigned j = 0; j < code->n; j++)
                if (hedge_code_parts(code, j) > 0)
                        holders[n++] = (uint8_t)j;
        return n;
}

/* n over k, or `limit` + 1 where it is more than `limit`. */
static unsigned choices(unsigned n, unsigned k, unsigned limit)
{
        double c = 1;

        if (k > n - k)
                k = n - k;
        for (unsigned i = 0; i < k && c <= limit; i++) /* grows with every step */
                c = c * (n - i) / (i + 1);
        return c > limit ? limit + 1 : (unsigned)(c + 0.5);
}

static void first_boards(hedge_subset_t *set, unsigned delta)
{
        for (unsigned i = 0; i < delta; i++)
                set->boards[i] = (uint8_t)i;
}

/* The set after `previous`, in lexicographic order; there is one. */
static void next_boards(const hedge_subset_t *previous, hedge_subset_t *set, unsigned delta, unsigned n)
{
        unsigned i = delta;

        *set = *previous;
        while (set->boards[i - 1] == n - delta + i - 1)
                i--;
        set->boards[i - 1]++;
        for (; i < delta; i++)
                set->boards[i] = (uint8_t)(set->boards[i - 1] + 1);
}

/* Each board is taken with the chance that leaves all sets equally likely. */
static void random_boards(hedge_subset_t *set, unsigned delta, unsigned n, uint64_t *state)
{
        unsigned taken = 0;

        for (unsigned j = 0; j < n && taken < delta; j++)
                if (hedge_random_next(state) % (n - j) < delta - taken)
                        set->boards[taken++] = (uint8_t)j;
}

static int by_condition(const void *x, const void *y)
{
        const double a = ((const hedge_subset_t *)x)->condition, b = ((const hedge_subset_t *)y)->condition;

        return (a > b) - (a < b);
}

/* The set's boards are numbers among the holders until here. */
static int find_condition(const hedge_code_t *code, unsigned delta, const uint8_t *holders, hedge_subset_t *set)
{
        uint16_t ids[HEDGE_CODE_MAX_ALL_PARTS];
        unsigned count = 0;

        for (unsigned i = 0; i < delta; i++)
                set->boards[i] = holders[set->boards[i]];
        for (unsigned i = 0; i < delta; i++)
                for (unsigned p = 0; p < hedge_code_parts(code, set->boards[i]); p++)
                        ids[count++] = (uint16_t)(code->boards[set->boards[i]].first_part + p);
        return hedge_condition_of(code, ids, count, &set->condition);
}

int hedge_subsets_new(const hedge_code_t *code, unsigned limit, uint64_t seed, hedge_subset_t **ret)
{
        uint8_t holders[HEDGE_CODE_MAX_BOARDS];
        const unsigned n = find_holders(code, holders), delta = hedge_code_delta(code), all = choices(n, delta, limit);
        hedge_subset_t *sets = calloc((size_t)limit + 1, sizeof(*sets));
        int r = 0;

        if (!sets)
                return -ENOMEM;
        first_boards(&sets[0], delta);
        for (unsigned i = 1; i < all; i++) {
                if (all <= limit)
                        next_boards(&sets[i - 1], &sets[i], delta, n);
                else
                        random_boards(&sets[i], delta, n, &seed);
        }
        for (unsigned i = 0; i < all && r == 0; i++)
                r = find_condition(code, delta, holders, &sets[i]);
        if (r < 0) {
                free(sets);
                return r;
        }
        qsort(sets, all, sizeof(*sets), by_condition);
        *ret = sets;
        return (int)all;
}
