#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the demonstration's model and writes its package.

Draws pictures with situ-draw, trains a small convolutional network on them (PyTorch, one core, a few
minutes), evaluates it on pictures of another seed, and writes models/demo: the ONNX file and the
configuration files in the layout of Hugging Face. In training and evaluation, preprocessing is
Pillow's resize and the arithmetic of preprocessor_config.json.

    demo/train.py --draw build/demo/situ-draw

Needs Debian's python3-torch, python3-onnx, python3-pil and python3-numpy.
"""

import argparse
import json
import pathlib
import platform
import subprocess
import sys
import tempfile
import time

import numpy
import onnx
import torch
from onnx import helper, numpy_helper
from PIL import Image
from torch import nn

EDGE = 96  # pixels of the network's input
TRAIN_SEED = 1001
HELD_OUT_SEED = 2002
BATCH = 64


def draw(program, folder, count, seed):
    """Draws `count` pictures of sizes from 64 to 512 pixels; returns [(path, label)]."""
    labels = folder.with_suffix(".tsv")
    subprocess.run(
        [program, "--out", folder, "--count", str(count), "--seed", str(seed),
         "--size", "64-512", "--labels", labels], check=True)
    lines = labels.read_text().splitlines()
    return [(folder / name, label) for name, label in (line.split("\t") for line in lines)]


def read_picture(path):
    """A picture as uint8 [3, EDGE, EDGE]: the result of do_convert_rgb and do_resize."""
    with Image.open(path) as picture:
        pixels = picture.convert("RGB").resize((EDGE, EDGE), Image.Resampling.BILINEAR)
    return numpy.asarray(pixels).transpose(2, 0, 1)


def read_pictures(files, kinds):
    pixels = numpy.stack([read_picture(path) for path, _ in files])
    targets = numpy.array([kinds.index(label) for _, label in files])
    return torch.from_numpy(pixels), torch.from_numpy(targets)


def normalize(pixels):
    """do_rescale by 1/255, do_normalize with mean and deviation 0.5."""
    return (pixels.float() / 255.0 - 0.5) / 0.5


class Net(nn.Module):
    """Six convolutions, each with batch normalisation and ReLU; mean over places; one layer."""

    def __init__(self, kinds):
        super().__init__()
        # (channels, stride) of each convolution
        plan = [(16, 2), (32, 2), (48, 1), (64, 2), (80, 2), (96, 1)]
        layers = []
        channels = 3
        for out, stride in plan:
            layers += [nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out),
                       nn.ReLU(inplace=True)]
            channels = out
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, kinds)

    def forward(self, pixel_values):
        return self.classifier(self.features(pixel_values).mean((2, 3)))


def train(net, pixels, targets, epochs):
    steps = epochs * ((len(pixels) + BATCH - 1) // BATCH)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    for epoch in range(epochs):
        net.train()
        start = time.monotonic()
        total = 0.0
        for indices in torch.randperm(len(pixels)).split(BATCH):
            batch = normalize(pixels[indices])
            if torch.rand(()) < 0.5:
                batch = batch.flip(3)
            loss = loss_of(net(batch), targets[indices])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(indices)
        print(f"epoch {epoch + 1}/{epochs}: loss {total / len(pixels):.4f}, "
              f"{time.monotonic() - start:.1f} s", flush=True)


def predict(net, pixels):
    net.eval()
    with torch.no_grad():
        return torch.cat([net(normalize(part)) for part in pixels.split(BATCH)])


def measure(net, pixels, targets, kinds):
    """Accuracy, and the confusions: {(true kind, answer): count}."""
    answers = predict(net, pixels).argmax(1)
    wrong = {}
    for target, answer in zip(targets.tolist(), answers.tolist()):
        if target != answer:
            pair = (kinds[target], kinds[answer])
            wrong[pair] = wrong.get(pair, 0) + 1
    return (answers == targets).float().mean().item(), wrong


def export(net, path):
    net.eval()
    torch.onnx.export(
        net, torch.zeros(1, 3, EDGE, EDGE), path, opset_version=13,
        input_names=["pixel_values"], output_names=["logits"],
        dynamic_axes={"pixel_values": {0: "batch"}, "logits": {0: "batch"}})
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    operators = sorted({node.op_type for node in model.graph.node})
    assert "BatchNormalization" not in operators, operators
    print("ONNX operators:", ", ".join(operators))
    return model


def convolve(x, weight, bias, stride):
    """A 3 x 3 convolution with a border of one zero pixel, in plain numpy."""
    padded = numpy.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = numpy.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
    windows = windows[:, :, ::stride, ::stride]
    return numpy.einsum("nchwij,ocij->nohw", windows, weight, optimize=True) + bias[:, None, None]


def run_exported(model, x):
    """The logits of the exported file, computed without PyTorch."""
    values = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    values["pixel_values"] = x
    for node in model.graph.node:
        inputs = [values[name] for name in node.input]
        given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "Conv":
            assert given["kernel_shape"] == [3, 3] and given["pads"] == [1, 1, 1, 1]
            out = convolve(*inputs, given["strides"][0])
        elif node.op_type == "Relu":
            out = numpy.maximum(inputs[0], 0)
        elif node.op_type == "ReduceMean":
            out = inputs[0].mean(tuple(given["axes"]), keepdims=bool(given["keepdims"]))
        elif node.op_type == "Gemm":
            assert given["transB"] == 1
            out = inputs[0] @ inputs[1].T + inputs[2]
        else:
            raise ValueError(f"operator {node.op_type} was not expected")
        values[node.output[0]] = out
    return values["logits"]


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def write_configuration(folder, kinds):
    write_json(folder / "config.json", {
        "architectures": ["SituDemoForImageClassification"],
        "model_type": "situ-demo",
        "image_size": EDGE,
        "num_channels": 3,
        "id2label": {str(i): kind for i, kind in enumerate(kinds)},
        "label2id": {kind: i for i, kind in enumerate(kinds)},
        "problem_type": "single_label_classification",
        "torch_dtype": "float32",
    })
    write_json(folder / "preprocessor_config.json", {
        "image_processor_type": "ViTImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"height": EDGE, "width": EDGE},
        "resample": 2,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    })


README = """---
license: apache-2.0
pipeline_tag: image-classification
library_name: onnx
---

