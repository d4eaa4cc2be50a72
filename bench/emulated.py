# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks on emulated boards share: one cluster with one network loaded once per scheme, so that requests of
all schemes can be interleaved and meet the same luck."""
import json
import os
import random
import shutil
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "test/bed"))

from answers import Reference, ask  # noqa: E402
from bed import COORDINATOR_MBIT, MOST_BOARDS, PROFILES, Bed, board_kinds, check, hedge, write_npy  # noqa: E402
from networks import NETWORKS, Network  # noqa: E402

# A scheme's name here, and its rule in plan.rules.
SCHEMES = {name: {"scheme": name} for name in
           ("uncoded", "replication", "mds", "lt", "nsctc", "steal", "krp", "auto")}
for even in ("uncoded", "lt", "steal"):  # others are so by themselves; to give fast boards more is the planner's doing
    SCHEMES[even]["even"] = True
SCHEMES["nsctc-whole"] = {"scheme": "nsctc", "whole_boards": True}  # as its paper has it
ALONE = "local"    # the same network by the coordinator alone
ACCURACY = 1e-3    # of a decoded layer: hedged's default
ERRORS_ADD_UP = 5  # the final output may be off by so many times that: every layer's error goes through all after it
INPUTS = 3         # requests take them in turn
LOAD_S = 900
SHARES = "8G"      # what a board may keep: the shares of all schemes at once, where a real one would have those of one


def add_options(parser):
    p = parser.add_argument
    p("--model", choices=NETWORKS, default="alexnet", help="(alexnet)")
    p("--boards", type=int, default=10, metavar="N", help=f"1 to {MOST_BOARDS} (10)")
    p("--profile", choices=PROFILES, default="slow-100m", help="(slow-100m)")
    p("--schemes", default=",".join(SCHEMES), metavar="NAME,...", help="all where not given: %(default)s")
    p("--runs", type=int, default=20, metavar="R", help="requests per scheme (20)")
    p("--warmup", type=int, default=2, metavar="W", help="requests per scheme before those (2)")
    p("--seed", type=int, default=1, metavar="S", help="of weights, inputs and luck (1)")
    p("--store", type=int, default=0, metavar="MIB", help="every board answers from what it computed before for the same share and "
      "input, and keeps so much of it (0: not at all)")
    p("--fast-cores", action="store_true", help="only layers take a board's time, all else that boards and coordinator do this "
      "machine's, as in tables made before it was slowed down")
    p("--verify", action="store_true", help="compute what the stores have, too, and compare")
    p("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of hedged.yaml")
    p("--timeout", type=float, default=120, metavar="S", help="of a request (120)")
    p("--json", type=Path, metavar="FILE", help="write the results there")


def check_options(parser, a):
    a.schemes = list(dict.fromkeys(a.schemes.split(",")))
    unknown = [s for s in a.schemes if s not in SCHEMES]
    if unknown:
        parser.error(f"no scheme is called {unknown[0]!r}: {', '.join(SCHEMES)}")
    bad = [s for s in a.set if "=" not in s]
    if bad:
        parser.error(f"--set {bad[0]}: KEY=VALUE is wanted")
    a.set = dict(s.split("=", 1) for s in a.set)
    if a.store:
        a.warmup = max(a.warmup, INPUTS)  # every input once, so that what is measured is in the stores
    if not (1 <= a.boards <= MOST_BOARDS and 1 <= a.runs <= 100000 and 0 <= a.warmup <= 1000 and 0 <= a.seed < 2**32 and
            0 <= a.store <= 2**20):
        parser.error("out of range: --boards, --runs, --warmup, --seed or --store")


def place(file, target):
    """Link it, or copy it from another file system."""
    try:
        os.link(file, target)
    except OSError:
        shutil.copy(file, target)


class Cluster(Bed):
    """A bed whose coordinator is as slow as its first board, with the network under the name of every scheme and, as
    `local`, by the coordinator alone."""

    def __init__(self, a, settings=None):
        self.a = a
        self.network_model = self.find_network()
        self.tolerance = ACCURACY * ERRORS_ADD_UP
        gflops, mbit, _ = board_kinds(a.profile, 1)[0]
        super().__init__(a.boards, a.profile, {
            "plan.rules": [{"model": ALONE, "scheme": "local"},
                           *({"model": name, **rule} for name, rule in SCHEMES.items())],
            "plan.accuracy": ACCURACY,
            # What an operator would say of such boards; the rest is learnt.
            "prior.board_macs_per_s": int(gflops * 1e9 / 2),
            "prior.here_macs_per_s": int(gflops * 1e9 / 2),
            "prior.link_mbit": mbit,
            "prior.here_link_mbit": COORDINATOR_MBIT,
        } | (settings or {}) | a.set, {"memory.shares_bytes": SHARES}, coordinator_gflops=gflops,
            store_mib=a.store, verify=a.verify, slow_cores=not a.fast_cores)

    @property
    def here_macs_per_s(self):
        return self.coordinator_gflops * 1e9 / 2

    def find_network(self):
        """@return what is known of it: at least shape, of its input, and macs, None for unknown."""
        return Network(self.a.model)

    def make_file(self):
        """@return the network as an ONNX file."""
        path = self.dir / f"{self.a.model}.onnx"
        hedge("model", "make", self.a.model, path, "--seed", self.a.seed, "--quiet", timeout=LOAD_S)
        return path

    def prepare(self):
        """Make the network and its inputs, and ask one machine alone."""
        self.file = self.make_file()
        shape, luck = self.network_model.shape, random.Random(self.a.seed)
        count = shape[1] * shape[2] * shape[3]
        self.inputs = [write_npy(self.dir / f"input-{i}.npy", shape, [luck.gauss(0, 1) for _ in range(count)])
                       for i in range(INPUTS)]
        self.reference = Reference(self.file, self.inputs, self.dir)

    def load_as(self, name):
        """The repository gets a link in place of a copy. Again: it is planned anew. @return its multiply-accumulates."""
        folder = self.dir / "models" / name
        if folder.exists():
            self.hedge("unload", name)
        else:
            folder.mkdir()
            place(self.file, folder / "model.onnx")
        with self.hurry():
            self.hedge("load", name, "--timeout", LOAD_S, timeout=LOAD_S + 10)
        macs = next(m["macs"] for m in map(json.loads, self.hedge("models", "--json").stdout.splitlines())
                    if m["name"] == name)
        check(self.network_model.macs in (None, macs), "networks.py is wrong about", self.a.model, ":", macs, "MACs")
        return macs

    def trouble(self, round_number, *lines, number=None):
        """What happens to the boards in the requests that follow: the same in all of one round.
        @param number  Of the one request that follows, for the stores; None: several may."""
        if self.store and number is not None:
            lines = (f"input {number % INPUTS + 1}", *lines)
        self.emulate(f"seed {self.a.seed}", f"round {round_number}", *lines)

    def request(self, scheme, number, who=0):
        """@param number  Chooses the input. @return as ask()."""
        return ask(self, scheme, self.inputs[number % INPUTS], self.reference, self.tolerance, ("--trace",),
                   self.a.timeout, who)


class Progress:
    """One line on a terminal; silent elsewhere."""

    def __init__(self, total):
        self.total, self.done, self.begin = total, 0, time.monotonic()
        self.on = sys.stderr.isatty()

    def step(self, what, count=1):
        if not self.on:
            return
        left = ""
        if self.done:
            s = (time.monotonic() - self.begin) / self.done * (self.total - self.done)
            left = f", {s / 60:.0f} min left" if s >= 90 else f", {s:.0f} s left"
        print(f"\r\x1b[K{self.done}/{self.total} {what}{left}"[:84], end="", file=sys.stderr, flush=True)
        self.done += count

    def clear(self):
        if self.on:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def write_json(path, value):
    """Whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(value, indent=1) + "\n")
    fresh.rename(path)
