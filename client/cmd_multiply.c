/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "client/command.h"
#include "client/json.h"
#include "client/media/npy.h"
#include "client/requests.h"
#include "client/table.h"
#include "common/code/uep/setup.h"
#include "common/io/replace.h"

#define GRACE_MS 60000 /* for sending, coding and the way back, beside the deadline */

typedef struct multiply_values {
        hedgec_target_t target;
        int scheme, split;
        const char *blocks, *windows, *out;
        uint64_t deadline_ms, packets, levels, classes, seed;
        bool stacked, check, verbose, json;
} multiply_values_t;

static const char *const schemes[] = { "uep-now", "uep-ew", "mds", "replication", "uncoded", NULL };
static const char *const splits[] = { "row-column", "column-row", NULL };

static const multiply_values_t presets = { .scheme = HEDGE_UEP_EW, .seed = 1 };

static const hedgec_option_t options[] = {
        HEDGEC_ROW_UINT("deadline", 0, multiply_values_t, deadline_ms, "MS", "answer after so long at the latest", 1,
                        3600000),
        HEDGEC_ROW(STRING, "out", 'o', multiply_values_t, out, "C.npy", "write the product there"),
        HEDGEC_ROW_CHOICE("scheme", 's', multiply_values_t, scheme, "CODE",
                          "uep-now, uep-ew, mds, replication or uncoded", schemes),
        HEDGEC_ROW_CHOICE("split", 0, multiply_values_t, split, "HOW", "row-column or column-row", splits),
        HEDGEC_ROW(STRING, "blocks", 'b', multiply_values_t, blocks, "AxB", "blocks of A and of B; 3x3 if not given"),
        HEDGEC_ROW_UINT("packets", 'p', multiply_values_t, packets, "N", "tasks in all, not one per board", 1,
                        HEDGE_UEP_MAX_PACKETS),
        HEDGEC_ROW(STRING, "windows", 'w', multiply_values_t, windows, "P,P,P",
                   "uep: the classes' probabilities; else by deadline"),
        HEDGEC_ROW_UINT("levels", 0, multiply_values_t, levels, "N", "levels of importance of a factor's blocks", 1,
                        HEDGE_UEP_MAX_PRODUCTS),
        HEDGEC_ROW_UINT("classes", 0, multiply_values_t, classes, "N", "classes of importance of sub-products", 1,
                        HEDGE_UEP_MAX_CLASSES),
        HEDGEC_ROW(FLAG, "stacked", 0, multiply_values_t, stacked, NULL, "a coefficient of its own per sub-product"),
        HEDGEC_ROW_UINT("seed", 0, multiply_values_t, seed, "N", "of windows and coefficients", 0, UINT64_MAX),
        HEDGEC_ROW(FLAG, "check", 0, multiply_values_t, check, NULL, "multiply here as well, for the true error"),
        HEDGEC_ROW(FLAG, "verbose", 'v', multiply_values_t, verbose, NULL, "show every packet"),
        HEDGEC_ROW(FLAG, "json", 'j', multiply_values_t, json, NULL, "print one JSON object, with every packet"),
        HEDGEC_ROW_TABLE(multiply_values_t, target, hedgec_target_options),
        HEDGEC_ROW_END,
};

typedef struct multiply {
        const multiply_values_t *values;
        const char *names[2];
        hedge_tensor_t factors[2];
        hedge_uep_setup_t setup;
        hedge_uep_shape_t shape;
        double error; /* the true one; negative: not known */
} multiply_t;

/* ---- what is asked for ---- */

/* "3x4", or "9" for both. */
static int parse_blocks(const char *text, hedge_uep_shape_t *shape, hedge_why_t *why)
{
        char first[16];
        const size_t n = strcspn(text, "x");
        uint64_t a = 0, b = 0;

        if (n < sizeof(first)) {
                memcpy(first, text, n);
                first[n] = 0;
                if (hedgec_uint_parse(first, 1, HEDGE_UEP_MAX_PRODUCTS, &a) < 0 ||
                    hedgec_uint_parse(text[n] ? text + n + 1 : first, 1, HEDGE_UEP_MAX_PRODUCTS, &b) < 0)
                        b = 0;
        }
        if (b == 0)
                return hedge_why(why, -EINVAL, "--blocks '%.40s' are not two numbers from 1 to %u, as 3x3", text,
                                 HEDGE_UEP_MAX_PRODUCTS);
        shape->blocks_a = (unsigned)a;
        shape->blocks_b = (unsigned)b;
        return 0;
}

