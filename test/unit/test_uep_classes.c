/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/uep_cases.h"

static void test_classes_of_the_paper(void **state)
{
        static const uint8_t of[] = { 1, 0, 2, 0, 0, 1, 2, 1, 2 };
        const hedge_uep_classes_t c = classes_of(&pairs), d = classes_of(&sums);

        (void)state;
        assert_int_equal(c.products, 9);
        for (unsigned l = 0; l < 3; l++) {
                assert_int_equal(c.size[l], 3);
                assert_int_equal(d.size[l], 3);
        }
        assert_memory_equal(c.of, of, sizeof(of));
        assert_float_equal(c.share[0], 120 / 123.21, 1e-9);
        assert_float_equal(c.share[1], 3 / 123.21, 1e-9);
        assert_float_equal(c.share[2], 0.21 / 123.21, 1e-9);
        assert_int_equal(d.of[6], 0);
        assert_int_equal(d.of[0], 1);
        assert_int_equal(d.of[3], 2);
        assert_float_equal(d.share[0], 100 / 101.01, 1e-9);
}

/* Whatever the numbers: no class is empty, and no product of larger norms on both sides is in a lower class. */
static void test_classes_follow_norms(void **state)
{
        uint64_t row = 7;

        (void)state;
        for (unsigned trial = 0; trial < 300; trial++) {
                const unsigned na = 1 + hedge_random_below(&row, 9), nb = 1 + hedge_random_below(&row, 9);
                const hedge_uep_shape_t shape = { .blocks_a = na, .blocks_b = nb };
                const unsigned levels = 1 + hedge_random_below(&row, na < nb ? na : nb);
                const unsigned most = 2 * levels - 1 < HEDGE_UEP_MAX_CLASSES ? 2 * levels - 1 : HEDGE_UEP_MAX_CLASSES;
                const unsigned classes = 1 + hedge_random_below(&row, most);
                double a[9], b[9], share = 0;
                hedge_uep_classes_t c;
                unsigned size = 0;

                for (unsigned i = 0; i < 9; i++) {
                        a[i] = hedge_random_exponential(&row);
                        b[i] = hedge_random_exponential(&row);
                }
                assert_int_equal(hedge_uep_classify(&shape, a, b, levels, classes, &c, NULL), 0);
                for (unsigned l = 0; l < classes; l++) {
                        assert_true(c.size[l] > 0);
                        size += c.size[l];
                        share += c.share[l];
                }
                assert_int_equal(size, na * nb);
                assert_float_equal(share, 1, 1e-9);
                for (unsigned k = 0; k < na * nb; k++)
                        for (unsigned o = 0; o < na * nb; o++)
                                if (a[k / nb] >= a[o / nb] && b[k % nb] >= b[o % nb])
                                        assert_true(c.of[k] <= c.of[o]);
        }
}

/* Every way to cut up to 9 blocks a side: no class is empty. */
static void test_classes_are_never_empty(void **state)
{
        static const double norms[] = { 9, 8, 7, 6, 5, 4, 3, 2, 1 };

        (void)state;
        for (unsigned i = 0; i < 81 * 9 * HEDGE_UEP_MAX_CLASSES; i++) {
                const hedge_uep_shape_t shape = { .blocks_a = 1 + i % 9, .blocks_b = 1 + i / 9 % 9 };
                const unsigned levels = 1 + i / 81 % 9, classes = 1 + i / 729;
                hedge_uep_classes_t c;

                if (levels > shape.blocks_a || levels > shape.blocks_b || classes > 2 * levels - 1)
                        continue;
                assert_int_equal(hedge_uep_classify(&shape, norms, norms, levels, classes, &c, NULL), 0);
                for (unsigned l = 0; l < classes; l++)
                        assert_true(c.size[l] > 0);
        }
}

static void refuse_classes(const hedge_uep_shape_t *shape, const double *norms, unsigned levels, unsigned classes,
                           int code, const char *sentence)
{
        hedge_uep_classes_t c;
        hedge_why_t why = { "" };

        assert_int_equal(hedge_uep_classify(shape, norms, norms, levels, classes, &c, &why), code);
        assert_non_null(strstr(why.text, sentence));
}

static void test_classes_refuse(void **state)
{
        static const double nan3[] = { 1, NAN, 1 }, infinite[] = { 1, 2, INFINITY }, negative[] = { -1, 2, 3 };
        const hedge_uep_shape_t uneven = { HEDGE_UEP_COLUMN_ROW, 4, 12, 4, 3, 4 };
        const hedge_uep_shape_t none = { HEDGE_UEP_ROW_COLUMN, 4, 12, 4, 0, 4 };
        const hedge_uep_shape_t many = { HEDGE_UEP_ROW_COLUMN, 4, 12, 4, 1u << 31, 2 };

        (void)state;
        refuse_classes(&pairs, nan3, 3, 3, -EINVAL, "block 1 of A");
        refuse_classes(&pairs, infinite, 3, 3, -EINVAL, "block 2 of A");
        refuse_classes(&pairs, negative, 3, 3, -EINVAL, "block 0 of A");
        refuse_classes(&pairs, norms3, 4, 3, -EINVAL, "do not make 4 levels");
        refuse_classes(&pairs, norms3, 0, 3, -EINVAL, "do not make 0 levels");
        refuse_classes(&pairs, norms3, 3, 6, -EINVAL, "1 to 5 classes, not 6");
        refuse_classes(&pairs, norms3, 3, 0, -EINVAL, "1 to 5 classes, not 0");
        refuse_classes(&pairs, norms3, 3, 99, HEDGE_ELIMIT, "99 classes");
        refuse_classes(&sums, norms9, 3, 3, -EINVAL, "no levels");
        refuse_classes(&uneven, norms9, 0, 3, -EINVAL, "as many blocks");
        refuse_classes(&none, norms9, 3, 3, -EINVAL, "at least one block");
        refuse_classes(&many, norms9, 3, 3, HEDGE_ELIMIT, "sub-products");
}

