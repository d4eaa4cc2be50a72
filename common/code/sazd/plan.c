/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/code/random.h"
#include "common/code/sazd/peel.h"

#define MAX_PLANS  64u
#define MAX_BYTES  (8u << 20) /* of all plans of a code together */
#define NOISE_COLS 128u       /* see hedge_sazd_plan_growth */
#define NOISE_SEED 1u

struct hedge_sazd_plan {
        const hedge_sazd_t *code;
        unsigned references; /* under the cache's lock, as `used` is */
        uint64_t used;
        uint32_t uses, missing;
        _Atomic double growth; /* below 0: not measured yet; whoever comes first does, others find the same */
        hedge_sazd_run_t *runs;
        size_t count;
};

struct hedge_sazd_cache {
        pthread_mutex_t lock;
        uint64_t clock;
        size_t bytes;
        hedge_sazd_plan_t *plans[MAX_PLANS];
};

int hedge_sazd_cache_new(hedge_sazd_cache_t **ret)
{
        hedge_sazd_cache_t *cache = calloc(1, sizeof(*cache));

        if (!cache)
                return -ENOMEM;
        pthread_mutex_init(&cache->lock, NULL);
        *ret = cache;
        return 0;
}

static size_t plan_bytes(const hedge_sazd_plan_t *plan)
{
        return sizeof(*plan) + plan->count * sizeof(*plan->runs);
}

static void drop_reference(hedge_sazd_plan_t *plan)
{
        if (--plan->references > 0)
                return;
        free(plan->runs);
        free(plan);
}

static void evict(hedge_sazd_cache_t *cache, unsigned slot)
{
        cache->bytes -= plan_bytes(cache->plans[slot]);
        drop_reference(cache->plans[slot]);
        cache->plans[slot] = NULL;
}

void hedge_sazd_cache_destroy(hedge_sazd_cache_t **cache)
{
        if (!*cache)
                return;
        for (unsigned i = 0; i < MAX_PLANS; i++)
                if ((*cache)->plans[i])
                        evict(*cache, i);
        pthread_mutex_destroy(&(*cache)->lock);
        free(*cache);
        *cache = NULL;
}

static hedge_sazd_plan_t *find_locked(hedge_sazd_cache_t *cache, uint32_t uses)
{
        for (unsigned i = 0; i < MAX_PLANS; i++)
                if (cache->plans[i] && cache->plans[i]->uses == uses)
                        return cache->plans[i];
        return NULL;
}

static hedge_sazd_plan_t *find_plan(hedge_sazd_cache_t *cache, uint32_t uses)
{
        hedge_sazd_plan_t *plan;

        pthread_mutex_lock(&cache->lock);
        plan = find_locked(cache, uses);
        if (plan) {
                plan->references++;
                plan->used = ++cache->clock;
        }
        pthread_mutex_unlock(&cache->lock);
        return plan;
}

/* An empty slot, or else the one that was not used for longest. */
static unsigned choose_slot(const hedge_sazd_cache_t *cache)
{
        unsigned oldest = 0;

        for (unsigned i = 0; i < MAX_PLANS; i++) {
                if (!cache->plans[i])
                        return i;
                if (cache->plans[i]->used < cache->plans[oldest]->used)
                        oldest = i;
        }
        return oldest;
}

static void make_room(hedge_sazd_cache_t *cache, size_t bytes)
{
        while (cache->bytes > 0 && cache->bytes + bytes > MAX_BYTES) {
                unsigned oldest = MAX_PLANS;

                for (unsigned i = 0; i < MAX_PLANS; i++)
                        if (cache->plans[i] &&
                            (oldest == MAX_PLANS || cache->plans[i]->used < cache->plans[oldest]->used))
                                oldest = i;
                evict(cache, oldest);
        }
}

static void keep_plan(hedge_sazd_cache_t *cache, hedge_sazd_plan_t *plan)
{
        const size_t bytes = plan_bytes(plan);
        unsigned slot;

        pthread_mutex_lock(&cache->lock);
        if (bytes <= MAX_BYTES && !find_locked(cache, plan->uses)) {
                make_room(cache, bytes);
                slot = choose_slot(cache);
                if (cache->plans[slot])
                        evict(cache, slot);
                plan->references++;
                plan->used = ++cache->clock;
                cache->bytes += bytes;
                cache->plans[slot] = plan;
        }
        pthread_mutex_unlock(&cache->lock);
}

