/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/command.h"
#include "client/progress.h"
#include "common/model/zoo.h"

#define MEGABYTE 1000000

typedef struct model_values {
        uint64_t seed;
        bool quiet;
} model_values_t;

static const model_values_t presets = { .seed = 1 };

static const hedgec_option_t options[] = {
        HEDGEC_ROW_UINT("seed", 's', model_values_t, seed, "S", "of the weights (1)", 0, UINT64_MAX),
        HEDGEC_ROW(FLAG, "quiet", 'q', model_values_t, quiet, NULL, "do not say what was made"),
        HEDGEC_ROW_END,
};

/* A file on its way: written beside its place and moved there when whole. */
typedef struct file {
        const char *path;
        char beside[PATH_MAX];
        int fd;
        uint64_t written;
        hedgec_progress_t progress;
} file_t;

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
        interrupted = 1;
}

static void catch_signals(void)
{
        const struct sigaction action = { .sa_handler = interrupt, .sa_flags = SA_RESTART };

        sigaction(SIGINT, &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        sigaction(SIGHUP, &action, NULL);
}

static int write_some(void *arg, const void *bytes, size_t size)
{
        file_t *file = arg;
        const char *next = bytes;

        while (size > 0) {
                const ssize_t n = interrupted ? (errno = EINTR, -1) : write(file->fd, next, size);

                if (n < 0)
                        return -errno;
                next += n;
                size -= (size_t)n;
                file->written += (uint64_t)n;
        }
        hedgec_progress_update(&file->progress, file->written / MEGABYTE);
        return 0;
}

static int open_beside(file_t *file, const char *path, hedge_why_t *why)
{
        struct stat info;

        file->path = path;
        if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
                return hedge_why(why, -EEXIST, "%s exists and is no ordinary file", path);
        if (snprintf(file->beside, sizeof(file->beside), "%s.%ld.new", path, (long)getpid()) >= PATH_MAX)
                return hedge_why(why, -ENAMETOOLONG, "%s: %s", path, hedge_strerror(-ENAMETOOLONG));
        file->fd = open(file->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        return file->fd < 0 ? hedge_why(why, -errno, "%s: %s", file->beside, hedge_strerror(-errno)) : 0;
}

/* Give the file its name if all went well, else remove it. */
static int close_beside(file_t *file, int r, hedge_why_t *why)
{
        if (r == 0 && fsync(file->fd) < 0)
                r = -errno;
        if (close(file->fd) < 0 && r == 0)
                r = -errno;
        if (r == 0 && interrupted)
                r = -EINTR;
        if (r == 0 && rename(file->beside, file->path) < 0)
                r = -errno;
        if (r == 0)
                return 0;
        unlink(file->beside);
        if (r == -EINTR)
                return hedge_why(why, r, "interrupted; %s was not made", file->path);
        return hedge_why(why, r, "%s: %s", file->path, hedge_strerror(r));
}

static int make(const hedge_zoo_t *zoo, const char *path, hedge_why_t *why)
{
        file_t file = { .fd = -1 };
        int r;

        catch_signals();
        r = open_beside(&file, path, why);
        if (r < 0)
                return r;
        hedgec_progress_start(&file.progress, "making", "MB", hedge_zoo_bytes(zoo) / MEGABYTE);
        r = hedge_zoo_write(zoo, write_some, &file);
        hedgec_progress_clear(&file.progress);
        return close_beside(&file, r, why);
}

static int run(const void *values, char **operands, unsigned n_operands)
{
        const model_values_t *v = values;
        const char *network = operands[1], *path = operands[2];
        hedge_zoo_t *zoo = NULL;
        hedge_why_t why = { "" };
        int r;

        if (strcmp(operands[0], "make") != 0)
                return hedgec_complain_usage("model", "model: 'make' is wanted and not '%s'", operands[0]);
        r = hedge_zoo_new(network, v->seed, 1, &zoo, &why);
        if (r == HEDGE_EUNSUPPORTED)
                return hedgec_complain_usage("model", "model: %s", why.text);
        if (r == 0)
                r = make(zoo, path, &why);
        if (r == 0 && !v->quiet)
                printf("Made %s: %s with the weights of seed %llu, %.1f MB.\n", path, network,
                       (unsigned long long)v->seed, (double)hedge_zoo_bytes(zoo) / MEGABYTE);
        hedge_zoo_destroy(&zoo);
        return r < 0 ? hedgec_complain("%s", why.text) : EXIT_SUCCESS;
}

const hedgec_command_t hedgec_command_model = {
        .name = "model",
        .operands = "make vgg16|resnet18|alexnet|lenet5 FILE",
        .summary = "make a well-known network with seeded weights, to measure with",
        .details = "Write VGG-16 (553 MB), ResNet-18 (47 MB), AlexNet (244 MB) or LeNet-5 as an\n"
                   "ONNX file whose weights are random: the real shapes, but nothing that it\n"
                   "recognises. The same seed makes the same bytes on every machine. FILE is\n"
                   "replaced if it exists, and stays as it is until the new one is whole.",
        .example = "hedge model make resnet18 resnet18.onnx --seed 7",
        .options = options,
        .presets = &presets,
        .values_size = sizeof(model_values_t),
        .min_operands = 3,
        .max_operands = 3,
        .run = run,
};
