# SPDX-License-Identifier: Apache-2.0
"""`hedge plan` explains how a model is best run; a model that was planned so runs so and gives what `hedge local` gives."""
import json
import os

from cluster import Cluster, check, check_close, hedge, read_floats, wait_for, write_digit

# Machines so slow, and links so fast, that sharing the digits' small layers out pays.
SPEED = "30000000"
OPTIONS = ["--set", "plan.cut=measured", "--set", "plan.min_macs=0", "--set", "cluster.heartbeat_ms=100",
           "--set", f"prior.here_macs_per_s={SPEED}", "--set", f"prior.board_macs_per_s={SPEED}", "--set", "prior.link_mbit=1000",
           "--set", "test.allow_emulation=true", "--set-board", "test.allow_emulation=true"]


def refused(c, words, sentence, status=1):
    error = c.hedge("plan", *words, status=status).stderr
    check(sentence in error, words, error)


os.environ["HEDGE_EMULATE_MACS_PER_S"] = SPEED
with Cluster(boards=6, work="layers", options=OPTIONS) as c:
    c.load_digits()
    text = c.hedge("plan", "digits").stdout
    check(all(len(line) <= 80 for line in text.splitlines()), text)
    check("SCHEME" in text and "ms together" in text and "on 6 boards, planned for auto" in text, text)
    more = c.hedge("plan", "digits", "--verbose", "--objective", "cost").stdout
    check(all(len(line) <= 80 for line in more.splitlines()), more)
    check("planned for cost" in more and "replication" in more and "COST" in more, more)

    plan = json.loads(c.hedge("plan", "digits", "--json").stdout)
    check(plan["model"] == "digits" and plan["boards"] == 6 and plan["objective"] == "auto", plan)
    check(len(plan["board_bytes"]) == 6 and len(plan["layers"]) > 0, plan)
    check(plan["predicted_ms"] < plan["local_ms"], plan)
    shared = {}
    for layer in plan["layers"]:
        best = layer["candidates"][layer["chosen"]]
        check(layer["candidates"][0]["scheme"] == "local", layer)
        check(abs(layer["candidates"][0]["mean_ms"] - layer["local_ms"]) < 1e-3 * layer["local_ms"], layer)
        check(0 < best["error"] <= 1e-3, layer)
        if best["scheme"] != "local":
            check(best["mean_ms"] <= 0.95 * layer["local_ms"], layer)
            check(layer["up_bytes"] > 0 and layer["down_bytes"] > 0 and layer["share_bytes"] > 0, layer)
            shared[layer["name"]] = best
    check(shared, plan)
    few = json.loads(c.hedge("plan", "digits", "--boards", 2, "--json").stdout)
    check(few["boards"] == 2 and few["predicted_ms"] > plan["predicted_ms"], few)

    refused(c, ["nothing"], "no model 'nothing' is loaded")
    refused(c, ["digits", "--boards", 7], "made for 6 boards (cluster.slots), not for 7")
    refused(c, ["digits", "--boards", 0], "--boards", 2)
    refused(c, ["digits", "--objective", "luck"], "--objective", 2)

    # What it was planned for is kept, for the next start.
    noted = (c.dir / "models/digits/planned").read_text().splitlines()
    check(noted[:2] == ["hedge-planned 3", "6"] and len(noted) == 10, noted)

    # It runs as planned, and as well when a board has gone.
    digit = write_digit(c.dir / "one.png")
    hedge("local", "digits", digit, "--raw", c.dir / "local.f32", "--dir", c.dir)
    for left in (6, 5):
        answer = c.infer("digits", digit, "--raw", c.dir / "coded.f32")[0]
        check_close(read_floats(c.dir / "coded.f32"), read_floats(c.dir / "local.f32"), f"{left} boards", 5e-3)
        coded = [layer for layer in answer["layers"] if layer["scheme"] != "local"]
        check(left < 6 or coded, answer["layers"])
        for layer in coded:
            check(layer["name"] in shared and layer["predicted_ms"] > 0, layer)
        if left == 6:
            c.kill("board-2")
            wait_for("board-2 to be missed", lambda: c.board("board-2")["state"] != "alive")


def check_chains(plan, boards):
    """Chains cover the model, most boards first; each gives more requests per second than the one before it."""
    for chain in plan["chains"]:
        at = 0
        for step in chain["steps"]:
            check(step["first"] == at and step["last"] > at, chain)
            check(step["kind"] in ("here", "layers", "strips", "tiles", "whole"), step)
            check((step["windows"] > 1) == (step["kind"] in ("strips", "tiles")), step)
            check((step["held_bytes"] > 0) == (step["kind"] in ("strips", "tiles", "whole")), step)
            at = step["last"]
        check(at == plan["chains"][0]["steps"][-1]["last"] > 0, chain)
        check(abs(sum(s["mean_ms"] for s in chain["steps"]) - chain["mean_ms"]) < 1e-3 * chain["mean_ms"], chain)
    check(plan["chains"][0]["boards"] == boards and plan["chains"][0]["in_flight"] == 1, plan["chains"])
    for before, after in zip(plan["chains"], plan["chains"][1:]):
        check(after["boards"] < before["boards"] and after["in_flight"] > before["in_flight"], plan["chains"])
        check(after["per_second"] > before["per_second"], plan["chains"])
    check(plan["limit_ms"] <= plan["predicted_ms"], plan)


# Segments, where they are asked for: in strips or tiles (by how fast the boards' links are found to be), or the model in one piece.
for work, kinds, headings in (("segments", {"strips", "tiles"}, (" strips of ", " tiles, ")), ("whole", {"whole"}, ("whole",))):
    with Cluster(boards=3, options=OPTIONS, work=work) as c:
        check("It runs over 3 boards" in c.load_digits().stdout)
        for words in ((), ("--verbose",)):
            text = c.hedge("plan", "digits", *words).stdout
            check(all(len(line) <= 80 for line in text.splitlines()), text)
            check(any(h in text for h in headings) and "at one go on 3 boards" in text and "at the very least" in text, text)
        plan = json.loads(c.hedge("plan", "digits", "--json").stdout)
        check_chains(plan, 3)
        check({s["kind"] for s in plan["chains"][0]["steps"]} & kinds, plan["chains"])
        check(all(0 < bytes < 2**24 for bytes in plan["board_bytes"]), plan)

# What boards cannot do better is told when a model is loaded.
with Cluster(boards=2, options=["--set", "plan.cut=measured", "--set", "prior.here_macs_per_s=1000000000000"]) as c:
    text = c.load_digits().stdout
    check("It runs by the coordinator alone" in text and "best way over the boards would take" in text, text)
    text = c.hedge("plan", "digits").stdout
    check(all(len(line) <= 80 for line in text.splitlines()), text)
    check("so a request that is alone does without them" in text, text)
    plan = json.loads(c.hedge("plan", "digits", "--json").stdout)
    check_chains(plan, 2)
    check(plan["shared_ms"] > plan["local_ms"] == plan["predicted_ms"], plan)
