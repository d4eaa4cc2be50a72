#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Requests per second of every scheme with several requests in flight, on emulated boards.

Needs root; HEDGE names the command line of a build. See bench/README.md.

    ./dev bench throughput --model alexnet --profile pi3-100m --boards 10 --in-flight 4 --runs 40
"""
import argparse
import statistics
import sys
import threading
import time

sys.dont_write_bytecode = True

from emulated import Cluster, Progress, add_options, check_options, write_json  # noqa: E402
from answers import busy_since, how_made, percentile, processor_ticks, since  # noqa: E402
from bed import run  # noqa: E402

ROUNDS = 4  # each scheme gets its requests in so many turns, so that all meet the same machine


def parse(words=None):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_options(p)
    p.add_argument("--in-flight", type=int, default=4, metavar="F", help="requests at a time, 1 to 64 (4)")
    p.add_argument("--slowdown", type=float, default=0, metavar="TAU", help="every task takes 1 + Exp(TAU) as long (0)")
    a = p.parse_args(words)
    check_options(p, a)
    if not 1 <= a.in_flight <= 64 or a.slowdown < 0:
        p.error("out of range: --in-flight or --slowdown")
    return a


class Crowd:
    """Clients that ask one after the other until all requests of a turn are answered."""

    def __init__(self, bed, scheme, numbers, clients, progress):
        self.bed, self.scheme, self.numbers, self.progress = bed, scheme, list(numbers), progress
        self.lock, self.answers, self.failure = threading.Lock(), [], None
        self.stopped = False
        self.threads = [threading.Thread(target=self.client, args=(who,)) for who in range(clients)]

    def client(self, who):
        try:
            while True:
                with self.lock:
                    if self.stopped or not self.numbers:
                        return
                    number = self.numbers.pop(0)
                    self.progress.step(self.scheme)
                answer = self.bed.request(self.scheme, number, who)
                with self.lock:
                    self.answers.append(answer)
        except Exception as e:  # handed to whoever waits
            self.failure = e

    def run(self):
        """@return seconds from the first request to the last answer."""
        begin = time.monotonic()
        try:
            for t in self.threads:
                t.start()
            for t in self.threads:
                t.join()
        finally:
            with self.lock:
                self.stopped = True
        if self.failure:
            raise self.failure
        return time.monotonic() - begin


def turns(runs):
    """Numbers of the requests of each turn."""
    count = min(ROUNDS, runs)
    return [range(i * runs // count, (i + 1) * runs // count) for i in range(count)]


def summarise(scheme, answers, seconds):
    answered = [r for r in answers if "lost" not in r]
    times = [r["latency_ms"] for r in answered]
    return {"scheme": scheme, "runs": len(answers), "requests_per_s": round(len(answered) / seconds, 4),
            "mean_ms": round(statistics.mean(times), 3) if times else None,
            "median_ms": round(statistics.median(times), 3) if times else None,
            "p99_ms": round(percentile(times, 99), 3) if times else None,
            "wrong": sum(r["wrong"] for r in answered), "lost": len(answers) - len(answered),
            "max_rel_error": max((r["error"] for r in answered), default=None)}


def measure(a):
    with Cluster(a, {"inference.in_flight": a.in_flight, "inference.queue": 64}) as bed:
        bed.prepare()
        progress = Progress(len(a.schemes) * (a.runs + a.warmup) + len(a.schemes))
        for scheme in a.schemes:
            progress.step(f"loading {a.model} as {scheme}")
            bed.load_as(scheme)
        bed.trouble(0, *([f"task_slowdown {a.slowdown:g}"] if a.slowdown else []))
        for scheme in a.schemes:
            if a.warmup:
                Crowd(bed, scheme, range(a.warmup), min(a.in_flight, a.warmup), progress).run()
        answers, seconds = {s: [] for s in a.schemes}, dict.fromkeys(a.schemes, 0.0)
        ticks, parts = processor_ticks(), bed.parts()
        for i, numbers in enumerate(turns(a.runs)):
            for j in range(len(a.schemes)):
                scheme = a.schemes[(i + j) % len(a.schemes)]
                crowd = Crowd(bed, scheme, numbers, a.in_flight, progress)
                seconds[scheme] += crowd.run()
                answers[scheme] += crowd.answers
        progress.clear()
        report = {"model": a.model, "profile": a.profile, "boards": a.boards, "in_flight": a.in_flight,
                  "slowdown": a.slowdown, "seed": a.seed, "settings": a.set, "error_budget": bed.tolerance,
                  "single_ms": round(bed.network_model.alone_ms(bed.here_macs_per_s), 3),
                  "machine_busy": busy_since(ticks), "parts": since(bed.parts(), parts),
                  "results": [summarise(s, answers[s], seconds[s]) for s in a.schemes]}
    if a.json:
        write_json(a.json, report)
    say(report)
    return 1 if any(r["wrong"] or r["lost"] for r in report["results"]) else 0


def say(report):
    print(f"\n{report['model']}, {report['boards']} boards {report['profile']}, {report['in_flight']} requests in flight")
    print(f"one board alone {1e3 / report['single_ms']:.3g} requests/s; this machine was busy "
          f"{100 * report['machine_busy']:.0f} % of the time\nboards: {how_made(report['parts'])}")
    print(f"{'SCHEME':12}{'REQUESTS/S':>11}{'MEAN MS':>10}{'MEDIAN':>9}{'P99':>9}{'WRONG':>7}{'LOST':>6}{'ERROR':>10}")
    for r in report["results"]:
        if r["mean_ms"] is None:
            print(f"{r['scheme']:12}{0:11}{'-':>10}{'-':>9}{'-':>9}{0:7}{r['lost']:6}")
            continue
        print(f"{r['scheme']:12}{r['requests_per_s']:11.3g}{r['mean_ms']:10.1f}{r['median_ms']:9.1f}{r['p99_ms']:9.1f}"
              f"{r['wrong']:7}{r['lost']:6}{r['max_rel_error']:10.1e}")


if __name__ == "__main__":
    sys.exit(run("throughput", measure, parse()))
