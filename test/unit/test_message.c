/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <zmq.h>

#include <cmocka.h>
#include <msgpack.h>

#include "common/record/guard.h"
#include "test/unit/random_message.h"

#define ALL_TYPES(type)         \
        unsigned type = 1;      \
        type < HEDGE_MSG_TYPES; \
        type++

static const hedge_wire_limits_t *limits = &hedge_wire_default_limits;

static int unpack(const void *bytes, size_t size, hedge_message_t *ret, hedge_why_t *why)
{
        /* A copy of exactly that size, so that a sanitizer sees a read behind the end. */
        uint8_t *copy = malloc(size ? size : 1);
        int r;

        assert_non_null(copy);
        memcpy(copy, bytes, size);
        r = hedge_message_unpack(copy, size, limits, ret, why);
        free(copy);
        return r;
}

static void every_type_comes_back_as_it_was_sent(void **unused)
{
        static random_blocks_t blocks;
        uint64_t state = 1;

        for (ALL_TYPES(type)) {
                for (unsigned round = 0; round < 60; round++) {
                        hedge_message_t sent, got;
                        hedge_why_t why = { "" };
                        zmq_msg_t header;

                        random_message(&state, type, round, &sent, &blocks);
                        assert_int_equal(hedge_message_pack(&sent, &header), 0);
                        if (unpack(zmq_msg_data(&header), zmq_msg_size(&header), &got, &why) < 0)
                                fail_msg("%s", why.text);
                        assert_true(same_message(&sent, &got));
                        hedge_message_release(&got);
                        assert_null(got.storage);
                        zmq_msg_close(&header);
                        random_release(&blocks);
                }
        }
}

static void the_longest_lists_pass(void **unused)
{
        hedge_digest_t *held = calloc(65537, sizeof(*held));
        hedge_message_t hello = { .type = HEDGE_MSG_HELLO, .hello = { .board = "pi-3", .cores = 4, .held = held } };
        hedge_message_t got;
        zmq_msg_t header;

        hello.hello.n_held = 65536;
        assert_int_equal(hedge_message_pack(&hello, &header), 0);
        assert_int_equal(unpack(zmq_msg_data(&header), zmq_msg_size(&header), &got, NULL), 0);
        assert_int_equal(got.hello.n_held, 65536);
        hedge_message_release(&got);
        zmq_msg_close(&header);
        hello.hello.n_held = 65537;
        assert_int_equal(hedge_message_pack(&hello, &header), -EINVAL);
        free(held);
}

static void a_cut_header_is_malformed(void **unused)
{
        static random_blocks_t blocks;
        uint64_t state = 2;

        for (ALL_TYPES(type)) {
                hedge_message_t sent, got;
                zmq_msg_t header;

                random_message(&state, type, 4, &sent, &blocks);
                assert_int_equal(hedge_message_pack(&sent, &header), 0);
                for (size_t size = 0; size < zmq_msg_size(&header); size++)
                        assert_int_equal(unpack(zmq_msg_data(&header), size, &got, NULL), HEDGE_EMALFORMED);
                zmq_msg_close(&header);
                random_release(&blocks);
        }
}

static void flipped_bits_never_crash(void **unused)
{
        static random_blocks_t blocks;
        uint64_t state = 3;
        unsigned refused = 0;

        for (ALL_TYPES(type)) {
                hedge_message_t sent, got;
                zmq_msg_t header;

                random_message(&state, type, 4, &sent, &blocks);
                assert_int_equal(hedge_message_pack(&sent, &header), 0);
                for (unsigned round = 0; round < 2000; round++) {
                        uint8_t *byte = (uint8_t *)zmq_msg_data(&header) + random_bits(&state) % zmq_msg_size(&header);
                        uint8_t before = *byte;
                        hedge_why_t why = { "" };

                        *byte ^= (uint8_t)(1u << random_bits(&state) % 8);
                        if (unpack(zmq_msg_data(&header), zmq_msg_size(&header), &got, &why) == 0) {
                                hedge_message_release(&got);
                        } else {
                                assert_true(why.text[0]);
                                refused++;
                        }
                        *byte = before;
                }
                zmq_msg_close(&header);
                random_release(&blocks);
        }
        assert_true(refused > 1000);
}

