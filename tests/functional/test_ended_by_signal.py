# SPDX-License-Identifier: Apache-2.0
"""A run that is ended from outside (timeout, systemd, a closed terminal) cancels its job."""

import os
import signal
import subprocess

import pytest
from conftest import SITU, grey_png

pytest.importorskip("PIL.Image")


@pytest.fixture
def array(situd, tmp_path, null_models):
    for value in range(40):
        grey_png(tmp_path / "photos" / f"{value:02}.png", value)
    return situd("--store", f"photos={tmp_path / 'photos'}", "--models", null_models(slow="sleep 500"),
                 "--engine", "null")


def run(array, number, **how):
    """Ends a run with a signal while it runs: its status, its stderr and its job."""
    jobs = lambda: array.get("/v1/jobs").json()["jobs"]
    with subprocess.Popen([SITU, "--array", array.url, "infer", "slow", "photos/", "-fjsonl", "--no-cache"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          **how) as child:
        child.stdout.readline()
        assert [job["state"] for job in jobs()] == ["running"]
        child.send_signal(number)
        _, err = child.communicate(timeout=60)
    return child.returncode, err, jobs()[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_job_is_cancelled(array, number):
    status, err, job = run(array, number)
    assert status == 128 + number, err
    assert f"job {job['id']} is cancelled" in err
    assert job["state"] == "cancelled"
