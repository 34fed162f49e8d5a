# SPDX-License-Identifier: Apache-2.0
"""No circle of calls among the files of a room: of two files that call each other, neither can be read or
tested alone. The calls are those in the object files; taking the address of a function counts as a call.

usage: circles.py BUILD-DIRECTORY
"""
import glob
import os
import subprocess
import sys

import layers
import tree

# Rooms that are not checked, and why. A room without a circle is removed from here.
EXEMPT = {
    "infer": "the dispatcher is one lock in several files",
    "store": "dir.c has the table of functions of its own files",
    "service": "to be parted",
}


def symbols(objects):
    """The symbols of a room's object files, as nm prints them."""
    return subprocess.run(["nm", "-A", "-P", *objects], capture_output=True, text=True, check=True).stdout


def parse(listing):
    """{file: (names it defines for others, names it uses)}"""
    found = {}
    for line in listing.splitlines():
        path, name, kind = line.split()[:3]
        file = os.path.basename(path.rstrip(":")).removesuffix(".c.o")
        defined, used = found.setdefault(file, (set(), set()))
        if kind == "U":
            used.add(name)
        elif kind.isupper():
            defined.add(name)
    return found


def calls(found):
    """{file: {other file: names of it that the file uses}}"""
    owner = {name: file for file, (defined, _) in found.items() for name in defined}
    graph = {file: {} for file in found}
    for file, (_, used) in found.items():
        for name in used:
            if owner.get(name, file) != file:
                graph[file].setdefault(owner[name], set()).add(name)
    return graph


def reached(graph, start):
    seen = set()
    left = [start]
    while left:
        for file in graph[left.pop()]:
            if file not in seen:
                seen.add(file)
                left.append(file)
    return seen


def circles(graph):
    """Sets of files that reach each other."""
    reach = {file: reached(graph, file) for file in graph}
    found = []
    for file in sorted(graph):
        if file in reach[file] and not any(file in circle for circle in found):
            found.append({other for other in reach[file] if file in reach[other]})
    return found


def judge(room, graph):
    """A finding for each circle, with its calls."""
    for circle in circles(graph):
        steps = [f"{file} -> {other} ({', '.join(sorted(graph[file][other]))})"
                 for file in sorted(circle) for other in sorted(graph[file]) if other in circle]
        yield f"src/{room}:1: a circle of calls among {len(circle)} files: " + "; ".join(steps)


def main():
    build = os.path.abspath(sys.argv[1])
    findings = []
    looked_at = 0
    if not os.path.isdir(os.path.join(build, "src")):
        tree.skip("not built")
    for room in sorted(layers.ROW.keys() - EXEMPT.keys()):
        objects = glob.glob(os.path.join(build, "src", room, "**", "*.o"), recursive=True)
        if objects:
            looked_at += len(objects)
            findings += judge(room, calls(parse(symbols(objects))))
    tree.finish(findings, looked_at)


if __name__ == "__main__":
    main()
