/* SPDX-License-Identifier: Apache-2.0 */
#include "client/notify.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const int stops[] = { SIGINT, SIGTERM, SIGHUP };

#define STOPS (sizeof(stops) / sizeof(stops[0]))

/* Where the handler tells that one of them has come. Blocking them for a signalfd would not do: a library's thread, begun
 * before main, has them unblocked and would be handed them. */
static volatile sig_atomic_t stop_fd = -1;
static struct sigaction before[STOPS];

static void note_stop(int signal)
{
        int saved = errno;
        uint64_t one = 1;

        (void)signal;
        if (write(stop_fd, &one, sizeof(one)) < 0)
                abort(); /* an eventfd takes it unless it is none */
        errno = saved;
}

static void catch_stops(int fd)
{
        struct sigaction action = { .sa_handler = note_stop, .sa_flags = SA_RESTART };

        stop_fd = fd;
        for (size_t i = 0; i < STOPS; i++) {
                sigaction(stops[i], NULL, &before[i]);
                if (before[i].sa_handler != SIG_IGN) /* nohup */
                        sigaction(stops[i], &action, NULL);
        }
}

static void release_stops(void)
{
        for (size_t i = 0; i < STOPS; i++)
                sigaction(stops[i], &before[i], NULL);
        stop_fd = -1;
}

static int bind_anywhere(hedgec_notify_t *notify)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        socklen_t size = sizeof(address);
        int on = 1;

        /* Bound with a family and no path, an AF_UNIX socket gets a free abstract address. */
        if (bind(notify->fd, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 ||
            getsockname(notify->fd, (struct sockaddr *)&address, &size) < 0 ||
            setsockopt(notify->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
                return -errno;
        size -= (socklen_t)offsetof(struct sockaddr_un, sun_path);
        if (size < 2 || size > sizeof(notify->name) - 1)
                return -EINVAL;
        snprintf(notify->name, sizeof(notify->name), "@%.*s", (int)size - 1, address.sun_path + 1);
        return 0;
}

int hedgec_notify_open(hedgec_notify_t *notify, hedge_why_t *why)
{
        int r;

        notify->stop_fd = -1;
        notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        r = notify->fd < 0 ? -errno : bind_anywhere(notify);
        if (!r) {
                notify->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
                r = notify->stop_fd < 0 ? -errno : 0;
        }
        if (r < 0) {
                hedgec_notify_close(notify);
                return hedge_why(why, r, "cannot listen for the programs' readiness: %s", hedge_strerror(r));
        }
        catch_stops(notify->stop_fd);
        return 0;
}

void hedgec_notify_close(hedgec_notify_t *notify)
{
        if (notify->fd >= 0)
                close(notify->fd);
        if (notify->stop_fd >= 0) {
                release_stops();
                close(notify->stop_fd);
        }
        notify->fd = notify->stop_fd = -1;
}

/* One datagram: lines of NAME=VALUE. @return the sender if it says READY=1, 0 if it does not, -EAGAIN at the end. */
static pid_t read_ready(int fd)
{
        char text[4096], control[CMSG_SPACE(sizeof(struct ucred))];
        struct iovec part = { text, sizeof(text) - 1 };
        struct msghdr header = {
                .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
        };
        ssize_t size = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
        struct ucred sender = { 0 };
        struct cmsghdr *c;
        char *line, *rest;

        if (size < 0)
                return errno == EINTR ? 0 : -EAGAIN;
        for (c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
                        memcpy(&sender, CMSG_DATA(c), sizeof(sender));
        text[size] = '\0';
        for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
                if (!strcmp(line, "READY=1"))
                        return sender.pid;
        return 0;
}

static void mark_ready(const hedgec_notify_t *notify, hedgec_process_t *processes, unsigned count)
{
        pid_t pid;

        while ((pid = read_ready(notify->fd)) >= 0)
                for (unsigned i = 0; pid && i < count; i++)
                        if (processes[i].pid == pid)
                                processes[i].ready = true;
}

int hedgec_notify_wait(const hedgec_notify_t *notify, hedgec_process_t *processes, unsigned count, int wait_ms,
                       unsigned *ret_ended, int *ret_status)
{
        struct pollfd *items = calloc(count + 2, sizeof(*items));
        int r;

        if (!items)
                return -ENOMEM;
        items[0] = (struct pollfd){ .fd = notify->fd, .events = POLLIN };
        items[1] = (struct pollfd){ .fd = notify->stop_fd, .events = POLLIN };
        for (unsigned i = 0; i < count; i++)
                items[i + 2] = (struct pollfd){ .fd = processes[i].pidfd, .events = POLLIN };
        r = poll(items, count + 2, wait_ms);
        if (r < 0)
                r = errno == EINTR ? 0 : -errno;
        else if (items[1].revents)
                r = 1;
        else
                r = 0;
        if (!r && items[0].revents)
                mark_ready(notify, processes, count);
        for (unsigned i = 0; !r && i < count; i++) {
                if (items[i + 2].fd >= 0 && items[i + 2].revents && hedgec_process_ended(&processes[i], ret_status)) {
                        *ret_ended = i;
                        r = 2;
                }
        }
        free(items);
        return r;
}
