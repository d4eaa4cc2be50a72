/* SPDX-License-Identifier: Apache-2.0 */
#include "client/job_text.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* A piece of the text that is replaced: [begin, end) becomes `text`. */
typedef struct splice {
        size_t begin, end;
        char *text;
} splice_t;

typedef struct edit {
        const char *name, *text;
        size_t size;
        yaml_document_t document;
        hedge_why_t *why;
} edit_t;

/* libyaml counts characters, not bytes. */
static size_t byte_at(const edit_t *e, const yaml_mark_t *mark)
{
        size_t at = 0;

        for (size_t characters = mark->index; at < e->size; at++)
                if (((unsigned char)e->text[at] & 0xc0) != 0x80 && !characters--)
                        break;
        return at;
}

static int load(edit_t *e)
{
        yaml_parser_t parser;
        int r = 0;

        if (!yaml_parser_initialize(&parser))
                return hedge_why(e->why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
        yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&parser, (const unsigned char *)e->text, e->size);
        if (!yaml_parser_load(&parser, &e->document))
                r = hedge_why(e->why, HEDGE_ECONFIG, "%s:%zu: %s", e->name, parser.problem_mark.line + 1,
                              parser.problem ? parser.problem : "is not YAML");
        yaml_parser_delete(&parser);
        return r;
}

static yaml_node_t *node_of(edit_t *e, int index)
{
        return yaml_document_get_node(&e->document, index);
}

static yaml_node_pair_t *find(edit_t *e, yaml_node_t *mapping, const char *key, size_t length)
{
        yaml_node_pair_t *pair = mapping->data.mapping.pairs.start;

        for (; pair < mapping->data.mapping.pairs.top; pair++) {
                const yaml_node_t *k = node_of(e, pair->key);

                if (k->type == YAML_SCALAR_NODE && k->data.scalar.length == length &&
                    !memcmp(k->data.scalar.value, key, length))
                        return pair;
        }
        return NULL;
}

__attribute__((format(printf, 2, 3))) static int write_text(splice_t *splice, const char *format, ...)
{
        va_list args;
        int length;

        va_start(args, format);
        length = vasprintf(&splice->text, format, args);
        va_end(args);
        if (length < 0)
                splice->text = NULL;
        return length < 0 ? -ENOMEM : 0;
}

/* "a.b" and "1": "a: {b: 1}". */
static char *nest(const char *key, const char *value)
{
        size_t length = strcspn(key, ".");
        char *inner = NULL, *text = NULL;

        if (!key[length])
                return asprintf(&text, "%s: %s", key, value) < 0 ? NULL : text;
        inner = nest(key + length + 1, value);
        if (inner && asprintf(&text, "%.*s: {%s}", (int)length, key, inner) < 0)
                text = NULL;
        free(inner);
        return text;
}

static bool is_line_of_comment(const edit_t *e, size_t line)
{
        while (line < e->size && (e->text[line] == ' ' || e->text[line] == '\t'))
                line++;
        return line < e->size && e->text[line] == '#';
}

/* A list or section ends for libyaml where the next key begins: leave line ends and comments in between. */
static size_t trim(const edit_t *e, const yaml_node_t *node, size_t begin, size_t end)
{
        size_t line;

        for (;;) {
                while (end > begin && isspace((unsigned char)e->text[end - 1]))
                        end--;
                for (line = end; line > begin && e->text[line - 1] != '\n';)
                        line--;
                if (node->type == YAML_SCALAR_NODE || line == begin || !is_line_of_comment(e, line))
                        return end;
                end = line;
        }
}

/* What comes behind a key becomes this value. */
static int replace_value(edit_t *e, const yaml_node_pair_t *pair, const char *value, splice_t *ret)
{
        const yaml_node_t *key = node_of(e, pair->key), *old = node_of(e, pair->value);

        ret->begin = byte_at(e, &key->end_mark);
        ret->end = byte_at(e, &old->end_mark);
        if (ret->end < ret->begin)
                return hedge_why(e->why, HEDGE_ECONFIG, "%s:%zu: aliases are not supported", e->name,
                                 key->start_mark.line + 1);
        ret->end = trim(e, old, ret->begin, ret->end);
        return write_text(ret, ": %s", value);
}

/* A key that is new stands in front of the others. */
static int insert(edit_t *e, yaml_node_t *mapping, const char *key, const char *value, splice_t *ret)
{
        bool empty = mapping->data.mapping.pairs.start == mapping->data.mapping.pairs.top;
        const yaml_mark_t *mark = &mapping->start_mark;
        char *inner = nest(key, value);
        int r = -ENOMEM;

        if (!inner)
                return r;
        if (mapping->data.mapping.style == YAML_FLOW_MAPPING_STYLE) {
                ret->begin = byte_at(e, mark) + 1;
                r = write_text(ret, empty ? "%s" : "%s, ", inner);
        } else {
                mark = &node_of(e, mapping->data.mapping.pairs.start->key)->start_mark;
                ret->begin = byte_at(e, mark);
                r = write_text(ret, "%s\n%*s", inner, (int)mark->column, "");
        }
        ret->end = ret->begin;
        free(inner);
        return r;
}

