# SPDX-License-Identifier: Apache-2.0
"""`hedge infer` over coded boards gives what `hedge local` gives, in the order of the inputs, with a full report."""
import json

from cluster import Cluster, check, check_close, hedge, read_floats, write_digit, write_npy

LAYER = {"name", "scheme", "k_a", "k_b", "delta", "parts_needed", "parts_asked", "parts_used", "boards_used", "condition",
         "encode_ms", "wait_ms", "decode_ms"}

# Everything that can be coded is, so that this small net shows it.
with Cluster(boards=8, work="layers", options=["--set", "plan.min_macs=0", "--set", "plan.macs_per_entry=0"]) as c:
    c.load_digits()
    one, seven = write_digit(c.dir / "one.png"), write_digit(c.dir / "seven.png", seven=True)
    noise = write_npy(c.dir / "noise.npy", (28, 28), [(i * 7919 % 256) / 256 for i in range(784)])
    inputs = [one, seven, noise, one, seven, noise, seven]

    answers = c.infer("digits", *inputs, "--raw", c.dir / "coded.f32")
    local = hedge("local", "digits", *inputs, "--json", "--raw", c.dir / "local.f32", "--dir", c.dir).stdout
    local = [json.loads(line) for line in local.splitlines()]
    check([a["input"] for a in answers] == [str(i) for i in inputs], "the order of the answers")
    check([a["input"] for a in local] == [str(i) for i in inputs], "the order of the local answers")
    check_close(read_floats(c.dir / "coded.f32"), read_floats(c.dir / "local.f32"), "outputs")

    boards = {b["index"] for b in c.status()["boards"]}
    for got, wanted in zip(answers, local):
        check(got["model"] == "digits" and got["latency_ms"] > 0, got)
        check([t["index"] for t in got["top"]] == [t["index"] for t in wanted["top"]], got, wanted)
        check(got["top"][0]["score"] >= got["top"][1]["score"] and len(got["top"]) == 5, got)
        check(got["top"][0]["label"] == str(got["top"][0]["index"]), "labels of model.yaml", got)
        check(wanted["layers"] == [], "local has no coded layers")
        check(len(got["layers"]) > 0, "nothing was coded")
        for layer in got["layers"]:
            check(LAYER <= set(layer), "missing:", LAYER - set(layer))
            check(layer["scheme"] == "nsctc" and layer["delta"] <= 6, layer)
            check(layer["parts_asked"] >= layer["parts_used"] >= layer["parts_needed"] == layer["k_a"] * layer["k_b"], layer)
            check(set(layer["boards_used"]) <= boards and layer["condition"] >= 1, layer)
    check([a["top"][0]["label"] for a in answers[:2]] == ["1", "7"], "the digits", answers[:2])

    text = c.hedge("infer", "digits", one, "--top", 2, "--layers").stdout
    check("LAYER" in text and "WAIT MS" in text and "nsctc" in text, text)
    check(all(len(line) <= 80 for line in text.splitlines()[1:]), "too wide:", text)
