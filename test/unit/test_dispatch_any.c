/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "common/clock.h"
#include "common/log.h"
#include "test/unit/dispatch_runs.h"

/* Any sequence of what may happen to layer runs, against a plain model of what each run should hear; and the same from several
 * threads. */

#define RUNS   3u
#define EVENTS 64u

enum { NOT_ASKED, ASKED, CAME };

typedef struct plain_board {
        unsigned tasks, owed;
        int parts[PARTS];
        bool asked, lost;
} plain_board_t;

typedef struct plain_event {
        hedged_event_kind_t kind;
        unsigned board, part;
} plain_event_t;

typedef struct plain_run {
        hedged_layer_run_t *run; /* NULL: there is none */
        uint64_t id;
        bool open;
        plain_board_t boards[DISPATCH_BOARDS];
        plain_event_t events[EVENTS]; /* that have to come */
        unsigned n_events;
} plain_run_t;

static struct {
        plain_run_t runs[RUNS];
        uint64_t last_id;
        bool stopping;
        unsigned parts, losses, cancels; /* so many so far: all of it has to happen */
} plain;

static uint64_t seed;

static unsigned below(unsigned n)
{
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return (unsigned)(seed >> 11) % n;
}

static void will_hear(plain_run_t *r, hedged_event_kind_t kind, unsigned board, unsigned number)
{
        assert_true(r->n_events < EVENTS);
        r->events[r->n_events++] = (plain_event_t){ kind, board, number };
}

static void plain_lose(plain_run_t *r, unsigned board)
{
        plain_board_t *b = &r->boards[board];

        b->tasks = 0;
        if (!b->asked || b->lost || b->owed == 0)
                return;
        b->lost = true;
        plain.losses++;
        will_hear(r, HEDGED_EVENT_LOST, board, 0);
}

static void plain_board_lost(unsigned board)
{
        for (unsigned i = 0; i < RUNS; i++)
                if (plain.runs[i].open)
                        plain_lose(&plain.runs[i], board);
}

static void plain_give(plain_run_t *r, unsigned board, unsigned parts)
{
        plain_board_t *b = &r->boards[board];
        const hedged_board_t *there = dispatch_bed_board(&bed, board);
        const int fails = there->usable ? bed.boards[board].fails : -EHOSTUNREACH;

        if (!r->open && plain.stopping)
                will_hear(r, HEDGED_EVENT_SHUTDOWN, 0, 0);
        r->open = true;
        b->asked = true;
        b->tasks++;
        for (unsigned i = 0; i < PARTS; i++)
                if (parts >> i & 1) {
                        b->parts[i] = ASKED;
                        b->owed++;
                }
        if (fails)
                plain_lose(r, board);
        if (fails == -EHOSTUNREACH && there->state == HEDGED_BOARD_ALIVE)
                plain_board_lost(board);
}

static int plain_part(plain_run_t *r, unsigned board, unsigned number, bool fits)
{
        plain_board_t *b = &r->boards[board];

        if (!r->open || b->owed == 0)
                return -ENOENT;
        if (number >= PARTS || b->parts[number] != ASKED || !fits)
                return HEDGE_EMALFORMED;
        b->parts[number] = CAME;
        b->owed--;
        plain.parts++;
        will_hear(r, HEDGED_EVENT_PART, board, number);
        return 0;
}

static void some_give(plain_run_t *r, unsigned board)
{
        unsigned parts = 0;

        for (unsigned i = 0; i < PARTS; i++)
                if (r->boards[board].parts[i] == NOT_ASKED && below(2))
                        parts |= 1u << i;
        if (!parts)
                return;
        plain_give(r, board, parts);
        give(r->run, board, parts);
        dispatch_bed_turn(&bed);
}

static void some_part(plain_run_t *r, unsigned board)
{
        const unsigned number = below(PARTS + 1);
        const bool fits = below(10) > 0;
        const int expected = plain_part(r, board, number, fits);

        assert_int_equal(
                dispatch_bed_part(&bed, board, r->id, number, f32_bytes() - (fits ? 0 : 4), HEDGE_PRECISION_F32),
                expected);
}

static void some_end(plain_run_t *r, unsigned board)
{
        if (r->open && r->boards[board].tasks > 0 && --r->boards[board].tasks == 0)
                plain_lose(r, board);
        hedged_dispatch_ended(bed.dispatch, dispatch_bed_board(&bed, board), r->id);
}

