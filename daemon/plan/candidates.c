/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/candidates.h"

#include <errno.h>
#include <math.h>

static const uint8_t strips[] = { 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20 };
static const uint8_t blocks[] = { 1, 2, 4, 5, 8, 10, 16, 20 };

#define PARTS_EACH 4u
#define SIDE_MOST  40u

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static unsigned divide_up(unsigned a, unsigned b)
{
        return (a + b - 1) / b;
}

static unsigned lesser(unsigned a, unsigned b)
{
        return a < b ? a : b;
}

/* Are parts combined, so that it matters how many there are, but not on how many boards? */
static bool is_solved(hedge_scheme_t scheme)
{
        return scheme != HEDGE_SCHEME_UNCODED && scheme != HEDGE_SCHEME_REPLICATION && scheme != HEDGE_SCHEME_STEAL;
}

/* Can the scheme be cut so at all? What it does not say itself the code does when it is made. */
static bool is_admissible(hedge_scheme_t scheme, unsigned k_a, unsigned k_b, unsigned n)
{
        const unsigned parts = k_a * k_b;

        if (parts < 2 || parts > (is_solved(scheme) ? HEDGED_MAX_PARTS : HEDGE_CODE_MAX_PARTS) ||
            (scheme == HEDGE_SCHEME_STEAL && parts > HEDGE_CODE_MAX_ALL_PARTS / n))
                return false;
        switch (scheme) {
        case HEDGE_SCHEME_NSCTC:
                return (k_a == 1 || k_a % 2 == 0) && (k_b == 1 || k_b % 2 == 0) &&
                       parts <= n * (k_a > 1 ? 2 : 1) * (k_b > 1 ? 2 : 1);
        case HEDGE_SCHEME_MDS:
                return k_b == 1 && k_a <= n;
        case HEDGE_SCHEME_LT:
                return k_b == 1 && k_a <= 6 * n && n > 1;
        default:
                return true;
        }
}

static unsigned add(hedge_code_params_t *ret, unsigned count, const hedge_code_params_t *params)
{
        if (count < HEDGED_MAX_CUTS)
                ret[count++] = *params;
        return count;
}

/* Filter blocks of a plain krp board: what it needs, and some more, which cost memory but no upload. */
static unsigned add_krp(hedge_code_params_t *ret, unsigned count, hedge_code_params_t params)
{
        const unsigned share = divide_up(params.k_a * params.k_b, params.n);
        const unsigned sizes[] = { share, share + share / 2, 2 * share, params.k_b };
        unsigned before = 0;

        params.ell_a = params.ell_a ? params.ell_a : lesser(params.k_a, 2);
        if (params.ell_b)
                return add(ret, count, &params);
        for (size_t i = 0; i < COUNT(sizes); i++) {
                params.ell_b = lesser(sizes[i], params.k_b);
                if (params.ell_b > before)
                        count = add(ret, count, &params);
                before = params.ell_b > before ? params.ell_b : before;
        }
        return count;
}

/* What is looked for, and what has been found. */
typedef struct listing {
        const hedged_wish_t *wish;
        const hedge_conv_t *conv;
        hedge_scheme_t scheme;
        bool systematic;
        unsigned n;
        hedge_code_params_t *ret;
        unsigned count;
} listing_t;

static bool is_listed(const listing_t *l, unsigned k_a, unsigned k_b)
{
        for (unsigned i = 0; i < l->count; i++)
                if (l->ret[i].k_a == k_a && l->ret[i].k_b == k_b)
                        return true;
        return false;
}

static void list(listing_t *l, unsigned k_a, unsigned k_b)
{
        const bool takes_ell = l->scheme == HEDGE_SCHEME_KRP || l->scheme == HEDGE_SCHEME_LT;
        const hedge_code_params_t params = { .scheme = l->scheme,
                                             .k_a = k_a,
                                             .k_b = k_b,
                                             .n = l->n,
                                             .systematic = l->systematic,
                                             .ell_a = takes_ell ? l->wish->ell_a : 0,
                                             .ell_b = l->scheme == HEDGE_SCHEME_KRP ? l->wish->ell_b : 0 };

        if ((l->wish->k_a && k_a != l->wish->k_a) || (l->wish->k_b && k_b != l->wish->k_b) ||
            k_a > hedge_conv_out_h(l->conv) || k_b > l->conv->out_c / l->conv->groups ||
            !is_admissible(l->scheme, k_a, k_b, l->n) || is_listed(l, k_a, k_b))
                return;
        l->count = l->scheme == HEDGE_SCHEME_KRP && !l->systematic ? add_krp(l->ret, l->count, params)
                                                                   : add(l->ret, l->count, &params);
}

