# SPDX-License-Identifier: Apache-2.0
"""A kind of answer that exists only in tests, with the real daemon: what a new one gets without a change
elsewhere. Builds with -Dtest_backends=true have it (tools/configure asan)."""
import json

import pytest
from conftest import SITUD, grey_png

pytest.importorskip("PIL.Image")


@pytest.fixture
def daemon(situd, null_models, tmp_path):
    if b"top-left" not in SITUD.read_bytes():
        pytest.skip("this build has no kinds of answers for tests: configure it with "
                    "-Dtest_backends=true")
    models = null_models(pixel="sleep 0")
    (models / "pixel/situ.json").write_text(json.dumps({"task": "top-left"}))
    for value in (7, 200):
        grey_png(tmp_path / f"photos/{value}.png", value)
    return situd("--store", f"photos={tmp_path / 'photos'}", "--models", models,
                 "--engine", "null")


def pixel(value):
    return {"object": f"photos/{value}.png", "top_left": [value] * 4}


def test_it_is_made_kept_and_written(daemon):
    assert daemon.infer("pixel", "photos/7.png").json() == pixel(7)
    daemon.wait_for(lambda: daemon.get("/v1/cache").json()["entries"]["answers"] == 1,
                    "it to be kept")
    assert daemon.infer("pixel", "photos/7.png").json() == pixel(7)
    assert daemon.metrics()['situ_cache_hits_total{kind="answer"}'] == 1


def test_it_is_a_line_of_a_job(daemon, situ_cli):
    job = daemon.start_job("pixel", {"store": "photos"})
    daemon.wait_for_job(job["id"], "done")
    lines, _ = daemon.results(job["id"])
    assert lines == [pixel(200), pixel(7)]


def test_libsitu_reads_it(daemon, situ_cli):
    run = situ_cli(daemon, "infer", "pixel", "photos/7.png")
    assert run.returncode == 0, run.stderr
    assert "photos/7.png" in run.stdout
