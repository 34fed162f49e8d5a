# SPDX-License-Identifier: Apache-2.0
"""A disk that becomes full during a job: the job pauses, says so, continues, and loses nothing."""
import os
import subprocess
import time

import pytest
from conftest import finish_job, job, keys_below, results, start_job


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place],
                                           stderr=subprocess.DEVNULL, check=False).returncode != 0:
        pytest.skip("no tmpfs can be mounted here")
    yield place
    subprocess.run(["umount", "-l", place], check=False)


def test_a_full_disk_pauses_a_job(restartable, small_disk, many_photos, demo_models):
    array = restartable("--store", f"photos={many_photos}", "--models", demo_models,
                        "--cache-size", "4M", "--state", small_disk)
    daemon = array.start()
    number = start_job(daemon, model="demo", select={"store": "photos"}, top=12)
    daemon.wait_for(lambda: job(daemon, number)["results"] > 1000, "the job to run")
    ballast = small_disk / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    daemon.wait_for(lambda: job(daemon, number)["state"] == "paused", "the job to pause", 60)
    now = job(daemon, number)
    assert now["reason"]["code"] == "no_space" and now["reason"]["message"]
    time.sleep(1)
    assert job(daemon, number)["results"] == now["results"]
    array.kill()  # even a kill loses nothing
    ballast.unlink()
    daemon = array.start()
    daemon.wait_for(lambda: job(daemon, number)["results"] > now["results"] + 100, "the job to go on", 30)
    with open(ballast, "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    daemon.wait_for(lambda: job(daemon, number)["state"] == "paused", "the job to pause", 60)
    ballast.unlink()  # and by itself, without a restart
    assert finish_job(daemon, number, 120)["failed"] == 0
    assert [line["object"] for line in results(daemon, number)] == [
        f"photos/{key}" for key in keys_below(many_photos)]
