/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf/value.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define N_FLOATS (sizeof(((hedge_conf_floats_t *)0)->values) / sizeof(double))

static const char bytes_suffixes[] = "KMGT";

bool hedge_conf_is_bounded(const hedge_conf_row_t *row)
{
        return row->min != 0 || row->max != 0;
}

char *hedge_conf_number_text(const hedge_conf_row_t *row, double value, char *buf, size_t size)
{
        int power = -1;

        if (row->type == HEDGE_CONF_BYTES)
                for (; power < 3 && value >= 1024 && fmod(value, 1024) == 0; power++)
                        value /= 1024;
        snprintf(buf, size, "%.15g%.*s", value, power >= 0, power >= 0 ? bytes_suffixes + power : "");
        return buf;
}

int hedge_conf_check_range(const hedge_conf_row_t *row, double value, const char *what, hedge_why_t *why)
{
        char bound[32];

        if (!hedge_conf_is_bounded(row) || (value >= row->min && value <= row->max))
                return 0;
        return hedge_why(why, HEDGE_ECONFIG, "%s is %s %s", what, value < row->min ? "below" : "above",
                         hedge_conf_number_text(row, value < row->min ? row->min : row->max, bound, sizeof(bound)));
}

static int complain(const char *text, const char *what, hedge_why_t *why)
{
        char buf[64];

        return hedge_why(why, HEDGE_ECONFIG, "%s %s", hedge_yaml_printable(text, buf, sizeof(buf)), what);
}

static int read_digits(const char *text, size_t n, uint64_t *ret)
{
        uint64_t value = 0;

        if (!n || (n > 1 && text[0] == '0')) /* YAML 1.1 reads 010 as 8: refused rather than guessed */
                return -EINVAL;
        for (size_t i = 0; i < n; i++) {
                if (text[i] < '0' || text[i] > '9')
                        return -EINVAL;
                if (__builtin_mul_overflow(value, 10, &value) ||
                    __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value))
                        return -ERANGE;
        }
        *ret = value;
        return 0;
}

static int read_uint(const hedge_conf_row_t *row, const hedge_yaml_t *node, uint64_t *ret, hedge_why_t *why)
{
        uint64_t value;
        int r;

        r = read_digits(node->text, strlen(node->text), &value);
        if (r == -ERANGE)
                return complain(node->text, "is too large", why);
        if (r < 0)
                return complain(node->text, "is not a whole number", why);
        r = hedge_conf_check_range(row, (double)value, node->text, why);
        if (!r)
                *ret = value;
        return r;
}

static int read_bytes(const hedge_conf_row_t *row, const hedge_yaml_t *node, uint64_t *ret, hedge_why_t *why)
{
        size_t n = strlen(node->text);
        const char *suffix = n ? strchr(bytes_suffixes, node->text[n - 1]) : NULL;
        uint64_t value;
        int r;

        r = read_digits(node->text, suffix ? n - 1 : n, &value);
        if (!r && suffix && __builtin_mul_overflow(value, 1ull << 10 * (suffix - bytes_suffixes + 1), &value))
                r = -ERANGE;
        if (r == -ERANGE)
                return complain(node->text, "is too large", why);
        if (r < 0)
                return complain(node->text, "is not a number of bytes such as 4096, 512M or 2G", why);
        r = hedge_conf_check_range(row, (double)value, node->text, why);
        if (!r)
                *ret = value;
        return r;
}

static int read_float(const hedge_conf_row_t *row, const hedge_yaml_t *node, double *ret, hedge_why_t *why)
{
        size_t n = strlen(node->text);
        char *end = NULL;
        double value = 0;
        int r;

        if (n && strspn(node->text, "0123456789+-.eE") == n)
                value = strtod(node->text, &end);
        if (!end || *end || end == node->text || !isfinite(value))
                return complain(node->text, "is not a number", why);
        r = hedge_conf_check_range(row, value, node->text, why);
        if (!r)
                *ret = value;
        return r;
}

static int read_bool(const hedge_yaml_t *node, bool *ret, hedge_why_t *why)
{
        static const char *const words[] = { "false", "true", "no", "yes", "off", "on" };

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
                if (!strcmp(node->text, words[i])) {
                        *ret = i & 1;
                        return 0;
                }
        }
        return complain(node->text, "is neither true nor false", why);
}

static int read_string(const hedge_conf_row_t *row, const hedge_yaml_t *node, char **ret, hedge_why_t *why)
{
        char what[48];
        int r;

        snprintf(what, sizeof(what), "its length of %zu", strlen(node->text));
        r = hedge_conf_check_range(row, (double)strlen(node->text), what, why);
        if (r < 0)
                return r;
        *ret = strdup(node->text);
        return *ret ? 0 : hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
}

static int read_choice(const hedge_conf_row_t *row, const hedge_yaml_t *node, unsigned *ret, hedge_why_t *why)
{
        char range[256], what[288];

        for (unsigned i = 0; row->choices[i]; i++) {
                if (!strcmp(node->text, row->choices[i])) {
                        *ret = i;
                        return 0;
                }
        }
        snprintf(what, sizeof(what), "is not %s", hedge_conf_range_text(row, range, sizeof(range)));
        return complain(node->text, what, why);
}

