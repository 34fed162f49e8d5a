# SPDX-License-Identifier: Apache-2.0
"""Conclusions from an output's shape about images and classes: rows that are recognised, outputs that cannot be
rows and are refused, names that an answer cannot contain."""

import math

import pytest
from conftest import grey_png

np = pytest.importorskip("numpy")
from onnx_packages import FLOAT, INT64, model_bytes, node, package  # noqa: E402

IMAGE = ("x", FLOAT, ["n", 3, 224, 224])
MEANS = [node("GlobalAveragePool", ["x"], ["p"]), node("Flatten", ["p"], ["f"])]

MODELS = {
    # No batch dimension: 0, m and 2m for a mean of m.
    "vector": model_bytes([*MEANS, node("Mul", ["f", "times"], ["m"]),
                           node("ReduceMean", ["m"], ["logits"], axes=[0], keepdims=0)],
                          [("x", FLOAT, [1, 3, 224, 224])], [("logits", FLOAT, [3])],
                          {"times": np.array([0, 1, 2], np.float32)}),
    "reduced": model_bytes([*MEANS, node("ReduceMean", ["f"], ["logits"], axes=[0], keepdims=0)],
                           [("x", FLOAT, [4, 3, 224, 224])], [("logits", FLOAT, [3])]),
    "map": model_bytes([node("ReduceMean", ["x"], ["heat"], axes=[1], keepdims=1)],
                       [IMAGE], [("heat", FLOAT, ["n", 1, 224, 224])]),
    "openmap": model_bytes([node("ReduceMean", ["x"], ["heat"], axes=[1], keepdims=1)],
                           [("x", FLOAT, ["n", 3, "h", "w"])], [("heat", FLOAT, ["n", 1, "h", "w"])]),
    # Its trials fail: they have no value above 2, so there is nothing to gather.
    "latemap": model_bytes(
        [node("ReduceMean", ["x"], ["heat"], axes=[1], keepdims=1),
         node("ReduceMax", ["x"], ["most"], axes=[1, 2, 3], keepdims=0),
         node("Greater", ["most", "two"], ["found"]), node("NonZero", ["found"], ["at"]),
         node("Gather", ["at", "zero"], ["row"]), node("Gather", ["row", "zero"], ["first"])],
        [("x", FLOAT, ["n", 3, "h", "w"])],
        [("heat", FLOAT, ["n", 1, "h", "w"]), ("first", INT64, [])],
        {"two": np.float32(2), "zero": np.array(0)}),
    "one": model_bytes([node("ReduceMean", ["x"], ["s"], axes=[1, 2, 3], keepdims=0),
                        node("Unsqueeze", ["s", "one"], ["score"])],
                       [IMAGE], [("score", FLOAT, ["n", 1])], {"one": np.ones(1, np.int64)}),
    "scalar": model_bytes([node("ReduceMean", ["x"], ["score"], keepdims=0)], [IMAGE],
                          [("score", FLOAT, [])]),
    "badname": model_bytes([*MEANS, node("Identity", ["f"], ["XYZ"])], [IMAGE],
                           [("XYZ", FLOAT, ["n", 3])]).replace(b"XYZ", b"\xff\xfe\x80"),
    "twins": model_bytes([*MEANS, node("Identity", ["f"], ["y"])], [IMAGE],
                         [("y", FLOAT, ["n", 3]), ("y", FLOAT, ["n", 3])]),
    "good": model_bytes([*MEANS, node("Mul", ["f", "times"], ["logits"])], [IMAGE],
                        [("logits", FLOAT, ["n", 3])], {"times": np.array([0, 1, 2], np.float32)}),
}


@pytest.fixture
def daemon(situd, tmp_path):
    for name, content in MODELS.items():
        package(tmp_path / "models" / name, content, "imagenet")
    package(tmp_path / "models/score", MODELS["one"], "imagenet", softmax=False)
    for name, value in (("a", 250), ("b", 10)):
        grey_png(tmp_path / f"photos/{name}.png", value, (32, 32))
    return situd("--store", f"photos={tmp_path / 'photos'}", "--models", tmp_path / "models")


def classify(daemon, model, count=1, classes=2):
    names = ["photos/a.png", "photos/b.png"][:count]
    parameters = {"parameters": {"classification": classes}} if classes else {}
    return daemon.post(f"/v2/models/{model}/infer", {
        "inputs": [{"name": "image", "datatype": "BYTES", "shape": [count], "data": names,
                    "parameters": {"stored_object": True}}],
        "outputs": [{"name": "logits", **parameters}]})


def test_a_vector_without_a_batch_is_one_row_of_classes(daemon):
    by_rows = daemon.infer("good", "photos/a.png").json()
    answer = daemon.infer("vector", "photos/a.png").json()
    assert len(answer["classes"]) == 3
    assert [c["index"] for c in answer["classes"]] == [2, 1, 0]
    assert math.isclose(sum(c["score"] for c in answer["classes"]), 1, rel_tol=1e-5)
    assert answer["classes"] == by_rows["classes"]
    r = classify(daemon, "vector", 2)
    assert r.status_code == 200, r.text
    assert r.json()["outputs"][0]["shape"] == [2, 2]
    assert r.json()["outputs"][0]["data"] == classify(daemon, "good", 2).json()["outputs"][0]["data"]
    assert classify(daemon, "vector", 1, 0).json()["outputs"][0]["shape"] == [3]
    r = classify(daemon, "vector", 2, 0)
    assert r.status_code == 422 and "no batch dimension" in r.json()["error"], r.text


@pytest.mark.parametrize("model,words", [
    ("reduced", ["'logits' is [3]", "batch is 4"]),
    ("map", ["'heat' is [1,1,224,224]", "one dimension beside the batch"]),
    ("openmap", ["'heat' is [1,1,224,224]", "one dimension beside the batch"]),
    ("one", ["'score'", "softmax"]),
    ("scalar", ["'score' is one value", "softmax"]),
    ("badname", ["output 1 is not UTF-8"]),
    ("twins", ["'y'"]),
])
def test_models_whose_outputs_cannot_be_told_are_refused(daemon, model, words):
    for r in (daemon.get(f"/v2/models/{model}"), daemon.infer(model, "photos/a.png")):
        assert r.status_code in (422, 503), r.text
        for word in words:
            assert word in r.json()["error"], r.text
    shown = daemon.get(f"/v1/models/{model}").json()
    assert shown["state"] == "failed" and words[0] in shown["reason"]


def test_a_map_that_shows_when_it_runs_fails_its_object(daemon):
    """Its trial runs failed, so its shape is unknown."""
    assert daemon.get("/v1/models/latemap").json()["notes"][0].startswith("not tried")
    r = daemon.infer("latemap", "photos/a.png")
    assert r.status_code == 422 and "'heat' is [1,1,224,224]" in r.json()["error"], r.text


def test_one_value_is_a_score_where_the_package_says_so(daemon):
    answer = daemon.infer("score", "photos/a.png").json()
    assert len(answer["classes"]) == 1 and answer["classes"][0]["score"] > 1.5