/* All ways to make so many parts of strips and blocks. */
static void list_products(listing_t *l, unsigned parts)
{
        for (unsigned k_b = 1; k_b <= parts && k_b <= SIDE_MOST; k_b++)
                if (parts % k_b == 0 && parts / k_b <= SIDE_MOST)
                        list(l, parts / k_b, k_b);
}

/* Where every part has its board: whole numbers of parts for all of them, one each for fewer. */
static void list_even(listing_t *l)
{
        for (unsigned share = 1; share <= PARTS_EACH; share++)
                list_products(l, share * l->n);
        for (unsigned quarters = 1; quarters < 4; quarters++)
                list_products(l, divide_up(quarters * l->n, 4));
}

static void list_strips(listing_t *l)
{
        for (unsigned k_a = 1; k_a <= l->n; k_a++)
                list(l, k_a, 1);
        for (unsigned times = 2; l->scheme == HEDGE_SCHEME_LT && times <= 6; times += 2)
                list(l, times * l->n, 1);
}

unsigned hedged_candidates(const hedged_wish_t *wish, hedge_scheme_t scheme, bool systematic, const hedge_conv_t *conv,
                           unsigned n, hedge_code_params_t *ret)
{
        listing_t l = { wish, conv, scheme, systematic, n, ret, 0 };
        const unsigned n_a = wish->k_a ? 1 : COUNT(strips), n_b = wish->k_b ? 1 : COUNT(blocks);

        if (wish->k_a && wish->k_b) {
                list(&l, (unsigned)wish->k_a, (unsigned)wish->k_b);
        } else if (scheme == HEDGE_SCHEME_MDS || scheme == HEDGE_SCHEME_LT) {
                list_strips(&l);
        } else {
                for (unsigned i = 0; i < n_a; i++)
                        for (unsigned j = 0; j < n_b; j++)
                                list(&l, wish->k_a ? wish->k_a : strips[i], wish->k_b ? wish->k_b : blocks[j]);
                if (!is_solved(scheme))
                        list_even(&l);
        }
        return l.count;
}

/* The boards' mean speed. */
static hedged_speed_t mean_speed(const hedged_speeds_t *speeds, unsigned n)
{
        hedged_speed_t mean = { 0 };

        for (unsigned b = 0; b < n; b++) {
                mean.macs_per_s += speeds->board[b].macs_per_s / n;
                mean.spread += speeds->board[b].spread / n;
                mean.up_bytes_per_s += speeds->board[b].up_bytes_per_s / n;
                mean.down_bytes_per_s += speeds->board[b].down_bytes_per_s / n;
                mean.delay_s += speeds->board[b].delay_s / n;
        }
        return mean;
}

unsigned hedged_cocoi_k(const hedged_speeds_t *speeds, const hedge_conv_t *conv, unsigned n)
{
        const hedged_speed_t s = mean_speed(speeds, n);
        const double out_h = hedge_conv_out_h(conv), out_row = (double)hedge_conv_out_w(conv) * conv->out_c;
        double best_s = INFINITY;
        unsigned best = 1;

        for (unsigned k = 1; k < n && k <= out_h; k++) {
                const double rows = out_h / k, in_rows = rows * conv->stride_h + conv->kernel_h - conv->stride_h;
                const double up_s = sizeof(float) * in_rows * conv->in_w * conv->in_c / s.up_bytes_per_s;
                const double down_s = sizeof(float) * rows * out_row / s.down_bytes_per_s;
                const double compute_s = (double)hedge_conv_macs(conv) / k / s.macs_per_s;
                const double mean_s =
                        up_s + compute_s + down_s + (s.spread * compute_s + s.delay_s) * log((double)n / (n - k));

                if (mean_s < best_s) {
                        best_s = mean_s;
                        best = k;
                }
        }
        return best;
}

int hedged_fcdcc_sides(const hedged_config_t *config, const hedge_conv_t *conv, unsigned delta, unsigned *ret_k_a,
                       unsigned *ret_k_b)
{
        const unsigned parts = 4 * delta;
        const double up = config->plan.price_comm * conv->in_c * conv->in_w * conv->stride_h * hedge_conv_out_h(conv);
        const double store = config->plan.price_store * (double)hedge_conv_filter_elements(conv);
        const double k_a = sqrt(parts * fmax(up, 1e-9) / fmax(store, 1e-9));
        double best = INFINITY;

        for (unsigned k = 2; k <= parts / 2; k += 2)
                if (parts % k == 0 && parts / k % 2 == 0 && k <= hedge_conv_out_h(conv) &&
                    parts / k <= conv->out_c / conv->groups && fabs(log(k / k_a)) < best) {
                        best = fabs(log(k / k_a));
                        *ret_k_a = k;
                        *ret_k_b = parts / k;
                }
        return isfinite(best) ? 0 : -ENOENT;
}
