# SPDX-License-Identifier: Apache-2.0
"""Jobs run without their client, one after the other, and end when they are told to; what they have learnt is kept."""
from cluster import Cluster, check, wait_for
from training import Following, check_classifies, jobs, write_job

with Cluster(boards=2) as c:
    job = write_job(c.dir / "work", "co3", 1000000)

    # Ctrl-C leaves the job; somebody else follows it.
    with Following(c, "train", job) as f:
        f.until("an epoch", lambda: f.epochs)
        f.interrupt()
        check(f.finish(status=130) is None, f.end)
        check(f.said() == "hedge: job 1 goes on; 'hedge jobs 1' shows it, 'hedge jobs stop 1' ends it\n", f.said())
    reached = jobs(c, 1)[0]["epoch"]
    wait_for("the job to go on", lambda: jobs(c, 1)[0]["epoch"] > reached)

    # Others queue behind it: one is stopped there, one follows it.
    text = c.hedge("train", job, "--detach").stdout
    check(text.startswith("Job 2 (squares, co3) is taken in") and "hedge jobs stop 2" in text, text)
    c.hedge("train", job, "--detach", "--set", "epochs=30", "--set", "name=short", "--set", "method=local")
    check([j["state"] for j in jobs(c)] == ["running", "queued", "queued"], jobs(c))
    text = c.hedge("jobs", "stop", 2).stdout
    check(text == "Job 2: stopped after 0 of 1000000 epochs.\n", text)
    check([j["state"] for j in jobs(c)] == ["running", "stopped", "queued"], jobs(c))

    # The one that runs is stopped while it is followed: its model is there.
    check(c.hedge("jobs", "model", 1, "-o", c.dir / "early.onnx", status=1).stderr.startswith("hedge: "), "a model")
    with Following(c, "jobs", 1, "--follow") as f:
        f.until("an accuracy", lambda: f.epochs and f.epochs[-1]["test_accuracy"] >= 0.9)
        text = c.hedge("jobs", "stop", 1).stdout
        check(text.startswith("Job 1: stopped after ") and "of 1000000 epochs" in text, text)
        end = f.finish(status=1)
    check(end["state"] == "stopped" and end["epochs"] >= len(f.epochs), end)
    check([e["epoch"] for e in f.epochs] == list(range(1, len(f.epochs) + 1)), "epochs are missing")
    check(not (c.dir / "early.onnx").exists(), "a model of nothing was written")
    text = c.hedge("jobs", "model", 1, "-o", c.dir / "stopped.onnx").stdout
    check("--manifest" in text, text)
    check_classifies(c, c.dir / "stopped.onnx", c.dir / "stopped.model.yaml")

    # The next one has its turn.
    with Following(c, "jobs", 3, "--follow") as f:
        end = f.finish()
    check(end["state"] == "done" and end["epochs"] == 30, end)
    check([(j["job"], j["name"], j["method"], j["state"]) for j in jobs(c)] ==
          [(1, "squares", "co3", "stopped"), (2, "squares", "co3", "stopped"), (3, "short", "local", "done")], jobs(c))

    # What cannot be done is said.
    for words in (["jobs", "stop", 3], ["jobs", "stop", 9], ["jobs", 9], ["jobs", 9, "--follow"],
                  ["jobs", "model", 2, "-o", c.dir / "none.onnx"], ["jobs", "model", 9, "-o", c.dir / "none.onnx"],
                  ["jobs", "model", 3, "-o", c.dir / "nowhere/none.onnx"]):
        result = c.hedge(*words, status=1)
        check(result.stderr.startswith("hedge: ") and result.stderr.count("\n") == 1 and not result.stdout, words,
              result.stderr)
    check(not list(c.dir.glob("none*")), "files of a model that there is not")
