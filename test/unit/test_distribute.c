/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"
#include "test/unit/distribute_bed.h"

static void a_board_gets_its_shares_two_at_a_time(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", 1);

        assert_int_equal(bed.n_encodes, 0); /* there is nobody */
        assert_true(hedged_distribute_settled(bed.distributor, m));
        start_board(0);
        for (unsigned l = 0; l < LAYERS; l++) {
                assert_false(hedged_distribute_settled(bed.distributor, m));
                encode_all();
                assert_int_equal(bed.boards[0].n_inbox, l + WINDOW <= LAYERS ? WINDOW : LAYERS - l);
                assert_int_equal(holders(m, l, 0), 0);
                work_one(0);
                assert_true(has(0, 1, l, 0)); /* layer by layer */
                assert_int_equal(holders(m, l, 0), 1);
                assert_true(hedged_variant_holds(&m->layers[l].variants[0], known(0)->index));
        }
        settle();
        assert_true(hedged_distribute_settled(bed.distributor, m));
        assert_int_equal(bed.boards[0].n_held, LAYERS); /* the variant for few is not wanted */
}

static void what_a_board_holds_is_not_sent(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", 1);
        board_t *b = &bed.boards[0];

        b->held[0] = digest_of(1, 1, 0, 0);
        b->held[1] = digest_of(9, 1, 0, 0); /* of no model */
        b->held[2] = digest_of(1, 2, 0, 3); /* another number's */
        b->n_held = 3;
        start_board(0);
        assert_int_equal(known(0)->index, 0);
        assert_int_equal(holders(m, 1, 0), 1);
        settle();
        assert_int_equal(b->shares, LAYERS - 1);
        assert_int_equal(b->drops, 2);
        assert_int_equal(b->n_held, LAYERS);
        for (unsigned l = 0; l < LAYERS; l++)
                assert_int_equal(holders(m, l, 0), 1);
        /* the same again changes nothing */
        say_hello(0);
        settle();
        assert_int_equal(b->shares, LAYERS - 1);
        assert_int_equal(b->drops, 2);
}

static void a_board_gets_the_number_its_shares_are_for(void **state)
{
        (void)state;
        board_t *b = &bed.boards[0];

        load("a", 1);
        b->held[0] = digest_of(9, 0, 0, 1);
        b->held[1] = digest_of(1, 0, 0, 2);
        b->held[2] = digest_of(1, 1, 0, 3);
        b->n_held = 3;
        start_board(0);
        assert_int_equal(known(0)->index, 2); /* that of the first share that a model has */
        start_board(1);
        assert_int_equal(known(1)->index, 0);
}

static void a_lost_board_goes_on_where_it_was(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", 1);

        start_board(0);
        encode_one();
        work_one(0); /* it holds the first share; the second and the third are on their way */
        assert_int_equal(holders(m, 0, 0), 1);
        assert_int_equal(bed.n_encodes, WINDOW);
        hedged_cluster_lost(bed.cluster, known(0));
        assert_int_equal(holders(m, 0, 0), 0);
        assert_true(hedged_distribute_settled(bed.distributor, m)); /* nobody is waited for */
        encode_all();
        assert_int_equal(bed.boards[0].n_inbox, 0); /* to whom? */
        hedged_cluster_seen(bed.cluster, known(0), 0, bed.now_ms);
        assert_int_equal(holders(m, 0, 0), 1);
        settle();
        assert_int_equal(bed.boards[0].shares, LAYERS);
        assert_true(hedged_distribute_settled(bed.distributor, m));
}

static void a_restarted_board_holds_what_it_says(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", 1);

        start_board(0);
        settle();
        bed.boards[0].held[0] = digest_of(1, 2, 0, 0);
        bed.boards[0].n_held = 1;
        bed.now_ms += 3600000; /* long after: it is not on probation */
        start_board(0);
        assert_int_equal(holders(m, 0, 0), 0);
        assert_int_equal(holders(m, 2, 0), 1);
        settle();
        assert_int_equal(bed.boards[0].shares, LAYERS + LAYERS - 1);
        assert_int_equal(holders(m, 0, 0), 1);
}

