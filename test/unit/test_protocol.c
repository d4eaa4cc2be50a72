/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/schema.h"

/* The tables of docs/protocol.md are the schema's: every record has a section "### NAME" whose rows begin with what
 * print_row makes of its fields, in their order. `test_protocol --print` prints them to be filled in. */

static void print_integers(const hedge_field_t *field, char *buf, size_t size)
{
        uint64_t all = field->kind == HEDGE_FIELD_U32 ? UINT32_MAX : UINT64_MAX;

        if (field->min == 0 && field->max == all)
                snprintf(buf, size, "any");
        else
                snprintf(buf, size, "%" PRIu64 " .. %" PRIu64, field->min, field->max);
}

static const char *describe(const hedge_field_t *field, char *bounds, size_t size)
{
        switch (field->kind) {
        case HEDGE_FIELD_U32:
        case HEDGE_FIELD_U64:
                print_integers(field, bounds, size);
                return field->kind == HEDGE_FIELD_U32 ? "u32" : "u64";
        case HEDGE_FIELD_I32:
        case HEDGE_FIELD_F64:
                snprintf(bounds, size, "%g .. %g", field->low, field->high);
                return field->kind == HEDGE_FIELD_I32 ? "i32" : "f64";
        case HEDGE_FIELD_I64:
        case HEDGE_FIELD_F32:
                snprintf(bounds, size, "any");
                return field->kind == HEDGE_FIELD_I64 ? "i64" : "f32";
        case HEDGE_FIELD_BOOL:
                snprintf(bounds, size, "any");
                return "bool";
        case HEDGE_FIELD_TEXT:
        case HEDGE_FIELD_NAME:
                snprintf(bounds, size, "%" PRIu64 " .. %" PRIu64 " bytes", field->min, field->max);
                return field->kind == HEDGE_FIELD_TEXT ? "text" : "name";
        case HEDGE_FIELD_DIGEST:
                snprintf(bounds, size, "%d bytes", HEDGE_DIGEST_BYTES);
                return "digest";
        case HEDGE_FIELD_SHAPE:
                snprintf(bounds, size, "0 .. %d extents", HEDGE_MAX_RANK);
                return "shape";
        case HEDGE_FIELD_CONV:
                snprintf(bounds, size, "%u numbers", HEDGE_CONV_NUMBERS);
                return "conv";
        case HEDGE_FIELD_RECORD:
                snprintf(bounds, size, "its own");
                return field->record->name;
        }
        return "?";
}

static void print_row(const hedge_field_t *field, char *buf, size_t size)
{
        char bounds[80], many[64] = "", type[80];
        const char *kind = describe(field, bounds, sizeof(bounds));

        if (field->many == HEDGE_FIELD_LIST)
                snprintf(many, sizeof(many), "%u .. %u of: ", field->count_min, field->count_max);
        else if (field->many == HEDGE_FIELD_FIXED)
                snprintf(many, sizeof(many), "%u of: ", field->count_max);
        snprintf(type, sizeof(type), field->many == HEDGE_FIELD_ONE ? "%.70s" : "[%.70s]", kind);
        snprintf(buf, size, "| `%s` | %s | %s | %s%s |", field->key, type, field->required ? "yes" : "", many, bounds);
}

/* Where a record's section begins, and where the next heading is. */
static char *find_section(char *text, const char *name, char **ret_end)
{
        char heading[80], *at;

        snprintf(heading, sizeof(heading), "\n### %s", name);
        for (at = text; (at = strstr(at, heading)); at++) {
                char *after = at + strlen(heading);

                if (*after != '\n' && *after != ' ')
                        continue;
                *ret_end = strstr(after, "\n#");
                if (!*ret_end)
                        *ret_end = after + strlen(after);
                return after;
        }
        fail_msg("docs/protocol.md has no section '### %s'", name);
        return NULL;
}

static void check_record(char *text, const hedge_record_t *record)
{
        char *end = NULL, *at = find_section(text, record->name, &end), row[300];
        unsigned rows = 0;

        for (char *line = at; (line = strstr(line, "\n| `")) && line < end; line++)
                rows++;
        if (rows != record->n_fields)
                fail_msg("docs/protocol.md: %s has %u rows, the schema %u", record->name, rows, record->n_fields);
        for (uint32_t i = 0; i < record->n_fields; i++) {
                const hedge_field_t *field = &record->fields[i];

                print_row(field, row, sizeof(row));
                at = strstr(at, row);
                if (!at || at > end)
                        fail_msg("docs/protocol.md: %s should have (here): %s", record->name, row);
                if (field->kind == HEDGE_FIELD_RECORD)
                        check_record(text, field->record);
        }
}

static char *read_page(void)
{
        const char *root = getenv("HEDGE_SOURCE_ROOT");
        char path[4096], *text = calloc(1, 1 << 20);
        FILE *file;

        snprintf(path, sizeof(path), "%s/docs/protocol.md", root ? root : ".");
        file = fopen(path, "r");
        assert_non_null(file);
        assert_in_range(fread(text, 1, (1 << 20) - 1, file), 1000, (1 << 20) - 2);
        fclose(file);
        return text;
}

static void the_page_has_every_field_and_its_bounds(void **state)
{
        char *text = read_page();

        for (unsigned type = 1; type < HEDGE_MSG_TYPES; type++)
                check_record(text, &hedge_schema((hedge_message_type_t)type)->record);
        free(text);
}

static void the_page_says_how_many_raw_frames(void **state)
{
        char *text = read_page();

        for (unsigned type = 1; type < HEDGE_MSG_TYPES; type++) {
                const hedge_schema_t *schema = hedge_schema((hedge_message_type_t)type);
                char *end = NULL, *at, line[80], after;

                if (schema->frames_offset)
                        snprintf(line, sizeof(line), "\nRaw frames: one for each of");
                else if (schema->frames_min == schema->frames_max)
                        snprintf(line, sizeof(line), "\nRaw frames: %u", schema->frames_min);
                else
                        snprintf(line, sizeof(line), "\nRaw frames: %u to %u", schema->frames_min, schema->frames_max);
                at = find_section(text, schema->record.name, &end);
                after = *end;
                *end = 0;
                at = strstr(at, schema->frames_max ? line : "\nRaw frames");
                if (!at != !schema->frames_max)
                        fail_msg("docs/protocol.md: %s: wrong or no '%s'", schema->record.name, line + 1);
                *end = after;
        }
        free(text);
}

static void print_record(const hedge_record_t *record)
{
        char row[300];

        printf("\n### %s\n\n| Key | Type | Must | Bounds | Meaning |\n|---|---|---|---|---|\n", record->name);
        for (uint32_t i = 0; i < record->n_fields; i++) {
                print_row(&record->fields[i], row, sizeof(row));
                printf("%s\n", row);
        }
        for (uint32_t i = 0; i < record->n_fields; i++)
                if (record->fields[i].kind == HEDGE_FIELD_RECORD)
                        print_record(record->fields[i].record);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_page_has_every_field_and_its_bounds),
                cmocka_unit_test(the_page_says_how_many_raw_frames),
        };

        if (argc == 2 && !strcmp(argv[1], "--print")) {
                for (unsigned type = 1; type < HEDGE_MSG_TYPES; type++)
                        print_record(&hedge_schema((hedge_message_type_t)type)->record);
                return 0;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
