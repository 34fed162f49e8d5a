#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the demonstration's feature extractor from its classifier.

Takes models/demo and removes the last layer, which decides the kind. The output is then the mean of
the last feature map, 96 values that describe the picture. Pictures with similar values look alike; the
demonstration uses this for its search. Writes models/demo-features.

    demo/cut_features.py

Needs Debian's python3-onnx.
"""

import argparse
import json
import pathlib
import shutil

import onnx
from onnx import TensorProto, helper

README = """---
license: apache-2.0
pipeline_tag: image-feature-extraction
library_name: onnx
---

# The demonstration's feature extractor

The net of [demo](../demo/README.md) without its last layer: for a picture the mean of its last
feature map, {width} values. Nothing was trained for it.

| | |
|---|---|
| input | `pixel_values`, float32 [batch, 3, 96, 96]; preprocessing as `preprocessor_config.json` says |
| output | `image_embeds`, float32 [batch, {width}] |

Made again by `demo/cut_features.py`.
"""


def cut(model):
    """Removes the classifier, the Gemm at the end, and its weights; returns the width of the output."""
    graph = model.graph
    classifier = graph.node[-1]
    if classifier.op_type != "Gemm" or classifier.output[0] != graph.output[0].name:
        raise SystemExit("the model does not end with its classifier")
    features, weight = classifier.input[0], classifier.input[1]
    width = next(t.dims[1] for t in graph.initializer if t.name == weight)
    graph.node.remove(classifier)
    for node in graph.node:
        node.output[:] = ["image_embeds" if name == features else name for name in node.output]
    needed = {name for node in graph.node for name in node.input}
    kept = [t for t in graph.initializer if t.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.value_info[:]
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("image_embeds", TensorProto.FLOAT, ["batch", width]))
    onnx.checker.check_model(model, full_check=True)
    return width


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--model", type=pathlib.Path, default=here / "models/demo")
    parser.add_argument("--out", type=pathlib.Path, default=here / "models/demo-features")
    options = parser.parse_args()

    options.out.mkdir(parents=True, exist_ok=True)
    model = onnx.load(options.model / "model.onnx")
    width = cut(model)
    onnx.save(model, options.out / "model.onnx")
    (options.out / "config.json").write_text(json.dumps({
        "architectures": ["SituDemoModel"],
        "model_type": "situ-demo",
        "image_size": 96,
        "num_channels": 3,
        "torch_dtype": "float32",
    }, indent=2) + "\n")
    shutil.copyfile(options.model / "preprocessor_config.json", options.out / "preprocessor_config.json")
    (options.out / "README.md").write_text(README.format(width=width))


if __name__ == "__main__":
    main()
