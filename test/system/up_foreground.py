# SPDX-License-Identifier: Apache-2.0
"""Without --detach `hedge up` stays, says that a board died and goes on, and ends the cluster on Ctrl-C."""
import os
import signal
import subprocess

from cluster import HEDGE, PATIENCE_S, Cluster, check, runs, wait_for

c = Cluster(boards=2)
up = subprocess.Popen([HEDGE, "up", "--boards", "2", "--dir", str(c.dir)], stdout=subprocess.PIPE,
                      stderr=subprocess.PIPE, text=True)
try:
    for line in up.stdout:
        if "Ctrl-C ends it" in line:
            break
    c.started = {name: c.pid(name) for name in ["hedged", "board-1", "board-2"]}
    check(c.status()["alive"] == 2, "boards")
    c.kill("board-1")
    check("board-1 was killed by signal 9" in up.stderr.readline(), "the death of a board is not said")
    wait_for("the loss to be noticed", lambda: c.status()["alive"] == 1)
    check(up.poll() is None, "up ended with a board")
    up.send_signal(signal.SIGINT)
    check(up.wait(PATIENCE_S) == 0, "exit status", up.returncode, up.stderr.read())
    check(not any(map(runs, c.started.values())), "something still runs")
    check(not list((c.dir / "run").glob("*.pid")), "pid files are left")
finally:
    if up.poll() is None:
        up.send_signal(signal.SIGTERM)
        up.wait(PATIENCE_S)
    c.clean()
