#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Requests per second of every way of working, by how many requests are in flight, on emulated boards; beside so many times what one
of the boards does.

Needs root; HEDGE names the command line of a build. See bench/README.md.

    ./dev bench throughput --model squeezenet1.1 --profile pi3-100m --in-flight 1,10,32 --json throughput.json
"""
import argparse
import contextlib
import statistics
import sys

sys.dont_write_bytecode = True

import processor  # noqa: E402
from draw import COLOURS, FAINT, GRID, INK, OTHER, Picture, spread_out, ticks as round_ticks  # noqa: E402
from emulated import ALONE, WAYS, Cluster, Clusters, Progress, add_options, check_options, write_json  # noqa: E402
from answers import Crowd, how_made, percentile, processor_ticks, since  # noqa: E402
from bed import run  # noqa: E402
from faults import by_the_minute  # noqa: E402
from networks import NETWORKS  # noqa: E402

ROUNDS = 2      # every way gets its requests in so many turns, so that all meet the same machine
ONE = "one"     # a cluster of a single board, asked for whole networks
ONE_AT_A_TIME = 2  # requests in flight there: the next one is sent while it computes
TOO_BUSY = 0.85    # of this machine's processors: from there on boards were slower than they should be
ALONE_RUNS = 3


def parse(words=None):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_options(p)
    p.set_defaults(schemes="layers,auto,round-robin", model="squeezenet1.1", profile="pi3-100m")
    p.add_argument("--in-flight", default="1,2,4,8,10,16,32", metavar="F,...", help="requests at a time, 1 to 64 (%(default)s)")
    p.add_argument("--slow", nargs=2, metavar=("BOARD", "FACTOR"), help="a board, from 1, that computes so many times slower")
    p.add_argument("--faults", action="store_true", help="a board is killed and one frozen every minute, for a while")
    p.add_argument("--slowdown", type=float, default=0, metavar="TAU", help="every task takes 1 + Exp(TAU) as long (0)")
    p.add_argument("--svg", metavar="FILE", help="draw requests per second by requests in flight")
    a = p.parse_args(words)
    check_options(p, a)
    try:
        a.in_flight = sorted({int(f) for f in a.in_flight.split(",")})
        a.slow = a.slow and (int(a.slow[0]), float(a.slow[1]))
    except ValueError:
        p.error("--in-flight and --slow take numbers")
    if not all(1 <= f <= 64 for f in a.in_flight) or a.slowdown < 0:
        p.error("out of range: --in-flight or --slowdown")
    if a.slow and not (1 <= a.slow[0] <= a.boards and 1 <= a.slow[1] <= 1000):
        p.error("out of range: --slow")
    return a


class Cell:
    """Requests of one way with so many in flight."""

    def __init__(self, bed, name, model, in_flight):
        self.bed, self.name, self.in_flight, self.model = bed, name, in_flight, model
        self.answers, self.seconds, self.counted = [], 0.0, 0
        self.cost = {"coordinator": 0.0, "boards": 0.0}
        self.ticks = [0, 0]  # of this machine: worked, and all

    def crowd(self):
        a = self.bed.a
        return Crowd(self.bed, self.model, self.bed.inputs, self.bed.reference, self.bed.tolerance,
                     a.model in NETWORKS or a.model == "squeezenet1.1", a.timeout)

    def taken(self):
        """{(who, process): seconds of processor time so far}, of those that live."""
        took = {}
        for name, process in list(self.bed.processes.items()):
            with contextlib.suppress(OSError):  # killed meanwhile
                took["coordinator" if name == "hedged" else "boards", process.pid] = processor.process(process.pid)["all_s"]
        return took

    def turn(self, count, progress):
        """The first answers only fill what is in flight: time begins when there are as many as that."""
        before, ticks = self.taken(), processor_ticks()
        answers = self.crowd().run(self.in_flight, len(self.answers), count, lambda _: progress.step(f"{self.name}, {self.in_flight}"))
        for (who, pid), s in self.taken().items():
            self.cost[who] += s - before.get((who, pid), 0)
        self.ticks = [all_ + now - then for all_, now, then in zip(self.ticks, processor_ticks(), ticks)]
        came = [r["end_s"] for r in answers]
        self.seconds += came[-1] - came[self.in_flight - 1]
        self.counted += sum("lost" not in r for r in answers[self.in_flight:])
        self.answers += answers

    def summarise(self):
        answered = [r for r in self.answers if "lost" not in r]
        times = [r["latency_ms"] for r in answered]
        median = statistics.median(times) if times else None
        ways = [r["ways"] for r in answered]
        return {"scheme": self.name, "in_flight": self.in_flight, "runs": len(self.answers),
                "requests_per_s": round(self.counted / self.seconds, 4) if self.seconds else None,
                "median_ms": times and round(median, 3), "p99_ms": times and round(percentile(times, 99), 3),
                "p99_of_median": times and round(percentile(times, 99) / median, 3),
                "wrong": sum(r["wrong"] for r in answered), "lost": len(self.answers) - len(answered),
                "why_lost": sorted({r["lost"] for r in self.answers if "lost" in r}),
                "max_rel_error": max((r["error"] for r in answered), default=None),
                "boards": round(statistics.mean(r["boards"] for r in answered), 1) if answered else None,
                "ways": {way: ways.count(way) for way in sorted(set(ways))},
                "processor_ms": {who: round(1e3 * s / max(1, len(self.answers)), 2) for who, s in self.cost.items()},
                "machine_busy": round(self.ticks[0] / max(1, self.ticks[1]), 3)}


def turn_of(runs, in_flight):
    """Requests of one turn: whole rounds of what is in flight, so that the end of a turn does not count as slowness."""
    rounds = max(3, -(-runs // (ROUNDS * in_flight)))
    return rounds * in_flight


def make_cells(bed, one, a):
    cells = [Cell(bed.of(scheme), scheme, scheme, f) for f in a.in_flight for scheme in a.schemes]
    return cells, Cell(one, ONE, ONE, ONE_AT_A_TIME)


def start_trouble(bed, a):
    bed.trouble(0, *([f"task_slowdown {a.slowdown:g}"] if a.slowdown else []))
    for each in bed.beds.values():
        if a.slow:
            each.slow(f"board-{a.slow[0]}", a.slow[1])
        if a.faults:
            each.play(by_the_minute(each.names, a.seed))


def load_all(bed, one, a):
    for each in (*bed.beds.values(), one):
        each.trouble(0)
    for scheme in (ALONE, *a.schemes):
        bed.load_as(scheme)
    one.load_as(ONE)


def warm_up(cells, progress):
    """Every input once in every way, and all boards together."""
    for cell in cells:
        Cell(cell.bed, cell.name, cell.model, cell.in_flight).turn(max(cell.in_flight, cell.bed.a.warmup), progress)


def measure(a):
    with Clusters(a, a.schemes, {"inference.queue": 64}) as bed, \
            Cluster(a, WAYS["round-robin"], boards=1) as one:
        bed.prepare()
        one.prepare(bed.codes)
        load_all(bed, one, a)
        alone = [bed.request(ALONE, i) for i in range(ALONE_RUNS)]
        cells, yardstick = make_cells(bed, one, a)
        progress = Progress(sum((ROUNDS * turn_of(a.runs, c.in_flight)) for c in (*cells, yardstick)))
        warm_up((*cells[-len(a.schemes):], *cells[:len(a.schemes)], yardstick), Progress(0))
        start_trouble(bed, a)
        parts = bed.parts()
        for i in range(ROUNDS):
            yardstick.turn(turn_of(a.runs, ONE_AT_A_TIME), progress)
            for start in range(0, len(cells), len(a.schemes)):
                row = cells[start:start + len(a.schemes)]
                for cell in row[i % len(row):] + row[:i % len(row)]:
                    cell.turn(turn_of(a.runs, cell.in_flight), progress)
        progress.clear()
        played = [e for each in bed.beds.values() for e in (each.player.played if each.player else ())]
        report = {"model": a.model, "profile": a.profile, "boards": a.boards, "in_flight": a.in_flight, "slowdown": a.slowdown,
                  "slow": a.slow, "faults": a.faults and played, "seed": a.seed, "settings": a.set, "macs": bed.codes.macs,
                  "error_budget": bed.codes.tolerance, "parts": since(bed.parts(), parts),
                  "single_ms": min(r.get("latency_ms", float("inf")) for r in alone), "one": yardstick.summarise(),
                  "results": [cell.summarise() for cell in cells]}
    if a.json:
        write_json(a.json, report)
    if a.svg:
        with open(a.svg, "w") as file:
            file.write(draw(report))
    say(report)
    return 1 if any(r["wrong"] or r["lost"] for r in report["results"]) else 0


# --- what it says ---

def say_trouble(report):
    if report["slow"]:
        print(f"board {report['slow'][0]} was {report['slow'][1]:g} times slower")
    if report["faults"]:
        kinds = [e["action"] for e in report["faults"]]
        print("in all clusters together: " + ", ".join(f"{kinds.count(k)} x {k}" for k in sorted(set(kinds))))


def say(report):
    one, wanted = report["one"], report["boards"] * (report["one"]["requests_per_s"] or 0)
    print(f"\n{report['model']}, {report['boards']} boards {report['profile']}; parts: {how_made(report['parts'])}")
    print(f"one board and its link, whole networks, {ONE_AT_A_TIME} in flight: {one['requests_per_s']:.3g} requests/s, times "
          f"{report['boards']}: {wanted:.3g}; the coordinator alone: {1e3 / report['single_ms']:.3g}")
    say_trouble(report)
    print(f"{'IN FLIGHT':>9} {'WAY':12}{'REQUESTS/S':>11}{'OF BOARDS':>10}{'MEDIAN MS':>10}{'P99':>9}{'P99/MED':>8}{'BOARDS':>7}{'CPU MS':>9}"
          f"{'BOARDS':>9}{'BUSY':>6}{'WRONG':>6}{'LOST':>5}{'ERROR':>9}")
    for r in report["results"]:
        if not r["requests_per_s"]:
            print(f"{r['in_flight']:9} {r['scheme']:12}{'-':>11} of {r['runs']} requests {r['lost']} were lost")
            continue
        cpu = r["processor_ms"]
        print(f"{r['in_flight']:9} {r['scheme']:12}{r['requests_per_s']:11.3g}{r['requests_per_s'] / max(wanted, 1e-9):10.2f}"
              f"{r['median_ms']:10.1f}{r['p99_ms']:9.1f}{r['p99_of_median']:8.2f}{r['boards']:7.1f}{cpu['coordinator']:9.1f}{cpu['boards']:9.1f}"
              f"{100 * r['machine_busy']:5.0f}%{r['wrong']:6}{r['lost']:5}{r['max_rel_error']:9.1e}")
    for why in sorted({why for r in report["results"] for why in r["why_lost"]}):
        print("lost:", why)
    busy = [r for r in (*report["results"], one) if r["machine_busy"] > TOO_BUSY]
    if busy:
        print(f"this machine was the limit of {len(busy)} rows (busy for more than {100 * TOO_BUSY:.0f} % of the time): boards would do more")


# --- the picture ---

def draw(report):
    """Requests per second by requests in flight."""
    picture, left, top, right, bottom = Picture(820, 460), 70, 70, 640, 400
    wanted = report["boards"] * (report["one"]["requests_per_s"] or 0)
    marks = round_ticks(max([wanted, *(r["requests_per_s"] or 0 for r in report["results"])]))
    places = report["in_flight"]

    def x(f):
        return left + (right - left) * (places.index(f) + 0.5) / len(places)

    def y(rate):
        return bottom - (bottom - top) * rate / marks[-1]

    picture.text(20, 28, f"{report['model']}, {report['boards']} boards {report['profile']}: requests per second", 16, bold=True)
    picture.text(20, 46, "by how many are in flight; dashed: so many times what one board does", 12, FAINT)
    for mark in marks:
        picture.line(left, y(mark), right, y(mark), GRID)
        picture.text(left - 8, y(mark) + 4, f"{mark:g}", anchor="end", colour=FAINT)
    for f in places:
        picture.text(x(f), bottom + 20, f, anchor="middle", colour=FAINT)
    picture.line(left, bottom, right, bottom, INK)
    picture.line(left, y(wanted), right, y(wanted), OTHER, 1.2, "6 4")
    names = list(dict.fromkeys(r["scheme"] for r in report["results"]))
    lines = {name: [(x(r["in_flight"]), y(r["requests_per_s"])) for r in report["results"] if r["scheme"] == name and r["requests_per_s"]]
             for name in names}
    ends = [lines[name][-1][1] if lines[name] else bottom for name in names]
    for name, at in zip(names, spread_out(ends, 18, top, bottom)):
        colour = COLOURS.get(name, OTHER)
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in lines[name])
        picture.add(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for px, py in lines[name]:
            picture.add(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{colour}"/>')
        picture.text(right + 12, at + 4, name, 12, colour)
    return picture.write()


if __name__ == "__main__":
    sys.exit(run("throughput", measure, parse()))
