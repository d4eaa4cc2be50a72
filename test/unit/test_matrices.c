/* SPDX-License-Identifier: Apache-2.0 */
/* A board's coded matrices: products, updates that keep to the code, and whatever else a coordinator may say. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/code/random.h"
#include "common/code/sazd/sazd.h"
#include "worker/train/matrices.h"

#define TRAIN  7
#define PLENTY (UINT64_C(64) << 20)

static hedgew_matrices_t *open_matrices(uint64_t bytes_max)
{
        hedgew_matrices_t *m;
        hedge_why_t why = { "" };

        if (hedgew_matrices_new(bytes_max, &m, &why) < 0)
                fail_msg("%s", why.text);
        assert_int_equal(hedgew_matrices_train(m), 0);
        return m;
}

static float *draw(uint64_t *row, size_t n)
{
        float *v = calloc(n + 1, sizeof(*v));

        assert_non_null(v);
        for (size_t i = 0; i < n; i++)
                v[i] = (float)hedge_random_normal(row);
        return v;
}

static zmq_msg_t frame_of(const float *v, size_t n)
{
        zmq_msg_t frame;

        assert_int_equal(zmq_msg_init_size(&frame, n * sizeof(*v)), 0);
        if (n)
                memcpy(zmq_msg_data(&frame), v, n * sizeof(*v));
        return frame;
}

static void free_bytes(void *data, void *hint)
{
        free(hint);
}

/* As libzmq gives it: somewhere in a larger buffer. */
static zmq_msg_t crooked_frame_of(const float *v, size_t n)
{
        char *bytes = malloc(n * sizeof(*v) + 1);
        zmq_msg_t frame;

        assert_non_null(bytes);
        memcpy(bytes + 1, v, n * sizeof(*v));
        assert_int_equal(zmq_msg_init_data(&frame, bytes + 1, n * sizeof(*v), free_bytes, bytes), 0);
        return frame;
}

static int hold(hedgew_matrices_t *m, uint64_t train, uint32_t matrix, uint32_t rows, uint32_t cols, const float *v)
{
        const hedge_msg_hold_t message = { train, matrix, rows, cols };
        zmq_msg_t frame = frame_of(v, (size_t)rows * cols);
        hedge_why_t why = { "" };
        int r = hedgew_matrices_hold(m, &message, &frame, &why);

        assert_true((r < 0) == (why.text[0] != 0));
        zmq_msg_close(&frame);
        return r;
}

/* @param expected  batch x rows, or NULL: only the answer matters. */
static int apply(hedgew_matrices_t *m, uint32_t matrix, uint32_t keep, uint32_t batch, zmq_msg_t frame, float **ret)
{
        const hedge_msg_apply_t message = { .job = TRAIN, .matrix = matrix, .batch = batch, .keep = keep };
        hedgew_matrices_product_t product;
        hedge_why_t why = { "" };
        int r = hedgew_matrices_apply(m, &message, &frame, &product, &why);

        assert_true((r < 0) == (why.text[0] != 0));
        zmq_msg_close(&frame);
        if (r < 0)
                return r;
        if (ret) {
                *ret = malloc(zmq_msg_size(&product.frame) + 1);
                memcpy(*ret, zmq_msg_data(&product.frame), zmq_msg_size(&product.frame));
        }
        zmq_msg_close(&product.frame);
        return 0;
}

/* @return the floats of a matrix; NULL: it is not held. */
static float *fetch(hedgew_matrices_t *m, uint32_t matrix, size_t n)
{
        const hedge_msg_hold_t message = { .job = TRAIN, .matrix = matrix };
        hedgew_matrices_product_t product;
        hedge_why_t why = { "" };
        int r = hedgew_matrices_fetch(m, &message, &product, &why);
        float *v;

        if (r < 0) {
                assert_int_equal(r, -ENOENT);
                assert_non_null(strstr(why.text, "hold"));
                return NULL;
        }
        assert_int_equal(zmq_msg_size(&product.frame), n * sizeof(float));
        v = malloc(n * sizeof(float));
        memcpy(v, zmq_msg_data(&product.frame), n * sizeof(float));
        zmq_msg_close(&product.frame);
        return v;
}

static bool is_held(hedgew_matrices_t *m, uint32_t matrix, size_t n)
{
        float *v = fetch(m, matrix, n);

        free(v);
        return v;
}

/* c (m x n) = op(a) op(b); strides of op(a)'s rows and columns, likewise b's. */
static double *multiply(size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_col, const float *b,
                        size_t b_row, size_t b_col)
{
        double *c = calloc(m * n + 1, sizeof(*c));

        for (size_t i = 0; i < m; i++)
                for (size_t l = 0; l < k; l++)
                        for (size_t j = 0; j < n; j++)
                                c[i * n + j] += (double)a[i * a_row + l * a_col] * (double)b[l * b_row + j * b_col];
        return c;
}

/* Relative to the root mean square of all. */
static double error_of(const float *is, const double *expected, size_t n)
{
        double sum = 0, worst = 0;

        for (size_t i = 0; i < n; i++) {
                sum += expected[i] * expected[i];
                worst = fmax(worst, fabs((double)is[i] - expected[i]));
        }
        return worst / sqrt(sum / (double)n);
}

