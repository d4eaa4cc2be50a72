/* SPDX-License-Identifier: Apache-2.0 */
/* Gradient messages that are cut, damaged, or made by somebody else. */
#include "test/unit/co3_bed.h"

/* --- damage ---------------------------------------------------------------------------------------------- */

static const uint32_t small_layers[] = { 3, 400, 90 };

static rig_t small_message(hedge_co3_format_t format)
{
        const hedge_co3_options_t options = options_for(format, 1, 1);
        rig_t rig = set_up(small_layers, 3);

        draw(&rig, normal);
        send(&rig, &options, NULL);
        return rig;
}

static int decode_exactly(const rig_t *rig, const uint8_t *bytes, size_t size, float *sum, hedge_why_t *why)
{
        uint8_t *copy = room(size); /* exactly: the sanitizer watches its end */
        int r;

        memcpy(copy, bytes, size);
        r = hedge_co3_decode(rig->co3, copy, size, 1, sum, why);
        free(copy);
        return r;
}

/* Every shorter message is refused with a sentence, and nothing is written. */
static void test_cut_messages(void **state)
{
        for (hedge_co3_format_t format = 0; format < HEDGE_CO3_FORMATS; format++) {
                rig_t rig = small_message(format);
                float *before = room(rig.n * sizeof(*before));

                memcpy(before, rig.sum, rig.n * sizeof(*before));
                for (size_t size = 0; size < rig.size; size++) {
                        hedge_why_t why = { "" };

                        assert_int_equal(decode_exactly(&rig, rig.message, size, rig.sum, &why), HEDGE_EMALFORMED);
                        assert_true(why.text[0]);
                }
                assert_memory_equal(before, rig.sum, rig.n * sizeof(*before));
                free(before);
                tear_down(&rig);
        }
}

/* Any other byte anywhere either makes finite numbers or is refused with a sentence before anything is written. */
static void test_damaged_messages(void **state)
{
        for (hedge_co3_format_t format = 0; format < HEDGE_CO3_FORMATS; format++) {
                rig_t rig = small_message(format);
                float *sum = room(rig.n * sizeof(*sum));

                for (unsigned t = 0; t < 4000; t++) {
                        const size_t at = t < rig.size ? t : layer_between(&rig.random, 0, (uint32_t)rig.size - 1);
                        const uint8_t right = rig.message[at];
                        hedge_why_t why = { "" };
                        int r;

                        rig.message[at] ^= (uint8_t)layer_between(&rig.random, 1, 255);
                        memset(sum, 0, rig.n * sizeof(*sum));
                        r = decode_exactly(&rig, rig.message, rig.size, sum, &why);
                        assert_true(r == 0 || why.text[0]);
                        for (size_t i = 0; i < rig.n; i++)
                                assert_true(r == 0 ? isfinite(sum[i]) : sum[i] == 0);
                        rig.message[at] = right;
                }
                free(sum);
                tear_down(&rig);
        }
}

static void refuse(const rig_t *rig, size_t at, const void *bytes, size_t size, int code, const char *text)
{
        uint8_t *message = room(rig->size);
        hedge_why_t why = { "" };

        memcpy(message, rig->message, rig->size);
        memcpy(message + at, bytes, size);
        assert_int_equal(decode_exactly(rig, message, rig->size, rig->sum, &why), code);
        if (!strstr(why.text, text))
                fail_msg("\"%s\", not \"%s\"", why.text, text);
        free(message);
}

