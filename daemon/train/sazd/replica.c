/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/sazd/replica.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/tensor.h"
#include "common/train/blas.h"

typedef struct held {
        float *floats;
        uint32_t rows, cols;
} held_t;

struct hedged_replica {
        unsigned n;
        held_t held[];
};

int hedged_replica_new(unsigned matrices, hedged_replica_t **ret)
{
        hedged_replica_t *s = calloc(1, sizeof(*s) + matrices * sizeof(*s->held));

        if (!s)
                return -ENOMEM;
        s->n = matrices;
        *ret = s;
        return 0;
}

void hedged_replica_destroy(hedged_replica_t **replica)
{
        if (!*replica)
                return;
        for (unsigned i = 0; i < (*replica)->n; i++)
                free((*replica)->held[i].floats);
        free(*replica);
        *replica = NULL;
}

int hedged_replica_hold(hedged_replica_t *s, uint32_t matrix, uint32_t rows, uint32_t cols, const float *floats)
{
        held_t *held = &s->held[matrix];

        assert(matrix < s->n);
        free(held->floats);
        *held = (held_t){ hedge_floats_new((size_t)rows * cols), rows, cols };
        if (!held->floats)
                return -ENOMEM;
        memcpy(held->floats, floats, (size_t)rows * cols * sizeof(float));
        return 0;
}

const float *hedged_replica_matrix(const hedged_replica_t *s, uint32_t matrix)
{
        assert(matrix < s->n);
        return s->held[matrix].floats;
}

void hedged_replica_apply(const hedged_replica_t *s, uint32_t matrix, uint32_t batch, const float *x, float *ret)
{
        const held_t *held = &s->held[matrix];

        assert(matrix < s->n);
        hedge_blas_multiply(false, true, batch, held->rows, held->cols, x, held->floats, 0.0f, ret);
}

/* The block of a factor's columns that a matrix is the product of, times -rate; zeros behind the factor's last column. */
static void cut(const hedge_update_target_t *target, double rate, uint32_t batch, uint32_t cols, const float *factor,
                float *ret)
{
        const uint64_t first = (uint64_t)target->terms[0].block * target->block_cols;
        const uint64_t left = first < cols ? cols - first : 0;
        const uint32_t n = left < target->block_cols ? (uint32_t)left : target->block_cols;

        memset(ret, 0, (size_t)batch * target->block_cols * sizeof(float));
        for (uint32_t i = 0; i < batch; i++)
                for (uint32_t j = 0; j < n; j++)
                        ret[(size_t)i * target->block_cols + j] =
                                (float)(-rate * (double)factor[(size_t)i * cols + first + j]);
}

int hedged_replica_update(hedged_replica_t *s, const hedge_msg_update_t *u, const hedge_update_target_t *targets,
                          const float *left, const float *right)
{
        const uint32_t widest = u->n_targets > 1 && targets[1].block_cols > targets[0].block_cols
                                        ? targets[1].block_cols
                                        : targets[0].block_cols;
        float *scratch = hedge_floats_new((size_t)u->batch * widest);

        if (!scratch)
                return -ENOMEM;
        for (uint32_t i = 0; i < u->n_targets; i++) {
                const hedge_update_target_t *t = &targets[i];
                const held_t *held = &s->held[t->matrix];
                const float *coded = t->swap ? right : left, *plain = t->swap ? left : right;

                assert(t->n_terms == 1 && t->terms[0].shift == 0 && held->rows == t->block_cols);
                cut(t, u->rate, u->batch, t->swap ? u->right_cols : u->left_cols, coded, scratch);
                hedge_blas_multiply(true, false, held->rows, held->cols, u->batch, scratch, plain,
                                    (float)(1 - u->decay), held->floats);
        }
        free(scratch);
        return 0;
}
