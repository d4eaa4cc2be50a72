/* SPDX-License-Identifier: Apache-2.0 */
#include "common/job/job.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/conf/tree.h"
#include "common/manifest/manifest.h"
#include "common/train/preset.h"
#include "common/types/job.h"

#define PATH_BYTES 4096u

/* The text that is checked; it is only read again to say where something is wrong. */
typedef struct source {
        const char *name, *text;
        size_t size;
        hedge_why_t *why;
} source_t;

/* The line of a key, or of the nearest thing around it that is there. @param item  Of `layers`; negative: none. */
static unsigned line_of(const source_t *s, int item, const char *path)
{
        hedge_yaml_t *root = NULL;
        const hedge_yaml_t *node, *below;
        char where[64];
        unsigned line;

        if (hedge_yaml_parse(s->name, s->text, s->size, &root, NULL) < 0)
                return 1;
        snprintf(where, sizeof(where), "%s%s", item >= 0 ? "layers.#." : "", path);
        node = root;
        for (const char *p = where; node && *p;) {
                const size_t n = strcspn(p, ".");

                below = node->children;
                for (int i = 0; *p == '#' && below && i < item; i++)
                        below = below->next;
                while (*p != '#' && below && (!below->key || strncmp(below->key, p, n) != 0 || below->key[n]))
                        below = below->next;
                if (!below)
                        break;
                node = below;
                p += n + (p[n] == '.');
        }
        line = node->line;
        hedge_yaml_destroy(&root);
        return line;
}

/* "name:line: key: what is wrong" */
__attribute__((format(printf, 4, 5))) static int complain(const source_t *s, int item, const char *path,
                                                          const char *format, ...)
{
        char text[384], prefix[32] = "";
        va_list args;

        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        if (item >= 0)
                snprintf(prefix, sizeof(prefix), "layers[%d].", item);
        return hedge_why(s->why, HEDGE_ECONFIG, "%s:%u: %s%s: %s", s->name, line_of(s, item, path), prefix, path, text);
}

/* "dense, conv, ... or add" */
static const char *kinds_text(char *buf, size_t size)
{
        size_t used = 0;

        for (unsigned i = 0; i < HEDGE_LAYER_KINDS && used < size; i++)
                used += (size_t)snprintf(buf + used, size - used, "%s%s",
                                         i == 0                       ? ""
                                         : i + 1 == HEDGE_LAYER_KINDS ? " or "
                                                                      : ", ",
                                         hedge_layer_type((hedge_layer_kind_t)i)->name);
        return buf;
}

/* What a kind has no use for would be a mistake that nobody sees. */
static int check_layer(const source_t *s, int i, const hedge_job_layer_t *l)
{
        char buf[256], shown[64];
        hedge_layer_kind_t kind;
        bool product, window;

        if (hedge_layer_kind(l->type, &kind) < 0)
                return complain(s, i, "type", "'%s' is not %s", hedge_yaml_printable(l->type, shown, sizeof(shown)),
                                kinds_text(buf, sizeof(buf)));
        product = kind == HEDGE_LAYER_DENSE || kind == HEDGE_LAYER_CONV;
        window = kind == HEDGE_LAYER_CONV || kind == HEDGE_LAYER_MAX_POOL || kind == HEDGE_LAYER_AVERAGE_POOL;
        if (product && !l->units)
                return complain(s, i, "units", "a %s layer needs them", l->type);
        if (!product && l->units)
                return complain(s, i, "units", "a %s layer has none", l->type);
        if (window && !l->kernel)
                return complain(s, i, "kernel", "a %s layer needs one", l->type);
        if (!window && (l->kernel || l->stride || l->pad))
                return complain(s, i,
                                l->kernel   ? "kernel"
                                : l->stride ? "stride"
                                            : "pad",
                                "a %s layer has no window", l->type);
        if (!product && !l->bias)
                return complain(s, i, "bias", "a %s layer has none to leave out", l->type);
        if ((kind == HEDGE_LAYER_ADD) != (*l->with != 0))
                return complain(s, i, "with", "names the other layer that an add reads, and only that");
        return 0;
}

static int check_network(const source_t *s, const hedge_job_t *job)
{
        const hedge_job_layer_t *layers = job->layers.items;
        char shown[64];
        bool known = !*job->model;
        int r = 0;

        if (!*job->model && !job->layers.count)
                return complain(s, -1, "model", "neither a model nor layers are given");
        if (*job->model && job->layers.count)
                return complain(s, -1, "layers", "a model is named too: only one of both is wanted");
        for (unsigned i = 0; hedge_preset_names[i]; i++)
                known |= strcmp(job->model, hedge_preset_names[i]) == 0;
        if (!known)
                return complain(s, -1, "model", "no network is called '%s': mlp, lenet5 or resnet8",
                                hedge_yaml_printable(job->model, shown, sizeof(shown)));
        for (size_t i = 0; r == 0 && i < job->layers.count; i++)
                r = check_layer(s, (int)i, &layers[i]);
        return r;
}

