#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Photos to tensors: media_bench against Pillow and numpy, on one core, in alternation.

    bench_media.py MEDIA_BENCH [--photos DIRECTORY] [--rounds N] [--cpu N] [--isa NAME]

Both sides do the preprocessing of ImageNet models: shortest edge 256, bilinear, crop 224, rescale, mean and
std, float32 NCHW. Prints one JSON object: the medians of CPU milliseconds per photo, and the ratios
ours / theirs. Exits 77 if Pillow, numpy or the photos are missing.
"""
import argparse
import io
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

try:
    import numpy as np
    from PIL import Image
except ImportError:
    print("skipped: this python3 has no PIL and numpy")
    sys.exit(77)

LIMITS = {"decode_to_tensor": 0.38, "resample_normalize": 0.15}
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
SCALE = np.float32(1 / 255)


def to_tensor(image):
    width, height = image.size
    short, long = min(width, height), max(width, height)
    other = int(256 * long / short)
    image = image.resize((256, other) if width <= height else (other, 256), Image.Resampling.BILINEAR)
    left, top = (image.size[0] - 224) // 2, (image.size[1] - 224) // 2
    image = image.crop((left, top, left + 224, top + 224))
    array = np.asarray(image).astype(np.float32)
    array *= SCALE
    array -= MEAN
    array /= STD
    return np.ascontiguousarray(array.transpose(2, 0, 1))


def python_round(files, images):
    start = time.process_time()
    for data in files:
        to_tensor(Image.open(io.BytesIO(data)).convert("RGB"))
    middle = time.process_time()
    for image in images:
        to_tensor(image)
    end = time.process_time()
    return {"decode_to_tensor": (middle - start) * 1e3 / len(files),
            "resample_normalize": (end - middle) * 1e3 / len(files)}


def our_round(program, photos, isa):
    command = [program, "--rounds", "2"] + (["--isa", isa] if isa else []) + [str(photos)]
    last = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.splitlines()[-1])
    return {key: last[f"{key}_ms"] for key in LIMITS}, last["isa"]


def arguments():
    default = pathlib.Path(__file__).resolve().parents[2] / "shared" / "data"
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--photos", type=pathlib.Path,
                        default=pathlib.Path(os.environ.get("SITU_TEST_DATA", default)) / "photos")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--isa")
    return parser.parse_args()


def main():
    args = arguments()
    if not args.photos.is_dir():
        print(f"skipped: no photos in {args.photos}; set SITU_TEST_DATA or --photos")
        sys.exit(77)
    os.sched_setaffinity(0, {args.cpu})
    files = [path.read_bytes() for path in sorted(args.photos.iterdir())]
    images = [Image.open(io.BytesIO(data)).convert("RGB") for data in files]
    python_round(files, images)
    ours, theirs, isa = [], [], None
    for _ in range(args.rounds):
        theirs.append(python_round(files, images))
        figures, isa = our_round(args.program, args.photos, args.isa)
        ours.append(figures)
    result = {"isa": isa, "photos": len(files), "rounds": args.rounds}
    for key, limit in LIMITS.items():
        our_ms = statistics.median(figures[key] for figures in ours)
        their_ms = statistics.median(figures[key] for figures in theirs)
        result[key] = {"ms": round(our_ms, 4), "pillow_numpy_ms": round(their_ms, 4),
                       "ratio": round(our_ms / their_ms, 4), "limit": limit}
    print(json.dumps(result))
    sys.exit(0 if all(result[key]["ratio"] <= limit for key, limit in LIMITS.items()) else 1)


if __name__ == "__main__":
    main()