/* ---- every field: its bounds, its type, its presence ---------------------------------------------------------- */

typedef struct editor {
        hedge_message_type_t type;
        msgpack_object *root;
        const char *key; /* for messages of the test */
} editor_t;

static int unpack_edited(const editor_t *editor, hedge_why_t *why)
{
        hedge_message_t got;
        msgpack_sbuffer buffer;
        msgpack_packer packer;
        int r;

        msgpack_sbuffer_init(&buffer);
        msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
        assert_int_equal(msgpack_pack_object(&packer, *editor->root), 0);
        r = unpack(buffer.data, buffer.size, &got, why);
        if (r == 0)
                hedge_message_release(&got);
        msgpack_sbuffer_destroy(&buffer);
        return r;
}

static void expect(const editor_t *editor, msgpack_object *at, msgpack_object instead, int code)
{
        msgpack_object before = *at;
        hedge_why_t why = { "" };
        int r;

        *at = instead;
        r = unpack_edited(editor, &why);
        *at = before;
        if (r != code)
                fail_msg("%s: %s: %d instead of %d (%s)", hedge_message_name(editor->type), editor->key, r, code,
                         why.text);
        /* The sentence names the place. */
        if (code < 0 && (!strstr(why.text, editor->key) || !strstr(why.text, hedge_message_name(editor->type))))
                fail_msg("'%s' does not name %s", why.text, editor->key);
}

static msgpack_object number(uint64_t value)
{
        return (msgpack_object){ .type = MSGPACK_OBJECT_POSITIVE_INTEGER, .via.u64 = value };
}

static msgpack_object negative(int64_t value)
{
        return (msgpack_object){ .type = MSGPACK_OBJECT_NEGATIVE_INTEGER, .via.i64 = value };
}

static msgpack_object real(double value)
{
        return (msgpack_object){ .type = MSGPACK_OBJECT_FLOAT64, .via.f64 = value };
}

static msgpack_object text(const char *bytes, size_t size)
{
        return (msgpack_object){ .type = MSGPACK_OBJECT_STR, .via.str = { (uint32_t)size, bytes } };
}

static msgpack_object list(msgpack_object *elements, uint32_t size)
{
        return (msgpack_object){ .type = MSGPACK_OBJECT_ARRAY, .via.array = { size, elements } };
}

static const msgpack_object nil = { .type = MSGPACK_OBJECT_NIL };

static void try_integer(const editor_t *editor, const hedge_field_t *field, msgpack_object *at)
{
        expect(editor, at, number(field->min), 0);
        expect(editor, at, number(field->max), 0);
        expect(editor, at, negative(-1), HEDGE_EMALFORMED);
        expect(editor, at, real(1), HEDGE_EMALFORMED);
        expect(editor, at, text("1", 1), HEDGE_EMALFORMED);
        if (field->min > 0)
                expect(editor, at, number(field->min - 1), HEDGE_EMALFORMED);
        if (field->max < UINT64_MAX)
                expect(editor, at, number(field->max + 1), HEDGE_ELIMIT);
        if (field->kind == HEDGE_FIELD_U32)
                expect(editor, at, number(UINT64_C(1) << 32), HEDGE_ELIMIT);
}

static void try_real(const editor_t *editor, const hedge_field_t *field, msgpack_object *at)
{
        expect(editor, at, real(field->low), 0);
        expect(editor, at, real(field->high), 0);
        expect(editor, at, number(1), 0);
        expect(editor, at, real(NAN), HEDGE_EMALFORMED);
        expect(editor, at, real(-INFINITY), HEDGE_EMALFORMED);
        expect(editor, at, real(field->low - 1), HEDGE_EMALFORMED);
        expect(editor, at, real(INFINITY), isinf(field->high) ? 0 : HEDGE_ELIMIT);
        expect(editor, at, text("1", 1), HEDGE_EMALFORMED);
}

