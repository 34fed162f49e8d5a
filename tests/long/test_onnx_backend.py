# SPDX-License-Identifier: Apache-2.0
"""The node tests of the ONNX project, with situd: as many of them pass as with ONNX Runtime alone, except for
types that V2 does not have. Those that do not are listed, each with its reason, in
onnx_backend_expected.txt: a test that fails and is not listed fails this test, and so does one that is
listed and passes, unless its reason is that it varies. The list is for one version of python3-onnx; with
another, only the results of bare ONNX Runtime count.
"""
import concurrent.futures
import json
import pathlib
import re
import struct
import subprocess
import time
import warnings

import pytest
import requests

np = pytest.importorskip("numpy")
onnx = pytest.importorskip("onnx")
from onnx import TensorProto  # noqa: E402
from situ_fixtures import BUILD, Daemon  # noqa: E402

HERE = pathlib.Path(__file__).parent
EXPECTED = HERE / "onnx_backend_expected.txt"
BARE = BUILD / "tests/unit/engine/bare_onnxruntime"
GROUP = 240  # models of one daemon, below the limit of 256
PARALLEL = 4
V2 = {1: "FP32", 2: "UINT8", 3: "INT8", 4: "UINT16", 5: "INT16", 6: "INT32", 7: "INT64", 8: "BYTES",
      9: "BOOL", 10: "FP16", 11: "FP64", 12: "UINT32", 13: "UINT64", 16: "BF16"}
NUMPY = {"FP32": "<f4", "UINT8": "u1", "INT8": "i1", "UINT16": "<u2", "INT16": "<i2", "INT32": "<i4",
         "INT64": "<i8", "BOOL": "?", "FP16": "<f2", "FP64": "<f8", "UINT32": "<u4", "UINT64": "<u8",
         "BF16": "<u2"}


