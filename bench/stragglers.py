#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Latency of every scheme when boards are late, fail or straggle, in one interleaved run on emulated boards.

Needs root; HEDGE names the command line of a build. See bench/README.md.

    ./dev bench stragglers --model vgg16 --scenario 1 --profile slow-100m --runs 50 --json s1.json --svg s1.svg
"""
import argparse
import json
import statistics
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import draw  # noqa: E402
from emulated import ALONE, Clusters, Progress, add_options, check_options, write_json  # noqa: E402
from answers import busy_since, how_made, percentile, processor_ticks, since  # noqa: E402
from bed import COORDINATOR_MBIT, run  # noqa: E402
from networks import Q16_BYTES, limit_ms  # noqa: E402

SCENARIOS = ("none", "0", "1", "2", "3")
LEVELS = {"none": [0], "2": [0, 1, 2], "3": [1, 3, 10]}  # the others depend on how long a layer takes
DELAYS = (0, 0.25, 0.5, 1, 2)                           # scenario 1: mean delay, in mean times of a layer
HELD_BACK = 3                                           # scenario 0: how long, in mean times of a layer
STRAGGLES = 0.8                                         # scenario 3: probability
UNITS = {"none": "", "0": "boards held back", "1": "mean extra delay of every transmission, ms",
         "2": "boards that fail per request", "3": "times slower, one board"}
SPARE = 2                                               # scenario 0: n - delta, as plan.spare has it
CALIBRATION = 2  # requests
LEVEL_ROUNDS = 100000  # rounds of one level


def parse(words=None):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_options(p)
    p.add_argument("--scenario", choices=SCENARIOS, default="1", help="0 some boards hold back, 1 every transmission is "
                   "late at random, 2 boards fail, 3 one board straggles (1)")
    p.add_argument("--level", metavar="X,...", help="how bad; several in turn, the harshest last")
    p.add_argument("--slowdown", type=float, default=0, metavar="TAU", help="every task takes 1 + Exp(TAU) as long (0)")
    p.add_argument("--silent", action="store_true", help="scenario 2: who fails says nothing")
    p.add_argument("--learn", type=int, default=4, metavar="N", help="uncoded requests at the harshest level before the "
                   "schemes are loaded and planned (4)")
    p.add_argument("--svg", type=Path, metavar="FILE", help="draw latency against level")
    p.add_argument("--gantt", type=Path, metavar="FILE", help="draw one request: who computed what when")
    p.add_argument("--gantt-scheme", metavar="NAME", help="whose (the last of --schemes)")
    a = p.parse_args(words)
    check_options(p, a)
    try:
        a.level = a.level and [float(x) for x in a.level.split(",")]
    except ValueError:
        p.error(f"--level {a.level}: numbers are wanted")
    a.gantt_scheme = a.gantt_scheme or a.schemes[-1]
    if a.gantt_scheme not in a.schemes:
        p.error(f"--gantt-scheme {a.gantt_scheme}: not one of --schemes")
    if a.slowdown < 0 or not 0 <= a.learn <= 1000 or any(x < 0 for x in a.level or ()):
        p.error("out of range: --slowdown, --learn or --level")
    return a


def lines_for(a, level, layer_ms):
    """What the boards' emulation files say at a level."""
    number = f"{level:g}"
    lines = {"none": [], "0": [f"fixed {number} {HELD_BACK * layer_ms:.3f}"], "1": [f"delay_ms {number}"],
             "2": [f"{'silent' if a.silent else 'failing'} {number}"],
             "3": [f"straggler 0 {number} {STRAGGLES}"] if level > 1 else []}[a.scenario]
    return ([] if level == 0 else lines) + ([f"task_slowdown {a.slowdown:g}"] if a.slowdown else [])


def calibrate(bed):
    """Without any trouble. @return mean time of a coded layer (uncoded), that of one board alone."""
    bed.trouble(0)
    for name in (ALONE, "uncoded"):
        bed.load_as(name)
    answers = [bed.request("uncoded", i) for i in range(CALIBRATION)]
    times = [layer["end_ms"] - layer["start_ms"] for r in answers[1:] for layer in r.get("layers", ())]
    alone = [bed.request(ALONE, i) for i in range(CALIBRATION)][-1]  # the first one finds its weights cold
    expected = 1e3 * bed.codes.macs / bed.codes.here_macs_per_s
    return statistics.mean(times) if times else expected, alone.get("latency_ms", expected)


def load_all(bed, a, lines):
    """Each scheme is planned when it is loaded, for boards as they have been measured by then."""
    progress = Progress(len(bed.beds) + len(a.schemes))
    for way, one in bed.beds.items():
        progress.step(f"learning for {way}")
        one.learn(a.learn, lines)
    bed.trouble(0)
    for name in a.schemes:
        progress.step(f"loading {a.model} as {name}")
        bed.load_as(name)
    progress.clear()


