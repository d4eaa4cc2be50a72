/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/uep/uep.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/tensor.h"
#include "common/train/mlp.h"
#include "daemon/train/uep/chance.h"
#include "daemon/train/uep/exchange.h"

#define PACKET_BYTES (2ull << 30) /* of the packets of a product at most */
#define DRIFT        0.05 /* windows are chosen anew when the chance that a packet comes has changed by so much */
#define FRUITLESS    50   /* products in a row that nothing came of, before that is said */
#define GRADIENTS    4    /* odd numbers that tell the seeds of a layer's products apart */

/* One of the network's products, again in every step. */
typedef struct slot {
        hedge_uep_shape_t shape; /* with its sides rounded up */
        float *a, *b, *c;
        hedged_chance_t chance;
        double chosen_for; /* the chance that `windows` were chosen for; negative: none are */
        unsigned chosen_boards;
        unsigned n_windows;
        double windows[HEDGE_UEP_MAX_CLASSES];
        hedged_product_t *product; /* while it is computed */
        float *to;                 /* where it goes: rows x columns of it */
        uint32_t rows, inner, columns;
        uint32_t *row, *mid, *column; /* which one is at each place of A's rows, of the inner side and of B's columns */
        double *norms;                /* as many as the longest of them */
} slot_t;

typedef struct uep {
        hedged_work_t *work;
        hedge_mlp_t *mlp;
        hedge_batches_t *batches;
        hedged_round_t *round;
        hedge_uep_setup_t setup;
        unsigned least; /* boards */
        hedge_checkpoint_t at;
        float *gradient, *images;
        uint8_t *labels;
        uint32_t n_dense;
        slot_t *weigh, *backward; /* of every dense layer */
        slot_t *open[HEDGED_EXCHANGE_MOST];
        unsigned n_open;
        bool waited, complained[HEDGE_CODE_MAX_BOARDS];
        bool begun, here[HEDGE_CODE_MAX_BOARDS]; /* at the step before */
        unsigned fruitless;
        uint64_t up, down; /* bytes that were reported */
        uint64_t late;     /* packets of this step */
        unsigned boards;   /* of this step */
        hedge_why_t *why;  /* of this step */
} uep_t;

static int no_memory(hedge_why_t *why)
{
        return hedge_why(why, -ENOMEM, "out of memory");
}

/* ---- getting ready ---- */

static void release_slot(slot_t *s)
{
        hedged_product_destroy(&s->product);
        free(s->a);
        free(s->b);
        free(s->c);
        free(s->row);
        free(s->mid);
        free(s->column);
        free(s->norms);
}

static void close_uep(void **method)
{
        uep_t *u = *method;

        if (!u)
                return;
        for (uint32_t i = 0; i < u->n_dense; i++) {
                if (u->weigh)
                        release_slot(&u->weigh[i]);
                if (u->backward)
                        release_slot(&u->backward[i]);
        }
        free(u->weigh);
        free(u->backward);
        hedged_round_destroy(&u->round);
        hedge_mlp_destroy(&u->mlp);
        hedge_batches_destroy(&u->batches);
        hedge_checkpoint_release(&u->at);
        free(u->gradient);
        free(u->images);
        free(u->labels);
        free(u);
        *method = NULL;
}

static uint32_t *make_order(uint32_t n)
{
        uint32_t *order = malloc((n + 1) * sizeof(*order));

        for (uint32_t i = 0; order && i < n; i++)
                order[i] = i;
        return order;
}

static int make_slot(const uep_t *u, slot_t *s, uint32_t rows, uint32_t inner, uint32_t columns)
{
        const hedge_uep_shape_t *shape = &s->shape;

        hedge_job_uep_shape(u->work->job, rows, inner, columns, &s->shape);
        s->chosen_for = -1;
        s->rows = rows;
        s->inner = inner;
        s->columns = columns;
        s->a = calloc((size_t)shape->rows * shape->inner, sizeof(float));
        s->b = calloc((size_t)shape->inner * shape->columns, sizeof(float));
        s->c = calloc((size_t)shape->rows * shape->columns, sizeof(float));
        s->row = make_order(rows);
        s->mid = make_order(inner);
        s->column = make_order(columns);
        s->norms = calloc((size_t)rows + inner + columns, sizeof(double));
        return s->a && s->b && s->c && s->row && s->mid && s->column && s->norms ? 0 : -ENOMEM;
}

