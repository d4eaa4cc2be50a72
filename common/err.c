/* SPDX-License-Identifier: Apache-2.0 */
#include "common/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
        int code;
        const char *text;
} texts[] = {
        { HEDGE_EUNDECODABLE, "the parts at hand do not determine the result" },
        { HEDGE_EMALFORMED, "malformed data" },
        { HEDGE_EVERSION, "another protocol version" },
        { HEDGE_ELIMIT, "above a limit" },
        { HEDGE_EUNSUPPORTED, "not supported" },
        { HEDGE_EDENIED, "not allowed" },
        { HEDGE_ENOMODEL, "no such model is loaded" },
        { HEDGE_ENOSHARE, "the board does not hold that share" },
        { HEDGE_ENOBOARDS, "not enough live boards" },
        { HEDGE_ESHUTDOWN, "the program is stopping" },
        { HEDGE_EKERNEL, "the kernel library failed" },
        { HEDGE_ECONFIG, "wrong configuration" },
        { HEDGE_ESHAPE, "a shape does not fit" },
        { HEDGE_ERANGE, "an integer tensor has a value that is not whole, outside its type, or larger than is computed "
                        "exactly (16777215)" },
};

const char *hedge_strerror(int code)
{
        static _Thread_local char buf[128];

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                if (texts[i].code == code)
                        return texts[i].text;
        if (code >= 0)
                return "no error";
        return strerror_r(-code, buf, sizeof(buf));
}

int hedge_why(hedge_why_t *why, int code, const char *format, ...)
{
        va_list args;

        if (why) {
                va_start(args, format);
                vsnprintf(why->text, sizeof(why->text), format, args);
                va_end(args);
        }
        return code;
}
