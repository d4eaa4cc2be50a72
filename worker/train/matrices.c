/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/train/matrices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/tensor.h"
#include "common/train/blas.h"
#include "worker/floats.h"
#include "worker/train/matrices_factor.h"

typedef struct matrix {
        uint32_t rows, cols;
        float *data; /* NULL: none is held under this number */
} matrix_t;

/* batch x cols floats, of a frame or kept from an earlier one. */
typedef struct factor {
        uint32_t number; /* 0: none */
        uint32_t batch, cols;
        hedgew_floats_t floats;
} factor_t;

struct hedgew_matrices {
        uint64_t job, bytes, bytes_max;
        matrix_t held[HEDGEW_MATRICES_MAX];
        factor_t kept[HEDGEW_MATRICES_KEPT];
        float *scratch; /* for coded factors */
        uint64_t scratch_floats;
};

int hedgew_matrices_new(uint64_t bytes_max, hedgew_matrices_t **ret, hedge_why_t *why)
{
        hedgew_matrices_t *m;
        int r = hedge_blas_open(why);

        if (r < 0)
                return r;
        m = calloc(1, sizeof(*m));
        if (!m)
                return hedge_why(why, -ENOMEM, "no memory for matrices");
        m->bytes_max = bytes_max;
        m->bytes = sizeof(*m);
        *ret = m;
        return 0;
}

void hedgew_matrices_destroy(hedgew_matrices_t **matrices)
{
        if (!*matrices)
                return;
        hedgew_matrices_leave(*matrices);
        free(*matrices);
        *matrices = NULL;
}

uint64_t hedgew_matrices_train(const hedgew_matrices_t *m)
{
        return m->job;
}

uint64_t hedgew_matrices_bytes(const hedgew_matrices_t *m)
{
        return m->bytes;
}

/* ---- memory ---- */

static uint64_t bytes_of(uint64_t rows, uint64_t cols)
{
        return rows * cols * sizeof(float);
}

static void drop_matrix(hedgew_matrices_t *m, uint32_t number)
{
        matrix_t *matrix = &m->held[number];

        if (!matrix->data)
                return;
        m->bytes -= bytes_of(matrix->rows, matrix->cols);
        free(matrix->data);
        *matrix = (matrix_t){ .data = NULL };
}

static void drop_factor(hedgew_matrices_t *m, factor_t *factor)
{
        m->bytes -= bytes_of(factor->batch, factor->cols);
        hedgew_floats_release(&factor->floats);
        factor->number = 0;
}

static factor_t *find_kept(hedgew_matrices_t *m, uint32_t number)
{
        for (unsigned i = 0; i < HEDGEW_MATRICES_KEPT; i++)
                if (m->kept[i].number == number)
                        return &m->kept[i];
        return NULL;
}

static void drop_kept(hedgew_matrices_t *m, uint32_t number)
{
        factor_t *factor = number ? find_kept(m, number) : NULL;

        if (factor)
                drop_factor(m, factor);
}

void hedgew_matrices_leave(hedgew_matrices_t *m)
{
        for (uint32_t i = 0; i < HEDGEW_MATRICES_MAX; i++)
                drop_matrix(m, i);
        for (unsigned i = 0; i < HEDGEW_MATRICES_KEPT; i++)
                if (m->kept[i].number)
                        drop_factor(m, &m->kept[i]);
        free(m->scratch);
        m->scratch = NULL;
        m->bytes -= m->scratch_floats * sizeof(float);
        m->scratch_floats = 0;
        m->job = 0;
}

/* Is there room for so many bytes more? */
static int check_room(const hedgew_matrices_t *m, uint64_t bytes, hedge_why_t *why)
{
        if (m->bytes > m->bytes_max || bytes > m->bytes_max - m->bytes)
                return hedge_why(why, HEDGE_ELIMIT,
                                 "%llu KiB more are needed, with %llu of the %llu KiB taken that training may take "
                                 "here",
                                 (unsigned long long)bytes >> 10, (unsigned long long)m->bytes >> 10,
                                 (unsigned long long)m->bytes_max >> 10);
        return 0;
}

