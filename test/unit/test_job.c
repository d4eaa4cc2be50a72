/* SPDX-License-Identifier: Apache-2.0 */
/* Training jobs: what is read, what is refused and in which words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/job/job.h"
#include "common/manifest/manifest.h"
#include "common/wire/message.h"

#define SIDE   28u
#define IMAGES 40u

#define DATA "data:\n  train: [images, labels]\n  hold_out: 8\n"
#define JOB  "name: digits\nmodel: lenet5\n" DATA

static char folder[] = "/tmp/hedge-job-XXXXXX";

static void write_file(const char *name, const uint8_t *bytes, size_t size)
{
        char path[64];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, size, file), size);
        assert_int_equal(fclose(file), 0);
}

/* Images of side x side and their labels; pixels and labels differ from image to image. */
static void write_idx(const char *images, const char *labels, uint8_t side, uint8_t count, uint8_t classes)
{
        const uint8_t header[16] = { [2] = 8, [3] = 3, [7] = count, [11] = side, [15] = side };
        const size_t pixels = (size_t)count * side * side;
        uint8_t *bytes = malloc(16 + pixels), label[8 + 255] = { [2] = 8, [3] = 1, [7] = count };

        assert_non_null(bytes);
        memcpy(bytes, header, sizeof(header));
        for (size_t i = 0; i < pixels; i++)
                bytes[16 + i] = (uint8_t)(i * 31 + i / 251);
        for (unsigned i = 0; i < count; i++)
                label[8 + i] = (uint8_t)(i % classes);
        write_file(images, bytes, 16 + pixels);
        write_file(labels, label, 8u + count);
        free(bytes);
}

static int make_folder(void **state)
{
        uint8_t record[2 * 3073] = { 0 };

        if (!mkdtemp(folder))
                return -1;
        write_idx("images", "labels", SIDE, IMAGES, 10);
        write_idx("few", "few-labels", SIDE, 4, 4);
        write_idx("small", "small-labels", 8, 12, 10);
        write_file("short", record, 15);
        write_file("records", record, sizeof(record));
        return 0;
}

static int remove_folder(void **state)
{
        char command[128];

        snprintf(command, sizeof(command), "rm -rf '%s'", folder);
        return system(command); /* NOLINT(cert-env33-c) */
}

static int parse(const char *text, hedge_job_t *ret, hedge_why_t *why)
{
        *why = (hedge_why_t){ "" };
        return hedge_job_parse("job.yaml", text, strlen(text), ret, why);
}

static void take(const char *text, hedge_job_t *ret)
{
        hedge_why_t why;

        if (parse(text, ret, &why) < 0)
                fail_msg("%s", why.text);
}

static void everything_can_be_said(void **state)
{
        const char *files[HEDGE_JOB_FILES];
        const hedge_job_layer_t *layers;
        hedge_job_t job;

        take("name: pets-2\n"
             "layers:\n"
             "- {type: conv, name: first, from: image, units: 4, kernel: 3, stride: 2, pad: 1, bias: false}\n"
             "- {type: add, with: first}\n"
             "- {type: flatten}\n"
             "- {type: dense, units: 10}\n"
             "data: {format: cifar10, train: [a.bin, a.bin, ../b.bin], test: c.bin, flip: true,\n"
             "  labels: [a, b, c, d, e, f, g, h, i, \"k l\"]}\n"
             "method: local\nepochs: 7\nbatch: 128\nseed: 18446744073709551615\ncheckpoint_s: 5\n"
             "sgd: {rate: 0.5, momentum: 0, decay: 0.25, drop: 0.5, schedule: step, warm_up: 12, every: 3}\n"
             "co3: {format: topk, gamma: 0.5, max_bits: 4.5, compress: false, downlink: fp16, quorum: 3, shards: 4}\n",
             &job);
        layers = job.layers.items;
        assert_string_equal(job.name, "pets-2");
        assert_string_equal(job.model, "");
        assert_int_equal(job.layers.count, 4);
        assert_string_equal(layers[0].type, "conv");
        assert_string_equal(layers[0].from, "image");
        assert_true(layers[0].kernel == 3 && layers[0].stride == 2 && layers[0].pad == 1 && !layers[0].bias);
        assert_string_equal(layers[1].with, "first");
        assert_true(layers[3].units == 10 && layers[3].bias);
        assert_int_equal(hedge_job_files(&job, files), 4);
        assert_string_equal(files[1], "a.bin");
        assert_string_equal(files[2], "../b.bin");
        assert_string_equal(files[3], "c.bin");
        assert_true(job.data.format == HEDGE_JOB_CIFAR10 && job.data.flip && job.data.labels.count == 10);
        assert_true(job.method == HEDGE_JOB_LOCAL && job.epochs == 7 && job.batch == 128 && job.seed == UINT64_MAX);
        assert_true(job.checkpoint_s == 5 && job.sgd.schedule == HEDGE_SCHEDULE_STEP && job.sgd.every == 3);
        assert_true(job.co3.format == HEDGE_CO3_TOPK && job.co3.downlink == HEDGE_CO3_FP16 && !job.co3.compress);
        assert_true(job.co3.gamma == .5 && job.co3.max_bits == 4.5 && job.co3.quorum == 3 && job.co3.shards == 4);
        hedge_job_release(&job);
        assert_null(job.name);
}

