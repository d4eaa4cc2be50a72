# SPDX-License-Identifier: Apache-2.0
"""What a process takes, as the kernel tells it."""
import re
from pathlib import Path


def libraries(pid):
    """The shared libraries that it maps: {file name without version: bytes of the file}."""
    paths = {line.split(None, 5)[5].strip() for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if ".so" in line}
    return {re.sub(r"\.so\b.*|-[0-9][0-9.]*\.so.*", "", Path(p).name): Path(p).stat().st_size for p in paths}


def memory(pid):
    """Bytes of its own that are no file's (RssAnon), and its part of everything that it maps (PSS)."""
    anon = re.search(r"^RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M)
    pss = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
    return int(anon[1]) * 1024, int(pss[1]) * 1024


def switches(pid):
    """How often its threads have gone to sleep so far: every time one wakes, it does so again."""
    text = [p.read_text() for p in Path(f"/proc/{pid}/task").glob("*/status")]
    return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", t, re.M)[1]) for t in text)