static int need_scratch(hedgew_matrices_t *m, uint64_t floats, hedge_why_t *why)
{
        int r;

        if (floats <= m->scratch_floats)
                return 0;
        free(m->scratch);
        m->bytes -= m->scratch_floats * sizeof(float);
        m->scratch = NULL;
        m->scratch_floats = 0;
        r = check_room(m, floats * sizeof(float), why);
        if (r < 0)
                return r;
        m->scratch = hedge_floats_new((size_t)floats);
        if (!m->scratch)
                return hedge_why(why, -ENOMEM, "no memory for a coded factor");
        m->scratch_floats = floats;
        m->bytes += floats * sizeof(float);
        return 0;
}

/* ---- checks ---- */

/* Is it a frame of so many floats? */
static int check_frame(zmq_msg_t *frame, const char *name, uint32_t rows, uint32_t cols, hedge_why_t *why)
{
        const size_t bytes = zmq_msg_size(frame);
        const uint64_t floats = (uint64_t)rows * cols;

        if (floats == 0 || bytes % sizeof(float) || bytes / sizeof(float) != floats)
                return hedge_why(why, HEDGE_EMALFORMED, "%s of %u x %u floats is not a frame of %zu bytes", name, rows,
                                 cols, bytes);
        return 0;
}

/* The matrix of that number; NULL, with a sentence: there is none, -ENOENT. */
static const matrix_t *find_held(const hedgew_matrices_t *m, uint64_t job, uint32_t number, hedge_why_t *why)
{
        if (!m->job || job != m->job)
                hedge_why(why, -ENOENT, "this board holds no matrices of training %llu", (unsigned long long)job);
        else if (number >= HEDGEW_MATRICES_MAX || !m->held[number].data)
                hedge_why(why, -ENOENT, "this board does not hold matrix %u", number);
        else
                return &m->held[number];
        return NULL;
}

/* ---- products ---- */

static void free_floats(void *data, void *hint)
{
        free(data);
}

/* An empty frame of so many floats. @param ret_data  Where they lie, aligned. */
static int make_product(const hedgew_matrices_t *m, uint32_t rows, uint32_t cols, zmq_msg_t *ret, float **ret_data,
                        hedge_why_t *why)
{
        const uint64_t floats = (uint64_t)rows * cols;
        float *data;

        if (floats > m->bytes_max / sizeof(float) || floats > SIZE_MAX / 8)
                return hedge_why(why, HEDGE_ELIMIT, "a product of %u x %u floats is above %llu KiB", rows, cols,
                                 (unsigned long long)m->bytes_max >> 10);
        data = hedge_floats_new((size_t)floats);
        if (!data || zmq_msg_init_data(ret, data, (size_t)floats * sizeof(float), free_floats, NULL) < 0) {
                free(data);
                return hedge_why(why, -ENOMEM, "no memory for a product of %u x %u floats", rows, cols);
        }
        *ret_data = data;
        return 0;
}

int hedgew_matrices_multiply(const hedgew_matrices_t *m, const hedge_msg_multiply_t *message, zmq_msg_t frames[2],
                             hedgew_matrices_product_t *ret, hedge_why_t *why)
{
        const uint32_t rows = message->rows, inner = message->inner, cols = message->cols;
        hedgew_floats_t a, b;
        float *product = NULL;
        int r = check_frame(&frames[0], "A", rows, inner, why);

        if (r == 0)
                r = check_frame(&frames[1], "B", inner, cols, why);
        if (r < 0)
                return r;
        hedgew_floats_take(&a, &frames[0], HEDGE_PRECISION_F32, (size_t)rows * inner);
        hedgew_floats_take(&b, &frames[1], HEDGE_PRECISION_F32, (size_t)inner * cols);
        if (hedgew_floats_open(&a, 0) < 0 || hedgew_floats_open(&b, 0) < 0)
                r = hedge_why(why, -ENOMEM, "no memory for the factors of a product");
        if (r == 0)
                r = make_product(m, rows, cols, &ret->frame, &product, why);
        if (r == 0) {
                hedge_blas_multiply(false, false, rows, cols, inner, a.data, b.data, 0.0f, product);
                ret->macs = (uint64_t)rows * inner * cols;
        }
        hedgew_floats_release(&a);
        hedgew_floats_release(&b);
        return r;
}

