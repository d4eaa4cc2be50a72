/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/schema.h"

#include <string.h>

#include "common/wire/schema_group.h"

static const hedge_schema_t *const groups[] = { hedge_schema_boards, hedge_schema_training, hedge_schema_models,
                                                hedge_schema_jobs };

const hedge_schema_t *hedge_schema(hedge_message_type_t type)
{
        for (size_t i = 0; (unsigned)type < HEDGE_MSG_TYPES && i < sizeof(groups) / sizeof(groups[0]); i++)
                if (groups[i][type].record.name)
                        return &groups[i][type];
        return NULL;
}

hedge_message_type_t hedge_schema_type(const char *name, size_t size)
{
        for (unsigned type = 1; type < HEDGE_MSG_TYPES; type++) {
                const char *its = hedge_schema((hedge_message_type_t)type)->record.name;

                if (strlen(its) == size && !memcmp(its, name, size))
                        return (hedge_message_type_t)type;
        }
        return (hedge_message_type_t)0;
}
