# SPDX-License-Identifier: Apache-2.0
"""Requests of Triton's Python and C++ HTTP clients, byte for byte, and the answers they need.

Python: tritonclient with geventhttpclient. Its POSTs have no Content-Type and, in older versions, no
Content-Length if there is no body. C++: libcurl; an inference is octet-stream, other POSTs have the type of
forms. The calls are those of the clients' example programs.
"""

import gzip
import json
import socket
import struct
import zlib

import pytest
from conftest import grey_png

np = pytest.importorskip("numpy")
onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper  # noqa: E402

AGENT = "python/gevent-http-client-2.3.3"
INPUT0 = np.arange(16, dtype=np.int32).reshape(1, 16)
INPUT1 = np.full((1, 16), -1, dtype=np.int32)
SUM, DIFFERENCE = INPUT0 + INPUT1, INPUT0 - INPUT1


def save(directory, name, graph, config):
    package = directory / name
    package.mkdir()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    (package / "model.onnx").write_bytes(model.SerializeToString())
    (package / "situ.json").write_text(json.dumps(config))
    return package


@pytest.fixture(scope="module")
def simple(tmp_path_factory):
    """The model of Triton's examples: two inputs of 16 integers, their sum and their difference."""
    directory = tmp_path_factory.mktemp("models")
    kinds = {n: helper.make_tensor_value_info(n, TensorProto.INT32, ["n", 16])
             for n in ("INPUT0", "INPUT1", "OUTPUT0", "OUTPUT1")}
    save(directory, "simple", helper.make_graph(
        [helper.make_node("Add", ["INPUT0", "INPUT1"], ["OUTPUT0"]),
         helper.make_node("Sub", ["INPUT0", "INPUT1"], ["OUTPUT1"])], "g",
        [kinds["INPUT0"], kinds["INPUT1"]], [kinds["OUTPUT0"], kinds["OUTPUT1"]]),
        {"preset": "tensor"})
    strings = {n: helper.make_tensor_value_info(n, TensorProto.STRING, [1, 16])
               for n in ("INPUT0", "INPUT1", "OUTPUT0", "OUTPUT1")}
    save(directory, "simple_string", helper.make_graph(
        [*(helper.make_node("Cast", [f"INPUT{i}"], [f"i{i}"], to=TensorProto.INT32)
           for i in range(2)),
         helper.make_node("Add", ["i0", "i1"], ["o0"]),
         helper.make_node("Sub", ["i0", "i1"], ["o1"]),
         *(helper.make_node("Cast", [f"o{i}"], [f"OUTPUT{i}"], to=TensorProto.STRING)
           for i in range(2))], "g",
        [strings["INPUT0"], strings["INPUT1"]], [strings["OUTPUT0"], strings["OUTPUT1"]]),
        {"preset": "tensor"})
    return directory


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """An image model as image_client takes one: its three classes are the means of the channels."""
    directory = tmp_path_factory.mktemp("models")
    package = save(directory, "means", helper.make_graph(
        [helper.make_node("ReduceMean", ["pixels"], ["logits"], axes=[2, 3], keepdims=0)], "g",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3])]), {})
    (package / "situ.json").unlink()
    (package / "config.json").write_text(json.dumps({
        "architectures": ["MeansForImageClassification"], "model_type": "means",
        "id2label": {"0": "red", "1": "green", "2": "blue"}}))
    (package / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "ViTImageProcessor", "do_resize": True,
        "size": {"height": 8, "width": 8}, "resample": 2, "do_rescale": False,
        "do_normalize": False}))
    return directory


# ---- the wire ----

class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


def send(daemon, raw):
    """The bytes are sent unchanged; the answer is read as a client reads it."""
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=30) as s:
        s.sendall(raw)
        file = s.makefile("rb")
        status = int(file.readline().split()[1])
        headers = {}
        while (line := file.readline()) not in (b"\r\n", b""):
            name, value = line.decode().split(":", 1)
            headers[name.lower()] = value.strip()
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(file.readline(), 16):
                body += file.read(size)
                file.readline()
        else:
            body = file.read(int(headers.get("content-length", 0)))
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return Answer(status, headers, body)


def python_head(daemon, method, path, headers=(), length=None):
    lines = [f"{method} {path} HTTP/1.1", f"User-Agent: {AGENT}",
             *(f"{name}: {value}" for name, value in headers), f"Host: localhost:{daemon.port}"]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def python_get(daemon, path):
    return send(daemon, python_head(daemon, "GET", path))


