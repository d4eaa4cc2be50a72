# SPDX-License-Identifier: Apache-2.0
"""Boards' links: network namespaces, veth pairs, a bridge, and a token bucket at both ends of each pair.

    host 0 (the coordinator)   host 1        host 2 ...        a namespace each, with eth0 = 10.77.x.y
              |                  |             |
            port0              port1         port2             one namespace with the bridge br0

Nothing of the machine's own network is touched: every interface is made inside these namespaces, and no address exists
outside of them. The egress of eth0 limits what a host sends, the egress of its port what it receives.
"""
import ctypes
import itertools
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

PREFIX = "hedgebed"
CLONE_NEWNET = 0x40000000
NETNS = Path("/run/netns")

# tbf counts a frame's 14 bytes of header and 1,500 of payload; Ethernet sends 24 more (preamble, checksum, gap).
ON_THE_WIRE = 1514 / 1538
# The bucket must hold the largest segment a host hands over at once; a bucket is also what an idle link lets through
# without a delay, so both are kept small: 10 KB are 0.8 ms of 100 Mbit/s.
GSO_BYTES = 8192
BURST_BYTES, BURST_S = 10240, 0.0005
# What waits in front of a link, as in the port of a small switch; TCP keeps its sender's own queue short by itself.
QUEUE_BYTES, QUEUE_S = 262144, 0.005


class Unavailable(Exception):
    """This machine does not allow it: no root, no namespaces, no tbf."""


def run(*words, text=None):
    result = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=30, input=text,
                            stdin=subprocess.DEVNULL if text is None else None)
    if result.returncode:
        raise OSError(f"{' '.join(map(str, words))}: {(result.stderr or result.stdout).strip()}")
    return result.stdout


def sweep():
    """Remove what a bed left behind that was killed by SIGKILL: namespaces that carry its process id."""
    for path in NETNS.glob(f"{PREFIX}-*") if NETNS.is_dir() else ():
        if is_orphan(path.name.split("-")[1]):
            subprocess.run(["ip", "netns", "del", path.name], capture_output=True, timeout=30)


def is_orphan(pid):
    return pid.isdigit() and not Path(f"/proc/{pid}").exists()