static void some_trouble(unsigned board, uint64_t *incarnation)
{
        static const int fails[] = { 0, 0, 0, -EAGAIN, -EHOSTUNREACH };

        switch (below(4)) {
        case 0:
                if (dispatch_bed_board(&bed, board)->state == HEDGED_BOARD_ALIVE)
                        plain_board_lost(board);
                hedged_cluster_lost(bed.cluster, dispatch_bed_board(&bed, board));
                break;
        case 1: /* another process */
                plain_board_lost(board);
                dispatch_bed_hello(&bed, board, ++*incarnation);
                break;
        case 2: /* the same is back, or was never away */
                dispatch_bed_hello(&bed, board, dispatch_bed_board(&bed, board)->incarnation);
                break;
        default:
                bed.boards[board].fails = fails[below(5)];
        }
}

static void check_events(plain_run_t *r)
{
        for (unsigned i = 0; i < r->n_events; i++)
                if (r->events[i].kind == HEDGED_EVENT_PART)
                        expect_part(r->run, r->events[i].board, r->events[i].part, HEDGE_PRECISION_F32);
                else
                        expect(r->run, r->events[i].kind, r->events[i].board);
        r->n_events = 0;
        expect_nothing(r->run);
}

static void forget_sent(void)
{
        for (unsigned b = 0; b < DISPATCH_BOARDS; b++)
                while (bed.boards[b].n_sent)
                        dispatch_bed_shift(&bed.boards[b]);
}

static void some_close(plain_run_t *r)
{
        forget_sent();
        hedged_layer_run_close(r->run, false);
        dispatch_bed_turn(&bed);
        for (unsigned b = 0; b < DISPATCH_BOARDS; b++) {
                const bool owes = r->open && r->boards[b].tasks > 0 && r->boards[b].owed > 0;
                const bool there = dispatch_bed_board(&bed, b)->state == HEDGED_BOARD_ALIVE && !bed.boards[b].fails;

                assert_int_equal(bed.boards[b].n_sent, owes && there);
                if (owes && there)
                        assert_false(was_task(b, r->id));
                plain.cancels += owes && there;
        }
        check_events(r);
        hedged_layer_run_destroy(&r->run);
        *r = (plain_run_t){ 0 };
}

static void some_step(uint64_t *incarnation)
{
        plain_run_t *r = &plain.runs[below(RUNS)];
        const unsigned board = below(DISPATCH_BOARDS), what = below(100);

        if (what < 4)
                some_trouble(board, incarnation);
        else if (!r->run)
                *r = (plain_run_t){ .run = new_run(), .id = ++plain.last_id };
        else if (what < 25)
                some_give(r, board);
        else if (what < 85)
                some_part(r, board);
        else if (what < 97)
                some_end(r, board);
        else
                some_close(r);
        forget_sent();
        for (unsigned i = 0; i < RUNS; i++)
                if (plain.runs[i].run)
                        check_events(&plain.runs[i]);
}

static void stop_all(void)
{
        plain.stopping = true;
        for (unsigned i = 0; i < RUNS; i++)
                if (plain.runs[i].open)
                        will_hear(&plain.runs[i], HEDGED_EVENT_SHUTDOWN, 0, 0);
        hedged_dispatch_shutdown(bed.dispatch);
}

static void any_sequence_tells_each_run_what_it_should(void **state)
{
        uint64_t incarnation = 1, id;
        hedged_layer_run_t *run;

        memset(&plain, 0, sizeof(plain));
        seed = 88172645463325252u;
        for (unsigned round = 0; round < 20; round++) {
                tear_down(state);
                set_up(state);
                plain.stopping = false;
                run = begin_run(1, &id); /* they are numbered from here on */
                plain.last_id = id;
                end_run(&run);
                for (unsigned step = 0; step < 1000; step++) {
                        if (step == 800)
                                stop_all();
                        some_step(&incarnation);
                }
                for (unsigned i = 0; i < RUNS; i++)
                        if (plain.runs[i].run)
                                some_close(&plain.runs[i]);
        }
        assert_true(plain.parts > 1000 && plain.losses > 100 && plain.cancels > 50);
}

/* ---- requests' threads on one side, the loop on the other ---- */

#define REQUESTS   3u
#define LAYER_RUNS 60u

static atomic_uint requests_left;

typedef struct heard {
        unsigned asked[DISPATCH_BOARDS], came[DISPATCH_BOARDS]; /* parts, bit by bit */
        bool lost[DISPATCH_BOARDS];
} heard_t;

