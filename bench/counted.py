# SPDX-License-Identifier: Apache-2.0
"""A cluster that counts what its requests cost, in a process of its own, so that two builds can have one each."""
import multiprocessing
import os
import time

import processor
from emulated import Cluster  # first: it knows where the next ones are
from answers import ask
from bed import Failure, wait_for
from network import Unavailable

POLL_S = 0.2
IDLE_S = 2  # to see what a cluster takes that is asked for nothing


class Counted(Cluster):
    """A cluster that counts what its requests cost."""

    def __init__(self, a):
        super().__init__(a, {"security": a.security})
        self.board_settings["security"] = a.security

    def taken(self):
        """What everybody has taken so far."""
        boards = [processor.process(self.processes[name].pid) for name in self.names]
        return {"coordinator": processor.process(self.processes["hedged"].pid), "boards": processor.add(boards),
                "client": processor.children(), "links": processor.links(self.processes["hedged"].pid)}

    def begin(self):
        self.prepare()
        self.trouble(0)
        for name in dict.fromkeys(("uncoded", *self.a.schemes)):  # what uncoded's requests measure, the others plan with
            self.load_as(name)
            self.ask(name, 0)
        idle = self.cost(lambda: time.sleep(IDLE_S))
        return {who: 1e3 * idle[who]["all_s"] / IDLE_S for who in ("coordinator", "boards")}

    def ask(self, scheme, number, trace=False):
        return ask(self, scheme, self.inputs[number % len(self.inputs)], self.reference, self.tolerance,
                   ("--trace",) if trace else (), self.a.timeout)

    def cost(self, action):
        before = self.taken()
        action()
        after = self.taken()
        return {key: processor.since(after[key], before[key]) for key in after}

    def request(self, scheme, number):
        """One request. @return {"cost": .., "latency_ms", ..}, or {"lost": why}."""
        answer = {}

        def act():
            answer.update(self.ask(scheme, number))
            time.sleep(self.a.pause)

        cost = self.cost(act)
        layers = answer.pop("layers", ())
        return answer | {"cost": cost, "layers": len(layers), "coding_ms": sum(x["encode_ms"] + x["decode_ms"] for x in layers)}

    def tell(self):
        """What the programs say of themselves, of boards when all have told of what is over; None where they do not."""
        began = time.monotonic()

        def told():
            passed_ms = 1e3 * (time.monotonic() - began)
            now = self.status()
            if "cost" not in now:
                return {"cost": None}
            return now if all(b["cost"] and b["cost"]["age_ms"] < passed_ms for b in now["boards"]) else time.sleep(POLL_S)

        now = wait_for("every board to say what it has taken", told)
        return now["cost"] and {"coordinator": now["cost"], "boards": processor.add([b["cost"] for b in now["boards"]])}

    def count(self, scheme, number):
        """Several requests, as the programs themselves count. @return means: {"coordinator": {"kernel_s": ..}, "boards": ..}, or
        None."""
        before = self.tell()
        for i in range(number if before else 0):
            self.ask(scheme, i)
        after = self.tell()
        return after and {who: {key: value / number for key, value in processor.since(after[who], before[who]).items()}
                          for who in after}

    def trace(self, scheme, number):
        """What becomes of the parts of one request: {"asked", "received", "used"}."""
        parts = [p for layer in self.ask(scheme, number, True).get("layers", ()) for p in layer["parts"]]
        return {"asked": len(parts), "received": sum(p["received_ms"] is not None for p in parts),
                "used": sum(p["used"] for p in parts)}


def serve(pipe, a):
    """Do what the other end says, until it hangs up."""
    try:
        with Counted(a) as bed:
            pipe.send(bed.begin())
            for verb, *arguments in iter(lambda: heard(pipe), ("end",)):
                pipe.send(getattr(bed, verb)(*arguments))
    except (KeyboardInterrupt, BrokenPipeError):
        pass
    except (Unavailable, Failure, OSError) as e:
        pipe.send(e)


def heard(pipe):
    """What to do next: also when the other end has gone without a word."""
    try:
        return pipe.recv()
    except EOFError:
        return ("end",)


class Side:
    """One build's cluster, and what its requests have cost."""

    def __init__(self, a, name, hedge):
        self.name, (self.pipe, far) = name, multiprocessing.Pipe()
        os.environ["HEDGE"] = str(hedge.resolve())  # what the new process reads when it starts
        self.process = multiprocessing.get_context("spawn").Process(target=serve, args=(far, a))
        self.process.start()
        far.close()
        self.requests, self.parts, self.counted = {s: [] for s in a.schemes}, {s: [] for s in a.schemes}, {}

    def take(self):
        """What it answers to what it was told to do; first of all what it takes when idle."""
        try:
            said = self.pipe.recv()
        except EOFError:
            raise Failure(f"the cluster of {self.name} has ended") from None
        if isinstance(said, BaseException):
            raise said
        return said

    def do(self, *words):
        self.pipe.send(words)
        return self.take()

    def close(self):
        self.pipe.close()
        self.process.join()
