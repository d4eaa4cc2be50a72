#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Training with codes: layers cut over the boards (sazd-deu and what it is compared with), and approximate products.

HEDGE names the command line of a build. See bench/README.md.

    ./dev bench coded-training accuracy                what the codes' errors do to what is learnt
    ./dev bench coded-training speed --frozen 0,2      milliseconds and bytes of a step on slow links (root)
    ./dev bench coded-training uep --deadlines 60,100  approximate gradients when boards are late (root)
"""
import argparse
import itertools
import json
import math
import statistics
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True

import draw  # noqa: E402
# First of those that know the test bed, whose folders have a module of this name too.
from training import (MNIST, cut_idx, data_folder, kilobytes, local_cluster, mean, number, train,  # noqa: E402
                      write_job)
from emulated import Progress, write_json  # noqa: E402
from answers import busy_since, processor_ticks  # noqa: E402
from bed import KINDS, PROFILES, Bed, check, run, wait_for  # noqa: E402

ENDED = ("done", "failed", "stopped")
R = 2  # parities: so many boards need not be waited for


def coded(method, k, **more):
    return {"method": method, "sazd": {"k": k} | ({} if method == "uncoded" else {"r": R}) | more}


# What is trained with a layer in k blocks.
CODED = {
    "uncoded": lambda k: coded("uncoded", k),
    "sazd-naive": lambda k: coded("sazd-naive", k),
    "sazd-deu": lambda k: coded("sazd-deu", k),
    "poly-chebyshev": lambda k: coded("poly", k, points="chebyshev"),
    "poly-integers": lambda k: coded("poly", k, points="integers"),
}
POINTS = {
    "poly-chebyshev": lambda n: [math.cos((2 * j + 1) * math.pi / (2 * n)) for j in range(n)],
    "poly-integers": lambda n: [j + 1.0 for j in range(n)],
}
NEAR_POINTS = 0.2  # percent, that sazd's accuracy may be away from uncoded's
# accuracy: a network whose first two layers are distributed.
ACCURACY_LAYERS, ACCURACY_SGD = (256, 256), {"rate": 0.1, "momentum": 0, "decay": 0, "schedule": "cosine"}
# speed: 784 x 1024 and 1024 x 1024 are distributed; the first epoch, which begins with sending weights, is not counted.
SPEED_LAYERS, SPEED_SGD = (1024, 1024), {"rate": 0.02, "momentum": 0, "decay": 0}
SPEED_VARIANTS = ("uncoded", "sazd-naive", "sazd-deu")
SPEED_STEPS, SLOW_STEPS, SPEED_EPOCHS, SPEED_TEST, FREEZE_AFTER = 20, 5, 6, 64, 2  # of an epoch; of sazd-naive's
TOLD_WITHIN_S = 0.5  # an epoch's line comes so much after its end at most
TIMES_FASTER, KEEPS_WITHIN = 5, 0.1  # what has to be shown of sazd-deu
# uep: the network and the cut of the paper; an epoch is short, because what has been learnt is tested after each.
UEP_LAYERS, UEP_BOARDS, UEP_CUT = (100, 200), 15, 3
UEP_METHODS = ("uep-uncoded", "uep-replication", "uep-mds", "uep-now", "uep-ew")
UEP_SGD = {"rate": 0.1, "momentum": 0.9, "decay": 0, "schedule": "constant"}
WAITING_MS, SOONER = 60000, 0.3


def parse(words=None):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parts = p.add_subparsers(dest="part", required=True, metavar="accuracy|speed|uep")
    common = argparse.ArgumentParser(add_help=False)
    option = common.add_argument
    option("--data", type=Path, metavar="DIR", help="with mnist/ (../shared/data/datasets)")
    option("--timeout", type=float, default=1800, metavar="S", help="of one training (1800)")
    option("--json", type=Path, metavar="FILE", help="write the results there")
    option("--svg", type=Path, metavar="FILE", help="draw them")
    option("--redraw", type=Path, metavar="FILE", help="train nothing: say and draw what --json wrote")
    option("--seed", type=int, default=1)
    accuracy_options(parts.add_parser("accuracy", parents=[common], help="on a cluster on this machine").add_argument)
    speed_options(parts.add_parser("speed", parents=[common], help="on emulated boards").add_argument)
    uep_options(parts.add_parser("uep", parents=[common], help="on emulated boards").add_argument)
    a = p.parse_args(words)
    check_options(p, a)
    return a


def accuracy_options(option):
    option("--k", default="4,5,6,7,8", metavar="K,...", help="blocks (4,5,6,7,8)")
    option("--variants", default=",".join(CODED), metavar="NAME,...", help="(%(default)s)")
    option("--epochs", type=int, default=1)
    option("--batch", type=int, default=64)
    option("--images", type=int, default=60000, help="to learn from, the first of MNIST's (60000)")
    option("--seeds", default="1", metavar="S,...", help="one training of each per seed (1)")


def speed_options(option):
    option("--variants", default=",".join(SPEED_VARIANTS), metavar="NAME,...", help="(%(default)s)")
    option("--profile", choices=PROFILES, default="pi3-100m", help="(pi3-100m)")
    option("--boards", type=int, default=10, help="k + 2; uncoded uses all of them for its blocks (10)")
    option("--batch", type=int, default=8, help="images of a step (8)")
    option("--frozen", default="0,2", metavar="N,...", help="boards that freeze in the middle (0,2)")
    option("--rounds", type=int, default=3, metavar="R", help="trainings of each, in turn (3)")


def uep_options(option):
    option("--variants", default=",".join(UEP_METHODS), metavar="NAME,...", help="(%(default)s)")
    option("--profile", choices=PROFILES, default="pi4-1g", help="(pi4-1g)")
    option("--delay", type=float, default=40, metavar="MS", help="mean delay of a packet, and of its answer (40)")
    option("--deadlines", default="60,100,150", metavar="MS,...", help="of a product (%(default)s)")
    option("--waiting", default="uep-uncoded,uep-mds", metavar="NAME,...",
           help="variants that are trained without a deadline too (%(default)s)")
    option("--target", type=float, default=95, metavar="PERCENT", help="a training ends there (95)")
    option("--epochs", type=int, default=20, help="at most (20)")
    option("--images", type=int, default=20000, help="to learn from (20000)")
    option("--steps", type=int, default=100, help="of an epoch (100)")


def check_options(p, a):
    known = {"accuracy": CODED, "speed": CODED, "uep": UEP_METHODS}[a.part]
    a.variants = list(dict.fromkeys(a.variants.split(",")))
    unknown = [v for v in a.variants if v not in known]
    if unknown:
        p.error(f"no variant is called {unknown[0]!r}: {', '.join(known)}")
    try:
        for name in ("k", "seeds", "frozen"):
            if hasattr(a, name):
                setattr(a, name, list(dict.fromkeys(int(s) for s in getattr(a, name).split(","))))
        if a.part == "uep":
            a.deadlines = list(dict.fromkeys(int(d) for d in a.deadlines.split(",")))
            a.waiting = [v for v in a.waiting.split(",") if v in a.variants]
    except ValueError as e:
        p.error(str(e))
    if not all(1 <= k <= 30 for k in getattr(a, "k", ())) or not 3 <= getattr(a, "boards", 3) <= 32:
        p.error("out of range: --k or --boards")
    if a.part == "speed" and not all(0 <= n <= R for n in a.frozen):
        p.error(f"--frozen: 0 to {R}")


# --- jobs ---

def layers_of(units):
    layers = [{"type": "flatten"}]
    for count in units:
        layers += [{"type": "dense", "units": count}, {"type": "relu"}]
    return [*layers, {"type": "dense", "units": 10}]


def mnist(a, folder, learn, test):
    """The first images of MNIST as the job's `data`."""
    files = [cut_idx(data_folder(a) / "mnist" / source, folder / source.removesuffix(".gz"), count)
             for source, count in zip(MNIST, (learn, learn, test, test))]
    return {"format": "idx", "train": files[:2], "test": files[2:]}


