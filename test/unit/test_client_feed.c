/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/feed.h"
#include "client/media/npy.h"

/** From the INPUTs of a command line to requests: of one picture, of several, in groups. */

#define PICTURE 2 /* elements of one */

static char folder[] = "/tmp/hedge-feed-XXXXXX";
static char files[8][64]; /* picture i holds i, i */
static char pair[64], triple[64], sixfold[64], other[64], missing[64];

static void write_tensor(const char *path, hedge_shape_t shape, float first)
{
        float values[6 * PICTURE];
        hedge_tensor_t tensor = { shape, values };
        FILE *out = fopen(path, "w");

        for (int i = 0; i < 6 * PICTURE; i++)
                values[i] = first + (float)(i / PICTURE);
        assert_non_null(out);
        assert_int_equal(hedgec_npy_write(&tensor, HEDGE_ELEMENT_FLOAT, out), 0);
        fclose(out);
}

static char *path_of(char *buf, const char *name)
{
        snprintf(buf, 64, "%s/%s.npy", folder, name);
        return buf;
}

static int make_files(void **state)
{
        if (!mkdtemp(folder))
                return -1;
        for (int i = 0; i < 8; i++) {
                snprintf(files[i], sizeof(files[i]), "%s/%d.npy", folder, i);
                write_tensor(files[i], (hedge_shape_t){ 1, { PICTURE } }, (float)i);
        }
        write_tensor(path_of(pair, "pair"), (hedge_shape_t){ 2, { 2, PICTURE } }, 20);
        write_tensor(path_of(triple, "triple"), (hedge_shape_t){ 2, { 3, PICTURE } }, 30);
        write_tensor(path_of(sixfold, "sixfold"), (hedge_shape_t){ 2, { 6, PICTURE } }, 60);
        write_tensor(path_of(other, "other"), (hedge_shape_t){ 2, { 2, 3 } }, 0);
        path_of(missing, "missing");
        return 0;
}

static int remove_files(void **state)
{
        for (int i = 0; i < 8; i++)
                unlink(files[i]);
        unlink(pair);
        unlink(triple);
        unlink(sixfold);
        unlink(other);
        return rmdir(folder);
}

/* A model of one input with the batch first. */
static hedgec_form_t make_form(bool any, uint32_t size, bool apart)
{
        const hedge_shape_t shape = { 2, { size, PICTURE } };
        hedgec_form_t form;

        assert_int_equal(hedgec_form_init(&form, &shape, 1), 0);
        assert_int_equal(hedge_batch_new(1, 1, &form.batch), 0);
        form.batch->any = any;
        form.batch->size = size;
        form.batch->apart = apart;
        form.batch->inputs[0] = form.batch->outputs[0] = 0;
        return form;
}

static int choose(void *arg, const hedgec_input_t *input, const hedgec_form_t **ret, hedge_why_t *why)
{
        *ret = arg;
        return 0;
}

static hedgec_feed_t make_feed(hedgec_form_t *form, char **operands)
{
        hedgec_feed_t feed = { .operands = operands, .n_inputs = 1, .choose = choose, .arg = form };

        while (operands[feed.n])
                feed.n++;
        return feed;
}

/* The next request: "first+count: the pictures' values", with what only fills it in brackets; or the sentence. */
static const char *next(hedgec_feed_t *feed)
{
        static char text[256];
        hedgec_request_t q;
        size_t used;

        if (!hedgec_feed_next(feed, &q))
                return "end";
        if (q.result < 0) {
                snprintf(text, sizeof(text), "%u+%u: %.200s", q.first, q.count, strrchr(q.why.text, '/') + 1);
                return text;
        }
        used = (size_t)snprintf(text, sizeof(text), "%u+%u:", q.first, q.count);
        for (uint32_t i = 0; i < q.tensors[0].shape.dims[0]; i++) {
                const float *picture = q.tensors[0].data + (size_t)i * PICTURE;

                assert_true(picture[0] == picture[1]);
                used += (size_t)snprintf(text + used, sizeof(text) - used, i < q.n_pictures ? " %g" : " (%g)",
                                         (double)picture[0]);
        }
        assert_int_equal(q.runs * q.form->batch->size, q.tensors[0].shape.dims[0]);
        hedgec_request_release(&q);
        return text;
}

