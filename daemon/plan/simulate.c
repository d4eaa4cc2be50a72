/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/simulate.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/random.h"

/* One board in one trial. */
typedef struct runner {
        double part_s;            /* one part takes */
        double send_s;            /* one part on the board's link */
        double begin_s, upload_s; /* its first task is on its way from then on, for so long */
        double delay_in_s, delay_out_s;
        double computed_s, sent_s; /* when it has computed, and sent, its last part */
        double arrival_s;          /* of its next part; infinite where it does nothing */
        unsigned at;               /* parts of its own that have arrived */
        unsigned redoes;           /* steal: the plain part that it redoes, where own is false */
        bool own;
} runner_t;

typedef struct trial {
        const hedged_speeds_t *speeds;
        const hedged_duties_t *duties;
        double input_bytes, part_bytes, part_macs, input_macs; /* of one; input_macs: to encode it */
        double part_elements;
        runner_t *runners;
        uint8_t *have;        /* K: the plain part is in */
        uint8_t *given;       /* K: steal: to so many boards beside its owner */
        uint16_t *strip_rank; /* k_a */
        unsigned count, plain, rank, global, boards_whole, parts_whole;
        double hub_s; /* when the coordinator's link is free */
        double up_bytes, down_bytes;
} trial_t;

static double lesser(double a, double b)
{
        return a < b ? a : b;
}

static double greater(double a, double b)
{
        return a > b ? a : b;
}

/* When board b has its first task's bytes: all get theirs at the same time, in equal shares of the coordinator's link. */
static double upload_s(const trial_t *t, unsigned b)
{
        const double mine = t->duties->duty[b].first_inputs * t->input_bytes;
        double before = 0;

        for (unsigned j = 0; j < t->duties->boards; j++)
                if (t->speeds->usable[j])
                        before += lesser(mine, t->duties->duty[j].first_inputs * t->input_bytes);
        return greater(mine / t->speeds->board[b].up_bytes_per_s, before / t->speeds->here.up_bytes_per_s);
}

/* When the input of a board's next part is there: of the first task, each piece has come when its share of the bytes has. */
static double ready_s(const trial_t *t, unsigned b)
{
        const hedged_duty_t *d = &t->duties->duty[b];
        const runner_t *r = &t->runners[b];

        if (!r->own || r->at >= d->first_parts)
                return 0;
        return r->begin_s + r->upload_s * (d->parts[r->at].piece + 1) / d->pieces;
}

static void compute_next(trial_t *t, unsigned b)
{
        runner_t *r = &t->runners[b];

        r->computed_s = greater(r->computed_s, ready_s(t, b));
        r->computed_s += r->part_s;
        r->sent_s = greater(r->sent_s, r->computed_s) + r->send_s;
        r->arrival_s = r->sent_s + r->delay_out_s;
}

static void begin(trial_t *t, const hedged_luck_t *luck, unsigned trial)
{
        double encode_s = 0;

        for (unsigned b = 0; b < t->duties->boards; b++) {
                const hedged_duty_t *d = &t->duties->duty[b];

                if (t->speeds->usable[b])
                        encode_s += (d->first_inputs - d->coded_inputs) * t->input_macs / t->duties->k_a +
                                    d->coded_inputs * t->input_macs;
        }
        encode_s /= HEDGED_CODING_MACS_PER_S;
        for (unsigned b = 0; b < t->duties->boards; b++) {
                const hedged_speed_t *s = &t->speeds->board[b];
                const size_t at = (size_t)trial * luck->boards + b;
                runner_t *r = &t->runners[b];

                *r = (runner_t){ .arrival_s = INFINITY, .own = true };
                if (!t->speeds->usable[b])
                        continue;
                r->part_s = t->part_macs / s->macs_per_s * (1 + s->spread * luck->slow[at]);
                r->send_s = t->part_bytes / s->down_bytes_per_s;
                r->delay_in_s = s->delay_s / 2 * luck->in[at];
                r->delay_out_s = s->delay_s / 2 * luck->out[at];
                r->begin_s = encode_s + r->delay_in_s;
                r->upload_s = upload_s(t, b);
                t->up_bytes += t->duties->duty[b].first_inputs * t->input_bytes;
                if (t->duties->duty[b].n_parts > 0)
                        compute_next(t, b);
                else if (t->duties->steals)
                        r->arrival_s = 0; /* has nothing of its own: redoes from the start */
        }
        t->count = t->plain = t->rank = t->global = t->boards_whole = t->parts_whole = 0;
        t->hub_s = 0;
        memset(t->have, 0, (size_t)t->duties->k_a * t->duties->k_b);
        memset(t->given, 0, (size_t)t->duties->k_a * t->duties->k_b);
        memset(t->strip_rank, 0, t->duties->k_a * sizeof(*t->strip_rank));
}

