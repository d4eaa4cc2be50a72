/* SPDX-License-Identifier: Apache-2.0 */
#include <czmq.h>
#include <math.h>
#include <poll.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/wire/link.h"

/* hedge-bench-wire: microseconds of processor time that a PART takes over TCP on this machine, with CURVE and without, of the process
 * that sends it and of the one that receives it, libzmq's threads included; by bytes and frames. `in a row`: as fast as they go;
 * `apart`: one every millisecond, so that each wakes its receiver. Then what a line through these says of a message, a frame and a
 * byte, and what libsodium alone takes. */

#define IN_A_ROW  2000
#define APART     400
#define PAUSE_NS  1000000
#define FRAMES    16
#define MOST      (1u << 20) /* bytes of a message's frames together */
#define BYTES_MAX (256u << 20)
#define WARM_UP   20
#define RAW_NS    200000000

static const unsigned frame_counts[] = { 1, 4, 16 };
static const size_t sizes[] = { 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, MOST }; /* of all frames together */

#define N_FRAMES (sizeof(frame_counts) / sizeof(frame_counts[0]))
#define N_SIZES  (sizeof(sizes) / sizeof(sizes[0]))

typedef struct cell {
        size_t bytes;
        unsigned frames, messages;
        bool apart;
} cell_t;

typedef struct cost {
        double sender_us, receiver_us; /* per message */
} cost_t;

static uint8_t payload[MOST];

static int64_t now_ns(clockid_t clock)
{
        struct timespec t;

        clock_gettime(clock, &t);
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char *what)
{
        fprintf(stderr, "hedge-bench-wire: %s: %s\n", what, strerror(errno));
        exit(1);
}

static void write_all(int fd, const void *data, size_t size)
{
        if (write(fd, data, size) != (ssize_t)size)
                die("pipe");
}

/* @return false: the other end is closed. */
static bool read_all(int fd, void *data, size_t size)
{
        const ssize_t got = read(fd, data, size);

        if (got != 0 && got != (ssize_t)size)
                die("pipe");
        return got != 0;
}

/* ---- the receiver: the coordinator's kind of socket ---- */

static void receive_one(zsock_t *socket)
{
        for (;;) {
                zmq_pollitem_t item = hedge_socket_poll(socket, ZMQ_POLLIN);
                hedge_envelope_t e;
                hedge_why_t why;
                int r = hedge_link_receive(socket, true, &hedge_wire_default_limits, &e, &why);

                if (r > 0) {
                        hedge_envelope_release(&e);
                        return;
                }
                if (r < 0 || zmq_poll(&item, 1, -1) < 0)
                        die("receive");
        }
}

/* What each cell takes, until nobody asks any more. */
static void receive_all(int from, int to, zcert_t *curve)
{
        hedge_socket_options_t options = { .limits = &hedge_wire_default_limits };
        zsock_t *socket = NULL;
        hedge_why_t why;
        cell_t cell;
        char *endpoint;

        hedge_sockets_begin(8);
        if (hedge_socket_new(ZMQ_ROUTER, &options, &socket) < 0)
                die("socket");
        if (curve) { /* without a domain: who comes is let in, since nobody else knows where */
                zsock_set_curve_server(socket, 1);
                zsock_set_curve_secretkey(socket, zcert_secret_txt(curve));
        }
        if (hedge_socket_bind(socket, "tcp://127.0.0.1:*", &why) < 0)
                die(why.text);
        endpoint = zsock_last_endpoint(socket);
        write_all(to, endpoint, strlen(endpoint) + 1);
        freen(endpoint);
        while (read_all(from, &cell, sizeof(cell))) {
                int64_t began;

                for (unsigned i = 0; i < WARM_UP; i++)
                        receive_one(socket);
                write_all(to, "", 1);
                began = now_ns(CLOCK_PROCESS_CPUTIME_ID);
                for (unsigned i = 0; i < cell.messages; i++)
                        receive_one(socket);
                began = now_ns(CLOCK_PROCESS_CPUTIME_ID) - began;
                write_all(to, &began, sizeof(began));
        }
        zsock_destroy(&socket);
        hedge_sockets_end();
}

/* ---- the sender: a board's ---- */

static void keep(void *data, void *hint)
{
        (void)data, (void)hint;
}