void hedge_sazd_plan_destroy(hedge_sazd_plan_t **plan)
{
        hedge_sazd_cache_t *cache;

        if (!*plan)
                return;
        cache = (*plan)->code->cache;
        pthread_mutex_lock(&cache->lock);
        drop_reference(*plan);
        pthread_mutex_unlock(&cache->lock);
        *plan = NULL;
}

/* All data, and parities evenly spread over those that are here, the first and the last among them; the first where one
 * will do. */
static uint32_t choose_blocks(const hedge_sazd_t *code, uint32_t have)
{
        const uint32_t data = have & (uint32_t)((UINT64_C(1) << code->k) - 1);
        const unsigned wanted = code->k - (unsigned)__builtin_popcount(data);
        const unsigned parities = (unsigned)__builtin_popcount(have) - (unsigned)__builtin_popcount(data);
        uint32_t chosen = data;
        unsigned seen = 0, taken = 0;

        for (unsigned b = code->k; b < code->k + code->r && taken < wanted; b++) {
                if (!(have >> b & 1))
                        continue;
                if (wanted == 1 || seen == taken * (parities - 1) / (wanted - 1)) {
                        chosen |= 1u << b;
                        taken++;
                }
                seen++;
        }
        return chosen;
}

static int make_plan(const hedge_sazd_t *code, uint32_t uses, hedge_sazd_plan_t **ret)
{
        hedge_sazd_plan_t *plan = calloc(1, sizeof(*plan));
        int r;

        if (!plan)
                return -ENOMEM;
        plan->code = code;
        plan->references = 1;
        plan->uses = uses;
        plan->missing = ~uses & (uint32_t)((UINT64_C(1) << code->k) - 1);
        atomic_init(&plan->growth, plan->missing ? -1 : 0);
        r = hedge_sazd_peel(code, plan->missing, (uint32_t)((uint64_t)uses >> code->k), &plan->runs, &plan->count);
        if (r < 0) {
                free(plan);
                return r;
        }
        *ret = plan;
        return 0;
}

int hedge_sazd_plan_new(const hedge_sazd_t *code, uint32_t have, hedge_sazd_plan_t **ret)
{
        hedge_sazd_plan_t *plan;
        uint32_t uses;
        int r = 0;

        if ((uint64_t)have >> (code->k + code->r))
                return -EINVAL;
        if ((unsigned)__builtin_popcount(have) < code->k)
                return HEDGE_EUNDECODABLE;
        uses = choose_blocks(code, have);
        plan = find_plan(code->cache, uses);
        if (!plan) {
                r = make_plan(code, uses, &plan);
                if (r == 0)
                        keep_plan(code->cache, plan);
        }
        if (r == 0)
                *ret = plan;
        return r;
}

uint32_t hedge_sazd_plan_uses(const hedge_sazd_plan_t *plan)
{
        return plan->uses;
}

uint32_t hedge_sazd_plan_missing(const hedge_sazd_plan_t *plan)
{
        return plan->missing;
}

size_t hedge_sazd_plan_runs(const hedge_sazd_plan_t *plan)
{
        return plan->count;
}

static int check_blocks(const hedge_sazd_plan_t *plan, size_t cols, const hedge_sazd_in_t *blocks,
                        const hedge_sazd_out_t *out)
{
        for (unsigned b = 0; b < plan->code->k + plan->code->r; b++)
                if ((plan->uses >> b & 1) && !blocks[b].data)
                        return -EINVAL;
        for (unsigned i = 0; i < plan->code->k; i++)
                if ((plan->missing >> i & 1) && (!out[i].data || out[i].stride < cols))
                        return -EINVAL;
        return cols == 0 ? -EINVAL : 0;
}

