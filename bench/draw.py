#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Pictures of measurements, as SVG.

    bench/draw.py latency REPORT.json OUT.svg     what `dev bench stragglers --json` wrote
    bench/draw.py gantt ANSWER.json OUT.svg       what `hedge infer --json --trace` printed for one input
    bench/draw.py training REPORT.json OUT.svg    what `dev bench training --json` wrote
    bench/draw.py uep REPORT.json OUT.svg         what `hedge-bench-uep --json` wrote
    bench/draw.py coded-training REPORT.json OUT.svg
                                                  what `dev bench coded-training --json` wrote
"""
import json
import math
import sys
from html import escape
from pathlib import Path

FONT = "font-family=\"'DejaVu Sans', Arial, Helvetica, sans-serif\""
INK, FAINT, GRID = "#1b1b1b", "#6b6b6b", "#dedede"
COLOURS = {"auto": "#000000", "krp": "#0072b2", "steal": "#d55e00", "nsctc": "#009e73", "mds": "#cc79a7",
           "lt": "#8c6d1f", "replication": "#7a52a3", "uncoded": "#888888", "uep-now": "#0072b2", "uep-ew": "#d55e00",
           "layers": "#d55e00", "segments": "#009e73", "whole": "#cc79a7", "round-robin": "#888888"}
OTHER = "#c0392b"
USED, WASTED, ENCODE, DECODE, LOCAL = "#2a9d5c", "#b9b9b9", "#e0a100", "#7a52a3", "#4a83c4"
CHARACTER = 0.58  # mean width of one, in units of the font's size


def text_width(text, size):
    return CHARACTER * size * len(text)


class Picture:
    """SVG on a white ground of its own, so that it reads the same in a dark viewer."""

    def __init__(self, width, height):
        self.width, self.height, self.items = width, height, []

    def add(self, item):
        self.items.append(item)

    def line(self, x1, y1, x2, y2, colour=INK, width=1.0, dash=None):
        self.add(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
                 f'stroke-width="{width}"' + (f' stroke-dasharray="{dash}"' if dash else "") + "/>")

    def rectangle(self, x, y, width, height, fill, title=None, stroke=None):
        end = f"><title>{escape(title)}</title></rect>" if title else "/>"
        self.add(f'<rect x="{x:.2f}" y="{y:.2f}" width="{max(width, 0.3):.2f}" height="{height:.2f}" fill="{fill}"' +
                 (f' stroke="{stroke}" stroke-width="0.5"' if stroke else "") + end)

    def text(self, x, y, text, size=12, colour=INK, anchor="start", turned=False, bold=False):
        turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
        weight = ' font-weight="bold"' if bold else ""
        self.add(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"{turn}{weight}>'
                 f"{escape(str(text))}</text>")

    def write(self):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
                f'viewBox="0 0 {self.width} {self.height}" {FONT}>\n'
                '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
                'patternTransform="rotate(45)"><rect width="6" height="6" fill="#ffffff"/>'
                '<line x1="0" y1="0" x2="0" y2="6" stroke="#c0392b" stroke-width="2"/></pattern></defs>\n'
                f'<rect width="{self.width}" height="{self.height}" fill="#ffffff"/>\n' + "\n".join(self.items) +
                "\n</svg>\n")


def ticks(top, count=6):
    """Round numbers from 0 to at least `top`."""
    raw = max(top, 1e-9) / count
    power = 10 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    return [i * step for i in range(int(math.ceil(top / step - 1e-9)) + 1)]


def unit_for(top_ms):
    return (1000, "s") if top_ms >= 2000 else (1, "ms")


def spread_out(wanted, gap, low, high):
    """Positions near the wanted ones, at least `gap` apart, in their order."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    gap = min(gap, (high - low) / max(len(wanted) - 1, 1))
    at = {}
    last = low - gap
    for i in order:
        last = at[i] = max(wanted[i], last + gap, low)
    last = high + gap
    for i in reversed(order):
        last = at[i] = min(at[i], last - gap)
    return [at[i] for i in range(len(wanted))]


# --- latency against level ---

class Axes:
    def __init__(self, picture, left, top, right, bottom, places, y_top_ms):
        self.p, self.left, self.top, self.right, self.bottom = picture, left, top, right, bottom
        self.unit, self.unit_name = unit_for(y_top_ms)
        self.y_ticks = ticks(y_top_ms / self.unit)
        self.y_max = self.y_ticks[-1] * self.unit
        self.places = places

    def x(self, place):
        """Of place 0 .. places - 1."""
        return self.left + (self.right - self.left) * (place + 0.5) / self.places

    def y(self, ms):
        return self.bottom - (self.bottom - self.top) * min(ms, self.y_max) / self.y_max

    def draw_y(self):
        for value in self.y_ticks:
            y = self.y(value * self.unit)
            self.p.line(self.left, y, self.right, y, GRID)
            self.p.text(self.left - 8, y + 4, f"{value:g}", anchor="end", colour=FAINT)
        self.p.line(self.left, self.top, self.left, self.bottom, FAINT)
        self.p.line(self.left, self.bottom, self.right, self.bottom, FAINT)
        self.p.text(20, (self.top + self.bottom) / 2, f"latency, {self.unit_name}", anchor="middle", turned=True)


