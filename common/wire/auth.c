/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/auth.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/thread.h"
#include "common/wire/allow.h"

/* CZMQ's zauth has one list of keys for all domains and a key's own text as its user; hence this one. */

#define ZAP_ENDPOINT  "inproc://zeromq.zap.01"
#define STOP_ENDPOINT "inproc://hedge.auth.stop"
#define MAX_DOMAINS   16
#define ZAP_FRAMES    7 /* version, request id, domain, address, identity, mechanism, the key */

enum { VERSION, REQUEST, DOMAIN, ADDRESS, IDENTITY, MECHANISM, KEY };

typedef struct domain {
        char name[64];
        hedge_allow_t *allow;
} domain_t;

struct hedge_auth {
        void *zap;              /* the thread's */
        void *stop, *stop_peer; /* a pair: ours and the thread's */
        pthread_t thread;
        bool running;
        pthread_mutex_t mutex; /* guards the domains */
        domain_t domains[MAX_DOMAINS];
        unsigned n_domains;
        atomic_ulong refused;
};

typedef struct request {
        zmq_msg_t frames[ZAP_FRAMES];
        unsigned n_frames; /* how many came; more than ZAP_FRAMES are counted, not kept */
} request_t;

static bool frame_is(zmq_msg_t *frame, const char *text)
{
        return zmq_msg_size(frame) == strlen(text) && !memcmp(zmq_msg_data(frame), text, strlen(text));
}

static int receive_frame(void *socket, zmq_msg_t *frame)
{
        int r;

        do
                r = zmq_msg_recv(frame, socket, 0);
        while (r < 0 && errno == EINTR);
        return r;
}

static int receive_request(void *socket, request_t *request)
{
        zmq_msg_t extra;
        int more = 1;

        request->n_frames = 0;
        for (unsigned i = 0; i < ZAP_FRAMES; i++)
                zmq_msg_init(&request->frames[i]);
        zmq_msg_init(&extra);
        while (more) {
                zmq_msg_t *frame = request->n_frames < ZAP_FRAMES ? &request->frames[request->n_frames] : &extra;

                if (receive_frame(socket, frame) < 0)
                        break;
                request->n_frames++;
                more = zmq_msg_more(frame);
        }
        zmq_msg_close(&extra);
        return more ? -1 : 0;
}

static void release_request(request_t *request)
{
        for (unsigned i = 0; i < ZAP_FRAMES; i++)
                zmq_msg_close(&request->frames[i]);
}

static bool key_is_allowed(hedge_auth_t *auth, zmq_msg_t *domain, const uint8_t *key, char user[HEDGE_BOARD_NAME_MAX])
{
        bool found = false;

        pthread_mutex_lock(&auth->mutex);
        for (unsigned i = 0; i < auth->n_domains && !found; i++)
                if (frame_is(domain, auth->domains[i].name))
                        found = hedge_allow_find(auth->domains[i].allow, key, user);
        pthread_mutex_unlock(&auth->mutex);
        return found;
}

/* The status of RFC 27, and whose key it is where that is "200". */
static const char *judge(hedge_auth_t *auth, request_t *request, char user[HEDGE_BOARD_NAME_MAX])
{
        zmq_msg_t *frames = request->frames;

        if (request->n_frames < KEY || !frame_is(&frames[VERSION], "1.0"))
                return "500";
        if (request->n_frames != ZAP_FRAMES || !frame_is(&frames[MECHANISM], "CURVE") ||
            zmq_msg_size(&frames[KEY]) != 32)
                return "400";
        return key_is_allowed(auth, &frames[DOMAIN], zmq_msg_data(&frames[KEY]), user) ? "200" : "400";
}

static void answer(hedge_auth_t *auth, request_t *request)
{
        char user[HEDGE_BOARD_NAME_MAX] = "";
        const char *status = judge(auth, request, user);
        const char *text = *status == '2' ? "welcome" : *status == '4' ? "not on the list" : "not ZAP 1.0";

        if (*status != '2')
                atomic_fetch_add(&auth->refused, 1);
        zmq_send(auth->zap, "1.0", 3, ZMQ_SNDMORE);
        zmq_send(auth->zap, zmq_msg_data(&request->frames[REQUEST]), zmq_msg_size(&request->frames[REQUEST]),
                 ZMQ_SNDMORE);
        zmq_send(auth->zap, status, strlen(status), ZMQ_SNDMORE);
        zmq_send(auth->zap, text, strlen(text), ZMQ_SNDMORE);
        zmq_send(auth->zap, user, strlen(user), ZMQ_SNDMORE);
        zmq_send(auth->zap, "", 0, 0);
}

