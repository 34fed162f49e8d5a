# SPDX-License-Identifier: Apache-2.0
"""clang-tidy 14 over src/ with the checks of .clang-tidy and the build's own compiler options.

usage: tidy.py BUILD-DIRECTORY

A file that passed is not checked again until it, a header, its options or the checks change.
"""
import concurrent.futures
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

import tree

TOOL = "clang-tidy-14"
# Options of gcc that clang does not know are not findings.
EXTRA = ["--quiet", "--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Qunused-arguments"]

TOLD = re.compile(r": error: |note: (\d+ parameters|\d+ lines|nesting level)")
# This version does not see that the cleanup attribute frees, so leaks are left to LeakSanitizer.
NO_LEAK = re.compile(r"error: Potential leak of memory .*\[clang-analyzer-unix\.Malloc")


def digest(*parts):
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def commands(build):
    """Source path -> compile command, for the files of src/."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    chosen = {}
    for entry in entries:
        path = os.path.relpath(os.path.join(entry["directory"], entry["file"]), tree.ROOT)
        if path.startswith("src/") and path.endswith(".c"):
            chosen.setdefault(path, entry["command"])
    return chosen


def check(build, path):
    done = subprocess.run([TOOL, "-p", build] + EXTRA + [path], cwd=tree.ROOT,
                          capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    # The analyzer's notes on the path to a finding are long: `clang-tidy-14 -p build FILE` shows them.
    told = [line.replace(f"{build}/../", "").removeprefix("../")
            for line in (done.stdout + done.stderr).splitlines() if TOLD.search(line)]
    if told and all(NO_LEAK.search(line) for line in told):
        return ""
    return "\n".join(told) or f"{path}:1: {TOOL} ended with {done.returncode}"


def main():
    build = os.path.abspath(sys.argv[1])
    if not shutil.which(TOOL):
        tree.skip(f"{TOOL} is missing; the checks of another version differ")
    shared = digest(tree.text(".clang-tidy"),
                    *(tree.text(path) for path in tree.files(".h", under="src") + tree.files(".h", under="include")))
    passed = os.path.join(build, "tidy-passed")
    os.makedirs(passed, exist_ok=True)
    todo = {}
    chosen = commands(build)
    for path, command in chosen.items():
        stamp = os.path.join(passed, digest(shared, path, command, tree.text(path)))
        if not os.path.exists(stamp):
            todo[path] = stamp

    findings = []
    workers = len(os.sched_getaffinity(0))
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for path, told in zip(todo, pool.map(lambda path: check(build, path), todo)):
            if told:
                findings.append(told)
            else:
                with open(todo[path], "w", encoding="utf-8"):
                    pass
    tree.finish(findings, len(chosen))


if __name__ == "__main__":
    main()
