# SPDX-License-Identifier: Apache-2.0
"""Symbols of the linked files: libsitu exports situ_* and nothing else; the daemon links no image codec and
no ONNX Runtime, the worker no network code, the CLI nothing that belongs into libsitu; and a build without
test_backends has nothing from tests/backends.

usage: symbols.py BUILD-DIRECTORY
"""
import glob
import json
import os
import re
import subprocess
import sys

import tree

FORBIDDEN = {
    "situd": r"jpeg|spng|png|webp|onnxruntime",
    "situ-worker": r"gnutls|curl|lmdb",
    "situ": r"jansson|curl|gnutls|onnxruntime|lmdb|jpeg",
}


def find(build, pattern):
    """The one regular file of that name in the build."""
    for path in sorted(glob.glob(os.path.join(build, "src", "*", pattern))):
        if os.path.isfile(path) and not os.path.islink(path):
            return path
    return None


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def foreign_exports(told):
    """The names in nm's output that are neither situ's nor the library's version node."""
    names = [line.split()[-1].split("@")[0] for line in told.splitlines()]
    return [name for name in names if not re.fullmatch(r"situ_\w+|SITU_[0-9.]+", name)]


def has_test_backends(build):
    """Whether the build was configured with them."""
    with open(os.path.join(build, "meson-info", "intro-buildoptions.json"), encoding="utf-8") as file:
        return any(option["name"] == "test_backends" and option["value"] for option in json.load(file))


def test_backends():
    """The names of the tables in tests/backends."""
    texts = [tree.text(path) for path in tree.files(".c", under="tests/backends")]
    return {name for text in texts for name in re.findall(r"^const struct \w+ (\w+) = {", text, re.MULTILINE)}


def main():
    build = os.path.abspath(sys.argv[1])
    findings = []
    looked_at = 0
    absent = []

    library = find(build, "libsitu.so*")
    if library:
        looked_at += 1
        exports = output("nm", "-D", "--defined-only", library)
        findings += [f"{library}:1: exports {name}" for name in foreign_exports(exports)]
    else:
        absent.append("libsitu.so")

    for program, pattern in FORBIDDEN.items():
        path = find(build, program)
        if not path:
            absent.append(program)
            continue
        looked_at += 1
        if not has_test_backends(build):
            named = {line.split()[-1] for line in output("nm", path).splitlines()}
            findings += [f"{path}:1: has {name} of tests/backends" for name in sorted(named & test_backends())]
        for needed in re.findall(r"\(NEEDED\).*\[(.*)\]", output("readelf", "-d", path)):
            if re.search(pattern, needed):
                findings.append(f"{path}:1: links {needed}")
    if not looked_at:
        tree.skip("not built: " + ", ".join(absent))
    findings += [f"{name}:1: is not in the build" for name in absent]
    tree.finish(findings, looked_at)


if __name__ == "__main__":
    main()
