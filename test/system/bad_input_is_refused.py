# SPDX-License-Identifier: Apache-2.0
"""What is no picture, no model, of another shape or unknown is refused with a sentence; the daemons go on."""
import json
import os

from cluster import DIGITS, Cluster, check, hedge, write_digit, write_npy

with Cluster(boards=2) as c:
    c.load_digits()
    good = write_digit(c.dir / "good.png")
    onnx = (DIGITS / "model.onnx").read_bytes()

    def refused(said, *words, status=1, run=c.hedge):
        result = run(*words, status=status)
        check(said in result.stderr, "said:", result.stderr, "but wanted:", said)
        check(result.stderr.startswith("hedge: "), result.stderr)
        return result

    # Inputs: each is said, and the good ones before and behind it are answered.
    noise = c.dir / "noise.png"
    noise.write_bytes(bytes(range(256)) * 9)
    cut = c.dir / "cut.png"
    cut.write_bytes(good.read_bytes()[:60])
    wrong = write_npy(c.dir / "wrong.npy", (3, 5), range(15))
    short = c.dir / "short.npy"
    short.write_bytes(write_npy(c.dir / "full.npy", (28, 28), range(784)).read_bytes()[:-4])
    proto = c.dir / "noise.pb"
    proto.write_bytes(os.urandom(300))
    bad = [noise, cut, wrong, short, proto, c.dir / "absent.png", c.dir]
    for path in bad:
        for command in (c.hedge, lambda *w, **m: hedge("local", DIGITS / "model.onnx", *w[2:], **m)):
            result = refused(f"hedge: {path}", "infer", "digits", good, path, good, "--json", run=command)
            lines = [json.loads(line) for line in result.stdout.splitlines()]
            check([("top" in line, "error" in line) for line in lines] == [(1, 0), (0, 1), (1, 0)], result.stdout)
    refused("the model wants 1x1x28x28", "infer", "digits", wrong)

    # Models.
    refused("no model 'nonsense' is loaded", "infer", "nonsense", good)
    refused("no model 'nonsense' is loaded", "models", "nonsense")
    refused("no model 'nonsense' is loaded", "unload", "nonsense")
    refused("nonsense", "load", "nonsense")
    hostile = {"empty.onnx": b"", "text.onnx": b"this is no model\n" * 100, "cut.onnx": onnx[:len(onnx) // 2],
               "flipped.onnx": bytes(b ^ 0x55 for b in onnx[:4096]) + onnx[4096:]}
    for name, content in hostile.items():
        (c.dir / name).write_bytes(content)
        refused(name, "load", c.dir / name)
        refused("hedge: ", "x", c.dir / name, good, run=lambda *w, **m: hedge("local", *w[1:], **m))
    refused("absent.onnx", "load", c.dir / "absent.onnx")
    refused("is no name", "load", DIGITS / "model.onnx", "--name", "../evil")
    (c.dir / "bad.yaml").write_text("resize: 28\nno_such_key: 1\n")
    refused("bad.yaml:2: no_such_key", "load", DIGITS / "model.onnx", "--manifest", c.dir / "bad.yaml")
    check([m for m in c.hedge("models", "--json").stdout.splitlines()
           if json.loads(m)["name"] != "digits"] == [], "a refused model is listed")

    # And all is as before.
    check(c.alive()["alive"] == 2, "boards were lost")
    check(c.infer("digits", good)[0]["top"][0]["label"] == "1", "the answer after all that")
