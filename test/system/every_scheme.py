# SPDX-License-Identifier: Apache-2.0
"""Whatever the scheme, coded layers give what `hedge local` gives, also after a board has died."""
from cluster import Cluster, check, check_close, hedge, read_floats, write_digit

for scheme, sides in (("krp", 2), ("mds", 1), ("lt", 1)):
    # Everything that can be coded is, so that this small net shows it.
    options = ["--set", f"plan.scheme={scheme}", "--set", "plan.min_macs=0", "--set", "plan.macs_per_entry=0",
               "--set", "cluster.heartbeat_ms=100"]
    with Cluster(boards=6, options=options) as c:
        c.load_digits()
        digit = write_digit(c.dir / "one.png")
        hedge("local", "digits", digit, "--raw", c.dir / "local.f32", "--dir", c.dir)
        for boards in (6, 5):
            answer = c.infer("digits", digit, "--raw", c.dir / "coded.f32")[0]
            check_close(read_floats(c.dir / "coded.f32"), read_floats(c.dir / "local.f32"), f"{scheme}, {boards} boards")
            check(answer["top"][0]["label"] == "1", answer)
            coded = [layer for layer in answer["layers"] if layer["scheme"] == scheme]
            check(len(coded) > 0, "nothing was coded", answer["layers"])
            for layer in coded:
                check(layer["parts_used"] >= layer["parts_needed"] == layer["k_a"] * layer["k_b"] > 1, layer)
                check(sides == 2 or layer["k_b"] == 1, layer)
            if boards == 6:
                c.kill("board-2")
