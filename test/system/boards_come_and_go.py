# SPDX-License-Identifier: Apache-2.0
"""Eight requests at a time while boards are killed, frozen and brought back, in every size of work: none is lost, none is wrong."""
import json
import os
import random
import subprocess
import threading

from cluster import HEDGE, PATIENCE_S, Cluster, check, check_close, hedge, read_floats, write_npy

BOARDS, AWAY = 5, 2  # of the boards at most so many are away at a time
CLIENTS, REQUESTS = 2, 12  # each client has four on their way at once, see cmd_infer.c
INPUTS = 4
# Machines so slow, beside their links, that every size of work pays.
SPEED = "4e6"
OPTIONS = ["--set", "plan.cut=measured", "--set", "plan.min_macs=0", "--set", "cluster.heartbeat_ms=100", "--set", "prior.link_mbit=1000",
           "--set", "prior.here_macs_per_s=4000000", "--set", "prior.board_macs_per_s=4000000",
           "--set", "test.allow_emulation=true", "--set-board", "test.allow_emulation=true"]


class Fate:
    """An event for each answer: whoever is away may come back, whoever is there may go."""

    def __init__(self, cluster):
        self.cluster, self.away, self.luck, self.lock = cluster, {}, random.Random(13), threading.Lock()
        self.events = []

    def strike(self):
        with self.lock:
            if self.away and (len(self.away) == AWAY or self.luck.random() < 0.5):
                name = self.luck.choice(sorted(self.away))
                action = {"kill": "start", "freeze": "thaw"}[self.away.pop(name)]
            else:
                name = self.luck.choice([n for n in self.cluster.board_names() if n not in self.away])
                action = self.away[name] = self.luck.choice(("kill", "freeze"))
            getattr(self.cluster, action)(name)
            self.events.append(action)

    def end(self):
        for name, how in self.away.items():
            if how == "freeze":
                self.cluster.thaw(name)


def ask(cluster, number, inputs, fate, answers):
    """@param answers  Gets a dictionary per request."""
    words = [HEDGE, "infer", "net", *(str(inputs[i % INPUTS]) for i in range(REQUESTS)), "--json", "--dir", str(cluster.dir), "--raw",
             str(cluster.dir / f"answers-{number}.f32"), "--timeout", str(PATIENCE_S)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            answers.append(json.loads(line))
            fate.strike()


def try_work(work, numbers, wanted):
    with Cluster(boards=BOARDS, work=work, options=OPTIONS) as c:
        inputs = [write_npy(c.dir / f"{i}.npy", (1, 1, 28, 28), values) for i, values in enumerate(numbers)]
        hedge("model", "make", "lenet5", c.dir / "net.onnx", "--quiet")
        if not wanted:
            for path in inputs:
                hedge("local", c.dir / "net.onnx", path, "--raw", c.dir / "local.f32")
                wanted.append(read_floats(c.dir / "local.f32"))
        c.load(c.dir / "net.onnx")
        fate, answers = Fate(c), [[] for _ in range(CLIENTS)]
        threads = [threading.Thread(target=ask, args=(c, i, inputs, fate, answers[i])) for i in range(CLIENTS)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        fate.end()
        for i in range(CLIENTS):
            lost = [a for a in answers[i] if "error" in a]
            check(len(answers[i]) == REQUESTS and not lost, work, "lost:", lost or REQUESTS - len(answers[i]))
            got, size = read_floats(c.dir / f"answers-{i}.f32"), len(wanted[0])
            for k in range(REQUESTS):
                check_close(got[k * size:(k + 1) * size], wanted[k % INPUTS], f"{work}, client {i}, request {k}")
        check(any(layer["boards_used"] for a in sum(answers, []) for layer in a["layers"]), work, "no board did anything")
        check(set(fate.events) == {"kill", "start", "freeze", "thaw"}, fate.events)
        print(f"{work}: {CLIENTS * REQUESTS} answers, {len(fate.events)} events")


luck = random.Random(1)
pictures = [[luck.gauss(0, 1) for _ in range(28 * 28)] for _ in range(INPUTS)]
os.environ["HEDGE_EMULATE_MACS_PER_S"] = SPEED
reference = []
for way in ("segments", "whole", "auto"):
    try_work(way, pictures, reference)
