/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CLIENT_TABLE_H
#define HEDGE_CLIENT_TABLE_H

#include <stdio.h>

/** Text tables: columns as wide as their widest cell, numbers to the right, at most 80 columns wide in all.
 * Where the cells want more, the columns marked `shrink` are cut, with "~" in place of what is missing. */
typedef struct hedge_table hedge_table_t;

#define HEDGE_TABLE_WIDTH 80

typedef struct hedge_column {
        const char *title;                                  /**< NULL ends the list */
        enum { HEDGE_LEFT, HEDGE_RIGHT, HEDGE_TAIL } align; /**< TAIL: to the left, and where it is cut its end stays */
        int shrink;                                         /**< may be cut down to this many characters; 0: never */
} hedge_column_t;

/** @param columns Borrowed. @return NULL when there is no memory. */
hedge_table_t *hedge_table_new(const hedge_column_t *columns);
void hedge_table_destroy(hedge_table_t **table);

/** Add the next cell, row by row (printf style). Control characters are replaced. A table that ran out of memory says
 * so when it is printed. */
void hedge_table_cell(hedge_table_t *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Print title and rows, each line indented by `indent` spaces. @return 0, -ENOMEM (a cell was lost). */
int hedge_table_print(const hedge_table_t *table, int indent, FILE *out);

/** Human forms, in a buffer of the thread (eight in turn): "1.5 GB", "235 ms" or "3 h 12 min", "1.23 G". */
const char *hedge_text_bytes(unsigned long long bytes);
const char *hedge_text_duration(unsigned long long ms);
const char *hedge_text_count(unsigned long long count);

#endif
