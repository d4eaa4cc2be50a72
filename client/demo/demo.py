#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""hedge's demo: a coordinator and eight boards on this machine classify drawn digits while one board freezes and another
dies. Ends with status 0 only if every answer equals what `hedge local` computes without any cluster.

    demo.py BUILD_FOLDER
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import draw_digits

MODEL = pathlib.Path(__file__).resolve().parent / "digits" / "model.onnx"
BOARDS, FROZEN, KILLED = 8, 3, 6
VARIATIONS = 4  # of each digit: 40 pictures
FREEZE_AFTER, KILL_AFTER = 12, 26
TOLERANCE = 1e-3  # of the largest logit, between the cluster's answer and this machine's own
BOARD_MACS_PER_S = 30_000_000  # boards are slowed to this: far weaker than real ones, as the network is far smaller
SETTINGS = ["--set-board", "test.allow_emulation=true", "--set", "plan.work=layers"]  # it shows what codes do

COLOURS = {"bold": "1", "green": "32", "red": "31", "cyan": "36", "dim": "2"}
COLOURED = sys.stdout.isatty() and "NO_COLOR" not in os.environ


class Failure(Exception):
    """What went wrong, as a sentence."""


def paint(text, colour):
    return f"\033[{COLOURS[colour]}m{text}\033[0m" if COLOURED else text


def heading(text):
    print("\n" + paint(text, "bold"), flush=True)


def say(text=""):
    print("  " + text if text else "", flush=True)


# --- the cluster ----------------------------------------------------------------------------------------------------

class Cluster:
    def __init__(self, build, folder):
        self.hedge = build / "client" / "hedge"
        self.folder = folder

    def command(self, *words):
        return [str(self.hedge), *map(str, words)]

    def run(self, *words, **options):
        """Run a hedge command to its end and return what it printed."""
        done = subprocess.run(self.command(*words), stdout=subprocess.PIPE, text=True, timeout=60, check=False, **options)
        if done.returncode:
            raise Failure(f"`hedge {words[0]}` ended with status {done.returncode}")
        return done.stdout

    def up(self):
        self.run("up", "--boards", BOARDS, "--dir", self.folder, "--detach", "--quiet", *SETTINGS,
                 env={**os.environ, "HEDGE_EMULATE_MACS_PER_S": str(BOARD_MACS_PER_S)})

    def down(self):
        self.run("down", "--dir", self.folder)

    def pid(self, board):
        return int((self.folder / "run" / f"board-{board}.pid").read_text())

    def board_names(self):
        """Names of the boards by their number in the codes."""
        status = json.loads(self.run("status", "--dir", self.folder, "--json"))
        return {board["index"]: board["name"] for board in status["boards"]}

    def stream(self, model, pictures):
        """Yield the answers one by one, as `hedge infer` prints them."""
        process = subprocess.Popen(self.command("infer", model, *pictures, "--json", "--top", 10, "--dir", self.folder),
                                   stdout=subprocess.PIPE, text=True)
        watch = threading.Timer(120, process.kill)
        watch.start()
        try:
            for line in process.stdout:
                answer = json.loads(line)
                if "top" not in answer:
                    raise Failure(f"no answer: {line.strip()}")
                yield answer
            if process.wait():
                raise Failure(f"`hedge infer` ended with status {process.returncode}")
        finally:
            watch.cancel()
            process.kill()
            process.wait()


# --- what is shown --------------------------------------------------------------------------------------------------

