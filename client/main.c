/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "client/command.h"
#include "client/say.h"
#include "common/wire/socket.h"

#define SOCKETS_MAX  64
#define OUTPUT_BYTES (1u << 18) /* what is written between two flushes: it is those that learn why writing fails */

int main(int argc, char **argv)
{
        static char buffer[OUTPUT_BYTES];
        int status;

        if (!isatty(STDOUT_FILENO))
                setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
        hedge_sockets_begin(SOCKETS_MAX);
        status = hedgec_main(argc, argv);
        hedge_sockets_end();
        return hedgec_flush_all(status);
}
