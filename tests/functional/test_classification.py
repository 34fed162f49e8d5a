# SPDX-License-Identifier: Apache-2.0
"""A classifier gives the answers of a Python pipeline in every form of request: drawn pictures with the
demo's model, compared with Pillow and numpy; photos with a real ImageNet model, compared with recorded answers.
"""

import base64
import csv
import json
import re
import struct
import subprocess
import urllib.parse

import pytest
from conftest import DEMO_MODELS

np = pytest.importorskip("numpy")
Image = pytest.importorskip("PIL.Image")


def tensor_of(path, wanted):
    """A picture prepared as the demo's package specifies: resized, rescaled, normalised; float32, nchw."""
    size = (wanted["size"]["width"], wanted["size"]["height"])
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB").resize(size, wanted["resample"]), np.float32)
    mean, std = (np.array(wanted[name], np.float32) for name in ("image_mean", "image_std"))
    return ((pixels * np.float32(wanted["rescale_factor"]) - mean) / std).transpose(2, 0, 1)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def probabilities(daemon, tensors):
    """The model's answer to tensors that were made here."""
    info = daemon.get("/v2/models/demo").json()["inputs"][0]
    binary = np.ascontiguousarray(tensors, "<f4").tobytes()
    head = json.dumps({"inputs": [{"name": info["name"], "datatype": info["datatype"],
                                   "shape": list(tensors.shape),
                                   "parameters": {"binary_data_size": len(binary)}}]}).encode()
    r = daemon.session.post(daemon.url + "/v2/models/demo/infer", data=head + binary, timeout=120,
                            headers={"Content-Type": "application/octet-stream",
                                     "Inference-Header-Content-Length": str(len(head))})
    assert r.status_code == 200, r.text
    output = r.json()["outputs"][0]
    return softmax(np.array(output["data"], np.float64).reshape(output["shape"]))


@pytest.fixture(scope="module")
def expected(corpus, shared_situd):
    """{name: [(class, score) * 5]}"""
    if corpus.recorded:
        with open(corpus.recorded) as f:
            rows = csv.DictReader(f, delimiter="\t")
            return {row["object"]: [(int(row[f"index{k}"]), float(row[f"score{k}"]))
                                    for k in range(1, 6)] for row in rows}
    wanted = json.loads((DEMO_MODELS / "demo/preprocessor_config.json").read_text())
    right = {}
    for at in range(0, len(corpus.paths), 32):
        some = corpus.paths[at:at + 32]
        rows = probabilities(shared_situd, np.stack([tensor_of(path, wanted) for path in some]))
        for path, row in zip(some, rows):
            right[path.name] = [(int(i), float(row[i])) for i in row.argsort()[::-1][:5]]
    return right


def check(classes, wanted):
    """Top-1 is equal, except for ties within 0.002; scores are within 0.01."""
    scores = dict(wanted)
    index, score = classes[0]
    if index != wanted[0][0]:
        assert wanted[0][1] - wanted[1][1] <= 0.002 and index == wanted[1][0]
    for index, score in classes:
        if index in scores:
            assert abs(score - scores[index]) <= 0.01
    assert [s for _, s in classes] == sorted((s for _, s in classes), reverse=True)


def pairs(line):
    return [(c["index"], c["score"]) for c in line["classes"]]


@pytest.mark.photos
def test_each_photo_by_its_own_request(shared_situd, corpus, expected):
    for name, wanted in expected.items():
        r = shared_situd.infer(corpus.model, f"photos/{name}")
        assert r.status_code == 200, r.text
        assert r.json()["object"] == f"photos/{name}"
        assert len(r.json()["classes"]) == 5
        check(pairs(r.json()), wanted)


@pytest.mark.photos
def test_a_whole_prefix_in_key_order(shared_situd, corpus, expected):
    lines = shared_situd.run(corpus.model, {"store": "photos", "prefix": ""}, top=5)
    job = lines[0]["job"]
    assert job["model"] == corpus.model and job["select"] == {"store": "photos", "prefix": ""}
    names = [line["object"] for line in lines[1:-1]]
    assert names == [f"photos/{n}" for n in sorted(expected, key=lambda n: n.encode())]
    for line in lines[1:-1]:
        check(pairs(line), expected[line["object"].removeprefix("photos/")])
    done = lines[-1]["done"]
    assert (done["state"], done["objects"], done["skipped"], done["failed"]) == ("done", 128, 0, 0)
    assert done["bytes_read"] == corpus.size_bytes