def whisker(picture, axes, x, result, colour, heavy):
    y, far = axes.y(result["median_ms"]), axes.y(result["p99_ms"])
    picture.line(x, y, x, far, colour, 1.2)
    picture.line(x - 3.5, far, x + 3.5, far, colour, 1.2)
    picture.add(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{4.5 if heavy else 3.5}" fill="{colour}"/>')


def draw_lines(picture, axes, levels):
    """Several levels: a line per scheme. @return [(name, (x, y), colour, heavy)] for the right margin."""
    labels, count = [], len(levels[0]["results"])
    for i, scheme in enumerate(r["scheme"] for r in levels[0]["results"]):
        colour, heavy, points = COLOURS.get(scheme, OTHER), scheme == "auto", []
        for n, result in enumerate(level["results"][i] for level in levels):
            if result["median_ms"] is not None:
                x = axes.x(n) + (i - (count - 1) / 2) * 6
                points.append((x, axes.y(result["median_ms"])))
                whisker(picture, axes, x, result, colour, heavy)
        if points:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            picture.add(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{2.6 if heavy else 1.6}"/>')
            labels.append((scheme, points[-1], colour, heavy))
    for n, level in enumerate(levels):
        picture.line(axes.x(n), axes.bottom, axes.x(n), axes.bottom + 5, FAINT)
        picture.text(axes.x(n), axes.bottom + 20, f"{level['level']:g}", anchor="middle", colour=FAINT)
    return labels


def draw_points(picture, axes, results):
    """One level: the schemes beside each other, named below."""
    for i, result in enumerate(results):
        name, colour = result["scheme"], COLOURS.get(result["scheme"], OTHER)
        if result["median_ms"] is not None:
            whisker(picture, axes, axes.x(i), result, colour, name == "auto")
            unit, unit_name = unit_for(axes.y_max)
            picture.text(axes.x(i) + 9, axes.y(result["median_ms"]) + 4, f"{result['median_ms'] / unit:.3g}", 11, colour)
        picture.text(axes.x(i), axes.bottom + 20, name, 12, colour, "middle", bold=name == "auto")
    return []


def draw_yardstick(picture, axes, values, colour, dash):
    """From edge to edge. @return its end."""
    points = [(axes.left, axes.y(values[0])), *((axes.x(n), axes.y(v)) for n, v in enumerate(values[:axes.places])),
              (axes.right, axes.y(values[-1]))]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    picture.add(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.4" stroke-dasharray="{dash}"/>')
    return points[-1]


def title_of(report):
    kinds = {"none": "no trouble", "0": "boards hold back", "1": "random delays", "2": "boards fail",
             "3": "one straggler"}
    runs = report["results"][0]["runs"]
    slow = f", slowness 1 + Exp({report['slowdown']:g})" if report["slowdown"] else ""
    return (f"{report['model']} on {report['boards']} boards {report['profile']}: {kinds[report['scenario']]}{slow}",
            f"median of {runs} requests per scheme and level; the whisker ends at the 99th percentile")


def latency(report):
    """The picture of one scenario. @param report  What bench/stragglers.py writes."""
    picture = Picture(920, 540)
    levels, single = report["levels"], report["single_ms"]
    worst = max((r["p99_ms"] or 0 for level in levels for r in level["results"]), default=1)
    show_single = single <= 1.6 * worst
    top = max(worst, max(level["limit_ms"] for level in levels), single if show_single else 0)
    # Levels stand evenly apart, whatever they are: a factor of 10 would squeeze all the others.
    axes = Axes(picture, 76, 70, 770, 470, len(levels) if len(levels) > 1 else len(report["results"]), top)
    axes.draw_y()
    headline, small = title_of(report)
    picture.text(20, 28, headline, 16, bold=True)
    picture.text(20, 48, small, 12, FAINT)
    below = report["level_unit"] or "no trouble"
    if len(levels) == 1 and report["level_unit"]:
        below += f": {report['level']:g}"
    picture.text((axes.left + axes.right) / 2, axes.bottom + 44, below, anchor="middle")
    labels = [("limit", draw_yardstick(picture, axes, [level["limit_ms"] for level in levels], OTHER, "6 4"), OTHER, False)]
    if show_single:
        labels.append(("one board", draw_yardstick(picture, axes, [single] * len(levels), FAINT, "2 4"), FAINT, False))
    else:
        unit, name = unit_for(single)
        picture.text(20, axes.bottom + 62, f"One board alone takes {single / unit:.3g} {name}, beyond this picture.", 11,
                     FAINT)
    labels += draw_lines(picture, axes, levels) if len(levels) > 1 else draw_points(picture, axes, levels[0]["results"])
    for (name, (x, y), colour, heavy), at in zip(labels, spread_out([l[1][1] for l in labels], 16, axes.top, axes.bottom)):
        picture.line(x + 6, y, axes.right + 22, at, colour, 0.7, "1 2")
        picture.text(axes.right + 26, at + 4, name, 12, colour, bold=heavy)
    return picture.write()


# --- one request ---

LEFT, RIGHT, ROW, BAR = 96, 24, 22, 14


def bars_of(parts, layer):
    """When a board computed its parts: a part was finished when it came, or when the next one was begun.

    @return [(begin, end, part)] and, where it did not finish what it was asked for, the (begin, end) of that."""
    came = sorted((p for p in parts if p["received_ms"] is not None), key=lambda p: p["received_ms"])
    bars, following = [], math.inf
    for part in reversed(came):
        end = min(part["received_ms"], following)
        begin = max(end - part["compute_ms"], min(part["sent_ms"], end))
        bars.append((begin, end, part))
        following = begin
    late = [p for p in parts if p["received_ms"] is None]
    if not late:
        return bars[::-1], None
    begin = max(min(p["sent_ms"] for p in late), bars[0][1] if bars else 0)
    return bars[::-1], (begin, layer["end_ms"] - layer["decode_ms"])


def draw_board(picture, x, y, parts, layer):
    bars, unfinished = bars_of(parts, layer)
    if unfinished and unfinished[1] > unfinished[0]:
        late = sum(p["received_ms"] is None for p in parts)
        picture.rectangle(x(unfinished[0]), y + 3, x(unfinished[1]) - x(unfinished[0]), BAR - 6, "url(#hatch)",
                          f"{layer['name']}: {late} parts did not come in time", "#c0392b")
    for begin, end, part in bars:
        picture.rectangle(x(begin), y, x(end) - x(begin), BAR, USED if part["used"] else WASTED,
                          f"{layer['name']} part {part['part']}: {part['compute_ms']:.1f} ms, came at "
                          f"{part['received_ms']:.1f} ms, {'used' if part['used'] else 'not used'}",
                          "#ffffff" if x(end) - x(begin) > 3 else None)
    for sent in {p["sent_ms"] for p in parts}:
        picture.line(x(sent), y - 3, x(sent), y + BAR + 3, INK, 1)


def draw_coordinator(picture, x, y, layers, total_ms):
    """Encoding, decoding, and what it computes itself while no layer is out."""
    at = 0.0
    for layer in sorted(layers, key=lambda l: l["start_ms"]):
        if layer["start_ms"] > at:
            picture.rectangle(x(at), y, x(layer["start_ms"]) - x(at), BAR, LOCAL, "computed here")
        picture.rectangle(x(layer["start_ms"]), y, x(layer["start_ms"] + layer["encode_ms"]) - x(layer["start_ms"]), BAR,
                          ENCODE, f"{layer['name']}: encode {layer['encode_ms']:.2f} ms")
        begin = layer["end_ms"] - layer["decode_ms"]
        if layer["scheme"] == "local":
            begin = layer["start_ms"]
        picture.rectangle(x(begin), y, x(layer["end_ms"]) - x(begin), BAR, LOCAL if layer["scheme"] == "local" else DECODE,
                          f"{layer['name']}: decode {layer['decode_ms']:.2f} ms")
        at = max(at, layer["end_ms"])
    if total_ms > at:
        picture.rectangle(x(at), y, x(total_ms) - x(at), BAR, LOCAL, "computed here")


def draw_boundaries(picture, x, layers, top, bottom):
    """Where layers begin, with the names for which there is room."""
    ends = [-math.inf, -math.inf]  # of the names in two rows
    for i, layer in enumerate(sorted(layers, key=lambda l: l["start_ms"])):
        at = x(layer["start_ms"])
        picture.line(at, top, at, bottom, "#8a8a8a", 0.7, "3 2")
        label = layer["name"].split("/")[-1][-24:]
        for row in (0, 1):
            if at > ends[row] + 6 and at + text_width(label, 10) < picture.width - 4:
                picture.text(at, top - 6 - 12 * row, label, 10, FAINT)
                ends[row] = at + text_width(label, 10)
                break


def draw_legend(picture, y):
    at = LEFT
    for fill, label in ((USED, "used"), (WASTED, "came, not used"), ("url(#hatch)", "not in time"),
                        (ENCODE, "encode"), (DECODE, "decode"), (LOCAL, "computed by the coordinator")):
        picture.rectangle(at, y - 10, 16, 11, fill, stroke=FAINT)
        picture.text(at + 21, y, label, 11)
        at += 21 + text_width(label, 11) + 24
    picture.line(at + 2, y - 12, at + 2, y + 3, INK, 1)
    picture.text(at + 9, y, "task sent", 11)


def gantt(answer, title, boards=None):
    """One request. @param answer  As `hedge infer --json --trace` prints it. @param boards  How many there are."""
    layers = answer["layers"]
    used = {p["board"] for layer in layers for p in layer.get("parts") or ()}
    boards = max([boards or 0, *(b + 1 for b in used)])
    total = answer["latency_ms"]
    top = 96
    picture = Picture(1280, top + ROW * (boards + 1) + 92)
    unit, unit_name = unit_for(total)
    marks = [t for t in ticks(total / unit, 10) if t * unit <= total]
    bottom = top + ROW * (boards + 1)

    def x(ms):
        return LEFT + (picture.width - LEFT - RIGHT) * ms / total

    picture.text(16, 28, title, 16, bold=True)
    picture.text(16, 48, f"one request of {total / unit:.4g} {unit_name}", 12, FAINT)
    for mark in marks:
        picture.line(x(mark * unit), top, x(mark * unit), bottom, GRID)
        picture.text(x(mark * unit), bottom + 18, f"{mark:g}", 11, FAINT, "middle")
    picture.text((LEFT + picture.width - RIGHT) / 2, bottom + 38, f"time since the request came, {unit_name}", 12,
                 anchor="middle")
    for row in range(boards + 1):
        y = top + ROW * row
        picture.line(LEFT, y, picture.width - RIGHT, y, GRID)
        picture.text(LEFT - 8, y + 16, f"board {row - 1}" if row else "coordinator", 11, anchor="end")
    draw_boundaries(picture, x, layers, top, bottom)
    draw_coordinator(picture, x, top + 4, layers, total)
    for layer in layers:
        for board in range(boards):
            parts = [p for p in layer.get("parts") or () if p["board"] == board]
            if parts:
                draw_board(picture, x, top + ROW * (board + 1) + 4, parts, layer)
    draw_legend(picture, bottom + 72)
    return picture.write()


# --- trainings ---

TRAINING_COLOURS = {"local": "#888888", "fp32": "#000000", "fp16": "#7a52a3", "fp8": "#0072b2", "fp4": "#d55e00",
                    "topk": "#009e73"}
TRAINING_DASHES = {"plain": "2 3", "uncorrected": "7 4", "2.2": "7 4"}  # by what stands after the -
RIGHT_PERCENT = (20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 98.5, 99, 99.2, 99.5, 99.8, 99.9)


class ErrorAxis:
    """How many percent are right, drawn by the logarithm of those that are wrong: 98 and 99 lie as far apart as 80 and 90."""

    def __init__(self, top, bottom, percents):
        self.top, self.bottom = top, bottom
        wrong = [max(100 - p, 0.01) for p in percents] or [1, 100]
        self.least, self.most = math.log(min(wrong) * 0.9), math.log(min(max(wrong), 99) * 1.1)

    def y(self, percent):
        at = (math.log(max(100 - percent, 0.01)) - self.least) / (self.most - self.least)
        return self.top + (self.bottom - self.top) * min(max(at, 0), 1)

    def draw(self, picture, left, right):
        for percent in RIGHT_PERCENT:
            if self.least <= math.log(100 - percent) <= self.most:
                picture.line(left, self.y(percent), right, self.y(percent), GRID)
                picture.text(left - 8, self.y(percent) + 4, f"{percent:g}", anchor="end", colour=FAINT)
        picture.line(left, self.top, left, self.bottom, FAINT)
        picture.line(left, self.bottom, right, self.bottom, FAINT)


def training_curves(report):
    """@return {variant: [(epoch, megabytes of all boards so far, percent right)]}, means over the seeds."""
    curves = {}
    for name in dict.fromkeys(r["variant"] for r in report["results"]):
        runs = [r for r in report["results"] if r["variant"] == name and r["epochs"]]
        points, sent = [], 0.0
        for i in range(min((len(r["epochs"]) for r in runs), default=0)):
            lines = [(r["epochs"][i], r["steps_per_epoch"]) for r in runs]
            sent += sum((e["bytes_up_per_step"] + e["bytes_down_per_step"]) * steps for e, steps in lines) / len(lines) / 1e6
            points.append((i + 1, sent, 100 * sum(e["test_accuracy"] for e, _ in lines) / len(lines)))
        if points:
            curves[name] = points
    return curves


def training_style(name):
    kind, _, how = name.partition("-")
    return TRAINING_COLOURS.get(kind, OTHER), TRAINING_DASHES.get(how)


def draw_curve(picture, name, points):
    colour, dash = training_style(name)
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    picture.add(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"' +
                (f' stroke-dasharray="{dash}"' if dash else "") + "/>")
    for x, y in points if len(points) <= 12 else points[-1:]:
        picture.add(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="{colour}"/>')


def decades(low, high):
    """1, 2, 5, 10, 20, ... from below low to above high."""
    values = [m * 10.0**e for e in range(-3, 8) for m in (1, 2, 5)]
    first = max(i for i, v in enumerate(values) if v <= low or i == 0)
    last = min(i for i, v in enumerate(values) if v >= high or i == len(values) - 1)
    return values[first:last + 1]


def training(report):
    """Accuracy against epochs and against bytes. @param report  What bench/training.py writes."""
    picture, curves = Picture(1240, 560), training_curves(report)
    top, bottom, panels = 92, 482, ((70, 500), (580, 1010))
    axis = ErrorAxis(top, bottom, [p for points in curves.values() for _, _, p in points])
    seeds = ", ".join(map(str, report["seeds"]))
    picture.text(20, 28, f"{report['model']} on {report['boards']} boards: ways of sending gradients", 16, bold=True)
    picture.text(20, 48, f"{report['images']} images, batches of {report['batch']}; mean of {len(report['seeds'])} "
                 f"training{'s' if len(report['seeds']) > 1 else ''} each (seed {seeds})", 12, FAINT)
    picture.text(20, 76, "test images right, % (by the logarithm of those wrong)", 12)
    for left, right in panels:
        axis.draw(picture, left, right)
    draw_by_epoch(picture, axis, curves, *panels[0])
    labels = draw_by_bytes(picture, axis, curves, *panels[1])
    right = panels[1][1]
    for (name, (x, y), sent), at in zip(labels, spread_out([l[1][1] for l in labels], 16, top, bottom)):
        colour, dash = training_style(name)
        picture.line(x + 5, y, right + 20, at, colour, 0.6, "1 2")
        picture.line(right + 24, at, right + 48, at, colour, 1.8, dash)
        picture.text(right + 54, at + 4, f"{name}  {curves[name][-1][2]:.2f} %", 12, colour)
    return picture.write()


def draw_by_epoch(picture, axis, curves, left, right):
    last = max((points[-1][0] for points in curves.values()), default=1)

    def x(epoch):
        return left + (right - left) * epoch / last

    for mark in ticks(last):
        if mark == int(mark) and mark <= last:
            picture.line(x(mark), axis.bottom, x(mark), axis.bottom + 5, FAINT)
            picture.text(x(mark), axis.bottom + 20, f"{mark:g}", anchor="middle", colour=FAINT)
    picture.text((left + right) / 2, axis.bottom + 44, "epochs", anchor="middle")
    for name, points in curves.items():
        draw_curve(picture, name, [(x(e), axis.y(p)) for e, _, p in points])


def draw_by_bytes(picture, axis, curves, left, right):
    """What is trained by the coordinator alone sends nothing and has only its name here.
    @return [(name, where its line ends, megabytes)]."""
    sent = [mb for points in curves.values() for _, mb, _ in points if mb > 0] or [1, 10]
    marks = decades(min(sent), max(sent))
    low, high = math.log(marks[0]), math.log(marks[-1])

    def x(mb):
        return left + (right - left) * (math.log(mb) - low) / max(high - low, 1e-9)

    for mark in marks:
        picture.line(x(mark), axis.top, x(mark), axis.bottom, GRID)
        picture.text(x(mark), axis.bottom + 20, f"{mark:g}", 11, FAINT, "middle")
    picture.text((left + right) / 2, axis.bottom + 44, "megabytes sent by and to all boards (logarithmic)", anchor="middle")
    labels = []
    for name, points in curves.items():
        ends = [(x(mb), axis.y(p)) for _, mb, p in points if mb > 0]
        if ends:
            draw_curve(picture, name, ends)
        labels.append((name, ends[-1] if ends else (right, axis.y(points[-1][2])), points[-1][1]))
    return labels


# --- approximate products ---

class LossAxes:
    """One panel: a line of numbers from 0 to `most`, against the error in decades from 1 down."""

    def __init__(self, picture, left, right, most, name):
        self.p, self.left, self.right, self.most = picture, left, right, most
        self.top, self.bottom, self.decades = 96, 500, 3.5
        for value in (v for v in ticks(most) if v <= most):
            picture.line(self.x(value), self.top, self.x(value), self.bottom, GRID)
            picture.text(self.x(value), self.bottom + 18, f"{value:g}", 12, FAINT, "middle")
        for power in range(4):
            for part in (1, 2, 5):
                y = self.y(part * 10.0 ** -power)
                if self.top <= y <= self.bottom:
                    picture.line(left, y, right, y, GRID, 1 if part == 1 else 0.5)
                    picture.text(left - 6, y + 4, f"{part * 10.0 ** -power:g}", 11, FAINT, "end")
        picture.text((left + right) / 2, self.bottom + 40, name, anchor="middle")
        picture.text(left - 46, (self.top + self.bottom) / 2, "normalised error", 12, anchor="middle", turned=True)

    def x(self, value):
        return self.left + (self.right - self.left) * value / self.most

    def y(self, loss):
        return self.top - (self.bottom - self.top) * math.log10(max(loss, 1e-12)) / self.decades

    def polyline(self, points, colour, width, dash=None):
        """Down to where it leaves the panel; a line that jumps out of it goes straight down."""
        path = []
        for x, loss in points:
            path.append(f"{self.x(x):.1f},{min(self.y(loss), self.bottom):.1f}")
            if self.y(loss) > self.bottom:
                break
        self.p.add(f'<polyline points="{" ".join(path)}" fill="none" stroke="{colour}" stroke-width="{width}"' +
                   (f' stroke-dasharray="{dash}"' if dash else "") + "/>")

    def dot(self, value, loss, error, colour):
        """What was measured, and two standard errors."""
        if self.y(loss) > self.bottom:
            return
        low = min(self.y(max(loss - 2 * error, 1e-9)), self.bottom)
        self.p.line(self.x(value), self.y(loss + 2 * error), self.x(value), low, colour, 1)
        self.p.add(f'<circle cx="{self.x(value):.1f}" cy="{self.y(loss):.1f}" r="2.6" fill="{colour}"/>')


def uep_name(series):
    factored = series["factored"] and series["scheme"].startswith("uep")
    return series["scheme"] + (", factored" if factored else ", stacked" if series["terms"] > 1 else "")


def dash_of(series):
    return "7 4" if series["factored"] else "2 3"


def draw_losses(axes, series, points):
    """The closed form as a line with what was measured as dots; without one, what was measured as a broken line."""
    colour = COLOURS[series["scheme"]]
    points = [p for p in points if p[0] <= axes.most]
    if points[0][3] is None:
        axes.polyline([p[:2] for p in points], colour, 1.8, dash_of(series))
        return
    axes.polyline([(p[0], p[3]) for p in points], colour, 1.8)
    for x, loss, error, _ in points:
        axes.dot(x, loss, error, colour)


def draw_crossings(axes, report):
    """From when on mds is better, by the closed forms."""
    for series in report["series"]:
        at = series.get("mds_from")
        before = [p for p in series["time"] if at and p[0] <= at < axes.most]
        if not before:
            continue
        (x0, _, _, one), (x1, _, _, two) = before[-1], series["time"][len(before)]
        loss = one * (two / one) ** ((at - x0) / (x1 - x0))
        if axes.y(loss) > axes.bottom:
            continue
        axes.p.add(f'<circle cx="{axes.x(at):.1f}" cy="{axes.y(loss):.1f}" r="7" fill="none" stroke="{INK}"/>')
        axes.p.text(axes.x(at) + 11, axes.y(loss) - 6, f"mds from {at:.2f}", 11)


def draw_loss_legend(picture, report):
    at = 76
    for series in report["series"]:
        name, colour = uep_name(series), COLOURS[series["scheme"]]
        dashed = series["time"][0][3] is None
        picture.line(at, 70, at + 24, 70, colour, 2, dash_of(series) if dashed else None)
        if not dashed:
            picture.add(f'<circle cx="{at + 12:.1f}" cy="70" r="2.6" fill="{colour}"/>')
        picture.text(at + 29, 74, name, 11)
        at += 29 + text_width(name, 11) + 16


def uep(report):
    """Error at a deadline, and after so many packets. @param report  What `hedge-bench-uep --json` writes."""
    picture = Picture(1060, 556)
    windows = ", ".join(f"{w:g}" for w in report["series"][0]["windows"])
    windows = f"the best for a deadline of {report['deadline']:g}" if report["deadline"] else windows
    work = "; t terms take t times as long" if report["work"] else ""
    picture.text(20, 28, f"Approximate {report['split']} products by a deadline: 9 sub-products, {report['boards']} boards",
                 16, bold=True)
    picture.text(20, 48, f"|C' - C|\u00b2 / |C|\u00b2; windows {windows}; latencies exponential, mean 1{work}. Lines: closed form; dots: "
                 f"{report['runs']} runs, \u00b1 2 standard errors; broken: measured", 11, FAINT)
    draw_loss_legend(picture, report)
    panels = (("time", LossAxes(picture, 76, 530, 1.2, "deadline, in mean latencies of a board")),
              ("packets", LossAxes(picture, 606, 1036, 20, "packets received")))
    for key, axes in panels:
        for series in report["series"]:
            draw_losses(axes, series, series[key])
    draw_crossings(panels[0][1], report)
    return picture.write()


# --- trainings with codes ---

CODED_COLOURS = COLOURS | {"local": "#000000", "sazd-naive": "#0072b2", "sazd-deu": "#009e73",
                           "poly-chebyshev": "#cc79a7", "poly-integers": "#d55e00", "uep-uncoded": "#888888",
                           "uep-replication": "#7a52a3", "uep-mds": "#cc79a7"}


def coded_network(report):
    return f"784-{'-'.join(map(str, report['layers']))}-10"


def named_ends(picture, labels, left, top, bottom):
    """Name lines where they end. @param labels  [(text, colour, dash, (x, y))]."""
    for (text, colour, dash, (x, y)), at in zip(labels, spread_out([l[3][1] for l in labels], 16, top, bottom)):
        picture.line(x + 5, y, left + 20, at, colour, 0.6, "1 2")
        picture.line(left + 24, at, left + 44, at, colour, 1.8, dash)
        picture.text(left + 50, at + 4, text, 12, colour)


def dotted_line(picture, points, colour, dash=None):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    picture.add(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"' +
                (f' stroke-dasharray="{dash}"' if dash else "") + "/>")
    for x, y in points:
        picture.add(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="{colour}"/>')


def coded_accuracy(report):
    """Accuracy against the number of blocks; what failed lies below."""
    picture, rows = Picture(760, 470), report["summary"]
    top, bottom, left, right = 92, 400, 70, 540
    percents = [row["mean_accuracy"] for row in rows if row["mean_accuracy"] is not None]
    least, most = math.floor(10 * min(percents)) / 10 - 0.1, math.ceil(10 * max(percents)) / 10
    low, high = min(report["k"]), max(report["k"])
    floor = bottom - 26  # what failed comes below

    def x(k):
        return left + 30 + (right - left - 60) * (k - low) / max(high - low, 1)

    def y(percent):
        return bottom - 8 if percent is None else floor - (floor - top) * (percent - least) / (most - least)

    picture.text(20, 28, "What the codes' errors do to what is learnt", 16, bold=True)
    picture.text(20, 48, f"{coded_network(report)} on MNIST, batches of {report['batch']}, epochs: {report['epochs']}, two parities",
                 12, FAINT)
    picture.text(20, 76, "test images right, %", 12)
    for mark in (least + t for t in ticks(most - least) if t <= most - least + 1e-9):
        picture.line(left, y(mark), right, y(mark), GRID)
        picture.text(left - 8, y(mark) + 4, f"{mark:.5g}", anchor="end", colour=FAINT)
    picture.text(left - 8, y(None) + 4, "failed", 11, FAINT, "end")
    for k in report["k"]:
        picture.text(x(k), bottom + 20, k, anchor="middle", colour=FAINT)
    picture.text((left + right) / 2, bottom + 44, "blocks that a layer is cut into", anchor="middle")
    labels = []
    for name in dict.fromkeys(row["variant"] for row in rows):
        mine = [row for row in rows if row["variant"] == name]
        colour = CODED_COLOURS.get(name, OTHER)
        dash = None if mine[0]["k"] else "2 3"
        points = [(x(k), y(row["mean_accuracy"])) for row in mine for k in ([row["k"]] if row["k"] else (low, high))]
        dotted_line(picture, points, colour, dash)
        labels.append((name, colour, dash, points[-1]))
    named_ends(picture, labels, right, top, bottom)
    return picture.write()


def coded_speed(report):
    """Milliseconds of a step, and what is sent for it."""
    rows = [row for row in report["summary"] if row["median_ms"] is not None]
    picture = Picture(900, 130 + 30 * len(rows))
    left, right, top = 190, 640, 84
    most = ticks(max((row["most_ms"] for row in rows), default=1))[-1]
    picture.text(20, 28, f"A step of training on {report['boards']} boards, {report['profile']}", 16, bold=True)
    picture.text(20, 48, f"{coded_network(report)}, {report['batch']} images a step; median of the epochs of {report['rounds']} "
                 "trainings, thin: least to most; right: sent by and to all boards", 12, FAINT)

    def x(ms):
        return left + (right - left) * ms / most

    bottom = top + 30 * len(rows)
    for mark in ticks(most):
        picture.line(x(mark), top - 6, x(mark), bottom, GRID)
        picture.text(x(mark), bottom + 16, f"{mark:g}", 11, FAINT, "middle")
    picture.text((left + right) / 2, bottom + 36, "milliseconds", anchor="middle")
    for i, row in enumerate(rows):
        y = top + 30 * i
        name = row["variant"] + (f", {row['frozen']} frozen" if row["frozen"] else "")
        picture.text(left - 8, y + 15, name, anchor="end")
        picture.rectangle(left, y + 2, x(row["median_ms"]) - left, 18, CODED_COLOURS.get(row["variant"], OTHER))
        picture.line(x(row["least_ms"]), y + 11, x(row["most_ms"]), y + 11, INK, 1)
        sent = (row["bytes_up_per_step"] + row["bytes_down_per_step"]) / 1e6
        picture.text(right + 16, y + 15, f"{row['median_ms']:.1f} ms, {sent:.2f} MB")
    return picture.write()


def uep_lines(report):
    """Of each method the training that was soonest there, and that which waits for everything.
    @return [(text, colour, dash, points)]."""
    lines, whole = [], None
    for name in dict.fromkeys(row["variant"] for row in report["summary"]):
        rows = [row for row in report["summary"] if row["variant"] == name and row["seconds"] is not None]
        if name == "uep-uncoded":
            whole = next((row for row in rows if row["deadline_ms"] >= 60000), None)
            rows = [row for row in rows if row is not whole]
        if rows:
            row = min(rows, key=lambda row: row["seconds"])
            lines.append((f"{name}, {deadline_of(row)}: {row['seconds']:.0f} s", CODED_COLOURS.get(name, OTHER), None,
                          row["curve"]))
    if whole:
        lines.append((f"waiting for all: {whole['seconds']:.0f} s", INK, "7 4", whole["curve"]))
    return lines


def deadline_of(row):
    return "no deadline" if row["deadline_ms"] >= 60000 else f"{row['deadline_ms']} ms"


def coded_uep(report):
    """Accuracy against time; time to the goal against the deadline."""
    picture, lines = Picture(1240, 520), uep_lines(report)
    top, bottom, panels = 92, 440, ((70, 480), (790, 1080))
    picture.text(20, 28, f"Training with approximate gradients on {report['boards']} boards", 16, bold=True)
    picture.text(20, 48, f"{coded_network(report)} on MNIST; what a board is sent and what it answers are late by "
                 f"Exp({report['delay_ms']:g} ms); left: each method with the deadline that suits it", 12, FAINT)
    axis = ErrorAxis(top, bottom, [p for line in lines for _, p in line[3]] + [report["target"]])
    picture.text(20, 76, "test images right, % (by the logarithm of those wrong)", 12)
    axis.draw(picture, *panels[0])
    left, right = panels[0]
    most = ticks(max((line[3][-1][0] for line in lines), default=1))[-1]
    for mark in ticks(most):
        at = left + (right - left) * mark / most
        picture.line(at, bottom, at, bottom + 5, FAINT)
        picture.text(at, bottom + 20, f"{mark:g}", anchor="middle", colour=FAINT)
    picture.text((left + right) / 2, bottom + 44, "seconds of training", anchor="middle")
    labels = []
    for text, colour, dash, curve in lines:
        points = [(left + (right - left) * s / most, axis.y(p)) for s, p in curve]
        dotted_line(picture, points, colour, dash)
        labels.append((text, colour, dash, points[-1]))
    named_ends(picture, labels, right, top, bottom)
    draw_deadlines(picture, report, top, bottom, *panels[1])
    return picture.write()


def draw_deadlines(picture, report, top, bottom, left, right):
    rows = [row for row in report["summary"] if row["seconds"] is not None]
    deadlines = sorted({row["deadline_ms"] for row in report["summary"]})
    most = ticks(max((row["seconds"] for row in rows), default=1))[-1]

    def x(deadline):
        return left + 20 + (right - left - 40) * deadlines.index(deadline) / max(len(deadlines) - 1, 1)

    def y(seconds):
        return bottom - (bottom - top) * seconds / most

    picture.text(left - 50, 76, f"seconds to {report['target']:g} %", 12)
    for mark in ticks(most):
        picture.line(left, y(mark), right, y(mark), GRID)
        picture.text(left - 8, y(mark) + 4, f"{mark:g}", anchor="end", colour=FAINT)
    for deadline in deadlines:
        name = "none" if deadline >= 60000 else f"{deadline} ms"
        picture.text(x(deadline), bottom + 20, name, anchor="middle", colour=FAINT)
    picture.text((left + right) / 2, bottom + 44, "deadline of a product", anchor="middle")
    labels = []
    for name in dict.fromkeys(row["variant"] for row in rows):
        points = [(x(row["deadline_ms"]), y(row["seconds"])) for row in rows if row["variant"] == name]
        dotted_line(picture, points, CODED_COLOURS.get(name, OTHER))
        labels.append((name, CODED_COLOURS.get(name, OTHER), None, points[-1]))
    named_ends(picture, labels, right, top, bottom)


def coded_training(report):
    """@param report  What bench/coded_training.py writes."""
    return {"accuracy": coded_accuracy, "speed": coded_speed, "uep": coded_uep}[report["part"]](report)


def main(words):
    pictures = {"latency": latency, "training": training, "uep": uep, "coded-training": coded_training,
                "gantt": lambda answer: gantt(answer, f"{answer['model']}: {answer['input']}")}
    if len(words) != 3 or words[0] not in pictures:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    what, source, target = words
    Path(target).write_text(pictures[what](json.loads(Path(source).read_text())))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
