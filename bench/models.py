#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Networks and layers on one thread: hedge beside ONNX Runtime, which take turns. See bench/README.md.

    ./dev bench kernel --models                 all networks, then the 3 x 3 convolutions of VGG-16 and ResNet-18
    ./dev bench kernel --models resnet18 layers those named
    ./dev bench kernel --models --nodes ultraface   where hedge's time goes, node by node
"""
import argparse
import array
import json
import math
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

from networks import resnet18, vgg16  # noqa: E402

ORT_VERSION = "1.30.0"
TURN_SECONDS = 0.1  # of one program, before the other has its turn: short beside what disturbs, long beside a switch
FEWEST_TURNS = 7
FILES = {  # below the folder of models, or None: made with `hedge model make`
    "squeezenet1.1": "squeezenet1.1/squeezenet1.1-7.onnx",
    "resnet18": None,
    "vgg16": None,
    "resnet56": "resnet-cifar10/resnet56-cifar10.onnx",
    "ultraface": "ultraface/version-RFB-320.onnx",
    "person": "mlperf-tiny/mlperf_tiny_vww_mobilenetv1_0.25_96.onnx",
    "alexnet": None,
}
WAYS = {  # columns of the layers' table: arguments of hedge-run-model; the mask is 1 << HEDGE_CONV_* of kernel.h
    "onednn": ["-b", "onednn"],
    "direct": ["-b", "onednn", "-m", "1"],
    "wino. 2x2": ["-b", "onednn", "-m", "2"],
    "wino. 4x4": ["-b", "onednn", "-m", "4"],
    "xnnpack": ["-b", "xnnpack"],
    "xn.direct": ["-b", "xnnpack", "-m", "1"],
}
HERE = os.path.dirname(os.path.abspath(__file__))


def parse():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(FILES)}, or layers (all)")
    p.add_argument("--build", default="build", metavar="FOLDER", help="a build of hedge (build)")
    data = os.environ.get("HEDGE_TEST_DATA", "../shared/data")
    p.add_argument("--data", default=os.path.join(data, "models"), metavar="FOLDER", help="the models (%(default)s)")
    p.add_argument("--backend", metavar="NAME", help="hedge's back end (the build's best)")
    p.add_argument("--direct", action="store_true", help="networks without Winograd's convolutions")
    p.add_argument("--ways", default=",".join(WAYS), metavar="A,B", help="columns of the layers' table (%(default)s); the "
                   "first is what is compared with ONNX Runtime")
    p.add_argument("--seconds", type=float, default=6, help="to spend on each program and network or layer (6)")
    p.add_argument("--nodes", action="store_true", help="print what each node of hedge takes instead")
    p.add_argument("--ort", metavar="FOLDER", help="where onnxruntime-node is or is to be (bench-ort in the build)")
    p.add_argument("--json", metavar="FILE", help="write what was measured")
    a = p.parse_args()
    for name in a.names:
        if name not in FILES and name != "layers":
            p.error(f"no such network: {name}")
    for way in a.ways.split(","):
        if way not in WAYS:
            p.error(f"no such way: {way}")
    return a


class Runner:
    """A program that runs a model when told to."""

    def __init__(self, command, **environment):
        self.program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **environment})
        self.greeting = self.line()

    def line(self):
        line = self.program.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.program.args[0]} has ended with {self.program.wait()}")
        return line

    def tell(self, *words):
        print(*words, file=self.program.stdin, flush=True)
        return self.line().split()

    def run(self, n, verb="run"):
        """@return processor nanoseconds together, [nanoseconds of each]."""
        cpu, *walls = map(int, self.tell(verb, n))
        return cpu, walls

    def close(self):
        self.program.stdin.close()
        self.program.wait()


class Bench:
    def __init__(self, options):
        self.options = options
        self.runner = os.path.join(options.build, "bench/hedge-run-model")
        self.maker = os.path.join(options.build, "bench/hedge-make-model")
        self.folder = tempfile.mkdtemp(prefix="hedge-bench-")
        self.ort = install_ort(options.ort or os.path.join(options.build, "bench-ort"))
        self.results = []

    def path(self, name):
        """A network's file, made where it can be. @return None: it is not here."""
        if FILES[name]:
            path, fixed = os.path.join(self.options.data, FILES[name]), os.path.join(self.folder, name + ".onnx")
            if not os.path.exists(path):
                return None
            subprocess.run([self.maker, "fixed", path, fixed], check=True)
            return fixed
        path = os.path.join(self.options.build, "bench-models", name + ".onnx")
        if not os.path.exists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            hedge = os.path.join(self.options.build, "client/hedge")
            subprocess.run([hedge, "model", "make", name, path], check=True, stdout=subprocess.DEVNULL)
        return path

    def layer(self, size, channels, filters):
        path = os.path.join(self.folder, "layer.onnx")
        subprocess.run([self.maker, "layer", str(size), str(channels), str(filters), path], check=True)
        return path

    def ours(self):
        """Arguments for networks."""
        return [*(["-b", self.options.backend] if self.options.backend else []), *(["-m", "1"] if self.options.direct else [])]

    def open(self, model, ways, profile=False):
        """The programs, hedge's first, all given the same input."""
        runners = {name: Runner([self.runner, *arguments, model]) for name, arguments in ways.items()}
        extents = next(iter(runners.values())).greeting.split()
        if self.ort:
            runners["ort"] = Runner(["node", os.path.join(HERE, "ort.js"), self.ort, model, *extents],
                                    PROFILE=os.path.join(tempfile.mkdtemp(dir=self.folder), "profile") if profile else "")
        draw = random.Random(1)
        file = os.path.join(self.folder, "input")
        with open(file, "wb") as f:
            array.array("f", (draw.gauss(0, 1) for _ in range(math.prod(map(int, extents))))).tofile(f)
        for runner in runners.values():
            runner.tell("input", file)
        return runners

    def compare(self, runners):
        """The largest error of hedge's answers beside ONNX Runtime's, relative to their peak."""
        if "ort" not in runners:
            return None
        file = os.path.join(self.folder, "output")
        runners["ort"].tell("output", file)
        return max(float(r.tell("compare", file)[0]) for name, r in runners.items() if name != "ort")

    def measure(self, model, ways, layer=False):
        """@return {program: [(processor nanoseconds or 0, [nanoseconds]) of each turn]}, error."""
        runners = self.open(model, ways, layer)
        turns = take_turns(runners, self.options.seconds, layer)
        error = self.compare(runners)
        if layer and "ort" in runners:
            turns["ort"] = of_profile(turns["ort"], [int(ns) for ns in runners["ort"].tell("convolutions", "-")])
        for runner in runners.values():
            runner.close()
        return turns, error

    def networks(self, names):
        """The table of whole networks."""
        print("milliseconds of one thread: median (least; processor time), ratio = ONNX Runtime / hedge of turns side by side")
        print(f"{'':16} {'hedge':>27} {'ONNX Runtime':>27} {'ratio':>7} {'of proc.':>8} {'error':>9}", flush=True)
        ratios = []
        for name in names:
            path = self.path(name)
            if not path:
                print(f"{name:16} is not in {self.options.data}, skipped")
                continue
            turns, error = self.measure(path, {"hedge": self.ours()})
            ours, theirs = turns["hedge"], turns.get("ort")
            words = [summary(ours), summary(theirs) if theirs else "", "", ""]
            if theirs:
                ratios.append(ratio(ours, theirs))
                words[2:] = f"{ratios[-1]:.3f}", f"{cpu_ratio(ours, theirs):.3f}"
            print(f"{name:16} {words[0]:>27} {words[1]:>27} {words[2]:>7} {words[3]:>8} {say_error(error):>9}", flush=True)
            self.results.append({"network": name, "turns": turns, "ratio": ratios[-1] if theirs else None, "error": error})
        print_mean(ratios)

    def layers(self):
        """The table of convolutions of 3 x 3 with stride 1."""
        ways = {way: WAYS[way] for way in self.options.ways.split(",") if self.has(WAYS[way])}
        first = next(iter(ways))
        print("\n3 x 3 convolutions with bias and relu: milliseconds of the node alone, median; "
              f"ratio = ONNX Runtime / {first}")
        print(f"{'':16}" + "".join(f" {b:>9}" for b in ways) + f" {'ONNX Rt.':>9} {'ratio':>7} {'error':>9}", flush=True)
        ratios = []
        for size, channels, filters in shapes():
            turns, error = self.measure(self.layer(size, channels, filters), ways, layer=True)
            times = {name: median(t) for name, t in turns.items()}
            words = ""
            if "ort" in turns:
                ratios.append(ratio(turns[first], turns["ort"]))
                words = f" {times['ort']:9.3f} {ratios[-1]:7.3f} {say_error(error):>9}"
            print(f"{f'{size}: {channels} -> {filters}':16}" + "".join(f" {times[b]:9.3f}" for b in ways) + words, flush=True)
            self.results.append({"layer": [size, channels, filters], "turns": turns, "ratio": ratios[-1] if words else None,
                                 "error": error})
        print_mean(ratios)

    def has(self, way):
        """Is its back end in this build? A model of one layer that it takes says so."""
        path = self.layer(4, 4, 4)
        return subprocess.run([self.runner, *way, path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0

    def nodes(self, name):
        self.ort, path = None, self.path(name)
        runner = next(iter(self.open(path, {"hedge": self.ours()}).values()))
        median_of = 2 * FEWEST_TURNS + 1
        runner.run(median_of)
        lines = [runner.line().split(None, 2) for _ in range(int(runner.tell("nodes", median_of)[0]))]
        total = sum(int(ns) for ns, _, _ in lines)
        for ns, kind, node in lines:
            if int(ns):
                print(f"{int(ns) / 1e6:9.3f} ms {int(ns) / total:7.1%}  {kind:20} {node.strip()}")
        runner.close()


def install_ort(folder):
    """ONNX Runtime from the package onnxruntime-node, to measure against only. @return None: it is not to be had."""
    if not shutil.which("node") or not shutil.which("npm"):
        print("models.py: no node and npm (nodejs, npm), so nothing is compared with ONNX Runtime", file=sys.stderr)
        return None
    if not os.path.exists(os.path.join(folder, "node_modules/onnxruntime-node")):
        os.makedirs(folder, exist_ok=True)
        package = f"onnxruntime-node@{ORT_VERSION}"
        done = subprocess.run(["npm", "install", package, "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder],
                              capture_output=True, text=True)
        if done.returncode:
            print(f"models.py: npm install {package} failed, so nothing is compared:\n{done.stderr}", file=sys.stderr)
            return None
    return folder


def take_turns(runners, seconds, layer):
    """Each runs for a moment, then the next; after one run and one turn that are not counted."""
    verbs = {name: "heaviest" if layer and name != "ort" else "run" for name in runners}
    for name, runner in runners.items():
        runner.run(1)
    first = {name: runner.run(1)[1][0] for name, runner in runners.items()}
    counts = {name: max(1, round(TURN_SECONDS * 1e9 / ns)) for name, ns in first.items()}
    longest = max(counts[name] * ns for name, ns in first.items()) / 1e9
    rounds = max(FEWEST_TURNS, round(seconds / max(TURN_SECONDS, longest)))
    turns = {name: [] for name in runners}
    for number in range(rounds + 1):
        for name, runner in runners.items():
            turn = runner.run(counts[name], verbs[name])
            if number:
                turns[name].append(turn)
    return turns


def of_profile(turns, times):
    """The times of a profile in place of those that were measured from outside; it has the runs before them too."""
    at = len(times) - sum(len(walls) for _, walls in turns)
    result = []
    for _, walls in turns:
        result.append((0, times[at:at + len(walls)]))
        at += len(walls)
    return result


def median(turns):
    return statistics.median(ns for _, walls in turns for ns in walls) / 1e6


def summary(turns):
    runs = sum(len(walls) for _, walls in turns)
    least = min(ns for _, walls in turns for ns in walls) / 1e6
    return f"{median(turns):.3f} ({least:.3f}; {sum(cpu for cpu, _ in turns) / runs / 1e6:.3f})"


def ratio(ours, theirs):
    """Of the medians of turns that stand side by side, the median."""
    return statistics.median(statistics.median(b) / statistics.median(a) for (_, a), (_, b) in zip(ours, theirs))


def cpu_ratio(ours, theirs):
    """The same of processor time, which other programs on the machine disturb less."""
    return statistics.median(b / len(y) / (a / len(x)) for (a, x), (b, y) in zip(ours, theirs))


def print_mean(ratios):
    if ratios:
        print(f"geometric mean of the ratios: {statistics.geometric_mean(ratios):.3f}; least: {min(ratios):.3f}", flush=True)


def say_error(error):
    return "" if error is None else f"{error:.1e}"


def shapes():
    """(height = width, channels, filters) of VGG-16's and ResNet-18's 3 x 3 convolutions with stride 1, each once."""
    convs = [c for network in (vgg16, resnet18) for c in network()[0] if c.kernel == 3 and c.stride == 1]
    return list(dict.fromkeys((c.height, c.channels, c.filters) for c in convs))


def main():
    options = parse()
    bench = Bench(options)
    try:
        networks = [name for name in options.names or FILES if name != "layers"]
        if options.nodes:
            for name in networks:
                bench.nodes(name)
            return
        if networks:
            bench.networks(networks)
        if not options.names or "layers" in options.names:
            bench.layers()
        if options.json:
            with open(options.json, "w", encoding="utf-8") as f:
                json.dump(bench.results, f)
    finally:
        shutil.rmtree(bench.folder)


if __name__ == "__main__":
    main()
