#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# manuals_are_clean.sh PAGE...: mandoc finds nothing to warn of.
if ! command -v mandoc >/dev/null; then
        echo "no mandoc here"
        exit 77
fi
mandoc -T lint -W warning "$@"
