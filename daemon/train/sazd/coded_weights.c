/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/sazd/coded_weights.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/tensor.h"

#define MAX_BLOCKS HEDGE_SAZD_MAX_BLOCKS
#define MAX_SETS   5000u

typedef struct kind {
        int (*open)(hedged_code_t *code, const hedged_code_params_t *params, hedge_why_t *why);
        uint32_t (*rows)(const hedged_code_t *code, unsigned block);
        uint32_t (*terms)(const hedged_code_t *code, unsigned block, hedge_code_term_t *ret);
        int (*encode)(const hedged_code_t *code, unsigned block, size_t cols, const hedge_sazd_in_t *data, float *ret);
        /* Data blocks that are not among `have` to where `out` says. */
        int (*decode)(const hedged_code_t *code, uint32_t have, size_t cols, const float *const *blocks, float **out);
        int (*decode_products)(const hedged_code_t *code, uint32_t have, uint32_t batch, const float *const *blocks,
                               float **out);
        bool systematic; /* blocks below k are data */
} kind_t;

struct hedged_code {
        const kind_t *kind;
        unsigned k, n;
        uint32_t extent, rows;
        hedge_sazd_t *sazd;
        hedge_poly_t *poly;
};

/* In tiles of a cache line each way. */
void hedged_transpose(size_t rows, size_t cols, const float *restrict a, float *restrict ret)
{
        enum { TILE = 16 };

        for (size_t i = 0; i < rows; i += TILE)
                for (size_t j = 0; j < cols; j += TILE) {
                        const size_t i_end = i + TILE < rows ? i + TILE : rows,
                                     j_end = j + TILE < cols ? j + TILE : cols;

                        for (size_t y = j; y < j_end; y++)
                                for (size_t x = i; x < i_end; x++)
                                        ret[y * rows + x] = a[x * cols + y];
                }
}

/* ---- shift-and-add ---- */

static int open_sazd(hedged_code_t *c, const hedged_code_params_t *p, hedge_why_t *why)
{
        const hedge_sazd_params_t params = { .k = p->k, .r = p->r, .rows = c->rows, .step = p->step };

        return hedge_sazd_new(&params, &c->sazd, why);
}

static uint32_t rows_sazd(const hedged_code_t *c, unsigned block)
{
        return hedge_sazd_rows(c->sazd, block);
}

static uint32_t terms_sazd(const hedged_code_t *c, unsigned block, hedge_code_term_t *ret)
{
        if (block < c->k) {
                ret[0] = (hedge_code_term_t){ .block = block, .weight = 1 };
                return 1;
        }
        for (unsigned i = 0; i < c->k; i++)
                ret[i] = (hedge_code_term_t){ i, hedge_sazd_shift(c->sazd, i, block - c->k), 1 };
        return c->k;
}

static int encode_sazd(const hedged_code_t *c, unsigned block, size_t cols, const hedge_sazd_in_t *data, float *ret)
{
        return hedge_sazd_encode(c->sazd, block, cols, data, (hedge_sazd_out_t){ ret, cols });
}

/* Blocks as the codes take them: dense, `cols` floats a row. */
static void point(const hedged_code_t *c, size_t cols, const float *const *blocks, float *const *out,
                  hedge_sazd_in_t *in, hedge_sazd_out_t *to)
{
        for (unsigned b = 0; b < c->n; b++)
                in[b] = (hedge_sazd_in_t){ blocks[b], cols };
        for (unsigned i = 0; i < c->k; i++)
                to[i] = (hedge_sazd_out_t){ out[i], cols };
}

static int decode_sazd(const hedged_code_t *c, uint32_t have, size_t cols, const float *const *blocks, float **out)
{
        hedge_sazd_in_t in[MAX_BLOCKS] = { { 0 } };
        hedge_sazd_out_t to[MAX_BLOCKS] = { { 0 } };
        hedge_sazd_plan_t *plan;
        int r = hedge_sazd_plan_new(c->sazd, have, &plan);

        if (r < 0)
                return r;
        point(c, cols, blocks, out, in, to);
        r = hedge_sazd_decode(plan, cols, in, to);
        hedge_sazd_plan_destroy(&plan);
        return r;
}