def choose_levels(a, layer_ms):
    if a.level:
        return a.level
    if a.scenario == "0":
        return list(range(SPARE + 1))
    if a.scenario == "1":
        return [round(d * layer_ms, 1) for d in DELAYS]
    return LEVELS[a.scenario]


# --- one level ---

def summarise(scheme, requests):
    answered = [r for r in requests if "lost" not in r]
    times = [r["latency_ms"] for r in answered]
    coding = sum(layer["encode_ms"] + layer["decode_ms"] for r in answered for layer in r["layers"])
    return {"scheme": scheme, "runs": len(requests),
            "mean_ms": round(statistics.mean(times), 3) if times else None,
            "median_ms": round(statistics.median(times), 3) if times else None,
            "p99_ms": round(percentile(times, 99), 3) if times else None,
            "encode_decode_share": round(coding / sum(times), 5) if times else None,
            "wrong": sum(r["wrong"] for r in answered), "lost": len(requests) - len(answered),
            "max_rel_error": max((r["error"] for r in answered), default=None)}


def describe_layers(requests):
    """How the layers of one scheme ran: the commonest cut of each, and means."""
    layers = {}
    for r in requests:
        for layer in r.get("layers", ()):
            layers.setdefault(layer["name"], []).append(layer)
    rows = []
    for name, runs in layers.items():
        cuts = [(r["scheme"], r["k_a"], r["k_b"], r["wire"]) for r in runs]
        scheme, k_a, k_b, wire = max(set(cuts), key=cuts.count)
        row = {"name": name, "scheme": scheme, "k_a": k_a, "k_b": k_b, "wire": wire, "runs": len(runs)}
        for key in ("encode_ms", "wait_ms", "decode_ms", "predicted_ms", "parts_received", "boards_lost"):
            row[key] = round(statistics.mean(r[key] or 0 for r in runs), 3)
        row["ms"] = round(statistics.mean(r["end_ms"] - r["start_ms"] for r in runs), 3)
        rows.append(row)
    return rows


def by_number(bed):
    """The boards' names, by their numbers in the codes, which are not those of their names."""
    return [board["name"] for board in sorted(bed.status()["boards"], key=lambda b: b["index"])]


class Yardsticks:
    """The limit, from the rates at which the boards really computed uncoded's parts: those nobody chose among."""

    def __init__(self, bed, a, level):
        self.bed, self.net, self.n = bed, bed.network_model, len(bed.names)
        self.nominal = [bed.gflops[name] * 1e9 / 2 for name in by_number(bed)]
        self.links = [kind.mbit * 1e6 / 8 for kind in bed.kinds]
        self.convs = {conv.name: conv for conv in self.net.convs}
        self.failing = int(level) if a.scenario == "2" else 0

    def failed(self, requests):
        """Boards that failed in a run: they answered none of its requests. Where all schemes gave up at once more are
        silent than failed."""
        parts = [p for r in requests for layer in r.get("layers", ()) for p in layer.get("parts") or ()]
        silent = {p["board"] for p in parts} - {p["board"] for p in parts if p["received_ms"] is not None}
        return sorted(silent)[:self.failing]

    def measured(self, request, failed):
        """Multiply-accumulates per second of each board in one request; those that it had nothing from, and of networks whose
        layers are not known here, as the profile says."""
        macs, seconds = [0.0] * self.n, [0.0] * self.n
        for layer in request.get("layers", ()):
            conv = self.convs.get(layer["name"])
            for part in layer.get("parts") or () if conv else ():
                if part["received_ms"] is not None and part["compute_ms"] > 0:
                    macs[part["board"]] += conv.part_macs(layer["k_a"], layer["k_b"])
                    seconds[part["board"]] += part["compute_ms"] / 1e3
        return [0 if b in failed else m / s if s else self.nominal[b] for b, (m, s) in enumerate(zip(macs, seconds))]

    def limit_ms(self, requests):
        """The mean over the runs. Numbers are q16 on the wire where any scheme had them so.
        @param requests  {scheme: a request per run}."""
        runs = list(zip(*requests.values()))
        q16 = any(layer["wire"] == "q16" for run in runs for r in run for layer in r.get("layers", ()))
        rates = [self.measured(r, self.failed(run)) for r, run in zip(requests.get("uncoded", [{}] * len(runs)), runs)]
        return statistics.mean(limit_ms(self.net, self.bed.macs, [*r, self.bed.here_macs_per_s], self.links, COORDINATOR_MBIT * 1e6 / 8,
                                        Q16_BYTES if q16 else 4) for r in rates)


