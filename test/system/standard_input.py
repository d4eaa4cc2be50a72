# SPDX-License-Identifier: Apache-2.0
"""An input named - is standard input: a picture, a .npy or an ONNX tensor, told by its contents, once; and files are what
they hold and not what they are called."""
import array
import struct
import subprocess
import tempfile
from pathlib import Path

from cluster import DIGITS, HEDGE, Cluster, check, hedge, read_floats, write_digit, write_npy
from identity_model import png, write_identity
from small_models import field


def feed(data, *words, status=0):
    result = subprocess.run([HEDGE, *map(str, words)], input=data, capture_output=True, timeout=120)
    out, err = result.stdout.decode(errors="replace"), result.stderr.decode(errors="replace")
    check("Sanitizer" not in err and "runtime error:" not in err, err)
    check(result.returncode == status, words, "ended with", result.returncode, out, err)
    return out, err


with tempfile.TemporaryDirectory(prefix="hedge-") as folder:
    folder = Path(folder)
    model, raw = write_identity(folder / "model.onnx", (1, 3, 2, 2)), folder / "raw"
    numbers = [float(v) for v in range(12)]
    npy = write_npy(folder / "in.npy", (1, 3, 2, 2), numbers).read_bytes()
    pb = b"".join(field(1, d) for d in (1, 3, 2, 2)) + field(2, 1) + field(9, array.array("f", numbers).tobytes())
    picture = png(2, 2, [bytes(range(6)), bytes(range(6, 12))])
    seen = [0., 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11]

    for data, wanted in ((npy, numbers), (pb, numbers), (picture, seen)):
        feed(data, "local", model, "-", "--preprocess", "none", "--raw", raw)
        check(list(read_floats(raw)) == wanted, list(read_floats(raw)), "not", wanted)
    # A name says nothing.
    for name, data, wanted in (("x.npy", picture, seen), ("x.pb", picture, seen), ("x.png", npy, numbers), ("x", npy, numbers),
                               ("y.pb", npy, numbers), ("y.pb", pb, numbers)):
        (folder / name).write_bytes(data)
        hedge("local", model, folder / name, "--preprocess", "none", "--raw", raw)
        check(list(read_floats(raw)) == wanted, name, list(read_floats(raw)), "not", wanted)

    for data, said in ((b"", "standard input: is empty"), (b"hello\n", "standard input: is no picture, .npy or ONNX tensor"),
                       (npy[:-1], "standard input: is a damaged .npy"), (picture[:-20], "standard input: is a damaged PNG"),
                       (b"RIFF\0\0\0\0WEBPVP8 ", "standard input: is a WebP picture")):
        out, err = feed(data, "local", model, "-", "--preprocess", "none", status=1)
        check(err.startswith("hedge: " + said) and err.count("\n") == 1, err)
    out, err = feed(npy, "local", model, "-", "-", status=1)
    check(out.count("model.onnx") == 1 and "standard input: is empty, or has been read before" in err, out, err)
    # Told as what they are.
    npz = b"PK\x03\x04" + struct.pack("<5H3I2H", 20, 0, 0, 0, 0, 0, 0, 0, 7, 0) + b"arr.npy" + npy
    one = field(1, 1) + field(2, 1) + field(9, b"\0\0\x80\x3f")
    for name, data, said in (("a.npz", npz, "is an archive of NumPy arrays (.npz)"), ("b.npy", npz, "it is an archive of NumPy arrays"),
                             ("c.pb", field(2, 1) + 2 * field(3, one), "is a sequence of tensors"),
                             ("d.npy", b"GIF89a", "it is a GIF picture"), ("e.png", b"BM\0\0\0\0\0\0\0\0", "is a BMP picture"),
                             ("f.jpg", b"\0\0\0\x18ftypheic", "is a HEIC picture"), ("g.png", b"", "is empty")):
        (folder / name).write_bytes(data)
        result = hedge("local", model, folder / name, "--preprocess", "none", status=1)
        check(result.stderr.startswith(f"hedge: {folder / name}: ") and said in result.stderr, result.stderr)

    with Cluster(boards=1) as c:
        c.load_digits()
        digit = write_digit(folder / "seven.png", seven=True).read_bytes()
        out, err = feed(digit, "infer", "--dir", c.dir, "digits", "-", "--json", "--top", 1)
        check('"label":"7"' in out and '"input":"-"' in out, out, err)
        check("standard input: is empty" in feed(b"", "infer", "--dir", c.dir, "digits", "-", status=1)[1], "empty")
        matrix = write_npy(folder / "a.npy", (6, 6), range(36))
        feed(b"", "multiply", "--dir", c.dir, matrix, matrix, "--deadline", 60000, "-o", raw)
        product = raw.read_bytes()
        feed(matrix.read_bytes(), "multiply", "--dir", c.dir, matrix, "-", "--deadline", 60000, "-o", raw)
        check(raw.read_bytes() == product, "a product with a factor from standard input")
