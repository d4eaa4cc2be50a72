# SPDX-License-Identifier: Apache-2.0
"""Files of labels as editors leave them: a mark in front and line ends of any kind are no part of a label, and what is not
UTF-8 is told with the file's own name and line."""
import shutil
import tempfile
from pathlib import Path

from cluster import DIGITS, Cluster, check, hedge, write_digit

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "s\u00e9pt", "eight", "nine"]

with Cluster(boards=1) as c, tempfile.TemporaryDirectory(prefix="hedge-") as folder:
    folder = Path(folder)
    model, labels = folder / "model.onnx", folder / "labels.txt"
    shutil.copy(DIGITS / "model.onnx", model)
    (folder / "model.yaml").write_text("\ufeffscale: 0.00392156862745098\r\nlabels: labels.txt\r\n", newline="")
    digit = write_digit(folder / "one.png")

    def label(*words, run=hedge):
        return run(*words, "--top", 10, digit).stdout

    labels.write_bytes(("\ufeff" + "\r\n".join(WORDS)).encode())
    c.load(model, "marked")
    for shown in (label("local", model), label("infer", "marked", run=c.hedge), label("local", DIGITS / "model.onnx", "--labels", labels)):
        for word in WORDS:
            check(f"  {word}\n" in shown, word, shown)
    labels.write_bytes("\n".join(WORDS).encode("latin-1"))
    for words, run in ((("load", model, "--name", "latin"), c.hedge), (("local", model, digit), hedge),
                       (("local", DIGITS / "model.onnx", digit, "--labels", labels), hedge)):
        result = run(*words, status=1)
        check(f"{labels}:8: is not UTF-8 (perhaps Latin-1" in result.stderr, words, result.stderr)
    check("latin" not in c.hedge("models").stdout, "a model with such labels was loaded")
