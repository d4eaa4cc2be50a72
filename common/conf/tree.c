/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "common/io/text.h"

typedef struct reader {
        const char *name;
        const char *text;
        size_t size;
        yaml_parser_t parser;
        hedge_why_t *why;
        hedge_yaml_t *root;
        hedge_yaml_t *open[HEDGE_YAML_MAX_DEPTH]; /* the sequences and mappings that we are inside */
        unsigned depth;
        char *key; /* read, its value not yet */
        unsigned key_line;
        bool document;
} reader_t;

static void free_node(hedge_yaml_t *node)
{
        hedge_yaml_t *child = node->children, *next;

        for (; child; child = next) {
                next = child->next;
                free_node(child);
        }
        free(node->key);
        free(node->text);
        free(node);
}

void hedge_yaml_destroy(hedge_yaml_t **node)
{
        if (node && *node)
                free_node(*node);
        if (node)
                *node = NULL;
}

bool hedge_yaml_is_null(const hedge_yaml_t *node)
{
        return node->kind == HEDGE_YAML_SCALAR && !node->quoted &&
               (!*node->text || !strcmp(node->text, "~") || !strcmp(node->text, "null"));
}

const char *hedge_yaml_kind_text(const hedge_yaml_t *node)
{
        if (node->kind == HEDGE_YAML_SEQUENCE)
                return "a list";
        return node->kind == HEDGE_YAML_MAPPING ? "a section" : "text";
}

