# SPDX-License-Identifier: Apache-2.0
"""Method co3: a board is killed, one frozen and one added while it trains; it goes on, says so, and learns all the same."""
import os
import subprocess

from cluster import HEDGE, Cluster, check
from training import PARAMETERS, Following, check_classifies, write_job


def start_board(c, name):
    """By hand, at the port that the coordinator has."""
    with open(c.dir / f"log/{name}-again.log", "w") as log:
        return subprocess.Popen([os.path.join(os.path.dirname(HEDGE), "../worker/hedge-worker"), "--config",
                                 c.dir / f"conf/{name}.yaml"], stdout=log, stderr=log)


with Cluster(boards=4, options=["--set", "cluster.heartbeat_ms=100"]) as c:
    job = write_job(c.dir / "work", "co3", 1000000, more="co3: {format: fp8, max_bits: 4.5, shards: 4}\n")
    added = None
    c.kill("board-4")
    try:
        with Following(c, "train", job, "-o", c.dir / "squares.onnx") as f:
            f.until("epochs of three boards", lambda: len(f.epochs) > 2 and f.epochs[-1]["boards"] == 3)

            c.kill("board-1")
            f.event("board-1", "lost")
            c.freeze("board-2")
            f.event("board-2", "lost")
            f.until("an epoch of one board", lambda: f.epochs[-1]["boards"] == 1)

            c.thaw("board-2")
            f.event("board-2", "takes part")
            added = start_board(c, "board-4")
            f.event("board-4", "takes part")
            f.until("an epoch of three boards again", lambda: f.epochs[-1]["boards"] == 3)
            f.until("what is learnt", lambda: f.epochs[-1]["test_accuracy"] >= 0.9)
            c.hedge("jobs", "stop", 1)
            end = f.finish(status=1)
            check("was stopped" in f.said(), f.said())
        check(end["state"] == "stopped" and end["parameters"] == PARAMETERS, end)
        losses = [e["loss"] for e in f.epochs]
        check(max(losses[1:]) < losses[0] and losses[-1] < 0.5 * losses[0], "the loss jumps:", losses)
        check(all(0 < e["bits_per_entry"] <= 32 and 0 < e["entropy"] <= 8 for e in f.epochs), f.epochs[0])
        check(all(e["bytes_up_per_step"] > 0 and e["bytes_down_per_step"] > 0 for e in f.epochs), f.epochs[0])
        check_classifies(c, c.dir / "squares.onnx", c.dir / "squares.model.yaml")
    finally:
        if added:
            added.terminate()
            check(added.wait(30) == 0, "the added board ended with", added.returncode)
