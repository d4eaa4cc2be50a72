/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/daemon.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(const hedge_daemon_t *daemon)
{
        printf("Usage: %s [OPTION]...\n"
               "%s\n\n"
               "  -c, --config FILE      configuration (default: %s)\n"
               "  --check-config         check it and the keys, and say what is wrong\n"
               "  --print-config FORMAT  all settings: yaml (a commented example) or mdoc (for the manual)\n"
               "  -v, --verbose          log more\n"
               "  --version\n"
               "  --help\n\n"
               "Stops on SIGTERM and SIGINT, within a second; reads the keys again on SIGHUP.\n"
               "Exit status: 0 stopped, 1 something failed, 2 wrong usage, 78 the configuration or a key is wrong.\n",
               daemon->name, daemon->what, daemon->config);
}

/* A full disk is no success. */
static int end_output(const hedge_daemon_t *daemon)
{
        errno = 0;
        if (fflush(stdout) == 0 && !ferror(stdout))
                return EXIT_SUCCESS;
        fprintf(stderr, "%s: cannot write to standard output: %s\n", daemon->name, strerror(errno ? errno : EIO));
        return HEDGE_EXIT_FAILED;
}

static int print_config(const hedge_daemon_t *daemon, const char *format)
{
        if (!strcmp(format, "yaml"))
                hedge_conf_print_example(daemon->rows, stdout);
        else if (!strcmp(format, "mdoc"))
                hedge_conf_print_mdoc(daemon->rows, stdout);
        else
                return fprintf(stderr, "%s: --print-config takes yaml or mdoc, not '%s'\n", daemon->name, format),
                       HEDGE_EXIT_USAGE;
        return end_output(daemon);
}

int hedge_daemon_options(const hedge_daemon_t *daemon, int argc, char **argv, hedge_daemon_options_t *ret)
{
        static const struct option known[] = {
                { "config", required_argument, NULL, 'c' },
                { "check-config", no_argument, NULL, 'C' },
                { "print-config", required_argument, NULL, 'p' },
                { "verbose", no_argument, NULL, 'v' },
                { "version", no_argument, NULL, 'V' },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        int option;

        *ret = (hedge_daemon_options_t){ .config = daemon->config };
        while ((option = getopt_long(argc, argv, "c:vh", known, NULL)) != -1)
                switch (option) {
                case 'c':
                        ret->config = optarg;
                        break;
                case 'C':
                        ret->check = true;
                        break;
                case 'p':
                        return print_config(daemon, optarg);
                case 'v':
                        ret->verbose = true;
                        break;
                case 'V':
                        return printf("%s " HEDGE_VERSION "\n", daemon->name), end_output(daemon);
                case 'h':
                        return print_help(daemon), end_output(daemon);
                default: /* getopt said what is wrong */
                        return fprintf(stderr, "Try '%s --help'.\n", daemon->name), HEDGE_EXIT_USAGE;
                }
        if (optind < argc)
                return fprintf(stderr, "%s: '%s' is not expected\nTry '%s --help'.\n", daemon->name, argv[optind],
                               daemon->name),
                       HEDGE_EXIT_USAGE;
        return -1;
}
