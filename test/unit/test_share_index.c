/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/models/share_index.h"

/* Models are addresses to the index, so they are to the tests. */
static char model_at[8];
#define MODEL(i) ((struct hedged_model *)(void *)&model_at[i])

static uint64_t seed = 88172645463325252u;

static uint64_t any(void)
{
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return seed;
}

static unsigned below(unsigned n)
{
        return (unsigned)(any() >> 11) % n;
}

static hedge_digest_t any_digest(void)
{
        hedge_digest_t digest;

        for (unsigned i = 0; i < sizeof(digest.bytes); i++)
                digest.bytes[i] = (uint8_t)(any() >> 40);
        return digest;
}

static hedge_digest_t digest_of(uint8_t name)
{
        hedge_digest_t digest = { { 0 } };

        digest.bytes[sizeof(digest.bytes) - 1] = name; /* in one bucket, all of them */
        return digest;
}

static void add(hedged_share_index_t *index, uint8_t name, unsigned board, unsigned model, unsigned layer)
{
        const hedge_digest_t digest = digest_of(name);

        assert_int_equal(hedged_share_index_add(index, &digest, board,
                                                &(hedged_share_use_t){ .model = MODEL(model), .layer = layer }),
                         0);
}

static hedged_share_t *find(const hedged_share_index_t *index, uint8_t name)
{
        const hedge_digest_t digest = digest_of(name);

        return hedged_share_index_find(index, &digest);
}

static void an_empty_index_has_nothing(void **state)
{
        (void)state;
        hedged_share_index_t index = { 0 };
        unsigned count = 1;

        assert_null(find(&index, 1));
        assert_null(hedged_share_index_next(&index, HEDGE_CODE_MAX_BOARDS - 1, NULL, NULL));
        hedged_share_index_of(&index, 0, &count);
        assert_int_equal(count, 0);
        assert_int_equal(hedged_share_index_sending(&index, 0), 0);
        hedged_share_index_remove(&index, MODEL(0), NULL, NULL);
        hedged_share_index_release(&index);
}

static void shares_are_missing_in_the_order_they_came(void **state)
{
        (void)state;
        hedged_share_index_t index = { 0 };
        hedged_share_t *share;

        for (uint8_t i = 9; i > 0; i--)
                add(&index, i, i % 2, 0, i);
        for (int i = 9; i > 0; i -= 2) {
                share = hedged_share_index_next(&index, 1, NULL, NULL);
                assert_ptr_equal(share, find(&index, (uint8_t)i));
                assert_int_equal(share->uses[0].layer, i);
                hedged_share_index_send(&index, share);
        }
        assert_null(hedged_share_index_next(&index, 1, NULL, NULL));
        assert_int_equal(hedged_share_index_sending(&index, 1), 5);
        assert_int_equal(hedged_share_index_sending(&index, 0), 0);
        /* what is missing again is the first again */
        hedged_share_index_set(&index, find(&index, 3), HEDGED_SHARE_MISSING);
        hedged_share_index_set(&index, find(&index, 7), HEDGED_SHARE_MISSING);
        assert_ptr_equal(hedged_share_index_next(&index, 1, NULL, NULL), find(&index, 7));
        assert_int_equal(hedged_share_index_sending(&index, 1), 3);
        hedged_share_index_release(&index);
}

static void it_knows_the_block_on_its_way(void **state)
{
        (void)state;
        hedged_share_index_t index = { 0 };
        const hedge_digest_t digest = digest_of(2);
        hedged_share_t *block;

        add(&index, 1, 1, 0, 0);
        assert_int_equal(hedged_share_index_add(&index, &digest, 1,
                                                &(hedged_share_use_t){ .model = MODEL(5), .kind = HEDGED_SHARE_BLOCK }),
                         0);
        block = find(&index, 2);
        hedged_share_index_send(&index, find(&index, 1));
        assert_null(hedged_share_index_block(&index, 1)); /* filters are none */
        block->pieces = (hedged_pieces_t){ .begun = true, .n = 1, .sent = 9, .arrived = 4 };
        hedged_share_index_send(&index, block);
        assert_ptr_equal(hedged_share_index_block(&index, 1), block);
        assert_null(hedged_share_index_block(&index, 0));
        assert_false(block->pieces.begun); /* it begins anew */
        assert_int_equal(block->pieces.n + block->pieces.sent + block->pieces.arrived, 0);
        assert_int_equal(hedged_share_index_sending(&index, 1), 2);
        hedged_share_index_set(&index, find(&index, 1), HEDGED_SHARE_HELD);
        assert_ptr_equal(hedged_share_index_block(&index, 1), block);
        hedged_share_index_set(&index, block, HEDGED_SHARE_HELD);
        assert_null(hedged_share_index_block(&index, 1));
        hedged_share_index_send(&index, block);
        hedged_share_index_remove(&index, MODEL(5), NULL, NULL);
        assert_null(hedged_share_index_block(&index, 1));
        assert_int_equal(hedged_share_index_sending(&index, 1), 0);
        hedged_share_index_release(&index);
}

