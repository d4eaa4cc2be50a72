# SPDX-License-Identifier: Apache-2.0
"""How fast a board's cores are against this machine's: what test/bed/slow.c stretches processor time by.

Three short measurements, for each of which figures of such cores have been published, are made here in the same way; the factor is
the geometric mean of the three ratios, so that it does not depend on the machine that the bed runs on:

    hash    SHA-512 by OpenSSL, 64 KiB at a time: integer instructions in one chain, as the rest of a program has them
    copy    memcpy of 32 MiB: memory
    cipher  XSalsa20 and Poly1305 by libsodium, 64 KiB at a time: what CURVE does to every byte

Where the figures come from, MB/s of one core:

- hash: cycles per byte in crypto/sha/asm/sha512-armv8.pl of OpenSSL: Cortex-A53 10.0, A57 7.51, for the A72, which is its successor. A
  Cortex-A53 of 1.4 GHz (TI AM62x, `openssl speed`) does 142 MB/s, which is 9.9. A76: github.com/lelegard/shabench has 1.32 bits per
  cycle for the Neoverse N1, which is the same core: 6.06.
- copy: the column memcpy of github.com/ThomasKaiser/sbc-bench, Sorted-Results.md: Raspberry Pi 5 5,270 to 6,025, Pi 4 (1.5 GHz)
  2,460 to 2,550, Pi 3 B 1,110, Pi Zero 2 at 600 MHz 1,040.
- cipher: libsodium has no NEON for Salsa20 on ARM, its C is what runs there. ChaCha20 has as many additions, rotations and
  exclusive ors; chacha-armv8.pl and poly1305-armv8.pl of OpenSSL have what gcc makes of the C: A53 15.1 and 4.3 cycles per byte, A57
  11.5 and 2.9. A76: reckoned as half as fast again per cycle as the A57, no figure was found.

The three ratios lie up to a factor of three apart, and which of them the work at hand is like is not told; so a factor may be wrong
by about 1.7 either way. Threads meet this machine's caches, not a board's; what its network card and interrupts cost a board is what
they cost here, in the thread that sends, stretched.
"""
import ctypes
import ctypes.util
import functools
import hashlib
import math
import time
from dataclasses import dataclass

BLOCK = 65536
COPY = 32 << 20
SECONDS = 0.3  # of each measurement: on a busy machine less finds no undisturbed moment


@dataclass(frozen=True)
class Cores:
    """MB/s of one core."""
    name: str
    hash: float
    copy: float
    cipher: float


A76 = Cores("Cortex-A76, 2.4 GHz", 2400 / 6.06, 5600, 2400 / 9.6)
A72 = Cores("Cortex-A72, 1.5 GHz", 1500 / 7.51, 2500, 1500 / 14.4)
A53 = Cores("Cortex-A53, 1.2 GHz", 1200 / 10, 1110, 1200 / 19.4)
A53_THROTTLED = Cores("Cortex-A53, 0.6 GHz", 600 / 10, 1040, 600 / 19.4)


def best_rate(action, size):
    """MB/s of this thread's processor time; the best of many, as others disturb only for the worse."""
    best, end = 0, time.monotonic() + SECONDS
    action()
    while time.monotonic() < end or not best:
        begin = time.thread_time_ns()
        action()
        best = max(best, 1e3 * size / max(time.thread_time_ns() - begin, 1))
    return best


@functools.cache  # all beds of a program have the same
def measure():
    """@return this machine's Cores."""
    sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
    sodium.sodium_init()
    plain, secret = ctypes.create_string_buffer(BLOCK), ctypes.create_string_buffer(BLOCK + 16)
    nonce, key, size = bytes(24), bytes(32), ctypes.c_ulonglong(BLOCK)
    source, target = ctypes.create_string_buffer(COPY), ctypes.create_string_buffer(COPY)
    ctypes.memset(source, 1, COPY)
    return Cores("this machine", best_rate(lambda: hashlib.sha512(plain), BLOCK),
                 best_rate(lambda: ctypes.memmove(target, source, COPY), COPY),
                 best_rate(lambda: sodium.crypto_secretbox_easy(secret, plain, size, nonce, key), BLOCK))


def ratios(board, here):
    return here.hash / board.hash, here.copy / board.copy, here.cipher / board.cipher


def factor(board, here):
    """How many times longer the board's core takes; never less than 1: nothing can be made faster."""
    return max(1.0, math.prod(ratios(board, here)) ** (1 / 3))


if __name__ == "__main__":
    machine = measure()
    print(f"{'':24}{'HASH':>8}{'COPY':>8}{'CIPHER':>8}{'FACTOR':>8}   (MB/s; and of each, how many times slower)")
    print(f"{machine.name:24}{machine.hash:8.0f}{machine.copy:8.0f}{machine.cipher:8.0f}")
    for cores in (A76, A72, A53, A53_THROTTLED):
        print(f"{cores.name:24}{cores.hash:8.0f}{cores.copy:8.0f}{cores.cipher:8.0f}{factor(cores, machine):8.1f}   "
              + ", ".join(f"{r:.1f}" for r in ratios(cores, machine)))
