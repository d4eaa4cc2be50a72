/* SPDX-License-Identifier: Apache-2.0 */
#include "blocks_bed.h"

/* Bits of blocks: the whole, and the three segments. */
enum { WHOLE = 1, FIRST = 2, SECOND = 4, THIRD = 8 };

static void boards_hold_what_fits(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", 1);
        const hedged_block_t *b = m->blocks;

        assert_true(hedged_distribute_settled(bed.distributor, m)); /* there is nobody */
        start_board(0, b[0].bytes);
        start_board(1, b[3].bytes + b[2].bytes);
        start_board(2, b[1].bytes + b[2].bytes - 1);
        assert_false(hedged_distribute_settled(bed.distributor, m));
        settle();
        assert_true(hedged_distribute_settled(bed.distributor, m));
        assert_int_equal(holds(0, m), WHOLE);
        assert_int_equal(holds(1, m), THIRD | SECOND);
        assert_int_equal(holds(2, m), SECOND);
        for (unsigned i = 0; i < SLOTS; i++) {
                assert_true(bed.boards[i].most <= bed.boards[i].memory);
                assert_int_equal(bed.boards[i].refused, 0);
        }
        /* who holds the whole can be asked for anything inside */
        assert_ptr_equal(hedged_model_block(m, b[2].first, b[2].last, 0), &b[0]);
        assert_ptr_equal(hedged_model_block(m, b[2].first, b[2].last, 1), &b[2]);
        assert_ptr_equal(hedged_model_block(m, b[2].first, b[2].last, 2), &b[2]);
        assert_null(hedged_model_block(m, b[3].first, b[3].last, 2));
        assert_null(hedged_model_block(m, b[2].first, b[3].last, 1)); /* it has both, but not as one */
        assert_null(hedged_model_block(m, 0, 0, 0));
}

static void a_block_says_what_it_takes_on_a_board(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", 1);

        start_board(0, UINT64_MAX);
        start_board(1, m->blocks[0].bytes - 1);
        for (unsigned i = 0; i < 2; i++)
                while (bed.boards[i].n_inbox) {
                        letter_t *letter = &bed.boards[i].inbox[0];
                        unsigned k = 0;

                        if (letter->type != HEDGE_MSG_GRAPH) {
                                work_one(i);
                                continue;
                        }
                        while (memcmp(&m->blocks[k].digests[i], &letter->digest, sizeof(letter->digest)) != 0)
                                k++;
                        assert_int_equal(bytes_of(letter, NULL), m->blocks[k].bytes);
                        work_one(i);
                }
        assert_int_equal(bed.boards[0].blocks, 1);
        assert_int_equal(bed.boards[1].blocks, 2); /* THIRD and SECOND: FIRST does not fit beside them */
}

/* Does the frame lie in a constant of the model? */
static bool is_lent(const hedged_model_t *m, letter_t *letter)
{
        const unsigned char *data = zmq_msg_data(&letter->frame);
        uint32_t values[64];
        const uint32_t n = hedge_graph_constants(m->graph, values);

        for (uint32_t i = 0; i < n; i++) {
                const unsigned char *constant = hedge_graph_constant_data(m->graph, values[i]);

                if (data >= constant &&
                    data + zmq_msg_size(&letter->frame) <= constant + hedge_graph_constant_size(m->graph, values[i]))
                        return true;
        }
        return false;
}

/* The frames lie in the model's memory, and keep it when the model is gone. */
static void nothing_is_copied_and_nothing_goes_too_early(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", LARGE);
        board_t *b = &bed.boards[0];
        unsigned char *before;
        letter_t *letter;
        size_t size;

        start_board(0, UINT64_MAX);
        assert_int_equal(b->n_inbox, 1); /* nothing before the board has taken the graph */
        work_one(0);
        assert_true(b->n_inbox > 1);
        for (unsigned i = 0; i < b->n_inbox; i++) {
                assert_int_equal(b->inbox[i].type, HEDGE_MSG_CONSTANTS);
                assert_true(is_lent(m, &b->inbox[i]));
        }
        letter = &b->inbox[b->n_inbox - 1];
        size = zmq_msg_size(&letter->frame);
        before = malloc(size);
        memcpy(before, zmq_msg_data(&letter->frame), size);
        unload(m);
        assert_memory_equal(zmq_msg_data(&letter->frame), before, size);
        free(before);
        assert_int_equal(letter[1].type, HEDGE_MSG_DROP);
        while (b->n_inbox > 1) { /* the answers to what was under way are too late */
                const hedge_msg_constants_ok_t ok = { .digest = b->inbox[0].digest,
                                                      .bytes = b->inbox[0].offset + zmq_msg_size(&b->inbox[0].frame) };

                assert_int_equal(hedged_distribute_arrived(bed.distributor, known(0), &ok), 1);
                zmq_msg_close(&b->inbox[0].frame);
                memmove(b->inbox, b->inbox + 1, --b->n_inbox * sizeof(b->inbox[0]));
        }
        settle();
        assert_int_equal(b->n_held, 0);
        assert_int_equal(b->coming.all, 0);
}

