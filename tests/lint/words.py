# SPDX-License-Identifier: Apache-2.0
"""Each source file begins with its licence and says what it is for; no name is meaningless (util, common); and
the code has no notes of unfinished work.
"""
import os
import re

import tree

LICENCE = "SPDX-License-Identifier: Apache-2.0"
NAMES = re.compile(r"^(utils?|common|helpers?|misc|stuff)\.(c|h|py|sh)$")
NOTES = re.compile(r"\b(" + "TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
HEADER_LINES = range(2, 120)


def header_lines(lines):
    """The number of lines of the comment at the top of a C file."""
    for number, line in enumerate(lines, 1):
        if "*/" in line:
            return number
    return 0


def judge(path, lines):
    if NAMES.match(os.path.basename(path)):
        yield f"{path}:1: a file is named for the one thing it does"
    if not any(LICENCE in line for line in lines[:2]):
        yield f"{path}:1: the line '{LICENCE}' is missing"
    elif path.endswith((".c", ".h")) and header_lines(lines) not in HEADER_LINES:
        yield f"{path}:1: the file does not say what it is for"
    for number, line in enumerate(lines, 1):
        if NOTES.search(line):
            yield f"{path}:{number}: a note of work left undone"


def main():
    paths = tree.files(".c", ".h", ".py", ".sh")
    paths += [path for folder in ("tools", "demo", "bench") for path in tree.files("", under=folder)
              if "." not in os.path.basename(path) and tree.is_script(path)]
    findings = [finding for path in paths for finding in judge(path, tree.text(path).splitlines())]
    tree.finish(findings, len(paths))


if __name__ == "__main__":
    main()
