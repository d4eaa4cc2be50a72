/* SPDX-License-Identifier: Apache-2.0 */
#include "client/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const hedgec_command_t *const hedgec_commands[] = {
        &hedgec_command_up,    &hedgec_command_down,   &hedgec_command_status,   &hedgec_command_models,
        &hedgec_command_load,  &hedgec_command_unload, &hedgec_command_plan,     &hedgec_command_infer,
        &hedgec_command_train, &hedgec_command_jobs,   &hedgec_command_multiply, &hedgec_command_local,
        &hedgec_command_model, &hedgec_command_codes,  &hedgec_command_keygen,   NULL,
};

static const hedgec_command_t *find_command(const char *name)
{
        for (unsigned i = 0; hedgec_commands[i]; i++)
                if (!strcmp(hedgec_commands[i]->name, name))
                        return hedgec_commands[i];
        return NULL;
}

static void print_list(FILE *out)
{
        fputs("Usage: hedge COMMAND [OPTION...] [OPERAND...]\n\nCommands:\n", out);
        for (unsigned i = 0; hedgec_commands[i]; i++)
                fprintf(out, "  %-8s  %s\n", hedgec_commands[i]->name, hedgec_commands[i]->summary);
        fputs("  help      show what a command does and which options it takes\n\n"
              "'hedge help COMMAND' says more; hedge(1) has examples.\n",
              out);
}

static void print_command(const hedgec_command_t *command, FILE *out)
{
        fprintf(out, "Usage: hedge %s [OPTION...]%s%s\n\n%s\n", command->name, command->operands[0] ? " " : "",
                command->operands, command->details ? command->details : command->summary);
        fputs("\nOptions:\n", out);
        hedgec_options_print(command->options, out);
        fprintf(out, "\nExample:\n  %s\n", command->example);
}

static int help(int argc, char **argv)
{
        const hedgec_command_t *command;

        if (argc < 2) {
                print_list(stdout);
                return EXIT_SUCCESS;
        }
        command = find_command(argv[1]);
        if (!command)
                return hedgec_complain_usage(NULL, "there is no command '%s'", argv[1]);
        print_command(command, stdout);
        return EXIT_SUCCESS;
}

static int run_command(const hedgec_command_t *command, int argc, char **argv)
{
        void *values = calloc(1, command->values_size);
        hedge_why_t why = { "" };
        bool wants_help;
        unsigned n;
        int first, status;

        if (!values)
                return hedgec_complain("%s", hedge_strerror(-ENOMEM));
        if (command->presets)
                memcpy(values, command->presets, command->values_size);
        first = hedgec_options_parse(command->options, argc, argv, values, &wants_help, &why);
        n = first < 0 ? 0 : (unsigned)(argc - first);
        if (first < 0) {
                status = hedgec_complain_usage(command->name, "%s: %s", command->name, why.text);
        } else if (wants_help) {
                print_command(command, stdout);
                status = EXIT_SUCCESS;
        } else if (n < command->min_operands || n > command->max_operands) {
                status = hedgec_complain_usage(command->name, "%s: too %s operands: wanted is %s", command->name,
                                               n < command->min_operands ? "few" : "many",
                                               command->operands[0] ? command->operands : "none");
        } else {
                status = command->run(values, argv + first, n);
        }
        free(values);
        return status;
}

/* --dir before the command: as if HEDGE_DIR said so. @return how many arguments it took, 0: it is not there. */
static int take_dir(int argc, char **argv)
{
        if (!strncmp(argv[1], "--dir=", 6))
                return setenv("HEDGE_DIR", argv[1] + 6, 1) ? 0 : 1;
        if (argc > 2 && (!strcmp(argv[1], "--dir") || !strcmp(argv[1], "-d")))
                return setenv("HEDGE_DIR", argv[2], 1) ? 0 : 2;
        return 0;
}

int hedgec_main(int argc, char **argv)
{
        const hedgec_command_t *command;

        if (argc > 1) {
                int taken = take_dir(argc, argv);

                argc -= taken;
                argv += taken;
        }
        if (argc < 2) {
                print_list(stderr);
                return HEDGE_EXIT_USAGE;
        }
        if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
                return help(argc - 1, argv + 1);
        if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
                puts("hedge " HEDGE_VERSION);
                return EXIT_SUCCESS;
        }
        command = find_command(argv[1]);
        if (!command)
                return hedgec_complain_usage(NULL, "there is no command '%s'", argv[1]);
        return run_command(command, argc - 1, argv + 1);
}
