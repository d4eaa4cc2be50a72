#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Train the demo's digit classifier, a LeNet-5 in shape, on MNIST with numpy alone, and write it as an ONNX file.

    train_digits.py MNIST_FOLDER [OUTPUT.onnx]

MNIST_FOLDER holds the four IDX files, gzipped. About five minutes on two cores. The result is the same for the
same numpy and BLAS; the weights in the repository came from this script with its default arguments.
"""
import argparse
import ctypes
import gzip
import math
import os
import pathlib
import struct
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "2")

import numpy as np  # noqa: E402  (the number of threads has to be known before)

HERE = pathlib.Path(__file__).resolve().parent
FILTERS_1, FILTERS_2 = 24, 48  # LeNet-5 has 6 and 16; multiples of 8 so that filter blocks divide evenly
HIDDEN_1, HIDDEN_2 = 120, 84
SIDE = 28


# --- data ---------------------------------------------------------------------------------------------------------

def read_idx(path):
    """An IDX file of unsigned bytes, gzipped."""
    raw = gzip.decompress(path.read_bytes())
    zero, kind, rank = struct.unpack(">HBB", raw[:4])
    if zero != 0 or kind != 8:
        sys.exit(f"{path}: not an IDX file of bytes")
    dims = struct.unpack(f">{rank}I", raw[4:4 + 4 * rank])
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(dims)


def load_mnist(folder):
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return [read_idx(folder / f"{name}-ubyte.gz") for name in names]


def augment(images, rng):
    """Rotate, scale, slant and shift each picture a little (one bilinear resampling), and thicken some strokes.

    images: N x 28 x 28 floats in 0..1; returns the same shape. Drawn digits vary in just these ways."""
    n = len(images)
    angle = rng.uniform(-0.22, 0.22, n)
    scale_x, scale_y = rng.uniform(0.82, 1.2, n), rng.uniform(0.82, 1.2, n)
    slant = rng.uniform(-0.25, 0.25, n)
    shift = rng.uniform(-2.5, 2.5, (2, n))
    cos, sin = np.cos(angle), np.sin(angle)
    xx, yx = cos / scale_x, -sin / scale_x
    xy, yy = (sin + slant * cos) / scale_y, (cos - slant * sin) / scale_y

    centre = (SIDE - 1) / 2
    v, u = np.mgrid[0:SIDE, 0:SIDE].reshape(2, 1, -1) - centre
    x = xx[:, None] * u + xy[:, None] * v + (centre + shift[0])[:, None]
    y = yx[:, None] * u + yy[:, None] * v + (centre + shift[1])[:, None]
    x, y = np.clip(x, -1, SIDE) + 1, np.clip(y, -1, SIDE) + 1

    padded = np.zeros((n, SIDE + 3, SIDE + 3), np.float32)
    padded[:, 1:SIDE + 1, 1:SIDE + 1] = images
    x0, y0 = x.astype(np.intp), y.astype(np.intp)
    fx, fy = (x - x0).astype(np.float32), (y - y0).astype(np.float32)
    at = np.arange(n)[:, None] * (SIDE + 3) ** 2 + y0 * (SIDE + 3) + x0
    flat = padded.ravel()
    top = flat[at] * (1 - fx) + flat[at + 1] * fx
    bottom = flat[at + SIDE + 3] * (1 - fx) + flat[at + SIDE + 4] * fx
    out = (top * (1 - fy) + bottom * fy).reshape(n, SIDE, SIDE)

    thick = rng.random(n) < 0.15
    some = out[thick]
    some[:, 1:] = np.maximum(some[:, 1:], out[thick][:, :-1])
    some[:, :, 1:] = np.maximum(some[:, :, 1:], some[:, :, :-1])
    out[thick] = some
    return out


# --- the network, N x H x W x C ------------------------------------------------------------------------------------

def columns(x, k):
    """im2col: N x H x W x C to (N * OH * OW) x (k * k * C)."""
    n, h, w, c = x.shape
    line = np.ascontiguousarray(x).reshape(n, h, w * c)
    byte = line.strides
    windows = np.lib.stride_tricks.as_strided(line, (n, h - k + 1, w - k + 1, k, k * c),
                                              (byte[0], byte[1], c * byte[2], byte[1], byte[2]))
    return windows.reshape(-1, k * k * c)


def uncolumns(cols, shape, k):
    """The transpose of columns(): add every column entry to where it was read from."""
    n, h, w, c = shape
    cols = cols.reshape(n, h - k + 1, w - k + 1, k, k, c)
    out = np.zeros(shape, np.float32)
    for i in range(k):
        for j in range(k):
            out[:, i:i + h - k + 1, j:j + w - k + 1] += cols[:, :, :, i, j]
    return out


def pool_relu(x):
    """2 x 2 maximum, then relu (the same as relu, then maximum)."""
    n, h, w, c = x.shape
    blocks = x.reshape(n, h // 2, 2, w // 2, 2, c)
    return blocks, np.maximum(blocks.max(axis=(2, 4)), 0)


def pool_relu_back(grad, blocks, out):
    grad = grad * (out > 0)
    return (blocks == out[:, :, None, :, None]) * grad[:, :, None, :, None]


def initial(rng):
    """He initialisation; biases zero."""
    def weights(fan_in, out):
        return rng.standard_normal((fan_in, out)).astype(np.float32) * np.float32(math.sqrt(2 / fan_in))

    flat = 5 * 5 * FILTERS_2
    sizes = {"conv1": (25, FILTERS_1), "conv2": (25 * FILTERS_1, FILTERS_2), "fc1": (flat, HIDDEN_1),
             "fc2": (HIDDEN_1, HIDDEN_2), "fc3": (HIDDEN_2, 10)}
    params = {}
    for name, (fan_in, out) in sizes.items():
        params[name + ".w"] = weights(fan_in, out)
        params[name + ".b"] = np.zeros(out, np.float32)
    return params


def forward(p, images):
    """Logits of N x 28 x 28 pictures, and what backward() needs."""
    n = len(images)
    x = np.pad(images, ((0, 0), (2, 2), (2, 2)))[..., None]
    cols1 = columns(x, 5)
    blocks1, a1 = pool_relu((cols1 @ p["conv1.w"] + p["conv1.b"]).reshape(n, 28, 28, FILTERS_1))
    cols2 = columns(a1, 5)
    blocks2, a2 = pool_relu((cols2 @ p["conv2.w"] + p["conv2.b"]).reshape(n, 10, 10, FILTERS_2))
    flat = a2.reshape(n, -1)
    h1 = np.maximum(flat @ p["fc1.w"] + p["fc1.b"], 0)
    h2 = np.maximum(h1 @ p["fc2.w"] + p["fc2.b"], 0)
    return h2 @ p["fc3.w"] + p["fc3.b"], (cols1, blocks1, a1, cols2, blocks2, a2, flat, h1, h2)


def backward(p, kept, grad):
    """Gradients of the parameters, given that of the logits."""
    cols1, blocks1, a1, cols2, blocks2, a2, flat, h1, h2 = kept
    g = {}

    def dense(name, x, dy):
        g[name + ".w"], g[name + ".b"] = x.T @ dy, dy.sum(0)

    dense("fc3", h2, grad)
    grad = (grad @ p["fc3.w"].T) * (h2 > 0)
    dense("fc2", h1, grad)
    grad = (grad @ p["fc2.w"].T) * (h1 > 0)
    dense("fc1", flat, grad)
    grad = (grad @ p["fc1.w"].T).reshape(a2.shape)
    grad = pool_relu_back(grad, blocks2, a2).reshape(-1, FILTERS_2)
    dense("conv2", cols2, grad)
    grad = uncolumns(grad @ p["conv2.w"].T, a1.shape, 5)
    grad = pool_relu_back(grad, blocks1, a1).reshape(-1, FILTERS_1)
    dense("conv1", cols1, grad)
    return g


def cross_entropy(logits, labels, smooth=0.02):
    """Mean loss with a little label smoothing, and its gradient."""
    z = logits - logits.max(1, keepdims=True)
    probability = np.exp(z)
    probability /= probability.sum(1, keepdims=True)
    target = np.full_like(z, smooth / 10)
    target[np.arange(len(z)), labels] += 1 - smooth
    loss = -(target * np.log(probability + 1e-12)).sum(1).mean()
    return loss, (probability - target) / np.float32(len(z))


def adam(p, g, state, step, rate):
    for name, grad in g.items():
        m, v = state.setdefault(name, [np.zeros_like(grad), np.zeros_like(grad)])
        m += 0.1 * (grad - m)
        v += 0.001 * (grad * grad - v)
        m_hat, v_hat = m / (1 - 0.9 ** step), v / (1 - 0.999 ** step)
        p[name] -= (rate * m_hat / (np.sqrt(v_hat) + 1e-8)).astype(np.float32)


def accuracy(p, images, labels):
    right = 0
    for at in range(0, len(images), 500):
        logits, _ = forward(p, images[at:at + 500].astype(np.float32) / np.float32(255))
        right += int((logits.argmax(1) == labels[at:at + 500]).sum())
    return right / len(images)


def train(images, labels, test_images, test_labels, epochs, batch=128, top_rate=2e-3):
    """One warm-up and a cosine down to zero; the answer is a running mean of the weights."""
    rng = np.random.default_rng(2024)
    p, state, step = initial(rng), {}, 0
    mean = {name: value.copy() for name, value in p.items()}
    steps = epochs * (len(images) // batch)
    began = time.monotonic()
    for epoch in range(epochs):
        order = rng.permutation(len(images))
        losses = []
        for at in range(0, len(order) - batch + 1, batch):
            step += 1
            rate = top_rate * min(step / 300, 0.5 + 0.5 * math.cos(math.pi * step / steps))
            chosen = order[at:at + batch]
            logits, kept = forward(p, augment(images[chosen] / np.float32(255), rng))
            loss, grad = cross_entropy(logits, labels[chosen])
            adam(p, backward(p, kept, grad), state, step, rate)
            losses.append(loss)
            for name, value in p.items():
                mean[name] += 0.005 * (value - mean[name])
        print(f"epoch {epoch + 1:2}/{epochs}  loss {np.mean(losses):.4f}  test {accuracy(mean, test_images, test_labels):.4f}"
              f"  {time.monotonic() - began:5.0f} s", flush=True)
    return mean


# --- ONNX: just enough of protobuf ----------------------------------------------------------------------------------

def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, value):
    """One protobuf field: integers as varints; strings, bytes and messages with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(name, array):
    """TensorProto of float32, raw."""
    dims = b"".join(field(1, d) for d in array.shape)
    return dims + field(2, 1) + field(8, name) + field(9, array.astype("<f4").tobytes())


