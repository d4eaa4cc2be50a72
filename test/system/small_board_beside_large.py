# SPDX-License-Identifier: Apache-2.0
"""A board with 64 MB for shares next to one with 1 GB: the large one holds the network, the small one what fits; both work."""
import os
import re

from cluster import Cluster, check, check_close, hedge, read_floats, wait_for, write_npy

SPEED = 2_000_000_000  # a second for ResNet-18, whose weights, kept twice, are 94 MB
OPTIONS = ["--set", "prior.link_mbit=1000", "--set", f"prior.here_macs_per_s={SPEED}", "--set", f"prior.board_macs_per_s={SPEED}",
           "--set", "plan.cut=measured", "--set", "test.allow_emulation=true",
           "--set-board", "test.allow_emulation=true", "--set-board", "memory.shares_bytes=1G"]

os.environ["HEDGE_EMULATE_MACS_PER_S"] = str(SPEED)
with Cluster(boards=2, options=OPTIONS) as c:
    process = c.board("board-1")["incarnation"]
    c.kill("board-1")
    conf = c.dir / "conf/board-1.yaml"
    text, count = re.subn(r"shares_bytes: *\S+", "shares_bytes: 64M", conf.read_text())
    check(count == 1, conf.read_text())
    conf.write_text(text)
    c.start("board-1")
    wait_for("both boards", lambda: c.board("board-1")["incarnation"] != process and c.status()["alive"] == 2)

    hedge("model", "make", "resnet18", c.dir / "net.onnx", "--quiet")
    picture = write_npy(c.dir / "picture.npy", (1, 3, 224, 224), [(i * 37 % 64) / 32 - 1 for i in range(3 * 224 * 224)])
    hedge("local", c.dir / "net.onnx", picture, "--raw", c.dir / "local.f32")
    wanted = read_floats(c.dir / "local.f32")
    c.load(c.dir / "net.onnx")
    answers = c.infer("net", *[picture] * 6, "--raw", c.dir / "got.f32")
    check_close(read_floats(c.dir / "got.f32"), list(wanted) * 6, "both boards", 5e-3)
    boards = c.status()["boards"]
    check(all(b["shares"] > 0 and b["parts_done"] > 0 for b in boards), "a board was not used:", boards, answers)
    for log in (c.dir / "log").glob("*.log"):
        check("no memory for a share" not in log.read_text(), log.name, log.read_text())
