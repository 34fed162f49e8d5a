# SPDX-License-Identifier: Apache-2.0
"""Jobs try a model that cannot be loaded less and less often, and it is logged once."""

import time

import requests
from conftest import grey_png

LOADS = 5
JOB_TRIES_S = 7  # a paused job tries again after 5 s


def load(daemon):
    return requests.post(f"{daemon.url}/v2/repository/models/bad/load", timeout=30).status_code


def test_a_load_that_fails_again_and_again_is_logged_once(situd, tmp_path, null_models):
    grey_png(tmp_path / "photos/a.png", 100)
    models = null_models(bad="nonsense")
    daemon = situd("--store", f"photos={tmp_path}/photos", "--models", models, "--engine", "null")
    for _ in range(LOADS):
        assert load(daemon) == 503
    tried = daemon.log().count("event=worker_ended")
    assert tried >= LOADS
    assert daemon.log().count("event=model_load_failed") == 1
    job = daemon.start_job("bad", {"store": "photos"})["id"]
    daemon.wait_for_job(job, "paused")
    end = time.monotonic() + JOB_TRIES_S
    while time.monotonic() < end:
        assert daemon.log().count("event=worker_ended") == tried, "the job tries as often as ever"
        time.sleep(0.2)
    (models / "bad/model.onnx").write_text("sleep 0")
    assert load(daemon) == 200
    daemon.wait_for_job(job, "done")