static void send_one(zsock_t *socket, const cell_t *cell)
{
        for (;;) {
                hedge_part_t parts[FRAMES] = { { .part = 0 } };
                hedge_message_t message = { .type = HEDGE_MSG_PART,
                                            .part = { .run = 1, .n_parts = cell->frames, .parts = parts } };
                zmq_pollitem_t item = hedge_socket_poll(socket, ZMQ_POLLOUT);
                zmq_msg_t frames[FRAMES];
                int r;

                for (unsigned i = 0; i < cell->frames; i++) {
                        parts[i] = (hedge_part_t){ .part = i, .compute_us = 12345, .wire = HEDGE_PRECISION_Q16 };
                        if (hedge_frame_borrow(&frames[i], payload, cell->bytes / cell->frames, keep, NULL) < 0)
                                die("frame");
                }
                r = hedge_link_send(socket, NULL, &message, frames, cell->frames);
                if (r == 0)
                        return;
                errno = -r;
                if (r != -EAGAIN || zmq_poll(&item, 1, -1) < 0)
                        die("send");
        }
}

static cost_t measure(zsock_t *socket, const cell_t *cell, int from, int to)
{
        int64_t began, theirs, due;
        char ready;

        write_all(to, cell, sizeof(*cell));
        for (unsigned i = 0; i < WARM_UP; i++)
                send_one(socket, cell);
        read_all(from, &ready, 1);
        began = now_ns(CLOCK_PROCESS_CPUTIME_ID);
        due = now_ns(CLOCK_MONOTONIC);
        for (unsigned i = 0; i < cell->messages; i++) {
                due += PAUSE_NS;
                send_one(socket, cell);
                if (cell->apart)
                        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME,
                                        &(struct timespec){ due / 1000000000, due % 1000000000 }, NULL);
        }
        read_all(from, &theirs, sizeof(theirs));
        began = now_ns(CLOCK_PROCESS_CPUTIME_ID) - began;
        return (cost_t){ (double)began / 1e3 / cell->messages, (double)theirs / 1e3 / cell->messages };
}

/* A receiver in a process of its own, which dies with this one. */
static pid_t start_receiver(zcert_t *curve, int *ret_from, int *ret_to, char *endpoint, size_t size)
{
        int there[2], back[2];
        pid_t pid;
        ssize_t got;

        if (pipe(there) < 0 || pipe(back) < 0)
                die("pipe");
        pid = fork();
        if (pid < 0)
                die("fork");
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                close(there[1]);
                close(back[0]);
                receive_all(there[0], back[1], curve);
                exit(0);
        }
        close(there[0]);
        close(back[1]);
        got = read(back[0], endpoint, size);
        if (got <= 0)
                die("the receiver did not start");
        *ret_from = back[0];
        *ret_to = there[1];
        return pid;
}

static zsock_t *connect_to(const char *endpoint, zcert_t *curve)
{
        const hedge_socket_options_t options = { .limits = &hedge_wire_default_limits,
                                                 .public_key = curve ? zcert_public_txt(curve) : NULL,
                                                 .secret_key = curve ? zcert_secret_txt(curve) : NULL,
                                                 .server_key = curve ? zcert_public_txt(curve) : NULL };
        zsock_t *socket = NULL;
        hedge_why_t why;

        if (hedge_socket_new(ZMQ_DEALER, &options, &socket) < 0)
                die("socket");
        if (hedge_socket_connect(socket, endpoint, &why) < 0)
                die(why.text);
        return socket;
}

/* ---- what comes of it ---- */

/* Least squares of the relative errors of a + b frames + c bytes: three equations. */
static void fit(const cell_t *cells, const cost_t *costs, unsigned n, bool receiver, double ret[3])
{
        double m[3][4] = { { 0 } };

        for (unsigned i = 0; i < n; i++) {
                const double y = receiver ? costs[i].receiver_us : costs[i].sender_us;
                const double x[4] = { 1 / y, cells[i].frames / y, (double)cells[i].bytes / y, 1 };

                for (int r = 0; r < 3; r++)
                        for (int c = 0; c < 4; c++)
                                m[r][c] += x[r] * x[c];
        }
        for (int k = 0; k < 3; k++)
                for (int r = 0; r < 3; r++) {
                        const double by = m[r][k] / m[k][k];

                        for (int c = 0; r != k && c < 4; c++)
                                m[r][c] -= by * m[k][c];
                }
        for (int k = 0; k < 3; k++)
                ret[k] = m[k][3] / m[k][k];
}

static void say_fit(const char *what, const cell_t *cells, const cost_t *costs, unsigned n)
{
        double s[3], r[3];

        fit(cells, costs, n, false, s);
        fit(cells, costs, n, true, r);
        printf("%-22s sender %5.1f us a message, %4.1f a frame, %5.2f ns a byte; receiver %5.1f, %4.1f, %5.2f\n", what,
               s[0], s[1], 1e3 * s[2], r[0], r[1], 1e3 * r[2]);
}

