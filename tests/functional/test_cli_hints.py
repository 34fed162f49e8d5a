# SPDX-License-Identifier: Apache-2.0
"""Hints for names that were probably meant otherwise, and output that is kept from a terminal."""

import os
import pty
import subprocess

import pytest
from conftest import SITU, grey_png


@pytest.fixture
def daemon(situd, tmp_path, null_models):
    for i in range(3):
        grey_png(tmp_path / f"photos/2024/{i}.png", 40 * i)
    grey_png(tmp_path / "photos/2024/b\x1b]0;title\x07\x9b31m,\n.png", 90)
    return situd("--store", f"photos={tmp_path / 'photos'}", "--models", null_models(quick="sleep 0"),
                 "--engine", "null")


def run(daemon, *args, cwd=None, status=None):
    done = subprocess.run([SITU, "--array", daemon.url, *args], capture_output=True, text=True, timeout=60,
                          cwd=cwd, stdin=subprocess.DEVNULL)
    assert done.returncode == status, (args, done.stderr + done.stdout)
    return done


def on_terminal(daemon, *args):
    leader, follower = pty.openpty()
    child = subprocess.Popen([SITU, "--array", daemon.url, *args], stdout=follower,
                             stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    os.close(follower)
    shown = b""
    while True:
        try:
            shown += os.read(leader, 65536)
        except OSError:  # the other side is closed
            break
    os.close(leader)
    assert child.wait(60) == 0
    return shown


def test_a_directory_needs_its_slash(daemon):
    for names in (["photos/2024"], ["photos/2024", "photos/2024/0.png"]):
        err = run(daemon, "infer", "quick", *names, status=1).stderr
        assert "photos/2024 is a directory: photos/2024/\n" in err
    run(daemon, "infer", "quick", "photos/2024/", status=0)


def test_files_of_this_machine_need_upload(daemon, tmp_path):
    here = tmp_path / "here"
    grey_png(here / "cat.png", 7)
    grey_png(here / "photos/cat.png", 7)
    for status, names in ((2, ["cat.png"]), (1, ["./cat.png"]), (2, [str(here / "cat.png")]),
                          (1, ["photos/cat.png"]), (1, ["photos/cat.png", "photos/2024/0.png"])):
        done = run(daemon, "infer", "quick", *names, cwd=here, status=status)
        assert f"there is a file '{names[0]}' on this machine: --upload infers it" in done.stderr
        assert done.stderr.count("--upload") == 1
    assert "--upload" not in run(daemon, "infer", "quick", "photos/none.png", cwd=here, status=1).stderr
    run(daemon, "infer", "--upload", "quick", "cat.png", cwd=here, status=0)


def test_no_name_steers_a_terminal(daemon):
    for args in (["infer", "quick", "photos/", "-f", "csv"], ["infer", "quick", "photos/", "-f", "jsonl"],
                 ["infer", "quick", "photos/"], ["object", "list", "photos"], ["object", "list", "-l", "photos"],
                 ["object", "list", "--json", "photos"], ["object", "list", "-0", "photos"]):
        shown = on_terminal(daemon, *args)
        assert b"title" in shown, args
        assert not {b"\x1b", b"\x07"} & {bytes([b]) for b in shown}, (args, shown)
        assert b"\xc2\x9b" not in shown, (args, shown)


def test_files_get_the_names_as_they_are(daemon):
    csv = run(daemon, "infer", "quick", "photos/", "-f", "csv", status=0).stdout
    assert '"photos/2024/b\x1b]0;title\x07\x9b31m,\n.png",1,' in csv
    assert "photos/2024/b\x1b]0;title\x07\x9b31m,\n.png\n" in run(daemon, "object", "list", "photos", status=0).stdout
