# SPDX-License-Identifier: Apache-2.0
"""Networks that benchmarks ask, and the convolutions of those that `hedge model make` writes: what yardsticks are computed from."""
import math
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


@dataclass(frozen=True)
class File:
    """A network that is no part of hedge: below the folder of models."""
    path: str
    shape: tuple
    outputs: int  # numbers that it answers with
    macs: None = None
    convs: tuple = ()


FILES = {"resnet20": File("resnet-cifar10/resnet20-cifar10.onnx", (1, 3, 32, 32), 10),
         "resnet56": File("resnet-cifar10/resnet56-cifar10.onnx", (1, 3, 32, 32), 10),
         "mobilenet": File("mlperf-tiny/mlperf_tiny_vww_mobilenetv1_0.25_96.onnx", (1, 3, 96, 96), 2),
         "ultraface": File("ultraface/version-RFB-320.onnx", (1, 3, 240, 320), 4420 * 6),
         "squeezenet1.1": File("squeezenet1.1/squeezenet1.1-7.onnx", (1, 3, 224, 224), 1000)}


class Network:
    def __init__(self, name):
        make, self.shape = NETWORKS[name]
        self.outputs = 10 if name == "lenet5" else 1000
        self.convs, self.dense_macs = make()
        self.macs = sum(c.macs for c in self.convs) + self.dense_macs


def limit_ms(network, macs, macs_per_s, link_bytes_per_s, hub_bytes_per_s, entry_bytes):
    """What a request takes where all its work is spread evenly over all who compute, and only its own input and output go over the links,
    each once and from or to all boards at the same time: before and after the work, as one who is alone waits for both. Neither the
    tensors between layers nor delays are in it.

    @param macs_per_s        Of every board, and of the coordinator.
    @param link_bytes_per_s  Of every board. entry_bytes: of one number of the input on the wire; outputs have 4."""
    moved = math.prod(network.shape) * entry_bytes + network.outputs * 4
    return 1e3 * (macs / sum(macs_per_s) + moved / min(sum(link_bytes_per_s), hub_bytes_per_s))