static void try_text(const editor_t *editor, const hedge_field_t *field, msgpack_object *at)
{
        char long_text[1024];

        memset(long_text, 'a', sizeof(long_text));
        expect(editor, at, text(long_text, field->max), 0);
        expect(editor, at, text(long_text, field->max + 1), HEDGE_ELIMIT);
        expect(editor, at, text("a\0b", 3), HEDGE_EMALFORMED);
        expect(editor, at, text("", 0), field->min ? HEDGE_EMALFORMED : 0);
        expect(editor, at, number(1), HEDGE_EMALFORMED);
        if (field->kind == HEDGE_FIELD_NAME) {
                expect(editor, at, text("../x", 4), HEDGE_EMALFORMED);
                expect(editor, at, text(".x", 2), HEDGE_EMALFORMED);
                expect(editor, at, text("a b", 3), HEDGE_EMALFORMED);
        }
}

static void try_shape(const editor_t *editor, msgpack_object *at)
{
        msgpack_object dims[7] = {
                number(HEDGE_MAX_ELEMENTS >> 15), number(1 << 15), number(1), number(1), number(1), number(1), number(1)
        };

        expect(editor, at, list(dims, 2), 0);
        expect(editor, at, list(dims, 0), 0);
        expect(editor, at, list(dims, 6), 0);
        expect(editor, at, list(dims, 7), HEDGE_ELIMIT);
        dims[2] = number(2);
        expect(editor, at, list(dims, 3), HEDGE_ELIMIT);
        dims[0] = number(UINT32_MAX);
        dims[1] = number(UINT32_MAX);
        dims[2] = number(UINT32_MAX);
        expect(editor, at, list(dims, 3), HEDGE_ELIMIT);
        dims[1] = negative(-1);
        expect(editor, at, list(dims, 3), HEDGE_EMALFORMED);
}

static void try_conv(const editor_t *editor, msgpack_object *at)
{
        static const uint32_t good[HEDGE_CONV_NUMBERS] = { 8, 8, 4, 4, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 1 };
        msgpack_object numbers[HEDGE_CONV_NUMBERS + 1];

        for (unsigned i = 0; i <= HEDGE_CONV_NUMBERS; i++)
                numbers[i] = number(i < HEDGE_CONV_NUMBERS ? good[i] : 1);
        expect(editor, at, list(numbers, HEDGE_CONV_NUMBERS), 0);
        expect(editor, at, list(numbers, HEDGE_CONV_NUMBERS - 1), HEDGE_EMALFORMED);
        expect(editor, at, list(numbers, HEDGE_CONV_NUMBERS + 1), HEDGE_EMALFORMED);
        for (unsigned i = 0; i < HEDGE_CONV_NUMBERS; i++) {
                numbers[i] = number(UINT32_MAX);
                expect(editor, at, list(numbers, HEDGE_CONV_NUMBERS), HEDGE_ELIMIT);
                numbers[i] = number(good[i]);
        }
        numbers[14] = number(3); /* groups that do not divide the channels */
        expect(editor, at, list(numbers, HEDGE_CONV_NUMBERS), HEDGE_EMALFORMED);
}

static void try_digest(const editor_t *editor, msgpack_object *at)
{
        msgpack_object wrong = { .type = MSGPACK_OBJECT_BIN, .via.bin = { 15, "0123456789abcdef" } };

        expect(editor, at, wrong, HEDGE_EMALFORMED);
        wrong.via.bin.size = 16;
        expect(editor, at, wrong, 0);
        expect(editor, at, text("0123456789abcdef", 16), HEDGE_EMALFORMED);
}

static void try_record(editor_t *editor, const hedge_record_t *record, msgpack_object *map);

