/* SPDX-License-Identifier: Apache-2.0 */
/* The coded matrices of a board: products and updates. */
#include "test/unit/matrices_bed.h"

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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(products_are_those_of_the_matrices),
                cmocka_unit_test(two_factors_are_multiplied),
                cmocka_unit_test(updates_keep_to_the_code),
                cmocka_unit_test(boards_keep_to_shift_and_add),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
