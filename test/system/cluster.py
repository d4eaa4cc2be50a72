# SPDX-License-Identifier: Apache-2.0
"""A real cluster for a test, made by `hedge up`: real programs, sockets, keys, signals.

    with Cluster(boards=4) as c:
        c.load_digits()
        c.kill("board-2")
        answers = c.infer("digits", picture)

Programs are found through the environment: HEDGE names the command line; it finds the daemons beside itself. Whatever
happens, the cluster is brought down and its folder removed; a test that leaves a process behind fails.
"""
import array
import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

HEDGE = os.environ["HEDGE"]
SOURCE = Path(os.environ["HEDGE_SOURCE_ROOT"])
PATIENCE_S = 120  # for what must happen at all; nothing is as slow as a busy machine under a sanitizer
DIGITS = SOURCE / "client/demo/digits"


class Failure(AssertionError):
    pass


def check(condition, *what):
    """An assert that stays under -O and says more."""
    if not condition:
        raise Failure(" ".join(str(w) for w in what))


def skip(why):
    print("skipped:", why)
    sys.exit(77)


def test_data():
    """The folder of public models and pictures, or a visible skip where it is absent."""
    path = Path(os.environ.get("HEDGE_TEST_DATA", SOURCE / "../shared/data"))
    if not (path / "models").is_dir():
        skip("no test data at HEDGE_TEST_DATA")
    return path.resolve()


def hedge(*words, status=0, env=None, timeout=PATIENCE_S, **more):
    """Run the command line. status: what it must exit with, or None."""
    environment = {k: v for k, v in os.environ.items() if k != "HEDGE_DIR"} | (env or {})
    result = subprocess.run([HEDGE, *map(str, words)], capture_output=True, text=True, errors="replace",
                            timeout=timeout, env=environment, stdin=subprocess.DEVNULL, **more)
    check("AddressSanitizer" not in result.stderr and "runtime error:" not in result.stderr, result.stderr)
    if status is not None:
        check(result.returncode == status, words, "ended with", result.returncode, "and not", status, "\n",
              result.stdout, result.stderr)
    return result


def wait_for(what, happened):
    """Poll until happened() is true; for what no event tells."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        value = happened()
        if value:
            return value
        check(time.monotonic() < deadline, "waited in vain for:", what)
        time.sleep(0.02)


def unused_endpoint():
    """Of tcp, on the loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{probe.getsockname()[1]}"


