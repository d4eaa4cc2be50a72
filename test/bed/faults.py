#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Requests while every second a board is killed, frozen or brought back. Needs root; HEDGE names a build's command line, whose targets
`bed` and `benchmarks` are there too.

    test/bed/faults.py --requests 1000 --work segments,whole,auto --json faults.json

Exit status 1 where an answer was wrong or lost.
"""
import argparse
import collections
import json
import math
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from answers import Crowd, Reference, busy_since, percentile, processor_ticks  # noqa: E402
from bed import MOST_BOARDS, PROFILES, SOURCE, Bed, check, hedge, run, write_npy  # noqa: E402

MADE = {"lenet5": (1, 1, 28, 28), "resnet18": (1, 3, 224, 224), "alexnet": (1, 3, 224, 224)}  # by hedge model make
FILES = {"squeezenet1.1": ("squeezenet1.1/squeezenet1.1-7.onnx", (1, 3, 224, 224)),
         "ultraface": ("ultraface/version-RFB-320.onnx", (1, 3, 240, 320))}
WORK = ("layers", "segments", "whole", "auto")
INPUTS = 4
ENDS = {"kill": "start", "freeze": "thaw"}
LONG_S = 7200  # there are events for so long


def parse(words=None):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--requests", type=int, default=1000, help="of each kind of work (1000)")
    p.add_argument("--boards", type=int, default=10, help=f"2 to {MOST_BOARDS} (10)")
    p.add_argument("--profile", choices=PROFILES, default="pi3-100m")
    p.add_argument("--model", choices=(*MADE, *FILES), default="resnet18", help="(resnet18)")
    p.add_argument("--data", type=Path, default=Path(os.environ.get("HEDGE_TEST_DATA", SOURCE / "../shared/data")) / "models",
                   metavar="FOLDER", help=f"where {', '.join(FILES)} are (%(default)s)")
    p.add_argument("--work", default="auto", metavar="NAME,...", help=f"plan.work, one after the other: of {', '.join(WORK)} (auto)")
    p.add_argument("--scheme", help="plan.scheme, of layers")
    p.add_argument("--in-flight", type=int, default=8, help="requests at a time (8)")
    p.add_argument("--every", type=float, default=1.0, metavar="S", help="seconds from one event to the next (1)")
    p.add_argument("--down", type=int, metavar="N", help="boards that are away at a time, at most (a third)")
    p.add_argument("--store", type=int, default=0, metavar="MIB", help="of each board, see README.md (0: none)")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of hedged.yaml")
    p.add_argument("--tolerance", type=float, default=5e-3, help="relative error above which an answer is wrong (5e-3)")
    p.add_argument("--timeout", type=float, default=60, metavar="S", help="of a request (60)")
    p.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    a = p.parse_args(words)
    bad = [s for s in a.set if "=" not in s]
    if bad:
        p.error(f"--set {bad[0]}: KEY=VALUE is wanted")
    a.set = dict(s.split("=", 1) for s in a.set)
    a.work = a.work.split(",")
    if not set(a.work) <= set(WORK):
        p.error(f"--work: of {', '.join(WORK)}")
    a.down = a.boards // 3 if a.down is None else a.down
    if not (2 <= a.boards <= MOST_BOARDS and 0 <= a.down <= a.boards and 1 <= a.in_flight <= 32 and a.requests >= 1 and a.every >= 0.1 and
            0 <= a.store <= 2**20):
        p.error("out of range: --boards, --down, --requests, --in-flight, --every or --store")
    return a


def make_events(boards, most_down, every_s, until_s, seed):
    """One event every so often: a board is killed, frozen, or one that is away brought back."""
    luck, away, events, at = random.Random(seed), {}, [], every_s
    while at < until_s and most_down:
        if away and (len(away) >= most_down or luck.random() < 0.5):
            board = luck.choice(sorted(away))
            events.append((at, ENDS[away.pop(board)], board))
        else:
            board = luck.choice([b for b in boards if b not in away])
            away[board] = luck.choice(sorted(ENDS))
            events.append((at, away[board], board))
        at += every_s
    return events


def by_the_minute(boards, seed, minutes=60):
    """Every minute a board is killed and another one frozen; each is back after a third of a minute."""
    luck, events = random.Random(seed), []
    for minute in range(minutes):
        killed, frozen = luck.sample(boards, 2) if len(boards) > 1 else boards * 2
        events += [(60 * minute + 5, "kill", killed), (60 * minute + 25, "start", killed),
                   (60 * minute + 35, "freeze", frozen), (60 * minute + 55, "thaw", frozen)]
    return events


def make_model(a, folder):
    """@return the file, and the shape of its input."""
    if a.model in FILES:
        path, shape = FILES[a.model]
        check((a.data / path).exists(), f"no {a.data / path}: --data names the folder of models")
        return (a.data / path).resolve(), shape
    path = folder / f"{a.model}.onnx"
    hedge("model", "make", a.model, path, "--seed", a.seed, "--quiet", timeout=600)
    return path, MADE[a.model]


def settings_of(a, work):
    # A network as small as some would stay in the coordinator if its layers were planned by what is measured.
    more = {"plan.scheme": a.scheme, "plan.cut": "simple", "plan.min_macs": 0} if a.scheme else {}
    return {"plan.work": work} | more | a.set


def measure(a, work):
    with Bed(a.boards, a.profile, settings_of(a, work), {"memory.shares_bytes": "2G"}, store_mib=a.store, slow_cores=True) as bed:
        luck, (model, shape) = random.Random(a.seed), make_model(a, bed.dir)
        inputs = [write_npy(bed.dir / f"input-{i}.npy", shape, [luck.gauss(0, 1) for _ in range(math.prod(shape))])
                  for i in range(INPUTS)]
        reference = Reference(model, inputs, bed.dir)
        with bed.hurry():
            bed.load(model, a.model)
        crowd = Crowd(bed, a.model, inputs, reference, a.tolerance, a.model != "ultraface", a.timeout)
        crowd.run(a.in_flight, 0, 2 * a.in_flight)  # all are well yet
        begin, ticks = time.monotonic(), processor_ticks()
        bed.play(make_events(bed.names, a.down, a.every, LONG_S, a.seed))
        answers = crowd.run(a.in_flight, 0, a.requests, tell if sys.stderr.isatty() else lambda _: None)
        seconds = time.monotonic() - begin
        bed.player.stop()
        bed.lives("hedged")
        check(any(r.get("boards") for r in answers), "no board did anything")
        return summarise(a, work, answers, bed.player.played, seconds) | {"machine_busy": busy_since(ticks)}


def tell(answer):
    print(f"\r\x1b[Krequest {answer['request']}", end="", file=sys.stderr, flush=True)


def summarise(a, work, answers, events, seconds):
    answered = [r for r in answers if "lost" not in r]
    times = [r["latency_ms"] for r in answered]
    report = {"model": a.model, "boards": a.boards, "profile": a.profile, "work": work, "scheme": a.scheme, "seed": a.seed,
              "in_flight": a.in_flight, "requests": len(answers), "seconds": round(seconds, 1), "events": len(events),
              "actions": dict(collections.Counter(e["action"] for e in events)),
              "event_errors": sorted({e["error"] for e in events if "error" in e}),
              "ways": dict(collections.Counter(r["ways"] for r in answered).most_common(8)),
              "wrong": sum(r["wrong"] for r in answered), "lost": len(answers) - len(answered),
              "why_lost": sorted({r["lost"] for r in answers if "lost" in r}),
              "max_rel_error": max((r["error"] for r in answered), default=None)}
    if times:
        report |= {"median_ms": percentile(times, 50), "p99_ms": percentile(times, 99), "max_ms": max(times)}
    return report


def say(r):
    actions = ", ".join(f"{n} {what}" for what, n in sorted(r["actions"].items()))
    print(f"{r['model']}, {r['boards']} boards {r['profile']}, {r['work']}, {r['in_flight']} in flight: {r['requests']} requests in "
          f"{r['seconds']} s, {r['events']} events ({actions}); this machine was busy {100 * r['machine_busy']:.0f} % of the time")
    print("ways: " + ", ".join(f"{n} x {way}" for way, n in r["ways"].items()))
    if "median_ms" in r:
        print(f"median {r['median_ms']:.1f} ms, p99 {r['p99_ms']:.1f} ms, longest {r['max_ms']:.1f} ms; largest relative "
              f"error {r['max_rel_error']:.1e}")
    for text in (*r["event_errors"], *r["why_lost"]):
        print("  " + text)
    print(f"{r['requests']} requests, {r['wrong']} wrong, {r['lost']} lost", flush=True)


def report_on(a):
    reports = []
    for work in a.work:
        reports.append(measure(a, work))
        say(reports[-1])
        if a.json:
            a.json.write_text(json.dumps(reports, indent=1) + "\n")
    return 1 if any(r["wrong"] or r["lost"] for r in reports) else 0


def main():
    return run("faults.py", report_on, parse())


if __name__ == "__main__":
    sys.exit(main())
