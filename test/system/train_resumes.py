# SPDX-License-Identifier: Apache-2.0
"""The coordinator is killed while it trains and started again: the job goes on from its checkpoint, and its client follows."""
import os

from cluster import Cluster, check
from training import Following, check_classifies, jobs_folders, write_job

# A board's gradient takes 10 ms at least: 12 steps an epoch, so that 40 epochs take over 4 s.
MACS = 4 * 9 * 12 * 12 + 36 * 4 * 4  # of a picture
os.environ["HEDGE_EMULATE_MACS_PER_S"] = str(MACS * 3 * 16 * 100)
with Cluster(boards=2, options=["--set-board", "test.allow_emulation=true"]) as c:
    job = write_job(c.dir / "work", "co3", 40)
    with Following(c, "train", job, "-o", c.dir / "squares.onnx") as f:
        f.until("the second epoch", lambda: len(f.epochs) > 1)
        c.kill("hedged")
        before = len(f.epochs)
        with c.hedged_again():
            end = f.finish()
            said = f.said()
            check_classifies(c, c.dir / "squares.onnx", c.dir / "squares.model.yaml")
    check("went away" in said and "the coordinator is back" in said, said)
    check(any("anew" in e["event"] for e in f.events), "nothing says that it was started anew:", f.events)
    check(end["state"] == "done" and end["job"] == 1 and end["epochs"] == 40, end)
    # Every epoch is there; the one that was not in the checkpoint yet may be there twice.
    numbers = [e["epoch"] for e in f.epochs]
    check(sorted(set(numbers)) == list(range(1, 41)) and len(numbers) <= 41, numbers)
    check(before < 40 and numbers[-1] == 40, numbers)
    losses = [e["loss"] for e in f.epochs]
    check(max(losses[before:]) < losses[0] and f.epochs[-1]["test_accuracy"] >= 0.9, "it began anew:", losses)
    check(jobs_folders(c) == ["000001"], jobs_folders(c))
