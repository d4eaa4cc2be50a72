/* SPDX-License-Identifier: Apache-2.0 */
/* Shift-and-add codes: what was coded comes back, whatever is missing. */
#include "test/unit/sazd_bed.h"

/* Row t of parity p, column c, straight from the definition. */
static double parity_of(const bed_t *b, unsigned p, uint32_t t, size_t c, uint32_t step)
{
        double sum = 0;

        for (unsigned i = 0; i < hedge_sazd_k(b->code); i++) {
                const int64_t row = (int64_t)t - (int64_t)i * p * step;

                if (row >= 0 && row < hedge_sazd_rows(b->code, i))
                        sum += (double)b->blocks[i].data[(size_t)row * b->stride + c];
        }
        return sum;
}

static void check_parities(const bed_t *b, uint32_t step)
{
        const unsigned k = hedge_sazd_k(b->code);

        for (unsigned p = 0; p < hedge_sazd_r(b->code); p++)
                for (uint32_t t = 0; t < hedge_sazd_rows(b->code, k + p); t++)
                        for (size_t c = 0; c < b->cols; c++)
                                assert_true(b->blocks[k + p].data[t * b->stride + c] ==
                                            (float)parity_of(b, p, t, c, step));
}

/* Whole numbers: sums are exact, and so must everything be, for every set of k blocks and more. */
static void test_every_pattern(void **state)
{
        uint64_t random = 1;

        (void)state;
        for (unsigned k = 1; k <= MAX_K; k++)
                for (unsigned r = 0; k + r <= 10; r++)
                        for (unsigned variant = 0; variant < 2; variant++) {
                                const hedge_sazd_params_t params = { k, r,
                                                                     variant ? 1 + hedge_random_below(&random, 40) : 7,
                                                                     variant ? 1 + hedge_random_below(&random, 5) : 0 };
                                bed_t b;

                                bed_open(&b, &random, &params, 1 + hedge_random_below(&random, 5), 2 * variant, true);
                                check_parities(&b, params.step ? params.step : 1);
                                for (uint32_t have = 0; have < 1u << (k + r); have++)
                                        if (__builtin_popcount(have) == (int)k ||
                                            (__builtin_popcount(have) > (int)k && hedge_random_below(&random, 8) == 0))
                                                assert_true(decode(&b, have, NULL, NULL) == 0);
                                bed_close(&b);
                        }
}

static void test_wide_blocks(void **state)
{
        static const size_t widths[] = { 31, 32, 33, 64, 100 };
        uint64_t random = 2;

        (void)state;
        for (unsigned w = 0; w < sizeof(widths) / sizeof(widths[0]); w++)
                for (unsigned pad = 0; pad < 2; pad++) {
                        bed_t b;

                        bed_open(&b, &random, &(hedge_sazd_params_t){ 4, 3, 50, 0 }, widths[w], pad, true);
                        check_parities(&b, 1);
                        assert_true(decode(&b, 0x71, NULL, NULL) == 0);
                        assert_true(decode(&b, 0x59, NULL, NULL) == 0);
                        assert_true(decode(&b, 0x1e, NULL, NULL) == 0);
                        bed_close(&b);
                }
}

/* Every instruction set against plain loops, at any alignment and length, and no more is written. */
static void check_sums(const hedge_sazd_isa_t *isa, uint64_t *random)
{
        float x[6][160], y[160];

        for (size_t n = 0; n < 140; n++) {
                const size_t shift = hedge_random_below(random, 8);
                const unsigned count = hedge_random_below(random, 5);
                const bool subtract = hedge_random_below(random, 2);
                const float *others[5];

                for (unsigned o = 0; o < 6; o++)
                        for (size_t i = 0; i < 160; i++)
                                x[o][i] = (float)hedge_random_normal(random);
                for (unsigned o = 0; o < 5; o++)
                        others[o] = x[o + 1] + hedge_random_below(random, 8);
                for (size_t i = 0; i < 160; i++)
                        y[i] = GUARD;
                isa->sum(x[0], others, count, subtract, y + shift, n);
                for (size_t i = 0; i < n; i++) {
                        double sum = (double)x[0][i];

                        for (unsigned o = 0; o < count; o++)
                                sum += (subtract ? -1 : 1) * (double)others[o][i];
                        assert_true(y[shift + i] == (float)sum);
                }
                assert_true(y[shift + n] == GUARD && (shift == 0 || y[shift - 1] == GUARD));
        }
}

