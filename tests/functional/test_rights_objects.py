# SPDX-License-Identifier: Apache-2.0
"""Rights over single objects: inference, V2 and thumbnails. What a caller may not know of does not
exist for it, whether it exists or not.
"""

import http.client
import json
import shutil
import statistics
import subprocess
import time

import pytest

from conftest import SITU
from rights import Caller, bearer, token_of, token_section

SECTIONS = "\n".join([
    token_section("anna", "infer thumbnails list", "photos/a/"),
    token_section("lister", "list", "photos"),
    # Two sections of one file are two callers; one section with two stores is one.
    token_section("split", "infer thumbnails", "photos/a/ scans/"),
    token_section("worker", "infer jobs list", "photos/a/"),
    token_section("root", "admin", "*"),
])


@pytest.fixture
def daemon(tmp_path, situd, drawn, demo_models):
    pictures = sorted(drawn.iterdir())
    for i, place in enumerate(("photos/a", "photos/b", "scans")):
        (tmp_path / place).mkdir(parents=True)
        shutil.copy(pictures[i], tmp_path / place / "1.jpg")
    (tmp_path / "rights").write_text(SECTIONS)
    return situd("--store", f"photos={tmp_path / 'photos'}", "--store", f"scans={tmp_path / 'scans'}",
                 "--models", demo_models, "--token-file", tmp_path / "rights")


PATHS = {
    "infer": "/v1/infer/demo/{}",
    "thumbnail": "/v1/thumbnails/{}",
}


def v2(caller, *objects):
    return caller.post("/v2/models/demo/infer", {"inputs": [
        {"name": "image", "shape": [len(objects)], "datatype": "BYTES", "data": list(objects),
         "parameters": {"stored_object": True}}]})


def same(hidden, absent, name, other):
    """Status, headers and text, but for the name that the request had."""
    assert hidden.status_code == absent.status_code == 404
    def bare(answer, name):
        return answer.text.replace(name if len(name) > 1 else f"'{name}'", "NAME")

    assert bare(hidden, name).replace("'NAME'", "NAME") == bare(absent, other).replace("'NAME'", "NAME")
    assert set(hidden.headers) == set(absent.headers)


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())
def test_an_object_that_is_not_the_callers_does_not_exist(daemon, path):
    anna, root = Caller(daemon, "anna"), Caller(daemon, "root")
    assert anna.get(path.format("photos/a/1.jpg")).status_code == 200
    assert root.get(path.format("photos/b/1.jpg")).status_code == 200  # in the result cache now, too
    absent = anna.get(path.format("photos/a/2.jpg"))
    for hidden in ("photos/b/1.jpg", "photos/b/2.jpg", "photos/1.jpg", "photos/b"):
        name = hidden.split("/", 1)[1]
        for _ in range(2):
            same(anna.get(path.format(hidden)), absent, name, "a/2.jpg")
    # So does its store, which is not even meant by a name like it.
    same(anna.get(path.format("scans/1.jpg")), anna.get(path.format("nowhere/1.jpg")), "scans", "nowhere")
    assert "photos" in anna.get(path.format("photo/1.jpg")).text
    assert "scans" in root.get(path.format("scan/1.jpg")).text
    assert "scans" not in anna.get(path.format("scan/1.jpg")).text.replace("'scan'", "")


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS.keys())
def test_a_verb_that_is_not_the_callers_is_forbidden(daemon, path):
    lister, split = Caller(daemon, "lister"), Caller(daemon, "split")
    for name in ("photos/a/1.jpg", "photos/a/2.jpg", "nowhere/1.jpg"):
        r = lister.get(path.format(name))  # it has the right nowhere: nothing is looked up
        assert r.status_code == 403 and r.json()["code"] == "forbidden", r.text
    assert split.get(path.format("photos/a/1.jpg")).status_code == 200
    assert split.get(path.format("scans/1.jpg")).status_code == 200
    assert split.get(path.format("photos/b/1.jpg")).status_code == 404


def test_a_right_of_one_section_does_not_work_in_the_stores_of_another(daemon, tmp_path):
    (tmp_path / "rights").write_text(token_section("both", "infer thumbnails", "photos/a/")
                                     + token_section("other", "list", "photos/b/"))
    # A token has one section; users may have several: test_rights_peers.py.
    daemon.stop()
    daemon.start()
    both = Caller(daemon, "both")
    assert both.get("/v1/infer/demo/photos/b/1.jpg").status_code == 404


