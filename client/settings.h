/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_SETTINGS_H
#define HEDGEC_SETTINGS_H

#include "client/options.h"

#define HEDGEC_SETTING_VALUE_MAX 1024

/** A setting of a configuration file: "cluster.slots" and its value as YAML. */
typedef struct hedgec_setting {
        const char *key;
        char value[HEDGEC_SETTING_VALUE_MAX];
} hedgec_setting_t;

/** A setting whose value is text: quoted and escaped. */
hedgec_setting_t hedgec_setting_text(const char *key, const char *text);
hedgec_setting_t hedgec_setting_uint(const char *key, uint64_t value);

/** Write a configuration file.
 *
 * @param extra  KEY=VALUE as given by the user, in place of our settings of the same key.
 * @return 0, -EINVAL (no KEY=VALUE), -ENOMEM, -errno. */
int hedgec_settings_write(const char *path, const hedgec_setting_t *settings, unsigned count,
                          const hedgec_option_list_t *extra, hedge_why_t *why);

#endif
