# SPDX-License-Identifier: Apache-2.0
"""hedged is killed and started again: boards come back by themselves and get no share again; a board killed gets its own."""
from cluster import Cluster, check, wait_for, write_digit

with Cluster(boards=4, work="layers", options=["--set", "plan.min_macs=0"]) as c:
    picture = write_digit(c.dir / "one.png")
    c.load_digits()
    before = {b["name"]: b for b in c.status()["boards"]}
    boards = {name: c.pid(name) for name in c.board_names()}
    c.kill("hedged")
    with c.hedged_again():
        wait_for("the socket", lambda: c.hedge("status", "--json", status=None).returncode == 0)
        wait_for("the boards to be back", lambda: c.status()["alive"] == 4)
        check({n: c.pid(n) for n in c.board_names()} == boards, "a board was restarted")
        answer = c.infer("digits", picture)[0]
        check(answer["top"][0]["label"] == "1", answer)
        check(all(l["scheme"] == "nsctc" for l in answer["layers"]), answer)
        after = {b["name"]: b for b in c.status()["boards"]}
        for name, b in after.items():
            check(b["incarnation"] == before[name]["incarnation"], name, "is another process")
            check(b["index"] == before[name]["index"], name, "has another number")
