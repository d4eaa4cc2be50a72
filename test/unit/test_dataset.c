/* SPDX-License-Identifier: Apache-2.0 */
/* Data sets: reading them, cutting them up, and making the same batches everywhere. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "common/train/batches.h"
#include "common/train/dataset_read.h"

#define RECORD 3073

static char folder[] = "/tmp/hedge-dataset-XXXXXX";

static int make_folder(void **state)
{
        return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
        char command[128];

        snprintf(command, sizeof(command), "rm -rf '%s'", folder);
        return system(command); /* NOLINT(cert-env33-c) */
}

static const char *path_of(const char *name)
{
        static char paths[4][256];
        static unsigned next;
        char *path = paths[next++ % 4];

        snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
        return path;
}

static const char *write_plain(const char *name, const void *bytes, size_t size)
{
        const char *path = path_of(name);
        FILE *file = fopen(path, "wb");

        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
        return path;
}

static const char *write_gzip(const char *name, const void *bytes, size_t size)
{
        const char *path = path_of(name);
        gzFile file = gzopen(path, "wb");

        assert_non_null(file);
        assert_int_equal(gzwrite(file, bytes, (unsigned)size), size);
        assert_int_equal(gzclose(file), Z_OK);
        return path;
}

/* Three images of 2 x 3, and their labels. */
static const uint8_t idx_images[] = { 0, 0, 8, 3, 0, 0, 0, 3, 0,  0,  0,  2,  0,  0,  0,  3,  1,
                                      2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 255 };
static const uint8_t idx_labels[] = { 0, 0, 8, 1, 0, 0, 0, 3, 9, 0, 4 };

static void idx_files_are_read(void **state)
{
        for (int gzip = 0; gzip < 2; gzip++) {
                const char *(*const write)(const char *, const void *, size_t) = gzip ? write_gzip : write_plain;
                hedge_dataset_t *d = NULL;
                hedge_why_t why = { "" };

                assert_int_equal(hedge_dataset_read_idx(write("images", idx_images, sizeof(idx_images)),
                                                        write("labels", idx_labels, sizeof(idx_labels)), 10, &d, &why),
                                 0);
                assert_int_equal(d->count, 3);
                assert_int_equal(d->image.h, 2);
                assert_int_equal(d->image.w, 3);
                assert_int_equal(d->image.c, 1);
                assert_memory_equal(d->pixels, idx_images + 16, 18);
                assert_memory_equal(d->labels, idx_labels + 8, 3);
                hedge_dataset_destroy(&d);
        }
}

static void refuse_idx(const uint8_t *images, size_t images_size, const uint8_t *labels, size_t labels_size, int code,
                       const char *sentence)
{
        hedge_dataset_t *d = NULL;
        hedge_why_t why = { "" };

        assert_int_equal(hedge_dataset_read_idx(write_plain("images", images, images_size),
                                                write_plain("labels", labels, labels_size), 10, &d, &why),
                         code);
        assert_null(d);
        if (!strstr(why.text, sentence) || strncmp(why.text, folder, strlen(folder)) != 0)
                fail_msg("'%s' does not say '%s'", why.text, sentence);
}

static void wrong_idx_files_are_refused(void **state)
{
        const size_t ni = sizeof(idx_images), nl = sizeof(idx_labels);
        uint8_t images[sizeof(idx_images) + 1] = { 0 }, labels[sizeof(idx_labels)];

        memcpy(images, idx_images, ni);
        memcpy(labels, idx_labels, nl);
        refuse_idx(labels, nl, labels, nl, HEDGE_EMALFORMED, "not an IDX file of images");
        refuse_idx(images, ni, images, ni, HEDGE_EMALFORMED, "not an IDX file of labels");
        refuse_idx(images, 3, labels, nl, HEDGE_EMALFORMED, "not an IDX file of images");
        refuse_idx(images, 15, labels, nl, HEDGE_EMALFORMED, "cut short in its header");
        refuse_idx(images, ni - 1, labels, nl, HEDGE_EMALFORMED, "cut short: 17 bytes behind its header instead of 18");
        refuse_idx(images, ni + 1, labels, nl, HEDGE_EMALFORMED, "too long: 19 bytes");
        refuse_idx(images, ni, labels, nl - 1, HEDGE_EMALFORMED, "cut short: 2 bytes behind its header instead of 3");
        labels[7] = 2;
        refuse_idx(images, ni, labels, nl - 1, HEDGE_EMALFORMED, "has 2 labels for the 3 images of");
        labels[7] = 3;
        labels[9] = 10;
        refuse_idx(images, ni, labels, nl, HEDGE_EMALFORMED, "image 1 has label 10, but the classes are 0 to 9");
        memset(images + 4, 0xff, 12);
        refuse_idx(images, ni, labels, nl, HEDGE_ELIMIT, "an extent of 4294967295");
        memset(images + 4, 0, 4);
        refuse_idx(images, ni, labels, nl, HEDGE_ELIMIT, "an extent of 0");
        memcpy(images, idx_images, ni);
        images[9] = 1; /* 65538 rows of 3 pixels, in 18 bytes */
        refuse_idx(images, ni, labels, nl, HEDGE_EMALFORMED, "cut short");
}

