# SPDX-License-Identifier: Apache-2.0
"""A program that dies while the cluster starts: the end of its log is shown, and nothing is left running."""
import re

from cluster import Cluster, check, hedge

c = Cluster(boards=2)
try:
    for option, who in (("--set", "hedged"), ("--set-board", "board-[12]")):
        failed = c.hedge("up", "--boards", 2, "--detach", option, "log.no_such_key=1", status=1)
        ended = re.search(f"hedge: ({who}) ended with status", failed.stderr)
        check(ended, failed.stderr)
        check(f"{ended[1]}.yaml:" in failed.stderr and "log.no_such_key" in failed.stderr, "its log is not shown:", failed.stderr)
        check(not list((c.dir / "run").glob("*.pid")), "pid files are left")
        check("Nothing runs" in c.hedge("down").stdout, "something was left running")
    check("KEY=VALUE" in c.hedge("up", "--set", "nonsense", status=1).stderr, "--set")
    check("choose a shorter DIR" in hedge("up", "--dir", f"/tmp/{'x' * 100}", status=1).stderr, "a long DIR")
    check("cannot make the folder" in hedge("up", "--dir", "/proc/hedge", status=1).stderr, "a DIR that can't be")
    check("must say where" in hedge("up", status=2).stderr, "no DIR")
finally:
    c.clean()
