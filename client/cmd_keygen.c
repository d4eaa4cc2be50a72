/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "client/command.h"
#include "common/wire/keys.h"

typedef struct keygen_values {
        bool quiet;
} keygen_values_t;

static const hedgec_option_t options[] = {
        HEDGEC_ROW(FLAG, "quiet", 'q', keygen_values_t, quiet, NULL, "do not say what to do with the files"),
        HEDGEC_ROW_END,
};

static int run(const void *values, char **operands, unsigned n_operands)
{
        const keygen_values_t *v = values;
        const char *dir = operands[0], *name = operands[1];
        hedge_why_t why = { "" };
        int r = hedge_keys_generate(dir, name, &why);

        if (r < 0)
                return hedgec_complain("%s", why.text[0] ? why.text : hedge_strerror(r));
        if (v->quiet)
                return EXIT_SUCCESS;
        printf("Made %s/%s.secret and %s/%s.pub.\n"
               "%s.secret stays on the machine that uses it, readable by its user alone.\n"
               "%s.pub goes to the others, under this name:\n"
               "  a board's        to the coordinator, into /etc/hedge/keys/boards/\n"
               "  a client's       to the coordinator, into /etc/hedge/keys/clients/\n"
               "  the coordinator's  to every board (keys.coordinator) and client (--server-key)\n",
               dir, name, dir, name, name, name);
        return EXIT_SUCCESS;
}

const hedgec_command_t hedgec_command_keygen = {
        .name = "keygen",
        .operands = "DIR NAME",
        .summary = "make a key pair for a coordinator, a board or a client",
        .details = "Make a CURVE key pair and write it to DIR/NAME.secret and DIR/NAME.pub.\n"
                   "NAME is the name under which the coordinator will know its holder: for a\n"
                   "board its board.name. Files that exist are never overwritten.",
        .example = "hedge keygen /etc/hedge/keys pi-3",
        .options = options,
        .values_size = sizeof(keygen_values_t),
        .min_operands = 2,
        .max_operands = 2,
        .run = run,
};
