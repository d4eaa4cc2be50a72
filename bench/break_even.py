#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""From what size of a network on is a cluster of boards faster than one of them? On emulated boards, whose cores are slow, too.

Needs root; HEDGE names the command line of a build. See bench/README.md.

    ./dev bench break-even --boards 8 --profiles pi4-1g,pi3-100m --json break-even.json --svg break-even.svg
"""
import argparse
import json
import math
import statistics
import sys
from pathlib import Path

sys.dont_write_bytecode = True

from draw import COLOURS, FAINT, GRID, INK, OTHER, Picture, spread_out, text_width  # noqa: E402
from emulated import ALONE, Clusters, Progress, add_options, check_options, write_json  # noqa: E402
from answers import busy_since, processor_ticks  # noqa: E402
from bed import PROFILES, run  # noqa: E402
from networks import FILES, NETWORKS  # noqa: E402

LEARN = 4  # uncoded requests before the schemes are planned
GAIN = 1.1  # so many times as fast is faster, beyond what scatters


def parse(words=None):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0], conflict_handler="resolve")
    add_options(p)
    p.set_defaults(schemes="layers,auto", boards=8, runs=10)
    names = [*NETWORKS, *FILES]
    p.add_argument("--model", dest="models", default=",".join(names), metavar="NAME,...", help="(%(default)s)")
    p.add_argument("--profile", dest="profiles", default="pi4-1g,pi3-100m", metavar="NAME,...", help="(%(default)s)")
    p.add_argument("--svg", type=Path, metavar="FILE", help="draw how many times as fast as one board, by size")
    p.add_argument("--redraw", type=Path, metavar="FILE", help="measure nothing: draw what --json wrote")
    a = p.parse_args(words)
    check_options(p, a)
    a.models, a.profiles = a.models.split(","), a.profiles.split(",")
    for what, given, known in (("network", a.models, names), ("profile", a.profiles, PROFILES)):
        for name in given:
            if name not in known:
                p.error(f"no {what} is called {name!r}: {', '.join(known)}")
    return a


def measure_network(a, progress):
    """@return a row of the report."""
    with Clusters(a, a.schemes) as bed:
        bed.prepare()
        bed.trouble(0)
        for one in bed.beds.values():
            one.learn(LEARN)
        bed.trouble(0)
        names = [ALONE, *a.schemes]
        for name in names:
            progress.step(f"{a.profile}: loading {a.model} as {name}", 0)
            macs = bed.load_as(name)
        requests, ticks = {name: [] for name in names}, None
        for i in range(-a.warmup, a.runs):
            ticks = processor_ticks() if i == 0 else ticks
            for j in range(len(names)):
                name = names[(i + j) % len(names)]
                progress.step(f"{a.profile}, {a.model}, {name}")
                answer = bed.request(name, i)
                if i >= 0:
                    requests[name].append(answer)
        return {"profile": a.profile, "model": a.model, "macs": macs, "machine_busy": busy_since(ticks),
                "slowness": round(bed.codes.slowness.get("hedged", 1), 2),
                "results": {name: summarise(rs) for name, rs in requests.items()}}


def summarise(requests):
    answered = [r for r in requests if "lost" not in r]
    times = [r["latency_ms"] for r in answered]
    coded = [sum(layer["scheme"] != "local" for layer in r["layers"]) for r in answered]
    return {"runs": len(requests), "median_ms": round(statistics.median(times), 3) if times else None,
            "least_ms": round(min(times), 3) if times else None, "most_ms": round(max(times), 3) if times else None,
            "layers_apart": round(statistics.mean(coded), 1) if coded else None,
            "wrong": sum(r["wrong"] for r in answered), "lost": len(requests) - len(answered)}


def measure(a):
    if a.redraw:
        report = json.loads(a.redraw.read_text())
    else:
        there = [m for m in a.models if m not in FILES or (a.data / FILES[m].path).exists()]
        for name in set(a.models) - set(there):
            print(f"{name} is not in {a.data}, left out")
        progress = Progress(len(a.profiles) * len(there) * (1 + len(a.schemes)) * (a.runs + a.warmup))
        report = {"boards": a.boards, "schemes": a.schemes, "fast_cores": a.fast_cores, "settings": a.set, "rows": []}
        for a.profile in a.profiles:
            for a.model in there:
                report["rows"].append(measure_network(a, progress))
        progress.clear()
        report["rows"].sort(key=lambda row: (a.profiles.index(row["profile"]), row["macs"]))
    if a.json:
        write_json(a.json, report)
    if a.svg:
        a.svg.write_text(draw(report))
    say(report)
    return 1 if any(r["wrong"] or r["lost"] for row in report["rows"] for r in row["results"].values()) else 0


# --- what it says ---

def ratio(row, scheme):
    """How many times as fast as one board. @return None where one of both was not answered."""
    alone, here = row["results"][ALONE]["median_ms"], row["results"][scheme]["median_ms"]
    return alone / max(here, 1e-3) if alone is not None and here is not None else None


def curve(report, profile, scheme):
    """[(multiply-accumulates, ratio)], by size."""
    points = [(row["macs"], ratio(row, scheme)) for row in report["rows"] if row["profile"] == profile]
    return sorted((m, r) for m, r in points if r is not None)


def break_even(points):
    """The size from which on all networks are at least GAIN times as fast, between the measured ones by their logarithms.
    @return None: none is; 0: all are."""
    slow = [i for i, (_, r) in enumerate(points) if r < GAIN]
    if not slow:
        return 0
    if slow[-1] == len(points) - 1:
        return None
    (m, r), (n, s) = points[slow[-1]:slow[-1] + 2]
    share = (math.log(GAIN) - math.log(r)) / (math.log(s) - math.log(r))
    return math.exp(math.log(m) + share * (math.log(n) - math.log(m)))


def size(macs):
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if macs >= unit:
            return f"{macs / unit:.3g} {name}"
    return f"{macs:.0f}"


def say_break_even(points):
    at = break_even(points)
    return "none was faster" if at is None else "all were faster" if at == 0 else f"{size(at)} multiply-accumulates"


def say(report):
    for profile in dict.fromkeys(row["profile"] for row in report["rows"]):
        rows = [row for row in report["rows"] if row["profile"] == profile]
        print(f"\n{report['boards']} boards {profile} against one; medians, ms; cores {rows[0]['slowness']} times slower than here")
        print(f"{'NETWORK':16}{'MACS':>8}{'ALONE':>10}" + "".join(f"{s.upper():>12}{'RATIO':>7}{'APART':>7}" for s in report["schemes"])
              + f"{'BUSY':>7}{'WRONG':>7}{'LOST':>6}")
        for row in rows:
            cells = ""
            for s in report["schemes"]:
                r, times = row["results"][s], ratio(row, s)
                cells += f"{'-':>12}{'-':>7}{'-':>7}" if times is None else f"{r['median_ms']:12.1f}{times:7.2f}{r['layers_apart']:7.1f}"
            results = row["results"].values()
            alone = row["results"][ALONE]["median_ms"]
            print(f"{row['model']:16}{size(row['macs']):>8}{'-' if alone is None else f'{alone:.1f}':>10}{cells}"
                  f"{100 * row['machine_busy']:6.0f}%{sum(r['wrong'] for r in results):7}{sum(r['lost'] for r in results):6}")
        for s in report["schemes"]:
            print(f"break-even ({GAIN:g} times as fast) of {s}: {say_break_even(curve(report, profile, s))}")


# --- the picture ---

class Plane:
    """Both axes logarithmic."""

    def __init__(self, picture, curves, boards):
        self.p, self.left, self.top, self.right, self.bottom = picture, 76, 84, 760, 480
        sizes = [m for points in curves for m, _ in points]
        ratios = [r for points in curves for _, r in points]
        self.x_range = math.log10(min(sizes)) - 0.15, math.log10(max(sizes)) + 0.15
        self.y_range = math.log2(min(ratios + [0.5])), math.log2(max(ratios + [boards]))

    def x(self, macs):
        low, high = self.x_range
        return self.left + (self.right - self.left) * (math.log10(macs) - low) / (high - low)

    def y(self, times):
        low, high = self.y_range
        return self.bottom - (self.bottom - self.top) * (math.log2(times) - low) / (high - low)

    def draw(self, rows):
        for power in range(math.ceil(self.y_range[0]), math.floor(self.y_range[1]) + 1):
            self.p.line(self.left, self.y(2**power), self.right, self.y(2**power), INK if power == 0 else GRID)
            self.p.text(self.left - 8, self.y(2**power) + 4, f"{2.0**power:g}", anchor="end", colour=FAINT)
        for power in range(math.ceil(self.x_range[0]), math.floor(self.x_range[1]) + 1):
            self.p.line(self.x(10**power), self.bottom, self.x(10**power), self.bottom + 5, FAINT)
            self.p.text(self.x(10**power), self.bottom + 20, size(10**power), anchor="middle", colour=FAINT)
        self.p.line(self.left, self.bottom, self.right, self.bottom, FAINT)
        self.p.text((self.left + self.right) / 2, self.bottom + 44, "multiply-accumulates of the network", anchor="middle")
        names = sorted({(row["macs"], row["model"]) for row in rows})
        ends = [-math.inf, -math.inf]  # of names in two rows
        for macs, name in names:
            self.p.line(self.x(macs), self.top, self.x(macs), self.bottom, GRID, 0.7, "2 4")
            half = text_width(name, 11) / 2
            level = 0 if self.x(macs) - half > ends[0] + 6 else 1
            self.p.text(self.x(macs), self.top - 6 - 13 * level, name, 11, FAINT, "middle")
            ends[level] = self.x(macs) + half


def draw(report):
    """@return the picture of a report."""
    lines = [(profile, scheme, curve(report, profile, scheme))
             for profile in dict.fromkeys(row["profile"] for row in report["rows"]) for scheme in report["schemes"]]
    lines = [line for line in lines if line[2]]
    dashes = dict(zip(dict.fromkeys(profile for profile, _, _ in lines), (None, "7 4", "2 3", "9 3 2 3")))
    picture = Picture(1010, 560)
    plane = Plane(picture, [points for _, _, points in lines], report["boards"])
    picture.text(20, 28, f"{report['boards']} boards against one: how many times as fast, by size of the network", 16, bold=True)
    picture.text(20, 46, f"medians; rings: break-even, from where on all are at least {GAIN:g} times as fast", 12, FAINT)
    plane.draw(report["rows"])
    ends = [plane.y(points[-1][1]) for _, _, points in lines]
    for (profile, scheme, points), at in zip(lines, spread_out(ends, 18, plane.top, plane.bottom)):
        colour = COLOURS.get(scheme, OTHER)
        path = " ".join(f"{plane.x(m):.1f},{plane.y(r):.1f}" for m, r in points)
        picture.add(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"'
                    + (f' stroke-dasharray="{dashes[profile]}"' if dashes[profile] else "") + "/>")
        for m, r in points:
            picture.add(f'<circle cx="{plane.x(m):.1f}" cy="{plane.y(r):.1f}" r="3" fill="{colour}"/>')
        even = break_even(points)
        if even:
            picture.add(f'<circle cx="{plane.x(even):.1f}" cy="{plane.y(GAIN):.1f}" r="7" fill="none" stroke="{colour}" '
                        'stroke-width="1.6"/>')
        picture.line(plane.x(points[-1][0]) + 5, plane.y(points[-1][1]), plane.right + 8, at, colour, 0.7, "1 2")
        mark = "all" if even == 0 else "none" if even is None else f"from {size(even)}"
        picture.text(plane.right + 12, at + 4, f"{profile}, {scheme}: {mark}", 12, colour)
    return picture.write()


if __name__ == "__main__":
    sys.exit(run("break-even", measure, parse()))
