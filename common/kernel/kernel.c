/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/kernel.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/kernel/winograd.h"
#include "common/plugin.h"

#define FEW_INPUTS  8
#define LIGHT_MACS  2000000 /* about 50 us of one core: what it takes to wake the others */
#define LIGHT_MOVED 200000  /* the same in elements, for what does not multiply matrices */

/* Best first. Those of a library are in its module, which exports `symbol`. */
static const struct {
        const char *name, *symbol;
} backends[] = {
#ifdef HEDGE_ONEDNN
        { "onednn", "hedge_backend_onednn" },
#endif
#ifdef HEDGE_XNNPACK
        { "xnnpack", "hedge_backend_xnnpack" },
#endif
        { "plain", NULL },
};

#define N_BACKENDS (sizeof(backends) / sizeof(backends[0]))

static const char *available[N_BACKENDS + 1];

static void find_names(void)
{
        for (size_t i = 0, n = 0; i < N_BACKENDS; i++)
                if (!backends[i].symbol || hedge_plugin_installed(backends[i].name))
                        available[n++] = backends[i].name;
}

const char *const *hedge_kernels_available(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;

        pthread_once(&once, find_names);
        return available;
}

static int find_backend(const char *name, const hedge_backend_t **ret, hedge_why_t *why)
{
        void *found = NULL;
        int r;

        for (size_t i = 0; i < N_BACKENDS; i++) {
                if (strcmp(backends[i].name, name) != 0)
                        continue;
                r = backends[i].symbol ? hedge_plugin_open(name, &backends[i].symbol, 1, &found, why) : 0;
                if (r < 0)
                        return r;
                if (found && ((const hedge_backend_t *)found)->build != HEDGE_BACKEND_BUILD)
                        return hedge_why(why, HEDGE_EVERSION, "the module of the back end %s is of another build",
                                         name);
                *ret = found ? found : &hedge_backend_plain;
                return 0;
        }
        return hedge_why(why, HEDGE_EUNSUPPORTED, "the back end %s is not in this build", name);
}

/* A back end whose module or library does not open is as good as none: the next one is taken. The last always opens. */
static int find_best(const hedge_backend_t **ret)
{
        int r = HEDGE_EUNSUPPORTED;

        for (const char *const *name = hedge_kernels_available(); r < 0 && *name; name++)
                r = find_backend(*name, ret, NULL);
        return r;
}

int hedge_kernels_new(const char *backend, unsigned threads, hedge_kernels_t **ret)
{
        return hedge_kernels_open(backend, threads, ret, NULL);
}

int hedge_kernels_open(const char *backend, unsigned threads, hedge_kernels_t **ret, hedge_why_t *why)
{
        const hedge_backend_t *found = NULL;
        hedge_kernels_t *kernels;
        int r = backend ? find_backend(backend, &found, why) : find_best(&found);

        if (r < 0)
                return r;
        kernels = calloc(1, sizeof(*kernels));
        if (!kernels)
                return hedge_why(why, -ENOMEM, "out of memory");
        kernels->backend = found;
        kernels->threads = threads ? threads : 1;
        kernels->methods = (1u << HEDGE_CONV_METHODS) - 1;
        pthread_mutex_init(&kernels->scratch_lock, NULL);
        if (found->open) {
                r = found->open(kernels);
                if (r < 0) {
                        hedge_kernels_destroy(&kernels);
                        return hedge_why(why, r, "the back end %s does not start: %s", found->name, hedge_strerror(r));
                }
        }
        *ret = kernels;
        return 0;
}

void hedge_kernels_destroy(hedge_kernels_t **kernels)
{
        if (!*kernels)
                return;
        if ((*kernels)->backend->close)
                (*kernels)->backend->close(*kernels);
        hedge_scratch_free(*kernels);
        pthread_mutex_destroy(&(*kernels)->scratch_lock);
        free(*kernels);
        *kernels = NULL;
}

const char *hedge_kernels_name(const hedge_kernels_t *kernels)
{
        return kernels->backend->name;
}

size_t hedge_kernels_slack(const hedge_kernels_t *kernels)
{
        return kernels->backend->slack;
}

