/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <zmq.h>

#include "test/fuzz/seed.h"
#include "test/unit/random_message.h"

/* Writes the seeds of fuzz_message into a folder: a valid header of every type, and hostile ones. */

#define A_PART        "\x81\xa4part\x01"
#define FOUR_PARTS    A_PART A_PART A_PART A_PART
#define SIXTEEN_PARTS FOUR_PARTS FOUR_PARTS FOUR_PARTS FOUR_PARTS

static const struct {
        const char *name;
        const char *bytes;
        size_t size;
} hostile[] = {
#define SEED(name, literal)                        \
        {                                          \
                name, literal, sizeof(literal) - 1 \
        }
        SEED("array-of-4g", "\xdd\xff\xff\xff\xff"),
        SEED("map-of-4g", "\xdf\xff\xff\xff\xff"),
        SEED("bin-of-4g", "\xc6\xff\xff\xff\xff"),
        SEED("str-of-4g", "\xdb\xff\xff\xff\xff"),
        SEED("ext-of-4g", "\xc9\xff\xff\xff\xff\x01"),
        SEED("never-used", "\x81\xa1v\xc1"),
        SEED("deep",
             "\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x91\x01"),
        SEED("trailing", "\x83\xa1v\x01\xa1t\xa6"
                         "CANCEL\xa3run\x01\x00"),
        SEED("version-2", "\x82\xa1v\x02\xa1t\xa4PING"),
        SEED("version-text", "\x82\xa1v\xa1"
                             "1\xa1t\xa4PING"),
        SEED("type-unknown", "\x82\xa1v\x01\xa1t\xa4PANG"),
        SEED("key-twice", "\x84\xa1v\x01\xa1t\xa6"
                          "CANCEL\xa3run\x01\xa3run\x02"),
        SEED("key-missing", "\x82\xa1v\x01\xa1t\xa6"
                            "CANCEL"),
        SEED("key-unknown", "\x84\xa1v\x01\xa1t\xa6"
                            "CANCEL\xa3run\x01\xa3new\x93\x01\xc4\x01\x00\xd4\x05\x00"),
        SEED("run-negative", "\x83\xa1v\x01\xa1t\xa6"
                             "CANCEL\xa3run\xff"),
        SEED("order-1024", "\x85\xa1v\x01\xa1t\xa4TASK\xa3run\x01\xa6"
                           "digest\xc4\x10"
                           "0123456789abcdef\xa5order\x91\xcd\x04\x00"),
        SEED("windows-of-2-to-24", "\x86\xa1v\x01\xa1t\xa4TASK\xa3run\x01\xa6"
                                   "digest\xc4\x10"
                                   "0123456789abcdef\xa5order\x91\x00\xa7windows\x91\x84\xa3top\xce\x01\x00\x00\x00\xa4"
                                   "rows\xce\x01\x00\x00\x00\xa4left\xce\x01\x00\x00\x00\xa4"
                                   "cols\xce\x01\x00\x00\x00"),
        SEED("windows-of-4g", "\x86\xa1v\x01\xa1t\xa4TASK\xa3run\x01\xa6"
                              "digest\xc4\x10"
                              "0123456789abcdef\xa5order\x91\x00\xa7windows\xdd\xff\xff\xff\xff"),
        SEED("parts-none", "\x84\xa1v\x01\xa1t\xa4PART\xa3run\x01\xa5parts\x90"),
        SEED("parts-65", "\x84\xa1v\x01\xa1t\xa4PART\xa3run\x01\xa5parts\xdc\x00\x41" SIXTEEN_PARTS SIXTEEN_PARTS
                                 SIXTEEN_PARTS SIXTEEN_PARTS A_PART),
        SEED("text-with-zero", "\x83\xa1v\x01\xa1t\xa3"
                               "BYE\xa6reason\xa3"
                               "a\0b"),
        SEED("name-of-a-path", "\x84\xa1v\x01\xa1t\xa6UNLOAD\xa2id\x01\xa4name\xa9../../etc"),
        SEED("shape-of-2-to-96", "\x85\xa1v\x01\xa1t\xa5INFER\xa2id\x01\xa5model\xa1m\xa6inputs\x91\x93\xce\xff\xff\xff"
                                 "\xff\xce\xff\xff\xff\xff\xce\xff\xff\xff\xff"),
        SEED("latency-nan",
             "\x85\xa1v\x01\xa1t\xa6RESULT\xa2id\x01\xaalatency_ms\xcb\x7f\xf8\0\0\0\0\0\0\xa7outputs\x91\x90"),
};

/* Random from the type's own seed on: what becomes of one changes no other. */
static int write_valid(const char *folder, hedge_message_type_t type)
{
        uint64_t state = type;
        static random_blocks_t blocks = { .full = true };
        hedge_message_t message;
        zmq_msg_t header;
        int r;

        random_message(&state, type, 2, &message, &blocks);
        r = hedge_message_pack(&message, &header);
        if (r == 0) {
                r = write_seed(folder, hedge_message_name(type), zmq_msg_data(&header), zmq_msg_size(&header));
                zmq_msg_close(&header);
        }
        random_release(&blocks);
        return r;
}

int main(int argc, char **argv)
{
        int r = argc == 2 ? 0 : -1;

        for (unsigned type = 1; type < HEDGE_MSG_TYPES && r == 0; type++)
                r = write_valid(argv[1], type);
        for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]) && r == 0; i++)
                r = write_seed(argv[1], hostile[i].name, hostile[i].bytes, hostile[i].size);
        if (r < 0)
                fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return r < 0;
}
