/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static atomic_int threshold = HEDGE_LOG_INFO;

static const char *const words[] = { "", "", "", "error", "warning", "notice", "info", "debug" };

void hedge_log_set_level(hedge_log_level_t level)
{
        atomic_store(&threshold, (int)level);
}

/* One line, nothing in it that a terminal or the journal would take for more than text. */
static void sanitise(char *line)
{
        for (unsigned char *c = (unsigned char *)line; *c; c++)
                if (*c < 0x20 || *c == 0x7f)
                        *c = '?';
}

static int write_prefix(char *line, size_t size, hedge_log_level_t level)
{
        struct timespec now;
        struct tm tm;
        char when[32];

        if (getenv("JOURNAL_STREAM"))
                return snprintf(line, size, "<%d>", (int)level);
        clock_gettime(CLOCK_REALTIME, &now);
        localtime_r(&now.tv_sec, &tm);
        strftime(when, sizeof(when), "%H:%M:%S", &tm);
        return snprintf(line, size, "%s.%03ld %-7s ", when, now.tv_nsec / 1000000, words[level]);
}

void hedge_log(hedge_log_level_t level, const char *format, ...)
{
        char line[2048];
        va_list args;
        int prefix, length;

        if ((int)level > atomic_load(&threshold))
                return;
        prefix = write_prefix(line, sizeof(line), level);
        va_start(args, format);
        length = vsnprintf(line + prefix, sizeof(line) - (size_t)prefix - 1, format, args);
        va_end(args);
        if (length < 0)
                return;
        sanitise(line + prefix);
        length += prefix;
        if (length > (int)sizeof(line) - 2)
                length = (int)sizeof(line) - 2;
        line[length++] = '\n';
        if (write(STDERR_FILENO, line, (size_t)length) < 0)
                return; /* nowhere left to say it */
}