static uint64_t under_way(unsigned i)
{
        uint64_t bytes = 0;

        for (unsigned k = 0; k < bed.boards[i].n_inbox; k++)
                bytes += zmq_msg_size(&bed.boards[i].inbox[k].frame);
        return bytes;
}

/* Whatever else there is waits behind little, and the link is never idle; the board is excused for what is under way. */
static void little_is_under_way_at_once(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", LARGE);
        uint64_t most = 0;

        for (unsigned i = 0; i < SLOTS; i++)
                start_board(i, UINT64_MAX);
        assert_int_equal(known(0)->streamed_bytes, m->blocks[0].program_bytes);
        for (unsigned turns = 0; bed.boards[0].n_inbox; turns++) {
                for (unsigned i = 0; i < SLOTS; i++) /* all boards are served alike */
                        assert_int_equal(bed.boards[i].n_inbox, bed.boards[0].n_inbox);
                for (unsigned i = 0; i < SLOTS; i++) {
                        work_one(i);
                        if (bed.boards[i].coming.all)
                                assert_int_equal(known(i)->streamed_bytes, under_way(i));
                        most = under_way(i) > most ? under_way(i) : most;
                        if (bed.boards[i].coming.all && bed.boards[i].coming.all - bed.boards[i].coming.come > 1 << 20)
                                assert_true(bed.boards[i].n_inbox >= 3 && under_way(i) >= 1 << 19);
                        assert_true(turns < 100);
                }
        }
        assert_in_range(most, HEDGED_PIECES_BYTES_MAX - HEDGED_PIECE_BYTES, HEDGED_PIECES_BYTES_MAX);
        for (unsigned i = 0; i < SLOTS; i++) {
                assert_int_equal(holds(i, m), WHOLE);
                assert_int_equal(known(i)->streamed_bytes, 0);
        }
}

/* What no board that has got so much can say changes nothing. */
static void nonsense_about_constants_is_ignored(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", LARGE);
        board_t *b = &bed.boards[0];
        hedge_msg_constants_ok_t ok = { .digest = m->blocks[0].digests[0] };
        unsigned n;

        start_board(0, UINT64_MAX);
        start_board(1, 0);
        for (ok.bytes = 1; ok.bytes; ok.bytes *= 2) /* the graph is not answered yet */
                assert_int_equal(hedged_distribute_arrived(bed.distributor, known(0), &ok), 1);
        assert_int_equal(b->n_inbox, 1);
        work_one(0);
        n = b->n_inbox;
        assert_int_equal(hedged_distribute_arrived(bed.distributor, known(0), &ok), 1); /* said before */
        ok.bytes = HEDGED_PIECES_BYTES_MAX + 1;
        assert_int_equal(hedged_distribute_arrived(bed.distributor, known(0), &ok), HEDGE_EMALFORMED);
        ok.bytes = UINT64_MAX;
        assert_int_equal(hedged_distribute_arrived(bed.distributor, known(0), &ok), HEDGE_EMALFORMED);
        ok.bytes = 1;
        assert_int_equal(hedged_distribute_arrived(bed.distributor, known(1), &ok), 1); /* another's */
        ok.digest.bytes[0]++;
        assert_int_equal(hedged_distribute_arrived(bed.distributor, known(0), &ok), 1); /* nobody's */
        assert_int_equal(b->n_inbox, n);
        settle();
        assert_int_equal(holds(0, m), WHOLE);
        ok.digest.bytes[0]--;
        assert_int_equal(hedged_distribute_arrived(bed.distributor, known(0), &ok), 1); /* it is there */
        assert_int_equal(holds(0, m), WHOLE);
}

