# SPDX-License-Identifier: Apache-2.0
"""Models that are being added: their trials end with their clients, and delay no other load."""

import shutil
import time

import pytest
import requests
from conftest import grey_png
from test_load_waiters import ask, tar_of, waiters

CLIENTS = 110  # more than the limits for loads of any kind


@pytest.fixture
def added(situd, tmp_path, null_models):
    """A daemon with a model that is not loaded yet; packages whose load never ends, and ends."""
    grey_png(tmp_path / "photos/a.png", 100)
    models = null_models(quick="sleep 0", loop="sleep 90000")
    loop = tar_of(models / "loop")
    quick = tar_of(models / "quick")
    shutil.rmtree(models / "loop")
    return situd("--store", f"photos={tmp_path}/photos", "--models", models, "--engine", "null",
                 "--cache-size", "0"), loop, quick


def put(daemon, name, body):
    return ask(daemon, f"/v1/models/{name}", "PUT", body)


def ask_all(daemon, body, count):
    clients = []
    while len(clients) < count:  # few at a time: uploads of packages have a limit, too
        clients += [put(daemon, f"loop{len(clients) + i}", body) for i in range(10)]
        daemon.wait_for(lambda: waiters(daemon) == len(clients), "the trials to be asked for")
    return clients


def uploads(daemon):
    return list((daemon.directory / "state").rglob("model.onnx"))


def test_loads_at_first_use_go_before_many_trials_that_never_end(added):
    daemon, loop, _ = added
    clients = ask_all(daemon, loop, CLIENTS)
    assert daemon.infer("quick", "photos/a.png").status_code == 200
    for client in clients:
        client.close()
    daemon.wait_for(lambda: waiters(daemon) == 0, "the waits to end with their clients")
    daemon.wait_for(lambda: len(daemon.workers()) == 1, "the workers of the trials to go", 10)
    daemon.wait_for(lambda: not uploads(daemon), "their packages to go", 10)
    assert "model_load_failed" not in daemon.log()
    assert [m["name"] for m in daemon.get("/v1/models").json()["models"]] == ["quick"]


def test_a_model_whose_client_leaves_in_the_trial_is_not_added(added):
    daemon, loop, quick = added
    client = put(daemon, "new", loop)
    daemon.wait_for(lambda: daemon.workers(), "the trial to begin")
    client.close()
    daemon.wait_for(lambda: not daemon.workers(), "the trial to end", 10)
    daemon.wait_for(lambda: "model_load_given_up" in daemon.log(), "the log to tell")
    r = requests.put(f"{daemon.url}/v1/models/new", data=quick, timeout=60,
                     headers={"Content-Type": "application/octet-stream"})
    assert r.status_code == 201 and r.json()["version"] == "1", r.text


def test_a_client_that_leaves_as_the_trial_starts_is_no_failure(added):
    """The package is removed while the load may be opening it."""
    daemon, loop, _ = added
    for i in range(120):
        client = put(daemon, "new", loop)
        time.sleep(i % 40 / 2000)
        client.close()
    daemon.wait_for(lambda: waiters(daemon) == 0 and not daemon.workers(), "the trials to end")
    daemon.wait_for(lambda: not uploads(daemon), "their packages to go")
    assert "model_load_failed" not in daemon.log() and "package_gone" not in daemon.log()
