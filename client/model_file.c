/* SPDX-License-Identifier: Apache-2.0 */
#include "client/model_file.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/media/file.h"
#include "common/types/name.h"

#define MANIFEST_MAX_BYTES ((size_t)1 << 20)

static bool is_file(const char *path)
{
        struct stat info;

        return stat(path, &info) == 0 && !S_ISDIR(info.st_mode);
}

int hedgec_model_find(const char *model, const char *dir, char *path, size_t size, hedge_why_t *why)
{
        if (strlen(model) >= size)
                return hedge_why(why, -ENAMETOOLONG, "the model's name is too long");
        if (is_file(model) || !hedge_name_ok(model)) {
                strcpy(path, model);
                return 0;
        }
        if (dir && snprintf(path, size, "%s/models/%s/model.onnx", dir, model) < (int)size && is_file(path))
                return 0;
        if (snprintf(path, size, "%s/%s/model.onnx", HEDGEC_DEFAULT_REPOSITORY, model) < (int)size && is_file(path))
                return 0;
        return hedge_why(why, -ENOENT, "there is no file '%s', nor a model of that name in %s%s%s", model,
                         dir ? dir : "", dir ? "/models or " : "", HEDGEC_DEFAULT_REPOSITORY);
}

/* The folder of a file, "." where its name has none. */
static void folder_of(const char *path, char *folder, size_t size)
{
        const char *slash = strrchr(path, '/');

        if (!slash)
                snprintf(folder, size, ".");
        else
                snprintf(folder, size, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

static const char *base_of(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

int hedgec_model_manifest(const char *onnx, const char *file, hedge_manifest_t *ret, hedge_why_t *why)
{
        char folder[PATH_MAX];
        uint8_t *text;
        size_t size;
        int r;

        folder_of(file ? file : onnx, folder, sizeof(folder));
        if (!file && !strcmp(base_of(onnx), "model.onnx"))
                return hedge_manifest_load(folder, ret, why);
        if (!file) {
                *ret = (hedge_manifest_t){ 0 };
                return 0;
        }
        r = hedgec_file_read(file, MANIFEST_MAX_BYTES, &text, &size, why);
        if (r < 0)
                return r;
        r = hedge_manifest_parse(file, (const char *)text, size, folder, ret, why);
        free(text);
        return r;
}

int hedgec_model_default_name(const char *onnx, char *name, size_t size, hedge_why_t *why)
{
        const char *base = base_of(onnx);
        char absolute[PATH_MAX], folder[PATH_MAX];
        size_t length = strlen(base);

        if (!strcmp(base, "model.onnx") && realpath(onnx, absolute)) {
                folder_of(absolute, folder, sizeof(folder));
                base = base_of(folder);
                length = strlen(base);
        } else if (length > 5 && !strcmp(base + length - 5, ".onnx")) {
                length -= 5;
        }
        while (length && !isalnum((unsigned char)*base)) {
                base++;
                length--;
        }
        if (!length || length >= size)
                return hedge_why(why, -EINVAL, "cannot make a model's name of '%s': say --name NAME", onnx);
        for (size_t i = 0; i < length; i++)
                name[i] = isalnum((unsigned char)base[i]) || strchr("._-", base[i]) ? base[i] : '-';
        name[length] = '\0';
        return 0;
}