static void a_digest_is_of_one_board(void **state)
{
        (void)state;
        hedged_share_index_t index = { 0 };
        const hedge_digest_t digest = digest_of(1);
        unsigned count;

        add(&index, 1, 4, 0, 0);
        assert_int_equal(hedged_share_index_add(&index, &digest, 5, &(hedged_share_use_t){ .model = MODEL(1) }),
                         -EINVAL);
        assert_int_equal(hedged_share_index_add(&index, &digest, 4,
                                                &(hedged_share_use_t){ .model = MODEL(1), .kind = HEDGED_SHARE_BLOCK }),
                         -EINVAL); /* nor of two kinds */
        hedged_share_index_of(&index, 5, &count);
        assert_int_equal(count, 0);
        assert_int_equal(find(&index, 1)->n_uses, 1);
        hedged_share_index_release(&index);
}

static void note_gone(void *arg, const hedged_share_t *share)
{
        unsigned *gone = arg;

        assert_int_equal(share->n_uses, 0);
        *gone += share->digest.bytes[sizeof(share->digest.bytes) - 1];
}

static void two_models_use_one_share(void **state)
{
        (void)state;
        hedged_share_index_t index = { 0 };
        unsigned gone = 0, count;

        add(&index, 1, 0, 0, 7);
        hedged_share_index_set(&index, find(&index, 1), HEDGED_SHARE_HELD);
        add(&index, 1, 0, 1, 8);
        add(&index, 2, 0, 0, 9);
        hedged_share_index_of(&index, 0, &count);
        assert_int_equal(count, 2);
        assert_int_equal(find(&index, 1)->held, HEDGED_SHARE_HELD); /* and so for the second, too */
        hedged_share_index_remove(&index, MODEL(0), note_gone, &gone);
        assert_int_equal(gone, 2); /* the digest that nothing else uses */
        assert_int_equal(find(&index, 1)->held, HEDGED_SHARE_HELD);
        assert_int_equal(find(&index, 1)->n_uses, 1);
        assert_ptr_equal(find(&index, 1)->uses[0].model, MODEL(1));
        assert_int_equal(find(&index, 1)->uses[0].layer, 8);
        hedged_share_index_remove(&index, MODEL(1), note_gone, &gone);
        assert_int_equal(gone, 3);
        assert_null(find(&index, 1));
        hedged_share_index_release(&index);
}

static void a_model_goes_while_its_shares_are_on_their_way(void **state)
{
        (void)state;
        hedged_share_index_t index = { 0 };
        uint64_t first, second;

        add(&index, 1, 0, 0, 0);
        add(&index, 2, 0, 1, 0);
        first = hedged_share_index_send(&index, find(&index, 1));
        hedged_share_index_send(&index, find(&index, 2));
        hedged_share_index_remove(&index, MODEL(0), NULL, NULL);
        assert_int_equal(hedged_share_index_sending(&index, 0), 1);
        assert_null(hedged_share_index_next(&index, 0, NULL, NULL));
        add(&index, 1, 0, 0, 0); /* loaded again: what was sent before does not count */
        assert_int_equal(find(&index, 1)->held, HEDGED_SHARE_MISSING);
        assert_ptr_equal(hedged_share_index_next(&index, 0, NULL, NULL), find(&index, 1));
        second = hedged_share_index_send(&index, find(&index, 1));
        assert_int_not_equal(first, second);
        assert_int_equal(find(&index, 1)->ticket, second);
        hedged_share_index_release(&index);
}

/* ---- a plain reference: one list, looked through from end to end ---- */

#define NAMES  150u
#define BOARDS 5u
#define MODELS 4u

typedef struct plain_use {
        unsigned name, model, layer, variant;
} plain_use_t;

typedef struct plain {
        unsigned names[NAMES]; /* that are in, in the order they came */
        hedged_held_t held[NAMES];
        unsigned n_names;
        plain_use_t uses[4096];
        unsigned n_uses;
} plain_t;

static hedge_digest_t pool[NAMES];
static unsigned gone_names;