/* Of what was under way the board knows nothing any more when it has said HELLO. */
static void what_was_broken_off_begins_anew(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", LARGE);
        board_t *b = &bed.boards[0];
        hedge_digest_t digest;

        start_board(0, UINT64_MAX);
        work_one(0);
        work_one(0);
        digest = b->coming.as.digest;
        say_hello(0); /* with pieces under way, on the same connection */
        assert_int_equal(b->inbox[b->n_inbox - 1].type, HEDGE_MSG_GRAPH);
        for (unsigned late = b->n_inbox - 1; late > 0; late--) {
                zmq_msg_close(&b->inbox[0].frame);
                memmove(b->inbox, b->inbox + 1, --b->n_inbox * sizeof(b->inbox[0]));
                hedged_distribute_refused(bed.distributor, known(0), &digest, HEDGE_ENOSHARE);
        }
        assert_int_equal(b->n_inbox, 1); /* once is enough */
        settle();
        assert_int_equal(holds(0, m), WHOLE);
        assert_int_equal(b->graphs, 2);
        assert_int_equal(b->blocks, 1);

        b->n_held = 0;
        b->bytes = 0;
        start_board(0, UINT64_MAX); /* another process */
        work_one(0);
        work_one(0);
        stop_coming(b); /* it forgot, whyever */
        forget_inbox(0);
        hedged_distribute_refused(bed.distributor, known(0), &digest, HEDGE_ENOSHARE);
        settle();
        assert_int_equal(holds(0, m), WHOLE);
        assert_int_equal(b->graphs, 4);
}

static void pieces_wait_for_room_in_the_queue(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", LARGE);
        board_t *b = &bed.boards[0];

        start_board(0, UINT64_MAX);
        work_one(0);
        b->full = true;
        while (b->n_inbox > 0)
                work_one(0); /* each would be followed by another one */
        assert_int_equal(b->blocks, 0);
        assert_true(known(0)->usable);
        b->full = false;
        hedged_distribute_feed(bed.distributor);
        settle();
        assert_int_equal(holds(0, m), WHOLE);
        assert_int_equal(b->graphs, 1);
}

static void a_lost_block_is_sent_again(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", 1);

        start_board(0, UINT64_MAX);
        hedged_cluster_lost(bed.cluster, known(0));
        assert_false(hedged_model_block(m, 0, 1, 0));
        start_board(0, UINT64_MAX); /* what was on its way is gone with it */
        settle();
        assert_int_equal(holds(0, m), WHOLE);
        hedged_cluster_lost(bed.cluster, known(0));
        assert_int_equal(holds(0, m), WHOLE); /* though nobody asks for it now */
        assert_null(hedged_model_block(m, 0, 1, 0));
        bed.now_ms += 3600000;
        say_hello(0);
        settle();
        assert_int_equal(bed.boards[0].blocks, 1); /* it had it all the time */
        assert_non_null(hedged_model_block(m, 0, 1, 0));
        bed.boards[0].n_held = 0;
        bed.boards[0].bytes = 0;
        start_board(0, UINT64_MAX); /* another process */
        assert_null(hedged_model_block(m, 0, 1, 0));
        settle();
        assert_int_equal(bed.boards[0].blocks, 2);
        assert_non_null(hedged_model_block(m, 0, 1, 0));
}

static void blocks_tell_a_boards_number(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", 1);
        board_t *b = &bed.boards[1];

        b->held[0] = (held_t){ m->blocks[3].digests[2], m->blocks[3].bytes };
        b->n_held = 1;
        b->bytes = b->held[0].bytes;
        start_board(1, m->blocks[3].bytes);
        assert_int_equal(known(1)->index, 2);
        assert_non_null(hedged_model_block(m, m->blocks[3].first, m->blocks[3].last, 2));
        assert_true(hedged_distribute_settled(bed.distributor, m));
        assert_int_equal(b->n_inbox, 0);
        /* what is held stays, and leaves what it takes less room for others */
        start_board(1, m->blocks[0].bytes);
        settle();
        assert_int_equal(holds(1, m), THIRD | SECOND);
        start_board(1, 2 * m->blocks[0].bytes);
        settle();
        assert_int_equal(holds(1, m), WHOLE | THIRD | SECOND);
}