/* Another task for a board that has nothing left, at a time. */
static void send_input(trial_t *t, unsigned b, double now_s, double encode_macs)
{
        const double rate = lesser(t->speeds->board[b].up_bytes_per_s, t->speeds->here.up_bytes_per_s);
        runner_t *r = &t->runners[b];

        r->computed_s = now_s + encode_macs / HEDGED_CODING_MACS_PER_S + t->input_bytes / rate + r->delay_in_s;
        t->up_bytes += t->input_bytes;
        compute_next(t, b);
}

/* The plain part to be redone: given to fewest so far, of the board that owes most, its last. @return K: none is left. */
static unsigned choose_late(const trial_t *t)
{
        unsigned best = t->duties->k_a * t->duties->k_b, least = UINT8_MAX, most = 0;

        for (unsigned b = 0; b < t->duties->boards; b++) {
                const hedged_duty_t *d = &t->duties->duty[b];
                const unsigned owed = d->n_parts - t->runners[b].at;

                for (unsigned i = d->n_parts; i > t->runners[b].at; i--) {
                        const hedged_duty_part_t *p = &d->parts[i - 1];
                        const unsigned id = (unsigned)p->strip * t->duties->k_b + (unsigned)p->block;

                        if (t->have[id] || t->given[id] > least || (t->given[id] == least && owed <= most))
                                continue;
                        best = id;
                        least = t->given[id];
                        most = owed;
                }
        }
        return best;
}

static void steal(trial_t *t, unsigned b, double now_s)
{
        const unsigned id = choose_late(t);
        runner_t *r = &t->runners[b];

        r->arrival_s = INFINITY;
        if (id == t->duties->k_a * t->duties->k_b || t->given[id] == UINT8_MAX)
                return;
        t->given[id]++;
        r->own = false;
        r->redoes = id;
        send_input(t, b, now_s, t->input_macs / t->duties->k_a);
}

/* A board's part is in: what does it do next? */
static void go_on(trial_t *t, unsigned b, double now_s)
{
        const hedged_duty_t *d = &t->duties->duty[b];
        runner_t *r = &t->runners[b];

        if (r->own && r->at < d->n_parts && (r->at == 0 || !d->parts[r->at - 1].last))
                compute_next(t, b);
        else if (t->duties->steals)
                steal(t, b, now_s);
        else if (r->at < d->n_parts)
                send_input(t, b, now_s, t->input_macs);
        else
                r->arrival_s = INFINITY;
}

static void take_plain(trial_t *t, unsigned id)
{
        t->plain += !t->have[id];
        t->have[id] = 1;
}

/* Rank by strip: parts of a plain strip fill that strip alone, others whatever is missing. Random vectors are independent,
 * so counting is enough. */
static void take_rank(trial_t *t, const hedged_duty_part_t *p)
{
        if (p->strip < 0) {
                t->global++;
        } else if (t->strip_rank[p->strip] < t->duties->k_b) {
                t->strip_rank[p->strip]++;
                t->rank++;
        }
}

