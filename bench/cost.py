#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Processor time that a request costs, by who and what, on emulated boards, beside what one thread alone takes.

Needs root; HEDGE names the command line of a build. See bench/README.md.

    ./dev bench cost --profile slow-100m --runs 20 --json cost.json
    ./dev bench cost --model resnet18 --before ../old/build
"""
import argparse
import multiprocessing
import os
import statistics
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True

import processor  # noqa: E402
from alone import Alone  # noqa: E402
from emulated import Cluster, Progress, add_options, check_options, write_json  # noqa: E402
from answers import ask, busy_since, processor_ticks  # noqa: E402
from bed import Failure, run  # noqa: E402
from network import Unavailable  # noqa: E402
from networks import NETWORKS  # noqa: E402

WHO = ("coordinator", "boards", "client")
IDLE_S = 2  # to see what a cluster takes that is asked for nothing


def parse(words=None):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0], conflict_handler="resolve")
    add_options(p)
    p.set_defaults(schemes="uncoded,auto", fast_cores=True)  # what makes cores slow takes processor time, too
    p.add_argument("--model", dest="models", default="resnet18,vgg16", metavar="NAME,...", help=f"of {', '.join(NETWORKS)} (%(default)s)")
    p.add_argument("--before", type=Path, metavar="FOLDER", help="another build, measured in turn with this one")
    p.add_argument("--pause", type=float, default=0.3, metavar="S", help="after each request, for what boards still compute of "
                   "it; what is done then counts, too (0.3)")
    a = p.parse_args(words)
    check_options(p, a)
    a.models = list(dict.fromkeys(a.models.split(",")))
    for name in a.models:
        if name not in NETWORKS:
            p.error(f"no network is called {name!r}: {', '.join(NETWORKS)}")
    if a.before and not os.access(a.before / "client/hedge", os.X_OK):
        p.error(f"--before {a.before}: no client/hedge is there; a build's folder is wanted")
    if not 0 <= a.pause <= 60 or a.warmup < 1:
        p.error("out of range: --pause, or --warmup, whose requests tell what becomes of parts and are at least one")
    return a


# --- a cluster, in a process of its own: each build has its own HEDGE ---

class Counted(Cluster):
    """A cluster that counts what its requests cost."""

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
        self.requests, self.parts = {s: [] for s in a.schemes}, {s: [] for s in a.schemes}

    def take(self):
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


# --- the whole ---

def measure_model(a, model, sides, progress):
    """@return a report of one network."""
    idle = {side.name: side.take() for side in sides}
    alone = Alone(model, Path(os.environ["HEDGE"]).resolve().parent.parent, a.before)
    ticks = None
    try:
        for i in range(-a.warmup, a.runs):
            ticks = processor_ticks() if i == 0 else ticks
            for j in range(len(a.schemes)):
                scheme = a.schemes[(i + j) % len(a.schemes)]
                for side in sides if i % 2 else sides[::-1]:
                    progress.step(f"{model}, {scheme}, {side.name}")
                    if i < 0:
                        side.parts[scheme].append(side.do("trace", scheme, i))
                    else:
                        side.requests[scheme].append(side.do("request", scheme, i))
            if i >= 0:
                alone.run()
    finally:
        alone.close()
    return {"model": model, "machine_busy": busy_since(ticks), "idle_ms_per_s": idle, "alone": alone.report(),
            "results": [summarise(side, scheme, alone) for scheme in a.schemes for side in sides]}


def median(values, digits=4):
    return round(statistics.median(values), digits)


def in_ms(key):
    return key[:-2] + "_ms" if key.endswith("_s") else key


def summarise(side, scheme, alone):
    requests = side.requests[scheme]
    answered = [r for r in requests if "lost" not in r]
    row = {"scheme": scheme, "build": side.name, "runs": len(requests), "lost": len(requests) - len(answered),
           "wrong": sum(r["wrong"] for r in answered)}
    if not answered:
        return row | {"why": requests[0]["lost"]}
    for key in ("latency_ms", "coding_ms", "layers"):
        row[key] = median([r[key] for r in answered])
    for who in WHO:
        costs = [r["cost"][who] for r in answered]
        row[who] = {in_ms(key): max(0, median([c[key] * (1e3 if key.endswith("_s") else 1) for c in costs]))
                    for key in costs[0] if key != "system_s"}
        row[who]["system_share"] = round(sum(c["system_s"] for c in costs) / sum(c["all_s"] for c in costs), 3)
        row[who]["of_alone"] = round(row[who]["all_ms"] / alone.processor_ms(), 4)
    row["links"] = {key: median([r["cost"]["links"][key] for r in answered]) for key in answered[0]["cost"]["links"]}
    row["parts"] = {key: round(statistics.mean(p[key] for p in side.parts[scheme]), 1) for key in side.parts[scheme][0]}
    return row


def measure(a):
    hedge = Path(os.environ["HEDGE"])
    report = {key: getattr(a, key) for key in ("profile", "boards", "seed", "set", "pause")} | {"models": []}
    builds = {"before": a.before / "client/hedge"} if a.before else {}
    for model in a.models:
        a.model, sides = model, []
        progress = Progress((a.warmup + a.runs) * len(a.schemes) * (len(builds) + 1))
        try:
            sides += [Side(a, name, path) for name, path in (builds | {"now": hedge}).items()]
            report["models"].append(measure_model(a, model, sides, progress))
        finally:
            progress.clear()
            os.environ["HEDGE"] = str(hedge)
            for side in sides:
                side.close()
        say(a, report["models"][-1])
    if a.json:
        write_json(a.json, report)
    return 1 if any(r["wrong"] or r["lost"] for m in report["models"] for r in m["results"]) else 0


# --- the table ---

def say(a, report):
    print(f"\n{report['model']}, {a.boards} boards {a.profile}; this machine was busy {100 * report['machine_busy']:.0f} % of the time")
    for name, row in report["alone"].items():
        print(f"alone on one thread, the engine's run ({name}): {row['processor_ms']:.1f} ms of processor time")
    for name, row in report["idle_ms_per_s"].items():
        print(f"idle ({name}): coordinator {row['coordinator']:.2f} ms per second, boards {row['boards']:.2f}")
    for r in report["results"]:
        print(f"\n{r['scheme']} ({r['build']}): {r['runs']} requests, {r['wrong']} wrong, {r['lost']} lost"
              + (f": {r['why']}" if "why" in r else ""))
        if "why" not in r:
            say_result(r)


def say_result(r):
    p, n = r["parts"], r["links"]
    print(f"  latency {r['latency_ms']:.0f} ms, {r['coding_ms']:.1f} of them encoding and decoding; {r['layers']:.0f} layers cut, "
          f"parts asked for {p['asked']:.0f}, used {p['used']:.0f}, late or never {p['asked'] - p['received']:.0f}")
    print(f"  coordinator's link: {n['sent_bytes'] / 1e6:.2f} MB sent in {n['sent_packets']:.0f} packets, "
          f"{n['received_bytes'] / 1e6:.2f} MB received in {n['received_packets']:.0f}")
    print(f"  {'':12}{'CPU MS':>9}{'x ALONE':>9}{'MAIN':>9}{'I/O':>9}{'OTHER':>9}{'ENDED':>9}{'SYSTEM':>8}{'SWITCHES':>10}{'FAULTS':>8}")
    for who in WHO:
        c = r[who]
        threads = "".join(f"{c[t + '_ms']:9.1f}" if t + "_ms" in c else f"{'-':>9}" for t in processor.THREADS)
        print(f"  {who:12}{c['all_ms']:9.1f}{c['of_alone']:9.3f}{threads}{100 * c['system_share']:7.0f}%{c['switches']:10.0f}"
              f"{c['faults']:8.0f}")


if __name__ == "__main__":
    sys.exit(run("cost", measure, parse()))