static void products_are_those_of_the_matrices(void **state)
{
        uint64_t row = hedge_random_row(1, 1);

        for (int i = 0; i < 40; i++) {
                const uint32_t batch = 1 + (uint32_t)hedge_random_below(&row, i % 2 ? 3 : 40);
                const uint32_t rows = 1 + (uint32_t)hedge_random_below(&row, i % 4 < 2 ? 3 : 70);
                const uint32_t cols = 1 + (uint32_t)hedge_random_below(&row, i % 8 < 4 ? 3 : 90);
                float *w = draw(&row, (size_t)rows * cols), *x = draw(&row, (size_t)batch * cols), *y = NULL, *back;
                double *expected = multiply(batch, rows, cols, x, cols, 1, w, 1, cols);
                hedgew_matrices_t *m = open_matrices(PLENTY);
                const size_t n = (size_t)batch * cols;

                assert_int_equal(hold(m, TRAIN, 1023, rows, cols, w), 0);
                assert_int_equal(hedgew_matrices_train(m), TRAIN);
                for (uint32_t keep = 0; keep < 2; keep++) {
                        const zmq_msg_t frame = i % 3 ? frame_of(x, n) : crooked_frame_of(x, n);

                        assert_int_equal(apply(m, 1023, keep, batch, frame, &y), 0);
                        assert_true(error_of(y, expected, (size_t)batch * rows) < 1e-5);
                        free(y);
                }
                back = fetch(m, 1023, (size_t)rows * cols);
                assert_memory_equal(back, w, (size_t)rows * cols * sizeof(float));
                free(back);
                hedgew_matrices_destroy(&m);
                assert_null(m);
                free(expected);
                free(w);
                free(x);
        }
}

static void two_factors_are_multiplied(void **state)
{
        uint64_t row = hedge_random_row(2, 1);
        hedgew_matrices_t *m = open_matrices(PLENTY);

        for (int i = 0; i < 20; i++) {
                hedge_msg_multiply_t message = { .job = i };
                hedgew_matrices_product_t product;
                hedge_why_t why = { "" };
                float *a, *b;
                double *expected;
                zmq_msg_t frames[2];

                message.rows = 1 + (uint32_t)hedge_random_below(&row, 30);
                message.inner = 1 + (uint32_t)hedge_random_below(&row, 50);
                message.cols = 1 + (uint32_t)hedge_random_below(&row, 40);
                a = draw(&row, (size_t)message.rows * message.inner);
                b = draw(&row, (size_t)message.inner * message.cols);
                expected = multiply(message.rows, message.cols, message.inner, a, message.inner, 1, b, message.cols, 1);
                frames[0] = crooked_frame_of(a, (size_t)message.rows * message.inner);
                frames[1] = frame_of(b, (size_t)message.inner * message.cols);
                assert_int_equal(hedgew_matrices_multiply(m, &message, frames, &product, &why), 0);
                assert_int_equal(zmq_msg_size(&product.frame), message.rows * message.cols * sizeof(float));
                assert_true(error_of(zmq_msg_data(&product.frame), expected, (size_t)message.rows * message.cols) <
                            1e-5);
                assert_int_equal(product.macs, (uint64_t)message.rows * message.inner * message.cols);
                zmq_msg_close(&frames[0]);
                zmq_msg_close(&frames[1]);
                zmq_msg_close(&product.frame);
                free(a);
                free(b);
                free(expected);
        }
        assert_int_equal(hedgew_matrices_train(m), 0); /* nothing came to be held */
        hedgew_matrices_destroy(&m);
}

/* ---- updates ---- */

/* A code of a matrix's row blocks. */
typedef struct code {
        uint32_t blocks, block_cols, rows, n_terms;
        hedge_code_term_t terms[8];
} code_t;

/* Blocks of `of` columns, any of them several times, shifted and weighted at random. */
static code_t draw_code(uint64_t *row, uint32_t of)
{
        code_t code = { .blocks = 1 + (uint32_t)hedge_random_below(row, 5) };

        code.block_cols = (of + code.blocks - 1) / code.blocks;
        code.n_terms = 1 + (uint32_t)hedge_random_below(row, 8);
        for (uint32_t i = 0; i < code.n_terms; i++) {
                hedge_code_term_t *term = &code.terms[i];

                term->block = (uint32_t)hedge_random_below(row, code.blocks);
                term->shift = (uint32_t)hedge_random_below(row, 20);
                term->weight = hedge_random_below(row, 2) ? 1 : hedge_random_normal(row);
                if (term->shift + code.block_cols > code.rows)
                        code.rows = term->shift + code.block_cols;
        }
        return code;
}

/* Row blocks of a matrix (rows x cols with the strides), encoded: code->rows x cols. */
static double *encode(const code_t *code, const double *w, uint32_t rows, uint32_t cols, size_t w_row, size_t w_col)
{
        double *out = calloc((size_t)code->rows * cols, sizeof(*out));

        for (uint32_t t = 0; t < code->n_terms; t++)
                for (uint32_t i = 0; i < code->block_cols; i++) {
                        const hedge_code_term_t *term = &code->terms[t];
                        const uint32_t from = term->block * code->block_cols + i;

                        for (uint32_t j = 0; from < rows && j < cols; j++)
                                out[(term->shift + i) * cols + j] += term->weight * w[from * w_row + j * w_col];
                }
        return out;
}

