#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What hedge-worker and hedged take while they have nothing to do: libraries, memory, wake-ups; and how fast a board is there.

HEDGE names the command line of a build; hedge-worker and hedged lie beside it. See bench/README.md.

    ./dev bench footprint --boards 1 --seconds 20
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "test/system"))

from cluster import HEDGE, Cluster, wait_for  # noqa: E402
from footprint import libraries, memory, switches  # noqa: E402


def start_ms(c):
    """From exec until the coordinator has let a board in: the log says both, in the order of the events."""
    name = c.board_names()[0]
    os.kill(c.pid(name), 15)
    wait_for("its end", lambda: c.board(name)["state"] != "alive")
    command = [str(Path(HEDGE).resolve().parent.parent / "worker/hedge-worker"), "--config",
               str(next(c.dir.glob(f"**/{name}.yaml")))]
    times = []
    for _ in range(20):
        began = time.monotonic()
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for line in process.stderr:
            if "connected to" in line:
                times.append((time.monotonic() - began) * 1000)
                break
        process.terminate()
        process.stderr.read()
        process.wait()
    return statistics.median(times)


def wakes_per_s(pids, seconds):
    """Of all processes over the same time."""
    before = [switches(pid) for pid in pids]
    time.sleep(seconds)
    return [(switches(pid) - b) / seconds for pid, b in zip(pids, before)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--boards", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=20, help="to count wake-ups for")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    rows = {}
    with Cluster(boards=options.boards) as c:
        time.sleep(3)  # what is over after the start is not counted
        names = ["board-1", "hedged"]
        pids = [c.pid(name) for name in names]
        for name, pid, wakes in zip(names, pids, wakes_per_s(pids, options.seconds)):
            found = libraries(pid)
            anon, pss = memory(pid)
            rows["hedge-worker" if name == "board-1" else name] = {
                "libraries": len(found), "library_mb": sum(found.values()) / 1e6, "rss_anon_mb": anon / 1e6,
                "pss_mb": pss / 1e6, "wakes_per_s": wakes}
        rows["hedge-worker"]["start_ms"] = start_ms(c)
    for name, row in rows.items():
        print(name)
        for what, value in row.items():
            print(f"  {what:12} {value:8.1f}" if isinstance(value, float) else f"  {what:12} {value:6d}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
