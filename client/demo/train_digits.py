#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Train the demo's digit classifier, a LeNet-5 in shape, on MNIST: by hedge itself, on a cluster of boards on this machine
which send their gradients in eight bits and less (method co3).

    train_digits.py BUILD_FOLDER [DATA_FOLDER] [--output MODEL.onnx]

DATA_FOLDER, or mnist/ in it, holds MNIST's four gzipped IDX files. Drawn digits vary more than MNIST's, so the pictures are
turned, slanted, scaled and shifted first, several times each. Five minutes on two cores. The weights in the repository
came from this script with its default options; new ones replace them only where every digit that draw_digits.py draws is
read rightly and at least 99.5 % of MNIST's test pictures are.
"""
import argparse
import contextlib
import gzip
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np

import draw_digits

HERE = pathlib.Path(__file__).resolve().parent
SIDE = 28
SLICE = 5000  # pictures at a time: a few hundred megabytes while they are changed
LEAST = 0.995  # README.md states it
TRAIN, TEST = (("train-images-idx3-ubyte", "train-labels-idx1-ubyte"), ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"))


def layers():
    """LeNet-5 has 6 and 16 filters; multiples of 8 divide evenly into filter blocks."""
    yield from ({"type": "conv", "name": "conv1", "units": 24, "kernel": 5, "pad": 2}, {"type": "relu"},
                {"type": "max_pool", "kernel": 2},
                {"type": "conv", "name": "conv2", "units": 48, "kernel": 5}, {"type": "relu"},
                {"type": "max_pool", "kernel": 2}, {"type": "flatten"},
                {"type": "dense", "name": "fc1", "units": 120}, {"type": "relu"},
                {"type": "dense", "name": "fc2", "units": 84}, {"type": "relu"},
                {"type": "dense", "name": "logits", "units": 10})


# --- data ---------------------------------------------------------------------------------------------------------

def read_idx(path):
    """An IDX file of unsigned bytes, gzipped."""
    raw = gzip.decompress(path.read_bytes())
    zero, kind, rank = struct.unpack(">HBB", raw[:4])
    if zero != 0 or kind != 8:
        sys.exit(f"{path}: not an IDX file of bytes")
    dims = struct.unpack(f">{rank}I", raw[4:4 + 4 * rank])
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(dims)


@contextlib.contextmanager
def new_idx(path, *dims):
    """@return a file behind its header."""
    with open(path, "wb") as file:
        file.write(struct.pack(f">HBB{len(dims)}I", 0, 8, len(dims), *dims))
        yield file


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


def make_data(mnist, folder, copies):
    """So many changed copies of every picture, each another. @return the job's `data`."""
    images, labels = (read_idx(mnist / f"{name}.gz") for name in TRAIN)
    rng = np.random.default_rng(2026)
    files = [str(folder / name) for name in TRAIN]
    with new_idx(files[0], copies * len(images), SIDE, SIDE) as pixels, new_idx(files[1], copies * len(labels)) as classes:
        for _ in range(copies):
            for at in range(0, len(images), SLICE):
                changed = augment(images[at:at + SLICE] / np.float32(255), rng)
                pixels.write(np.rint(changed * 255).astype(np.uint8).tobytes())
            classes.write(labels.tobytes())
    return {"format": "idx", "train": files, "test": [str(mnist / f"{name}.gz") for name in TEST],
            "labels": [str(digit) for digit in range(10)]}


# --- the cluster --------------------------------------------------------------------------------------------------

class Cluster:
    """A coordinator and boards on this machine, for as long as it is entered."""

    def __init__(self, build, folder, boards):
        self.hedge, self.folder, self.boards = build / "client" / "hedge", folder, boards
        self.env = {**os.environ, "OMP_WAIT_POLICY": "passive"}

    def run(self, *words, **options):
        done = subprocess.run([str(self.hedge), *map(str, words)], text=True, check=False, env=self.env, **options)
        if done.returncode:
            sys.exit(f"`hedge {words[0]}` ended with status {done.returncode}")
        return done.stdout

    def __enter__(self):
        self.run("up", "--boards", self.boards, "--dir", self.folder, "--detach", "--quiet")
        return self

    def __exit__(self, *_):
        subprocess.run([str(self.hedge), "down", "--dir", str(self.folder)], check=False, env=self.env)