static void little_need_be_said(void **state)
{
        hedge_job_t job;

        take(JOB, &job);
        assert_string_equal(job.model, "lenet5");
        assert_true(job.data.format == HEDGE_JOB_IDX && job.data.classes == 10 && job.method == HEDGE_JOB_CO3);
        assert_true(job.co3.format == HEDGE_CO3_FP8 && job.co3.downlink == HEDGE_CO3_FP8 && job.co3.compress);
        assert_true(job.co3.gamma == 1 && !job.co3.quorum && !job.co3.shards && job.co3.max_bits == 0);
        assert_true(job.batch == 64 && job.epochs == 10 && job.seed == 1);
        hedge_job_release(&job);
}

static void refuse(const char *text, const char *sentence)
{
        hedge_job_t job, same;
        hedge_why_t why;

        memset(&job, 0x55, sizeof(job));
        same = job;
        assert_int_equal(parse(text, &job, &why), HEDGE_ECONFIG);
        if (!strstr(why.text, sentence) || strncmp(why.text, "job.yaml:", 9) != 0)
                fail_msg("'%s' does not say '%s'", why.text, sentence);
        assert_memory_equal(&job, &same, sizeof(job));
}

#define WITH(line) JOB line "\n"
#define NET(rows)  "name: a\n" DATA "layers:\n" rows

static void bad_jobs_are_refused_with_a_sentence(void **state)
{
        refuse("model: lenet5\n" DATA, "job.yaml:1: name: is required");
        refuse("name: ../up\nmodel: mlp\n" DATA, ":1: name: '../up': letters, digits");
        refuse(WITH("epoch: 3"), ":6: epoch: is not a known key; did you mean epochs?");
        refuse(WITH("sgd: {rte: 3}"), ":6: sgd.rte: is not a known key; did you mean sgd.rate?");
        refuse(WITH("epochs: 0"), ":6: epochs: 0 is below 1");
        refuse(WITH("batch: 65537"), ":6: batch: 65537 is above 65536");
        refuse(WITH("sgd: {rate: 0}"), "sgd.rate: 0 is below");
        refuse(WITH("method: uep2"), ":6: method: uep2 is not local, co3");
        refuse("name: a\n" DATA, ":1: model: neither a model nor layers");
        refuse(WITH("layers: [{type: relu}]"), ":6: layers: a model is named too");
        refuse("name: a\nmodel: vgg16\n" DATA, ":2: model: no network is called 'vgg16': mlp, lenet5 or resnet8");
        refuse(NET("- {type: relu}\n\n- {type: sigmoid}"),
               ":8: layers[1].type: 'sigmoid' is not dense, conv, max_pool, average_pool, global_average_pool, relu, "
               "batch_norm, flatten or add");
        refuse(NET("- {type: dense}"), ":6: layers[0].units: a dense layer needs them");
        refuse(NET("- {type: relu,\n   units: 3}"), ":7: layers[0].units: a relu layer has none");
        refuse(NET("- {type: conv, units: 3}"), "layers[0].kernel: a conv layer needs one");
        refuse(NET("- {type: flatten, pad: 1}"), "layers[0].pad: a flatten layer has no window");
        refuse(NET("- {type: max_pool, kernel: 2, bias: false}"), "layers[0].bias: a max_pool layer has none");
        refuse(NET("- {type: add}"), "layers[0].with: names the other layer");
        refuse(NET("- {type: relu, with: image}"), "layers[0].with: names the other layer");
        refuse(NET("- {type: dense, unit: 3}"),
               ":6: layers[0].unit: is not a known key; did you mean layers[0].units?");
}

