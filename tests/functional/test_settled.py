# SPDX-License-Identifier: Apache-2.0
"""A standing job gives one result for each settled state of an object, however it arrives."""

import os
import shutil
import time

import pytest
from conftest import grey_png

pytest.importorskip("PIL.Image")


@pytest.fixture
def photos(tmp_path):
    for value in range(4):
        grey_png(tmp_path / f"photos/{value:02}.png", value)
    return tmp_path / "photos"


def copy_slowly(source, target, pieces=25, pause=0.1):
    """As over a network: in pieces, with seconds from the first to the last. Returns the longest pause."""
    data = source.read_bytes()
    size = len(data) // pieces + 1
    stall, last = 0, time.monotonic()
    with open(target, "wb") as file:
        for start in range(0, len(data), size):
            file.write(data[start:start + size])
            file.flush()
            time.sleep(pause)
            stall, last = max(stall, time.monotonic() - last), time.monotonic()
    return stall


def test_what_is_copied_in_has_one_result(situd, photos, null_models, tmp_path):
    daemon = situd("--store", f"photos={photos}", "--models", null_models(quick="sleep 0"),
                   "--engine", "null", "--cache-size", "0")
    id = daemon.start_job("quick", {"store": "photos"}, standing=True, interval_s=1)["id"]
    lines = lambda: daemon.results(id, wait=0)[0]
    daemon.wait_for(lambda: len(lines()) == 4, "the first pass")
    # Its clock is ahead, as in a camera; and one that is written at once, at any time.
    grey_png(tmp_path / "ahead.png", 5)
    os.utime(tmp_path / "ahead.png", (time.time() + 1800,) * 2)
    shutil.copy2(tmp_path / "ahead.png", photos / "ahead.png")
    grey_png(photos / "quick.png", 6)
    stall = copy_slowly(grey_png(tmp_path / "slow.png", 7, (256, 256)), photos / "slow.png")
    daemon.wait_for(lambda: len(lines()) >= 7, "what came in")
    seen = daemon.job(id)["pass"]
    daemon.wait_for(lambda: daemon.job(id)["pass"] >= seen + 3, "three more passes")
    came = [line for line in lines()[4:] if stall < 0.4 or "slow" not in line["object"]]
    assert sorted(line["object"] for line in came) == [
        "photos/ahead.png", "photos/quick.png"] + ["photos/slow.png"] * (stall < 0.4), lines()
    assert not [line for line in came if "error" in line], lines()


def test_what_does_not_settle_holds_nothing_up(situd, photos, null_models):
    """A file that is written repeatedly, and another one."""
    daemon = situd("--store", f"photos={photos}", "--models", null_models(quick="sleep 0"),
                   "--engine", "null", "--cache-size", "0")
    id = daemon.start_job("quick", {"store": "photos"}, standing=True, interval_s=1)["id"]
    names = lambda: [line["object"] for line in daemon.results(id, wait=0)[0]]
    daemon.wait_for(lambda: len(names()) == 4, "the first pass")
    grey_png(photos / "other.png", 9)
    deadline = time.monotonic() + 60
    while "photos/other.png" not in names():
        assert time.monotonic() < deadline
        grey_png(photos / "restless.png", 8)
        time.sleep(0.1)
    grey_png(photos / "restless.png", 8)
    daemon.wait_for(lambda: "photos/restless.png" in names(), "it, once it has settled")
