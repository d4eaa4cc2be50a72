/* SPDX-License-Identifier: Apache-2.0 */
#include "client/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct json_object *keep(hedgec_json_t *json, struct json_object *object)
{
        if (!object)
                json->failed = 1;
        return object;
}

struct json_object *hedgec_json_object(hedgec_json_t *json)
{
        return keep(json, json_object_new_object());
}

struct json_object *hedgec_json_array(hedgec_json_t *json)
{
        return keep(json, json_object_new_array());
}

static void attach(hedgec_json_t *json, struct json_object *to, const char *name, struct json_object *value)
{
        int r = -1;

        if (to)
                r = name ? json_object_object_add(to, name, value) : json_object_array_add(to, value);
        if (r < 0) {
                json_object_put(value);
                json->failed = 1;
        }
}

void hedgec_json_add(hedgec_json_t *json, struct json_object *to, const char *name, struct json_object *value)
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

void hedgec_json_add_string(hedgec_json_t *json, struct json_object *to, const char *name, const char *value)
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
        hedgec_json_add(json, to, name, keep(json, json_object_new_string(copy)));
        free(copy);
}

void hedgec_json_add_null(hedgec_json_t *json, struct json_object *to, const char *name)
{
        attach(json, to, name, NULL);
}

void hedgec_json_add_bool(hedgec_json_t *json, struct json_object *to, const char *name, int value)
{
        hedgec_json_add(json, to, name, keep(json, json_object_new_boolean(value)));
}

void hedgec_json_add_uint(hedgec_json_t *json, struct json_object *to, const char *name, uint64_t value)
{
        hedgec_json_add(json, to, name, keep(json, json_object_new_uint64(value)));
}

void hedgec_json_add_double(hedgec_json_t *json, struct json_object *to, const char *name, double value, int digits)
{
        char text[40];

        if (!isfinite(value)) {
                hedgec_json_add_null(json, to, name);
                return;
        }
        snprintf(text, sizeof(text), "%.*g", digits, value);
        hedgec_json_add(json, to, name, keep(json, json_object_new_double_s(value, text)));
}

void hedgec_json_add_shape(hedgec_json_t *json, struct json_object *to, const char *name, const hedge_shape_t *shape)
{
        struct json_object *array = hedgec_json_array(json);

        for (uint32_t i = 0; i < shape->rank; i++)
                hedgec_json_add_uint(json, array, NULL, shape->dims[i]);
        hedgec_json_add(json, to, name, array);
}

int hedgec_json_print(hedgec_json_t *json, int pretty, FILE *out)
{
        int flags = JSON_C_TO_STRING_NOSLASHESCAPE | (pretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED : 0);
        const char *text = json->failed ? NULL : json_object_to_json_string_ext(json->root, flags);

        if (text)
                fprintf(out, "%s\n", text);
        json_object_put(json->root);
        json->root = NULL;
        return text ? 0 : -ENOMEM;
}