static void files_that_cannot_be_read_are_named(void **state)
{
        const char *labels = write_plain("labels", idx_labels, sizeof(idx_labels));
        hedge_dataset_t *d = NULL;
        hedge_why_t why;

        assert_int_equal(hedge_dataset_read_idx(path_of("nothing"), labels, 10, &d, &why), -ENOENT);
        assert_non_null(strstr(why.text, "nothing: No such file"));
        assert_int_equal(hedge_dataset_read_idx(folder, labels, 10, &d, &why), -EISDIR);
        assert_non_null(strstr(why.text, "Is a directory"));
        assert_null(d);
}

/* A gzip file without its end, and one with a byte changed in its middle. */
static void damaged_gzip_is_refused(void **state)
{
        const char *path = write_gzip("images", idx_images, sizeof(idx_images));
        const char *labels = write_plain("labels", idx_labels, sizeof(idx_labels));
        hedge_dataset_t *d = NULL;
        uint8_t bytes[256];
        hedge_why_t why;
        FILE *file = fopen(path, "rb");
        const size_t size = fread(bytes, 1, sizeof(bytes), file);

        fclose(file);
        for (size_t cut = 20; cut < size; cut++) {
                assert_int_equal(hedge_dataset_read_idx(write_plain("cut", bytes, cut), labels, 10, &d, &why),
                                 HEDGE_EMALFORMED);
                assert_non_null(strstr(why.text, "cut short"));
        }
        bytes[size - 6] ^= 1; /* of the checksum */
        assert_int_equal(hedge_dataset_read_idx(write_plain("cut", bytes, size), labels, 10, &d, &why),
                         HEDGE_EMALFORMED);
        assert_null(d);
}

static void cifar_files_are_read(void **state)
{
        uint8_t *records = malloc(2 * RECORD);
        hedge_dataset_t *d = NULL;
        const char *paths[2];
        hedge_why_t why;

        for (size_t i = 0; i < 2 * RECORD; i++)
                records[i] = (uint8_t)(i * 7);
        records[0] = 3;
        records[RECORD] = 9;
        paths[0] = write_gzip("one.bin.gz", records, RECORD);
        paths[1] = write_plain("two.bin", records, 2 * RECORD);
        assert_int_equal(hedge_dataset_read_cifar10(paths, 2, &d, &why), 0);
        assert_int_equal(d->count, 3);
        assert_int_equal(d->classes, 10);
        assert_int_equal(d->image.c, 3);
        assert_int_equal(d->labels[0], 3);
        assert_int_equal(d->labels[2], 9);
        for (size_t c = 0; c < 3; c++) { /* row 1, column 2 of each plane */
                assert_int_equal(d->pixels[34 * 3 + c], records[1 + c * 1024 + 34]);
                assert_int_equal(d->pixels[(size_t)2 * 3072 + 34 * 3 + c], records[RECORD + 1 + c * 1024 + 34]);
        }
        hedge_dataset_destroy(&d);

        assert_int_equal(hedge_dataset_read_cifar10(
                                 (const char *[]){ write_plain("short.bin", records, 2 * RECORD - 1) }, 1, &d, &why),
                         HEDGE_EMALFORMED);
        assert_non_null(strstr(why.text, "short.bin: cut short: 6145 bytes are not whole records of 3073"));
        assert_int_equal(
                hedge_dataset_read_cifar10((const char *[]){ write_plain("empty.bin", records, 0) }, 1, &d, &why),
                HEDGE_EMALFORMED);
        records[RECORD] = 10;
        paths[1] = write_plain("two.bin", records, 2 * RECORD);
        assert_int_equal(hedge_dataset_read_cifar10(paths, 2, &d, &why), HEDGE_EMALFORMED);
        assert_non_null(strstr(why.text, "two.bin: record 1 has label 10"));
        assert_null(d);
        free(records);
}