static void what_was_encoded_for_the_process_before_is_thrown_away(void **state)
{
        (void)state;

        load("a", 1);
        start_board(0);
        assert_int_equal(bed.n_encodes, WINDOW);
        bed.now_ms += 3600000;
        start_board(0);
        assert_int_equal(bed.n_encodes, WINDOW + WINDOW);
        encode_one();
        encode_one();
        assert_int_equal(bed.boards[0].n_inbox, 0); /* else it would get each of them twice */
        settle();
        assert_int_equal(bed.boards[0].shares, LAYERS);
}

static void refusals_stand_until_there_is_room(void **state)
{
        (void)state;
        hedged_model_t *a = load("a", 1), *b;

        bed.boards[0].room = LAYERS + 1;
        start_board(0);
        settle();
        b = load("b", 2);
        assert_true(hedged_distribute_settled(bed.distributor, a));
        assert_false(hedged_distribute_settled(bed.distributor, b));
        settle();
        assert_int_equal(bed.boards[0].shares, 2 * LAYERS);
        assert_int_equal(bed.boards[0].n_held, LAYERS + 1);
        assert_int_equal(holders(b, 0, 0), 1);
        assert_int_equal(holders(b, 1, 0), 0);
        assert_true(hedged_distribute_settled(bed.distributor, b)); /* nothing more will come */
        hedged_distribute_feed(bed.distributor);
        assert_int_equal(bed.n_encodes, 0); /* it has been asked */
        unload(a);
        settle();
        assert_int_equal(bed.boards[0].drops, LAYERS);
        for (unsigned l = 0; l < LAYERS; l++)
                assert_int_equal(holders(b, l, 0), 1);
}

static void a_share_that_a_board_no_longer_holds_is_sent_again(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", 1);
        const hedge_digest_t digest = digest_of(1, 1, 0, 0), unknown = digest_of(7, 0, 0, 0),
                             other = digest_of(1, 1, 0, 1);

        start_board(0);
        settle();
        hedged_distribute_refused(bed.distributor, known(0), &unknown, HEDGE_ENOSHARE);
        hedged_distribute_refused(bed.distributor, known(0), &other, HEDGE_ENOSHARE);
        assert_false(hedged_distribute_confirmed(bed.distributor, known(0), &unknown));
        assert_false(hedged_distribute_confirmed(bed.distributor, known(0), &other));
        assert_int_equal(bed.n_encodes, 0);
        take_drop(0, &digest);
        hedged_distribute_refused(bed.distributor, known(0), &digest, HEDGE_ENOSHARE);
        assert_int_equal(holders(m, 1, 0), 0);
        assert_int_equal(holders(m, 0, 0), 1);
        settle();
        assert_int_equal(holders(m, 1, 0), 1);
        assert_int_equal(bed.boards[0].shares, LAYERS + 1);
}

static void two_models_of_one_file_share_their_shares(void **state)
{
        (void)state;
        hedged_model_t *a, *b;

        start_board(0);
        a = load("a", 1);
        encode_one();
        work_one(0); /* one is held, two are on their way */
        b = load("b", 1);
        assert_int_equal(holders(b, 0, 0), 1);
        assert_false(hedged_distribute_settled(bed.distributor, b));
        unload(a); /* it was sent for this one */
        settle();
        assert_int_equal(bed.boards[0].shares, LAYERS);
        assert_int_equal(bed.boards[0].drops, 0);
        assert_true(hedged_distribute_settled(bed.distributor, b));
        for (unsigned l = 0; l < LAYERS; l++)
                assert_int_equal(holders(b, l, 0), 1);
        b = load("b", 1); /* it is replaced by itself */
        settle();
        assert_int_equal(bed.boards[0].shares, LAYERS);
        assert_int_equal(bed.boards[0].drops, 0);
        assert_int_equal(holders(b, 2, 0), 1);
        unload(b);
        settle();
        assert_int_equal(bed.boards[0].n_held, 0);
}

static void a_model_is_unloaded_while_its_shares_are_encoded(void **state)
{
        (void)state;
        hedged_model_t *a, *b;

        start_board(0);
        a = load("a", 1);
        b = load("b", 2);
        encode_one(); /* one is sent, one is being encoded */
        unload(a);
        assert_int_equal(bed.n_encodes, 1 + WINDOW); /* the other model's turn at once */
        settle();
        assert_int_equal(bed.boards[0].drops, 2);
        assert_int_equal(bed.boards[0].shares, 1 + LAYERS); /* not the one that was being encoded */
        assert_int_equal(bed.boards[0].n_held, LAYERS);
        assert_true(hedged_distribute_settled(bed.distributor, b));
        unload(b);
        settle();
        assert_int_equal(bed.boards[0].n_held, 0);
}

