#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Draw digit pictures: round pen strokes, white on black, 28 x 28 grey PNG, as MNIST's are.

    draw_digits.py FOLDER [--variations N] [--seed S]

Writes FOLDER/digit-D-V.png for D = 0..9 and V = 1..N, with slant, size, width and pen varied. The same seed draws the
same pictures. With --raw they go to standard output instead, a byte with the digit and 784 of pixels each.
"""
import argparse
import math
import pathlib
import random
import struct
import sys
import zlib

SIDE = 28
MIDDLE = (SIDE - 1) / 2

# Ways to write each digit. A way is a list of strokes, a stroke a list of points, x to the right and y down, the digit's
# height being 1; a CURVE is drawn smoothly through its points.
CURVE, LINE = "curve", "line"


def ellipse(x, y, rx, ry, begin=0.0, end=1.0, steps=16):
    """Points along an ellipse; begin and end in turns, 0 at the right, growing clockwise on the page."""
    turns = [begin + (end - begin) * i / steps for i in range(steps + 1)]
    return [(x + rx * math.cos(2 * math.pi * t), y + ry * math.sin(2 * math.pi * t)) for t in turns]


GLYPHS = {
    0: [[(CURVE, ellipse(0.32, 0.5, 0.32, 0.5))],
        [(CURVE, ellipse(0.26, 0.5, 0.26, 0.5, -0.2, 0.83))]],
    1: [[(LINE, [(0.3, 0.0), (0.3, 1.0)])],
        [(LINE, [(0.18, 0.17), (0.34, 0.0), (0.34, 1.0)])]],
    2: [[(CURVE, [(0.03, 0.22), (0.14, 0.05), (0.34, 0.0), (0.55, 0.08), (0.6, 0.27), (0.5, 0.47), (0.3, 0.7), (0.0, 1.0)]),
         (LINE, [(0.0, 1.0), (0.66, 1.0)])],
        [(CURVE, [(0.05, 0.25), (0.2, 0.03), (0.42, 0.02), (0.57, 0.2), (0.5, 0.48), (0.3, 0.75), (0.12, 0.97), (0.04, 0.9),
                  (0.14, 0.83), (0.36, 0.94), (0.66, 0.97)])]],
    3: [[(CURVE, [(0.04, 0.13), (0.2, 0.01), (0.4, 0.02), (0.53, 0.14), (0.52, 0.32), (0.38, 0.44), (0.22, 0.47)]),
         (CURVE, [(0.22, 0.47), (0.42, 0.5), (0.57, 0.63), (0.57, 0.82), (0.42, 0.97), (0.2, 1.0), (0.0, 0.87)])],
        [(LINE, [(0.03, 0.0), (0.55, 0.0), (0.25, 0.4)]),
         (CURVE, [(0.25, 0.4), (0.48, 0.46), (0.58, 0.66), (0.52, 0.87), (0.3, 1.0), (0.0, 0.9)])]],
    4: [[(LINE, [(0.12, 0.0), (0.0, 0.52), (0.6, 0.5)]), (LINE, [(0.5, 0.04), (0.46, 1.0)])],
        [(LINE, [(0.47, 1.0), (0.47, 0.0), (0.0, 0.65), (0.68, 0.65)])]],
    5: [[(LINE, [(0.6, 0.0), (0.12, 0.0), (0.08, 0.42)]),
         (CURVE, [(0.08, 0.42), (0.28, 0.36), (0.5, 0.45), (0.59, 0.66), (0.5, 0.89), (0.27, 1.0), (0.0, 0.9)])],
        [(LINE, [(0.15, 0.04), (0.1, 0.45)]), (LINE, [(0.15, 0.04), (0.6, 0.0)]),
         (CURVE, [(0.1, 0.45), (0.35, 0.42), (0.53, 0.58), (0.53, 0.8), (0.37, 0.97), (0.12, 0.98), (0.0, 0.88)])]],
    6: [[(CURVE, [(0.46, 0.0), (0.22, 0.2), (0.06, 0.47), (0.03, 0.75), (0.16, 0.96), (0.37, 0.99), (0.54, 0.84), (0.52, 0.63),
                  (0.34, 0.53), (0.14, 0.6), (0.04, 0.76)])],
        [(CURVE, [(0.55, 0.06), (0.35, 0.03), (0.14, 0.24), (0.02, 0.55), (0.07, 0.86), (0.28, 1.0), (0.5, 0.92), (0.57, 0.74),
                  (0.46, 0.56), (0.25, 0.55), (0.06, 0.7)])]],
    7: [[(LINE, [(0.0, 0.03), (0.58, 0.0), (0.2, 1.0)])],
        [(LINE, [(0.0, 0.06), (0.0, 0.0), (0.62, 0.0), (0.26, 1.0)]), (LINE, [(0.16, 0.5), (0.6, 0.48)])]],
    8: [[(CURVE, ellipse(0.3, 0.24, 0.24, 0.24, 0.25, 1.25)), (CURVE, ellipse(0.3, 0.74, 0.3, 0.26, -0.25, 0.75))],
        [(CURVE, [(0.52, 0.1), (0.33, 0.0), (0.1, 0.1), (0.12, 0.32), (0.34, 0.48), (0.54, 0.67), (0.52, 0.9), (0.28, 1.0),
                  (0.05, 0.89), (0.06, 0.68), (0.3, 0.48), (0.5, 0.3), (0.54, 0.12)])]],
    9: [[(CURVE, ellipse(0.27, 0.27, 0.27, 0.26, 0.0, 1.0)), (LINE, [(0.54, 0.22), (0.52, 0.6), (0.46, 1.0)])],
        [(CURVE, [(0.52, 0.14), (0.34, 0.0), (0.1, 0.07), (0.02, 0.3), (0.14, 0.5), (0.34, 0.48), (0.5, 0.3), (0.54, 0.1),
                  (0.55, 0.4), (0.5, 0.76), (0.34, 0.98), (0.12, 0.97)])]],
}


def smooth(points, steps=6):
    """A Catmull-Rom spline through the points."""
    padded = [points[0], *points, points[-1]]
    out = [points[0]]
    for before, a, b, after in zip(padded, padded[1:], padded[2:], padded[3:]):
        for i in range(1, steps + 1):
            t = i / steps
            out.append(tuple(0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t * t
                                    + (3 * p1 - p0 - 3 * p2 + p3) * t ** 3)
                             for p0, p1, p2, p3 in zip(before, a, b, after)))
    return out


def segments(strokes):
    lines = [smooth(points) if kind == CURVE else points for kind, points in strokes]
    return [pair for line in lines for pair in zip(line, line[1:])]


def place(pairs, slant, height, width):
    """Slant and scale to pixels, the centre of the ink in the picture's middle."""
    def move(point):
        return (height * (width * point[0] + slant * (0.5 - point[1])), height * point[1])

    pairs = [(move(a), move(b)) for a, b in pairs]
    lengths = [math.dist(a, b) for a, b in pairs]
    centre = [sum(n * (a[i] + b[i]) / 2 for n, (a, b) in zip(lengths, pairs)) / sum(lengths) for i in (0, 1)]
    return [tuple((x - centre[0] + MIDDLE, y - centre[1] + MIDDLE) for x, y in pair) for pair in pairs]


