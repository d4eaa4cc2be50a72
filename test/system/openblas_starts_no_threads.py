# SPDX-License-Identifier: Apache-2.0
"""Codes need no OpenBLAS, and no program maps it for them; training opens it, and its threads are never started."""
import os
import subprocess
import sys
from pathlib import Path

from cluster import HEDGE, Cluster, check, write_digit
from footprint import libraries
from training import Following, write_job

if os.environ.get("HEDGE_TEST_SANITIZED"):
    print("skipped: a sanitizer brings threads of its own")
    sys.exit(77)


def algebra(pid):
    return [name for name in libraries(pid) if name.startswith(("libopenblas", "liblapack", "libblas"))]


def threads(pid):
    return {task.name for task in Path(f"/proc/{pid}/task").iterdir()}


needed = subprocess.run(["ldd", HEDGE], stdout=subprocess.PIPE, text=True, check=True).stdout
check("libzmq" in needed and "blas" not in needed and "lapack" not in needed, needed)

options = ["--set", "plan.rules=[{scheme: krp, systematic: no}]", "--set", "plan.cut=simple", "--set", "plan.macs_per_entry=0"]
with Cluster(boards=2, options=options) as c:
    c.load_digits()
    answer = c.infer("digits", write_digit(c.dir / "one.png"))[0]
    check(any(layer["scheme"] == "krp" for layer in answer["layers"]), "nothing was decoded", answer["layers"])
    pids = [c.pid(name) for name in ("hedged", "board-1", "board-2")]
    for pid in pids:
        check(not algebra(pid), "mapped without a training:", algebra(pid))

    before = {pid: threads(pid) for pid in pids}
    job = write_job(c.dir / "work", "co3", 1000000)
    with Following(c, "train", job, "-o", c.dir / "squares.onnx") as f:
        f.until("two epochs", lambda: len(f.epochs) > 2)
        for pid in pids:
            # The training's own thread is new; with OpenBLAS's there are as many more as there are cores but one.
            check(algebra(pid) and len(threads(pid) - before[pid]) == 1, algebra(pid), threads(pid) - before[pid])
        c.hedge("jobs", "stop", 1)
        f.finish(status=1)