/* Blocks of nothing, or of numbers at the edge of what there is, are classes as well. */
static void test_classes_at_the_edges(void **state)
{
        static const double zero[3] = { 0 }, huge[] = { 1e300, 1e-300, 0 };
        hedge_uep_classes_t c;

        (void)state;
        assert_int_equal(hedge_uep_classify(&pairs, zero, zero, 3, 3, &c, NULL), 0);
        assert_true(c.share[0] == 0 && c.share[1] == 0 && c.share[2] == 0);
        assert_int_equal(hedge_uep_classify(&pairs, huge, huge, 3, 3, &c, NULL), 0);
        assert_float_equal(c.share[0], 1, 1e-9);
}

static void test_norms(void **state)
{
        const hedge_uep_shape_t small = { HEDGE_UEP_ROW_COLUMN, 2, 2, 2, 2, 2 };
        const hedge_uep_shape_t inner = { HEDGE_UEP_COLUMN_ROW, 2, 2, 2, 2, 2 };
        float a[] = { 3, 4, 0, 2 }, b[] = { 1, 0, 2, 5 };
        double na[2], nb[2];
        hedge_why_t why = { "" };

        (void)state;
        assert_int_equal(hedge_uep_norms(&small, a, b, na, nb, NULL), 0);
        assert_float_equal(na[0], 5, 1e-12);
        assert_float_equal(na[1], 2, 1e-12);
        assert_float_equal(nb[0], sqrt(5), 1e-12);
        assert_float_equal(nb[1], 5, 1e-12);
        assert_int_equal(hedge_uep_norms(&inner, a, b, na, nb, NULL), 0);
        assert_float_equal(na[0], 3, 1e-12);
        assert_float_equal(na[1], sqrt(20), 1e-12);
        assert_float_equal(nb[0], 1, 1e-12);
        assert_float_equal(nb[1], sqrt(29), 1e-12);
        b[3] = NAN;
        assert_int_equal(hedge_uep_norms(&small, a, b, na, nb, &why), -EINVAL);
        assert_string_equal(why.text, "block 1 of B holds NaN or an infinite value");
        a[0] = INFINITY;
        assert_int_equal(hedge_uep_norms(&small, a, b, na, nb, &why), -EINVAL);
        assert_string_equal(why.text, "block 0 of A holds NaN or an infinite value");
}

static void refuse_shape(hedge_uep_shape_t shape, int code, const char *sentence)
{
        hedge_why_t why = { "" };

        assert_int_equal(hedge_uep_shape_check(&shape, &why), code);
        assert_non_null(strstr(why.text, sentence));
}

static void test_shapes_refuse(void **state)
{
        (void)state;
        assert_int_equal(hedge_uep_shape_check(&pairs, NULL), 0);
        assert_int_equal(hedge_uep_shape_check(&sums, NULL), 0);
        refuse_shape((hedge_uep_shape_t){ HEDGE_UEP_ROW_COLUMN, 10, 6, 9, 3, 3 }, HEDGE_ESHAPE,
                     "rows of A: 10 do not partition into 3 blocks");
        refuse_shape((hedge_uep_shape_t){ HEDGE_UEP_ROW_COLUMN, 9, 6, 10, 3, 3 }, HEDGE_ESHAPE, "columns of B: 10");
        refuse_shape((hedge_uep_shape_t){ HEDGE_UEP_COLUMN_ROW, 9, 7, 9, 3, 3 }, HEDGE_ESHAPE, "rows of B: 7");
        refuse_shape((hedge_uep_shape_t){ HEDGE_UEP_ROW_COLUMN, 9, 0, 9, 3, 3 }, -EINVAL, "0 is not within");
        refuse_shape((hedge_uep_shape_t){ HEDGE_UEP_ROW_COLUMN, 9, 1u << 30, 9, 3, 3 }, HEDGE_ELIMIT, "not within");
        refuse_shape((hedge_uep_shape_t){ (hedge_uep_split_t)7, 9, 9, 9, 3, 3 }, -EINVAL, "no such way");
        assert_int_equal(hedge_uep_split_parse("column-row"), HEDGE_UEP_COLUMN_ROW);
        assert_int_equal(hedge_uep_split_parse("diagonal"), -EINVAL);
        assert_string_equal(hedge_uep_split_name(HEDGE_UEP_ROW_COLUMN), "row-column");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_classes_of_the_paper),    cmocka_unit_test(test_classes_follow_norms),
                cmocka_unit_test(test_classes_are_never_empty), cmocka_unit_test(test_classes_refuse),
                cmocka_unit_test(test_classes_at_the_edges),    cmocka_unit_test(test_norms),
                cmocka_unit_test(test_shapes_refuse),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
