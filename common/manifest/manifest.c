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
#include "common/manifest/stated.h"

#define MAX_FILE_BYTES (4u << 20)
#define N_CHANNELS     4 /* of hedge_model_preprocess_t */

typedef struct settings {
        uint64_t resize;
        bool crop;
        double scale;
        hedge_conf_floats_t mean, std;
        unsigned order, layout, orientation;
        hedge_conf_strings_t labels, shapes;
} settings_t;

static const char *const orders[] = { "rgb", "bgr", NULL };
static const char *const orientations[] = { "exif", "ignore", NULL };
static const char *const layouts[] = { "auto", "nchw", "nhwc", NULL };

#define AT(member) .offset = offsetof(settings_t, member)

const hedge_conf_row_t hedge_manifest_rows[] = {
        { .path = "resize",
          .type = HEDGE_CONF_UINT,
          AT(resize),
          .min = 0,
          .max = 16384,
          .preset = "0",
          .unit = "pixels",
          .help = "Shorter side of the picture before the crop. 0 resizes straight to the size of the model's input." },
        { .path = "crop",
          .type = HEDGE_CONF_BOOL,
          AT(crop),
          .preset = "true",
          .help = "Cut the model's input out of the middle of the resized picture. Otherwise the picture is resized "
                  "straight to the size of the model's input." },
        { .path = "scale",
          .type = HEDGE_CONF_FLOAT,
          AT(scale),
          .min = -1e6,
          .max = 1e6,
          .preset = "1",
          .help = "Pixels, 0 to 255, are multiplied by this before mean and std: (pixel * scale - mean) / std." },
        { .path = "mean",
          .type = HEDGE_CONF_FLOATS,
          AT(mean),
          .min = -1e6,
          .max = 1e6,
          .preset = "[0]",
          .help = "Mean that is subtracted, one number per channel or one for all, in the model's channel order." },
        { .path = "std",
          .type = HEDGE_CONF_FLOATS,
          AT(std),
          .min = 1e-6,
          .max = 1e6,
          .preset = "[1]",
          .help = "Deviation that is divided by, one number per channel or one for all." },
        { .path = "channel_order",
          .type = HEDGE_CONF_CHOICE,
          AT(order),
          .preset = "rgb",
          .choices = orders,
          .help = "Order of the model's colour channels." },
        { .path = "layout",
          .type = HEDGE_CONF_CHOICE,
          AT(layout),
          .preset = "auto",
          .choices = layouts,
          .help = "Where the model's input has its channels. With auto they are where the extent is small." },
        { .path = "orientation",
          .type = HEDGE_CONF_CHOICE,
          AT(orientation),
          .preset = "exif",
          .choices = orientations,
          .help = "Pictures are turned and mirrored as the camera noted in EXIF (orientation 1 to 8), before anything "
                  "else; or "
                  "taken as they are stored, for a model that was trained so." },
        { .path = "labels",
          .type = HEDGE_CONF_STRINGS,
          AT(labels),
          .min = 0,
          .max = HEDGE_MANIFEST_MAX_LABELS,
          .preset = "[]",
          .help = "Names of the classes: a list, or the name of a file in the same folder with one name per line." },
        { .path = "shapes",
          .type = HEDGE_CONF_STRINGS,
          AT(shapes),
          .min = 0,
          .max = HEDGE_INPUT_SHAPES_MAX,
          .preset = "[]",
          .help = "Shapes of inputs whose extents the model's file leaves open, each as NAME=1x3x320x320; a model's "
                  "only input "
                  "needs no NAME. With several for one input the model is loaded for each of them." },
        { .path = NULL },
};

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
        if (list->count != 1 && list->count != 3 && list->count != N_CHANNELS)
                return hedge_why(why, HEDGE_ECONFIG, "%s: %s: has %u numbers; 1, 3 or %d are wanted", name, key,
                                 list->count, N_CHANNELS);
        for (unsigned i = 0; i < N_CHANNELS; i++)
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
        settings_t s = { .resize = 0 };
        int r;

        r = hedge_conf_parse(hedge_manifest_rows, name, text, size, &s, why);
        if (r < 0)
                return r;
        manifest.preprocess.resize = (uint32_t)s.resize;
        manifest.preprocess.crop = s.crop;
        manifest.preprocess.bgr = s.order == 1;
        manifest.preprocess.as_stored = s.orientation == 1;
        manifest.preprocess.scale = s.scale;
        manifest.layout = (hedge_layout_t)s.layout;
        r = channels(name, "mean", &s.mean, manifest.preprocess.mean, why);
        if (!r)
                r = channels(name, "std", &s.std, manifest.preprocess.std, why);
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
                is_image &&
                (manifest->layout == HEDGE_LAYOUT_NHWC ||
                 (manifest->layout == HEDGE_LAYOUT_AUTO && image[0] > N_CHANNELS && image[2] <= N_CHANNELS));
}

/* A YAML list of four numbers, so that they read back as the same. */
static void write_numbers(FILE *out, const char *key, const double *values)
{
        fprintf(out, "%s: [%.17g, %.17g, %.17g, %.17g]\n", key, values[0], values[1], values[2], values[3]);
}

static void write_quoted(FILE *out, const char *text)
{
        fputs("- \"", out);
        for (; *text; text++) {
                if (*text == '"' || *text == '\\')
                        fputc('\\', out);
                fputc(*text, out);
        }
        fputs("\"\n", out);
}

int hedge_manifest_write(const hedge_manifest_t *manifest, char **ret_text, size_t *ret_size)
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
        fprintf(out, "channel_order: %s\nlayout: %s\norientation: %s\n", orders[p->bgr], layouts[manifest->layout],
                orientations[p->as_stored]);
        fprintf(out, "labels:%s\n", manifest->n_labels ? "" : " []");
        for (uint32_t i = 0; i < manifest->n_labels; i++)
                write_quoted(out, manifest->labels[i]);
        fprintf(out, "shapes:%s\n", manifest->n_shapes ? "" : " []");
        for (uint32_t i = 0; i < manifest->n_shapes; i++)
                write_quoted(out, hedge_input_shape_text(&manifest->shapes[i], shape));
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
