# SPDX-License-Identifier: Apache-2.0
"""What tests of training share: a data set that is learnt in a second, jobs, and a `hedge train` to look at while it runs.

The pictures are of SIDE x SIDE pixels: every class has a pattern of dark and bright squares, under noise.
"""
import gzip
import json
import os
import queue
import random
import signal
import struct
import subprocess
import tempfile
import threading
import zlib

from cluster import HEDGE, PATIENCE_S, Failure, check

SIDE, CLASSES = 12, 4

# A convolution and a dense layer, of 4 * 9 + 4 and 4 * 36 * 4 + 4 parameters.
LAYERS = """layers:
  - {type: conv, units: 4, kernel: 3, pad: 1}
  - {type: relu}
  - {type: max_pool, kernel: 2}
  - {type: flatten}
  - {type: dense, units: %d}
""" % CLASSES
PARAMETERS = 4 * 9 + 4 + (SIDE // 2) ** 2 * 4 * CLASSES + CLASSES

JOB = """name: squares
%s
data:
  train: [train-images, train-labels]
  test: [test-images.gz, test-labels.gz]
  classes: %d
  labels: [zero, one, two, three]
method: %%s
epochs: %%d
batch: 32
sgd: {rate: 0.05, schedule: constant}
""" % (LAYERS, CLASSES)


def pictures(count, seed):
    """@return pairs of a class and its SIDE * SIDE pixels."""
    rng = random.Random(seed)
    patterns = random.Random(0)
    squares = [[patterns.choice((40, 215)) for _ in range(9)] for _ in range(CLASSES)]
    made = []
    for i in range(count):
        pattern = squares[i % CLASSES]
        made.append((i % CLASSES, bytes(pattern[y * 3 // SIDE * 3 + x * 3 // SIDE] + rng.randint(-40, 40)
                                        for y in range(SIDE) for x in range(SIDE))))
    return made


def idx_images(made):
    return struct.pack(">IIII", 0x803, len(made), SIDE, SIDE) + b"".join(pixels for _, pixels in made)


def idx_labels(made):
    return struct.pack(">II", 0x801, len(made)) + bytes(label for label, _ in made)


def write_job(folder, method="co3", epochs=3, train=400, more=""):
    """Write the data and a job. @return the job's path."""
    folder.mkdir(exist_ok=True)
    made, test = pictures(train, 1), pictures(80, 2)
    (folder / "train-images").write_bytes(idx_images(made))
    (folder / "train-labels").write_bytes(idx_labels(made))
    (folder / "test-images.gz").write_bytes(gzip.compress(idx_images(test)))
    (folder / "test-labels.gz").write_bytes(gzip.compress(idx_labels(test)))
    (folder / "job.yaml").write_text(JOB % (method, epochs) + more)
    return folder / "job.yaml"


def write_png(path, pixels):
    """SIDE x SIDE pixels in grey."""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + pixels[y * SIDE:(y + 1) * SIDE] for y in range(SIDE))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return path


def check_classifies(cluster, onnx, manifest, name="squares"):
    """What was learnt is loaded, and right about pictures that it has never seen."""
    cluster.hedge("load", onnx, "--manifest", manifest, "--name", name)
    made = pictures(20, 3)
    files = [write_png(cluster.dir / f"square-{i}.png", pixels) for i, (_, pixels) in enumerate(made)]
    names = ["zero", "one", "two", "three"]
    right = sum(answer["top"][0]["label"] == names[label]
                for (label, _), answer in zip(made, cluster.infer(name, *files)))
    check(right >= 18, "only", right, "of 20 are right")


def jobs_folders(cluster):
    """What is in the coordinator's folder of jobs, half-written ones too."""
    folder = cluster.dir / "jobs"
    return sorted(p.name for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []


class Following:
    """A `hedge train --json` or `hedge jobs ID --follow --json` that runs: its epochs, its events, its end."""

    def __init__(self, cluster, *words):
        self.complaints = tempfile.TemporaryFile("w+")
        environment = {k: v for k, v in os.environ.items() if k != "HEDGE_DIR"}
        self.process = subprocess.Popen([HEDGE, words[0], "--dir", cluster.dir, *map(str, words[1:]), "--json"],
                                        stdout=subprocess.PIPE, stderr=self.complaints, text=True, env=environment,
                                        stdin=subprocess.DEVNULL)
        self.lines = queue.Queue()
        self.epochs, self.events, self.end = [], [], None
        threading.Thread(target=self.read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if kind:
            print("the client said:", self.said())

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def said(self):
        """What it has complained of."""
        self.complaints.seek(0)
        return self.complaints.read()

    def next(self):
        """Take its next line in. @return False: that was all."""
        try:
            line = self.lines.get(timeout=PATIENCE_S)
        except queue.Empty:
            raise Failure("the job says nothing any more") from None
        if line is None:
            return False
        said = json.loads(line)
        if "event" in said:
            self.events.append(said)
        elif "epoch" in said:
            self.epochs.append(said)
        else:
            self.end = said
        return True

    def until(self, what, happened):
        """Read on until happened() is true."""
        while not happened():
            check(self.next(), "it ended before:", what, "\n", self.said())

    def event(self, *words):
        """Wait for an event with all these words in it."""
        found = lambda: [e for e in self.events if all(word in e["event"] for word in words)]
        self.until(" ".join(words), found)
        return found()[-1]

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def finish(self, status=0):
        """Read to the end. @return the last line, or None."""
        while self.next():
            pass
        ended = self.process.wait(PATIENCE_S)
        check(ended == status, "it ended with", ended, "and not", status, "\n", self.said())
        check("Sanitizer" not in self.said() and "runtime error:" not in self.said(), self.said())
        return self.end


def jobs(cluster, *words):
    """`hedge jobs --json`: a list of dictionaries."""
    return [json.loads(line) for line in cluster.hedge("jobs", *words, "--json").stdout.splitlines()]
