# SPDX-License-Identifier: Apache-2.0
"""Shared by all lints: the files of the source tree, and how findings are reported.

A lint prints one line for each finding, `path:line: what is wrong`, and exits 1 if there are any, 77 if a tool
it needs is missing.
"""
import os
import re
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
SKIP = 77


def files(*suffixes, under=""):
    """Paths of the source tree relative to its root, without builds and hidden directories."""
    found = []
    for folder, folders, names in os.walk(os.path.join(ROOT, under)):
        at_root = os.path.samefile(folder, ROOT)
        folders[:] = sorted(f for f in folders if not f.startswith((".", "__pycache__"))
                            and not (at_root and f.startswith("build")))
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), ROOT)
            if name.endswith(suffixes) and not os.path.islink(os.path.join(ROOT, path)):
                found.append(path)
    return found


def text(path):
    with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def is_script(path):
    """Whether a file without a known suffix begins like a script."""
    with open(os.path.join(ROOT, path), "rb") as file:
        return file.read(2) == b"#!"


def includes(path):
    """(line number, included name) of each include directive."""
    for number, line in enumerate(text(path).splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if match:
            yield number, match.group(1)


def finish(findings, looked_at):
    """Ends the lint; a lint that has checked nothing is itself a fault."""
    for finding in findings:
        print(finding)
    if not looked_at:
        print("nothing was looked at")
    print(f"{len(findings)} findings in {looked_at} files")
    sys.exit(1 if findings or not looked_at else 0)


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIP)