def network(report):
    return f"784-{'-'.join(map(str, report['layers']))}-10"


def learn(cluster, a, job, on_epoch):
    """One training, which does not go on when nobody follows it any more. @return as train()."""
    result = train(cluster.dir, write_job(cluster.dir / "coded.yaml", job), a.timeout, on_epoch)
    for status in map(json.loads, cluster.hedge("jobs", "--json").stdout.splitlines()):
        if status["state"] not in ENDED:
            cluster.hedge("jobs", "stop", status["job"], status=None)
    wait_for("the end of the job", lambda: all(
        job["state"] in ENDED for job in map(json.loads, cluster.hedge("jobs", "--json").stdout.splitlines())))
    return result


def done(result):
    return result["state"] == "done"


def failures(results, name=lambda r: r["variant"]):
    return [f"{name(r)}: {r['text'] or r['state']}" for r in results if not done(r)]


# --- what the codes' errors do to what is learnt ---

def singular_values(matrix):
    """Of a square matrix, by one-sided Jacobi rotations, which are accurate where its condition is bad."""
    columns = [list(c) for c in zip(*matrix)]
    for _ in range(60):
        turned = False
        for p, q in itertools.combinations(range(len(columns)), 2):
            x, y = columns[p], columns[q]
            xx, yy, xy = (sum(map(lambda s, t: s * t, *pair)) for pair in ((x, x), (y, y), (x, y)))
            if abs(xy) <= 1e-15 * math.sqrt(xx * yy):
                continue
            turned = True
            zeta = (yy - xx) / (2 * xy)
            t = math.copysign(1, zeta) / (abs(zeta) + math.hypot(1, zeta))
            c = 1 / math.hypot(1, t)
            columns[p] = [c * (s - t * u) for s, u in zip(x, y)]
            columns[q] = [c * (t * s + u) for s, u in zip(x, y)]
        if not turned:
            break
    return [math.sqrt(sum(v * v for v in c)) for c in columns]


