/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CONF_TREE_H
#define HEDGE_CONF_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

/** YAML text as a tree that remembers its lines.
 *
 * The plain part of YAML only: one document, no anchors, aliases or tags, so that no input grows when it is read. */

#define HEDGE_YAML_MAX_BYTES (1u << 20)
#define HEDGE_YAML_MAX_DEPTH 16

typedef enum hedge_yaml_kind { HEDGE_YAML_SCALAR, HEDGE_YAML_SEQUENCE, HEDGE_YAML_MAPPING } hedge_yaml_kind_t;

typedef struct hedge_yaml hedge_yaml_t;

struct hedge_yaml {
        hedge_yaml_kind_t kind;
        unsigned line;                 /**< from 1; in a mapping the key's */
        bool quoted;                   /**< SCALAR: written in quotes or as a block */
        char *key;                     /**< in a mapping: the key; else NULL */
        char *text;                    /**< SCALAR: without zero bytes inside; else NULL */
        hedge_yaml_t *children, *last; /**< of a sequence or mapping, in the file's order */
        size_t count;                  /**< children */
        hedge_yaml_t *next;            /**< the parent's next child */
};

/** Read a text. An empty document is an empty mapping.
 * @param name  Stands in the message: "name:line: what is wrong".
 * @return 0, HEDGE_ECONFIG, -ENOMEM. */
int hedge_yaml_parse(const char *name, const char *text, size_t size, hedge_yaml_t **ret, hedge_why_t *why);

/** NULL-safe; nullifies. */
void hedge_yaml_destroy(hedge_yaml_t **node);

/** Is it a value left out (`key:`), `~` or `null`? */
bool hedge_yaml_is_null(const hedge_yaml_t *node);

/** "text", "a list", "a section": for messages. */
const char *hedge_yaml_kind_text(const hedge_yaml_t *node);

/** Copy text for a message: control characters become '?', long text is cut and ends in "...". @return buf. */
char *hedge_yaml_printable(const char *text, char *buf, size_t size);

#endif
