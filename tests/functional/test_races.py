# SPDX-License-Identifier: Apache-2.0
"""Concurrent events: models that are removed while in use, a stop at any moment, deadlines that pass
while a model loads, workers that lie.

The null engine runs a model twice when it loads it: `sleep MS` makes loads slow, too.
"""

import concurrent.futures
import json
import os
import signal
import socket
import threading
import time

import pytest
import requests
from conftest import BUILD, add_package, grey_png

NAMES = [f"{v:02}.png" for v in range(20)]
STOP_SECONDS = 14  # LIMIT_STOP_MS, and more on a loaded machine


@pytest.fixture
def photos(tmp_path):
    """Twenty grey pictures, values 0 to 19."""
    for value in range(20):
        grey_png(tmp_path / f"photos/{value:02}.png", value)
    return tmp_path / "photos"


def null(situd, photos, models, *args):
    """Without the result cache, so that a repeated request is inferred again."""
    return situd("--store", f"photos={photos}", "--models", models, "--engine", "null",
                 "--cache-size", "0", *args)


def get(daemon, path, timeout=60):
    """Without the shared session: these come from many threads."""
    return requests.get(daemon.url + path, timeout=timeout)


def jobs_of(daemon):
    return get(daemon, "/v1/jobs").json()["jobs"]


def stop_in_time(daemon):
    start = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - start < STOP_SECONDS, daemon.log()


# ---- models that are removed ----

def test_a_run_keeps_its_model_when_it_is_removed(situd, photos, null_models):
    models = null_models(slow="sleep 40")
    daemon = situd("--store", f"photos={photos}", "--engine", "null", "--lanes", "2",
                   "--cache-size", "0")
    assert add_package(daemon, models / "slow", "slow").status_code == 201
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        run = pool.submit(daemon.run, "slow", {"keys": [f"photos/{n}" for n in NAMES * 20]})
        daemon.wait_for(lambda: jobs_of(daemon) and jobs_of(daemon)[0]["results"] > 0, "a start")
        assert requests.delete(f"{daemon.url}/v1/models/slow", timeout=20).status_code == 204
        lines = run.result()
    done = lines[-1]["done"]
    assert (done["state"], done["objects"], done["failed"]) == ("done", 400, 0)
    assert get(daemon, "/v1/infer/slow/photos/01.png").status_code == 404
    daemon.wait_for(lambda: not daemon.workers(), "the removed model's worker to go")


def test_a_model_that_is_removed_while_it_loads_leaves_no_worker(situd, photos, null_models):
    models = null_models(slow="sleep 1500", quick="sleep 0")
    daemon = situd("--store", f"photos={photos}", "--engine", "null", "--memory-budget", "1")
    assert add_package(daemon, models / "slow", "slow").status_code == 201
    assert add_package(daemon, models / "quick", "quick").status_code == 201
    daemon.wait_for(lambda: daemon.status()["models_loaded"] == 1, "the budget to be kept")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        shown = pool.submit(get, daemon, "/v1/models/slow")
        daemon.wait_for(lambda: {m["name"]: m["state"] for m in
                                 get(daemon, "/v1/models").json()["models"]}["slow"] == "loading",
                        "the load to begin")
        assert requests.delete(f"{daemon.url}/v1/models/slow", timeout=20).status_code == 204
        assert shown.result().status_code == 200
    daemon.wait_for(lambda: daemon.status()["models_loaded"] <= 1, "the worker to go")
    daemon.wait_for(lambda: len(daemon.workers()) <= 1, "the worker to go")


# ---- deadlines ----

def test_the_deadline_holds_while_the_model_loads(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 10000"), "--request-seconds", "1")
    start = time.monotonic()
    r = get(daemon, "/v1/infer/slow/photos/01.png")
    assert (r.status_code, r.json()["code"]) == (504, "deadline")
    assert time.monotonic() - start < 10  # the load takes twice that


def test_the_deadline_holds_behind_others_that_are_retried_alone(situd, photos, null_models):
    daemon = null(situd, photos, null_models(hanging="sleep 20\nhang_from 10"),
                  "--object-seconds", "3", "--request-seconds", "4", "--lanes", "3")
    get(daemon, "/v1/infer/hanging/photos/00.png")
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda n: get(daemon, f"/v1/infer/hanging/photos/{n}"),
                                NAMES[10:]))
    assert {r.status_code for r in answers} == {504}
    assert time.monotonic() - start < 20  # one after the other they would take 30 s
    daemon.wait_for(lambda: get(daemon, "/v1/infer/hanging/photos/01.png").status_code == 200,
                    "the model to answer again")


