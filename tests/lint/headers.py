# SPDX-License-Identifier: Apache-2.0
"""Each header compiles alone, without warnings; the public one also as strict C11 and as C++.

usage: headers.py BUILD-DIRECTORY
"""
import json
import os
import re
import shutil
import subprocess
import sys

import tree

COMPILER = ["gcc", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Isrc", "-Iinclude"]
INTERNAL = ["-std=gnu11", "-D_GNU_SOURCE", "-xc"]
PUBLIC = {"C11": ["gcc", "-std=c11", "-Wpedantic", "-Wconversion", "-xc"],
          "C++": ["g++", "-std=c++11", "-Wpedantic", "-xc++"]}


def system_includes(build):
    """The build's directories of foreign headers, except the compiler's own."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        commands = {entry["command"] for entry in json.load(file)}
    return sorted({option for command in commands for option in re.findall(r"-isystem\S+", command)})


def compile_header(path, options, compiler="gcc"):
    command = [compiler] + COMPILER[1:] + options + ["-include", path, "/dev/null"]
    done = subprocess.run(command, cwd=tree.ROOT, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def main():
    for compiler in ("gcc", "g++"):
        if not shutil.which(compiler):
            tree.skip(f"{compiler} is missing")
    findings = []
    headers = tree.files(".h", under="src")
    internal = INTERNAL + system_includes(sys.argv[1])
    for path in headers:
        wrong = compile_header(path, internal)
        if wrong:
            findings.append(f"{path}:1: does not compile alone\n{wrong}")
    public = [path for path in ("include/situ.h",) if os.path.exists(os.path.join(tree.ROOT, path))]
    for path in public:
        for language, (compiler, *options) in PUBLIC.items():
            wrong = compile_header(path, options, compiler)
            if wrong:
                findings.append(f"{path}:1: does not compile alone as {language}\n{wrong}")
    tree.finish(findings, len(headers) + len(public))


if __name__ == "__main__":
    main()
