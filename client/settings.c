/* SPDX-License-Identifier: Apache-2.0 */
#include "client/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

hedgec_setting_t hedgec_setting_text(const char *key, const char *text)
{
        hedgec_setting_t setting = { .key = key };
        size_t used = 0;

        setting.value[used++] = '"';
        for (const unsigned char *c = (const unsigned char *)text; *c && used < sizeof(setting.value) - 6; c++) {
                if (*c < 0x20 || *c == '"' || *c == '\\')
                        used += (size_t)sprintf(setting.value + used, "\\x%02x", *c);
                else
                        setting.value[used++] = (char)*c;
        }
        setting.value[used++] = '"';
        return setting;
}

hedgec_setting_t hedgec_setting_uint(const char *key, uint64_t value)
{
        hedgec_setting_t setting = { .key = key };

        snprintf(setting.value, sizeof(setting.value), "%" PRIu64, value);
        return setting;
}

static bool same_section(const char *a, const char *b)
{
        size_t n = strcspn(a, ".");

        return n == strcspn(b, ".") && !strncmp(a, b, n);
}

/* Keys of one section stand together, in the order of each section's first key. */
static void print_settings(const hedgec_setting_t *settings, unsigned count, FILE *out)
{
        fputs("# Written by hedge up; it will be written anew.\n", out);
        for (unsigned i = 0; i < count; i++) {
                const char *dot = strchr(settings[i].key, '.');
                bool first = true;

                for (unsigned k = 0; k < i; k++)
                        first &= !same_section(settings[i].key, settings[k].key);
                if (!dot)
                        fprintf(out, "%s: %s\n", settings[i].key, settings[i].value);
                if (!dot || !first)
                        continue;
                fprintf(out, "%.*s:\n", (int)(dot - settings[i].key), settings[i].key);
                for (unsigned k = i; k < count; k++)
                        if (same_section(settings[i].key, settings[k].key))
                                fprintf(out, "  %s: %s\n", strchr(settings[k].key, '.') + 1, settings[k].value);
        }
}

/* KEY=VALUE into the list, over a setting of that key or behind the last. */
static int merge(hedgec_setting_t *settings, unsigned *count, char *text, hedge_why_t *why)
{
        char *equals = strchr(text, '=');
        unsigned at = 0;

        if (!equals || equals == text || strpbrk(text, "\n\r") || strlen(equals + 1) >= sizeof(settings->value))
                return hedge_why(why, -EINVAL, "'%s' is no setting: KEY=VALUE is wanted", text);
        *equals = '\0';
        while (at < *count && strcmp(settings[at].key, text))
                at++;
        settings[at].key = text;
        strcpy(settings[at].value, equals + 1);
        if (at == *count)
                (*count)++;
        return 0;
}

int hedgec_settings_write(const char *path, const hedgec_setting_t *settings, unsigned count,
                          const hedgec_option_list_t *extra, hedge_why_t *why)
{
        hedgec_setting_t *merged = calloc(count + extra->count, sizeof(*merged));
        char *texts[HEDGEC_OPTION_LIST_MAX] = { NULL };
        FILE *file = NULL;
        int r = 0;

        if (!merged)
                return hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
        memcpy(merged, settings, count * sizeof(*merged));
        for (unsigned i = 0; !r && i < extra->count; i++) {
                texts[i] = strdup(extra->items[i]);
                r = texts[i] ? merge(merged, &count, texts[i], why) : hedge_why(why, -ENOMEM, "out of memory");
        }
        if (!r) {
                file = fopen(path, "we");
                if (file)
                        print_settings(merged, count, file);
                if (!file || fclose(file))
                        r = hedge_why(why, -errno, "cannot write %s: %s", path, hedge_strerror(-errno));
        }
        for (unsigned i = 0; i < extra->count; i++)
                free(texts[i]);
        free(merged);
        return r;
}
