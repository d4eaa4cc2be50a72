# SPDX-License-Identifier: Apache-2.0
"""A job of method local: epochs as JSON and as a table, a bar on a terminal, a model that is right, a list of jobs."""
import os
import pty
import re
import subprocess

from cluster import HEDGE, PATIENCE_S, Cluster, check
from training import PARAMETERS, Following, check_classifies, jobs, write_job

KEYS = {"job", "epoch", "loss", "test_loss", "test_accuracy", "seconds", "ms_per_step", "samples_per_s",
        "bytes_up_per_step", "bytes_down_per_step", "bits_per_entry", "entropy", "late", "boards"}


def on_a_terminal(c, job):
    """@return what comes on standard output, and on a terminal as standard error."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([HEDGE, "train", str(job), "--dir", str(c.dir), "--set", "epochs=1000000", "-o",
                                str(c.dir / "model.onnx")], stdout=subprocess.PIPE, stderr=theirs, text=True)
    os.close(theirs)
    shown = b""
    try:
        while not re.search(rb"\r[^\r\n]*\[[#.]+\] loss [^\r\n]*left\x1b\[K", shown):  # the bar, drawn once at least
            shown += os.read(ours, 65536)
        c.hedge("jobs", "stop", jobs(c)[-1]["job"])
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # the terminal's end
        pass
    out, _ = process.communicate(timeout=PATIENCE_S)
    check(process.returncode == 1, "a stopped job ended with", process.returncode, out, shown)
    return out, shown.decode(errors="replace")


with Cluster(boards=1) as c:
    job = write_job(c.dir / "work", "local", 6)
    check("no jobs" in c.hedge("jobs").stdout and jobs(c) == [], "jobs before any")

    # A job as JSON, with its model.
    with Following(c, "train", job, "-o", c.dir / "squares.onnx") as f:
        end = f.finish()
        said = f.said()
    check([e["epoch"] for e in f.epochs] == [1, 2, 3, 4, 5, 6], f.epochs)
    check(all(set(e) == KEYS and e["job"] == 1 for e in f.epochs), f.epochs)
    check(f.epochs[-1]["loss"] < 0.5 * f.epochs[0]["loss"], "nothing was learnt:", f.epochs)
    check(f.epochs[-1]["test_accuracy"] >= 0.9, f.epochs[-1])
    check(all(e["bytes_up_per_step"] == 0 and e["bits_per_entry"] == 0 and e["boards"] == 0 for e in f.epochs),
          "boards took part:", f.epochs)
    check(end == {"job": 1, "state": "done", "text": "", "epochs": 6, "parameters": PARAMETERS}, end)
    check("squares.onnx" in said and "squares.model.yaml" in said, said)
    check_classifies(c, c.dir / "squares.onnx", c.dir / "squares.model.yaml")

    # The same seed learns the same; as text; a key that --set changes is changed.
    text = c.hedge("train", job, "--set", "epochs=2").stdout
    lines = text.splitlines()
    check(lines[0].startswith("Job 2 (squares, local)") and "EPOCH" in text, text)
    check(f"{f.epochs[1]['loss']:.4f}" in text, "another loss than", f.epochs[1], "in", text)
    check(re.match(r"done after 2 epochs: \d+\.\d\d % of the test images are right$", lines[-1]), text)
    check(all(len(line) <= 80 for line in lines), "too wide:", text)

    # Both are known.
    table = c.hedge("jobs").stdout.splitlines()
    check(len(table) == 3 and table[1].split()[:5] == ["1", "squares", "local", "done", "6/6"], table)
    check([j["state"] for j in jobs(c)] == ["done", "done"], jobs(c))
    one = jobs(c, 1)[0]
    check(one["epochs_done"] == f.epochs and one["events"] == f.events, one)
    check(one["epoch"] == one["epochs"] == 6 and one["steps"] == one["step"] == 6 * 12, one)
    check(f"{f.epochs[-1]['loss']:.4f}" in c.hedge("jobs", 1).stdout, "jobs 1")

    # On a terminal there is a bar; it is taken away again, and is not in what is printed.
    out, shown = on_a_terminal(c, job)
    check("\r" not in out and "EPOCH" in out, out)
    check("\r\x1b[K" in shown and "was stopped after" in shown, shown)
    check(all(len(line) < 80 for line in re.findall(r"\r([^\r\n]*)\x1b\[K", shown)), "too wide:", shown)
    check_classifies(c, c.dir / "model.onnx", c.dir / "model.yaml", "again")