static void hold_encoded(hedgew_matrices_t *m, uint32_t number, uint32_t rows, uint32_t cols, const double *v)
{
        float *w = calloc((size_t)rows * cols, sizeof(*w));

        for (size_t i = 0; i < (size_t)rows * cols; i++)
                w[i] = (float)v[i];
        assert_int_equal(hold(m, TRAIN, number, rows, cols, w), 0);
        free(w);
}

static void expect_encoded(hedgew_matrices_t *m, uint32_t number, const double *expected, size_t n, double tolerance)
{
        float *is = fetch(m, number, n);
        const double error = error_of(is, expected, n);

        if (!(error < tolerance))
                fail_msg("matrix %u is off by %g", number, error);
        free(is);
}

/* The true weights, out x in, with their updates done plainly. */
typedef struct layer {
        uint32_t out, in;
        double *w;
} layer_t;

static void update_truth(layer_t *l, uint32_t batch, double rate, double decay, const float *delta, const float *x)
{
        for (uint32_t i = 0; i < l->out; i++)
                for (uint32_t j = 0; j < l->in; j++) {
                        double sum = 0;

                        for (uint32_t b = 0; b < batch; b++)
                                sum += (double)delta[b * l->out + i] * (double)x[b * l->in + j];
                        l->w[i * l->in + j] = (1 - decay) * l->w[i * l->in + j] - rate * sum;
                }
}

/* Matrix 0: coded rows of W; matrix 1: coded rows of its transpose. */
static hedge_msg_update_t make_update(const layer_t *l, uint32_t batch, code_t codes[2], hedge_update_target_t *targets)
{
        for (uint32_t i = 0; i < 2; i++)
                targets[i] = (hedge_update_target_t){ .matrix = i,
                                                      .swap = i,
                                                      .blocks = codes[i].blocks,
                                                      .block_cols = codes[i].block_cols,
                                                      .n_terms = codes[i].n_terms,
                                                      .terms = codes[i].terms };
        return (hedge_msg_update_t){ .job = TRAIN,
                                     .batch = batch,
                                     .left_cols = l->out,
                                     .right_cols = l->in,
                                     .n_targets = 2,
                                     .targets = targets };
}

static int update(hedgew_matrices_t *m, const hedge_msg_update_t *message, zmq_msg_t *frames, uint32_t n,
                  uint64_t *macs)
{
        hedge_why_t why = { "" };
        int r = hedgew_matrices_update(m, message, frames, n, macs, &why);

        assert_true((r < 0) == (why.text[0] != 0));
        for (uint32_t i = 0; i < n; i++)
                zmq_msg_close(&frames[i]);
        return r;
}

/* Tell the board, in one of the four ways that factors get there. */
static void tell_update(hedgew_matrices_t *m, hedge_msg_update_t *message, unsigned way, const float *delta,
                        const float *x)
{
        const size_t n_delta = (size_t)message->batch * message->left_cols;
        const size_t n_x = (size_t)message->batch * message->right_cols;
        zmq_msg_t frames[2];
        uint32_t n = 0;
        uint64_t macs = 0;

        message->left_kept = way & 1 ? 5 : 0;
        message->right_kept = way & 2 ? 6 : 0;
        if (way & 1) /* by the transpose's block: its columns are the outputs */
                assert_int_equal(apply(m, 1, 5, message->batch, crooked_frame_of(delta, n_delta), NULL), 0);
        else
                frames[n++] = frame_of(delta, n_delta);
        if (way & 2)
                assert_int_equal(apply(m, 0, 6, message->batch, frame_of(x, n_x), NULL), 0);
        else
                frames[n++] = crooked_frame_of(x, n_x);
        assert_int_equal(update(m, message, frames, n, &macs), 0);
        assert_true(macs > 0);
}

/* The theorem: a board that encodes the factors and updates its block holds the encoding of the updated weights. */
static void updates_keep_to_the_code(void **state)
{
        for (uint64_t seed = 0; seed < 6; seed++) {
                uint64_t row = hedge_random_row(3, seed);
                layer_t l = { 1 + (uint32_t)hedge_random_below(&row, 50), 1 + (uint32_t)hedge_random_below(&row, 60),
                              NULL };
                code_t codes[2] = { draw_code(&row, l.out), draw_code(&row, l.in) };
                hedgew_matrices_t *m = open_matrices(PLENTY);
                double *rows, *cols;

                l.w = calloc((size_t)l.out * l.in, sizeof(*l.w));
                for (size_t i = 0; i < (size_t)l.out * l.in; i++)
                        l.w[i] = hedge_random_normal(&row);
                rows = encode(&codes[0], l.w, l.out, l.in, l.in, 1);
                cols = encode(&codes[1], l.w, l.in, l.out, 1, l.in);
                hold_encoded(m, 0, codes[0].rows, l.in, rows);
                hold_encoded(m, 1, codes[1].rows, l.out, cols);
                free(rows);
                free(cols);
                for (unsigned step = 0; step < 200; step++) {
                        const uint32_t batch = 1 + (uint32_t)hedge_random_below(&row, 9);
                        float *delta = draw(&row, (size_t)batch * l.out), *x = draw(&row, (size_t)batch * l.in);
                        hedge_update_target_t targets[2];
                        hedge_msg_update_t message = make_update(&l, batch, codes, targets);

                        message.rate = 0.01 * hedge_random_normal(&row);
                        message.decay = step % 3 ? 0.001 : 0;
                        tell_update(m, &message, step % 4, delta, x);
                        update_truth(&l, batch, message.rate, message.decay, delta, x);
                        free(delta);
                        free(x);
                }
                rows = encode(&codes[0], l.w, l.out, l.in, l.in, 1);
                cols = encode(&codes[1], l.w, l.in, l.out, 1, l.in);
                expect_encoded(m, 0, rows, (size_t)codes[0].rows * l.in, 2e-5);
                expect_encoded(m, 1, cols, (size_t)codes[1].rows * l.out, 2e-5);
                free(rows);
                free(cols);
                free(l.w);
                hedgew_matrices_destroy(&m);
        }
}