def test_v2_names_objects_one_by_one(daemon):
    anna, root = Caller(daemon, "anna"), Caller(daemon, "root")
    assert v2(anna, "photos/a/1.jpg").status_code == 200
    assert v2(root, "photos/b/1.jpg").status_code == 200
    same(v2(anna, "photos/b/1.jpg"), v2(anna, "photos/a/2.jpg"), "b/1.jpg", "a/2.jpg")
    same(v2(anna, "photos/a/1.jpg", "photos/b/1.jpg"), v2(anna, "photos/a/1.jpg", "photos/b/2.jpg"),
         "b/1.jpg", "b/2.jpg")
    same(v2(anna, "scans/1.jpg"), v2(anna, "nowhere/1.jpg"), "scans", "nowhere")
    assert v2(Caller(daemon, "lister"), "photos/a/1.jpg").status_code == 403


def test_bytes_in_hand_need_no_store(daemon, drawn):
    picture = sorted(drawn.iterdir())[0].read_bytes()
    headers = {"Content-Type": "application/octet-stream"}
    for name, status in (("anna", 200), ("lister", 403), (None, 401)):
        r = Caller(daemon, name).call("POST", "/v1/infer/demo", data=picture, headers=headers)
        assert r.status_code == status, r.text


def test_what_else_is_wrong_with_a_request_tells_nothing_of_the_object(daemon):
    """Whatever is looked at first: the model, its version, the query, the object."""
    anna = Caller(daemon, "anna")
    for path in ("/v1/infer/nomodel/{}", "/v1/infer/demo/{}?version=77", "/v1/infer/demo/{}?top=0",
                 "/v1/infer/demo/{}?cache=0", "/v1/infer/demo/{}?labels=0", "/v1/thumbnails/{}?edge=1",
                 "/v1/thumbnails/{}?model=nomodel", "/v1/infer/demo/{}/",
                 "/v1/infer/demo/{}%00", "/v1/thumbnails/{}%2f"):
        hidden, absent = (anna.get(path.format(f"photos/b/{i}.jpg")) for i in (1, 2))
        assert hidden.status_code == absent.status_code >= 400, (path, hidden.text)
        assert hidden.text.replace("b/1.jpg", "b/2.jpg") == absent.text, path
        assert set(hidden.headers) == set(absent.headers), path
    for headers in ({"If-None-Match": "*"}, {"If-Modified-Since": "Thu, 01 Jan 2026 00:00:00 GMT"},
                    {"If-Match": "*"}, {"Range": "bytes=0-1"}):
        for path in PATHS.values():
            hidden, absent = (anna.get(path.format(f"photos/b/{i}.jpg"), headers=headers) for i in (1, 2))
            assert hidden.text.replace("b/1.jpg", "b/2.jpg") == absent.text and hidden.status_code == 404


# ---- tensors


@pytest.fixture
def tensors(tmp_path, situd):
    """The model `twice`, y = x + x, over photos/a/1.npy and photos/b/1.npy."""
    np = pytest.importorskip("numpy")
    onnx = pytest.importorskip("onnx")
    x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n"]) for name in "xy")
    graph = onnx.helper.make_graph([onnx.helper.make_node("Add", ["x", "x"], ["y"])], "g", [x], [y])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)])
    model.ir_version = 8
    (tmp_path / "models/twice").mkdir(parents=True)
    (tmp_path / "models/twice/model.onnx").write_bytes(model.SerializeToString())
    (tmp_path / "models/twice/situ.json").write_text(json.dumps({"preset": "tensor"}))
    for place in "ab":
        (tmp_path / "photos" / place).mkdir(parents=True)
        np.save(tmp_path / "photos" / place / "1.npy", np.arange(3, dtype=np.float32))
    (tmp_path / "rights").write_text(SECTIONS)
    return situd("--store", f"photos={tmp_path / 'photos'}", "--models", tmp_path / "models",
                 "--token-file", tmp_path / "rights")


def stored_tensor(name):
    return {"inputs": [{"name": "x", "shape": [1], "datatype": "BYTES", "data": [name],
                        "parameters": {"stored_object": True}}]}


