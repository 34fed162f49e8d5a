# SPDX-License-Identifier: Apache-2.0
"""What Triton's Python and C++ HTTP clients send, byte for byte, and what they must get for it."""


import pytest
from conftest import grey_png

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper  # noqa: E402

ROWS = [list(range(16)), [1] * 16]


@pytest.fixture(scope="module")
def simple(tmp_path_factory):
    """The model of Triton's examples: two inputs of 16 integers, their sum and their difference."""
    directory = tmp_path_factory.mktemp("models")
    package = directory / "simple"
    package.mkdir()
    kinds = {n: helper.make_tensor_value_info(n, TensorProto.INT32, ["n", 16])
             for n in ("INPUT0", "INPUT1", "OUTPUT0", "OUTPUT1")}
    graph = helper.make_graph([helper.make_node("Add", ["INPUT0", "INPUT1"], ["OUTPUT0"]),
                               helper.make_node("Sub", ["INPUT0", "INPUT1"], ["OUTPUT1"])], "g",
                              [kinds["INPUT0"], kinds["INPUT1"]],
                              [kinds["OUTPUT0"], kinds["OUTPUT1"]])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    (package / "model.onnx").write_bytes(model.SerializeToString())
    (package / "situ.json").write_text('{"preset": "tensor"}')
    return directory


def in_json(rows=ROWS, **more):
    return {"inputs": [{"name": f"INPUT{i}", "shape": [1, 16], "datatype": "INT32", "data": rows[i]}
                       for i in range(2)], **more}


def test_an_output_in_shared_memory_is_refused(situd, simple):
    daemon = situd("--models", simple)
    r = daemon.post("/v2/models/simple/infer", in_json(outputs=[
        {"name": "OUTPUT0", "parameters": {"shared_memory_region": "r",
                                           "shared_memory_byte_size": 64}}]))
    assert r.status_code == 400, r.text
    assert "OUTPUT0" in r.json()["error"] and "shared memory" in r.json()["error"]


@pytest.mark.parametrize("shape", [[2], [2, 1]])
def test_an_image_an_entry_of_a_batch(situd, demo_models, tmp_path, shape):
    for name in "ab":
        grey_png(tmp_path / f"photos/{name}.png", 100, (32, 32))
    daemon = situd("--store", f"photos={tmp_path / 'photos'}", "--models", demo_models)
    body = {"inputs": [{"name": "image", "datatype": "BYTES", "shape": shape,
                        "parameters": {"stored_object": True},
                        "data": ["photos/a.png", "photos/b.png"]}]}
    r = daemon.post("/v2/models/demo/infer", body)
    assert r.status_code == 200, r.text
    assert r.json()["outputs"][0]["shape"][0] == 2
    body["inputs"][0]["shape"] = [1, 2]
    r = daemon.post("/v2/models/demo/infer", body)
    assert r.status_code == 400 and "[n,1]" in r.json()["error"]
