# SPDX-License-Identifier: Apache-2.0
"""Requests, and whether their answers are right: `hedge local` says what one machine alone answers."""
import json
import subprocess
import time

from bed import Failure, hedge, read_floats


class Reference:
    """What one machine alone answers to each input."""

    def __init__(self, model, inputs, folder, preprocess="model"):
        self.preprocess = preprocess
        self.values, self.top = {}, {}
        for i, path in enumerate(inputs):
            raw = folder / f"local-{i}.f32"
            out = hedge("local", model, path, "--preprocess", preprocess, "--json", "--raw", raw, timeout=600)
            self.top[path] = json.loads(out.stdout)["top"][0]["index"]
            self.values[path] = read_floats(raw)
            raw.unlink()

    def error(self, path, raw):
        """@return the largest difference relative to the largest output; infinite where the sizes differ."""
        got, wanted = read_floats(raw), self.values[path]
        if len(got) != len(wanted):
            return float("inf")
        return max(abs(x - y) if x == x else float("inf") for x, y in zip(got, wanted)) / max(map(abs, wanted))


def ask(bed, model, path, reference, tolerance, words=(), timeout_s=60, who=0):
    """One request. @param who  Which of several that ask at the same time.
    @return {"client_ms", "lost": why} or {"client_ms", "latency_ms", "error", "wrong", "layers"}."""
    raw = bed.dir / f"answer-{who}.f32"
    begin = time.monotonic()
    try:
        answer = bed.infer(model, path, "--preprocess", reference.preprocess, "--raw", raw, *words,
                           timeout_s=timeout_s)[0]
    except (IndexError, ValueError, OSError, Failure, subprocess.TimeoutExpired) as e:
        answer = {"error": f"no answer: {e}"}
    result = {"client_ms": round(1e3 * (time.monotonic() - begin), 2)}
    if "error" in answer:
        return result | {"lost": str(answer["error"])}
    error = reference.error(path, raw)
    wrong = not error <= tolerance or answer["top"][0]["index"] != reference.top[path]
    return result | {"latency_ms": answer["latency_ms"], "error": error, "wrong": wrong, "layers": answer["layers"]}


def percentile(values, p):
    """The smallest value that p % of all do not exceed."""
    return sorted(values)[max(0, -(-len(values) * p // 100) - 1)]


def how_made(parts):
    """For a table: whether its boards really computed. @param parts  Of since(), or {}."""
    if not parts:
        return "computed"
    stored = parts["stored"] / max(1, parts["stored"] + parts["computed"])
    wrong = f", {parts['wrong']} WRONG" if parts["wrong"] else ""
    checked = f" ({parts['checked']} computed again{wrong})" if parts["checked"] else ""
    return f"{100 * stored:.0f} % of the parts from what boards computed before{checked}"


def since(parts, before):
    """What came about in between. @param parts, before  Of Bed.parts(), from after and before."""
    return {key: parts[key] - before[key] for key in parts}


def processor_ticks():
    """@return ticks that this machine's processors worked, and all."""
    with open("/proc/stat") as file:
        user, nice, system, idle, iowait, *more = map(int, file.readline().split()[1:9])
    return user + nice + system + sum(more), user + nice + system + idle + iowait + sum(more)


def busy_since(ticks):
    """@return the share of time for which the processors worked since processor_ticks()."""
    worked, passed = (now - before for now, before in zip(processor_ticks(), ticks))
    return round(worked / max(passed, 1), 3)