/* @param rows  Filled in: what each cell takes, with and without CURVE. */
static void measure_all(const cell_t *cells, unsigned n, zcert_t *curve, cost_t *rows)
{
        char endpoint[256] = "";
        int from, to;
        const pid_t pid = start_receiver(curve, &from, &to, endpoint, sizeof(endpoint) - 1);
        zsock_t *socket;

        hedge_sockets_begin(8);
        socket = connect_to(endpoint, curve);
        for (unsigned i = 0; i < n; i++)
                rows[i] = measure(socket, &cells[i], from, to);
        close(to);
        zsock_destroy(&socket);
        hedge_sockets_end();
        waitpid(pid, NULL, 0);
        close(from);
}

static void measure_way(bool apart, zcert_t *curve)
{
        cell_t cells[N_SIZES * N_FRAMES];
        cost_t with[N_SIZES * N_FRAMES], without[N_SIZES * N_FRAMES];
        unsigned n = 0;

        for (unsigned s = 0; s < N_SIZES; s++)
                for (unsigned f = 0; f < N_FRAMES; f++) {
                        unsigned most = (unsigned)(BYTES_MAX / sizes[s]);
                        unsigned wanted = apart ? APART : IN_A_ROW;

                        cells[n++] = (cell_t){ sizes[s], frame_counts[f], most < wanted ? most : wanted, apart };
                }
        measure_all(cells, n, NULL, without);
        measure_all(cells, n, curve, with);
        printf("\n%s\n%10s%8s%24s%24s%12s\n%18s%12s%12s%12s%12s%12s\n", apart ? "apart" : "in a row", "BYTES", "FRAMES",
               "NETWORK, US A MESSAGE", "CURVE", "ENCRYPTION", "", "SENDER", "RECEIVER", "SENDER", "RECEIVER", "BOTH");
        for (unsigned i = 0; i < n; i++)
                printf("%10zu%8u%12.1f%12.1f%12.1f%12.1f%12.1f\n", cells[i].bytes, cells[i].frames,
                       without[i].sender_us, without[i].receiver_us, with[i].sender_us, with[i].receiver_us,
                       with[i].sender_us + with[i].receiver_us - without[i].sender_us - without[i].receiver_us);
        say_fit("network", cells, without, n);
        say_fit("curve", cells, with, n);
}

/* libsodium's own speed: what CURVE encrypts with. */
static void measure_sodium(size_t bytes)
{
        static uint8_t box[MOST + crypto_box_MACBYTES];
        const uint8_t nonce[crypto_box_NONCEBYTES] = { 1 }, key[crypto_box_BEFORENMBYTES] = { 2 };
        int64_t took[2] = { 0, 0 };
        unsigned runs[2] = { 0, 0 };

        for (int open = 0; open < 2; open++) {
                const int64_t began = now_ns(CLOCK_THREAD_CPUTIME_ID);

                while (took[open] < RAW_NS) {
                        for (int i = 0; i < 16; i++)
                                if (open ? crypto_box_open_easy_afternm(payload, box, bytes + crypto_box_MACBYTES,
                                                                        nonce, key)
                                         : crypto_box_easy_afternm(box, payload, bytes, nonce, key))
                                        die("libsodium");
                        runs[open] += 16;
                        took[open] = now_ns(CLOCK_THREAD_CPUTIME_ID) - began;
                }
        }
        printf("%10zu%12.1f%12.1f%12.2f%12.2f\n", bytes, (double)took[0] / 1e3 / runs[0],
               (double)took[1] / 1e3 / runs[1], (double)took[0] / runs[0] / (double)bytes,
               (double)took[1] / runs[1] / (double)bytes);
}

int main(void)
{
        zcert_t *curve;

        setvbuf(stdout, NULL, _IOLBF, 0);
        if (sodium_init() < 0 || !zsys_has_curve())
                die("no CURVE here");
        curve = zcert_new();
        if (!curve)
                die("keys");
        measure_way(false, curve);
        measure_way(true, curve);
        printf("\nlibsodium %s alone\n%10s%12s%12s%12s%12s\n", sodium_version_string(), "BYTES", "SEAL US", "OPEN US",
               "NS A BYTE", "NS A BYTE");
        for (unsigned i = 0; i < N_SIZES; i++)
                measure_sodium(sizes[i]);
        zcert_destroy(&curve);
        return 0;
}