static void bad_files_are_refused_with_a_sentence(void **state)
{
        const char *start = "name: a\nmodel: mlp\ndata:\n  train: [";
        char text[4200];

        refuse("name: a\nmodel: mlp\ndata: {hold_out: 3}\n", "data.train: is required");
        refuse("name: a\nmodel: mlp\ndata:\n  train: images\n  hold_out: 3\n",
               ":4: data.train: idx wants two files, the images and their labels, not 1");
        refuse("name: a\nmodel: mlp\ndata:\n  train: [a, b]\n  test: [a, b, c]\n",
               ":5: data.test: idx wants two files");
        refuse("name: a\nmodel: mlp\ndata:\n  train: [a, '']\n  test: [a, b]\n", ":4: data.train: a file's name has");
        refuse("name: a\nmodel: mlp\ndata:\n  train: [a, \"b\\0c\"]\n  test: [a, b]\n", ":4:");
        refuse("name: a\nmodel: mlp\ndata:\n  train: [a, b]\n", ":3: data.test: nothing to test on");
        refuse("name: a\nmodel: mlp\ndata:\n  train: [a, b]\n  test: [c, d]\n  hold_out: 2\n",
               ":6: data.hold_out: there are test files too");
        refuse("name: a\nmodel: mlp\ndata:\n  format: cifar10\n  train: a\n  hold_out: 2\n  classes: 100\n",
               ":7: data.classes: cifar10 has 10");
        refuse("name: a\nmodel: mlp\ndata:\n  train: [a, b]\n  hold_out: 2\n  labels: names.txt\n",
               ":6: data.labels: wants a list");
        refuse("name: a\nmodel: mlp\ndata:\n  train: [a, b]\n  hold_out: 2\n  labels: [x, y]\n",
               ":6: data.labels: 2 names for 10 classes");
        refuse("name: a\nmodel: mlp\ndata:\n  train: [a, b]\n  hold_out: 2\n  classes: 2\n  labels: [x, \"y\\n\"]\n",
               ":7: data.labels: name 2 holds a control character");
        snprintf(text, sizeof(text), "%s%04096d, b]\n  hold_out: 1\n", start, 0);
        refuse(text, ":4: data.train: a file's name has 1 to 4095 bytes, not 4096");
        snprintf(text, sizeof(text), "%s", start);
        for (int i = 0; i < 31; i++)
                strcat(text, i ? ", a" : "a");
        strcat(text, "]\n  test: [b, c]\n  format: cifar10\n");
        refuse(text, ":5: data.test: 33 files together with those of train, more than 32");
}

static void bad_options_are_refused_with_a_sentence(void **state)
{
        char *text = malloc(HEDGE_JOB_MAX_BYTES + 2);
        hedge_job_t job;
        hedge_why_t why;

        refuse(WITH("co3: {format: topk}"), ":6: co3.max_bits: topk wants 0.1 to 16");
        refuse(WITH("co3:\n  max_bits: 4.5\n  format: fp32"), ":7: co3.max_bits: means nothing for fp32");
        refuse(WITH("co3: {max_bits: 2, format: fp16}"), ":6: co3.max_bits: means nothing for fp16");
        refuse(WITH("co3: {max_bits: 0.4}"), "co3.max_bits: 0.4 is neither 0 nor at least 0.5");
        refuse(WITH("co3: {max_bits: 17}"), "co3.max_bits: 17 is above 16");
        refuse(WITH("co3: {downlink: fp4}"), "co3.downlink: fp4 is not fp32, fp16 or fp8");
        refuse(WITH("co3: {shards: 4, quorum: 5}"), ":6: co3.quorum: 5 gradients of 4 shards");
        assert_non_null(text);
        memset(text, '#', HEDGE_JOB_MAX_BYTES + 1);
        memcpy(text, JOB, strlen(JOB));
        assert_int_equal(hedge_job_parse("j", text, HEDGE_JOB_MAX_BYTES, &job, &why), 0);
        hedge_job_release(&job);
        assert_int_equal(hedge_job_parse("j", text, HEDGE_JOB_MAX_BYTES + 1, &job, &why), HEDGE_ECONFIG);
        assert_string_equal(why.text, "j: is longer than 1048576 bytes");
        free(text);
}

