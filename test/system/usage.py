# SPDX-License-Identifier: Apache-2.0
"""Every command has help that fits a terminal; wrong usage is a sentence and exit status 2."""
import os

from cluster import check, hedge

COMMANDS = ["up", "down", "status", "models", "load", "unload", "plan", "infer", "train", "jobs", "multiply", "local", "model", "codes", "keygen"]

overview = hedge("help").stdout
check(hedge("--help").stdout == overview and hedge("--version").stdout.startswith("hedge "), "help")
for command in COMMANDS:
    check(f"  {command} " in overview, "not in the overview:", command)
    text = hedge("help", command).stdout
    check(text.startswith(f"Usage: hedge {command}") and "Example:\n" in text, text)
    check(all(len(line) <= 80 for line in text.splitlines()), "too wide:", text)
    check(hedge(command, "--help").stdout == text, command, "--help")
    wrong = hedge(command, "--no-such-option", status=2)
    check(wrong.stderr.startswith(f"hedge: {command}: there is no option --no-such-option"), wrong.stderr)
    check(not wrong.stdout, wrong.stdout)

for words in ([], ["nonsense"], ["help", "nonsense"], ["infer"], ["infer", "model"], ["unload"], ["status", "x"],
              ["keygen", "dir"], ["down"], ["codes"], ["codes", "--ka", "two"], ["codes", "--scheme", "magic"],
              ["model", "make", "lenet5"], ["model", "break", "lenet5", "x"], ["model", "make", "lenet6", "x"],
              ["infer", "m", "i", "--preprocess", "magic"], ["status", "--connect", "nowhere"],
              ["status", "--dir", "/x", "--connect", "ipc:///x"], ["train"], ["train", "x", "-o", "y", "--detach"],
              ["jobs", "x"], ["jobs", "0"], ["jobs", "stop"], ["jobs", "end", "3"], ["jobs", "model", "3"],
              ["jobs", "3", "-o", "x"], ["jobs", "--follow"]):
    check(hedge(*words, status=2).stderr, words, "said nothing")

for words in (["status", "--dir", "/nowhere"], ["--dir", "/nowhere", "status"], ["--dir=/nowhere", "status"], ["codes", "--ka", "3", "--kb", "2", "--n", "5"],
              ["codes", "--ka", "8", "--kb", "8", "--n", "4"], ["keygen", "/nowhere", "x"], ["local", "x", "y"],
              ["train", "/nowhere.yaml"], ["train", "/dev/null"]):
    result = hedge(*words, status=1)
    check(result.stderr.startswith("hedge: ") and result.stderr.count("\n") == 1, words, result.stderr)

# A pipe that is full or closed is no success.
with open("/dev/full", "w") as full:
    import subprocess
    check(subprocess.run([os.environ["HEDGE"], "help"], stdout=full, stderr=subprocess.DEVNULL).returncode == 1, "full")
