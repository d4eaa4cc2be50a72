/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/solve.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/basis.h"
#include "common/code/conv/scheme.h"

/* Closer than rounding can tell. */
#define NEAR (8 * DBL_EPSILON)

/* An update leaves errors of about DBL_EPSILON x the size of the weights before it: up to here far below what floats can tell. */
#define TRUSTED 1e4

#define GROWTH 16u /* parts for which there is room beyond those that came */

void hedge_solver_release(hedge_solver_t *s)
{
        hedge_rest_release(&s->rest);
        free(s->weights);
        *s = (hedge_solver_t){ 0 };
}

/* Where plain parts may come the rest is the smaller the later it is opened, and so it waits until there are enough parts; where none
 * can, the work is done while others are on their way. */
static bool is_time(const hedge_received_t *received)
{
        const hedge_scheme_t scheme = hedge_code_scheme(received->code);
        const bool only_coded =
                !received->code->systematic &&
                (scheme == HEDGE_SCHEME_KRP || scheme == HEDGE_SCHEME_NSCTC || scheme == HEDGE_SCHEME_MDS);

        return only_coded || received->coded >= received->missing;
}

int hedge_solver_take(hedge_solver_t *s, const hedge_received_t *received)
{
        int r = 0;

        if (s->is_ready)
                return 0;
        if (s->rest.blocks == 0 && is_time(received))
                r = hedge_rest_open(&s->rest, received);
        if (r < 0)
                return r;
        hedge_rest_take(&s->rest, received);
        s->is_ready = received->missing == 0 || (s->rest.blocks > 0 && s->rest.rank == s->rest.blocks);
        return 0;
}

unsigned hedge_solver_missing(const hedge_solver_t *s, const hedge_received_t *received)
{
        if (s->is_ready)
                return 0;
        return s->rest.blocks > 0 ? s->rest.blocks - s->rest.rank : received->missing - received->coded;
}

static double *weights_of(const hedge_solver_t *s, unsigned part)
{
        return s->weights + (size_t)part * s->rest.blocks;
}

static void add_times(double *restrict to, double factor, const double *restrict from, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                to[i] += factor * from[i];
}

static int make_room(hedge_solver_t *s, unsigned count)
{
        const unsigned room = count + GROWTH;
        double *weights;

        if (count <= s->room)
                return 0;
        weights = realloc(s->weights, (size_t)room * s->rest.blocks * sizeof(*weights));
        if (!weights)
                return -ENOMEM;
        s->weights = weights;
        s->room = room;
        return 0;
}

/* Is it the part that stands for a block that came as it is before the rest was opened? Other copies of it count for nothing. */
static bool is_given(const hedge_solver_t *s, const hedge_received_t *received, unsigned part)
{
        const unsigned block = received->parts[part].block;

        return block < hedge_code_rank(received->code) && s->rest.row[block] < 0 &&
               received->plain[block] == (int32_t)part;
}

/* The chosen parts are Q R by columns, and so the weights W of R^T W^T = ... : W R^T = Q, from the last part to the first. */
static void solve_chosen(hedge_solver_t *s)
{
        const hedge_rest_t *rest = &s->rest;
        const unsigned n = rest->blocks;

        for (unsigned v = n; v-- > 0;) {
                double *w = weights_of(s, rest->chosen[v]);

                memcpy(w, rest->basis + (size_t)v * n, n * sizeof(*w));
                for (unsigned j = v + 1; j < n; j++)
                        add_times(w, -rest->upper[(size_t)j * n + v], weights_of(s, rest->chosen[j]), n);
                for (unsigned i = 0; i < n; i++)
                        w[i] /= rest->upper[(size_t)v * n + v];
        }
}

/* What the chosen parts hold of given blocks is taken out of them. */
static void take_out_given(hedge_solver_t *s, const hedge_received_t *received)
{
        double column[HEDGE_CODE_MAX_PARTS];
        const unsigned n = s->rest.blocks, rank = hedge_code_rank(received->code);

        for (unsigned v = 0; v < n; v++) {
                const double *w = weights_of(s, s->rest.chosen[v]);

                hedge_received_column(received, s->rest.chosen[v], column);
                for (unsigned k = 0; k < rank; k++)
                        if (s->rest.row[k] < 0 && column[k] != 0)
                                add_times(weights_of(s, (unsigned)received->plain[k]), -column[k], w, n);
        }
}

static double size_of(const hedge_solver_t *s, const hedge_received_t *received)
{
        double sum = 0;

        for (unsigned p = 0; p < received->count; p++)
                sum += received->parts[p].power * hedge_basis_dot(weights_of(s, p), weights_of(s, p), s->rest.blocks);
        return sqrt(sum);
}

/* How what the other parts foretell of part `index` is made of them. @return how wrong that is and the part beside it, squared. */
static double foretell(const hedge_solver_t *s, const hedge_received_t *received, unsigned index, double *share)
{
        double column[HEDGE_CODE_MAX_PARTS], rows[HEDGE_CODE_MAX_PARTS];
        double power = received->parts[index].power;

        hedge_received_column(received, index, column);
        for (unsigned i = 0; i < s->rest.blocks; i++)
                rows[i] = column[s->rest.block[i]];
        for (unsigned p = 0; p < received->count; p++) {
                share[p] = hedge_basis_dot(weights_of(s, p), rows, s->rest.blocks);
                if (is_given(s, received, p))
                        share[p] += column[received->parts[p].block];
                power += received->parts[p].power * share[p] * share[p];
        }
        return power;
}