static int not_a_section(const edit_t *e, const yaml_node_t *node, const char *key, size_t length)
{
        return hedge_why(e->why, -EINVAL, "%s:%zu: %.*s is %s: --set cannot change a key in it", e->name,
                         node->start_mark.line + 1, (int)length, key,
                         node->type == YAML_SEQUENCE_NODE ? "a list" : "no section");
}

/* A section whose keys are all commented out. */
static int begin_section(edit_t *e, const yaml_node_pair_t *pair, const char *key, const char *value, splice_t *ret)
{
        char *inner = nest(key, value), *section = NULL;
        int r = -ENOMEM;

        if (inner && asprintf(&section, "{%s}", inner) < 0)
                section = NULL;
        if (section)
                r = replace_value(e, pair, section, ret);
        free(section);
        free(inner);
        return r;
}

static bool is_empty(const yaml_node_t *node)
{
        return node->type == YAML_SCALAR_NODE && !node->data.scalar.length;
}

/* A text of nothing but comments. */
static int begin_file(const edit_t *e, const char *key, const char *value, splice_t *ret)
{
        char *inner = nest(key, value);
        int r = -ENOMEM;

        ret->begin = ret->end = e->size;
        if (inner)
                r = write_text(ret, "%s%s\n", e->size && e->text[e->size - 1] != '\n' ? "\n" : "", inner);
        free(inner);
        return r;
}

/* Go down the sections of the key as far as there are any. */
static int plan(edit_t *e, const char *key, const char *value, splice_t *ret)
{
        yaml_node_t *node = yaml_document_get_root_node(&e->document);
        const char *rest = key;

        if (!node)
                return begin_file(e, key, value, ret);
        if (node->type != YAML_MAPPING_NODE)
                return hedge_why(e->why, HEDGE_ECONFIG, "%s:1: the file is no list of keys with values", e->name);
        for (;;) {
                size_t length = strcspn(rest, ".");
                yaml_node_pair_t *pair = find(e, node, rest, length);

                if (!pair)
                        return insert(e, node, rest, value, ret);
                rest += length;
                if (!*rest)
                        return replace_value(e, pair, value, ret);
                rest++;
                node = node_of(e, pair->value);
                if (is_empty(node))
                        return begin_section(e, pair, rest, value, ret);
                if (node->type != YAML_MAPPING_NODE)
                        return not_a_section(e, node, key, (size_t)(rest - 1 - key));
        }
}

static int apply(const edit_t *e, const splice_t *splice, char **text, size_t *size)
{
        size_t length = strlen(splice->text), tail = e->size - splice->end;
        char *made = malloc(splice->begin + length + tail + 1);

        if (!made)
                return -ENOMEM;
        memcpy(made, e->text, splice->begin);
        memcpy(made + splice->begin, splice->text, length);
        memcpy(made + splice->begin + length, e->text + splice->end, tail);
        *size = splice->begin + length + tail;
        made[*size] = '\0';
        free(*text);
        *text = made;
        return 0;
}

/* Words with dots between, then the value: what cannot be taken for anything else in YAML. */
static bool is_setting(const char *text)
{
        const char *equals = strchr(text, '=');
        bool word = false;

        if (!equals || strpbrk(text, "\n\r"))
                return false;
        for (const char *c = text; c < equals; c++) {
                if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
                        return false;
                if (*c == '.' && !word)
                        return false;
                word = *c != '.';
        }
        return word;
}

int hedgec_job_text_set(const char *name, char **text, size_t *size, const char *setting, hedge_why_t *why)
{
        edit_t edit = { .name = name, .text = *text, .size = *size, .why = why };
        splice_t splice = { .text = NULL };
        size_t length = strcspn(setting, "=");
        char *key;
        int r;

        if (!is_setting(setting))
                return hedge_why(why, -EINVAL, "'%.80s' is no setting: KEY=VALUE is wanted", setting);
        key = strndup(setting, length);
        if (!key)
                return hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
        r = load(&edit);
        if (!r) {
                r = plan(&edit, key, setting + length + 1, &splice);
                if (!r)
                        r = apply(&edit, &splice, text, size);
                if (r == -ENOMEM)
                        hedge_why(why, r, "%s", hedge_strerror(r));
                yaml_document_delete(&edit.document);
        }
        free(splice.text);
        free(key);
        return r;
}
