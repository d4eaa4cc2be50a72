/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_OPTIONS_H
#define HEDGEC_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"

/** Command line options by table: one row gives an option's name, type, range and help; getopt_long parses.
 *
 * A table may hold rows of another (HEDGEC_OPTION_TABLE), so that commands share options. */
typedef enum hedgec_option_type {
        HEDGEC_OPTION_END,    /**< ends a table */
        HEDGEC_OPTION_FLAG,   /**< bool: given */
        HEDGEC_OPTION_STRING, /**< const char *: borrowed from argv */
        HEDGEC_OPTION_UINT,   /**< uint64_t */
        HEDGEC_OPTION_CHOICE, /**< int: index into `choices` */
        HEDGEC_OPTION_LIST,   /**< hedgec_option_list_t: may be given several times */
        HEDGEC_OPTION_TABLE,  /**< the rows of `table` stand here; its offsets begin at `offset` */
} hedgec_option_type_t;

#define HEDGEC_OPTION_LIST_MAX 32

typedef struct hedgec_option_list {
        const char *items[HEDGEC_OPTION_LIST_MAX]; /**< borrowed from argv */
        unsigned count;
} hedgec_option_list_t;

typedef struct hedgec_option hedgec_option_t;

struct hedgec_option {
        hedgec_option_type_t type;
        const char *name; /**< without the two dashes */
        char letter;      /**< short form, or 0 */
        size_t offset;    /**< of the value in the structure of values */
        const char *metavar;
        const char *help;           /**< a short phrase */
        uint64_t min, max;          /**< UINT, inclusive */
        const char *const *choices; /**< CHOICE: names, NULL at the end */
        const hedgec_option_t *table;
};

/** Rows of a table: the value is `field` of the structure `type`. */
#define HEDGEC_ROW(kind, name_, letter_, type_, field_, metavar_, help_)                                           \
        {                                                                                                          \
                .type = HEDGEC_OPTION_##kind, .name = name_, .letter = letter_, .offset = offsetof(type_, field_), \
                .metavar = metavar_, .help = help_                                                                 \
        }
#define HEDGEC_ROW_UINT(name_, letter_, type_, field_, metavar_, help_, min_, max_)                              \
        {                                                                                                        \
                .type = HEDGEC_OPTION_UINT, .name = name_, .letter = letter_, .offset = offsetof(type_, field_), \
                .metavar = metavar_, .help = help_, .min = min_, .max = max_                                     \
        }
#define HEDGEC_ROW_CHOICE(name_, letter_, type_, field_, metavar_, help_, choices_)                                \
        {                                                                                                          \
                .type = HEDGEC_OPTION_CHOICE, .name = name_, .letter = letter_, .offset = offsetof(type_, field_), \
                .metavar = metavar_, .help = help_, .choices = choices_                                            \
        }
#define HEDGEC_ROW_TABLE(type_, field_, table_)                                                 \
        {                                                                                       \
                .type = HEDGEC_OPTION_TABLE, .offset = offsetof(type_, field_), .table = table_ \
        }
#define HEDGEC_ROW_END                    \
        {                                 \
                .type = HEDGEC_OPTION_END \
        }

/** Parse argv[1..]; options and operands may mix, `--` ends the options. `--help` is always known.
 *
 * @param values    The structure, already filled with the defaults; only what is given is written.
 * @param argv      Permuted so that the operands come last.
 * @param ret_help  Whether --help (or -h) was given.
 * @param why       The sentence on wrong usage.
 * @return the index of the first operand, or -EINVAL. */
int hedgec_options_parse(const hedgec_option_t *options, int argc, char **argv, void *values, bool *ret_help,
                         hedge_why_t *why);

/** Write the options, one or two lines of at most 80 columns each. */
void hedgec_options_print(const hedgec_option_t *options, FILE *out);

/** Parse a whole decimal number. @return 0, -EINVAL (no number), -ERANGE (not in min .. max). */
int hedgec_uint_parse(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

#endif