/* "0.4,0.35,0.25" */
static int parse_windows(const char *text, hedge_uep_setup_t *setup, hedge_why_t *why)
{
        const char *at = text;
        char *end;

        do {
                const double value = strtod(at, &end);

                if (end == at || (*end && *end != ',') || !(value >= 0 && value <= 1) ||
                    setup->n_windows == HEDGE_UEP_MAX_CLASSES)
                        return hedge_why(why, -EINVAL, "--windows '%.80s' are not up to %u numbers from 0 to 1", text,
                                         HEDGE_UEP_MAX_CLASSES);
                setup->windows[setup->n_windows++] = value;
                at = end + 1;
        } while (*end);
        return 0;
}

static int read_options(multiply_t *m, hedge_why_t *why)
{
        const multiply_values_t *v = m->values;
        int r = parse_blocks(v->blocks ? v->blocks : "3x3", &m->shape, why);

        m->shape.split = (hedge_uep_split_t)v->split;
        m->setup.scheme = (hedge_uep_scheme_t)v->scheme;
        m->setup.levels = (unsigned)v->levels;
        m->setup.classes = (unsigned)v->classes;
        m->setup.packets = (unsigned)v->packets;
        m->setup.stacked = v->stacked;
        m->setup.seed = v->seed;
        if (r == 0 && v->windows)
                r = parse_windows(v->windows, &m->setup, why);
        if (r == 0 && v->deadline_ms == 0)
                r = hedge_why(why, -EINVAL, "a --deadline is needed");
        return r;
}

static int read_factor(multiply_t *m, unsigned i, hedge_why_t *why)
{
        const hedge_shape_t *shape = &m->factors[i].shape;
        char text[96];
        int r = hedgec_npy_load_float32(m->names[i], &m->factors[i], why);

        if (r < 0)
                return r;
        if (shape->rank != 2)
                return hedge_why(why, HEDGE_ESHAPE, "%s: is no matrix, but of shape %s", m->names[i],
                                 hedge_shape_text(shape, text, sizeof(text)));
        for (size_t k = 0; k < hedge_shape_elements(shape); k++)
                if (!isfinite(m->factors[i].data[k]))
                        return hedge_why(why, -EINVAL, "%s: holds NaN or an infinite value, in row %zu", m->names[i],
                                         k / shape->dims[1] + 1);
        return 0;
}

/* Everything that can be wrong without a cluster. */
static int read_factors(multiply_t *m, hedge_why_t *why)
{
        const uint32_t *a = m->factors[0].shape.dims, *b = m->factors[1].shape.dims;
        int r = read_factor(m, 0, why);

        if (r == 0)
                r = read_factor(m, 1, why);
        if (r == 0 && a[1] != b[0])
                r = hedge_why(why, HEDGE_ESHAPE, "%s has %u columns, but %s %u rows", m->names[0], a[1], m->names[1],
                              b[0]);
        if (r < 0)
                return r;
        m->shape.rows = a[0];
        m->shape.inner = a[1];
        m->shape.columns = b[1];
        return hedge_uep_setup_check(&m->setup, &m->shape, 0, why);
}

/* ---- the product ---- */

static int ask(multiply_t *m, hedgec_connection_t *connection, hedge_envelope_t *ret, hedge_why_t *why)
{
        const uint64_t own_ms = m->values->target.timeout_s * 1000;
        const uint64_t wait_ms = m->values->deadline_ms + (own_ms ? own_ms : GRACE_MS);
        hedge_msg_matmul_t asked = {
                .rows = m->shape.rows,
                .inner = m->shape.inner,
                .columns = m->shape.columns,
                .blocks_a = m->shape.blocks_a,
                .blocks_b = m->shape.blocks_b,
                .levels = m->setup.levels,
                .classes = m->setup.classes,
                .packets = m->setup.packets,
                .n_windows = m->setup.n_windows,
                .windows = m->setup.windows,
                .stacked = m->setup.stacked,
                .seed = m->setup.seed,
                .deadline_ms = (uint32_t)m->values->deadline_ms,
        };
        zmq_msg_t frames[2];
        int r;

        strcpy(asked.scheme, hedge_uep_scheme_name(m->setup.scheme));
        strcpy(asked.split, hedge_uep_split_name(m->shape.split));
        for (unsigned i = 0; i < 2; i++) {
                /* the factors are still wanted, and outlive the connection, whose end waits for its frames */
                r = zmq_msg_init_data(&frames[i], m->factors[i].data,
                                      hedge_shape_elements(&m->factors[i].shape) * sizeof(float), NULL, NULL);
                if (r < 0) {
                        if (i)
                                zmq_msg_close(&frames[0]);
                        return hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
                }
        }
        return hedgec_request_matmul(connection, &asked, frames, wait_ms < INT32_MAX ? (int)wait_ms : INT32_MAX, ret,
                                     why);
}

