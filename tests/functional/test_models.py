# SPDX-License-Identifier: Apache-2.0
"""Model packages: adding, versions, validation, removal, memory budget, and the reasons for refusals."""

import concurrent.futures
import io
import json
import os
import shutil
import subprocess
import tarfile
import time

import pytest
from conftest import grey_png

np = pytest.importorskip("numpy")
onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402


@pytest.fixture
def store(tmp_path):
    grey_png(tmp_path / "photos/a.png", 100, (32, 32))
    return tmp_path / "photos"


def tar_of(directory):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(directory.iterdir()):
            tar.add(path, arcname=path.name)
    return out.getvalue()


def put(daemon, name, body, **query):
    return daemon.session.put(f"{daemon.url}/v1/models/{name}", data=body, params=query,
                              headers={"Content-Type": "application/octet-stream"}, timeout=120)


def image_model(directory, size=8, datatype=TensorProto.FLOAT, layout="NCHW", batch="n",
                external=None, names=("pixel_values", "logits"), config=True):
    """The mean of each channel, times a weight of 3 x 3: three classes."""
    directory.mkdir(parents=True, exist_ok=True)
    shape = [batch, 3, size, size] if layout == "NCHW" else [batch, size, size, 3]
    axes = [2, 3] if layout == "NCHW" else [1, 2]
    weight = numpy_helper.from_array(np.eye(3, dtype=np.float32), "weight")
    nodes = [helper.make_node("Cast", [names[0]], ["x"], to=TensorProto.FLOAT),
             helper.make_node("ReduceMean", ["x"], ["mean"], axes=axes, keepdims=0),
             helper.make_node("MatMul", ["mean", "weight"], [names[1]])]
    if external:
        raw = np.eye(3, dtype=np.float32).tobytes()
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        for key, value in (("location", external), ("offset", "0"), ("length", str(len(raw)))):
            entry = weight.external_data.add()
            entry.key, entry.value = key, value
        if "/" not in external:
            (directory / external).write_bytes(raw)
    inputs = [helper.make_tensor_value_info(names[0], datatype, shape)]
    # Old exporters list initialisers among the inputs.
    inputs.append(helper.make_tensor_value_info("weight", TensorProto.FLOAT, [3, 3]))
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_tensor_value_info(
        names[1], TensorProto.FLOAT, [batch, 3])], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    (directory / "model.onnx").write_bytes(model.SerializeToString())
    if config:
        (directory / "config.json").write_text(json.dumps({
            "architectures": ["MeanForImageClassification"], "model_type": "mean",
            "id2label": {"0": "red", "1": "green", "2": "blue"}}))
        (directory / "preprocessor_config.json").write_text(json.dumps({
            "image_processor_type": "ViTImageProcessor", "do_resize": True, "resample": 2,
            "size": {"height": 8, "width": 8}, "do_rescale": True, "rescale_factor": 1 / 255,
            "do_normalize": False}))
    return directory


def test_add_use_version_remove_while_serving(situd, store, tmp_path):
    daemon = situd("--store", f"photos={store}")
    package = image_model(tmp_path / "mean")
    r = put(daemon, "mean", tar_of(package))
    assert r.status_code == 201, r.text
    assert (r.json()["version"], r.json()["state"], r.json()["labels"]) == ("1", "ready", 3)
    assert len(r.json()["digest"]) == 64
    assert [i["name"] for i in r.json()["inputs"]] == ["pixel_values"]
    first = daemon.infer("mean", "photos/a.png").json()
    assert abs(first["classes"][0]["score"] - 1 / 3) < 1e-3  # softmax over equal means
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        stop = time.monotonic() + 2
        serving = pool.submit(lambda: [daemon.infer("mean", "photos/a.png").status_code
                                       for _ in iter(lambda: time.monotonic() < stop, False)])
        labels = package / "config.json"
        labels.write_text(labels.read_text().replace("red", "crimson"))
        import requests
        second = requests.put(f"{daemon.url}/v1/models/mean", data=tar_of(package), timeout=60,
                              headers={"Content-Type": "application/octet-stream"})
        assert second.status_code == 201 and second.json()["version"] == "2"
        assert second.json()["digest"] != r.json()["digest"]
        assert set(serving.result()) == {200}
    assert daemon.infer("mean", "photos/a.png").json()["classes"][0]["label"] == "crimson"
    assert daemon.infer("mean", "photos/a.png", version=1).json()["classes"][0]["label"] == "red"
    r = daemon.session.delete(f"{daemon.url}/v1/models/mean?version=2")
    assert r.status_code == 204
    assert daemon.infer("mean", "photos/a.png").json()["classes"][0]["label"] == "red"
    assert daemon.session.delete(f"{daemon.url}/v1/models/mean").status_code == 204
    assert daemon.infer("mean", "photos/a.png").status_code == 404
    daemon.wait_for(lambda: not daemon.workers(), "workers of removed models to go")


