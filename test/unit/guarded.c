/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/guarded.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

bool hedge_guarded;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

bool hedge_guarded_broken(void)
{
        return false;
}

#else

#define PLOTS      256u
#define PLOT_BYTES (1u << 20)
#define PAGE       ((size_t)4096)
#define ALIGNMENT  128u /* oneDNN aligns the parts of its scratch to that, and hides a step past the end before it */
#define UNTOUCHED  0xa5

/* The C library's own. */
extern void *__libc_memalign(size_t alignment, size_t bytes);
extern void __libc_free(void *memory);

static char *land; /* PLOTS of PLOT_BYTES, the last page of each not to be touched */
static struct plot {
        char *data;
        size_t bytes;
} plots[PLOTS];

static char *end_of(size_t i)
{
        return land + (i + 1) * PLOT_BYTES - PAGE;
}

static void *take(size_t alignment, size_t bytes)
{
        const size_t step = alignment > ALIGNMENT ? alignment : ALIGNMENT, whole = (bytes + step - 1) / step * step;

        if (!land) {
                land = mmap(NULL, (size_t)PLOTS * PLOT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                            0);
                if (land == MAP_FAILED)
                        abort();
                for (size_t i = 0; i < PLOTS; i++)
                        mprotect(end_of(i), PAGE, PROT_NONE);
        }
        for (size_t i = 0; i < PLOTS && whole < PLOT_BYTES - PAGE; i++)
                if (!plots[i].data) {
                        plots[i] = (struct plot){ end_of(i) - whole, bytes };
                        memset(plots[i].data + bytes, UNTOUCHED, whole - bytes);
                        return plots[i].data;
                }
        return __libc_memalign(alignment, bytes);
}

bool hedge_guarded_broken(void)
{
        for (size_t i = 0; i < PLOTS; i++)
                for (char *p = plots[i].data + plots[i].bytes; plots[i].data && p < end_of(i); p++)
                        if (*(unsigned char *)p != UNTOUCHED)
                                return true;
        return false;
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
        return hedge_guarded ? take(alignment, bytes) : __libc_memalign(alignment, bytes);
}

int posix_memalign(void **ret, size_t alignment, size_t bytes)
{
        *ret = aligned_alloc(alignment, bytes);
        return *ret ? 0 : ENOMEM;
}

void free(void *memory)
{
        const uintptr_t at = (uintptr_t)memory - (uintptr_t)land;

        if (land && at < (size_t)PLOTS * PLOT_BYTES)
                plots[at / PLOT_BYTES].data = NULL;
        else
                __libc_free(memory);
}

#endif
