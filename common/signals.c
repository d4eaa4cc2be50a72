/* SPDX-License-Identifier: Apache-2.0 */
#include "common/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

static const int kept[] = { SIGTERM, SIGINT, SIGHUP };

static int ends[2] = { -1, -1 }; /* of a pipe, a byte for each signal */

static void keep(int number)
{
        const uint8_t byte = (uint8_t)number;
        const int before = errno;
        ssize_t r = write(ends[1], &byte, 1);

        (void)r; /* where thousands have not been read one more makes no difference */
        errno = before;
}

static int set_all(void (*handler)(int))
{
        const struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };

        for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
                if (sigaction(kept[i], &action, NULL) < 0)
                        return -errno;
        return 0;
}

int hedge_signals_open(int *ret_fd)
{
        const struct sigaction ignore = { .sa_handler = SIG_IGN };
        int r;

        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        r = set_all(keep);
        if (r == 0 && sigaction(SIGPIPE, &ignore, NULL) < 0)
                r = -errno;
        if (r < 0)
                hedge_signals_close(ends[0]);
        else
                *ret_fd = ends[0];
        return r;
}

int hedge_signals_next(int fd)
{
        uint8_t byte;

        return read(fd, &byte, 1) == 1 ? byte : 0;
}

void hedge_signals_close(int fd)
{
        if (fd < 0)
                return;
        set_all(SIG_DFL);
        close(ends[1]);
        close(fd);
}
