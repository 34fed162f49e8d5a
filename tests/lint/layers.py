# SPDX-License-Identifier: Apache-2.0
"""The rooms' rows: a room includes only rooms of lower rows, never one of its own row; the CLI sees
the public header only; and a foreign library's header is included in its own room only.

The rows are those of docs/architecture.md.
"""
import re

import tree

ROWS = [
    {"base"},
    {"wire"},
    {"mdb", "model"},
    {"http", "sched", "store", "results", "known", "index", "media", "engine"},
    {"client", "infer", "jobs"},
    {"retrieval"},
    {"cli", "daemon", "worker"},
]
ROW = {room: level for level, row in enumerate(ROWS) for room in row}

# Rooms that may see less than their row allows.
ONLY = {"cli": {"base"}, "client": {"base", "wire"}}
PUBLIC_HEADER = {"situ.h": {"client", "cli"}}

FOREIGN = {
    r"zstd(_errors)?\.h|gnutls/": {"http"},
    r"zlib\.h": {"http", "media"},
    r"jansson\.h": {"wire"},
    r"curl/": {"client"},
    r"onnxruntime": {"engine"},
    r"(jpeglib|jerror|turbojpeg|spng|png)\.h|webp/": {"media"},
    r"lmdb\.h": {"mdb", "results", "known", "index"},
    r"openssl/": {"model", "results"},
    r"ini\.h": {"daemon"},
    r"seccomp\.h|linux/landlock\.h": {"worker"},
}


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
    if room in ONLY and other not in ONLY[room]:
        return f"{room} includes {name}, but sees {' and '.join(sorted(ONLY[room]))} only"
    if ROW[other] > ROW[room]:
        return f"{room} includes {name}, which is above it"
    if ROW[other] == ROW[room]:
        return f"{room} includes {name}, which is beside it"
    return None


def main():
    findings = []
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
    tree.finish(findings, len(paths))


if __name__ == "__main__":
    main()