double hedge_kernels_conv_error(const hedge_kernels_t *kernels)
{
        return kernels->backend->conv_error;
}

void hedge_kernels_allow(hedge_kernels_t *kernels, unsigned methods)
{
        kernels->methods = methods;
}

void hedge_kernels_trim(hedge_kernels_t *kernels)
{
        hedge_scratch_free(kernels);
}

/* Filters, weights and biases are packed once, so they must be there. */
static bool constants_given(const hedge_op_t *op, unsigned n_in, const float *const *constants)
{
        if (op->kind != HEDGE_OP_CONV && op->kind != HEDGE_OP_FULLY_CONNECTED)
                return true;
        for (unsigned i = 1; i < n_in; i++)
                if (!constants || !constants[i])
                        return false;
        return true;
}

static int copy_constants(hedge_kernel_t *k, const float *const *constants)
{
        if (!constants)
                return 0;
        k->constants = calloc(k->n_in, sizeof(k->constants[0]));
        if (!k->constants)
                return -ENOMEM;
        for (unsigned i = 0; i < k->n_in; i++) {
                size_t n = hedge_shape_elements(&k->in[i]);

                if (!constants[i])
                        continue;
                k->constants[i] = hedge_floats_new(n);
                if (!k->constants[i])
                        return -ENOMEM;
                memcpy(k->constants[i], constants[i], n * sizeof(float));
                k->bytes += n * sizeof(float);
        }
        return 0;
}

static unsigned threads_for(const hedge_kernel_t *k)
{
        bool multiplies =
                k->op.kind == HEDGE_OP_CONV || k->op.kind == HEDGE_OP_FULLY_CONNECTED || k->op.kind == HEDGE_OP_MATMUL;
        uint64_t light = multiplies ? LIGHT_MACS : LIGHT_MOVED;

        return hedge_op_work(&k->op, k->in, k->n_in) < light ? 1 : k->kernels->threads;
}

static int prepare_with(hedge_kernel_t *k, const hedge_backend_t *b, const float *const *constants)
{
        int r;

        if (!b->prepare)
                return HEDGE_EUNSUPPORTED;
        k->computes = b;
        r = b->prepare(k, constants);
        if (r < 0 && b->release)
                b->release(k);
        if (r == HEDGE_EUNSUPPORTED) {
                k->computes = NULL;
                k->packed = false;
        }
        return r;
}

/* By Winograd where that is faster, else the back end if it can, else the plain reference. */
static int prepare(hedge_kernel_t *k, const float *const *constants, size_t bytes_max)
{
        int r = HEDGE_EUNSUPPORTED;

        if (k->packs && hedge_packs_have(k->packs, k->filter)) /* transformed for another: it takes no more */
                bytes_max = SIZE_MAX;
        if (hedge_shape_elements(&k->out) > 0) {
                k->method = hedge_winograd_choose(k, k->kernels->methods, bytes_max);
                if (k->method != HEDGE_CONV_DIRECT)
                        r = prepare_with(k, &hedge_backend_winograd, constants);
                if (r == HEDGE_EUNSUPPORTED) {
                        k->method = HEDGE_CONV_DIRECT;
                        r = prepare_with(k, k->kernels->backend, constants);
                }
        }
        if (r == HEDGE_EUNSUPPORTED) {
                k->computes = &hedge_backend_plain;
                r = 0;
        }
        return r;
}

int hedge_kernel_new(hedge_kernels_t *kernels, const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in,
                     const float *const *constants, hedge_kernel_t **ret)
{
        return hedge_kernel_new_within(kernels, op, in, n_in, constants, SIZE_MAX, ret);
}

int hedge_kernel_new_within(hedge_kernels_t *kernels, const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in,
                            const float *const *constants, size_t bytes_max, hedge_kernel_t **ret)
{
        return hedge_kernel_new_sharing(kernels, op, in, n_in, constants, bytes_max, NULL, NULL, ret);
}