static int make_slots(uep_t *u, uint32_t batch, hedge_why_t *why)
{
        int r = 0;

        u->n_dense = hedge_mlp_count(u->mlp);
        u->weigh = calloc(u->n_dense + 1, sizeof(*u->weigh));
        u->backward = calloc(u->n_dense + 1, sizeof(*u->backward));
        if (!u->weigh || !u->backward)
                return no_memory(why);
        for (uint32_t i = 0; r == 0 && i < u->n_dense; i++) {
                const hedge_layer_t *l = hedge_mlp_dense(u->mlp, i);

                r = make_slot(u, &u->weigh[i], l->y.c, batch, l->x.c);
                if (r == 0 && i > 0)
                        r = make_slot(u, &u->backward[i], batch, l->y.c, l->x.c);
        }
        u->least = u->n_dense ? hedge_uep_setup_boards(&u->setup, &u->weigh[0].shape) : 1;
        return r < 0 ? no_memory(why) : 0;
}

static int make_vectors(uep_t *u, uint32_t batch, hedge_why_t *why)
{
        const hedge_net_t *net = u->work->net;

        u->gradient = hedge_floats_new(net->n_params);
        u->images = hedge_floats_new(batch * hedge_extent_elements(&net->image));
        u->labels = malloc(batch);
        if (hedge_checkpoint_begin(net, u->work->job->seed, &u->at) < 0 || !u->gradient || !u->images || !u->labels)
                return no_memory(why);
        return 0;
}

static int make(uep_t *u, hedge_why_t *why)
{
        hedged_work_t *w = u->work;
        const hedge_job_t *job = w->job;
        uint32_t batch = 1;
        int r = hedge_job_steps(job, w->train->count, 1, &batch, &w->steps, why);

        hedge_job_uep_setup(job, &u->setup);
        if (r == 0)
                r = hedge_job_sgd(job, w->steps, &w->sgd, why);
        if (r == 0)
                r = hedge_batches_new(w->train, &w->norm, job->seed, batch, job->data.flip, &u->batches, why);
        if (r == 0)
                r = hedge_mlp_new(w->net, batch, &u->mlp, why);
        if (r == 0)
                r = make_vectors(u, batch, why);
        if (r == 0)
                r = make_slots(u, batch, why);
        if (r == 0 && hedged_round_new(w->settings->line, w->settings->folder->job, &u->round) < 0)
                r = no_memory(why);
        return r;
}

static int open_uep(hedged_work_t *work, void **ret, hedge_why_t *why)
{
        uep_t *u = calloc(1, sizeof(*u));
        int r;

        if (!u)
                return no_memory(why);
        u->work = work;
        r = make(u, why);
        if (r < 0) {
                close_uep((void **)&u);
                return r;
        }
        work->at = &u->at;
        *ret = u;
        return 0;
}

/* ---- products ---- */

/* A and B of a product as they are given: A(i, k) = a[i * row + k * mid], B dense. */
typedef struct factors {
        const float *a, *b;
        size_t row, mid;
} factors_t;

static int greater_first(const void *a, const void *b, void *norms)
{
        const double x = ((const double *)norms)[*(const uint32_t *)a],
                     y = ((const double *)norms)[*(const uint32_t *)b];

        return x > y ? -1 : x < y;
}

static void sort(uint32_t *order, uint32_t n, double *norms)
{
        qsort_r(order, n, sizeof(*order), greater_first, norms);
}

static double square(const float *from, size_t stride, uint32_t n)
{
        double sum = 0;

        for (uint32_t i = 0; i < n; i++)
                sum += (double)from[i * stride] * from[i * stride];
        return sum;
}

/* What is large comes together, so that blocks differ as much as they can: rows of A and columns of B by their norms, or, where
 * the inner side is cut, what meets there by the product of both. */
