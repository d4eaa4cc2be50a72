#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Run requests on emulated boards and say what they took. Needs root; HEDGE names the command line of a build.

    test/bed/run.py --profile pi3-100m --boards 10 --model squeezenet.onnx --input dog.ppm --preprocess imagenet \\
                    --requests 20 --events faults.txt --set plan.scheme=uncoded --json
"""
import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from answers import Reference, ask, busy_since, percentile, processor_ticks  # noqa: E402
from bed import MOST_BOARDS, PROFILES, Bed, run  # noqa: E402
from events import BadScript, read_script  # noqa: E402

MODEL = "model"  # its name on the cluster
SPENT = ("encode_ms", "wait_ms", "decode_ms")


def parse(words=None):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--profile", choices=PROFILES, default="pi3-100m")
    p.add_argument("--boards", type=int, default=10, help=f"1 to {MOST_BOARDS} (10)")
    p.add_argument("--model", type=Path, required=True, help="an ONNX file")
    p.add_argument("--input", type=Path, required=True, action="append", help="may be repeated; used in turn")
    p.add_argument("--preprocess", default="model", help="as of hedge infer")
    p.add_argument("--requests", type=int, default=10, help="one after the other (10)")
    p.add_argument("--warmup", type=int, default=1, help="requests before the clock starts (1)")
    p.add_argument("--events", type=Path, help="a script, see events.py; time 0 is the first request")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of hedged.yaml")
    p.add_argument("--set-board", action="append", default=[], metavar="KEY=VALUE", help="of every hedge-worker.yaml")
    p.add_argument("--tolerance", type=float, default=1e-3, help="relative error above which an answer is wrong (1e-3)")
    p.add_argument("--timeout", type=float, default=60, metavar="S", help="of a request (60)")
    p.add_argument("--deadline", type=float, default=900, metavar="S", help="no request begins after so long (900)")
    p.add_argument("--fast-cores", action="store_true", help="but for layers boards and coordinator are as fast as this machine")
    p.add_argument("--no-links", action="store_true", help="do not measure the links first")
    p.add_argument("--json", action="store_true", help="one object in place of tables")
    a = p.parse_args(words)
    for key in ("set", "set_board"):
        bad = [s for s in getattr(a, key) if "=" not in s]
        if bad:
            p.error(f"{bad[0]}: KEY=VALUE is wanted")
        setattr(a, key, dict(s.split("=", 1) for s in getattr(a, key)))
    if not (1 <= a.boards <= MOST_BOARDS and a.requests >= 1 and a.warmup >= 0):
        p.error("out of range: --boards, --requests or --warmup")
    names = [f"board-{i}" for i in range(1, a.boards + 1)]
    try:
        a.script = read_script(a.events, names) if a.events else []
    except (OSError, BadScript) as e:
        p.error(str(e))
    return a


def ask_one(bed, a, reference, number):
    path = a.input[number % len(a.input)]
    return {"request": number} | ask(bed, MODEL, path, reference, a.tolerance, timeout_s=a.timeout)


def describe_layers(answered):
    """@return one row per layer: means over the requests."""
    layers = {}
    for request in answered:
        for layer in request["layers"]:
            layers.setdefault(layer["name"], []).append(layer)
    rows = []
    for name, runs in layers.items():
        coded = [r for r in runs if r["scheme"] != "local"] or runs
        cut = {key: coded[0][key] for key in ("scheme", "k_a", "k_b", "delta", "parts_needed")}
        rows.append({"name": name, **cut, "runs": len(runs), "local": sum(r["scheme"] == "local" for r in runs),
                     **{key: round(statistics.mean(r[key] for r in runs), 2) for key in SPENT},
                     "parts_received": round(statistics.mean(r["parts_received"] for r in runs), 1),
                     "boards_lost": sum(r["boards_lost"] for r in runs)})
    return rows


def summarise(requests):
    answered = [r for r in requests if "lost" not in r]
    times = [r["latency_ms"] for r in answered]
    summary = {"requests": len(requests), "wrong": sum(r["wrong"] for r in answered),
               "lost": len(requests) - len(answered),
               "max_rel_error": max((r["error"] for r in answered), default=None)}
    if times:
        spent = {key: sum(layer[key] for r in answered for layer in r["layers"]) / sum(times) for key in SPENT}
        summary |= {"mean_ms": round(statistics.mean(times), 2), "median_ms": round(statistics.median(times), 2),
                    "p99_ms": round(percentile(times, 99), 2),
                    "encode_decode_share": round(spent["encode_ms"] + spent["decode_ms"], 4),
                    "wait_share": round(spent["wait_ms"], 4), "layers": describe_layers(answered)}
    return summary


def measure(a):
    begin = time.monotonic()
    with Bed(a.boards, a.profile, a.set, a.set_board, slow_cores=not a.fast_cores) as bed:
        report = {"profile": a.profile, "boards": a.boards, "model": str(a.model), "settings": a.set,
                  "board_gflops": [k.gflops for k in bed.kinds], "board_mbit": [k.mbit for k in bed.kinds],
                  "slowness": bed.slowness}
        if not a.no_links:
            report["links"] = bed.measure_links()
        reference = Reference(a.model, a.input, bed.dir, a.preprocess)
        loading = time.monotonic()
        with bed.hurry():
            bed.load(a.model, MODEL)
        report["load_s"] = round(time.monotonic() - loading, 2)
        for i in range(a.warmup):
            ask_one(bed, a, reference, i)
        dropped, ticks = bed.dropped(), processor_ticks()
        bed.play(a.script)
        requests = []
        while len(requests) < a.requests and time.monotonic() < begin + a.deadline:
            requests.append(ask_one(bed, a, reference, len(requests)) |
                            {"at_s": round(time.monotonic() - bed.player.begin, 3)})
            if not a.json:
                say_request(requests[-1])
        bed.player.stop()
        report["machine_busy"] = busy_since(ticks)
        report |= {"events": bed.player.played, "events_not_played": len(a.script) - len(bed.player.played),
                   "packets_dropped": bed.dropped() - dropped, "summary": summarise(requests), "requests": requests}
    return report


def say_request(r):
    what = f"lost: {r['lost']}" if "lost" in r else f"{r['latency_ms']:10.1f} ms  error {r['error']:.1e}"
    print(f"{r['at_s']:9.2f} s  request {r['request']:4d} {what}{'  WRONG' if r.get('wrong') else ''}", flush=True)


def say(report):
    s = report["summary"]
    for e in report["events"]:
        print(f"{e['time_s']:9.2f} s  {e['action']} {e['board']} {e.get('value', '')} {e.get('error', '')}")
    print(f"\n{'LAYER':24} {'SCHEME':12} {'CUT':>8} {'ENCODE':>8} {'WAIT MS':>9} {'DECODE':>8} {'PARTS':>10} LOCAL")
    for r in s.get("layers", ()):
        print(f"{r['name'][-24:]:24} {r['scheme']:12} {r['k_a']:>4} x{r['k_b']:>2} {r['encode_ms']:8.2f} "
              f"{r['wait_ms']:9.2f} {r['decode_ms']:8.2f} {r['parts_received']:5.1f} of{r['parts_needed']:3} "
              f"{r['local']:5}")
    links = report.get("links")
    if links:
        print(f"\nlinks: {links['wanted_mbit']} Mbit/s wanted, {links['to_board_mbit']} to and "
              f"{links['from_board_mbit']} from {links['board']}; all at once {links['to_all_mbit']} to, "
              f"{links['from_all_mbit']} from; round trip {links['rtt_ms']} ms")
    print(f"emulated boards: {report['profile']}, {report['boards']} of them; shares sent in {report['load_s']} s; "
          f"{report['packets_dropped']} packets dropped by the links")
    print(f"this machine's processors were busy for {100 * report['machine_busy']:.0f} % of the time"
          f"{': boards may have been slower than emulated' if report['machine_busy'] > 0.85 else ''}")
    if report["events_not_played"]:
        print(f"{report['events_not_played']} events were due after the last request")
    if "mean_ms" in s:
        print(f"mean {s['mean_ms']} ms, median {s['median_ms']} ms, p99 {s['p99_ms']} ms; encode + decode "
              f"{100 * s['encode_decode_share']:.1f} %, largest relative error {s['max_rel_error']:.1e}")
    print(f"{s['requests']} requests, {s['wrong']} wrong, {s['lost']} lost")


def report_on(a):
    report = measure(a)
    if a.json:
        print(json.dumps(report))
    else:
        say(report)
    return 1 if report["summary"]["wrong"] or report["summary"]["lost"] else 0


def main():
    return run("run.py", report_on, parse())


if __name__ == "__main__":
    sys.exit(main())
