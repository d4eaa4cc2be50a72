/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/candidates.h"

#include <errno.h>
#include <math.h>

static const uint8_t strips[] = { 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20 };
static const uint8_t blocks[] = { 1, 2, 4, 5, 8, 10, 16, 20 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static unsigned divide_up(unsigned a, unsigned b)
{
        return (a + b - 1) / b;
}

static unsigned lesser(unsigned a, unsigned b)
{
        return a < b ? a : b;
}

/* Can the scheme be cut so at all? What it does not say itself the code does when it is made. */
static bool is_admissible(hedge_scheme_t scheme, unsigned k_a, unsigned k_b, unsigned n)
{
        const unsigned parts = k_a * k_b;

        if (parts < 2 || parts > HEDGED_MAX_PARTS)
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

unsigned hedged_candidates(const hedged_wish_t *wish, hedge_scheme_t scheme, bool systematic, const hedge_conv_t *conv,
                           unsigned n, hedge_code_params_t *ret)
{
        const bool strips_alone = scheme == HEDGE_SCHEME_MDS || scheme == HEDGE_SCHEME_LT;
        const unsigned n_a = wish->k_a ? 1 : strips_alone ? n : COUNT(strips), n_b = wish->k_b ? 1 : COUNT(blocks);
        const bool takes_ell = scheme == HEDGE_SCHEME_KRP || scheme == HEDGE_SCHEME_LT;
        unsigned count = 0;

        for (unsigned i = 0; i < n_a; i++)
                for (unsigned j = 0; j < n_b; j++) {
                        hedge_code_params_t params = { .scheme = scheme,
                                                       .n = n,
                                                       .systematic = systematic,
                                                       .ell_a = takes_ell ? wish->ell_a : 0,
                                                       .ell_b = scheme == HEDGE_SCHEME_KRP ? wish->ell_b : 0 };

                        params.k_a = wish->k_a ? wish->k_a : strips_alone ? i + 1 : strips[i];
                        params.k_b = wish->k_b ? wish->k_b : blocks[j];
                        if (params.k_a > hedge_conv_out_h(conv) || params.k_b > conv->out_c / conv->groups ||
                            !is_admissible(scheme, params.k_a, params.k_b, n))
                                continue;
                        count = scheme == HEDGE_SCHEME_KRP && !systematic ? add_krp(ret, count, params)
                                                                          : add(ret, count, &params);
                }
        for (unsigned times = 2; scheme == HEDGE_SCHEME_LT && !wish->k_a && times <= 6; times += 2)
                if (times * n <= HEDGED_MAX_PARTS && times * n <= hedge_conv_out_h(conv))
                        count = add(
                                ret, count,
                                &(hedge_code_params_t){
                                        .scheme = scheme, .n = n, .k_a = times * n, .k_b = 1, .ell_a = wish->ell_a });
        return count;
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