static void find_order(slot_t *s, const factors_t *f)
{
        const bool crossed = s->shape.split == HEDGE_UEP_ROW_COLUMN;

        for (uint32_t i = 0; crossed && i < s->rows; i++)
                s->norms[i] = square(f->a + i * f->row, f->mid, s->inner);
        if (crossed)
                sort(s->row, s->rows, s->norms);
        for (uint32_t j = 0; crossed && j < s->columns; j++)
                s->norms[j] = square(f->b + j, s->columns, s->inner);
        if (crossed)
                sort(s->column, s->columns, s->norms);
        for (uint32_t k = 0; !crossed && k < s->inner; k++)
                s->norms[k] = square(f->a + k * f->mid, f->row, s->rows) *
                              square(f->b + (size_t)k * s->columns, 1, s->columns);
        if (!crossed)
                sort(s->mid, s->inner, s->norms);
}

/* Into the upper left corners; what its sides are rounded up by stays 0. */
static void fill(slot_t *s, const factors_t *f)
{
        find_order(s, f);
        for (uint32_t i = 0; i < s->rows; i++)
                for (uint32_t k = 0; k < s->inner; k++)
                        s->a[(size_t)i * s->shape.inner + k] = f->a[s->row[i] * f->row + s->mid[k] * f->mid];
        for (uint32_t k = 0; k < s->inner; k++)
                for (uint32_t j = 0; j < s->columns; j++)
                        s->b[(size_t)k * s->shape.columns + j] = f->b[(size_t)s->mid[k] * s->columns + s->column[j]];
}

static void give(const slot_t *s)
{
        for (uint32_t i = 0; i < s->rows; i++)
                for (uint32_t j = 0; j < s->columns; j++)
                        s->to[(size_t)s->row[i] * s->columns + s->column[j]] = s->c[(size_t)i * s->shape.columns + j];
}

static double deadline_s(const uep_t *u)
{
        return u->work->job->uep.deadline_ms / 1000;
}

/* Windows: as the job says; else chosen for how many packets come in time, again when that has changed. */
static int make_product(uep_t *u, slot_t *s, uint64_t seed)
{
        const double chance = hedged_chance_learnt(&s->chance, deadline_s(u));
        const unsigned boards = hedged_round_count(u->round);
        const bool keep = s->chosen_for >= 0 && fabs(chance - s->chosen_for) < DRIFT && s->chosen_boards == boards;
        hedge_uep_setup_t setup = u->setup;
        int r;

        setup.seed = seed;
        if (keep && setup.n_windows == 0) {
                setup.n_windows = s->n_windows;
                memcpy(setup.windows, s->windows, sizeof(setup.windows));
        }
        r = hedged_product_new(&setup, &s->shape, s->a, s->b, boards, chance, &s->product, u->why);
        if (r < 0)
                return r == HEDGE_ENOBOARDS ? -EAGAIN : r == -EINVAL ? -EDOM : r;
        if (hedged_product_bytes(s->product) > PACKET_BYTES)
                return hedge_why(u->why, HEDGE_ELIMIT, "uep.packets: the packets of a product would take %llu MiB",
                                 (unsigned long long)(hedged_product_bytes(s->product) >> 20));
        if (!keep && chance >= 0 && hedge_uep_scheme_has_windows(setup.scheme)) {
                s->chosen_for = chance;
                s->chosen_boards = boards;
                s->n_windows = hedge_uep_classes(hedged_product_code(s->product))->classes;
                memcpy(s->windows, hedged_product_windows(s->product), s->n_windows * sizeof(*s->windows));
        }
        return 0;
}

static void complain(uep_t *u, const hedged_exchanged_t *exchanged)
{
        for (unsigned i = 0; i < exchanged->refused && i < HEDGED_EXCHANGE_REFUSALS; i++) {
                const hedged_refusal_t *refusal = &exchanged->refusals[i];

                if (u->complained[refusal->board])
                        continue;
                u->complained[refusal->board] = true;
                hedged_progress_event(u->work->progress, "%s refuses products: %s",
                                      hedged_round_name(u->round, refusal->board), refusal->why.text);
        }
}

