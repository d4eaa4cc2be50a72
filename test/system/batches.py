# SPDX-License-Identifier: Apache-2.0
"""Several pictures in one request: of a model whose batch is open any number, split over the boards; of one that fixes its batch
groups of so many; of one that mixes its pictures a clear no. All as one by one, and as `hedge local`."""
import json
import math
import threading

from cluster import Cluster, check, check_close, read_floats, wait_for, write_npy
from small_models import Model

SIDE = 24
PICTURE = 3 * SIDE * SIDE
TOLERANCE = 1e-5


def net(path, batch, mixed=False, stated=False):
    """Convolutions, pools and a classifier; or one that takes the mean of all its pictures off each, or that states its batch."""
    m = Model((batch, 3, SIDE, SIDE))
    x = m.node("Relu", m.node("Conv", "x", m.weights(8, 3, 3, 3), pads=[1] * 4))
    if mixed:
        x = m.node("Sub", x, m.node("ReduceMean", x, axes=[0]))
    x = m.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = m.node("Relu", m.node("Conv", x, m.weights(12, 8, 3, 3), pads=[1] * 4))
    x = m.node("GlobalAveragePool", x)
    x = m.node("Reshape", x, m.integers((2,), (batch, 12))) if stated else m.node("Flatten", x)
    return m.write(path, m.node("Softmax", m.node("Gemm", x, m.weights(12, 7)), axis=1))


def pictures(first, n):
    return [math.sin((first * PICTURE + i) * 0.37) + 0.3 * math.sin(i * 1.91 + first) for i in range(n * PICTURE)]


def raw(c, *words):
    c.hedge(*words, "--raw", c.dir / "raw.f32")
    return read_floats(c.dir / "raw.f32")


def answers(c, *words):
    return [json.loads(line) for line in c.hedge(*words, "--json").stdout.splitlines()]


def any_number(c):
    """1, 3 and 10 pictures, against one by one and `hedge local`; each has its own answer, and its own layers."""
    everything = pictures(0, 10)
    singles = [write_npy(c.dir / f"one{i}.npy", (1, 3, SIDE, SIDE), everything[i * PICTURE:(i + 1) * PICTURE])
               for i in range(10)]
    wanted = raw(c, "local", "net", *singles)
    check(len(wanted) == 70, "answers of", len(wanted))
    check(max(abs(a - b) for a, b in zip(wanted[:7], wanted[7:14])) > 100 * TOLERANCE, "the pictures are all alike")
    check_close(raw(c, "infer", "net", *singles), wanted, "one by one", TOLERANCE)
    for n in (1, 3, 10):
        batch = write_npy(c.dir / f"batch{n}.npy", (n, 3, SIDE, SIDE), everything[:n * PICTURE])
        check_close(raw(c, "infer", "net", batch), wanted[:7 * n], f"{n} pictures", TOLERANCE)
        check_close(raw(c, "local", "net", batch), wanted[:7 * n], f"{n} pictures here", TOLERANCE)
        got = answers(c, "infer", "net", batch)
        names = [f"{batch}[{i}]" for i in range(n)] if n > 1 else [str(batch)]
        check([a["input"] for a in got] == names, got)
        for a in got:
            check(len(a["layers"]) == 2 and all(l["scheme"] == "nsctc" for l in a["layers"]), "not coded:", a)
    shown = c.hedge("models", "net").stdout
    check("batch         any" in shown, shown)


def a_board_dies(c):
    """While requests of many pictures run a board is killed: all the answers are the same."""
    many = write_npy(c.dir / "many.npy", (40, 3, SIDE, SIDE), pictures(3, 1) * 40)
    wanted = raw(c, "local", "net", many)
    killed, failures, asked = threading.Event(), [], 0

    def ask():
        nonlocal asked
        try:
            while not (killed.is_set() and asked > 1):  # one that began before, or while, and one after
                last = killed.is_set()
                check_close(raw(c, "infer", "net", many, "--timeout", 110), wanted, "while a board dies", TOLERANCE)
                asked = 2 if last else 1
        except Exception as e:  # whatever it is, the test says it
            failures.append(e)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_for("a request", lambda: failures or c.status()["in_flight"])
    c.kill("board-2")
    killed.set()
    thread.join()
    check(not failures, failures)


