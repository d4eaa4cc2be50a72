/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/io/text.h"

/* Exactly its bytes, so that a sanitizer sees a read behind them. */
static int check(const char *text, size_t size, hedge_why_t *why)
{
        char *copy = calloc(1, size ? size : 1);
        int r;

        memcpy(copy, text, size);
        r = hedge_text_check("f.txt", copy, size, why);
        free(copy);
        return r;
}

/* Every code point in its shortest form and in no other: the definition, written the other way round. */
static void test_every_character(void **state)
{
        for (uint32_t c = 0; c < 0x120000; c += c < 0x11000 ? 1 : 251) {
                uint8_t two[] = { (uint8_t)(0xc0 | c >> 6), (uint8_t)(0x80 | (c & 63)) };
                uint8_t three[] = { (uint8_t)(0xe0 | c >> 12), (uint8_t)(0x80 | (c >> 6 & 63)),
                                    (uint8_t)(0x80 | (c & 63)) };
                uint8_t four[] = { (uint8_t)(0xf0 | c >> 18), (uint8_t)(0x80 | (c >> 12 & 63)),
                                   (uint8_t)(0x80 | (c >> 6 & 63)), (uint8_t)(0x80 | (c & 63)) };
                int surrogate = c >= 0xd800 && c <= 0xdfff;

                if (c < 0x80)
                        assert_int_equal(check((char[]){ (char)c }, 1, NULL), 0);
                if (c < 0x800)
                        assert_int_equal(check((char *)two, 2, NULL), c >= 0x80 ? 0 : HEDGE_ECONFIG);
                if (c < 0x10000)
                        assert_int_equal(check((char *)three, 3, NULL), c >= 0x800 && !surrogate ? 0 : HEDGE_ECONFIG);
                assert_int_equal(check((char *)four, 4, NULL), c >= 0x10000 && c <= 0x10ffff ? 0 : HEDGE_ECONFIG);
        }
}

static void test_what_is_wrong_is_told_with_its_line(void **state)
{
        hedge_why_t why;

        assert_int_equal(check("", 0, &why), 0);
        assert_int_equal(check("\xef\xbb\xbf", 3, &why), 0);
        assert_int_equal(check("a\nb\ncaf\xe9\n", 9, &why), HEDGE_ECONFIG);
        assert_int_equal(strncmp(why.text, "f.txt:3: is not UTF-8", 21), 0);
        assert_int_equal(check("caf\xc3", 4, &why), HEDGE_ECONFIG); /* cut in a character */
        assert_int_equal(strncmp(why.text, "f.txt:1: ", 9), 0);
        assert_int_equal(check("\xfe\xff\0a", 4, &why), HEDGE_ECONFIG);
        assert_string_equal(why.text, "f.txt: is text in UTF-16; it must be in UTF-8");
}

static void test_marks_and_lines(void **state)
{
        assert_int_equal(hedge_text_mark("\xef\xbb\xbfx", 4), 3);
        assert_int_equal(hedge_text_mark("\xef\xbb", 2), 0);
        assert_int_equal(hedge_text_mark("x\xef\xbb\xbf", 4), 0);
        assert_int_equal(hedge_text_line("a\nb\nc", 5, 0), 1);
        assert_int_equal(hedge_text_line("a\nb\nc", 5, 2), 2);
        assert_int_equal(hedge_text_line("a\nb\nc", 5, 99), 3);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_character),
                cmocka_unit_test(test_what_is_wrong_is_told_with_its_line),
                cmocka_unit_test(test_marks_and_lines),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