static void who_is_not_there_is_told_to_drop_when_it_is_back(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", 1);

        start_board(0);
        settle();
        hedged_cluster_lost(bed.cluster, known(0));
        unload(m);
        assert_int_equal(bed.boards[0].n_inbox, 0);
        say_hello(0);
        settle();
        assert_int_equal(bed.boards[0].drops, LAYERS);
        assert_int_equal(bed.boards[0].n_held, 0);
}

static void a_model_that_is_not_taken_leaves_nothing(void **state)
{
        (void)state;
        hedged_model_t *a = load("a", 1), *b = make_model("b", 2);
        const hedged_model_set_t set = { { b }, 1 };
        hedged_model_set_t replaced;
        const size_t count = bed.registry.shares.count;

        /* its last share has the digest of another board's: to be found out after all others went in */
        b->layers[LAYERS - 1].variants[1].digests[1] = digest_of(1, 0, 0, 0);
        assert_int_equal(hedged_registry_put(&bed.registry, &set, &replaced), -EINVAL);
        assert_int_equal(bed.registry.shares.count, count);
        assert_int_equal(bed.registry.count, 1);
        b->layers[LAYERS - 1].variants[1].digests[1] = digest_of(2, LAYERS - 1, 1, 1);
        bed.registry.max = 1;
        assert_int_equal(hedged_registry_put(&bed.registry, &set, &replaced), HEDGE_ELIMIT);
        assert_int_equal(bed.registry.shares.count, count);
        assert_ptr_equal(hedged_registry_find(&bed.registry, "a"), a);
        assert_null(hedged_registry_find(&bed.registry, "b"));
        hedged_model_unref(&b);
        start_board(0);
        settle();
        assert_int_equal(bed.boards[0].n_held, LAYERS);
        load("a", 2); /* in place of the one there is */
        settle();
        assert_int_equal(bed.registry.count, 1);
        assert_int_equal(bed.boards[0].drops, LAYERS);
        assert_int_equal(bed.boards[0].n_held, LAYERS);
}

static void a_full_queue_is_tried_again_later(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", 1);

        start_board(0);
        bed.boards[0].full = true;
        encode_all();
        assert_true(known(0)->usable);      /* full is not gone */
        assert_int_equal(bed.n_encodes, 0); /* nor is it tried over and over */
        assert_false(hedged_distribute_settled(bed.distributor, m));
        bed.boards[0].full = false;
        hedged_distribute_feed(bed.distributor);
        settle();
        assert_int_equal(bed.boards[0].shares, LAYERS);
        assert_true(hedged_distribute_settled(bed.distributor, m));
}

static void a_board_that_cannot_be_reached_is_lost(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", 1);

        start_board(0);
        start_board(1);
        encode_one();
        work_one(0);
        assert_int_equal(holders(m, 0, 0), 1);
        bed.boards[0].here = false;
        settle();
        assert_false(known(0)->usable);
        assert_int_equal(known(0)->state, HEDGED_BOARD_SUSPECT);
        assert_int_equal(holders(m, 0, 0), 1); /* the other's */
        assert_true(hedged_variant_holds(&m->layers[0].variants[0], 1));
        assert_int_equal(bed.boards[1].shares, LAYERS);
        hedged_distribute_feed(bed.distributor);
        assert_int_equal(bed.n_encodes, 0);
}

static void a_share_without_memory_is_tried_again_later(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", 1);

        start_board(0);
        hedged_distribute_encoded(bed.distributor, take_encode()); /* the preparer had none for the filters */
        settle();
        assert_int_equal(bed.boards[0].shares, LAYERS);
        assert_int_equal(holders(m, 0, 0), 1);
}

static void tick_until_gone(unsigned i)
{
        for (unsigned t = 0; t <= GONE_MS / HEARTBEAT + 1; t++) {
                bed.now_ms += HEARTBEAT;
                for (unsigned b = 0; b < BOARDS; b++)
                        if (b != i && bed.boards[b].here)
                                hedged_cluster_seen(bed.cluster, known(b), (int)b, bed.now_ms);
                hedged_cluster_tick(bed.cluster, bed.now_ms, bed.now_ms * 1000);
                hedged_distribute_feed(bed.distributor);
        }
}