/* The code runs along the rows of blocks, and products have theirs across: what it reads and writes is turned. Columns one by one,
 * as they lie, would take ten times as long where two are missing.
 * @return allocated, or NULL: no memory. */
static float *turn_blocks(const hedged_code_t *c, uint32_t uses, uint32_t batch, const float *const *blocks,
                          const float **turned)
{
        size_t rows = 0;
        float *room, *at;

        for (unsigned b = 0; b < c->n; b++)
                rows += uses >> b & 1 ? rows_sazd(c, b) : 0;
        room = at = hedge_floats_new(rows * batch);
        for (unsigned b = 0; room && b < c->n; b++) {
                turned[b] = at;
                if (!(uses >> b & 1))
                        continue;
                hedged_transpose(batch, rows_sazd(c, b), blocks[b], at);
                at += (size_t)rows_sazd(c, b) * batch;
        }
        return room;
}

static int decode_products_sazd(const hedged_code_t *c, uint32_t have, uint32_t batch, const float *const *blocks,
                                float **out)
{
        const size_t size = (size_t)c->rows * batch;
        hedge_sazd_plan_t *plan;
        const float *turned[MAX_BLOCKS];
        float *room = NULL, *result = NULL, *to[MAX_BLOCKS] = { NULL };
        unsigned missing = 0;
        int r = hedge_sazd_plan_new(c->sazd, have, &plan);

        if (r < 0)
                return r;
        for (unsigned i = 0; i < c->k; i++)
                missing += out[i] != NULL;
        room = turn_blocks(c, hedge_sazd_plan_uses(plan), batch, blocks, turned);
        hedge_sazd_plan_destroy(&plan);
        result = hedge_floats_new(missing * size);
        r = room && result ? 0 : -ENOMEM;
        for (unsigned i = 0, at = 0; r == 0 && i < c->k; i++)
                to[i] = out[i] ? result + size * at++ : NULL;
        if (r == 0)
                r = decode_sazd(c, have, batch, turned, to);
        for (unsigned i = 0; r == 0 && i < c->k; i++)
                if (out[i])
                        hedged_transpose(c->rows, batch, to[i], out[i]);
        free(room);
        free(result);
        return r;
}

/* ---- polynomial ---- */

static int open_poly(hedged_code_t *c, const hedged_code_params_t *p, hedge_why_t *why)
{
        return hedge_poly_new(p->points, p->k, p->k + p->r, &c->poly, why);
}

static uint32_t rows_even(const hedged_code_t *c, unsigned block)
{
        return block < c->n ? c->rows : 0;
}

static uint32_t terms_poly(const hedged_code_t *c, unsigned block, hedge_code_term_t *ret)
{
        for (unsigned i = 0; i < c->k; i++)
                ret[i] = (hedge_code_term_t){ .block = i, .weight = hedge_poly_row(c->poly, block)[i] };
        return c->k;
}

static int encode_poly(const hedged_code_t *c, unsigned block, size_t cols, const hedge_sazd_in_t *data, float *ret)
{
        return hedge_poly_encode(c->poly, block, c->rows, cols, data, (hedge_sazd_out_t){ ret, cols });
}

static int blend(const hedged_code_t *c, uint32_t have, uint32_t rows, size_t cols, const float *const *blocks,
                 float **out)
{
        hedge_sazd_in_t in[MAX_BLOCKS] = { { 0 } };
        hedge_sazd_out_t to[MAX_BLOCKS] = { { 0 } };
        hedge_poly_plan_t *plan;
        int r = hedge_poly_plan_new(c->poly, have, &plan, NULL);

        if (r < 0)
                return r;
        point(c, cols, blocks, out, in, to);
        r = hedge_poly_decode(plan, rows, cols, in, to);
        hedge_poly_plan_destroy(&plan);
        return r;
}

static int decode_poly(const hedged_code_t *c, uint32_t have, size_t cols, const float *const *blocks, float **out)
{
        return blend(c, have, c->rows, cols, blocks, out);
}

