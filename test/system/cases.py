# SPDX-License-Identifier: Apache-2.0
"""Small files that once were refused, or answered wrongly and said nothing: each gives the right numbers or a clear no."""
import json
import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

from cluster import HEDGE, SOURCE, Cluster, check, hedge, read_floats, skip, write_npy
from small_models import fields


def constants(path):
    """The float constants of a model by name."""
    found = {}
    for number, graph in fields(path.read_bytes()):
        for part, tensor in fields(graph) if number == 7 else ():
            if part != 5:
                continue
            name, raw, floats = "", b"", b""
            for key, value in fields(tensor):
                if key == 8:
                    name = value.decode()
                elif key == 9:
                    raw = value
                elif key == 4:
                    floats += value
            found[name] = struct.unpack(f"<{len(raw or floats) // 4}f", raw or floats) if len(raw or floats) % 4 == 0 else ()
    return found


def convolved(x, w, b, channels, size):
    """3 x 3, padded by 1, over 3 x size x size; in float64."""
    out = []
    for o in range(channels):
        for y in range(size):
            for col in range(size):
                total = b[o]
                for c in range(3):
                    for i in range(max(0, 1 - y), min(3, size + 1 - y)):
                        for j in range(max(0, 1 - col), min(3, size + 1 - col)):
                            total += (w[((o * 3 + c) * 3 + i) * 3 + j] *
                                      x[(c * size + y + i - 1) * size + col + j - 1])
                out.append(total)
    return out


def relu(values):
    return [max(v, 0.0) for v in values]


