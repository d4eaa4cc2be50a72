/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_FUZZ_SEED_H
#define HEDGE_FUZZ_SEED_H

#include <stdio.h>

/** Write a seed of a fuzzing corpus. @return 0, -1. */
static inline int write_seed(const char *folder, const char *name, const void *bytes, size_t size)
{
        char path[4096];
        FILE *file;
        size_t n;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        file = fopen(path, "wb");
        if (!file)
                return -1;
        n = fwrite(bytes, 1, size, file);
        return fclose(file) == 0 && n == size ? 0 : -1;
}

#endif
