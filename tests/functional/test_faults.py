# SPDX-License-Identifier: Apache-2.0
"""Faults of real systems: workers that die or hang, malformed objects, slow clients.

Crashes and hangs come from the null engine: its models end or hang the worker when the first value of the
input reaches a threshold.
"""

import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import struct
import subprocess
import threading
import time
import zlib

import pytest
from conftest import BUILD, SITUD, add_package, grey_png

Image = pytest.importorskip("PIL.Image")
Image.MAX_IMAGE_PIXELS = None

PR_SET_SECCOMP = 22


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


def many(daemon, model, names, threads=8):
    """One request each, at once; a dict of name -> (status, body)."""
    def one(name):
        import requests
        r = requests.get(f"{daemon.url}/v1/infer/{model}/photos/{name}", timeout=60)
        return name, (r.status_code, r.json())
    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        return dict(pool.map(one, names))


NAMES = [f"{v:02}.png" for v in range(20)]


def test_a_worker_killed_from_outside_costs_no_answer(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 50"))
    daemon.infer("slow", "photos/00.png")
    stop = threading.Event()

    def killer():
        while not stop.wait(0.35):
            for pid in daemon.workers():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    thread = threading.Thread(target=killer)
    thread.start()
    try:
        answers = many(daemon, "slow", NAMES * 2)
    finally:
        stop.set()
        thread.join()
    assert {status for status, _ in answers.values()} == {200}, answers
    assert daemon.status()["workers_restarted"] >= 1


def test_only_the_object_that_kills_its_worker_fails(situd, photos, null_models):
    daemon = null(situd, photos, null_models(fragile="sleep 20\ncrash_from 19"))
    answers = many(daemon, "fragile", NAMES)
    assert answers["19.png"][0] == 422
    assert answers["19.png"][1]["code"] == "worker_crashed"
    assert all(status == 200 for name, (status, _) in answers.items() if name != "19.png"), answers
    lines = daemon.run("fragile", {"store": "photos", "prefix": ""})
    assert [line["object"] for line in lines[1:-1]] == [f"photos/{n}" for n in NAMES]
    assert [i for i, line in enumerate(lines[1:-1]) if "error" in line] == [19]


def test_a_worker_that_hangs_meets_its_deadline_and_its_neighbours_do_not(situd, photos,
                                                                         null_models):
    daemon = null(situd, photos, null_models(hanging="sleep 10\nhang_from 19", other="sleep 10"),
                  "--object-seconds", "4")
    daemon.infer("other", "photos/00.png")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        hanging = pool.submit(many, daemon, "hanging", NAMES)
        daemon.wait_for(lambda: daemon.status()["lanes_busy"] > 0, "the objects in lanes")
        start = time.monotonic()
        assert daemon.infer("other", "photos/01.png").status_code == 200
        assert time.monotonic() - start < 3.5
        answers = hanging.result()
    assert answers["19.png"][0] == 504
    assert answers["19.png"][1]["code"] == "deadline"
    assert all(status == 200 for name, (status, _) in answers.items() if name != "19.png"), answers


def test_a_stopped_worker_is_replaced(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 1"), "--object-seconds", "3")
    daemon.infer("slow", "photos/00.png")
    first = daemon.workers()
    os.kill(first[0], signal.SIGSTOP)
    answers = many(daemon, "slow", NAMES)
    assert all(s in (200, 504) for s, _ in answers.values())
    assert sum(s == 200 for s, _ in answers.values()) >= 19
    assert daemon.infer("slow", "photos/00.png").status_code == 200
    assert daemon.workers() and daemon.workers() != first


def test_a_forbidden_call_ends_the_worker_and_is_named_in_the_log(situd, photos, null_models):
    if "SITU_SANITIZER" in os.environ:
        pytest.skip("no seccomp filter in sanitizer builds")
    daemon = null(situd, photos, null_models(evil="socket_from 19"))
    assert daemon.infer("evil", "photos/03.png").status_code == 200
    r = daemon.infer("evil", "photos/19.png")
    assert (r.status_code, r.json()["code"]) == (422, "worker_crashed"), r.text
    assert "event=sandbox_violation" in daemon.log() and "syscall=socket" in daemon.log()
    assert daemon.infer("evil", "photos/03.png").status_code == 200


@pytest.mark.parametrize("worker,model,args,status,code", [
    (None, "crash_from 0", [], 422, "unfit"),
    (None, "no such line", [], 422, "unfit"),
    (None, "sleep 3000", ["--load-seconds", "1"], 504, "deadline"),
    ("#!/bin/sh\nexit 1\n", "sleep 0", [], 503, "unavailable"),
    ("#!/bin/sh\nkill -9 $$\n", "sleep 0", [], 503, "unavailable"),
    ("#!/no/such/interpreter\n", "sleep 0", [], 503, "unavailable"),
], ids=["crashes", "broken", "slow", "worker-ends", "worker-killed", "no-worker"])
def test_a_model_is_refused_as_unfit_only_for_its_own_faults(situd, photos, null_models, tmp_path,
                                                             worker, model, args, status, code):
    if worker:
        (tmp_path / "worker").write_text(worker)
        (tmp_path / "worker").chmod(0o755)
        args = ["--worker", tmp_path / "worker"]
    daemon = situd("--store", f"photos={photos}", "--engine", "null", *args)
    r = add_package(daemon, null_models(new=model) / "new", "new")
    assert (r.status_code, r.json()["code"]) == (status, code), r.text
    assert "'new'" in r.json()["error"]
    assert daemon.get("/v1/models").json()["models"] == []


def test_a_kernel_without_landlock_is_told_once_or_refused(situd, photos, null_models, tmp_path):
    without = BUILD / "tests/unit/worker/without_call"
    if not without.exists():
        pytest.skip("without_call is not built")
    calls = "landlock_create_ruleset"
    models = null_models(quick="sleep 0")
    daemon = situd("--store", f"photos={photos}", "--models", models, "--engine", "null",
                   wrapper=[without, calls])
    assert daemon.infer("quick", "photos/03.png").status_code == 200
    assert daemon.log().count("event=sandbox_incomplete") == 1 and "Landlock" in daemon.log()
    sandbox = daemon.status()["sandbox"]
    assert sandbox["landlock"] is False and "Landlock" in sandbox["warning"]
    out = subprocess.run([without, calls, SITUD, "--store", f"photos={photos}", "--state",
                          tmp_path / "s", "--require-sandbox"], capture_output=True, text=True)
    assert out.returncode == 1 and "--require-sandbox" in out.stderr


@pytest.mark.parametrize("how", [[], ["-p"]], ids=["kernel-without", "container-refuses"])
def test_where_no_filter_can_be_set_models_load_all_the_same(situd, photos, null_models, tmp_path,
                                                             how):
    without = BUILD / "tests/unit/worker/without_call"
    if not without.exists():
        pytest.skip("without_call is not built")
    calls = f"seccomp,prctl:{PR_SET_SECCOMP}"
    models = null_models(quick="sleep 0")
    daemon = situd("--store", f"photos={photos}", "--models", models, "--engine", "null",
                   wrapper=[without, *how, calls])
    assert daemon.infer("quick", "photos/03.png").status_code == 200, daemon.log()
    assert daemon.log().count("event=sandbox_incomplete") == 1 and "seccomp" in daemon.log()
    sandbox = daemon.status()["sandbox"]
    assert sandbox["seccomp"] is False and "seccomp" in sandbox["warning"]
    out = subprocess.run([without, *how, calls, SITUD, "--store", f"photos={photos}", "--state",
                          tmp_path / "s", "--require-sandbox"], capture_output=True, text=True)
    assert out.returncode == 1 and "--require-sandbox" in out.stderr


# ---- objects ----

def png_header(width, height):
    """A PNG that is only a header: the rest is missing."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""))


@pytest.fixture(scope="module")
def odd_objects(tmp_path_factory):
    root = tmp_path_factory.mktemp("odd")
    Image.new("RGB", (64, 64), (200, 10, 10)).save(root / "good.jpg")
    whole = (root / "good.jpg").read_bytes()
    (root / "truncated.jpg").write_bytes(whole[:len(whole) // 2])
    (root / "text.jpg").write_text("this is no image at all, only its name says so")
    (root / "empty.jpg").write_bytes(b"")
    Image.new("RGB", (1, 1), (1, 2, 3)).save(root / "one.png")
    Image.new("L", (30000, 30000)).save(root / "huge.png")
    Image.new("RGB", (65500, 1), (9, 9, 9)).save(root / "wide.jpg")
    (root / "lies.png").write_bytes(png_header(5000, 5000))
    return root


@pytest.mark.parametrize("name,status,code", [
    ("good.jpg", 200, None), ("one.png", 200, None),
    ("truncated.jpg", 422, "undecodable"), ("text.jpg", 422, "undecodable"),
    ("empty.jpg", 422, "undecodable"), ("lies.png", 422, "undecodable"),
    ("huge.png", 413, "too_large"), ("missing.jpg", 404, "not_found"),
])
def test_odd_images(situd, odd_objects, demo_models, name, status, code):
    daemon = situd("--store", f"photos={odd_objects}", "--models", demo_models)
    r = daemon.infer("demo", f"photos/{name}")
    assert r.status_code == status, r.text
    assert r.json().get("code") == code
    assert daemon.infer("demo", "photos/good.jpg").status_code == 200
    assert daemon.status()["workers_restarted"] == 0


def test_an_image_of_65500_by_1_is_answered(situd, odd_objects, demo_models):
    daemon = situd("--store", f"photos={odd_objects}", "--models", demo_models)
    r = daemon.infer("demo", "photos/wide.jpg")
    assert r.status_code == 200, r.text
    assert r.json()["classes"]
    assert daemon.status()["workers_restarted"] == 0


def test_one_bad_object_fails_a_v2_request_or_is_named_in_it(situd, odd_objects, demo_models):
    daemon = situd("--store", f"photos={odd_objects}", "--models", demo_models)
    body = {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [3],
                        "parameters": {"stored_object": True},
                        "data": ["photos/good.jpg", "photos/text.jpg", "photos/one.png"]}]}
    r = daemon.post("/v2/models/demo/infer", body)
    assert r.status_code == 422 and "photos/text.jpg" in r.json()["error"]
    body["parameters"] = {"on_error": "partial"}
    r = daemon.post("/v2/models/demo/infer", body)
    assert r.status_code == 200, r.text
    errors = r.json()["parameters"]["errors"]
    assert [(e["index"], e["object"], e["code"]) for e in errors] == [
        (1, "photos/text.jpg", "undecodable")]
    data = r.json()["outputs"][0]["data"]
    assert len(data) == 36 and not any(data[12:24]) and any(data[:12])


def test_names_that_leave_the_store_are_refused(situd, odd_objects, demo_models, tmp_path):
    root = tmp_path / "store"
    shutil.copytree(odd_objects, root, ignore=shutil.ignore_patterns("huge*"))
    (tmp_path / "secret.jpg").write_bytes((root / "good.jpg").read_bytes())
    (root / "link-out.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "link-up.jpg").symlink_to("../secret.jpg")
    (root / "link-in.jpg").symlink_to("good.jpg")
    os.mkfifo(root / "fifo.jpg")
    (root / "directory.jpg").mkdir()
    daemon = situd("--store", f"photos={root}", "--models", demo_models)
    post = lambda name: daemon.run("demo", {"keys": [name]})[1]
    for name in ("photos/../secret.jpg", "photos/a/../../secret.jpg", "photos//etc/passwd",
                 "photos/./good.jpg", "photos/", "photos", "/etc/passwd", "/", "other/good.jpg"):
        assert post(name)["error"]["code"] in ("malformed", "not_found"), name
    for name in ("link-out.jpg", "link-up.jpg"):
        line = post(f"photos/{name}")
        assert line["error"]["code"] == "not_found", line
    assert "classes" in post("photos/link-in.jpg")
    start = time.monotonic()
    assert post("photos/fifo.jpg")["error"]["code"] == "unfit"
    assert post("photos/directory.jpg")["error"]["code"] in ("unfit", "not_found")
    assert time.monotonic() - start < 5


def test_a_device_is_not_read(situd, demo_models, tmp_path):
    root = tmp_path / "store"
    root.mkdir()
    try:
        os.mknod(root / "device.jpg", 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("needs root to make a device")
    daemon = situd("--store", f"photos={root}", "--models", demo_models)
    assert daemon.infer("demo", "photos/device.jpg").json()["code"] == "unfit"


def test_an_unreadable_file_is_named_as_such(tmp_path, odd_objects, demo_models):
    """situd as root without the right to read everything, if the tests run as root; otherwise as the current user."""
    from conftest import Daemon
    root = tmp_path / "store"
    root.mkdir()
    for name in ("good.jpg", "secret.jpg"):
        shutil.copy(odd_objects / "good.jpg", root / name)
    (root / "secret.jpg").chmod(0)
    directory = tmp_path / "situd"
    directory.mkdir()
    wrapper = []
    if os.geteuid() == 0:
        without = "-dac_override,-dac_read_search"
        wrapper = ["setpriv", f"--bounding-set={without}", f"--inh-caps={without}"]
        if subprocess.run(wrapper + ["true"], capture_output=True).returncode != 0:
            pytest.skip("this root cannot give up capabilities")
    assert subprocess.run(wrapper + ["cat", root / "secret.jpg"], capture_output=True).returncode != 0
    daemon = Daemon(directory, ["--store", f"photos={root}", "--models", demo_models], wrapper)
    try:
        assert daemon.infer("demo", "photos/good.jpg").status_code == 200
        r = daemon.infer("demo", "photos/secret.jpg")
        assert (r.status_code, r.json()["code"]) == (422, "unreadable"), r.text
    finally:
        assert daemon.stop() == 0


def test_a_file_that_changes_while_it_is_read(situd, demo_models, tmp_path):
    """The answer is that of one of the two whole versions, or `changed`; never a mixture."""
    root = tmp_path / "store"
    root.mkdir()
    versions = []
    for color in ((255, 0, 0), (0, 0, 255)):
        Image.effect_noise((1500, 1500), 90).convert("RGB").save(tmp_path / "v.png")
        versions.append((tmp_path / "v.png").read_bytes())
    (root / "hot.png").write_bytes(versions[0])
    daemon = situd("--store", f"photos={root}", "--models", demo_models)
    wanted = []
    for v in versions:
        (root / "hot.png").write_bytes(v)
        wanted.append(daemon.infer("demo", "photos/hot.png").json()["classes"])
    stop = threading.Event()

    def writer():
        with open(root / "hot.png", "r+b") as f:
            i = 0
            while not stop.is_set():
                f.seek(0)
                f.truncate(0)
                f.write(versions[i % 2])
                f.flush()
                i += 1
                time.sleep(0.002)

    thread = threading.Thread(target=writer)
    thread.start()
    try:
        codes = set()
        for _ in range(40):
            r = daemon.infer("demo", "photos/hot.png")
            if r.status_code == 200:
                assert r.json()["classes"] in wanted
            else:
                codes.add(r.json()["code"])
    finally:
        stop.set()
        thread.join()
    assert codes <= {"changed", "undecodable"}  # an empty moment is a whole, undecodable version


# ---- load ----

def test_200_clients_that_send_a_byte_a_second_stop_nobody(situd, photos, null_models):
    daemon = null(situd, photos, null_models(quick="sleep 0"), "--header-seconds", "2")
    clients = []
    for _ in range(200):
        s = socket.create_connection(("127.0.0.1", daemon.port))
        s.sendall(b"G")
        clients.append(s)
    stop = time.monotonic() + 5
    text = iter(b"ET /v1/status HTTP/1.1\r\nHost: localhost\r\n" * 10)
    while time.monotonic() < stop:
        byte = bytes([next(text)])
        for s in clients:
            try:
                s.sendall(byte)
            except OSError:
                pass
        start = time.monotonic()
        assert daemon.infer("quick", "photos/01.png").status_code == 200
        assert time.monotonic() - start < 5
        time.sleep(0.5)
    daemon.wait_for(lambda: daemon.status()["connections"] < 20, "the slow ones to be gone")
    for s in clients:
        s.close()


def test_1000_idle_connections_stop_nobody(situd, photos, null_models):
    daemon = null(situd, photos, null_models(quick="sleep 0"))
    idle = [socket.create_connection(("127.0.0.1", daemon.port)) for _ in range(1000)]
    import requests
    for i in range(60):
        r = requests.get(f"{daemon.url}/v1/infer/quick/photos/{i % 20:02}.png", timeout=10)
        assert r.status_code == 200
    for s in idle:
        s.close()


def test_a_body_above_the_limit_is_refused(situd, photos, null_models):
    daemon = null(situd, photos, null_models(quick="sleep 0"), "--body-bytes", "1M")
    import requests
    r = requests.post(daemon.url + "/v1/infer/quick", data=b"x" * (2 << 20), timeout=20,
                      headers={"Content-Type": "application/octet-stream"})
    assert r.status_code == 413
    assert daemon.infer("quick", "photos/01.png").status_code == 200


def test_a_queue_above_its_limit_says_busy(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 100"), "--queue", "4")
    daemon.infer("slow", "photos/00.png")
    import requests

    def one(i):
        r = requests.get(f"{daemon.url}/v1/infer/slow/photos/{i % 20:02}.png", timeout=30)
        return r.status_code, r.headers.get("Retry-After")

    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(one, range(30)))
    assert {s for s, _ in answers} == {200, 429}
    assert all(retry == "1" for s, retry in answers if s == 429)
    assert sum(s == 200 for s, _ in answers) >= 5


def test_a_run_over_more_objects_than_the_queue_holds_waits_its_turn(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 5"), "--queue", "4")
    lines = daemon.run("slow", {"store": "photos", "prefix": ""})
    assert lines[-1]["done"]["failed"] == 0 and len(lines) == 22


def test_requests_get_past_a_running_bulk_run(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 30"))
    daemon.infer("slow", "photos/00.png")
    bulk = daemon.start_job("slow", {"keys": [f"photos/{n}" for n in NAMES * 200]})["id"]
    daemon.wait_for(lambda: daemon.job(bulk)["results"] > 0, "the run to be under way")
    before = daemon.job(bulk)["results"]
    for _ in range(10):
        assert daemon.infer("slow", "photos/03.png").status_code == 200
    # After the run's objects in flight, each would have waited for 64 of them.
    after = daemon.act(bulk, "cancel").json()
    assert after["state"] == "cancelled" and after["failed"] == 0
    assert after["results"] - before < 320


def test_sigterm_lets_running_requests_finish(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 1500"))
    daemon.infer("slow", "photos/00.png")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(daemon.infer, "slow", "photos/01.png")
        daemon.wait_for(lambda: daemon.status()["lanes_busy"] == 1,
                        "the object in a lane")
        workers = daemon.workers()
        start = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - start < 14
        assert running.result().status_code == 200
    for pid in workers:
        assert not pathlib.Path(f"/proc/{pid}").exists()


def is_alive(pid):
    """A dead process whose new parent does not collect it, as in some containers, does not count as alive."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_workers_die_with_a_killed_daemon(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 1"))
    daemon.infer("slow", "photos/00.png")
    workers = daemon.workers()
    assert workers
    daemon.process.kill()
    daemon.process.wait()
    deadline = time.monotonic() + 20
    while any(is_alive(pid) for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_client_that_leaves_takes_its_waiting_objects_along(situd, photos, null_models):
    daemon = null(situd, photos, null_models(slow="sleep 2000"), "--lanes", "3")
    daemon.infer("slow", "photos/00.png")
    sockets = []
    for i in range(40):
        s = socket.create_connection(("127.0.0.1", daemon.port))
        s.sendall(b"GET /v1/infer/slow/photos/%02d.png HTTP/1.1\r\nHost: localhost\r\n\r\n" % (i % 20))
        sockets.append(s)
    daemon.wait_for(lambda: daemon.status()["queue"] > 20, "a queue")
    for s in sockets:
        s.close()
    daemon.wait_for(lambda: daemon.status()["queue"] == 0, "the queue to empty", 10)  # otherwise 25 s
