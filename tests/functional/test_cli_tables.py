# SPDX-License-Identifier: Apache-2.0
"""Tables fit the terminal that they are printed on, and are complete elsewhere."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import unicodedata

import pytest
from conftest import SITU, grey_png

LONG = "-".join(["long"] * 20)


def on_terminal(columns, *arguments):
    """The output of situ on a terminal of that many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen([SITU, *arguments], stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE,
                          env={**os.environ, "LC_ALL": "C.UTF-8"}) as child:
        os.close(theirs)
        told = b""
        try:
            while part := os.read(ours, 65536):
                told += part
        except OSError:  # EIO: the other end is closed
            pass
        os.close(ours)
        assert child.wait(30) == 0, child.stderr.read()
    return told.decode().replace("\r\n", "\n").splitlines()


def width(line):
    return sum(2 if unicodedata.east_asian_width(c) == "W" else 1 for c in line)


@pytest.mark.parametrize("columns", [20, 40, 80, 133])
def test_tables_fit_the_terminal(situd, tmp_path, null_models, columns):
    for name in ("a", "\u6f22\u5b57" * 30, LONG):
        grey_png(tmp_path / f"photos/{name}.png", 10)
    array = situd("--store", f"photos={tmp_path / 'photos'}", "--models", null_models(resnet50="sleep 0"),
                  "--engine", "null")
    ask = ("--array", array.url, "infer", "resnet50", "photos/", "--top", "2", "--no-progress", "--quiet")
    lines = on_terminal(columns, *ask)
    assert len(lines) == 4 and all(width(line) <= columns for line in lines), lines
    if columns >= 80:
        assert all(line.startswith("photos/") and line.count("quarter") == 2 for line in lines[1:])
        long_name_fits = len("photos/" + LONG + ".png") + 40 < columns
        assert [bool(re.search(r"\.\..*\.png ", line)) for line in lines[1:]] == [False, not long_name_fits, True]
    elsewhere = subprocess.run([SITU, *ask], capture_output=True, text=True, timeout=30)
    assert f"photos/{LONG}.png" in elsewhere.stdout