static void test_instruction_sets(void **state)
{
        uint64_t random = 11;

        (void)state;
        check_sums(&base_sazd, &random);
#ifdef __x86_64__
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
                check_sums(&avx2_sazd, &random);
        if (__builtin_cpu_supports("avx512f"))
                check_sums(&avx512_sazd, &random);
#endif
}

static void test_largest_codes(void **state)
{
        uint64_t random = 3;
        bed_t b;

        (void)state;
        bed_open(&b, &random, &(hedge_sazd_params_t){ 28, 4, 9, 3 }, 2, 0, true);
        assert_true(decode(&b, 0xfffffff0u, NULL, NULL) == 0);
        assert_true(decode(&b, 0xf7f7f7f7u, NULL, NULL) == 0);
        bed_close(&b);
        bed_open(&b, &random, &(hedge_sazd_params_t){ 16, 16, 5, 0 }, 1, 0, true);
        assert_true(decode(&b, 0xffff0000u, NULL, NULL) == 0);
        bed_close(&b);
        bed_open(&b, &random, &(hedge_sazd_params_t){ 1, 31, 5, UINT32_MAX }, 1, 0, true);
        assert_true(decode(&b, 0x80000000u, NULL, NULL) == 0);
        bed_close(&b);
        bed_open(&b, &random, &(hedge_sazd_params_t){ 32, 0, 5, UINT32_MAX }, 1, 0, true);
        assert_true(decode(&b, UINT32_MAX, NULL, NULL) == 0);
        bed_close(&b);
}

static void test_runs(void **state)
{
        hedge_sazd_t *code = code_of(4, 2, 512, 1);
        hedge_sazd_plan_t *plan, *again;

        (void)state;
        assert_int_equal(hedge_sazd_plan_new(code, 0x1e, &plan), 0); /* one is missing: where others begin and end */
        assert_true(hedge_sazd_plan_runs(plan) <= 8);
        hedge_sazd_plan_destroy(&plan);
        assert_int_equal(hedge_sazd_plan_new(code, 0x0f, &plan), 0);
        assert_int_equal(hedge_sazd_plan_runs(plan), 0);
        hedge_sazd_plan_destroy(&plan);
        assert_int_equal(hedge_sazd_plan_new(code, 0x36, &plan), 0); /* 0 and 3: three rows at a time */
        assert_true(hedge_sazd_plan_runs(plan) <= 2 * 512 / 3 + 16);
        assert_int_equal(hedge_sazd_plan_new(code, 0x36, &again), 0);
        assert_ptr_equal(plan, again); /* found, not made */
        hedge_sazd_plan_destroy(&plan);
        hedge_sazd_plan_destroy(&again);
        hedge_sazd_destroy(&code);
        code = code_of(4, 2, 512, 16);
        assert_int_equal(hedge_sazd_plan_new(code, 0x36, &plan), 0);
        assert_true(hedge_sazd_plan_runs(plan) <= 2 * 512 / 48 + 16);
        hedge_sazd_plan_destroy(&plan);
        hedge_sazd_destroy(&code);
}

/* Plans of many rows are large: the oldest are not kept. One that is in use stays as it is. */
static void test_large_plans(void **state)
{
        hedge_sazd_t *code = code_of(8, 2, 65536, 1);
        hedge_sazd_plan_t *plan, *other;

        (void)state;
        assert_int_equal(hedge_sazd_plan_new(code, 0x3fc, &plan), 0);
        assert_int_equal(hedge_sazd_plan_runs(plan), 2 * 65536);
        for (unsigned i = 1; i < 7; i++) {
                assert_int_equal(hedge_sazd_plan_new(code, 0x3ffu & ~(3u << i), &other), 0);
                hedge_sazd_plan_destroy(&other);
        }
        assert_int_equal(hedge_sazd_plan_new(code, 0x3fc, &other), 0);
        assert_ptr_not_equal(plan, other);
        assert_int_equal(hedge_sazd_plan_runs(plan), hedge_sazd_plan_runs(other));
        hedge_sazd_plan_destroy(&plan);
        hedge_sazd_plan_destroy(&other);
        hedge_sazd_destroy(&code);
}

