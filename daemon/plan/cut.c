/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/cut.h"

hedge_code_params_t hedged_cut_params(const hedged_cut_t *cut, unsigned n)
{
        return (hedge_code_params_t){ .scheme = cut->scheme,
                                      .k_a = cut->k_a,
                                      .k_b = cut->k_b,
                                      .n = n,
                                      .ell_a = cut->ell_a,
                                      .ell_b = cut->ell_b,
                                      .systematic = cut->systematic };
}

int hedged_cut_code(const hedged_cut_t *cut, unsigned n, const double *weights, hedge_code_t **ret, hedge_why_t *why)
{
        hedge_code_params_t params = hedged_cut_params(cut, n);

        params.weights = cut->weighted ? weights : NULL;
        return hedge_code_new_with(&params, ret, why);
}

bool hedged_cut_is_same_code(const hedged_cut_t *a, const hedged_cut_t *b)
{
        return a->scheme == b->scheme && a->k_a == b->k_a && a->k_b == b->k_b && a->ell_a == b->ell_a &&
               a->ell_b == b->ell_b && a->systematic == b->systematic && a->weighted == b->weighted;
}

uint64_t hedged_budget_part(const hedged_budget_t *budget, const hedge_conv_t *conv)
{
        if (budget->bytes == UINT64_MAX || budget->filters == 0)
                return budget->bytes;
        return (uint64_t)((double)budget->bytes * (double)hedge_conv_filter_elements(conv) / (double)budget->filters);
}

void hedged_budget_spend(hedged_budget_t *budget, const hedge_conv_t *conv, uint64_t bytes)
{
        if (budget->bytes != UINT64_MAX)
                budget->bytes -= bytes < budget->bytes ? bytes : budget->bytes;
        budget->filters -= hedge_conv_filter_elements(conv);
}
