/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/winograd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/kernel/scratch.h"
#include "common/kernel/winograd_points.h"

#define PIECE_TILES 8 /* that a thread transforms at least */

typedef struct prepared {
        unsigned m, n;              /* outputs and inputs of a tile, along each side */
        uint32_t tiles_h, tiles_w;  /* of an image */
        size_t tiles;               /* of all images */
        size_t rows;                /* tiles transformed together */
        size_t in_panel, out_panel; /* floats from one matrix to the next */
        hedge_products_t products;
        float *bias;
} prepared_t;

const hedge_winograd_isa_t *hedge_winograd_isa(void)
{
        return HEDGE_ISA_BEST(winograd);
}

/* The matrices lie an odd number of cache lines apart, so that the same row of all of them does not fall into one set. */
static size_t panel_floats(size_t rows, size_t columns)
{
        return ((rows * columns + 15) / 16 | 1) * 16;
}

/* Points and weights by which a row of G takes the filter: [1, p, p^2] / product of (p - q) over the other points q. */
static void filter_rows(unsigned k, double g[HEDGE_WINOGRAD_SIDE_MAX][3])
{
        const double *points = hedge_winograd_points[k];
        double zero = 1;

        for (unsigned i = 0; i < k; i++) {
                const double p = points[i], y = p * p;
                double others = 2 * y; /* p - 0 and p - (-p) */

                for (unsigned j = 0; j < k; j++)
                        if (j != i)
                                others *= y - points[j] * points[j];
                for (unsigned side = 0; side < 2; side++) {
                        double *row = g[2 * i + 1 + side];

                        row[0] = 1 / others;
                        row[1] = (side ? -p : p) / others;
                        row[2] = y / others;
                }
                zero *= -y;
        }
        g[0][0] = 1 / zero;
        g[0][1] = g[0][2] = 0;
        g[2 * k + 1][0] = g[2 * k + 1][1] = 0;
        g[2 * k + 1][2] = 1;
}

/* One of the n * n transformed filters: out_c x in_c, from out_c x 3 x 3 x in_c. In double, as it is done once. */
static void transform_filter(const hedge_conv_t *c, const double row[3], const double column[3], const float *filter,
                             float *out)
{
        const size_t channels = c->in_c;

        for (size_t f = 0; f < c->out_c; f++)
                for (size_t i = 0; i < channels; i++) {
                        const float *g = filter + f * 9 * channels + i;
                        double sum = 0;

                        for (unsigned y = 0; y < 3; y++)
                                sum += row[y] *
                                       (column[0] * g[(3 * y) * channels] + column[1] * g[(3 * y + 1) * channels] +
                                        column[2] * g[(3 * y + 2) * channels]);
                        out[f * channels + i] = (float)sum;
                }
}

static int pack_filters(hedge_kernel_t *k, prepared_t *p, const float *filter)
{
        const hedge_products_ops_t *ops = k->kernels->backend->products;
        double g[HEDGE_WINOGRAD_SIDE_MAX][3];
        float *one = hedge_floats_new((size_t)k->op.conv.in_c * k->op.conv.out_c);
        int r = one ? 0 : -ENOMEM;

        filter_rows(p->m / 2, g);
        for (unsigned i = 0; r == 0 && i < p->n * p->n; i++) {
                if (ops->take(&p->products, i))
                        continue;
                transform_filter(&k->op.conv, g[i / p->n], g[i % p->n], filter, one);
                r = ops->pack(&p->products, i, one);
        }
        free(one);
        return r;
}

