# SPDX-License-Identifier: Apache-2.0
"""One cluster of boards of several architectures: coded layers give what `hedge local` gives, also where only the foreign
boards are left, and a network is trained by them all.

`./dev cross` runs it. HEDGE_TEST_WORKERS says what two or more foreign boards run, one a line: `arm64=qemu-aarch64 -L ROOT PROGRAM`;
the last board is of this machine's kind."""
import os
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(os.environ["HEDGE"]).resolve().parent.parent
FOREIGN = [line.split("=", 1) for line in os.environ.get("HEDGE_TEST_WORKERS", "").splitlines() if line]
if len(FOREIGN) < 2:
    print("skipped: HEDGE_TEST_WORKERS names no two workers of other architectures")
    sys.exit(77)


def make_programs(folder):
    """Programs for `hedge up`, which finds the daemons beside itself: a worker that is another program for every board."""
    shutil.copy(HERE / "client/hedge", folder)
    os.symlink(HERE / "daemon/hedged", folder / "hedged")
    cases = [f"*/board-{i}.yaml) exec {command} \"$@\" ;;\n" for i, (_, command) in enumerate(FOREIGN, 1)]
    worker = folder / "hedge-worker"
    worker.write_text(f"#!/bin/sh\ncase $2 in\n{''.join(cases)}esac\nexec {shlex.quote(str(HERE / 'worker/hedge-worker'))} \"$@\"\n")
    worker.chmod(0o755)
    os.environ["HEDGE"] = str(folder / "hedge")


PROGRAMS = Path(tempfile.mkdtemp(prefix="hedge-programs-", dir="/tmp"))
make_programs(PROGRAMS)

from cluster import Cluster, check, check_close, hedge, read_floats, write_digit, write_npy  # noqa: E402: wants HEDGE
from training import Following, check_classifies, write_job  # noqa: E402

BOARDS = len(FOREIGN) + 1
PER_CONDITION, PLAIN = 1e-6, 1e-5  # as in every_scheme.py


def infer(c, model, source, inputs, delta, boards):
    """Every coded layer is decoded from `delta` of these boards; the outputs are those of this machine alone."""
    answers = c.infer(model, *inputs, "--raw", c.dir / "coded.f32", "--timeout", 100)
    hedge("local", source, *inputs, "--raw", c.dir / "local.f32")
    coded, local = read_floats(c.dir / "coded.f32"), read_floats(c.dir / "local.f32")
    size, used = len(local) // len(inputs), set()
    check(len(answers) == len(inputs) and len(coded) == len(local), "answers", len(answers), len(coded))
    for i, answer in enumerate(answers):
        layers = answer["layers"]
        check(layers and all(layer["scheme"] == "nsctc" and layer["delta"] == delta for layer in layers), layers)
        check(all(delta <= len(layer["boards_used"]) and set(layer["boards_used"]) <= boards for layer in layers), layers)
        used.update(*(layer["boards_used"] for layer in layers))
        rows = slice(i * size, (i + 1) * size)
        check_close(coded[rows], local[rows], f"{model}, input {i}",
                    PLAIN + PER_CONDITION * sum(layer["condition"] for layer in layers))
    print(f"{model}: {len(answers)} answers, {len(answers[0]['layers'])} coded layers, of boards {sorted(used)}")
    return answers


def check_foreign(c):
    """Every foreign board's process is what was asked for."""
    for i, (_, command) in enumerate(FOREIGN, 1):
        words = Path(f"/proc/{c.pid(f'board-{i}')}/cmdline").read_text().split("\0")
        check(words[:len(shlex.split(command))] == shlex.split(command), f"board-{i} runs", words)


def infer_with_all(c):
    numbers = {b["name"]: b["index"] for b in c.status()["boards"]}
    c.load_digits()
    one, seven = write_digit(c.dir / "one.png"), write_digit(c.dir / "seven.png", seven=True)
    source = c.dir / "models/digits/model.onnx"

    # All but one board are needed: of whatever kind the one is, a foreign one takes part.
    answers = infer(c, "digits", source, [one, seven] * 5, BOARDS - 1, set(numbers.values()))
    check([a["top"][0]["label"] for a in answers] == ["1", "7"] * 5, answers)

    c.kill(f"board-{BOARDS}")
    foreign = {numbers[f"board-{i}"] for i in range(1, BOARDS)}
    infer(c, "digits", source, [one, seven], len(foreign), foreign)
    done = {b["name"]: b["parts_done"] for b in c.status()["boards"]}
    print("parts:", ", ".join(f"{kind} {done[f'board-{i}']}" for i, (kind, _) in enumerate(FOREIGN, 1)))
    check(all(done[f"board-{i}"] > 0 for i in range(1, BOARDS)), done)


def infer_resnet(c):
    """Real layers: ResNet-18's."""
    model = c.dir / "resnet18.onnx"
    hedge("model", "make", "resnet18", model)
    c.load(model, "resnet18")
    picture = write_npy(c.dir / "picture.npy", (1, 3, 224, 224), [i * 7919 % 256 / 255 for i in range(3 * 224 * 224)])
    infer(c, "resnet18", model, [picture], BOARDS - 1, set(range(BOARDS)))


def train(c):
    """Gradients of every board, in bits that all read alike."""
    job = write_job(c.dir / "work", "co3", 4, more="co3: {format: fp8, max_bits: 4.5}\n")
    with Following(c, "train", job, "-o", c.dir / "squares.onnx") as f:
        end = f.finish()
    check(all(e["boards"] == BOARDS for e in f.epochs) and f.epochs[-1]["test_accuracy"] >= 0.9, f.epochs)
    check(end["state"] == "done", end)
    check_classifies(c, c.dir / "squares.onnx", c.dir / "squares.model.yaml")


options = ["--set", "plan.spare=1", "--set", "plan.min_macs=0", "--set", "plan.macs_per_entry=0"]
try:
    with Cluster(boards=BOARDS, work="layers", options=options) as cluster:
        check_foreign(cluster)
        train(cluster)
        infer_resnet(cluster)
        infer_with_all(cluster)
finally:
    shutil.rmtree(PROGRAMS)
