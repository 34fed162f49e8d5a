# SPDX-License-Identifier: Apache-2.0
"""shellcheck over the project's shell scripts, if it is installed.
"""
import shutil
import subprocess

import tree

FOLDERS = ("tools", "demo", "bench", ".ci", "packaging", "tests")


def main():
    if not shutil.which("shellcheck"):
        tree.skip("shellcheck is missing")
    paths = []
    for folder in FOLDERS:
        for path in tree.files("", under=folder):
            first = tree.text(path).split("\n", 1)[0] if tree.is_script(path) else ""
            if first.startswith("#!") and first.endswith(("/sh", "bash")):
                paths.append(path)
    done = subprocess.run(["shellcheck", "-f", "gcc"] + paths, cwd=tree.ROOT,
                          capture_output=True, text=True, check=False)
    tree.finish(done.stdout.splitlines(), len(paths))


if __name__ == "__main__":
    main()
