#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Requests while every second a board is killed, frozen or brought back. Needs root; HEDGE names a build's command line.

    test/bed/faults.py --requests 1000

Exit status 1 where an answer was wrong or lost.
"""
import argparse
import collections
import json
import random
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from answers import Reference, ask, percentile  # noqa: E402
from bed import MOST_BOARDS, PROFILES, Bed, check, hedge, run, write_npy  # noqa: E402

MODELS = {"lenet5": (1, 1, 28, 28), "resnet18": (1, 3, 224, 224), "alexnet": (1, 3, 224, 224)}
INPUTS = 4
ENDS = {"kill": "start", "freeze": "thaw"}


def parse(words=None):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--requests", type=int, default=1000)
    p.add_argument("--boards", type=int, default=10, help=f"2 to {MOST_BOARDS} (10)")
    p.add_argument("--profile", choices=PROFILES, default="pi3-100m")
    p.add_argument("--model", choices=MODELS, default="lenet5", help="made by hedge model make (lenet5)")
    p.add_argument("--scheme", default="krp", help="plan.scheme (krp)")
    p.add_argument("--in-flight", type=int, default=2, help="requests at a time (2)")
    p.add_argument("--every", type=float, default=1.0, metavar="S", help="seconds from one event to the next (1)")
    p.add_argument("--down", type=int, metavar="N", help="boards that are away at a time, at most (a third)")
    p.add_argument("--pause", type=float, default=0.1, metavar="S", help="of a client between two requests (0.1)")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of hedged.yaml")
    p.add_argument("--tolerance", type=float, default=5e-3, help="relative error above which an answer is wrong (5e-3)")
    p.add_argument("--timeout", type=float, default=60, metavar="S", help="of a request (60)")
    p.add_argument("--deadline", type=float, default=1800, metavar="S", help="no request begins after so long (1800)")
    p.add_argument("--json", action="store_true", help="one object in place of text")
    a = p.parse_args(words)
    bad = [s for s in a.set if "=" not in s]
    if bad:
        p.error(f"--set {bad[0]}: KEY=VALUE is wanted")
    a.set = dict(s.split("=", 1) for s in a.set)
    a.down = a.boards // 3 if a.down is None else a.down
    if not (2 <= a.boards <= MOST_BOARDS and 0 <= a.down <= a.boards and a.requests >= 1 and 1 <= a.in_flight <= 32 and
            a.every >= 0.1 and a.pause >= 0):
        p.error("out of range: --boards, --down, --requests, --in-flight, --every or --pause")
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


class Clients:
    """Ask until all requests are answered or time is up."""

    def __init__(self, bed, a, inputs, reference):
        self.bed, self.a, self.inputs, self.reference = bed, a, inputs, reference
        self.lock, self.answers, self.next = threading.Lock(), [], 0
        self.until = time.monotonic() + a.deadline
        self.failure = None
        self.on = sys.stderr.isatty() and not a.json

    def take_number(self):
        with self.lock:
            if self.failure or self.next >= self.a.requests or time.monotonic() >= self.until:
                return None
            self.next += 1
            return self.next - 1

    def client(self, who):
        try:
            while (number := self.take_number()) is not None:
                answer = ask(self.bed, self.a.model, self.inputs[number % INPUTS], self.reference, self.a.tolerance,
                             timeout_s=self.a.timeout, who=who)
                with self.lock:
                    self.answers.append(answer | {"request": number})
                    if self.on:
                        print(f"\r\x1b[K{len(self.answers)}/{self.a.requests} requests", end="", file=sys.stderr, flush=True)
                time.sleep(self.a.pause)
        except Exception as e:  # handed to whoever waits
            self.failure = e

    def run(self):
        threads = [threading.Thread(target=self.client, args=(i,)) for i in range(self.a.in_flight)]
        try:
            for t in threads:
                t.start()
            for t in threads:
                t.join()
        except BaseException:  # Ctrl-C: no further request begins
            self.until = 0
            raise
        if self.on:
            print("\r\x1b[K", end="", file=sys.stderr)
        if self.failure:
            raise self.failure
        return self.answers


def measure(a):
    # A network as small as this would stay in the coordinator if it were planned by what is measured.
    settings = {"plan.scheme": a.scheme, "plan.cut": "simple", "plan.min_macs": 0, "inference.in_flight": a.in_flight} | a.set
    with Bed(a.boards, a.profile, settings) as bed:
        model, luck = bed.dir / f"{a.model}.onnx", random.Random(a.seed)
        hedge("model", "make", a.model, model, "--seed", a.seed, "--quiet", timeout=600)
        shape = MODELS[a.model]
        inputs = [write_npy(bed.dir / f"input-{i}.npy", shape,
                            [luck.gauss(0, 1) for _ in range(shape[1] * shape[2] * shape[3])]) for i in range(INPUTS)]
        reference = Reference(model, inputs, bed.dir)
        bed.load(model, a.model)
        begin = time.monotonic()
        bed.play(make_events(bed.names, a.down, a.every, a.deadline + a.timeout, a.seed))
        answers = Clients(bed, a, inputs, reference).run()
        bed.player.stop()
        bed.lives("hedged")
        check(any(layer["boards_used"] for r in answers for layer in r.get("layers", ())), "no board did anything")
        return summarise(a, answers, bed.player.played, time.monotonic() - begin)


def summarise(a, answers, events, seconds):
    answered = [r for r in answers if "lost" not in r]
    times = [r["latency_ms"] for r in answered]
    layers = collections.Counter(layer["scheme"] for r in answered for layer in r["layers"])
    report = {"model": a.model, "boards": a.boards, "profile": a.profile, "scheme": a.scheme, "seed": a.seed,
              "requests": len(answers), "asked_for": a.requests, "seconds": round(seconds, 1), "events": len(events),
              "actions": dict(collections.Counter(e["action"] for e in events)),
              "event_errors": sorted({e["error"] for e in events if "error" in e}), "layers": dict(layers),
              "wrong": sum(r["wrong"] for r in answered), "lost": len(answers) - len(answered),
              "why_lost": sorted({r["lost"] for r in answers if "lost" in r}),
              "max_rel_error": max((r["error"] for r in answered), default=None)}
    if times:
        report |= {"median_ms": percentile(times, 50), "p99_ms": percentile(times, 99), "max_ms": max(times)}
    return report


def say(r):
    actions = ", ".join(f"{n} {what}" for what, n in sorted(r["actions"].items()))
    print(f"{r['model']}, {r['boards']} boards {r['profile']}, {r['scheme']}: {r['requests']} requests in "
          f"{r['seconds']} s, {r['events']} events ({actions})")
    print("layers: " + ", ".join(f"{n} {what}" for what, n in sorted(r["layers"].items())))
    if "median_ms" in r:
        print(f"median {r['median_ms']:.1f} ms, p99 {r['p99_ms']:.1f} ms, longest {r['max_ms']:.1f} ms; largest relative "
              f"error {r['max_rel_error']:.1e}")
    for text in (*r["event_errors"], *r["why_lost"]):
        print("  " + text)
    print(f"{r['requests']} requests, {r['wrong']} wrong, {r['lost']} lost")


def report_on(a):
    report = measure(a)
    if a.json:
        print(json.dumps(report))
    else:
        say(report)
    return 1 if report["wrong"] or report["lost"] or report["requests"] < a.requests else 0


def main():
    return run("faults.py", report_on, parse())


if __name__ == "__main__":
    sys.exit(main())