static bool is_waiting(const heard_t *h)
{
        for (unsigned b = 0; b < DISPATCH_BOARDS; b++)
                if (h->came[b] != h->asked[b] && !h->lost[b])
                        return true;
        return false;
}

static void hear(heard_t *h, hedged_event_t *e)
{
        MUST(e->mail.kind == HEDGED_EVENT_PART || e->mail.kind == HEDGED_EVENT_LOST);
        if (e->mail.kind == HEDGED_EVENT_LOST) {
                MUST(!h->lost[e->board] && h->came[e->board] != h->asked[e->board]);
                h->lost[e->board] = true;
        } else {
                MUST(h->asked[e->board] >> e->part & 1);
                MUST(!(h->came[e->board] >> e->part & 1));
                MUST(((unsigned char *)zmq_msg_data(&e->frame))[0] == e->part);
                h->came[e->board] |= 1u << e->part;
        }
}

static void run_layer(unsigned *random)
{
        hedged_layer_run_t *run = new_run();
        const unsigned events = (unsigned)rand_r(random) % (2 * DISPATCH_BOARDS * PARTS); /* then it has enough */
        heard_t h = { 0 };

        for (unsigned b = 0; b < DISPATCH_BOARDS; b++) {
                h.asked[b] = (unsigned)rand_r(random) % (1u << PARTS);
                if (h.asked[b])
                        give(run, b, h.asked[b]);
        }
        for (unsigned i = 0; i < events && is_waiting(&h); i++) {
                hedged_event_t *e;

                while (!(e = hedged_layer_run_next(run)))
                        hedged_layer_run_wait(run, 1, hedge_now_us() + STUCK_S * INT64_C(1000000));
                hear(&h, e);
        }
        hedged_layer_run_destroy(&run);
}

static void *request(void *arg)
{
        unsigned random = *(unsigned *)arg;

        for (unsigned i = 0; i < LAYER_RUNS; i++)
                run_layer(&random);
        atomic_fetch_sub(&requests_left, 1);
        return NULL;
}

/* A board does a little: a part, the end of a task, or it dies and is back. */
static void work(unsigned b, uint64_t *incarnation)
{
        dispatch_sent_t *s = &bed.boards[b].sent[0];
        int r;

        if (below(200) == 0) {
                dispatch_bed_hello(&bed, b, ++*incarnation);
                while (bed.boards[b].n_sent)
                        dispatch_bed_shift(&bed.boards[b]);
        } else if (s->type == HEDGE_MSG_TASK && s->n_order > 0 && below(50)) {
                r = part(b, s->run, s->order[--s->n_order]);
                assert_true(r == 0 || r == -ENOENT);
        } else {
                if (s->type == HEDGE_MSG_TASK)
                        hedged_dispatch_ended(bed.dispatch, dispatch_bed_board(&bed, b), s->run);
                dispatch_bed_shift(&bed.boards[b]);
        }
}

static void requests_run_beside_the_loop(void **state)
{
        (void)state;
        pthread_t threads[REQUESTS];
        unsigned random[REQUESTS];
        uint64_t incarnation = 1;

        seed = 88172645463325252u;
        atomic_store(&requests_left, REQUESTS);
        for (unsigned i = 0; i < REQUESTS; i++) {
                random[i] = i + 1;
                assert_int_equal(pthread_create(&threads[i], NULL, request, &random[i]), 0);
        }
        while (atomic_load(&requests_left) > 0) {
                unsigned busy = 0;
                hedge_mail_t *mail;

                for (unsigned b = 0; b < DISPATCH_BOARDS; b++)
                        if (bed.boards[b].n_sent) {
                                work(b, &incarnation);
                                busy++;
                        }
                mail = hedge_mailbox_wait(bed.loop, busy ? 0 : 1); /* 1 ms: the last request says nothing */
                if (mail)
                        hedged_dispatch_mail(bed.dispatch, mail);
        }
        for (unsigned i = 0; i < REQUESTS; i++)
                pthread_join(threads[i], NULL);
        dispatch_bed_turn(&bed); /* the last ones have closed theirs */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                TEST(any_sequence_tells_each_run_what_it_should),
                TEST(requests_run_beside_the_loop),
#undef TEST
        };

        hedge_log_set_level(HEDGE_LOG_ERROR); /* what cannot be sent is told each time */
        return cmocka_run_group_tests_name("dispatch_any", tests, NULL, NULL);
}
