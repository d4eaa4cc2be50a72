/* SPDX-License-Identifier: Apache-2.0 */
#include "common/manifest/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf/tree.h"
#include "common/io/file.h"
#include "common/manifest/labels.h"
#include "common/manifest/output.h"
#include "common/manifest/settings.h"
#include "common/manifest/stated.h"

#define MAX_FILE_BYTES (4u << 20)

void hedge_manifest_release(hedge_manifest_t *manifest)
{
        for (uint32_t i = 0; i < manifest->n_labels; i++)
                free(manifest->labels[i]);
        free(manifest->labels);
        free(manifest->shapes);
        *manifest = (hedge_manifest_t){ .n_labels = 0 };
}

static int channels(const char *name, const char *key, const hedge_conf_floats_t *list, double *out, hedge_why_t *why)
{
        if (list->count != 1 && list->count != 3 && list->count != HEDGE_MANIFEST_CHANNELS)
                return hedge_why(why, HEDGE_ECONFIG, "%s: %s: has %u numbers; 1, 3 or %d are wanted", name, key,
                                 list->count, HEDGE_MANIFEST_CHANNELS);
        for (unsigned i = 0; i < HEDGE_MANIFEST_CHANNELS; i++)
                out[i] = list->values[i < list->count ? i : list->count - 1];
        return 0;
}

/* A whole regular file of bounded size, by its name in a folder; pipes are not waited for. */
static int read_file(const char *folder, const char *name, int flags, char **ret, size_t *ret_size, hedge_why_t *why)
{
        char path[PATH_MAX];
        int fd = snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path)
                         ? hedge_io_open_regular(path, flags)
                         : -ENAMETOOLONG;
        int r = fd < 0 ? fd : hedge_io_read(fd, MAX_FILE_BYTES, ret, ret_size);

        if (fd >= 0)
                close(fd);
        if (r == 0)
                return 0;
        return hedge_why(why, r == HEDGE_ELIMIT ? -EFBIG : r, "%s: cannot be read: %s", path,
                         r == -EINVAL || r == -EISDIR ? "it is not a regular file"
                         : r == -ELOOP                ? "it is a link"
                         : r == HEDGE_ELIMIT          ? hedge_strerror(-EFBIG)
                                                      : hedge_strerror(r));
}

static int read_labels(const char *name, const char *file, const char *folder, hedge_manifest_t *manifest,
                       hedge_why_t *why)
{
        char *text = NULL, path[512];
        size_t size = 0;
        int r;

        if (!*file || strlen(file) > 255 || strchr(file, '/') || !strcmp(file, ".") || !strcmp(file, ".."))
                return hedge_why(why, HEDGE_ECONFIG,
                                 "%s: labels: must be the name of a file in the model's folder, without a path", name);
        if (!folder)
                return hedge_why(why, HEDGE_ECONFIG, "%s: labels: no file can be read here; write the labels as a list",
                                 name);
        r = read_file(folder, file, O_NOFOLLOW, &text, &size, why);
        if (r < 0)
                return r;
        snprintf(path, sizeof(path), "%s/%s", folder, file);
        r = hedge_labels_split(path, text, size, manifest, why);
        free(text);
        return r;
}

static int take_labels(const char *name, hedge_conf_strings_t *list, const char *folder, hedge_manifest_t *manifest,
                       hedge_why_t *why)
{
        int r;

        if (!list->is_list)
                return read_labels(name, list->items[0], folder, manifest, why);
        for (size_t i = 0; i < list->count; i++) {
                r = hedge_label_check(name, i + 1, list->items[i], strlen(list->items[i]), why);
                if (r < 0)
                        return r;
        }
        manifest->labels = list->items;
        manifest->n_labels = (uint32_t)list->count;
        *list = (hedge_conf_strings_t){ .count = 0 };
        return 0;
}

