#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install_new.sh FOLDER FILE...: install files, but leave alone what somebody may have edited.
set -e
to="$DESTDIR$1"
shift
install -d -m 755 "$to"
for file in "$@"; do
        name="${file##*/}"
        if [ -e "$to/$name" ]; then
                [ -n "$MESON_INSTALL_QUIET" ] || echo "$to/$name is there already, not touched"
        else
                install -m 644 "$file" "$to/$name"
        fi
done
