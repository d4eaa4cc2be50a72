/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CLIENT_JSON_H
#define HEDGE_CLIENT_JSON_H

#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>

#include "common/tensor.h"

/** Building JSON with json-c. What could not be made for want of memory is left out, and hedge_json_print fails: so memory
 * is checked once, at the end. */
typedef struct hedge_json {
        struct json_object *root;
        int failed;
} hedge_json_t;

/** @return an object or array to fill; NULL is a failure that every function here takes. */
struct json_object *hedge_json_object(hedge_json_t *json);
struct json_object *hedge_json_array(hedge_json_t *json);

/** Add a member to an object (name) or an element to an array (name NULL). Takes `value` over. */
void hedge_json_add(hedge_json_t *json, struct json_object *to, const char *name, struct json_object *value);

/** Strings that are not UTF-8 have their odd bytes replaced by '?'. */
void hedge_json_add_string(hedge_json_t *json, struct json_object *to, const char *name, const char *value);
void hedge_json_add_null(hedge_json_t *json, struct json_object *to, const char *name);
void hedge_json_add_bool(hedge_json_t *json, struct json_object *to, const char *name, int value);
void hedge_json_add_uint(hedge_json_t *json, struct json_object *to, const char *name, uint64_t value);

/** A number with `digits` significant digits at most; not-a-number and infinities are null, for JSON has none. */
void hedge_json_add_double(hedge_json_t *json, struct json_object *to, const char *name, double value, int digits);
void hedge_json_add_shape(hedge_json_t *json, struct json_object *to, const char *name, const hedge_shape_t *shape);

/** Print on one line (or, `pretty`, on several) and free. @return 0, -ENOMEM. */
int hedge_json_print(hedge_json_t *json, int pretty, FILE *out);

#endif