def python_post(daemon, path, body=b"", headers=()):
    return send(daemon, python_head(daemon, "POST", path, headers, len(body) or None) + body)


def cpp_head(daemon, method, path, headers=()):
    lines = [f"{method} {path} HTTP/1.1", f"Host: localhost:{daemon.port}",
             "User-Agent: libcurl-agent/1.0", "Accept: */*",
             *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def cpp_get(daemon, path):
    return send(daemon, cpp_head(daemon, "GET", path))


def cpp_post(daemon, path, body=b""):
    return send(daemon, cpp_head(daemon, "POST", path, [
        ("Content-Length", len(body)),
        ("Content-Type", "application/x-www-form-urlencoded")]) + body)


def cpp_infer(daemon, path, request, raw, accept=None, encoding=None):
    head = json.dumps(request, separators=(",", ":")).encode()
    body = head + raw
    if encoding:
        body = {"gzip": gzip.compress, "deflate": zlib.compress}[encoding](body)
    headers = [("Accept-Encoding", accept)] if accept else []
    headers += [("Inference-Header-Content-Length", len(head)),
                ("Content-Type", "application/octet-stream")]
    headers += [("Content-Encoding", encoding)] if encoding else []
    return send(daemon, cpp_head(daemon, "POST", path, [*headers, ("Content-Length", len(body))])
                + body)


def outputs_of(answer):
    """Name to values, from JSON and the binary part after it."""
    size = int(answer.headers.get("inference-header-content-length", len(answer.body)))
    told = json.loads(answer.body[:size])
    rest = answer.body[size:]
    values = {}
    for output in told["outputs"]:
        if "data" in output:
            values[output["name"]] = np.array(output["data"]).reshape(output["shape"])
            continue
        taken = output["parameters"]["binary_data_size"]
        raw, rest = rest[:taken], rest[taken:]
        if output["datatype"] == "BYTES":
            elements = []
            while raw:
                (length,) = struct.unpack_from("<I", raw)
                elements.append(raw[4:4 + length].decode())
                raw = raw[4 + length:]
            values[output["name"]] = np.array(elements).reshape(output["shape"])
        else:
            kind = {"INT32": "<i4", "FP32": "<f4"}[output["datatype"]]
            values[output["name"]] = np.frombuffer(raw, kind).reshape(output["shape"])
    assert rest == b""
    return told, values


def check_simple(answer):
    assert answer.status == 200, answer.body
    told, values = outputs_of(answer)
    assert (told["model_name"], told["model_version"]) == ("simple", "1")
    assert np.array_equal(values["OUTPUT0"], SUM)
    assert np.array_equal(values["OUTPUT1"], DIFFERENCE)
    return told


# ---- Python: simple_http_infer_client ----

def python_request(outputs=True):
    """INPUT0 in the JSON, INPUT1 after it, as in the example."""
    raw = INPUT1.astype("<i4").tobytes()
    request = {"inputs": [
        {"name": "INPUT0", "shape": [1, 16], "datatype": "INT32", "data": INPUT0[0].tolist()},
        {"name": "INPUT1", "shape": [1, 16], "datatype": "INT32",
         "parameters": {"binary_data_size": len(raw)}}]}
    if outputs:
        request["outputs"] = [{"name": "OUTPUT0", "parameters": {"binary_data": True}},
                              {"name": "OUTPUT1", "parameters": {"binary_data": False}}]
    else:
        request["parameters"] = {"binary_data_output": True}
    head = json.dumps(request, separators=(",", ":")).encode()
    return head, head + raw


@pytest.mark.parametrize("outputs", [True, False])
@pytest.mark.parametrize("request_coding, accept", [
    (None, None), ("gzip", "gzip"), ("deflate", "deflate"), (None, "gzip"), ("gzip", None)])
def test_python_infers_with_and_without_compression(situd, simple, outputs, request_coding, accept):
    daemon = situd("--models", simple)
    head, body = python_request(outputs)
    headers = []
    if request_coding:
        body = {"gzip": gzip.compress, "deflate": zlib.compress}[request_coding](body)
        headers.append(("Content-Encoding", request_coding))
    if accept:
        headers.append(("Accept-Encoding", accept))
    headers.append(("Inference-Header-Content-Length", len(head)))
    check_simple(python_post(daemon, "/v2/models/simple/infer?test_1=1&test_2=2", body, headers))
    answer = python_get(daemon, "/v2/models/simple/stats")
    (stats,) = answer.json()["model_stats"]
    assert stats["name"] == "simple" and stats["inference_stats"]["success"]["count"] == 1


@pytest.mark.parametrize("coding", [None, "gzip", "deflate"])
def test_python_infers_in_json_alone(situd, simple, coding):
    daemon = situd("--models", simple)
    body = json.dumps({"inputs": [
        {"name": f"INPUT{i}", "shape": [1, 16], "datatype": "INT32", "data": values[0].tolist()}
        for i, values in enumerate((INPUT0, INPUT1))],
        "outputs": [{"name": f"OUTPUT{i}", "parameters": {"binary_data": False}}
                    for i in range(2)], "id": "7"}, separators=(",", ":")).encode()
    headers = []
    if coding:
        body = {"gzip": gzip.compress, "deflate": zlib.compress}[coding](body)
        headers = [("Content-Encoding", coding), ("Accept-Encoding", coding)]
    assert check_simple(python_post(daemon, "/v2/models/simple/versions/1/infer", body,
                                    headers))["id"] == "7"


def test_python_is_told_of_an_unknown_model(situd, simple):
    daemon = situd("--models", simple)
    head, body = python_request()
    answer = python_post(daemon, "/v2/models/wrong_model_name/infer", body,
                         [("Inference-Header-Content-Length", len(head))])
    assert answer.status == 404
    assert answer.json()["error"].startswith("Request for unknown model")


# ---- Python and C++: simple_http_string_infer_client ----

def packed(values):
    words = [str(v).encode() for v in values.ravel()]
    return b"".join(struct.pack("<I", len(word)) + word for word in words)


def check_strings(answer):
    assert answer.status == 200, answer.body
    _, values = outputs_of(answer)
    assert values["OUTPUT0"].astype(int).tolist() == SUM.tolist()
    assert values["OUTPUT1"].astype(int).tolist() == DIFFERENCE.tolist()


def test_python_sends_and_takes_strings(situd, simple):
    daemon = situd("--models", simple)
    raw = packed(INPUT0)
    head = json.dumps({
        "inputs": [{"name": "INPUT0", "shape": [1, 16], "datatype": "BYTES",
                    "parameters": {"binary_data_size": len(raw)}},
                   {"name": "INPUT1", "shape": [1, 16], "datatype": "BYTES",
                    "data": [str(v) for v in INPUT1[0]]}],
        "outputs": [{"name": "OUTPUT0", "parameters": {"binary_data": True}},
                    {"name": "OUTPUT1", "parameters": {"binary_data": False}}]},
        separators=(",", ":")).encode()
    check_strings(python_post(daemon, "/v2/models/simple_string/infer", head + raw,
                              [("Inference-Header-Content-Length", len(head))]))


def test_cpp_sends_and_takes_strings(situd, simple):
    daemon = situd("--models", simple)
    parts = [packed(INPUT0), packed(INPUT1)]
    request = {"inputs": [{"name": f"INPUT{i}", "datatype": "BYTES", "shape": [1, 16],
                           "parameters": {"binary_data_size": len(part)}}
                          for i, part in enumerate(parts)],
               "outputs": [{"name": f"OUTPUT{i}", "parameters": {"binary_data": True}}
                           for i in range(2)]}
    check_strings(cpp_infer(daemon, "/v2/models/simple_string/infer", request, b"".join(parts)))


# ---- Python: simple_http_health_metadata, simple_http_model_control ----

def test_python_asks_for_health_and_metadata(situd, simple):
    daemon = situd("--models", simple)
    assert python_get(daemon, "/v2/health/live?test_1=1&test_2=2").status == 200
    assert python_get(daemon, "/v2/health/ready").status == 200
    assert python_get(daemon, "/v2/models/simple/ready").status == 200
    assert python_get(daemon, "/v2").json()["name"] == "triton"
    metadata = python_get(daemon, "/v2/models/simple?test_1=1&test_2=2").json()
    assert metadata["name"] == "simple" and metadata["versions"] == ["1"]
    assert [i["name"] for i in metadata["inputs"]] == ["INPUT0", "INPUT1"]
    answer = python_get(daemon, "/v2/models/wrong_model_name")
    assert answer.status == 404 and "Request for unknown model" in answer.json()["error"]


def test_python_controls_models(situd, simple):
    daemon = situd("--models", simple)
    index = python_post(daemon, "/v2/repository/index")
    assert index.status == 200, index.body
    assert [m["name"] for m in index.json()] == ["simple", "simple_string"]
    assert python_post(daemon, "/v2/repository/models/simple/load", b"{}").status == 200
    assert python_get(daemon, "/v2/models/simple/ready").status == 200
    for config in ('"parameters": {"config": {{"max_batch_size": "16"}}}',
                   '{"max_batch_size":"16"}'):
        answer = python_post(daemon, "/v2/repository/models/simple/load",
                             json.dumps({"parameters": {"config": config}}).encode())
        assert answer.status == 400 and "failed to load" in answer.json()["error"]
    config = python_get(daemon, "/v2/models/simple/config").json()
    assert config["max_batch_size"] > 0 and config["input"][0]["dims"] == [16]
    assert python_post(daemon, "/v2/repository/models/simple/unload",
                       b'{"parameters":{"unload_dependents":false}}').status == 200
    assert python_get(daemon, "/v2/models/simple/ready").status != 200
    answer = python_post(daemon, "/v2/repository/models/wrong_model_name/load", b"{}")
    assert answer.status != 200 and "failed to load" in answer.json()["error"]
    assert len(python_get(daemon, "/v2/models/stats").json()["model_stats"]) == 2


def test_python_is_told_that_there_is_no_shared_memory(situd, simple):
    daemon = situd("--models", simple)
    answer = python_post(daemon, "/v2/systemsharedmemory/unregister")
    assert answer.status == 501 and "shared memory" in answer.json()["error"]
    answer = python_post(daemon, "/v2/models/simple/infer", json.dumps({
        "inputs": [{"name": f"INPUT{i}", "shape": [1, 16], "datatype": "INT32",
                    "data": [1] * 16} for i in range(2)],
        "outputs": [{"name": "OUTPUT0", "parameters": {
            "shared_memory_region": "r", "shared_memory_byte_size": 64}}]},
        separators=(",", ":")).encode())
    assert answer.status == 400
    assert "OUTPUT0" in answer.json()["error"] and "shared memory" in answer.json()["error"]


# ---- Python: image_client, and images as BYTES ----

def test_python_classifies_images_as_the_image_client_does(situd, classifier):
    daemon = situd("--models", classifier)
    metadata = python_get(daemon, "/v2/models/means").json()
    config = python_get(daemon, "/v2/models/means/config").json()
    (given,) = metadata["inputs"]
    (output,) = metadata["outputs"]
    assert len(config["input"]) == 1 and config["input"][0]["format"] == "FORMAT_NCHW"
    assert config["max_batch_size"] >= 2 and len(given["shape"]) == 4
    assert output["datatype"] == "FP32" and [d for d in output["shape"][1:] if d > 1] == [3]
    pixels = np.zeros((2, 3, 8, 8), np.float32)
    pixels[0, 2], pixels[1, 0] = 9, 5
    request = {"id": "1", "inputs": [{"name": given["name"], "shape": [2, 3, 8, 8],
                                      "datatype": given["datatype"],
                                      "parameters": {"binary_data_size": pixels.nbytes}}],
               "outputs": [{"name": output["name"],
                            "parameters": {"classification": 2, "binary_data": True}}]}
    head = json.dumps(request, separators=(",", ":")).encode()
    answer = python_post(daemon, "/v2/models/means/infer", head + pixels.tobytes(),
                         [("Inference-Header-Content-Length", len(head))])
    assert answer.status == 200, answer.body
    told, values = outputs_of(answer)
    assert told["id"] == "1"
    rows = values[output["name"]]
    assert rows.shape == (2, 2)
    assert [row[0].split(":")[1:] for row in rows] == [["2", "blue"], ["0", "red"]]


@pytest.mark.parametrize("shape", [[2], [2, 1]])
def test_python_sends_encoded_images(situd, classifier, tmp_path, shape):
    images = [grey_png(tmp_path / f"{v}.png", v).read_bytes() for v in (10, 200)]
    raw = b"".join(struct.pack("<I", len(image)) + image for image in images)
    head = json.dumps({"inputs": [{"name": "image", "shape": shape, "datatype": "BYTES",
                                   "parameters": {"binary_data_size": len(raw)}}],
                       "parameters": {"binary_data_output": True}},
                      separators=(",", ":")).encode()
    daemon = situd("--models", classifier)
    answer = python_post(daemon, "/v2/models/means/infer", head + raw,
                         [("Inference-Header-Content-Length", len(head))])
    assert answer.status == 200, answer.body
    assert outputs_of(answer)[1]["logits"][:, 0].tolist() == [10, 200]


def test_an_image_is_one_entry_of_a_batch(situd, demo_models, tmp_path):
    for name in "ab":
        grey_png(tmp_path / f"photos/{name}.png", 100, (32, 32))
    daemon = situd("--store", f"photos={tmp_path / 'photos'}", "--models", demo_models)
    body = {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [2, 1],
                        "parameters": {"stored_object": True},
                        "data": ["photos/a.png", "photos/b.png"]}]}
    r = daemon.post("/v2/models/demo/infer", body)
    assert r.status_code == 200, r.text
    assert r.json()["outputs"][0]["shape"][0] == 2
    body["inputs"][0]["shape"] = [1, 2]
    r = daemon.post("/v2/models/demo/infer", body)
    assert r.status_code == 400 and "[n,1]" in r.json()["error"]


