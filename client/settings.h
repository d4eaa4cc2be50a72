/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CLIENT_SETTINGS_H
#define HEDGE_CLIENT_SETTINGS_H

#include "client/options.h"

#define HEDGE_SETTING_VALUE_MAX 1024

/** A setting of a configuration file: "cluster.slots" and its value as YAML. */
typedef struct hedge_setting {
        const char *key;
        char value[HEDGE_SETTING_VALUE_MAX];
} hedge_setting_t;

/** A setting whose value is text: quoted and escaped. */
hedge_setting_t hedge_setting_text(const char *key, const char *text);
hedge_setting_t hedge_setting_uint(const char *key, uint64_t value);

/** Write a configuration file.
 *
 * @param extra  KEY=VALUE as given by the user, in place of our settings of the same key.
 * @return 0, -EINVAL (no KEY=VALUE), -ENOMEM, -errno. */
int hedge_settings_write(const char *path, const hedge_setting_t *settings, unsigned count,
                         const hedge_option_list_t *extra, hedge_why_t *why);

#endif