def write_job(path, data, args):
    job = {"name": "digits", "layers": list(layers()), "data": data, "method": "co3", "epochs": args.epochs, "batch": 128,
           "seed": 4, "sgd": {"rate": 0.06, "momentum": 0.9, "decay": 0.0005, "schedule": "cosine", "warm_up": 400},
           "co3": {"format": "fp8", "max_bits": 4.5, "downlink": "fp8", "shards": args.boards}}
    path.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in job.items()))  # JSON is YAML
    return path


# --- is it good enough? -------------------------------------------------------------------------------------------

def drawn_digits(cluster, model, folder):
    """@return how many of the demo's pictures are read rightly, and how many there are."""
    folder.mkdir()
    paths, truth = [], []
    for digit, variation, rows in draw_digits.pictures(4, seed=1):
        paths.append(folder / f"digit-{digit}-{variation}.png")
        paths[-1].write_bytes(draw_digits.png(rows))
        truth.append(digit)
    answers = cluster.run("local", model, *paths, "--json", "--top", 1, stdout=subprocess.PIPE).splitlines()
    return sum(json.loads(a)["top"][0]["index"] == d for a, d in zip(answers, truth)), len(truth)


def test_accuracy(cluster):
    """Of the last epoch, as the coordinator tells."""
    lines = cluster.run("jobs", "1", "--json", "--dir", cluster.folder, stdout=subprocess.PIPE).splitlines()
    return [json.loads(line)["test_accuracy"] for line in lines if '"epoch"' in line and '"test_accuracy"' in line][-1]


def replace(source, target):
    """Whole or not at all, also on another file system."""
    fresh = target.with_name(target.name + ".new")
    shutil.copyfile(source, fresh)
    fresh.rename(target)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    option = parser.add_argument
    option("build", type=pathlib.Path, help="a built hedge")
    option("data", type=pathlib.Path, nargs="?", default=HERE.parents[2] / "shared/data/datasets",
           help="with mnist/, or MNIST itself (../shared/data/datasets)")
    option("--output", type=pathlib.Path, default=HERE / "digits" / "model.onnx", help="(client/demo/digits/model.onnx)")
    option("--epochs", type=int, default=2, help="over all copies (2)")
    option("--copies", type=int, default=8, help="changed copies of each picture (8)")
    option("--boards", type=int, default=4, help="of the cluster (4)")
    args = parser.parse_args()
    mnist = args.data / "mnist" if (args.data / "mnist").is_dir() else args.data
    if not (mnist / f"{TRAIN[0]}.gz").is_file():
        sys.exit(f"no MNIST in {mnist}: give the folder that holds {TRAIN[0]}.gz")

    with tempfile.TemporaryDirectory(prefix="hedge-digits-") as name:
        folder, began = pathlib.Path(name), time.monotonic()
        print(f"changing {args.copies} copies of every picture", flush=True)
        job = write_job(folder / "digits.yaml", make_data(mnist, folder, args.copies), args)
        model = folder / "model.onnx"
        with Cluster(args.build.resolve(), folder / "cluster", args.boards) as cluster:
            cluster.run("train", job, "--dir", cluster.folder, "-o", model)
            accuracy = test_accuracy(cluster)
            right, drawn = drawn_digits(cluster, model, folder / "pictures")
        print(f"{accuracy:.2%} of MNIST's test pictures and {right} of {drawn} drawn digits right, "
              f"{time.monotonic() - began:.0f} s in all")
        if right < drawn or accuracy < LEAST:
            sys.exit("that is not good enough; what was there stays")
        for path in (model, model.with_suffix(".yaml")):
            replace(path, args.output.with_suffix(path.suffix))
        print(f"{args.output}: {args.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
