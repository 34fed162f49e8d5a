# SPDX-License-Identifier: Apache-2.0
"""The same bytes are never inferred twice: what a second job costs, whatever happened to the files."""
import os
import shutil
import subprocess
import time

import pytest
from conftest import DRAW, finish_job, results, start_job

COUNT = 2000


@pytest.fixture
def photos(tmp_path):
    directory = tmp_path / "photos"
    directory.mkdir()
    subprocess.run([DRAW, "--count", str(COUNT), "--seed", "41", "--size", "300-400", "--out",
                    directory / "a"], check=True, stdout=subprocess.DEVNULL, timeout=300)
    return directory


def counts(daemon):
    values = daemon.metrics()
    return {"read": values["situ_objects_read_total"],
            "run": values['situ_stage_seconds_count{stage="run"}']}


def timed_job(daemon, prefix=""):
    before = counts(daemon)
    start = time.monotonic()
    number = start_job(daemon, model="squeezenet", select={"store": "photos", "prefix": prefix})
    end = finish_job(daemon, number)
    # The job's own clock would do, but its seconds are whole ones.
    spent = time.monotonic() - start
    after = counts(daemon)
    assert end["state"] == "done" and end["failed"] == 0
    lines = results(daemon, number)
    return lines, spent, {key: after[key] - before[key] for key in after}, end


def settle():
    time.sleep(0.3)  # what was put is committed, and no file is younger than its time stamp's grain


def test_a_second_job_costs_next_to_nothing(situd, photos, models):
    settle()
    daemon = situd("--store", f"photos={photos}", "--models", models)
    first, first_s, cost, _ = timed_job(daemon, "a/")
    assert len(first) == COUNT and cost == {"read": COUNT, "run": COUNT}
    settle()

    spent = []
    for _ in range(3):
        again, second_s, cost, end = timed_job(daemon, "a/")
        assert again == first
        assert cost == {"read": 0, "run": 0}
        assert end["cached"] == COUNT and end["bytes_read"] == 0
        spent.append(second_s)
    print(f"\nfirst job {first_s:.2f} s, second {min(spent):.3f} s: {first_s / min(spent):.0f} times faster")
    assert first_s / min(spent) >= 50

    # Touched and given to another owner: read and hashed, not inferred.
    for path in (photos / "a").iterdir():
        os.utime(path)
        if os.geteuid() == 0:
            os.chown(path, 65534, 65534)
            os.chmod(path, 0o644)
    settle()
    again, _, cost, _ = timed_job(daemon, "a/")
    assert again == first and cost == {"read": COUNT, "run": 0}

    # Copied to another prefix: likewise.
    shutil.copytree(photos / "a", photos / "b")
    settle()
    again, _, cost, _ = timed_job(daemon, "b/")
    assert cost == {"read": COUNT, "run": 0}
    assert [line["classes"] for line in again] == [line["classes"] for line in first]

    # One in a thousand changed: exactly those are inferred.
    names = sorted((photos / "a").iterdir())
    changed = names[::1000]
    for i, path in enumerate(changed):
        path.write_bytes(names[i + 1].read_bytes() + b"\0")  # a decoder passes over what follows
    settle()
    _, _, cost, _ = timed_job(daemon, "a/")
    assert cost == {"read": len(changed), "run": len(changed)}
