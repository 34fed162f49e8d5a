# SPDX-License-Identifier: Apache-2.0
"""Small files of the state directory that were damaged on disk: each is named, and everything that does not
need it works."""

import re

import pytest
import requests
from conftest import grey_png

pytest.importorskip("PIL.Image")


@pytest.fixture
def photos(tmp_path):
    for value in range(12):
        grey_png(tmp_path / f"photos/{value:02}.png", value)
    return tmp_path / "photos"


def flip(path, text):
    """One bit in the last letter of the first such text."""
    data = bytearray(path.read_bytes())
    data[data.index(text) + len(text) - 1] ^= 1
    path.write_bytes(data)


def test_a_damaged_job_is_named_and_its_results_are_there(situd, photos, null_models):
    daemon = situd("--store", f"photos={photos}", "--models", null_models(quick="sleep 0"),
                   "--engine", "null")
    jobs = daemon.directory / "state/jobs"
    ids = [daemon.start_job("quick", {"store": "photos"})["id"] for _ in range(2)]
    before = [daemon.wait_for_job(id, "done") and daemon.results(id)[0] for id in ids]
    daemon.stop()
    # A priority of 4 in place of 5, and a file that an earlier version or a person wrote.
    flip(jobs / ids[0] / "job.json", b'"priority":5')
    plain = (jobs / ids[1] / "job.json").read_text().rstrip() + "\n"
    (jobs / ids[1] / "job.json").write_text(plain)
    daemon.start()
    assert daemon.job(ids[1])["state"] == "done"
    job = daemon.job(ids[0])
    assert (job["state"], job["results"]) == ("failed", 12)
    assert job["reason"]["code"] == "malformed"
    assert "job.json is damaged" in job["reason"]["message"]
    assert str(daemon.directory) not in job["reason"]["message"]
    line = re.search(r"event=job_not_read .*", daemon.log()).group(0)
    assert f"job={ids[0]}" in line and f"{jobs}/{ids[0]}/job.json" in line
    assert [daemon.results(id)[0] for id in ids] == before
    lines, last = daemon.results(ids[0])
    assert last["done"]["state"] == "failed"
    assert requests.delete(f"{daemon.url}/v1/jobs/{ids[0]}").status_code == 204
    assert not (jobs / ids[0]).exists()


def test_a_damaged_index_is_named(situd, photos, demo_models):
    daemon = situd("--store", f"photos={photos}", "--models", demo_models)
    r = daemon.post("/v1/indexes", {"name": "like", "model": "demo-features",
                                    "select": {"store": "photos"}})
    assert r.status_code == 201, r.text
    daemon.wait_for(lambda: daemon.get("/v1/indexes/like").json()["state"] == "ready", "the index")
    daemon.stop()
    flip(daemon.directory / "state/indexes/like/index.json", b'"interval_s":6')
    daemon.start()
    index = daemon.get("/v1/indexes/like").json()
    assert index["state"] == "failed"
    assert "index.json is damaged" in index["reason"]["message"]
    assert "event=index_not_read index=like" in daemon.log()
