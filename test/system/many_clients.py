# SPDX-License-Identifier: Apache-2.0
"""Eight clients with twenty requests each, of two models, while a model is unloaded: all answers are right."""
import concurrent.futures
import json
import os

from cluster import DIGITS, Cluster, check, check_close, hedge, read_floats, write_digit

CLIENTS = 8
REQUESTS = 4 if os.environ.get("HEDGE_TEST_SANITIZED") else 20  # even numbers

with Cluster(boards=4, work="layers", options=["--set", "plan.min_macs=0"]) as c:
    pictures = [write_digit(c.dir / "one.png"), write_digit(c.dir / "seven.png", seven=True)]
    c.load_digits()
    c.load(DIGITS / "model.onnx", "other")
    c.load(DIGITS / "model.onnx", "doomed")

    def client(number):
        """All inputs by one connection, all of them on their way at once."""
        name = ("digits", "other")[number % 2]
        answers = c.infer(name, *(pictures[i % 2] for i in range(REQUESTS)))
        check(len(answers) == REQUESTS, number, "got", len(answers), "answers")
        for i, a in enumerate(answers):
            check(a["model"] == name and a["top"][0]["label"] == ("1", "7")[i % 2], number, i, a)

    def doomed(_):
        """Each ends in an answer or in a sentence."""
        result = c.hedge("infer", "doomed", "--json", *([pictures[1]] * REQUESTS), status=None)
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        for a in lines:
            check("error" in a and "doomed" in a["error"] or a["top"][0]["label"] == "7", a)
        check(result.returncode in (0, 1), result.returncode, result.stderr)
        return len(lines)

    with concurrent.futures.ThreadPoolExecutor(CLIENTS + 3) as pool:
        running = [pool.submit(client, n) for n in range(CLIENTS)] + [pool.submit(doomed, n) for n in range(2)]
        gone = pool.submit(lambda: c.hedge("unload", "doomed"))
        for r in running + [gone]:
            r.result()
    status = c.status()
    check(status["in_flight"] == 0 and status["malformed"] == 0, status)
    hedge("local", DIGITS / "model.onnx", pictures[0], "--raw", c.dir / "local.f32")
    c.infer("digits", pictures[0], "--raw", c.dir / "coded.f32")
    check_close(read_floats(c.dir / "coded.f32"), read_floats(c.dir / "local.f32"), "afterwards")
