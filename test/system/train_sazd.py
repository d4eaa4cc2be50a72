# SPDX-License-Identifier: Apache-2.0
"""Method sazd-deu: the layers' coded blocks lie on six boards, any four of which are enough; one is killed, one frozen and
thawed while it trains, and it goes on as if they had not been."""
from cluster import Cluster, check
from training import CLASSES, Following, check_classifies, write_job

JOB = """name: squares
layers:
  - {type: flatten}
  - {type: dense, units: 64}
  - {type: relu}
  - {type: dense, units: 48}
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
sgd: {rate: 0.05, momentum: 0, schedule: constant}
sazd: {k: 4, r: 2, min_units: 32, error_budget: 0.001}
"""


def write(folder, method, epochs):
    job = write_job(folder)
    job.write_text(JOB % (CLASSES, CLASSES, method, epochs))
    return job


with Cluster(boards=6, options=["--set", "cluster.heartbeat_ms=200"]) as c:
    for method in ("local", "sazd-naive", "poly", "uncoded"):
        with Following(c, "train", write(c.dir / method, method, 3), "-o", c.dir / f"{method}.onnx") as f:
            check(f.finish()["state"] == "done", f.end)
            losses = [e["loss"] for e in f.epochs]
            wanted = losses if method == "local" else wanted
            check(all(abs(a - b) < 0.01 * b for a, b in zip(losses, wanted)), method, losses, wanted)

    job = write(c.dir / "work", "sazd-deu", 1000000)
    with Following(c, "train", job, "-o", c.dir / "squares.onnx") as f:
        f.until("three epochs", lambda: len(f.epochs) > 2)
        check(all(abs(a["loss"] - b) < 0.01 * b for a, b in zip(f.epochs, wanted)), f.epochs, wanted)

        c.kill("board-1")
        f.event("board-1", "lost")
        c.freeze("board-2")
        f.event("board-2", "lost")
        before = len(f.epochs)
        f.until("epochs of four boards", lambda: f.epochs[-1]["boards"] == 4 and len(f.epochs) > before + 2)

        c.thaw("board-2")
        f.event("board-2", "back")
        f.until("an epoch of five boards", lambda: f.epochs[-1]["boards"] == 5)
        f.until("what is learnt", lambda: f.epochs[-1]["test_accuracy"] >= 0.9)
        check(not any("the weights were lost" in e["event"] for e in f.events), f.events)
        c.hedge("jobs", "stop", 5)
        f.finish(status=1)
    check_classifies(c, c.dir / "squares.onnx", c.dir / "squares.model.yaml")