static code_t sazd_code(const hedge_sazd_t *sazd, unsigned block, uint32_t block_rows)
{
        const unsigned k = hedge_sazd_k(sazd);
        code_t code = { .blocks = k, .block_cols = block_rows, .rows = hedge_sazd_rows(sazd, block) };

        for (unsigned i = 0; i < k; i++)
                if (block >= k)
                        code.terms[code.n_terms++] = (hedge_code_term_t){ i, hedge_sazd_shift(sazd, i, block - k), 1 };
        if (block < k)
                code.terms[code.n_terms++] = (hedge_code_term_t){ block, 0, 1 };
        return code;
}

/* The same for the real code, encoded by common/code: all boards, after updates by frames. */
static void boards_keep_to_shift_and_add(void **state)
{
        const hedge_sazd_params_t params = { .k = 4, .r = 2, .rows = 11, .step = 2 };
        const uint32_t out = 42, in = 30, batch = 8; /* 44 rows: the last block has two of zeros */
        uint64_t row = hedge_random_row(4, 0);
        float *w = draw(&row, (size_t)44 * in);
        layer_t l = { out, in, calloc((size_t)out * in, sizeof(double)) };
        hedgew_matrices_t *m = open_matrices(PLENTY);
        hedge_sazd_in_t data[4];
        hedge_sazd_t *sazd;

        assert_int_equal(hedge_sazd_new(&params, &sazd, NULL), 0);
        memset(w + (size_t)out * in, 0, (size_t)2 * in * sizeof(*w));
        for (unsigned i = 0; i < 4; i++)
                data[i] = (hedge_sazd_in_t){ w + (size_t)i * 11 * in, in };
        for (unsigned b = 0; b < 6; b++) {
                const uint32_t rows = hedge_sazd_rows(sazd, b);
                float *block = calloc((size_t)rows * in, sizeof(*block));

                assert_int_equal(hedge_sazd_encode(sazd, b, in, data, (hedge_sazd_out_t){ block, in }), 0);
                assert_int_equal(hold(m, TRAIN, b, rows, in, block), 0);
                free(block);
        }
        for (size_t i = 0; i < (size_t)out * in; i++)
                l.w[i] = (double)w[i];
        for (unsigned step = 0; step < 50; step++) {
                float *delta = draw(&row, (size_t)batch * out), *x = draw(&row, (size_t)batch * in);
                hedge_update_target_t targets[6];
                hedge_msg_update_t message = { .job = TRAIN, .batch = batch, .left_cols = out, .right_cols = in };
                zmq_msg_t frames[2] = { frame_of(delta, (size_t)batch * out), frame_of(x, (size_t)batch * in) };
                code_t codes[6];
                uint64_t macs;

                message.rate = 0.01;
                message.n_targets = 6;
                message.targets = targets;
                for (unsigned b = 0; b < 6; b++) {
                        codes[b] = sazd_code(sazd, b, 11);
                        targets[b] = (hedge_update_target_t){ .matrix = b,
                                                              .blocks = 4,
                                                              .block_cols = 11,
                                                              .n_terms = codes[b].n_terms,
                                                              .terms = codes[b].terms };
                }
                assert_int_equal(update(m, &message, frames, 2, &macs), 0);
                update_truth(&l, batch, 0.01, 0, delta, x);
                free(delta);
                free(x);
        }
        for (unsigned b = 0; b < 6; b++) {
                const code_t code = sazd_code(sazd, b, 11);
                double *expected = encode(&code, l.w, out, in, in, 1);

                expect_encoded(m, b, expected, (size_t)code.rows * in, 1e-5);
                free(expected);
        }
        hedge_sazd_destroy(&sazd);
        hedgew_matrices_destroy(&m);
        free(l.w);
        free(w);
}

/* ---- what is kept, and what goes wrong ---- */

#define ROWS 4u
#define COLS 6u

static const hedge_code_term_t whole_term = { 0, 0, 1 };

/* Matrix 3 becomes itself minus delta^T x, uncoded. */
static hedge_msg_update_t plain_update(hedge_update_target_t *target, uint32_t batch)
{
        *target = (hedge_update_target_t){ .matrix = 3,
                                           .blocks = 1,
                                           .block_cols = ROWS,
                                           .n_terms = 1,
                                           .terms = (hedge_code_term_t *)(uintptr_t)&whole_term };
        return (hedge_msg_update_t){ .job = TRAIN,
                                     .batch = batch,
                                     .left_cols = ROWS,
                                     .right_cols = COLS,
                                     .rate = 1,
                                     .n_targets = 1,
                                     .targets = target };
}

