# SPDX-License-Identifier: Apache-2.0
"""Objects that need more memory than there is, and workers that are killed: other objects are answered, and no
job waits."""

import concurrent.futures
import os
import signal
import threading

import pytest
import requests
from conftest import grey_png

pytest.importorskip("PIL.Image")

# A lossless WebP of 13,376 x 13,376 in 88 bytes: decoding it takes 700 MB.
BIG_WEBP = bytes.fromhex("5249464650000000574542505650384c440000002f3ff40f0d888808") + bytes(60)


@pytest.fixture
def photos(tmp_path):
    """Twenty grey pictures; among them, in the order of names, two big ones."""
    for value in range(20):
        grey_png(tmp_path / f"photos/{value:02}.png", value)
    for i in (3, 4):
        (tmp_path / f"photos/{i:02}-big.webp").write_bytes(BIG_WEBP)
    return tmp_path / "photos"


def null(situd, photos, models, *args):
    return situd("--store", f"photos={photos}", "--models", models, "--engine", "null",
                 "--cache-size", "0", *args)


def run_and_ask(daemon, model, singles):
    """A job over all photos, while single requests use big ones: its lines by name, its end and the statuses."""
    def ask(i):
        return requests.get(f"{daemon.url}/v1/infer/{model}/photos/{i:02}-big.webp", timeout=60)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(ask, i) for i in singles]
        lines = daemon.run(model, {"store": "photos"})
        answers = [future.result() for future in asked]
    results = [line for line in lines if "object" in line]
    assert len({line["object"] for line in results}) == len(results) == 22
    assert "event=job_paused" not in daemon.log()
    return {line["object"].split("/")[1]: line for line in results}, lines[-1]["done"], answers


def test_what_an_object_needs_alone_it_gets(situd, photos, null_models):
    """Two big ones together need more than a worker may use; each alone does not."""
    daemon = null(situd, photos, null_models(quick="sleep 0"))
    results, end, answers = run_and_ask(daemon, "quick", [4])
    assert (end["state"], end["failed"]) == ("done", 0), results
    assert [r.status_code for r in answers] == [200], [r.text for r in answers]


def test_what_needs_more_than_a_worker_has_fails_alone(situd, photos, null_models):
    if "SITU_SANITIZER" in os.environ:
        pytest.skip("a sanitizer's worker has no limit of its address space")
    daemon = null(situd, photos, null_models(quick="sleep 0"), "--worker-memory", "900M",
                  "--lanes", "2")
    results, end, answers = run_and_ask(daemon, "quick", [3, 4])
    failed = {name: line["error"] for name, line in results.items() if "error" in line}
    assert sorted(failed) == ["03-big.webp", "04-big.webp"]
    assert {error["code"] for error in failed.values()} == {"too_large"}, failed
    assert "worker_memory" in failed["03-big.webp"]["message"]
    assert (end["state"], end["failed"]) == ("done", 2)
    for r in answers:
        assert (r.status_code, r.json()["code"]) == (413, "too_large"), r.text
    r = daemon.get("/v1/thumbnails/photos/03-big.webp")
    assert (r.status_code, r.json()["code"]) == (413, "too_large"), r.text
    assert daemon.status()["workers_restarted"] == 0


def test_a_worker_that_somebody_ends_blames_no_object(situd, photos, null_models):
    """Also if an object was alone in it already: two crashes in a row are no proof either."""
    for path in photos.glob("*.webp"):
        path.unlink()
    daemon = null(situd, photos, null_models(slow="sleep 60"))
    daemon.infer("slow", "photos/00.png")
    stop = threading.Event()

    def ender():
        while not stop.wait(0.3):
            for pid in daemon.workers():
                try:
                    os.kill(pid, signal.SIGTERM)
                except ProcessLookupError:
                    pass

    thread = threading.Thread(target=ender)
    thread.start()
    try:
        lines = daemon.run("slow", {"store": "photos"})
    finally:
        stop.set()
        thread.join()
    results = [line for line in lines if "object" in line]
    assert len(results) == 20
    assert not [line for line in results if "error" in line], results
    assert daemon.status()["workers_restarted"] >= 1
