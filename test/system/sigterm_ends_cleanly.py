# SPDX-License-Identifier: Apache-2.0
"""SIGTERM ends a coordinator and a board with status 0 within a second, also in the middle of a request."""
import os
import signal
import subprocess
import time

from cluster import HEDGE, PATIENCE_S, Cluster, check, runs, wait_for, write_digit

SANITIZED = os.environ.get("HEDGE_TEST_SANITIZED") == "1"

c = Cluster(boards=3)
up = subprocess.Popen([HEDGE, "up", "--boards", "3", "--dir", str(c.dir)], stdout=subprocess.PIPE,
                      stderr=subprocess.PIPE, text=True)
try:
    for line in up.stdout:
        if "Ctrl-C ends it" in line:
            break
    c.started = {name: c.pid(name) for name in ["hedged", *c.board_names()]}
    c.load_digits()
    digit = write_digit(c.dir / "one.png")
    load = subprocess.Popen([HEDGE, "infer", "digits", *[str(digit)] * 2000, "--dir", str(c.dir), "--json"],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    check(load.stdout.readline(), "no answer")
    for name in ("board-1", "hedged"):
        pid, start = c.started[name], time.monotonic()
        os.kill(pid, signal.SIGTERM)
        said = up.stderr.readline()
        took = time.monotonic() - start
        check(said == f"hedge: {name} ended with status 0\n", said)
        check(took < 1 or SANITIZED, name, "took", took, "s")
    check(len(load.stdout.read().splitlines()) == 1999 and load.wait(PATIENCE_S) == 1, "the client hung or lied")
    check(up.wait(PATIENCE_S) == 0, "exit status", up.returncode, up.stderr.read())
    wait_for("the boards' end", lambda: not any(map(runs, c.started.values())))
finally:
    if up.poll() is None:
        up.send_signal(signal.SIGTERM)
        up.wait(PATIENCE_S)
    c.clean()
