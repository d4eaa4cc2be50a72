# SPDX-License-Identifier: Apache-2.0
"""Methods uep-*: products of the backward pass on six boards by a deadline. With time enough they learn what the coordinator alone
does; one board is killed, one frozen and thawed, and training goes on with what comes."""
from cluster import Cluster, check
from training import CLASSES, Following, check_classifies, write_job

JOB = """name: squares
layers:
  - {type: flatten}
  - {type: dense, units: 40}
  - {type: relu}
  - {type: dense, units: 20}
  - {type: relu}
  - {type: dense, units: %d}
data:
  train: [train-images, train-labels]
  test: [test-images.gz, test-labels.gz]
  classes: %d
  labels: [zero, one, two, three]
method: %s
epochs: %d
batch: 40
sgd: {rate: 0.05, schedule: constant}
uep: {%s}
"""


def write(folder, method, epochs, uep):
    job = write_job(folder)
    job.write_text(JOB % (CLASSES, CLASSES, method, epochs, uep))
    return job


with Cluster(boards=6, options=["--set", "cluster.heartbeat_ms=200"]) as c:
    for method in ("local", "uep-uncoded", "uep-replication", "uep-mds", "uep-ew"):
        packets = {"uep-mds": 9, "uep-ew": 60}.get(method, 0)
        job = write(c.dir / method, method, 3, f"deadline_ms: 100000, packets: {packets}")
        with Following(c, "train", job) as f:
            check(f.finish()["state"] == "done", f.end)
            losses = [e["loss"] for e in f.epochs]
            wanted = losses if method == "local" else wanted
            check(all(abs(a - b) < 0.02 * b for a, b in zip(losses, wanted)), method, losses, wanted)
            check(method == "local" or f.epochs[0]["bytes_up_per_step"] > 0, f.epochs)

    with Following(c, "train", write(c.dir / "work", "uep-ew", 1000000, "deadline_ms: 100"), "-o",
                   c.dir / "squares.onnx") as f:
        f.until("three epochs", lambda: len(f.epochs) > 2)
        c.kill("board-1")
        f.event("board-1", "lost")
        c.freeze("board-2")
        f.event("board-2", "lost")
        c.thaw("board-2")
        f.event("board-2", "takes part")
        f.until("what is learnt", lambda: f.epochs[-1]["test_accuracy"] >= 0.9)
        c.hedge("jobs", "stop", 6)
        f.finish(status=1)
        check_classifies(c, c.dir / "squares.onnx", c.dir / "squares.model.yaml")

    bad = c.hedge("train", write(c.dir / "bad", "uep-mds", 3, "packets: 8"), status=1).stderr
    check("at least 9 packets, not 8" in bad, bad)
    bad = c.hedge("train", write(c.dir / "bad", "uep-ew", 3, "deadline_ms: 0"), status=1).stderr
    check("uep.deadline_ms" in bad, bad)
