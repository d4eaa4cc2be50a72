/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/models/how.h"

typedef struct made {
        hedged_chains_t *chains;
        hedged_model_t model;
} made_t;

/* Two chains: the first takes so long over four boards, the second has one for each request. */
static void make(made_t *made, hedged_step_kind_t kind, double predicted_s, double best_shared_s, double second_rate)
{
        hedged_kept_chains_t *kept;

        memset(made, 0, sizeof(*made));
        made->chains = calloc(1, sizeof(*made->chains));
        assert_non_null(made->chains);
        made->chains->n = 2;
        made->chains->best_shared_s = best_shared_s;
        made->chains->chains = calloc(2, sizeof(*made->chains->chains));
        for (unsigned i = 0; i < 2; i++) {
                hedged_chain_t *c = &made->chains->chains[i];

                *c = (hedged_chain_t){ .boards = i ? 1 : 4,
                                       .n_steps = 1,
                                       .steps = calloc(1, sizeof(*c->steps)),
                                       .predicted_s = predicted_s,
                                       .local_s = 0.06,
                                       .rate = i ? second_rate : 10 };
                c->steps[0].kind = i ? HEDGED_STEP_SEGMENT : kind;
        }
        pthread_mutex_init(&made->model.lock, NULL);
        assert_int_equal(hedged_kept_chains_new(made->chains, &kept), 0);
        hedged_model_set_chains(&made->model, kept);
}

static void expect(made_t *made, const char *wanted)
{
        char text[256], few[20];

        assert_string_equal(hedged_model_how(&made->model, text, sizeof(text)), wanted);
        hedged_model_how(&made->model, few, sizeof(few)); /* cut, and ended */
        assert_int_equal(strlen(few), sizeof(few) - 1);
        hedged_model_set_chains(&made->model, NULL);
        assert_string_equal(hedged_model_how(&made->model, text, sizeof(text)), "");
        pthread_mutex_destroy(&made->model.lock);
}

static void over_the_boards(void **state)
{
        made_t made;

        (void)state;
        make(&made, HEDGED_STEP_SEGMENT, 0.0123, 0.0123, 9);
        expect(&made, "over 4 boards, predicted to take 12.3 ms; by the coordinator alone it would take 60 ms");
}

static void by_the_coordinator_with_both_figures(void **state)
{
        made_t made;

        (void)state;
        make(&made, HEDGED_STEP_NODES, 0.06, 0.075, 9);
        expect(&made,
               "by the coordinator alone, predicted to take 60 ms; the best way over the boards would take 75 ms");
        make(&made, HEDGED_STEP_NODES, 0.06, 0, 9);
        expect(&made,
               "by the coordinator alone, predicted to take 60 ms; no way over the boards was found, or none has "
               "room for it");
}

static void otherwise_under_load(void **state)
{
        made_t made;

        (void)state;
        make(&made, HEDGED_STEP_NODES, 0.06, 0.075, 40);
        expect(&made,
               "by the coordinator alone, predicted to take 60 ms; the best way over the boards would take 75 ms; when "
               "many are waiting each has 1 of the boards, 40 a second");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(over_the_boards),
                cmocka_unit_test(by_the_coordinator_with_both_figures),
                cmocka_unit_test(otherwise_under_load),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