def test_added_models_are_there_after_a_kill(situd, store, tmp_path):
    from conftest import Daemon
    directory = tmp_path / "kept"
    directory.mkdir()
    daemon = Daemon(directory, ["--store", f"photos={store}"])
    assert put(daemon, "mean", tar_of(image_model(tmp_path / "mean"))).status_code == 201
    (directory / "state/models/.new-left").mkdir()
    daemon.process.kill()
    daemon.process.wait()
    (directory / "situd.log").unlink()
    daemon = Daemon(directory, ["--store", f"photos={store}"])
    try:
        assert daemon.infer("mean", "photos/a.png").status_code == 200
        assert not (directory / "state/models/.new-left").exists()
    finally:
        assert daemon.stop() == 0


@pytest.mark.parametrize("kind", ["FP16", "UINT8", "NHWC", "batch4"])
def test_input_types_layouts_and_batches(situd, tmp_path, kind):
    root = tmp_path / "photos"
    from PIL import Image
    root.mkdir()
    Image.new("RGB", (20, 20), (255, 51, 102)).save(root / "a.png")
    options = {"FP16": {"datatype": TensorProto.FLOAT16}, "UINT8": {"datatype": TensorProto.UINT8},
               "NHWC": {"layout": "NHWC"}, "batch4": {"batch": 4}}[kind]
    package = image_model(tmp_path / "mean", **options)
    if kind == "UINT8":
        config = json.loads((package / "preprocessor_config.json").read_text())
        config["do_rescale"] = False
        (package / "preprocessor_config.json").write_text(json.dumps(config))
    daemon = situd("--store", f"photos={root}")
    r = put(daemon, "mean", tar_of(package))
    assert r.status_code == 201, r.text
    r = daemon.post("/v2/models/mean/infer", {
        "inputs": [{"name": "image", "datatype": "BYTES", "shape": [2],
                    "parameters": {"stored_object": True},
                    "data": ["photos/a.png", "photos/a.png"]}]})
    assert r.status_code == 200, r.text
    output = r.json()["outputs"][0]
    scale = 255 if kind == "UINT8" else 1
    assert output["shape"] == [2, 3]
    assert np.allclose(np.array(output["data"]) / scale, [1, 0.2, 0.4] * 2, atol=2e-3)


def test_external_data_beside_the_model_works(situd, store, tmp_path):
    daemon = situd("--store", f"photos={store}")
    r = put(daemon, "mean", tar_of(image_model(tmp_path / "mean", external="weights.bin")))
    assert r.status_code == 201, r.text
    assert daemon.infer("mean", "photos/a.png").status_code == 200


def test_a_large_package_arrives_byte_for_byte(situd, store, tmp_path):
    daemon = situd("--store", f"photos={store}")
    package = image_model(tmp_path / "mean")
    padding = os.urandom(40 << 20)
    (package / "padding.bin").write_bytes(padding)
    r = put(daemon, "mean", tar_of(package))
    assert r.status_code == 201, r.text
    assert (daemon.directory / "state/models/mean/1/padding.bin").read_bytes() == padding


def nothing_is_left(daemon, directory):
    """A refused package is removed at the end of its request, which may be after its answer."""
    daemon.wait_for(lambda: os.listdir(directory) == [], "a refused package to be removed", 5)


def test_external_data_outside_the_package_is_refused(situd, store, tmp_path):
    daemon = situd("--store", f"photos={store}")
    for location in ("../../etc/passwd", "/etc/passwd", "sub/../../x"):
        shutil.rmtree(tmp_path / "mean", ignore_errors=True)
        r = put(daemon, "mean", tar_of(image_model(tmp_path / "mean", external=location)))
        assert r.status_code == 422, r.text
        assert r.json()["code"] == "unfit"
    assert daemon.get("/v1/models").json()["models"] == []
    nothing_is_left(daemon, daemon.directory / "state/models")


