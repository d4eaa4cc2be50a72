# SPDX-License-Identifier: Apache-2.0
"""Real models, every convolution that can be coded over 8 boards, give their reference answers. (SqueezeNet has a test
of its own.)"""
import array
import gzip
import itertools
import json

from cluster import Cluster, check, check_close, read_floats, test_data, write_npy
from small_models import fields

DATA = test_data()
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def check_rows(got, wanted, what, rows):
    size = len(wanted) // rows
    for i in range(rows):
        a, b = got[i * size:(i + 1) * size], wanted[i * size:(i + 1) * size]
        check_close(a, b, f"{what}, row {i}")
        check(max(range(size), key=lambda k: a[k]) == max(range(size), key=lambda k: b[k]), what, "top-1 of row", i)


def run(cluster, name, inputs, *words):
    """@return the raw outputs; every coded layer must have been decoded from the boards."""
    raw = cluster.dir / "out.f32"
    raw.unlink(missing_ok=True)
    answers = cluster.infer(name, *inputs, "--raw", raw, *words)
    check(len(answers) == len(inputs), name, "answered", len(answers), "of", len(inputs))
    for layer in itertools.chain.from_iterable(a["layers"] for a in answers):
        check(layer["scheme"] == "nsctc" and layer["delta"] <= 6, name, layer)
        check(layer["parts_used"] >= layer["parts_needed"], name, layer)
    print(f"{name}: {len(inputs)} inputs, {len(answers[0]['layers'])} coded layers, worst condition",
          "%.0f" % max(l["condition"] for a in answers for l in a["layers"]))
    return read_floats(raw)


def tensor(path):
    """The float32 raw_data (field 9) of an ONNX TensorProto file."""
    for number, value in fields(path.read_bytes()):
        if number == 9:
            values = array.array("f")
            values.frombytes(value)
            return values
    raise ValueError(f"{path} has no raw data")


def first64(c, name, model, reference, images, shape, scale=1.0, mean=(0.0,) * 3, std=(1.0,) * 3, count=8):
    """Some of the first 64 pictures of a data set (planar bytes)."""
    c.load(DATA / model, name)
    plane, files = shape[-1] * shape[-2], []
    for n in range(count):
        values = [(byte * scale - mean[i // plane]) / std[i // plane] for i, byte in enumerate(images[n])]
        files.append(write_npy(c.dir / f"{name}-{n}.npy", shape, values))
    wanted = read_floats(DATA / reference)[:10 * count]
    check_rows(run(c, name, files), wanted, name, count)
    c.hedge("unload", name)


def cifar10(c):
    records = gzip.open(DATA / "datasets/cifar10/data_batch_1_first4000.bin.gz").read(64 * 3073)
    images = [records[i * 3073 + 1:(i + 1) * 3073] for i in range(64)]
    for net in ("resnet20", "resnet56"):
        first64(c, net, f"models/resnet-cifar10/{net}-cifar10.onnx", f"reference/cifar10/{net}-cifar10.first64.f32",
                images, (1, 3, 32, 32), 1 / 255, MEAN, STD)
    first64(c, "resnet8", "models/mlperf-tiny/mlperf_tiny_resnet8_cifar10.onnx",
            "reference/cifar10/mlperf_tiny_resnet8.first64.f32", images, (1, 3, 32, 32))


def mnist(c):
    images = gzip.open(DATA / "datasets/mnist/t10k-images-idx3-ubyte.gz").read(16 + 64 * 784)[16:]
    images = [images[i * 784:(i + 1) * 784] for i in range(64)]
    first64(c, "lenet", "models/lenet/lenet.onnx", "reference/mnist/lenet.first64.f32", images, (1, 1, 28, 28), 1 / 256)
    first64(c, "mnist-8", "models/mnist-8/model.onnx", "reference/mnist/mnist-8.first64.f32", images, (1, 1, 28, 28))


def person(c):
    """There is no reference for this one: the cluster's answer against this machine's alone."""
    c.load(DATA / "models/mlperf-tiny/mlperf_tiny_vww_mobilenetv1_0.25_96.onnx", "person")
    shape = json.loads(c.hedge("models", "person", "--json").stdout)["inputs"][0]["shape"]
    values = write_npy(c.dir / "person.npy", shape, [i * 7919 % 256 / 255 for i in range(3 * 96 * 96)])
    got = run(c, "person", [values])
    c.hedge("local", "person", values, "--raw", c.dir / "local.f32")
    check_close(got, read_floats(c.dir / "local.f32"), "person")
    c.hedge("unload", "person")


def faces(c):
    header, pixels = (DATA / "reference/detect/faces-320x240.ppm").read_bytes().split(b"255\n", 1)
    check(header.split() == [b"P6", b"320", b"240"], header)
    values = [(pixels[i * 3 + channel] - 127) / 128 for channel in range(3) for i in range(320 * 240)]
    c.load(DATA / "models/ultraface/version-RFB-320.onnx", "faces")
    got = run(c, "faces", [write_npy(c.dir / "faces.npy", (1, 3, 240, 320), values)])
    scores = read_floats(DATA / "reference/detect/ultraface-RFB-320.scores.f32")
    boxes = read_floats(DATA / "reference/detect/ultraface-RFB-320.boxes.f32")
    check_close(got[:len(scores)], scores, "faces: scores")
    check_close(got[len(scores):], boxes, "faces: boxes")
    c.hedge("unload", "faces")


def light(c):
    n = 3 * 224 * 224
    ramp = write_npy(c.dir / "ramp.npy", (1, 3, 224, 224), [i / n for i in range(n)])
    for net in ("bvlc_alexnet", "resnet50", "vgg19"):
        c.load(DATA / f"models/light/light_{net}.onnx", net)
        wanted = tensor(DATA / f"models/light/light_{net}_output_0.pb")
        check_close(run(c, net, [ramp]), wanted, net)
        c.hedge("unload", net)


with Cluster(boards=8, work="layers", options=["--set", "plan.min_macs=0"]) as cluster:
    for family in (cifar10, mnist, person, faces, light):
        family(cluster)