static void try_value(editor_t *editor, const hedge_field_t *field, msgpack_object *at)
{
        expect(editor, at, nil, HEDGE_EMALFORMED);
        switch (field->kind) {
        case HEDGE_FIELD_U32:
        case HEDGE_FIELD_U64:
                try_integer(editor, field, at);
                break;
        case HEDGE_FIELD_I32:
                expect(editor, at, negative((int64_t)field->low), 0);
                expect(editor, at, negative((int64_t)field->low - 1), HEDGE_EMALFORMED);
                expect(editor, at, negative(INT64_MIN), HEDGE_EMALFORMED);
                expect(editor, at, number((uint64_t)(field->high + 1)), HEDGE_ELIMIT);
                break;
        case HEDGE_FIELD_I64:
                expect(editor, at, negative(INT64_MIN), 0);
                expect(editor, at, number(INT64_MAX), 0);
                expect(editor, at, number((uint64_t)INT64_MAX + 1), HEDGE_EMALFORMED);
                break;
        case HEDGE_FIELD_F32:
                expect(editor, at, number(1), HEDGE_EMALFORMED);
                break;
        case HEDGE_FIELD_F64:
                try_real(editor, field, at);
                break;
        case HEDGE_FIELD_BOOL:
                expect(editor, at, number(1), HEDGE_EMALFORMED);
                break;
        case HEDGE_FIELD_TEXT:
        case HEDGE_FIELD_NAME:
                try_text(editor, field, at);
                break;
        case HEDGE_FIELD_DIGEST:
                try_digest(editor, at);
                break;
        case HEDGE_FIELD_SHAPE:
                try_shape(editor, at);
                break;
        case HEDGE_FIELD_CONV:
                try_conv(editor, at);
                break;
        case HEDGE_FIELD_RECORD:
                try_record(editor, field->record, at);
                break;
        }
}

static void try_many(editor_t *editor, const hedge_field_t *field, msgpack_object *at)
{
        uint32_t over = field->count_max + 1;
        msgpack_object *many = calloc(over, sizeof(*many));

        assert_non_null(many);
        assert_true(at->via.array.size > 0);
        for (uint32_t i = 0; i < over; i++)
                many[i] = at->via.array.ptr[0];
        expect(editor, at, nil, HEDGE_EMALFORMED);
        expect(editor, at, number(1), HEDGE_EMALFORMED);
        if (field->many == HEDGE_FIELD_FIXED) {
                expect(editor, at, list(many, over), HEDGE_EMALFORMED);
                expect(editor, at, list(many, over - 2), HEDGE_EMALFORMED);
        } else {
                expect(editor, at, list(many, field->count_max), 0);
                expect(editor, at, list(many, over), HEDGE_ELIMIT);
                expect(editor, at, list(many, 0), field->count_min ? HEDGE_EMALFORMED : 0);
        }
        free(many);
        try_value(editor, field, &at->via.array.ptr[0]);
}

static msgpack_object_kv *find(msgpack_object *map, const char *key)
{
        for (uint32_t i = 0; i < map->via.map.size; i++)
                if (map->via.map.ptr[i].key.via.str.size == strlen(key) &&
                    !memcmp(map->via.map.ptr[i].key.via.str.ptr, key, strlen(key)))
                        return &map->via.map.ptr[i];
        return NULL;
}

static void try_record(editor_t *editor, const hedge_record_t *record, msgpack_object *map)
{
        for (uint32_t i = 0; i < record->n_fields; i++) {
                const hedge_field_t *field = &record->fields[i];
                msgpack_object_kv *pair = find(map, field->key);

                editor->key = field->key;
                if (!pair)
                        fail_msg("%s was not packed", field->key);
                expect(editor, &pair->key, text("?", 1), field->required ? HEDGE_EMALFORMED : 0);
                if (field->many == HEDGE_FIELD_ONE)
                        try_value(editor, field, &pair->val);
                else
                        try_many(editor, field, &pair->val);
        }
}

