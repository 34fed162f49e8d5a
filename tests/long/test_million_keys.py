# SPDX-License-Identifier: Apache-2.0
"""A job over a million keys: memory stays small, the listing's rate flat, and it can be cut anywhere."""
import itertools
import os
import shutil
import time

import pytest
from conftest import finish_job, job, keys_below, resident_mb, results, start_job

KEYS = 1_000_000
LINKS_MAX = 30_000  # hard links of one file; ext4 allows 65,000


@pytest.fixture
def million(tmp_path):
    """A million names for a few files that no decoder knows; made of hard links."""
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


def test_a_million_keys(restartable, million, demo_models):
    time.sleep(0.2)
    array = restartable("--store", f"photos={million}", "--models", demo_models)
    daemon = array.start()
    number = start_job(daemon, model="demo", select={"store": "photos"})
    start = time.monotonic()
    rates = []
    last = 0
    moments = iter(["pause", "kill", "kill", "pause"])
    next_mark = KEYS // 5
    seen = 0
    while (now := job(daemon, number))["state"] not in ("done", "failed"):
        assert time.monotonic() < start + 400, now
        if now["results"] >= next_mark and next_mark < KEYS:
            next_mark += KEYS // 5
            action = next(moments)
            if action == "pause":
                assert daemon.post(f"/v1/jobs/{number}/pause", None,
                                   headers={"Content-Type": "application/json"}).status_code == 200
                paused = job(daemon, number)
                assert paused["state"] == "paused"
                time.sleep(0.3)
                assert job(daemon, number)["results"] == paused["results"]
                seen = paused["results"]
            peak = resident_mb(daemon.process.pid)
            assert peak < 200, f"{peak:.0f} MB"
            array.kill()
            daemon = array.start()
            if action == "pause":
                assert job(daemon, number)["state"] == "paused"
                assert job(daemon, number)["results"] == seen
                assert daemon.post(f"/v1/jobs/{number}/resume", None,
                                   headers={"Content-Type": "application/json"}).status_code == 200
            last, mark = job(daemon, number)["results"], time.monotonic()
            continue
        mark, before = time.monotonic(), now["results"]
        time.sleep(1)
        later = job(daemon, number)
        if later["state"] == "running" and later["results"] < KEYS:
            rates.append((later["results"] - before) / (time.monotonic() - mark))
    assert finish_job(daemon, number)["results"] == KEYS
    assert resident_mb(daemon.process.pid) < 200
    print(f"\n{KEYS} keys in {time.monotonic() - start:.1f} s; rates {min(rates):.0f} to {max(rates):.0f} a second; "
          f"peak {resident_mb(daemon.process.pid):.0f} MB")
    half = len(rates) // 2
    if half >= 2:
        early, late = sorted(rates[:half])[half // 2], sorted(rates[half:])[half // 2]
        assert late > early / 2, f"slows down: {early:.0f} then {late:.0f} keys a second"
    wanted = keys_below(million)
    position = 0
    while position < KEYS:
        page = results(daemon, number, after=position)
        assert [line["object"] for line in page] == [f"photos/{key}" for key in
                                                     wanted[position:position + len(page)]]
        assert all(line["error"]["code"] == "undecodable" for line in page)
        position += len(page)
