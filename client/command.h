/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_COMMAND_H
#define HEDGEC_COMMAND_H

#include "client/options.h"
#include "client/say.h"

/** The commands of `hedge`: one row each, one file each (cmd_NAME.c). */
typedef struct hedgec_command {
        const char *name;
        const char *operands; /**< as in the usage line; "" for none */
        const char *summary;  /**< a line of the command list */
        const char *details;  /**< shown by `hedge help NAME`; may be NULL */
        const char *example;
        const hedgec_option_t *options;
        const void *presets; /**< the options' defaults, values_size bytes; NULL: all zero */
        size_t values_size;  /**< of the structure that `options` fill */
        unsigned min_operands, max_operands;

        /** @return the exit status. What went wrong has been said (hedgec_complain). */
        int (*run)(const void *values, char **operands, unsigned n_operands);
} hedgec_command_t;

/** All commands in the order of `hedge help`; a row without a name ends the table. */
extern const hedgec_command_t *const hedgec_commands[];

extern const hedgec_command_t hedgec_command_status, hedgec_command_models, hedgec_command_load, hedgec_command_unload,
        hedgec_command_infer, hedgec_command_local, hedgec_command_model, hedgec_command_codes, hedgec_command_keygen,
        hedgec_command_up, hedgec_command_down, hedgec_command_plan, hedgec_command_train, hedgec_command_jobs,
        hedgec_command_multiply;

/** Run `hedge ARGV...`: find the command, parse its options, run it. @return the exit status. */
int hedgec_main(int argc, char **argv);

#endif
