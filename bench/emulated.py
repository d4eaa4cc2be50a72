# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks on emulated boards share: clusters with one network loaded once per scheme, so that requests of all schemes
can be interleaved and meet the same luck. Schemes that are settings of the whole coordinator have a cluster each."""
import contextlib
import json
import math
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
from networks import FILES, NETWORKS, Network  # noqa: E402

# A code's name here, and its rule in plan.rules. Who names a scheme gets it, whatever plan.work is.
CODES = {name: {"scheme": name} for name in ("uncoded", "replication", "mds", "lt", "nsctc", "steal", "krp")}
for even in ("uncoded", "lt", "steal"):  # others are so by themselves; to give fast boards more is the planner's doing
    CODES[even]["even"] = True
CODES["nsctc-whole"] = {"scheme": "nsctc", "whole_boards": True}  # as its paper has it
# Ways of working that are no single code, and the settings of their cluster.
LAYERS = "layers"  # the best of the codes for every layer
WAYS = {"auto": {}, LAYERS: {"plan.work": "layers"}, "segments": {"plan.work": "segments"}, "whole": {"plan.work": "whole"},
        # Whole pictures in turn, as one would do without hedge.
        "round-robin": {"plan.work": "whole", "plan.hedge": False, "plan.here": False}}
SCHEMES = (*CODES, *WAYS)
COMPARED = (*CODES, LAYERS, "auto")  # where none are named
ALONE = "local"    # the same network by the coordinator alone
ACCURACY = 1e-3    # of a decoded layer: hedged's default
ERRORS_ADD_UP = 5  # the final output may be off by so many times that: every layer's error goes through all after it
INPUTS = 3         # requests take them in turn
LOAD_S = 900


def add_options(parser):
    p = parser.add_argument
    p("--model", choices=[*NETWORKS, *FILES], default="alexnet", help="(alexnet)")
    p("--data", type=Path, default=Path(os.environ.get("HEDGE_TEST_DATA", "../shared/data")) / "models", metavar="FOLDER",
      help=f"where {', '.join(FILES)} are (%(default)s)")
    p("--boards", type=int, default=10, metavar="N", help=f"1 to {MOST_BOARDS} (10)")
    p("--profile", choices=PROFILES, default="slow-100m", help="(slow-100m)")
    p("--schemes", default=",".join(COMPARED), metavar="NAME,...", help=f"of {', '.join(SCHEMES)} (%(default)s)")
    p("--runs", type=int, default=20, metavar="R", help="requests per scheme (20)")
    p("--warmup", type=int, default=2, metavar="W", help="requests per scheme before those (2)")
    p("--seed", type=int, default=1, metavar="S", help="of weights, inputs and luck (1)")
    p("--store", type=int, default=0, metavar="MIB", help="every board answers from what it computed before for the same share and "
      "input, and keeps so much of it (0: not at all)")
    p("--shares", default="8G", metavar="BYTES", help="what a board may keep: as it comes, the shares of all schemes at once, where "
      "a real one would have those of one (%(default)s)")
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


def priors(profile):
    """What an operator would say of such boards; the rest is learnt."""
    gflops, mbit, _ = board_kinds(profile, 1)[0]
    return {"prior.board_macs_per_s": int(gflops * 1e9 / 2), "prior.here_macs_per_s": int(gflops * 1e9 / 2),
            "prior.link_mbit": mbit, "prior.here_link_mbit": COORDINATOR_MBIT}


class Cluster(Bed):
    """A bed whose coordinator is as slow as its first board, with the network under the name of every scheme and, as
    `local`, by the coordinator alone."""

    def __init__(self, a, settings=None, boards=None):
        self.a, self.macs, self.loaded = a, None, set()
        self.network_model = FILES.get(a.model) or Network(a.model)
        self.tolerance = ACCURACY * ERRORS_ADD_UP
        rules = [{"model": ALONE, "scheme": "local"}, *({"model": name, **rule} for name, rule in CODES.items())]
        super().__init__(boards or a.boards, a.profile,
                         {"plan.rules": rules, "plan.accuracy": ACCURACY} | priors(a.profile) | (settings or {}) | a.set,
                         {"memory.shares_bytes": a.shares}, coordinator_gflops=board_kinds(a.profile, 1)[0].gflops, store_mib=a.store,
                         verify=a.verify, slow_cores=not a.fast_cores)

    @property
    def here_macs_per_s(self):
        return self.coordinator_gflops * 1e9 / 2

    def make_file(self):
        """@return the network as an ONNX file."""
        if self.a.model in FILES:
            path = (self.a.data / FILES[self.a.model].path).resolve()
            check(path.exists(), f"no {path}: --data names the folder of models")
            return path
        path = self.dir / f"{self.a.model}.onnx"
        hedge("model", "make", self.a.model, path, "--seed", self.a.seed, "--quiet", timeout=LOAD_S)
        return path

    def prepare(self, like=None):
        """Make the network and its inputs, and ask one machine alone; or take them from a cluster that has."""
        if like:
            self.file, self.inputs, self.reference = like.file, like.inputs, like.reference
            return
        self.file = self.make_file()
        shape, luck = self.network_model.shape, random.Random(self.a.seed)
        self.inputs = [write_npy(self.dir / f"input-{i}.npy", shape, [luck.gauss(0, 1) for _ in range(math.prod(shape))])
                       for i in range(INPUTS)]
        self.reference = Reference(self.file, self.inputs, self.dir)

    def load_as(self, name):
        """The repository gets a link in place of a copy. Again: it is planned anew. @return its multiply-accumulates."""
        folder = self.dir / "models" / name
        if name in self.loaded:
            self.hedge("unload", name)
        elif not folder.exists():
            folder.mkdir()
            place(self.file, folder / "model.onnx")
        self.loaded.add(name)
        with self.hurry():
            self.hedge("load", name, "--timeout", LOAD_S, timeout=LOAD_S + 10)
            self.wait_alive()  # who gets hundreds of megabytes may be missed meanwhile
        self.macs = next(m["macs"] for m in map(json.loads, self.hedge("models", "--json").stdout.splitlines())
                         if m["name"] == name)
        check(self.network_model.macs in (None, self.macs), "networks.py is wrong about", self.a.model, ":", self.macs, "MACs")
        return self.macs

    def learn(self, count, trouble=()):
        """Ask for `uncoded`, of which nobody chooses who does what, so that all boards are measured, and forget it.
        @param trouble  Lines of emulation."""
        self.load_as("uncoded")
        for i in range(count):
            self.trouble(1 + i, *trouble)
            self.request("uncoded", i)
        self.hedge("unload", "uncoded")
        self.loaded.discard("uncoded")

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


class Clusters(contextlib.ExitStack):
    """A cluster for every way among `schemes`, and one for all codes; each scheme's requests go to its own. All are of equal
    boards, which have the same luck in the same round.
    @param settings  Of all coordinators."""

    def __init__(self, a, schemes, settings=None):
        super().__init__()
        self.schemes, self.beds = {}, {}
        for scheme in schemes:
            way = scheme if scheme in WAYS else LAYERS
            if way not in self.beds:
                self.beds[way] = Cluster(a, WAYS[way] | (settings or {}))
            self.schemes[scheme] = self.beds[way]
        self.codes = self.beds.get(LAYERS) or next(iter(self.beds.values()))  # where `local` and what is not named are

    def __enter__(self):
        super().__enter__()
        try:
            for bed in self.beds.values():
                self.enter_context(bed)
        except BaseException:
            self.close()
            raise
        return self

    def of(self, scheme):
        return self.schemes.get(scheme, self.codes)

    def prepare(self):
        first = None
        for bed in self.beds.values():
            bed.prepare(first)
            first = first or bed

    def load_as(self, name):
        return self.of(name).load_as(name)

    def trouble(self, round_number, *lines, number=None):
        for bed in self.beds.values():
            bed.trouble(round_number, *lines, number=number)

    def request(self, scheme, number, who=0):
        return self.of(scheme).request(scheme, number, who)

    def parts(self):
        """As Bed.parts, of all together."""
        told = [bed.parts() for bed in self.beds.values()]
        return {key: sum(t[key] for t in told) for key in told[0]}


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