/* All of a job whose files lie in the folder under the names that it gives them. */
static int prepare(const hedge_job_t *job, hedge_dataset_t **train, hedge_dataset_t **test, hedge_net_t **net,
                   hedge_why_t *why)
{
        const char *files[HEDGE_JOB_FILES], *paths[HEDGE_JOB_FILES];
        char buf[HEDGE_JOB_FILES][64];
        const unsigned n = hedge_job_files(job, files);

        for (unsigned i = 0; i < n; i++) {
                snprintf(buf[i], sizeof(buf[i]), "%s/%s", folder, files[i]);
                paths[i] = buf[i];
        }
        return hedge_job_prepare(job, paths, train, test, net, why);
}

static void a_job_is_prepared(void **state)
{
        static const struct {
                const char *text;
                uint32_t train, test;
                uint32_t classes;
        } jobs[] = {
                { JOB "batch: 32\n", 32, 8, 10 },
                { "name: a\nmodel: mlp\nbatch: 4\ndata: {train: [few, few-labels], test: [few, few-labels], "
                  "classes: 4}\n",
                  4, 4, 4 },
                { "name: a\nmodel: resnet8\nbatch: 3\ndata: {format: cifar10, train: [records, records], "
                  "hold_out: 1}\n",
                  3, 1, 10 },
                { "name: a\nbatch: 1\nlayers: [{type: flatten}, {type: dense, units: 12}]\n" DATA, 32, 8, 12 },
                { "name: pictures\nbatch: 1\nlayers:\n"
                  "  - {type: conv, units: 16, kernel: 3, pad: 1, bias: false}\n"
                  "  - {type: batch_norm}\n"
                  "  - {type: relu, name: stem}\n"
                  "  - {type: conv, units: 16, kernel: 3, pad: 1}\n"
                  "  - {type: add, with: stem}\n"
                  "  - {type: max_pool, kernel: 2}\n"
                  "  - {type: global_average_pool}\n"
                  "  - {type: dense, units: 10}\n"
                  "data: {format: cifar10, train: records, hold_out: 1, flip: true}\n",
                  1, 1, 10 },
        };

        for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
                hedge_dataset_t *train = NULL, *test = NULL;
                hedge_net_t *net = NULL;
                hedge_job_t job;
                hedge_why_t why;

                take(jobs[i].text, &job);
                if (prepare(&job, &train, &test, &net, &why) < 0)
                        fail_msg("%s", why.text);
                assert_int_equal(train->count, jobs[i].train);
                assert_int_equal(test->count, jobs[i].test);
                assert_int_equal(net->classes, jobs[i].classes);
                hedge_dataset_destroy(&train);
                hedge_dataset_destroy(&test);
                hedge_net_destroy(&net);
                hedge_job_release(&job);
        }
}

static void the_last_images_are_held_out(void **state)
{
        hedge_dataset_t *train = NULL, *test = NULL;
        hedge_net_t *net = NULL;
        hedge_job_t job;
        hedge_why_t why;

        take(JOB "batch: 1\n", &job);
        assert_int_equal(prepare(&job, &train, &test, &net, &why), 0);
        for (uint32_t i = 0; i < train->count; i++)
                assert_int_equal(train->labels[i], i % 10);
        for (uint32_t i = 0; i < test->count; i++)
                assert_int_equal(test->labels[i], (32 + i) % 10);
        assert_int_equal(test->pixels[0], (uint8_t)(32 * 784 * 31 + 32 * 784 / 251));
        hedge_dataset_destroy(&train);
        hedge_dataset_destroy(&test);
        hedge_net_destroy(&net);
        hedge_job_release(&job);
}