static void every_field_is_checked(void **unused)
{
        static random_blocks_t blocks = { .full = true };
        uint64_t state = 4;

        for (ALL_TYPES(type)) {
                msgpack_unpacked unpacked;
                hedge_message_t message;
                zmq_msg_t header;
                editor_t editor = { .type = type, .root = &unpacked.data };

                random_message(&state, type, 2, &message, &blocks);
                assert_int_equal(hedge_message_pack(&message, &header), 0);
                msgpack_unpacked_init(&unpacked);
                assert_int_equal(msgpack_unpack_next(&unpacked, zmq_msg_data(&header), zmq_msg_size(&header), NULL),
                                 MSGPACK_UNPACK_SUCCESS);
                try_record(&editor, &hedge_schema(type)->record, &unpacked.data);
                msgpack_unpacked_destroy(&unpacked);
                zmq_msg_close(&header);
                random_release(&blocks);
        }
}

static void a_field_beyond_its_bounds_is_not_packed(void **unused)
{
        uint32_t order[] = { 0, HEDGE_CODE_MAX_PARTS };
        hedge_message_t message = { .type = HEDGE_MSG_TASK, .task = { .n_order = 1, .order = order } };
        zmq_msg_t header;

        assert_int_equal(hedge_message_pack(&message, &header), 0);
        zmq_msg_close(&header);
        message.task.n_order = 2;
        assert_int_equal(hedge_message_pack(&message, &header), -EINVAL);
        message.task.n_order = 0;
        assert_int_equal(hedge_message_pack(&message, &header), -EINVAL);
        message = (hedge_message_t){ .type = HEDGE_MSG_INFER, .infer = { .n_inputs = 1 } };
        assert_int_equal(hedge_message_pack(&message, &header), -EINVAL); /* no name, no list */
        message = (hedge_message_t){ .type = HEDGE_MSG_BYE };
        memset(message.bye.reason, 'a', sizeof(message.bye.reason)); /* no zero at the end */
        assert_int_equal(hedge_message_pack(&message, &header), -EINVAL);
        message.type = HEDGE_MSG_TYPES;
        assert_int_equal(hedge_message_pack(&message, &header), -EINVAL);
        message.type = 0;
        assert_int_equal(hedge_message_pack(&message, &header), -EINVAL);
}

/* ---- what is no header at all ----------------------------------------------------------------------------------- */

#define BYTES(literal) (literal), sizeof(literal) - 1

static void refuses(const char *bytes, size_t size, int code, const char *part_of_sentence)
{
        hedge_message_t got;
        hedge_why_t why = { "" };

        assert_int_equal(unpack(bytes, size, &got, &why), code);
        if (!strstr(why.text, part_of_sentence))
                fail_msg("'%s' does not say '%s'", why.text, part_of_sentence);
}

