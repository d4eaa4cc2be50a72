/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/uep/expect.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Binomial: the probability of j among n, each with probability x. */
static double binomial(unsigned n, unsigned j, double x)
{
        if (x <= 0 || x >= 1)
                return j == (x <= 0 ? 0 : n);
        return exp(lgamma(n + 1.0) - lgamma(j + 1.0) - lgamma(n - j + 1.0) + j * log(x) + (n - j) * log1p(-x));
}

static void chances_now(const hedge_uep_params_t *p, const double *windows, double *chances)
{
        const unsigned classes = p->classes->classes;

        for (unsigned n = 0; n <= p->packets; n++)
                for (unsigned l = 0; l < classes; l++) {
                        double missing = 0;

                        for (unsigned j = 0; j < p->classes->size[l] && j <= n; j++)
                                missing += binomial(n, j, windows[l]);
                        chances[n * classes + l] = fmax(1 - missing, 0);
                }
}

/* Windows are looked at one after the other: of m packets of windows 1 .. i, how many are of window i? That is binomial
 * with the window's part of the probability of 1 .. i; so the state is (m, R). alive[m * width + R] is the probability of R
 * without a decoded window from `class` on, given m; and decoded[m] that there was one. */
typedef struct walk {
        unsigned packets, width;
        double *alive, *decoded, *next;
} walk_t;

static void step(walk_t *w, unsigned known, bool counts, double part)
{
        memset(w->next, 0, ((size_t)w->packets + 1) * (w->width + 1) * sizeof(double));
        for (unsigned m = 0; m <= w->packets; m++)
                for (unsigned j = 0; j <= m; j++) {
                        const double chance = binomial(m, j, part);
                        double *to = w->next + (size_t)m * (w->width + 1);
                        const double *from = w->alive + (size_t)(m - j) * w->width;

                        if (chance == 0)
                                continue;
                        to[w->width] += chance * w->decoded[m - j];
                        for (unsigned rank = 0; rank < w->width; rank++) {
                                const unsigned now = rank + j < known ? rank + j : known;

                                to[counts && now == known ? w->width : now] += chance * from[rank];
                        }
                }
        for (unsigned m = 0; m <= w->packets; m++) {
                const double *from = w->next + (size_t)m * (w->width + 1);

                memcpy(w->alive + (size_t)m * w->width, from, w->width * sizeof(double));
                w->decoded[m] = from[w->width];
        }
}

static void walk_windows(walk_t *w, const hedge_uep_classes_t *c, const double *windows, unsigned class)
{
        double sum = 0;
        unsigned known = 0;

        memset(w->alive, 0, ((size_t)w->packets + 1) * w->width * sizeof(double));
        memset(w->decoded, 0, ((size_t)w->packets + 1) * sizeof(double));
        w->alive[0] = 1; /* no window yet, and so no packets */
        for (unsigned i = 0; i < c->classes; i++) {
                sum += windows[i];
                known += c->size[i];
                step(w, known, i >= class, sum > 0 ? fmin(windows[i] / sum, 1) : 0);
        }
}

static int chances_ew(const hedge_uep_params_t *p, const double *windows, double *chances)
{
        const size_t packets = (size_t)p->packets + 1, width = (size_t)p->classes->products + 1;
        walk_t w = { .packets = p->packets, .width = (unsigned)width };
        double *room = malloc(packets * (2 * width + 2) * sizeof(double));

        if (!room)
                return -ENOMEM;
        w.alive = room;
        w.decoded = w.alive + packets * width;
        w.next = w.decoded + packets;
        for (unsigned l = 0; l < p->classes->classes; l++) {
                walk_windows(&w, p->classes, windows, l);
                for (unsigned n = 0; n <= p->packets; n++)
                        chances[n * p->classes->classes + l] = fmin(w.decoded[n], 1);
        }
        free(room);
        return 0;
}

/* One of `copies` copies is among N of n packets. */
static double found(unsigned n, unsigned came, unsigned copies)
{
        double missing = 1;

        for (unsigned i = 0; i < copies; i++)
                missing *= came + i < n ? (double)(n - came - i) / (n - i) : 0;
        return 1 - missing;
}

