#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Processor time that a request costs, by who and what, on emulated boards, beside what one thread alone takes.

Needs root; HEDGE names the command line of a build. See bench/README.md.

    ./dev bench cost --profile slow-100m --runs 20 --json cost.json
    ./dev bench cost --model resnet18 --before ../old/build
"""
import argparse
import os
import statistics
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import processor  # noqa: E402
from alone import Alone  # noqa: E402
from counted import Side  # noqa: E402
from emulated import CODES, Progress, add_options, check_options, write_json  # noqa: E402
from answers import busy_since, processor_ticks  # noqa: E402
from bed import run  # noqa: E402
from networks import NETWORKS  # noqa: E402

WHO = ("coordinator", "boards", "client")
COUNTED = 10  # requests of a scheme, at most, by which the programs count for themselves
WHAT = ("kernel", "coding", "solving", "messages", "io")


def parse(words=None):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0], conflict_handler="resolve")
    add_options(p)
    p.set_defaults(schemes="uncoded,auto", fast_cores=True)  # what makes cores slow takes processor time, too
    p.add_argument("--model", dest="models", default="resnet18,vgg16", metavar="NAME,...", help=f"of {', '.join(NETWORKS)} (%(default)s)")
    p.add_argument("--before", type=Path, metavar="FOLDER", help="another build, measured in turn with this one")
    p.add_argument("--network", action="store_true", help="a second cluster with `security: network`, measured in turn")
    p.add_argument("--pause", type=float, default=0.3, metavar="S", help="after each request, for what boards still compute of "
                   "it; what is done then counts, too (0.3)")
    a = p.parse_args(words)
    check_options(p, a)
    a.models = list(dict.fromkeys(a.models.split(",")))
    for name in a.models:
        if name not in NETWORKS:
            p.error(f"no network is called {name!r}: {', '.join(NETWORKS)}")
    if a.before and not os.access(a.before / "client/hedge", os.X_OK):
        p.error(f"--before {a.before}: no client/hedge is there; a build's folder is wanted")
    if a.before and a.network:
        p.error("--before and --network: one at a time")
    others = [s for s in a.schemes if s not in (*CODES, "auto")]
    if others:
        p.error(f"{others[0]} is a setting of a whole cluster: --set plan.work={others[0]}, and auto as its name")
    if not 0 <= a.pause <= 60 or a.warmup < 1:
        p.error("out of range: --pause, or --warmup, whose requests tell what becomes of parts and are at least one")
    return a


# --- the whole ---

def measure_model(a, model, sides, progress):
    """@return a report of one network."""
    idle = {side.name: side.take() for side in sides}
    alone = Alone(model, Path(os.environ["HEDGE"]).resolve().parent.parent, a.before)
    ticks = None
    try:
        for i in range(-a.warmup, a.runs):
            ticks = processor_ticks() if i == 0 else ticks
            for j in range(len(a.schemes)):
                scheme = a.schemes[(i + j) % len(a.schemes)]
                for side in sides if i % 2 else sides[::-1]:
                    progress.step(f"{model}, {scheme}, {side.name}")
                    if i < 0:
                        side.parts[scheme].append(side.do("trace", scheme, i))
                    else:
                        side.requests[scheme].append(side.do("request", scheme, i))
            if i >= 0:
                alone.run()
        busy = busy_since(ticks)
        for side in sides:
            for scheme in a.schemes:
                progress.step(f"{model}, {scheme}, {side.name}", 0)
                side.counted[scheme] = side.do("count", scheme, min(a.runs, COUNTED))
    finally:
        alone.close()
    return {"model": model, "machine_busy": busy, "idle_ms_per_s": idle, "alone": alone.report(),
            "results": [summarise(side, scheme, alone) for scheme in a.schemes for side in sides],
            "ratios": {scheme: compare(*sides, scheme) for scheme in a.schemes if len(sides) == 2},
            "of": " / ".join(side.name for side in sides[::-1])}


def median(values, digits=4):
    return round(statistics.median(values), digits)


def in_ms(key):
    return key[:-2] + "_ms" if key.endswith("_s") else key


def spread(counted):
    """What the programs count for themselves, per request: times in ms, what has no name as "other"."""
    if not counted:
        return None
    rows = {}
    for who, took in counted.items():
        rows[who] = {in_ms(key): round(value * (1e3 if key.endswith("_s") else 1), 3) for key, value in took.items() if key != "age_ms"}
        rows[who]["other_ms"] = round(rows[who]["processor_ms"] - sum(rows[who][key + "_ms"] for key in WHAT), 3)
    return rows


def compare(before, now, scheme):
    """Medians of now / before over requests that stand side by side."""
    pairs = [(x, y) for x, y in zip(before.requests[scheme], now.requests[scheme]) if "lost" not in x and "lost" not in y]
    ratios = {who: [y["cost"][who]["all_s"] / x["cost"][who]["all_s"] for x, y in pairs] for who in WHO}
    ratios["latency"] = [y["latency_ms"] / x["latency_ms"] for x, y in pairs]
    return {key: median(values) for key, values in ratios.items() if values}


def summarise(side, scheme, alone):
    requests = side.requests[scheme]
    answered = [r for r in requests if "lost" not in r]
    row = {"scheme": scheme, "build": side.name, "runs": len(requests), "lost": len(requests) - len(answered),
           "wrong": sum(r["wrong"] for r in answered)}
    if not answered:
        return row | {"why": requests[0]["lost"]}
    for key in ("latency_ms", "coding_ms", "layers"):
        row[key] = median([r[key] for r in answered])
    for who in WHO:
        costs = [r["cost"][who] for r in answered]
        row[who] = {in_ms(key): max(0, median([c[key] * (1e3 if key.endswith("_s") else 1) for c in costs]))
                    for key in costs[0] if key != "system_s"}
        row[who]["system_share"] = round(sum(c["system_s"] for c in costs) / sum(c["all_s"] for c in costs), 3)
        row[who]["of_alone"] = round(row[who]["all_ms"] / alone.processor_ms(), 4)
    row["links"] = {key: median([r["cost"]["links"][key] for r in answered]) for key in answered[0]["cost"]["links"]}
    row["counted"] = spread(side.counted[scheme])
    row["parts"] = {key: round(statistics.mean(p[key] for p in side.parts[scheme]), 1) for key in side.parts[scheme][0]}
    return row


def measure(a):
    hedge = Path(os.environ["HEDGE"])
    report = {key: getattr(a, key) for key in ("profile", "boards", "seed", "set", "pause")} | {"models": []}
    clusters = ([("before", a.before / "client/hedge", "curve"), ("now", hedge, "curve")] if a.before else
                [("curve", hedge, "curve"), ("network", hedge, "network")] if a.network else [("now", hedge, "curve")])
    for model in a.models:
        a.model, sides = model, []
        progress = Progress((a.warmup + a.runs) * len(a.schemes) * len(clusters))
        try:
            for name, path, a.security in clusters:
                sides.append(Side(a, name, path))
            report["models"].append(measure_model(a, model, sides, progress))
        finally:
            progress.clear()
            os.environ["HEDGE"] = str(hedge)
            for side in sides:
                side.close()
        say(a, report["models"][-1])
    if a.json:
        write_json(a.json, report)
    return 1 if any(r["wrong"] or r["lost"] for m in report["models"] for r in m["results"]) else 0


# --- the table ---

def say(a, report):
    print(f"\n{report['model']}, {a.boards} boards {a.profile}; this machine was busy {100 * report['machine_busy']:.0f} % of the time")
    for name, row in report["alone"].items():
        print(f"alone on one thread, the engine's run ({name}): {row['processor_ms']:.1f} ms of processor time")
    for name, row in report["idle_ms_per_s"].items():
        print(f"idle ({name}): coordinator {row['coordinator']:.2f} ms per second, boards {row['boards']:.2f}")
    for r in report["results"]:
        print(f"\n{r['scheme']} ({r['build']}): {r['runs']} requests, {r['wrong']} wrong, {r['lost']} lost"
              + (f": {r['why']}" if "why" in r else ""))
        if "why" not in r:
            say_result(r)
            say_counted(r["counted"])
    for scheme, ratios in report["ratios"].items():
        print(f"\n{scheme}, {report['of']}: " + ", ".join(f"{key} {value:.2f}" for key, value in ratios.items()))


def say_result(r):
    p, n = r["parts"], r["links"]
    print(f"  latency {r['latency_ms']:.0f} ms, {r['coding_ms']:.1f} of them encoding and decoding; {r['layers']:.0f} layers cut, "
          f"parts asked for {p['asked']:.0f}, used {p['used']:.0f}, late or never {p['asked'] - p['received']:.0f}")
    print(f"  coordinator's link: {n['sent_bytes'] / 1e6:.2f} MB sent in {n['sent_packets']:.0f} packets, "
          f"{n['received_bytes'] / 1e6:.2f} MB received in {n['received_packets']:.0f}")
    print(f"  {'':12}{'CPU MS':>9}{'x ALONE':>9}{'MAIN':>9}{'I/O':>9}{'OTHER':>9}{'ENDED':>9}{'SYSTEM':>8}{'SWITCHES':>10}{'FAULTS':>8}")
    for who in WHO:
        c = r[who]
        threads = "".join(f"{c[t + '_ms']:9.1f}" if t + "_ms" in c else f"{'-':>9}" for t in processor.THREADS)
        print(f"  {who:12}{c['all_ms']:9.1f}{c['of_alone']:9.3f}{threads}{100 * c['system_share']:7.0f}%{c['switches']:10.0f}"
              f"{c['faults']:8.0f}")


def say_counted(counted):
    """What the programs say themselves, where they do."""
    if not counted:
        return
    print(f"  {'':12}{'CPU MS':>9}" + "".join(f"{what.upper():>10}" for what in (*WHAT, "other")) + f"{'IN VAIN':>9}{'MSGS OUT':>10}"
          f"{'IN':>7}{'MB OUT':>8}{'IN':>7}{'PARTS':>7}{'VAIN':>6}")
    for who, c in counted.items():
        print(f"  {who:12}{c['processor_ms']:9.1f}" + "".join(f"{c[what + '_ms']:10.1f}" for what in (*WHAT, "other")) +
              f"{c['vain_ms']:9.1f}{c['messages_sent']:10.0f}{c['messages_received']:7.0f}{c['bytes_sent'] / 1e6:8.2f}"
              f"{c['bytes_received'] / 1e6:7.2f}{c['parts']:7.0f}{c['vain_parts']:6.0f}")


if __name__ == "__main__":
    sys.exit(run("cost", measure, parse()))
