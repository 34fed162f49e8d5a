# SPDX-License-Identifier: Apache-2.0
"""Requests that wait for a model's load need no thread and delay nobody; workers of removed models end at once."""

import concurrent.futures
import contextlib
import io
import json
import os
import pathlib
import signal
import socket
import tarfile
import time

import pytest
import requests
from conftest import grey_png

CLIENTS = 150  # more than the limits of all kinds of tasks


@pytest.fixture
def store(tmp_path):
    grey_png(tmp_path / "photos/a.png", 100)
    return tmp_path / "photos"


def null(situd, store, models, *args):
    return situd("--store", f"photos={store}", "--models", models, "--engine", "null",
                 "--cache-size", "0", *args)


def ask(daemon, path, method="GET", body=b""):
    s = socket.create_connection(("127.0.0.1", daemon.port))
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    s.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
    return s


def waiters(daemon):
    return daemon.metrics()["situ_load_waiters"]


def threads(daemon):
    return len(list(pathlib.Path(f"/proc/{daemon.process.pid}/task").iterdir()))


def tar_of(package):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for file in sorted(package.iterdir()):
            tar.add(file, file.name)
    return out.getvalue()


def test_clients_of_a_model_whose_load_never_ends_harm_nobody(situd, store, null_models):
    daemon = null(situd, store, null_models(loop="sleep 90000", quick="sleep 0"))
    assert daemon.infer("quick", "photos/a.png").status_code == 200
    before = threads(daemon)
    body = json.dumps({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1],
                                   "parameters": {"stored_object": True},
                                   "data": ["photos/a.png"]}]}).encode()
    paths = ["/v2/models/loop/ready", "/v2/models/loop", "/v1/models/loop"]
    clients = [ask(daemon, paths[i % 3]) for i in range(CLIENTS)]
    clients += [ask(daemon, "/v2/models/loop/infer", "POST", body) for _ in range(10)]
    daemon.wait_for(lambda: waiters(daemon) == len(clients), "all clients to wait")
    assert threads(daemon) <= before + 10, "a waiter took a thread"
    assert daemon.infer("quick", "photos/a.png").status_code == 200
    for path in ("/v1/stores/photos/objects", "/v1/jobs", "/v2/models/quick/ready",
                 "/v1/models/quick", "/v1/indexes"):
        assert daemon.get(path, timeout=10).status_code == 200, path
    _, line = daemon.run("quick", {"store": "photos"})[1:]
    assert line["done"]["state"] == "done"
    for client in clients:
        client.close()
    daemon.wait_for(lambda: waiters(daemon) == 0, "the waits to end with their clients")
    start = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - start < 10


def test_models_that_are_added_and_never_load_leave_room_for_others(situd, store, null_models,
                                                                    tmp_path):
    models = null_models(loop="sleep 90000", quick="sleep 0")
    daemon = null(situd, store, models, "--load-seconds", "3")
    body = tar_of(models / "loop")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        adding = [pool.submit(requests.put, f"{daemon.url}/v1/models/loop{i}", data=body, timeout=60,
                              headers={"Content-Type": "application/octet-stream"})
                  for i in range(8)]
        daemon.wait_for(lambda: waiters(daemon) == 8, "the models to be tried")
        assert daemon.infer("quick", "photos/a.png").status_code == 200
        assert [a.result().status_code for a in adding] == [504] * 8
    daemon.wait_for(lambda: len(daemon.workers()) == 1, "the workers of the others to go")


def test_all_who_wait_are_answered_when_the_load_ends(situd, store, null_models):
    daemon = null(situd, store, null_models(slow="sleep 500", bad="nonsense"))
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        slow = [pool.submit(requests.get, f"{daemon.url}/v2/models/slow/ready", timeout=60)
                for _ in range(20)]
        bad = [pool.submit(requests.get, f"{daemon.url}/v2/models/bad/ready", timeout=60)
               for _ in range(5)]
        assert {r.result().status_code for r in slow} == {200}
        assert {r.result().status_code for r in bad} == {503}
    assert waiters(daemon) == 0
    assert len(daemon.workers()) == 1


def test_workers_of_removed_models_do_not_gather(situd, store, null_models):
    models = null_models(quick="sleep 0")
    daemon = null(situd, store, models)
    body = tar_of(models / "quick")
    most = 0
    for _ in range(25):
        r = daemon.session.put(f"{daemon.url}/v1/models/added", data=body, timeout=60,
                               headers={"Content-Type": "application/octet-stream"})
        assert r.status_code == 201, r.text
        assert daemon.session.delete(f"{daemon.url}/v1/models/added").status_code == 204
        most = max(most, len(daemon.workers()))
    assert most <= 1  # none: it was removed before the answer, but may end a little later on a slow machine
    daemon.wait_for(lambda: not daemon.workers(), "the last worker to go")
    assert daemon.metrics()["situ_workers"] == 0


def has_model_file(pids):
    """Whether a worker maps its model's file: removed from the disk, it would not have been found earlier."""
    for pid in pids:
        with contextlib.suppress(OSError):
            if "model.onnx" in pathlib.Path(f"/proc/{pid}/maps").read_text():
                return True
    return False


def test_a_removed_model_that_is_still_being_loaded_is_given_up(situd, store, null_models):
    models = null_models(quick="sleep 0", slow="sleep 300")
    daemon = null(situd, store, models)
    r = daemon.session.put(f"{daemon.url}/v1/models/added", data=tar_of(models / "slow"), timeout=60,
                           headers={"Content-Type": "application/octet-stream"})
    assert r.status_code == 201, r.text
    (pid,) = daemon.workers()
    package = daemon.directory / "state/models/added/1/model.onnx"
    package.write_text("sleep 90000")
    os.kill(pid, signal.SIGKILL)
    daemon.wait_for(lambda: "worker_died_idle" in daemon.log(), "the loss to be seen")
    client = ask(daemon, "/v2/models/added/ready")
    daemon.wait_for(lambda: waiters(daemon) == 1 and has_model_file(daemon.workers()), "the load to begin")
    assert daemon.session.delete(f"{daemon.url}/v1/models/added").status_code == 204
    assert waiters(daemon) == 1  # earlier requests keep the load running
    client.close()
    daemon.wait_for(lambda: not daemon.workers(), "the load to be given up", 10)


def test_the_worker_of_a_removed_model_ends_with_its_last_request(situd, store, null_models):
    models = null_models(slow="sleep 700")
    daemon = null(situd, store, models)
    r = daemon.session.put(f"{daemon.url}/v1/models/added", data=tar_of(models / "slow"), timeout=60,
                           headers={"Content-Type": "application/octet-stream"})
    assert r.status_code == 201, r.text
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(requests.get, f"{daemon.url}/v1/infer/added/photos/a.png", timeout=60)
        daemon.wait_for(lambda: daemon.status()["lanes_busy"] == 1, "the object to be in its lane")
        assert daemon.session.delete(f"{daemon.url}/v1/models/added").status_code == 204
        assert running.result().status_code == 200
    daemon.wait_for(lambda: not daemon.workers(), "its worker to end", 5)