def conditions(name, k):
    """@return median and worst 2-norm condition number over all sets of k of the k + 2 blocks of a polynomial code."""
    values = []
    for points in itertools.combinations(POINTS[name](k + R), k):
        s = singular_values([[z**i for i in range(k)] for z in points])
        values.append(max(s) / min(s))
    return statistics.median(values), max(values)


def accuracy(a):
    runs = [("local", None)] + [(name, k) for k in a.k for name in a.variants]
    results, progress = [], Progress(len(a.seeds) * len(runs) * a.epochs)
    ticks = processor_ticks()
    with local_cluster(max(a.k) + R) as cluster:
        data = mnist(a, cluster.dir, a.images, 10000)
        for seed, (name, k) in itertools.product(a.seeds, runs):
            what = name if k is None else f"{name}, k = {k}"
            job = {"name": "coded", "layers": layers_of(ACCURACY_LAYERS), "data": data, "epochs": a.epochs,
                   "batch": a.batch, "seed": seed, "sgd": ACCURACY_SGD}
            job |= CODED[name](k) if k else {"method": "local"}
            progress.step(what, 0)
            result = learn(cluster, a, job, lambda e: progress.step(f"{what}: {100 * e['test_accuracy']:.2f} %"))
            results.append({"variant": name, "k": k, "seed": seed} | result)
    progress.clear()
    return {"part": "accuracy", "k": a.k, "seeds": a.seeds, "batch": a.batch, "epochs": a.epochs, "images": a.images,
            "layers": ACCURACY_LAYERS, "sgd": ACCURACY_SGD, "machine_busy": busy_since(ticks), "results": results}


