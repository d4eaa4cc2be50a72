# SPDX-License-Identifier: Apache-2.0
"""Where model.yaml says what outputs mean, boxes and classes of pixels are printed, as text and as JSON, and drawn: what a plain
evaluation in Python finds in the raw outputs, and over boards the same as in one process. What does not suit is refused."""
import json
import math
import re
import struct
import subprocess
import zlib

from cluster import HEDGE, PATIENCE_S, Cluster, check, hedge, read_floats, write_npy
from small_models import Model

WIDTH, HEIGHT = 96, 64  # of the models' input
ANCHORS = {8: [(10, 13), (16, 30)], 16: [(30, 25), (40, 40)]}
CLASSES = ["cat", "dog", "bird"]

YOLO = """
letterbox: centre
scale: 0.00392156862745098
labels: [cat, dog, bird]
output:
  kind: boxes
  tensors: [%s, %s]
  format: yolov5
  activation: sigmoid
  score: 0.35
  levels:
  - {stride: 8, anchors: [10, 13, 16, 30]}
  - {stride: 16, anchors: [30, 25, 40, 40]}
"""
MASK = """
scale: 0.00784313725490196
mean: [1]
labels: [nothing, cat, dog]
output: {kind: segmentation, scores: %s, background: first}
"""


def make_yolo(path, pictures=1):
    m = Model((pictures, 3, HEIGHT, WIDTH), seed=3)

    def conv(x, c_in, c_out, stride, size=3, scale=1.0):
        y = m.node("Conv", x, m.weights(c_out, c_in, size, size, scale=scale), kernel_shape=[size, size],
                   strides=[stride, stride], pads=[size // 2] * 4)
        return m.node("Relu", y) if size == 3 else y

    x = conv(conv(conv("x", 3, 8, 2, scale=1.5), 8, 16, 2, scale=1.5), 16, 16, 2, scale=1.5)
    heads = [conv(x, 16, 2 * 8, 1, size=1, scale=3), conv(conv(x, 16, 32, 2, scale=1.5), 32, 2 * 8, 1, size=1, scale=3)]
    # Every cell is different, so that no two boxes of the even border have one score.
    heads = [m.node("Add", head, m.constant((1, 16, h, w), [m.random.uniform(-.5, .5) for _ in range(16 * h * w)]))
             for head, h, w in zip(heads, (8, 4), (12, 6))]
    m.write(path, *heads)
    return heads


def make_segmenter(path):
    m = Model((1, 3, HEIGHT, WIDTH), seed=4)
    x = m.node("Relu", m.node("Conv", "x", m.weights(8, 3, 3, 3, scale=2), kernel_shape=[3, 3], strides=[4, 4], pads=[1] * 4))
    head = m.node("Conv", x, m.weights(3, 8, 1, 1), kernel_shape=[1, 1])
    m.write(path, head)
    return head


def write_ppm(path, width, height):
    """Soft blobs of colour, so that resizing changes little."""
    pixels = bytearray()
    for y in range(height):
        for x in range(width):
            pixels += bytes(int(127 + 120 * math.sin((x / width * (3 + c) + y / height * (5 - c)) * 2 + c)) for c in range(3))
    path.write_bytes(b"P6\n%d %d\n255\n" % (width, height) + pixels)
    return path


def read_png(path):
    """@return width, height, samples of a pixel, rows of bytes; filters as PNG's specification has them."""
    data, at, packed, header = path.read_bytes(), 8, b"", None
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IHDR":
            header = struct.unpack_from(">IIBB", data, at + 8)
        if kind == b"IDAT":
            packed += data[at + 8:at + 8 + size]
        at += size + 12
    width, height, depth, colour = header
    check(depth == 8 and colour in (2, 3), path, header)
    step, raw, rows = 3 if colour == 2 else 1, zlib.decompress(packed), []
    for y in range(height):
        line = bytearray(raw[y * (width * step + 1):(y + 1) * (width * step + 1)])
        above = rows[-1] if rows else bytes(width * step)
        how, line = line[0], line[1:]
        for i in range(len(line)):
            a, b, c = line[i - step] if i >= step else 0, above[i], above[i - step] if i >= step else 0
            nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            line[i] = (line[i] + (0, a, b, (a + b) // 2, nearest)[how]) & 255
        rows.append(bytes(line))
    return width, height, step, rows


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def iou(a, b):
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(w, 0) * max(h, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def find_boxes(values, width, height):
    """What the raw heads say about a picture of that size, which was letterboxed."""
    scale = min(WIDTH / width, HEIGHT / height)
    left, top = (WIDTH - round(width * scale)) // 2, (HEIGHT - round(height * scale)) // 2
    found, first = [], 0
    for stride, anchors in ANCHORS.items():
        h, w = HEIGHT // stride, WIDTH // stride
        for a, (aw, ah) in enumerate(anchors):
            for y in range(h):
                for x in range(w):
                    v = [sigmoid(values[first + ((a * 8 + f) * h + y) * w + x]) for f in range(8)]
                    cx, cy = (2 * v[0] - .5 + x) * stride, (2 * v[1] - .5 + y) * stride
                    bw, bh = (2 * v[2]) ** 2 * aw, (2 * v[3]) ** 2 * ah
                    best = max(range(3), key=lambda c: v[5 + c])
                    found.append((v[4] * v[5 + best], best, (cx - bw / 2, cy - bh / 2, cx + bw / 2, cy + bh / 2)))
        first += 16 * h * w
    kept = []
    for score, label, box in sorted(found, reverse=True):
        inside = box[2] > left and box[0] < WIDTH - left and box[3] > top and box[1] < HEIGHT - top
        if score >= .35 and inside and all(k[1] != label or iou(k[2], box) <= .45 for k in kept):
            kept.append((score, label, box))
    ratio_x, ratio_y = width / round(width * scale), height / round(height * scale)
    return [(s, c, [min(max((b[i] - (left, top)[i % 2]) * (ratio_x, ratio_y)[i % 2], 0), (width, height)[i % 2])
                    for i in range(4)]) for s, c, b in kept[:100]]


def check_boxes(answer, wanted, size):
    check((answer["width"], answer["height"]) == size and "top" not in answer, answer)
    check(len(answer["boxes"]) == len(wanted) > 3, len(answer["boxes"]), len(wanted))
    scores = [b["score"] for b in answer["boxes"]]
    check(scores == sorted(scores, reverse=True), scores)
    left = list(answer["boxes"])
    for score, label, box in wanted:  # scores may be nearly equal, and boards round
        near = [g for g in left if g["class"] == label and abs(g["score"] - score) < 1e-3 and
                all(abs(x - y) < .1 for x, y in zip(g["box"], box))]
        check(near and near[0]["label"] == CLASSES[label], score, label, box, left)
        left.remove(near[0])


def check_drawing(path, picture, boxes):
    """A drawing is the picture with frames: in the middle of each side of the best box is its colour, and far from all boxes
    and their labels nothing has changed."""
    width, height, step, rows = read_png(path)
    header, pixels = 15, picture.read_bytes()
    check((width, height, step) == (240, 100, 3), path)
    x0, y0, x1, y1 = (int(v) for v in boxes[0]["box"])
    x, y = min((x0 + x1) // 2, width - 1), min((y0 + y1) // 2, height - 1)
    colours = {rows[min(at[1], height - 1)][3 * min(at[0], width - 1):][:3] for at in ((x0, y), (x, y1 - 1), (x1 - 1, y))}
    check(len(colours) == 1, "the frame of the best box has several colours", colours)
    touched = sum(rows[y][3 * x:3 * x + 3] != pixels[header + 3 * (y * width + x):][:3] for y in range(height) for x in range(width))
    check(0 < touched < width * height, touched)
    for y in range(height):
        for x in range(width):
            if all(not (b["box"][0] - 1 <= x <= max(b["box"][2], b["box"][0] + 70) + 1 and b["box"][1] - 12 <= y <= b["box"][3] + 12)
                   for b in boxes) and x < width - 70:
                check(rows[y][3 * x:3 * x + 3] == pixels[header + 3 * (y * width + x):][:3], "changed", x, y)


def check_refusals(c, yolo, picture):
    def refused(words, *command):
        said = hedge(*command, status=1).stderr
        check(words in said and said.count("\n") == 1, words, said)

    digits = c.dir / "plain.onnx"
    make_segmenter(digits)
    refused("--draw: the model has no model.yaml that says that its outputs are boxes", "local", digits, picture, "--preprocess",
            "none", "--draw", c.dir / "no.png")
    refused("--mask: the model finds boxes", "local", yolo, picture, "--manifest", c.dir / "yolo.yaml", "--mask", c.dir / "no.png")
    refused("--draw: takes one input at a time, here are 2", "local", yolo, picture, picture, "--manifest", c.dir / "yolo.yaml",
            "--draw", c.dir / "no.png")
    refused("is a tensor: there is no picture to draw on", "local", yolo, write_npy(c.dir / "x.npy", (1, 3, HEIGHT, WIDTH),
            [0.5] * (3 * HEIGHT * WIDTH)), "--manifest", c.dir / "yolo.yaml", "--draw", c.dir / "no.png")
    check(not (c.dir / "no.png").exists(), "drawn all the same")
    refused("cannot write /dev/full: No space left on device", "local", yolo, picture, "--manifest", c.dir / "yolo.yaml", "--draw",
            "/dev/full")
    # An output that is not there, and one of another shape, are told before anything is computed, by the coordinator as well.
    text = (c.dir / "yolo.yaml").read_text()
    for name, changed, words in (("absent", re.sub(r"tensors: \[\w+", "tensors: [heads", text), "'heads' in its section output"),
                                 ("odd", text.replace("labels: [cat,", "labels: [bat, cat,"), "is 1x16x8x12, but model.yaml wants 9")):
        (c.dir / f"{name}.yaml").write_text(changed)
        refused(words, "local", yolo, picture, "--manifest", c.dir / f"{name}.yaml")
        said = c.hedge("load", yolo, "--name", name, "--manifest", c.dir / f"{name}.yaml", status=1).stderr
        check(words in said, words, said)


with Cluster(boards=4, work="layers", options=["--set", "plan.min_macs=0", "--set", "plan.macs_per_entry=0"]) as c:
    wide, tall = write_ppm(c.dir / "wide.ppm", 240, 100), write_ppm(c.dir / "tall.ppm", 60, 130)
    yolo, mask = c.dir / "yolo.onnx", c.dir / "mask.onnx"
    (c.dir / "yolo.yaml").write_text(YOLO % tuple(make_yolo(yolo)))
    (c.dir / "mask.yaml").write_text(MASK % make_segmenter(mask))
    c.hedge("load", yolo, "--manifest", c.dir / "yolo.yaml")
    c.hedge("load", mask, "--manifest", c.dir / "mask.yaml")

    raw, size = c.dir / "raw.f32", 16 * (8 * 12 + 4 * 6)
    here = hedge("local", yolo, wide, tall, "--manifest", c.dir / "yolo.yaml", "--json", "--raw", raw).stdout
    values = read_floats(raw)
    for answers in ([json.loads(line) for line in here.splitlines()], c.infer("yolo", wide, tall)):
        check_boxes(answers[0], find_boxes(values[:size], 240, 100), (240, 100))
        check_boxes(answers[1], find_boxes(values[size:], 60, 130), (60, 130))
    check(answers[0]["layers"], "nothing was coded")

    # A model that takes two pictures at once finds in each what the other finds.
    pair = c.dir / "pair.onnx"
    make_yolo(pair, pictures=2)
    c.hedge("load", pair, "--manifest", c.dir / "yolo.yaml")
    for both in (hedge("local", pair, wide, tall, "--manifest", c.dir / "yolo.yaml", "--json").stdout,
                 c.hedge("infer", "pair", wide, tall, "--json").stdout):
        both = [json.loads(line) for line in both.splitlines()]
        check_boxes(both[0], find_boxes(values[:size], 240, 100), (240, 100))
        check_boxes(both[1], find_boxes(values[size:], 60, 130), (60, 130))

    # As text, and drawn; to standard output, where the answer goes to the other stream.
    words = ["local", yolo, wide, "--manifest", c.dir / "yolo.yaml"]
    said = hedge(*words, "--draw", c.dir / "drawn.png").stdout
    boxes = json.loads(here.splitlines()[0])["boxes"]
    check(f"240 x 100, {len(boxes)} boxes, " in said and "LABEL" in said and boxes[0]["label"] in said, said)
    check_drawing(c.dir / "drawn.png", wide, boxes)
    streamed = subprocess.run([HEDGE, *words, "--json", "--draw", "-"], capture_output=True, timeout=PATIENCE_S, check=True)
    check(streamed.stdout == (c.dir / "drawn.png").read_bytes(), "not the same on standard output")
    check(json.loads(streamed.stderr)["boxes"] == boxes, streamed.stderr)
    said = c.hedge("infer", "yolo", wide, "--draw", c.dir / "drawn.jpg").stdout
    check(f"240 x 100, {len(boxes)} boxes, " in said and (c.dir / "drawn.jpg").read_bytes()[:3] == b"\xff\xd8\xff", said)

    # A segmentation: the classes' shares, the mask, and its colours over the picture.
    here = json.loads(hedge("local", mask, wide, "--manifest", c.dir / "mask.yaml", "--json", "--raw", raw,
                            "--mask", c.dir / "mask.png", "--draw", c.dir / "over.png").stdout)
    there = c.infer("mask", wide, "--mask", c.dir / "coded.png")[0]
    planes = read_floats(raw)
    width, height, step, rows = read_png(c.dir / "mask.png")
    check((width, height, step) == (240, 100, 1), "the mask")
    counts = [sum(row.count(k) for row in rows) for k in range(3)]
    check(sum(counts) == width * height and min(counts) > 100, counts)
    for answer in (here, there):
        check({a["class"] for a in answer["classes"]} == {0, 1, 2} and answer["width"] == 240, answer)
        for a in answer["classes"]:
            check(abs(a["share"] - counts[a["class"]] / (width * height)) < 1e-3, a, counts)
            check(a["label"] == ["nothing", "cat", "dog"][a["class"]], a)
    for j in range(16):  # at the middles of the mask's own pixels, their highest plane
        for i in range(24):
            scores = sorted((planes[k * 16 * 24 + j * 24 + i], k) for k in range(3))
            if scores[2][0] - scores[1][0] > .2:
                got = rows[int((j + .5) * 100 / 16)][int((i + .5) * 10)]
                check(got == scores[2][1], i, j, got, scores)
    coded = read_png(c.dir / "coded.png")[3]
    check(sum(a != b for x, y in zip(rows, coded) for a, b in zip(x, y)) < width * height // 500, "coded masks differ")
    _, _, _, over = read_png(c.dir / "over.png")
    pixels = wide.read_bytes()[15:]
    for y in range(60, 100):
        for x in range(120, 240):
            same = over[y][3 * x:3 * x + 3] == pixels[3 * (y * width + x):][:3]
            check(same or rows[y][x], "the background is coloured at", x, y)

    check_refusals(c, yolo, wide)