static void hostile_headers_are_refused(void **unused)
{
        char deep[64], *wide = calloc(1, 5u << 20);
        hedge_message_t got;

        assert_non_null(wide);
        refuses(BYTES(""), HEDGE_EMALFORMED, "cut short");
        refuses(BYTES("\xdd\xff\xff\xff\xff"), HEDGE_EMALFORMED, "count beyond the end");
        refuses(BYTES("\xdf\x80\x00\x00\x00"), HEDGE_EMALFORMED, "count beyond the end");
        refuses(BYTES("\xc6\xff\xff\xff\xff"), HEDGE_EMALFORMED, "cut short");
        refuses(BYTES("\xc9\xff\xff\xff\xff\x01"), HEDGE_EMALFORMED, "cut short");
        refuses(BYTES("\xc1"), HEDGE_EMALFORMED, "c1");
        refuses(BYTES("\x80\xc0"), HEDGE_EMALFORMED, "behind the end");
        refuses(BYTES("\x90"), HEDGE_EMALFORMED, "not a map");
        refuses(BYTES("\x80"), HEDGE_EMALFORMED, "no version");
        refuses(BYTES("\x81\xa1v\x02"), HEDGE_EVERSION, "version 2");
        refuses(BYTES("\x82\xa1v\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xa1t\xa4PING"), HEDGE_EVERSION, "version");
        refuses(BYTES("\x81\xa1v\x01"), HEDGE_EMALFORMED, "no message type");
        refuses(BYTES("\x82\xa1v\x01\xa1t\xa4PANG"), HEDGE_EUNSUPPORTED, "'PANG'");
        refuses(BYTES("\x82\xa1v\x01\xa1t\xa0"), HEDGE_EUNSUPPORTED, "''");
        refuses(BYTES("\x84\xa1v\x01\xa1t\xa6"
                      "CANCEL\xa3run\x01\xa3run\x02"),
                HEDGE_EMALFORMED, "CANCEL: run: comes twice");
        refuses(BYTES("\x83\xa1v\x01\xa1t\xa6"
                      "CANCEL\x07\x01"),
                HEDGE_EMALFORMED, "a key that is no text");
        memset(deep, 0x91, sizeof(deep)); /* arrays of one */
        deep[HEDGE_GUARD_DEPTH] = 1;
        refuses(deep, HEDGE_GUARD_DEPTH + 1, HEDGE_EMALFORMED, "not a map");
        deep[HEDGE_GUARD_DEPTH] = (char)0x91;
        deep[HEDGE_GUARD_DEPTH + 1] = 1;
        refuses(deep, HEDGE_GUARD_DEPTH + 2, HEDGE_ELIMIT, "deep");
        memset(deep, 0x91, sizeof(deep));
        refuses(deep, sizeof(deep), HEDGE_ELIMIT, "deep");
        memcpy(wide, "\xdd\x00\x08\x00\x00", 5); /* 2^19 zeros and the array itself */
        refuses(wide, 5 + HEDGE_GUARD_OBJECTS, HEDGE_ELIMIT, "more than 524288 values");
        assert_int_equal(hedge_message_unpack(wide, limits->max_header_bytes + 1u, limits, &got, NULL), HEDGE_ELIMIT);
        free(wide);
}

/* A megabyte of nearly empty tensors would become 37 in memory. */
static void lists_that_swell_are_refused(void **unused)
{
        msgpack_sbuffer buffer;
        msgpack_packer packer;

        msgpack_sbuffer_init(&buffer);
        msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
        msgpack_sbuffer_write(&buffer, BYTES("\x84\xa1v\x01\xa1t\xa9MODELS_OK\xa2id\x01\xa6models"));
        msgpack_pack_array(&packer, 1024);
        for (unsigned i = 0; i < 1024; i++) {
                msgpack_sbuffer_write(&buffer, BYTES("\x84\xa4name\xa1"
                                                     "a\xa5state\xa0"));
                for (unsigned side = 0; side < 2; side++) {
                        const char *key = side ? "outputs" : "inputs";

                        msgpack_pack_str(&packer, strlen(key));
                        msgpack_pack_str_body(&packer, key, strlen(key));
                        msgpack_pack_array(&packer, 64);
                        for (unsigned j = 0; j < 64; j++)
                                msgpack_sbuffer_write(&buffer, BYTES("\x81\xa5shape\x90"));
                }
        }
        refuses(buffer.data, buffer.size, HEDGE_ELIMIT, "MODELS_OK: models[");
        msgpack_sbuffer_destroy(&buffer);
}

static void unknown_keys_are_skipped(void **unused)
{
        hedge_message_t got;

        assert_int_equal(unpack(BYTES("\x85\xa3new\x81\xa1x\x93\x01\xc4\x01\x00\xd4\x05\x00\xa1t\xa6"
                                      "CANCEL\xa1v\x01\xa3run\x07\xa3old\xc0"),
                                &got, NULL),
                         0);
        assert_int_equal(got.type, HEDGE_MSG_CANCEL);
        assert_int_equal(got.cancel.run, 7);
}

/* All that a TASK must have, and a key more. */
#define A_TASK                                      \
        "\x86\xa1v\x01\xa1t\xa4TASK\xa3run\x01\xa6" \
        "digest\xc4\x10"                            \
        "0123456789abcdef\xa5order\x91\x00"
