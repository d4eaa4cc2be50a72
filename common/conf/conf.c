/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/conf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf/tree.h"
#include "common/conf/value.h"
#include "common/io/file.h"

#define PATH_MAX_BYTES 256
#define NO_LIMIT_ITEMS 4096 /* of a list whose row has no bounds */

typedef struct reader {
        const char *name;
        hedge_why_t *why;
} reader_t;

static int fill(reader_t *r, const hedge_conf_row_t *rows, const hedge_yaml_t *node, const char *prefix,
                void *structure);

static void *field(const hedge_conf_row_t *row, void *structure)
{
        return (char *)structure + row->offset;
}

/* "name:line: key: text" */
static int complain(reader_t *r, int code, unsigned line, const char *prefix, const char *key, const char *text)
{
        char shown[128];

        return hedge_why(r->why, code, "%s:%u: %s%s: %s", r->name, line, prefix,
                         hedge_yaml_printable(key, shown, sizeof(shown)), text);
}

/* Edit distance between two short words, at most 63 characters looked at. */
static unsigned distance(const char *a, const char *b)
{
        unsigned row[64], n = (unsigned)strnlen(b, 63), diagonal, above;

        for (unsigned j = 0; j <= n; j++)
                row[j] = j;
        for (unsigned i = 1; i < 64 && a[i - 1]; i++) {
                diagonal = row[0];
                row[0] = i;
                for (unsigned j = 1; j <= n; j++) {
                        unsigned best = diagonal + (a[i - 1] != b[j - 1]);

                        above = row[j];
                        if (above + 1 < best)
                                best = above + 1;
                        if (row[j - 1] + 1 < best)
                                best = row[j - 1] + 1;
                        diagonal = above;
                        row[j] = best;
                }
        }
        return row[n];
}

static const hedge_conf_row_t *nearest(const hedge_conf_row_t *rows, const char *path)
{
        const hedge_conf_row_t *best = NULL;
        unsigned best_distance = 1 + (unsigned)strlen(path) / 3;

        for (; rows->path; rows++) {
                unsigned d = distance(path, rows->path);

                if (d <= best_distance && (!best || d < best_distance)) {
                        best_distance = d;
                        best = rows;
                }
        }
        return best;
}

/* The right last word in the wrong section, or at the top. */
static const hedge_conf_row_t *elsewhere(const hedge_conf_row_t *rows, const char *path)
{
        const char *word = strrchr(path, '.');

        word = word ? word + 1 : path;
        for (; rows->path; rows++) {
                const char *last = strrchr(rows->path, '.');

                if (!strcmp(last ? last + 1 : rows->path, word))
                        return rows;
        }
        return NULL;
}

static int unknown_key(reader_t *r, const hedge_conf_row_t *rows, const hedge_yaml_t *node, const char *prefix,
                       const char *path)
{
        const hedge_conf_row_t *near = elsewhere(rows, path);
        char text[PATH_MAX_BYTES + 64];

        if (!near)
                near = nearest(rows, path);
        if (near)
                snprintf(text, sizeof(text), "is not a known key; did you mean %s%s?", prefix, near->path);
        else
                snprintf(text, sizeof(text), "is not a known key");
        return complain(r, HEDGE_ECONFIG, node->line, prefix, path, text);
}

static bool is_key(const hedge_conf_row_t *rows, const char *path)
{
        while (rows->path && strcmp(rows->path, path))
                rows++;
        return rows->path;
}

static bool is_section(const hedge_conf_row_t *rows, const char *path)
{
        size_t n = strlen(path);

        while (rows->path && (strncmp(rows->path, path, n) || rows->path[n] != '.'))
                rows++;
        return rows->path;
}

static int check_twice(reader_t *r, const hedge_yaml_t *first, const hedge_yaml_t *node, const char *prefix,
                       const char *path)
{
        char text[64];

        for (; first != node; first = first->next) {
                if (strcmp(first->key, node->key))
                        continue;
                snprintf(text, sizeof(text), "is given twice, first in line %u", first->line);
                return complain(r, HEDGE_ECONFIG, node->line, prefix, path, text);
        }
        return 0;
}

