/* SPDX-License-Identifier: Apache-2.0 */
#include "common/manifest/manifest.h"

/* For the build: the option list of hedge-model.yaml(5). */
int main(void)
{
        hedge_conf_print_mdoc(hedge_manifest_rows, stdout);
        return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