#define SIXTEEN(text) text text text text text text text text text text text text text text text text

static void a_sentence_names_the_place(void **unused)
{
        refuses(BYTES("\x85\xa1v\x01\xa1t\xa4TASK\xa3run\x01\xa6"
                      "digest\xc4\x10"
                      "0123456789abcdef\xa5order\x93\x00\x01\xcd\x04\x00"),
                HEDGE_ELIMIT, "TASK: order[2]: 1024 is above 1023");
        refuses(BYTES(A_TASK "\xa7windows\x92\x82\xa4rows\x01\xa4"
                             "cols\x01\x81\xa4rows\x01"),
                HEDGE_EMALFORMED, "TASK: windows[1]: cols: missing");
        refuses(BYTES(A_TASK "\xa7windows\x91\x82\xa4rows\x00\xa4"
                             "cols\x01"),
                HEDGE_EMALFORMED, "TASK: windows[0]: rows: 0 is below 1");
        refuses(BYTES(A_TASK "\xa7windows\x91\x83\xa3top\xce\x01\x00\x00\x01\xa4rows\x01\xa4"
                             "cols\x01"),
                HEDGE_ELIMIT, "TASK: windows[0]: top: 16777217 is above 16777216");
        refuses(BYTES(A_TASK "\xa7windows\xdc\x00\x41" SIXTEEN("\x80") SIXTEEN("\x80") SIXTEEN("\x80")
                              SIXTEEN("\x80") "\x80"),
                HEDGE_ELIMIT, "TASK: windows: ");
        refuses(BYTES(A_TASK "\xa4last\xcf\x00\x00\x00\x01\x00\x00\x00\x00"), HEDGE_ELIMIT, "TASK: last: ");
        refuses(BYTES("\x82\xa1v\x01\xa1t\xa5GRAPH"), HEDGE_EMALFORMED, "GRAPH: digest: missing");
        refuses(BYTES("\x83\xa1v\x01\xa1t\xa9"
                      "CONSTANTS\xa6offset\xff"),
                HEDGE_EMALFORMED, "CONSTANTS: offset: not a number from 0");
        refuses(BYTES("\x82\xa1v\x01\xa1t\xac"
                      "CONSTANTS_OK"),
                HEDGE_EMALFORMED, "CONSTANTS_OK: digest: missing");
        refuses(BYTES("\x84\xa1v\x01\xa1t\xa4PART\xa3run\x01\xa4part\x01"), HEDGE_EMALFORMED, "PART: parts: missing");
        refuses(BYTES("\x84\xa1v\x01\xa1t\xa4PART\xa3run\x01\xa5parts\x90"), HEDGE_EMALFORMED, "PART: parts: ");
        refuses(BYTES("\x84\xa1v\x01\xa1t\xa4PART\xa3run\x01\xa5parts\x92\x81\xa4part\x01\x81\xa4part\xcd\x04\x00"),
                HEDGE_ELIMIT, "PART: parts[1]: part: 1024 is above 1023");
        refuses(BYTES("\x84\xa1v\x01\xa1t\xa6RESULT\xa2id\x01\xa6layers\x91\x81\xa4name\x01"), HEDGE_EMALFORMED,
                "RESULT: layers[0]: name: not a text");
}

