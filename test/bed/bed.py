# SPDX-License-Identifier: Apache-2.0
"""A cluster of emulated boards: hedged and N hedge-workers, each behind a link of its own (network.py).

    with Bed(boards=10, profile="pi3-100m", settings={"plan.scheme": "uncoded"}) as bed:
        bed.load(model, "squeezenet")
        bed.play([(2.0, "freeze", "board-3"), (4.0, "thaw", "board-3")])
        answers = bed.infer("squeezenet", picture)

Programs, keys and sockets are the real ones: CURVE over TCP between boards and coordinator, clients by ipc. A board's
processor is emulated twice: what its kernel computes by the worker (HEDGE_EMULATE names a file), so that each part takes at least the
time that it would take there; and all other work of boards and coordinator by slow.c, where a Bed has slow_cores: their processor
time is stretched by how much faster this machine's cores are (cores.py).
"""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
os.environ.setdefault("HEDGE_SOURCE_ROOT", str(SOURCE))
os.environ.setdefault("HEDGE", str(SOURCE / "build/client/hedge"))
sys.path.insert(0, str(SOURCE / "test/system"))

import cores  # noqa: E402
from cluster import HEDGE, Failure, check, hedge, read_floats, wait_for, write_npy  # noqa: E402
from events import Player  # noqa: E402
from network import Network, Unavailable, is_orphan  # noqa: E402

COORDINATOR_MBIT = 1000
HURRY_MBIT = 20000
MOST_BOARDS = 256  # of a cluster


class Kind(NamedTuple):
    """A board: what its cores compute together of a layer, its link, and what one of them does of anything else."""
    gflops: float
    mbit: float
    cores: cores.Cores


KINDS = {"pi5-1g": Kind(60, 1000, cores.A76), "pi4-1g": Kind(15, 1000, cores.A72), "pi3-100m": Kind(5, 100, cores.A53),
         "slow-100m": Kind(1.5, 100, cores.A53_THROTTLED), "slow-20m": Kind(1.5, 20, cores.A53_THROTTLED)}
PROFILES = {name: [name] for name in KINDS} | {"mixed": ["pi4-1g", "pi3-100m", "pi3-100m", "slow-100m"]}  # in turn
STOP_S = 5
TOLD_S = 1.5  # after a second without work a board tells of its store


def board_kinds(profile, boards):
    """@return the Kind of each board."""
    turn = PROFILES[profile]
    return [KINDS[turn[i % len(turn)]] for i in range(boards)]


def find_program(name, folder):
    """Beside the command line, or where the build has it."""
    here = Path(HEDGE).resolve().parent
    for path in (here / name, here.parent / folder / name, here.parent / "sbin" / name):
        if os.access(path, os.X_OK):
            return path
    raise Failure(f"no {name} beside {HEDGE}: set HEDGE to a built hedge")


def find_slow():
    """What slow.c was built to."""
    path = Path(HEDGE).resolve().parent.parent / "test/bed/libhedge-slow.so"
    check(path.exists(), f"no {path}, without which no core is slow: build the target `bed`")
    return path


def write_settings(path, settings):
    """{"a.b": value} as YAML. Texts that were given by a user stay as they are, so that they may be of any type."""
    tree = {}
    for key, value in settings.items():
        *sections, last = key.split(".")
        branch = tree
        for section in sections:
            branch = branch.setdefault(section, {})
        branch[last] = value
    lines = []

    def add(branch, indent):
        for key, value in branch.items():
            if isinstance(value, dict):
                lines.append(f"{indent}{key}:")
                add(value, indent + "  ")
            else:
                lines.append(f"{indent}{key}: {value if isinstance(value, str) else json.dumps(value)}")

    add(tree, "")
    path.write_text("\n".join(lines) + "\n")


