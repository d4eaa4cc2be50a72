/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_MATRICES_BED_H
#define HEDGE_TEST_MATRICES_BED_H

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

/** A board's matrices as its messages reach them. */

#define TRAIN  7
#define PLENTY (UINT64_C(64) << 20)

static inline hedgew_matrices_t *open_matrices(uint64_t bytes_max)
{
        hedgew_matrices_t *m;
        hedge_why_t why = { "" };

        if (hedgew_matrices_new(bytes_max, &m, &why) < 0)
                fail_msg("%s", why.text);
        assert_int_equal(hedgew_matrices_train(m), 0);
        return m;
}

static inline float *draw(uint64_t *row, size_t n)
{
        float *v = calloc(n + 1, sizeof(*v));

        assert_non_null(v);
        for (size_t i = 0; i < n; i++)
                v[i] = (float)hedge_random_normal(row);
        return v;
}

static inline zmq_msg_t frame_of(const float *v, size_t n)
{
        zmq_msg_t frame;

        assert_int_equal(zmq_msg_init_size(&frame, n * sizeof(*v)), 0);
        if (n)
                memcpy(zmq_msg_data(&frame), v, n * sizeof(*v));
        return frame;
}

static inline int hold(hedgew_matrices_t *m, uint64_t train, uint32_t matrix, uint32_t rows, uint32_t cols,
                       const float *v)
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
static inline int apply(hedgew_matrices_t *m, uint32_t matrix, uint32_t keep, uint32_t batch, zmq_msg_t frame,
                        float **ret)
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
static inline float *fetch(hedgew_matrices_t *m, uint32_t matrix, size_t n)
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

static inline bool is_held(hedgew_matrices_t *m, uint32_t matrix, size_t n)
{
        float *v = fetch(m, matrix, n);

        free(v);
        return v;
}

/* ---- updates ---- */

/* A code of a matrix's row blocks. */
typedef struct code {
        uint32_t blocks, block_cols, rows, n_terms;
        hedge_code_term_t terms[8];
} code_t;

static inline int update(hedgew_matrices_t *m, const hedge_msg_update_t *message, zmq_msg_t *frames, uint32_t n,
                         uint64_t *macs)
{
        hedge_why_t why = { "" };
        int r = hedgew_matrices_update(m, message, frames, n, macs, &why);

        assert_true((r < 0) == (why.text[0] != 0));
        for (uint32_t i = 0; i < n; i++)
                zmq_msg_close(&frames[i]);
        return r;
}

/* ---- what is kept, and what goes wrong ---- */

#define ROWS 4u
#define COLS 6u

static const hedge_code_term_t whole_term = { 0, 0, 1 };

/* Matrix 3 becomes itself minus delta^T x, uncoded. */
static inline hedge_msg_update_t plain_update(hedge_update_target_t *target, uint32_t batch)
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

static inline int try_plain_update(hedgew_matrices_t *m, uint32_t right_kept)
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

#endif
