/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/measure/measure.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/emulated.h"
#include "daemon/measure/costs.h"
#include "daemon/measure/here.h"
#include "daemon/measure/measurements.h"
#include "daemon/measure/pace.h"
#include "daemon/measure/transfer.h"

#define PRIOR_TASKS     5
#define PRIOR_FIRST     0.05 /* beside tasks that are there to measure it */
#define PRIOR_DELAY_S   0.001
#define REMEMBERED      50 /* tasks that what the file says counts for at most */
#define FORGET_S        (30 * 86400)
#define OLD_S           (7 * 86400)
#define SAVE_MS         60000
#define LEAST_US        50   /* shorter work says more about the clock and the calls than about the machine */
#define MOST_US         1e12 /* and what is longer nobody has measured */
#define BITS            8
#define LEAST_OF_WAY    0.1 /* whatever the coordinator\'s link is taken to have taken of it */
#define DRIFT           1.25
#define DRIFT_DELAY_S   0.002
#define DRIFT_TASKS_MIN 3

typedef struct entry {
        char name[HEDGE_BOARD_NAME_MAX];
        hedged_pace_t pace;
        hedged_transfer_t transfer;
        hedged_toll_t toll;
        uint64_t tasks;
        int64_t seen_s;
} entry_t;

struct hedged_measure {
        pthread_mutex_t lock;
        hedged_speed_t prior, here_prior;
        hedged_pace_t here;
        uint64_t here_tasks;
        hedged_costs_t costs; /* as at the start */
        hedged_toll_t toll;
        unsigned cores;
        entry_t *boards[HEDGED_MEASURE_MAX];
        unsigned count;
        char *path;
        bool learnt; /* since the file was written */
        int64_t tried_ms;
};

/* ---- boards ---- */

static entry_t *find(const hedged_measure_t *m, const char *name)
{
        for (unsigned i = 0; i < m->count; i++)
                if (!strcmp(m->boards[i]->name, name))
                        return m->boards[i];
        return NULL;
}

/* A fresh entry, or that of the board that was not heard of for longest. */
static entry_t *make_room(hedged_measure_t *m)
{
        unsigned oldest = 0;

        if (m->count < HEDGED_MEASURE_MAX) {
                m->boards[m->count] = calloc(1, sizeof(entry_t));
                return m->boards[m->count] ? m->boards[m->count++] : NULL;
        }
        for (unsigned i = 1; i < m->count; i++)
                if (m->boards[i]->seen_s < m->boards[oldest]->seen_s)
                        oldest = i;
        return m->boards[oldest];
}

static void begin(entry_t *e, const char *name, const hedged_speed_t *known, double weight)
{
        snprintf(e->name, sizeof(e->name), "%s", name);
        hedged_pace_init(&e->pace, 1 / known->macs_per_s, known->spread, weight);
        hedged_transfer_init(&e->transfer, known->up_bytes_per_s, known->delay_s, weight);
        e->tasks = known->tasks;
}

static void speed_of(entry_t *e, hedged_speed_t *ret)
{
        hedged_pace_fit(&e->pace);
        hedged_transfer_fit(&e->transfer);
        *ret = (hedged_speed_t){
                .macs_per_s = 1 / e->pace.best,
                .spread = e->pace.spread,
                .up_bytes_per_s = e->transfer.rate,
                .down_bytes_per_s = e->transfer.rate, /* one transfer there and back cannot tell them apart */
                .delay_s = e->transfer.delay,
                .tasks = e->tasks,
        };
}

/* ---- samples ---- */

/* Two independent exponential times of means `fast` < `slow` have together taken longer than e: how much of it is due to
 * each? Their expected lengths are returned less their means, so that with these as bounds of censored samples each of the
 * two means is estimated as if the other were known. */
static void share_blame(double e, double fast, double slow, double *ret_fast, double *ret_slow)
{
        double gap = 1 / fast - 1 / slow, decay = exp(-gap * e);
        double likely = (slow - fast * decay) / (slow - fast);
        double of_slow = (decay - 1 + gap * e) / (gap * gap * slow) + e + slow;
        double of_fast = (1 - decay * (1 + gap * e)) / (gap * gap * fast) + (e + fast) * decay;

        *ret_slow = fmax(of_slow / likely - slow, 0);
        *ret_fast = fmax(of_fast / likely - fast, 0);
}

/* How long the task took at least to leave, for the others' bytes that shared the coordinator's link; 0: it had it alone.
 * Connections share it evenly, so boards on slower links do not wait for each other. */