class Bed:
    """@param settings, board_settings  {"plan.scheme": "uncoded"}: keys of hedged.yaml and of every hedge-worker.yaml.
    @param store_mib  Boards answer from what they computed before for the same share and input, and keep so much of it: 0 for not
    at all. What parts take is emulated all the same; verify: what the store has is computed too, and compared.
    @param slow_cores  Boards and coordinator have the cores of their profile (the coordinator of the first board's), else this
    machine's.
    @param coordinator_gflops  What the coordinator's own layers are slowed down to; None: as the first board's with slow_cores, else
    they take this machine's time.
    @raise network.Unavailable  Where namespaces are not to be had."""

    def __init__(self, boards=10, profile="pi3-100m", settings=None, board_settings=None,
                 coordinator_gflops=None, store_mib=0, verify=False, slow_cores=False):
        self.kinds = board_kinds(profile, boards)
        self.settings, self.board_settings = dict(settings or {}), dict(board_settings or {})
        self.names = [f"board-{i}" for i in range(1, boards + 1)]
        self.network = Network([COORDINATOR_MBIT, *(kind.mbit for kind in self.kinds)])
        self.gflops = {name: kind.gflops for name, kind in zip(self.names, self.kinds)}
        self.coordinator_gflops = coordinator_gflops or (self.kinds[0].gflops if slow_cores else None)
        self.slowness = self.measure_slowness() if slow_cores else {}
        self.store = (f"store {store_mib}", f"verify {int(verify)}") if store_mib else ()
        self.dir = self.player = None
        self.processes = {}
        self.slower, self.troubles = {}, ()

    # --- life ---

    def __enter__(self):
        try:
            self.network.__enter__()
            self.dir = Path(tempfile.mkdtemp(prefix=f"hedge-bed-{os.getpid()}-", dir="/tmp"))
            self.up()
            return self
        except BaseException:
            self.show_logs()
            self.close()
            raise

    def __exit__(self, kind, value, traceback):
        try:
            if kind and kind is not KeyboardInterrupt:
                self.show_logs()
        finally:
            self.close()

    def up(self):
        for left in Path("/tmp").glob("hedge-bed-*-*"):  # by a bed that was killed
            if is_orphan(left.name.split("-")[2]):
                shutil.rmtree(left, ignore_errors=True)
        for folder in ("keys/boards", "keys/clients", "conf", "log", "run", "models", "emulate"):
            (self.dir / folder).mkdir(parents=True)
        self.switch = self.dir / "slow"
        self.switch.write_text("1")
        for name in ("coordinator", *self.names):
            hedge("keygen", "--quiet", self.dir / "keys", name)
        for name in self.names:
            shutil.copy(self.dir / f"keys/{name}.pub", self.dir / "keys/boards")
        self.emulate()
        self.start_coordinator()
        for name in self.names:
            self.start_board(name)
        self.wait_alive()

    def close(self):
        """End every process, then the network. Ctrl-C has to wait for it."""
        old = [(s, signal.signal(s, signal.SIG_IGN)) for s in (signal.SIGINT, signal.SIGTERM)]
        try:
            if self.player:
                self.player.stop()
            for name, process in self.processes.items():
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                    process.send_signal(signal.SIGCONT)
            for process in self.processes.values():
                try:
                    process.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            if self.player:
                self.player.join()
        finally:
            self.network.close()
            if self.dir:
                shutil.rmtree(self.dir, ignore_errors=True)
            for number, handler in old:
                signal.signal(number, handler)

    def show_logs(self):
        for log in sorted((self.dir / "log").glob("*.log")) if self.dir else ():
            print(f"--- {log.name}", *log.read_text(errors="replace").splitlines()[-8:], sep="\n", file=sys.stderr)

    # --- processes ---

    def measure_slowness(self):
        """@return {name: how many times slower its cores are than this machine's}."""
        here = cores.measure()
        return {name: cores.factor(kind.cores, here) for name, kind in zip(self.names, self.kinds)} | \
            {"hedged": cores.factor(self.kinds[0].cores, here)}

    def slowed(self, name):
        """The begin of a command line."""
        if name not in self.slowness:
            return []
        return ["env", f"LD_PRELOAD={find_slow()}", f"HEDGE_SLOW={self.slowness[name]:.3f}", f"HEDGE_SLOW_WHILE={self.switch}"]

    @contextlib.contextmanager
    def hurry(self):
        """Meanwhile all cores are this machine's, and links are no limit: for what is not measured, such as planning, and shares being
        encoded and sent."""
        rates = list(self.network.rates_mbit)
        self.set_switch(b"0")
        try:
            for host in range(len(rates)):
                self.network.set_rate(host, HURRY_MBIT)
            yield
        finally:
            for host, rate in enumerate(rates):
                self.network.set_rate(host, rate)
            self.set_switch(b"1")

    def set_switch(self, byte):
        """In place: programs have the file mapped."""
        with open(self.switch, "r+b") as file:
            file.write(byte)

    def launch(self, name, host, program, settings, env=()):
        conf = self.dir / f"conf/{name}.yaml"
        write_settings(conf, settings)
        # Many boards on few cores: idle compute threads must not spin.
        environment = os.environ | {"OMP_WAIT_POLICY": "passive"} | dict(env)
        environment.pop("NOTIFY_SOCKET", None)
        with open(self.dir / f"log/{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(
                self.network.command(host, *self.slowed(name), program, "--config", conf), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=environment, start_new_session=True)

    def start_coordinator(self):
        keys = self.dir / "keys"
        self.launch("hedged", 0, find_program("hedged", "daemon"), {
            "listen.boards": f"tcp://{self.network.address(0)}:7501",
            "listen.clients": f"ipc://{self.dir}/run/hedged.sock",
            "listen.endpoint_file": f"{self.dir}/run/boards.endpoint",
            "security": "curve",
            "keys.secret": f"{keys}/coordinator.secret",
            "keys.boards": f"{keys}/boards",
            "keys.clients": f"{keys}/clients",
            "models.repository": f"{self.dir}/models",
            "jobs.folder": f"{self.dir}/jobs",
            "cluster.slots": len(self.names),
            "cluster.measurements": f"{self.dir}/run/boards.yaml",
        } | ({"test.allow_emulation": True} if self.coordinator_gflops else {}) | self.settings,
            {"HEDGE_EMULATE_MACS_PER_S": repr(self.coordinator_gflops * 1e9 / 2)} if self.coordinator_gflops else {})
        wait_for("hedged's socket", lambda: self.lives("hedged") and (self.dir / "run/hedged.sock").exists())

    def start_board(self, name):
        """Start it (again), as fast as its profile says."""
        check(name in self.names, "no board is called", name)
        check(name not in self.processes or self.processes[name].poll() is not None, name, "runs already")
        self.slow(name, 1)
        keys = self.dir / "keys"
        self.launch(name, 1 + self.names.index(name), find_program("hedge-worker", "worker"), {
            "board.name": name,
            "coordinator.endpoint": f"tcp://{self.network.address(0)}:7501",
            "security": "curve",
            "keys.secret": f"{keys}/{name}.secret",
            "keys.coordinator": f"{keys}/coordinator.pub",
            "compute.threads": 1,
            "test.allow_emulation": True,
        } | self.board_settings, {"HEDGE_EMULATE": f"{self.dir}/emulate/{name}"})

    # --- emulation: files that the programs read again when they change ---

    def emulate(self, *lines):
        """What ails every board from now on, in place of what did (see README.md for the lines)."""
        self.troubles = lines
        for name in self.names:
            self.write_emulation(name)

    def slow(self, name, factor):
        """Slower than its profile says, from its next task on."""
        self.slower[name] = factor
        self.write_emulation(name)

    def write_emulation(self, name):
        """At once, so that nobody reads half of it."""
        fresh = self.dir / f"emulate/{name}.new"
        fresh.write_text("\n".join((f"macs_per_s {self.gflops[name] * 1e9 / 2 / self.slower.get(name, 1)!r}",
                                    f"boards {len(self.names)}", f"board {self.names.index(name)}", *self.store, *self.troubles, "")))
        fresh.rename(self.dir / f"emulate/{name}")

    # --- how they fare ---

    def told_of_store(self, name):
        """{"stored", "computed", ..}: parts, as the board's log has it after its last burst of work. A process counts from 0, and
        the log has all processes that the board has been: what they came to is added up."""
        keys, total = ("stored", "computed", "checked", "wrong"), [0] * 4
        for life in (self.dir / f"log/{name}.log").read_text().split(": hedge-worker "):
            told = re.findall(" ".join(rf"{key}=(\d+)" for key in keys), life)
            total = [x + int(y) for x, y in zip(total, told[-1] if told else (0,) * 4)]
        return dict(zip(keys, total))

    def parts(self):
        """How this bed's parts came about: the sums of told_of_store over all boards; {} where everything is computed."""
        if not self.store:
            return {}
        time.sleep(TOLD_S)
        told = [self.told_of_store(name) for name in self.names]
        return {key: sum(t[key] for t in told) for key in told[0]}

    def lives(self, name):
        check(self.processes[name].poll() is None, name, "ended with", self.processes[name].returncode)
        return True

    def wait_alive(self):
        wait_for("all boards", lambda: self.lives("hedged") and all(map(self.lives, self.names)) and
                 self.status()["alive"] == len(self.names))

    def signal(self, name, number):
        process = self.processes[name]
        if process.poll() is None:
            process.send_signal(number)

    def freeze(self, name):
        self.signal(name, signal.SIGSTOP)

    def thaw(self, name):
        self.signal(name, signal.SIGCONT)

    def kill(self, name):
        self.signal(name, signal.SIGKILL)
        self.processes[name].wait(STOP_S)

    def host(self, name):
        return 0 if name in ("hedged", "coordinator") else 1 + self.names.index(name)

    def play(self, events):
        """Begin a script of (time_s, action, board[, value]): see events.py."""
        check(self.player is None, "one script at a time")
        self.player = Player(self, events)
        self.player.start()

    # --- the command line ---

    def hedge(self, *words, **more):
        return hedge(words[0], "--dir", self.dir, *words[1:], **more)

    def status(self):
        return json.loads(self.hedge("status", "--json").stdout)

    def load(self, path, name, timeout_s=600):
        """Until every board holds its shares."""
        self.hedge("load", path, "--name", name, "--timeout", timeout_s, timeout=timeout_s + 10)

    def infer(self, model, *words, timeout_s=60):
        """@return one dictionary per input; `error` in place of an answer."""
        result = self.hedge("infer", model, "--json", "--timeout", timeout_s, *words, status=None,
                            timeout=timeout_s * 2 + 10)
        return [json.loads(line) for line in result.stdout.splitlines()]

    # --- measuring what the links really carry ---

    def measure_links(self):
        """While nothing else runs. Mbit/s of TCP payload, ms."""
        boards = range(1, 1 + len(self.names))
        measure = self.network.measure_mbit
        slowest = 1 + min(range(len(self.kinds)), key=lambda i: self.kinds[i].mbit)
        return {
            "board": self.names[slowest - 1],
            "wanted_mbit": self.network.rates_mbit[slowest],
            "to_board_mbit": round(measure([(0, slowest)])[0], 1),
            "from_board_mbit": round(measure([(slowest, 0)])[0], 1),
            "to_all_mbit": round(sum(measure([(0, b) for b in boards])), 1),
            "from_all_mbit": round(sum(measure([(b, 0) for b in boards])), 1),
            "rtt_ms": round(self.network.measure_rtt_ms(0, slowest), 3),
        }

    def dropped(self):
        """Packets that the links dropped."""
        return sum(n for host in range(1 + len(self.names)) for _, n in self.network.counters(host).values())


def run(name, measure, *arguments):
    """Call measure(), and say in one line why it could not be. @return the exit status."""
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background job ignores SIGINT unless told otherwise
        signal.signal(number, signal.default_int_handler)
    try:
        return measure(*arguments)
    except Unavailable as e:
        print("skipped:", e, file=sys.stderr)
        return 77
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except (Failure, OSError) as e:
        print(f"{name}: {e}", file=sys.stderr)
        return 1
