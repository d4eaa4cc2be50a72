/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/conf/conf.h"
#include "common/io/text.h"
#include "common/job/job.h"
#include "common/manifest/labels.h"
#include "common/manifest/manifest.h"
#include "common/manifest/stated.h"
#include "common/wire/message.h"
#include "test/fuzz/fuzz.h"

typedef struct item {
        char *name;
        uint64_t bytes;
} item_t;

typedef struct settings {
        uint64_t count;
        double rate;
        bool on;
        hedge_conf_strings_t names;
        hedge_conf_list_t items;
} settings_t;

static const hedge_conf_row_t item_rows[] = {
        { .path = "name", .type = HEDGE_CONF_STRING, .offset = offsetof(item_t, name), .min = 1, .max = 8 },
        { .path = "size.bytes", .type = HEDGE_CONF_BYTES, .offset = offsetof(item_t, bytes), .preset = "1K" },
        { .path = NULL },
};

static const hedge_conf_row_t rows[] = {
        { .path = "a.b.count",
          .type = HEDGE_CONF_UINT,
          .offset = offsetof(settings_t, count),
          .max = 9,
          .preset = "1" },
        { .path = "a.rate", .type = HEDGE_CONF_FLOAT, .offset = offsetof(settings_t, rate), .preset = "0.5" },
        { .path = "on", .type = HEDGE_CONF_BOOL, .offset = offsetof(settings_t, on), .preset = "no" },
        { .path = "names", .type = HEDGE_CONF_STRINGS, .offset = offsetof(settings_t, names), .preset = "[]" },
        { .path = "items",
          .type = HEDGE_CONF_LIST,
          .offset = offsetof(settings_t, items),
          .max = 3,
          .preset = "[]",
          .element = item_rows,
          .element_size = sizeof(item_t) },
        { .path = NULL },
};

/* A manifest that is read must be written, and then be read again as the same. */
static void come_back(const hedge_manifest_t *manifest)
{
        hedge_manifest_t again = { .n_labels = 0 };
        char *text, *twice;
        size_t size, size_twice;

        if (hedge_manifest_write(manifest, &text, &size) < 0)
                return; /* too long with our quotes */
        if (hedge_manifest_parse("again", text, size, NULL, &again, NULL) < 0 || again.n_labels != manifest->n_labels ||
            memcmp(&again.preprocess, &manifest->preprocess, sizeof(again.preprocess)) != 0)
                abort();
        if (again.n_shapes != manifest->n_shapes)
                abort();
        for (uint32_t i = 0; i < again.n_shapes; i++)
                if (memcmp(&again.shapes[i], &manifest->shapes[i], sizeof(again.shapes[i])) != 0)
                        abort();
        for (uint32_t i = 0; i < again.n_labels; i++)
                if (strcmp(again.labels[i], manifest->labels[i]) != 0)
                        abort();
        if (hedge_manifest_write(&again, &twice, &size_twice) < 0 || strcmp(twice, text) != 0)
                abort();
        hedge_manifest_release(&again);
        free(twice);
        free(text);
}

/* As a file of labels: each that is read is UTF-8 by itself. */
static void try_labels(const uint8_t *data, size_t size)
{
        hedge_manifest_t manifest = { .n_labels = 0 };
        hedge_why_t why = { "" };

        if (hedge_labels_split("f", (const char *)data, size, &manifest, &why) < 0) {
                if (why.text[0] != 'f' || (why.text[1] != ':'))
                        abort();
        } else {
                for (uint32_t i = 0; i < manifest.n_labels; i++)
                        if (hedge_text_check("l", manifest.labels[i], strlen(manifest.labels[i]), NULL) < 0)
                                abort();
        }
        hedge_manifest_release(&manifest);
}

/* Shapes that are read are written as what reads back as the same. */
static void try_stated(const char *text, size_t size)
{
        hedge_input_shape_t *shapes = NULL, *again = NULL;
        uint32_t n = 0, m = 0;
        char *written = NULL;
        size_t length;

        if (hedge_stated_parse("f", text, size, &shapes, &n, NULL) < 0)
                return;
        if (hedge_stated_write(shapes, n, &written, &length) < 0 ||
            hedge_stated_parse("f", written, length, &again, &m, NULL) < 0 || m != n ||
            (n && memcmp(again, shapes, n * sizeof(*shapes)) != 0))
                abort();
        free(written);
        free(shapes);
        free(again);
}

/* A job that is read has files, layers that a network may or may not come of, and a manifest that can be read. */
static void try_job(const hedge_job_t *job)
{
        static uint8_t pixels[28 * 28], label;
        const hedge_dataset_t data = { { 28, 28, 1, false }, (uint32_t)job->data.classes, 1, pixels, &label };
        const hedge_norm_t norm = { { 0 }, { 1, 1, 1, 1 } };
        const char *files[HEDGE_JOB_FILES];
        const unsigned n = hedge_job_files(job, files);
        hedge_manifest_t manifest = { .n_labels = 0 };
        hedge_net_t *net = NULL;
        hedge_why_t why = { "" };
        char *text = hedge_job_manifest(job, &norm, 1);

        if (n < 1 || n > HEDGE_JOB_FILES)
                abort();
        if (hedge_job_net(job, &data, &net, &why) < 0 && !why.text[0])
                abort();
        hedge_net_destroy(&net);
        if (!text || hedge_manifest_parse("m", text, strlen(text), NULL, &manifest, NULL) < 0 ||
            manifest.n_labels != job->data.labels.count)
                abort();
        hedge_manifest_release(&manifest);
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const settings_t zero;
        hedge_manifest_t manifest = { .n_labels = 0 };
        hedge_job_t job = { .name = NULL };
        settings_t settings = zero;
        hedge_why_t why = { "" };

        if (hedge_conf_parse(rows, "f", (const char *)data, size, &settings, &why) < 0 &&
            strncmp(why.text, "f:", 2) != 0)
                abort();
        if (!why.text[0] && (settings.count > 9 || settings.items.count > 3))
                abort();
        hedge_conf_release(rows, &settings);
        if (memcmp(&settings, &zero, sizeof(zero)) != 0)
                abort();
        try_stated((const char *)data, size);
        if (hedge_manifest_parse("f", (const char *)data, size, NULL, &manifest, &why) == 0)
                come_back(&manifest);
        hedge_manifest_release(&manifest);
        try_labels(data, size);
        if (hedge_job_parse("f", (const char *)data, size, &job, &why) == 0)
                try_job(&job);
        else if (strncmp(why.text, "f:", 2) != 0)
                abort();
        hedge_job_release(&job);
        return 0;
}