static void take(trial_t *t, unsigned b)
{
        const hedged_duty_t *d = &t->duties->duty[b];
        runner_t *r = &t->runners[b];
        const hedged_duty_part_t *p;

        t->count++;
        t->down_bytes += t->part_bytes;
        if (!r->own) {
                take_plain(t, r->redoes);
                return;
        }
        p = &d->parts[r->at++];
        if (p->strip >= 0 && p->block >= 0)
                take_plain(t, (unsigned)p->strip * t->duties->k_b + (unsigned)p->block);
        take_rank(t, p);
        if (r->at == d->n_parts) {
                t->boards_whole++;
                t->parts_whole += d->n_parts;
        }
}

static bool is_done(const trial_t *t)
{
        const unsigned rank = t->duties->k_a * t->duties->k_b;
        const unsigned count = t->duties->whole ? t->parts_whole : t->count;

        switch (t->duties->done) {
        case HEDGED_DONE_COUNT:
                return count >= t->duties->need;
        case HEDGED_DONE_BOARDS:
                return count >= t->duties->need || t->boards_whole >= t->duties->delta;
        case HEDGED_DONE_RANK:
                return t->rank == rank || t->rank + t->global >= t->duties->need;
        default:
                return t->plain == rank;
        }
}

/* No more parts come, though the matrix may be a poor one: does it decode? */
static bool is_enough(const trial_t *t)
{
        const unsigned rank = t->duties->k_a * t->duties->k_b;

        return t->duties->done == HEDGED_DONE_RANK    ? t->rank + t->global >= rank
               : t->duties->done == HEDGED_DONE_COUNT ? t->count >= rank
                                                      : false;
}

static double decode_s(const trial_t *t)
{
        const double rank = (double)t->duties->k_a * t->duties->k_b, coded = rank - t->plain;

        return (rank + coded * t->count) * t->part_elements / HEDGED_CODING_MACS_PER_S +
               HEDGED_SOLVE_S * coded * coded * coded;
}

/* @return how long it takes; infinite where it does not decode. */
static double run(trial_t *t, const hedged_luck_t *luck, unsigned trial)
{
        begin(t, luck, trial);
        for (;;) {
                unsigned next = 0;

                for (unsigned b = 1; b < t->duties->boards; b++)
                        if (t->runners[b].arrival_s < t->runners[next].arrival_s)
                                next = b;
                if (!isfinite(t->runners[next].arrival_s))
                        return is_enough(t) ? t->hub_s + decode_s(t) + HEDGED_LAYER_S : INFINITY;
                if (t->runners[next].own && t->runners[next].at == t->duties->duty[next].n_parts) {
                        go_on(t, next, t->runners[next].arrival_s);
                        continue;
                }
                t->hub_s = HEDGED_PART_S + greater(t->runners[next].arrival_s,
                                                   t->hub_s + t->part_bytes / t->speeds->here.down_bytes_per_s);
                take(t, next);
                if (is_done(t))
                        return t->hub_s + decode_s(t) + HEDGED_LAYER_S;
                go_on(t, next, t->hub_s);
        }
}

static int trial_init(trial_t *t, const hedged_speeds_t *speeds, const hedge_partition_t *p,
                      const hedged_duties_t *duties, hedge_precision_t wire)
{
        const size_t input = hedge_partition_input_elements(p), part = hedge_partition_part_elements(p);
        const size_t rank = (size_t)duties->k_a * duties->k_b;

        *t = (trial_t){ .speeds = speeds, .duties = duties };
        t->input_bytes = (double)hedge_precision_bytes(wire, input);
        t->part_bytes = (double)hedge_precision_bytes(wire, part);
        t->part_macs = (double)hedge_conv_macs(&p->part);
        t->part_elements = (double)part;
        t->input_macs = (double)input * duties->k_a;
        t->runners = calloc(duties->boards, sizeof(*t->runners));
        t->have = calloc(rank, 1);
        t->given = calloc(rank, 1);
        t->strip_rank = calloc(duties->k_a, sizeof(*t->strip_rank));
        return t->runners && t->have && t->given && t->strip_rank ? 0 : -ENOMEM;
}

