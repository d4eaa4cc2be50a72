/* SPDX-License-Identifier: Apache-2.0 */
#include "client/answer_npy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/media/npy.h"
#include "common/io/replace.h"

/* "out.npy", "out-2.npy", "out-3.npy", ... @return NULL: no memory. */
static char *numbered(const char *path, unsigned number)
{
        const char *name = strrchr(path, '/'), *ending = strrchr(name ? name : path, '.');
        int stem = ending ? (int)(ending - path) : (int)strlen(path);
        char *text = NULL;

        if (number == 1)
                return strdup(path);
        return asprintf(&text, "%.*s-%u%s", stem, path, number, ending ? ending : "") < 0 ? NULL : text;
}

static int write_npy(const hedge_tensor_t *tensor, hedge_element_t element, const char *path, hedge_why_t *why)
{
        hedge_replace_t replace;
        int r = hedge_replace_begin(path, &replace, why);

        if (r < 0)
                return r;
        r = hedgec_npy_write(tensor, element, replace.file);
        if (r < 0)
                hedge_why(why, r, "cannot write %s: %s", path, hedge_strerror(r));
        return hedge_replace_end(&replace, r, why);
}

int hedgec_answer_write_npy(const hedgec_answer_t *answer, const char *path, unsigned *count, hedge_why_t *why)
{
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < answer->n_outputs; i++) {
                hedge_element_t element = answer->elements ? answer->elements[i] : HEDGE_ELEMENT_FLOAT;
                char *name = numbered(path, ++*count);

                r = name ? write_npy(&answer->outputs[i], element, name, why)
                         : hedge_why(why, -ENOMEM, "out of memory");
                free(name);
        }
        return r;
}
