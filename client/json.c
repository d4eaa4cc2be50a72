/* SPDX-License-Identifier: Apache-2.0 */
#include "client/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct json_object *keep(hedge_json_t *json, struct json_object *object)
{
        if (!object)
                json->failed = 1;
        return object;
}

struct json_object *hedge_json_object(hedge_json_t *json)
{
        return keep(json, json_object_new_object());
}

struct json_object *hedge_json_array(hedge_json_t *json)
{
        return keep(json, json_object_new_array());
}

static void attach(hedge_json_t *json, struct json_object *to, const char *name, struct json_object *value)
{
        int r = -1;

        if (to)
                r = name ? json_object_object_add(to, name, value) : json_object_array_add(to, value);
        if (r < 0) {
                json_object_put(value);
                json->failed = 1;
        }
}

void hedge_json_add(hedge_json_t *json, struct json_object *to, const char *name, struct json_object *value)
{
        if (value)
                attach(json, to, name, value);
}

/* Length of the UTF-8 character at `c`, or 0. */
static unsigned utf8_length(const unsigned char *c)
{
        unsigned n = *c < 0x80                 ? 1
                     : *c >= 0xc2 && *c < 0xe0 ? 2
                     : *c >= 0xe0 && *c < 0xf0 ? 3
                     : *c >= 0xf0 && *c < 0xf5 ? 4
                                               : 0;

        for (unsigned i = 1; i < n; i++)
                if ((c[i] & 0xc0) != 0x80)
                        return 0;
        if ((*c == 0xe0 && c[1] < 0xa0) || (*c == 0xed && c[1] > 0x9f) || (*c == 0xf0 && c[1] < 0x90) ||
            (*c == 0xf4 && c[1] > 0x8f))
                return 0;
        return n;
}

void hedge_json_add_string(hedge_json_t *json, struct json_object *to, const char *name, const char *value)
{
        char *copy = strdup(value);
        unsigned n;

        if (!copy) {
                json->failed = 1;
                return;
        }
        for (unsigned char *c = (unsigned char *)copy; *c; c += n ? n : 1) {
                n = utf8_length(c);
                if (!n)
                        *c = '?';
        }
        hedge_json_add(json, to, name, keep(json, json_object_new_string(copy)));
        free(copy);
}

void hedge_json_add_null(hedge_json_t *json, struct json_object *to, const char *name)
{
        attach(json, to, name, NULL);
}

void hedge_json_add_bool(hedge_json_t *json, struct json_object *to, const char *name, int value)
{
        hedge_json_add(json, to, name, keep(json, json_object_new_boolean(value)));
}

void hedge_json_add_uint(hedge_json_t *json, struct json_object *to, const char *name, uint64_t value)
{
        hedge_json_add(json, to, name, keep(json, json_object_new_uint64(value)));
}

void hedge_json_add_double(hedge_json_t *json, struct json_object *to, const char *name, double value, int digits)
{
        char text[40];

        if (!isfinite(value)) {
                hedge_json_add_null(json, to, name);
                return;
        }
        snprintf(text, sizeof(text), "%.*g", digits, value);
        hedge_json_add(json, to, name, keep(json, json_object_new_double_s(value, text)));
}

void hedge_json_add_shape(hedge_json_t *json, struct json_object *to, const char *name, const hedge_shape_t *shape)
{
        struct json_object *array = hedge_json_array(json);

        for (uint32_t i = 0; i < shape->rank; i++)
                hedge_json_add_uint(json, array, NULL, shape->dims[i]);
        hedge_json_add(json, to, name, array);
}

int hedge_json_print(hedge_json_t *json, int pretty, FILE *out)
{
        int flags = JSON_C_TO_STRING_NOSLASHESCAPE | (pretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED : 0);
        const char *text = json->failed ? NULL : json_object_to_json_string_ext(json->root, flags);

        if (text)
                fprintf(out, "%s\n", text);
        json_object_put(json->root);
        json->root = NULL;
        return text ? 0 : -ENOMEM;
}
