# SPDX-License-Identifier: Apache-2.0
"""A job over a million keys: memory stays small, the listing's rate constant, and it can be interrupted anywhere."""
import itertools
import os
import shutil
import time

import pytest
from conftest import finish_job, job, keys_below, resident_mb, results, start_job

KEYS = 1_000_000
SAMPLE_S = 0.1
SAMPLES_MIN = 30
LINKS_MAX = 30_000  # hard links of one file; ext4 allows 65,000


@pytest.fixture
def million(tmp_path):
    """A million names for a few files that no decoder supports; made with hard links."""
    if shutil.disk_usage(tmp_path).free < 2 << 30 or os.statvfs(tmp_path).f_favail < KEYS // 10:
        pytest.skip("too little disk space for a million names")
    directory = tmp_path / "photos"
    names = itertools.count()
    for folder in range(100):
        place = directory / f"{folder:02d}"
        place.mkdir(parents=True)
        source = None
        for i in range(KEYS // 100):
            path = f"{place}/{next(names):07d}.jpg"
            if i % LINKS_MAX == 0:
                source = path
                with open(path, "wb") as file:
                    file.write(b"no image %d" % folder)
            else:
                os.link(source, path)
    yield directory
    shutil.rmtree(directory)


def cut(array, number, action):
    """Kills situd while the job runs, or while it is paused; the new one, with the job running."""
    daemon = array.daemon
    paused = None
    plain = {"Content-Type": "application/json"}
    if action == "pause":
        assert daemon.post(f"/v1/jobs/{number}/pause", None, headers=plain).status_code == 200
        paused = job(daemon, number)
        assert paused["state"] == "paused"
        time.sleep(0.3)
        assert job(daemon, number)["results"] == paused["results"]
    peak = resident_mb(daemon.process.pid)
    assert peak < 200, f"{peak:.0f} MB"
    array.kill()
    daemon = array.start()
    if action == "pause":
        now = job(daemon, number)
        assert now["state"] == "paused" and now["results"] == paused["results"]
        assert daemon.post(f"/v1/jobs/{number}/resume", None, headers=plain).status_code == 200
    return daemon


def test_a_million_keys(restartable, million, demo_models):
    time.sleep(0.2)
    array = restartable("--store", f"photos={million}", "--models", demo_models)
    daemon = array.start()
    number = start_job(daemon, model="demo", select={"store": "photos"})
    start = time.monotonic()
    rates = []  # keys a second, in the order in which they were seen
    moments = iter(["pause", "kill", "kill", "pause"])
    next_mark = KEYS // 5
    before, mark = 0, start
    while (now := job(daemon, number))["state"] not in ("done", "failed"):
        moment = time.monotonic()
        assert moment < start + 400, now
        if now["results"] >= next_mark and next_mark < KEYS:
            next_mark += KEYS // 5
            daemon = cut(array, number, next(moments))
            before, mark = job(daemon, number)["results"], time.monotonic()
        elif now["state"] == "running" and before > 0:
            rates.append((now["results"] - before) / (moment - mark))
            before, mark = now["results"], moment
        else:
            before, mark = now["results"], moment
        time.sleep(SAMPLE_S)
    assert finish_job(daemon, number)["results"] == KEYS
    assert resident_mb(daemon.process.pid) < 200
    assert len(rates) >= SAMPLES_MIN, f"only {len(rates)} samples: the job is too fast for this test"
    early, late = rates[:len(rates) // 3], rates[-(len(rates) // 3):]
    early, late = sum(early) / len(early), sum(late) / len(late)
    print(f"\n{KEYS} keys in {time.monotonic() - start:.1f} s; {len(rates)} samples, the first third at "
          f"{early:.0f} keys a second, the last at {late:.0f}; peak {resident_mb(daemon.process.pid):.0f} MB")
    assert late > early / 2, f"slows down: {early:.0f} then {late:.0f} keys a second"
    wanted = keys_below(million)
    position = 0
    while position < KEYS:
        page = results(daemon, number, after=position)
        assert [line["object"] for line in page] == [f"photos/{key}" for key in
                                                     wanted[position:position + len(page)]]
        assert all(line["error"]["code"] == "undecodable" for line in page)
        position += len(page)