static int prepare_winograd(hedge_kernel_t *k, const float *const *constants)
{
        const hedge_conv_t *c = &k->op.conv;
        prepared_t *p = k->state = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->m = hedge_winograd_m(k->method);
        p->n = p->m + 2;
        p->tiles_h = (k->out.dims[1] + p->m - 1) / p->m;
        p->tiles_w = (k->out.dims[2] + p->m - 1) / p->m;
        p->tiles = (size_t)k->out.dims[0] * p->tiles_h * p->tiles_w;
        p->rows = hedge_winograd_rows(c, p->tiles);
        p->in_panel = panel_floats(p->rows, c->in_c);
        p->out_panel = panel_floats(p->rows, c->out_c);
        p->products = (hedge_products_t){ .kernels = k->kernels,
                                          .count = p->n * p->n,
                                          .rows = p->rows,
                                          .depth = c->in_c,
                                          .columns = c->out_c,
                                          .packs = k->packs,
                                          .name = k->filter,
                                          .first = p->m * HEDGE_WINOGRAD_SIDE_MAX * HEDGE_WINOGRAD_SIDE_MAX };
        r = k->kernels->backend->products->open(&p->products);
        if (r == 0)
                r = pack_filters(k, p, constants[1]);
        if (r < 0)
                return r;
        k->bytes = p->products.bytes;
        if (k->n_in > 2) {
                p->bias = hedge_floats_new(c->out_c);
                if (!p->bias)
                        return -ENOMEM;
                memcpy(p->bias, constants[2], c->out_c * sizeof(float));
                k->bytes += c->out_c * sizeof(float);
        }
        k->packed = true;
        return 0;
}

static void release_winograd(hedge_kernel_t *k)
{
        prepared_t *p = k->state;

        if (!p)
                return;
        k->kernels->backend->products->close(&p->products);
        free(p->bias);
        free(p);
        k->state = NULL;
        k->bytes = 0;
}

/* A block of tiles, in three steps that all threads take together: transform, multiply, transform back. */
typedef struct block {
        hedge_kernel_t *kernel;
        prepared_t *p;
        const hedge_winograd_isa_t *isa;
        size_t first, end;
        hedge_winograd_input_t in;
        hedge_winograd_output_t out;
        const float *transformed; /* what b.in writes; the first tile's row */
        float *products;          /* what b.out reads */
        float *patches;           /* one per piece of the input */
        _Atomic int error;
} block_t;

static size_t patch_floats(const hedge_kernel_t *k, const prepared_t *p)
{
        return (size_t)p->n * p->n * k->op.conv.in_c;
}

static size_t pieces_of(const block_t *b)
{
        const size_t tiles = b->end - b->first, pieces = (tiles + PIECE_TILES - 1) / PIECE_TILES;

        return pieces < b->kernel->threads ? pieces : b->kernel->threads;
}

static void transform_piece(void *arg, size_t piece)
{
        block_t *b = arg;
        const size_t tiles = b->end - b->first, pieces = pieces_of(b);
        hedge_winograd_input_t in = b->in;

        in.patch = b->patches + piece * patch_floats(b->kernel, b->p);
        b->isa->input(b->p->m, &in, b->first + piece * tiles / pieces, b->first + (piece + 1) * tiles / pieces);
}

static void multiply_one(void *arg, size_t which)
{
        block_t *b = arg;
        int r = b->kernel->kernels->backend->products->run(&b->p->products, (unsigned)which,
                                                           b->transformed + which * b->in.panel,
                                                           b->products + which * b->out.panel);

        if (r < 0)
                b->error = r;
}

static void transform_back_piece(void *arg, size_t piece)
{
        block_t *b = arg;
        const size_t tiles = b->end - b->first, pieces = pieces_of(b);

        b->isa->output(b->p->m, &b->out, b->first + piece * tiles / pieces, b->first + (piece + 1) * tiles / pieces);
}

static void spread(const block_t *b, size_t count, void (*work)(void *, size_t), block_t *arg)
{
        b->kernel->kernels->backend->spread(b->kernel, count, work, arg);
}

static void choose_block(block_t *b, size_t first)
{
        b->first = first;
        b->end = b->p->tiles - first < b->p->rows ? b->p->tiles : first + b->p->rows;
}

static int multiply_block(block_t *b)
{
        b->out.first = b->first;
        spread(b, (size_t)b->p->n * b->p->n, multiply_one, b);
        if (b->error == 0)
                spread(b, pieces_of(b), transform_back_piece, b);
        return b->error;
}

