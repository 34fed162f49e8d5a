# SPDX-License-Identifier: Apache-2.0
"""An index beside a job with a long backlog: the index gets its turns, and reports its progress."""

import json
import shutil

import pytest
from conftest import grey_png

pytest.importorskip("PIL.Image")


@pytest.fixture
def photos(tmp_path):
    for value in range(4):
        grey_png(tmp_path / f"photos/{value:02}.png", value)
    (tmp_path / "photos/04.png").write_text("broken")
    for value in range(1500):
        grey_png(tmp_path / f"many/{value:04}.png", value % 250)
        with open(tmp_path / f"many/{value:04}.png", "ab") as file:
            file.write(str(value).encode())
    return tmp_path / "photos"


def test_an_index_takes_turns_with_a_job_of_the_default_priority(situd, photos, null_models):
    models = null_models(vectors="sleep 50")
    (models / "vectors/situ.json").write_text(json.dumps({"task": "feature-extraction"}))
    daemon = situd("--store", f"photos={photos}", "--store", f"many={photos.parent / 'many'}",
                   "--models", models, "--engine", "null", "--lanes", "2")
    r = daemon.post("/v1/indexes", {"name": "like", "model": "vectors",
                                    "select": {"store": "photos"}, "interval_s": 1})
    assert r.status_code == 201, r.text
    index = lambda: daemon.get("/v1/indexes/like").json()
    daemon.wait_for(lambda: index()["state"] == "ready", "the index")
    assert (index()["rows"], index()["failed"]) == (4, 1)
    big = daemon.start_job("vectors", {"store": "many"})["id"]
    daemon.wait_for(lambda: daemon.job(big)["results"] >= 64, "the big job to have all in flight")
    # A new one and a copy of a known one, which must be read to be recognised; never half of one, which would
    # fail.
    grey_png(photos.parent / "new.png", 77).rename(photos / "new.png")
    shutil.copy(photos / "02.png", photos.parent / "copy.png").rename(photos / "copy.png")
    seen = []
    daemon.wait_for(lambda: seen.append(index()) or seen[-1]["rows"] == 6, "both to be indexed", 40)
    assert daemon.job(big)["state"] == "running", "the big job had its end first"
    assert {one["failed"] for one in seen} == {1}, "what is pending has not failed"
    assert daemon.act(big, "cancel").json()["state"] == "cancelled"
