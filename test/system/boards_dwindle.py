# SPDX-License-Identifier: Apache-2.0
"""Boards dwindle from eight to none and come back: every answer is right, cut for the boards that are left."""
from cluster import DIGITS, Cluster, check, check_close, hedge, read_floats, wait_for, write_digit

OPTIONS = ["--set", "cluster.heartbeat_ms=100", "--set", "plan.min_macs=0"]


def answer(c, picture):
    """Its layers' reports; the answer is that of one machine."""
    layers = c.infer("digits", picture, "--raw", c.dir / "coded.f32")[0]["layers"]
    check_close(read_floats(c.dir / "coded.f32"), read_floats(c.dir / "local.f32"), "the answer")
    check(layers, "no layer is coded")
    return layers


def settled(c, picture, fits):
    return wait_for("layers cut for the boards at hand", lambda: (lambda l: l if all(map(fits, l)) else None)(answer(c, picture)))


with Cluster(boards=8, work="layers", options=OPTIONS) as c:
    picture = write_digit(c.dir / "seven.png", seven=True)
    hedge("local", DIGITS / "model.onnx", picture, "--raw", c.dir / "local.f32")
    c.load_digits()
    names = c.board_names()
    full = settled(c, picture, lambda l: l["scheme"] == "nsctc")
    for left in (6, 3, 1):
        for name in names[left:]:
            c.kill(name)
        del names[left:]
        answer(c, picture)  # right away, whatever is known of them
        layers = settled(c, picture, lambda l: l["scheme"] == "nsctc" and l["delta"] <= left)
        used = {b for l in layers for b in l["boards_used"]}
        check(used <= {c.board(n)["index"] for n in names}, "dead boards were used:", used)
    check(all(l["delta"] == 1 for l in layers), "not replanned to one board:", layers)
    check(any(l["delta"] > 1 for l in full), "there was nothing to replan:", full)
    c.kill(names[0])
    answer(c, picture)
    settled(c, picture, lambda l: l["scheme"] == "local")
    c.hedge("down")
    c.up()
    settled(c, picture, lambda l: l["scheme"] == "nsctc")
    check(c.alive()["alive"] == 8, "boards are missing")
