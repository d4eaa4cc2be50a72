# SPDX-License-Identifier: Apache-2.0
"""What a process has taken so far, as the kernel counts it: for any build, whatever it tells of itself."""
import os
import resource
import time
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PROCESS_CLOCK = 2  # CPUCLOCK_SCHED of linux/posix-timers.h: nanoseconds of all threads, ended ones too
IO_THREADS = "ZMQbg/"
THREADS = ("main", "io", "other", "ended")
COUNTS = ("switches", "faults")


def clock_of(pid):
    """The clock that counts a process's time on processors: what clock_getcpuclockid() gives."""
    return (~pid << 3) | PROCESS_CLOCK


def thread_of(pid, task):
    """@return (which of THREADS, seconds, context switches), or None where it has ended by now."""
    try:
        name = (task / "comm").read_text().strip()
        seconds = int((task / "schedstat").read_text().split()[0]) / 1e9
        lines = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
        switches = int(lines["voluntary_ctxt_switches"]) + int(lines["nonvoluntary_ctxt_switches"])
    except (OSError, IndexError, KeyError):
        return None
    which = "io" if name.startswith(IO_THREADS) else "main" if int(task.name) == pid else "other"
    return which, seconds, switches


def process(pid):
    """@return {"main_s": .., "io_s": .., "other_s": .., "ended_s": .., "all_s": .., "system_s": .., "switches": .., "faults": ..}:
    switches of the threads that live, the rest of all."""
    took = dict.fromkeys((f"{which}_s" for which in THREADS), 0.0) | {"switches": 0}
    for task in Path(f"/proc/{pid}/task").iterdir():
        thread = thread_of(pid, task)
        if thread:
            which, seconds, switches = thread
            took[f"{which}_s"] += seconds
            took["switches"] += switches
    stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    took["all_s"] = time.clock_gettime(clock_of(pid))
    took["ended_s"] = max(0.0, took["all_s"] - took["main_s"] - took["io_s"] - took["other_s"])
    took["system_s"] = int(stat[12]) / TICKS_PER_S
    took["faults"] = int(stat[7]) + int(stat[9])
    return took


def children():
    """Of those that this process has waited for: as process(), where it is known."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"all_s": usage.ru_utime + usage.ru_stime, "system_s": usage.ru_stime,
            "switches": usage.ru_nvcsw + usage.ru_nivcsw, "faults": usage.ru_minflt + usage.ru_majflt}


def links(pid):
    """@return bytes and packets that the process's network namespace has sent and received, its loopback left out."""
    total = dict.fromkeys(("received_bytes", "received_packets", "sent_bytes", "sent_packets"), 0)
    for line in Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]:
        name, numbers = line.split(":", 1)
        if name.strip() != "lo":
            fields = [int(x) for x in numbers.split()]
            for key, at in zip(total, (0, 1, 8, 9)):
                total[key] += fields[at]
    return total


def since(now, before):
    return {key: value - before[key] for key, value in now.items()}


def add(samples):
    """The sums of many processes'."""
    return {key: sum(s[key] for s in samples) for key in samples[0]}
