# SPDX-License-Identifier: Apache-2.0
"""Answers larger than a client reads at once: made while they are sent, with a limit for all together."""

import base64
import io
import json
import os
import re
import socket

import pytest

np = pytest.importorskip("numpy")
onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

MIB = 1 << 20
COUNT = 300_000  # float32: above a megabyte


def save(package, graph, config):
    package.mkdir(parents=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    (package / "model.onnx").write_bytes(model.SerializeToString())
    (package / "situ.json").write_text(json.dumps(config))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """`tensor`: y = x + x and z = x as INT32. `flags`: 16 MiB of BOOL of an image of any kind."""
    directory = tmp_path_factory.mktemp("models")
    values = [helper.make_tensor_value_info(n, kind, ["n"]) for n, kind in (
        ("x", TensorProto.FLOAT), ("y", TensorProto.FLOAT), ("z", TensorProto.INT32))]
    save(directory / "tensor", helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"]),
         helper.make_node("Cast", ["x"], ["z"], to=TensorProto.INT32)],
        "g", values[:1], values[1:]), {"preset": "tensor"})
    save(directory / "flags", helper.make_graph(
        [helper.make_node("ReduceMean", ["image_values"], ["mean"], keepdims=0),
         helper.make_node("Less", ["mean", "threshold"], ["flag"]),
         helper.make_node("Expand", ["flag", "size"], ["y"])], "g",
        [helper.make_tensor_value_info("image_values", TensorProto.FLOAT, [1, 3, 224, 224])],
        [helper.make_tensor_value_info("y", TensorProto.BOOL, ["a", "b"])],
        [numpy_helper.from_array(np.float32(0), "threshold"),
         numpy_helper.from_array(np.array([1, 16 * MIB], np.int64), "size")]),
        {"preset": "imagenet"})
    return directory


def tensor_request(values, outputs):
    raw = values.astype("<f4").tobytes()
    head = json.dumps({"inputs": [{"name": "x", "datatype": "FP32", "shape": [len(values)],
                                   "parameters": {"binary_data_size": len(raw)}}],
                       "outputs": outputs}).encode()
    return head + raw, {"Content-Type": "application/octet-stream",
                        "Inference-Header-Content-Length": str(len(head))}


def infer(daemon, values, outputs):
    body, headers = tensor_request(values, outputs)
    return daemon.session.post(f"{daemon.url}/v2/models/tensor/infer", data=body, headers=headers,
                               timeout=60)


def held(daemon):
    return daemon.metrics()["situ_answer_bytes"]


def values_of_all_kinds():
    rng = np.random.default_rng(5)
    values = rng.standard_normal(COUNT).astype(np.float32) * 1000
    values[:4] = [0, -0.0, 1e-30, 16777216]
    return values


@pytest.mark.parametrize("binary", [(False, False), (True, True), (False, True), (True, False)])
def test_long_outputs_are_what_short_ones_are(situd, models, binary):
    daemon = situd("--models", models)
    values = values_of_all_kinds()
    wanted = {"y": values + values, "z": values.astype(np.int32)}
    r = infer(daemon, values, [{"name": n, "parameters": {"binary_data": b}}
                               for n, b in zip("yz", binary)])
    assert r.status_code == 200, r.text[:500]
    size = len(r.content)
    if any(binary):
        assert int(r.headers["Content-Length"]) == size
        size = int(r.headers["Inference-Header-Content-Length"])
    rest = r.content[size:]
    answer = json.loads(r.content[:size])
    assert [o["name"] for o in answer["outputs"]] == ["y", "z"]
    for output, is_binary in zip(answer["outputs"], binary):
        assert output["shape"] == [COUNT]
        expected = wanted[output["name"]]
        if is_binary:
            taken = output["parameters"]["binary_data_size"]
            assert rest[:taken] == expected.tobytes()
            rest = rest[taken:]
        else:
            assert np.array_equal(np.array(output["data"], expected.dtype), expected)
    assert rest == b""
    daemon.wait_for(lambda: held(daemon) == 0, "the answer to be let go of")


def test_a_stored_tensor_has_its_long_answer(situd, models, tmp_path):
    values = values_of_all_kinds()
    (tmp_path / "store").mkdir()
    np.save(tmp_path / "store/a.npy", values)
    daemon = situd("--models", models, "--store", f"store={tmp_path / 'store'}")
    r = daemon.infer("tensor", "store/a.npy")
    assert r.status_code == 200
    assert r.json()["object"] == "store/a.npy"
    assert np.array_equal(np.array(r.json()["outputs"][0]["data"], np.float32), values + values)
    assert daemon.session.head(f"{daemon.url}/v1/infer/tensor/store/a.npy", timeout=60).ok


