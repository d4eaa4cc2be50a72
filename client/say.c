/* SPDX-License-Identifier: Apache-2.0 */
#include "client/say.h"

#include <stdarg.h>
#include <stdlib.h>

void hedgec_print_safe(const char *text, FILE *out)
{
        for (const unsigned char *c = (const unsigned char *)text; *c; c++)
                fputc(*c < 0x20 || *c == 0x7f ? '?' : *c, out);
}

__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list args)
{
        char text[1024];

        vsnprintf(text, sizeof(text), format, args);
        fflush(stdout);
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