def summarise_accuracy(report):
    rows = []
    for name, k in dict.fromkeys((r["variant"], r["k"]) for r in report["results"]):
        runs = [r for r in report["results"] if (r["variant"], r["k"]) == (name, k)]
        right = [100 * r["epochs"][-1]["test_accuracy"] for r in runs if done(r)]
        row = {"variant": name, "k": k, "runs": len(runs), "failed": len(runs) - len(right), "accuracy": right,
               "mean_accuracy": mean(right), "loss": mean(r["epochs"][-1]["loss"] for r in runs if done(r)),
               "ms_per_step": mean(e["ms_per_step"] for r in runs for e in r["epochs"]), "why": failures(runs)}
        if name in POINTS:
            row["median_condition"], row["worst_condition"] = conditions(name, k)
        rows.append(row)
    return rows


def accuracy_shortfalls(report):
    rows = {(row["variant"], row["k"]): row for row in report["summary"]}
    said = [f"{name}, k = {k}: {why}" for (name, k), row in rows.items() if name not in POINTS for why in row["why"]]
    for (name, k), row in rows.items():
        plain = rows.get(("uncoded", k), {}).get("mean_accuracy")
        if name.startswith("sazd") and None not in (plain, row["mean_accuracy"]) and \
                abs(row["mean_accuracy"] - plain) > NEAR_POINTS:
            said.append(f"{name}, k = {k}: {row['mean_accuracy'] - plain:+.2f} points from uncoded, "
                        f"{NEAR_POINTS} are allowed")
    return said


def say_accuracy(report):
    print(f"\n{network(report)} on {report['images']} images of MNIST, {report['epochs']} epochs of batches of "
          f"{report['batch']}, {R} parities, seeds {', '.join(map(str, report['seeds']))}; this machine was busy "
          f"{100 * report['machine_busy']:.0f} % of the time")
    print(f"{'VARIANT':16}{'K':>3}{'RIGHT %':>9}{'LEAST':>8}{'MOST':>8}{'LOSS':>9}{'CONDITION':>11}{'WORST':>10}"
          f"{'MS/STEP':>9}")
    for row in report["summary"]:
        right = row["accuracy"]
        condition = [f"{row[key]:.2g}" if key in row else "-" for key in ("median_condition", "worst_condition")]
        print(f"{row['variant']:16}{row['k'] or '-':>3}{number(row['mean_accuracy'], 2):>9}"
              f"{number(min(right, default=None), 2):>8}{number(max(right, default=None), 2):>8}"
              f"{number(row['loss'], 4):>9}{condition[0]:>11}{condition[1]:>10}{number(row['ms_per_step'], 2):>9}")
        for why in row["why"]:
            print(f"    {why}")


# --- how long a step takes on slow links ---

class Watch:
    """Follows one training; some boards freeze in it after FREEZE_AFTER epochs."""

    def __init__(self, bed, victims, progress):
        self.bed, self.victims, self.progress = bed, victims, progress
        self.arrived, self.frozen_at = [], None

    def __call__(self, line):
        self.progress.step(f"epoch {line['epoch']}")
        self.arrived.append(time.monotonic())
        if self.victims and self.frozen_at is None and line["epoch"] >= FREEZE_AFTER:
            for name in self.victims:
                self.bed.freeze(name)
            self.frozen_at = time.monotonic()

    def thaw(self):
        for name in self.victims if self.frozen_at else ():
            self.bed.thaw(name)

    def first_frozen(self, epochs):
        """The first epoch that had not begun when the boards froze; None: there is none."""
        return next((i for i, (e, at) in enumerate(zip(epochs, self.arrived))
                     if i > FREEZE_AFTER and at - e["seconds"] - TOLD_WITHIN_S > self.frozen_at),
                    None) if self.frozen_at else None


def steps_of(name):
    return SLOW_STEPS if name == "sazd-naive" else SPEED_STEPS


def speed_job(a, bed, name, seed):
    data = mnist(a, bed.dir, a.batch * steps_of(name), SPEED_TEST)
    blocks = a.boards if name == "uncoded" else a.boards - R
    return {"name": f"speed-{name}", "layers": layers_of(SPEED_LAYERS), "data": data, "epochs": SPEED_EPOCHS,
            "batch": a.batch, "seed": seed, "sgd": SPEED_SGD} | CODED[name](blocks)


