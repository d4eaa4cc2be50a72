# SPDX-License-Identifier: Apache-2.0
"""`hedge status --json` says what requests have cost: processor time, messages, bytes and parts, of the coordinator and of boards."""
import time

from cluster import DIGITS, Cluster, check, wait_for, write_digit

NAMED = ("kernel_s", "coding_s", "solving_s", "messages_s", "io_s")
REQUESTS = 6
PER_INFERENCE = 2  # questions: what the model wants, and what it says
HEADER = 1500  # bytes: more than any header here has: a heartbeat's answer, a question with its status, a task
ROUNDING = 1e-9


def check_totals(cost, who):
    check(0 < sum(cost[key] for key in NAMED) <= cost["processor_s"] + ROUNDING, who, cost)
    check(all(value >= 0 for value in cost.values()) and cost["vain_parts"] <= cost["parts"], who, cost)


def snapshots(before, after):
    """(who, cost before, cost after) of the coordinator and of every board."""
    yield "coordinator", before["cost"], after["cost"]
    later = {b["name"]: b["cost"] for b in after["boards"]}
    for board in before["boards"]:
        yield board["name"], board["cost"], later[board["name"]]


class Idle:
    """Asks until nothing but heartbeats is on its way and every board has told of what was before."""

    def __init__(self, cluster):
        self.cluster, self.asked = cluster, 0

    def status(self):
        began = time.monotonic()

        def told():
            self.asked += 1
            for_ms = 1000 * (time.monotonic() - began)
            now = self.cluster.status()
            costs = [b["cost"] for b in now["boards"]]
            return now if all(c and c["age_ms"] < for_ms for c in costs) else None

        return wait_for("every board to say what it has taken", told)


def wait_until_cut(cluster, model, digit, scheme):
    """Until the boards hold their shares of a layer it is the coordinator's alone."""
    wait_for(f"all layers of {model} on the boards", lambda: all(
        layer["scheme"] == scheme for layer in cluster.infer(model, digit, "--trace")[0]["layers"]))


def sum_of(status, key):
    return sum(b["cost"][key] for b in status["boards"])


# Heartbeats are far apart, so that a busy machine makes no board suspect, whose layers would be the coordinator's.
with Cluster(boards=4, options=["--set", "plan.rules=[{model: coded, scheme: krp}, {scheme: uncoded, wire: f32}]", "--set", "plan.min_macs=0",
                                "--set", "cluster.heartbeat_ms=1000"]) as c:
    c.load_digits()
    c.load(DIGITS / "model.onnx", "coded")
    digit, idle = write_digit(c.dir / "one.png"), Idle(c)
    wait_until_cut(c, "digits", digit, "uncoded")
    before, idle.asked = idle.status(), 0
    answers = [c.infer("digits", digit, "--trace")[0] for _ in range(REQUESTS)]
    after = idle.status()

    for who, old, new in snapshots(before, after):
        check_totals(new, who)
        check(all(new[key] >= old[key] for key in old if key != "age_ms"), who, "has taken less than before:", old, new)
        grown = ("processor_s", "kernel_s", "messages_s", "io_s", "messages_sent", "messages_received", "context_switches")
        check(all(new[key] > old[key] for key in grown), who, old, new)

    # Parts: as the trace has them; boards have computed those that were used, and none of them twice.
    layers = [layer for answer in answers for layer in answer["layers"]]
    check(layers and all(layer["scheme"] == "uncoded" for layer in layers), layers)
    asked = sum(len(layer["parts"]) for layer in layers)
    used = sum(layer["parts_used"] for layer in layers)
    grew = {key: after["cost"][key] - before["cost"][key] for key in after["cost"]}
    check(grew["parts"] == asked and grew["vain_parts"] == asked - used, grew, asked, used)
    computed = sum_of(after, "parts") - sum_of(before, "parts")
    vain = sum_of(after, "vain_parts") - sum_of(before, "vain_parts")
    check(used + vain <= computed <= asked, "used", used, "in vain", vain, "computed", computed, "asked", asked)

    # Messages: what boards send is what the coordinator receives, but for its clients' questions. A heartbeat's answer does not
    # count itself, before and after: that is no difference. The other way heartbeats may be under way that are not answered yet.
    questions = PER_INFERENCE * REQUESTS + idle.asked
    sent, received = (sum_of(after, key) - sum_of(before, key) for key in ("messages_sent", "messages_received"))
    check(grew["messages_received"] == sent + questions, grew, sent, questions)
    check(abs(grew["messages_sent"] - received - questions) <= len(after["boards"]), grew, received, questions)

    # Bytes: the same, but that heartbeats' answers and clients' messages have headers of a length that is not known here.
    sent, received = (sum_of(after, key) - sum_of(before, key) for key in ("bytes_sent", "bytes_received"))
    picture = 28 * 28 * 4
    most = HEADER * (questions + 2 * len(after["boards"]))
    check(0 <= grew["bytes_received"] - sent - REQUESTS * picture + most <= 2 * most, grew, sent)
    # traces and statuses are longer: all of the coordinator's answers are what is over
    check(grew["bytes_sent"] > received, grew, received)
    outputs = 4 * sum(len(layer["parts"]) for layer in layers)  # a float each at the very least
    check(sent > outputs and received > outputs, sent, received, outputs)

    text = c.hedge("status").stdout
    check("\nprocessor " in text and all(len(line) <= 80 for line in text.splitlines()), text)
    # With a code more parts are asked for than are used, and several by one message.
    wait_until_cut(c, "coded", digit, "krp")
    before = idle.status()
    layers = [layer for _ in range(REQUESTS) for layer in c.infer("coded", digit, "--trace")[0]["layers"]]
    after = idle.status()
    asked = sum(len(layer["parts"]) for layer in layers)
    used = sum(layer["parts_used"] for layer in layers)
    check(all(layer["scheme"] == "krp" for layer in layers) and asked > used, layers)
    grew = {key: after["cost"][key] - before["cost"][key] for key in after["cost"]}
    check(grew["parts"] == asked and grew["vain_parts"] == asked - used, grew, asked, used)
    check(grew["coding_s"] > 0 and grew["solving_s"] > 0, grew)
    for who, old, new in snapshots(before, after):
        check_totals(new, who)
    check(after["malformed"] == 0, after)
