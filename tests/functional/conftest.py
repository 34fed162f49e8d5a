# SPDX-License-Identifier: Apache-2.0
"""The real daemon, the real worker, real models: fixtures for the functional tests.

$SITU_BUILD is the build directory (default: build). The demo's program draws the pictures, and the demo's
models classify them. Tests marked `photos` run a second time, on photos with SqueezeNet, if $SITU_TEST_DATA
(default: ../shared/data beside the checkout) has photos, squeezenet and expected. Tests whose data is missing
are skipped with a message.
"""

import fcntl
import io
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tarfile
import time
import urllib.parse

import pytest
import requests

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SITU_BUILD", ROOT / "build")).resolve()
DATA = pathlib.Path(os.environ.get("SITU_TEST_DATA", ROOT.parent / "shared" / "data"))
SITUD = BUILD / "src/daemon/situd"
SITU = BUILD / "src/cli/situ"
DEMO_MODELS = ROOT / "demo/models"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ThreadSanitizer checks situd with the null engine. ONNX Runtime is not built with it, and its threads would be
# reported as races.
NEEDS_ONNX_RUNTIME = {"corpus", "demo_models", "shared_situd"}


def pytest_collection_modifyitems(config, items):
    if os.environ.get("SITU_SANITIZER") == "tsan":
        left_out = [item for item in items if NEEDS_ONNX_RUNTIME & set(item.fixturenames)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_configure(config):
    config.addinivalue_line("markers", "photos: runs a second time on real photos, where they are")
    config.without_photos = set()


def pytest_generate_tests(metafunc):
    """A test with a corpus runs on drawn pictures and, if marked `photos`, also on photos; without photos, one
    skipped test in each file says so."""
    if "corpus" not in metafunc.fixturenames:
        return
    sets = ["drawn"]
    if metafunc.definition.get_closest_marker("photos"):
        file = metafunc.module.__name__
        if (DATA / "squeezenet/model.onnx").exists():
            sets.append("photos")
        elif file not in metafunc.config.without_photos:
            metafunc.config.without_photos.add(file)
            sets.append(pytest.param("photos", marks=pytest.mark.skip(
                f"no photos in {DATA} (set SITU_TEST_DATA): {file} runs on drawn pictures alone")))
    metafunc.parametrize("corpus", sets, indirect=True, scope="session")


class Daemon:
    """A running situd. `url` for requests, `log()` for what it wrote."""

    def __init__(self, directory, args, wrapper=(), env=None, program=SITUD):
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.socket = directory / "situd.sock"
        self.logfile = directory / "situd.log"
        self.command = [*map(str, wrapper), str(program), "--state", str(directory / "state"),
                        "--listen", f"127.0.0.1:{self.port}", "--listen", f"unix:{self.socket}",
                        *map(str, args)]
        self.env = {**os.environ, **(env or {})}
        self.start()

    def start(self):
        """Also again after stop() or kill(), on the same state and port."""
        before = len(self.log())
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL,
                                        stderr=open(self.logfile, "ab"), env=self.env)
        self.session = requests.Session()
        deadline = time.monotonic() + 30
        while "event=ready" not in self.log()[before:]:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"situd did not start: {self.command}\n{self.log()}")
            time.sleep(0.02)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.session.close()

    def log(self):
        return self.logfile.read_text(errors="replace") if self.logfile.exists() else ""

    def get(self, path, **kw):
        return self.session.get(self.url + path, timeout=kw.pop("timeout", 60), **kw)

    def infer(self, model, name, **query):
        return self.get(f"/v1/infer/{model}/{urllib.parse.quote(name)}", params=query)

    def post(self, path, body, **kw):
        return self.session.post(self.url + path, json=body, timeout=kw.pop("timeout", 60), **kw)

    def run(self, model, select, **options):
        """All lines of a followed job: the job, its results, and how it ended."""
        r = requests.post(self.url + "/v1/jobs?follow=1", timeout=options.pop("timeout", 60),
                          json={"model": model, "select": select, **options})
        r.raise_for_status()
        return [json.loads(line) for line in r.content.splitlines() if line]

    def start_job(self, model, select, **options):
        """The job object."""
        r = self.post("/v1/jobs", {"model": model, "select": select, **options})
        assert r.status_code in (200, 201), r.text
        return r.json()

    def job(self, id):
        r = self.get(f"/v1/jobs/{id}")
        assert r.status_code == 200, r.text
        return r.json()

    def act(self, id, action):
        return self.post(f"/v1/jobs/{id}/{action}", {})

    def results(self, id, **query):
        """All lines with results, and the last line, which is not one."""
        r = requests.get(f"{self.url}/v1/jobs/{id}/results", params=query, timeout=60)
        assert r.status_code == 200, r.text
        lines = [json.loads(line) for line in r.content.splitlines() if line]
        return [line for line in lines if "object" in line], lines[-1]

    def wait_for_job(self, id, state, seconds=30):
        self.wait_for(lambda: self.job(id)["state"] == state, f"job {id} to be {state}", seconds)
        return self.job(id)

    def status(self):
        return self.get("/v1/status").json()

    def metrics(self):
        values = {}
        for line in self.get("/metrics").text.splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                values[name] = float(value)
        return values

    def workers(self):
        """Ids of the worker processes; the daemon has no other children."""
        children = []
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            try:
                children += [int(pid) for pid in task.read_text().split()]
            except OSError:
                pass  # that thread has just ended
        return sorted(children)

    def wait_for(self, condition, what, seconds=20):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"waited {seconds} s for {what}\n{self.log()}"
            time.sleep(0.02)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        self.session.close()
        return self.process.returncode


