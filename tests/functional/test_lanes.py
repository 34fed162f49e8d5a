# SPDX-License-Identifier: Apache-2.0
"""Lanes and cores: at most one object for each core, unless a lane can only wait."""
import concurrent.futures
import os
import time

import pytest
from conftest import grey_png


@pytest.fixture
def one_core():
    core = min(os.sched_getaffinity(0))
    return ["taskset", "-c", str(core)]


def test_an_object_that_hangs_does_not_take_the_only_core(situd, null_models, tmp_path, one_core):
    grey_png(tmp_path / "photos/good.png", 10)
    grey_png(tmp_path / "photos/bad.png", 250)
    models = null_models(hangs="hang_from 200", other="")
    daemon = situd("--engine", "null", "--models", models, "--object-seconds", "12",
                   "--store", f"photos={tmp_path / 'photos'}", "--cache-size", "0", wrapper=one_core)
    assert daemon.status()["cores"] == 1
    daemon.infer("other", "photos/good.png").raise_for_status()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        hung = pool.submit(daemon.infer, "hangs", "photos/bad.png")
        daemon.wait_for(lambda: daemon.status()["lanes_busy"] == 1, "the object to hang")
        start = time.monotonic()
        daemon.infer("other", "photos/good.png").raise_for_status()
        assert time.monotonic() - start < 8
        assert not hung.done()
        assert hung.result().status_code == 504


def test_cold_photos_are_read_while_others_are_inferred(situd, corpus, tmp_path, one_core):
    """Objects that must be read from the disk: the extra lane is used, nothing is lost."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for path in corpus.paths:
        copy = photos / path.name
        copy.write_bytes(path.read_bytes())
        with open(copy, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    daemon = situd("--store", f"photos={photos}", "--models", corpus.models, "--cache-size", "0",
                   wrapper=one_core)
    lines = daemon.run(corpus.model, {"store": "photos"}, top=1)
    names = [line["object"] for line in lines if "classes" in line]
    assert names == [f"photos/{name}" for name in sorted(os.listdir(photos))]
