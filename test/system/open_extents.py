# SPDX-License-Identifier: Apache-2.0
"""A model whose file leaves its picture's size open runs in the shapes that are stated for it, over boards and here, as the models of
these fixed shapes do, over restarts too; where nobody states one it is that of the picture, or it is asked for by name."""
import json
import random

from cluster import Cluster, check, check_close, hedge, read_floats, write_npy
from small_models import Model

SIZES = [(24, 16), (40, 40), (30, 60)]  # height, width


def net(path, height, width, nhwc=False, batch="N"):
    """What depends on the size is computed from it: a mean over all rows, spread over them again."""
    m = Model((batch, height, width, 3) if nhwc else (batch, 3, height, width), seed=5)
    x = m.node("Transpose", "x", perm=[0, 3, 1, 2]) if nhwc else "x"
    x = m.node("Relu", m.node("Conv", x, m.weights(8, 3, 3, 3), m.weights(8), pads=[1] * 4))
    x = m.node("Add", x, m.node("GlobalAveragePool", x))
    return m.write(path, m.node("Conv", x, m.weights(4, 8, 3, 3), pads=[1] * 4))


def picture(path, height, width):
    path.write_bytes(b"P6\n%d %d\n255\n" % (width, height) + random.Random(height).randbytes(height * width * 3))
    return path


def local(folder, *words, status=0):
    raw = folder / "local.f32"
    raw.unlink(missing_ok=True)
    result = hedge("local", *words, "--raw", raw, "--dir", folder, status=status)
    return result.stderr if status else read_floats(raw)


def infer(c, model, *words):
    """@return the raw output, which boards have computed."""
    raw = c.dir / "coded.f32"
    for answer in c.infer(model, *words, "--raw", raw):
        check(answer["layers"] and all(l["scheme"] != "local" for l in answer["layers"]), "not coded:", answer)
    return read_floats(raw)


def shapes_of(c, model):
    models = [json.loads(line) for line in c.hedge("models", model, "--json").stdout.splitlines()]
    return [m["inputs"][0]["shape"] for m in models]


def check_all(c, model, tensors, wanted):
    for tensor, output in zip(tensors, wanted):
        check_close(infer(c, model, tensor), output, f"{model} of {tensor.name}")


