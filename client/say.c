/* SPDX-License-Identifier: Apache-2.0 */
#include "client/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int output_error; /* errno of the first flush that failed */

void hedgec_flush(void)
{
        errno = 0;
        if (fflush(stdout) != 0 && !output_error)
                output_error = errno;
}

int hedgec_flush_all(int status)
{
        bool failed;

        hedgec_flush();
        failed = output_error || ferror(stdout);
        /* What closing alone shows; it is no fault to have had nowhere to write to, and nothing to write. */
        if (fclose(stdout) != 0 && errno != EBADF && !output_error)
                output_error = errno;
        if (!failed && !output_error)
                return status;
        fprintf(stderr, "hedge: cannot write to standard output: %s\n",
                output_error ? strerror(output_error) : "the disk is full, or what reads went away");
        return status ? status : EXIT_FAILURE;
}

void hedgec_print_safe(const char *text, FILE *out)
{
        for (const unsigned char *c = (const unsigned char *)text; *c; c++)
                fputc(*c < 0x20 || *c == 0x7f ? '?' : *c, out);
}

__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list args)
{
        char text[1024];

        vsnprintf(text, sizeof(text), format, args);
        hedgec_flush();
        fputs("hedge: ", stderr);
        hedgec_print_safe(text, stderr);
        fputc('\n', stderr);
}

int hedgec_complain(const char *format, ...)
{
        va_list args;

        va_start(args, format);
        say(format, args);
        va_end(args);
        return EXIT_FAILURE;
}

int hedgec_complain_usage(const char *command, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        say(format, args);
        va_end(args);
        if (command)
                fprintf(stderr, "Try 'hedge help %s'.\n", command);
        else
                fputs("Try 'hedge help'.\n", stderr);
        return HEDGE_EXIT_USAGE;
}
