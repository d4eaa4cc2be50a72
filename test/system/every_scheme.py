# SPDX-License-Identifier: Apache-2.0
"""Whatever the scheme and its form, coded layers give what `hedge local` gives, also after a board has died."""
from cluster import Cluster, check, check_close, hedge, read_floats, write_digit

# Which parts come back first differs from run to run, and with them the condition of what is solved: so much error per
# unit of it (float32 has 6e-8; ten times what was measured), that of local layers, and that of 16 bits on the wire.
PER_CONDITION, PLAIN, Q16 = 1e-6, 1e-5, 5e-3

# name: (the scheme, what else its rule says)
WAYS = {
    "krp": ("krp", "systematic: no"),
    "krp, systematic": ("krp", "systematic: yes"),
    "krp, q16": ("krp", "systematic: no, wire: q16"),
    "steal": ("steal", "wire: f32"),
    "mds": ("mds", ""),
    "lt": ("lt", ""),
    "nsctc, whole boards": ("nsctc", "whole_boards: true"),
}

for way, (scheme, more) in WAYS.items():
    # Everything that can be coded is, whatever it gains, so that this small net shows it.
    rule = f"[{{scheme: {scheme}{', ' if more else ''}{more}}}]"
    options = ["--set", f"plan.rules={rule}", "--set", "plan.cut=simple", "--set", "plan.macs_per_entry=0",
               "--set", "cluster.heartbeat_ms=100"]
    with Cluster(boards=6, options=options) as c:
        c.load_digits()
        digit = write_digit(c.dir / "one.png")
        hedge("local", "digits", digit, "--raw", c.dir / "local.f32", "--dir", c.dir)
        for boards in (6, 5):
            answer = c.infer("digits", digit, "--raw", c.dir / "coded.f32")[0]
            coded = [layer for layer in answer["layers"] if layer["scheme"] == scheme]
            tolerance = Q16 if "q16" in more else PLAIN + PER_CONDITION * sum(layer["condition"] for layer in coded)
            check_close(read_floats(c.dir / "coded.f32"), read_floats(c.dir / "local.f32"), f"{way}, {boards} boards",
                        tolerance)
            check(answer["top"][0]["label"] == "1", answer)
            check(len(coded) > 0, way, "nothing was coded", answer["layers"])
            for layer in coded:
                check(layer["parts_used"] >= layer["parts_needed"] == layer["k_a"] * layer["k_b"] > 1, layer)
                check(scheme not in ("mds", "lt") or layer["k_b"] == 1, layer)
                check(layer["wire"] == ("q16" if "q16" in more else "f32"), layer)
            if boards == 6:
                c.kill("board-2")
