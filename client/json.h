/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_JSON_H
#define HEDGEC_JSON_H

#include <json-c/json.h>
#include <stdint.h>
#include <stdio.h>

#include "common/tensor.h"

/** Building JSON with json-c. What could not be made for want of memory is left out, and hedgec_json_print fails: so memory
 * is checked once, at the end. */
typedef struct hedgec_json {
        struct json_object *root;
        int failed;
} hedgec_json_t;

/** @return an object or array to fill; NULL is a failure that every function here takes. */
struct json_object *hedgec_json_object(hedgec_json_t *json);
struct json_object *hedgec_json_array(hedgec_json_t *json);

/** Add a member to an object (name) or an element to an array (name NULL). Takes `value` over. */
void hedgec_json_add(hedgec_json_t *json, struct json_object *to, const char *name, struct json_object *value);

/** Strings that are not UTF-8 have their odd bytes replaced by '?'. */
void hedgec_json_add_string(hedgec_json_t *json, struct json_object *to, const char *name, const char *value);
void hedgec_json_add_null(hedgec_json_t *json, struct json_object *to, const char *name);
void hedgec_json_add_bool(hedgec_json_t *json, struct json_object *to, const char *name, int value);
void hedgec_json_add_uint(hedgec_json_t *json, struct json_object *to, const char *name, uint64_t value);

/** A number with `digits` significant digits at most; not-a-number and infinities are null, for JSON has none. */
void hedgec_json_add_double(hedgec_json_t *json, struct json_object *to, const char *name, double value, int digits);
void hedgec_json_add_shape(hedgec_json_t *json, struct json_object *to, const char *name, const hedge_shape_t *shape);

/** Print on one line (or, `pretty`, on several) and free. @return 0, -ENOMEM. */
int hedgec_json_print(hedgec_json_t *json, int pretty, FILE *out);

#endif
