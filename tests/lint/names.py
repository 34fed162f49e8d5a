# SPDX-License-Identifier: Apache-2.0
"""Names show where things belong. Over all object files of src/: no two external functions have the same
name, each name begins with a noun of its room, and each function has a caller in another file or is marked "for
tests" in its header. A source file's name is in one room only, unless it means the same in each.

Nouns of a room are its name, its folders and files (also a plural for the singular), and the structs and enums
that its headers name. "For tests" is in the comment of the declaration, before it or at the end of its line.

usage: names.py BUILD-DIRECTORY
"""
import glob
import os
import re
import subprocess
import sys

import tree

# File names that mean the same in every room.
SAME = {
    "main": "a program's",
    "decode": "a format's",
    "bytes classes embedding failure tensors": "a kind's, of answers or inputs",
    # The subject of an interface's part: its room, its routes, its calls in libsitu, its verb.
    "cache duplicates index index_object infer job job_object jobs left_out line_stream model model_object"
    " models object search select status store stores thumbnail": "a subject's",
}

# Other rooms' nouns for which a room has functions, and nouns without a file or struct.
NOUNS = {
    "data": {"bf16", "float", "half"},  # types of numbers
    "engine": {"ort"},  # ONNX Runtime
    "infer": {"answer", "input"},  # made and read here, for kinds that data lists
}


def listing(build):
    """nm's lines for all objects of src/: (path, name, kind)."""
    objects = sorted(glob.glob(os.path.join(build, "src", "**", "*.o"), recursive=True))
    if not objects:
        tree.skip("not built")
    told = subprocess.run(["nm", "-A", "-P", "-g", *objects], capture_output=True, text=True, check=True).stdout
    for line in told.splitlines():
        path, name, kind = line.split()[:3]
        yield os.path.relpath(path.rstrip(":"), build), name, kind


def functions(lines):
    """{name: objects that define it} of external functions, and {name: objects that refer to it}."""
    defined = {}
    used = {}
    for path, name, kind in lines:
        if kind in "TW":
            defined.setdefault(name, []).append(path)
        elif kind == "U":
            used.setdefault(name, []).append(path)
    defined.pop("main", None)
    return defined, used


def is_public(name):
    """libsitu's own names: include/situ.h declares them and programs call them."""
    return name.startswith("situ_")


def singular(word):
    for ending, instead in (("ies", "y"), ("xes", "x"), ("s", "")):
        if word.endswith(ending):
            return word.removesuffix(ending) + instead
    return word


def nouns(room, texts):
    """The nouns of a room, from {path below src/ROOM/: text} of its files."""
    found = {room} | NOUNS.get(room, set())
    for path, text in texts.items():
        found.update(part.removesuffix(".c").removesuffix(".h") for part in path.split("/"))
        if path.endswith(".h"):
            found.update(re.findall(r"^(?:struct|enum|union) (\w+)(?: \{|;)", text, re.MULTILINE))
    return found | {singular(word) for word in found}


def has_noun(name, words):
    return any(name == word or name.startswith(word + "_") for word in words)


def declarations(header):
    """(name, whether it is marked for tests) of each function that a header declares."""
    plain = re.sub(r"/\*.*?\*/", lambda match: re.sub(r"[;{}()]", " ", match.group()), header, flags=re.DOTALL)
    start = 0
    for match in re.finditer(r"[;{}][^\n]*\n", plain):
        part = plain[start:match.end()]
        start = match.end()
        bare = re.sub(r"/\*.*?\*/", "", part, flags=re.DOTALL)
        name = re.search(r"\b(\w+)\s*\((?!\*)", bare.replace("__attribute__((", ""))
        if name:
            yield name.group(1), "for tests" in re.sub(r"\s[*\s]*", " ", part).lower()


def file_names(paths):
    """Findings about source files whose names are in several rooms."""
    rooms = {}
    for path in paths:
        parts = path.split("/")
        if not re.search(r"\.[ch]$", path):
            continue
        rooms.setdefault(re.sub(r"\.[ch]$", "", parts[-1]), set()).add("/".join(parts[:-1]))
    same = {word for words in SAME for word in words.split()}
    for name, folders in sorted(rooms.items()):
        if len(folders) > 1 and name not in same:
            yield f"src:1: files called {name} are in {', '.join(sorted(folders))}"


def room_of(path):
    return path.split("/")[1]


def judge(defined, used, words, marked):
    """Findings about functions; `words`: nouns of each room, `marked`: names declared for tests."""
    for name, paths in sorted(defined.items()):
        place = f"src/{room_of(paths[0])}:1: {name}"
        if len(paths) > 1:
            yield f"{place} is external in {' and '.join(sorted(paths))}"
        if is_public(name):
            continue
        if not has_noun(name, words[room_of(paths[0])]):
            yield f"{place} begins with no noun of its room"
        if name not in used and name not in marked:
            yield f"{place} has no caller in another file: static, or marked 'for tests' in its header"
        if name in used and name in marked:
            yield f"{place} is marked 'for tests', and has a caller"


def main():
    build = os.path.abspath(sys.argv[1])
    paths = tree.files(".c", ".h", under="src")
    texts = {}
    marked = set()
    for path in paths:
        text = tree.text(path)
        texts.setdefault(room_of(path), {})[path.split("/", 2)[2]] = text
        if path.endswith(".h"):
            marked.update(name for name, is_marked in declarations(text) if is_marked)
    words = {room: nouns(room, files) for room, files in texts.items()}
    defined, used = functions(listing(build))
    findings = list(judge(defined, used, words, marked)) + list(file_names(paths))
    tree.finish(findings, len(paths))


if __name__ == "__main__":
    main()
