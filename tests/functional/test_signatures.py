# SPDX-License-Identifier: Apache-2.0
"""Inputs and outputs of models: up to 256, no inputs, strings, BF16; outputs that are left out, and what is
refused, by name, type, size and limit."""

import json
import struct
import time

import pytest
from conftest import add_package

np = pytest.importorskip("numpy")
from onnx_packages import FLOAT, INT64, STRING, TensorProto, helper, model_bytes, node, onnx, package  # noqa: E402

MANY = 256
KINDS = {"FP32": np.float32, "INT64": np.int64, "INT32": np.int32, "UINT64": np.uint64, "BOOL": np.bool_}


def many_inputs(count):
    names = [f"in{i}" for i in range(count)]
    return model_bytes([node("Sum", names, ["sum"])], [(n, FLOAT, [2]) for n in names],
                       [("sum", FLOAT, [2])])


def many_outputs(count):
    names = [f"out{i}" for i in range(count)]
    return model_bytes([node("Add", ["x", f"c{i}"], [n]) for i, n in enumerate(names)],
                       [("x", FLOAT, [1])], [(n, FLOAT, [1]) for n in names],
                       {f"c{i}": np.array([i], np.float32) for i in range(count)})


def classifier():
    """The outputs of scikit-learn's exports: labels, and a sequence of maps."""
    linear = helper.make_node("LinearClassifier", ["x"], ["label", "scores"], domain="ai.onnx.ml",
                              coefficients=[1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0], intercepts=[0.0] * 3,
                              classlabels_ints=[0, 1, 2], multi_class=1, post_transform="NONE")
    zipmap = helper.make_node("ZipMap", ["scores"], ["probabilities"], domain="ai.onnx.ml",
                              classlabels_int64s=[0, 1, 2])
    value = onnx.ValueInfoProto(name="probabilities")
    maps = value.type.sequence_type.elem_type.map_type
    maps.key_type, maps.value_type.tensor_type.elem_type = INT64, FLOAT
    return model_bytes([linear, zipmap], [("x", FLOAT, ["n", 3])],
                       [("label", INT64, ["n"]), value], domains=[("ai.onnx.ml", 1)])


MODELS = {
    "inputs": many_inputs(MANY),
    "outputs": many_outputs(MANY),
    "inputs257": many_inputs(MANY + 1),
    "outputs257": many_outputs(MANY + 1),
    "constant": model_bytes([node("Identity", ["c"], ["y"])], [], [("y", FLOAT, [3])],
                            {"c": np.array([1, 2, 3], np.float32)}),
    "classifier": classifier(),
    "sequence": model_bytes([node("SequenceLength", ["x"], ["y"])],
                            [helper.make_tensor_sequence_value_info("x", FLOAT, None)],
                            [("y", INT64, [])]),
    # Triton's example of that name.
    "simple_string": model_bytes(
        [*(node("Cast", [f"INPUT{i}"], [f"n{i}"], to=INT64) for i in (0, 1)),
         node("Add", ["n0", "n1"], ["sum"]), node("Sub", ["n0", "n1"], ["difference"]),
         node("Cast", ["sum"], ["OUTPUT0"], to=STRING), node("Cast", ["difference"], ["OUTPUT1"], to=STRING)],
        [(f"INPUT{i}", STRING, ["n", 16]) for i in (0, 1)],
        [(f"OUTPUT{i}", STRING, ["n", 16]) for i in (0, 1)]),
    "strings": model_bytes([node("Identity", ["s"], ["t"])], [("s", STRING, ["n"])], [("t", STRING, ["n"])]),
    "words": model_bytes([node("Cast", ["x"], ["t"], to=STRING)], [("x", FLOAT, ["n"])],
                         [("t", STRING, ["n"])]),
    "bf16": model_bytes([node("Identity", ["x"], ["y"])], [("x", TensorProto.BFLOAT16, ["n", "m"])],
                        [("y", TensorProto.BFLOAT16, ["n", "m"])]),
    "uint64": model_bytes([node("Identity", ["x"], ["y"])], [("x", TensorProto.UINT64, ["n"])],
                          [("y", TensorProto.UINT64, ["n"])]),
    "wide": model_bytes([node("Expand", ["x", "shape"], ["y"])], [("x", FLOAT, [1])], [("y", FLOAT, None)],
                        {"shape": np.array([16384, 1025])}),
    "deep": model_bytes([node("Identity", ["x"], ["y"])], [("x", FLOAT, [1] * 9)], [("y", FLOAT, [1] * 9)]),
    "large": model_bytes([node("ReduceMax", ["x"], ["y"], keepdims=0)], [("x", FLOAT, [16384, 1025])],
                         [("y", FLOAT, [])]),
}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    from conftest import Daemon, sanitizer_report
    directory = tmp_path_factory.mktemp("signatures")
    for name, content in MODELS.items():
        package(directory / "models" / name, content)
    (directory / "photos").mkdir()
    np.save(directory / "photos/x.npy", np.array([1.5, 2], np.float32))
    daemon = Daemon(directory, ["--models", directory / "models",
                                "--store", f"photos={directory / 'photos'}"])
    yield daemon
    assert daemon.stop() == 0
    assert not sanitizer_report(daemon.log()), daemon.log()