static const float ones[64] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                                1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };

static int try_plain_update(hedgew_matrices_t *m, uint32_t right_kept)
{
        hedge_update_target_t target;
        hedge_msg_update_t message = plain_update(&target, 2);
        zmq_msg_t frames[2] = { frame_of(ones, 2 * ROWS), frame_of(ones, 2 * COLS) };
        uint64_t macs;

        message.right_kept = right_kept;
        if (right_kept)
                zmq_msg_close(&frames[1]);
        return update(m, &message, frames, right_kept ? 1 : 2, &macs);
}

static void a_factor_is_kept_until_the_next_of_its_number(void **state)
{
        hedgew_matrices_t *m = open_matrices(PLENTY);
        float twos[2 * COLS];
        uint64_t bytes;
        float *w;

        for (unsigned i = 0; i < 2 * COLS; i++)
                twos[i] = 2;
        assert_int_equal(hold(m, TRAIN, 3, ROWS, COLS, ones), 0);
        assert_int_equal(apply(m, 3, 64, 2, frame_of(ones, 2 * COLS), NULL), 0);
        bytes = hedgew_matrices_bytes(m);
        assert_int_equal(apply(m, 3, 64, 2, frame_of(twos, 2 * COLS), NULL), 0);
        assert_int_equal(hedgew_matrices_bytes(m), bytes);
        assert_int_equal(try_plain_update(m, 64), 0);
        assert_int_equal(try_plain_update(m, 64), 0); /* it stays */
        w = fetch(m, 3, ROWS * COLS);
        for (unsigned i = 0; i < ROWS * COLS; i++)
                assert_true(w[i] == 1 - 2 * 2 * 2);
        free(w);
        /* another number of rows, another one of columns */
        assert_int_equal(apply(m, 3, 64, 1, frame_of(ones, COLS), NULL), 0);
        assert_int_equal(try_plain_update(m, 64), HEDGE_EMALFORMED);
        assert_false(is_held(m, 3, ROWS * COLS));
        assert_int_equal(hold(m, TRAIN, 3, ROWS, COLS, ones), 0);
        assert_int_equal(try_plain_update(m, 63), -ENOENT);
        hedgew_matrices_destroy(&m);
}

static void at_most_64_factors_are_kept(void **state)
{
        hedgew_matrices_t *m = open_matrices(PLENTY);

        assert_int_equal(hold(m, TRAIN, 3, ROWS, COLS, ones), 0);
        for (uint32_t i = 1; i <= HEDGEW_MATRICES_KEPT; i++)
                assert_int_equal(apply(m, 3, 1000 - i, 2, frame_of(ones, 2 * COLS), NULL), 0);
        assert_int_equal(apply(m, 3, 1000, 2, frame_of(ones, 2 * COLS), NULL), HEDGE_ELIMIT);
        assert_int_equal(apply(m, 3, 999, 2, frame_of(ones, 2 * COLS), NULL), 0);
        for (uint32_t i = 1; i <= HEDGEW_MATRICES_KEPT; i++)
                assert_int_equal(try_plain_update(m, 1000 - i), 0);
        hedgew_matrices_destroy(&m);
}

/* Frames of a few floats lie in zmq_msg_t itself. */
static void tiny_factors_are_kept_too(void **state)
{
        const float zeros[2] = { 0, 0 }, one = 1;
        hedgew_matrices_t *m = open_matrices(PLENTY);
        float *w;

        assert_int_equal(hold(m, TRAIN, 3, 1, 2, zeros), 0);
        for (uint32_t i = 1; i <= HEDGEW_MATRICES_KEPT; i++) {
                const float x[2] = { (float)i, -(float)(i * i) };

                assert_int_equal(apply(m, 3, i, 1, frame_of(x, 2), NULL), 0);
        }
        for (uint32_t i = 1; i <= HEDGEW_MATRICES_KEPT; i++) {
                hedge_update_target_t target;
                hedge_msg_update_t message = plain_update(&target, 1);
                zmq_msg_t delta = frame_of(&one, 1);
                uint64_t macs;

                message.left_cols = target.block_cols = 1;
                message.right_cols = 2;
                message.right_kept = i;
                message.decay = 1;
                assert_int_equal(update(m, &message, &delta, 1, &macs), 0);
                w = fetch(m, 3, 2);
                assert_true(w[0] == -(float)i && w[1] == (float)(i * i));
                free(w);
        }
        hedgew_matrices_destroy(&m);
}