static double leaving_s(const hedged_measure_t *m, const hedged_task_sample_t *s)
{
        double bytes = (double)s->ahead_bytes + (double)s->up_bytes;

        if (s->ahead_bytes == 0)
                return 0;
        return fmax(bytes / m->here_prior.up_bytes_per_s - (double)s->ahead_us / 1e6, 0);
}

/* Cancelled before a part came: its computing, its way or both took longer than they had. */
static void take_censored(entry_t *e, const hedged_task_sample_t *s, double here_s)
{
        double part_macs = (double)s->macs_asked / s->parts_asked;
        double bytes = (double)s->up_bytes + (double)s->part_bytes;
        double compute_s = e->pace.best * part_macs, way_s = bytes / e->transfer.rate;
        double late_s = (double)s->elapsed_us / 1e6 - compute_s - fmax(way_s, here_s);
        double pace_s = fmax(e->pace.spread * compute_s, 1e-6), delay_s = fmax(e->transfer.delay, 1e-6);
        double pace_bound, delay_bound;

        if (late_s <= 0)
                return;
        if (fabs(pace_s - delay_s) < 0.01 * delay_s)
                pace_s = 1.01 * delay_s;
        if (pace_s < delay_s)
                share_blame(late_s, pace_s, delay_s, &pace_bound, &delay_bound);
        else
                share_blame(late_s, delay_s, pace_s, &delay_bound, &pace_bound);
        hedged_pace_add(&e->pace, (compute_s + pace_bound) / part_macs, true);
        hedged_transfer_add(&e->transfer, bytes, way_s + delay_bound, true);
}

/* The way of a first part: what the coordinator's own link took longer than the board's should have is not the board's. From
 * one transfer alone the two cannot be told apart, but the part's way back is the board's: over some it comes out. */
static void take_way(entry_t *e, const hedged_task_sample_t *s, double here_s)
{
        double way_s = ((double)s->first_us - (double)s->first_compute_us) / 1e6;
        double waited_s = fmax(here_s - (double)s->up_bytes / e->transfer.rate, 0);
        double bytes = (double)s->up_bytes + s->first_parts * (double)s->part_bytes;

        if (way_s > 0)
                hedged_transfer_add(&e->transfer, bytes, fmax(way_s - waited_s, LEAST_OF_WAY * way_s), false);
}

static void take_parts(entry_t *e, const hedged_task_sample_t *s, double here_s)
{
        if (s->compute_us >= LEAST_US)
                hedged_pace_add(&e->pace, (double)s->compute_us / 1e6 / (double)s->macs_done, false);
        if (!s->queued)
                take_way(e, s, here_s);
}

static bool makes_sense(const hedged_task_sample_t *s)
{
        if (s->parts_asked == 0 || s->macs_asked == 0 || (double)s->elapsed_us > MOST_US)
                return false;
        if (s->parts_done == 0)
                return s->cancelled && !s->queued;
        return s->macs_done > 0 && (double)s->compute_us <= MOST_US;
}

/* @param prior  Tasks that the prior counts for, where the board was never heard of. */
static void take_sample(hedged_measure_t *m, const char *board, const hedged_task_sample_t *s, double prior)
{
        double here_s = leaving_s(m, s);
        entry_t *e;

        if (!makes_sense(s))
                return;
        pthread_mutex_lock(&m->lock);
        e = find(m, board);
        if (!e && (e = make_room(m)))
                begin(e, board, &m->prior, prior);
        if (e) {
                if (s->parts_done > 0)
                        take_parts(e, s, here_s);
                else
                        take_censored(e, s, here_s);
                e->tasks++;
                e->seen_s = time(NULL);
                m->learnt = true;
        }
        pthread_mutex_unlock(&m->lock);
}

void hedged_measure_task(hedged_measure_t *m, const char *board, const hedged_task_sample_t *s)
{
        take_sample(m, board, s, PRIOR_TASKS);
}

void hedged_measure_first(hedged_measure_t *m, const char *board, const hedged_task_sample_t *s)
{
        take_sample(m, board, s, PRIOR_FIRST);
}

bool hedged_measure_knows(hedged_measure_t *m, const char *board)
{
        const entry_t *e;
        bool knows;

        pthread_mutex_lock(&m->lock);
        e = find(m, board);
        knows = e && e->tasks > 0 && time(NULL) - e->seen_s < OLD_S;
        pthread_mutex_unlock(&m->lock);
        return knows;
}

void hedged_measure_local(hedged_measure_t *m, uint64_t macs, uint64_t us)
{
        if (macs == 0 || us < LEAST_US || (double)us > MOST_US)
                return;
        pthread_mutex_lock(&m->lock);
        hedged_pace_add(&m->here, (double)us / 1e6 / (double)macs, false);
        m->here_tasks++;
        pthread_mutex_unlock(&m->lock);
}