def test_what_is_not_onnx_is_refused(situd, store, tmp_path):
    daemon = situd("--store", f"photos={store}")
    package = image_model(tmp_path / "mean")
    for content in (b"not a model", b"", os.urandom(4096)):
        (package / "model.onnx").write_bytes(content)
        r = put(daemon, "mean", tar_of(package))
        assert r.status_code == 422 and r.json()["code"] == "unfit", r.text
    assert daemon.infer("mean", "photos/a.png").status_code == 404


def test_a_wrong_input_size_is_told_with_both_shapes(situd, store, tmp_path):
    daemon = situd("--store", f"photos={store}")
    r = put(daemon, "mean", tar_of(image_model(tmp_path / "mean", size=16)))
    assert r.status_code == 422
    for part in ("pixel_values", "FP32", "[-1,3,16,16]", "[1,3,8,8]"):
        assert part in r.json()["error"], r.text


def test_packages_that_cannot_be_read_are_named(situd, store, tmp_path):
    daemon = situd("--store", f"photos={store}")
    package = image_model(tmp_path / "mean")
    config = json.loads((package / "preprocessor_config.json").read_text())
    config["do_sharpen"] = True
    (package / "preprocessor_config.json").write_text(json.dumps(config))
    r = put(daemon, "mean", tar_of(package))
    assert r.status_code == 422 and "do_sharpen" in r.json()["error"], r.text
    r = put(daemon, "mean", b"this is no tar" * 100)
    assert r.status_code == 400, r.text
    r = put(daemon, "mean", tar_of(package)[:700])
    assert r.status_code == 400, r.text
    r = put(daemon, "..", b"")
    assert r.status_code in (400, 404), r.text
    evil = io.BytesIO()
    with tarfile.open(fileobj=evil, mode="w") as tar:
        link = tarfile.TarInfo("model.onnx")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    r = put(daemon, "mean", evil.getvalue())
    assert r.status_code == 400, r.text
    evil = io.BytesIO()
    with tarfile.open(fileobj=evil, mode="w") as tar:
        info = tarfile.TarInfo("../escape.onnx")
        info.size = 4
        tar.addfile(info, io.BytesIO(b"evil"))
    r = put(daemon, "mean", evil.getvalue())
    assert r.status_code == 400, r.text
    assert not (daemon.directory / "state/escape.onnx").exists()
    nothing_is_left(daemon, daemon.directory / "state/models")


def test_a_bare_onnx_file_with_a_preset(situd, store, tmp_path):
    daemon = situd("--store", f"photos={store}")
    package = image_model(tmp_path / "bare", size=224, config=False)
    r = put(daemon, "bare", tar_of(package))
    assert r.status_code == 400 and "preset" in r.json()["error"], r.text
    r = put(daemon, "bare", tar_of(package), preset="imagenet")
    assert r.status_code == 201, r.text
    assert r.json()["pipeline"]["center_crop"]["height"] == 224
    assert daemon.infer("bare", "photos/a.png").status_code == 200