static int decode_products_poly(const hedged_code_t *c, uint32_t have, uint32_t batch, const float *const *blocks,
                                float **out)
{
        return blend(c, have, batch, c->rows, blocks, out);
}

/* ---- uncoded ---- */

static uint32_t terms_uncoded(const hedged_code_t *c, unsigned block, hedge_code_term_t *ret)
{
        (void)c;
        ret[0] = (hedge_code_term_t){ .block = block, .weight = 1 };
        return 1;
}

static int encode_uncoded(const hedged_code_t *c, unsigned block, size_t cols, const hedge_sazd_in_t *data, float *ret)
{
        for (uint32_t row = 0; row < c->rows; row++)
                memcpy(ret + row * cols, data[block].data + row * data[block].stride, cols * sizeof(float));
        return 0;
}

static int decode_uncoded(const hedged_code_t *c, uint32_t have, size_t cols, const float *const *blocks, float **out)
{
        (void)c;
        (void)have;
        (void)cols;
        (void)blocks;
        (void)out;
        return HEDGE_EUNDECODABLE;
}

static int decode_products_uncoded(const hedged_code_t *c, uint32_t have, uint32_t batch, const float *const *blocks,
                                   float **out)
{
        return decode_uncoded(c, have, batch, blocks, out);
}

static const kind_t kinds[] = {
        [HEDGED_CODE_SAZD] = { open_sazd, rows_sazd, terms_sazd, encode_sazd, decode_sazd, decode_products_sazd, true },
        [HEDGED_CODE_POLY] = { open_poly, rows_even, terms_poly, encode_poly, decode_poly, decode_products_poly,
                               false },
        [HEDGED_CODE_UNCODED] = { NULL, rows_even, terms_uncoded, encode_uncoded, decode_uncoded,
                                  decode_products_uncoded, true },
};

/* ---- all of them ---- */

int hedged_code_new(const hedged_code_params_t *params, hedged_code_t **ret, hedge_why_t *why)
{
        const unsigned n = params->k + params->r;
        hedged_code_t *c;
        int r = 0;

        if (params->k < 1 || n > MAX_BLOCKS || params->extent < params->k)
                return hedge_why(why, -EINVAL, "%u rows cannot be cut into %u blocks, %u with the parities",
                                 params->extent, params->k, n);
        c = calloc(1, sizeof(*c));
        if (!c)
                return hedge_why(why, -ENOMEM, "out of memory");
        c->kind = &kinds[params->kind];
        c->k = params->k;
        c->n = n;
        c->extent = params->extent;
        c->rows = (params->extent + params->k - 1) / params->k;
        if (c->kind->open)
                r = c->kind->open(c, params, why);
        if (r < 0)
                hedged_code_destroy(&c);
        else
                *ret = c;
        return r;
}

void hedged_code_destroy(hedged_code_t **code)
{
        if (!*code)
                return;
        hedge_sazd_destroy(&(*code)->sazd);
        hedge_poly_destroy(&(*code)->poly);
        free(*code);
        *code = NULL;
}

unsigned hedged_code_needed(const hedged_code_t *code)
{
        return code->k;
}

unsigned hedged_code_blocks(const hedged_code_t *code)
{
        return code->n;
}

uint32_t hedged_code_rows(const hedged_code_t *code, unsigned block)
{
        return code->kind->rows(code, block);
}

uint32_t hedged_code_data_rows(const hedged_code_t *code)
{
        return code->rows;
}

uint32_t hedged_code_terms(const hedged_code_t *code, unsigned block, hedge_code_term_t *ret)
{
        return code->kind->terms(code, block, ret);
}

/* Rows of data block i that are the matrix's own. */
static uint32_t true_rows(const hedged_code_t *c, unsigned i)
{
        const uint64_t first = (uint64_t)i * c->rows;

        if (first >= c->extent)
                return 0;
        return c->extent - first < c->rows ? (uint32_t)(c->extent - first) : c->rows;
}

