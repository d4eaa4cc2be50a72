# SPDX-License-Identifier: Apache-2.0
"""A board that has nothing to do maps no library that it does not use, takes little memory, and sleeps."""
import os
import sys
import time

from cluster import Cluster, check, wait_for
from footprint import libraries, memory, switches

LARGE = ("libdnnl", "libgomp", "libXNNPACK", "libpthreadpool", "libopenblas", "liblapacke", "libjson-c", "libjpeg",
         "libpng16", "libprotobuf-c", "onednn", "xnnpack")
ANON_BYTES = 8 << 20  # what a board with nothing may take; 0.8 MB was measured
WINDOW_S = 10
WAKES = 20  # in a window: three for a PING, of which six fit at four heartbeats of 500 ms, are 18; with every heartbeat it would be 60

if os.environ.get("HEDGE_TEST_SANITIZED"):
    print("skipped: a sanitizer brings libraries, memory and threads of its own")
    sys.exit(77)


def wakes(pid):
    before = switches(pid)
    time.sleep(WINDOW_S)
    return switches(pid) - before


with Cluster(boards=1) as c:
    pid = c.pid("board-1")
    large = [name for name in libraries(pid) if name.startswith(LARGE)]
    check(not large, "maps without use:", large)
    check(memory(pid)[0] <= ANON_BYTES, memory(pid)[0], "bytes")
    # In the first window what starting left to do may still be under way.
    wait_for("a board that sleeps", lambda: wakes(pid) <= WAKES)
    wait_for("a coordinator that sleeps", lambda: wakes(c.pid("hedged")) <= 2 * WAKES)
