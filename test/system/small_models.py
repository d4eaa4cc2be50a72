# SPDX-License-Identifier: Apache-2.0
"""Small ONNX files with seeded weights, written by hand: what a test needs of the format, and nothing else."""
import random
import struct


def varint(v):
    out = bytearray()
    v &= (1 << 64) - 1
    while v >= 128:
        out.append(v & 127 | 128)
        v >>= 7
    return bytes([*out, v])


def field(number, value):
    """A field of a message: an integer, a text, or the bytes of a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def fields(data):
    """The fields of a protocol buffer message: number, value (an integer, or bytes)."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        tag = varint()
        if tag & 7 == 0:
            yield tag >> 3, varint()
        else:
            size = {1: 8, 5: 4}.get(tag & 7) or varint()
            yield tag >> 3, data[at:at + size]
            at += size


def attribute(name, value):
    if isinstance(value, int):
        return field(1, name) + field(3, value) + field(20, 2)
    if isinstance(value, str):
        return field(1, name) + field(4, value) + field(20, 3)
    return field(1, name) + b"".join(field(8, v) for v in value) + field(20, 7)


def value_info(name, shape=None, element=1):
    """An extent that is a text is a symbol, and open, as one of None is."""
    if shape is None:
        return field(1, name)
    dims = b"".join(field(1, b"" if d is None else field(2 if isinstance(d, str) else 1, d)) for d in shape)
    return field(1, name) + field(2, field(1, field(1, element) + field(2, dims)))


class Model:
    """Nodes are added one after the other; each returns its output's name."""

    def __init__(self, shape, opset=13, seed=1, element=1):
        self.nodes, self.constants, self.inputs = [], [], [value_info("x", shape, element)]
        self.opset = opset
        self.random = random.Random(seed)

    def weights(self, *shape, scale=1.0):
        """Uniform numbers; filters keep the size of what they are applied to where scale is about 1."""
        count = 1
        for d in shape:
            count *= d
        fan = max(1, count // max(shape[0], 1))
        limit = scale * (3 / fan) ** 0.5
        return self.constant(shape, [self.random.uniform(-limit, limit) for _ in range(count)])

    def constant(self, shape, values):
        name = f"w{len(self.constants)}"
        dims = b"".join(field(1, d) for d in shape)
        data = struct.pack(f"<{len(values)}f", *values)
        self.constants.append(dims + field(2, 1) + field(8, name) + field(9, data))
        return name

    def integers(self, shape, values, element=7):
        """uint8 (2), int8 (3), int32 (6) or int64 (7)."""
        name = f"w{len(self.constants)}"
        dims = b"".join(field(1, d) for d in shape)
        data = struct.pack(f"<{len(values)}{ {2: 'B', 3: 'b', 6: 'i', 7: 'q'}[element]}", *values)
        self.constants.append(dims + field(2, element) + field(8, name) + field(9, data))
        return name

    def node(self, op, *inputs, **attributes):
        name = f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(b"".join(field(1, i) for i in inputs) + field(2, name) + field(3, name) + field(4, op) +
                          b"".join(field(5, attribute(k, v)) for k, v in attributes.items()))
        return name

    def write(self, path, *outputs):
        graph = b"".join(field(1, n) for n in self.nodes) + field(2, "graph") + \
            b"".join(field(5, c) for c in self.constants) + b"".join(field(11, i) for i in self.inputs) + \
            b"".join(field(12, value_info(o)) for o in outputs)
        path.write_bytes(field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, self.opset)))
        return path
