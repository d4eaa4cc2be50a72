#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Training with compressed gradients: every way of sending them beside the others, on the same data with the same seeds.

HEDGE names the command line of a build. See bench/README.md.

    ./dev bench training --model lenet5 --json t.json --svg t.svg
    ./dev bench training --step-time --profile slow-20m          how long a step takes on slow links (root)
"""
import argparse
import contextlib
import gzip
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

sys.dont_write_bytecode = True

import draw  # noqa: E402
from emulated import Progress, write_json  # noqa: E402
from answers import busy_since, processor_ticks  # noqa: E402
from bed import KINDS, PROFILES, Bed, check, run  # noqa: E402
from cluster import HEDGE, SOURCE, Cluster  # noqa: E402

LIMIT_BITS = {"fp8": 4.5, "fp4": 2.2}  # per gradient entry, headers and all: what has to be kept to
MAX_BITS = {"fp8": 4.4, "fp4": 2.1}    # what jobs say, without the headers


def co3(format, **more):
    return {"method": "co3", "co3": {"format": format, "downlink": "fp8"} | more}


# How gradients are sent, and what a job says for it.
VARIANTS = {
    "local": {"method": "local"},
    "fp32": co3("fp32", downlink="fp32"),
    "fp16": co3("fp16", downlink="fp16"),
    "fp8": co3("fp8", max_bits=MAX_BITS["fp8"]),
    "fp4": co3("fp4", max_bits=MAX_BITS["fp4"]),
    "fp8-plain": co3("fp8", compress=False, max_bits=0),
    "fp4-plain": co3("fp4", compress=False, max_bits=0),
    "fp8-uncorrected": co3("fp8", max_bits=MAX_BITS["fp8"], gamma=0),
    "fp4-uncorrected": co3("fp4", max_bits=MAX_BITS["fp4"], gamma=0),
    "topk-4.5": co3("topk", max_bits=LIMIT_BITS["fp8"]),
    "topk-2.2": co3("topk", max_bits=LIMIT_BITS["fp4"]),
}
MNIST = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz",
         "t10k-labels-idx1-ubyte.gz")
HELD_OUT = 800  # of the part of CIFAR-10
# What each network is trained with where nothing else is asked for.
MODELS = {
    "lenet5": {"boards": 8, "epochs": 5, "batch": 64, "sgd": {"rate": 0.03, "momentum": 0.9, "decay": 5e-4,
                                                              "schedule": "cosine", "warm_up": 100}},
    "resnet8": {"boards": 4, "epochs": 20, "batch": 32, "sgd": {"rate": 0.1, "momentum": 0.9, "decay": 5e-4,
                                                                "schedule": "cosine", "warm_up": 100}},
}
# What has to be shown: at least that right; so many points below fp32 at most.
LEAST, BELOW_FP32 = {"lenet5": 98.8}, {"lenet5": {"fp8": 0.2, "fp4": 0.5}, "resnet8": {"fp8": 1.0}}
# The network of --step-time, 1,333,770 parameters, and its jobs: few steps, the first epoch not counted (it sends parameters).
WIDE = [1024, 512]
WIDE_BATCH, WIDE_STEPS, WIDE_EPOCHS, WIDE_TEST = 8, 4, 3, 64  # images of a board; per epoch
STEP_TIME_VARIANTS, STEP_TIME_SHARE = ("fp32", "fp8", "fp4"), 0.25


def parse(words=None):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    option = p.add_argument
    option("--model", choices=MODELS, default="lenet5", help="lenet5 on MNIST or resnet8 on a part of CIFAR-10 (lenet5)")
    option("--variants", metavar="NAME,...", help=f"of {','.join(VARIANTS)} (all; {','.join(STEP_TIME_VARIANTS)} of "
           "--step-time)")
    option("--epochs", type=int, metavar="E", help="(5 for lenet5, 20 for resnet8)")
    option("--batch", type=int, metavar="B", help="images of a step, of all boards together (64, 32)")
    option("--rate", type=float, metavar="R", help="the greatest rate of learning (0.03, 0.1)")
    option("--boards", type=int, metavar="N", help="(8, 4; 8 of --step-time)")
    option("--seeds", default="1", metavar="S,...", help="one training of each variant per seed (1)")
    option("--data", type=Path, metavar="DIR", help="with mnist/ and cifar10/ (../shared/data/datasets)")
    option("--timeout", type=float, default=1800, metavar="S", help="of one training (1800)")
    option("--json", type=Path, metavar="FILE", help="write the results there")
    option("--svg", type=Path, metavar="FILE", help="draw accuracy against epochs and against bytes sent")
    option("--redraw", type=Path, metavar="FILE", help="train nothing: say and draw what --json wrote")
    option("--step-time", action="store_true", help="milliseconds of a step for 1.3 M parameters on emulated boards and "
           "links, instead")
    option("--profile", choices=PROFILES, default="slow-20m", help="of --step-time (slow-20m)")
    option("--rounds", type=int, default=3, metavar="R", help="of --step-time: trainings of each variant, in turn (3)")
    a = p.parse_args(words)
    a.variants = list(dict.fromkeys(a.variants.split(","))) if a.variants else \
        list(STEP_TIME_VARIANTS if a.step_time else VARIANTS)
    unknown = [v for v in a.variants if v not in VARIANTS]
    if unknown:
        p.error(f"no variant is called {unknown[0]!r}: {', '.join(VARIANTS)}")
    try:
        a.seeds = list(dict.fromkeys(int(s) for s in a.seeds.split(",")))
    except ValueError:
        p.error(f"--seeds {a.seeds}: numbers are wanted")
    usual = MODELS[a.model]
    a.boards = a.boards or (8 if a.step_time else usual["boards"])
    a.epochs, a.batch = a.epochs or usual["epochs"], a.batch or usual["batch"]
    a.sgd = usual["sgd"] | ({"rate": a.rate} if a.rate else {})
    if not (1 <= a.boards <= 64 and 1 <= a.epochs <= 1000 and 1 <= a.batch <= 4096 and 1 <= a.rounds <= 100):
        p.error("out of range: --boards, --epochs, --batch or --rounds")
    return a


# --- jobs ---

def data_folder(a):
    folder = (a.data or Path(os.environ.get("HEDGE_TEST_DATA", SOURCE / "../shared/data")) / "datasets").resolve()
    check(folder.is_dir(), f"no data at {folder}: --data DIR")
    return folder


def idx_count(path):
    with gzip.open(path) as file:
        return struct.unpack(">I", file.read(8)[4:])[0]


def data_of(a):
    """@return the job's `data`, and how many images are trained on."""
    if a.model == "lenet5":
        files = [str(data_folder(a) / "mnist" / name) for name in MNIST]
        return {"format": "idx", "train": files[:2], "test": files[2:]}, idx_count(files[0])
    path = sorted((data_folder(a) / "cifar10").glob("data_batch_1*.bin.gz"))
    check(path, f"no data_batch_1*.bin.gz in {data_folder(a)}/cifar10")
    with gzip.open(path[0]) as file:
        records = len(file.read()) // 3073
    return {"format": "cifar10", "train": [str(path[0])], "hold_out": HELD_OUT, "flip": True}, records - HELD_OUT