static void test_wrong_fields(void **state)
{
        const float scales[] = { 0, -1, NAN, INFINITY, 0x1p87f, 0x1p-127f };
        const uint32_t four = 4, huge = UINT32_MAX;
        rig_t rig = small_message(HEDGE_CO3_FP8), exact = small_message(HEDGE_CO3_FP32);
        uint8_t longer[3000] = { 0 };
        hedge_why_t why;

        refuse(&rig, 0, "\2", 1, HEDGE_EVERSION, "version 2");
        refuse(&rig, 1, "\5", 1, HEDGE_EMALFORMED, "unknown format 5");
        refuse(&rig, 2, "\1", 1, HEDGE_EMALFORMED, "");
        refuse(&rig, 4, &four, 4, HEDGE_ESHAPE, "4 segments, not 3");
        refuse(&rig, 8, &four, 4, HEDGE_ESHAPE, "4 entries, not 3");
        for (size_t i = 0; i < sizeof(scales) / sizeof(scales[0]); i++)
                refuse(&rig, 12, &scales[i], 4, HEDGE_EMALFORMED, "scale");
        refuse(&rig, 16, &huge, 4, HEDGE_EMALFORMED, "a stream of 4294967295 bytes");
        refuse(&rig, 20, &huge, 4, HEDGE_EMALFORMED, "stores 4294967295 of 3");
        refuse(&rig, 8 + 8 + 8 + 3 + 8 + 8, "\0", 1, HEDGE_EMALFORMED, "not one zstd frame");
        refuse(&exact, 24, &scales[2], 4, HEDGE_EMALFORMED, "not finite");
        memcpy(longer, rig.message, rig.size);
        assert_int_equal(decode_exactly(&rig, longer, rig.size + 1, rig.sum, &why), HEDGE_EMALFORMED);
        assert_non_null(strstr(why.text, "1 bytes behind"));
        tear_down(&exact);
        tear_down(&rig);
}

/* A message of one segment whose only stream has these bytes. */
static int decode_stream(const rig_t *rig, uint32_t raw, const void *bytes, uint32_t stored, hedge_why_t *why)
{
        const uint32_t fields[] = { 1 | HEDGE_CO3_FP8 << 8, 1, (uint32_t)rig->n, 0x3f800000, raw, stored };
        uint8_t message[2000];

        assert_true(sizeof(fields) + stored <= sizeof(message));
        memcpy(message, fields, sizeof(fields));
        memcpy(message + sizeof(fields), bytes, stored);
        return decode_exactly(rig, message, sizeof(fields) + stored, rig->sum, why);
}

/* Streams of another length, frames of another length, frames that do not say theirs, two frames, none. */
static void test_wrong_streams(void **state)
{
        static const uint32_t one[] = { 1000 };
        rig_t rig = set_up(one, 1);
        ZSTD_CCtx *zstd = ZSTD_createCCtx();
        uint8_t codes[1001] = { 1, 2, 3 }, frame[1000];
        hedge_why_t why;
        uint32_t size;

        assert_int_equal(decode_stream(&rig, 1000, codes, 1000, &why), 0);
        assert_int_equal(decode_stream(&rig, 999, codes, 999, &why), HEDGE_EMALFORMED);
        assert_non_null(strstr(why.text, "999 bytes, where 1000 to 1000"));
        assert_int_equal(decode_stream(&rig, 1001, codes, 1001, &why), HEDGE_EMALFORMED);
        for (uint32_t n = 999; n <= 1001; n++) {
                size = (uint32_t)ZSTD_compress2(zstd, frame, sizeof(frame), codes, n);
                assert_int_equal(decode_stream(&rig, 1000, frame, size, &why), n == 1000 ? 0 : HEDGE_EMALFORMED);
        }
        assert_non_null(strstr(why.text, "does not say that it holds 1000"));
        size = (uint32_t)ZSTD_compress2(zstd, frame, sizeof(frame), codes, 500);
        memcpy(frame + size, frame, size);
        assert_int_equal(decode_stream(&rig, 1000, frame, 2 * size, &why), HEDGE_EMALFORMED);
        assert_non_null(strstr(why.text, "not one zstd frame"));
        ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 0);
        size = (uint32_t)ZSTD_compress2(zstd, frame, sizeof(frame), codes, 1000);
        assert_int_equal(decode_stream(&rig, 1000, frame, size, &why), HEDGE_EMALFORMED);
        assert_non_null(strstr(why.text, "does not say"));
        ZSTD_freeCCtx(zstd);
        tear_down(&rig);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cut_messages),
                cmocka_unit_test(test_damaged_messages),
                cmocka_unit_test(test_wrong_fields),
                cmocka_unit_test(test_wrong_streams),
        };

        return cmocka_run_group_tests_name("co3", tests, NULL, NULL);
}