def speed(a):
    plan = [(frozen, name) for frozen in a.frozen for name in a.variants]
    results, progress = [], Progress(a.rounds * len(plan) * SPEED_EPOCHS)
    with Bed(a.boards, a.profile) as bed:
        links = bed.measure_links()
        ticks = processor_ticks()
        for turn in range(a.rounds):
            for i in range(len(plan)):
                frozen, name = plan[(turn + i) % len(plan)]
                progress.step(f"{name}, {frozen} frozen, round {turn + 1}", 0)
                # The first boards hold plain blocks: something has to be decoded without them.
                watch = Watch(bed, bed.names[:frozen], progress)
                try:
                    result = learn(bed, a, speed_job(a, bed, name, a.seed + turn), watch)
                finally:
                    watch.thaw()
                results.append({"variant": name, "frozen": frozen, "round": turn + 1,
                                "frozen_from": watch.first_frozen(result["epochs"])} | result)
                bed.wait_alive()
        busy = busy_since(ticks)
    progress.clear()
    return {"part": "speed", "profile": a.profile, "boards": a.boards, "rounds": a.rounds, "batch": a.batch,
            "layers": SPEED_LAYERS, "links": links, "machine_busy": busy, "results": results}


def counted(result):
    """Epochs that count: not the first, which sends weights; where boards freeze, those after that."""
    if not result["frozen"]:
        return result["epochs"][1:]
    return result["epochs"][result["frozen_from"]:] if result["frozen_from"] else []


def stall_ms(result):
    """What the epochs in which boards froze took longer than they would have without."""
    met = result["epochs"][FREEZE_AFTER:result["frozen_from"]]
    usual = result["epochs"][FREEZE_AFTER - 1]["ms_per_step"]
    return steps_of(result["variant"]) * sum(e["ms_per_step"] - usual for e in met)


def summarise_speed(report):
    rows = []
    for name, frozen in dict.fromkeys((r["variant"], r["frozen"]) for r in report["results"]):
        runs = [r for r in report["results"] if (r["variant"], r["frozen"]) == (name, frozen)]
        epochs = [e for r in runs if done(r) for e in counted(r)]
        times = [e["ms_per_step"] for e in epochs]
        stalls = [stall_ms(r) for r in runs if done(r) and frozen]
        rows.append({"variant": name, "frozen": frozen, "runs": len(runs), "failed": sum(not done(r) for r in runs),
                     "why": failures(runs), "median_ms": statistics.median(times) if times else None,
                     "least_ms": min(times, default=None), "most_ms": max(times, default=None), "stall_ms": mean(stalls),
                     "bytes_up_per_step": mean(e["bytes_up_per_step"] for e in epochs),
                     "bytes_down_per_step": mean(e["bytes_down_per_step"] for e in epochs),
                     "events": sorted({e["event"] for r in runs for e in r["events"]})})
    return rows


def speed_shortfalls(report):
    rows = {(row["variant"], row["frozen"]): row for row in report["summary"]}
    said = [f"{name}, {frozen} frozen: {why}" for (name, frozen), row in rows.items() for why in row["why"]]
    deu, naive, frozen = (rows.get(key, {}).get("median_ms")
                          for key in (("sazd-deu", 0), ("sazd-naive", 0), ("sazd-deu", R)))
    if deu and naive and naive < TIMES_FASTER * deu:
        said.append(f"sazd-deu: {naive / deu:.1f} times as fast as sazd-naive, {TIMES_FASTER} are wanted")
    if deu and frozen and frozen > (1 + KEEPS_WITHIN) * deu:
        said.append(f"sazd-deu: {100 * (frozen / deu - 1):.0f} % slower with {R} boards frozen, "
                    f"{100 * KEEPS_WITHIN:.0f} are allowed")
    return said