int hedgew_matrices_fetch(const hedgew_matrices_t *m, const hedge_msg_hold_t *message, hedgew_matrices_product_t *ret,
                          hedge_why_t *why)
{
        const matrix_t *matrix = find_held(m, message->job, message->matrix, why);
        float *copy = NULL;
        int r;

        if (!matrix)
                return -ENOENT;
        r = make_product(m, matrix->rows, matrix->cols, &ret->frame, &copy, why);
        if (r < 0)
                return r;
        memcpy(copy, matrix->data, bytes_of(matrix->rows, matrix->cols));
        ret->macs = 0;
        return 0;
}

/* ---- holding and applying ---- */

static int hold(hedgew_matrices_t *m, const hedge_msg_hold_t *message, zmq_msg_t *frame, hedge_why_t *why)
{
        matrix_t *matrix;
        int r;

        if (!message->job)
                return hedge_why(why, HEDGE_EMALFORMED, "a training's number is not 0");
        if (message->matrix >= HEDGEW_MATRICES_MAX)
                return hedge_why(why, HEDGE_ELIMIT, "matrix %u: at most %d are held", message->matrix,
                                 HEDGEW_MATRICES_MAX);
        r = check_frame(frame, "a matrix", message->rows, message->cols, why);
        if (r < 0)
                return r;
        matrix = &m->held[message->matrix];
        if (!matrix->data || matrix->rows != message->rows || matrix->cols != message->cols) {
                drop_matrix(m, message->matrix);
                r = check_room(m, bytes_of(message->rows, message->cols), why);
                if (r < 0)
                        return r;
                matrix->data = hedge_floats_new((size_t)message->rows * message->cols);
                if (!matrix->data)
                        return hedge_why(why, -ENOMEM, "no memory for a matrix of %u x %u", message->rows,
                                         message->cols);
                matrix->rows = message->rows;
                matrix->cols = message->cols;
                m->bytes += bytes_of(matrix->rows, matrix->cols);
        }
        memcpy(matrix->data, zmq_msg_data(frame), bytes_of(matrix->rows, matrix->cols));
        return 0;
}

int hedgew_matrices_hold(hedgew_matrices_t *m, const hedge_msg_hold_t *message, zmq_msg_t *frame, hedge_why_t *why)
{
        int r;

        if (message->job != m->job)
                hedgew_matrices_leave(m);
        m->job = message->job;
        r = hold(m, message, frame, why);
        if (r < 0 && message->matrix < HEDGEW_MATRICES_MAX)
                drop_matrix(m, message->matrix);
        return r;
}

/* Put X where UPDATE finds it, or into the one at hand. @param ret  Which of the two it is. */
static int keep(hedgew_matrices_t *m, uint32_t number, factor_t *x, factor_t **ret, hedge_why_t *why)
{
        const uint64_t bytes = bytes_of(x->batch, x->cols);
        factor_t *place;
        int r;

        drop_kept(m, number);
        place = find_kept(m, 0);
        if (!place)
                return hedge_why(why, HEDGE_ELIMIT, "%d factors are kept here already", HEDGEW_MATRICES_KEPT);
        r = check_room(m, bytes, why);
        if (r < 0)
                return r;
        *place = *x;
        zmq_msg_init(&place->floats.frame);
        zmq_msg_move(&place->floats.frame, &x->floats.frame);
        x->floats.copy = NULL;
        if (!place->floats.copy) /* a short frame lies in zmq_msg_t itself, which has moved */
                place->floats.data = zmq_msg_data(&place->floats.frame);
        place->number = number;
        m->bytes += bytes;
        *ret = place;
        return 0;
}

