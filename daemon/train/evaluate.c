/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/evaluate.h"

#include <errno.h>
#include <stdlib.h>

#include "common/tensor.h"

#define PIECE      64u
#define PIECE_MACS 5e8 /* a piece takes tens of milliseconds, also on a board */

struct hedged_evaluator {
        const hedge_norm_t *norm;
        const hedged_line_t *line;
        hedge_workspace_t *workspace;
        float *images;
        uint32_t piece;
};

static uint32_t choose_piece(const hedge_net_t *net)
{
        const double images = PIECE_MACS / ((double)hedge_net_macs(net) + 1);

        return images >= PIECE ? PIECE : images >= 1 ? (uint32_t)images : 1;
}

int hedged_evaluator_new(const hedge_net_t *net, const hedge_norm_t *norm, const hedged_line_t *line,
                         hedged_evaluator_t **ret, hedge_why_t *why)
{
        hedged_evaluator_t *e = calloc(1, sizeof(*e));
        int r = -ENOMEM;

        if (!e)
                return hedge_why(why, r, "out of memory");
        e->norm = norm;
        e->line = line;
        e->piece = choose_piece(net);
        e->images = hedge_floats_new(e->piece * hedge_extent_elements(&net->image));
        r = e->images ? hedge_workspace_new(net, NULL, e->piece, &e->workspace, why)
                      : hedge_why(why, -ENOMEM, "out of memory");
        if (r < 0) {
                hedged_evaluator_destroy(&e);
                return r;
        }
        *ret = e;
        return 0;
}

void hedged_evaluator_destroy(hedged_evaluator_t **evaluator)
{
        if (!*evaluator)
                return;
        hedge_workspace_destroy(&(*evaluator)->workspace);
        free((*evaluator)->images);
        free(*evaluator);
        *evaluator = NULL;
}

int hedged_evaluate(hedged_evaluator_t *e, const float *params, const float *state, const hedge_dataset_t *dataset,
                    uint32_t count, hedge_score_t *ret)
{
        hedge_score_t sum = { 0 };

        for (uint32_t i = 0, n; i < count; i += n) {
                hedge_score_t score;
                int r;

                if (hedged_line_stopping(e->line) != HEDGED_STOP_NO)
                        return HEDGE_ESHUTDOWN;
                n = count - i < e->piece ? count - i : e->piece;
                hedge_dataset_images(dataset, e->norm, i, n, e->images);
                r = hedge_net_evaluate(e->workspace, params, state, e->images, dataset->labels + i, n, &score);
                if (r < 0)
                        return r;
                sum.loss += score.loss * n;
                sum.correct += score.correct;
        }
        sum.loss = count ? sum.loss / count : 0;
        *ret = sum;
        return 0;
}