/* `count` images of 1 x 4 whose first pixel is their number, labelled by it. */
static hedge_dataset_t *numbered(uint32_t count)
{
        const hedge_extent_t image = { 1, 4, 1, false };
        uint8_t *pixels = malloc((size_t)4 * count), *labels = malloc(count);
        hedge_dataset_t *d = NULL;

        for (uint32_t i = 0; i < count; i++) {
                labels[i] = (uint8_t)i;
                memset(pixels + (size_t)4 * i, (int)i, 4);
                pixels[4 * i + 3] = (uint8_t)(255 - i);
        }
        assert_int_equal(hedge_dataset_new(&image, 256, count, pixels, labels, &d, NULL), 0);
        free(pixels);
        free(labels);
        return d;
}

static void shards_are_the_whole(void **state)
{
        hedge_dataset_t *d = numbered(103), *shard = NULL;
        unsigned seen[103] = { 0 }, in_order = 0;
        hedge_why_t why;

        for (uint32_t i = 0; i < 8; i++) {
                assert_int_equal(hedge_dataset_shard(d, 11, i, 8, &shard, &why), 0);
                assert_in_range(shard->count, 12, 13);
                for (uint32_t k = 0; k < shard->count; k++) {
                        seen[shard->labels[k]]++;
                        in_order += k > 0 && shard->labels[k] == shard->labels[k - 1] + 1;
                        assert_int_equal(shard->pixels[4 * k], shard->labels[k]);
                        assert_int_equal(shard->pixels[4 * k + 3], 255 - shard->labels[k]);
                }
                hedge_dataset_destroy(&shard);
        }
        for (unsigned i = 0; i < 103; i++)
                assert_int_equal(seen[i], 1);
        assert_in_range(in_order, 0, 10);
        assert_int_equal(hedge_dataset_shard(d, 11, 8, 8, &shard, &why), -EINVAL);
        assert_int_equal(hedge_dataset_shard(d, 11, 0, 104, &shard, &why), -EINVAL);
        assert_string_equal(why.text, "part 0 of 104: the data set has 103 images");

        assert_int_equal(hedge_dataset_slice(d, 100, 3, &shard, &why), 0);
        assert_int_equal(shard->labels[0], 100);
        assert_int_equal(shard->pixels[8], 102);
        hedge_dataset_destroy(&shard);
        assert_int_equal(hedge_dataset_slice(d, 100, 4, &shard, &why), -EINVAL);
        assert_int_equal(hedge_dataset_slice(d, UINT32_MAX, 4, &shard, &why), -EINVAL);
        assert_null(shard);
        hedge_dataset_destroy(&d);
}

static const hedge_norm_t as_pixels = { { 0 }, { 1.0f / 255, 1, 1, 1 } };

/* Labels of a whole epoch, and how many images were turned round. */
static unsigned epoch_labels(hedge_batches_t *b, uint64_t epoch, uint8_t *labels)
{
        unsigned flipped = 0;

        for (uint32_t step = 0; step < hedge_batches_steps(b); step++) {
                float images[4 * 10];

                hedge_batches_get(b, epoch, step, images, labels + (size_t)step * 10);
                for (unsigned i = 0; i < 10; i++) {
                        const float label = labels[step * 10 + i];
                        const bool turned = fabsf(images[4 * i + 3] - label) < 0.01f;

                        assert_true(fabsf(images[4 * i + (turned ? 3 : 0)] - label) < 0.01f);
                        assert_true(fabsf(images[4 * i + (turned ? 0 : 3)] - (255 - label)) < 0.01f);
                        assert_true(fabsf(images[4 * i + 1] - label) < 0.01f);
                        flipped += turned;
                }
        }
        return flipped;
}

