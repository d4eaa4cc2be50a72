/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CLIENT_COMMAND_H
#define HEDGE_CLIENT_COMMAND_H

#include "client/options.h"
#include "client/say.h"

/** The commands of `hedge`: one row each, one file each (cmd_NAME.c). */
typedef struct hedge_command {
        const char *name;
        const char *operands; /**< as in the usage line; "" for none */
        const char *summary;  /**< a line of the command list */
        const char *details;  /**< shown by `hedge help NAME`; may be NULL */
        const char *example;
        const hedge_option_t *options;
        const void *presets; /**< the options' defaults, values_size bytes; NULL: all zero */
        size_t values_size;  /**< of the structure that `options` fill */
        unsigned min_operands, max_operands;

        /** @return the exit status. What went wrong has been said (hedge_complain). */
        int (*run)(const void *values, char **operands, unsigned n_operands);
} hedge_command_t;

/** All commands in the order of `hedge help`; a row without a name ends the table. */
extern const hedge_command_t *const hedge_commands[];

extern const hedge_command_t hedge_command_status, hedge_command_models, hedge_command_load, hedge_command_unload,
        hedge_command_infer, hedge_command_local, hedge_command_model, hedge_command_codes, hedge_command_keygen,
        hedge_command_up, hedge_command_down, hedge_command_plan, hedge_command_train, hedge_command_jobs,
        hedge_command_multiply;

/** Run `hedge ARGV...`: find the command, parse its options, run it. @return the exit status. */
int hedge_main(int argc, char **argv);

#endif