static int take_shapes(const char *name, const hedge_conf_strings_t *list, hedge_manifest_t *manifest, hedge_why_t *why)
{
        hedge_why_t inner = { "" };
        int r = 0;

        if (list->count == 0)
                return 0;
        manifest->shapes = calloc(list->count, sizeof(*manifest->shapes));
        if (!manifest->shapes)
                return hedge_why(why, -ENOMEM, "%s: %s", name, hedge_strerror(-ENOMEM));
        for (size_t i = 0; r == 0 && i < list->count; i++, manifest->n_shapes++)
                r = hedge_input_shape_parse(list->items[i], &manifest->shapes[i], &inner);
        if (r == 0)
                r = hedge_input_shapes_sets(manifest->shapes, manifest->n_shapes, &inner);
        return r < 0 ? hedge_why(why, HEDGE_ECONFIG, "%s: shapes: %s", name, inner.text) : 0;
}

int hedge_manifest_parse(const char *name, const char *text, size_t size, const char *folder, hedge_manifest_t *ret,
                         hedge_why_t *why)
{
        hedge_manifest_t manifest = { .preprocess = { .given = true } };
        hedge_manifest_settings_t s = { .resize = 0 };
        int r;

        r = hedge_conf_parse(hedge_manifest_rows, name, text, size, &s, why);
        if (r < 0)
                return r;
        manifest.preprocess.resize = (uint32_t)s.resize;
        manifest.preprocess.crop = s.crop;
        manifest.preprocess.letterbox = s.letterbox;
        manifest.preprocess.bgr = s.order == 1;
        manifest.preprocess.as_stored = s.orientation == 1;
        manifest.preprocess.scale = s.scale;
        manifest.layout = (hedge_layout_t)s.layout;
        r = channels(name, "mean", &s.mean, manifest.preprocess.mean, why);
        if (!r)
                r = channels(name, "std", &s.std, manifest.preprocess.std, why);
        if (!r && s.letterbox && s.resize)
                r = hedge_why(why, HEDGE_ECONFIG, "%s: letterbox: fits the picture into the input, so resize must be 0",
                              name);
        if (!r)
                r = hedge_manifest_take_output(name, &s.output, &manifest.output, why);
        if (!r)
                r = take_labels(name, &s.labels, folder, &manifest, why);
        if (!r)
                r = take_shapes(name, &s.shapes, &manifest, why);
        if (r < 0)
                hedge_manifest_release(&manifest);
        else
                *ret = manifest;
        hedge_conf_release(hedge_manifest_rows, &s);
        return r;
}

static int load_yaml(const char *folder, hedge_manifest_t *ret, hedge_why_t *why)
{
        char *text = NULL, path[512];
        size_t size = 0;
        int r;

        r = read_file(folder, HEDGE_MANIFEST_FILE, 0, &text, &size, why);
        if (r == -ENOENT) {
                *ret = (hedge_manifest_t){ .n_labels = 0 };
                return 0;
        }
        if (r < 0)
                return r;
        snprintf(path, sizeof(path), "%s/%s", folder, HEDGE_MANIFEST_FILE);
        r = hedge_manifest_parse(path, text, size, folder, ret, why);
        free(text);
        return r;
}

/* @param manifest  Its shapes are replaced, where the file is there. */
static int load_stated(const char *folder, hedge_manifest_t *manifest, hedge_why_t *why)
{
        hedge_input_shape_t *shapes = NULL;
        char *text = NULL, path[512];
        uint32_t n = 0;
        size_t size = 0;
        int r = read_file(folder, HEDGE_STATED_FILE, 0, &text, &size, why);

        if (r == -ENOENT)
                return 0;
        snprintf(path, sizeof(path), "%s/%s", folder, HEDGE_STATED_FILE);
        if (r == 0)
                r = hedge_stated_parse(path, text, size, &shapes, &n, why);
        free(text);
        if (r < 0)
                return r;
        free(manifest->shapes);
        manifest->shapes = shapes;
        manifest->n_shapes = n;
        return 0;
}

int hedge_manifest_load(const char *folder, hedge_manifest_t *ret, hedge_why_t *why)
{
        hedge_manifest_t manifest = { .n_labels = 0 };
        int r = load_yaml(folder, &manifest, why);

        if (r == 0)
                r = load_stated(folder, &manifest, why);
        if (r < 0)
                hedge_manifest_release(&manifest);
        else
                *ret = manifest;
        return r;
}