def collect():
    """All node tests that come with data. onnx 1.12 is older than NumPy 1.24, which dropped names."""
    for name, kind in (("float", float), ("bool", bool), ("int", int), ("object", object),
                       ("str", str), ("complex", complex)):
        if name not in vars(np):
            setattr(np, name, kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case import node
        cases = node.collect_testcases(None)
    return [case for case in cases if case.data_sets]


class Unserved(Exception):
    """V2 has no such type."""


def describe(value_info, value):
    """(name, ONNX type, shape, bytes) of a value in a test's data."""
    kind = value_info.type.WhichOneof("value")
    if kind != "tensor_type" or value is None or isinstance(value, list):
        raise Unserved(f"'{value_info.name}' is {(kind or 'no type').replace('_type', '')}")
    element = value_info.type.tensor_type.elem_type
    if element not in V2:
        raise Unserved(f"'{value_info.name}' is of {TensorProto.DataType.Name(element)}")
    if isinstance(value, TensorProto):
        value = onnx.numpy_helper.to_array(value)
    value = np.asarray(value)
    if element == TensorProto.STRING:
        data = pack([s if isinstance(s, bytes) else str(s).encode() for s in value.ravel().tolist()])
    else:
        wanted = np.dtype(NUMPY[V2[element]])
        same = value.dtype == wanted or element == TensorProto.BFLOAT16 and value.itemsize == 2
        if not same:
            raise Unserved(f"'{value_info.name}' has data of {value.dtype}")
        data = np.ascontiguousarray(value).astype(value.dtype.newbyteorder("<")).tobytes()
    return value_info.name, element, value.shape, data


def pack(strings):
    return b"".join(struct.pack("<I", len(s)) + s for s in strings)


def unpack(data):
    strings = []
    while data:
        size, = struct.unpack_from("<I", data)
        strings.append(data[4:4 + size])
        data = data[4 + size:]
    return strings


class Case:
    def __init__(self, number, case, directory):
        self.name = case.name
        self.model = f"case{number}"
        self.directory = directory / self.model
        self.rtol, self.atol = case.rtol, case.atol
        self.reason = None  # why it does not pass, or cannot be requested
        self.bare = False
        graph = case.model.graph
        given, wanted = case.data_sets[0]
        self.directory.mkdir(parents=True)
        (self.directory / "model.onnx").write_bytes(case.model.SerializeToString())
        (self.directory / "situ.json").write_text('{"preset": "tensor"}')
        try:
            self.inputs = [describe(info, v) for info, v in zip(graph.input, given)]
            self.wanted = [describe(info, v) for info, v in zip(graph.output, wanted)]
        except Unserved as unserved:
            self.reason = f"type: {unserved}"
            return
        with open(self.directory / "inputs", "wb") as file:
            for name, element, shape, data in self.inputs:
                raw = name.encode()
                file.write(struct.pack(f"<I{len(raw)}sII{len(shape)}qQ", len(raw), raw, element,
                                       len(shape), *shape, len(data)) + data)

    def compare(self, got):
        """`got`: name -> (ONNX type, shape, bytes). Raises AssertionError as the project's runner."""
        for name, element, shape, data in self.wanted:
            assert name in got, f"no output '{name}'"
            told, got_shape, got_data = got[name]
            assert told == element, f"'{name}' is of {told}, not {element}"
            assert tuple(got_shape) == tuple(shape), f"'{name}' is {got_shape}, not {list(shape)}"
            if element == TensorProto.STRING:
                assert unpack(got_data) == unpack(data), f"'{name}' has other strings"
                continue
            ours, theirs = (np.frombuffer(d, NUMPY[V2[element]]) for d in (got_data, data))
            if element == TensorProto.BFLOAT16:
                assert (ours == theirs).all(), f"'{name}' differs"
            else:
                np.testing.assert_allclose(ours, theirs, rtol=self.rtol, atol=self.atol)

    def take_bare(self):
        data = (self.directory / "outputs").read_bytes()
        got, at = {}, 0
        while at < len(data):
            length, = struct.unpack_from("<I", data, at)
            name = data[at + 4:at + 4 + length].decode()
            at += 4 + length
            element, = struct.unpack_from("<I", data, at)
            at += 4
            if element == 0:
                continue
            rank, = struct.unpack_from("<I", data, at)
            shape = struct.unpack_from(f"<{rank}q", data, at + 4)
            at += 4 + 8 * rank
            size, = struct.unpack_from("<Q", data, at)
            at += 8
            if element == TensorProto.STRING:  # the size field does not count strings: walk
                end = at
                for _ in range(int(np.prod(shape, dtype=np.int64))):
                    end += 4 + struct.unpack_from("<I", data, end)[0]
                size = end - at
            got[name] = (element, shape, data[at:at + size])
            at += size
        self.compare(got)

    def ask(self, session, url):
        """situd's answer, all in binary."""
        inputs = [{"name": name, "datatype": V2[element], "shape": list(shape),
                   "parameters": {"binary_data_size": len(data)}}
                  for name, element, shape, data in self.inputs]
        head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
        r = session.post(f"{url}/v2/models/{self.model}/infer", timeout=120,
                         data=head + b"".join(data for *_, data in self.inputs),
                         headers={"Content-Type": "application/octet-stream",
                                  "Inference-Header-Content-Length": str(len(head))})
        assert r.status_code == 200, r.text
        length = int(r.headers.get("Inference-Header-Content-Length", len(r.content)))
        rest, got = r.content[length:], {}
        numbers = {word: number for number, word in V2.items()}
        for output in json.loads(r.content[:length])["outputs"]:
            size = output["parameters"]["binary_data_size"]
            got[output["name"]] = (numbers[output["datatype"]], output["shape"], rest[:size])
            rest = rest[size:]
        self.compare(got)


def first_line(error):
    return re.sub(r"\s+", " ", str(error)).strip()[:160]


def run_bare(cases):
    """One process for all; each case has one of its own."""
    run = subprocess.run([BARE, *(case.directory for case in cases)], capture_output=True, timeout=600)
    assert run.returncode == 0
    status = dict(line.rsplit(" ", 1) for line in run.stdout.decode().splitlines())
    for case in cases:
        try:
            if status[str(case.directory)] != "0":
                message = case.directory / "error"
                raise AssertionError(message.read_text() if message.exists() else "it ended")
            case.take_bare()
            case.bare = True
        except AssertionError as error:
            case.reason = f"onnxruntime: {first_line(error)}"


def run_situd(cases, directory, models):
    directory.mkdir()
    daemon = Daemon(directory, ["--models", models, "--memory-budget", "1"])
    try:
        with requests.Session() as session, concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
            def one(case):
                try:
                    case.ask(session, daemon.url)
                    case.reason = None
                except (AssertionError, requests.RequestException, KeyError) as error:
                    if case.bare:
                        case.reason = f"situd: {first_line(error)}"
            list(pool.map(one, cases))
    finally:
        assert daemon.stop() == 0


def read_expected():
    """Its version, and name -> reason."""
    lines = [line for line in EXPECTED.read_text().splitlines() if line and not line.startswith("#")]
    version = lines[0].removeprefix("onnx ")
    return version, dict(line.split(" ", 1) for line in lines[1:])


def test_the_node_tests_of_onnx_pass_as_with_onnxruntime_alone(tmp_path):
    if not BARE.exists():
        pytest.skip(f"{BARE} is not built")
    started = time.monotonic()
    collected = collect()
    assert len(collected) > 800
    cases = [Case(i, case, tmp_path / f"models{i // GROUP}") for i, case in enumerate(collected)]
    asked = [case for case in cases if not case.reason]
    run_bare(asked)
    for group in range((len(cases) + GROUP - 1) // GROUP):
        run_situd([case for case in asked if case.directory.parent.name == f"models{group}"],
                  tmp_path / f"situd{group}", tmp_path / f"models{group}")
    failed = {case.name: case.reason for case in cases if case.reason}
    (tmp_path / "failed.txt").write_text("".join(f"{n} {r}\n" for n, r in sorted(failed.items())))
    behind = {n: r for n, r in failed.items() if r.startswith("situd")}
    print(f"{len(cases) - len(failed)} of {len(cases)} pass; {sum(c.bare for c in cases)} with ONNX "
          f"Runtime alone; {time.monotonic() - started:.0f} s; {tmp_path / 'failed.txt'}")
    assert not behind, behind
    version, expected = read_expected()
    if version != onnx.__version__:
        return
    more = {name: reason for name, reason in failed.items() if name not in expected}
    fewer = sorted(name for name, reason in expected.items()
                   if name not in failed and not reason.startswith("varies"))
    assert not more, f"not listed in {EXPECTED.name}: {more}"
    assert not fewer, f"listed in {EXPECTED.name}, but they pass: {fewer}"