def attribute(name, value):
    """AttributeProto of an integer (type 2) or integers (type 7)."""
    if isinstance(value, int):
        return field(1, name) + field(3, value) + field(20, 2)
    return field(1, name) + b"".join(field(8, v) for v in value) + field(20, 7)


def node(kind, inputs, output, **attributes):
    """NodeProto, named as its output."""
    return (b"".join(field(1, i) for i in inputs) + field(2, output) + field(3, output) + field(4, kind)
            + b"".join(field(5, attribute(k, v)) for k, v in attributes.items()))


def value_info(name, shape):
    dims = b"".join(field(1, field(1, d)) for d in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))


def onnx_model(p):
    """ModelProto, opset 13. Filters become N x C x kh x kw and fc1's rows are put in C x H x W order."""
    conv1 = p["conv1.w"].reshape(5, 5, 1, FILTERS_1).transpose(3, 2, 0, 1)
    conv2 = p["conv2.w"].reshape(5, 5, FILTERS_1, FILTERS_2).transpose(3, 2, 0, 1)
    fc1 = p["fc1.w"].reshape(5, 5, FILTERS_2, HIDDEN_1).transpose(3, 2, 0, 1).reshape(HIDDEN_1, -1)
    constants = {"conv1.w": conv1, "conv1.b": p["conv1.b"], "conv2.w": conv2, "conv2.b": p["conv2.b"],
                 "fc1.w": fc1, "fc1.b": p["fc1.b"], "fc2.w": p["fc2.w"].T, "fc2.b": p["fc2.b"],
                 "fc3.w": p["fc3.w"].T, "fc3.b": p["fc3.b"]}
    pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        node("Conv", ["image", "conv1.w", "conv1.b"], "conv1", kernel_shape=[5, 5], pads=[2, 2, 2, 2]),
        node("Relu", ["conv1"], "relu1"),
        node("MaxPool", ["relu1"], "pool1", **pool),
        node("Conv", ["pool1", "conv2.w", "conv2.b"], "conv2", kernel_shape=[5, 5]),
        node("Relu", ["conv2"], "relu2"),
        node("MaxPool", ["relu2"], "pool2", **pool),
        node("Flatten", ["pool2"], "flat", axis=1),
        node("Gemm", ["flat", "fc1.w", "fc1.b"], "fc1", transB=1),
        node("Relu", ["fc1"], "relu3"),
        node("Gemm", ["relu3", "fc2.w", "fc2.b"], "fc2", transB=1),
        node("Relu", ["fc2"], "relu4"),
        node("Gemm", ["relu4", "fc3.w", "fc3.b"], "logits", transB=1),
    ]
    graph = (b"".join(field(1, n) for n in nodes) + field(2, "digits")
             + b"".join(field(5, tensor(k, v)) for k, v in constants.items())
             + field(11, value_info("image", [1, 1, SIDE, SIDE])) + field(12, value_info("logits", [1, 10])))
    return field(1, 7) + field(2, "hedge train_digits.py") + field(7, graph) + field(8, field(2, 13))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mnist", type=pathlib.Path, help="folder with MNIST's four gzipped IDX files")
    parser.add_argument("output", type=pathlib.Path, nargs="?", default=HERE / "digits" / "model.onnx")
    parser.add_argument("--epochs", type=int, default=8)
    args = parser.parse_args()
    for option in (-1, -3):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD: keep freed memory, or a third of the time is page faults
        ctypes.CDLL(None).mallopt(option, 1 << 30)
    images, labels, test_images, test_labels = load_mnist(args.mnist)
    p = train(images, labels, test_images, test_labels, args.epochs)
    args.output.write_bytes(onnx_model(p))
    print(f"{args.output}: {args.output.stat().st_size} bytes, "
          f"{accuracy(p, test_images, test_labels):.2%} of the {len(test_images)} test pictures right")


if __name__ == "__main__":
    main()