/* Move the blocks by what the part says beside what is foretold of it. It and those after it have no weight so far. */
static void update(hedge_solver_t *s, const hedge_received_t *received, unsigned index)
{
        double share[HEDGE_CODE_MAX_ALL_PARTS], by[HEDGE_CODE_MAX_PARTS] = { 0 };
        const double power = foretell(s, received, index, share);
        const unsigned n = s->rest.blocks;

        for (unsigned p = 0; p < received->count; p++)
                add_times(by, received->parts[p].power * share[p] / power, weights_of(s, p), n);
        for (unsigned p = 0; p < received->count; p++)
                add_times(weights_of(s, p), -share[p], by, n);
        memcpy(weights_of(s, index), by, n * sizeof(*by));
}

/* Does a part say anything of the blocks of the rest that the weights do not take in yet? */
static bool is_news(const hedge_solver_t *s, const hedge_received_t *received, unsigned part)
{
        if (!hedge_rest_takes(&s->rest, received, part))
                return false;
        for (unsigned v = 0; v < s->rest.rank && part < s->rest.looked; v++)
                if (s->rest.chosen[v] == part)
                        return false;
        return true;
}

static int start(hedge_solver_t *s, const hedge_received_t *received)
{
        const size_t bytes = (size_t)received->count * s->rest.blocks * sizeof(double);

        if (s->rest.rank < s->rest.blocks)
                return HEDGE_EUNDECODABLE;
        if (make_room(s, received->count) < 0)
                return -ENOMEM;
        memset(s->weights, 0, bytes);
        solve_chosen(s);
        take_out_given(s, received);
        s->size = size_of(s, received);
        return 0;
}

static bool is_there_choice(const hedge_solver_t *s, const hedge_received_t *received)
{
        unsigned n = 0;

        for (unsigned p = 0; p < received->count; p++)
                n += hedge_rest_takes(&s->rest, received, p);
        return n > s->rest.blocks;
}

static int start_again(hedge_solver_t *s, const hedge_received_t *received)
{
        int r;

        s->count = 0;
        hedge_rest_take(&s->rest, received);
        r = start(s, received);
        if (r < 0 || s->size <= TRUSTED || !is_there_choice(s, received))
                return r;
        r = hedge_rest_choose(&s->rest, received);
        return r < 0 ? r : start(s, received);
}

static int go_on(hedge_solver_t *s, const hedge_received_t *received)
{
        const size_t more = (size_t)(received->count - s->count) * s->rest.blocks * sizeof(double);

        if (make_room(s, received->count) < 0)
                return -ENOMEM;
        memset(weights_of(s, s->count), 0, more);
        return 0;
}

int hedge_solver_run(hedge_solver_t *s, const hedge_received_t *received)
{
        int r;

        if (received->missing == 0)
                return 0;
        r = s->count > 0 && s->size <= TRUSTED ? go_on(s, received) : start_again(s, received);
        for (unsigned p = s->count; r == 0 && p < received->count; p++)
                if (is_news(s, received, p))
                        update(s, received, p);
        if (r == 0)
                s->count = received->count;
        return r;
}

static void fill_row(const hedge_solver_t *s, hedge_solution_t *solution, unsigned block, unsigned dense)
{
        const unsigned row = (unsigned)s->rest.row[block];

        for (unsigned p = 0; p < solution->count; p++) {
                const double w = weights_of(s, p)[row];

                solution->f64[(size_t)dense * solution->count + p] = fabs(w) <= NEAR ? 0 : w;
                solution->f32[(size_t)dense * solution->count + p] = fabs(w) <= NEAR ? 0 : (float)w;
        }
}

/* A part is as large as its column is long, and so is what it is wrong by. A block that is a copy takes 1 of its part. */
static void measure(hedge_solution_t *s, const hedge_received_t *received)
{
        double errors = 0, weights = 0, columns = 0;

        for (unsigned p = 0; p < s->count; p++) {
                const hedge_received_part_t *part = &received->parts[p];
                double sum = part->block < s->rank && received->plain[part->block] == (int32_t)p;

                for (unsigned i = 0; i < s->dense; i++)
                        sum += s->f64[(size_t)i * s->count + p] * s->f64[(size_t)i * s->count + p];
                errors += part->power * sum;
                weights += sum;
                columns += sum > 0 ? part->power : 0;
        }
        s->gain = sqrt(errors / s->rank);
        s->condition = sqrt(columns * weights) / s->rank;
}

int hedge_solver_finish(const hedge_solver_t *s, const hedge_received_t *received, hedge_solution_t **ret)
{
        const unsigned rank = hedge_code_rank(received->code);
        hedge_solution_t *solution = hedge_solution_new(rank, received->missing, received->count);
        unsigned dense = 0;

        if (!solution)
                return -ENOMEM;
        for (unsigned k = 0; k < rank; k++) {
                solution->rows[k] = (hedge_solution_row_t){ received->plain[k], dense };
                if (received->plain[k] < 0)
                        fill_row(s, solution, k, dense++);
        }
        solution->rows[rank] = (hedge_solution_row_t){ -1, dense };
        measure(solution, received);
        if (!(solution->condition * rank < 1 / DBL_EPSILON)) {
                hedge_solution_destroy(&solution);
                return HEDGE_EUNDECODABLE;
        }
        *ret = solution;
        return 0;
}