/* |C' - C|^2 / |C|^2, row by row in double. */
static int find_error(multiply_t *m, const float *c, hedge_why_t *why)
{
        const size_t inner = m->shape.inner, columns = m->shape.columns;
        double *exact = malloc(columns * sizeof(*exact)), wrong = 0, all = 0;

        if (!exact)
                return hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
        for (size_t i = 0; i < m->shape.rows; i++) {
                memset(exact, 0, columns * sizeof(*exact));
                for (size_t k = 0; k < inner; k++) {
                        const double a = m->factors[0].data[i * inner + k];
                        const float *b = m->factors[1].data + k * columns;

                        for (size_t j = 0; j < columns; j++)
                                exact[j] += a * b[j];
                }
                for (size_t j = 0; j < columns; j++) {
                        const double difference = (double)c[i * columns + j] - exact[j];

                        wrong += difference * difference;
                        all += exact[j] * exact[j];
                }
        }
        free(exact);
        m->error = all > 0 ? wrong / all : wrong > 0 ? INFINITY : 0;
        return 0;
}

static int write_product(const multiply_t *m, float *c, hedge_why_t *why)
{
        const hedge_tensor_t tensor = { .shape = { 2, { m->shape.rows, m->shape.columns } }, .data = c };
        hedge_replace_t replace;
        int r = hedge_replace_begin(m->values->out, &replace, why);

        if (r < 0)
                return r;
        r = hedgec_npy_write(&tensor, HEDGE_ELEMENT_FLOAT, replace.file);
        if (r < 0)
                hedge_why(why, r, "cannot write %s: %s", m->values->out, hedge_strerror(r));
        return hedge_replace_end(&replace, r, why);
}

/* ---- what came of it ---- */

static unsigned received(const hedge_msg_matmul_ok_t *ok)
{
        unsigned n = 0;

        for (uint32_t i = 0; i < ok->n_packets; i++)
                n += ok->packets[i].received_ms > 0;
        return n;
}

static struct json_object *packet_json(hedgec_json_t *json, const hedge_packet_report_t *p)
{
        struct json_object *object = hedgec_json_object(json);

        hedgec_json_add_uint(json, object, "board", p->board);
        hedgec_json_add_uint(json, object, "window", p->window);
        if (p->received_ms > 0)
                hedgec_json_add_double(json, object, "received_ms", p->received_ms, 6);
        else
                hedgec_json_add_null(json, object, "received_ms");
        hedgec_json_add_uint(json, object, "determined", p->determined);
        return object;
}

static int print_json(const multiply_t *m, const hedge_msg_matmul_ok_t *ok)
{
        hedgec_json_t json = { 0 };
        struct json_object *root = json.root = hedgec_json_object(&json), *packets = hedgec_json_array(&json);

        hedgec_json_add_uint(&json, root, "rows", m->shape.rows);
        hedgec_json_add_uint(&json, root, "inner", m->shape.inner);
        hedgec_json_add_uint(&json, root, "columns", m->shape.columns);
        hedgec_json_add_string(&json, root, "scheme", hedge_uep_scheme_name(m->setup.scheme));
        hedgec_json_add_string(&json, root, "split", hedge_uep_split_name(m->shape.split));
        hedgec_json_add_uint(&json, root, "blocks_a", m->shape.blocks_a);
        hedgec_json_add_uint(&json, root, "blocks_b", m->shape.blocks_b);
        hedgec_json_add_uint(&json, root, "deadline_ms", m->values->deadline_ms);
        hedgec_json_add_double(&json, root, "ms", ok->ms, 6);
        hedgec_json_add_uint(&json, root, "received", received(ok));
        hedgec_json_add_uint(&json, root, "products", ok->products);
        hedgec_json_add_uint(&json, root, "determined", ok->determined);
        hedgec_json_add_double(&json, root, "expected_error", ok->expected_error, 6);
        if (m->error >= 0)
                hedgec_json_add_double(&json, root, "error", m->error, 6);
        for (uint32_t i = 0; i < ok->n_packets; i++)
                hedgec_json_add(&json, packets, NULL, packet_json(&json, &ok->packets[i]));
        hedgec_json_add(&json, root, "packets", packets);
        return hedgec_json_print(&json, 0, stdout);
}

