/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CLIENT_OPTIONS_H
#define HEDGE_CLIENT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/err.h"

/** Command line options by table: one row gives an option's name, type, range and help; getopt_long parses.
 *
 * A table may hold rows of another (HEDGE_OPTION_TABLE), so that commands share options. */
typedef enum hedge_option_type {
        HEDGE_OPTION_END,    /**< ends a table */
        HEDGE_OPTION_FLAG,   /**< bool: given */
        HEDGE_OPTION_STRING, /**< const char *: borrowed from argv */
        HEDGE_OPTION_UINT,   /**< uint64_t */
        HEDGE_OPTION_CHOICE, /**< int: index into `choices` */
        HEDGE_OPTION_LIST,   /**< hedge_option_list_t: may be given several times */
        HEDGE_OPTION_TABLE,  /**< the rows of `table` stand here; its offsets begin at `offset` */
} hedge_option_type_t;

#define HEDGE_OPTION_LIST_MAX 32

typedef struct hedge_option_list {
        const char *items[HEDGE_OPTION_LIST_MAX]; /**< borrowed from argv */
        unsigned count;
} hedge_option_list_t;

typedef struct hedge_option hedge_option_t;

struct hedge_option {
        hedge_option_type_t type;
        const char *name; /**< without the two dashes */
        char letter;      /**< short form, or 0 */
        size_t offset;    /**< of the value in the structure of values */
        const char *metavar;
        const char *help;           /**< a short phrase */
        uint64_t min, max;          /**< UINT, inclusive */
        const char *const *choices; /**< CHOICE: names, NULL at the end */
        const hedge_option_t *table;
};

/** Rows of a table: the value is `field` of the structure `type`. */
#define HEDGE_ROW(kind, name_, letter_, type_, field_, metavar_, help_)                                           \
        {                                                                                                         \
                .type = HEDGE_OPTION_##kind, .name = name_, .letter = letter_, .offset = offsetof(type_, field_), \
                .metavar = metavar_, .help = help_                                                                \
        }
#define HEDGE_ROW_UINT(name_, letter_, type_, field_, metavar_, help_, min_, max_)                              \
        {                                                                                                       \
                .type = HEDGE_OPTION_UINT, .name = name_, .letter = letter_, .offset = offsetof(type_, field_), \
                .metavar = metavar_, .help = help_, .min = min_, .max = max_                                    \
        }
#define HEDGE_ROW_CHOICE(name_, letter_, type_, field_, metavar_, help_, choices_)                                \
        {                                                                                                         \
                .type = HEDGE_OPTION_CHOICE, .name = name_, .letter = letter_, .offset = offsetof(type_, field_), \
                .metavar = metavar_, .help = help_, .choices = choices_                                           \
        }
#define HEDGE_ROW_TABLE(type_, field_, table_)                                                 \
        {                                                                                      \
                .type = HEDGE_OPTION_TABLE, .offset = offsetof(type_, field_), .table = table_ \
        }
#define HEDGE_ROW_END                    \
        {                                \
                .type = HEDGE_OPTION_END \
        }

/** Parse argv[1..]; options and operands may mix, `--` ends the options. `--help` is always known.
 *
 * @param values    The structure, already filled with the defaults; only what is given is written.
 * @param argv      Permuted so that the operands come last.
 * @param ret_help  Whether --help (or -h) was given.
 * @param why       The sentence on wrong usage.
 * @return the index of the first operand, or -EINVAL. */
int hedge_options_parse(const hedge_option_t *options, int argc, char **argv, void *values, bool *ret_help,
                        hedge_why_t *why);

/** Write the options, one or two lines of at most 80 columns each. */
void hedge_options_print(const hedge_option_t *options, FILE *out);

/** Parse a whole decimal number. @return 0, -EINVAL (no number), -ERANGE (not in min .. max). */
int hedge_uint_parse(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

#endif