def distance(x, y, pair):
    """From a point to a segment."""
    (ax, ay), (bx, by) = pair
    dx, dy = bx - ax, by - ay
    square = dx * dx + dy * dy
    t = min(1.0, max(0.0, ((x - ax) * dx + (y - ay) * dy) / square)) if square else 0.0
    return math.hypot(x - ax - t * dx, y - ay - t * dy)


def ink(pairs, radius):
    """SIDE x SIDE bytes: full within the pen's radius, fading to nothing over one pixel."""
    def value(x, y):
        nearest = min(distance(x, y, pair) for pair in pairs)
        return round(255 * min(1.0, max(0.0, radius + 0.5 - nearest)))

    return [bytes(value(x, y) for x in range(SIDE)) for y in range(SIDE)]


def draw(digit, variation, rng):
    """One picture. Variations take turns through the ways to write a digit."""
    ways = GLYPHS[digit]
    pairs = segments(ways[variation % len(ways)])
    pairs = place(pairs, slant=rng.uniform(-0.05, 0.3), height=rng.uniform(16.5, 19.5), width=rng.uniform(0.9, 1.15))
    return ink(pairs, radius=rng.uniform(1.0, 1.7))


def png(rows):
    """An 8-bit grey PNG."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def pictures(variations, seed):
    """Yield (digit, variation, rows); variations count from 1 and come one round of all digits after the other."""
    rng = random.Random(seed)
    for variation in range(variations):
        for digit in range(10):
            yield digit, variation + 1, draw(digit, variation, rng)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, nargs="?", default=".")
    parser.add_argument("--variations", type=int, default=4, help="pictures per digit (default 4)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--raw", action="store_true", help="write bytes to standard output, no files")
    args = parser.parse_args()
    if args.raw:
        for digit, _, rows in pictures(args.variations, args.seed):
            sys.stdout.buffer.write(bytes([digit]) + b"".join(rows))
        return
    args.folder.mkdir(parents=True, exist_ok=True)
    for digit, variation, rows in pictures(args.variations, args.seed):
        (args.folder / f"digit-{digit}-{variation}.png").write_bytes(png(rows))


if __name__ == "__main__":
    main()
