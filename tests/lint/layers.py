# SPDX-License-Identifier: Apache-2.0
"""The rows of rooms: a room includes only rooms of lower rows, never another one of its own row; the CLI
includes only the public header; a foreign library's header is included only in its own room; and functions
that only one room may call are not called in others.

The rows are in src/rooms; docs/architecture.md draws the same.
"""
import re

import tree

ROOMS = "src/rooms"
PAGE = "docs/architecture.md"


def rows(text):
    """The name of each row, with its rooms."""
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {words[0]: set(words[1:]) for words in lines}


def page_rows(text):
    """The rows in the page's drawing: the fenced block after the table of rooms, from the top down."""
    names = "|".join(rows(tree.text(ROOMS)))
    for block in re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if re.match(rf"({names}) ", block):
            return dict(reversed(rows(block).items()))
    return {}


ROWS = list(rows(tree.text(ROOMS)).values())
ROW = {room: level for level, row in enumerate(ROWS) for room in row}

# The rooms and single headers that these rooms may include: less than their row allows.
ONLY = {"cli": {"base", "wire/npy.h", "rights/rights.h"}, "client": {"base", "data", "wire"}}
# The assembled engine has no interface; code that uses HTTP is above it.
NEVER = {"service": {"http"}}
PUBLIC_HEADER = {"situ.h": {"client", "cli"}}

FOREIGN = {
    r"zstd(_errors)?\.h|gnutls/": {"http"},
    r"zlib\.h": {"http", "media"},
    r"(jansson|xxhash)\.h": {"base"},
    r"curl/": {"client"},
    r"onnxruntime": {"engine"},
    r"(jpeglib|jerror|turbojpeg|spng|png)\.h|webp/": {"media"},
    r"lmdb\.h": {"mdb"},
    r"openssl/": {"model", "cache", "rights"},
    r"ini\.h": {"service"},
    r"seccomp\.h|linux/landlock\.h": {"worker"},
}


# Functions that only their own room may call, although its headers declare them: mdb opens, maps and closes LMDB
# files.
CALLS = {r"\b(mdb_env_\w+|mdb_dbi_open)\s*\(": {"mdb"}}


def calls(room, text):
    """(line number, what is wrong) of each call of another room's function."""
    for pattern, rooms in CALLS.items():
        if room in rooms:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            match = re.search(pattern, line)
            if match:
                yield number, f"{room} calls {match.group(1)}, which is for {' and '.join(sorted(rooms))} only"


def judge(path, room, name):
    """What is wrong with room's including name, or None."""
    if name in PUBLIC_HEADER:
        return None if room in PUBLIC_HEADER[name] else f"{room} includes {name}"
    for pattern, rooms in FOREIGN.items():
        if re.match(pattern, name) and room not in rooms:
            return f"{room} includes {name}, which is for {' and '.join(sorted(rooms))} only"
    if "/" not in name or name.split("/")[0] not in ROW:
        return None
    other = name.split("/")[0]
    if other == room:
        return None
    if room in ONLY and not {other, name} & ONLY[room]:
        return f"{room} includes {name}, but sees {' and '.join(sorted(ONLY[room]))} only"
    if other in NEVER.get(room, ()):
        return f"{room} includes {name}, which it must not know"
    if ROW[other] > ROW[room]:
        return f"{room} includes {name}, which is above it"
    if ROW[other] == ROW[room]:
        return f"{room} includes {name}, which is beside it"
    return None


def main():
    findings = []
    if list(page_rows(tree.text(PAGE)).items()) != list(rows(tree.text(ROOMS)).items()):
        findings.append(f"{PAGE}:1: draws other rows than {ROOMS} lists")
    paths = tree.files(".c", ".h", under="src")
    for path in paths:
        room = path.split("/")[1]
        if room not in ROW:
            findings.append(f"{path}:1: the room {room} is in no row")
            continue
        for number, name in tree.includes(path):
            wrong = judge(path, room, name)
            if wrong:
                findings.append(f"{path}:{number}: {wrong}")
        findings += [f"{path}:{number}: {wrong}" for number, wrong in calls(room, tree.text(path))]
    tree.finish(findings, len(paths))


if __name__ == "__main__":
    main()