static void decode_run(const hedge_sazd_t *code, const hedge_sazd_run_t *run, size_t cols,
                       const hedge_sazd_in_t *blocks, const hedge_sazd_in_t *data, hedge_sazd_out_t out)
{
        const uint32_t row = run->row + hedge_sazd_shift(code, run->block, run->parity);
        hedge_sazd_terms_t terms = { .first = hedge_sazd_at(&blocks[code->k + run->parity], row) };

        for (unsigned i = 0; i < code->k; i++)
                if (run->others >> i & 1)
                        terms.others[terms.count++] =
                                hedge_sazd_at(&data[i], row - hedge_sazd_shift(code, i, run->parity));
        out.data += run->row * out.stride;
        hedge_sazd_sum(&terms, true, run->count, cols, out);
}

int hedge_sazd_decode(const hedge_sazd_plan_t *plan, size_t cols, const hedge_sazd_in_t *blocks,
                      const hedge_sazd_out_t *out)
{
        hedge_sazd_in_t data[HEDGE_SAZD_MAX_BLOCKS];
        int r = check_blocks(plan, cols, blocks, out);

        if (r < 0)
                return r;
        for (unsigned i = 0; i < plan->code->k; i++)
                data[i] = plan->missing >> i & 1 ? (hedge_sazd_in_t){ out[i].data, out[i].stride } : blocks[i];
        for (size_t i = 0; i < plan->count; i++)
                decode_run(plan->code, &plan->runs[i], cols, blocks, data, out[plan->runs[i].block]);
        return 0;
}

/* The largest mean square of a row. */
static double find_worst(const hedge_sazd_plan_t *plan, const hedge_sazd_out_t *out)
{
        double worst = 0;

        for (unsigned i = 0; i < plan->code->k; i++)
                for (uint32_t row = 0; (plan->missing >> i & 1) && row < plan->code->rows; row++) {
                        const float *x = out[i].data + row * out[i].stride;
                        double sum = 0;

                        for (unsigned c = 0; c < NOISE_COLS; c++)
                                sum += (double)x[c] * (double)x[c];
                        worst = fmax(worst, sum / NOISE_COLS);
                }
        return worst;
}

/* Data of zeros, in one row; parities of noise, and where missing blocks go, in `room`. */
static void fill_noise(const hedge_sazd_plan_t *plan, float *room, hedge_sazd_in_t *blocks, hedge_sazd_out_t *out)
{
        const hedge_sazd_t *code = plan->code;
        uint64_t state = hedge_random_row(NOISE_SEED, 0);
        float *next = room + NOISE_COLS;

        for (unsigned b = 0; b < code->k + code->r; b++) {
                const size_t n = (size_t)hedge_sazd_rows(code, b) * NOISE_COLS;

                blocks[b] = (hedge_sazd_in_t){ room, 0 };
                if (b < code->k ? !(plan->missing >> b & 1) : !(plan->uses >> b & 1))
                        continue;
                if (b < code->k)
                        out[b] = (hedge_sazd_out_t){ next, NOISE_COLS };
                else
                        blocks[b] = (hedge_sazd_in_t){ next, NOISE_COLS };
                for (size_t i = 0; b >= code->k && i < n; i++)
                        next[i] = hedge_random_next(&state) >> 63 ? 1 : -1;
                next += n;
        }
}

int hedge_sazd_plan_growth(hedge_sazd_plan_t *plan, double *ret)
{
        const hedge_sazd_t *code = plan->code;
        hedge_sazd_in_t blocks[HEDGE_SAZD_MAX_BLOCKS];
        hedge_sazd_out_t out[HEDGE_SAZD_MAX_BLOCKS];
        double growth = atomic_load(&plan->growth);
        size_t rows = 1;
        float *room;
        int r = 0;

        if (growth < 0) {
                for (unsigned b = 0; b < code->k + code->r; b++)
                        if (b < code->k ? plan->missing >> b & 1 : plan->uses >> b & 1)
                                rows += hedge_sazd_rows(code, b);
                room = calloc(rows * NOISE_COLS, sizeof(*room));
                if (!room)
                        return -ENOMEM;
                fill_noise(plan, room, blocks, out);
                r = hedge_sazd_decode(plan, NOISE_COLS, blocks, out);
                growth = sqrt(find_worst(plan, out));
                free(room);
                if (r == 0)
                        atomic_store(&plan->growth, growth);
        }
        if (r == 0)
                *ret = growth;
        return r;
}