# The demonstration's model

A small convolutional net ({parameters:,} parameters, {size_kb:.0f} kB) that tells apart {count} kinds of drawn pictures:
{kinds}.

| | |
|---|---|
| held-out accuracy | **{accuracy:.2%}**, {right:,} of {held_out:,} pictures (seed {held_out_seed}) |
| trained on | {trained:,} pictures (seed {train_seed}), {epochs} epochs, {minutes:.1f} minutes on one core |
| input | `pixel_values`, float32 [batch, 3, {edge}, {edge}]; preprocessing as `preprocessor_config.json` says |
| output | `logits`, float32 [batch, {count}]; names in `config.json` |

All pictures, for training and for measuring, are drawn by `situ-draw`; nothing else went in. The held-out
pictures were drawn from another seed, and nothing was trained or chosen by them. Taken for something else there:
{wrong}.

Made again, to another last digit where PyTorch or the processor differs (here {versions}), by:

```
demo/train.py --draw build/demo/situ-draw
```
"""


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--draw", default="build/demo/situ-draw", help="the drawing program")
    parser.add_argument("--out", type=pathlib.Path, default=here / "models" / "demo")
    parser.add_argument("--pictures", type=int, default=9000)
    parser.add_argument("--held-out", type=int, default=2400)
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(7)
    listed = subprocess.run([options.draw, "--list-kinds"], check=True, capture_output=True)
    kinds = listed.stdout.decode().split()

    with tempfile.TemporaryDirectory(prefix="situ-train-") as name:
        temporary = pathlib.Path(name)
        print(f"drawing {options.pictures} + {options.held_out} pictures", flush=True)
        pixels, targets = read_pictures(
            draw(options.draw, temporary / "train", options.pictures, TRAIN_SEED), kinds)
        unseen, unseen_targets = read_pictures(
            draw(options.draw, temporary / "held-out", options.held_out, HELD_OUT_SEED), kinds)

    net = Net(len(kinds))
    start = time.monotonic()
    train(net, pixels, targets, options.epochs)
    minutes = (time.monotonic() - start) / 60
    accuracy, wrong = measure(net, unseen, unseen_targets, kinds)
    print(f"held-out accuracy {accuracy:.2%}; taken for something else: {wrong}")

    options.out.mkdir(parents=True, exist_ok=True)
    model = export(net, str(options.out / "model.onnx"))
    sample = unseen[:24]
    difference = numpy.abs(run_exported(model, normalize(sample).numpy()) -
                           predict(net, sample).numpy()).max()
    print(f"exported file against PyTorch: largest difference {difference:.1e}")
    if accuracy < 0.95 or difference > 1e-3:
        print("the accuracy or the exported file is not good enough: no package is written", file=sys.stderr)
        return 1

    write_configuration(options.out, kinds)
    confused = [f"{true} for {taken} {times}" for (true, taken), times
                in sorted(wrong.items(), key=lambda item: -item[1])]
    (options.out / "README.md").write_text(README.format(
        parameters=sum(p.numel() for p in net.parameters()),
        size_kb=(options.out / "model.onnx").stat().st_size / 1000,
        count=len(kinds), kinds=", ".join(kinds), accuracy=accuracy,
        right=round(accuracy * len(unseen)), held_out=len(unseen), held_out_seed=HELD_OUT_SEED,
        trained=len(pixels), train_seed=TRAIN_SEED, epochs=options.epochs, minutes=minutes,
        edge=EDGE, wrong=", ".join(confused[:6]) or "nothing",
        versions=f"PyTorch {torch.__version__}, {platform.machine()}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
