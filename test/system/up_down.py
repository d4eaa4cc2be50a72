# SPDX-License-Identifier: Apache-2.0
"""`hedge up` brings a cluster up, refuses a second one, and `hedge down` leaves nothing behind."""
import os

from cluster import Cluster, check, hedge, runs

with Cluster(boards=3) as c:
    status = c.status()
    check(status["alive"] == 3 and status["slots"] == 3 and status["security"] == "curve", status)
    check({b["name"] for b in status["boards"]} == set(c.board_names()), status)
    check(os.stat(c.dir / "keys/board-1.secret").st_mode & 0o077 == 0, "others can read a secret")
    check((c.dir / "keys/boards/board-3.pub").read_text() == (c.dir / "keys/board-3.pub").read_text(), "allow-list")

    again = c.hedge("up", "--boards", 3, "--detach", status=1)
    check("already runs" in again.stderr and "hedge down" in again.stderr, again.stderr)
    check(c.status()["alive"] == 3, "the refused `up` did harm")

    pids = [c.pid(name) for name in ["hedged", *c.board_names()]]
    first = c.hedge("down")
    check("Ended the coordinator and 3 boards" in first.stdout and not first.stderr, first)
    check(not any(map(runs, pids)), "something still runs")
    check(not list((c.dir / "run").glob("*.pid")) and not (c.dir / "run/hedged.sock").exists(), "files are left")
    check("Nothing runs" in c.hedge("down").stdout, "second down")

    # Stale pid files: of nobody, of a process that is not ours, and no number at all.
    (c.dir / "run/hedged.pid").write_text("4194304\n")
    (c.dir / "run/board-1.pid").write_text(f"{os.getpid()}\n")
    (c.dir / "run/board-2.pid").write_text("what\n")
    check("Nothing runs" in c.hedge("down").stdout, "stale pid files")

    # What is there is used again.
    key = (c.dir / "keys/coordinator.pub").read_text()
    c.boards = 2
    c.up()
    check(c.status()["alive"] == 2 and (c.dir / "keys/coordinator.pub").read_text() == key, "second up")
    check(not (c.dir / "keys/boards/board-3.pub").exists(), "a board that is no more may still join")

said = hedge("status", "--dir", c.dir, status=1).stderr
check("cannot reach the coordinator at ipc://" in said and "is hedged running?" in said, said)
check("no cluster's folder" in hedge("down", "--dir", c.dir, status=1).stderr, "down of nothing")
