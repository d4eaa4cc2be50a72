#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Instructions that 64-bit ARM executes for one run of the 3 x 3 convolutions of VGG-16 and ResNet-18: with Winograd, as hedge
chooses, and without. Counted under qemu, where nothing can be timed; after `./dev cross arm64`."""
import array
import math
import os
import random
import re
import subprocess
import sys
import tempfile

LAYERS = ((112, 128, 128), (56, 256, 256), (28, 512, 512), (14, 512, 512), (56, 64, 64), (28, 128, 128), (14, 256, 256), (7, 512, 512))
DIRECT, ALL = 1, 7  # masks of 1 << HEDGE_CONV_* of kernel.h
PROGRAM, ROOT = "build-arm64/bench/hedge-run-model", "build-sysroots/arm64"


def count(plugin, model, source, methods, runs):
    command = ["qemu-aarch64", "-L", ROOT, "-plugin", plugin, PROGRAM, "-b", "xnnpack", "-m", str(methods), model]
    done = subprocess.run(command, input=f"input {source}\nrun {runs}\n", capture_output=True, text=True, check=True)
    return int(re.search(r"instructions (\d+)", done.stderr)[1])


def main():
    if not os.path.exists(PROGRAM):
        sys.exit(f"arm.py: {PROGRAM} is not there: ./dev cross arm64 builds it")
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        plugin, model, source = (os.path.join(folder, name) for name in ("count.so", "layer.onnx", "input.raw"))
        here = os.path.dirname(os.path.abspath(__file__))
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", plugin, f"{here}/count_instructions.c"], check=True)
        print("millions of instructions  direct  chosen  ratio")
        for size, in_c, out_c in LAYERS:
            subprocess.run(["build/bench/hedge-make-model", "layer", str(size), str(in_c), str(out_c), model], check=True)
            rng = random.Random(1)
            with open(source, "wb") as f:
                array.array("f", (rng.random() for _ in range(size * size * in_c))).tofile(f)
            # What loading takes is the same for one run and for two.
            one_run = [count(plugin, model, source, m, 2) - count(plugin, model, source, m, 1) for m in (DIRECT, ALL)]
            ratios.append(one_run[0] / one_run[1])
            print(f"{size}: {in_c} -> {out_c}".ljust(24), f"{one_run[0] / 1e6:7.1f} {one_run[1] / 1e6:7.1f} {ratios[-1]:6.2f}", flush=True)
    print(f"geometric mean of the ratios: {math.exp(sum(map(math.log, ratios)) / len(ratios)):.2f}")


main()
