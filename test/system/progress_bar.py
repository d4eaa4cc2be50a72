# SPDX-License-Identifier: Apache-2.0
"""On a terminal what takes over a second shows a bar and takes it away again; elsewhere there is none."""
import os
import pty
import subprocess

from cluster import HEDGE, PATIENCE_S, Cluster, check, write_digit

# Slow enough that the inputs together take some seconds.
os.environ["HEDGE_EMULATE_MACS_PER_S"] = "12e6"
with Cluster(boards=2, options=["--set-board", "test.allow_emulation=true", "--set", "plan.min_macs=0",
                                "--set", "plan.macs_per_entry=0", "--set", "plan.scheme=uncoded"]) as c:
    c.load_digits()
    words = [HEDGE, "infer", "digits", *[str(write_digit(c.dir / "one.png"))] * 12, "--dir", str(c.dir), "--json"]
    ours, theirs = pty.openpty()
    asked = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    out, _ = asked.communicate(timeout=PATIENCE_S)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # the terminal's end
        pass
    check(asked.returncode == 0 and len(out.splitlines()) == 12 and b"\r" not in out, out)
    check(b"\rinfer [" in shown and b"/12 inputs" in shown, "no bar:", shown)
    check(shown.endswith(b"\r\x1b[K"), "the bar stays:", shown)
    silent = subprocess.run(words, capture_output=True, timeout=PATIENCE_S)
    check(silent.returncode == 0 and not silent.stderr, "a bar in a pipe:", silent.stderr)
