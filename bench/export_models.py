#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Exports ResNet-50 and MobileNetV3-small of torchvision, with random weights, as model packages.

    export_models.py DIRECTORY

Creates DIRECTORY/resnet50 and DIRECTORY/mobilenet, each with model.onnx (input [1,3,224,224]) and a
situ.json that selects ImageNet's preprocessing. Speed does not depend on the values of the weights;
nothing is downloaded. The seed is fixed. Exits 77 if torch or torchvision is missing.
"""
import json
import pathlib
import shutil
import sys

try:
    import torch
    import torchvision
except ImportError as error:
    print(f"skipped: {error.name} is missing (Debian: python3-{error.name})")
    sys.exit(77)

MODELS = {"resnet50": torchvision.models.resnet50,
          "mobilenet": torchvision.models.mobilenet_v3_small}


def export(name, make, directory):
    """Writes the package to a temporary directory and renames it when it is complete."""
    torch.manual_seed(1)
    model = make(weights=None).eval()
    package = directory / name
    half = directory / f"{name}.new"
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    torch.onnx.export(model, torch.zeros(1, 3, 224, 224), str(half / "model.onnx"), opset_version=13,
                      input_names=["pixel_values"], output_names=["logits"])
    (half / "situ.json").write_text(json.dumps({"preset": "imagenet"}) + "\n")
    shutil.rmtree(package, ignore_errors=True)
    half.rename(package)


def main():
    directory = pathlib.Path(sys.argv[1])
    for name, make in MODELS.items():
        if not (directory / name / "model.onnx").exists():
            export(name, make, directory)


if __name__ == "__main__":
    main()