def pixels(count, step):
    """Whole numbers 0 to 255."""
    return [(i * step + i // 7) % 256 for i in range(count)]


def compare(name, got, want, error=2e-6):
    """Sums of 27 products in float32: an error of 27 x 2^-24 = 1.6e-6 of the largest possible at most."""
    check(len(got) == len(want), name, "has", len(got), "numbers and not", len(want))
    largest = max(1.0, max(abs(v) for v in want))
    worst = max(abs(g - v) for g, v in zip(got, want))
    check(worst <= error * largest, name, "is wrong by", worst, "of", largest)


cases = Path(os.environ.get("HEDGE_TEST_CASES", SOURCE / "../shared/cases")).resolve()
if not (cases / "onnx").is_dir():
    skip("no test cases at HEDGE_TEST_CASES")
onnx = cases / "onnx"

with tempfile.TemporaryDirectory(prefix="hedge-") as folder:
    folder = Path(folder)

    def local(model, *words, status=0):
        return hedge("local", model, *words, "--raw", folder / "raw", status=status)

    def answer(model, *words):
        local(model, *words)
        return list(read_floats(folder / "raw"))

    def refused(words, *command):
        result = hedge(*command, status=1)
        check(words in result.stderr, "said:", result.stderr, "but wanted:", words)
        check("Traceback" not in result.stderr and result.stderr.startswith("hedge: "), result.stderr)

    x = pixels(3 * 16 * 16, 37)
    tensor = write_npy(folder / "x.npy", (1, 3, 16, 16), x)

    # What a file says otherwise than others do, and means the same.
    data = constants(onnx / "opset18.onnx")
    want = relu(convolved(x, data["W"], data["B"], 4, 16))
    for name in ("opset18", "opset19", "opset21", "deadnode", "external", "qdq", "argmax", "dynbatch", "dynhw"):
        data = constants(onnx / f"{name}.onnx")
        if name == "external":
            raw = (onnx / "external.onnx.data").read_bytes()
            data = {"W": struct.unpack("<108f", raw[:432]), "B": struct.unpack("<4f", raw[432:448])}
        want = relu(convolved(x, data["W"], data["B"], 4, 16))
        words = ["--shape", "x=1x3x16x16"] if name == "dynhw" else []
        if name == "qdq":
            scale = data["s"][0]
            got = answer(onnx / "qdq.onnx", tensor)
            want = [min(255, max(0, round(v / scale))) * scale for v in want]
            # A number that lies half way between two steps may go either way: the sums are float32's.
            check(all(abs(g - v) <= scale * 1.01 for g, v in zip(got, want)), "qdq")
            check(sum(abs(g - v) > scale * 0.01 for g, v in zip(got, want)) <= len(want) // 100, "qdq")
            continue
        if name == "argmax":
            got = answer(onnx / "argmax.onnx", tensor)
            planes = [want[i * 256:(i + 1) * 256] for i in range(4)]
            best = [max(range(4), key=lambda c: planes[c][i]) for i in range(256)]
            clear = [i for i in range(256) if sorted(p[i] for p in planes)[-1] - sorted(p[i] for p in planes)[-2] > 1e-3]
            check(len(clear) > 100 and all(got[i] == best[i] for i in clear), "argmax")
            continue
        compare(name, answer(onnx / f"{name}.onnx", tensor, *words), want)

    # Extents that are open: asked for, or taken from the picture, never 1.
    data = constants(onnx / "dynhw.onnx")
    compare("a tensor's own size", answer(onnx / "dynhw.onnx", tensor), relu(convolved(x, data["W"], data["B"], 4, 16)))
    result = hedge("local", onnx / "dynhw.onnx", cases / "pictures/exif1.jpg", "--preprocess", "none", "--raw", folder / "raw")
    check(len(read_floats(folder / "raw")) == 4 * 64 * 96, "a picture of 96 x 64 is not shrunk")

    # Batches: any number, and groups.
    three = [pixels(768, 5 + i) for i in range(3)]
    data = constants(onnx / "dynbatch.onnx")
    want = sum((relu(convolved(p, data["W"], data["B"], 4, 16)) for p in three), [])
    compare("dynbatch", answer(onnx / "dynbatch.onnx", write_npy(folder / "three.npy", (3, 3, 16, 16), sum(three, []))), want)
    four = [pixels(768, 11 + i) for i in range(4)]
    data = constants(onnx / "batch4.onnx")
    want = sum((relu(convolved(p, data["W"], data["B"], 4, 16)) for p in four), [])
    compare("batch4", answer(onnx / "batch4.onnx", write_npy(folder / "four.npy", (4, 3, 16, 16), sum(four, []))), want)
    result = local(onnx / "batch4.onnx", *[cases / f"pictures/exif{i}.jpg" for i in (1, 2, 3, 6)], "--preprocess", "none", "--json")
    check(result.stdout.count('"input"') == 4, "four pictures are a group of four:", result.stdout)
    local(onnx / "b4.onnx", *[cases / "pictures/exif1.jpg"] * 4, "--preprocess", "none")

    # Integers.
    check(answer(onnx / "uint8in.onnx", tensor) == x, "bytes become floats as they are")
    x32 = pixels(3 * 32 * 32, 41)
    data = constants(onnx / "uint8.onnx")
    compare("uint8", answer(onnx / "uint8.onnx", write_npy(folder / "x32.npy", (1, 3, 32, 32), x32)),
            convolved(x32, data["w"], [0.0] * 16, 16, 32))
    refused("outside its type", "local", onnx / "uint8in.onnx", write_npy(folder / "over.npy", (1, 3, 16, 16), [300] * 768))

    # What cannot be is told as what it is, with the file's name.
    for name, words in (("pointer.onnx", "Git LFS"), ("page.onnx", "a web page"), ("packed.onnx", "gzip"),
                        ("customdomain.onnx", "com.acme: MyOp"), ("unsupported2.onnx", "'nms0'")):
        refused(words, "local", onnx / name, tensor)
        refused(name, "local", onnx / name, tensor)
    outside = folder / "outside"
    outside.mkdir()
    shutil.copy(onnx / "external.onnx", outside)
    refused("external.onnx.data", "local", outside / "external.onnx", tensor)
    (outside / "external.onnx.data").symlink_to(onnx / "external.onnx.data")
    refused("only files in the model's folder", "local", outside / "external.onnx", tensor)

    # Pictures: one stored picture, eight ways to hold it.
    def picture(number):
        return answer(cases / "pictures/identity-3x8x8.onnx", cases / f"pictures/exif{number}.jpg", "--preprocess", "none")

    def turned(values, at):
        return [values[c * 64 + r * 8 + q] for c in range(3) for r, q in (at(y, x) for y in range(8) for x in range(8))]

    stored = picture(1)
    for number, at in ((2, lambda y, x: (y, 7 - x)), (3, lambda y, x: (7 - y, 7 - x)), (4, lambda y, x: (7 - y, x)),
                       (5, lambda y, x: (x, y)), (6, lambda y, x: (7 - x, y)), (7, lambda y, x: (7 - x, 7 - y)),
                       (8, lambda y, x: (x, 7 - y))):
        # Rows are scaled before columns, and rounded between: turned by a quarter, a number may be the next one.
        worst = max(abs(a - b) for a, b in zip(picture(number), turned(stored, at)))
        check(worst <= 1, "orientation", number, "is wrong by", worst)
    for i in range(1, 9):
        for j in range(1, i):
            check(max(abs(a - b) for a, b in zip(picture(i), picture(j))) > 20, "orientations", i, "and", j, "are alike")
    local(cases / "pictures/identity-3x8x8.onnx", cases / "pictures/cmyk.jpg", "--preprocess", "none")

    # Tensors and texts.
    half, message = (cases / "tensors/f2.npy").read_bytes(), cases / "tensors/sequence.pb"
    count = (len(half) - 128) // 2
    check(count > 0, "f2.npy is empty")
    refused("a sequence", "local", onnx / "opset18.onnx", message)
    refused("the model wants 1x3x16x16", "local", onnx / "opset18.onnx", cases / "tensors/f2.npy")
    labelled = json.loads(local(onnx / "opset18.onnx", tensor, "--labels", cases / "text/labels-bom.txt", "--json",
                                "--top", 1024).stdout)
    check({e.get("label") for e in labelled["top"]} >= {"cat", "dog"}, "labels", labelled["top"][:3])
    refused("labels-latin1.txt", "local", onnx / "opset18.onnx", tensor, "--labels", cases / "text/labels-latin1.txt")
    worker = Path(HEDGE).parent.parent / "worker/hedge-worker"
    tab = subprocess.run([worker, "--config", cases / "text/tab.yaml", "--check-config"], capture_output=True, text=True, check=False)
    check(tab.returncode != 0 and "tab" in tab.stderr and "tab.yaml:3" in tab.stderr, tab.stderr)
    ipv6 = subprocess.run([worker, "--config", cases / "text/ipv6.yaml", "--check-config"], capture_output=True, text=True, check=False)
    check(ipv6.returncode == 0, ipv6.stderr)

# Sent to a cluster, a model brings what lies beside it.
with Cluster(boards=2) as c:
    tensor = write_npy(c.dir / "x.npy", (1, 3, 16, 16), pixels(768, 37))
    result = c.hedge("load", onnx / "dynhw.onnx", status=1)
    check("--shape" in result.stderr and "dynhw.onnx" in result.stderr and "'x'" in result.stderr, result.stderr)
    c.hedge("load", onnx / "external.onnx")
    c.hedge("infer", "external", tensor, "--raw", c.dir / "raw")
    raw = (onnx / "external.onnx.data").read_bytes()
    want = relu(convolved(pixels(768, 37), struct.unpack("<108f", raw[:432]), struct.unpack("<4f", raw[432:448]), 4, 16))
    compare("external, on boards", list(read_floats(c.dir / "raw")), want, error=1e-3)
