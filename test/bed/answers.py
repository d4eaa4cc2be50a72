# SPDX-License-Identifier: Apache-2.0
"""Requests, and whether their answers are right: `hedge local` says what one machine alone answers."""
import json
import subprocess
import threading
import time
from pathlib import Path

from bed import HEDGE, Failure, check, hedge, read_floats

ASK = Path(HEDGE).resolve().parent.parent / "bench/hedge-ask"  # of the target `benchmarks`


class Reference:
    """What one machine alone answers to each input."""

    def __init__(self, model, inputs, folder, preprocess="model"):
        self.preprocess = preprocess
        self.values, self.top, self.raw = {}, {}, {}
        for i, path in enumerate(inputs):
            raw = self.raw[path] = folder / f"local-{i}.f32"
            out = hedge("local", model, path, "--preprocess", preprocess, "--json", "--raw", raw, timeout=600)
            self.top[path] = json.loads(out.stdout)["top"][0]["index"]
            self.values[path] = read_floats(raw)

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


def bare(path):
    """@return a file with the numbers of a .npy file alone, beside it."""
    target = path.with_suffix(".f32")
    if not target.exists():
        whole = path.read_bytes()
        target.write_bytes(whole[10 + int.from_bytes(whole[8:10], "little"):])
    return target


def read_line(line, tolerance, classes):
    """A line of hedge-ask. @return as ask(), with "request", "begin_s", "end_s", "boards" and "ways" in place of "layers"."""
    number, begin, end, *rest = line.split(" ", 4 if " lost " in line else -1)
    result = {"request": int(number), "begin_s": float(begin) / 1e3, "end_s": float(end) / 1e3,
              "client_ms": round(float(end) - float(begin), 2)}
    if rest[0] == "lost":
        return result | {"lost": rest[1].strip()}
    latency, error, elsewhere, boards, ways = rest
    wrong = not float(error) <= tolerance or (classes and elsewhere == "1")
    return result | {"latency_ms": float(latency), "error": float(error), "wrong": wrong, "boards": int(boards), "ways": ways.strip()}


class Crowd:
    """Many requests, some of which are always on their way, asked by one process over one connection: what clients take
    of this machine's processors is little.

    @param inputs  .npy files that requests take in turn. classes: the largest of the first output's numbers is the answer."""

    def __init__(self, bed, model, inputs, reference, tolerance, classes=True, timeout_s=60):
        self.bed, self.model, self.tolerance, self.classes, self.timeout_s = bed, model, tolerance, classes, timeout_s
        self.pairs = [f"{bare(path)}:{reference.raw[path]}" for path in inputs]
        check(ASK.exists(), f"no {ASK}: build the target `benchmarks`")

    def run(self, at_a_time, first, count, heard=lambda answer: None):
        """@param first  Number of the first request. heard: called with each answer.
        @return answers in the order in which they came, as of read_line()."""
        answers = []
        words = [ASK, f"ipc://{self.bed.dir}/run/hedged.sock", self.model, at_a_time, first, count, int(self.timeout_s), *self.pairs]
        with subprocess.Popen([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            said = []
            reader = threading.Thread(target=lambda: said.append(process.stderr.read()))
            reader.start()
            try:
                for line in process.stdout:
                    answers.append(read_line(line, self.tolerance, self.classes))
                    heard(answers[-1])
            except BaseException:
                process.terminate()
                raise
            finally:
                reader.join()
        check(process.returncode == 0 and len(answers) == count, "hedge-ask:", said[0].strip() or f"ended with {process.returncode}")
        return answers


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