static void batches_follow_from_seed_epoch_and_step(void **state)
{
        hedge_dataset_t *d = numbered(103);
        hedge_batches_t *one = NULL, *two = NULL, *other = NULL;
        uint8_t first[100], second[100], again[100], another[100];
        unsigned seen[103] = { 0 }, flipped;
        float images[40];

        assert_int_equal(hedge_batches_new(d, &as_pixels, 5, 10, true, &one, NULL), 0);
        assert_int_equal(hedge_batches_new(d, &as_pixels, 5, 10, true, &two, NULL), 0);
        assert_int_equal(hedge_batches_new(d, &as_pixels, 6, 10, false, &other, NULL), 0);
        assert_int_equal(hedge_batches_steps(one), 10);
        flipped = epoch_labels(one, 0, first);
        assert_in_range(flipped, 30, 70);
        epoch_labels(one, 1, second);
        for (unsigned i = 0; i < 100; i++)
                seen[first[i]]++;
        for (unsigned i = 0; i < 103; i++)
                assert_in_range(seen[i], 0, 1);
        assert_memory_not_equal(first, second, 100);

        hedge_batches_get(two, 1, 7, images, again); /* from the middle */
        assert_memory_equal(again, second + 70, 10);
        assert_int_equal(epoch_labels(two, 0, again), flipped);
        assert_memory_equal(again, first, 100);
        assert_int_equal(epoch_labels(other, 0, another), 0);
        assert_memory_not_equal(another, first, 100);
        hedge_batches_destroy(&one);
        hedge_batches_destroy(&two);
        hedge_batches_destroy(&other);
        hedge_dataset_destroy(&d);
}

/* The order is part of what boards agree on: it must never change between versions or machines. */
static void the_order_is_fixed(void **state)
{
        static const uint32_t known[8] = { 4, 1, 7, 0, 2, 3, 6, 5 };
        uint32_t order[8];

        hedge_permutation(1, 2, 8, order);
        assert_memory_equal(order, known, sizeof(known));
}

static void wrong_batches_are_refused(void **state)
{
        hedge_dataset_t *d = numbered(5);
        hedge_batches_t *b = NULL;
        hedge_why_t why;

        assert_int_equal(hedge_batches_new(d, &as_pixels, 1, 6, false, &b, &why), -EINVAL);
        assert_string_equal(why.text, "batches of 6 images: the data has 5");
        assert_int_equal(hedge_batches_new(d, &as_pixels, 1, 0, false, &b, &why), -EINVAL);
        assert_null(b);
        hedge_dataset_destroy(&d);
}

static void images_are_normalised(void **state)
{
        const hedge_extent_t image = { 1, 2, 2, false };
        const uint8_t pixels[8] = { 0, 7, 255, 7, 51, 7, 102, 7 }, labels[2] = { 0, 1 };
        hedge_dataset_t *d = NULL;
        double sum = 0, squares = 0;
        hedge_norm_t norm;
        float images[8];

        assert_int_equal(hedge_dataset_new(&image, 2, 2, pixels, labels, &d, NULL), 0);
        hedge_dataset_norm(d, &norm);
        assert_true(fabsf(norm.mean[0] - 0.4f) < 1e-6f);
        assert_true(fabsf(norm.mean[1] - 7.0f / 255) < 1e-6f && norm.deviation[1] == 1);
        hedge_dataset_images(d, &norm, 0, 2, images);
        for (int i = 0; i < 8; i += 2) {
                sum += (double)images[i];
                squares += (double)(images[i] * images[i]);
                assert_true(fabsf(images[i + 1]) < 1e-6f);
        }
        assert_true(fabs(sum) < 1e-5 && fabs(squares - 4) < 1e-5);
        hedge_dataset_destroy(&d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(idx_files_are_read),
                cmocka_unit_test(wrong_idx_files_are_refused),
                cmocka_unit_test(files_that_cannot_be_read_are_named),
                cmocka_unit_test(damaged_gzip_is_refused),
                cmocka_unit_test(cifar_files_are_read),
                cmocka_unit_test(shards_are_the_whole),
                cmocka_unit_test(batches_follow_from_seed_epoch_and_step),
                cmocka_unit_test(the_order_is_fixed),
                cmocka_unit_test(wrong_batches_are_refused),
                cmocka_unit_test(images_are_normalised),
        };

        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
