# SPDX-License-Identifier: Apache-2.0
"""Triton's extensions that describe and control models: configuration, statistics, load, unload."""

import json
import os
import signal

import pytest
import requests
from conftest import add_package, grey_png

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def store(tmp_path):
    for i in range(4):
        grey_png(tmp_path / f"photos/{i}.png", 10 + i)
    return tmp_path / "photos"


def null(situd, store, models, *args):
    return situd("--store", f"photos={store}", "--models", models, "--engine", "null", *args)


def post(daemon, path, body=None):
    return requests.post(daemon.url + path, data=body if isinstance(body, (bytes, type(None)))
                         else json.dumps(body), headers=JSON, timeout=30)


def state(daemon, name):
    return {m["name"]: m for m in daemon.get("/v1/models").json()["models"]}[name]["state"]


def stats(daemon, path):
    r = daemon.get(path)
    assert r.status_code == 200, r.text
    return r.json()["model_stats"]


def test_a_configuration_tells_what_clients_look_for(situd, store, null_models):
    daemon = null(situd, store, null_models(quick="sleep 0"))
    for path in ("/v2/models/quick/config", "/v2/models/quick/versions/1/config"):
        config = daemon.get(path).json()
        assert (config["name"], config["platform"]) == ("quick", "onnxruntime_onnx")
        assert config["max_batch_size"] == 256
        (given,) = config["input"]
        assert (given["name"], given["data_type"], given["dims"], given["format"]) == (
            "pixel_values", "TYPE_FP32", [3, 8, 8], "FORMAT_NCHW")
        (output,) = config["output"]
        assert (output["name"], output["data_type"], output["dims"]) == ("logits", "TYPE_FP32", [4])
    r = daemon.get("/v2/models/none/config")
    assert r.status_code == 404 and r.json()["error"].startswith("Request for unknown model")
    assert daemon.get("/v2/models/quick/versions/7/config").status_code == 404


def test_metadata_lists_the_inputs_that_must_be_sent(situd, store, null_models):
    daemon = null(situd, store, null_models(quick="sleep 0"))
    metadata = daemon.get("/v2/models/quick").json()
    assert [i["name"] for i in metadata["inputs"]] == ["pixel_values"]
    assert metadata["parameters"]["alternative_inputs"] == [
        {"name": "image", "datatype": "BYTES", "shape": [-1]}]


def test_the_server_tells_its_extensions(situd, store, null_models):
    daemon = null(situd, store, null_models(quick="sleep 0"))
    for path in ("/v2", "/v2/"):
        told = daemon.get(path).json()
        assert told["name"] == "situ"
        assert {"model_configuration", "model_repository", "statistics"} <= set(told["extensions"])


def test_statistics_count_objects_by_outcome(situd, store, null_models):
    daemon = null(situd, store, null_models(quick="sleep 2", other="sleep 0"))
    for i in range(3):
        assert daemon.infer("quick", f"photos/{i}.png").status_code == 200
    assert daemon.infer("quick", "photos/2.png").json()["classes"]  # perhaps from the cache
    assert daemon.infer("quick", "photos/missing.png").status_code == 404
    (one,) = stats(daemon, "/v2/models/quick/stats")
    assert one == stats(daemon, "/v2/models/quick/versions/1/stats")[0]
    parts = one["inference_stats"]
    assert parts["success"]["count"] == 4 and parts["queue"]["count"] == 4
    assert parts["fail"]["count"] == 1
    assert one["inference_count"] == one["execution_count"] == 4 - parts["cache_hit"]["count"]
    assert parts["compute_infer"]["count"] == one["execution_count"]
    assert parts["compute_infer"]["ns"] >= 2_000_000 * one["execution_count"]
    assert parts["success"]["ns"] >= parts["compute_infer"]["ns"]
    assert one["last_inference"] > 1_600_000_000_000
    (batch,) = one["batch_stats"]
    assert batch["batch_size"] == 1 and batch["compute_infer"] == parts["compute_infer"]
    everything = {m["name"]: m for m in stats(daemon, "/v2/models/stats")}
    assert set(everything) == {"quick", "other"}
    assert everything["other"]["inference_count"] == 0 and everything["other"]["batch_stats"] == []


def test_statistics_count_rows_of_a_batch(situd, store, null_models):
    daemon = null(situd, store, null_models(quick="sleep 0"))
    r = daemon.post("/v2/models/quick/infer", {"inputs": [
        {"name": "pixel_values", "datatype": "FP32", "shape": [5, 3, 8, 8], "data": [1] * 960}]})
    assert r.status_code == 200, r.text
    (one,) = stats(daemon, "/v2/models/quick/stats")
    assert (one["inference_count"], one["execution_count"]) == (5, 1)
    assert [b["batch_size"] for b in one["batch_stats"]] == [5]


def test_a_loaded_model_is_kept(situd, store, null_models):
    daemon = null(situd, store, null_models(a="sleep 0", b="sleep 0", c="sleep 0"),
                  "--memory-budget", "1")
    assert post(daemon, "/v2/repository/models/a/load").status_code == 200
    (pid,) = daemon.workers()
    for name in "bcbc":  # above the budget: each unloads the other, but not `a`
        assert daemon.infer(name, "photos/0.png", cache=0).status_code == 200
    assert pid in daemon.workers()
    os.kill(pid, signal.SIGKILL)
    daemon.wait_for(lambda: pid not in daemon.workers() and state(daemon, "a") == "ready",
                    "another worker for the model that is kept")


