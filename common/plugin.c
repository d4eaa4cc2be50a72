/* SPDX-License-Identifier: Apache-2.0 */
#include "common/plugin.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A program's own place, not what its caller says, tells whether it is installed. */
static const char *folder(void)
{
        const size_t length = strlen(HEDGE_BUILD_ROOT);
        char self[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", self, sizeof(self));

        if (n > (ssize_t)length && memcmp(self, HEDGE_BUILD_ROOT, length) == 0 && self[length] == '/')
                return HEDGE_BUILD_ROOT "/common/kernel";
        return HEDGE_PLUGIN_FOLDER;
}

static void find(const char *name, char path[PATH_MAX])
{
        snprintf(path, PATH_MAX, "%s/%s-" HEDGE_VERSION ".so", folder(), name);
}

bool hedge_plugin_installed(const char *name)
{
        char path[PATH_MAX];

        find(name, path);
        return access(path, R_OK) == 0;
}

int hedge_plugin_open(const char *name, const char *const *symbols, unsigned n, void **ret, hedge_why_t *why)
{
        char path[PATH_MAX];
        void *module;

        find(name, path);
        module = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (!module)
                return hedge_why(why, HEDGE_EUNSUPPORTED, "hedge's %s module cannot be loaded: %s", name, dlerror());
        for (unsigned i = 0; i < n; i++)
                if (!dlsym(module, symbols[i]))
                        return hedge_why(why, HEDGE_EUNSUPPORTED, "%s has no %s: it is not of this hedge", path,
                                         symbols[i]);
        for (unsigned i = 0; i < n; i++)
                ret[i] = dlsym(module, symbols[i]);
        return 0; /* the module stays: RTLD_NODELETE, and its handle is never closed */
}