static int read_floats(const hedge_conf_row_t *row, const hedge_yaml_t *node, hedge_conf_floats_t *ret,
                       hedge_why_t *why)
{
        hedge_conf_floats_t list = { .count = 0 };
        int r;

        if (node->kind != HEDGE_YAML_SEQUENCE)
                return hedge_why(why, HEDGE_ECONFIG, "wants a list of numbers such as [0.5, 0.5], not %s",
                                 hedge_yaml_kind_text(node));
        if (node->count > N_FLOATS)
                return hedge_why(why, HEDGE_ECONFIG, "has %zu numbers, more than %zu", node->count, N_FLOATS);
        for (const hedge_yaml_t *item = node->children; item; item = item->next) {
                if (item->kind != HEDGE_YAML_SCALAR || item->quoted)
                        return hedge_why(why, HEDGE_ECONFIG, "every item must be a number");
                r = read_float(row, item, &list.values[list.count], why);
                if (r < 0)
                        return r;
                list.count++;
        }
        *ret = list;
        return 0;
}

void hedge_conf_strings_release(hedge_conf_strings_t *strings)
{
        for (size_t i = 0; i < strings->count; i++)
                free(strings->items[i]);
        free(strings->items);
        *strings = (hedge_conf_strings_t){ .count = 0 };
}

static int read_strings(const hedge_conf_row_t *row, const hedge_yaml_t *node, hedge_conf_strings_t *ret,
                        hedge_why_t *why)
{
        bool is_list = node->kind == HEDGE_YAML_SEQUENCE;
        const hedge_yaml_t *item = is_list ? node->children : node;
        size_t count = is_list ? node->count : 1;
        hedge_conf_strings_t list = { .is_list = is_list };
        char what[48];
        int r;

        if (node->kind == HEDGE_YAML_MAPPING || hedge_yaml_is_null(node))
                return hedge_why(why, HEDGE_ECONFIG, "wants text or a list of texts");
        snprintf(what, sizeof(what), "its count of %zu", count);
        r = hedge_conf_check_range(row, (double)count, what, why);
        if (r < 0)
                return r;
        list.items = calloc(count + 1, sizeof(*list.items));
        for (; list.items && list.count < count; item = item->next) {
                if (item->kind != HEDGE_YAML_SCALAR) {
                        r = hedge_why(why, HEDGE_ECONFIG, "every item must be text");
                        break;
                }
                list.items[list.count] = strdup(item->text);
                if (!list.items[list.count])
                        break;
                list.count++;
        }
        if (!r && list.count < count)
                r = hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
        if (r < 0)
                hedge_conf_strings_release(&list);
        else
                *ret = list;
        return r;
}

int hedge_conf_value_read(const hedge_conf_row_t *row, const hedge_yaml_t *node, void *value, hedge_why_t *why)
{
        if (row->type == HEDGE_CONF_FLOATS)
                return read_floats(row, node, value, why);
        if (row->type == HEDGE_CONF_STRINGS)
                return read_strings(row, node, value, why);
        if (node->kind != HEDGE_YAML_SCALAR)
                return hedge_why(why, HEDGE_ECONFIG, "wants one value, not %s", hedge_yaml_kind_text(node));
        if (hedge_yaml_is_null(node))
                return hedge_why(why, HEDGE_ECONFIG, "has no value");
        if (node->quoted && row->type != HEDGE_CONF_STRING && row->type != HEDGE_CONF_CHOICE)
                return complain(node->text, "must be written without quotes", why);
        switch (row->type) {
        case HEDGE_CONF_UINT:
                return read_uint(row, node, value, why);
        case HEDGE_CONF_BYTES:
                return read_bytes(row, node, value, why);
        case HEDGE_CONF_FLOAT:
                return read_float(row, node, value, why);
        case HEDGE_CONF_BOOL:
                return read_bool(node, value, why);
        case HEDGE_CONF_STRING:
                return read_string(row, node, value, why);
        case HEDGE_CONF_CHOICE:
                return read_choice(row, node, value, why);
        default:
                return hedge_why(why, HEDGE_ECONFIG, "is not a single value");
        }
}

static void choices_text(const char *const *choices, char *buf, size_t size)
{
        size_t used = 0;

        buf[0] = 0;
        for (unsigned i = 0; choices[i] && used < size; i++) {
                const char *between = !i ? "" : choices[i + 1] ? ", " : " or ";

                used += (size_t)snprintf(buf + used, size - used, "%s%s", between, choices[i]);
        }
}

char *hedge_conf_range_text(const hedge_conf_row_t *row, char *buf, size_t size)
{
        char lo[32], hi[32];
        const char *unit = row->unit ? row->unit : "", *space = row->unit ? " " : "";

        snprintf(buf, size, "%s", unit);
        if (row->type == HEDGE_CONF_CHOICE)
                choices_text(row->choices, buf, size);
        if (row->type == HEDGE_CONF_BOOL)
                snprintf(buf, size, "true or false");
        if (row->type >= HEDGE_CONF_BOOL && row->type != HEDGE_CONF_FLOATS)
                return buf;
        hedge_conf_number_text(row, row->min, lo, sizeof(lo));
        hedge_conf_number_text(row, row->max, hi, sizeof(hi));
        if (!hedge_conf_is_bounded(row))
                return buf;
        if (isinf(row->max) && isinf(row->min))
                return buf;
        if (isinf(row->max))
                snprintf(buf, size, "at least %s%s%s", lo, space, unit);
        else if (isinf(row->min))
                snprintf(buf, size, "at most %s%s%s", hi, space, unit);
        else
                snprintf(buf, size, "%s to %s%s%s", lo, hi, space, unit);
        return buf;
}