with Cluster(boards=4, work="layers", options=["--set", "plan.min_macs=0", "--set", "plan.macs_per_entry=0"]) as c:
    model = net(c.dir / "open.onnx", "rows", None)
    tensors, wanted, pictures, of_pictures = [], [], [], []
    for h, w in SIZES:
        values = [random.Random(h + w).uniform(-1, 1) for _ in range(3 * h * w)]
        tensors.append(write_npy(c.dir / f"{h}.npy", (1, 3, h, w), values))
        fixed = net(c.dir / f"fixed{h}.onnx", h, w, batch=1)
        wanted.append(local(c.dir, fixed, tensors[-1]))
        pictures.append(picture(c.dir / f"{h}.ppm", h, w))
        of_pictures.append(local(c.dir, fixed, pictures[-1], "--preprocess", "tf"))

    # here: stated, of each input, or asked for
    for (h, w), tensor, output, of_picture, image in zip(SIZES, tensors, wanted, of_pictures, pictures):
        check_close(local(c.dir, model, tensor, "--shape", f"x=1x3x{h}x{w}"), output, "stated", 1e-6)
        check_close(local(c.dir, model, tensor), output, "as the tensor", 1e-6)
        check_close(local(c.dir, model, image, "--preprocess", "tf"), of_picture, "as the picture", 1e-6)
    answers = local(c.dir, model, *pictures, *pictures, "--preprocess", "tf")
    check_close(answers, [v for p in of_pictures * 2 for v in p], "pictures of several sizes", 1e-6)
    said = local(c.dir, model, pictures[0], "--preprocess", "imagenet", status=1)
    check("'x'" in said and "axis 2 ('rows'), axis 3" in said and "--shape x=1x3x320x320" in said, said)
    said = local(c.dir, model, tensors[0], "--shape", "x=1x3x24x17", status=1)
    check("its shape is 1x3x24x16, the model wants 1x3x24x17" in said, said)

    # the cluster: not without a shape, nor with one that is not the file's
    said = c.hedge("load", model, status=1).stderr
    check("axis 2 ('rows'), axis 3" in said and "--shape x=1x3x320x320" in said, said)
    said = c.hedge("load", model, "--shape", "1x4x24x16", status=1).stderr
    check("axis 1 of the input 'x' is 3" in said, said)
    said = c.hedge("load", model, "--shape", "24", status=1).stderr
    check("has 4 axes" in said, said)
    check(c.hedge("models", "open", status=1).stdout == "", "something was loaded")

    # one shape, then three, which the next start has too
    c.hedge("load", model, "--shape", "x=1x3x24x16")
    check(shapes_of(c, "open") == [[1, 3, 24, 16]], shapes_of(c, "open"))
    check_all(c, "open", tensors[:1], wanted)
    said = c.hedge("infer", "open", tensors[1], status=1).stderr
    check("its shape is 1x3x40x40, the model wants 1x3x24x16" in said, said)
    stated = [word for h, w in SIZES for word in ("--shape", f"1x3x{h}x{w}")]
    c.hedge("load", model, *stated)
    check(shapes_of(c, "open") == [[1, 3, h, w] for h, w in SIZES], shapes_of(c, "open"))
    check(json.loads(c.hedge("models", "--json").stdout.splitlines()[0])["inputs"][0]["open"] == [0, 2, 3], "the axes")
    check_all(c, "open", tensors, wanted)
    said = c.hedge("load", model, *stated[:2], *stated[:2], status=1).stderr
    check("stated twice" in said, said)
    c.hedge("down")
    c.up()
    check(shapes_of(c, "open") == [[1, 3, h, w] for h, w in SIZES], "after a restart:", shapes_of(c, "open"))
    check_all(c, "open", tensors, wanted)

    # a plan for each, a tensor of none, a picture of each and of none
    plans = [json.loads(line) for line in c.hedge("plan", "open", "--json").stdout.splitlines()]
    check([p["inputs"][0] for p in plans] == shapes_of(c, "open"), plans)
    check(plans[0]["layers"][0]["macs"] * 40 * 40 == plans[1]["layers"][0]["macs"] * 24 * 16, plans)
    one = json.loads(c.hedge("plan", "open", "--json", "--shape", "1x3x40x40").stdout)
    check(one["inputs"] == [[1, 3, 40, 40]], one)
    values = read_floats(tensors[1])[-3 * 40 * 40:]
    two = [write_npy(c.dir / f"two{i}.npy", (1, 3, 40, 40), [sign * v for v in values]) for i, sign in enumerate((1, -1))]
    both = write_npy(c.dir / "both.npy", (2, 3, 40, 40), [sign * v for sign in (1, -1) for v in values])
    check_close(infer(c, "open", both), local(c.dir, c.dir / "fixed40.onnx", *two), "several in the second shape")
    other = write_npy(c.dir / "other.npy", (1, 3, 8, 8), [0.0] * 192)
    said = c.hedge("infer", "open", other, status=1).stderr
    check("is 1x3x8x8, the model wants 1x3x24x16 or 1x3x40x40 or 1x3x30x60" in said, said)
    for image, of_picture in zip(pictures, of_pictures):
        check_close(infer(c, "open", image, "--preprocess", "tf"), of_picture, f"picture {image.name}")
    for size, nearest in (((50, 52), 1), ((200, 300), 2), ((40, 20), 0)):
        image = picture(c.dir / "any.ppm", *size)
        there = local(c.dir, c.dir / f"fixed{SIZES[nearest][0]}.onnx", image, "--preprocess", "tf")
        check_close(infer(c, "open", image, "--preprocess", "tf"), there, f"a picture of {size}")
    there = local(c.dir, c.dir / "fixed24.onnx", pictures[1], "--preprocess", "tf")
    check_close(infer(c, "open", pictures[1], "--preprocess", "tf", "--shape", "1x3x24x16"), there, "a shape chosen")
    said = c.hedge("infer", "open", pictures[1], "--shape", "1x3x1x1", status=1).stderr
    check("not loaded for this shape" in said, said)

    # a model of the repository: as it was loaded, until other shapes are stated
    c.hedge("unload", "open")
    check(c.hedge("models", "--json").stdout == "", "some of its shapes are left")
    c.hedge("load", "open")
    check(len(shapes_of(c, "open")) == 3, shapes_of(c, "open"))
    c.hedge("load", "open", "--shape", "x=1x3x40x40")
    check(shapes_of(c, "open") == [[1, 3, 40, 40]], shapes_of(c, "open"))
    check_close(local(c.dir, "open", tensors[1]), wanted[1], "a model of the cluster, here", 1e-6)

    # model.yaml states shapes as well; --shape counts more; channels last
    folder = c.dir / "last"
    folder.mkdir()
    last = net(folder / "model.onnx", "H", "W", nhwc=True)
    (folder / "model.yaml").write_text("shapes: [1x24x16x3, x=1x40x40x3]\nscale: 0.00784313725490196\nmean: [1]\n")
    said = c.hedge("load", last, status=1).stderr
    check("'1x24x16x3'" not in said and "two shapes" in said, said)  # of one input, named and not
    (folder / "model.yaml").write_text("shapes: [1x24x16x3, 1x40x40x3]\nscale: 0.00784313725490196\nmean: [1]\n")
    c.hedge("load", last)
    check(shapes_of(c, "last") == [[1, 24, 16, 3], [1, 40, 40, 3]], shapes_of(c, "last"))
    for i in range(2):
        check_close(infer(c, "last", pictures[i]), local(c.dir, last, pictures[i]), "channels last")
        check_close(infer(c, "last", pictures[i]), of_pictures[i], "channels last, as first")
    c.hedge("load", last, "--shape", "1x30x60x3")
    check(shapes_of(c, "last") == [[1, 30, 60, 3]], shapes_of(c, "last"))
    check_close(infer(c, "last", pictures[2]), of_pictures[2], "channels last, stated")
