/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CONF_H
#define HEDGE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"

/** YAML configuration by schema table.
 *
 * One row gives a key's path, type, range, default, unit and help. The parser, `--check-config`, the commented example
 * files (`--print-config`) and the option lists of the man pages come from it. Unknown keys, duplicates, wrong types and
 * values out of range are errors with file and line: `hedged.yaml:14: cluster.heartbeat_ms: 20 is below 100`.
 * Of YAML only the plain part is read: one UTF-8 document of at most 1 MiB, no anchors, aliases or tags. A section
 * without keys below it is an empty one, so that all its keys may stay commented out. */
typedef enum hedge_conf_type {
        HEDGE_CONF_UINT,    /**< uint64_t */
        HEDGE_CONF_BYTES,   /**< uint64_t; "512M", "2G" (powers of 1024) */
        HEDGE_CONF_FLOAT,   /**< double */
        HEDGE_CONF_BOOL,    /**< bool */
        HEDGE_CONF_STRING,  /**< char *, owned by the structure; min and max are lengths */
        HEDGE_CONF_CHOICE,  /**< unsigned: index into `choices` */
        HEDGE_CONF_FLOATS,  /**< hedge_conf_floats_t; min and max bound every entry */
        HEDGE_CONF_STRINGS, /**< hedge_conf_strings_t; min and max bound the number of strings */
        HEDGE_CONF_LIST,    /**< hedge_conf_list_t of structures described by `element` */
} hedge_conf_type_t;

typedef struct hedge_conf_floats {
        double values[16];
        unsigned count;
} hedge_conf_floats_t;

typedef struct hedge_conf_strings {
        char **items; /**< count strings, owned */
        size_t count;
        bool is_list; /**< written as a list; false: one string alone */
} hedge_conf_strings_t;

typedef struct hedge_conf_row hedge_conf_row_t;

typedef struct hedge_conf_list {
        void *items; /**< count structures of element_size bytes, owned */
        size_t count;
} hedge_conf_list_t;

struct hedge_conf_row {
        const char *path; /**< "cluster.heartbeat_ms"; NULL ends the table */
        hedge_conf_type_t type;
        size_t offset;                   /**< of the value in the structure */
        double min, max;                 /**< inclusive; for LIST and STRINGS of the count; both 0: no bounds */
        const char *preset;              /**< default, as it would be written in YAML; NULL: the key is required */
        const char *unit;                /**< "ms", "bytes", ... or NULL */
        const char *help;                /**< a sentence or two */
        const char *const *choices;      /**< CHOICE: names, NULL at the end */
        const hedge_conf_row_t *element; /**< LIST: rows of an item */
        size_t element_size;             /**< LIST */
};

/** Fill a zeroed structure from a file (or only with the defaults: path NULL).
 * @param why  "file:line: key: what is wrong".
 * @return 0, HEDGE_ECONFIG, -errno from reading the file. On error the structure is cleared again. */
int hedge_conf_load(const hedge_conf_row_t *rows, const char *path, void *structure, hedge_why_t *why);

/** The same for text in memory; `name` stands in messages. */
int hedge_conf_parse(const hedge_conf_row_t *rows, const char *name, const char *text, size_t size, void *structure,
                     hedge_why_t *why);

/** Free what loading allocated, and clear. */
void hedge_conf_release(const hedge_conf_row_t *rows, void *structure);

/** Write the table as a commented example file, lines of at most 80 columns. Settings are commented out by a '#' without
 * a space and show their defaults, so that the file reads as the defaults; help follows "# ". */
void hedge_conf_print_example(const hedge_conf_row_t *rows, FILE *out);

/** Write the table as mdoc(7) list items, for the inside of a `.Bl -tag`. */
void hedge_conf_print_mdoc(const hedge_conf_row_t *rows, FILE *out);

#endif
