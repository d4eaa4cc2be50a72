#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# After an installation on this machine (not into a package): make the user, let systemd see the units.
[ -z "$DESTDIR" ] && [ "$(id -u)" = 0 ] && [ -d /run/systemd/system ] || exit 0
systemd-sysusers "$MESON_INSTALL_PREFIX/lib/sysusers.d/hedge.conf" && systemctl daemon-reload