static void *serve(void *arg)
{
        hedge_auth_t *auth = arg;
        zmq_pollitem_t items[] = { { auth->stop_peer, 0, ZMQ_POLLIN, 0 }, { auth->zap, 0, ZMQ_POLLIN, 0 } };
        request_t request;

        while (1) {
                if (zmq_poll(items, 2, -1) < 0) {
                        if (errno == EINTR)
                                continue;
                        break;
                }
                if (items[0].revents)
                        break;
                if (!items[1].revents)
                        continue;
                if (receive_request(auth->zap, &request) == 0)
                        answer(auth, &request);
                release_request(&request);
        }
        return NULL;
}

static void *open_socket(void *context, int type)
{
        void *socket = zmq_socket(context, type);
        int linger = 0;

        if (socket)
                zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger));
        return socket;
}

static int open_sockets(hedge_auth_t *auth, void *context)
{
        auth->zap = open_socket(context, ZMQ_REP);
        auth->stop = open_socket(context, ZMQ_PAIR);
        auth->stop_peer = open_socket(context, ZMQ_PAIR);
        if (!auth->zap || !auth->stop || !auth->stop_peer)
                return -errno;
        if (zmq_bind(auth->zap, ZAP_ENDPOINT) < 0 || zmq_bind(auth->stop, STOP_ENDPOINT) < 0 ||
            zmq_connect(auth->stop_peer, STOP_ENDPOINT) < 0)
                return -errno;
        return 0;
}

int hedge_auth_new(void *zmq_context, hedge_auth_t **ret)
{
        hedge_auth_t *auth;
        int r;

        auth = calloc(1, sizeof(*auth));
        if (!auth)
                return -ENOMEM;
        pthread_mutex_init(&auth->mutex, NULL);
        r = open_sockets(auth, zmq_context);
        if (r == 0)
                r = hedge_thread_start(&auth->thread, 0, serve, auth);
        auth->running = r == 0;
        if (r < 0)
                hedge_auth_destroy(&auth);
        else
                *ret = auth;
        return r;
}

/* Closing is finished later, by libzmq's reaper; unbinding makes the endpoint free at once. */
static void close_socket(void *socket, const char *endpoint)
{
        if (!socket)
                return;
        zmq_unbind(socket, endpoint);
        zmq_close(socket);
}

void hedge_auth_destroy(hedge_auth_t **auth)
{
        hedge_auth_t *a = *auth;

        if (!a)
                return;
        if (a->running) {
                while (zmq_send(a->stop, "", 0, 0) < 0 && errno == EINTR)
                        ;
                pthread_join(a->thread, NULL);
        }
        close_socket(a->zap, ZAP_ENDPOINT);
        close_socket(a->stop, STOP_ENDPOINT);
        if (a->stop_peer)
                zmq_close(a->stop_peer);
        for (unsigned i = 0; i < a->n_domains; i++)
                hedge_allow_destroy(&a->domains[i].allow);
        pthread_mutex_destroy(&a->mutex);
        free(a);
        *auth = NULL;
}

int hedge_auth_allow(hedge_auth_t *auth, const char *domain, const char *folder, hedge_why_t *why)
{
        hedge_allow_t *allow;
        int r;

        if (!domain[0] || strlen(domain) >= sizeof(auth->domains[0].name))
                return hedge_why(why, -EINVAL, "'%s' is no name for a domain", domain);
        r = hedge_allow_new(folder, &allow, why);
        if (r < 0)
                return r;
        pthread_mutex_lock(&auth->mutex);
        if (auth->n_domains < MAX_DOMAINS) {
                strcpy(auth->domains[auth->n_domains].name, domain);
                auth->domains[auth->n_domains++].allow = allow;
                allow = NULL;
        }
        pthread_mutex_unlock(&auth->mutex);
        if (!allow)
                return 0;
        hedge_allow_destroy(&allow);
        return hedge_why(why, HEDGE_ELIMIT, "more than %d folders of keys", MAX_DOMAINS);
}

unsigned long hedge_auth_refused(const hedge_auth_t *auth)
{
        return atomic_load(&auth->refused);
}
