# SPDX-License-Identifier: Apache-2.0
"""Emulated boards that answer from what they computed before answer the same, and say how much of it was so."""
import os
import re
import tempfile
from pathlib import Path

from cluster import Cluster, check, read_floats, wait_for, write_digit

EMULATION = Path(tempfile.mkdtemp(prefix="hedge-store-", dir="/tmp")) / "emulation"


def emulate(*lines):
    """At once, so that no board reads half of it."""
    fresh = EMULATION.with_suffix(".new")
    fresh.write_text("\n".join(("macs_per_s 1e11", *lines, "")))
    fresh.rename(EMULATION)


def told(c):
    """(stored, computed, checked, wrong) of all boards so far, as their logs have it."""
    sums = [0, 0, 0, 0]
    for log in (c.dir / "log").glob("board-*.log"):
        lines = re.findall(r"stored=(\d+) computed=(\d+) checked=(\d+) wrong=(\d+)", log.read_text())
        sums = [a + int(b) for a, b in zip(sums, lines[-1] if lines else (0,) * 4)]
    return sums


def infer(c, digit):
    c.infer("digits", digit, "--raw", c.dir / "answer.f32")
    return read_floats(c.dir / "answer.f32")


emulate()
os.environ["HEDGE_EMULATE"] = str(EMULATION)
try:
    with Cluster(boards=3, work="layers", options=["--set-board", "test.allow_emulation=true"]) as c:
        c.load_digits()
        one, seven = write_digit(c.dir / "one.png"), write_digit(c.dir / "seven.png", seven=True)
        wanted = [infer(c, one), infer(c, seven)]
        check(told(c) == [0, 0, 0, 0], "a store that nobody asked for:", told(c))

        emulate("store 64")
        for _ in range(10):
            for digit, values in zip((one, seven), wanted):
                got = infer(c, digit)
                # Which parts decode is another question every time; what that may do is rounding.
                check(all(abs(x - y) <= 1e-4 * max(map(abs, values)) for x, y in zip(got, values)), got, values)
        wait_for("boards that tell of their stores", lambda: told(c)[0] > 0 and told(c)[1] > 0)
        check(told(c)[2:] == [0, 0], told(c))

        emulate("store 64", "verify 1")
        infer(c, one)
        wait_for("boards that compare", lambda: told(c)[2] > 0)
        check(told(c)[3] == 0, "not the same to the bit:", told(c))

        # Inputs by number: what is another one under the same number is found wrong, and computed.
        emulate("store 64", "input 1")
        infer(c, one)
        before = told(c)[2]
        emulate("store 64", "input 1", "verify 1")
        infer(c, one)
        wait_for("boards that compare what goes by number", lambda: told(c)[2] > before)
        check(told(c)[3] == 0, "not the same but for rounding:", told(c))
        got = infer(c, seven)
        wait_for("boards that find another input", lambda: told(c)[3] > 0)
        check(all(abs(x - y) <= 1e-4 * max(map(abs, wanted[1])) for x, y in zip(got, wanted[1])), got, wanted[1])
finally:
    for path in EMULATION.parent.iterdir():
        path.unlink()
    EMULATION.parent.rmdir()