def say_speed(report):
    gflops, mbit, _ = KINDS.get(report["profile"], (None, None, None))
    links, rows = report["links"], {(row["variant"], row["frozen"]): row for row in report["summary"]}
    deu = rows.get(("sazd-deu", 0), {}).get("median_ms")
    print(f"\n{network(report)}, a step of {report['batch']} images, {report['boards']} boards {report['profile']}" +
          (f" ({gflops:g} GFLOP/s, {mbit} Mbit/s each)" if mbit else ""))
    print(f"links: {links['wanted_mbit']} Mbit/s wanted, {links['to_board_mbit']} to and {links['from_board_mbit']} from a "
          f"board measured; this machine was busy {100 * report['machine_busy']:.0f} % of the time; KB are of all boards")
    print(f"{'VARIANT':16}{'FROZEN':>7}{'MEDIAN MS':>10}{'LEAST':>9}{'MOST':>9}{'OF DEU':>8}{'STALL MS':>10}{'KB UP':>10}"
          f"{'KB DOWN':>10}")
    for row in report["summary"]:
        times = row["median_ms"] / deu if row["median_ms"] and deu else None
        print(f"{row['variant']:16}{row['frozen']:>7}{number(row['median_ms'], 1):>10}{number(row['least_ms'], 1):>9}"
              f"{number(row['most_ms'], 1):>9}{number(times, 2):>8}{number(row['stall_ms'], 0):>10}"
              f"{kilobytes(row['bytes_up_per_step']):>10}{kilobytes(row['bytes_down_per_step']):>10}")
        for event in row["events"]:
            print(f"    {event}")


# --- approximate gradients by a deadline ---

def stop_when_learnt(bed, a, progress, what):
    """The training is stopped when enough test images are right."""
    def on_epoch(line):
        progress.step(f"{what}: {100 * line['test_accuracy']:.2f} %")
        if 100 * line["test_accuracy"] >= a.target:
            bed.hedge("jobs", "stop", line["job"], status=None)
    return on_epoch


