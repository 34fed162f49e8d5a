#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Cuts an image classifier off after its last pooled feature map: a feature-extraction package.

    feature_model.py CLASSIFIER DIRECTORY [--channels N]

CLASSIFIER is a package with model.onnx, config.json and preprocessor_config.json, whose graph ends
with a global average pool and a softmax, as SqueezeNet's does. DIRECTORY becomes a package whose
only output is that pool, flattened: an embedding of an image. With --channels only the first N
values are kept, which gives a different model with another dimension. Exits 77 if onnx is missing.
"""
import argparse
import json
import pathlib
import shutil
import sys

try:
    import onnx
    from onnx import helper
except ImportError as error:
    print(f"skipped: {error.name} is missing (Debian: python3-onnx)")
    sys.exit(77)

OUTPUT = "embeddings"


def last_pool(graph):
    pools = [i for i, node in enumerate(graph.node) if node.op_type == "GlobalAveragePool"]
    if not pools:
        sys.exit("the graph has no global average pool")
    return pools[-1]


def channels_of(model, tensor):
    inferred = onnx.shape_inference.infer_shapes(model)
    for value in [*inferred.graph.value_info, *inferred.graph.output]:
        if value.name == tensor:
            return value.type.tensor_type.shape.dim[1].dim_value
    sys.exit(f"the shape of {tensor} is unknown")


def cut(model, keep):
    graph = model.graph
    at = last_pool(graph)
    pooled = graph.node[at].output[0]
    channels = channels_of(model, pooled)
    element = graph.output[0].type.tensor_type.elem_type
    nodes = list(graph.node[:at + 1])
    if keep and keep < channels:
        nodes.append(helper.make_node("Slice", [pooled], ["kept"], axes=[1], starts=[0],
                                      ends=[keep]))
        pooled, channels = "kept", keep
    nodes.append(helper.make_node("Flatten", [pooled], [OUTPUT], axis=1))
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(OUTPUT, element, [1, channels]))
    used = {name for node in nodes for name in node.input}
    for values in (graph.initializer, graph.input):
        for value in [value for value in values if value.name not in used]:
            values.remove(value)
    onnx.checker.check_model(model)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("classifier", type=pathlib.Path)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--channels", type=int, default=0)
    arguments = parser.parse_args()
    model = onnx.load(arguments.classifier / "model.onnx")
    cut(model, arguments.channels)
    arguments.directory.mkdir(parents=True)
    onnx.save(model, arguments.directory / "model.onnx")
    config = json.loads((arguments.classifier / "config.json").read_text())
    (arguments.directory / "config.json").write_text(
        json.dumps({"model_type": config.get("model_type", "classifier")}))
    (arguments.directory / "situ.json").write_text(json.dumps({"task": "feature-extraction"}))
    shutil.copyfile(arguments.classifier / "preprocessor_config.json",
                    arguments.directory / "preprocessor_config.json")


if __name__ == "__main__":
    main()