/* A failed message leaves nothing that the coordinator may take for what it wanted. */
static void what_a_failed_message_was_to_change_is_gone(void **state)
{
        hedgew_matrices_t *m = open_matrices(PLENTY);

        assert_int_equal(hold(m, TRAIN, 2, ROWS, COLS, ones), 0);
        assert_int_equal(hold(m, TRAIN, 3, ROWS, COLS, ones), 0);
        assert_int_equal(apply(m, 3, 9, 2, frame_of(ones, 2 * COLS), NULL), 0);
        assert_int_equal(apply(m, 3, 9, 2, frame_of(ones, 2 * COLS - 1), NULL), HEDGE_EMALFORMED);
        assert_int_equal(try_plain_update(m, 9), -ENOENT);
        assert_false(is_held(m, 3, ROWS * COLS));
        assert_true(is_held(m, 2, ROWS * COLS));
        {
                const hedge_msg_hold_t message = { TRAIN, 2, ROWS, COLS };
                zmq_msg_t frame = frame_of(ones, ROWS * COLS + 1);

                assert_int_equal(hedgew_matrices_hold(m, &message, &frame, NULL), HEDGE_EMALFORMED);
                zmq_msg_close(&frame);
        }
        assert_false(is_held(m, 2, ROWS * COLS));
        hedgew_matrices_destroy(&m);
}

static void missed_messages_count_as_failed(void **state)
{
        hedgew_matrices_t *m = open_matrices(PLENTY);
        hedge_update_target_t target;
        hedge_message_t message = { .type = HEDGE_MSG_UPDATE, .update = plain_update(&target, 2) };

        for (uint32_t i = 2; i < 5; i++)
                assert_int_equal(hold(m, TRAIN, i, ROWS, COLS, ones), 0);
        assert_int_equal(apply(m, 2, 9, 2, frame_of(ones, 2 * COLS), NULL), 0);
        hedgew_matrices_miss(m, &message);
        assert_false(is_held(m, 3, ROWS * COLS));
        hedgew_matrices_miss(m, &(hedge_message_t){ .type = HEDGE_MSG_HOLD, .hold = { TRAIN, 2, 1, 1 } });
        assert_false(is_held(m, 2, ROWS * COLS));
        hedgew_matrices_miss(
                m, &(hedge_message_t){ .type = HEDGE_MSG_APPLY, .apply = { .job = TRAIN, .batch = 2, .keep = 9 } });
        assert_int_equal(hold(m, TRAIN, 3, ROWS, COLS, ones), 0);
        assert_int_equal(try_plain_update(m, 9), -ENOENT);
        message.update.job++; /* another training's matter nothing */
        assert_int_equal(hold(m, TRAIN, 3, ROWS, COLS, ones), 0);
        hedgew_matrices_miss(m, &message);
        assert_true(is_held(m, 3, ROWS * COLS));
        assert_true(is_held(m, 4, ROWS * COLS));
        hedgew_matrices_destroy(&m);
}

static void updates_that_do_not_fit_are_refused(void **state)
{
        hedge_code_term_t terms[2] = { { 0, 0, 1 }, { 1, 2, 1 } };
        const struct {
                hedge_update_target_t target;
                uint32_t left_cols, right_cols, n_frames;
                int code;
        } list[] = {
                { { .matrix = 3, .blocks = 2, .block_cols = 2, .n_terms = 2, .terms = terms }, 4, COLS, 2, 0 },
                { { .matrix = 3, .blocks = 2, .block_cols = 3, .n_terms = 2, .terms = terms }, 5, COLS, 2, 0 },
                { { .matrix = 3, .blocks = 2, .block_cols = 3, .n_terms = 2, .terms = terms },
                  6,
                  COLS,
                  2,
                  HEDGE_EMALFORMED },
                { { .matrix = 3, .blocks = 2, .block_cols = 1, .n_terms = 2, .terms = terms },
                  4,
                  COLS,
                  2,
                  HEDGE_EMALFORMED },
                { { .matrix = 3, .blocks = 1, .block_cols = 4, .n_terms = 2, .terms = terms },
                  4,
                  COLS,
                  2,
                  HEDGE_EMALFORMED },
                { { .matrix = 3, .blocks = 2, .block_cols = 2, .n_terms = 2, .terms = terms },
                  4,
                  COLS - 1,
                  2,
                  HEDGE_EMALFORMED },
                { { .matrix = 3, .swap = true, .blocks = 2, .block_cols = 2, .n_terms = 2, .terms = terms },
                  4,
                  COLS,
                  2,
                  HEDGE_EMALFORMED },
                { { .matrix = 3, .swap = true, .blocks = 2, .block_cols = 2, .n_terms = 2, .terms = terms },
                  COLS,
                  4,
                  2,
                  0 },
                { { .matrix = 2, .blocks = 2, .block_cols = 2, .n_terms = 2, .terms = terms }, 4, COLS, 2, -ENOENT },
                { { .matrix = 1024, .blocks = 2, .block_cols = 2, .n_terms = 2, .terms = terms }, 4, COLS, 2, -ENOENT },
                { { .matrix = 3, .blocks = 2, .block_cols = 2, .n_terms = 2, .terms = terms },
                  4,
                  COLS,
                  1,
                  HEDGE_EMALFORMED },
                { { .matrix = 3, .blocks = 2, .block_cols = 2, .n_terms = 2, .terms = terms },
                  4,
                  COLS,
                  0,
                  HEDGE_EMALFORMED },
                { { .matrix = 3, .blocks = 1024, .block_cols = UINT32_MAX, .n_terms = 2, .terms = terms },
                  4,
                  COLS,
                  2,
                  0 },
        };

        for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
                hedgew_matrices_t *m = open_matrices(PLENTY);
                hedge_update_target_t targets[2];
                hedge_msg_update_t message = { .job = TRAIN, .batch = 2, .rate = 1, .n_targets = 2 };
                zmq_msg_t frames[2] = { frame_of(ones, (size_t)2 * list[i].left_cols),
                                        frame_of(ones, (size_t)2 * list[i].right_cols) };
                uint64_t macs;

                /* the first target is always well: all are done, or none is */
                targets[0] = (hedge_update_target_t){
                        .matrix = 8, .blocks = 1, .block_cols = 8, .n_terms = 1, .terms = terms
                };
                targets[1] = list[i].target;
                message.targets = targets;
                message.left_cols = list[i].left_cols;
                message.right_cols = list[i].right_cols;
                assert_int_equal(hold(m, TRAIN, 3, ROWS, COLS, ones), 0);
                assert_int_equal(hold(m, TRAIN, 8, 8, list[i].right_cols, ones), 0);
                for (uint32_t k = list[i].n_frames; k < 2; k++)
                        zmq_msg_close(&frames[k]);
                assert_int_equal(update(m, &message, frames, list[i].n_frames, &macs), list[i].code);
                assert_true(is_held(m, 3, ROWS * COLS) == (list[i].code == 0 || targets[1].matrix != 3));
                assert_true(is_held(m, 8, (size_t)8 * list[i].right_cols) == (list[i].code == 0));
                hedgew_matrices_destroy(&m);
        }
}

