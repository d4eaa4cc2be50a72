# SPDX-License-Identifier: Apache-2.0
"""`hedge down` ends boards and a coordinator that are stopped by SIGSTOP, without killing them."""
from cluster import Cluster, check

with Cluster(boards=3) as c:
    c.freeze("board-2")
    c.freeze("hedged")
    down = c.hedge("down")
    check("Ended the coordinator and 3 boards" in down.stdout, down)
    check("killed" not in down.stderr, "they had to be killed:", down.stderr)
