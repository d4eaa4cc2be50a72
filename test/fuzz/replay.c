/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "test/fuzz/fuzz.h"

/* The main program of a fuzzer that is built without libFuzzer: every file on the command line, and every file of a
 * folder there, goes through it once. */

static unsigned long n_files;

static int replay_file(const char *path)
{
        FILE *file = fopen(path, "rb");
        struct stat st;
        uint8_t *data = NULL;
        int r = -1;

        if (!file || fstat(fileno(file), &st) < 0)
                goto out;
        /* Exactly its size, so that a sanitizer sees a read behind the end. */
        data = malloc(st.st_size ? (size_t)st.st_size : 1);
        if (!data || fread(data, 1, (size_t)st.st_size, file) != (size_t)st.st_size)
                goto out;
        r = LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
        n_files++;
out:
        if (r < 0)
                fprintf(stderr, "%s: %s\n", path, errno ? strerror(errno) : "failed");
        free(data);
        if (file)
                fclose(file);
        return r;
}

static int replay(const char *path)
{
        struct dirent *entry;
        char inner[4096];
        struct stat st;
        DIR *dir;
        int r = 0;

        if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
                return replay_file(path);
        dir = opendir(path);
        if (!dir) {
                fprintf(stderr, "%s: %s\n", path, strerror(errno));
                return -1;
        }
        while (r == 0 && (entry = readdir(dir))) {
                if (entry->d_name[0] == '.')
                        continue;
                snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
                r = replay(inner);
        }
        closedir(dir);
        return r;
}

int main(int argc, char **argv)
{
        for (int i = 1; i < argc; i++)
                if (replay(argv[i]) < 0)
                        return 1;
        printf("%lu files\n", n_files);
        return n_files == 0; /* an empty corpus tests nothing */
}