# ---- C++ ----

def cpp_request(outputs=True, **more):
    request = {**more, "inputs": [{"name": f"INPUT{i}", "datatype": "INT32", "shape": [1, 16],
                                   "parameters": {"binary_data_size": 64}} for i in range(2)]}
    if outputs:
        request["outputs"] = [{"name": f"OUTPUT{i}", "parameters": {"binary_data": True}}
                              for i in range(2)]
    else:
        request["parameters"] = {"binary_data_output": True}
    return request, INPUT0.astype("<i4").tobytes() + INPUT1.astype("<i4").tobytes()


@pytest.mark.parametrize("encoding", [None, "gzip", "deflate"])
@pytest.mark.parametrize("outputs", [True, False])
def test_cpp_infers_with_and_without_compression(situd, simple, encoding, outputs):
    daemon = situd("--models", simple)
    request, raw = cpp_request(outputs)
    check_simple(cpp_infer(daemon, "/v2/models/simple/infer", request, raw, encoding, encoding))
    answer = cpp_infer(daemon, "/v2/models/wrong_model_name/infer", request, raw)
    assert answer.status == 404 and answer.json()["error"]


def test_cpp_asks_for_health_and_metadata(situd, simple):
    daemon = situd("--models", simple)
    for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/simple/ready"):
        assert cpp_get(daemon, path).status == 200
    assert cpp_get(daemon, "/v2").json()["name"] == "triton"
    assert cpp_get(daemon, "/v2/models/simple").json()["name"] == "simple"
    assert cpp_get(daemon, "/v2/models/simple/config").json()["name"] == "simple"
    assert cpp_get(daemon, "/v2/models/wrong_model_name").status != 200
    assert len(cpp_get(daemon, "/v2/models/simple/stats").json()["model_stats"]) == 1


