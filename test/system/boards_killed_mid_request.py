# SPDX-License-Identifier: Apache-2.0
"""Two of eight boards are killed in the middle of one request, at different layers: its answer is right all the same."""
import json
import os
import signal
import subprocess

from cluster import HEDGE, PATIENCE_S, Cluster, check, check_close, hedge, read_floats, test_data, wait_for

DATA = test_data()
MODEL = DATA / "models/squeezenet1.1/squeezenet1.1-7.onnx"
PICTURE = DATA / "images/crop224-ppm/dog.ppm"

# Boards so slow that the request takes seconds.
os.environ["HEDGE_EMULATE_MACS_PER_S"] = "40e6"
with Cluster(boards=8, work="layers", options=["--set", "cluster.heartbeat_ms=100", "--set-board", "test.allow_emulation=true"]) as c:
    c.load(MODEL, "squeezenet")
    numbers = {b["name"]: b["index"] for b in c.status()["boards"]}
    asked = subprocess.Popen([HEDGE, "infer", "squeezenet", str(PICTURE), "--json", "--preprocess", "imagenet", "--dir",
                              str(c.dir), "--raw", str(c.dir / "coded.f32")], stdout=subprocess.PIPE, text=True)
    for name, parts in (("board-3", 4), ("board-5", 16)):
        wait_for(f"{parts} parts of {name}", lambda: c.board(name)["parts_done"] >= parts)
        check(asked.poll() is None, "the request was over too early")
        os.kill(c.pid(name), signal.SIGKILL)
    out, _ = asked.communicate(timeout=PATIENCE_S)
    check(asked.returncode == 0, "the request failed")

    layers = json.loads(out)["layers"]
    for name in ("board-3", "board-5"):
        used = [numbers[name] in layer["boards_used"] for layer in layers]
        check(any(used[:-3]) and not any(used[-2:]), name, "was not killed between two layers:", used)
    check(sum(layer["boards_lost"] for layer in layers) >= 1, "nobody noticed")
    check(all(layer["scheme"] == "nsctc" and layer["delta"] <= 6 for layer in layers), layers)
    check(c.alive()["alive"] == 6, "boards alive")

    hedge("local", MODEL, PICTURE, "--preprocess", "imagenet", "--raw", c.dir / "local.f32")
    check_close(read_floats(c.dir / "coded.f32"), read_floats(c.dir / "local.f32"), "after two deaths")