/* Of many parities those that differ most. */
static void test_choice(void **state)
{
        hedge_sazd_t *code = code_of(4, 5, 16, 1);
        hedge_sazd_plan_t *plan;

        (void)state;
        assert_int_equal(hedge_sazd_plan_new(code, 0x1f7, &plan), 0);
        assert_int_equal(hedge_sazd_plan_uses(plan), 0x017);
        hedge_sazd_plan_destroy(&plan);
        assert_int_equal(hedge_sazd_plan_new(code, 0x1f3, &plan), 0);
        assert_int_equal(hedge_sazd_plan_uses(plan), 0x113);
        hedge_sazd_plan_destroy(&plan);
        assert_int_equal(hedge_sazd_plan_new(code, 0x1f1, &plan), 0);
        assert_int_equal(hedge_sazd_plan_uses(plan), 0x151);
        hedge_sazd_plan_destroy(&plan);
        assert_int_equal(hedge_sazd_plan_new(code, 0x1ff, &plan), 0);
        assert_int_equal(hedge_sazd_plan_uses(plan), 0x00f);
        hedge_sazd_plan_destroy(&plan);
        hedge_sazd_destroy(&code);
}

typedef struct crowd {
        bed_t *bed;
        unsigned number;
        bool right;
} crowd_t;

/* Many patterns at once, more than a code keeps. Each thread has its own place for what it computes. */
static void *decode_many(void *context)
{
        crowd_t *crowd = context;
        bed_t *b = crowd->bed;
        hedge_sazd_out_t out[8];

        crowd->right = true;
        for (unsigned i = 0; i < 8; i++)
                out[i] = (hedge_sazd_out_t){ malloc(20 * 3 * sizeof(float)), 3 };
        for (unsigned round = 0; round < 300; round++) {
                const unsigned x = (round * (crowd->number + 1)) % 8, y = (x + 1 + round / 8 % 7) % 8;
                const uint32_t have = 0xfffu & ~(1u << x | 1u << y) & ~(1u << (8 + round % 3));
                hedge_sazd_plan_t *plan = NULL;
                double growth = 0;

                crowd->right &= hedge_sazd_plan_new(b->code, have, &plan) == 0 &&
                                hedge_sazd_decode(plan, 3, b->blocks, out) == 0 &&
                                hedge_sazd_plan_growth(plan, &growth) == 0 && growth >= 1;
                crowd->right &= memcmp(out[x].data, b->blocks[x].data, 20 * 3 * sizeof(float)) == 0;
                crowd->right &= memcmp(out[y].data, b->blocks[y].data, 20 * 3 * sizeof(float)) == 0;
                hedge_sazd_plan_destroy(&plan);
        }
        for (unsigned i = 0; i < 8; i++)
                free(out[i].data);
        return NULL;
}

static void test_threads(void **state)
{
        uint64_t random = 8;
        pthread_t threads[3];
        crowd_t crowds[3];
        bed_t b;

        (void)state;
        bed_open(&b, &random, &(hedge_sazd_params_t){ 8, 4, 20, 0 }, 3, 0, true);
        for (unsigned i = 0; i < 3; i++) {
                crowds[i] = (crowd_t){ &b, i, false };
                assert_int_equal(pthread_create(&threads[i], NULL, decode_many, &crowds[i]), 0);
        }
        for (unsigned i = 0; i < 3; i++) {
                pthread_join(threads[i], NULL);
                assert_true(crowds[i].right);
        }
        bed_close(&b);
}

