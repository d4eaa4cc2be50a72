# SPDX-License-Identifier: Apache-2.0
"""Two coordinators cannot share a folder of models, a folder of jobs or a socket: the second is told who has it, and loses the first
nothing. When the first is killed the second starts; SIGHUP stops nobody."""
import os
import re
import signal
import subprocess

from cluster import HEDGE, Cluster, check, wait_for

HEDGED = os.path.join(os.path.dirname(HEDGE), "../daemon/hedged")


def variant(c, name, *theirs):
    """The cluster's configuration with a socket and folders of its own, but for those in `theirs`."""
    text = next(c.dir.rglob("hedged.yaml")).read_text()
    for what, path in (("hedged.sock", "other.sock"), ("boards.endpoint", "other.endpoint"), ("models", "models-2"), ("jobs", "jobs-2"),
                       ("measurements", "measurements-2")):
        if what not in theirs:
            text = re.sub(rf"(/){re.escape(what)}\b", rf"\g<1>{path}", text)
    config = c.dir / f"{name}.yaml"
    config.write_text(text)
    return config


def refused(c, name, *theirs, words):
    result = subprocess.run([HEDGED, "--config", variant(c, name, *theirs)], capture_output=True, text=True, timeout=120)
    check(result.returncode == 1, name, result.returncode, result.stderr)
    for word in (*words, "is used by another hedged"):
        check(word in result.stderr, name, "does not say", word, result.stderr)
    check(c.status()["alive"] == 2, "the first one lost something to", name)


with Cluster(boards=2) as c:
    refused(c, "same-models", "models", words=["models.repository"])
    refused(c, "same-jobs", "jobs", words=["jobs.folder"])
    refused(c, "same-socket", "hedged.sock", words=["listen.clients"])
    os.kill(c.pid("hedged"), signal.SIGHUP)
    for board in c.board_names():
        os.kill(c.pid(board), signal.SIGHUP)
    check(c.status()["alive"] == 2, "a signal stopped somebody")

    config = variant(c, "same-again", "hedged.sock", "models", "jobs")
    c.kill("hedged")
    with open(c.dir / "log/hedged-2.log", "w") as log:
        again = subprocess.Popen([HEDGED, "--config", config], stdout=log, stderr=log)
    try:
        wait_for("the socket", lambda: c.hedge("status", "--json", status=None).returncode == 0)
    finally:
        again.terminate()
        check(again.wait(30) == 0, "the second hedged ended with", again.returncode)