def test_cpp_controls_models(situd, simple):
    daemon = situd("--models", simple)
    index = cpp_post(daemon, "/v2/repository/index")
    assert index.status == 200, index.body
    assert len(index.json()) == 2
    assert cpp_post(daemon, "/v2/repository/models/simple/load", b"{}").status == 200
    assert cpp_get(daemon, "/v2/models/simple/ready").status == 200
    assert cpp_post(daemon, "/v2/repository/models/simple/unload").status == 200
    assert cpp_get(daemon, "/v2/models/simple/ready").status != 200
    assert cpp_post(daemon, "/v2/repository/models/wrong_model_name/load", b"{}").status != 200
    assert cpp_post(daemon, "/v2/systemsharedmemory/unregister").status == 501


def test_what_only_looks_like_the_cpp_client_is_refused(situd, simple):
    daemon = situd("--models", simple)
    form = ("Content-Type", "application/x-www-form-urlencoded")
    for path, agent, origin in (
            ("/v2/repository/models/simple/load", "curl/7.88.1", ()),
            ("/v2/repository/models/simple/load", "libcurl-agent/1.0",
             [("Origin", "http://elsewhere")]),
            ("/v1/jobs", "libcurl-agent/1.0", ())):
        head = "\r\n".join([f"POST {path} HTTP/1.1", f"Host: localhost:{daemon.port}",
                            f"User-Agent: {agent}", "Content-Length: 2",
                            *(f"{n}: {v}" for n, v in [form, *origin])])
        assert send(daemon, head.encode() + b"\r\n\r\n{}").status == 415, (path, agent, origin)