/* Where the oracle is: beside the test data. @return false where there is none. */
static bool find_oracle(char *path, size_t size)
{
        const char *data = getenv("HEDGE_TEST_DATA"), *root = getenv("HEDGE_SOURCE_ROOT");
        char file[PATH_MAX + 64];

        if (data)
                snprintf(path, size, "%s/../oracle", data);
        else
                snprintf(path, size, "%s/../shared/oracle", root ? root : ".");
        snprintf(file, sizeof(file), "%s/sazd.py", path);
        return access(file, R_OK) == 0 && access("/usr/bin/python3", X_OK) == 0 &&
               system("/usr/bin/python3 -c 'import numpy' 2>/dev/null") == 0;
}

/* The oracle's parities come through the pipe, and then what it decodes of every pattern. Data is whole numbers. */
static const char oracle_program[] =
        "import itertools, sazd, numpy\n"
        "for k, r, L, c in ((4, 2, 32, 3), (4, 3, 20, 1), (3, 4, 9, 2), (6, 3, 12, 2)):\n"
        "    x = [numpy.array([[(i * 31 + s * 17 + j * 7) % 101 - 50 for j in range(c)] for s in range(L)], 'f4')"
        " for i in range(k)]\n"
        "    par = [sazd.encode(x, p) for p in range(r)]\n"
        "    for p in par: print(*p.reshape(-1))\n"
        "    n = 0\n"
        "    for S in itertools.combinations(range(k + r), k):\n"
        "        y = sazd.decode(k, L, {b: x[b] for b in S if b < k}, {b - k: par[b - k] for b in S if b >= k})\n"
        "        n += all((a == b).all() for a, b in zip(x, y))\n"
        "    print(n)\n";

static void compare_with_oracle(FILE *pipe, unsigned k, unsigned r, uint32_t rows, size_t cols)
{
        uint64_t random = 10;
        double x;
        bed_t b;
        int right, n = 0;

        bed_open(&b, &random, &(hedge_sazd_params_t){ k, r, rows, 0 }, cols, 0, true);
        for (unsigned i = 0; i < k; i++)
                for (uint32_t s = 0; s < rows; s++)
                        for (size_t j = 0; j < cols; j++)
                                b.own[i].data[s * cols + j] = (float)((i * 31 + s * 17 + j * 7) % 101) - 50;
        for (unsigned p = k; p < k + r; p++) {
                assert_int_equal(hedge_sazd_encode(b.code, p, cols, b.blocks, b.own[p]), 0);
                for (size_t e = 0; e < hedge_sazd_rows(b.code, p) * cols; e++) {
                        assert_int_equal(fscanf(pipe, "%lf", &x), 1);
                        assert_true(x == (double)b.own[p].data[e]);
                }
        }
        assert_int_equal(fscanf(pipe, "%d", &right), 1);
        for (uint32_t have = 0; have < 1u << (k + r); have++)
                n += __builtin_popcount(have) == (int)k && decode(&b, have, NULL, NULL) == 0;
        assert_int_equal(n, right);
        bed_close(&b);
}

static void test_the_oracle_agrees(void **state)
{
        char oracle[PATH_MAX + 32], command[PATH_MAX + 2048];
        FILE *pipe;

        (void)state;
        if (!find_oracle(oracle, sizeof(oracle))) {
                print_message("no oracle or no numpy here\n");
                skip();
        }
        snprintf(command, sizeof(command), "PYTHONPATH='%s' /usr/bin/python3 -B -c \"%s\"", oracle, oracle_program);
        pipe = popen(command, "r");
        assert_non_null(pipe);
        compare_with_oracle(pipe, 4, 2, 32, 3);
        compare_with_oracle(pipe, 4, 3, 20, 1);
        compare_with_oracle(pipe, 3, 4, 9, 2);
        compare_with_oracle(pipe, 6, 3, 12, 2);
        assert_int_equal(pclose(pipe), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_pattern),
                cmocka_unit_test(test_wide_blocks),
                cmocka_unit_test(test_instruction_sets),
                cmocka_unit_test(test_largest_codes),
                cmocka_unit_test(test_runs),
                cmocka_unit_test(test_large_plans),
                cmocka_unit_test(test_choice),
                cmocka_unit_test(test_threads),
                cmocka_unit_test(test_the_oracle_agrees),
        };

        return cmocka_run_group_tests_name("sazd", tests, NULL, NULL);
}
