# SPDX-License-Identifier: Apache-2.0
"""SqueezeNet 1.1 over eight coded boards, and locally, gives what ONNX Runtime gives for seven pictures, and the outputs
that its authors state for their three inputs."""
import array
import json

from cluster import Cluster, check, check_close, hedge, read_floats, test_data

DATA = test_data()
MODEL = DATA / "models/squeezenet1.1/squeezenet1.1-7.onnx"
REFERENCE = json.loads((DATA / "reference/imagenet-top5.json").read_text())["models"]["squeezenet1.1"]["top5"]
PICTURES = sorted((DATA / "images/crop224-ppm").glob("*.ppm"))
VECTORS = sorted(MODEL.parent.glob("test_data_set_*"))
SIZE = 1000

check(len(PICTURES) == 7 and len(VECTORS) == 3, "the data")


def proto_floats(path):
    """The raw_data (field 9) of a tensor of SIZE floats."""
    data = path.read_bytes()
    at = data.index(b"\x4a\xa0\x1f") + 3
    return array.array("f", data[at:at + 4 * SIZE])


def compare(what, run, raw):
    """run(operands): the command over some inputs. @return its answers to the pictures."""
    answers = [json.loads(line) for line in run(*PICTURES, "--preprocess", "imagenet", "--json").stdout.splitlines()]
    values = read_floats(raw)
    for i, (picture, answer) in enumerate(zip(PICTURES, answers, strict=True)):
        check(answer["top"][0]["index"] == REFERENCE[picture.stem][0][0], what, picture.stem, answer["top"])
        check_close(values[i * SIZE:(i + 1) * SIZE], read_floats(DATA / f"reference/squeezenet1.1/{picture.stem}.f32"),
                    f"{what} {picture.stem}")
    run(*(v / "input_0.pb" for v in VECTORS))
    values = read_floats(raw)
    for i, vector in enumerate(VECTORS):
        check_close(values[i * SIZE:(i + 1) * SIZE], proto_floats(vector / "output_0.pb"), f"{what} {vector.name}")
    return answers


with Cluster(boards=8, work="layers") as c:
    raw = c.dir / "raw.f32"
    c.load(MODEL, "squeezenet")
    compare("local", lambda *words: hedge("local", MODEL, *words, "--raw", raw), raw)
    for answer in compare("coded", lambda *words: c.hedge("infer", "squeezenet", *words, "--raw", raw), raw):
        check(answer["layers"] and all(layer["scheme"] == "nsctc" and layer["delta"] <= 6 for layer in answer["layers"]),
              answer)
