/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_SCHEMES_BED_H
#define HEDGE_TEST_SCHEMES_BED_H

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/code/conv/decode.h"
#include "common/code/conv/streamed.h"
#include "common/code/conv/study.h"

/** Codes by their parameters, and how well sets of boards are conditioned. */

static inline hedge_code_t *code_with(const hedge_code_params_t *params)
{
        hedge_code_t *code = NULL;
        hedge_why_t why = { "" };

        if (hedge_code_new_with(params, &code, &why) < 0)
                fail_msg("%s", why.text);
        return code;
}

/* All parts of these boards. @return their condition, or INFINITY where they do not decode. */
static inline double condition_of(const hedge_code_t *code, uint64_t boards)
{
        double condition = INFINITY;
        hedge_decoder_t *decoder;

        assert_int_equal(hedge_decoder_new(code, &decoder), 0);
        for (unsigned j = 0; j < hedge_code_boards(code); j++)
                for (unsigned p = 0; boards >> j & 1 && p < hedge_code_parts(code, j); p++)
                        assert_true(hedge_decoder_add(decoder, j, p) >= 0);
        if (hedge_decoder_ready(decoder))
                assert_int_equal(hedge_decoder_solve(decoder, &condition), 0);
        hedge_decoder_destroy(&decoder);
        return condition;
}

#endif