static void who_refuses_gets_what_is_smaller(void **state)
{
        (void)state;
        hedged_speeds_t room = { .boards = SLOTS };
        hedged_model_t *m = load("a", 1);
        board_t *b = &bed.boards[0];

        b->refuses = m->blocks[3].bytes - 1; /* it says that it has more than it has */
        start_board(0, UINT64_MAX);
        settle();
        assert_int_equal(b->refused, 2); /* the whole, then the third */
        assert_int_equal(holds(0, m), FIRST | SECOND);
        assert_true(hedged_distribute_settled(bed.distributor, m));
        hedged_distribute_feed(bed.distributor);
        assert_int_equal(b->n_inbox, 0); /* it is not asked again */
        hedged_distribute_room(bed.distributor, "a", &room);
        assert_int_equal(room.share_bytes[0], m->blocks[3].bytes - 1); /* and is planned with less */
        hedged_distribute_room(bed.distributor, "b", &room);
        assert_true(room.share_bytes[0] > m->blocks[0].bytes);
        b->refuses = UINT64_MAX;
        b->n_held = 0;
        b->bytes = 0;
        start_board(0, UINT64_MAX); /* another process may have room */
        settle();
        assert_int_equal(holds(0, m), WHOLE);
}

static void first_come_first_served(void **state)
{
        (void)state;
        hedged_model_t *a = load("a", 1), *b = load("b", 2);

        start_board(0, a->blocks[0].bytes + b->blocks[1].bytes);
        settle();
        assert_int_equal(holds(0, a), WHOLE);
        assert_int_equal(holds(0, b), FIRST);
        unload(a);
        assert_int_equal(bed.boards[0].inbox[0].type, HEDGE_MSG_DROP); /* before what comes in its place */
        settle();
        assert_true(bed.boards[0].most <= bed.boards[0].memory);
        assert_int_equal(holds(0, b), WHOLE | FIRST);
}

static void two_models_of_one_file_hold_one_block(void **state)
{
        (void)state;
        hedged_model_t *a = load("a", 1), *b, *c;

        start_board(0, a->blocks[0].bytes + a->blocks[1].bytes);
        settle();
        b = load("b", 1);
        settle();
        assert_int_equal(bed.boards[0].blocks, 1);
        assert_int_equal(holds(0, a), WHOLE);
        assert_int_equal(holds(0, b), WHOLE);
        c = load("c", 2); /* what the two have in common counts once */
        settle();
        assert_int_equal(holds(0, c), FIRST);
        unload(a);
        settle();
        assert_int_equal(holds(0, b), WHOLE);
        assert_int_equal(bed.boards[0].drops, 0);
}

static void a_model_keeps_its_limit(void **state)
{
        (void)state;
        hedged_model_t *m;

        bed.registry.share_bytes = UINT64_MAX;
        m = load("a", 1);
        bed.registry.share_bytes = m->blocks[0].bytes - 1; /* plan.share_bytes */
        start_board(0, UINT64_MAX);
        settle();
        assert_int_equal(holds(0, m), THIRD | SECOND);
        assert_true(bed.boards[0].bytes <= bed.registry.share_bytes);
}

/* Boards have come that nothing was planned for. */
static void a_new_plan_brings_new_blocks(void **state)
{
        (void)state;
        hedged_model_t *m = make_model("a", 1), *other = make_model("b", 2);
        const hedged_model_set_t set = { { m }, 1 };
        hedged_model_set_t replaced;

        m->n_blocks = 1; /* the whole model */
        assert_int_equal(hedged_registry_put(&bed.registry, &set, &replaced), 0);
        hedged_distribute_loaded(bed.distributor);
        start_board(0, m->blocks[0].bytes - 1);
        assert_int_equal(bed.boards[0].n_inbox, 0);
        assert_true(hedged_distribute_settled(bed.distributor, m));
        m->n_blocks = 4;
        hedged_distribute_hello(bed.distributor, known(0), &(hedge_msg_hello_t){ .n_held = 0 });
        assert_int_equal(bed.boards[0].n_inbox, 0); /* the loop has not been told */
        hedged_distribute_replanned(bed.distributor, m);
        assert_false(hedged_distribute_settled(bed.distributor, m));
        settle();
        assert_int_equal(holds(0, m), THIRD | SECOND);
        hedged_distribute_replanned(bed.distributor, m); /* the same again */
        assert_int_equal(bed.boards[0].n_inbox, 0);
        hedged_distribute_replanned(bed.distributor, other); /* it was unloaded meanwhile */
        assert_int_equal(other->n_indexed, 0);
        hedged_model_unref(&other);
}

