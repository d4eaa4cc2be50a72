/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/measure/loopback.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zmq.h>

#include "daemon/measure/processor.h"

#define HEADER_BYTES 64 /* of a PART, about */
#define PATIENCE_MS  1000
#define PAUSE_NS     200000 /* as between a layer's messages: whoever waits falls asleep, caches grow cold */
#define KEY_BYTES    41

struct hedged_loopback {
        void *contexts[2], *from, *to; /* one for each end, so that each has its own I/O thread, as two programs have */
};

static int set_int(void *socket, int option, int value)
{
        return zmq_setsockopt(socket, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int set_curve(hedged_loopback_t *x)
{
        char public_key[KEY_BYTES], secret_key[KEY_BYTES];

        if (zmq_curve_keypair(public_key, secret_key) < 0 || set_int(x->to, ZMQ_CURVE_SERVER, 1) < 0 ||
            zmq_setsockopt(x->to, ZMQ_CURVE_SECRETKEY, secret_key, KEY_BYTES) < 0 ||
            zmq_setsockopt(x->from, ZMQ_CURVE_SERVERKEY, public_key, KEY_BYTES) < 0 ||
            zmq_setsockopt(x->from, ZMQ_CURVE_PUBLICKEY, public_key, KEY_BYTES) < 0 ||
            zmq_setsockopt(x->from, ZMQ_CURVE_SECRETKEY, secret_key, KEY_BYTES) < 0)
                return errno ? -errno : -EINVAL;
        return 0;
}

static int connect_both(hedged_loopback_t *x)
{
        char endpoint[128], abstract[64];
        size_t n = sizeof(endpoint);

        snprintf(abstract, sizeof(abstract), "ipc://@hedged-loopback-%ld", (long)getpid());
        if (zmq_bind(x->to, "tcp://127.0.0.1:*") < 0 && zmq_bind(x->to, abstract) < 0)
                return -errno;
        if (zmq_getsockopt(x->to, ZMQ_LAST_ENDPOINT, endpoint, &n) < 0 || zmq_connect(x->from, endpoint) < 0)
                return -errno;
        return 0;
}

static int open_both(hedged_loopback_t *x)
{
        void **const sockets[] = { &x->from, &x->to };
        int r = 0;

        for (unsigned i = 0; r == 0 && i < 2; i++) {
                x->contexts[i] = zmq_ctx_new();
                if (!x->contexts[i])
                        return -ENOMEM;
                *sockets[i] = zmq_socket(x->contexts[i], ZMQ_PAIR);
                if (!*sockets[i])
                        return -errno;
                r = set_int(*sockets[i], ZMQ_LINGER, 0);
                if (r == 0)
                        r = set_int(*sockets[i], ZMQ_RCVTIMEO, PATIENCE_MS);
                if (r == 0)
                        r = set_int(*sockets[i], ZMQ_SNDTIMEO, PATIENCE_MS);
        }
        return r;
}

int hedged_loopback_new(bool encrypted, hedged_loopback_t **ret)
{
        hedged_loopback_t *x = calloc(1, sizeof(*x));
        int r;

        if (!x)
                return -ENOMEM;
        r = open_both(x);
        if (r == 0 && encrypted)
                r = set_curve(x);
        if (r == 0)
                r = connect_both(x);
        if (r < 0)
                hedged_loopback_destroy(&x);
        else
                *ret = x;
        return r;
}

void hedged_loopback_destroy(hedged_loopback_t **loopback)
{
        hedged_loopback_t *x = *loopback;

        *loopback = NULL;
        if (!x)
                return;
        if (x->from)
                zmq_close(x->from);
        if (x->to)
                zmq_close(x->to);
        for (unsigned i = 0; i < 2; i++)
                if (x->contexts[i])
                        zmq_ctx_term(x->contexts[i]);
        free(x);
}

static int receive(void *socket)
{
        int more = 1, r = 0;

        while (r == 0 && more) {
                zmq_msg_t frame;

                zmq_msg_init(&frame);
                if (zmq_msg_recv(&frame, socket, 0) < 0)
                        r = -errno;
                more = r == 0 && zmq_msg_more(&frame);
                zmq_msg_close(&frame);
        }
        return r;
}

static int send_one(void *socket, size_t bytes)
{
        static const char header[HEADER_BYTES];
        zmq_msg_t frame;
        int r = 0;

        if (zmq_msg_init_size(&frame, bytes) < 0)
                return -ENOMEM;
        memset(zmq_msg_data(&frame), 0, bytes);
        if (zmq_send(socket, header, sizeof(header), ZMQ_SNDMORE) < 0 || zmq_msg_send(&frame, socket, 0) < 0)
                r = -errno;
        zmq_msg_close(&frame);
        return r;
}

int hedged_loopback_run(hedged_loopback_t *x, size_t bytes, unsigned messages, double *ret_s)
{
        const struct timespec pause = { .tv_nsec = PAUSE_NS };
        double spent_s = 0;

        for (unsigned i = 0; i < messages; i++) {
                const double began_s = hedged_processor_s();
                int r = send_one(x->from, bytes);

                if (r == 0)
                        r = receive(x->to);
                if (r < 0)
                        return r;
                spent_s += hedged_processor_s() - began_s;
                nanosleep(&pause, NULL);
        }
        *ret_s = spent_s / messages;
        return 0;
}
