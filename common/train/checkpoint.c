/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/replace.h"
#include "common/tensor.h"

#define VERSION 1u
#define DIGEST  32u

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are little-endian");

static const char magic[8] = { 'H', 'E', 'D', 'G', 'E', 'T', 'R', 'N' };

typedef struct header {
        char magic[8];
        uint32_t version, zero;
        uint64_t step, epoch, seed, n_params, n_state;
        unsigned char digest[HEDGE_JOB_DIGEST];
} header_t;

_Static_assert(sizeof(header_t) == 88, "no padding");

int hedge_checkpoint_begin(const hedge_net_t *net, uint64_t seed, hedge_checkpoint_t *ret)
{
        *ret = (hedge_checkpoint_t){
                .seed = seed,
                .params = hedge_floats_new(net->n_params),
                .momentum = calloc(net->n_params, sizeof(float)),
                .state = hedge_floats_new(net->n_state),
        };
        if (!ret->params || !ret->momentum || !ret->state)
                return -ENOMEM;
        hedge_net_initialise(net, seed, ret->params, ret->state);
        return 0;
}

void hedge_checkpoint_release(hedge_checkpoint_t *checkpoint)
{
        free(checkpoint->params);
        free(checkpoint->momentum);
        free(checkpoint->state);
        *checkpoint = (hedge_checkpoint_t){ 0 };
}

/* A write that also goes into the digest at the end. */
static void put(FILE *file, crypto_generichash_state *hash, const void *bytes, size_t size)
{
        crypto_generichash_update(hash, bytes, size);
        if (fwrite(bytes, 1, size, file) != size)
                return; /* seen in ferror(), when all is written */
}

int hedge_checkpoint_save(const hedge_net_t *net, const hedge_checkpoint_t *c, const char *path, hedge_why_t *why)
{
        header_t header = { .version = VERSION,
                            .step = c->step,
                            .epoch = c->epoch,
                            .seed = c->seed,
                            .n_params = net->n_params,
                            .n_state = net->n_state };
        unsigned char digest[DIGEST];
        crypto_generichash_state hash;
        hedge_replace_t file;
        int r = hedge_replace_begin(path, &file, why);

        if (r < 0)
                return r;
        memcpy(header.magic, magic, sizeof(magic));
        memcpy(header.digest, c->digest, sizeof(header.digest));
        crypto_generichash_init(&hash, NULL, 0, DIGEST);
        put(file.file, &hash, &header, sizeof(header));
        put(file.file, &hash, c->params, net->n_params * sizeof(float));
        put(file.file, &hash, c->momentum, net->n_params * sizeof(float));
        put(file.file, &hash, c->state, net->n_state * sizeof(float));
        crypto_generichash_final(&hash, digest, sizeof(digest));
        errno = 0;
        if (fwrite(digest, sizeof(digest), 1, file.file) != 1) {
                r = errno ? -errno : -EIO;
                hedge_why(why, r, "%s: cannot be written: %s", path, hedge_strerror(r));
        }
        return hedge_replace_end(&file, r, why);
}

static int check_header(const hedge_net_t *net, const header_t *h, const unsigned char *job, const char *path,
                        hedge_why_t *why)
{
        if (memcmp(h->magic, magic, sizeof(magic)) != 0 || h->zero != 0)
                return hedge_why(why, HEDGE_EMALFORMED, "%s: not a checkpoint", path);
        if (h->version != VERSION)
                return hedge_why(why, HEDGE_EVERSION, "%s: a checkpoint of version %u, not %u", path, h->version,
                                 VERSION);
        if (h->n_params != net->n_params || h->n_state != net->n_state)
                return hedge_why(why, HEDGE_ESHAPE, "%s: a checkpoint of another network: %llu parameters, not %zu",
                                 path, (unsigned long long)h->n_params, net->n_params);
        if (memcmp(h->digest, job, HEDGE_JOB_DIGEST) != 0)
                return hedge_why(why, HEDGE_EDENIED, "%s: a checkpoint of another job", path);
        return 0;
}

static int check_digest(const unsigned char *bytes, size_t size, const char *path, hedge_why_t *why)
{
        unsigned char digest[DIGEST];

        crypto_generichash(digest, sizeof(digest), bytes, size, NULL, 0);
        if (memcmp(digest, bytes + size, sizeof(digest)) != 0)
                return hedge_why(why, HEDGE_EMALFORMED, "%s: damaged: its digest is not that of its content", path);
        return 0;
}

static void take(const hedge_net_t *net, const unsigned char *bytes, hedge_checkpoint_t *c)
{
        const size_t params = net->n_params * sizeof(float);
        header_t header;

        memcpy(&header, bytes, sizeof(header));
        c->step = header.step;
        c->epoch = header.epoch;
        c->seed = header.seed;
        memcpy(c->params, bytes + sizeof(header), params);
        memcpy(c->momentum, bytes + sizeof(header) + params, params);
        memcpy(c->state, bytes + sizeof(header) + 2 * params, net->n_state * sizeof(float));
}

int hedge_checkpoint_load(const hedge_net_t *net, hedge_checkpoint_t *checkpoint, const char *path, hedge_why_t *why)
{
        const size_t size = sizeof(header_t) + (2 * net->n_params + net->n_state) * sizeof(float);
        unsigned char *bytes = NULL;
        struct stat st = { .st_size = 0 };
        header_t header;
        int r, fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0 || fstat(fd, &st) < 0) {
                r = hedge_why(why, -errno, "%s: %s", path, hedge_strerror(-errno));
                goto out;
        }
        bytes = malloc(size + DIGEST);
        if (!bytes) {
                r = hedge_why(why, -ENOMEM, "%s: out of memory", path);
                goto out;
        }
        r = hedge_io_read_exactly(fd, bytes, sizeof(header));
        if (r == 0) {
                memcpy(&header, bytes, sizeof(header));
                r = check_header(net, &header, checkpoint->digest, path, why);
                if (r < 0)
                        goto out;
                r = (uint64_t)st.st_size != size + DIGEST
                            ? HEDGE_EMALFORMED
                            : hedge_io_read_exactly(fd, bytes + sizeof(header), size + DIGEST - sizeof(header));
        }
        if (r == -ENODATA)
                r = HEDGE_EMALFORMED;
        if (r < 0)
                hedge_why(why, r, "%s: %s", path, r == HEDGE_EMALFORMED ? "cut short, or too long" : hedge_strerror(r));
        else
                r = check_digest(bytes, size, path, why);
        if (r == 0)
                take(net, bytes, checkpoint);
out:
        if (fd >= 0)
                close(fd);
        free(bytes);
        return r;
}
