/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/calibrate.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define MORE_PARTS 12u /* that are taken for a better condition, at most */

typedef struct gathered {
        unsigned at[HEDGE_CODE_MAX_BOARDS];
        uint16_t strip_rank[HEDGE_CODE_MAX_PARTS];
        unsigned count, ranked; /* ranked: by strip, as the simulation counts */
} gathered_t;

/* The board whose next part comes first. @return the number of boards where none has any. */
static unsigned next_board(const hedged_duties_t *d, const gathered_t *g, const double *slow)
{
        unsigned best = d->boards;
        double first = INFINITY;

        for (unsigned b = 0; b < d->boards; b++) {
                const double at = (1 + slow[b]) * (g->at[b] + 1);

                if (g->at[b] < d->duty[b].n_parts && at < first) {
                        first = at;
                        best = b;
                }
        }
        return best;
}

static void count(const hedged_duties_t *d, gathered_t *g, const hedged_duty_part_t *p)
{
        g->count++;
        if (p->strip < 0)
                g->ranked++;
        else if (g->strip_rank[p->strip] < d->k_b)
                g->strip_rank[p->strip]++, g->ranked++;
}

static bool is_accurate(const hedged_tolerance_t *t, double gain)
{
        return hedge_decode_error(gain, t->conv_error, t->wire) <= t->accuracy;
}

/* Give the decoder parts until it is content. @return 0, HEDGE_EUNDECODABLE, ... */
static int gather(const hedged_duties_t *d, hedge_decoder_t *decoder, const double *slow,
                  const hedged_tolerance_t *tolerance, gathered_t *g, double *ret_condition)
{
        unsigned tries = 0;

        for (;;) {
                const unsigned b = next_board(d, g, slow);
                const hedged_duty_part_t *p;
                int r;

                if (b == d->boards)
                        return tries > 0 ? 0 : HEDGE_EUNDECODABLE;
                p = &d->duty[b].parts[g->at[b]++];
                r = hedge_decoder_add(decoder, b, p->part);
                if (r < 0)
                        return r;
                count(d, g, p);
                if (!hedge_decoder_ready(decoder))
                        continue;
                r = hedge_decoder_solve(decoder, ret_condition);
                if (r < 0 && r != HEDGE_EUNDECODABLE)
                        return r;
                if (r == 0 && (is_accurate(tolerance, hedge_decoder_gain(decoder)) || tries++ >= MORE_PARTS))
                        return 0;
        }
}

/* One trial. @param ret_need  Parts as the simulation counts them. */
static int try_once(const hedge_code_t *code, const hedged_duties_t *duties, const double *slow,
                    const hedged_tolerance_t *tolerance, unsigned *ret_need, double *ret_condition, double *ret_gain)
{
        hedge_decoder_t *decoder = NULL;
        gathered_t g;
        int r = hedge_decoder_new(code, &decoder);

        memset(&g, 0, sizeof(g));
        *ret_condition = 1;
        if (r == 0)
                r = gather(duties, decoder, slow, tolerance, &g, ret_condition);
        if (r == 0) {
                *ret_need = duties->done == HEDGED_DONE_RANK ? g.ranked : g.count;
                *ret_gain = hedge_decoder_gain(decoder);
        }
        hedge_decoder_destroy(&decoder);
        return r;
}

int hedged_calibrate(const hedge_code_t *code, const hedged_duties_t *duties, const double *calm,
                     const hedged_luck_t *luck, const hedged_tolerance_t *tolerance, hedged_quality_t *ret)
{
        double all = 0, log_condition = 0, log_gain = 0, condition, gain;
        const unsigned trials = luck->trials < HEDGED_CALIBRATE_TRIALS ? luck->trials : HEDGED_CALIBRATE_TRIALS;
        unsigned need, mean;
        int r;

        for (unsigned i = 0; i < trials; i++) {
                r = try_once(code, duties, luck->slow + (size_t)i * luck->boards, tolerance, &need, &condition, &gain);
                if (r < 0)
                        return r;
                all += need;
                log_condition += log(fmax(condition, 1));
                log_gain += log(fmax(gain, 1e-3));
        }
        r = try_once(code, duties, calm, tolerance, &need, &condition, &gain);
        if (r < 0)
                return r;
        mean = (unsigned)ceil(all / trials - 0.25);
        *ret = (hedged_quality_t){ .need = need > mean ? need : mean,
                                   .condition = exp(log_condition / trials),
                                   .gain = exp(log_gain / trials) };
        return 0;
}
