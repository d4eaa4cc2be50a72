# SPDX-License-Identifier: Apache-2.0
"""Networks of fire modules, of depthwise layers, of two outputs, in strips of runs of layers and in one piece: what `hedge local` answers."""
import os
import random

from cluster import Cluster, check, check_close, hedge, read_floats, test_data, write_npy

DATA = test_data() / "models"
# name: (file, shape of the input)
MODELS = {"squeezenet": (DATA / "squeezenet1.1/squeezenet1.1-7.onnx", (1, 3, 224, 224)),
          "ultraface": (DATA / "ultraface/version-RFB-320.onnx", (1, 3, 240, 320)),
          "mobilenet": (DATA / "mlperf-tiny/mlperf_tiny_vww_mobilenetv1_0.25_96.onnx", (1, 3, 96, 96))}
# Machines so slow, beside their links, that sharing out pays; numbers as they are, and no layer coded (of a busy machine's boards a plan
# may be that some are), so that nothing but the order of sums may differ.
SPEED = 200_000_000
OPTIONS = ["--set", "plan.cut=measured", "--set", "plan.min_macs=1000000000000", "--set", "plan.wire=f32", "--set", "prior.link_mbit=1000",
           "--set", f"prior.here_macs_per_s={SPEED}", "--set", f"prior.board_macs_per_s={SPEED}",
           "--set", "test.allow_emulation=true", "--set-board", "test.allow_emulation=true"]
# The coordinator takes strips beside the boards; a whole network it might have done before the next request has come.
HERE = {"segments": [], "whole": ["--set", "plan.here=false"]}
TOLERANCE = 1e-5  # of the largest output: kernels may sum in another order where a window has another size

os.environ["HEDGE_EMULATE_MACS_PER_S"] = str(SPEED)
for work, here in HERE.items():
    with Cluster(boards=4, work=work, options=OPTIONS + here) as c:
        for name, (file, shape) in MODELS.items():
            luck = random.Random(name)
            count = shape[1] * shape[2] * shape[3]
            inputs = [write_npy(c.dir / f"{name}-{i}.npy", shape, [luck.gauss(0, 1) for _ in range(count)]) for i in range(2)]
            c.load(file, name)
            answers = c.infer(name, *inputs, "--raw", c.dir / "cluster.f32")
            hedge("local", file, *inputs, "--raw", c.dir / "local.f32")
            check_close(read_floats(c.dir / "cluster.f32"), read_floats(c.dir / "local.f32"), f"{work}, {name}", TOLERANCE)
            boards = {b for a in answers for layer in a["layers"] for b in layer["boards_used"]}
            check(boards, work, name, "no board did anything:", answers)
            print(f"{work}, {name}: boards {sorted(boards)},", [(s["name"], s["scheme"]) for s in answers[0]["layers"]])