static void do_not_prepare(const char *text, int code, const char *sentence)
{
        hedge_dataset_t *train = NULL, *test = NULL;
        hedge_net_t *net = NULL;
        hedge_job_t job;
        hedge_why_t why = { "" };

        take(text, &job);
        assert_int_equal(prepare(&job, &train, &test, &net, &why), code);
        if (!strstr(why.text, sentence) || strstr(why.text, folder))
                fail_msg("'%s' does not say '%s'", why.text, sentence);
        assert_true(!train && !test && !net);
        hedge_job_release(&job);
}

static void what_does_not_fit_is_refused(void **state)
{
#define MLP(data) "name: a\nmodel: mlp\nbatch: 4\ndata: {" data "}\n"
#define OF(rows)  "name: a\nbatch: 4\n" DATA "layers:\n" rows
        do_not_prepare(MLP("train: [images, missing], hold_out: 1"), -ENOENT, "missing: No such file");
        do_not_prepare(MLP("train: [images, few-labels], hold_out: 1"), HEDGE_EMALFORMED,
                       "few-labels has 4 labels for the 40 images of images");
        do_not_prepare(MLP("train: [labels, images], hold_out: 1"), HEDGE_EMALFORMED,
                       "labels: not an IDX file of images");
        do_not_prepare(MLP("train: [images, labels], classes: 9, hold_out: 1"), HEDGE_EMALFORMED,
                       "labels: image 9 has label 9, but the classes are 0 to 8");
        do_not_prepare(MLP("format: cifar10, train: [records, short], hold_out: 1"), HEDGE_EMALFORMED,
                       "short: cut short: 15 bytes are not whole records");
        do_not_prepare(MLP("train: [images, labels], hold_out: 40"), -EINVAL,
                       "data.hold_out: 40 of 40 images leave none to learn from");
        do_not_prepare(MLP("train: [images, labels], test: [small, small-labels]"), HEDGE_ESHAPE,
                       "data.test: its images are 8 x 8 x 1, those of data.train 28 x 28 x 1");
        do_not_prepare(MLP("train: [few, few-labels], hold_out: 1"), -EINVAL,
                       "batch: 4, but there are 3 images to learn from");
        do_not_prepare("name: a\nmodel: lenet5\nbatch: 4\ndata: {train: [small, small-labels], hold_out: 4}\n",
                       HEDGE_ESHAPE, "lenet5: conv2: ");
        do_not_prepare(JOB "batch: 4\nco3: {shards: 33}\n", -EINVAL, "co3.shards: 33 parts of 32 images");
        do_not_prepare(JOB "batch: 32\nepochs: 5\nsgd: {warm_up: 5}\n", -EINVAL, "sgd: 5 steps in all, 5 of them");
        do_not_prepare(OF("- {type: dense, units: 10}\n"), HEDGE_ESHAPE, "layers: dense1: ");
        do_not_prepare(OF("- {type: flatten}\n- {type: dense, name: wide, units: 9}\n"), HEDGE_ESHAPE,
                       "the network tells 9 classes apart, but the data has 10");
        do_not_prepare(OF("- {type: flatten}\n- {type: dense, name: out, from: nowhere, units: 10}\n"), -EINVAL,
                       "layers: out: no layer before it is called 'nowhere'");
        do_not_prepare(OF("- {type: max_pool, kernel: 29}\n- {type: flatten}\n- {type: dense, units: 10}\n"), -EINVAL,
                       "layers: max_pool1: ");
}