/* ---- what is known ---- */

static void board_speed(hedged_measure_t *m, const char *board, hedged_speed_t *ret)
{
        entry_t *e = find(m, board);

        if (e)
                speed_of(e, ret);
        else
                *ret = m->prior;
}

static void here_speed(hedged_measure_t *m, hedged_speed_t *ret)
{
        hedged_pace_fit(&m->here);
        *ret = m->here_prior;
        ret->macs_per_s = 1 / m->here.best;
        ret->spread = m->here.spread;
        ret->tasks = m->here_tasks;
}

void hedged_measure_speed(hedged_measure_t *m, const char *board, hedged_speed_t *ret)
{
        pthread_mutex_lock(&m->lock);
        board_speed(m, board, ret);
        pthread_mutex_unlock(&m->lock);
}

void hedged_measure_here(hedged_measure_t *m, hedged_speed_t *ret)
{
        pthread_mutex_lock(&m->lock);
        here_speed(m, ret);
        pthread_mutex_unlock(&m->lock);
}

/* As at the start, and what messages have been found to cost since. */
static hedged_costs_t costs_now(const hedged_measure_t *m)
{
        const double factor = m->toll.factor > 0 ? m->toll.factor : 1;
        hedged_costs_t costs = m->costs;

        costs.message_s *= factor;
        costs.byte_s *= factor;
        costs.part_s *= factor;
        costs.layer_s *= factor;
        return costs;
}

/* How many times as long as here takes a message there? 0: not known. */
static double slower_there(const hedged_measure_t *m, const char *board)
{
        const entry_t *e = find(m, board);

        return e ? e->toll.factor / (m->toll.factor > 0 ? m->toll.factor : 1) : 0;
}

void hedged_measure_messages(hedged_measure_t *m, const char *board, const hedged_toll_totals_t *totals)
{
        entry_t *e = NULL;

        pthread_mutex_lock(&m->lock);
        if (board)
                e = find(m, board);
        if (!hedge_emulated_is_stretched() && (e || !board))
                hedged_toll_learn(e ? &e->toll : &m->toll, &m->costs, totals);
        pthread_mutex_unlock(&m->lock);
}

void hedged_measure_snapshot(hedged_measure_t *m, const hedged_cluster_t *cluster, hedged_speeds_t *ret)
{
        unsigned known, slots = hedged_cluster_slots(cluster);
        hedged_board_t *const *boards = hedged_cluster_boards(cluster, &known);

        memset(ret, 0, sizeof(*ret));
        ret->boards = slots < HEDGE_CODE_MAX_BOARDS ? slots : HEDGE_CODE_MAX_BOARDS;
        pthread_mutex_lock(&m->lock);
        here_speed(m, &ret->here);
        ret->costs = costs_now(m);
        ret->here_cores = m->cores;
        for (unsigned i = 0; i < ret->boards; i++)
                ret->board[i] = m->prior;
        for (unsigned i = 0; i < known; i++) {
                uint32_t index = boards[i]->index;

                if (index >= ret->boards)
                        continue;
                board_speed(m, boards[i]->name, &ret->board[index]);
                ret->slower[index] = slower_there(m, boards[i]->name);
                ret->cores[index] = boards[i]->cores;
                ret->usable[index] = boards[i]->usable;
        }
        pthread_mutex_unlock(&m->lock);
}

static bool differ(double a, double b)
{
        return a > DRIFT * b || b > DRIFT * a;
}

static bool speed_drifted(const hedged_speed_t *then, const hedged_speed_t *now)
{
        double delay = fabs(now->delay_s - then->delay_s);

        if (now->tasks < then->tasks + DRIFT_TASKS_MIN && now->tasks >= then->tasks)
                return false; /* the same board, and hardly anything new about it */
        return differ(then->macs_per_s, now->macs_per_s) ||
               differ((1 + then->spread) / then->macs_per_s, (1 + now->spread) / now->macs_per_s) ||
               differ(then->up_bytes_per_s, now->up_bytes_per_s) ||
               differ(then->down_bytes_per_s, now->down_bytes_per_s) ||
               (differ(then->delay_s, now->delay_s) && delay > DRIFT_DELAY_S);
}

bool hedged_measure_drifted(const hedged_speeds_t *then, const hedged_speeds_t *now)
{
        unsigned boards = then->boards < now->boards ? then->boards : now->boards;

        for (unsigned i = 0; i < boards; i++)
                if (then->usable[i] && now->usable[i] && speed_drifted(&then->board[i], &now->board[i]))
                        return true;
        return speed_drifted(&then->here, &now->here);
}