class Network:
    """Hosts 0 .. n: rates_mbit[i] is the link of host i. A context manager. Networks know nothing of each other: all have the
    same addresses."""

    numbers = itertools.count()

    def __init__(self, rates_mbit):
        self.number = next(self.numbers)
        self.rates_mbit = list(rates_mbit)
        self.made = []
        self.lock = threading.Lock()

    def name(self, host):
        return f"{PREFIX}-{os.getpid()}-{self.number}-{host}"

    def address(self, host):
        return f"10.77.{(host + 1) // 250}.{(host + 1) % 250 + 1}"

    def __enter__(self):
        try:
            self.probe()
            self.make_bridge()
            for host, rate in enumerate(self.rates_mbit):
                self.make_host(host)
                self.set_rate(host, rate)
            return self
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    def close(self):
        """The veth pairs and their limits go with the namespaces."""
        while self.made:
            subprocess.run(["ip", "netns", "del", self.made.pop()], capture_output=True, timeout=30)

    def probe(self):
        if os.geteuid():
            raise Unavailable("the test bed needs root")
        for program in ("ip", "tc", "setpriv"):
            if not shutil.which(program):
                raise Unavailable(f"the test bed needs the program {program}")
        sweep()
        try:
            self.make_namespace("probe")
            self.ip("probe", "link add left type veth peer name right", "link add br0 type bridge")
            run("tc", "-n", self.name("probe"), "qdisc", "add", "dev", "left", "root", "tbf", "rate", "100mbit",
                "burst", "64kb", "latency", "20ms")
        except OSError as e:
            raise Unavailable(f"no network namespaces, veth, bridge or tbf here: {e}") from e
        finally:
            self.close()

    def make_namespace(self, which):
        name = self.name(which)
        self.made.append(name)
        run("ip", "netns", "add", name)

    def ip(self, which, *commands):
        run("ip", "-n", self.name(which), "-batch", "-", text="\n".join(commands) + "\n")

    def make_bridge(self):
        self.make_namespace("bridge")
        self.ip("bridge", "link add br0 type bridge forward_delay 0", "link set br0 up")

    def make_host(self, host):
        self.make_namespace(host)
        name = self.name(host)
        self.ip("bridge", f"link add port{host} type veth peer name eth0 netns {name}",
                f"link set port{host} gso_max_size {GSO_BYTES} master br0 up")
        self.ip(host, f"link set eth0 gso_max_size {GSO_BYTES}", f"address add {self.address(host)}/16 dev eth0",
                "link set lo up", "link set eth0 up",
                # Debian's congestion control; a namespace would take over whatever this machine uses.
                f"route change 10.77.0.0/16 dev eth0 src {self.address(host)} congctl cubic")

    def ends(self, host):
        return (self.name(host), "eth0"), (self.name("bridge"), f"port{host}")

    # --- what events do ---

    def set_rate(self, host, mbit):
        """Both directions, at once; what is on its way stays on its way."""
        bytes_per_s = mbit * 1e6 / 8 * ON_THE_WIRE
        burst = max(BURST_BYTES, int(bytes_per_s * BURST_S))
        limit = max(QUEUE_BYTES, int(bytes_per_s * QUEUE_S))
        with self.lock:
            for namespace, device in self.ends(host):
                run("tc", "-n", namespace, "qdisc", "replace", "dev", device, "root", "handle", "1:", "tbf", "rate",
                    f"{int(bytes_per_s * 8)}bit", "burst", burst, "limit", limit)
            self.rates_mbit[host] = mbit

    def cut(self, host):
        """As if the cable were pulled: nobody is told, packets vanish."""
        self.ip("bridge", f"link set port{host} down")

    def mend(self, host):
        self.ip("bridge", f"link set port{host} up")

    # --- using and measuring it ---

    def command(self, host, *words):
        """A command line that runs in the host's namespace, under the same process id, and dies with its starter."""
        return ["ip", "netns", "exec", self.name(host), "setpriv", "--pdeathsig", "KILL", *map(str, words)]

    def inside(self, host, action):
        """Call action() on a thread of its own in the host's namespace. Its sockets stay there."""
        result = []

        def enter():
            try:
                with open(NETNS / self.name(host), "rb") as file:
                    libc = ctypes.CDLL(None, use_errno=True)
                    if libc.setns(file.fileno(), CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), "setns")
                result.append((action(), None))
            except BaseException as e:  # handed on below
                result.append((None, e))

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        value, error = result[0]
        if error:
            raise error
        return value

    def connect(self, source, target):
        """@return two ends of a TCP connection between two hosts."""
        server = self.inside(target, lambda: socket.create_server((self.address(target), 0)))
        with server:
            server.settimeout(10)
            port = server.getsockname()[1]
            client = self.inside(source, lambda: socket.create_connection((self.address(target), port), 10))
            return client, server.accept()[0]

    def measure_mbit(self, pairs, seconds=0.6):
        """TCP payload over (source, target) pairs, all at the same time. @return Mbit/s of each."""
        connections = [self.connect(*p) for p in pairs]
        rates = [0.0] * len(pairs)
        warm_s = seconds / 3

        def send(end):
            block = bytes(65536)
            deadline = time.monotonic() + seconds + warm_s
            with end:
                while time.monotonic() < deadline:
                    end.sendall(block)

        def receive(i, end):
            count, start = 0, time.monotonic()
            counted_from = start + warm_s
            with end:
                end.settimeout(10)
                while data := end.recv(1 << 18):
                    now = time.monotonic()
                    if now < counted_from:
                        start = now
                    else:
                        count += len(data)
                        rates[i] = count * 8e-6 / max(now - start, 1e-6)

        threads = [threading.Thread(target=send, args=(c[0],)) for c in connections]
        threads += [threading.Thread(target=receive, args=(i, c[1])) for i, c in enumerate(connections)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return rates

    def measure_rtt_ms(self, source, target, count=20):
        """Median of a small message there and back, over a warm connection."""
        here, there = self.connect(source, target)
        times = []
        with here, there:
            for end in (here, there):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(count):
                start = time.monotonic()
                here.sendall(b"x")
                there.recv(1)
                there.sendall(b"x")
                here.recv(1)
                times.append(1e3 * (time.monotonic() - start))
        return sorted(times)[count // 2]

    def counters(self, host):
        """@return {"sent": (bytes, dropped packets), "received": ...} since the link was made."""
        result = {}
        for what, (namespace, device) in zip(("sent", "received"), self.ends(host)):
            words = run("tc", "-n", namespace, "-s", "qdisc", "show", "dev", device, "root").replace(",", "").split()
            result[what] = (int(words[words.index("Sent") + 1]), int(words[words.index("(dropped") + 1]))
        return result