def write_job(path, job):
    """JSON is YAML."""
    path.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in job.items()))
    return path


def train(folder, path, timeout_s, on_epoch=None):
    """One training, followed to its end. @return {"epochs", "events", "state", "text"}."""
    result = {"epochs": [], "events": [], "state": "lost", "text": ""}
    # What it says to people goes to a file: a pipe that nobody reads would fill.
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen([HEDGE, "train", str(path), "--dir", str(folder), "--json"], stdout=subprocess.PIPE,
                                   stderr=said, stdin=subprocess.DEVNULL, text=True)
        watch = threading.Timer(timeout_s, process.kill)
        watch.start()
        try:
            for line in map(json.loads, process.stdout):
                if "epoch" in line:
                    result["epochs"].append(line)
                    if on_epoch:
                        on_epoch(line)
                elif "event" in line:
                    result["events"].append(line)
                elif "state" in line:
                    result |= {key: line[key] for key in ("state", "text", "parameters")}
            process.wait()
        finally:
            watch.cancel()
            process.kill()
            process.wait()
            process.stdout.close()
        said.seek(0)
        if result["state"] != "done":
            result["text"] = result["text"] or said.read().strip()[-400:] or f"exit status {process.returncode}"
    return result


@contextlib.contextmanager
def local_cluster(boards):
    """Eight boards' threads on two cores must not spin while they wait."""
    os.environ["OMP_WAIT_POLICY"] = "passive"
    with Cluster(boards) as cluster:
        yield cluster


