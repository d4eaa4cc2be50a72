/* SPDX-License-Identifier: Apache-2.0 */
#include "common/types/name.h"

#include <string.h>

bool hedge_name_ok(const char *name)
{
        static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        size_t length = strnlen(name, HEDGE_BOARD_NAME_MAX);

        if (length == 0 || length == HEDGE_BOARD_NAME_MAX || !strchr(first, name[0]))
                return false;
        for (size_t i = 1; i < length; i++)
                if (!strchr(first, name[i]) && !strchr("._-", name[i]))
                        return false;
        return true;
}
