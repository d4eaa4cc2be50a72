# SPDX-License-Identifier: Apache-2.0
"""`hedge model make` writes a network that runs, the same for the same seed; what fails leaves nothing behind."""
import os
import signal
import subprocess
import tempfile
from pathlib import Path

from cluster import HEDGE, PATIENCE_S, check, hedge, wait_for, write_digit

with tempfile.TemporaryDirectory() as folder:
    folder = Path(folder)
    first, second, other = (folder / name for name in ("a.onnx", "b.onnx", "c.onnx"))

    said = hedge("model", "make", "lenet5", first, "--seed", 3).stdout
    check("lenet5" in said and "0.2 MB" in said, said)
    check(not hedge("model", "make", "lenet5", second, "--seed", 3, "--quiet").stdout, "not quiet")
    hedge("model", "make", "lenet5", other)
    check(first.read_bytes() == second.read_bytes() != other.read_bytes(), "seeds")
    write_digit(folder / "digit.png")
    answer = hedge("local", first, folder / "digit.png", "--preprocess", "none").stdout
    check("CLASS" in answer, answer)

    # The new file takes the old one's place.
    hedge("model", "make", "lenet5", first)
    check(first.read_bytes() == other.read_bytes(), "not replaced")

    # Refused, and nothing is left beside it.
    (folder / "sub").mkdir()
    for words in (["lenet5", folder / "sub"], ["lenet5", "/dev/null"], ["lenet5", folder / "none" / "x.onnx"]):
        result = hedge("model", "make", *words, status=1)
        check(result.stderr.startswith("hedge: ") and result.stderr.count("\n") == 1, result.stderr)
    check(Path("/dev/null").is_char_device(), "/dev/null")

    # Interrupted while it writes: as if it had never begun.
    making = subprocess.Popen([HEDGE, "model", "make", "vgg16", first], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for("the file beside", lambda: list(folder.glob("a.onnx.*")) or making.poll() is not None)
    making.send_signal(signal.SIGTERM)
    _, err = making.communicate(timeout=PATIENCE_S)
    check(making.returncode == 1 and err.startswith(b"hedge: interrupted"), making.returncode, err)
    check(first.read_bytes() == other.read_bytes(), "the old file is gone")
    check(sorted(os.listdir(folder)) == ["a.onnx", "b.onnx", "c.onnx", "digit.png", "sub"], os.listdir(folder))