static void a_spare_takes_over_the_shares_of_a_board_that_is_gone(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", 1);

        for (unsigned i = 0; i < BOARDS - 1; i++)
                start_board(i);
        settle();
        assert_int_equal(known(SLOTS)->index, HEDGED_NO_INDEX);
        assert_int_equal(bed.boards[SLOTS].shares, 0);
        assert_int_equal(holders(m, 0, 0), SLOTS);
        bed.boards[2].here = false;
        hedged_cluster_lost(bed.cluster, known(2));
        assert_int_equal(holders(m, 0, 0), SLOTS - 1);
        tick_until_gone(2);
        assert_int_equal(known(SLOTS)->index, 2);
        assert_int_equal(holders(m, 0, 0), SLOTS - 1); /* what the other held it does not */
        say_hello(SLOTS);                              /* it is asked to */
        settle();
        assert_int_equal(bed.boards[SLOTS].shares, LAYERS);
        assert_true(has(SLOTS, 1, 0, 0));
        assert_int_equal(holders(m, 0, 0), SLOTS);
        /* the one that was gone is a spare now, and its shares are another's: they are not believed */
        say_hello(2);
        assert_int_equal(known(2)->index, HEDGED_NO_INDEX);
        settle();
        assert_int_equal(bed.boards[2].shares, LAYERS); /* from before */
}

static void where_few_are_left_they_get_the_variant_for_few(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", 1);

        start_board(0);
        start_board(1);
        settle();
        assert_int_equal(holders(m, 0, 1), 0); /* more may come */
        start_board(2);
        settle();
        assert_int_equal(holders(m, 0, 1), 0);
        assert_true(hedged_distribute_settled(bed.distributor, m));
        hedged_cluster_lost(bed.cluster, known(1)); /* two are left, and there were more */
        assert_false(hedged_distribute_settled(bed.distributor, m));
        settle();
        for (unsigned l = 0; l < LAYERS; l++) {
                assert_true(has(0, 1, l, 1));
                assert_false(has(2, 1, l, 1)); /* it has no part in it */
                assert_int_equal(holders(m, l, 1), 1);
        }
        assert_true(hedged_distribute_settled(bed.distributor, m));
}

static void after_a_while_few_are_few(void **state)
{
        hedged_model_t *m;

        tear_down(state);
        begin(0); /* long over */
        m = load("a", 1);
        start_board(0);
        settle();
        assert_int_equal(holders(m, 0, 1), 1);
        assert_int_equal(bed.boards[0].shares, 2 * LAYERS);
        assert_true(has(0, 1, 2, 1));
}

/* ---- anything may happen ---- */

static uint64_t seed = 88172645463325252u;

static unsigned below(unsigned n)
{
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return (unsigned)(seed >> 11) % n;
}

static void on_its_way_at_most(unsigned i)
{
        const board_t *b = &bed.boards[i];
        unsigned n = 0;

        for (unsigned l = 0; l < b->n_inbox; l++)
                n += b->inbox[l].type == HEDGE_MSG_SHARE;
        if (known(i) && known(i)->usable)
                assert_in_range(n, 0, 2 * WINDOW); /* those that were sent before a model was unloaded, and the next */
}

/* @param rough  Boards may also be taken to be lost, and their queues be full. */
static void something_happens_to(unsigned i, bool rough)
{
        board_t *b = &bed.boards[i];

        switch (below(8) + (rough ? 0 : 3)) {
        case 0:
        case 3:
                b->n_held = below(b->n_held + 1);
                bed.now_ms += 3600000;
                start_board(i);
                break;
        case 1:
                if (known(i))
                        hedged_cluster_lost(bed.cluster, known(i));
                b->unsure = true;
                break;
        case 2:
                b->full = !b->full;
                break;
        default:
                if (b->n_inbox && b->here && known(i) && known(i)->usable)
                        work_one(i);
        }
        on_its_way_at_most(i);
}

static void something_happens_to_models(hedged_model_t **models)
{
        static const char *const names[] = { "a", "b", "c" };
        const unsigned i = below(3);

        if (models[i] && below(2)) {
                unload(models[i]);
                models[i] = NULL;
        } else {
                models[i] = load(names[i], 1 + below(3));
        }
}