def run_level(bed, a, number, level, layer_ms, progress):
    lines = lines_for(a, level, layer_ms)
    requests = {scheme: [] for scheme in a.schemes}
    ticks = parts = None
    for i in range(-a.warmup, a.runs):
        if i == 0:
            ticks, parts = processor_ticks(), bed.parts()
        for j in range(len(a.schemes)):
            scheme = a.schemes[(i + j) % len(a.schemes)]
            bed.trouble((number + 1) * LEVEL_ROUNDS + a.warmup + i, *lines, number=i)
            progress.step(f"level {level:g}, {scheme}")
            answer = bed.request(scheme, i)
            if i >= 0:
                requests[scheme].append(answer)
    everything = [r for rs in requests.values() for r in rs]
    return requests, {
        "level": level, "emulation": lines, "machine_busy": busy_since(ticks),
        "parts": since(bed.parts(), parts),
        "limit_ms": round(Yardsticks(bed.codes, a, level).limit_ms(requests), 3),
        "results": [summarise(scheme, rs) for scheme, rs in requests.items()],
        "layers": {scheme: describe_layers(rs) for scheme, rs in requests.items()},
        "lost": sorted({r["lost"] for r in everything if "lost" in r})}


# --- the whole ---

def pick(requests):
    """The request with the median latency."""
    answered = sorted((r for r in requests if "lost" not in r), key=lambda r: r["latency_ms"])
    return answered[(len(answered) - 1) // 2] if answered else None


def measure(a):
    report = {"model": a.model, "scenario": a.scenario, "profile": a.profile, "boards": a.boards}
    with Clusters(a, a.schemes) as bed:
        bed.prepare()
        layer_ms, alone_ms = calibrate(bed)
        levels = choose_levels(a, layer_ms)
        load_all(bed, a, lines_for(a, levels[-1], layer_ms))
        progress = Progress(len(levels) * len(a.schemes) * (a.runs + a.warmup))
        report |= {"single_ms": round(alone_ms, 3), "single_expected_ms":
                   round(1e3 * bed.codes.macs / bed.codes.here_macs_per_s, 3), "limit_ms": None, "results": None,
                   "level": levels[-1], "level_unit": UNITS[a.scenario], "slowdown": a.slowdown, "seed": a.seed,
                   "settings": a.set, "layer_ms": round(layer_ms, 3), "error_budget": bed.codes.tolerance, "levels": []}
        for number, level in enumerate(levels):
            requests, row = run_level(bed, a, number, level, layer_ms, progress)
            report["levels"].append(row)
        progress.clear()
        report["measured"] = {way: one.status()["boards"] for way, one in bed.beds.items()}
    report |= {key: row[key] for key in ("limit_ms", "results")}
    if a.json:
        write_json(a.json, report)
    if a.svg:
        a.svg.write_text(draw.latency(report))
    if a.gantt:
        a.gantt.write_text(draw.gantt(pick(requests[a.gantt_scheme]), f"{a.model}, {a.gantt_scheme}, {a.boards} boards "
                                      f"{a.profile}, scenario {a.scenario} at {levels[-1]:g}", a.boards))
    for row in report["levels"]:
        say(report, row)
    return 1 if any(r["wrong"] or r["lost"] for row in report["levels"] for r in row["results"]) else 0


def short(ms):
    return f"{ms:.0f}" if ms >= 100 else f"{ms:.3g}"


def say(report, row):
    print(f"\n{report['model']}, {report['boards']} boards {report['profile']}, scenario {report['scenario']}"
          + (f", level {row['level']:g} ({report['level_unit']})" if report["level_unit"] else ""))
    print(f"one board alone {short(report['single_ms'])} ms, limit {short(row['limit_ms'])} ms; this machine was busy "
          f"{100 * row['machine_busy']:.0f} % of the time\nboards: {how_made(row['parts'])}")
    print(f"{'SCHEME':12}{'MEAN MS':>9}{'MEDIAN':>9}{'P99':>9}{'x LIMIT':>9}{'CODING':>8}{'WRONG':>7}{'LOST':>6}"
          f"{'ERROR':>10}")
    for r in row["results"]:
        if r["mean_ms"] is None:
            print(f"{r['scheme']:12}{'-':>9}{'-':>9}{'-':>9}{'-':>9}{'-':>8}{0:7}{r['lost']:6}")
            continue
        print(f"{r['scheme']:12}{r['mean_ms']:9.1f}{r['median_ms']:9.1f}{r['p99_ms']:9.1f}"
              f"{r['mean_ms'] / row['limit_ms']:9.2f}{100 * r['encode_decode_share']:7.1f}%{r['wrong']:7}{r['lost']:6}"
              f"{r['max_rel_error']:10.1e}")
    for why in row["lost"]:
        print("lost:", why)


if __name__ == "__main__":
    sys.exit(run("stragglers", measure, parse()))
