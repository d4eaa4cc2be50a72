/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/media/npy.h"

/* A version 1 file with this dictionary and these data. */
static size_t make(uint8_t *file, const char *dictionary, const void *data, size_t size)
{
        size_t n = strlen(dictionary);

        memcpy(file, "\x93NUMPY\x01\x00", 8);
        file[8] = (uint8_t)n;
        file[9] = (uint8_t)(n >> 8);
        memcpy(file + 10, dictionary, n);
        memcpy(file + 10 + n, data, size);
        return 10 + n + size;
}

static int decode(const char *dictionary, const void *data, size_t size, hedge_tensor_t *ret, hedge_why_t *why)
{
        uint8_t file[2048], *copy;
        size_t n = make(file, dictionary, data, size);
        int r;

        copy = malloc(n); /* exactly as long as the file, for ASan */
        assert_non_null(copy);
        memcpy(copy, file, n);
        r = hedgec_npy_decode(copy, n, ret, why);
        free(copy);
        return r;
}

static void test_types(void **state)
{
        static const struct {
                const char *type, *bytes;
                float value;
        } cases[] = {
                { "<f4", "\x00\x00\xc0\xbf", -1.5f },
                { ">f4", "\xbf\xc0\x00\x00", -1.5f },
                { "=f4", "\x00\x00\xc0\xbf", -1.5f },
                { "<f2", "\x00\xbe", -1.5f },
                { ">f2", "\xbe\x00", -1.5f },
                { "<f2", "\x01\x00", 0x1p-24f },
                { "<f2", "\xff\x83", -1023 * 0x1p-24f },
                { "<f2", "\x00\x04", 0x1p-14f },
                { "<f2", "\xff\x7b", 65504 },
                { "<f2", "\x00\xfc", -INFINITY },
                { "<f8", "\x00\x00\x00\x00\x00\x00\x04\x40", 2.5f },
                { ">f8", "\x40\x04\x00\x00\x00\x00\x00\x00", 2.5f },
                { "|i1", "\xfe", -2 },
                { "<i2", "\xfe\xff", -2 },
                { ">i2", "\xff\xfe", -2 },
                { "<i4", "\xfe\xff\xff\xff", -2 },
                { "<i8", "\xfe\xff\xff\xff\xff\xff\xff\xff", -2 },
                { ">i8", "\x00\x00\x00\x01\x00\x00\x00\x00", 4294967296.f },
                { "|u1", "\xfe", 254 },
                { ">u2", "\xff\xfe", 65534 },
                { "<u4", "\xff\xff\xff\xff", 4294967296.f },
                { "<u8", "\xff\xff\xff\xff\xff\xff\xff\xff", 18446744073709551616.f },
                { "|b1", "\x01", 1 },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                hedge_tensor_t t = { .data = NULL };
                hedge_why_t why = { "" };
                char dictionary[96];

                snprintf(dictionary, sizeof(dictionary), "{'descr': '%s', 'fortran_order': False, 'shape': (1,), }\n",
                         cases[i].type);
                if (decode(dictionary, cases[i].bytes, (size_t)(cases[i].type[2] - '0'), &t, &why))
                        fail_msg("%s: %s", cases[i].type, why.text);
                assert_int_equal(t.shape.rank, 1);
                if (t.data[0] != cases[i].value)
                        fail_msg("%s is %g, not %g", cases[i].type, t.data[0], cases[i].value);
                hedge_tensor_release(&t);
        }
}

static void test_orders(void **state)
{
        static const uint8_t data[] = { 0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
                                        12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23 };
        hedge_tensor_t t = { .data = NULL };
        hedge_why_t why;

        assert_int_equal(decode("{'shape': (2, 3, 4), 'fortran_order': False, 'descr': '|u1'}", data, 24, &t, &why), 0);
        assert_int_equal(t.shape.rank, 3);
        assert_int_equal(t.shape.dims[2], 4);
        for (unsigned i = 0; i < 24; i++)
                assert_true(t.data[i] == (float)i);
        hedge_tensor_release(&t);
        assert_int_equal(decode("{\"descr\":\"|u1\",\"fortran_order\":True,\"shape\":(2,3,4)}", data, 24, &t, &why), 0);
        for (unsigned i = 0; i < 2; i++)
                for (unsigned j = 0; j < 3; j++)
                        for (unsigned k = 0; k < 4; k++)
                                assert_true(t.data[(i * 3 + j) * 4 + k] == (float)(i + 2 * j + 6 * k));
        hedge_tensor_release(&t);
        assert_int_equal(decode("{'descr': '|u1', 'fortran_order': False, 'shape': ()}", data, 1, &t, &why), 0);
        assert_int_equal(t.shape.rank, 0);
        hedge_tensor_release(&t);
}