static void room_is_what_others_leave(void **state)
{
        (void)state;
        hedged_model_t *a = load("a", 1);
        hedged_speeds_t room = { .boards = SLOTS, .share_bytes = { [2] = 7 } };

        start_board(0, a->blocks[0].bytes + 1000);
        start_board(1, a->blocks[0].bytes - 1); /* so it holds two segments */
        hedged_distribute_room(bed.distributor, "b", &room);
        assert_int_equal(room.share_bytes[0], 1000);
        assert_int_equal(room.share_bytes[1], a->blocks[0].bytes - 1 - a->blocks[3].bytes - a->blocks[2].bytes);
        assert_int_equal(room.share_bytes[2], 0); /* nobody knows */
        hedged_distribute_room(bed.distributor, "a", &room);
        assert_int_equal(room.share_bytes[0], a->blocks[0].bytes + 1000); /* its own is not in its way */
        settle();
        hedged_distribute_room(bed.distributor, "b", &room);
        assert_int_equal(room.share_bytes[0], 1000);
        load("b", 1); /* of the same file: what is there is its, too */
        hedged_distribute_room(bed.distributor, "b", &room);
        assert_int_equal(room.share_bytes[0], a->blocks[0].bytes + 1000);
        start_board(2, 0);
        bed.registry.share_bytes = 500;
        hedged_distribute_room(bed.distributor, "b", &room);
        assert_int_equal(room.share_bytes[0], 500);
        assert_int_equal(room.share_bytes[2], 1); /* none, which is not the same as not known */
}

/* Coded shares and blocks share the board's memory and the model's limit. */
static void coded_shares_come_first(void **state)
{
        (void)state;
        hedged_model_t *m = make_model("a", 1);
        const hedged_model_set_t set = { { m }, 1 };
        const uint64_t coded = add_layer(m), whole = m->blocks[0].bytes;
        hedged_model_set_t replaced;

        assert_int_equal(hedged_registry_put(&bed.registry, &set, &replaced), 0);
        hedged_distribute_loaded(bed.distributor);
        start_board(0, coded + whole);
        assert_int_equal(bed.encodes, 1);
        assert_true(hedged_block_is_chosen(&m->blocks[0], 0));
        unload(m);
        settle();

        m = make_model("a", 1);
        add_layer(m);
        assert_int_equal(hedged_registry_put(&bed.registry, &(hedged_model_set_t){ { m }, 1 }, &replaced), 0);
        hedged_distribute_loaded(bed.distributor);
        start_board(1, coded + whole - 1); /* it has no part in the layer */
        assert_true(hedged_block_is_chosen(&m->blocks[0], 1));
        start_board(0, coded + whole - 1);
        assert_false(hedged_block_is_chosen(&m->blocks[0], 0));
        assert_true(hedged_block_is_chosen(&m->blocks[3], 0));
        start_board(0, coded + whole); /* nothing has come there: another process begins anew */
        assert_true(hedged_block_is_chosen(&m->blocks[0], 0));
        bed.registry.share_bytes = coded + whole - 1;
        start_board(0, UINT64_MAX);
        assert_false(hedged_block_is_chosen(&m->blocks[0], 0));
}

static void a_full_queue_is_tried_again_later(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", 1);

        bed.boards[0].full = true;
        start_board(0, UINT64_MAX);
        assert_int_equal(bed.boards[0].n_inbox, 0);
        assert_false(hedged_distribute_settled(bed.distributor, m));
        bed.boards[0].full = false;
        hedged_distribute_feed(bed.distributor);
        settle();
        assert_int_equal(holds(0, m), WHOLE);
        assert_true(hedged_distribute_settled(bed.distributor, m));
}

