# SPDX-License-Identifier: Apache-2.0
"""Where nothing can be written, every command says so, names the file, and ends with 1."""
import os
import stat
import subprocess
import tempfile
from pathlib import Path

from cluster import HEDGE, Cluster, check, hedge, write_digit, write_npy
from identity_model import png, write_identity

NO_SPACE = "No space left on device"


def into_full(*words):
    with open("/dev/full", "w") as full:
        result = subprocess.run([*map(str, words)], stdout=full, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                                timeout=120)
    check(result.returncode == 1, words, "ended with", result.returncode, result.stderr)
    check(f"cannot write to standard output: {NO_SPACE}" in result.stderr, words, result.stderr)


with tempfile.TemporaryDirectory(prefix="hedge-") as folder:
    folder = Path(folder)
    model = write_identity(folder / "model.onnx", (1, 3, 40, 40))
    picture = folder / "in.png"
    picture.write_bytes(png(40, 40, [bytes(120)] * 40))
    local = [HEDGE, "local", model, picture, picture, "--preprocess", "none"]
    for words in ([HEDGE, "help"], [HEDGE, "infer", "--help"], [HEDGE, "--version"], local, [*local, "--json"],
                  [*local, "--json", "--top", "4800"], [HEDGE, "codes", "--ka", "2", "--kb", "2", "--n", "4"]):
        into_full(*words)
    for program in ("daemon/hedged", "worker/hedge-worker"):
        path = Path(HEDGE).parent.parent / program
        for words in (["--help"], ["--version"], ["--print-config", "yaml"], ["--print-config", "mdoc"]):
            into_full(path, *words)

    result = hedge(*local[1:], "--raw", "/dev/full", status=1)
    check(result.stderr == f"hedge: cannot write /dev/full: {NO_SPACE}\n", result.stderr)
    small = write_identity(folder / "small.onnx", (1, 3, 1, 1))
    result = hedge("local", small, picture, "--preprocess", "none", "--raw", "/dev/full", status=1)
    check(result.stderr == f"hedge: cannot write /dev/full: {NO_SPACE}\n", result.stderr)
    with Cluster(boards=1) as c:
        c.load_digits()
        digit = write_digit(folder / "one.png")
        for words in (["status"], ["models"], ["models", "--json"], ["plan", "digits"], ["infer", "digits", digit]):
            into_full(HEDGE, words[0], "--dir", c.dir, *words[1:])
        a = folder / "a.npy"
        write_npy(a, (6, 6), range(36))
        # By a link: a program that is wrong would replace what it is given, and root may.
        full = folder / "full"
        full.symlink_to("/dev/full")
        result = c.hedge("multiply", a, a, "--deadline", 60000, "-o", full, status=1)
        check(f"{full}: {NO_SPACE}" in result.stderr, result.stderr)
        check(stat.S_ISCHR(os.stat(full).st_mode), "the device was replaced")
