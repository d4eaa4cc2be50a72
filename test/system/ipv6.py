# SPDX-License-Identifier: Apache-2.0
"""A cluster over IPv6: boards and a client reach the coordinator at [::1]; what is no such address is refused when the
configuration is checked, with a sentence."""
import socket
import subprocess
import tempfile
from pathlib import Path

from cluster import HEDGE, Cluster, check, hedge, skip, write_digit

try:
    with socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        port = probe.getsockname()[1]
except OSError as error:
    skip(f"no IPv6 on this machine: {error}")

endpoint = f"tcp://[::1]:{port}"
with Cluster(boards=2, options=["--set", "listen.boards=tcp://[::1]:*", "--set", f"listen.clients_tcp={endpoint}"]) as c:
    check((c.dir / "run/boards.endpoint").read_text().startswith("tcp://[::1]:"), "where boards are told to connect")
    check(c.status()["alive"] == 2, "boards")
    c.load_digits()
    hedge("keygen", c.dir / "keys/clients", "ann")
    hedge("infer", "--connect", endpoint, "--key", c.dir / "keys/clients/ann.secret", "--server-key",
          c.dir / "keys/coordinator.pub", "digits", write_digit(c.dir / "one.png"))

with tempfile.TemporaryDirectory(prefix="hedge-") as folder:
    conf = Path(folder) / "conf.yaml"

    def refused(program, text, said):
        conf.write_text(text)
        result = subprocess.run([Path(HEDGE).parent.parent / program, "--config", conf, "--check-config"], capture_output=True,
                                text=True, timeout=60)
        check(result.returncode == 78 and said in result.stderr, text, result.returncode, result.stderr)

    worker = "security: {}\ncoordinator:\n  endpoint: {}\n"
    hedged = "security: {}\nlisten:\n  boards: {}\n"
    refused("worker/hedge-worker", worker.format("insecure-loopback", "tcp://::1:7501"), "an IPv6 address wants brackets: tcp://[::1]:7501")
    refused("worker/hedge-worker", worker.format("insecure-loopback", "tcp://[::2]:7501"), "leaves this machine")
    refused("worker/hedge-worker", worker.format("network", "tcp://[fe80::1]:7501"), "wants its interface: [fe80::1%eth0]")
    refused("daemon/hedged", hedged.format("network", "tcp://[::]:7501"), "wants the trusted interface or address, not all of them")
    refused("daemon/hedged", hedged.format("insecure-loopback", "tcp://[1]:7501"), "has no IPv6 address in its brackets")
    result = hedge("status", "--connect", "tcp://::1:7501", "--insecure", status=2)
    check("wants brackets" in result.stderr, result.stderr)
    conf.write_text(worker.format("insecure-loopback", "tcp://[::1]:7501"))
    result = subprocess.run([Path(HEDGE).parent.parent / "worker/hedge-worker", "--config", conf, "--check-config"], timeout=60)
    check(result.returncode == 0, "a right one")
    # A tab where spaces belong, with its line.
    refused("worker/hedge-worker", "security: network\ncoordinator:\n\tendpoint: tcp://[::1]:7501\n",
            f"{conf}:3: has a tab, which YAML does not take here: indent with spaces")