/* The block at the end is filled up in `room`, rows x cols of zeros; blocks behind it are nothing but these. */
int hedged_code_encode(const hedged_code_t *c, unsigned block, size_t cols, const float *matrix, float *ret)
{
        const unsigned whole = c->extent / c->rows;
        hedge_sazd_in_t data[MAX_BLOCKS];
        float *room = NULL;
        int r;

        if (whole < c->k) {
                room = calloc((c->rows + 1) * cols, sizeof(*room));
                if (!room)
                        return -ENOMEM;
                if (true_rows(c, whole))
                        memcpy(room, matrix + (size_t)whole * c->rows * cols,
                               true_rows(c, whole) * cols * sizeof(float));
        }
        for (unsigned i = 0; i < c->k; i++)
                if (i < whole)
                        data[i] = (hedge_sazd_in_t){ matrix + (size_t)i * c->rows * cols, cols };
                else if (i == whole)
                        data[i] = (hedge_sazd_in_t){ room, cols };
                else
                        data[i] = (hedge_sazd_in_t){ room + c->rows * cols, 0 };
        r = c->kind->encode(c, block, cols, data, ret);
        free(room);
        return r;
}

/* ---- decoding ---- */

/* Room for the data blocks that are not at hand as they are. @return how many, -ENOMEM. */
static int make_room(const hedged_code_t *c, uint32_t have, size_t elements, float **ret_room, float **out)
{
        unsigned n = 0;

        for (unsigned i = 0; i < c->k; i++)
                n += !(c->kind->systematic && have >> i & 1);
        *ret_room = n ? hedge_floats_new(n * elements) : NULL;
        if (n && !*ret_room)
                return -ENOMEM;
        for (unsigned i = 0, at = 0; i < c->k; i++)
                out[i] = c->kind->systematic && have >> i & 1 ? NULL : *ret_room + elements * at++;
        return (int)n;
}

int hedged_code_decode(const hedged_code_t *c, uint32_t have, size_t cols, const float *const *blocks, float *ret)
{
        float *room, *out[MAX_BLOCKS];
        int r = make_room(c, have, c->rows * cols, &room, out);

        if (r > 0)
                r = c->kind->decode(c, have, cols, blocks, out);
        for (unsigned i = 0; r >= 0 && i < c->k && true_rows(c, i); i++)
                memcpy(ret + (size_t)i * c->rows * cols, out[i] ? out[i] : blocks[i],
                       true_rows(c, i) * cols * sizeof(float));
        free(room);
        return r < 0 ? r : 0;
}

int hedged_code_decode_products(const hedged_code_t *c, uint32_t have, uint32_t batch, const float *const *blocks,
                                float *ret)
{
        float *room, *out[MAX_BLOCKS];
        int r = make_room(c, have, (size_t)batch * c->rows, &room, out);

        if (r > 0)
                r = c->kind->decode_products(c, have, batch, blocks, out);
        for (uint32_t x = 0; r >= 0 && x < batch; x++)
                for (unsigned i = 0; i < c->k && true_rows(c, i); i++)
                        memcpy(ret + (size_t)x * c->extent + (size_t)i * c->rows,
                               (out[i] ? out[i] : blocks[i]) + (size_t)x * c->rows, true_rows(c, i) * sizeof(float));
        free(room);
        return r < 0 ? r : 0;
}

/* The next set of k of n, in the order of numbers; 0: that was the last. */
static uint32_t next_set(uint32_t set, unsigned n)
{
        const uint64_t low = set & -set, ripple = (uint64_t)set + low;
        const uint64_t next = ripple | ((set ^ ripple) / low >> 2);

        return next >> n ? 0 : (uint32_t)next;
}

int hedged_code_condition(const hedged_code_t *c, double *ret)
{
        double worst = 0, condition = 0;
        hedge_poly_plan_t *plan;
        unsigned sets = 0;
        int r;

        *ret = 0;
        if (!c->poly)
                return 0;
        for (uint32_t set = (uint32_t)((UINT64_C(1) << c->k) - 1); set; set = next_set(set, c->n)) {
                if (++sets > MAX_SETS)
                        return 0;
                r = hedge_poly_plan_new(c->poly, set, &plan, &condition);
                if (r < 0)
                        return r;
                hedge_poly_plan_destroy(&plan);
                worst = condition > worst ? condition : worst;
        }
        *ret = worst;
        return 0;
}