static int open_factor(factor_t *factor, zmq_msg_t *frame, uint32_t batch, uint32_t cols, hedge_why_t *why)
{
        factor->batch = batch;
        factor->cols = cols;
        hedgew_floats_take(&factor->floats, frame, HEDGE_PRECISION_F32, (size_t)batch * cols);
        return hedgew_floats_open(&factor->floats, 0) < 0 ? hedge_why(why, -ENOMEM, "no memory for a factor") : 0;
}

static int apply(hedgew_matrices_t *m, const hedge_msg_apply_t *message, zmq_msg_t *frame,
                 hedgew_matrices_product_t *ret, hedge_why_t *why)
{
        factor_t x = { .number = 0 }, *at = &x;
        const matrix_t *matrix = find_held(m, message->job, message->matrix, why);
        float *product = NULL;
        int r;

        if (!matrix)
                return -ENOENT;
        r = check_frame(frame, "a factor", message->batch, matrix->cols, why);
        if (r < 0)
                return r;
        r = open_factor(&x, frame, message->batch, matrix->cols, why);
        if (r == 0 && message->keep)
                r = keep(m, message->keep, &x, &at, why);
        if (r == 0 && ret)
                r = make_product(m, message->batch, matrix->rows, &ret->frame, &product, why);
        if (r == 0 && ret) {
                hedge_blas_multiply(false, true, message->batch, matrix->rows, matrix->cols, at->floats.data,
                                    matrix->data, 0.0f, product);
                ret->macs = (uint64_t)message->batch * matrix->rows * matrix->cols;
        }
        hedgew_floats_release(&x.floats);
        return r;
}

int hedgew_matrices_apply(hedgew_matrices_t *m, const hedge_msg_apply_t *message, zmq_msg_t *frame,
                          hedgew_matrices_product_t *ret, hedge_why_t *why)
{
        int r = apply(m, message, frame, ret, why);

        if (r < 0)
                drop_kept(m, message->keep);
        return r;
}

/* ---- updating ---- */

/* One of an UPDATE's two factors: a frame, or kept. @param mine  Holds the frame's. */
static int find_factor(hedgew_matrices_t *m, const char *name, uint32_t kept, uint32_t batch, uint32_t cols,
                       zmq_msg_t *frame, factor_t *mine, const factor_t **ret, hedge_why_t *why)
{
        factor_t *factor = kept ? find_kept(m, kept) : mine;
        int r;

        if (!factor)
                return hedge_why(why, -ENOENT, "the %s factor: none is kept under number %u", name, kept);
        *ret = factor;
        if (!kept) {
                r = check_frame(frame, name, batch, cols, why);
                return r < 0 ? r : open_factor(mine, frame, batch, cols, why);
        }
        if (factor->batch != batch || factor->cols != cols)
                return hedge_why(why, HEDGE_EMALFORMED, "the %s factor: %u x %u is kept under number %u, not %u x %u",
                                 name, factor->batch, factor->cols, kept, batch, cols);
        return 0;
}

/* The coded factor of a target, and the plain one. */
static void pick(const hedge_update_target_t *target, const factor_t *const factors[2], const factor_t **ret_coded,
                 const factor_t **ret_plain)
{
        *ret_coded = factors[target->swap];
        *ret_plain = factors[!target->swap];
}

/* Can all of them be done? @param ret_floats  Scratch memory that it takes. */
static int check_targets(const hedgew_matrices_t *m, const hedge_msg_update_t *update, const factor_t *const factors[2],
                         uint64_t *ret_floats, hedge_why_t *why)
{
        uint64_t floats = 0;
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < update->n_targets; i++) {
                const hedge_update_target_t *target = &update->targets[i];
                const matrix_t *matrix = find_held(m, update->job, target->matrix, why);
                const factor_t *coded, *plain;

                if (!matrix)
                        return -ENOENT;
                pick(target, factors, &coded, &plain);
                if (matrix->cols != plain->cols)
                        return hedge_why(why, HEDGE_EMALFORMED,
                                         "matrix %u has %u columns, but the factor beside the coded one has %u",
                                         target->matrix, matrix->cols, plain->cols);
                r = hedgew_factor_check(target, coded->cols, matrix->rows, why);
                if ((uint64_t)update->batch * matrix->rows > floats)
                        floats = (uint64_t)update->batch * matrix->rows;
        }
        *ret_floats = floats;
        return r;
}

