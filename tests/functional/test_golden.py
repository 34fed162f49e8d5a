# SPDX-License-Identifier: Apache-2.0
"""Answers that programs read, byte for byte: V1, V2, the lines of a job, digests of packages.

The null engine over drawn pictures gives the same numbers on every machine. tests/golden/answers.json has the
requests and their answers. To record an intended change, set SITU_GOLDEN_WRITE=1, and check the difference
before committing it.
"""
import json
import os
import re

import pytest
import requests
from conftest import ROOT

Image = pytest.importorskip("PIL.Image")

GOLDEN = ROOT / "tests/golden/answers.json"
V2 = "/v2/models/quick/infer"
JSON = {"Content-Type": "application/json"}


def image(*names, **more):
    return {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [len(names)], "data": list(names),
                        "parameters": {"stored_object": True}}], **more}


# (method, path, body: JSON, or text for bytes)
ASKED = [
    ("GET", "/v1/infer/quick/photos/a.png", None),
    ("GET", "/v1/infer/quick/photos/a.png?top=2&labels=0", None),
    ("GET", "/v1/infer/quick/photos/broken.png", None),
    ("GET", "/v1/infer/quick/photos/none.png", None),
    ("GET", "/v1/infer/none/photos/a.png", None),
    ("GET", "/v1/infer/quick/photos/a.png?top=0", None),
    ("POST", "/v1/infer/quick?name=mine", "no image"),
    ("GET", "/v1/nothing", None),
    ("GET", "/v1/stores/photos/objects?limit=2", None),
    ("GET", "/v1/models/quick/labels", None),
    ("GET", "/v2/health/live", None),
    ("GET", "/v2/health/ready", None),
    ("GET", "/v2/models/quick/ready", None),
    ("POST", V2, image("photos/a.png")),
    ("POST", V2, image("photos/a.png", "photos/b.png", id="two",
                       outputs=[{"name": "logits", "parameters": {"classification": 2}}])),
    ("POST", V2, image("photos/a.png", outputs=[{"name": "logits", "parameters": {"binary_data": True}}])),
    ("POST", V2, image("photos/a.png", "photos/broken.png", parameters={"on_error": "partial"})),
    ("POST", V2, image("photos/broken.png")),
    ("POST", V2, {"inputs": []}),
]


@pytest.fixture
def daemon(situd, tmp_path, null_models):
    for name, shift in (("a", 0), ("b", 91)):
        picture = Image.new("RGB", (8, 8))
        picture.putdata([(x * 30 % 256, y * 25, (x * y + shift) % 256) for y in range(8) for x in range(8)])
        (tmp_path / "photos").mkdir(exist_ok=True)
        picture.save(tmp_path / f"photos/{name}.png")
    (tmp_path / "photos/broken.png").write_bytes(b"no image")
    return situd("--store", f"photos={tmp_path / 'photos'}", "--models", null_models(quick="sleep 0"),
                 "--engine", "null", "--cache-size", "0")


def said(response):
    kept = {name: response.headers[name] for name in ("Content-Type", "Inference-Header-Content-Length")
            if name in response.headers}
    body = re.sub(r'"(error|message)":"[^"]*"', r'"\1":"..."', response.content.decode("latin-1"))  # for people
    return {"status": response.status_code, "headers": kept, "body": body}


def ask(daemon, method, path, body):
    data = json.dumps(body) if isinstance(body, dict) else body
    headers = JSON if isinstance(body, dict) else {"Content-Type": "application/octet-stream"} if body else {}
    return said(requests.request(method, daemon.url + path, data=data, headers=headers, timeout=60))


def job_lines(daemon):
    id = daemon.start_job("quick", {"store": "photos"}, top=2)["id"]
    daemon.wait_for_job(id, "done")
    answer = said(daemon.get(f"/v1/jobs/{id}/results"))
    answer["body"] = re.sub(r'"bytes_read":\d+', '"bytes_read":0', answer["body"])  # as Pillow packs them
    return answer


def test_answers_keep_their_bytes(daemon):
    got = [{"asked": [method, path, body], **ask(daemon, method, path, body)} for method, path, body in ASKED]
    got.append({"asked": ["job"], **job_lines(daemon)})
    if os.environ.get("SITU_GOLDEN_WRITE"):
        GOLDEN.write_text(json.dumps(got, indent=1) + "\n")
    for wanted, mine in zip(json.loads(GOLDEN.read_text()), got, strict=True):
        assert mine == wanted


def test_packages_keep_their_digests(situd, tmp_path, demo_models):
    """Jobs and indexes name the model that they belong to by its digest."""
    (tmp_path / "photos").mkdir()
    daemon = situd("--store", f"photos={tmp_path / 'photos'}", "--models", demo_models)
    digests = {m["name"]: m["digest"] for m in daemon.get("/v1/models").json()["models"]}
    assert digests == {
        "demo": "54e8d39e0a7c3cd7172c3c3dab3352640fd703d4888bac6753e2f300bce3b2cb",
        "demo-features": "650ff532adbffb40aa7b806cc1e5d7995936747ad57f4a2a5740305ec7fc83f0"}