/* Everyone says HELLO again (a DROP may have been lost), queues are empty, everything is done. */
static void calm_down(void)
{
        bed.now_ms += 3600000;
        for (unsigned i = 0; i < BOARDS; i++) {
                bed.boards[i].full = false;
                while (bed.boards[i].n_inbox) /* before: what is done is said */
                        work_one(i);
                if (bed.boards[i].here)
                        say_hello(i);
        }
        hedged_cluster_tick(bed.cluster, bed.now_ms, bed.now_ms * 1000); /* nobody is on probation any more */
        hedged_distribute_feed(bed.distributor);
        settle();
}

/* In the end every board with a number holds the shares of the models that are loaded, and no others, and they know it. */
static void check_all_is_right(hedged_model_t *const *models)
{
        for (unsigned i = 0; i < BOARDS; i++) {
                hedged_board_t *board = known(i);
                unsigned expected = 0;
                bool files[4] = { false };

                if (!board || board->index == HEDGED_NO_INDEX)
                        continue;
                assert_true(board->usable);
                for (unsigned m = 0; m < 3; m++)
                        for (unsigned l = 0; models[m] && l < LAYERS; l++) {
                                const hedged_variant_t *v = &models[m]->layers[l].variants[0];

                                assert_true(has(i, v->digests[0].bytes[0], l, 0));
                                assert_true(hedged_variant_holds(v, board->index));
                                files[v->digests[0].bytes[0]] = true;
                        }
                for (unsigned f = 0; f < 4; f++)
                        expected += files[f] * LAYERS;
                for (unsigned h = 0; h < bed.boards[i].n_held; h++) {
                        assert_true(files[bed.boards[i].held[h].bytes[0]]);
                        expected += bed.boards[i].held[h].bytes[9]; /* from when few were there */
                }
                assert_int_equal(bed.boards[i].n_held, expected);
        }
        for (unsigned m = 0; m < 3; m++)
                assert_true(!models[m] || hedged_distribute_settled(bed.distributor, models[m]));
}

static void whatever_happens_all_get_what_they_should(void **state)
{
        for (unsigned round = 0; round < 200; round++) {
                hedged_model_t *models[3] = { NULL };

                tear_down(state);
                begin(INT64_MAX);
                for (unsigned i = 0; i < SLOTS; i++)
                        start_board(i); /* so many that the variant for few is not wanted in the end */
                for (unsigned step = 0; step < 300; step++) {
                        const unsigned what = below(10);

                        if (what == 0)
                                something_happens_to_models(models);
                        else if (what < 4 && bed.n_encodes)
                                encode_one();
                        else
                                something_happens_to(below(SLOTS), round % 2);
                }
                calm_down();
                check_all_is_right(models);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                TEST(a_board_gets_its_shares_two_at_a_time),
                TEST(what_a_board_holds_is_not_sent),
                TEST(a_board_gets_the_number_its_shares_are_for),
                TEST(a_lost_board_goes_on_where_it_was),
                TEST(a_restarted_board_holds_what_it_says),
                TEST(what_was_encoded_for_the_process_before_is_thrown_away),
                TEST(refusals_stand_until_there_is_room),
                TEST(a_share_that_a_board_no_longer_holds_is_sent_again),
                TEST(two_models_of_one_file_share_their_shares),
                TEST(a_model_is_unloaded_while_its_shares_are_encoded),
                TEST(who_is_not_there_is_told_to_drop_when_it_is_back),
                TEST(a_model_that_is_not_taken_leaves_nothing),
                TEST(a_full_queue_is_tried_again_later),
                TEST(a_board_that_cannot_be_reached_is_lost),
                TEST(a_share_without_memory_is_tried_again_later),
                TEST(a_spare_takes_over_the_shares_of_a_board_that_is_gone),
                TEST(where_few_are_left_they_get_the_variant_for_few),
                TEST(after_a_while_few_are_few),
                TEST(whatever_happens_all_get_what_they_should),
#undef TEST
        };

        hedge_log_set_level(HEDGE_LOG_ERROR); /* what cannot be sent is told each time */
        return cmocka_run_group_tests_name("distribute", tests, NULL, NULL);
}
