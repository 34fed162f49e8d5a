# SPDX-License-Identifier: Apache-2.0
"""The public interface of libsitu: the header compiles alone as C11 and C++11, the library exports
exactly what the header declares, and header, map and manual name the same functions.

test_interface.py HEADER LIBRARY MAP MANUAL CC [CXX]"""

import re
import subprocess
import sys
import tempfile
import os

header, library, map_file, manual, compiler = sys.argv[1:6]
faults = []


def compile_alone(command, suffix):
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "alone" + suffix)
        with open(source, "w") as out:
            out.write("#include <situ.h>\n#include <situ.h>\nint alone(void);\nint alone(void)"
                      "{ return situ_version() == 0; }\n")
        done = subprocess.run([*command, "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only",
                               "-I", os.path.dirname(header), source], stderr=subprocess.PIPE, text=True)
        if done.returncode:
            faults.append(f"{' '.join(command)}: {done.stderr}")


compile_alone([compiler, "-std=c11"], ".c")
if len(sys.argv) > 6:
    compile_alone([sys.argv[6], "-std=c++11"], ".cc")

with open(header) as text:
    declared = set(re.findall(r"^SITU_API [^;]*?\b(situ_\w+)\(", text.read(), re.M))
with open(map_file) as text:
    mapped = set(re.findall(r"^\s+(situ_\w+);", text.read(), re.M))
with open(manual) as text:
    named = set(re.findall(r"\bsitu_[a-z_]+", text.read().replace("\\_", "_")))
symbols = subprocess.run(["nm", "-D", "--defined-only", library], stdout=subprocess.PIPE, text=True,
                         check=True).stdout
shown = {line.split()[2].split("@")[0] for line in symbols.splitlines()} - {"SITU_0"}
shown = {name for name in shown if not name.startswith(("__asan", "__odr_asan", "__lsan", "__ubsan"))}

for what, names in (("exported but not declared", shown - declared),
                    ("declared but not exported", declared - shown),
                    ("in the map but not declared", mapped - declared),
                    ("declared but not in libsitu(3)", declared - named)):
    if names:
        faults.append(f"{what}: {' '.join(sorted(names))}")
if len(declared) < 20:
    faults.append("the header's declarations were not found")

for fault in faults:
    print(fault, file=sys.stderr)
sys.exit(bool(faults))
