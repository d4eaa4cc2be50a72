# SPDX-License-Identifier: Apache-2.0
"""UltraFace over coded boards, and locally, finds the faces that are in the reference, in a picture of the input's size and in
the photograph that it was made of."""
import json

from cluster import Cluster, check, hedge, test_data

DATA = test_data()
MODEL = DATA / "models/ultraface/version-RFB-320.onnx"
WANTED = json.loads((DATA / "reference/detect/detect.json").read_text())["ultraface-RFB-320"]["faces(score>0.7,NMS .3)"]
SMALL, PHOTOGRAPH = DATA / "reference/detect/faces-320x240.ppm", DATA / "images/faces-2.jpg"

MANIFEST = """
scale: 0.0078125
mean: [0.9921875]
labels: [background, face]
output: {kind: boxes, boxes: boxes, scores: scores, units: relative, background: first, score: 0.7, iou: 0.3}
"""


def compare(answer, width, height, slack):
    """Faces in the order of their places, for their scores are nearly equal; `slack` is in parts of the picture's sides."""
    check((answer["width"], answer["height"]) == (width, height), answer)
    check(len(answer["boxes"]) == len(WANTED) == 4, answer["boxes"])
    for got, wanted in zip(sorted(answer["boxes"], key=lambda b: b["box"]), sorted(WANTED, key=lambda w: w[1:])):
        check(got["label"] == "face" and got["class"] == 1 and abs(got["score"] - wanted[0]) < slack, got, wanted)
        for g, w, side in zip(got["box"], wanted[1:], (width, height, width, height)):
            check(abs(g / side - w) < slack, got, wanted)


with Cluster(boards=6, work="layers") as c:
    (c.dir / "faces.yaml").write_text(MANIFEST)
    c.hedge("load", MODEL, "--name", "ultraface", "--manifest", c.dir / "faces.yaml")
    here = [json.loads(line) for line in hedge("local", MODEL, SMALL, PHOTOGRAPH, "--manifest", c.dir / "faces.yaml",
                                               "--json").stdout.splitlines()]
    for answers in (here, c.infer("ultraface", SMALL, PHOTOGRAPH)):
        compare(answers[0], 320, 240, 2e-4)  # as the reference is rounded
        compare(answers[1], 1024, 484, 0.01)  # which was resized by another program
    check(answers[0]["layers"], "nothing was coded")
