/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/memory.h"

#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* Only segments that cannot be written: what relocation or the program changed in the others is nowhere else. A kernel
 * library's initialisation touches megabytes of code that are never run again. */
static int drop_pages(struct dl_phdr_info *object, size_t size, void *arg)
{
        const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

        for (int i = 0; i < object->dlpi_phnum; i++) {
                const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
                uintptr_t from = object->dlpi_addr + segment->p_vaddr, to = from + segment->p_filesz;

                if (segment->p_type != PT_LOAD || segment->p_flags & PF_W)
                        continue;
                from = (from + page - 1) & ~(page - 1);
                to &= ~(page - 1);
                if (to > from)
                        madvise((void *)from, to - from, MADV_DONTNEED); /* advice: may be refused, as for the vDSO */
        }
        return 0;
}

/* One thread at a time: glibc sets its allocator up when it is first asked for something, which is here where a sanitizer
 * brings its own, and two threads would both do it. */
void hedgew_memory_trim(void)
{
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

        pthread_mutex_lock(&lock);
        malloc_trim(0);
        pthread_mutex_unlock(&lock);
        dl_iterate_phdr(drop_pages, NULL);
}
