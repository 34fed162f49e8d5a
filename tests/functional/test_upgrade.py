# SPDX-License-Identifier: Apache-2.0
"""A state directory of version 0.1.0, from before its formats got new members, is accepted as it is.

state/state-0.1.0.tar.xz has the directory and its store: jobs that are done, failed and standing, a list of
names, an added model, an index, the result cache. state-0.1.0.json has that version's answers about the jobs.
"""
import json
import pathlib
import tarfile

import pytest

STATE = pathlib.Path(__file__).parent / "state"
SAID = json.loads((STATE / "state-0.1.0.json").read_text())


@pytest.fixture
def upgraded(situd, tmp_path, demo_models):
    """A daemon on that state, in a copy of the directory."""
    with tarfile.open(STATE / "state-0.1.0.tar.xz") as archive:
        archive.extractall(tmp_path / "old")
    return situd("--store", f"photos={tmp_path / 'old/photos'}", "--models", demo_models,
                 "--state", tmp_path / "old/state")


def test_ended_jobs_keep_their_state_and_results(upgraded):
    for id, said in SAID["jobs"].items():
        if said["standing"]:
            continue
        job = upgraded.job(id)
        for name in ("model", "version", "state", "results", "failed", "selected", "skipped", "created", "finished"):
            assert job[name] == said[name], (id, name)
        lines, last = upgraded.results(id)
        assert [line["object"] for line in lines] == said["objects"]
        assert last["done"]["state"] == said["state"]


def test_standing_jobs_go_on_and_lose_nothing(upgraded):
    """Objects that the exclusions of later versions would leave out are not reported as gone."""
    for id, said in SAID["jobs"].items():
        if not said["standing"]:
            continue
        upgraded.wait_for(lambda: upgraded.job(id)["idle"] and upgraded.job(id)["pass"] > 1, f"a pass of {id}", 60)
        lines, _ = upgraded.results(id, wait=0, after=said["results"])
        assert not [line for line in lines if line.get("gone")]
        assert upgraded.job(id)["selected"] == said["selected"]


def test_an_index_answers_as_before(upgraded):
    upgraded.wait_for(lambda: upgraded.get("/v1/indexes/like").json()["state"] == "ready", "the index")
    index = upgraded.get("/v1/indexes/like").json()
    assert index["rows"] == 18
    name = sorted(o for o in SAID["jobs"]["txbqfgd3"]["objects"] if o.startswith("photos/sub/"))[0]
    hits = upgraded.post("/v1/indexes/like/search", {"object": name, "k": 3}).json()["hits"]
    # the same picture is in three places: all score 1, in order of their names
    assert {round(hit["score"], 4) for hit in hits} == {1.0}
    assert name in [hit["object"] for hit in hits]


def test_an_added_model_is_there(upgraded):
    assert upgraded.get("/v1/models/id").json()["version"] == "1"
