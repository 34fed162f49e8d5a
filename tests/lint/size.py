# SPDX-License-Identifier: Apache-2.0
"""No file above 800 lines, no C function above 80, a Makefile of at most 40.

A function's lines are counted from its opening brace to its closing one, both in the first column,
where clang-format puts them. Tests are held to the same sizes.
"""
import tree

FILE_LINES = 800
LONGER = {"include/situ.h": 1000}  # the public interface is one header, comments and all
FUNCTION_LINES = 80
MAKEFILE_LINES = 40


def long_functions(lines):
    """(line, length) of each function that is too long."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line.startswith("}") and start is not None:
            if number - start + 1 > FUNCTION_LINES:
                yield start, number - start + 1
            start = None


def main():
    findings = []
    paths = tree.files(".c", ".h", ".py", ".sh", "meson.build")
    for path in paths:
        lines = tree.text(path).splitlines()
        most = LONGER.get(path, FILE_LINES)
        if len(lines) > most:
            findings.append(f"{path}:1: {len(lines)} lines, at most {most}")
        if path.endswith((".c", ".h")):
            for number, length in long_functions(lines):
                findings.append(f"{path}:{number}: a function of {length} lines, at most {FUNCTION_LINES}")
    makefile = len(tree.text("Makefile").splitlines())
    if makefile > MAKEFILE_LINES:
        findings.append(f"Makefile:1: {makefile} lines, at most {MAKEFILE_LINES}")
    tree.finish(findings, len(paths))


if __name__ == "__main__":
    main()
