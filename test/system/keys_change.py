# SPDX-License-Identifier: Apache-2.0
"""A board loses its key and gets it back; a board's key is no client's; a bad file is named and costs nobody else."""
import shutil

from cluster import Cluster, check, hedge, unused_endpoint, wait_for, write_digit

endpoint = unused_endpoint()

with Cluster(boards=2, options=["--set", f"listen.clients_tcp={endpoint}"]) as c:
    c.load_digits()
    digit = write_digit(c.dir / "one.png")
    boards = c.dir / "keys/boards"

    # a board's key is good for boards alone
    said = hedge("status", "--connect", endpoint, "--key", c.dir / "keys/board-1.secret",
                 "--server-key", c.dir / "keys/coordinator.pub", status=1).stderr
    check("the board 'board-1'" in said, "a board as a client:", said)
    check(c.status()["refused"] == 1, "counted")

    # without its key a board is out, and in again with it, both by themselves
    (boards / "board-1.pub").rename(c.dir / "board-1.away")
    wait_for("board-1 to be lost", lambda: c.alive()["alive"] == 1)
    c.hedge("infer", "digits", digit)
    (c.dir / "board-1.away").rename(boards / "board-1.pub")
    wait_for("board-1 to come back", lambda: c.alive()["alive"] == 2)

    # files that are no keys: named, in both forms, and harmless
    (boards / "board-8.pub").write_text("")
    shutil.copy(c.dir / "keys/board-2.pub", boards / "aaa.pub")
    wait_for("the files to be seen", lambda: len(c.status()["keys"]) == 2)
    check("/board-8.pub: " in c.status()["keys"][1], c.status()["keys"])
    text = c.hedge("status").stdout
    check("aaa.pub: a copy of the key of 'board-2'" in text and text.count("\nno key ") == 2, text)
    check(c.alive()["alive"] == 2, "the boards")

    # nor do they keep the coordinator from starting
    hedge("down", "--dir", c.dir)
    (c.dir / "log/hedged.log").unlink()
    c.up()
    check(len(c.status()["keys"]) == 2, "after a start", c.status()["keys"])
    wait_for("the boards", lambda: c.alive()["alive"] == 2)
