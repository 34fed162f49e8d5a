# SPDX-License-Identifier: Apache-2.0
"""Tests that take minutes: jobs over tens of thousands of photos, a million keys, kills at random, latency
under load. They use the fixtures of the functional tests.
"""
import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

_PATH = pathlib.Path(__file__).resolve().parents[1] / "functional/conftest.py"
_SPEC = importlib.util.spec_from_file_location("situ_fixtures", _PATH)
_FIXTURES = importlib.util.module_from_spec(_SPEC)
sys.modules["situ_fixtures"] = _FIXTURES
_SPEC.loader.exec_module(_FIXTURES)
globals().update({name: value for name, value in vars(_FIXTURES).items() if not name.startswith("__")})

DRAW = _FIXTURES.BUILD / "demo/situ-draw"
PHOTOS = 20000


class Restartable:
    """A situd with a permanent state and port, so that it can be killed and started again."""

    def __init__(self, directory, *args):
        self.directory = directory
        self.args = args
        self.daemon = None
        self.port = _FIXTURES.free_port()

    def start(self):
        # Of several --listen the first two are Daemon's own; the state directory is Daemon's, too.
        self.daemon = _FIXTURES.Daemon(self.directory, list(self.args))
        return self.daemon

    def kill(self):
        self.daemon.process.send_signal(signal.SIGKILL)
        self.daemon.process.wait()
        self.daemon.session.close()
        # A new one must not see the old one's "ready" in its log.
        self.daemon.logfile.rename(self.daemon.logfile.with_suffix(f".{time.monotonic_ns()}"))

    def stop(self):
        if self.daemon:
            self.daemon.stop()


@pytest.fixture
def restartable(tmp_path):
    made = []

    def make(*args):
        directory = tmp_path / f"array{len(made)}"
        directory.mkdir()
        made.append(Restartable(directory, *args))
        return made[-1]

    yield make
    for array in made:
        array.stop()


@pytest.fixture(scope="session")
def many_photos(tmp_path_factory):
    """20,000 distinct small photos."""
    directory = tmp_path_factory.mktemp("many") / "photos"
    subprocess.run([DRAW, "--count", str(PHOTOS), "--seed", "77", "--size", "64-96", "--folders",
                    "--out", directory], check=True, stdout=subprocess.DEVNULL, timeout=300)
    return directory


def start_job(daemon, **request):
    answer = daemon.post("/v1/jobs", {"output": {"labels": False}, **request})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def job(daemon, number):
    return daemon.get(f"/v1/jobs/{number}").json()


def finish_job(daemon, number, seconds=600):
    deadline = time.monotonic() + seconds
    while (now := job(daemon, number))["state"] not in ("done", "failed", "cancelled"):
        assert time.monotonic() < deadline, now
        time.sleep(0.05)
    return now


def results(daemon, number, after=0):
    """Result lines of a job, without the closing one."""
    text = daemon.get(f"/v1/jobs/{number}/results?after={after}&wait=0", timeout=300).text
    lines = [json.loads(line) for line in text.splitlines() if line]
    return [line for line in lines if "object" in line]


def resident_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0


def keys_below(directory):
    """Every file as a key, in order of key bytes."""
    found = []
    for place, _, names in os.walk(directory):
        found += [os.path.relpath(os.path.join(place, name), directory) for name in names]
    return sorted(found, key=os.fsencode)
