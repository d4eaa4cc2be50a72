#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/performance.md about boards that are late, fail or straggle: each column is a run of `stragglers`.

Needs root; HEDGE names the command line of a build. See bench/README.md.

    ./dev bench tables --folder tables                   all columns (two hours), then the tables
    ./dev bench tables --folder tables --only resnet18   what is missing of some; the rest is taken from the folder
    ./dev bench tables --folder tables --print           only the tables, of what is there
"""
import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCHEMES = "uncoded,replication,mds,lt,nsctc-whole,steal,layers,auto"
FEW = "uncoded,layers,auto"
NAMES = {"mds": "mds (CoCoI)", "lt": "lt (CoCoI)", "nsctc-whole": "nsctc, whole boards (FCDCC)", "layers": "layers, each by its best code",
         "auto": "**auto**"}

# Section: [(name of the column, its head, options of stragglers, schemes)]
TABLES = {
    "VGG-16, slow boards": [
        ("vgg16-slow-1", "scenario 1, 200 ms", "--model vgg16 --profile slow-100m --scenario 1 --level 200 --runs 4", SCHEMES),
        ("vgg16-slow-3", "scenario 3", "--model vgg16 --profile slow-100m --scenario 3 --level 5 --runs 5", SCHEMES),
        ("vgg16-slow-s", "slowdown 1", "--model vgg16 --profile slow-100m --scenario none --slowdown 1 --runs 6", SCHEMES),
        ("vgg16-slow-n", "none", "--model vgg16 --profile slow-100m --scenario none --runs 4", "uncoded,steal,layers,auto"),
        ("vgg16-slow-2", "scenario 2", "--model vgg16 --profile slow-100m --scenario 2 --level 2 --runs 6",
         "uncoded,mds,nsctc-whole,steal,layers,auto")],
    "VGG-16, faster boards on slow links": [
        ("vgg16-pi3-1", "scenario 1, 100 ms", "--model vgg16 --profile pi3-100m --scenario 1 --level 100 --runs 5", SCHEMES),
        ("vgg16-pi3-3", "scenario 3", "--model vgg16 --profile pi3-100m --scenario 3 --level 5 --runs 6", SCHEMES),
        ("vgg16-pi3-n", "none", "--model vgg16 --profile pi3-100m --scenario none --runs 6", "uncoded,steal,layers,auto")],
    "ResNet-18": [
        ("resnet18-slow-1", "slow-100m, scenario 1, 50 ms", "--model resnet18 --profile slow-100m --scenario 1 --level 50 --runs 8",
         SCHEMES),
        ("resnet18-slow-3", "slow-100m, scenario 3", "--model resnet18 --profile slow-100m --scenario 3 --level 5 --runs 8", SCHEMES),
        ("resnet18-slow-n", "slow-100m, none", "--model resnet18 --profile slow-100m --scenario none --runs 8", "uncoded,steal,layers,auto"),
        ("resnet18-pi3-1", "pi3-100m, scenario 1, 10 ms", "--model resnet18 --profile pi3-100m --scenario 1 --level 10 --runs 8",
         SCHEMES),
        ("resnet18-pi3-3", "pi3-100m, scenario 3", "--model resnet18 --profile pi3-100m --scenario 3 --level 5 --runs 8", SCHEMES),
        ("resnet18-pi3-n", "pi3-100m, none", "--model resnet18 --profile pi3-100m --scenario none --runs 8", "uncoded,steal,layers,auto")],
    "Fast boards on fast links": [
        ("vgg16-pi4-3", "VGG-16, scenario 3", "--model vgg16 --profile pi4-1g --scenario 3 --level 5 --runs 6", SCHEMES),
        ("vgg16-pi4-n", "VGG-16, none", "--model vgg16 --profile pi4-1g --scenario none --runs 6", FEW),
        ("resnet18-pi4-n", "ResNet-18, none", "--model resnet18 --profile pi4-1g --scenario none --runs 8", FEW)],
}


def parse(words=None):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--folder", type=Path, required=True, help="where each column's report is, or is put")
    p.add_argument("--only", default="", metavar="TEXT", help="columns whose name has it")
    p.add_argument("--schemes", metavar="NAME,...", help="in place of each column's own")
    p.add_argument("--again", action="store_true", help="make what is there, too")
    p.add_argument("--print", action="store_true", help="make nothing")
    p.add_argument("--store", type=int, default=600, metavar="MIB", help="as of stragglers (600): a busy machine bends less then")
    return p.parse_args(words)


def make(a):
    """Run what is missing. @return how many failed."""
    failed = 0
    a.folder.mkdir(parents=True, exist_ok=True)
    for name, _, options, schemes in (column for columns in TABLES.values() for column in columns):
        path = a.folder / f"{name}.json"
        if a.only not in name or path.exists() and not a.again:
            continue
        command = [sys.executable, HERE / "stragglers.py", "--boards", "10", "--schemes", a.schemes or schemes, "--store", a.store,
                   "--json", path, "--svg", a.folder / f"{name}.svg", "--gantt", a.folder / f"{name}-request.svg",
                   *shlex.split(options)]
        print("==", name, flush=True)
        failed += subprocess.run([str(word) for word in command], check=False).returncode != 0
    return failed


def column_of(report):
    """{name of a row: cell}."""
    results = {r["scheme"]: r for r in report["results"]}
    level = report["levels"][-1]
    means = {name: r["mean_ms"] for name, r in results.items() if r["mean_ms"] is not None}
    cells = {NAMES.get(name, name): f"{results[name]['mean_ms']:.0f} ({results[name]['p99_ms']:.0f})" for name in means}
    if "auto" in means:
        auto, others = results["auto"], {name: ms for name, ms in means.items() if name != "auto"}
        for other in ("uncoded", "layers"):
            if other in others:
                cells[f"auto against {other}"] = f"{100 * (auto['mean_ms'] / others[other] - 1):+.0f} %"
        if others:
            best = min(others, key=others.get)
            cells["auto against the best other"] = f"{100 * (auto['mean_ms'] / others[best] - 1):+.0f} % ({best})"
        cells["auto: times as fast as one board"] = f"{report['single_ms'] / auto['mean_ms']:.2f}"
        cells["auto: times the limit"] = f"{auto['mean_ms'] / level['limit_ms']:.2f}"
        cells["auto: encode + decode"] = f"{100 * auto['encode_decode_share']:.1f} %"
        cells["auto: largest error"] = f"{auto['max_rel_error']:.1e}"
    everything = report["results"]
    return cells | {"one board alone": f"{report['single_ms']:.0f}", "limit": f"{level['limit_ms']:.0f}",
                    "wrong, lost (all schemes)": f"{sum(r['wrong'] for r in everything)}, {sum(r['lost'] for r in everything)}",
                    "this machine was busy": f"{100 * level['machine_busy']:.0f} %",
                    "runs per scheme": str(everything[0]["runs"])}


ROWS = [*(NAMES.get(name, name) for name in SCHEMES.split(",")), "auto against uncoded", "auto against layers", "auto against the best other", "one board alone",
        "auto: times as fast as one board", "limit", "auto: times the limit", "auto: encode + decode", "auto: largest error",
        "wrong, lost (all schemes)", "this machine was busy", "runs per scheme"]


def show(a):
    for title, columns in TABLES.items():
        there = [(head, options, json.loads((a.folder / f"{name}.json").read_text())) for name, head, options, _ in columns
                 if (a.folder / f"{name}.json").exists()]
        if not there:
            continue
        print(f"\n## {title}\n")
        print("\n".join(f"    {options}" for _, options, _ in there) + "\n")
        print("| | " + " | ".join(head for head, _, _ in there) + " |\n|---" + "|---" * len(there) + "|")
        cells = [column_of(report) for _, _, report in there]
        for row in ROWS:
            if any(row in c for c in cells):
                print(f"| {row} | " + " | ".join(c.get(row, "–") for c in cells) + " |")


def main():
    a = parse()
    failed = 0 if a.print else make(a)
    show(a)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