static int print_packets(const hedge_msg_matmul_ok_t *ok)
{
        static const hedgec_column_t columns[] = {
                { "PACKET", HEDGEC_RIGHT, 0 }, { "BOARD", HEDGEC_RIGHT, 0 }, { "WINDOW", HEDGEC_RIGHT, 0 },
                { "MS", HEDGEC_RIGHT, 0 },     { "KNOWN", HEDGEC_RIGHT, 0 }, { .title = NULL },
        };
        hedgec_table_t *table = hedgec_table_new(columns);
        int r;

        if (!table)
                return -ENOMEM;
        for (uint32_t i = 0; i < ok->n_packets; i++) {
                const hedge_packet_report_t *p = &ok->packets[i];

                hedgec_table_cell(table, "%u", i);
                hedgec_table_cell(table, "%u", p->board);
                hedgec_table_cell(table, "%u", p->window + 1);
                hedgec_table_cell(table, p->received_ms > 0 ? "%.1f" : "-", p->received_ms);
                hedgec_table_cell(table, p->received_ms > 0 ? "%u" : "-", p->determined);
        }
        r = hedgec_table_print(table, 0, stdout);
        hedgec_table_destroy(&table);
        putchar('\n');
        return r;
}

static int print_text(const multiply_t *m, const hedge_msg_matmul_ok_t *ok)
{
        int r = m->values->verbose ? print_packets(ok) : 0;

        printf("%u of %u packets came in time, %u of %u sub-products are known, %.1f ms\n", received(ok), ok->n_packets,
               ok->determined, ok->products, ok->ms);
        printf("expected error %.3g", ok->expected_error);
        if (m->error >= 0)
                printf(", true error %.3g", m->error);
        putchar('\n');
        return r;
}

/* The answer's floats: a frame's bytes need not be aligned. */
static int show(multiply_t *m, hedge_envelope_t *answer, hedge_why_t *why)
{
        const size_t size = zmq_msg_size(&answer->frames[0]);
        float *c = malloc(size);
        int r = c ? 0 : hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));

        if (r == 0)
                memcpy(c, zmq_msg_data(&answer->frames[0]), size);
        if (r == 0 && m->values->check)
                r = find_error(m, c, why);
        if (r == 0 && m->values->out)
                r = write_product(m, c, why);
        free(c);
        if (r < 0)
                return r;
        r = m->values->json ? print_json(m, &answer->message.matmul_ok) : print_text(m, &answer->message.matmul_ok);
        return r < 0 ? hedge_why(why, r, "%s", hedge_strerror(r)) : 0;
}

static int multiply(multiply_t *m, hedge_why_t *why)
{
        hedgec_connection_t *connection = NULL;
        hedge_envelope_t answer;
        int status = hedgec_connect("multiply", &m->values->target, &connection), r;

        if (status)
                return status;
        r = ask(m, connection, &answer, why);
        if (r == 0) {
                r = show(m, &answer, why);
                hedge_envelope_release(&answer);
        }
        hedgec_connection_close(&connection);
        return r < 0 ? hedgec_complain("%s", why->text) : EXIT_SUCCESS;
}

static int run(const void *values, char **operands, unsigned n_operands)
{
        multiply_t m = { .values = values, .names = { operands[0], operands[1] }, .error = -1 };
        hedge_why_t why = { "" };
        int status;

        if (read_options(&m, &why) < 0)
                return hedgec_complain_usage("multiply", "multiply: %s", why.text);
        status = read_factors(&m, &why) < 0 ? hedgec_complain("%s", why.text) : multiply(&m, &why);
        hedge_tensor_release(&m.factors[0]);
        hedge_tensor_release(&m.factors[1]);
        return status;
}

const hedgec_command_t hedgec_command_multiply = {
        .name = "multiply",
        .operands = "A.npy B.npy",
        .summary = "multiply two matrices on the cluster by a deadline",
        .details = "Multiply two matrices of float32 on the boards. They are cut into blocks, whose\n"
                   "products are coded into packets, one per board; those of the largest blocks are\n"
                   "known first. What is not known at the deadline is 0 in the product. The answer\n"
                   "comes as soon as everything is known. Errors are normalised: |C' - C|^2 / |C|^2.",
        .example = "hedge multiply A.npy B.npy --scheme uep-ew --deadline 50 --out C.npy",
        .options = options,
        .presets = &presets,
        .values_size = sizeof(multiply_values_t),
        .min_operands = 2,
        .max_operands = 2,
        .run = run,
};
