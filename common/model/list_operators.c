/* SPDX-License-Identifier: Apache-2.0 */
/* Writes docs/operators.md to its standard output. */
#include "common/model/operators.h"

int main(void)
{
        hedge_operators_document(stdout);
        return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