int hedge_manifest_preset(const char *name, hedge_manifest_t *ret)
{
        static const struct {
                const char *name;
                hedge_model_preprocess_t preprocess;
        } presets[] = {
                { "none", { .given = true, .scale = 1, .std = { 1, 1, 1, 1 } } },
                { "imagenet",
                  { .given = true,
                    .resize = 256,
                    .crop = true,
                    .scale = 1 / 255.,
                    .mean = { 0.485, 0.456, 0.406 },
                    .std = { 0.229, 0.224, 0.225, 1 } } },
                { "tf", { .given = true, .scale = 1 / 127.5, .mean = { 1, 1, 1, 1 }, .std = { 1, 1, 1, 1 } } },
        };

        for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++) {
                if (strcmp(presets[i].name, name))
                        continue;
                *ret = (hedge_manifest_t){ .preprocess = presets[i].preprocess };
                return 0;
        }
        return -EINVAL;
}

void hedge_manifest_resolve(hedge_manifest_t *manifest, const hedge_shape_t *input)
{
        const uint32_t *image = input->dims + (input->rank == 4);
        bool is_image = input->rank == 3 || input->rank == 4;

        manifest->preprocess.nhwc =
                is_image && (manifest->layout == HEDGE_LAYOUT_NHWC ||
                             (manifest->layout == HEDGE_LAYOUT_AUTO && image[0] > HEDGE_MANIFEST_CHANNELS &&
                              image[2] <= HEDGE_MANIFEST_CHANNELS));
}

/* A YAML list of four numbers, so that they read back as the same. */
static void write_numbers(FILE *out, const char *key, const double *values)
{
        fprintf(out, "%s: [%.17g, %.17g, %.17g, %.17g]\n", key, values[0], values[1], values[2], values[3]);
}

static int write_text(const hedge_manifest_t *manifest, bool labels, char **ret_text, size_t *ret_size)
{
        const hedge_model_preprocess_t *p = &manifest->preprocess;
        char *text = NULL;
        char shape[HEDGE_INPUT_SHAPE_TEXT];
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        if (!out)
                return -ENOMEM;
        fprintf(out, "resize: %u\ncrop: %s\nscale: %.17g\n", p->resize, p->crop ? "true" : "false", p->scale);
        write_numbers(out, "mean", p->mean);
        write_numbers(out, "std", p->std);
        fprintf(out, "letterbox: %s\nchannel_order: %s\nlayout: %s\norientation: %s\n",
                hedge_manifest_letterboxes[p->letterbox], hedge_manifest_orders[p->bgr],
                hedge_manifest_layouts[manifest->layout], hedge_manifest_orientations[p->as_stored]);
        fprintf(out, "labels:%s\n", labels && manifest->n_labels ? "" : " []");
        for (uint32_t i = 0; labels && i < manifest->n_labels; i++) {
                fputs("- ", out);
                hedge_manifest_write_quoted(manifest->labels[i], out);
                fputc('\n', out);
        }
        fprintf(out, "shapes:%s\n", manifest->n_shapes ? "" : " []");
        for (uint32_t i = 0; i < manifest->n_shapes; i++) {
                fputs("- ", out);
                hedge_manifest_write_quoted(hedge_input_shape_text(&manifest->shapes[i], shape), out);
                fputc('\n', out);
        }
        hedge_manifest_write_output(&manifest->output, out);
        if (fclose(out)) {
                free(text);
                return -ENOMEM;
        }
        if (size > HEDGE_YAML_MAX_BYTES) {
                free(text);
                return HEDGE_ELIMIT;
        }
        *ret_text = text;
        *ret_size = size;
        return 0;
}

int hedge_manifest_write(const hedge_manifest_t *manifest, char **ret_text, size_t *ret_size)
{
        return write_text(manifest, true, ret_text, ret_size);
}

int hedge_manifest_write_settings(const hedge_manifest_t *manifest, char **ret_text, size_t *ret_size)
{
        return write_text(manifest, false, ret_text, ret_size);
}
