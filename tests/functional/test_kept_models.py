# SPDX-License-Identifier: Apache-2.0
"""After a failed load a preloaded model is still kept loaded."""

import os
import signal

import requests
from conftest import grey_png


def state(daemon):
    (model,) = daemon.get("/v1/models").json()["models"]
    return model["state"]


def kill_worker(daemon):
    (pid,) = daemon.workers()
    os.kill(pid, signal.SIGKILL)
    daemon.wait_for(lambda: pid not in daemon.workers(), "the worker to go")


def test_a_load_that_fails_leaves_a_preloaded_model_kept(situd, tmp_path, null_models):
    grey_png(tmp_path / "photos/a.png", 100)
    models = null_models(a="sleep 0")
    daemon = situd("--store", f"photos={tmp_path}/photos", "--models", models, "--engine", "null",
                   "--cache-size", "0", "--preload", "a")
    daemon.wait_for(lambda: state(daemon) == "ready", "the model to be loaded")
    (models / "a/model.onnx").write_text("nonsense")
    kill_worker(daemon)
    daemon.wait_for(lambda: state(daemon) == "failed", "the load to fail")
    r = requests.post(f"{daemon.url}/v2/repository/models/a/load", timeout=30)
    assert r.status_code >= 400, r.text
    (models / "a/model.onnx").write_text("sleep 0")
    daemon.wait_for(lambda: daemon.infer("a", "photos/a.png").status_code == 200,
                    "the model to be usable again")
    kill_worker(daemon)
    daemon.wait_for(lambda: state(daemon) == "ready", "the model to be loaded again by itself")
