# SPDX-License-Identifier: Apache-2.0
"""The convolutions of the networks that `hedge model make` writes: what yardsticks are computed from."""
from dataclasses import dataclass

Q16_BYTES = 132 / 64  # of an element


@dataclass(frozen=True)
class Conv:
    """A convolution; its name is that of the ONNX node."""
    name: str
    height: int
    width: int
    channels: int
    filters: int
    kernel: int
    stride: int = 1
    pad: int = 0

    @property
    def out_height(self):
        return (self.height + 2 * self.pad - self.kernel) // self.stride + 1

    @property
    def out_width(self):
        return (self.width + 2 * self.pad - self.kernel) // self.stride + 1

    @property
    def macs(self):
        return self.out_height * self.out_width * self.filters * self.channels * self.kernel**2

    def part_macs(self, k_a, k_b):
        """Of one part: strips and filter blocks are made equal by padding."""
        return -(-self.out_height // k_a) * self.out_width * -(-self.filters // k_b) * self.channels * self.kernel**2

    @property
    def entries(self):
        """Of input and output together."""
        return self.height * self.width * self.channels + self.out_height * self.out_width * self.filters


def vgg16():
    convs, size, channels = [], 224, 3
    for stage, (filters, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), 1):
        for i in range(1, count + 1):
            convs.append(Conv(f"conv{stage}_{i}", size, size, channels, filters, 3, 1, 1))
            channels = filters
        size //= 2
    return convs, 25088 * 4096 + 4096 * 4096 + 4096 * 1000


def resnet18():
    convs, size, channels = [Conv("conv1", 224, 224, 3, 64, 7, 2, 3)], 56, 64
    for stage, filters in enumerate((64, 128, 256, 512), 1):
        for block in range(2):
            stride = 2 if stage > 1 and block == 0 else 1
            name, out = f"layer{stage}.{block}.", size // stride
            convs.append(Conv(name + "conv1", size, size, channels, filters, 3, stride, 1))
            convs.append(Conv(name + "conv2", out, out, filters, filters, 3, 1, 1))
            if stride > 1:
                convs.append(Conv(name + "conv_down", size, size, channels, filters, 1, stride, 0))
            size, channels = out, filters
    return convs, 512 * 1000


def alexnet():
    return [Conv("conv1", 224, 224, 3, 64, 11, 4, 2), Conv("conv2", 27, 27, 64, 192, 5, 1, 2),
            Conv("conv3", 13, 13, 192, 384, 3, 1, 1), Conv("conv4", 13, 13, 384, 256, 3, 1, 1),
            Conv("conv5", 13, 13, 256, 256, 3, 1, 1)], 9216 * 4096 + 4096 * 4096 + 4096 * 1000


def lenet5():
    return [Conv("c1", 28, 28, 1, 6, 5, 1, 2), Conv("c3", 14, 14, 6, 16, 5), Conv("c5", 5, 5, 16, 120, 5)], \
        120 * 84 + 84 * 10


# name: (convolutions and multiply-accumulates of the fully connected layers, shape of the input)
NETWORKS = {"vgg16": (vgg16, (1, 3, 224, 224)), "resnet18": (resnet18, (1, 3, 224, 224)),
            "alexnet": (alexnet, (1, 3, 224, 224)), "lenet5": (lenet5, (1, 1, 28, 28))}


class Network:
    def __init__(self, name):
        make, self.shape = NETWORKS[name]
        self.convs, self.dense_macs = make()
        self.by_name = {c.name: c for c in self.convs}
        self.macs = sum(c.macs for c in self.convs) + self.dense_macs

    def alone_ms(self, macs_per_s):
        """One board alone."""
        return 1e3 * self.macs / macs_per_s

    def limit_ms(self, macs_per_s, link_bytes_per_s, hub_bytes_per_s, here_macs_per_s, entry_bytes):
        """No way of spreading the convolutions is faster: each takes its work over the summed rates of the boards, or
        its input and output over the boards' links or the coordinator's, whichever is longer; at most its time on the
        coordinator alone, which computes the fully connected layers.

        @param macs_per_s, link_bytes_per_s  Of each board. entry_bytes: of one number on the wire."""
        total_s = self.dense_macs / here_macs_per_s
        for conv in self.convs:
            data = conv.entries * entry_bytes
            apart = max(conv.macs / max(sum(macs_per_s), 1), data / sum(link_bytes_per_s), data / hub_bytes_per_s)
            total_s += min(conv.macs / here_macs_per_s, apart)
        return 1e3 * total_s
