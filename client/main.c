/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "client/command.h"

int main(int argc, char **argv)
{
        int status = hedgec_main(argc, argv);

        /* A full disk or a closed pipe must not pass for success. */
        if (fflush(stdout) || ferror(stdout)) {
                perror("hedge: cannot write the answer");
                return status ? status : EXIT_FAILURE;
        }
        return status;
}