int hedge_kernel_new_sharing(hedge_kernels_t *kernels, const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in,
                             const float *const *constants, size_t bytes_max, hedge_packs_t *packs,
                             const void *const *names, hedge_kernel_t **ret)
{
        hedge_kernel_t *k;
        hedge_shape_t out;
        int r = hedge_op_infer(op, in, n_in, &out, NULL);

        if (r < 0)
                return r;
        if (!constants_given(op, n_in, constants))
                return -EINVAL;
        k = calloc(1, sizeof(*k));
        if (!k)
                return -ENOMEM;
        k->kernels = kernels;
        k->op = *op;
        k->out = out;
        k->n_in = n_in;
        k->in = malloc(n_in * sizeof(in[0]));
        r = k->in ? 0 : -ENOMEM;
        if (r < 0)
                goto fail;
        memcpy(k->in, in, n_in * sizeof(in[0]));
        k->threads = threads_for(k);
        if (packs && n_in > 1 && names[1]) {
                k->packs = packs;
                k->filter = names[1];
                k->bias = n_in > 2 ? names[2] : NULL;
        }
        r = prepare(k, constants, bytes_max);
        if (r < 0) {
                k->computes = NULL; /* released already */
                goto fail;
        }
        if (!k->packed)
                r = copy_constants(k, constants);
        if (r < 0)
                goto fail;
        *ret = k;
        return 0;
fail:
        hedge_kernel_destroy(&k);
        return r;
}

void hedge_kernel_destroy(hedge_kernel_t **kernel)
{
        hedge_kernel_t *k = *kernel;

        if (!k)
                return;
        if (k->computes && k->computes->release)
                k->computes->release(k);
        for (unsigned i = 0; k->constants && i < k->n_in; i++)
                free(k->constants[i]);
        free(k->constants);
        free(k->in);
        free(k);
        *kernel = NULL;
}

const hedge_shape_t *hedge_kernel_shape(const hedge_kernel_t *kernel)
{
        return &kernel->out;
}

hedge_conv_method_t hedge_kernel_method(const hedge_kernel_t *kernel)
{
        return kernel->method;
}

const char *hedge_conv_method_name(hedge_conv_method_t method)
{
        static const char *const method_names[HEDGE_CONV_METHODS] = { "direct", "winograd 2x2", "winograd 4x4" };

        return method_names[method];
}

size_t hedge_kernel_bytes(const hedge_kernel_t *kernel)
{
        return kernel->bytes;
}

int hedge_kernel_run(hedge_kernel_t *k, const float *const *in, float *out)
{
        const float *few[FEW_INPUTS], **all = few;
        int r;

        if (hedge_shape_elements(&k->out) == 0)
                return 0;
        if (!k->constants)
                return k->computes->run(k, in, out);
        if (k->n_in > FEW_INPUTS) {
                all = malloc(k->n_in * sizeof(all[0]));
                if (!all)
                        return -ENOMEM;
        }
        for (unsigned i = 0; i < k->n_in; i++)
                all[i] = k->constants[i] ? k->constants[i] : in[i];
        r = k->computes->run(k, all, out);
        if (all != few)
                free(all);
        return r;
}

struct hedge_kernel_input {
        const float *given;
        hedge_conv_method_t method;
        float *begun; /* NULL: the kernels take it as it is given */
};

int hedge_kernel_input_new(hedge_kernel_t *k, const float *in, hedge_kernel_input_t **ret)
{
        hedge_kernel_input_t *input = calloc(1, sizeof(*input));
        int r = 0;

        if (!input)
                return -ENOMEM;
        input->given = in;
        input->method = k->method;
        if (k->computes->input_floats) {
                input->begun = hedge_floats_new(k->computes->input_floats(k));
                r = input->begun ? k->computes->begin(k, in, input->begun) : -ENOMEM;
        }
        if (r < 0)
                hedge_kernel_input_destroy(&input);
        else
                *ret = input;
        return r;
}

void hedge_kernel_input_destroy(hedge_kernel_input_t **input)
{
        if (!*input)
                return;
        free((*input)->begun);
        free(*input);
        *input = NULL;
}

int hedge_kernel_run_input(hedge_kernel_t *k, const hedge_kernel_input_t *input, float *out)
{
        const float *in[FEW_INPUTS] = { input->given };

        if (input->begun && input->method == k->method)
                return k->computes->run_begun(k, input->begun, out);
        return hedge_kernel_run(k, in, out);
}
