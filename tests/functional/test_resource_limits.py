# SPDX-License-Identifier: Apache-2.0
"""situd under system limits: few descriptors, small files, more packages than it accepts."""

import os
import subprocess

import pytest

from conftest import SITUD, add_package, free_port, grey_png


@pytest.fixture
def store(tmp_path):
    grey_png(tmp_path / "photos/0.png", 0)
    return tmp_path / "photos"


def limited(kind, value):
    return ["prlimit", f"--{kind}={value}:{value}", "--"]


@pytest.mark.parametrize("descriptors", [256, 1023])
def test_workers_start_below_1024_descriptors(situd, store, null_models, descriptors):
    daemon = situd("--store", f"photos={store}", "--engine", "null", "--lanes", "3", "--models",
                   null_models(quick="sleep 0"), wrapper=limited("nofile", descriptors))
    r = daemon.infer("quick", "photos/0.png")
    assert r.status_code == 200, r.text + daemon.log()
    if descriptors == 256:
        assert "event=connections_cut" in daemon.log()


def test_too_few_descriptors_are_told_at_the_start(tmp_path, store):
    out = subprocess.run([*limited("nofile", 40), SITUD, "--state", tmp_path / "state", "--store",
                          f"p={store}", "--lanes", "3", "--listen", f"127.0.0.1:{free_port()}"],
                         capture_output=True, text=True, timeout=30)
    assert out.returncode == 1 and "open files" in out.stderr and "needs" in out.stderr, out


def test_a_limit_of_file_size_fails_writes_and_not_situd(situd, store, null_models):
    daemon = situd("--store", f"photos={store}", "--engine", "null", "--cache-size", "0", "--models",
                   null_models(quick="sleep 0"), wrapper=limited("fsize", 4096))
    # A worker's shared buffer is beyond it, and so is a package: each would end situd by SIGXFSZ.
    r = daemon.infer("quick", "photos/0.png")
    assert r.status_code == 503 and "File too large" in r.text, r.text
    (store.parent / "large").mkdir()
    (store.parent / "large/model.onnx").write_bytes(bytes(100_000))
    r = add_package(daemon, store.parent / "large", "large")
    assert r.status_code in (500, 507) and "File too large" in r.text, r.text
    assert daemon.process.poll() is None and daemon.status()


def test_more_packages_than_it_takes_leave_some_out_and_it_starts(situd, store, null_models):
    directory = null_models(a000="sleep 0")
    for i in range(1, 260):
        package = directory / f"a{i:03}"
        package.mkdir()
        for file in (directory / "a000").iterdir():
            os.link(file, package / file.name)
    (directory / "no name for a model").mkdir()
    os.link(directory / "a000/model.onnx", directory / "no name for a model/model.onnx")
    daemon = situd("--store", f"photos={store}", "--engine", "null", "--models", directory)
    names = [m["name"] for m in daemon.get("/v1/models").json()["models"]]
    assert names == [f"a{i:03}" for i in range(256)]
    log = daemon.log()
    assert log.count("event=model_left_out") == 4 and "model=a259" in log
    assert "no name for a model" in log
    assert daemon.infer("a255", "photos/0.png").status_code == 200
