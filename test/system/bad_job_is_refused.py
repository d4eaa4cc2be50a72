# SPDX-License-Identifier: Apache-2.0
"""A bad job is a sentence and exit status 1; nothing of it stays. One that goes wrong later ends with a sentence too."""
import gzip
import struct

from cluster import Cluster, check
from training import CLASSES, LAYERS, idx_images, idx_labels, jobs, jobs_folders, pictures, write_job

made = pictures(40, 5)
images, labels = idx_images(made), idx_labels(made)

FILES = [  # what is wrong with the data, the file, its bytes, words of the sentence
    ("images cut short", "train-images", images[:-1], ["train-images"]),
    ("a header cut short", "train-images", images[:9], ["train-images"]),
    ("no images at all", "train-images", b"", ["train-images", "empty"]),
    ("no IDX", "train-images", b"x" * 4000, ["train-images"]),
    ("labels cut short", "train-labels", labels[:-3], ["train-labels"]),
    ("fewer labels than images", "train-labels", idx_labels(made[:-1]), ["train-labels"]),
    ("a label out of range", "train-labels", labels[:-1] + bytes([CLASSES]), [str(CLASSES)]),
    ("gzip cut short", "test-images.gz", gzip.compress(images)[:-20], ["test-images.gz"]),
    ("test images of another shape", "test-images.gz", idx_images(made + made)[:8] + struct.pack(">II", 9, 16) +
     idx_images(made + made)[16:], ["9", "16", "12"]),
]
SETTINGS = [  # --set, words of the sentence
    (["colour=red"], ["colour", "known"]),
    (["sgd.colour=red"], ["colour", "known"]),
    (["epochs=0"], ["epochs"]),
    (["epochs=many"], ["epochs"]),
    (["method=magic"], ["method", "magic"]),
    (["model=mlp"], ["layers"]),
    (["batch=500"], ["batch"]),
    (["sgd.rate=0"], ["sgd.rate"]),
    (["sgd.momentum=1"], ["sgd.momentum"]),
    (["data.test=[]"], ["data.test"]),
    (["data.test=[]", "data.hold_out=400"], ["hold_out"]),
    (["data.train=[train-images]"], ["data.train"]),
    (["data.train=[nowhere, train-labels]"], ["nowhere"]),
    (["data.train=[., train-labels]"], ["directory"]),
    (["data.labels=[a, b]"], ["labels"]),
    (["co3.format=fp5"], ["co3.format", "fp5"]),
    (["co3.format=topk"], ["max_bits"]),
    (["co3={format: fp32, max_bits: 3}"], ["max_bits"]),
    (["co3={shards: 2, quorum: 3}"], ["quorum"]),
    (["layers=[{type: flatten}, {type: dense, units: 3}]"], ["3", str(CLASSES)]),
    (["layers=[{type: conv, units: 4, kernel: 99}]"], ["conv"]),
    (["layers=[{type: magic}]"], ["magic"]),
    (["layers=[{type: dense, units: 4, from: nothing}]"], ["nothing"]),
    (["nonsense"], ["KEY=VALUE"]),
]


def refused(c, what, job, *words):
    result = c.hedge("train", job, "--json", *words, status=1)
    check(result.stderr.startswith("hedge: ") and result.stderr.count("\n") == 1 and not result.stdout, what,
          result.stdout, result.stderr)
    check(jobs(c) == [] and jobs_folders(c) == [], what, "left", jobs_folders(c))
    return result.stderr


with Cluster(boards=1) as c:
    folder = c.dir / "work"
    for what, name, content, words in FILES:
        job = write_job(folder, train=40)
        (folder / name).write_bytes(content)
        sentence = refused(c, what, job)
        check(all(word in sentence for word in words), what, ":", sentence)
    job = write_job(folder)
    for settings, words in SETTINGS:
        sentence = refused(c, settings, job, *[word for setting in settings for word in ("--set", setting)])
        check(all(word in sentence for word in words), settings, ":", sentence)
    unknown = job.read_text().replace(LAYERS, "model: lenet7\n")
    for what, text in (("nothing", ""), ("an unknown network", unknown), ("no YAML", "a: [1"), ("a list", "- a"), ("no UTF-8", "name: \udcff"),
                       ("1 MiB", "#" * (1 << 20) + "\n" + job.read_text())):
        (folder / "bad.yaml").write_text(text, errors="surrogateescape")
        check("bad.yaml" in refused(c, what, folder / "bad.yaml"), what)
    check("nowhere.onnx" in refused(c, "an output that cannot be", job, "-o", c.dir / "no/nowhere.onnx"), "output")

    # What no check can foresee: the loss grows beyond all numbers.
    result = c.hedge("train", job, "--set", "method=local", "--set", "sgd={rate: 1000, momentum: 0.99}", "--set",
                     "epochs=50", "-o", c.dir / "bad.onnx", status=1)
    check("job 1 failed: " in result.stderr and "rate" in result.stderr, result.stderr)
    failed = jobs(c, 1)[0]
    check(failed["state"] == "failed" and "rate" in failed["text"], failed)
    check("rate" in c.hedge("jobs", 1).stdout, "jobs 1")
    check(c.hedge("jobs", "model", 1, "-o", c.dir / "bad.onnx", status=1).stderr, "a model of a job that failed")
    check(not list(c.dir.glob("bad.*")), "files of a model that there is not")
    c.alive()