static bool is_complete(const uep_t *u)
{
        for (unsigned i = 0; i < u->n_open; i++)
                if (!hedged_product_complete(u->open[i]->product))
                        return false;
        return true;
}

/* @return -EAGAIN: no board is here any more. */
static int judge(uep_t *u, const hedged_exchanged_t *exchanged)
{
        complain(u, exchanged);
        u->boards = exchanged->boards > u->boards ? exchanged->boards : u->boards;
        if (hedged_round_count(u->round) == 0 && !is_complete(u))
                return -EAGAIN;
        if (exchanged->received > 0) {
                u->fruitless = 0;
                return 0;
        }
        if (exchanged->refused > 0)
                return hedge_why(u->why, HEDGE_ENOBOARDS, "no board computes its products: %s: %.300s",
                                 hedged_round_name(u->round, exchanged->refusals[0].board),
                                 exchanged->refusals[0].why.text);
        if (++u->fruitless == FRUITLESS)
                hedged_progress_event(u->work->progress,
                                      "nothing has come by the deadline of %g ms (uep.deadline_ms) in %d products",
                                      u->work->job->uep.deadline_ms, FRUITLESS);
        return 0;
}

static void count_late(uep_t *u, hedged_product_t *product)
{
        const hedged_packet_t *packets = hedged_product_packets(product);

        if (hedged_product_complete(product))
                return;
        for (unsigned i = 0; i < hedge_uep_packets(hedged_product_code(product)); i++)
                u->late += packets[i].received_us == 0;
}

static int finish(uep_t *u, slot_t *s, const hedged_exchanged_t *exchanged)
{
        int r = hedged_product_finish(s->product, s->c);

        hedged_chance_learn(&s->chance, s->product, exchanged->ended_us);
        count_late(u, s->product);
        if (r < 0)
                return hedge_why(u->why, r, "%s", hedge_strerror(r));
        give(s);
        return 0;
}

/* Have all that are open computed. */
static int compute(uep_t *u)
{
        hedged_product_t *products[HEDGED_EXCHANGE_MOST];
        hedged_exchanged_t exchanged;
        int r;

        for (unsigned i = 0; i < u->n_open; i++)
                products[i] = u->open[i]->product;
        r = hedged_exchange(u->round, products, u->n_open, hedge_now_us() + (int64_t)(deadline_s(u) * 1e6), &exchanged);
        if (r == 0)
                r = judge(u, &exchanged);
        for (unsigned i = 0; i < u->n_open; i++) {
                if (r == 0)
                        r = finish(u, u->open[i], &exchanged);
                hedged_product_destroy(&u->open[i]->product);
        }
        u->n_open = 0;
        return r;
}

static int add(uep_t *u, slot_t *s, const factors_t *factors, float *to, uint64_t number)
{
        int r;

        fill(s, factors);
        r = make_product(u, s, u->at.seed + GRADIENTS * (u->at.step * (u->n_dense + 1) + number / 2) + number % 2);

        if (r < 0) {
                hedged_product_destroy(&s->product);
                return r;
        }
        s->to = to;
        u->open[u->n_open++] = s;
        return 0;
}

/* dx = delta W */
static int backward(void *arg, uint32_t dense, uint32_t batch, const float *delta, float *dx)
{
        uep_t *u = arg;
        const hedge_layer_t *l = hedge_mlp_dense(u->mlp, dense);
        const factors_t factors = { delta, u->at.params + l->weights, l->y.c, 1 };
        int r = add(u, &u->backward[dense], &factors, dx, 2 * dense);

        return r == 0 ? compute(u) : r;
}

/* dw = delta^T x; the first layer's comes last. */
static int weigh(void *arg, uint32_t dense, uint32_t batch, const float *delta, const float *x, float *dw)
{
        uep_t *u = arg;
        const hedge_layer_t *l = hedge_mlp_dense(u->mlp, dense);
        const factors_t factors = { delta, x, 1, l->y.c };
        int r = add(u, &u->weigh[dense], &factors, dw, 2 * dense + 1);

        return r == 0 && (dense == 0 || u->n_open == HEDGED_EXCHANGE_MOST) ? compute(u) : r;
}

