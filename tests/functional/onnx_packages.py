# SPDX-License-Identifier: Apache-2.0
"""Small ONNX models for tests, as packages in a directory for --models, or as bytes."""

import json

import pytest

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

node = helper.make_node
info = helper.make_tensor_value_info
FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING


def model_bytes(nodes, inputs, outputs, constants=None, opset=13, domains=()):
    """inputs and outputs: (name, type, shape) or whole ValueInfoProtos; constants: name -> array."""
    kinds = [[info(*t) if isinstance(t, tuple) else t for t in part] for part in (inputs, outputs)]
    arrays = [numpy_helper.from_array(a, name) for name, a in (constants or {}).items()]
    model = helper.make_model(
        helper.make_graph(nodes, "g", *kinds, arrays),
        opset_imports=[helper.make_opsetid(d, v) for d, v in (("", opset), *domains)])
    model.ir_version = 8
    return model.SerializeToString()


def package(directory, content, preset="tensor", **situ):
    """directory/model.onnx and situ.json."""
    directory.mkdir(parents=True)
    (directory / "model.onnx").write_bytes(content)
    (directory / "situ.json").write_text(json.dumps({"preset": preset, **situ}))
    return directory