static void who_cannot_be_reached_is_lost(void **state)
{
        (void)state;
        hedged_model_t *m = load("a", 1);

        bed.boards[0].refuses = m->blocks[0].bytes - 1;
        start_board(0, UINT64_MAX);
        work_one(0); /* it refuses the whole and is sent a segment */
        assert_int_equal(bed.boards[0].n_inbox, 1);
        bed.boards[0].here = false;
        work_one(0); /* its constants cannot be sent */
        assert_false(known(0)->usable);
        assert_int_equal(bed.boards[0].n_inbox, 0);
        assert_int_equal(known(0)->streamed_bytes, 0);
        assert_null(hedged_model_block(m, m->blocks[3].first, m->blocks[3].last, 0));
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

static void forget_some(board_t *b)
{
        while (b->n_held > 0 && below(2))
                b->bytes -= b->held[--b->n_held].bytes;
}

static void something_happens_to(unsigned i, uint64_t whole)
{
        board_t *b = &bed.boards[i];

        switch (below(8)) {
        case 0: /* another process: with other memory where it holds nothing any more */
                stop_coming(b);
                forget_some(b);
                b->most = b->bytes;
                start_board(i, b->n_held ? b->memory : below(5) * whole / 2);
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
        assert_true(b->most <= b->memory);
}

static void something_happens_to_models(hedged_model_t **models)
{
        static const char *const names[] = { "a", "b", "c" };
        const unsigned i = below(3);

        if (models[i])
                unload(models[i]);
        models[i] = models[i] ? NULL : load(names[i], 1 + below(2));
}

/* Everyone says HELLO again (a DROP may have been lost), queues are empty, everything is done. */
static void calm_down(void)
{
        bed.now_ms += 3600000;
        for (unsigned i = 0; i < SLOTS; i++) {
                bed.boards[i].full = false;
                while (bed.boards[i].n_inbox)
                        work_one(i);
                if (bed.boards[i].here)
                        say_hello(i);
        }
        hedged_cluster_tick(bed.cluster, bed.now_ms, bed.now_ms * 1000);
        hedged_distribute_feed(bed.distributor);
        settle();
}

/* Boards hold what was chosen for them and nothing else, and nothing that has room is left out. */
static void check_all_is_right(hedged_model_t *const *models)
{
        for (unsigned i = 0; i < SLOTS; i++) {
                board_t *b = &bed.boards[i];
                unsigned n = 0;

                if (!known(i))
                        continue;
                assert_true(known(i)->usable);
                assert_true(b->bytes <= b->memory);
                for (unsigned m = 0; m < 3; m++)
                        for (unsigned k = 0; models[m] && k < models[m]->n_blocks; k++) {
                                const hedged_block_t *block = &models[m]->blocks[k];
                                const unsigned index = known(i)->index;
                                const bool held = find_held(b, &block->digests[index]) < b->n_held;

                                assert_int_equal(held, hedged_block_holds(block, index));
                                if (hedged_block_is_chosen(block, index))
                                        assert_true(held);
                                else if (k == 0 && !held)
                                        assert_true(b->bytes + block->bytes > b->memory);
                        }
                for (unsigned h = 0; h < b->n_held; h++)
                        n += hedged_share_index_find(&bed.registry.shares, &b->held[h].digest) != NULL;
                assert_int_equal(n, b->n_held);
        }
        for (unsigned m = 0; m < 3; m++)
                assert_true(!models[m] || hedged_distribute_settled(bed.distributor, models[m]));
}

static void whatever_happens_boards_hold_what_fits(void **state)
{
        for (unsigned round = 0; round < 60; round++) {
                hedged_model_t *models[3] = { NULL };
                uint64_t whole;

                tear_down(state);
                set_up(state);
                models[0] = load("a", 1);
                whole = models[0]->blocks[0].bytes;
                for (unsigned i = 0; i < SLOTS; i++)
                        start_board(i, below(5) * whole / 2);
                for (unsigned step = 0; step < 150; step++)
                        if (below(10) == 0)
                                something_happens_to_models(models);
                        else
                                something_happens_to(below(SLOTS), whole);
                calm_down();
                check_all_is_right(models);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                TEST(boards_hold_what_fits),
                TEST(a_block_says_what_it_takes_on_a_board),
                TEST(nothing_is_copied_and_nothing_goes_too_early),
                TEST(little_is_under_way_at_once),
                TEST(nonsense_about_constants_is_ignored),
                TEST(what_was_broken_off_begins_anew),
                TEST(pieces_wait_for_room_in_the_queue),
                TEST(a_lost_block_is_sent_again),
                TEST(blocks_tell_a_boards_number),
                TEST(who_refuses_gets_what_is_smaller),
                TEST(first_come_first_served),
                TEST(two_models_of_one_file_hold_one_block),
                TEST(a_model_keeps_its_limit),
                TEST(a_new_plan_brings_new_blocks),
                TEST(room_is_what_others_leave),
                TEST(coded_shares_come_first),
                TEST(a_full_queue_is_tried_again_later),
                TEST(who_cannot_be_reached_is_lost),
                TEST(whatever_happens_boards_hold_what_fits),
#undef TEST
        };

        hedge_log_set_level(HEDGE_LOG_ERROR); /* what cannot be sent is told each time */
        return cmocka_run_group_tests_name("distribute_blocks", tests, NULL, NULL);
}