def v2(shared_situd, corpus, body, headers=None, raw=None):
    url = shared_situd.url + f"/v2/models/{corpus.model}/infer"
    if raw is not None:
        return shared_situd.session.post(url, data=raw, headers=headers, timeout=120)
    return shared_situd.session.post(url, json=body, timeout=120)


def parse_classification(output, count):
    assert output["datatype"] == "BYTES" and output["shape"] == [count, 5]
    rows = [output["data"][i * 5:(i + 1) * 5] for i in range(count)]
    return [[(int(e.split(":")[1]), float(e.split(":")[0])) for e in row] for row in rows]


def output_name(shared_situd, corpus):
    return shared_situd.get(f"/v2/models/{corpus.model}").json()["outputs"][0]["name"]


@pytest.mark.photos
def test_v2_with_stored_names(shared_situd, corpus, expected):
    names = list(expected)[:100]
    r = v2(shared_situd, corpus, {
        "id": "q1",
        "inputs": [{"name": "image", "datatype": "BYTES", "shape": [len(names)],
                    "parameters": {"stored_object": True},
                    "data": [f"photos/{n}" for n in names]}],
        "outputs": [{"name": output_name(shared_situd, corpus), "parameters": {"classification": 5}}]})
    assert r.status_code == 200, r.text
    assert r.json()["id"] == "q1" and r.json()["model_name"] == corpus.model
    for classes, name in zip(parse_classification(r.json()["outputs"][0], len(names)), names):
        check(classes, expected[name])


@pytest.mark.photos
def test_v2_with_images_in_base64(shared_situd, corpus, expected):
    names = list(expected)[:8]
    r = v2(shared_situd, corpus, {
        "inputs": [{"name": "image", "datatype": "BYTES", "shape": [8],
                    "parameters": {"encoding": "base64"},
                    "data": [base64.b64encode((corpus.photos / n).read_bytes()).decode()
                             for n in names]}],
        "outputs": [{"name": output_name(shared_situd, corpus), "parameters": {"classification": 5}}]})
    assert r.status_code == 200, r.text
    for classes, name in zip(parse_classification(r.json()["outputs"][0], 8), names):
        check(classes, expected[name])


@pytest.mark.photos
def test_v2_with_binary_data_in_and_out(shared_situd, corpus, expected):
    names = list(expected)[8:12]
    binary = b"".join(struct.pack("<I", len(b)) + b for b in
                      ((corpus.photos / n).read_bytes() for n in names))
    head = json.dumps({
        "inputs": [{"name": "image", "datatype": "BYTES", "shape": [4],
                    "parameters": {"binary_data_size": len(binary)}}],
        "outputs": [{"name": output_name(shared_situd, corpus), "parameters": {"binary_data": True}}],
    }).encode()
    r = v2(shared_situd, corpus, None, raw=head + binary, headers={
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head))})
    assert r.status_code == 200, r.text
    size = int(r.headers["Inference-Header-Content-Length"])
    output = json.loads(r.content[:size])["outputs"][0]
    kinds = {"FP32": np.float32, "FP16": np.float16}
    values = np.frombuffer(r.content[size:], kinds[output["datatype"]]).reshape(output["shape"])
    assert values.shape[0] == 4
    rows = values.reshape(4, -1).astype(float)
    if not corpus.recorded:  # the demo's model ends with logits
        rows = softmax(rows)
    for row, name in zip(rows, names):
        best = row.argsort()[::-1][:5]
        check([(int(i), float(row[i])) for i in best], expected[name])


@pytest.mark.photos
def test_the_model_takes_its_own_tensor(shared_situd, corpus):
    info = shared_situd.get(f"/v2/models/{corpus.model}").json()["inputs"][0]
    shape = [max(1, dim) for dim in info["shape"]]
    size = int(np.prod(shape)) * {"FP32": 4, "FP16": 2}[info["datatype"]]
    head = json.dumps({"inputs": [{"name": info["name"], "datatype": info["datatype"],
                                   "shape": shape,
                                   "parameters": {"binary_data_size": size}}]}).encode()
    r = v2(shared_situd, corpus, None, raw=head + bytes(size), headers={
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head))})
    assert r.status_code == 200, r.text
    values = np.array(r.json()["outputs"][0]["data"])
    assert len(values) == (1000 if corpus.recorded else 12)
    assert abs((values if corpus.recorded else softmax(values[None])).sum() - 1) < 0.02
    assert np.isfinite(values).all()


