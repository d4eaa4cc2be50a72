/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "client/command.h"
#include "common/wire/socket.h"

#define SOCKETS_MAX 64

int main(int argc, char **argv)
{
        int status;

        hedge_sockets_begin(SOCKETS_MAX);
        status = hedgec_main(argc, argv);
        hedge_sockets_end();

        /* A full disk or a closed pipe must not pass for success. */
        if (fflush(stdout) || ferror(stdout)) {
                perror("hedge: cannot write the answer");
                return status ? status : EXIT_FAILURE;
        }
        return status;
}
