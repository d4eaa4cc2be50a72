/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/repository.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/folder.h"
#include "common/io/replace.h"
#include "common/manifest/stated.h"
#include "common/types/name.h"

static int path_of(char *path, const char *folder, const char *name, const char *file)
{
        int n = snprintf(path, PATH_MAX, "%s/%s%s%s", folder, name, *file ? "/" : "", file);

        return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static bool exists(const char *folder, const char *name, const char *file)
{
        char path[PATH_MAX];

        return path_of(path, folder, name, file) == 0 && access(path, F_OK) == 0;
}

bool hedged_repository_has(const char *folder, const char *name)
{
        return exists(folder, name, "model.onnx");
}

int hedged_repository_list(const char *folder, void (*visit)(void *arg, const char *name), void *arg)
{
        struct dirent **entries;
        int n = scandir(folder, &entries, NULL, alphasort);

        if (n < 0)
                return -errno;
        for (int i = 0; i < n; i++) {
                const char *name = entries[i]->d_name;

                if (hedge_name_ok(name) && hedged_repository_has(folder, name) && !exists(folder, name, "unloaded"))
                        visit(arg, name);
                free(entries[i]);
        }
        free(entries);
        return 0;
}

int hedged_repository_manifest(const char *folder, const char *name, hedge_manifest_t *ret, hedge_why_t *why)
{
        char path[PATH_MAX];
        int r = path_of(path, folder, name, "");

        if (r < 0)
                return hedge_why(why, r, "model '%s': %s", name, hedge_strerror(r));
        return hedge_manifest_load(path, ret, why);
}

int hedged_repository_graph(const char *folder, const char *name, const hedge_onnx_options_t *options,
                            hedge_graph_t **ret, hedge_why_t *why)
{
        char path[PATH_MAX];
        int r = path_of(path, folder, name, "model.onnx");

        if (r < 0)
                return hedge_why(why, r, "model '%s': %s", name, hedge_strerror(r));
        return hedge_onnx_load(path, options, ret, why);
}

static int write_file(int dir, const char *file, const void *bytes, size_t size)
{
        int fd = openat(dir, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640), r;

        if (fd < 0)
                return -errno;
        r = hedge_io_write(fd, bytes, size);
        if (r == 0 && fsync(fd) < 0)
                r = -errno;
        close(fd);
        return r;
}

static int open_folder(const char *path)
{
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

static int write_shapes(int dir, const hedge_input_shape_t *shapes, uint32_t n)
{
        char *text = NULL;
        size_t size = 0;
        int r = hedge_stated_write(shapes, n, &text, &size);

        if (r == 0)
                r = write_file(dir, HEDGE_STATED_FILE, text, size);
        free(text);
        return r;
}

static int write_model(const char *path, const hedged_stored_t *model)
{
        int r = hedge_io_remove_folder(path), dir;

        if (r == 0 && mkdir(path, 0750) < 0)
                r = -errno;
        if (r < 0)
                return r;
        dir = open_folder(path);
        if (dir < 0)
                return dir;
        r = write_file(dir, "model.onnx", model->onnx, model->onnx_bytes);
        if (r == 0 && model->manifest)
                r = write_file(dir, "model.yaml", model->manifest, model->manifest_bytes);
        if (r == 0 && model->n_shapes)
                r = write_shapes(dir, model->shapes, model->n_shapes);
        if (r == 0 && fsync(dir) < 0)
                r = -errno;
        close(dir);
        return r;
}

/* Put the folder `from` in the place of `to`, whose old content, if any, is at `aside` afterwards. */
static int swap_in(const char *from, const char *to, const char *aside)
{
        if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0)
                return rename(from, aside) < 0 ? -errno : 0;
        if (errno != ENOENT && errno != EINVAL && errno != ENOSYS)
                return -errno;
        /* there is no old one, or the file system cannot exchange */
        if (rename(to, aside) < 0 && errno != ENOENT)
                return -errno;
        if (rename(from, to) < 0) {
                int r = -errno;

                return rename(aside, to) < 0 && errno != ENOENT ? -errno : r; /* the old one stays */
        }
        return 0;
}

int hedged_repository_store(const char *folder, const char *name, const hedged_stored_t *model, hedge_why_t *why)
{
        char hidden[HEDGE_MODEL_NAME_MAX + 8], beside[PATH_MAX], aside[PATH_MAX], path[PATH_MAX];
        int r = path_of(path, folder, name, "");

        snprintf(hidden, sizeof(hidden), ".%s.new", name); /* no name of a model begins like this */
        if (r == 0)
                r = path_of(beside, folder, hidden, "");
        snprintf(hidden, sizeof(hidden), ".%s.old", name);
        if (r == 0)
                r = path_of(aside, folder, hidden, "");
        if (r == 0)
                r = hedge_io_remove_folder(aside);
        if (r == 0) {
                r = write_model(beside, model);
                if (r == 0)
                        r = swap_in(beside, path, aside);
                if (r == 0)
                        r = hedge_io_sync_folder(folder);
                hedge_io_remove_folder(beside); /* what could not be finished */
                hedge_io_remove_folder(aside);
        }
        if (r < 0)
                return hedge_why(why, r, "cannot store the model in %s/%s: %s", folder, name, hedge_strerror(r));
        return 0;
}

int hedged_repository_set_shapes(const char *folder, const char *name, const hedge_input_shape_t *shapes, uint32_t n,
                                 hedge_why_t *why)
{
        char path[PATH_MAX], *text = NULL;
        hedge_replace_t file;
        size_t size = 0;
        int r = path_of(path, folder, name, HEDGE_STATED_FILE);

        if (r == 0)
                r = hedge_stated_write(shapes, n, &text, &size);
        if (r == 0)
                r = hedge_replace_begin(path, &file, NULL);
        if (r == 0) {
                fwrite(text, 1, size, file.file); /* its end asks whether all was written */
                r = hedge_replace_end(&file, 0, NULL);
        }
        free(text);
        return r < 0 ? hedge_why(why, r, "cannot note the shapes in %s/%s: %s", folder, name, hedge_strerror(r)) : 0;
}

int hedged_repository_set_loaded(const char *folder, const char *name, bool loaded)
{
        char path[PATH_MAX];
        int r = path_of(path, folder, name, "unloaded"), fd;

        if (r < 0)
                return r;
        if (loaded)
                return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
        if (fd < 0)
                return -errno;
        close(fd);
        return 0;
}
