/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/code/random.h"
#include "daemon/plan/path.h"

#define POINTS 7

typedef struct costs {
        unsigned n, looked, give_up; /* give_up: at this look; 0: never */
        hedged_hop_t hops[POINTS];
        double legs[POINTS][POINTS];
} costs_t;

static double look(void *arg, unsigned from, unsigned to, double limit)
{
        costs_t *c = arg;

        if (++c->looked == c->give_up)
                return -1;
        assert_true(limit > 0);
        return c->legs[from][to] < limit ? c->legs[from][to] : INFINITY;
}

/* Whole numbers, so that sums are exact in any order. */
static void draw(costs_t *c, uint64_t seed)
{
        uint64_t state = hedge_random_row(seed, 0);

        *c = (costs_t){ .n = 2 + (unsigned)(hedge_random_uniform(&state) * (POINTS - 1)) };
        for (unsigned i = 0; i + 1 < c->n; i++) {
                c->hops[i].score = 1 + floor(hedge_random_uniform(&state) * 40);
                c->hops[i].shared = hedge_random_uniform(&state) < 0.2;
                for (unsigned j = i + 1; j < c->n; j++)
                        c->legs[i][j] = hedge_random_uniform(&state) < 0.3
                                                ? INFINITY
                                                : 1 + floor(hedge_random_uniform(&state) * 40 * (j - i));
        }
}

/* The best of all ways, one after the other. */
static double try_all(const costs_t *c, unsigned at, bool shared)
{
        double best;

        if (at + 1 == c->n)
                return shared ? 0 : INFINITY;
        best = c->hops[at].score + try_all(c, at + 1, shared || c->hops[at].shared);
        for (unsigned to = at + 1; to < c->n; to++) {
                const double sum = c->legs[at][to] + try_all(c, to, true);

                best = sum < best ? sum : best;
        }
        return best;
}

/* What a way says that it is. */
static double follow(const costs_t *c, const hedged_path_t *p, bool *ret_shared)
{
        unsigned at = 0;
        double sum = 0;

        *ret_shared = false;
        for (unsigned i = 0; i < p->n; i++) {
                const hedged_stretch_t *s = &p->stretches[i];

                assert_int_equal(s->from, at);
                assert_true(s->to > s->from);
                assert_true(i == 0 || s->leg || p->stretches[i - 1].leg);
                if (s->leg) {
                        sum += c->legs[s->from][s->to];
                        *ret_shared = true;
                }
                for (unsigned j = s->from; !s->leg && j < s->to; j++) {
                        sum += c->hops[j].score;
                        *ret_shared |= c->hops[j].shared;
                }
                at = s->to;
        }
        assert_int_equal(at, c->n - 1);
        return sum;
}

static void best_of_all(void **state)
{
        unsigned found = 0;

        (void)state;
        for (uint64_t seed = 0; seed < 400; seed++) {
                hedged_path_t p;
                bool shared;
                costs_t c;

                draw(&c, seed);
                assert_int_equal(hedged_path_find(c.n, c.hops, look, &c, &p), 0);
                assert_true(p.score == try_all(&c, 0, false));
                if (isfinite(p.score)) {
                        assert_true(follow(&c, &p, &shared) == p.score);
                        assert_true(shared);
                        found++;
                }
                hedged_path_release(&p);
        }
        assert_true(found > 200 && found < 400); /* some have no way that takes boards */
}

static void no_way(void **state)
{
        hedged_path_t p;
        costs_t c = { .n = 1 };

        (void)state;
        assert_int_equal(hedged_path_find(1, c.hops, look, &c, &p), 0);
        assert_true(isinf(p.score) && p.n == 0 && c.looked == 0);
        hedged_path_release(&p);
}

static void legs_may_give_up(void **state)
{
        hedged_path_t p;
        costs_t c;

        (void)state;
        draw(&c, 1);
        c.give_up = 1;
        assert_int_equal(hedged_path_find(c.n, c.hops, look, &c, &p), -ECANCELED);
        assert_int_equal(c.looked, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(best_of_all),
                cmocka_unit_test(no_way),
                cmocka_unit_test(legs_may_give_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