static void check(hedgec_form_t *form, char **operands, const char *const *wanted)
{
        hedgec_feed_t feed = make_feed(form, operands);

        for (; *wanted; wanted++)
                assert_string_equal(next(&feed), *wanted);
        assert_string_equal(next(&feed), "end");
        assert_string_equal(next(&feed), "end");
        hedgec_feed_release(&feed);
}

#define OPERANDS(...) ((char *[]){ __VA_ARGS__, NULL })
#define WANTED(...)   ((const char *const[]){ __VA_ARGS__, NULL })

static void test_any(void **state)
{
        hedgec_form_t form = make_form(true, 1, true);

        check(&form, OPERANDS(files[1], sixfold, missing, triple, other, files[2]),
              WANTED("0+1: 1", "1+1: 60 61 62 63 64 65", "2+1: missing.npy: cannot be read: No such file or directory",
                     "3+1: 30 31 32", "4+1: other.npy: its shape is 2x3, the model wants 1x2", "5+1: 2"));
        hedgec_form_release(&form);
}

static void test_groups(void **state)
{
        hedgec_form_t form = make_form(false, 3, true);

        check(&form, OPERANDS(files[0], files[1], files[2], files[3], files[4]), WANTED("0+3: 0 1 2", "3+2: 3 4 (4)"));
        /* What is no picture ends a group, and is said in its turn. */
        check(&form, OPERANDS(files[0], missing, files[1], files[2], pair, files[3]),
              WANTED("0+1: 0 (0) (0)", "1+1: missing.npy: cannot be read: No such file or directory", "2+2: 1 2 (2)",
                     "4+1: pair.npy: its shape is 2x2, the model wants 3x2", "5+1: 3 (3) (3)"));
        /* Tensors of one batch and of two, which end a group too. */
        check(&form, OPERANDS(files[5], triple, sixfold, files[6]),
              WANTED("0+1: 5 (5) (5)", "1+1: 30 31 32", "2+1: 60 61 62", "2+1: 63 64 65", "3+1: 6 (6) (6)"));
        hedgec_form_release(&form);
}

/* Of pictures that are mixed there have to be all. */
static void test_mixed(void **state)
{
        hedgec_form_t form = make_form(false, 3, false);

        check(&form, OPERANDS(files[0], files[1], files[2], files[3], files[4], triple),
              WANTED("0+3: 0 1 2", "3+2: 3.npy: the model takes 3 pictures together, here are 2", "5+1: 30 31 32"));
        hedgec_form_release(&form);
}

/* Of two forms one is for the picture 3 alone. */
static int choose_one(void *arg, const hedgec_input_t *input, const hedgec_form_t **ret, hedge_why_t *why)
{
        hedgec_form_t *forms = arg;

        *ret = &forms[input->files[0].tensor.data[0] == 3];
        return 0;
}

/* A group is of one form. */
static void test_forms(void **state)
{
        hedgec_form_t forms[] = { make_form(false, 3, true), make_form(false, 3, true) };
        hedgec_feed_t feed = make_feed(forms, OPERANDS(files[1], files[2], files[3], files[4]));

        feed.choose = choose_one;
        assert_string_equal(next(&feed), "0+2: 1 2 (2)");
        assert_string_equal(next(&feed), "2+1: 3 (3) (3)");
        assert_string_equal(next(&feed), "3+1: 4 (4) (4)");
        assert_string_equal(next(&feed), "end");
        hedgec_feed_release(&feed);
        hedgec_form_release(&forms[0]);
        hedgec_form_release(&forms[1]);
}

/* A feed that is left in the middle gives back what it holds. */
static void test_left(void **state)
{
        hedgec_form_t form = make_form(false, 3, true);
        hedgec_feed_t feed = make_feed(&form, OPERANDS(sixfold, files[0]));

        assert_string_equal(next(&feed), "0+1: 60 61 62");
        hedgec_feed_release(&feed);
        feed = make_feed(&form, OPERANDS(files[0], triple));
        assert_string_equal(next(&feed), "0+1: 0 (0) (0)");
        hedgec_feed_release(&feed);
        hedgec_form_release(&form);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_any),   cmocka_unit_test(test_groups), cmocka_unit_test(test_mixed),
                cmocka_unit_test(test_forms), cmocka_unit_test(test_left),
        };

        return cmocka_run_group_tests(tests, make_files, remove_files);
}