static void chances_copies(const hedge_uep_params_t *p, double *chances)
{
        const hedge_uep_classes_t *c = p->classes;

        for (unsigned n = 0; n <= p->packets; n++)
                for (unsigned l = 0, first = 0; l < c->classes; first += c->size[l++]) {
                        const unsigned more = p->packets - c->products; /* the most important ones are there twice */
                        const unsigned left = more > first ? more - first : 0;
                        const unsigned twice = left < c->size[l] ? left : c->size[l];

                        chances[n * c->classes + l] =
                                (twice * found(p->packets, n, 2) + (c->size[l] - twice) * found(p->packets, n, 1)) /
                                c->size[l];
                }
}

int hedge_uep_chances(const hedge_uep_params_t *params, double *chances, hedge_why_t *why)
{
        const hedge_uep_classes_t *c = params->classes;
        double windows[HEDGE_UEP_MAX_CLASSES] = { 0 }, sum = 0;
        int r = hedge_uep_check(params, why);

        if (r < 0)
                return r;
        for (unsigned l = 0; l < c->classes; l++)
                sum += params->windows[l];
        for (unsigned l = 0; l < c->classes && sum > 0; l++)
                windows[l] = params->windows[l] / sum;
        if (params->scheme == HEDGE_UEP_NOW)
                chances_now(params, windows, chances);
        else if (params->scheme == HEDGE_UEP_EW)
                return chances_ew(params, windows, chances);
        else if (params->scheme != HEDGE_UEP_MDS)
                chances_copies(params, chances);
        else
                for (unsigned i = 0; i < (params->packets + 1) * c->classes; i++)
                        chances[i] = i / c->classes >= c->products;
        return 0;
}

int hedge_uep_losses(const hedge_uep_params_t *params, double *losses, hedge_why_t *why)
{
        const unsigned classes = params->classes->classes;
        double *chances;
        int r = hedge_uep_check(params, why);

        if (r < 0)
                return r;
        chances = malloc(((size_t)params->packets + 1) * classes * sizeof(double));
        r = chances ? hedge_uep_chances(params, chances, why) : -ENOMEM;
        for (unsigned n = 0; r == 0 && n <= params->packets; n++) {
                losses[n] = 0;
                for (unsigned l = 0; l < classes; l++)
                        losses[n] += params->classes->share[l] * (1 - chances[n * classes + l]);
        }
        free(chances);
        return r;
}

double hedge_uep_loss_at(const double *losses, unsigned packets, double arrived)
{
        double sum = 0;

        for (unsigned n = 0; n <= packets; n++)
                sum += losses[n] * binomial(packets, n, arrived);
        return sum;
}

/* Move parts of `step` from window to window as long as that is better. */
static int improve(hedge_uep_params_t *p, double arrived, double step, double *best)
{
        const unsigned classes = p->classes->classes;
        double losses[HEDGE_UEP_MAX_PACKETS + 1];
        bool better = true;
        int r = 0;

        while (better) {
                better = false;
                for (unsigned i = 0; i < classes * classes; i++) {
                        double *from = &p->windows[i / classes], *to = &p->windows[i % classes], loss;
                        const double kept[] = { *from, *to }, part = fmin(step, *from);

                        if (from == to || part <= 0)
                                continue;
                        *from -= part;
                        *to += part;
                        r = hedge_uep_losses(p, losses, NULL);
                        if (r < 0)
                                return r;
                        loss = hedge_uep_loss_at(losses, p->packets, arrived);
                        if (loss < *best - 1e-9) {
                                *best = loss;
                                better = true;
                        } else {
                                *from = kept[0];
                                *to = kept[1];
                        }
                }
        }
        return 0;
}

int hedge_uep_choose_windows(const hedge_uep_params_t *params, double arrived, double *windows, hedge_why_t *why)
{
        hedge_uep_params_t p = *params;
        const unsigned classes = p.classes->classes;
        double best = INFINITY;
        int r;

        if (!hedge_uep_scheme_has_windows(p.scheme))
                return hedge_why(why, -EINVAL, "%s has no windows", hedge_uep_scheme_name(p.scheme));
        if (!(arrived >= 0 && arrived <= 1))
                return hedge_why(why, -EINVAL, "the probability that a packet has come is %g", arrived);
        for (unsigned l = 0; l < HEDGE_UEP_MAX_CLASSES; l++)
                p.windows[l] = l < classes ? 1.0 / classes : 0;
        r = hedge_uep_check(&p, why);
        for (double step = 0.2; r == 0 && step > 0.02; step /= 2)
                r = improve(&p, arrived, step, &best);
        if (r < 0)
                return r;
        memcpy(windows, p.windows, classes * sizeof(*windows));
        return 0;
}