/* ---- the file ---- */

static int load(hedged_measure_t *m, hedge_why_t *why)
{
        hedged_measurement_t *rows = NULL;
        int64_t now_s = time(NULL);
        unsigned count = 0;
        int r = hedged_measurements_read(m->path, &rows, &count, why);

        for (unsigned i = 0; r == 0 && i < count; i++) {
                const hedged_speed_t *speed = &rows[i].speed;
                entry_t *e;

                if (now_s - rows[i].seen_s > FORGET_S)
                        continue;
                e = find(m, rows[i].board);
                if (!e && !(e = make_room(m))) {
                        r = -ENOMEM;
                        break;
                }
                begin(e, rows[i].board, speed, speed->tasks < REMEMBERED ? (double)speed->tasks : REMEMBERED);
                e->seen_s = rows[i].seen_s < now_s ? rows[i].seen_s : now_s; /* the clock may have been set back */
        }
        free(rows);
        return r;
}

int hedged_measure_save(hedged_measure_t *m, bool now, hedge_why_t *why)
{
        hedged_measurement_t *rows = NULL;
        unsigned count = 0;
        int r = 0;

        pthread_mutex_lock(&m->lock);
        if (m->path && m->learnt && (now || hedge_now_ms() - m->tried_ms >= SAVE_MS)) {
                m->tried_ms = hedge_now_ms();
                rows = calloc(m->count + 1, sizeof(*rows));
                if (!rows)
                        r = hedge_why(why, -ENOMEM, "%s: out of memory", m->path);
                for (; rows && count < m->count; count++) {
                        memcpy(rows[count].board, m->boards[count]->name, sizeof(rows[count].board));
                        rows[count].seen_s = m->boards[count]->seen_s;
                        speed_of(m->boards[count], &rows[count].speed);
                }
                m->learnt = rows == NULL;
        }
        pthread_mutex_unlock(&m->lock);
        if (!rows)
                return r;
        r = hedged_measurements_write(m->path, rows, count, why);
        free(rows);
        if (r == 0)
                return 1;
        pthread_mutex_lock(&m->lock);
        m->learnt = true;
        pthread_mutex_unlock(&m->lock);
        return r;
}

/* ---- life ---- */

static unsigned count_cores(const hedged_config_t *config)
{
        const long cores = sysconf(_SC_NPROCESSORS_ONLN);

        return config->compute.threads ? (unsigned)config->compute.threads : cores > 0 ? (unsigned)cores : 1;
}

static void set_priors(hedged_measure_t *m, const hedged_config_t *config, hedge_kernels_t *kernels)
{
        double rate = config->prior.link_mbit * 1e6 / BITS, here = (double)config->prior.here_macs_per_s;

        m->prior = (hedged_speed_t){
                (double)config->prior.board_macs_per_s, config->prior.spread, rate, rate, PRIOR_DELAY_S, 0
        };
        if (here <= 0 && (!kernels || hedged_here_time(kernels, &here) < 0))
                here = m->prior.macs_per_s;
        rate = config->prior.here_link_mbit * 1e6 / BITS;
        m->here_prior = (hedged_speed_t){ here, 0, rate, rate, 0, 0 };
        m->costs = kernels ? hedged_costs_measure(config->security == HEDGED_SECURITY_CURVE) : hedged_usual_costs;
        m->cores = count_cores(config);
        hedged_pace_init(&m->here, 1 / here, 0, PRIOR_TASKS);
}

int hedged_measure_new(const hedged_config_t *config, const char *path, hedge_kernels_t *kernels,
                       hedged_measure_t **ret, hedge_why_t *why)
{
        hedged_measure_t *m = calloc(1, sizeof(*m));
        int r = 0;

        why->text[0] = '\0';
        if (!m)
                return hedge_why(why, -ENOMEM, "out of memory");
        pthread_mutex_init(&m->lock, NULL);
        set_priors(m, config, kernels);
        m->tried_ms = hedge_now_ms();
        if (path && *path) {
                m->path = strdup(path);
                r = m->path ? load(m, why) : hedge_why(why, -ENOMEM, "out of memory");
        }
        if (r == -ENOENT)
                why->text[0] = '\0';
        if (r == -ENOMEM) {
                hedged_measure_destroy(&m);
                return r;
        }
        *ret = m;
        return 0;
}

void hedged_measure_destroy(hedged_measure_t **measure)
{
        hedged_measure_t *m = *measure;

        *measure = NULL;
        if (!m)
                return;
        for (unsigned i = 0; i < m->count; i++)
                free(m->boards[i]);
        pthread_mutex_destroy(&m->lock);
        free(m->path);
        free(m);
}