def sanitizer_report(log):
    return re.search(r"(AddressSanitizer|ThreadSanitizer|runtime error|LeakSanitizer).*", log)


@pytest.fixture
def situd(tmp_path):
    """situd(*args) starts a daemon in a directory of its own; all end with the test."""
    daemons = []

    def start(*args, wrapper=(), env=None):
        directory = tmp_path / f"situd{len(daemons)}"
        directory.mkdir()
        daemons.append(Daemon(directory, args, wrapper, env))
        return daemons[-1]

    yield start
    for daemon in daemons:
        daemon.stop()
        report = sanitizer_report(daemon.log())
        assert not report, f"{report.group(0)}\n{daemon.log()}"


@pytest.fixture(scope="session")
def demo_models():
    for name in ("demo", "demo-features"):
        if not (DEMO_MODELS / name / "model.onnx").exists():
            pytest.skip(f"demo/models/{name} is missing")
    return DEMO_MODELS


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """128 drawn pictures: once for all of pytest-xdist's processes."""
    program = BUILD / "demo/situ-draw"
    if not program.exists():
        pytest.skip("situ-draw is not built")
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    pictures = base / "drawn-pictures"
    with open(base / "drawn-pictures.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not pictures.exists():
            unfinished = base / "drawn-pictures.unfinished"
            subprocess.run([program, "--count", "128", "--seed", "5", "--size", "200-500",
                            "--out", unfinished], check=True, timeout=120,
                           stdout=subprocess.DEVNULL)
            unfinished.rename(pictures)
    return pictures


class Corpus:
    """128 pictures, and the directory and name of the model that classifies them. `recorded` is the
    file of right answers, None for drawn pictures."""

    def __init__(self, photos, models, model, recorded=None):
        self.photos = photos
        self.models = models
        self.model = model
        self.recorded = recorded
        self.paths = sorted(photos.iterdir(), key=lambda path: os.fsencode(path.name))
        self.names = [path.name for path in self.paths]
        self.size_bytes = sum(path.stat().st_size for path in self.paths)
        assert len(self.names) == 128


@pytest.fixture(scope="session")
def photo_corpus(tmp_path_factory):
    if not (DATA / "squeezenet/model.onnx").exists():
        pytest.skip(f"no photos in {DATA}; set SITU_TEST_DATA")
    models = tmp_path_factory.mktemp("models")
    shutil.copytree(DATA / "squeezenet", models / "squeezenet")
    return Corpus(DATA / "photos", models, "squeezenet", DATA / "expected/squeezenet-top5.tsv")


@pytest.fixture(scope="session")
def corpus(request):
    """See pytest_generate_tests."""
    if request.param == "photos":
        return request.getfixturevalue("photo_corpus")
    return Corpus(request.getfixturevalue("drawn"), request.getfixturevalue("demo_models"), "demo")


@pytest.fixture(scope="session")
def shared_situd(tmp_path_factory, corpus):
    """One daemon for all tests that only send requests. It has no cache, so every request is inferred."""
    daemon = Daemon(tmp_path_factory.mktemp("shared"),
                    ["--store", f"photos={corpus.photos}", "--models", corpus.models,
                     "--cache-size", "0"])
    yield daemon
    assert daemon.stop() == 0
    report = sanitizer_report(daemon.log())
    assert not report, daemon.log()


@pytest.fixture
def null_models(tmp_path):
    """null_models(name=text, ...) makes packages for the null engine: 8 x 8 RGB, raw 0..255."""

    def make(**texts):
        directory = tmp_path / "null-models"
        for name, text in texts.items():
            package = directory / name
            package.mkdir(parents=True)
            (package / "model.onnx").write_text(text)
            (package / "config.json").write_text(json.dumps({
                "architectures": ["NullForImageClassification"], "model_type": "null",
                "id2label": {str(i): f"quarter {i}" for i in range(4)}}))
            (package / "preprocessor_config.json").write_text(json.dumps({
                "image_processor_type": "ViTImageProcessor", "do_resize": True,
                "size": {"height": 8, "width": 8}, "resample": 0, "do_rescale": False,
                "do_normalize": False}))
        return directory

    return make


def add_package(daemon, package, name):
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as t:
        for file in sorted(package.iterdir()):
            t.add(file, file.name)
    return requests.put(f"{daemon.url}/v1/models/{name}", data=tar.getvalue(), timeout=60,
                        headers={"Content-Type": "application/octet-stream"})


def grey_png(path, value, size=(8, 8)):
    """A picture with `value` everywhere; the null engine's crash_from and hang_from compare it."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, value, value)).save(path, "PNG")
    return path


@pytest.fixture(scope="session")
def situ_cli():
    def run(daemon, *args, input=None, timeout=120, address=None):
        return subprocess.run([str(SITU), "--array", address or daemon.url, *map(str, args)],
                              input=input, capture_output=True, text=True, timeout=timeout)
    return run