def runs(pid):
    """Is it a living process (a zombie is not)?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Cluster:
    def __init__(self, boards=4, options=(), work=None):
        """@param work  plan.work, where a test is about one size of work, such as coded layers ("layers"); None: the default."""
        self.boards = boards
        self.options = [*(["--set", f"plan.work={work}"] if work else []), *options]
        self.dir = Path(tempfile.mkdtemp(prefix="hedge-", dir="/tmp"))
        self.started, self.children = {}, []

    def up(self):
        self.hedge("up", "--boards", self.boards, "--detach", *self.options)
        self.started = {name: self.pid(name) for name in ["hedged", *self.board_names()]}
        self.endpoint = (self.dir / "run/boards.endpoint").read_text().strip()
        return self

    def __enter__(self):
        try:
            return self.up()
        except BaseException:
            self.show_logs()
            self.clean()
            raise

    def __exit__(self, kind, value, traceback):
        try:
            if kind:
                self.show_logs()
            hedge("down", "--dir", self.dir, status=None)
            left = [name for name, pid in self.started.items() if runs(pid)]
            if not kind:
                check(not left, "left behind:", left)
                self.check_logs()
        finally:
            self.clean()

    def clean(self):
        for child in self.children:
            child.poll()  # reap it
        for pid in self.started.values():
            if runs(pid) and str(self.dir) in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.dir, ignore_errors=True)

    def show_logs(self):
        for log in sorted((self.dir / "log").glob("*.log")):
            print(f"--- {log.name}", *log.read_text(errors="replace").splitlines()[-25:], sep="\n", file=sys.stderr)

    def check_logs(self):
        for log in (self.dir / "log").glob("*.log"):
            text = log.read_text(errors="replace")
            check("Sanitizer" not in text and "runtime error:" not in text, log.name, text)

    def board_names(self):
        return [f"board-{i}" for i in range(1, self.boards + 1)]

    # --- the command line ---

    def hedge(self, *words, **more):
        return hedge(words[0], "--dir", self.dir, *words[1:], **more)

    def status(self):
        return json.loads(self.hedge("status", "--json").stdout)

    def board(self, name):
        return next(b for b in self.status()["boards"] if b["name"] == name)

    def load(self, path, name=None):
        return self.hedge("load", path, *(["--name", name] if name else []))

    def load_digits(self):
        """The classifier that comes with hedge; called "digits"."""
        return self.load(DIGITS / "model.onnx")

    def infer(self, model, *words, status=0):
        """@return one dictionary per input."""
        result = self.hedge("infer", model, "--json", *words, status=status)
        return [json.loads(line) for line in result.stdout.splitlines()]

    # --- its processes ---

    def pid(self, name):
        return int((self.dir / f"run/{name}.pid").read_text())

    def freeze(self, name):
        os.kill(self.pid(name), signal.SIGSTOP)

    def thaw(self, name):
        os.kill(self.pid(name), signal.SIGCONT)

    def start(self, name):
        """A board that was killed, again; `hedge down` will find it."""
        with open(self.dir / f"log/{name}.log", "ab") as log:
            child = subprocess.Popen([Path(HEDGE).resolve().parent.parent / "worker/hedge-worker", "--config", self.dir / f"conf/{name}.yaml"],
                                     stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        (self.dir / f"run/{name}.pid").write_text(f"{child.pid}\n")
        self.children.append(child)
        self.started[f"{name}, started as {child.pid}"] = child.pid

    def kill(self, name):
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        wait_for(f"the end of {name}", lambda: not runs(pid))

    @contextlib.contextmanager
    def hedged_again(self):
        """The coordinator has ended: another one, at the port that the boards know. It is ended afterwards."""
        config = next(self.dir.rglob("hedged.yaml"))
        config.write_text(config.read_text().replace("tcp://127.0.0.1:*", self.endpoint))
        with open(self.dir / "log/hedged-2.log", "w") as log:
            again = subprocess.Popen([Path(HEDGE).resolve().parent.parent / "daemon/hedged", "--config", config], stdout=log, stderr=log)
        try:
            yield
        finally:
            again.terminate()
            check(again.wait(30) == 0, "the second hedged ended with", again.returncode)

    def alive(self):
        """The coordinator still serves."""
        check(runs(self.pid("hedged")), "hedged is gone")
        return self.status()


# --- inputs ---

def write_npy(path, shape, values):
    """A .npy file of little-endian float32."""
    header = repr({"descr": "<f4", "fortran_order": False, "shape": tuple(shape)}).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header +
                     array.array("f", values).tobytes())
    return path


def write_digit(path, seven=False):
    """A 28 x 28 grey PNG: a one or a seven, drawn with strokes of three pixels."""
    rows = [bytearray(28) for _ in range(28)]
    for y in range(5, 23):
        x = 13 if not seven else 18 - (y - 5) * 8 // 18
        for dx in range(3):
            rows[y][x + dx] = 255
    for y in range(5, 8) if seven else ():
        for x in range(8, 21):
            rows[y][x] = 255
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(b"".join(b"\0" + bytes(r) for r in rows))) + chunk(b"IEND", b""))
    return path


def read_floats(path):
    values = array.array("f")
    values.frombytes(Path(path).read_bytes())
    return values


def check_close(got, wanted, what, tolerance=1e-3):
    """Equal up to a part of the largest magnitude."""
    check(len(got) == len(wanted), what, ":", len(got), "values and not", len(wanted))
    scale = max(map(abs, wanted))
    worst = max(abs(a - b) for a, b in zip(got, wanted))
    check(worst <= tolerance * scale, what, ": off by", worst, "of", scale)