static int check_files(const source_t *s, const char *path, const hedge_conf_strings_t *files, unsigned format)
{
        if (format == HEDGE_JOB_IDX && files->count != 2)
                return complain(s, -1, path, "idx wants two files, the images and their labels, not %zu", files->count);
        for (size_t i = 0; i < files->count; i++) {
                const size_t n = strlen(files->items[i]);

                if (n < 1 || n >= PATH_BYTES)
                        return complain(s, -1, path, "a file's name has 1 to %u bytes, not %zu", PATH_BYTES - 1, n);
        }
        return 0;
}

static int check_labels(const source_t *s, const hedge_job_t *job)
{
        const hedge_conf_strings_t *labels = &job->data.labels;

        if (!labels->is_list)
                return complain(s, -1, "data.labels", "wants a list such as [cat, dog]");
        if (labels->count && labels->count != job->data.classes)
                return complain(s, -1, "data.labels", "%zu names for %llu classes", labels->count,
                                (unsigned long long)job->data.classes);
        for (size_t i = 0; i < labels->count; i++) {
                const char *text = labels->items[i];

                if (strlen(text) > HEDGE_MANIFEST_LABEL_BYTES)
                        return complain(s, -1, "data.labels", "a name is longer than %u bytes",
                                        HEDGE_MANIFEST_LABEL_BYTES);
                for (; *text; text++)
                        if ((unsigned char)*text < 0x20 || *text == 0x7f)
                                return complain(s, -1, "data.labels", "name %zu holds a control character", i + 1);
        }
        return 0;
}

static int check_data(const source_t *s, const hedge_job_t *job)
{
        int r = check_files(s, "data.train", &job->data.train, job->data.format);

        if (r == 0 && job->data.test.count)
                r = check_files(s, "data.test", &job->data.test, job->data.format);
        if (r < 0)
                return r;
        if (!job->data.test.count && !job->data.hold_out)
                return complain(s, -1, "data.test", "nothing to test on: give files, or hold_out");
        if (job->data.test.count && job->data.hold_out)
                return complain(s, -1, "data.hold_out", "there are test files too: only one of both is wanted");
        if (job->data.train.count + job->data.test.count > HEDGE_JOB_FILES)
                return complain(s, -1, "data.test", "%zu files together with those of train, more than %d",
                                job->data.train.count + job->data.test.count, HEDGE_JOB_FILES);
        if (job->data.format == HEDGE_JOB_CIFAR10 && job->data.classes != 10)
                return complain(s, -1, "data.classes", "cifar10 has 10");
        return check_labels(s, job);
}

static int check_co3(const source_t *s, const hedge_job_t *job)
{
        const double bits = job->co3.max_bits;

        if (job->co3.format == HEDGE_CO3_TOPK && bits < 0.1)
                return complain(s, -1, "co3.max_bits", "topk wants 0.1 to 16: it decides how many entries are sent");
        if (job->co3.format != HEDGE_CO3_TOPK && bits > 0 && bits < 0.5)
                return complain(s, -1, "co3.max_bits", "%g is neither 0 nor at least 0.5", bits);
        if ((job->co3.format == HEDGE_CO3_FP32 || job->co3.format == HEDGE_CO3_FP16) && bits > 0)
                return complain(s, -1, "co3.max_bits", "means nothing for %s, only for fp8, fp4 and topk",
                                hedge_co3_format_name((hedge_co3_format_t)job->co3.format));
        if (job->co3.shards && job->co3.quorum > job->co3.shards)
                return complain(s, -1, "co3.quorum", "%llu gradients of %llu shards",
                                (unsigned long long)job->co3.quorum, (unsigned long long)job->co3.shards);
        return 0;
}

int hedge_job_parse(const char *name, const char *text, size_t size, hedge_job_t *ret, hedge_why_t *why)
{
        const source_t s = { name, text, size, why };
        hedge_job_t job = { .name = NULL };
        char shown[HEDGE_MODEL_NAME_MAX];
        int r;

        if (size > HEDGE_JOB_MAX_BYTES)
                return hedge_why(why, HEDGE_ECONFIG, "%s: is longer than %u bytes", name, HEDGE_JOB_MAX_BYTES);
        r = hedge_conf_parse(hedge_job_rows, name, text, size, &job, why);
        if (r < 0)
                return r;
        if (!hedge_name_ok(job.name))
                r = complain(&s, -1, "name", "'%s': letters, digits, '.', '_' and '-', the first a letter or digit",
                             hedge_yaml_printable(job.name, shown, sizeof(shown)));
        if (r == 0)
                r = check_network(&s, &job);
        if (r == 0)
                r = check_data(&s, &job);
        if (r == 0)
                r = check_co3(&s, &job);
        if (r == 0)
                *ret = job;
        else
                hedge_job_release(&job);
        return r;
}

void hedge_job_release(hedge_job_t *job)
{
        hedge_conf_release(hedge_job_rows, job);
}

unsigned hedge_job_files(const hedge_job_t *job, const char *files[])
{
        unsigned n = 0;

        for (size_t i = 0; i < job->data.train.count; i++)
                files[n++] = job->data.train.items[i];
        for (size_t i = 0; i < job->data.test.count; i++)
                files[n++] = job->data.test.items[i];
        return n;
}