def tensor(name, values):
    kind = next(k for k, t in KINDS.items() if values.dtype == t)
    return {"name": name, "datatype": kind, "shape": list(values.shape), "data": values.ravel().tolist()}


def infer(daemon, model, inputs, **more):
    r = daemon.post(f"/v2/models/{model}/infer", {"inputs": inputs, **more})
    assert r.status_code == 200, r.text
    return {o["name"]: o for o in r.json()["outputs"]}


def test_a_model_has_up_to_256_inputs_and_outputs(daemon):
    values = [np.array([i, 1], np.float32) for i in range(MANY)]
    answer = infer(daemon, "inputs", [tensor(f"in{i}", v) for i, v in enumerate(values)])
    assert answer["sum"]["data"] == [MANY * (MANY - 1) // 2, MANY]
    x = tensor("x", np.array([0.5], np.float32))
    answer = infer(daemon, "outputs", [x])
    assert [answer[f"out{i}"]["data"] for i in range(MANY)] == [[i + 0.5] for i in range(MANY)]
    answer = infer(daemon, "outputs", [x], outputs=[{"name": "out255"}, {"name": "out40"}])
    assert {n: o["data"] for n, o in answer.items()} == {"out255": [255.5], "out40": [40.5]}
    meta = daemon.get("/v2/models/outputs").json()
    assert [o["name"] for o in meta["outputs"]] == [f"out{i}" for i in range(MANY)]
    one_short = [tensor(f"in{i}", v) for i, v in enumerate(values[:-1])]
    r = daemon.post("/v2/models/inputs/infer", {"inputs": one_short})
    assert r.status_code == 422 and "'in255' is missing" in r.json()["error"]


@pytest.mark.parametrize("model,words", [
    ("inputs257", "257 inputs; at most 256"), ("outputs257", "257 outputs; at most 256"),
    ("sequence", "'x' is a sequence, which is not served"),
    ("wide", "'y' is FP32 [16384,1025], 67174400 bytes: above the limit of 67108864"),
    ("deep", "'x' has 9 dimensions; at most 8"),
    ("large", "'x' is FP32 [16384,1025], above the limit of 67108864 bytes")])
def test_refusals_name_the_type_the_size_and_the_limit(daemon, model, words):
    assert words in daemon.get(f"/v1/models/{model}").json()["reason"]


def test_a_model_of_very_many_outputs_is_refused_at_once(daemon, tmp_path):
    started = time.monotonic()
    r = add_package(daemon, package(tmp_path / "m", many_outputs(10000)), "m")
    assert r.status_code == 422 and "10000 outputs" in r.json()["error"], r.text
    assert time.monotonic() - started < 20


def test_a_graph_may_have_no_inputs(daemon):
    assert daemon.get("/v2/models/constant").json()["inputs"] == []
    assert infer(daemon, "constant", [])["y"]["data"] == [1, 2, 3]
    assert daemon.post("/v2/models/constant/infer", {}).json()["outputs"][0]["data"] == [1, 2, 3]
    r = daemon.post("/v2/models/outputs/infer", {"inputs": []})
    assert r.status_code == 400 and "'x'" in r.json()["error"], r.text
    r = daemon.infer("constant", "photos/x.npy")
    assert r.status_code == 422 and "takes 0 inputs, not 1" in r.json()["error"], r.text
    r = daemon.post("/v2/models/constant/infer", {"inputs": [tensor("x", np.ones(1, np.float32))]})
    assert r.status_code == 400 and "has no input 'x'" in r.json()["error"], r.text


def test_outputs_that_are_no_tensors_are_left_out_and_noted(daemon):
    shown = daemon.get("/v1/models/classifier").json()
    assert [o["name"] for o in shown["outputs"]] == ["label"]
    assert "outputs left out: 'probabilities' (a sequence)" in shown["notes"]
    answer = infer(daemon, "classifier", [tensor("x", np.array([[0, 9, 1], [5, 0, 1]], np.float32))])
    assert list(answer) == ["label"] and answer["label"]["data"] == [1, 0]


def packed(strings):
    return b"".join(struct.pack("<I", len(s)) + s for s in strings)


def post_binary(daemon, model, inputs, parts, **more):
    """Inputs with their bytes after the JSON; the answer's JSON and the bytes after it."""
    for tensor, part in zip(inputs, parts):
        if part is not None:
            tensor["parameters"] = {"binary_data_size": len(part)}
    head = json.dumps({"inputs": inputs, **more}).encode()
    r = daemon.session.post(f"{daemon.url}/v2/models/{model}/infer", timeout=60,
                            data=head + b"".join(p for p in parts if p is not None),
                            headers={"Content-Type": "application/octet-stream",
                                     "Inference-Header-Content-Length": str(len(head))})
    if r.status_code != 200:
        return r, None
    length = int(r.headers.get("Inference-Header-Content-Length", len(r.content)))
    return json.loads(r.content[:length]), r.content[length:]


def strings(name, shape, data=None):
    return {"name": name, "datatype": "BYTES", "shape": shape, **({"data": data} if data else {})}


def test_strings_in_and_out_as_tritons_example_has_them(daemon):
    first = [str(i).encode() for i in range(16)]
    meta = daemon.get("/v2/models/simple_string").json()
    assert {i["name"]: (i["datatype"], i["shape"]) for i in meta["inputs"]} == {
        "INPUT0": ("BYTES", [-1, 16]), "INPUT1": ("BYTES", [-1, 16])}
    # As simple_http_string_infer_client.py: one input in binary, one in JSON, one output of each.
    answer, rest = post_binary(
        daemon, "simple_string",
        [strings("INPUT0", [1, 16]), strings("INPUT1", [1, 16], ["1"] * 16)], [packed(first), None],
        outputs=[{"name": "OUTPUT0", "parameters": {"binary_data": True}}, {"name": "OUTPUT1"}])
    sums, differences = answer["outputs"]
    assert sums["datatype"] == "BYTES" and sums["shape"] == [1, 16]
    assert rest == packed([str(i + 1).encode() for i in range(16)])
    assert differences["data"] == [str(i - 1) for i in range(16)]


def test_strings_of_any_bytes_and_number(daemon):
    odd = [b"", b"a\0b", "\u00e9\U0001f600".encode(), b"\xff\xfe", b"x" * 100000]
    answer, rest = post_binary(daemon, "strings", [strings("s", [5])], [packed(odd)],
                               parameters={"binary_data_output": True})
    assert answer["outputs"][0]["shape"] == [5] and rest == packed(odd)
    r, _ = post_binary(daemon, "strings", [strings("s", [5])], [packed(odd)])
    assert r.status_code == 422 and "element 3 is not UTF-8" in r.json()["error"], r.text
    assert infer(daemon, "strings", [strings("s", [3], odd_text := ["", "a\0b"[:1], "\u00e9\n"])])["t"][
        "data"] == odd_text
    encoded = {**strings("s", [1], ["YWI="]), "parameters": {"encoding": "base64"}}
    assert infer(daemon, "strings", [encoded])["t"]["data"] == ["ab"]
    many = [str(i).encode() for i in range(200000)]  # of more than a MiB: sent in pieces
    answer, rest = post_binary(daemon, "strings", [strings("s", [len(many)])], [packed(many)])
    assert answer["outputs"][0]["data"] == [s.decode() for s in many] and not rest
    answer, rest = post_binary(daemon, "strings", [strings("s", [0])], [b""])
    assert answer["outputs"][0] == {"name": "t", "datatype": "BYTES", "shape": [0], "data": []}
    for bad in (packed(odd)[:-1], packed(odd) + b"\0", packed(odd[:4]), b"\xff" * 20):
        r, _ = post_binary(daemon, "strings", [strings("s", [5])], [bad])
        assert r.status_code == 400 and "'s'" in r.json()["error"], r.text


def test_strings_for_a_stored_object_by_every_interface(daemon, situ_cli):
    assert daemon.infer("words", "photos/x.npy").json()["outputs"][0]["data"] == ["1.5", "2"]
    out = situ_cli(daemon, "infer", "words", "photos/x.npy")
    assert out.returncode == 0 and "1.5 2" in out.stdout, out.stderr
    out = situ_cli(daemon, "infer", "--format", "csv", "words", "photos/x.npy")
    assert "photos/x.npy,t,0,1.5" in out.stdout, out.stdout + out.stderr


def test_bf16_goes_through_as_it_is(daemon):
    bits = np.array([0x3f80, 0xc049, 0x7f80, 0x0001, 0x7fc1, 0x8000], np.uint16)
    shape = {"name": "x", "datatype": "BF16", "shape": [2, 3]}
    answer, rest = post_binary(daemon, "bf16", [dict(shape)], [bits.tobytes()],
                               parameters={"binary_data_output": True})
    assert answer["outputs"][0]["datatype"] == "BF16" and rest == bits.tobytes()
    answer, _ = post_binary(daemon, "bf16", [dict(shape)], [bits.tobytes()])
    values = answer["outputs"][0]["data"]
    assert values[:2] == [1, -3.140625] and values[2] is None and values[4] is None
    r = daemon.post("/v2/models/bf16/infer", {"inputs": [{**shape, "data": [0.0] * 6}]})
    assert r.status_code == 400 and "BF16 has no form in JSON" in r.json()["error"], r.text


def test_unsigned_integers_of_64_bits_in_json(daemon):
    values = np.array([0, 2 ** 63 - 1, 2 ** 63, 2 ** 64 - 1], np.uint64)
    assert infer(daemon, "uint64", [tensor("x", values)])["y"]["data"] == values.tolist()
    for bad in (2 ** 64, -1, 1.5, str(2 ** 63)):
        r = daemon.post("/v2/models/uint64/infer", {"inputs": [
            {"name": "x", "datatype": "UINT64", "shape": [1], "data": [bad]}]})
        assert r.status_code == 400, r.text
