# SPDX-License-Identifier: Apache-2.0
"""`hedge multiply` computes products on the boards, exactly or as much as has come by the deadline, and refuses what makes no
sense before anything starts."""
import array
import json
import os
import random
import signal
import struct
import time

from cluster import Cluster, check, hedge, wait_for
from training import Following, write_job

ROWS, INNER, COLUMNS = 24, 30, 36
SCHEMES = ["uep-now", "uep-ew", "mds", "replication", "uncoded"]


def write_npy(path, shape, values, kind="f"):
    """A version 1 file of float32 (f), float64 (d) or int32 (i)."""
    text = "{'descr': '<%s', 'fortran_order': False, 'shape': (%s,), }" % (
        {"f": "f4", "d": "f8", "i": "i4"}[kind], ", ".join(map(str, shape)))
    head = text.encode().ljust(117) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\0" + struct.pack("<H", len(head)) + head + array.array(kind, values).tobytes())
    return path


def read_npy(path):
    data = path.read_bytes()
    size = struct.unpack("<H", data[8:10])[0]
    check(b"'<f4'" in data[:10 + size] and b"(%d, %d,)" % (ROWS, COLUMNS) in data[:10 + size], data[:10 + size])
    return array.array("f", data[10 + size:])


def write_factors(folder):
    """Row blocks of A and column blocks of B of different sizes. @return the paths, and the product."""
    rng = random.Random(4)
    a = [rng.gauss(0, 1) * 3 ** (3 * i // ROWS) for i in range(ROWS) for _ in range(INNER)]
    b = [rng.gauss(0, 1) * 3 ** (3 * j // COLUMNS) for _ in range(INNER) for j in range(COLUMNS)]
    exact = [sum(a[i * INNER + k] * b[k * COLUMNS + j] for k in range(INNER)) for i in range(ROWS)
             for j in range(COLUMNS)]
    return write_npy(folder / "A.npy", (ROWS, INNER), a), write_npy(folder / "B.npy", (INNER, COLUMNS), b), exact


def error_of(c, exact):
    return sum((x - y) ** 2 for x, y in zip(c, exact)) / sum(y * y for y in exact)


def refused(c, words, sentence, status=1):
    error = c.hedge("multiply", *words, status=status).stderr
    check(sentence in error and error.startswith("hedge: "), words, error)


with Cluster(boards=5, options=["--set", "cluster.heartbeat_ms=200"]) as c:
    wait_for("the boards", lambda: sum(b["state"] == "alive" for b in c.status()["boards"]) == 5)
    a, b, exact = write_factors(c.dir)
    out = c.dir / "C.npy"

    for scheme in SCHEMES:
        for split in (["--blocks", "3x3"], ["--split", "column-row", "--blocks", "5"]):
            packets = [] if scheme in ("replication", "uncoded") else ["--packets", 100]
            text = c.hedge("multiply", a, b, "--scheme", scheme, "--deadline", 60000, "--out", out, "--check", "--json",
                           *split, *packets).stdout
            said = json.loads(text)
            check(said["determined"] == said["products"] == (9 if len(split) == 2 else 5), said)
            # Whatever comes first is decoded: float32's rounding may have grown as far as HEDGE_UEP_MAX_GAIN lets it.
            most = 1e-9 if scheme in ("replication", "uncoded") else 1e-4
            check(said["scheme"] == scheme and said["expected_error"] == 0 and said["error"] < most, said)
            check(abs(error_of(read_npy(out), exact) - said["error"]) < 1e-9 + 0.01 * said["error"], said)
            check(said["ms"] < 60000 and said["received"] <= len(said["packets"]), said)

    # A board that is frozen: uncoded lacks what it has, and says how much that is; repetition gets it elsewhere.
    os.kill(c.pid("board-3"), signal.SIGSTOP)
    try:
        began = time.monotonic()
        said = json.loads(c.hedge("multiply", a, b, "--scheme", "uncoded", "--deadline", 150, "--out", out, "--check",
                                  "--json", "--packets", 9).stdout)
        check(0.15 <= time.monotonic() - began, said)
        lost = sum(p["received_ms"] is None for p in said["packets"])
        check(1 <= lost <= 9 and said["determined"] == 9 - lost, said)
        check(0 < said["expected_error"] <= 1 and abs(said["error"] - said["expected_error"]) < 0.2, said)
        check(abs(error_of(read_npy(out), exact) - said["error"]) < 1e-6, said)
        said = json.loads(c.hedge("multiply", a, b, "--scheme", "replication", "--deadline", 60000, "--packets", 18,
                                  "--check", "--json").stdout)
        check(said["determined"] == 9 and said["error"] < 1e-9, said)
    finally:
        os.kill(c.pid("board-3"), signal.SIGCONT)

    # One that dies in the middle, which is noticed: what it had is given to the others.
    c.kill("board-5")
    said = json.loads(c.hedge("multiply", a, b, "--scheme", "uncoded", "--deadline", 60000, "--check", "--json").stdout)
    check(said["determined"] == 9 and said["error"] < 1e-9, said)
    text = c.hedge("multiply", a, b, "--deadline", 60000, "--check", "--verbose", "--scheme", "uncoded").stdout
    check("9 of 9 packets came in time" in text and "true error" in text and "WINDOW" in text, text)

    # What makes no sense.
    vector = write_npy(c.dir / "vector.npy", (INNER,), [1.0] * INNER)
    doubles = write_npy(c.dir / "doubles.npy", (INNER, COLUMNS), [1.0] * INNER * COLUMNS, "d")
    nan = write_npy(c.dir / "nan.npy", (INNER, COLUMNS), [1.0] * 40 + [float("nan")] + [1.0] * (INNER * COLUMNS - 41))
    refused(c, [a, b], "a --deadline is needed", 2)
    refused(c, [a, b, "--deadline", 0], "--deadline: 0", 2)
    refused(c, [a, b, "--deadline", 100, "--blocks", "three"], "--blocks 'three'", 2)
    refused(c, [a, b, "--deadline", 100, "--windows", "0.5,x"], "--windows '0.5,x'", 2)
    refused(c, [a, b, "--deadline", 100, "--windows", "0.5,0.5"], "2 window probabilities for 3 classes")
    refused(c, [a, b, "--deadline", 100, "--blocks", "7x3"], "24 do not partition into 7 blocks")
    refused(c, [a, b, "--deadline", 100, "--split", "column-row", "--blocks", "3x2"], "")
    refused(c, [b, a, "--deadline", 100], "36 columns")
    refused(c, [a, vector, "--deadline", 100], "no matrix")
    refused(c, [a, doubles, "--deadline", 100], "another type than float32")
    refused(c, [a, nan, "--deadline", 100], "NaN or an infinite value, in row 2")
    refused(c, [a, b, "--deadline", 100, "--scheme", "mds"], "boards with one each are too few")
    refused(c, [a, b, "--deadline", 100, "--scheme", "uncoded", "--packets", 8], "at least 9 packets, not 8")
    refused(c, [a, c.dir / "nothing.npy", "--deadline", 100], "nothing.npy")
    refused(c, [a, b, "--deadline", 60000, "--scheme", "uncoded", "--out", "/nowhere/C.npy"], "/nowhere/C.npy")

    # Not beside a training.
    job = write_job(c.dir / "job", epochs=100000)
    with Following(c, "train", job) as train:
        train.until("an epoch", lambda: train.epochs)
        refused(c, [a, b, "--deadline", 100], "is training on the boards")
    c.hedge("jobs", "stop", 1)
    c.hedge("multiply", a, b, "--deadline", 60000, "--scheme", "uncoded")

    for board in c.board_names()[:4]:
        c.kill(board)
    wait_for("the boards to be missed", lambda: all(b["state"] != "alive" for b in c.status()["boards"]))
    refused(c, [a, b, "--deadline", 60000], "no board is there")