/* Every key of a mapping is known and given once; so for the sections below it. `above` is the section's path. */
static int check_keys(reader_t *r, const hedge_conf_row_t *rows, const hedge_yaml_t *map, const char *prefix,
                      const char *above)
{
        char path[PATH_MAX_BYTES];
        int err = 0;

        for (const hedge_yaml_t *node = map->children; node && !err; node = node->next) {
                snprintf(path, sizeof(path), "%s%s%s", above, *above ? "." : "", node->key);
                if (strchr(node->key, '.') || strlen(node->key) >= sizeof(path) / 4)
                        return unknown_key(r, rows, node, prefix, path);
                /* unknown keys end the walk, so that this stays as short as the table */
                if (is_key(rows, path) || is_section(rows, path))
                        err = check_twice(r, map->children, node, prefix, path);
                else
                        return unknown_key(r, rows, node, prefix, path);
                if (err < 0 || !is_section(rows, path) || hedge_yaml_is_null(node))
                        continue;
                if (node->kind != HEDGE_YAML_MAPPING)
                        return complain(r, HEDGE_ECONFIG, node->line, prefix, path, "wants keys below it");
                err = check_keys(r, rows, node, prefix, path);
        }
        return err;
}

/* The node at a dotted path, or NULL. */
static const hedge_yaml_t *find(const hedge_yaml_t *node, const char *path)
{
        while (node && *path) {
                size_t n = strcspn(path, ".");

                for (node = node->children; node; node = node->next)
                        if (!strncmp(node->key, path, n) && !node->key[n])
                                break;
                path += n + (path[n] == '.');
        }
        return node;
}

static int fill_list(reader_t *r, const hedge_conf_row_t *row, const hedge_yaml_t *node, const char *prefix,
                     void *structure)
{
        hedge_conf_list_t *list = field(row, structure);
        size_t most = hedge_conf_is_bounded(row) ? (size_t)row->max : NO_LIMIT_ITEMS;
        char path[PATH_MAX_BYTES], text[64];
        int err = 0;

        if (node->kind != HEDGE_YAML_SEQUENCE)
                return complain(r, HEDGE_ECONFIG, node->line, prefix, row->path,
                                hedge_yaml_is_null(node) ? "has no value" : "wants a list");
        if (node->count > most || (double)node->count < row->min) {
                snprintf(text, sizeof(text), "has %zu items, %s than %zu", node->count,
                         node->count > most ? "more" : "fewer", node->count > most ? most : (size_t)row->min);
                return complain(r, HEDGE_ECONFIG, node->line, prefix, row->path, text);
        }
        if (!node->count)
                return 0;
        list->items = calloc(node->count, row->element_size);
        if (!list->items)
                return complain(r, -ENOMEM, node->line, prefix, row->path, hedge_strerror(-ENOMEM));
        for (const hedge_yaml_t *item = node->children; item && !err; item = item->next) {
                snprintf(path, sizeof(path), "%s%s[%zu].", prefix, row->path, list->count);
                if (item->kind != HEDGE_YAML_MAPPING)
                        return complain(r, HEDGE_ECONFIG, item->line, prefix, row->path,
                                        "wants items made of keys with values");
                err = fill(r, row->element, item, path, (char *)list->items + list->count * row->element_size);
                list->count++; /* also a half-filled one: release frees it */
        }
        return err;
}

static int fill_preset(reader_t *r, const hedge_conf_row_t *row, const char *prefix, void *structure)
{
        hedge_yaml_t *node = NULL;
        hedge_yaml_t empty = { .kind = HEDGE_YAML_SCALAR, .quoted = true, .text = (char[]){ "" } };
        int err;

        if (!*row->preset && row->type == HEDGE_CONF_STRING)
                return hedge_conf_value_read(row, &empty, field(row, structure), r->why);
        err = hedge_yaml_parse("default", row->preset, strlen(row->preset), &node, r->why);
        if (!err && row->type == HEDGE_CONF_LIST)
                err = fill_list(r, row, node, prefix, structure);
        else if (!err)
                err = hedge_conf_value_read(row, node, field(row, structure), r->why);
        hedge_yaml_destroy(&node);
        return err;
}

