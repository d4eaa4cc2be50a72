/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_TABLE_H
#define HEDGEC_TABLE_H

#include <stdio.h>

/** Text tables: columns as wide as their widest cell, numbers to the right, at most 80 columns wide in all.
 * Where the cells want more, the columns marked `shrink` are cut, with "~" in place of what is missing. */
typedef struct hedgec_table hedgec_table_t;

#define HEDGEC_TABLE_WIDTH 80

typedef struct hedgec_column {
        const char *title; /**< NULL ends the list */
        enum {
                HEDGEC_LEFT,
                HEDGEC_RIGHT,
                HEDGEC_TAIL
        } align;    /**< TAIL: to the left, and where it is cut its end stays */
        int shrink; /**< may be cut down to this many characters; 0: never */
} hedgec_column_t;

/** @param columns Borrowed. @return NULL when there is no memory. */
hedgec_table_t *hedgec_table_new(const hedgec_column_t *columns);
void hedgec_table_destroy(hedgec_table_t **table);

/** Add the next cell, row by row (printf style). Control characters are replaced. A table that ran out of memory says
 * so when it is printed. */
void hedgec_table_cell(hedgec_table_t *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Print title and rows, each line indented by `indent` spaces. @return 0, -ENOMEM (a cell was lost). */
int hedgec_table_print(const hedgec_table_t *table, int indent, FILE *out);

/** Human forms, in a buffer of the thread (eight in turn): "1.5 GB", "235 ms" or "3 h 12 min", "1.23 G". */
const char *hedgec_text_bytes(unsigned long long bytes);
const char *hedgec_text_duration(unsigned long long ms);
const char *hedgec_text_count(unsigned long long count);

#endif
