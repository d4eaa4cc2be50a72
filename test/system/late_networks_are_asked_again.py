# SPDX-License-Identifier: Apache-2.0
"""Whole networks: boards that freeze with one in their hands, and are not missed for long, do not hold it up."""
import os

from cluster import Cluster, check, check_close, hedge, read_floats, wait_for, write_npy

SPEED = 4_000_000  # a tenth of a second for the network
OPTIONS = ["--set", "plan.here=false", "--set", "plan.min_macs=0", "--set", "plan.cut=measured", "--set", "cluster.heartbeat_ms=60000",
           "--set", f"prior.here_macs_per_s={SPEED}", "--set", f"prior.board_macs_per_s={SPEED}", "--set", "prior.link_mbit=1000",
           "--set", "test.allow_emulation=true", "--set-board", "test.allow_emulation=true"]
KNOWN = 8  # requests by which it is known what is late

os.environ["HEDGE_EMULATE_MACS_PER_S"] = str(SPEED)
with Cluster(boards=3, work="whole", options=OPTIONS) as c:
    hedge("model", "make", "lenet5", c.dir / "net.onnx", "--quiet")
    picture = write_npy(c.dir / "picture.npy", (1, 1, 28, 28), [(i * 37 % 64) / 32 - 1 for i in range(784)])
    hedge("local", c.dir / "net.onnx", picture, "--raw", c.dir / "local.f32")
    wanted = read_floats(c.dir / "local.f32")
    c.load(c.dir / "net.onnx")
    c.infer("net", *[picture] * KNOWN)
    numbers = {b["index"]: b["name"] for b in c.status()["boards"]}
    for left in c.board_names():
        away = [name for name in c.board_names() if name != left]
        for name in away:
            c.freeze(name)
        answers = c.infer("net", picture, picture, picture, "--raw", c.dir / "got.f32")
        for name in away:
            c.thaw(name)
        check_close(read_floats(c.dir / "got.f32"), list(wanted) * 3, f"by {left}")
        used = [[numbers[b] for layer in a["layers"] for b in layer["boards_used"]] for a in answers]
        check(used == [[left]] * 3, "not by", left, ":", used)
        wait_for("nothing to be on its way", lambda: c.status()["in_flight"] == 0)
    check(c.status()["alive"] == 3, "a board was missed:", c.status())