def refused(c):
    """What mixes is refused by its node's name; what is too much, or of another shape, in a sentence."""
    three = write_npy(c.dir / "three.npy", (3, 3, SIDE, SIDE), pictures(0, 3))
    one = write_npy(c.dir / "single.npy", (1, 3, SIDE, SIDE), pictures(0, 1))
    for command in ("infer", "local"):
        said = c.hedge(command, "mixed", three, status=1).stderr
        check("(Reduce" in said and "mixes pictures" in said, command, said)
        c.hedge(command, "mixed", one)
    shown = c.hedge("models", "mixed").stdout
    check("batch         1 (node 'reducemean" in shown, shown)
    other = write_npy(c.dir / "other.npy", (2, 3, SIDE, 5), [0.0] * (2 * 3 * SIDE * 5))
    said = c.hedge("infer", "net", other, status=1).stderr
    check("the model wants 1x3x24x24" in said, said)
    flood = write_npy(c.dir / "flood.npy", (4097, 3, 8, 8), [0.0] * (4097 * 192))
    said = c.hedge("infer", "tiny", flood, status=1).stderr
    check("4097 pictures in one request; at most 4096 are allowed" in said, said)
    said = c.hedge("local", "tiny", flood, status=1).stderr
    check("4097 pictures" in said, said)


def one_fails(c):
    """One picture of several that cannot be computed fails the request, which says why; the next is answered."""
    good, bad = [float(i % 200) for i in range(12 * 48)], [float(i % 200) for i in range(12 * 48)]
    bad[7 * 48 + 5] = 300.0
    said = c.hedge("infer", "bytes", write_npy(c.dir / "bad.npy", (12, 3, 4, 4), bad), status=1).stderr
    check("model 'bytes': " in said and len(said.splitlines()) == 1, said)
    got = raw(c, "infer", "bytes", write_npy(c.dir / "good.npy", (12, 3, 4, 4), good))
    check_close(got, good, "after one that failed", TOLERANCE)


def groups(c):
    """A fixed batch of four: single pictures in fours, the last group filled up; tensors of four and of eight."""
    everything = pictures(0, 10)
    singles = [write_npy(c.dir / f"of{i}.npy", (3, SIDE, SIDE), everything[i * PICTURE:(i + 1) * PICTURE])
               for i in range(10)]
    wanted = raw(c, "local", "net", *singles)
    eight = write_npy(c.dir / "eight.npy", (8, 3, SIDE, SIDE), everything[:8 * PICTURE])
    for command in ("infer", "local"):
        check_close(raw(c, command, "four", *singles), wanted, f"{command}: four, four and two", TOLERANCE)
        check_close(raw(c, command, "four", eight, singles[8]), wanted[:63], f"{command}: a tensor of eight", TOLERANCE)
        got = answers(c, command, "four", *singles[:5])
        check([a["input"] for a in got] == [str(s) for s in singles[:5]], got)
        missing = c.dir / "missing.npy"
        c.hedge(command, "four", singles[0], missing, singles[1], "--raw", c.dir / "raw.f32", status=1)
        check_close(read_floats(c.dir / "raw.f32"), wanted[:14], f"{command}: around one that is not there", TOLERANCE)
    said = c.hedge("infer", "four", c.dir / "three.npy", status=1).stderr
    check("3x3x24x24, the model wants 4x3x24x24" in said, said)
    check("batch         4" in c.hedge("models", "four").stdout, "four")
    # A file that only says four, and would be the same for any number, is taken one by one, and over the boards.
    check("batch         any" in c.hedge("models", "apart").stdout, "apart")
    check_close(raw(c, "infer", "apart", eight, singles[8]), wanted[:63], "eight and one", TOLERANCE)
    check(all(l["scheme"] == "nsctc" for a in answers(c, "infer", "apart", singles[0]) for l in a["layers"]), "apart")
    # Pictures that are mixed are answered together, and not with others in place of those that are missing.
    got = answers(c, "infer", "mixed4", eight)
    check([a["input"] for a in got] == [str(eight)] * 2, got)
    said = c.hedge("infer", "mixed4", singles[0], singles[1], status=1).stderr
    check("takes 4 pictures together, here are 2" in said, said)


with Cluster(boards=6, work="layers", options=["--set", "plan.min_macs=0", "--set", "plan.macs_per_entry=0"]) as c:
    c.load(net(c.dir / "net.onnx", "N"), "net")
    c.load(net(c.dir / "mixed.onnx", "N", mixed=True), "mixed")
    c.load(net(c.dir / "four.onnx", 4, stated=True), "four")
    c.load(net(c.dir / "apart.onnx", 4), "apart")
    c.load(net(c.dir / "mixed4.onnx", 4, mixed=True), "mixed4")
    tiny = Model(("N", 3, 8, 8))
    c.load(tiny.write(c.dir / "tiny.onnx", tiny.node("Relu", "x")), "tiny")
    numbers = Model(("N", 3, 4, 4), element=2)
    c.load(numbers.write(c.dir / "bytes.onnx", numbers.node("Cast", "x", to=1)), "bytes")
    any_number(c)
    one_fails(c)
    refused(c)
    groups(c)
    a_board_dies(c)