@pytest.mark.photos
def test_bytes_in_hand_by_post(shared_situd, corpus, expected):
    name = list(expected)[20]
    r = shared_situd.session.post(
        shared_situd.url + f"/v1/infer/{corpus.model}?top=5&name=mine.jpg",
        data=(corpus.photos / name).read_bytes(),
        headers={"Content-Type": "application/octet-stream"}, timeout=60)
    assert r.status_code == 200, r.text
    assert r.json()["object"] == "mine.jpg"
    check(pairs(r.json()), expected[name])


@pytest.mark.photos
def test_curl_over_the_unix_socket(shared_situd, corpus, expected):
    name = list(expected)[30]
    out = subprocess.run(
        ["curl", "-sS", "--unix-socket", str(shared_situd.socket),
         f"http://situ/v1/infer/{corpus.model}/photos/" + urllib.parse.quote(name)],
        capture_output=True, text=True, timeout=60)
    assert out.returncode == 0, out.stderr
    check(pairs(json.loads(out.stdout)), expected[name])


def curl_v2(shared_situd, corpus, body, *headers):
    out = subprocess.run(
        ["curl", "-sS", "--fail-with-body", "--data-binary", "@-",
         *(part for header in headers for part in ("-H", header)),
         f"{shared_situd.url}/v2/models/{corpus.model}/infer"],
        input=body, capture_output=True, timeout=120)
    assert out.returncode == 0, (out.stderr, out.stdout[:500])
    return json.loads(out.stdout)["outputs"][0]


@pytest.mark.photos
def test_curl_gets_the_same_answers_by_names_base64_and_binary_data(shared_situd, corpus, expected):
    """The three forms of a V2 request, each with all photos, as sent with curl."""
    names = sorted(expected)
    photos = [(corpus.photos / name).read_bytes() for name in names]
    outputs = [{"name": output_name(shared_situd, corpus), "parameters": {"classification": 5}}]

    def request(parameters, **content):
        return json.dumps({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [len(names)],
                                       "parameters": parameters, **content}],
                           "outputs": outputs}).encode()

    by_name = curl_v2(shared_situd, corpus, request({"stored_object": True},
                                            data=[f"photos/{name}" for name in names]),
                      "Content-Type: application/json")
    in_json = curl_v2(shared_situd, corpus, request({"encoding": "base64"},
                                            data=[base64.b64encode(p).decode() for p in photos]),
                      "Content-Type: application/json")
    binary = b"".join(struct.pack("<I", len(photo)) + photo for photo in photos)
    head = request({"binary_data_size": len(binary)})
    in_binary = curl_v2(shared_situd, corpus, head + binary, "Content-Type: application/octet-stream",
                        f"Inference-Header-Content-Length: {len(head)}")
    assert len(names) == 128
    for classes, name in zip(parse_classification(by_name, len(names)), names):
        check(classes, expected[name])
    assert in_json == by_name
    assert in_binary == by_name


@pytest.mark.photos
def test_names_given_one_by_one_keep_their_order(shared_situd, corpus, expected):
    names = [f"photos/{n}" for n in list(expected)[5:0:-1]] + ["photos/no-such.jpg"]
    lines = shared_situd.run(corpus.model, {"keys": names}, top=1, output={"labels": False})
    assert [line.get("object") for line in lines[1:-1]] == names
    assert lines[-2]["error"]["code"] == "not_found"
    assert "label" not in lines[1]["classes"][0]
    assert lines[-1]["done"]["failed"] == 1


@pytest.mark.photos
def test_the_cli_classifies_all_photos(shared_situd, situ_cli, corpus, expected):
    out = situ_cli(shared_situd, "infer", corpus.model, "photos/", "--top", "1", "--format",
                   "jsonl")
    assert out.returncode == 0, out.stderr
    lines = [json.loads(line) for line in out.stdout.splitlines()]
    assert len(lines) == 128
    for line in lines:
        check(pairs(line), expected[line["object"].removeprefix("photos/")])
    closing = out.stderr.strip().splitlines()[-1]
    assert closing.startswith(f"128 objects, {corpus.size_bytes / 1e6:.1f} MB read on the array, ")
    kilobytes, share = re.search(r"([\d.]+) kB over the network \(([\d.]+) % less\)", closing).groups()
    assert float(kilobytes) < 22
    assert abs(float(share) - 100 * (1 - float(kilobytes) * 1e3 / corpus.size_bytes)) < 0.02