static void other_trainings_have_nothing_here(void **state)
{
        hedgew_matrices_t *m = open_matrices(PLENTY);
        uint64_t bytes = hedgew_matrices_bytes(m);

        assert_int_equal(apply(m, 3, 0, 2, frame_of(ones, 2 * COLS), NULL), -ENOENT);
        assert_int_equal(try_plain_update(m, 0), -ENOENT);
        assert_false(is_held(m, 3, ROWS * COLS));
        assert_int_equal(hold(m, 0, 3, ROWS, COLS, ones), HEDGE_EMALFORMED);
        assert_int_equal(hold(m, TRAIN, 3, ROWS, COLS, ones), 0);
        assert_int_equal(apply(m, 3, 1, 2, frame_of(ones, 2 * COLS), NULL), 0);
        assert_int_equal(try_plain_update(m, 1), 0);
        /* one of another number in HOLD replaces all */
        assert_int_equal(hold(m, TRAIN + 1, 4, ROWS, COLS, ones), 0);
        assert_int_equal(hedgew_matrices_train(m), TRAIN + 1);
        assert_int_equal(hedgew_matrices_bytes(m), bytes + sizeof(float) * ROWS * COLS);
        assert_false(is_held(m, 3, ROWS * COLS));
        assert_int_equal(hold(m, TRAIN, 3, ROWS, COLS, ones), 0);
        assert_int_equal(try_plain_update(m, 1), -ENOENT);
        hedgew_matrices_leave(m);
        assert_int_equal(hedgew_matrices_train(m), 0);
        assert_int_equal(hedgew_matrices_bytes(m), bytes);
        assert_false(is_held(m, 3, ROWS * COLS));
        hedgew_matrices_destroy(&m);
}

static void memory_is_counted_and_bounded(void **state)
{
        const uint32_t rows = 64, cols = 128; /* 32 KiB */
        uint64_t row = hedge_random_row(6, 0), full;
        float *v = draw(&row, (size_t)rows * cols);
        hedgew_matrices_t *m = open_matrices(0);
        hedge_msg_multiply_t message = { .rows = 64, .inner = 1, .cols = 512 };
        hedgew_matrices_product_t product;
        hedge_why_t why = { "" };
        const uint64_t none = hedgew_matrices_bytes(m), one = sizeof(float) * rows * cols;
        zmq_msg_t frames[2];

        assert_int_equal(hold(m, TRAIN, 0, 1, 1, v), HEDGE_ELIMIT);
        hedgew_matrices_destroy(&m);
        m = open_matrices(none + 2 * one);
        assert_int_equal(hold(m, TRAIN, 0, rows, cols, v), 0);
        assert_int_equal(hold(m, TRAIN, 1, rows, cols, v), 0);
        full = hedgew_matrices_bytes(m);
        assert_int_equal(full, none + 2 * one);
        assert_int_equal(hold(m, TRAIN, 1, cols, rows, v), 0); /* in place of the one before */
        assert_int_equal(hold(m, TRAIN, 2, 1, 1, v), HEDGE_ELIMIT);
        assert_int_equal(apply(m, 0, 1, 1, frame_of(v, cols), NULL), HEDGE_ELIMIT); /* nothing can be kept */
        assert_int_equal(apply(m, 0, 0, 1, frame_of(v, cols), NULL), 0);
        assert_int_equal(hedgew_matrices_bytes(m), full);
        {
                hedge_update_target_t target;
                hedge_msg_update_t update_message = plain_update(&target, 1);
                zmq_msg_t factors[2] = { frame_of(v, rows), frame_of(v, cols) };
                uint64_t macs;

                update_message.left_cols = rows;
                update_message.right_cols = cols;
                target.matrix = 0;
                target.block_cols = rows;
                assert_int_equal(update(m, &update_message, factors, 2, &macs), HEDGE_ELIMIT);
        }
        assert_false(is_held(m, 0, (size_t)rows * cols));
        assert_int_equal(hedgew_matrices_bytes(m), full - one);
        hedgew_matrices_destroy(&m);
        /* a product that is larger than all that may be taken, of small factors */
        m = open_matrices(100000);
        frames[0] = frame_of(v, 64);
        frames[1] = frame_of(v, 512);
        assert_int_equal(hedgew_matrices_multiply(m, &message, frames, &product, &why), HEDGE_ELIMIT);
        assert_true(why.text[0]);
        zmq_msg_close(&frames[0]);
        zmq_msg_close(&frames[1]);
        hedgew_matrices_destroy(&m);
        free(v);
}