def uep_job(a, data, name, deadline_ms):
    return {"name": name, "layers": layers_of(UEP_LAYERS), "data": data, "epochs": a.epochs,
            "batch": max(a.images // a.steps, 1), "seed": a.seed, "sgd": UEP_SGD, "method": name,
            "uep": {"blocks_a": UEP_CUT, "blocks_b": UEP_CUT, "deadline_ms": deadline_ms}}


def uep(a):
    plan = [*((WAITING_MS, name) for name in a.waiting), *itertools.product(a.deadlines, a.variants)]
    results, progress = [], Progress(len(plan) * a.epochs)
    with Bed(UEP_BOARDS, a.profile) as bed:
        data = mnist(a, bed.dir, a.images, 10000)
        bed.emulate(f"seed {a.seed}", f"delay_ms {a.delay!r}")
        ticks = processor_ticks()
        for deadline_ms, name in plan:
            what = f"{name}, {deadline_name(deadline_ms)}"
            progress.step(what, 0)
            result = learn(bed, a, uep_job(a, data, name, deadline_ms), stop_when_learnt(bed, a, progress, what))
            if result["state"] == "stopped" and result["epochs"]:  # as it was wanted
                result |= {"state": "done", "text": ""}
            results.append({"variant": name, "deadline_ms": deadline_ms} | result)
            if a.json:
                write_json(a.json, report_of(a, results, busy_since(ticks)))  # it takes long: something is better than nothing
        busy = busy_since(ticks)
    progress.clear()
    return report_of(a, results, busy)


def report_of(a, results, busy):
    return {"part": "uep", "profile": a.profile, "boards": UEP_BOARDS, "delay_ms": a.delay, "target": a.target,
            "images": a.images, "steps": a.steps, "layers": UEP_LAYERS, "machine_busy": busy, "results": results}


def deadline_name(deadline_ms):
    return "no deadline" if deadline_ms >= WAITING_MS else f"{deadline_ms} ms"


def curve(result):
    """@return [(seconds of training, percent right)], from the beginning."""
    seconds, points = 0.0, []
    for epoch in result["epochs"]:
        seconds += epoch["seconds"]
        points.append((seconds, 100 * epoch["test_accuracy"]))
    return points


def time_to(points, target):
    """When the line between the tests first gets there; None: never."""
    before = (0.0, 10.0)
    for point in points:
        if point[1] >= target:
            share = (target - before[1]) / (point[1] - before[1])
            return before[0] + share * (point[0] - before[0])
        before = point
    return None


def summarise_uep(report):
    rows = []
    for r in report["results"]:
        points = curve(r)
        rows.append({"variant": r["variant"], "deadline_ms": r["deadline_ms"], "curve": points, "why": failures([r]),
                     "epochs": len(points), "accuracy": points[-1][1] if points else None,
                     "ms_per_step": mean(e["ms_per_step"] for e in r["epochs"]),
                     "seconds": time_to(points, report["target"])})
    return rows


def best(report, name):
    rows = [row for row in report["summary"] if row["variant"] == name and row["seconds"] is not None]
    return min(rows, key=lambda row: row["seconds"], default=None)


def waiting(report):
    """Everything is waited for, nothing is coded."""
    return next((row for row in report["summary"]
                 if row["variant"] == "uep-uncoded" and row["deadline_ms"] >= WAITING_MS), None)


def uep_shortfalls(report):
    said = [f"{row['variant']}, {deadline_name(row['deadline_ms'])}: {why}"
            for row in report["summary"] for why in row["why"]]
    all_of_them = waiting(report)
    for name in ("uep-now", "uep-ew"):
        mine = best(report, name)
        if mine and all_of_them and mine["seconds"] > (1 - SOONER) * (all_of_them["seconds"] or math.inf):
            less = 1 - mine["seconds"] / all_of_them["seconds"]
            said.append(f"{name}: {100 * less:.0f} % sooner than waiting for all, {100 * SOONER:.0f} are wanted")
    return said


def say_uep(report):
    print(f"\n{network(report)} on {report['images']} images of MNIST, epochs of {report['steps']} steps, {report['boards']} "
          f"boards {report['profile']}, packets and answers late by Exp({report['delay_ms']:g} ms); this machine was busy "
          f"{100 * report['machine_busy']:.0f} % of the time")
    print(f"{'VARIANT':18}{'DEADLINE':>12}{'EPOCHS':>7}{'RIGHT %':>9}{'MS/STEP':>9}{'S TO GOAL':>11}")
    for row in report["summary"]:
        print(f"{row['variant']:18}{deadline_name(row['deadline_ms']):>12}{row['epochs']:>7}{number(row['accuracy'], 2):>9}"
              f"{number(row['ms_per_step'], 1):>9}{number(row['seconds'], 1):>11}")
        for why in row["why"]:
            print(f"    {why}")
    whole = waiting(report)
    for name in dict.fromkeys(row["variant"] for row in report["summary"]):
        row = best(report, name)
        if row:
            less = f", {100 * (1 - row['seconds'] / whole['seconds']):.0f} % less than waiting for all" \
                if whole and whole["seconds"] else ""
            print(f"{name}: {row['seconds']:.1f} s to {report['target']:g} %, with {deadline_name(row['deadline_ms'])}"
                  f"{less}")


PARTS = {
    "accuracy": (accuracy, summarise_accuracy, accuracy_shortfalls, say_accuracy),
    "speed": (speed, summarise_speed, speed_shortfalls, say_speed),
    "uep": (uep, summarise_uep, uep_shortfalls, say_uep),
}


def measure(a):
    """@return the exit status: 1 where something falls short."""
    take, summarise, shortfalls, say = PARTS[a.part]
    report = json.loads(a.redraw.read_text()) if a.redraw else take(a)
    check(report["part"] == a.part, "these are results of", report["part"])
    report["summary"] = summarise(report)
    report["falls_short"] = shortfalls(report)
    if a.json:
        write_json(a.json, report)
    if a.svg:
        a.svg.write_text(draw.coded_training(report))
    say(report)
    for sentence in report["falls_short"]:
        print("falls short:", sentence)
    return 1 if report["falls_short"] else 0


def main():
    return run("coded-training", measure, parse())


if __name__ == "__main__":
    sys.exit(main())