static block_t make_block(hedge_kernel_t *k, const float *in, float *out)
{
        prepared_t *p = k->state;
        const hedge_conv_t *c = &k->op.conv;
        block_t b = { .kernel = k, .p = p, .isa = hedge_winograd_isa() };

        b.in = (hedge_winograd_input_t){ .image = in, .in_h = c->in_h, .in_w = c->in_w, .in_c = c->in_c };
        b.in.pad_top = (int32_t)c->pad_top;
        b.in.pad_left = (int32_t)c->pad_left;
        b.out = (hedge_winograd_output_t){ .image = out, .out_h = k->out.dims[1], .out_w = k->out.dims[2] };
        b.out.out_c = c->out_c;
        b.out.bias = p->bias;
        b.out.activation = k->op.activation;
        b.out.panel = p->out_panel;
        b.in.tiles_h = b.out.tiles_h = p->tiles_h;
        b.in.tiles_w = b.out.tiles_w = p->tiles_w;
        return b;
}

/* Block by block, so that what one step writes is still in the caches when the next reads it. */
static int run_winograd(hedge_kernel_t *k, const float *const *in, float *out)
{
        block_t b = make_block(k, in[0], out);
        const size_t count = (size_t)b.p->n * b.p->n, in_floats = count * b.p->in_panel;
        const size_t out_floats = count * b.p->out_panel;
        hedge_scratch_t *scratch;
        int r = hedge_scratch_take(k->kernels, in_floats + out_floats + k->threads * patch_floats(k, b.p), &scratch);

        if (r < 0)
                return r;
        b.transformed = b.in.panels = scratch->floats;
        b.in.panel = b.p->in_panel;
        b.products = scratch->floats + in_floats;
        b.out.panels = b.products;
        b.patches = b.products + out_floats;
        for (size_t t = 0; r == 0 && t < b.p->tiles; t += b.p->rows) {
                choose_block(&b, t);
                b.in.first = t;
                spread(&b, pieces_of(&b), transform_piece, &b);
                r = multiply_block(&b);
        }
        hedge_scratch_give(k->kernels, scratch);
        return r;
}

/* All tiles, in matrices of whole blocks: products take nothing shorter. */
static size_t whole_panel(const hedge_kernel_t *k)
{
        const prepared_t *p = k->state;

        return panel_floats((p->tiles + p->rows - 1) / p->rows * p->rows, k->op.conv.in_c);
}

static size_t input_floats(const hedge_kernel_t *k)
{
        const prepared_t *p = k->state;

        return (size_t)p->n * p->n * whole_panel(k);
}

static int begin_winograd(hedge_kernel_t *k, const float *in, float *ret_input)
{
        block_t b = make_block(k, in, NULL);
        const size_t used = b.p->tiles * k->op.conv.in_c;
        hedge_scratch_t *scratch;
        int r = hedge_scratch_take(k->kernels, k->threads * patch_floats(k, b.p), &scratch);

        if (r < 0)
                return r;
        b.in.panels = ret_input;
        b.in.panel = whole_panel(k);
        for (unsigned i = 0; i < b.p->n * b.p->n;
             i++) /* rows that are multiplied with the others, but belong to no tile */
                memset(ret_input + i * b.in.panel + used, 0, (b.in.panel - used) * sizeof(float));
        b.patches = scratch->floats;
        b.end = b.p->tiles;
        spread(&b, pieces_of(&b), transform_piece, &b);
        hedge_scratch_give(k->kernels, scratch);
        return 0;
}

static int run_begun(hedge_kernel_t *k, const float *input, float *out)
{
        block_t b = make_block(k, NULL, out);
        hedge_scratch_t *scratch;
        int r = hedge_scratch_take(k->kernels, (size_t)b.p->n * b.p->n * b.p->out_panel, &scratch);

        if (r < 0)
                return r;
        b.in.panel = whole_panel(k);
        b.products = scratch->floats;
        b.out.panels = b.products;
        for (size_t t = 0; r == 0 && t < b.p->tiles; t += b.p->rows) {
                choose_block(&b, t);
                b.transformed = input + t * k->op.conv.in_c;
                r = multiply_block(&b);
        }
        hedge_scratch_give(k->kernels, scratch);
        return r;
}

const hedge_backend_t hedge_backend_winograd = {
        .build = HEDGE_BACKEND_BUILD,
        .name = "winograd",
        .prepare = prepare_winograd,
        .run = run_winograd,
        .input_floats = input_floats,
        .begin = begin_winograd,
        .run_begun = run_begun,
        .release = release_winograd,
};