def test_ready_says_no_when_a_model_that_was_loaded_cannot_be_loaded_again(situd, photos,
                                                                        null_models):
    models = null_models(slow="sleep 1")
    daemon = null(situd, photos, models)
    assert get(daemon, "/v2/models/slow/ready").status_code == 200
    (models / "slow/model.onnx").write_text("nonsense")
    os.kill(daemon.workers()[0], signal.SIGKILL)
    daemon.wait_for(lambda: "worker_died_idle" in daemon.log(), "the loss to be seen")
    assert get(daemon, "/v2/models/slow/ready").status_code == 503


# ---- stopping ----

def test_a_stop_ends_an_object_that_hangs(situd, photos, null_models):
    daemon = null(situd, photos, null_models(hanging="sleep 1\nhang_from 19"),
                  "--object-seconds", "60")
    get(daemon, "/v1/infer/hanging/photos/00.png")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        hanging = pool.submit(get, daemon, "/v1/infer/hanging/photos/19.png")
        daemon.wait_for(lambda: daemon.status()["lanes_busy"] == 1, "the object in a lane")
        stop_in_time(daemon)
        try:
            assert hanging.result().status_code == 503
        except requests.ConnectionError:
            pass  # the answer came after the end of the listener


def test_a_stop_ends_a_load_and_what_waits_for_it(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 30000"))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(get, daemon, f"/v1/infer/slow/photos/0{i}.png") for i in range(4)]
        daemon.wait_for(lambda: daemon.status()["queue"] == 4, "objects that wait")
        stop_in_time(daemon)
        for w in waiting:
            try:
                assert w.result().status_code == 503
            except requests.ConnectionError:
                pass
    assert not daemon.workers()


def test_a_stop_does_not_wait_for_a_client_that_does_not_read(situd, photos, null_models):
    daemon = null(situd, photos, null_models(quick="sleep 0"))
    get(daemon, "/v1/infer/quick/photos/00.png")
    body = b"".join(b"photos/%s%04d.png\n" % (b"k" * 1000, i) for i in range(4096))
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(("127.0.0.1", daemon.port))
    s.sendall(b"POST /v1/jobs?model=quick&follow=1 HTTP/1.1\r\nHost: localhost\r\n"
              b"Content-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % len(body)
              + body)
    daemon.wait_for(lambda: jobs_of(daemon) and jobs_of(daemon)[0]["results"] == 4096,
                    "more lines than the socket takes")
    start = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - start < 8, daemon.log()  # less time than running requests get
    s.close()


def test_a_stop_in_the_middle_of_an_upload_leaves_nothing(situd, photos, null_models):
    daemon = null(situd, photos, null_models(quick="sleep 0"))
    s = socket.create_connection(("127.0.0.1", daemon.port))
    s.sendall(b"PUT /v1/models/new HTTP/1.1\r\nHost: localhost\r\n"
              b"Content-Type: application/octet-stream\r\nContent-Length: 1000000\r\n\r\n"
              + b"x" * 1000)
    daemon.wait_for(lambda: list((daemon.directory / "state/models").glob(".new-*")),
                    "the upload to begin")
    stop_in_time(daemon)
    s.close()
    assert not list((daemon.directory / "state/models").iterdir())


def test_a_job_that_is_cancelled_takes_its_waiting_objects_along(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 400"), "--lanes", "1")
    get(daemon, "/v1/infer/slow/photos/00.png")
    job = daemon.post("/v1/jobs", {"model": "slow", "select": {
        "keys": [f"photos/{n}" for n in NAMES * 3]}}).json()
    daemon.wait_for(lambda: daemon.status()["queue"] > 20, "a queue")
    assert daemon.post(f"/v1/jobs/{job['id']}/cancel", {}).json()["state"] == "cancelled"
    assert daemon.status()["queue"] == 0


# ---- everything at once ----

def test_nothing_is_lost_while_workers_die_models_go_and_clients_leave(situd, photos,
                                                                      null_models):
    daemon = null(situd, photos, null_models(slow="sleep 5\ncrash_from 18", other="sleep 3"),
                  "--memory-budget", "1", "--request-seconds", "20")
    end = time.monotonic() + 6
    answers = []

    def client(model, seed):
        while time.monotonic() < end:
            seed = (seed * 7 + 3) % 20
            answers.append(get(daemon, f"/v1/infer/{model}/photos/{seed:02}.png").status_code)

    def killer():
        while time.monotonic() < end:
            time.sleep(0.3)
            for pid in daemon.workers():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def leaver():
        while time.monotonic() < end:
            s = socket.create_connection(("127.0.0.1", daemon.port))
            s.sendall(b"GET /v1/infer/slow/photos/03.png HTTP/1.1\r\nHost: localhost\r\n\r\n")
            time.sleep(0.01)
            s.close()

    threads = [threading.Thread(target=client, args=(m, i)) for i in range(4)
               for m in ("slow", "other")]
    threads += [threading.Thread(target=killer), threading.Thread(target=leaver)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
        assert not t.is_alive(), daemon.log()
    assert answers and set(answers) <= {200, 422, 503, 504}, set(answers)
    daemon.wait_for(lambda: daemon.status()["queue"] == 0, "the queue to empty")
    assert get(daemon, "/v1/infer/other/photos/03.png").status_code == 200
    stop_in_time(daemon)


# ---- workers that lie ----

@pytest.fixture
def hostile(situd, photos, null_models):
    """hostile(mode) starts a situd whose workers lie in that way."""
    worker = BUILD / "tests/unit/infer/hostile_worker"
    if not worker.exists():
        pytest.skip("hostile_worker is not built")

    def start(mode, *args):
        return null(situd, photos, null_models(model=mode), "--worker", worker, "--lanes", "2",
                    "--object-seconds", "2", *args)
    return start


def resident_bytes(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmHWM"))


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("mode,status,code", [
    ("honest", 200, None),
    ("duplicate", 422, "worker_crashed"),  # the same 64 MiB, 256 times
    ("outside", 422, "worker_crashed"), ("wraps", 422, "worker_crashed"),
    ("unasked", 422, "worker_crashed"), ("sequence", 422, "worker_crashed"),
    ("own_word", 422, "worker_crashed"),  # a worker may not say `unauthorized`
    ("endless_text", 422, "worker_crashed"), ("short", 422, "worker_crashed"),
    ("odd_text", 422, "unfit"), ("huge_dims", 422, "unfit"), ("no_outputs", 500, "internal"),
    ("rank", 503, "unavailable"), ("name", 503, "unavailable"), ("count", 503, "unavailable"),
    ("raw_name", 503, "unavailable"), ("more_tensors", 503, "unavailable"),
    ("seen", 503, "unavailable"),
    ("first_tensor_late", 503, "unavailable"),
])
def test_an_answer_that_lies_harms_only_its_object(hostile, mode, status, code):
    daemon = hostile(mode)
    r = get(daemon, "/v1/infer/model/photos/01.png")
    assert (r.status_code, r.json().get("code")) == (status, code), r.text
    r = daemon.post("/v2/models/model/infer", {"inputs": [
        {"name": "image", "datatype": "BYTES", "shape": [2], "parameters": {"stored_object": True},
         "data": ["photos/01.png", "photos/02.png"]}], "outputs": [{"name": "logits"}]})
    assert r.status_code < 510, r.text
    assert get(daemon, "/v1/status").status_code == 200
    if "SITU_SANITIZER" not in os.environ:
        assert resident_bytes(daemon.process.pid) < 400 << 20


def test_names_that_are_no_text_refuse_the_model(hostile):
    daemon = hostile("raw_name")
    model = daemon.get("/v1/models/model").json()
    assert model["state"] == "failed" and "outputs" not in model
    r = daemon.get("/v2/models/model")
    assert (r.status_code, r.json()["code"]) == (503, "unavailable")


def test_names_that_a_worker_made_up_are_written_as_json(hostile):
    daemon = hostile("bytes_in_names")
    output = daemon.get("/v1/models/model").json()["outputs"][1]
    assert (output["shape"], output["name"]) == ([-1, 4], "\u00e9\"\n\x01")
    assert daemon.get("/v2/models/model").json()["outputs"][0]["name"] == "logits"


def test_random_answers_stop_nobody(hostile):
    daemon = hostile("random", "--request-seconds", "5")
    codes = set()
    for i in range(60):
        codes.add(get(daemon, f"/v1/infer/model/photos/{i % 20:02}.png").status_code)
    assert codes <= {200, 413, 422, 500, 400, 503, 504}, codes
    assert get(daemon, "/v1/status").status_code == 200


def test_a_worker_that_closes_its_log_costs_no_time(hostile):
    daemon = hostile("closed_log")
    before = cpu_seconds(daemon.process.pid)
    assert get(daemon, "/v1/infer/model/photos/01.png").status_code == 200
    assert cpu_seconds(daemon.process.pid) - before < 1


def test_a_worker_that_writes_without_end_does_not_fill_the_log(hostile):
    daemon = hostile("chatter")
    assert get(daemon, "/v1/infer/model/photos/01.png").status_code == 200
    assert 100 < daemon.log().count('text="chatter"') <= 1000


def test_a_worker_that_floods_its_control_socket_is_ended(hostile):
    daemon = hostile("control")
    assert get(daemon, "/v1/infer/model/photos/01.png").status_code == 200
    daemon.wait_for(lambda: "worker_ended" in daemon.log(), "the worker's end")
    stop_in_time(daemon)