static void test_refused(void **state)
{
#define START "{'descr': '<f4', 'fortran_order': False, 'shape': "
        static const struct {
                const char *dictionary;
                size_t size;
                int code;
                const char *error;
        } cases[] = {
                { START "(2,), }", 7, HEDGE_EMALFORMED, "2 takes 8 bytes, there are 7" },
                { START "(2,), }", 9, HEDGE_EMALFORMED, "2 takes 8 bytes, there are 9" },
                { START "(2, 0), }", 0, HEDGE_EMALFORMED, "without elements" },
                { START "(-1,), }", 8, HEDGE_EMALFORMED, "header cannot be read" },
                { START "(2 2), }", 16, HEDGE_EMALFORMED, "header cannot be read" },
                { START "(2,)", 8, HEDGE_EMALFORMED, "header cannot be read" },
                { START "(2,", 8, HEDGE_EMALFORMED, "header cannot be read" },
                { START "(2,), } x", 8, HEDGE_EMALFORMED, "header cannot be read" },
                { START "(2,), 'shape': (2,)}", 8, HEDGE_EMALFORMED, "header cannot be read" },
                { START "(2,), 'more': 3}", 8, HEDGE_EMALFORMED, "header cannot be read" },
                { "{'descr': '<f4', 'shape': (2,)}", 8, HEDGE_EMALFORMED, "header cannot be read" },
                { "{'descr': '<f4', 'fortran_order': 1, 'shape': (2,)}", 8, HEDGE_EMALFORMED, "header cannot be read" },
                { "{}", 8, HEDGE_EMALFORMED, "header cannot be read" },
                { "", 8, HEDGE_EMALFORMED, "header cannot be read" },
                { "{'descr': '<f4", 8, HEDGE_EUNSUPPORTED, "structured or nameless" },
                { "{'descr': [('x', '<f4')]}", 8, HEDGE_EUNSUPPORTED, "structured or nameless" },
                { "{'descr': '<c8'}", 8, HEDGE_EUNSUPPORTED, "type <c8" },
                { "{'descr': '|O'}", 8, HEDGE_EUNSUPPORTED, "type |O" },
                { "{'descr': '\x1b[2J'}", 8, HEDGE_EUNSUPPORTED, "type ?[2J" },
                { START "(1, 1, 1, 1, 1, 1, 1), }", 4, HEDGE_ELIMIT, "more than 6 dimensions" },
                { START "(65536, 65536), }", 4, HEDGE_ELIMIT, "more than 268435456 elements" },
                { START "(4294967296, 4294967296), }", 4, HEDGE_ELIMIT, "more than 268435456 elements" },
                { START "(99999999999999999999999999, ), }", 4, HEDGE_ELIMIT, "more than 268435456 elements" },
                { START "(268435457,), }", 4, HEDGE_ELIMIT, "more than 268435456 elements" },
                { START "(268435456,), }", 4, HEDGE_EMALFORMED, "takes 1073741824 bytes, there are 4" },
        };
        static const uint8_t zeros[16];
        hedge_tensor_t t = { .data = NULL };
        hedge_why_t why;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                int r = decode(cases[i].dictionary, zeros, cases[i].size, &t, &why);

                if (r != cases[i].code || !strstr(why.text, cases[i].error))
                        fail_msg("%s gives %d, %s; not %s", cases[i].dictionary, r, why.text, cases[i].error);
                assert_int_equal(decode(cases[i].dictionary, zeros, cases[i].size, &t, NULL), cases[i].code);
                assert_null(t.data);
        }
}

static void test_versions_and_cuts(void **state)
{
        static const char text[] = START "(2, 1), }\n";
        uint8_t file[256];
        hedge_tensor_t t = { .data = NULL };
        hedge_why_t why;
        size_t n;

        n = make(file, text, "\x00\x00\x80\x3f\x00\x00\x00\x40", 8);
        for (size_t cut = 0; cut < n; cut++) {
                uint8_t *copy = malloc(cut + 1);

                memcpy(copy, file, cut);
                assert_true(hedgec_npy_decode(copy, cut, &t, &why) < 0);
                assert_null(t.data);
                free(copy);
        }
        memmove(file + 12, file + 10, n - 10); /* version 2: a length of four bytes */
        file[6] = 2;
        file[10] = file[11] = 0;
        assert_int_equal(hedgec_npy_decode(file, n + 2, &t, &why), 0);
        assert_true(t.data[0] == 1 && t.data[1] == 2);
        hedge_tensor_release(&t);
        file[11] = 0xff;
        assert_int_equal(hedgec_npy_decode(file, n + 2, &t, &why), HEDGE_EMALFORMED);
        file[6] = 4;
        assert_int_equal(hedgec_npy_decode(file, n + 2, &t, &why), HEDGE_EUNSUPPORTED);
}