static void the_number_of_raw_frames_is_the_schema_s(void **unused)
{
        static const struct {
                hedge_message_type_t type;
                uint32_t least, most;
        } rows[] = {
                { HEDGE_MSG_HELLO, 0, 0 },        { HEDGE_MSG_SHARE, 1, 1 }, { HEDGE_MSG_TASK, 1, 64 },
                { HEDGE_MSG_PART, 5, 5 },         { HEDGE_MSG_ERROR, 0, 0 }, { HEDGE_MSG_INFER, 3, 3 },
                { HEDGE_MSG_RESULT, 2, 2 },       { HEDGE_MSG_LOAD, 0, 2 },  { HEDGE_MSG_MODELS_OK, 0, 2 },
                { HEDGE_MSG_UNLOAD_OK, 0, 0 },    { HEDGE_MSG_GRAPH, 1, 1 }, { HEDGE_MSG_CONSTANTS, 1, 1 },
                { HEDGE_MSG_CONSTANTS_OK, 0, 0 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                hedge_message_t message = { .type = rows[i].type };

                if (message.type == HEDGE_MSG_INFER)
                        message.infer.n_inputs = 3;
                if (message.type == HEDGE_MSG_RESULT)
                        message.result.n_outputs = 2;
                if (message.type == HEDGE_MSG_PART)
                        message.part.n_parts = 5;
                assert_int_equal(hedge_message_max_frames(&message), rows[i].most);
                for (uint32_t n = 0; n < 5000; n += n < 70 || n > 4090 ? 1 : 10)
                        assert_int_equal(hedge_message_check_frames(&message, n, NULL),
                                         n < rows[i].least || n > rows[i].most ? HEDGE_EMALFORMED : 0);
        }
}

static void names_are_file_names(void **unused)
{
        char name[80];

        assert_true(hedge_name_ok("pi-3"));
        assert_true(hedge_name_ok("squeezenet1.1_v2"));
        assert_false(hedge_name_ok(""));
        assert_false(hedge_name_ok("."));
        assert_false(hedge_name_ok("-x"));
        assert_false(hedge_name_ok("a/b"));
        assert_false(hedge_name_ok("a\n"));
        memset(name, 'a', sizeof(name));
        name[63] = 0;
        assert_true(hedge_name_ok(name));
        name[63] = 'a';
        name[64] = 0;
        assert_false(hedge_name_ok(name));
        assert_string_equal(hedge_message_name(HEDGE_MSG_TASK_END), "TASK_END");
        assert_string_equal(hedge_message_name(0), "?");
        assert_string_equal(hedge_message_name(HEDGE_MSG_TYPES), "?");
}

static void a_frame_must_hold_its_shape(void **unused)
{
        const hedge_shape_t huge = { 3, { UINT32_MAX, UINT32_MAX, UINT32_MAX } };
        const hedge_shape_t wraps = { 2, { 8, (1u << 27) + 3 } }; /* 96 bytes and 2^32 */
        hedge_shape_t shape = { 4, { 1, 2, 3, 4 } };
        zmq_msg_t frame;
        hedge_why_t why;

        zmq_msg_init_size(&frame, 96);
        assert_int_equal(hedge_wire_check_tensor(&shape, &frame, &why), 0);
        assert_int_equal(hedge_wire_check_tensor(&huge, &frame, &why), HEDGE_ELIMIT);
        assert_true(hedge_wire_check_tensor(&wraps, &frame, &why) < 0);
        shape.dims[0] = 2;
        assert_int_equal(hedge_wire_check_tensor(&shape, &frame, &why), HEDGE_EMALFORMED);
        assert_non_null(strstr(why.text, "2x2x3x4"));
        shape.rank = 7;
        assert_int_equal(hedge_wire_check_tensor(&shape, &frame, &why), HEDGE_ELIMIT);
        zmq_msg_close(&frame);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_type_comes_back_as_it_was_sent),
                cmocka_unit_test(the_longest_lists_pass),
                cmocka_unit_test(a_cut_header_is_malformed),
                cmocka_unit_test(flipped_bits_never_crash),
                cmocka_unit_test(every_field_is_checked),
                cmocka_unit_test(a_field_beyond_its_bounds_is_not_packed),
                cmocka_unit_test(hostile_headers_are_refused),
                cmocka_unit_test(lists_that_swell_are_refused),
                cmocka_unit_test(unknown_keys_are_skipped),
                cmocka_unit_test(a_sentence_names_the_place),
                cmocka_unit_test(the_number_of_raw_frames_is_the_schema_s),
                cmocka_unit_test(names_are_file_names),
                cmocka_unit_test(a_frame_must_hold_its_shape),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
