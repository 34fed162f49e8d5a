# SPDX-License-Identifier: Apache-2.0
"""A stop while a job reads a store whose file system does not answer."""

import pathlib
import signal
import time

import pytest
from conftest import grey_png
from mounts import silent  # noqa: F401: a fixture

pytest.importorskip("PIL.Image")

STOP_S = 30  # 13 by the limits; forever if nothing ends it


def passes_on(daemon, job):
    before = daemon.job(job)["pass"]
    time.sleep(3)
    return daemon.job(job)["pass"] > before


def test_a_store_that_does_not_answer_does_not_hold_up_the_stop(
        situd, silent, null_models, tmp_path):  # noqa: F811
    share = tmp_path / "share"
    grey_png(share / "here/0.png", 1)
    (share / "net").symlink_to(share / "here")
    daemon = situd("--store", f"net={share / 'net'}", "--models", null_models(quick="sleep 0"),
                   "--engine", "null")
    made = daemon.post("/v1/jobs", {"model": "quick", "select": {"store": "net"}, "standing": True,
                                    "interval_s": 1})
    assert made.status_code in (200, 201, 202), made.text
    job = made.json()["id"]
    daemon.wait_for(lambda: daemon.get(f"/v1/jobs/{job}").json()["results"] == 1, "a pass")
    (share / "new").symlink_to(silent.point)
    (share / "new").rename(share / "net")
    daemon.wait_for(lambda: not passes_on(daemon, job), "the job to be held up")
    began = time.monotonic()
    daemon.process.send_signal(signal.SIGTERM)
    daemon.process.wait(timeout=60)
    assert time.monotonic() - began < STOP_S


def hung_looks(daemon):
    """Threads that wait for a FUSE server."""
    count = 0
    for task in pathlib.Path(f"/proc/{daemon.process.pid}/task").iterdir():
        try:
            where = (task / "wchan").read_text()
        except OSError:
            continue  # it has just ended
        count += "fuse" in where or "request_wait" in where
    return count


def test_stores_that_do_not_answer_are_waited_for_together(
        situd, silent, null_models, tmp_path):  # noqa: F811
    here = tmp_path / "here"
    here.mkdir()
    args = []
    for i in range(8):
        (tmp_path / f"link{i}").symlink_to(here)
        args += ["--store", f"net{i}={tmp_path / f'link{i}'}"]
    # LeakSanitizer would stop all threads at the end, and wait for those that hang in the kernel.
    daemon = situd(*args, "--models", null_models(quick="sleep 0"), "--engine", "null",
                   env={"ASAN_OPTIONS": "abort_on_error=0:detect_leaks=0"})
    for i in range(8):
        (tmp_path / "new").symlink_to(silent.point)
        (tmp_path / "new").rename(tmp_path / f"link{i}")
    daemon.wait_for(lambda: hung_looks(daemon) == 8, "all looks to hang")
    began = time.monotonic()
    daemon.process.send_signal(signal.SIGTERM)
    daemon.process.wait(timeout=60)
    assert time.monotonic() - began < 10  # 2 by the limits; 16 in sequence
