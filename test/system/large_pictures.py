# SPDX-License-Identifier: Apache-2.0
"""A picture of 200 megapixels gets its answer within the memory that hedge(1) states, and one whose header lies is refused at
once."""
import os
import struct
import subprocess
import tempfile
from pathlib import Path

from cluster import HEDGE, check, read_floats
from identity_model import chunk, png, write_identity

BOUND = 768 << 20  # HEDGEC_PICTURE_MEMORY: beside the file
# The program itself, the model and what a sanitizer keeps of freed memory, where there is one.
PROGRAM = (512 << 20) if os.environ.get("HEDGE_TEST_SANITIZED") else (64 << 20)
SIDE = 14400  # 207 megapixels


def elsewhere(write):
    """Call it in a process of its own: what a program had at most counts what its parent had when it was started."""
    process = os.fork()
    if process == 0:
        write()
        os._exit(0)
    check(os.waitpid(process, 0)[1] == 0, "writing failed")


def run(path, *words, status=0):
    """@return what was said, and the most memory that it had at once, in bytes."""
    # Test runners have malloc fill what it gives; memory that is never used would count.
    environment = {k: v for k, v in os.environ.items() if k != "MALLOC_PERTURB_"}
    with open("/dev/null") as nothing:
        process = subprocess.Popen([HEDGE, "local", *map(str, words), str(path), "--preprocess", "none"], stdin=nothing,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)
        said = process.stderr.read()
        _, code, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(code)
    check("Sanitizer" not in said and "runtime error:" not in said, said)
    check(process.returncode == status, path, "ended with", process.returncode, said)
    return said, usage.ru_maxrss * 1024


def filtered(squares, x, y, c):
    """A square as a triangle twice as wide sees it: 1/8 of each neighbour and 3/4 of itself, and at an edge what there is."""
    def one(values, i):
        parts = [(values[i], 6)] + [(values[j], 1) for j in (i - 1, i + 1) if 0 <= j < len(values)]
        return sum(v * w for v, w in parts) / sum(w for _, w in parts)

    return one([one([pixel[c] for pixel in row], x) for row in squares], y)


with tempfile.TemporaryDirectory(prefix="hedge-") as folder:
    folder = Path(folder)
    model, raw = write_identity(folder / "model.onnx", (1, 3, 4, 4)), folder / "raw"

    # Sixteen squares of one colour each, which become a pixel each.
    colours = [[(16 * (4 * y + x), 255 - 16 * (4 * y + x), 40 * x) for x in range(4)] for y in range(4)]
    bands = [b"".join(bytes(colour) * (SIDE // 4) for colour in row) for row in colours]
    big = folder / "big.png"
    elsewhere(lambda: big.write_bytes(png(SIDE, SIDE, (bands[y * 4 // SIDE] for y in range(SIDE)), orientation=3, level=1)))
    said, peak = run(big, model, "--raw", raw)
    check(peak <= big.stat().st_size + BOUND + PROGRAM, "took", peak >> 20, "MiB")
    print("PNG:", peak >> 20, "MiB")
    # Exact but for rounding to whole numbers three times: when it is reduced, and in each direction.
    got = read_floats(raw)
    upside_down = [row[::-1] for row in colours[::-1]]
    for c in range(3):
        for y in range(4):
            for x in range(4):
                check(abs(got[(c * 4 + y) * 4 + x] - filtered(upside_down, x, y, c)) <= 2, "colour", c, "at", x, y)

    # What takes 200 MB in the file.
    grey = folder / "big.pgm"
    with open(grey, "wb") as out:
        out.write(b"P5 %d %d 255\n" % (SIDE, SIDE))
        for y in range(SIDE):
            out.write(bytes([y * 255 // SIDE]) * SIDE)
    said, peak = run(grey, model)
    check(peak <= grey.stat().st_size + BOUND + PROGRAM, "took", peak >> 20, "MiB")
    print("PGM:", peak >> 20, "MiB")

    # Headers that lie, and pictures that are more than a picture can be.
    def header(width, height, interlace=0):
        return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlace)) +
                chunk(b"IDAT", b"") + chunk(b"IEND", b""))

    for name, data, words in (("lie.png", header(30000, 30000), "is a damaged PNG"),
                              ("all.png", header(65535, 65535), "at most 1024 megapixels"),
                              ("interlaced.png", header(20000, 20000, 1), "is an interlaced PNG"),
                              ("lie.pgm", b"P5 30000 30000 255\n12", "it ends early"),
                              ("more.pgm", b"P5 65536 1 255\n12", "and 65535 on a side")):
        (folder / name).write_bytes(data)
        said, peak = run(folder / name, model, status=1)
        check(words in said and name in said, said)
        check(peak <= (64 << 20) + PROGRAM, name, "took", peak >> 20, "MiB")