def test_stored_tensors_are_objects_and_those_in_hand_need_no_store(tensors):
    anna, lister = Caller(tensors, "anna"), Caller(tensors, "lister")
    v1, v2_path = "/v1/infer/twice/{}", "/v2/models/twice/infer"
    ways = (lambda caller, name: caller.get(v1.format(name)),
            lambda caller, name: caller.post(v2_path, stored_tensor(name)))
    for ask in ways:
        assert ask(anna, "photos/a/1.npy").json()["outputs"][0]["data"] == [0, 2, 4]
        assert ask(Caller(tensors, "root"), "photos/b/1.npy").status_code == 200
        absent = ask(anna, "photos/a/2.npy")
        for name in ("b/1.npy", "b/2.npy"):
            same(ask(anna, f"photos/{name}"), absent, name, "a/2.npy")
        assert ask(lister, "photos/a/1.npy").status_code == 403
    in_hand = {"inputs": [{"name": "x", "shape": [2], "datatype": "FP32", "data": [1, 2]}]}
    assert anna.post(v2_path, in_hand).json()["outputs"][0]["data"] == [2, 4]
    assert lister.post(v2_path, in_hand).status_code == 403


# ---- the command


def situ(daemon, who, *args):
    token = daemon.directory / f"{who}.token"
    token.write_text(token_of(who) + "\n")
    token.chmod(0o600)
    return subprocess.run([SITU, "--array", daemon.url, "--token-file", token, *args], capture_output=True,
                          text=True, timeout=60)


def test_the_command_says_what_is_missing(daemon):
    for who, args, said in (
            ("nobody", ("store", "list"), "is not one of the array's"),
            ("lister", ("infer", "demo", "photos/a/1.jpg"), "this request needs the right 'infer'"),
            ("anna", ("infer", "demo", "photos/"), "this request needs the right 'jobs'"),
            ("anna", ("status",), "this request needs the right 'metrics'"),
            ("anna", ("index", "list"), "this request needs the right 'search' or 'indexes'"),
            ("anna", ("store", "detach", "photos"), "this request needs the right 'admin'"),
            ("worker", ("infer", "demo", "photos/"), "do not include 'jobs' for all objects of 'photos/'"),
            ("worker", ("infer", "demo", "scans/"), "no store 'scans'"),
            ("worker", ("object", "list", "scans"), "no store 'scans'")):
        out = situ(daemon, who, *args)
        assert out.returncode == 2 and out.stdout == "" and said in out.stderr, (who, args, out)
    listed = situ(daemon, "anna", "store", "list")
    assert listed.returncode == 0 and "photos" in listed.stdout and "scans" not in listed.stdout
    hidden, absent = (situ(daemon, "anna", "infer", "demo", f"photos/{name}")
                      for name in ("b/1.jpg", "a/2.jpg"))
    assert (hidden.returncode, absent.returncode) == (1, 1)
    assert hidden.stderr.splitlines()[0].replace("b/1.jpg", "a/2.jpg") == absent.stderr.splitlines()[0]
    done = situ(daemon, "worker", "infer", "demo", "photos/a/")
    assert done.returncode == 0 and "photos/a/1.jpg" in done.stdout and "photos/b/" not in done.stdout


# ---- time


def ask_v2(connection, name):
    body = json.dumps({"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [name],
                                   "parameters": {"stored_object": True}}]})
    connection.request("POST", "/v2/models/demo/infer", body,
                       {**bearer("anna"), "Content-Type": "application/json"})


def asker(path):
    return lambda connection, name: connection.request("GET", path.format(name), headers=bearer("anna"))


ASKERS = {**{name: asker(path) for name, path in PATHS.items()},
          "uncached": asker("/v1/infer/demo/{}?cache=0"), "v2": ask_v2}


@pytest.mark.parametrize("request_of", ASKERS.values(), ids=ASKERS.keys())
def test_it_takes_as_long_as_for_an_absent_object(daemon, request_of):
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=60)
    names = ("photos/b/1.jpg", "photos/b/2.jpg")

    def ask(name):
        start = time.perf_counter()
        request_of(connection, name)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 404
        return time.perf_counter() - start

    for attempt in range(3):  # what else the machine does falls on one of them more than on the other
        times = {name: [] for name in names}
        for i in range(4000):
            name = names[i % 2]
            times[name].append(ask(name))
        medians = [statistics.median(times[name]) for name in names]
        print(f"hidden {1e6 * medians[0]:.0f} us, absent {1e6 * medians[1]:.0f} us")
        if max(medians) <= 1.1 * min(medians):
            return
    pytest.fail(f"medians {medians}")