static int fill_row(reader_t *r, const hedge_conf_row_t *row, const hedge_yaml_t *map, const char *prefix,
                    void *structure)
{
        const hedge_yaml_t *node = find(map, row->path);
        hedge_why_t why = { .text = "" };
        int err;

        if (node && row->type == HEDGE_CONF_LIST)
                return fill_list(r, row, node, prefix, structure);
        if (!node && row->preset)
                return fill_preset(r, row, prefix, structure);
        if (!node)
                return complain(r, HEDGE_ECONFIG, map->line, prefix, row->path, "is required");
        err = hedge_conf_value_read(row, node, field(row, structure), &why);
        return err < 0 ? complain(r, err, node->line, prefix, row->path, why.text) : 0;
}

/* Fill one structure from a mapping; `prefix` is the path before its keys, "boards[2]." for an item of a list. */
static int fill(reader_t *r, const hedge_conf_row_t *rows, const hedge_yaml_t *node, const char *prefix,
                void *structure)
{
        int err;

        err = check_keys(r, rows, node, prefix, "");
        for (; rows->path && !err; rows++)
                err = fill_row(r, rows, node, prefix, structure);
        return err;
}

int hedge_conf_parse(const hedge_conf_row_t *rows, const char *name, const char *text, size_t size, void *structure,
                     hedge_why_t *why)
{
        reader_t r = { .name = name, .why = why };
        hedge_yaml_t *root = NULL;
        int err;

        err = hedge_yaml_parse(name, text, size, &root, why);
        if (err < 0)
                return err;
        if (root->kind != HEDGE_YAML_MAPPING)
                err = hedge_why(why, HEDGE_ECONFIG, "%s:%u: wants keys with values", name, root->line);
        else
                err = fill(&r, rows, root, "", structure);
        if (err < 0)
                hedge_conf_release(rows, structure);
        hedge_yaml_destroy(&root);
        return err;
}

int hedge_conf_load(const hedge_conf_row_t *rows, const char *path, void *structure, hedge_why_t *why)
{
        char *text = NULL;
        size_t size = 0;
        int err;

        if (!path)
                return hedge_conf_parse(rows, "default configuration", "", 0, structure, why);
        err = hedge_io_read_file(path, HEDGE_YAML_MAX_BYTES, &text, &size);
        if (err == HEDGE_ELIMIT)
                return hedge_why(why, HEDGE_ECONFIG, "%s: is larger than %u bytes", path, HEDGE_YAML_MAX_BYTES);
        if (err < 0)
                return hedge_why(why, err, "%s: cannot be read: %s", path, hedge_strerror(err));
        err = hedge_conf_parse(rows, path, text, size, structure, why);
        free(text);
        return err;
}

void hedge_conf_release(const hedge_conf_row_t *rows, void *structure)
{
        static const size_t sizes[] = {
                [HEDGE_CONF_UINT] = sizeof(uint64_t),
                [HEDGE_CONF_BYTES] = sizeof(uint64_t),
                [HEDGE_CONF_FLOAT] = sizeof(double),
                [HEDGE_CONF_BOOL] = sizeof(bool),
                [HEDGE_CONF_STRING] = sizeof(char *),
                [HEDGE_CONF_CHOICE] = sizeof(unsigned),
                [HEDGE_CONF_FLOATS] = sizeof(hedge_conf_floats_t),
                [HEDGE_CONF_LIST] = sizeof(hedge_conf_list_t),
                [HEDGE_CONF_STRINGS] = sizeof(hedge_conf_strings_t),
        };

        for (; rows->path; rows++) {
                void *value = field(rows, structure);
                hedge_conf_list_t *list = value;

                if (rows->type == HEDGE_CONF_STRING)
                        free(*(char **)value);
                if (rows->type == HEDGE_CONF_STRINGS)
                        hedge_conf_strings_release(value);
                if (rows->type == HEDGE_CONF_LIST) {
                        for (size_t i = 0; i < list->count; i++)
                                hedge_conf_release(rows->element, (char *)list->items + i * rows->element_size);
                        free(list->items);
                }
                memset(value, 0, sizes[rows->type]);
        }
}