char *hedge_yaml_printable(const char *text, char *buf, size_t size)
{
        size_t n = strlen(text), kept = n < size ? n : size - 1;

        for (size_t i = 0; i < kept; i++)
                buf[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
        buf[kept] = 0;
        if (kept == n || size < 5)
                return buf;
        for (kept -= 3; kept > 0 && ((unsigned char)buf[kept] & 0xc0) == 0x80;) /* not inside a character */
                kept--;
        memcpy(buf + kept, "...", 4);
        return buf;
}

static int complain(reader_t *r, unsigned line, const char *what)
{
        return hedge_why(r->why, HEDGE_ECONFIG, "%s:%u: %s", r->name, line, what);
}

/* Does a tab stand before the first word of a line, or at the place in it where the parser stopped? */
static bool has_tab(const reader_t *r, unsigned line, size_t column)
{
        const char *at = r->text, *end = r->text + r->size;

        while (--line && at)
                at = memchr(at, '\n', (size_t)(end - at)) ? (const char *)memchr(at, '\n', (size_t)(end - at)) + 1
                                                          : NULL;
        if (!at)
                return false;
        for (const char *c = at; c < end && (*c == ' ' || *c == '\t'); c++)
                if (*c == '\t')
                        return true;
        return column < (size_t)(end - at) && at[column] == '\t' && !memchr(at, '\n', column);
}

static int parser_error(reader_t *r)
{
        const yaml_parser_t *p = &r->parser;
        unsigned line = (unsigned)p->problem_mark.line + 1;

        if (p->error == YAML_MEMORY_ERROR)
                return -ENOMEM;
        if (p->error == YAML_READER_ERROR)
                line = hedge_text_line(r->text, r->size, p->problem_offset);
        else if (has_tab(r, line, p->problem_mark.column))
                return complain(r, line, "has a tab, which YAML does not take here: indent with spaces");
        if (p->context && p->context_mark.line + 1 != line)
                return hedge_why(r->why, HEDGE_ECONFIG, "%s:%u: %s (%s in line %zu)", r->name, line, p->problem,
                                 p->context, p->context_mark.line + 1);
        return complain(r, line, p->problem ? p->problem : "is not YAML");
}

/* Give a value that begins at this event its place in the tree. */
static int add(reader_t *r, hedge_yaml_kind_t kind, unsigned line, hedge_yaml_t **ret)
{
        hedge_yaml_t *parent = r->depth ? r->open[r->depth - 1] : NULL;
        hedge_yaml_t *node = calloc(1, sizeof(*node));

        if (!node)
                return -ENOMEM;
        node->kind = kind;
        node->line = line;
        if (r->key) {
                node->line = r->key_line;
                node->key = r->key;
                r->key = NULL;
        }
        if (!parent) {
                r->root = node;
        } else {
                *(parent->last ? &parent->last->next : &parent->children) = node;
                parent->last = node;
                parent->count++;
        }
        *ret = node;
        return 0;
}

static int begin(reader_t *r, hedge_yaml_kind_t kind, unsigned line)
{
        hedge_yaml_t *node;
        int err;

        if (r->depth && r->open[r->depth - 1]->kind == HEDGE_YAML_MAPPING && !r->key)
                return complain(r, line, "a key must be text");
        if (r->depth == HEDGE_YAML_MAX_DEPTH)
                return complain(r, line, "is nested too deeply");
        err = add(r, kind, line, &node);
        if (!err)
                r->open[r->depth++] = node;
        return err;
}

static int scalar(reader_t *r, const yaml_event_t *event, unsigned line)
{
        const char *value = (const char *)event->data.scalar.value;
        hedge_yaml_t *node;
        char *text;
        int err;

        if (memchr(value, 0, event->data.scalar.length))
                return complain(r, line, "text must not hold a zero byte");
        text = strdup(value);
        if (!text)
                return -ENOMEM;
        if (r->depth && r->open[r->depth - 1]->kind == HEDGE_YAML_MAPPING && !r->key) {
                r->key = text;
                r->key_line = line;
                return 0;
        }
        err = add(r, HEDGE_YAML_SCALAR, line, &node);
        if (err < 0) {
                free(text);
                return err;
        }
        node->text = text;
        node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        return 0;
}

static bool is_marked(const yaml_event_t *event)
{
        switch (event->type) {
        case YAML_SCALAR_EVENT:
                return event->data.scalar.anchor || event->data.scalar.tag;
        case YAML_SEQUENCE_START_EVENT:
                return event->data.sequence_start.anchor || event->data.sequence_start.tag;
        case YAML_MAPPING_START_EVENT:
                return event->data.mapping_start.anchor || event->data.mapping_start.tag;
        default:
                return event->type == YAML_ALIAS_EVENT;
        }
}

static int take(reader_t *r, const yaml_event_t *event)
{
        unsigned line = (unsigned)event->start_mark.line + 1;

        if (is_marked(event))
                return complain(r, line, "anchors (&), aliases (*) and tags (!) are not allowed");
        switch (event->type) {
        case YAML_DOCUMENT_START_EVENT:
                if (r->document)
                        return complain(r, line, "only one document is allowed");
                r->document = true;
                return 0;
        case YAML_SCALAR_EVENT:
                return scalar(r, event, line);
        case YAML_SEQUENCE_START_EVENT:
                return begin(r, HEDGE_YAML_SEQUENCE, line);
        case YAML_MAPPING_START_EVENT:
                return begin(r, HEDGE_YAML_MAPPING, line);
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT:
                r->depth--;
                return 0;
        default:
                return 0;
        }
}

static int read_events(reader_t *r)
{
        yaml_event_t event;
        bool end = false;
        int err = 0;

        while (!end && !err) {
                if (!yaml_parser_parse(&r->parser, &event))
                        return parser_error(r);
                end = event.type == YAML_STREAM_END_EVENT;
                err = take(r, &event);
                yaml_event_delete(&event);
        }
        return err;
}

int hedge_yaml_parse(const char *name, const char *text, size_t size, hedge_yaml_t **ret, hedge_why_t *why)
{
        reader_t r = { .name = name, .text = text, .size = size, .why = why };
        hedge_yaml_t *node;
        int err;

        if (size > HEDGE_YAML_MAX_BYTES)
                return hedge_why(why, HEDGE_ECONFIG, "%s: is larger than %u bytes", name, HEDGE_YAML_MAX_BYTES);
        if (!yaml_parser_initialize(&r.parser))
                return hedge_why(why, -ENOMEM, "%s: %s", name, hedge_strerror(-ENOMEM));
        r.text += hedge_text_mark(text, size); /* libyaml would count it as a column */
        r.size -= hedge_text_mark(text, size);
        yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&r.parser, (const unsigned char *)r.text, r.size);
        err = read_events(&r);
        if (!err && !r.root)
                err = add(&r, HEDGE_YAML_MAPPING, 1, &node);
        if (err == -ENOMEM)
                hedge_why(why, err, "%s: %s", name, hedge_strerror(err));
        yaml_parser_delete(&r.parser);
        free(r.key);
        if (err < 0)
                hedge_yaml_destroy(&r.root);
        else
                *ret = r.root;
        return err;
}