def test_answers_above_the_bound_get_503_and_leave_nothing(situd, models):
    daemon = situd("--models", models, "--answer-bytes", "2M")
    r = infer(daemon, values_of_all_kinds(), [{"name": "y"}, {"name": "z"}])
    assert r.status_code == 503, r.text[:500]
    assert r.headers["Retry-After"] and r.json()["code"] == "unavailable"
    assert held(daemon) == 0
    r = infer(daemon, np.arange(3), [{"name": "y"}])
    assert r.json()["outputs"][0]["data"] == [0, 2, 4]


def open_request(daemon, path, body):
    """A client that sends a request and does not read."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(("127.0.0.1", daemon.port))
    s.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
              f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return s


def image_request(count):
    from PIL import Image
    out = io.BytesIO()
    Image.new("RGB", (32, 32), (90, 90, 90)).save(out, "PNG")
    text = base64.b64encode(out.getvalue()).decode()
    return json.dumps({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [count],
                                   "data": [text] * count}]}).encode()


def peak_mib(daemon):
    with open(f"/proc/{daemon.process.pid}/status") as file:
        return int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1)) / 1024


def test_clients_that_do_not_read_hold_a_bounded_memory(situd, models):
    daemon = situd("--models", models, "--answer-bytes", "300M", "--cache-size", "0")
    assert daemon.get("/v2/models/flags/ready").status_code == 200
    before = peak_mib(daemon)
    clients = [open_request(daemon, "/v2/models/flags/infer", image_request(4)) for _ in range(3)]
    heads = [client.recv(12) for client in clients]  # each has its answer, or is refused
    assert set(heads) <= {b"HTTP/1.1 200", b"HTTP/1.1 503"} and b"HTTP/1.1 200" in heads
    assert held(daemon) <= 300 * MIB
    if not os.environ.get("SITU_SANITIZER"):  # the texts alone would take 1,100 MB
        assert peak_mib(daemon) - before < 400
    for client in clients:
        client.close()
    daemon.wait_for(lambda: held(daemon) == 0, "the answers to go with their clients")


def test_long_rows_of_several_images_are_joined(situd, models):
    daemon = situd("--models", models, "--answer-bytes", "76M", "--cache-size", "0")
    body = json.loads(image_request(3))  # 48 MiB, and a row of 16 more while they are joined
    body["outputs"] = [{"name": "y", "parameters": {"binary_data": True}}]
    r = daemon.post("/v2/models/flags/infer", body)
    assert r.status_code == 200, r.text
    size = int(r.headers["Inference-Header-Content-Length"])
    (output,) = json.loads(r.content[:size])["outputs"]
    assert output["shape"] == [3, 16 * MIB]
    assert r.content[size:] == bytes(48 * MIB) or r.content[size:] == b"\1" * (48 * MIB)
    daemon.wait_for(lambda: held(daemon) == 0, "the answer to be let go of")


def test_long_answers_that_wait_leave_room_for_short_ones(situd, models):
    # Two of 16 MiB would fit, and leave room for nothing else.
    daemon = situd("--models", models, "--answer-bytes", str(32 * MIB + 50_000), "--cache-size", "0")
    clients = []
    for status in (b"HTTP/1.1 200", b"HTTP/1.1 503"):
        clients.append(open_request(daemon, "/v2/models/flags/infer", image_request(1)))
        assert clients[-1].recv(12) == status
    r = infer(daemon, np.zeros(10_000), [{"name": "y"}, {"name": "z"}])
    assert r.status_code == 200, r.text[:500]
    for client in clients:
        client.close()


def test_a_client_that_takes_nothing_loses_its_answer(situd, models):
    daemon = situd("--models", models, "--body-seconds", "1", "--cache-size", "0")
    client = open_request(daemon, "/v2/models/flags/infer", image_request(1))
    assert client.recv(12) == b"HTTP/1.1 200"
    assert held(daemon) > 16 * MIB
    daemon.wait_for(lambda: held(daemon) == 0, "the answer to be given up")
    client.close()


def test_an_answer_that_is_refused_counts_as_refused(situd, tmp_path, null_models):
    # Any answer above 4 KiB is refused; those of /metrics are encoded, and below.
    daemon = situd("--engine", "null", "--models", null_models(**{f"model-{i}": "sleep 0" for i in range(40)}),
                   "--answer-bytes", "1")
    before = daemon.metrics()
    r = daemon.session.get(f"{daemon.url}/v1/models", headers={"Accept-Encoding": "identity"}, timeout=60)
    assert r.status_code == 503 and "limit" in r.json()["error"]
    after = daemon.metrics()
    grown = {name: after[name] - before.get(name, 0) for name in after if "requests_total" in name}
    assert [name for name in grown if grown[name] and "503" in name], grown
