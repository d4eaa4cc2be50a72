/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/blas.h"
#include "common/thread.h"

#include <assert.h>
#include <cblas.h>
#include <dlfcn.h>
#include <stdlib.h>

#define LIBRARY "libopenblas.so.0"
#define PACKAGE "libopenblas0"

typedef __typeof__(cblas_sgemm) sgemm_t;
typedef __typeof__(openblas_set_num_threads) set_threads_t;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sgemm_t *sgemm; /* written once, before the first workspace is anyone's */

/* ISO C has no cast from a data pointer to a function; POSIX has dlsym give one as the other. */
static void *find(void *library, const char *name, hedge_why_t *why)
{
        void *symbol = dlsym(library, name);

        if (!symbol)
                hedge_why(why, HEDGE_EUNSUPPORTED, LIBRARY " has no %s: is it OpenBLAS (Debian's package " PACKAGE ")?",
                          name);
        return symbol;
}

static int open_library(hedge_why_t *why)
{
        void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL), *product, *set_threads;

        if (!library)
                return hedge_why(why, HEDGE_EUNSUPPORTED,
                                 "training needs OpenBLAS, which is not here (%s): install the package " PACKAGE,
                                 dlerror());
        product = find(library, "cblas_sgemm", why);
        set_threads = product ? find(library, "openblas_set_num_threads", why) : NULL;
        if (!set_threads) {
                dlclose(library);
                return HEDGE_EUNSUPPORTED;
        }
        (*(set_threads_t **)&set_threads)(1);
        sgemm = *(sgemm_t **)&product;
        return 0;
}

void hedge_blas_begin(void)
{
        setenv("OPENBLAS_NUM_THREADS", "1", 1); /* read when the library is opened, before it can be told otherwise */
}

int hedge_blas_open(hedge_why_t *why)
{
        sigset_t before;
        int r = 0;

        pthread_mutex_lock(&lock);
        if (!sgemm) {
                hedge_signals_block(&before);
                r = open_library(why);
                hedge_signals_restore(&before);
        }
        pthread_mutex_unlock(&lock);
        return r;
}

void hedge_blas_multiply(bool trans_a, bool trans_b, size_t m, size_t n, size_t k, const float *a, const float *b,
                         float beta, float *c)
{
        assert(sgemm);
        sgemm(CblasRowMajor, trans_a ? CblasTrans : CblasNoTrans, trans_b ? CblasTrans : CblasNoTrans, (blasint)m,
              (blasint)n, (blasint)k, 1.0f, a, (blasint)(trans_a ? m : k), b, (blasint)(trans_b ? k : n), beta, c,
              (blasint)n);
}