static unsigned board_of(unsigned name)
{
        return name % BOARDS * 63; /* 0 .. 252 */
}

static unsigned place_of(const plain_t *p, unsigned name)
{
        unsigned i = 0;

        while (i < p->n_names && p->names[i] != name)
                i++;
        return i;
}

static unsigned count_uses(const plain_t *p, unsigned name)
{
        unsigned n = 0;

        for (unsigned i = 0; i < p->n_uses; i++)
                n += p->uses[i].name == name;
        return n;
}

static void plain_add(plain_t *p, const plain_use_t *use)
{
        if (place_of(p, use->name) == p->n_names) {
                p->held[p->n_names] = HEDGED_SHARE_MISSING;
                p->names[p->n_names++] = use->name;
        }
        p->uses[p->n_uses++] = *use;
}

/* @return how many shares went. */
static unsigned plain_remove(plain_t *p, unsigned model)
{
        unsigned kept = 0, gone = 0;

        for (unsigned i = 0; i < p->n_uses; i++)
                if (p->uses[i].model != model)
                        p->uses[kept++] = p->uses[i];
        p->n_uses = kept;
        kept = 0;
        for (unsigned i = 0; i < p->n_names; i++) {
                if (count_uses(p, p->names[i]) == 0) {
                        gone++;
                        continue;
                }
                p->held[kept] = p->held[i];
                p->names[kept++] = p->names[i];
        }
        p->n_names = kept;
        return gone;
}

static bool is_odd_layer(void *arg, const hedged_share_t *share)
{
        (void)arg;
        return share->uses[0].layer % 2;
}

static const plain_use_t *plain_first_use(const plain_t *p, unsigned name)
{
        unsigned i = 0;

        while (p->uses[i].name != name)
                i++;
        return &p->uses[i];
}

static const hedge_digest_t *plain_next(const plain_t *p, unsigned board, bool odd)
{
        for (unsigned i = 0; i < p->n_names; i++)
                if (board_of(p->names[i]) == board && p->held[i] == HEDGED_SHARE_MISSING &&
                    (!odd || plain_first_use(p, p->names[i])->layer % 2))
                        return &pool[p->names[i]];
        return NULL;
}

static void compare_uses(const plain_t *p, unsigned name, const hedged_share_t *share)
{
        unsigned at = 0;

        assert_int_equal(share->n_uses, count_uses(p, name));
        for (unsigned i = 0; i < p->n_uses; i++)
                if (p->uses[i].name == name) {
                        assert_ptr_equal(share->uses[at].model, MODEL(p->uses[i].model));
                        assert_int_equal(share->uses[at].layer, p->uses[i].layer);
                        assert_int_equal(share->uses[at].variant, p->uses[i].variant);
                        at++;
                }
}

static void compare_board(const plain_t *p, hedged_share_index_t *index, unsigned board)
{
        unsigned count, at = 0, sending = 0;
        hedged_share_t *const *shares = hedged_share_index_of(index, board, &count), *next;

        for (unsigned i = 0; i < p->n_names; i++)
                if (board_of(p->names[i]) == board) {
                        assert_true(at < count);
                        assert_memory_equal(&shares[at]->digest, &pool[p->names[i]], sizeof(pool[0]));
                        assert_int_equal(shares[at]->held, p->held[i]);
                        sending += p->held[i] == HEDGED_SHARE_SENDING;
                        at++;
                }
        assert_int_equal(at, count);
        assert_int_equal(hedged_share_index_sending(index, board), sending);
        for (unsigned odd = 0; odd < 2; odd++) {
                const hedge_digest_t *digest = plain_next(p, board, odd);

                next = hedged_share_index_next(index, board, odd ? is_odd_layer : NULL, NULL);
                assert_int_equal(next != NULL, digest != NULL);
                if (digest)
                        assert_memory_equal(&next->digest, digest, sizeof(*digest));
        }
}

static void compare(const plain_t *p, hedged_share_index_t *index)
{
        assert_int_equal(index->count, p->n_names);
        for (unsigned name = 0; name < NAMES; name++) {
                hedged_share_t *share = hedged_share_index_find(index, &pool[name]);

                assert_int_equal(share != NULL, place_of(p, name) < p->n_names);
                if (share)
                        compare_uses(p, name, share);
        }
        for (unsigned b = 0; b < BOARDS; b++)
                compare_board(p, index, b * 63);
}

static void count_gone(void *arg, const hedged_share_t *share)
{
        (void)arg;
        (void)share;
        gone_names++;
}