/* @return multiply-accumulates. */
static uint64_t do_target(hedgew_matrices_t *m, const hedge_msg_update_t *update, const hedge_update_target_t *target,
                          const factor_t *const factors[2])
{
        const matrix_t *matrix = &m->held[target->matrix];
        const factor_t *coded, *plain;

        pick(target, factors, &coded, &plain);
        hedgew_factor_encode(target, -update->rate, update->batch, coded->floats.data, coded->cols, matrix->rows,
                             m->scratch);
        hedge_blas_multiply(true, false, matrix->rows, matrix->cols, update->batch, m->scratch, plain->floats.data,
                            (float)(1 - update->decay), matrix->data);
        return (uint64_t)update->batch * matrix->rows * matrix->cols;
}

static int update(hedgew_matrices_t *m, const hedge_msg_update_t *message, zmq_msg_t *frames, uint32_t n_frames,
                  factor_t mine[2], uint64_t *ret_macs, hedge_why_t *why)
{
        const uint32_t wanted = !message->left_kept + !message->right_kept;
        const factor_t *factors[2];
        uint64_t floats = 0, macs = 0;
        int r;

        if (!m->job || message->job != m->job)
                return hedge_why(why, -ENOENT, "this board holds no matrices of training %llu",
                                 (unsigned long long)message->job);
        if (n_frames != wanted)
                return hedge_why(why, HEDGE_EMALFORMED, "%u frames for %u factors that are not kept", n_frames, wanted);
        r = find_factor(m, "left", message->left_kept, message->batch, message->left_cols, &frames[0], &mine[0],
                        &factors[0], why);
        if (r == 0)
                r = find_factor(m, "right", message->right_kept, message->batch, message->right_cols,
                                &frames[message->left_kept ? 0 : 1], &mine[1], &factors[1], why);
        if (r == 0)
                r = check_targets(m, message, factors, &floats, why);
        if (r == 0)
                r = need_scratch(m, floats, why);
        for (uint32_t i = 0; r == 0 && i < message->n_targets; i++)
                macs += do_target(m, message, &message->targets[i], factors);
        if (r == 0)
                *ret_macs = macs;
        return r;
}

int hedgew_matrices_update(hedgew_matrices_t *m, const hedge_msg_update_t *message, zmq_msg_t *frames,
                           uint32_t n_frames, uint64_t *ret_macs, hedge_why_t *why)
{
        factor_t mine[2] = { { .number = 0 }, { .number = 0 } };
        int r;

        zmq_msg_init(&mine[0].floats.frame);
        zmq_msg_init(&mine[1].floats.frame);
        r = update(m, message, frames, n_frames, mine, ret_macs, why);
        hedgew_floats_release(&mine[0].floats);
        hedgew_floats_release(&mine[1].floats);
        if (r < 0)
                hedgew_matrices_miss(m, &(hedge_message_t){ .type = HEDGE_MSG_UPDATE, .update = *message });
        return r;
}

void hedgew_matrices_miss(hedgew_matrices_t *m, const hedge_message_t *message)
{
        if (message->type == HEDGE_MSG_HOLD && message->hold.job == m->job &&
            message->hold.matrix < HEDGEW_MATRICES_MAX)
                drop_matrix(m, message->hold.matrix);
        if (message->type == HEDGE_MSG_APPLY && message->apply.job == m->job)
                drop_kept(m, message->apply.keep);
        if (message->type != HEDGE_MSG_UPDATE || message->update.job != m->job)
                return;
        for (uint32_t i = 0; i < message->update.n_targets; i++)
                if (message->update.targets[i].matrix < HEDGEW_MATRICES_MAX)
                        drop_matrix(m, message->update.targets[i].matrix);
}
