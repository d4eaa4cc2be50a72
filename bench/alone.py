# SPDX-License-Identifier: Apache-2.0
"""What a network costs one thread of this machine: hedge's engine, without loading it."""
import math
import os
import random
import statistics
import subprocess
import tempfile
from array import array

from models import Runner
from networks import NETWORKS

PROGRAM = "bench/hedge-run-model"  # of the target `benchmarks`


def made(model, build):
    """The network's file: kept with the build, and never half there."""
    path = build / f"bench-models/{model}.onnx"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        subprocess.run([build / "client/hedge", "model", "make", model, fresh, "--quiet"], check=True)
        fresh.rename(path)
    return path


class Alone:
    """One run at a time of this build's engine, and of another's where that has the program."""

    def __init__(self, model, build, before=None):
        self.file = made(model, build)
        builds = ({"before": before} if before and os.access(before / PROGRAM, os.X_OK) else {}) | {"now": build}
        self.runners = {name: Runner([str(folder / PROGRAM), str(self.file)], OMP_NUM_THREADS="1")
                        for name, folder in builds.items()}
        self.seconds = {name: [] for name in self.runners}
        with tempfile.NamedTemporaryFile() as file:
            luck = random.Random(1)
            array("f", (luck.gauss(0, 1) for _ in range(math.prod(NETWORKS[model][1])))).tofile(file)
            file.flush()
            for runner in self.runners.values():
                runner.tell("input", file.name)
                runner.run(1)  # finds its weights cold

    def run(self):
        for name, runner in self.runners.items():
            self.seconds[name].append(runner.run(1)[0] / 1e9)

    def processor_ms(self):
        """Of this build."""
        return 1e3 * statistics.median(self.seconds["now"])

    def report(self):
        return {name: {"runs": len(s), "processor_ms": round(1e3 * statistics.median(s), 3)} for name, s in self.seconds.items()}

    def close(self):
        for runner in self.runners.values():
            runner.close()
