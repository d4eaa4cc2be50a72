/* SPDX-License-Identifier: Apache-2.0 */
/* Shift-and-add codes: what is refused. */
#include "test/unit/sazd_bed.h"

static void refuse(unsigned k, unsigned r, uint32_t rows, uint32_t step, int error)
{
        const hedge_sazd_params_t params = { k, r, rows, step };
        hedge_sazd_t *code = NULL;
        hedge_why_t why = { "" };

        assert_int_equal(hedge_sazd_new(&params, &code, &why), error);
        assert_null(code);
        assert_true(strlen(why.text) > 20);
}

static void test_refused_codes(void **state)
{
        (void)state;
        refuse(0, 2, 8, 1, -EINVAL);
        refuse(4, 2, 0, 1, -EINVAL);
        refuse(33, 0, 8, 1, HEDGE_ELIMIT);
        refuse(4, 29, 8, 1, HEDGE_ELIMIT);
        refuse(4, UINT_MAX, 8, 1, HEDGE_ELIMIT);
        refuse(UINT_MAX, 2, 8, 1, HEDGE_ELIMIT);
        refuse(4, 2, HEDGE_SAZD_MAX_ROWS, 1, HEDGE_ELIMIT);
        refuse(4, 2, UINT32_MAX, 1, HEDGE_ELIMIT);
        refuse(16, 16, 8, UINT32_MAX, HEDGE_ELIMIT);
}

static void test_refused_arguments(void **state)
{
        float x[64] = { 0 };
        hedge_sazd_in_t in[6] = { { x, 2 }, { x, 2 }, { x, 2 }, { x, 2 }, { x, 2 }, { x, 2 } };
        const hedge_sazd_out_t out = { x + 32, 2 };
        hedge_sazd_out_t outs[4] = { out, out, out, out };
        hedge_sazd_t *code = code_of(4, 2, 3, 1);
        hedge_sazd_plan_t *plan = NULL;
        double error;

        (void)state;
        assert_int_equal(hedge_sazd_rows(code, 6), 0);
        assert_int_equal(hedge_sazd_rows(code, UINT_MAX), 0);
        assert_int_equal(hedge_sazd_encode(code, 6, 2, in, out), -EINVAL);
        assert_int_equal(hedge_sazd_encode(code, 5, 0, in, out), -EINVAL);
        assert_int_equal(hedge_sazd_encode(code, 5, 3, in, out), -EINVAL);
        assert_int_equal(hedge_sazd_encode(code, 5, 2, in, (hedge_sazd_out_t){ NULL, 2 }), -EINVAL);
        in[3].data = NULL;
        assert_int_equal(hedge_sazd_encode(code, 5, 2, in, out), -EINVAL);
        assert_int_equal(hedge_sazd_encode(code, 3, 2, in, out), -EINVAL);
        assert_int_equal(hedge_sazd_encode(code, 2, 2, in, out), 0);
        assert_int_equal(hedge_sazd_plan_new(code, 0x07, &plan), HEDGE_EUNDECODABLE);
        assert_int_equal(hedge_sazd_plan_new(code, 0, &plan), HEDGE_EUNDECODABLE);
        assert_int_equal(hedge_sazd_plan_new(code, 0x7f, &plan), -EINVAL);
        assert_int_equal(hedge_sazd_plan_new(code, UINT32_MAX, &plan), -EINVAL);
        assert_null(plan);
        assert_int_equal(hedge_sazd_error(code, 3, 0, &error), -EINVAL);
        assert_int_equal(hedge_sazd_error(code, 0, 1, &error), 0);
        assert_true(error == 0);
        assert_int_equal(hedge_sazd_error(code, 2, NAN, &error), -EINVAL);
        assert_int_equal(hedge_sazd_plan_new(code, 0x1e, &plan), 0);
        assert_int_equal(hedge_sazd_decode(plan, 2, in, outs), -EINVAL); /* a block it uses */
        in[3].data = x;
        assert_int_equal(hedge_sazd_decode(plan, 0, in, outs), -EINVAL);
        assert_int_equal(hedge_sazd_decode(plan, 3, in, outs), -EINVAL);
        assert_int_equal(hedge_sazd_decode(plan, 2, in, outs), 0);
        outs[0].data = NULL;
        assert_int_equal(hedge_sazd_decode(plan, 2, in, outs), -EINVAL);
        hedge_sazd_plan_destroy(&plan);
        hedge_sazd_plan_destroy(&plan);
        hedge_sazd_destroy(&code);
        hedge_sazd_destroy(&code);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_refused_codes),
                cmocka_unit_test(test_refused_arguments),
        };

        return cmocka_run_group_tests_name("sazd", tests, NULL, NULL);
}
