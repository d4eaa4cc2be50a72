/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CONF_VALUE_H
#define HEDGE_CONF_VALUE_H

#include "common/conf/conf.h"
#include "common/conf/tree.h"

/** One value of a configuration: from its YAML node to its C type, and its range in words. */

/** Convert a node for any type but LIST, and check its range.
 * @param value  Where the row's type goes; written on success. A STRING is allocated.
 * @param why    "what is wrong", without file and key.
 * @return 0, HEDGE_ECONFIG, -ENOMEM. */
int hedge_conf_value_read(const hedge_conf_row_t *row, const hedge_yaml_t *node, void *value, hedge_why_t *why);

/** Free the strings and clear. */
void hedge_conf_strings_release(hedge_conf_strings_t *strings);

/** Does the row bound its values (lengths, items)? Both bounds 0 say no. */
bool hedge_conf_is_bounded(const hedge_conf_row_t *row);

/** Check a number, a length or a count against a row. @param what  How the message names it: "20", "it has 3 items". */
int hedge_conf_check_range(const hedge_conf_row_t *row, double value, const char *what, hedge_why_t *why);

/** A number as we write it: "0.5", "1000", for BYTES "512M". @return buf. */
char *hedge_conf_number_text(const hedge_conf_row_t *row, double value, char *buf, size_t size);

/** Values a row takes, in words: "100 to 60000 ms", "latency, p99 or cost"; empty where there is nothing to say.
 * @return buf. */
char *hedge_conf_range_text(const hedge_conf_row_t *row, char *buf, size_t size);

#endif