static void random_add(plain_t *p, hedged_share_index_t *index)
{
        const unsigned name = below(NAMES), model = below(MODELS), layer = below(20), variant = below(3);
        const plain_use_t use = { name, model, layer, variant };
        const hedged_share_use_t theirs = { .model = MODEL(model), .layer = layer, .variant = variant };

        if (p->n_uses == sizeof(p->uses) / sizeof(p->uses[0]))
                return;
        assert_int_equal(hedged_share_index_add(index, &pool[use.name], board_of(use.name), &theirs), 0);
        plain_add(p, &use);
}

static void random_change(plain_t *p, hedged_share_index_t *index)
{
        const unsigned place = p->n_names ? below(p->n_names) : 0;
        const hedged_held_t held = (hedged_held_t)below(4);
        hedged_share_t *share;

        if (p->n_names == 0)
                return;
        share = hedged_share_index_find(index, &pool[p->names[place]]);
        if (held == HEDGED_SHARE_SENDING)
                hedged_share_index_send(index, share);
        else
                hedged_share_index_set(index, share, held);
        p->held[place] = held;
}

static void any_sequence_is_what_a_plain_list_does(void **state)
{
        (void)state;
        hedged_share_index_t index = { 0 };
        plain_t *p = calloc(1, sizeof(*p));
        unsigned removed = 0;

        for (unsigned i = 0; i < NAMES; i++)
                pool[i] = i < 8 ? digest_of((uint8_t)i) : any_digest();
        for (unsigned i = 0; i < 4000; i++) {
                if (below(100) < 3) {
                        gone_names = 0;
                        removed = below(MODELS);
                        hedged_share_index_remove(&index, MODEL(removed), count_gone, NULL);
                        assert_int_equal(gone_names, plain_remove(p, removed));
                } else if (below(2)) {
                        random_add(p, &index);
                } else {
                        random_change(p, &index);
                }
                compare(p, &index);
        }
        hedged_share_index_release(&index);
        free(p);
}

/* ---- many ---- */

#define MANY 20000u

static bool count_questions(void *arg, const hedged_share_t *share)
{
        (void)share;
        ++*(unsigned *)arg;
        return true;
}

/* Among n shares in n buckets or more a given 16 are in one with a chance of n^-15, so that any are: n / 16!, here 1e-9. */
static void thousands_are_found_at_once(void **state)
{
        (void)state;
        hedged_share_index_t index = { 0 };
        unsigned longest = 0, questions = 0;
        hedged_share_t *share;

        for (unsigned i = 0; i < MANY; i++) {
                const hedge_digest_t digest = any_digest();

                assert_int_equal(hedged_share_index_add(&index, &digest, i % 4,
                                                        &(hedged_share_use_t){ .model = MODEL(i % 3), .layer = i }),
                                 0);
        }
        assert_int_equal(index.count, MANY);
        for (size_t i = 0; i < index.n_buckets; i++) {
                unsigned n = 0;

                for (share = index.buckets[i]; share; share = share->next)
                        n++;
                longest = n > longest ? n : longest;
        }
        assert_in_range(longest, 1, 15);
        for (unsigned i = 0; i < MANY; i++) {
                share = index.boards[i % 4].shares[i / 4];
                assert_ptr_equal(hedged_share_index_find(&index, &share->digest), share);
                assert_int_equal(share->uses[0].layer, i);
        }
        /* nor are they walked for the next: each is asked about once, and what is not missing is passed once */
        for (unsigned i = 0; i < MANY; i++) {
                share = hedged_share_index_next(&index, i % 4, count_questions, &questions);
                hedged_share_index_send(&index, share);
                if (i % 3)
                        hedged_share_index_set(&index, share, HEDGED_SHARE_HELD);
        }
        assert_int_equal(questions, MANY);
        assert_int_equal(index.boards[1].skip, MANY / 4 - 1);
        hedged_share_index_release(&index);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_empty_index_has_nothing),
                cmocka_unit_test(shares_are_missing_in_the_order_they_came),
                cmocka_unit_test(it_knows_the_block_on_its_way),
                cmocka_unit_test(a_digest_is_of_one_board),
                cmocka_unit_test(two_models_use_one_share),
                cmocka_unit_test(a_model_goes_while_its_shares_are_on_their_way),
                cmocka_unit_test(any_sequence_is_what_a_plain_list_does),
                cmocka_unit_test(thousands_are_found_at_once),
        };

        return cmocka_run_group_tests_name("share_index", tests, NULL, NULL);
}
