# SPDX-License-Identifier: Apache-2.0
"""A U-Net, a super-resolution net, detectors of things and of text, a net over sound and one over volumes give over every code what
`hedge local` gives."""
import math

from cluster import Cluster, check, check_close, read_floats, write_npy
from small_models import Model

# As in every_scheme.py: error per unit of condition, and that of local layers.
PER_CONDITION, PLAIN = 1e-6, 1e-5

SCHEMES = ("nsctc", "mds", "lt", "krp", "replication", "uncoded", "steal")


def relu_conv(m, x, out_c, in_c, *kernel, pad=None, stride=1, op="Conv", **more):
    shape = (in_c, out_c, *kernel) if op == "ConvTranspose" else (out_c, in_c, *kernel)
    pads = [k // 2 if pad is None else pad for k in kernel] * 2
    y = m.node(op, x, m.weights(*shape), m.weights(out_c), pads=pads, strides=[stride] * len(kernel), **more)
    return m.node("Relu", y)


def unet(path):
    """Two levels down and up again: one up by a filter of 2, one by 3 with an output padding; skips, normalisation."""
    m = Model((1, 3, 32, 24))
    top = relu_conv(m, "x", 8, 3, 3, 3)
    middle = relu_conv(m, m.node("MaxPool", top, kernel_shape=[2, 2], strides=[2, 2]), 12, 8, 3, 3)
    x = relu_conv(m, m.node("MaxPool", middle, kernel_shape=[2, 2], strides=[2, 2]), 16, 12, 3, 3)
    x = relu_conv(m, x, 12, 16, 2, 2, pad=0, stride=2, op="ConvTranspose")
    x = relu_conv(m, m.node("Concat", x, middle, axis=1), 12, 24, 3, 3)
    x = m.node("ConvTranspose", x, m.weights(12, 8, 3, 3), pads=[1] * 4, strides=[2, 2], output_padding=[1, 1])
    scale, shift, mean = (m.weights(8) for _ in range(3))
    x = m.node("BatchNormalization", x, scale, shift, mean, m.constant((8,), [1, 2, 3, 4, 1, 2, 3, 4]))
    x = relu_conv(m, m.node("Concat", m.node("Relu", x), top, axis=1), 8, 16, 3, 3)
    return m.write(path, m.node("Conv", x, m.weights(2, 8, 1, 1)))


def super_resolution(path):
    m = Model((1, 1, 20, 24), seed=2)
    x = relu_conv(m, "x", 16, 1, 5, 5)
    x = relu_conv(m, x, 12, 16, 3, 3)
    x = m.node("Conv", x, m.weights(9, 12, 3, 3), pads=[1] * 4)
    return m.write(path, m.node("DepthToSpace", x, blocksize=3, mode="CRD"))


def sound(path):
    """An encoder and a decoder of a wave."""
    m = Model((1, 1, 640), seed=3)
    x = relu_conv(m, "x", 8, 1, 9, stride=4)
    x = relu_conv(m, x, 16, 8, 5, stride=2)
    x = m.node("ConvTranspose", x, m.weights(16, 8, 4), pads=[1, 1], strides=[2])
    x = m.node("Tanh", x)
    return m.write(path, m.node("ConvTranspose", x, m.weights(8, 1, 8), pads=[2, 2], strides=[4]))


def volume(path):
    m = Model((1, 2, 8, 12, 10), seed=4)
    x = relu_conv(m, "x", 8, 2, 3, 3, 3)
    x = m.node("MaxPool", x, kernel_shape=[2, 2, 2], strides=[2, 2, 2])
    x = relu_conv(m, x, 8, 4, 3, 3, 3, group=2)
    x = relu_conv(m, x, 4, 8, 2, 2, 2, pad=0, stride=2, op="ConvTranspose")
    return m.write(path, m.node("AveragePool", x, kernel_shape=[2, 2, 2], strides=[2, 2, 2]))


def upward(m, x):
    return m.node("Resize", x, "", m.constant((4,), [1, 1, 2, 2]), mode="nearest",
                  coordinate_transformation_mode="asymmetric", nearest_mode="floor")


def shuffled(m, x, channels, height, width):
    """Half of the channels as they are, half through a light block, and then one after the other of each."""
    half = channels // 2
    halves = [m.node("Slice", x, *(m.integers((1,), [v]) for v in (i * half, (i + 1) * half, 1))) for i in range(2)]
    y = relu_conv(m, halves[1], half, half, 1, 1)
    y = m.node("Conv", y, m.weights(half, 1, 3, 3), m.weights(half), pads=[1] * 4, group=half)
    y = m.node("Concat", halves[0], relu_conv(m, y, half, half, 1, 1), axis=1)
    y = m.node("Reshape", y, m.integers((5,), [1, 2, half, height, width]))
    y = m.node("Transpose", y, perm=[0, 2, 1, 3, 4])
    return m.node("Reshape", y, m.integers((4,), [1, channels, height, width]))


def detector(path):
    """As NanoDet: shuffled halves, levels that are added, a head that levels share."""
    m = Model((1, 3, 48, 64), seed=5)
    x = relu_conv(m, relu_conv(m, "x", 8, 3, 3, 3, stride=2), 16, 8, 3, 3, stride=2)
    fine = shuffled(m, x, 16, 12, 16)
    coarse = shuffled(m, relu_conv(m, fine, 32, 16, 3, 3, stride=2), 32, 6, 8)
    high = relu_conv(m, coarse, 16, 32, 1, 1)
    low = m.node("Add", relu_conv(m, fine, 16, 16, 1, 1), upward(m, high))
    weights = m.weights(16, 1, 5, 5), m.weights(16, 16, 1, 1), m.weights(12, 16, 1, 1)
    rows = []
    for level, cells in ((low, 12 * 16), (high, 6 * 8)):
        y = m.node("LeakyRelu", m.node("Conv", level, weights[0], pads=[2] * 4, group=16))
        y = m.node("Conv", m.node("LeakyRelu", m.node("Conv", y, weights[1])), weights[2])
        rows.append(m.node("Transpose", m.node("Reshape", y, m.integers((3,), [1, 12, cells])), perm=[0, 2, 1]))
    y = m.node("Concat", *rows, axis=1)
    scores, boxes = (m.node("Slice", y, *(m.integers((1,), [v]) for v in ends)) for ends in ((0, 4, 2), (4, 12, 2)))
    return m.write(path, m.node("Sigmoid", scores), boxes)


def text_detector(path):
    """As DBNet: levels brought to one size and joined, and a map that two transposed convolutions make large again."""
    m = Model((1, 3, 48, 64), opset=14, seed=6)
    fine = m.node("HardSwish", relu_conv(m, "x", 12, 3, 3, 3, stride=2))
    middle = relu_conv(m, fine, 16, 12, 3, 3, stride=2)
    middle = m.node("Add", middle, relu_conv(m, middle, 16, 16, 3, 3))
    coarse = relu_conv(m, middle, 24, 16, 3, 3, stride=2)
    squeezed = m.node("HardSigmoid", m.node("GlobalAveragePool", coarse))
    levels = [relu_conv(m, level, 8, channels, 1, 1)
              for level, channels in ((middle, 16), (m.node("Mul", coarse, squeezed), 24))]
    x = m.node("Concat", levels[0], upward(m, levels[1]), axis=1)
    x = relu_conv(m, relu_conv(m, x, 8, 16, 3, 3), 8, 8, 2, 2, pad=0, stride=2, op="ConvTranspose")
    x = m.node("ConvTranspose", x, m.weights(8, 1, 2, 2), m.weights(1), strides=[2, 2])
    return m.write(path, m.node("Sigmoid", x))


MODELS = {  # name: (how it is made, its input, least number of layers to be coded)
    "unet": (unet, (1, 3, 32, 24), 8),
    "super": (super_resolution, (1, 1, 20, 24), 3),
    "detector": (detector, (1, 3, 48, 64), 8),
    "text": (text_detector, (1, 3, 48, 64), 8),
    "sound": (sound, (1, 1, 640), 4),
    "volume": (volume, (1, 2, 8, 12, 10), 3),
}


def wave(shape):
    return [math.sin(i * 0.37) + 0.3 * math.sin(i * 1.91) for i in range(math.prod(shape))]


for scheme in SCHEMES:
    rule = f"[{{scheme: {scheme}}}]"
    options = ["--set", f"plan.rules={rule}", "--set", "plan.cut=simple", "--set", "plan.macs_per_entry=0",
               "--set", "plan.min_macs=0"]
    with Cluster(boards=4, options=options) as c:
        for name, (make, shape, least) in MODELS.items():
            c.load(make(c.dir / f"{name}.onnx"), name)
            values = write_npy(c.dir / f"{name}.npy", shape, wave(shape))
            c.hedge("local", name, values, "--raw", c.dir / "local.f32")
            wanted = read_floats(c.dir / "local.f32")
            check(max(map(abs, wanted)) > 1e-2, name, "answers nothing")
            answer = c.infer(name, values, "--raw", c.dir / "coded.f32")[0]
            coded = [layer for layer in answer["layers"] if layer["scheme"] == scheme]
            tolerance = PLAIN + PER_CONDITION * sum(layer["condition"] for layer in coded)
            check_close(read_floats(c.dir / "coded.f32"), wanted, f"{name}, {scheme}", tolerance)
            check(len(coded) >= least, name, scheme, "only", len(coded), "layers are coded:", answer["layers"])
            for layer in coded:
                check(layer["parts_used"] >= layer["parts_needed"] == layer["k_a"] * layer["k_b"] > 1, layer)
            c.hedge("unload", name)
        print(scheme, "done")