def test_tensor_models_take_and_give_named_tensors(situd, store, tmp_path):
    nodes = [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Mul", ["a", "b"], ["product"])]
    kinds = [helper.make_tensor_value_info(n, TensorProto.INT64, ["n", 2])
             for n in ("a", "b", "sum", "product")]
    model = helper.make_model(helper.make_graph(nodes, "g", kinds[:2], kinds[2:]),
                              opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    package = tmp_path / "sum"
    package.mkdir()
    (package / "model.onnx").write_bytes(model.SerializeToString())
    daemon = situd("--store", f"photos={store}")
    r = put(daemon, "sum", tar_of(package), preset="tensor")
    assert r.status_code == 201, r.text
    assert r.json()["task"] == "tensor"
    r = daemon.post("/v2/models/sum/infer", {"inputs": [
        {"name": "a", "datatype": "INT64", "shape": [2, 2], "data": [[1, 2], [3, 4]]},
        {"name": "b", "datatype": "INT64", "shape": [2, 2], "data": [10, 20, 30, 2 ** 53 + 1]}],
        "outputs": [{"name": "sum"}]})
    assert r.status_code == 200, r.text
    assert [o["name"] for o in r.json()["outputs"]] == ["sum"]
    assert r.json()["outputs"][0]["data"] == [11, 22, 33, 2 ** 53 + 5]
    r = daemon.post("/v2/models/sum/infer", {"inputs": [
        {"name": "a", "datatype": "INT64", "shape": [1, 2], "data": [1, 2]}]})
    assert r.status_code == 422 and "'b' is missing" in r.json()["error"], r.text
    r = daemon.post("/v2/models/sum/infer", {"inputs": [
        {"name": n, "datatype": "FP32", "shape": [1, 2], "data": [1, 2]} for n in "ab"]})
    assert r.status_code == 422 and "INT64" in r.json()["error"], r.text


def product_of_words(package, rows):
    """words [n,length] times a matrix of `rows` x 2: only that length is valid."""
    kinds = [helper.make_tensor_value_info("words", TensorProto.FLOAT, ["n", "length"]),
             helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 2])]
    matrix = numpy_helper.from_array(np.ones((rows, 2), np.float32), "matrix")
    model = helper.make_model(
        helper.make_graph([helper.make_node("MatMul", ["words", "matrix"], ["out"])], "g",
                          kinds[:1], kinds[1:], [matrix]),
        opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    package.mkdir()
    (package / "model.onnx").write_bytes(model.SerializeToString())
    return package


def test_a_model_that_its_trial_could_not_fit_says_so(situd, store, tmp_path):
    daemon = situd("--store", f"photos={store}")
    r = put(daemon, "three", tar_of(product_of_words(tmp_path / "three", 3)), preset="tensor")
    assert r.status_code == 201, r.text
    note, = r.json()["notes"]
    assert note.startswith("not tried: input 'words' has open dimensions, taken as 1: "), note
    assert "MatMul" in note
    assert r.json()["run_ms"] == 0
    r = daemon.post("/v2/models/three/infer", {"inputs": [
        {"name": "words", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}]})
    assert r.status_code == 200 and r.json()["outputs"][0]["data"] == [6, 6], r.text
    r = put(daemon, "one", tar_of(product_of_words(tmp_path / "one", 1)), preset="tensor")
    assert r.status_code == 201 and r.json()["notes"] == [] and r.json()["run_ms"] > 0, r.text


def test_tensors_may_lie_in_the_store_as_npy(situd, store, tmp_path):
    nodes = [helper.make_node("Mul", ["a", "a"], ["square"])]
    kinds = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 2]) for n in ("a", "square")]
    model = helper.make_model(helper.make_graph(nodes, "g", kinds[:1], kinds[1:]),
                              opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    package = tmp_path / "square"
    package.mkdir()
    (package / "model.onnx").write_bytes(model.SerializeToString())
    np.save(store / "x.npy", np.array([[1, 2], [3, 4.5]], np.float32))
    np.save(store / "f.npy", np.asfortranarray(np.ones((3, 2), np.float32)))
    np.save(store / "d.npy", np.ones((3, 2)))
    np.save(store / "b.npy", np.ones((3, 2), ">f4"))
    np.save(store / "wide.npy", np.ones((3, 3), np.float32))
    (store / "cut.npy").write_bytes((store / "x.npy").read_bytes()[:-3])
    daemon = situd("--store", f"photos={store}")
    assert put(daemon, "square", tar_of(package), preset="tensor").status_code == 201
    line = daemon.infer("square", "photos/x.npy").json()
    assert line["outputs"][0]["data"] == [1, 4, 9, 20.25] and line["outputs"][0]["shape"] == [2, 2]
    r = daemon.post("/v2/models/square/infer", {"inputs": [
        {"name": "a", "datatype": "BYTES", "shape": [1], "parameters": {"stored_object": True},
         "data": ["photos/x.npy"]}]})
    assert r.status_code == 200 and r.json()["outputs"][0]["data"] == [1, 4, 9, 20.25], r.text
    for name, code in (("f", "unfit"), ("d", "unfit"), ("b", "unfit"), ("wide", "unfit"),
                       ("cut", "undecodable"), ("none", "not_found")):
        r = daemon.infer("square", f"photos/{name}.npy")
        assert r.json()["code"] == code, (name, r.text)
    assert daemon.infer("square", "photos/a.png").json()["code"] == "undecodable"


def test_embeddings_are_normalised(situd, store, tmp_path):
    package = image_model(tmp_path / "embed", names=("pixel_values", "image_embeds"))
    config = json.loads((package / "config.json").read_text())
    config = {"architectures": ["CLIPVisionModelWithProjection"], "model_type": "clip_vision_model"}
    (package / "config.json").write_text(json.dumps(config))
    daemon = situd("--store", f"photos={store}")
    r = put(daemon, "embed", tar_of(package))
    assert r.status_code == 201 and r.json()["task"] == "feature-extraction", r.text
    vector = daemon.infer("embed", "photos/a.png").json()["embedding"]
    assert len(vector) == 3 and abs(np.linalg.norm(vector) - 1) < 1e-6


def test_import_from_a_path_only_beneath_the_import_root(situd, store, tmp_path):
    root = tmp_path / "import"
    image_model(root / "mean")
    image_model(tmp_path / "outside")
    daemon = situd("--store", f"photos={store}", "--import-root", root)
    r = daemon.post("/v1/models/mean", {"path": str(root / "mean")})
    assert r.status_code == 201, r.text
    for path in (tmp_path / "outside", root / "../outside", "/etc"):
        r = daemon.post("/v1/models/other", {"path": str(path)})
        assert r.status_code == 403, r.text


def test_models_over_the_memory_budget_are_unloaded_least_recently_used_first(situd, store,
                                                                              null_models):
    texts = {f"m{i}": "sleep 0" for i in range(4)}
    daemon = situd("--store", f"photos={store}", "--models", null_models(**texts),
                   "--engine", "null", "--memory-budget", "1")
    for name in texts:
        assert daemon.infer(name, "photos/a.png").status_code == 200
    daemon.wait_for(lambda: len(daemon.workers()) == 1, "idle workers to go")
    loaded = [m["name"] for m in daemon.get("/v1/models").json()["models"] if m["loaded"]]
    assert loaded == ["m3"]
    assert daemon.infer("m0", "photos/a.png").status_code == 200


def test_a_full_disk_refuses_a_model_and_serves_on(situd, store, tmp_path, demo_models):
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(small)],
                      capture_output=True).returncode != 0:
        pytest.skip("no permission to mount a small file system")
    try:
        daemon = situd("--store", f"photos={store}", "--models", demo_models, "--state",
                       small / "state")
        package = image_model(tmp_path / "mean")
        (package / "padding.bin").write_bytes(os.urandom(1 << 20))
        r = put(daemon, "mean", tar_of(package))
        assert (r.status_code, r.json()["code"]) == (507, "no_space"), r.text
        assert daemon.infer("demo", "photos/a.png").status_code == 200
        nothing_is_left(daemon, small / "state/models")
        (package / "padding.bin").unlink()
        assert put(daemon, "mean", tar_of(package)).status_code == 201
        daemon.stop()
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_the_cli_adds_lists_shows_and_removes(situd, store, tmp_path, situ_cli):
    daemon = situd("--store", f"photos={store}")
    package = image_model(tmp_path / "mean")
    out = situ_cli(daemon, "model", "add", "mean", package)
    assert out.returncode == 0, out.stderr
    out = situ_cli(daemon, "model", "list")
    assert "mean" in out.stdout and "image-classification" in out.stdout
    out = situ_cli(daemon, "model", "show", "mean")
    assert "pixel_values" in out.stdout
    out = situ_cli(daemon, "infer", "mean", "photos/a.png")
    assert out.returncode == 0 and "red" in out.stdout, out.stderr
    assert situ_cli(daemon, "model", "remove", "mean").returncode == 0
    out = situ_cli(daemon, "infer", "mean", "photos/a.png")
    assert out.returncode != 0 and "mean" in out.stderr


def test_directories_given_at_start(situd, store, tmp_path):
    image_model(tmp_path / "all/one")
    image_model(tmp_path / "all/two/7")
    image_model(tmp_path / "single")
    (tmp_path / "all/broken").mkdir()
    (tmp_path / "all/broken/model.onnx").write_bytes(b"junk")
    daemon = situd("--store", f"photos={store}", "--models", tmp_path / "all",
                   "--models", tmp_path / "single")
    listed = {(m["name"], m["version"]): m for m in daemon.get("/v1/models").json()["models"]}
    assert set(listed) == {("one", "1"), ("two", "7"), ("single", "1"), ("broken", "1")}
    assert listed["broken", "1"]["state"] == "failed" and listed["broken", "1"]["reason"]
    for name in ("one", "two", "single"):
        assert daemon.infer(name, "photos/a.png").status_code == 200
    assert daemon.session.delete(f"{daemon.url}/v1/models/one").status_code == 409
