# SPDX-License-Identifier: Apache-2.0
"""Models that do not run on blank inputs are accepted, marked as untried with the engine's reason, and
give right answers for suitable inputs. A model that crashes or runs out of memory in its trial is refused.
"""

import os

import pytest
from conftest import grey_png

np = pytest.importorskip("numpy")
from onnx_packages import FLOAT, INT64, model_bytes, node, package  # noqa: E402

MODELS = {
    "slice": model_bytes([node("Slice", ["x", "starts", "ends", "axes", "steps"], ["y"])],
                         [("x", FLOAT, [20, 10, 5]),
                          *((n, INT64, [2]) for n in ("starts", "ends", "axes", "steps"))],
                         [("y", FLOAT, None)]),
    "slice_open": model_bytes([node("Slice", ["x", "starts", "ends", "axes", "steps"], ["y"])],
                              [("x", FLOAT, ["n"]),
                               *((n, INT64, [1]) for n in ("starts", "ends", "axes", "steps"))],
                              [("y", FLOAT, None)]),
    "resize": model_bytes([node("Resize", ["x", "", "", "sizes"], ["y"], mode="nearest")],
                          [("x", FLOAT, ["b", 1, 2, 2]), ("sizes", INT64, [4])],
                          [("y", FLOAT, None)]),
    "divide": model_bytes([node("Mod", ["a", "b"], ["y"])],
                          [("a", INT64, [2]), ("b", INT64, [2])], [("y", INT64, [2])]),
    "expand": model_bytes([node("Expand", ["x", "shape"], ["y"])],
                          [("x", FLOAT, [1, 3, 1]), ("shape", INT64, [2])], [("y", FLOAT, None)]),
    # An image model that gathers pixels that are not black: a blank picture has none.
    "finds": model_bytes([node("ReduceMax", ["x"], ["m"], axes=[1, 2, 3], keepdims=0),
                          node("NonZero", ["m"], ["at"]), node("Gather", ["at", "zero"], ["row"]),
                          node("Gather", ["row", "zero"], ["first"]), node("Gather", ["x", "first"], ["p"]),
                          node("ReduceMean", ["p"], ["s"], axes=[1, 2], keepdims=0),
                          node("Unsqueeze", ["s", "zero1"], ["r"]), node("Softmax", ["r"], ["logits"])],
                         [("x", FLOAT, ["n", 3, 8, 8])], [("logits", FLOAT, [1, 3])],
                         {"zero": np.array(0), "zero1": np.array([0])}),
    # 256 TiB in between, more than any process can have.
    "greedy": model_bytes([node("Expand", ["x", "shape"], ["e"]), node("ReduceSum", ["e"], ["y"], keepdims=0)],
                          [("x", FLOAT, [1])], [("y", FLOAT, [])],
                          {"shape": np.array([1 << 23, 1 << 23])}),
}


@pytest.fixture
def daemon(situd, tmp_path):
    for name, content in MODELS.items():
        package(tmp_path / "models" / name, content, "raw" if name == "finds" else "tensor")
    (tmp_path / "models/finds/situ.json").unlink()
    (tmp_path / "models/finds/config.json").write_text(
        '{"architectures":["XForImageClassification"],"model_type":"x"}')
    (tmp_path / "models/finds/preprocessor_config.json").write_text(
        '{"image_processor_type":"ViTImageProcessor","do_resize":true,"resample":0,'
        '"size":{"height":8,"width":8},"do_rescale":false,"do_normalize":false}')
    grey_png(tmp_path / "photos/a.png", 200)
    return situd("--store", f"photos={tmp_path / 'photos'}", "--models", tmp_path / "models")


def infer(daemon, model, **inputs):
    kinds = {"float32": "FP32", "int64": "INT64"}
    r = daemon.post(f"/v2/models/{model}/infer", {"inputs": [
        {"name": n, "datatype": kinds[str(a.dtype)], "shape": list(a.shape), "data": a.ravel().tolist()}
        for n, a in inputs.items()]})
    assert r.status_code == 200, r.text
    output = r.json()["outputs"][0]
    return np.array(output["data"]).reshape(output["shape"])


def ints(*values):
    return np.array(values, np.int64)


def test_models_that_do_not_run_on_zeros_are_not_tried_and_work(daemon):
    for model, word in (("slice", "Slice"), ("slice_open", "'x' has open dimensions"),
                        ("resize", "'x' has open dimensions"), ("divide", "")):
        shown = daemon.get(f"/v1/models/{model}").json()
        assert shown["state"] == "ready" and shown["run_ms"] == 0, shown
        note, = shown["notes"]
        assert note.startswith("not tried: ") and word in note and len(note) > 20, note
    x = np.arange(1000, dtype=np.float32).reshape(20, 10, 5)
    y = infer(daemon, "slice", x=x, starts=ints(0, 0), ends=ints(3, 10), axes=ints(0, 1), steps=ints(1, 1))
    assert (y == x[0:3, 0:10]).all()
    line = np.arange(9, dtype=np.float32)
    y = infer(daemon, "slice_open", x=line, starts=ints(1), ends=ints(8), axes=ints(0), steps=ints(3))
    assert (y == line[1:8:3]).all()
    square = np.arange(4, dtype=np.float32).reshape(1, 1, 2, 2)
    y = infer(daemon, "resize", x=square, sizes=ints(1, 1, 4, 4))
    assert (y == square.repeat(2, 2).repeat(2, 3)).all()
    assert (infer(daemon, "divide", a=ints(7, 9), b=ints(4, 5)) == [3, 4]).all()
    three = np.arange(3, dtype=np.float32).reshape(1, 3, 1)
    assert infer(daemon, "expand", x=three, shape=ints(3, 4)).shape == (1, 3, 4)


def test_an_image_model_that_finds_nothing_in_a_blank_picture_is_tried_on_another(daemon):
    shown = daemon.get("/v1/models/finds").json()
    assert shown["state"] == "ready" and shown["run_ms"] > 0, shown
    assert not [n for n in shown["notes"] if n.startswith("not tried")]
    answer = daemon.infer("finds", "photos/a.png").json()
    assert abs(sum(c["score"] for c in answer["classes"]) - 1) < 1e-5, answer  # no second softmax
    assert abs(answer["classes"][0]["score"] - 1 / 3) < 1e-5


@pytest.mark.skipif("SITU_SANITIZER" in os.environ, reason="the sanitizer ends whoever asks for so much")
def test_a_trial_that_lacks_memory_is_a_refusal(daemon):
    shown = daemon.get("/v1/models/greedy").json()
    assert shown["state"] == "failed" and "Alloc" in shown["reason"], shown
