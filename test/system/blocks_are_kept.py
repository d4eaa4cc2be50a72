# SPDX-License-Identifier: Apache-2.0
"""Boards hold parts of a model's graph: through a restart of the coordinator, for one that comes later, and not after an unload."""
import json
import os
import signal

from cluster import Cluster, check, check_close, hedge, read_floats, runs, wait_for, write_npy

MESSAGES = 100_000  # bytes: all that is said to a board within this test, but what it holds


def received(cluster, name):
    """Bytes that a board has got, as it said after this call."""
    said = lambda: cluster.board(name)["cost"] or {"messages_received": 0}
    before = said()["messages_received"]
    return wait_for(f"{name} to say what it got", lambda: (c := said())["messages_received"] > before and c)["bytes_received"]


def is_ready(cluster, boards):
    model = json.loads(cluster.hedge("models", "net", "--json").stdout)
    return model["state"] == "ready" and model["ready_boards"] == boards and model["segment_layers"] > 0


with Cluster(boards=2, work="whole", options=["--set", "plan.cut=measured", "--set", "cluster.heartbeat_ms=500"]) as c:
    picture = write_npy(c.dir / "picture.npy", (1, 1, 28, 28), [(i * 37 % 64) / 32 - 1 for i in range(28 * 28)])
    hedge("model", "make", "lenet5", c.dir / "net.onnx", "--quiet")
    weights = (c.dir / "net.onnx").stat().st_size
    hedge("local", c.dir / "net.onnx", picture, "--raw", c.dir / "local.f32")
    wanted = read_floats(c.dir / "local.f32")
    wait_for("both boards, measured", lambda: c.status()["alive"] == 2)
    before = {name: received(c, name) for name in c.board_names()}
    c.load(c.dir / "net.onnx")
    wait_for("both boards to hold it", lambda: is_ready(c, 2))  # for a load one of them is enough
    for name in c.board_names():
        got = received(c, name) - before[name]
        check(0.9 * weights < got < weights + MESSAGES, name, "got", got, "of", weights)
        check(c.board(name)["held_bytes"] > 1.9 * weights, name, c.board(name))

    # One that comes later, or again, gets them by itself.
    process = c.board("board-2")["incarnation"]
    c.kill("board-2")
    c.start("board-2")
    wait_for("the board that came back to hold it", lambda: c.board("board-2")["incarnation"] != process and is_ready(c, 2))
    check(0.9 * weights < received(c, "board-2"), c.board("board-2")["cost"], weights)

    # The coordinator is another process, at the port that the boards know: they hold what it wants of them.
    before = {name: received(c, name) for name in c.board_names()}
    pid = c.pid("hedged")
    os.kill(pid, signal.SIGTERM)  # what it has measured is noted: boards are not measured again
    wait_for("the end of hedged", lambda: not runs(pid))
    with c.hedged_again():
        wait_for("the socket", lambda: c.hedge("status", "--json", status=None).returncode == 0)
        wait_for("the boards to be back", lambda: is_ready(c, 2))
        c.infer("net", picture, "--raw", c.dir / "got.f32")
        check_close(read_floats(c.dir / "got.f32"), wanted, "after the restart")
        for name in c.board_names():
            check(received(c, name) - before[name] < weights / 2, name, "was sent again what it held:", before[name],
                  c.board(name)["cost"])

        c.hedge("unload", "net")
        wait_for("the boards to forget it", lambda: all(b["held_bytes"] == 0 for b in c.status()["boards"]))