static int by_size(const void *a, const void *b)
{
        const double x = *(const double *)a, y = *(const double *)b;

        return x < y ? -1 : x > y;
}

/* The 99th percentile of sorted values, between its neighbours. */
static double p99_of(const double *sorted, unsigned n)
{
        const double at = 0.99 * (n - 1);
        const unsigned below = (unsigned)at;

        if (below + 1 >= n || !isfinite(sorted[below + 1]))
                return sorted[n - 1];
        return sorted[below] + (at - below) * (sorted[below + 1] - sorted[below]);
}

int hedged_simulate(const hedged_speeds_t *speeds, const hedge_partition_t *partition, const hedged_duties_t *duties,
                    hedge_precision_t wire, const hedged_luck_t *luck, hedged_forecast_t *ret)
{
        double *took = calloc(luck->trials, sizeof(*took)), sum = 0;
        trial_t t = { 0 };
        int r = trial_init(&t, speeds, partition, duties, wire);

        if (r == 0 && took) {
                for (unsigned i = 0; i < luck->trials; i++)
                        sum += took[i] = run(&t, luck, i);
                qsort(took, luck->trials, sizeof(*took), by_size);
                *ret = (hedged_forecast_t){ .mean_s = sum / luck->trials,
                                            .p99_s = p99_of(took, luck->trials),
                                            .up_bytes = t.up_bytes / luck->trials,
                                            .down_bytes = t.down_bytes / luck->trials };
        }
        free(t.runners);
        free(t.have);
        free(t.given);
        free(t.strip_rank);
        free(took);
        return took ? r : -ENOMEM;
}

double hedged_local_s(const hedged_speeds_t *speeds, const hedge_conv_t *conv)
{
        return (double)hedge_conv_macs(conv) / speeds->here.macs_per_s * (1 + speeds->here.spread);
}

/* Exp(1) by stratum: the quantiles of trials equal slices, shuffled. */
static void draw(double *column, unsigned trials, unsigned stride, uint64_t state)
{
        for (unsigned i = 0; i < trials; i++)
                column[(size_t)i * stride] = -log1p(-(i + hedge_random_uniform(&state)) / trials);
        for (unsigned i = trials; i > 1; i--) {
                unsigned j = (unsigned)(hedge_random_uniform(&state) * i);
                double kept = column[(size_t)(i - 1) * stride];

                column[(size_t)(i - 1) * stride] = column[(size_t)j * stride];
                column[(size_t)j * stride] = kept;
        }
}

int hedged_luck_new(unsigned trials, unsigned boards, uint64_t seed, hedged_luck_t **ret)
{
        const size_t n = (size_t)trials * boards;
        hedged_luck_t *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        l->trials = trials;
        l->boards = boards;
        l->slow = calloc(3 * n, sizeof(double));
        if (!l->slow) {
                free(l);
                return -ENOMEM;
        }
        l->in = l->slow + n;
        l->out = l->in + n;
        for (unsigned b = 0; b < boards; b++) {
                draw(l->slow + b, trials, boards, hedge_random_row(seed, 3 * (uint64_t)b));
                draw(l->in + b, trials, boards, hedge_random_row(seed, 3 * (uint64_t)b + 1));
                draw(l->out + b, trials, boards, hedge_random_row(seed, 3 * (uint64_t)b + 2));
        }
        *ret = l;
        return 0;
}

void hedged_luck_destroy(hedged_luck_t **luck)
{
        if (*luck)
                free((*luck)->slow);
        free(*luck);
        *luck = NULL;
}
