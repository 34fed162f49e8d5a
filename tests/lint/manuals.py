# SPDX-License-Identifier: Apache-2.0
"""The manual pages fit a terminal of 80 columns.

The viewer fills running text; literal blocks are not filled and must be short enough in the source. If scdoc
and groff are installed, the rendered pages are measured, too.
"""
import os
import shutil
import subprocess

import tree

COLUMNS = 80
INDENT = 11  # of a literal block, as rendered; 4 more for each tab before it
PAGES = tree.files(".scd", under="docs/man")


def judge(path, lines):
    literal = False
    for number, line in enumerate(lines, 1):
        depth = len(line) - len(line.lstrip("\t"))
        if line.strip() == "```":
            literal = not literal
        elif literal:
            width = INDENT + 4 * depth + len(line[depth:].replace("\\\\", "\\"))
            if width > COLUMNS:
                yield f"{path}:{number}: literal line of {width} columns, {COLUMNS} fit"


def rendered(path):
    page = subprocess.run(["scdoc"], input=tree.text(path), capture_output=True, text=True, check=True)
    shown = subprocess.run(["groff", "-t", "-man", "-Tutf8", "-Kutf8", f"-rLL={COLUMNS - 2}n", "-P-cbou"],
                           input=page.stdout, capture_output=True, text=True, check=True,
                           env={**os.environ, "SOURCE_DATE_EPOCH": "0"})
    for number, line in enumerate(shown.stdout.splitlines(), 1):
        if len(line) > COLUMNS:
            yield f"{path}: line {number} as rendered has {len(line)} columns: {line.strip()}"


def main():
    findings = []
    tools = shutil.which("scdoc") and shutil.which("groff")
    for path in PAGES:
        findings += judge(path, tree.text(path).splitlines())
        if tools:
            findings += rendered(path)
    if not tools:
        print("scdoc or groff is missing: only the source was measured")
    tree.finish(findings, len(PAGES))


if __name__ == "__main__":
    main()