/* Layers cut over the boards: 784 to 300 to 260 to 10. */
static void what_cannot_be_cut_is_refused(void **state)
{
#define CUT(method, more)                                                                                  \
        OF("- {type: flatten}\n- {type: dense, units: 300}\n- {type: relu}\n- {type: dense, units: 260}\n" \
           "- {type: relu}\n- {type: dense, units: 10}\n")                                                 \
        "method: " method "\n" more "\n"
#define STILL "sgd: {momentum: 0}\n"
        hedge_dataset_t *train = NULL, *test = NULL;
        hedge_net_t *net = NULL;
        hedge_job_t job;
        hedge_why_t why;

        do_not_prepare(CUT("sazd-deu", ""), -EINVAL, "sgd.momentum: 0.9, but boards");
        do_not_prepare(CUT("sazd-deu", STILL "sazd: {min_units: 301}"), -EINVAL,
                       "sazd.min_units: no dense layer has 301");
        do_not_prepare(CUT("sazd-naive", STILL "sazd: {k: 31, r: 2}"), HEDGE_ELIMIT,
                       "k and r are 33 boards, more than 32");
        do_not_prepare(CUT("poly", STILL "sazd: {k: 30, min_units: 10}"), -EINVAL,
                       "10 units of dense3 cannot be cut into 30");
        do_not_prepare(CUT("sazd-deu", STILL "sazd: {k: 8, r: 4, step: 1}"), HEDGE_ELIMIT,
                       "sazd.error_budget: dense1: k = 8, r = 4");
        do_not_prepare("name: a\nmodel: lenet5\nbatch: 4\nmethod: uncoded\n" STILL DATA, HEDGE_EUNSUPPORTED,
                       "conv1: a conv layer; only dense, relu and flatten");
        take(CUT("sazd-deu", STILL "sazd: {k: 8, r: 2}"), &job);
        if (prepare(&job, &train, &test, &net, &why) < 0)
                fail_msg("%s", why.text);
        assert_true(hedge_job_model_parallel(&job));
        assert_false(hedge_job_distributes(&job, &net->layers[0]));
        assert_true(hedge_job_distributes(&job, &net->layers[1]));
        assert_true(hedge_job_distributes(&job, &net->layers[3]));
        assert_false(hedge_job_distributes(&job, &net->layers[5]));
        assert_int_equal(hedge_job_sazd_step(&job, 512), 512 / 56);
        assert_int_equal(hedge_job_sazd_step(&job, 5), 1);
        hedge_dataset_destroy(&train);
        hedge_dataset_destroy(&test);
        hedge_net_destroy(&net);
        hedge_job_release(&job);
}

static void names_of_files_are_the_jobs(void **state)
{
        char first[64], second[64];
        const char *const paths[] = { first, second };
        hedge_dataset_t *train = NULL, *test = NULL;
        hedge_job_t job;
        hedge_why_t why;

        snprintf(first, sizeof(first), "%s/short", folder);
        snprintf(second, sizeof(second), "%s/images-2", folder);
        take("name: a\nmodel: mlp\ndata: {train: [\"my\\timages\", my-labels], hold_out: 1}\n", &job);
        assert_int_equal(hedge_job_data(&job, paths, &train, &test, &why), HEDGE_EMALFORMED);
        assert_memory_equal(why.text, "my?images: not an IDX file", 26);
        snprintf(first, sizeof(first), "%s/images", folder);
        assert_int_equal(hedge_job_data(&job, paths, &train, &test, &why), -ENOENT);
        assert_string_equal(why.text, "my-labels: No such file or directory");
        hedge_job_release(&job);
}

static void epochs_are_cut_into_steps(void **state)
{
        static const struct {
                unsigned images, batch, shards, own, steps;
        } cases[] = {
                { 60000, 64, 8, 8, 937 }, { 60000, 64, 1, 64, 937 }, { 60000, 60, 8, 8, 937 },
                { 10, 10, 3, 3, 1 },      { 10, 1, 4, 1, 2 },        { 3, 3, 3, 1, 1 },
        };
        hedge_job_t job;

        take(JOB, &job);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                uint64_t steps = 0;
                uint32_t own = 0;

                job.batch = cases[i].batch;
                assert_int_equal(hedge_job_steps(&job, cases[i].images, cases[i].shards, &own, &steps, NULL), 0);
                assert_int_equal(own, cases[i].own);
                assert_int_equal(steps, cases[i].steps);
        }
        hedge_job_release(&job);
}

