# SPDX-License-Identifier: Apache-2.0
"""Models come and go at run time, keep their manifest and labels, and are as they were after a restart."""
import json

from cluster import DIGITS, Cluster, check, write_digit

with Cluster(boards=3) as c:
    digit = write_digit(c.dir / "one.png")
    check("No model" in c.hedge("models").stdout, "an empty cluster")
    for question in ("models", "plan", "unload"):
        said = c.hedge(question, "nosuch", status=1)
        check(said.stderr.startswith("hedge: ") and "nosuch" in said.stderr, f"{question}: {said}")
    c.load_digits()
    listed = json.loads(c.hedge("models", "digits", "--json").stdout)
    check(listed["state"] == "ready" and listed["inputs"][0]["shape"] == [1, 1, 28, 28], listed)
    check(listed["preprocess"]["channel_order"] == "rgb", listed)

    # Another name and manifest, whose label file goes along.
    (c.dir / "names.txt").write_text("".join(f"number {i}\n" for i in range(10)))
    numbers = (DIGITS / "model.yaml").read_text().split("labels:")[0]
    (c.dir / "other.yaml").write_text(numbers + "labels: names.txt\n")
    c.hedge("load", DIGITS / "model.onnx", "--name", "numbers", "--manifest", c.dir / "other.yaml", "--no-wait")
    check(c.infer("numbers", digit)[0]["top"][0]["label"] == "number 1", "labels of the manifest")
    check("labels        10" in c.hedge("models", "numbers").stdout, "labels")

    # Without a manifest pictures need --preprocess.
    (c.dir / "plain.onnx").write_bytes((DIGITS / "model.onnx").read_bytes())
    check("Loaded plain:" in c.load(c.dir / "plain.onnx").stdout, "the name of a file")
    check("--preprocess" in c.hedge("infer", "plain", digit, status=1).stderr, "a picture without a manifest")
    check(c.infer("plain", digit, "--preprocess", "tf")[0]["top"][0]["label"] is None, "no labels")

    c.hedge("unload", "numbers")
    check("numbers" in c.hedge("infer", "numbers", digit, status=1).stderr, "unloaded")
    c.hedge("down")
    c.up()
    names = {json.loads(line)["name"]: json.loads(line) for line in c.hedge("models", "--json").stdout.splitlines()}
    check(names["digits"]["state"] in ("ready", "waiting") and "plain" in names, names)
    check(c.infer("digits", digit)[0]["top"][0]["label"] == "1", "after a restart")
    check("numbers" in c.hedge("infer", "numbers", digit, status=1).stderr, "it stays unloaded")
    c.load("numbers")
    check(c.infer("numbers", digit)[0]["top"][0]["label"] == "number 1", "brought back")
