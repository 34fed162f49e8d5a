# SPDX-License-Identifier: Apache-2.0
"""Errors in the state directory are reported to clients without its path; the log has it."""

import os
import shutil

import requests

from conftest import add_package, grey_png


def collect(daemon, *answers):
    texts = [r.text for r in answers]
    for path in ("/v1/jobs", "/v1/indexes", "/v1/models", "/v1/cache", "/v1/status", "/v1/models/quick",
                 "/v1/models/added", "/v2/models/added"):
        texts.append(daemon.get(path).text)
    return "\n".join(texts)


def test_failures_in_the_state_directory_do_not_name_it(situd, tmp_path, null_models):
    photos = tmp_path / "photos"
    for i in range(300):
        grey_png(photos / "0.png", 0) if i == 0 else os.link(photos / "0.png", photos / f"{i}{'n' * 200}.png")
    packages = null_models(quick="sleep 0")
    (packages / "large").mkdir()
    (packages / "large/model.onnx").write_bytes(bytes(100_000))
    state = tmp_path / "situd0/state"
    daemon = situd("--store", f"photos={photos}", "--engine", "null", "--models", packages / "quick",
                   "--cache-size", "0")
    assert add_package(daemon, packages / "quick", "added").status_code in (200, 201)
    daemon.stop()

    # Directories that became files, and a package that is gone.
    shutil.rmtree(state / "models/added/1")
    (state / "models/added/1").mkdir()
    (state / "models/added/1/model.onnx").symlink_to("/nowhere")
    daemon.start()
    for name in ("jobs", "models"):
        os.rename(state / name, state / f"{name}.aside")
        (state / name).write_text("not a directory")
    select = {"model": "quick", "select": {"store": "photos"}}
    answers = [add_package(daemon, packages / "large", "large"),
               add_package(daemon, packages / "quick", "other"),
               daemon.post("/v1/jobs", select),
               requests.post(daemon.url + "/v1/jobs?model=quick", data=b"photos/0.png\n", timeout=20,
                             headers={"Content-Type": "application/octet-stream"}),
               daemon.post("/v1/indexes", {"name": "i", "model": "quick", "select": {"store": "photos"}}),
               daemon.get("/v1/infer/added/photos/0.png"),
               daemon.session.delete(daemon.url + "/v1/models/added", timeout=20)]
    told_errors = [(r.status_code, r.text) for r in answers if r.status_code >= 400]
    assert len(told_errors) >= 6, [r.status_code for r in answers]
    told = collect(daemon, *answers)
    for name in ("jobs", "models"):
        os.unlink(state / name)
        os.rename(state / f"{name}.aside", state / name)
    assert str(tmp_path) not in told and str(state) not in told, told


def test_a_job_that_cannot_be_written_does_not_name_its_directory(situd, tmp_path, null_models):
    photos = tmp_path / "photos"
    grey_png(photos / "0.png", 0)
    daemon = situd("--store", f"photos={photos}", "--engine", "null", "--models", null_models(slow="sleep 100"),
                   "--cache-size", "0")
    for i in range(1, 40):
        os.link(photos / "0.png", photos / f"{i}.png")
    job = daemon.start_job("slow", {"store": "photos"})
    os.rename(tmp_path / "situd0/state/jobs" / job["id"], tmp_path / "aside")  # removed while in use
    daemon.act(job["id"], "pause")
    answers = [daemon.act(job["id"], "resume"), daemon.get(f"/v1/jobs/{job['id']}/results"),
               daemon.get(f"/v1/jobs/{job['id']}"), daemon.session.delete(
                   f"{daemon.url}/v1/jobs/{job['id']}", timeout=20)]
    assert str(tmp_path) not in "\n".join(r.text for r in answers), [r.text for r in answers]