/* Whatever comes: no crash, no leak, and never more than the cap. */
static void nothing_is_too_hostile(void **state)
{
        const uint64_t cap = 60000; /* the empty structure takes most of it */
        uint64_t row = hedge_random_row(8, 0);
        hedgew_matrices_t *m = open_matrices(cap);
        float *v = draw(&row, 4096);
        unsigned well = 0;

        for (int i = 0; i < 20000; i++) {
                const uint32_t a = 1 + (uint32_t)hedge_random_below(&row, 5);
                const uint32_t b = 1 + (uint32_t)hedge_random_below(&row, 5);
                const uint32_t c = 1 + (uint32_t)hedge_random_below(&row, 5);
                const uint64_t train = hedge_random_below(&row, 30) ? TRAIN : hedge_random_below(&row, 3);
                const bool wrong = hedge_random_below(&row, 10) == 0;
                const uint32_t many = hedge_random_below(&row, 20) ? 1 : 1u << hedge_random_below(&row, 24);
                zmq_msg_t frames[2] = { frame_of(v, a * b + wrong), frame_of(v, b * c) };
                hedgew_matrices_product_t product = { .macs = 0 };
                hedge_code_term_t terms[2] = { { (uint32_t)hedge_random_below(&row, 3), c - 1, 1 },
                                               { 0, (uint32_t)hedge_random_below(&row, 2) * many, 1e9 } };
                hedge_update_target_t target = { (uint32_t)hedge_random_below(&row, 3), b == 1, 2, a * many, 2, terms };
                uint32_t n_frames = 0;
                uint64_t macs;
                int r;

                zmq_msg_init(&product.frame);
                switch (hedge_random_below(&row, 5)) {
                case 0:
                        r = hedgew_matrices_hold(m, &(hedge_msg_hold_t){ train, target.matrix, a * many, b },
                                                 &frames[0], NULL);
                        break;
                case 1:
                        r = hedgew_matrices_apply(
                                m,
                                &(hedge_msg_apply_t){ .job = train,
                                                      .matrix = target.matrix,
                                                      .batch = a * many,
                                                      .keep = (uint32_t)hedge_random_below(&row, 200) },
                                &frames[0], &product, NULL);
                        break;
                case 2:
                        r = hedgew_matrices_fetch(m, &(hedge_msg_hold_t){ .job = train, .matrix = target.matrix },
                                                  &product, NULL);
                        break;
                case 3:
                        r = hedgew_matrices_multiply(m, &(hedge_msg_multiply_t){ train, 0, 0, a, b, c * many }, frames,
                                                     &product, NULL);
                        break;
                default: {
                        hedge_msg_update_t message = { .job = train,
                                                       .batch = a,
                                                       .left_cols = b,
                                                       .right_cols = c,
                                                       .rate = 1e9,
                                                       .decay = 1,
                                                       .n_targets = 1,
                                                       .targets = &target };

                        message.left_kept = (uint32_t)hedge_random_below(&row, 3) ? 0 : c;
                        message.right_kept = (uint32_t)hedge_random_below(&row, 2) ? 0 : c;
                        n_frames = !message.left_kept + !message.right_kept + (wrong && b == 1);
                        if (n_frames > 2)
                                n_frames = 2;
                        r = hedgew_matrices_update(m, &message, frames, n_frames, &macs, NULL);
                }
                }
                well += r == 0;
                assert_true(r == 0 || r == -ENOENT || r == HEDGE_EMALFORMED || r == HEDGE_ELIMIT);
                assert_true(hedgew_matrices_bytes(m) <= cap);
                zmq_msg_close(&product.frame);
                zmq_msg_close(&frames[0]);
                zmq_msg_close(&frames[1]);
        }
        assert_true(well > 1000);
        hedgew_matrices_leave(m);
        free(v);
        hedgew_matrices_destroy(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(products_are_those_of_the_matrices),
                cmocka_unit_test(two_factors_are_multiplied),
                cmocka_unit_test(updates_keep_to_the_code),
                cmocka_unit_test(boards_keep_to_shift_and_add),
                cmocka_unit_test(a_factor_is_kept_until_the_next_of_its_number),
                cmocka_unit_test(at_most_64_factors_are_kept),
                cmocka_unit_test(tiny_factors_are_kept_too),
                cmocka_unit_test(what_a_failed_message_was_to_change_is_gone),
                cmocka_unit_test(missed_messages_count_as_failed),
                cmocka_unit_test(updates_that_do_not_fit_are_refused),
                cmocka_unit_test(other_trainings_have_nothing_here),
                cmocka_unit_test(memory_is_counted_and_bounded),
                cmocka_unit_test(nothing_is_too_hostile),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
