# SPDX-License-Identifier: Apache-2.0
"""Every C file has the format of clang-format 14. `make format` applies it.
"""
import shutil
import subprocess

import tree

TOOL = "clang-format-14"


def main():
    if not shutil.which(TOOL):
        tree.skip(f"{TOOL} is missing; another version would format otherwise")
    paths = tree.files(".c", ".h")
    findings = []
    for path in paths:
        done = subprocess.run([TOOL, "--dry-run", "--Werror", path], cwd=tree.ROOT,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            findings.append(done.stderr.splitlines()[0] if done.stderr else f"{path}:1: format")
    tree.finish(findings, len(paths))


if __name__ == "__main__":
    main()
