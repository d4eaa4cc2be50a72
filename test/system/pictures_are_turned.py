# SPDX-License-Identifier: Apache-2.0
"""A picture is turned as its camera noted, by `local` and by a cluster, unless model.yaml says to take it as it is stored."""
import os
import tempfile
from pathlib import Path

from cluster import SOURCE, Cluster, check, hedge, read_floats
from identity_model import png, write_identity

SIDE = 8


def turned(rows, orientation):
    """Rows of pixels as they are seen: where the first stored row and column go, by the letter of EXIF."""
    first_row, first_column = {1: ("top", "left"), 2: ("top", "right"), 3: ("bottom", "right"), 4: ("bottom", "left"),
                               5: ("left", "top"), 6: ("right", "top"), 7: ("right", "bottom"),
                               8: ("left", "bottom")}[orientation]
    if first_row in ("left", "right"):
        rows = [list(column) for column in zip(*rows)]  # what were rows are columns
        first_row, first_column = first_column, first_row
    if first_row == "bottom":
        rows = rows[::-1]
    return [row[::-1] for row in rows] if first_column == "right" else rows


def planes(rows):
    return [float(pixel[c]) for c in range(3) for row in rows for pixel in row]


with tempfile.TemporaryDirectory(prefix="hedge-") as folder:
    folder = Path(folder)
    model = write_identity(folder / "model.onnx", (1, 3, SIDE, SIDE))
    stored = [[(10 * x + y, 100 + 10 * y + x, 200 - 7 * x - y) for x in range(SIDE)] for y in range(SIDE)]
    flat = [bytes(sample for pixel in row for sample in pixel) for row in stored]
    raw = folder / "raw"

    def seen(picture, *words, run=hedge):
        run(*words, picture, "--raw", raw)
        return list(read_floats(raw))

    paths = {}
    for orientation in range(1, 9):
        paths[orientation] = folder / f"{orientation}.png"
        paths[orientation].write_bytes(png(SIDE, SIDE, flat, orientation))
        check(seen(paths[orientation], "local", model, "--preprocess", "none") == planes(turned(stored, orientation)),
              "orientation", orientation)

    # As it is stored, for a model that says so; what it says is shown.
    (folder / "model.yaml").write_text("orientation: ignore\n")
    for orientation in (1, 6):
        check(seen(paths[orientation], "local", model) == planes(stored), "as stored", orientation)
    with Cluster(boards=1) as c:
        c.load(model, "stored")
        (folder / "model.yaml").write_text("orientation: exif\n")
        c.load(model, "upright")
        check(seen(paths[6], "infer", "stored", run=c.hedge) == planes(stored), "as stored, in a cluster")
        check(seen(paths[6], "infer", "upright", run=c.hedge) == planes(turned(stored, 6)), "upright, in a cluster")
        check('"orientation":"ignore"' in c.hedge("models", "stored", "--json").stdout, "orientation is not shown")
        check(", as stored" in c.hedge("models", "stored").stdout, "orientation is not shown")

    # JPEGs of a set of cases, one stored picture under eight tags: all as the first, turned. They are larger than the input and are
    # resized when they are upright, each direction rounded to whole numbers: a quarter turn swaps which is the first.
    cases = Path(os.environ.get("HEDGE_TEST_CASES", SOURCE / "../shared/cases")) / "pictures"
    if (cases / "exif1.jpg").exists():
        first = seen(cases / "exif1.jpg", "local", model, "--preprocess", "none")
        pixels = [[tuple(first[(c * SIDE + y) * SIDE + x] for c in range(3)) for x in range(SIDE)] for y in range(SIDE)]
        for orientation in range(1, 9):
            got = seen(cases / f"exif{orientation}.jpg", "local", model, "--preprocess", "none")
            worst = max(abs(a - b) for a, b in zip(got, planes(turned(pixels, orientation))))
            check(worst <= (1 if orientation > 4 else 0), "JPEG, orientation", orientation, "off by", worst)
        # The same picture in inks.
        worst = max(abs(a - b) for a, b in zip(seen(cases / "cmyk.jpg", "local", model, "--preprocess", "none"), first))
        check(worst <= 10, "CMYK, off by", worst)
    else:
        print("skipped: the JPEGs of the cases: no test cases at HEDGE_TEST_CASES")
