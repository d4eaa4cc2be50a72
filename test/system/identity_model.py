# SPDX-License-Identifier: Apache-2.0
"""A model that answers what it is given, so that a test sees what an input becomes; and pictures to give it."""
import struct
import zlib

from small_models import Model


def write_identity(path, shape):
    model = Model(shape)
    return model.write(path, model.node("Identity", "x"))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, rows, orientation=None, level=6):
    """The bytes of an RGB PNG; rows: bytes of each, in order."""
    pack = zlib.compressobj(level)
    data = b"".join(pack.compress(b"\0" + row) for row in rows) + pack.flush()
    exif = b"" if orientation is None else chunk(b"eXIf", b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 274, 3, 1, orientation, 0, 0))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + exif +
            chunk(b"IDAT", data) + chunk(b"IEND", b""))