# --- accuracy and bytes ---

def train_all(a):
    data, images = data_of(a)
    share = -(-a.batch // a.boards)
    report = {"model": a.model, "boards": a.boards, "epochs": a.epochs, "batch": a.batch, "seeds": a.seeds, "sgd": a.sgd,
              "images": images, "results": []}
    # A cluster of its own for each seed: nothing is left of what was before.
    progress = Progress(len(a.seeds) * len(a.variants) * a.epochs)
    for seed in a.seeds:
        with local_cluster(a.boards) as cluster:
            for name in a.variants:
                alone = VARIANTS[name]["method"] == "local"
                steps = images // a.batch if alone else max(images // (a.boards * share), 1)
                job = {"name": f"{a.model}-{seed}", "model": a.model, "data": data, "epochs": a.epochs, "batch": a.batch,
                       "seed": seed, "sgd": a.sgd} | VARIANTS[name]
                progress.step(f"{name}, seed {seed}", 0)
                ticks = processor_ticks()
                result = train(cluster.dir, write_job(cluster.dir / f"{name}.yaml", job), a.timeout,
                               lambda e: progress.step(f"{name}, seed {seed}: {100 * e['test_accuracy']:.2f} %"))
                report["results"].append({"variant": name, "seed": seed, "steps_per_epoch": steps,
                                          "machine_busy": busy_since(ticks), "job": VARIANTS[name]} | result)
                if a.json:  # what is done stays, whatever comes: --redraw reads it
                    write_json(a.json, report)
    progress.clear()
    return report


def mean(values):
    values = [v for v in values if v is not None]
    return statistics.mean(values) if values else None


def summarise(report, name):
    """All trainings of one variant."""
    runs = [r for r in report["results"] if r["variant"] == name]
    done = [r for r in runs if r["state"] == "done"]
    epochs = [e for r in done for e in r["epochs"]]
    accuracy = [100 * r["epochs"][-1]["test_accuracy"] for r in done]
    row = {"variant": name, "runs": len(runs), "failed": len(runs) - len(done), "accuracy": accuracy,
           "mean_accuracy": mean(accuracy), "bits_per_entry": max((e["bits_per_entry"] for e in epochs), default=None)}
    for key in ("entropy", "bytes_up_per_step", "bytes_down_per_step", "ms_per_step", "seconds"):
        row[key] = mean(e[key] for e in epochs)
    return row


def shortfalls(report):
    """What the figures lack of what they have to show, as sentences."""
    rows = {row["variant"]: row for row in report["summary"]}
    said = [f"{row['variant']}: {row['failed']} of {row['runs']} trainings did not end as they should: " +
            next(r["text"] for r in report["results"] if r["variant"] == row["variant"] and r["state"] != "done")
            for row in rows.values() if row["failed"]]
    right = {name: row["mean_accuracy"] for name, row in rows.items() if row["mean_accuracy"] is not None}
    least, below = LEAST.get(report["model"]), BELOW_FP32[report["model"]]
    for name in ("local", "fp32", "fp8") if least else ():
        if right.get(name, least) < least:
            said.append(f"{name}: {right[name]:.2f} % are right, {least} are wanted")
    for name, points in below.items():
        if "fp32" in right and name in right and right[name] < right["fp32"] - points:
            said.append(f"{name}: {right['fp32'] - right[name]:.2f} points below fp32, {points} are allowed")
    for name, bits in LIMIT_BITS.items():
        if name in right and rows[name]["bits_per_entry"] > bits:
            said.append(f"{name}: {rows[name]['bits_per_entry']:.3f} bits per entry, {bits} are allowed")
    if {"fp4", "fp4-uncorrected"} <= right.keys() and right["fp4-uncorrected"] >= right["fp4"]:
        said.append("fp4 without correction is not worse than with it")
    return said


def number(value, digits):
    return "-" if value is None else f"{value:.{digits}f}"


def kilobytes(value):
    return "-" if value is None else f"{value / 1e3:.1f}"


def say(report):
    print(f"\n{report['model']}, {report['boards']} boards, {report['images']} images, {report['epochs']} epochs of batches of "
          f"{report['batch']}, seeds {', '.join(map(str, report['seeds']))}")
    busy = mean(r["machine_busy"] for r in report["results"])
    print(f"this machine was busy {100 * busy:.0f} % of the time; KB of a step are those of all boards")
    print(f"{'VARIANT':16}{'RIGHT %':>9}{'LEAST':>8}{'MOST':>8}{'BITS':>8}{'ENTROPY':>9}{'KB UP':>9}{'KB DOWN':>9}"
          f"{'MS/STEP':>9}")
    for row in report["summary"]:
        a = row["accuracy"]
        print(f"{row['variant']:16}{number(row['mean_accuracy'], 2):>9}{number(min(a, default=None), 2):>8}"
              f"{number(max(a, default=None), 2):>8}{number(row['bits_per_entry'], 3):>8}{number(row['entropy'], 3):>9}"
              f"{kilobytes(row['bytes_up_per_step']):>9}{kilobytes(row['bytes_down_per_step']):>9}"
              f"{number(row['ms_per_step'], 2):>9}")
    for result in report["results"]:
        for event in (e for e in result["events"] if e["step"] > 0):  # at 0 is said that it begins
            print(f"{result['variant']}, seed {result['seed']}, step {event['step']}: {event['event']}")


def conclude(a, report):
    """@return the exit status: 1 where something falls short."""
    report["falls_short"] = (step_time_shortfalls if "rounds" in report else shortfalls)(report)
    if a.json:
        write_json(a.json, report)
    (say_step_time if "rounds" in report else say)(report)
    for sentence in report["falls_short"]:
        print("falls short:", sentence)
    return 1 if report["falls_short"] else 0


def compare(a):
    report = json.loads(a.redraw.read_text()) if a.redraw else train_all(a)
    report["summary"] = [summarise(report, name) for name in dict.fromkeys(r["variant"] for r in report["results"])]
    if a.svg:
        a.svg.write_text(draw.training(report))
    return conclude(a, report)


# --- how long a step takes on slow links ---

def cut_idx(source, target, count):
    """The first items of an IDX file."""
    with gzip.open(source) as file:
        head = file.read(4)
        dims = struct.unpack(f">{head[3]}I", file.read(4 * head[3]))
        check(dims[0] >= count, source, "has", dims[0], "items and not", count)
        size = 1
        for d in dims[1:]:
            size *= d
        target.write_bytes(head + struct.pack(f">{head[3]}I", count, *dims[1:]) + file.read(count * size))
    return str(target)


def wide_job(a, folder, name, seed):
    counts = [a.boards * WIDE_BATCH * WIDE_STEPS] * 2 + [WIDE_TEST] * 2
    files = [cut_idx(data_folder(a) / "mnist" / source, folder / source.removesuffix(".gz"), count)
             for source, count in zip(MNIST, counts)]
    layers = [{"type": "flatten"}]
    for units in WIDE:
        layers += [{"type": "dense", "units": units}, {"type": "relu"}]
    return {"name": f"wide-{name}", "layers": [*layers, {"type": "dense", "units": 10}],
            "data": {"format": "idx", "train": files[:2], "test": files[2:]}, "epochs": WIDE_EPOCHS,
            "batch": a.boards * WIDE_BATCH, "seed": seed, "sgd": {"rate": 0.02, "momentum": 0.9}} | VARIANTS[name]


def step_times(a):
    runs, progress = [], Progress(a.rounds * len(a.variants) * WIDE_EPOCHS)
    with Bed(a.boards, a.profile) as bed:
        links = bed.measure_links()
        ticks = processor_ticks()
        for turn in range(a.rounds):
            for i in range(len(a.variants)):
                name = a.variants[(turn + i) % len(a.variants)]
                path = write_job(bed.dir / "wide.yaml", wide_job(a, bed.dir, name, 1 + turn))
                progress.step(f"{name}, round {turn + 1}", 0)
                result = train(bed.dir, path, a.timeout, lambda e: progress.step(f"{name}, round {turn + 1}"))
                runs.append({"variant": name, "round": turn + 1} | result)
        busy = busy_since(ticks)
    progress.clear()
    report = {"profile": a.profile, "boards": a.boards, "rounds": a.rounds, "layers": WIDE, "links": links,
              "board_batch": WIDE_BATCH, "machine_busy": busy, "results": runs}
    report["summary"] = [summarise_steps(report, name) for name in a.variants]
    whole = next((row["median_ms"] for row in report["summary"] if row["variant"] == "fp32"), None)
    for row in report["summary"]:
        row["share_of_fp32"] = row["median_ms"] / whole if row["median_ms"] and whole else None
    return conclude(a, report)


def summarise_steps(report, name):
    runs = [r for r in report["results"] if r["variant"] == name]
    epochs = [e for r in runs if r["state"] == "done" for e in r["epochs"][1:]]
    times = [e["ms_per_step"] for e in epochs]
    return {"variant": name, "runs": len(runs), "failed": sum(r["state"] != "done" for r in runs),
            "parameters": max((r.get("parameters", 0) for r in runs), default=0),
            "median_ms": statistics.median(times) if times else None, "least_ms": min(times, default=None),
            "most_ms": max(times, default=None), "bits_per_entry": mean(e["bits_per_entry"] for e in epochs),
            "bytes_up_per_step": mean(e["bytes_up_per_step"] for e in epochs),
            "bytes_down_per_step": mean(e["bytes_down_per_step"] for e in epochs)}


def step_time_shortfalls(report):
    said = [f"{row['variant']}: {row['failed']} of {row['runs']} trainings did not end as they should: " +
            next(r["text"] for r in report["results"] if r["variant"] == row["variant"] and r["state"] != "done")
            for row in report["summary"] if row["failed"]]
    return said + [f"{row['variant']}: a step takes {100 * row['share_of_fp32']:.0f} % of fp32's, "
                   f"{100 * STEP_TIME_SHARE:.0f} % are allowed" for row in report["summary"]
                   if row["variant"] in LIMIT_BITS and (row["share_of_fp32"] or 0) > STEP_TIME_SHARE]


def say_step_time(report):
    gflops, mbit, _ = KINDS.get(report["profile"], (None, None, None))
    links = report["links"]
    print(f"\na step of {report['boards']} boards {report['profile']}" +
          (f" ({gflops:g} GFLOP/s, {mbit} Mbit/s each)" if mbit else "") +
          f", {report['board_batch']} images each, {max(r['parameters'] for r in report['summary'])} parameters")
    print(f"links: {links['wanted_mbit']} Mbit/s wanted, {links['to_board_mbit']} to and {links['from_board_mbit']} from a "
          f"board measured; this machine was busy {100 * report['machine_busy']:.0f} % of the time")
    print(f"{'VARIANT':16}{'MEDIAN MS':>10}{'LEAST':>9}{'MOST':>9}{'OF FP32':>9}{'BITS':>8}{'KB UP':>10}{'KB DOWN':>10}")
    for row in report["summary"]:
        share = row["share_of_fp32"]
        print(f"{row['variant']:16}{number(row['median_ms'], 1):>10}{number(row['least_ms'], 1):>9}"
              f"{number(row['most_ms'], 1):>9}{'-' if share is None else f'{100 * share:.1f} %':>9}"
              f"{number(row['bits_per_entry'], 3):>8}{kilobytes(row['bytes_up_per_step']):>10}"
              f"{kilobytes(row['bytes_down_per_step']):>10}")


def main():
    a = parse()
    return run("training", step_times if a.step_time else compare, a)


if __name__ == "__main__":
    sys.exit(main())