static void settings_become_a_schedule(void **state)
{
        hedge_job_t job;
        hedge_sgd_t sgd;

        take(JOB "epochs: 6\nsgd: {rate: 0.25, momentum: 0.5, decay: 0.125, schedule: step, drop: 0.5, every: 2, "
                 "warm_up: 9}\n",
             &job);
        assert_int_equal(hedge_job_sgd(&job, 100, &sgd, NULL), 0);
        assert_true(sgd.rate == .25f && sgd.momentum == .5f && sgd.decay == .125f && sgd.drop == .5f);
        assert_true(sgd.schedule == HEDGE_SCHEDULE_STEP && sgd.every == 200 && sgd.steps == 600 && sgd.warm_up == 9);
        hedge_job_release(&job);
}

static void a_digest_stands_for_the_job_and_its_data(void **state)
{
        unsigned char first[HEDGE_JOB_DIGEST], other[HEDGE_JOB_DIGEST];
        hedge_dataset_t *train = NULL, *test = NULL;
        hedge_net_t *net = NULL;
        hedge_job_t job;
        hedge_why_t why;

        take(JOB "batch: 1\n", &job);
        assert_int_equal(prepare(&job, &train, &test, &net, &why), 0);
        hedge_job_digest("abc", 3, train, test, first);
        hedge_job_digest("abc", 3, train, test, other);
        assert_memory_equal(first, other, sizeof(first));
        hedge_job_digest("abc", 2, train, test, other);
        assert_memory_not_equal(first, other, sizeof(first));
        hedge_job_digest("abc", 3, test, train, other);
        assert_memory_not_equal(first, other, sizeof(first));
        test->labels[7] ^= 1;
        hedge_job_digest("abc", 3, train, test, other);
        assert_memory_not_equal(first, other, sizeof(first));
        test->labels[7] ^= 1;
        train->pixels[784 * 32 - 1] ^= 1;
        hedge_job_digest("abc", 3, train, test, other);
        assert_memory_not_equal(first, other, sizeof(first));
        hedge_dataset_destroy(&train);
        hedge_dataset_destroy(&test);
        hedge_net_destroy(&net);
        hedge_job_release(&job);
}

static void the_manifest_says_what_was_learnt_on(void **state)
{
        const hedge_norm_t norm = { { .25f, .5f, .75f }, { .125f, 2, 3, 1 } };
        hedge_manifest_t m = { .n_labels = 0 };
        hedge_job_t job;
        char *text;

        take("name: a\nmodel: mlp\ndata: {train: [a, b], hold_out: 1, classes: 2, labels: ['a \"b\"', c]}\n", &job);
        text = hedge_job_manifest(&job, &norm, 3);
        assert_non_null(text);
        assert_int_equal(hedge_manifest_parse("m", text, strlen(text), NULL, &m, NULL), 0);
        assert_true(m.preprocess.scale == 1 / 255. && !m.preprocess.crop && !m.preprocess.bgr && !m.preprocess.resize);
        assert_true(m.preprocess.mean[0] == .25 && m.preprocess.mean[2] == .75 && m.preprocess.std[1] == 2);
        assert_true(m.layout == HEDGE_LAYOUT_NCHW && m.n_labels == 2);
        assert_string_equal(m.labels[0], "a \"b\"");
        hedge_manifest_release(&m);
        free(text);
        hedge_job_release(&job);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(everything_can_be_said),
                cmocka_unit_test(little_need_be_said),
                cmocka_unit_test(bad_jobs_are_refused_with_a_sentence),
                cmocka_unit_test(bad_files_are_refused_with_a_sentence),
                cmocka_unit_test(bad_options_are_refused_with_a_sentence),
                cmocka_unit_test(a_job_is_prepared),
                cmocka_unit_test(the_last_images_are_held_out),
                cmocka_unit_test(what_does_not_fit_is_refused),
                cmocka_unit_test(what_cannot_be_cut_is_refused),
                cmocka_unit_test(names_of_files_are_the_jobs),
                cmocka_unit_test(epochs_are_cut_into_steps),
                cmocka_unit_test(settings_become_a_schedule),
                cmocka_unit_test(a_digest_stands_for_the_job_and_its_data),
                cmocka_unit_test(the_manifest_says_what_was_learnt_on),
        };

        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