static void test_write_reads_back(void **state)
{
        static const hedge_shape_t shapes[] = {
                { 0, { 0 } }, { 1, { 5 } }, { 4, { 1, 3, 2, 4 } }, { 6, { 1, 2, 1, 3, 1, 2 } }
        };
        char path[] = "/tmp/hedge-npy-XXXXXX";
        int fd = mkstemp(path);

        assert_true(fd >= 0);
        close(fd);
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
                hedge_tensor_t t, back = { .data = NULL };
                FILE *out = fopen(path, "w");
                hedge_why_t why = { "" };
                size_t n = hedge_shape_elements(&shapes[i]);

                assert_non_null(out);
                assert_int_equal(hedge_tensor_alloc(&t, &shapes[i]), 0);
                for (size_t k = 0; k < n; k++)
                        t.data[k] = (float)k / 3 - 1;
                assert_int_equal(hedgec_npy_write(&t, HEDGE_ELEMENT_FLOAT, out), 0);
                assert_int_equal(ftell(out) % 64, n * 4 % 64);
                fclose(out);
                if (hedgec_npy_load(path, &back, &why))
                        fail_msg("%s", why.text);
                assert_true(hedge_shape_equal(&t.shape, &back.shape));
                assert_memory_equal(t.data, back.data, n * 4);
                hedge_tensor_release(&t);
                hedge_tensor_release(&back);
        }
        unlink(path);
        assert_int_equal(hedgec_npy_load(path, &(hedge_tensor_t){ .data = NULL }, NULL), -ENOENT);
}

/* Of a model's integer types: read back they are the same, and each element takes its type's bytes. */
static void test_integers_are_written_as_such(void **state)
{
        static const struct {
                hedge_element_t element;
                const char *descriptor;
                size_t bytes;
                float values[4];
        } cases[] = {
                { HEDGE_ELEMENT_BOOL, "|b1", 1, { 0, 1, 1, 0 } },
                { HEDGE_ELEMENT_UINT8, "|u1", 1, { 0, 1, 200, 255 } },
                { HEDGE_ELEMENT_INT8, "|i1", 1, { -128, -1, 0, 127 } },
                { HEDGE_ELEMENT_UINT16, "<u2", 2, { 0, 1, 256, 65535 } },
                { HEDGE_ELEMENT_INT16, "<i2", 2, { -32768, -1, 256, 32767 } },
                { HEDGE_ELEMENT_UINT32, "<u4", 4, { 0, 1, 65536, 16777215 } },
                { HEDGE_ELEMENT_INT32, "<i4", 4, { -16777215, -1, 65536, 16777215 } },
                { HEDGE_ELEMENT_UINT64, "<u8", 8, { 0, 1, 65536, 16777215 } },
                { HEDGE_ELEMENT_INT64, "<i8", 8, { -16777215, -1, 65536, 16777215 } },
                { HEDGE_ELEMENT_FLOAT16, "<f4", 4, { 0.5f, -1, 1e-9f, INFINITY } },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                hedge_tensor_t t = { { 2, { 2, 2 } }, (float *)(uintptr_t)cases[i].values }, back = { .data = NULL };
                hedge_why_t why = { "" };
                char *bytes = NULL;
                size_t size;
                FILE *out = open_memstream(&bytes, &size);

                assert_non_null(out);
                assert_int_equal(hedgec_npy_write(&t, cases[i].element, out), 0);
                fclose(out);
                assert_int_equal(size % 64, 4 * cases[i].bytes);
                assert_memory_equal(bytes + 21, cases[i].descriptor, 3);
                if (hedgec_npy_decode((const uint8_t *)bytes, size, &back, &why))
                        fail_msg("%s", why.text);
                assert_memory_equal(back.data, cases[i].values, sizeof(cases[i].values));
                hedge_tensor_release(&back);
                free(bytes);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_types),
                cmocka_unit_test(test_orders),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_versions_and_cuts),
                cmocka_unit_test(test_write_reads_back),
                cmocka_unit_test(test_integers_are_written_as_such),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