def test_an_unloaded_model_is_not_ready_until_it_is_used(situd, store, null_models):
    daemon = null(situd, store, null_models(quick="sleep 0"))
    assert post(daemon, "/v2/repository/models/quick/load", {}).status_code == 200
    assert daemon.get("/v2/models/quick/ready").status_code == 200
    assert post(daemon, "/v2/repository/models/quick/unload",
                {"parameters": {"unload_dependents": False}}).status_code == 200
    assert daemon.get("/v2/models/quick/ready").status_code == 503
    daemon.wait_for(lambda: not daemon.workers(), "its worker to end", 5)
    assert state(daemon, "quick") == "unloaded"
    (entry,) = post(daemon, "/v2/repository/index").json()
    assert (entry["state"], entry["reason"]) == ("UNAVAILABLE", "unloaded")
    assert post(daemon, "/v2/repository/index", {"ready": True}).json() == []
    assert daemon.infer("quick", "photos/0.png", cache=0).status_code == 200
    assert daemon.get("/v2/models/quick/ready").status_code == 200
    assert len(post(daemon, "/v2/repository/index", {"ready": True}).json()) == 1


def test_an_unload_waits_for_the_object_that_runs(situd, store, null_models):
    import concurrent.futures
    daemon = null(situd, store, null_models(slow="sleep 600"))
    assert daemon.get("/v2/models/slow/ready").status_code == 200
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(requests.get, daemon.url + "/v1/infer/slow/photos/0.png", timeout=30)
        daemon.wait_for(lambda: daemon.status()["lanes_busy"] == 1, "the object to be in its lane")
        assert post(daemon, "/v2/repository/models/slow/unload").status_code == 200
        assert running.result().status_code == 200
    daemon.wait_for(lambda: not daemon.workers(), "its worker to end", 5)


@pytest.mark.parametrize("parameters", [{"config": '{"max_batch_size":16}'},
                                        {"file:1/model.onnx": "AAAA"}])
def test_a_load_that_would_change_the_model_is_refused(situd, store, null_models, parameters):
    daemon = null(situd, store, null_models(quick="sleep 0"))
    r = post(daemon, "/v2/repository/models/quick/load", {"parameters": parameters})
    assert r.status_code == 400, r.text
    assert "failed to load 'quick'" in r.json()["error"]
    assert next(iter(parameters)) in r.json()["error"]
    assert not daemon.workers()


def test_what_cannot_be_loaded_says_why(situd, store, null_models):
    daemon = null(situd, store, null_models(bad="nonsense"))
    r = post(daemon, "/v2/repository/models/none/load")
    assert r.status_code == 404 and "failed to load 'none'" in r.json()["error"]
    r = post(daemon, "/v2/repository/models/bad/load")
    assert r.status_code == 503 and "failed to load 'bad'" in r.json()["error"]
    assert "nonsense" in r.json()["error"]
    r = post(daemon, "/v2/repository/models/bad/load", b"[")
    assert r.status_code == 400


def test_models_are_loaded_at_the_start_where_that_is_asked(situd, store, null_models, tmp_path):
    models = null_models(a="sleep 0", b="sleep 0", c="sleep 0")
    daemon = null(situd, store, models, "--preload", "a", "--preload", "b@1", "--preload", "none")
    daemon.wait_for(lambda: state(daemon, "a") == state(daemon, "b") == "ready",
                    "the models to be loaded without a request")
    assert state(daemon, "c") == "unloaded"
    assert "event=preload_failed model=none" in daemon.log()
    r = add_package(daemon, models / "c", "d")
    assert r.status_code == 201
    assert post(daemon, "/v2/repository/models/d/load").status_code == 200
    assert daemon.session.delete(f"{daemon.url}/v1/models/d").status_code == 204
    daemon.wait_for(lambda: len(daemon.workers()) == 2, "the worker of the removed model to end", 5)


@pytest.mark.parametrize("method, path, word", [
    ("GET", "/v2/systemsharedmemory/status", "shared memory"),
    ("POST", "/v2/systemsharedmemory/unregister", "shared memory"),
    ("POST", "/v2/systemsharedmemory/region/r/register", "shared memory"),
    ("GET", "/v2/cudasharedmemory/region/r/status", "shared memory"),
    ("POST", "/v2/cudasharedmemory/region/r/unregister", "shared memory"),
    ("GET", "/v2/trace/setting", "trac"), ("POST", "/v2/models/quick/trace/setting", "trac"),
    ("GET", "/v2/logging", "log"), ("POST", "/v2/logging", "log")])
def test_extensions_that_are_not_here_say_so(situd, store, null_models, method, path, word):
    daemon = null(situd, store, null_models(quick="sleep 0"))
    r = daemon.session.request(method, daemon.url + path, headers=JSON, timeout=30)
    assert r.status_code == 501, r.text
    assert word in r.json()["error"] and r.json()["code"] == "unsupported"
    r = daemon.get("/metrics")
    assert 'situ_requests_total{model="",status="501"} 1' in r.text
