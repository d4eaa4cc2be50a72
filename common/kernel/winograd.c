/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/winograd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/kernel/scratch.h"
#include "common/kernel/winograd_points.h"

#define PATCH_TILES 8 /* tiles that a thread transforms at a time */

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
#ifdef __x86_64__
        if (__builtin_cpu_supports("avx512f"))
                return &avx512_winograd;
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
                return &avx2_winograd;
#endif
        return &base_winograd;
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
        p->products = (hedge_products_t){
                .kernels = k->kernels, .count = p->n * p->n, .rows = p->rows, .depth = c->in_c, .columns = c->out_c
        };
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

/* A block of tiles, in three steps that all threads take together. */
typedef struct block {
        hedge_kernel_t *kernel;
        prepared_t *p;
        const hedge_winograd_isa_t *isa;
        hedge_winograd_input_t in;
        hedge_winograd_output_t out;
        size_t first, end;
        float *products; /* what b.out reads */
        float *patches;  /* one per piece of the input */
        _Atomic int error;
} block_t;

static size_t patch_floats(const hedge_kernel_t *k, const prepared_t *p)
{
        return (size_t)p->n * p->n * k->op.conv.in_c;
}

static size_t pieces_of(const block_t *b)
{
        const size_t tiles = b->end - b->first, pieces = (tiles + PATCH_TILES - 1) / PATCH_TILES;

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
                                                           b->in.panels + which * b->p->in_panel,
                                                           b->products + which * b->p->out_panel);

        if (r < 0)
                b->error = r;
}

static void transform_back_piece(void *arg, size_t piece)
{
        block_t *b = arg;
        const size_t tiles = b->end - b->first, pieces = pieces_of(b);

        b->isa->output(b->p->m, &b->out, b->first + piece * tiles / pieces, b->first + (piece + 1) * tiles / pieces);
}

static int run_block(block_t *b)
{
        hedge_kernel_t *k = b->kernel;
        void (*spread)(hedge_kernel_t *, size_t, void (*)(void *, size_t), void *) = k->kernels->backend->spread;

        spread(k, pieces_of(b), transform_piece, b);
        spread(k, (size_t)b->p->n * b->p->n, multiply_one, b);
        if (b->error == 0)
                spread(k, pieces_of(b), transform_back_piece, b);
        return b->error;
}

static int run_winograd(hedge_kernel_t *k, const float *const *in, float *out)
{
        prepared_t *p = k->state;
        const hedge_conv_t *c = &k->op.conv;
        const size_t count = (size_t)p->n * p->n, in_floats = count * p->in_panel, out_floats = count * p->out_panel;
        hedge_scratch_t *scratch;
        block_t b = { .kernel = k, .p = p, .isa = hedge_winograd_isa() };
        int r = hedge_scratch_take(k->kernels, in_floats + out_floats + k->threads * patch_floats(k, p), &scratch);

        if (r < 0)
                return r;
        b.products = scratch->floats + in_floats;
        b.patches = scratch->floats + in_floats + out_floats;
        b.in = (hedge_winograd_input_t){ .image = in[0],
                                         .in_h = c->in_h,
                                         .in_w = c->in_w,
                                         .in_c = c->in_c,
                                         .pad_top = (int32_t)c->pad_top,
                                         .pad_left = (int32_t)c->pad_left,
                                         .tiles_h = p->tiles_h,
                                         .tiles_w = p->tiles_w,
                                         .panels = scratch->floats,
                                         .panel = p->in_panel };
        b.out = (hedge_winograd_output_t){ .panels = b.products,
                                           .panel = p->out_panel,
                                           .tiles_h = p->tiles_h,
                                           .tiles_w = p->tiles_w,
                                           .out_h = k->out.dims[1],
                                           .out_w = k->out.dims[2],
                                           .out_c = c->out_c,
                                           .bias = p->bias,
                                           .activation = k->op.activation,
                                           .image = out };
        for (size_t t = 0; r == 0 && t < p->tiles; t += p->rows) {
                b.first = b.in.first = b.out.first = t;
                b.end = p->tiles - t < p->rows ? p->tiles : t + p->rows;
                r = run_block(&b);
        }
        hedge_scratch_give(k->kernels, scratch);
        return r;
}

const hedge_backend_t hedge_backend_winograd = {
        .name = "winograd",
        .prepare = prepare_winograd,
        .run = run_winograd,
        .release = release_winograd,
};
