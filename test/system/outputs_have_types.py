# SPDX-License-Identifier: Apache-2.0
"""Integers and booleans go in, through coded layers and out as the model says; what no integer can be is refused with a sentence."""
import ast
import json
import struct

from cluster import Cluster, check, write_npy
from small_models import Model

UINT8, INT64, BOOL = 2, 7, 9
CODES = {"<f4": "f", "<i8": "q", "|b1": "?", "|u1": "B"}


def read_npy(path):
    """Type, shape and values of a .npy file."""
    data = path.read_bytes()
    start = 10 + struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10:start].decode())
    code = CODES[header["descr"]]
    return header["descr"], header["shape"], list(struct.unpack(f"<{(len(data) - start) // struct.calcsize(code)}{code}",
                                                                data[start:]))


def labels(path):
    """A picture of bytes -> the class of every pixel, and which are of class 1."""
    m = Model((1, 3, 24, 32), element=UINT8)
    x = m.node("Cast", "x", to=1)
    x = m.node("Mul", x, m.constant((1,), [1 / 255]))
    x = m.node("Relu", m.node("Conv", x, m.weights(16, 3, 3, 3), m.weights(16), pads=[1] * 4))
    x = m.node("Conv", x, m.weights(4, 16, 3, 3), pads=[1] * 4)
    best = m.node("ArgMax", x, axis=1, keepdims=0)
    return m.write(path, best, m.node("Equal", best, m.integers((1,), [1])), m.node("Identity", "x"))


def boxes(path):
    """Scores of four boxes -> which remain, and where they are."""
    m = Model((1, 1, 4))
    place = m.constant((1, 4, 4), [0, 0, 2, 2, 0, 0.5, 2, 2.5, 5, 5, 6, 6, 8, 8, 9, 9])
    kept = m.node("NonMaxSuppression", place, "x", m.integers((), [3]), m.constant((), [0.5]), m.constant((), [0.4]))
    number = m.node("Gather", kept, m.integers((), [2]), axis=1)
    place = m.constant((4, 4), [0, 0, 2, 2, 0, 0.5, 2, 2.5, 5, 5, 6, 6, 8, 8, 9, 9])
    return m.write(path, kept, m.node("Gather", place, number, axis=0))


with Cluster(boards=4, work="layers", options=["--set", "plan.macs_per_entry=0", "--set", "plan.min_macs=0"]) as c:
    c.load(labels(c.dir / "labels.onnx"), "labels")
    pixels = [(i * 7919 + i // 32 * 31) % 256 for i in range(3 * 24 * 32)]
    picture = write_npy(c.dir / "x.npy", (1, 3, 24, 32), pixels)
    c.hedge("local", "labels", picture, "--out", c.dir / "local.npy")
    answer = c.infer("labels", picture, "--out", c.dir / "coded.npy")[0]
    check(len(answer["layers"]) > 0, "nothing was coded")
    for ending, descr, shape in ("", "<i8", (1, 24, 32)), ("-2", "|b1", (1, 24, 32)), ("-3", "|u1", (1, 3, 24, 32)):
        local, coded = read_npy(c.dir / f"local{ending}.npy"), read_npy(c.dir / f"coded{ending}.npy")
        check(local[:2] == (descr, shape), local[:2])
        check(coded[:2] == (descr, shape), coded[:2])
        # A pixel between two classes may fall to either when its layer was decoded.
        differ = sum(a != b for a, b in zip(local[2], coded[2]))
        check(differ <= len(local[2]) // 100, differ, "of", len(local[2]), "differ")
    classes, ones, same = (read_npy(c.dir / f"coded{e}.npy")[2] for e in ("", "-2", "-3"))
    check(set(classes) <= {0, 1, 2, 3} and len(set(classes)) > 1, set(classes))
    check([k == 1 for k in classes] == ones, "Equal does not say where class 1 is")
    check(same == pixels, "the picture came back changed")

    # A picture of another size is scaled, and then rounded: what the model gets is bytes again.
    photo = c.dir / "photo.ppm"
    photo.write_bytes(b"P6 45 37 255\n" + bytes((x * 5 + y * 3 + k * 40) % 256 for y in range(37) for x in range(45)
                                               for k in range(3)))
    for command in "infer", "local":
        c.hedge(command, "labels", photo, "--preprocess", "none", "--out", c.dir / "photo.npy")
        descr, shape, got = read_npy(c.dir / "photo-3.npy")
        check((descr, shape) == ("|u1", (1, 3, 24, 32)) and len(set(got)) > 100, command, descr, shape, len(set(got)))
        said = c.hedge(command, "labels", photo, "--preprocess", "tf", status=1).stderr
        check("integer tensor" in said, "-1 is no byte:", command, said)

    models = json.loads(c.hedge("models", "labels", "--json").stdout)
    check([t["type"] for t in models["inputs"] + models["outputs"]] == ["uint8", "int64", "bool", "uint8"], models)
    check("uint8" in c.hedge("models", "labels").stdout, "hedge models says no types")

    for value in 256, -1, 0.5:
        wrong = write_npy(c.dir / "wrong.npy", (1, 3, 24, 32), pixels[:-1] + [value])
        for command in "infer", "local":
            said = c.hedge(command, "labels", wrong, status=1).stderr
            check("integer tensor" in said, command, value, said)

    c.load(boxes(c.dir / "boxes.onnx"), "boxes")
    for scores, rows in ([0.5, 0.9, 0.1, 0.6], [1, 3]), ([0.5, 0.4, 0.9, 0.6], [2, 3, 0]), ([0, 0, 0, 0], []):
        values = write_npy(c.dir / "scores.npy", (1, 1, 4), scores)
        for command in "infer", "local":
            c.hedge(command, "boxes", values, "--out", c.dir / "boxes.npy")
            descr, shape, kept = read_npy(c.dir / "boxes.npy")
            check((descr, shape) == ("<i8", (len(rows), 3)), command, descr, shape)
            check(kept == [n for row in rows for n in (0, 0, row)], command, kept)
            descr, shape, where = read_npy(c.dir / "boxes-2.npy")
            check((descr, shape) == ("<f4", (len(rows), 4)), command, descr, shape)
            check(where[:2] == [[0, 0], [0, 0.5], [5, 5], [8, 8]][rows[0]] if rows else not where, command, where)
