/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/manifest/manifest.h"

/* For the build: the commented example of a model.yaml ("--print-config yaml") and the option list of hedge-model.yaml(5)
 * ("--print-config mdoc"). */
int main(int argc, char **argv)
{
        if (argc != 3 || strcmp(argv[1], "--print-config") != 0)
                return 2;
        if (strcmp(argv[2], "mdoc") == 0)
                hedge_conf_print_mdoc(hedge_manifest_rows, stdout);
        else
                hedge_conf_print_example(hedge_manifest_rows, stdout);
        return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
