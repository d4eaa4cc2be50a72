/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/solution.h"

#include <stdlib.h>

hedge_solution_t *hedge_solution_new(unsigned rank, unsigned dense, unsigned count)
{
        hedge_solution_t *s = calloc(1, sizeof(*s));

        if (!s)
                return NULL;
        *s = (hedge_solution_t){ .rank = rank, .count = count, .dense = dense };
        s->rows = calloc((size_t)rank + 1, sizeof(*s->rows));
        s->f64 = calloc((size_t)dense * count + 1, sizeof(double));
        s->f32 = calloc((size_t)dense * count + 1, sizeof(float));
        if (!s->rows || !s->f64 || !s->f32)
                hedge_solution_destroy(&s);
        return s;
}

void hedge_solution_destroy(hedge_solution_t **solution)
{
        hedge_solution_t *s = *solution;

        if (!s)
                return;
        free(s->rows);
        free(s->f64);
        free(s->f32);
        free(s);
        *solution = NULL;
}