def show_pictures(rows_of_pictures):
    """Ten pictures, five in a row, 13 x 7 characters each."""
    ramp = " .:-=+*#%@"

    def cell(rows, x, y):
        ink = [rows[y + j][x + i] for j in range(4) for i in range(2)]
        return ramp[max(ink) * (len(ramp) - 1) // 255] if max(ink) > 60 else " "

    for first in range(0, 10, 5):
        for y in range(2, 26, 4):
            say(" ".join("".join(cell(rows, x, y) for x in range(2, 26, 2)) for rows in rows_of_pictures[first:first + 5]))


def who(layer, names, dead):
    """Eight places, one per board: its number where its parts were decoded."""
    used = {int(names.get(index, "board-0").rsplit("-", 1)[1]) for index in layer["boards_used"]}
    out = ""
    for board in range(1, BOARDS + 1):
        if board in used:
            out += paint(str(board), "green")
        elif board in dead:
            out += paint(dead[board], "red" if dead[board] == "X" else "cyan")
        else:
            out += paint(".", "dim")
    return out


def show_answer(number, answer, names, dead):
    cells = [f"{who(layer, names, dead)} {layer['parts_used']:3}/{layer['parts_needed']:<2} {layer['end_ms']:6.1f}"
             for layer in answer["layers"][:2]]
    say(f"{number:3} {pathlib.Path(answer['input']).stem:10} {answer['top'][0]['label']:>3}   " + "   ".join(cells)
        + f"  {answer['latency_ms']:6.1f}")


def show_header(layers):
    names = "   ".join(f"{layer['name'][:22]:22}" for layer in layers[:2])
    columns = "   ".join(["boards   parts  at ms"] * len(layers[:2]))
    say(paint(f"{'':21}{names}    in all", "dim"))
    say(paint(f"{'':4}picture    is   {columns}      ms", "dim"))


def show_layers(layers):
    for layer in layers:
        say(f"{layer['name']}: {layer['scheme']}, {layer['k_a']} strips x {layer['k_b']} filter blocks = "
            f"{layer['parts_needed']} parts; any {layer['delta']} of {BOARDS} boards do")


# --- what is checked ------------------------------------------------------------------------------------------------

def logits(answer):
    return {entry["index"]: entry["score"] for entry in answer["top"]}


def difference(answer, local):
    """The largest difference of two answers' logits, relative to the largest logit."""
    ours, theirs = logits(answer), logits(local)
    if ours.keys() != theirs.keys() or len(ours) != 10:
        return float("inf")
    return max(abs(ours[i] - theirs[i]) for i in ours) / max(abs(v) for v in theirs.values())


def compare(answers, local, truth):
    """Complaints, and the worst relative difference."""
    complaints, worst = [], 0.0
    if len(answers) != len(truth):
        complaints.append(f"{len(truth) - len(answers)} of {len(truth)} answers are missing")
    for answer, reference, digit in zip(answers, local, truth):
        name = pathlib.Path(answer["input"]).name
        if answer["input"] != reference["input"]:
            complaints.append(f"{name}: answered out of order")
        if answer["top"][0]["index"] != reference["top"][0]["index"]:
            complaints.append(f"{name}: the cluster says {answer['top'][0]['label']}, hedge local "
                              f"{reference['top'][0]['label']}")
        if answer["top"][0]["index"] != digit:
            complaints.append(f"{name}: taken for {answer['top'][0]['label']}")
        if not answer["layers"]:
            complaints.append(f"{name}: no layer was coded")
        far = difference(answer, reference)
        worst = max(worst, far)
        if far > TOLERANCE:
            complaints.append(f"{name}: logits differ by {far:.1e} of the largest")
    return complaints, worst


# --- the story ------------------------------------------------------------------------------------------------------

def draw(folder):
    """Draw the pictures; returns their paths, the digits, and the first ten."""
    folder.mkdir()
    paths, truth, first = [], [], []
    for digit, variation, rows in draw_digits.pictures(VARIATIONS, seed=1):
        path = folder / f"digit-{digit}-{variation}.png"
        path.write_bytes(draw_digits.png(rows))
        paths.append(path)
        truth.append(digit)
        first.append(rows)
    return paths, truth, first[:10]


def classify(cluster, pictures):
    """All pictures, in one request after the other, with the two faults in the middle."""
    names, dead, answers = cluster.board_names(), {}, []
    for answer in cluster.stream("digits", pictures):
        if not answers:
            show_layers(answer["layers"])
            say()
            show_header(answer["layers"])
        answers.append(answer)
        show_answer(len(answers), answer, names, dead)
        if len(answers) == FREEZE_AFTER:
            os.kill(cluster.pid(FROZEN), signal.SIGSTOP)
            dead[FROZEN] = "F"
            say(paint(f"--- board {FROZEN} freezes (SIGSTOP), with pictures under way ---", "cyan"))
        if len(answers) == KILL_AFTER:
            os.kill(cluster.pid(KILLED), signal.SIGKILL)
            dead[KILLED] = "X"
            say(paint(f"--- board {KILLED} dies (SIGKILL), with pictures under way ---", "red"))
    return answers


def latencies(answers):
    spans = (("all well", 1, FREEZE_AFTER), ("one frozen", FREEZE_AFTER, KILL_AFTER),
             ("one frozen, one dead", KILL_AFTER, len(answers)))
    return ", ".join(f"{what} {statistics.median(a['latency_ms'] for a in answers[begin:end]):.0f} ms"
                     for what, begin, end in spans if answers[begin:end])


def story(cluster):
    heading(f"1. A coordinator and {BOARDS} boards start")
    began = time.monotonic()
    cluster.up()
    say(f"{BOARDS + 1} processes with keys of their own, in {time.monotonic() - began:.1f} s. Each board is slowed to")
    say(f"{BOARD_MACS_PER_S // 1_000_000} million multiply-accumulates per second, so that there is something to see.")

    heading("2. They learn to read digits")
    cluster.run("load", MODEL, "--dir", cluster.folder)
    say("A LeNet-5 trained by this project. Its convolutions are cut into coded parts;")
    say("every board has its share of the filters now, encoded. Nobody has all of them.")

    heading("3. Forty digits, drawn for the occasion")
    paths, truth, first = draw(cluster.folder / "pictures")
    show_pictures(first)

    heading("4. The boards answer, though one freezes and another dies")
    say("A layer is decoded once enough parts are in, whoever sent them. A number is")
    say("a board whose parts were used, a dot one nobody waited for, F frozen, X dead;")
    say("`parts`: used/needed; `at ms`: when the layer was decoded.")
    say()
    answers = classify(cluster, paths)

    heading("5. Every answer against `hedge local`, which uses no board at all")
    local = [json.loads(line) for line in
             cluster.run("local", MODEL, *paths, "--json", "--top", 10).splitlines()]
    complaints, worst = compare(answers, local, truth)
    for complaint in complaints:
        say(paint(complaint, "red"))
    if complaints:
        raise Failure(f"{len(complaints)} complaints about {len(truth)} pictures")
    say(f"{len(answers)} of {len(truth)} answered, and all are right. Logits differ by at most {worst:.0e} of the")
    say(f"largest one; {TOLERANCE:.0e} is allowed.")
    say(f"Median: {latencies(answers)}.")


def stop(*_):
    raise KeyboardInterrupt


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    signal.signal(signal.SIGTERM, stop)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="hedge-demo-"))
    cluster = Cluster(pathlib.Path(sys.argv[1]).resolve(), folder)
    status = 1
    try:
        story(cluster)
        status = 0
    except (Failure, OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        print(paint(f"\ndemo: {error}", "red"), file=sys.stderr)
        for log in sorted(folder.glob("log/*.log")):
            print(f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-8:]), file=sys.stderr)
    except KeyboardInterrupt:
        status = 130
    finally:
        with contextlib.suppress(Exception):
            cluster.down()
        shutil.rmtree(folder, ignore_errors=True)
    heading("The demo has passed." if status == 0 else "The demo has FAILED.")
    sys.exit(status)


if __name__ == "__main__":
    main()