/* ---- a step ---- */

static void tell_waiting(void *arg, unsigned here)
{
        uep_t *u = arg;

        u->waited = true;
        hedged_progress_waiting(u->work->progress, true);
        hedged_progress_boards(u->work->progress, here);
        hedged_progress_event(u->work->progress, "waiting for %u boards: %u are here", u->least, here);
}

/* Who has come, and who has gone, since the step before. */
static void tell_changes(uep_t *u)
{
        for (unsigned i = 0; i < HEDGE_CODE_MAX_BOARDS; i++) {
                const bool here = hedged_round_here(u->round, i);

                if (u->begun && u->here[i] && !here)
                        hedged_progress_event(u->work->progress, "%s is lost: going on with %u boards",
                                              hedged_round_name(u->round, i), hedged_round_count(u->round));
                if (u->begun && here && !u->here[i])
                        hedged_progress_event(u->work->progress, "%s takes part", hedged_round_name(u->round, i));
                u->here[i] = here;
        }
        u->begun = true;
}

static int wait_for_boards(uep_t *u)
{
        int r = hedged_exchange_wait(u->round, u->least, tell_waiting, u);

        if (r < 0)
                return r;
        if (u->waited)
                hedged_progress_event(u->work->progress, "going on with %u boards", hedged_round_count(u->round));
        u->waited = false;
        tell_changes(u);
        hedged_progress_waiting(u->work->progress, false);
        hedged_progress_boards(u->work->progress, hedged_round_count(u->round));
        return 0;
}

static void drop_open(uep_t *u)
{
        while (u->n_open)
                hedged_product_destroy(&u->open[--u->n_open]->product);
}

static int find_gradient(uep_t *u, hedge_score_t *ret)
{
        const hedge_mlp_hooks_t hooks = { .arg = u, .backward = backward, .weigh = weigh };
        int r;

        do {
                r = wait_for_boards(u);
                if (r == 0)
                        r = hedge_mlp_gradient(u->mlp, &hooks, u->at.params, u->images, u->labels,
                                               hedge_batches_size(u->batches), u->gradient, ret);
                drop_open(u);
        } while (r == -EAGAIN);
        return r == 0 && !isfinite(ret->loss) ? -EDOM : r;
}

static void count(uep_t *u, const hedge_score_t *score, hedged_tally_t *tally)
{
        uint64_t up, down;

        hedged_round_bytes(u->round, &up, &down);
        tally->images = hedge_batches_size(u->batches);
        tally->loss = score->loss * (double)tally->images;
        tally->counted = u->boards;
        tally->late = u->late;
        tally->bytes_up = up - u->up;
        tally->bytes_down = down - u->down;
        u->up = up;
        u->down = down;
}

static int step_uep(void *method, hedged_tally_t *tally, hedge_why_t *why)
{
        uep_t *u = method;
        hedged_work_t *w = u->work;
        hedge_score_t score;
        int r;

        if (hedged_line_stopping(w->settings->line) != HEDGED_STOP_NO)
                return HEDGE_ESHUTDOWN;
        u->why = why;
        u->late = u->boards = 0;
        hedge_batches_get(u->batches, u->at.step / w->steps, (uint32_t)(u->at.step % w->steps), u->images, u->labels);
        r = find_gradient(u, &score);
        if (r < 0)
                return !*why->text && r != HEDGE_ESHUTDOWN && r != -EDOM ? hedge_why(why, r, "%s", hedge_strerror(r))
                                                                         : r;
        hedge_sgd_apply(&w->sgd, w->net, u->at.step, u->gradient, u->at.momentum, u->at.params);
        u->at.step++;
        u->at.epoch = u->at.step / w->steps;
        count(u, &score, tally);
        return 0;
}

const hedged_method_t hedged_method_uep = { .open = open_uep, .step = step_uep, .close = close_uep };
