# SPDX-License-Identifier: Apache-2.0
"""Tensors are equal, bit for bit, to those of Pillow and numpy for the same image.

    test_media_pillow.py PART TENSOR_DUMP

PART is one of the functions below named part_PART; each runs with every form of the inner loops that the CPU
has. tensor_dump is the program beside this file. The arithmetic is that of the Hugging Face image processors,
and of torchvision if `round` is set. Exits 77 if Pillow, numpy or the test data are missing.
"""
import hashlib
import io
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from PIL import Image, ImageOps
except ImportError:
    print("skipped: this python3 has no PIL and numpy")
    sys.exit(77)

from photos import DATA, drawn

SEED = int(os.environ.get("SITU_TEST_SEED", "1"))
ROUNDS = int(os.environ.get("SITU_TEST_ROUNDS", "1"))
ISAS = ["c", "avx2", "avx512", "neon"]
FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}
TYPES = {"FP32": np.float32, "FP16": np.float16, "UINT8": np.uint8}
IMAGENET = {"rescale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
ORDERS_AT_ONCE = 48
VARIANTS = ["bicubic-shortest224-crop224", "bicubic-shortest256-crop224", "bilinear-shortest256-crop224",
            "bilinear-square224", "box-square112", "hamming-square224", "lanczos-shortest232-crop224",
            "nearest-square224"]


class Bench:
    """The program, a directory for files, random numbers and the verdicts of the checks."""

    def __init__(self, dump, directory):
        self.dump, self.directory = dump, pathlib.Path(directory)
        self.random = random.Random(SEED)
        self.numbers = np.random.default_rng(SEED)
        self.files = 0
        self.checked = 0
        self.failures = []
        self.isas = [isa for isa in ISAS if self.run(isa, []) is not None]
        print("forms of the inner loops:", " ".join(self.isas))

    def file(self, data):
        self.files += 1
        path = self.directory / f"{self.files:05d}"
        path.write_bytes(data)
        return path

    def array(self, width, height):
        """Pixels of noise, of hard black and white, or of slopes."""
        kind = self.random.randrange(3)
        if kind == 0:
            return self.numbers.integers(0, 256, (height, width, 3), dtype=np.uint8)
        if kind == 1:
            return self.numbers.integers(0, 2, (height, width, 3), dtype=np.uint8) * np.uint8(255)
        y, x = np.mgrid[0:height, 0:width]
        return np.stack([x * 3 + y, x + y * 5, x ^ y], axis=-1).astype(np.uint8)

    def run(self, isa, orders):
        """(path, settings) each -> array, or the text of an error; None: no such CPU."""
        answers = []
        for first in range(0, max(len(orders), 1), ORDERS_AT_ONCE):
            part = orders[first:first + ORDERS_AT_ONCE]
            lines = "".join("\t".join([str(path)] + words(settings)) + "\n" for path, settings in part)
            done = subprocess.run([self.dump, "--isa", isa], input=lines.encode(), capture_output=True, check=False)
            if done.returncode == 77:
                return None
            if done.returncode != 0 or done.stderr:
                self.failures.append(f"tensor_dump: status {done.returncode}, {done.stderr[-2000:]!r}")
            answers += parse(done.stdout, [settings for _, settings in part])
        return answers

    def check(self, cases):
        """(path, settings, expected array, name) each, with every form."""
        for isa in self.isas:
            answers = self.run(isa, [(path, settings) for path, settings, _, _ in cases])
            for (_, _, expected, name), answer in zip(cases, answers):
                self.checked += 1
                fault = difference(answer, expected)
                if fault:
                    self.failures.append(f"{isa}: {name}: {fault}")


def words(settings):
    def text(value):
        if isinstance(value, tuple):
            return ",".join(repr(item) for item in value)
        return value if isinstance(value, str) else repr(value)
    return [f"{key}={text(value)}" for key, value in settings.items()]


def parse(output, settings):
    """The answers in tensor_dump's output."""
    answers, at = [], 0
    for setting in settings:
        end = output.find(b"\n", at)
        if end < 0:
            answers.append("no answer")
            continue
        head = output[at:end].decode().split(" ", 2)
        at = end + 1
        if head[0] != "ok":
            answers.append(" ".join(head))
            continue
        height, (width, size) = int(head[1]), map(int, head[2].split())
        values = np.frombuffer(output[at:at + size], TYPES[setting.get("type", "FP32")])
        at += size
        shape = (height, width, 3) if setting.get("layout") == "nhwc" else (3, height, width)
        answers.append(values.reshape(shape))
    return answers


def difference(answer, expected):
    """What is wrong, or None."""
    if isinstance(answer, str):
        return answer
    if answer.shape != expected.shape or answer.dtype != expected.dtype:
        return f"{answer.dtype} {answer.shape} instead of {expected.dtype} {expected.shape}"
    bits = {1: np.uint8, 2: np.uint16, 4: np.uint32}[expected.dtype.itemsize]
    wrong = np.argwhere(answer.view(bits) != np.ascontiguousarray(expected).view(bits))
    if len(wrong) == 0:
        return None
    where = tuple(wrong[0])
    return f"{len(wrong)} of {expected.size} differ, first at {where}: {answer[where]} instead of {expected[where]}"


# What the Python pipelines do.

def resized_size(width, height, settings):
    mode = settings.get("resize", "none")
    if mode == "none":
        return width, height
    target_width, edge = map(int, settings["size"].split("x"))
    if mode == "exact":
        return target_width, edge
    short, long = min(width, height), max(width, height)
    if mode == "shortest":
        other = int(edge * long / short)
        return (edge, other) if width <= height else (other, edge)
    other = round(short / (long / edge)) if "round" in settings else int(edge * short / long)
    return (other, edge) if width <= height else (edge, other)


def crop_hugging_face(array, width, height):
    has_height, has_width = array.shape[:2]
    top, left = (has_height - height) // 2, (has_width - width) // 2
    canvas_height, canvas_width = max(height, has_height), max(width, has_width)
    canvas = np.zeros((canvas_height, canvas_width, 3), array.dtype)
    down, right = math.ceil((canvas_height - has_height) / 2), math.ceil((canvas_width - has_width) / 2)
    canvas[down:down + has_height, right:right + has_width] = array
    top, left = top + down, left + right
    return canvas[top:top + height, left:left + width]


def crop_torchvision(array, width, height):
    has_height, has_width = array.shape[:2]
    more_x, more_y = max(width - has_width, 0), max(height - has_height, 0)
    array = np.pad(array, ((more_y // 2, (more_y + 1) // 2), (more_x // 2, (more_x + 1) // 2), (0, 0)))
    top, left = round((array.shape[0] - height) / 2.0), round((array.shape[1] - width) / 2.0)
    return array[top:top + height, left:left + width]


def pad_square(array, edge, colour):
    height, width = array.shape[:2]
    canvas = np.empty((edge, edge, 3), array.dtype)
    canvas[:] = colour
    top, left = (edge - height) // 2, (edge - width) // 2
    canvas[top:top + height, left:left + width] = array
    return canvas


def pixels_of(image, settings):
    """The uint8 rows after resize, padding and crop."""
    size = resized_size(*image.size, settings)
    array = np.asarray(image.resize(size, settings.get("resample", 0)))
    if "pad" in settings:
        array = pad_square(array, int(settings["size"].split("x")[1]), settings["pad"])
    if "crop" in settings:
        width, height = map(int, settings["crop"].split("x"))
        crop = crop_torchvision if "round" in settings else crop_hugging_face
        array = crop(array, width, height)
    return array


def values_of(array, settings):
    """Rescaled and normalised, as transformers.image_transforms computes."""
    if "rescale" in settings:
        array = (array.astype(np.float64) * settings["rescale"]).astype(np.float32)
        if "offset" in settings:
            array = array + settings["offset"]
    if "mean" in settings:
        array = array.astype(np.float32) if array.dtype == np.uint8 else array
        mean, std = np.array(settings["mean"], array.dtype), np.array(settings["std"], array.dtype)
        array = (array - mean) / std
        if "twice" in settings:
            array = (array - np.zeros(3, array.dtype)) / std
    if "flip" in settings:
        array = array[..., ::-1]
    if settings.get("layout") != "nhwc":
        array = array.transpose(2, 0, 1)
    return np.ascontiguousarray(array.astype(TYPES[settings.get("type", "FP32")]))


def tensor_of(image, settings):
    return values_of(pixels_of(image, settings), settings)


# The parts.

def golden_settings(variant):
    """`bilinear-shortest256-crop224` and the like."""
    settings = {"layout": "nhwc", "type": "UINT8"}
    for word in variant.split("-"):
        name, number = word.rstrip("0123456789"), word.lstrip("abcdefghijklmnopqrstuvwxyz")
        if name == "shortest":
            settings.update(resize="shortest", size=f"1x{number}")
        elif name == "square":
            settings.update(resize="exact", size=f"{number}x{number}")
        elif name == "crop":
            settings.update(crop=f"{number}x{number}")
        else:
            settings["resample"] = FILTERS[name]
    return settings


def part_golden(bench):
    """Every hash that was recorded for the photos."""
    if not (DATA / "expected" / "pixels.tsv").is_file():
        print(f"skipped: no recorded hashes of photos in {DATA}; set SITU_TEST_DATA")
        sys.exit(77)
    lines = (DATA / "expected" / "pixels.tsv").read_text().splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    orders = [(DATA / "photos" / name, golden_settings(variant)) for variant, name, _ in rows]
    for isa in bench.isas:
        for (variant, name, expected), answer in zip(rows, bench.run(isa, orders)):
            bench.checked += 1
            found = answer if isinstance(answer, str) else hashlib.sha256(answer.tobytes()).hexdigest()
            if found != expected:
                bench.failures.append(f"{isa}: {variant} of {name}: {found}")


def part_drawn(bench):
    """Drawn pictures, prepared in the same ways."""
    cases = []
    for path in drawn(bench.directory):
        for variant in VARIANTS:
            settings = golden_settings(variant)
            cases.append((path, settings, tensor_of(Image.open(path).convert("RGB"), settings),
                          f"{variant} of {path.name}"))
    bench.check(cases)


def random_size(bench):
    shapes = [(40, 40), (700, 700), (4000, 40), (40, 4000), (9, 9), (1, 300), (300, 1)]
    width, height = bench.random.choice(shapes)
    return bench.random.randint(1, width), bench.random.randint(1, height)


def raw_case(bench, width, height, settings):
    """The same image as raw rows for tensor_dump and as an image for Pillow."""
    array = bench.array(width, height)
    path = bench.file(array.tobytes())
    expected = tensor_of(Image.fromarray(array), settings)
    ours = {"rgb": f"{width}x{height}", **settings}
    return path, ours, expected, f"{width}x{height} {' '.join(words(settings))}"


def part_sizes(bench):
    """Random sizes and filters, up and down, one axis kept or none."""
    for _ in range(8 * ROUNDS):
        cases = []
        for resample in list(range(6)) * 8:
            width, height = random_size(bench)
            to_width = bench.random.choice([width, bench.random.randint(1, 400), bench.random.randint(1, 9)])
            to_height = bench.random.choice([height, bench.random.randint(1, 400), bench.random.randint(1, 9)])
            settings = {"resize": "exact", "size": f"{to_width}x{to_height}", "resample": resample,
                        "layout": "nhwc", "type": "UINT8"}
            if bench.random.randrange(2):
                settings["crop"] = f"{bench.random.randint(1, 2 * to_width)}x{bench.random.randint(1, 2 * to_height)}"
            cases.append(raw_case(bench, width, height, settings))
        bench.check(cases)


def part_geometry(bench):
    """Shortest and longest edge, both crop roundings, padding."""
    for _ in range(4 * ROUNDS):
        cases = []
        for _ in range(48):
            width, height = bench.random.randint(1, 300), bench.random.randint(1, 300)
            mode = bench.random.choice(["none", "shortest", "longest"])
            settings = {"resize": mode, "size": f"1x{bench.random.randint(1, 90)}", "type": "UINT8",
                        "resample": bench.random.randrange(6)}
            if bench.random.randrange(2):
                settings["round"] = 1
            if mode == "longest" and bench.random.randrange(2):
                settings["pad"] = (12, 130, 255)
            elif bench.random.randrange(3):
                settings["crop"] = f"{bench.random.randint(1, 120)}x{bench.random.randint(1, 120)}"
            to_width, to_height = resized_size(width, height, settings)
            if min(to_width, to_height) == 0 or to_width * to_height > 4_000_000:
                continue
            cases.append(raw_case(bench, width, height, settings))
        bench.check(cases)


def part_values(bench):
    """Rescaling, normalising, channel order, layout and type, over all 256 bytes and more."""
    recipes = [
        {}, {"rescale": 1 / 255}, dict(IMAGENET), {**IMAGENET, "twice": 1}, {**IMAGENET, "flip": 1},
        {"rescale": 1 / 127.5, "offset": -1.0}, {"rescale": 1 / 255, "flip": 1},
        {"rescale": 1 / 127.5, "offset": -1.0, "mean": (0.485, 0.456, 0.406), "std": (0.4785, 0.4733, 0.4743),
         "twice": 1},
        {"rescale": 1 / 255, "mean": (0.48145466, 0.4578275, 0.40821073),
         "std": (0.26862954, 0.26130258, 0.27577711)},
        {"rescale": 1 / 255, "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)},
        {"rescale": 0.00392156862745098, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)},
        {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)},
    ]
    cases = []
    for recipe in recipes:
        for kind in ["FP32", "FP16"]:
            for layout in ["nchw", "nhwc"]:
                settings = {**recipe, "type": kind, "layout": layout}
                width = bench.random.randint(200, 300)
                cases.append(raw_case(bench, width, 7, settings))
                resize = {"resize": "shortest", "size": "1x64", "resample": 2, "crop": "72x56"}
                cases.append(raw_case(bench, 90, 80, {**settings, **resize}))
    for layout in ["nchw", "nhwc"]:
        cases.append(raw_case(bench, 90, 80, {"type": "UINT8", "layout": layout, "flip": 1}))
    bench.check(cases)


def jpeg(array, orientation, subsampling):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "JPEG", quality=90, subsampling=subsampling, exif=exif)
    return stream.getvalue()


def file_case(bench, data, settings, name):
    path = bench.file(data)
    image = Image.open(io.BytesIO(data))
    if "exif" in settings:
        image = ImageOps.exif_transpose(image)
    return path, settings, tensor_of(image.convert("RGB"), settings), f"{name} {' '.join(words(settings))}"


def part_exif(bench):
    """Rotated and mirrored photos, with and without correction of their orientation."""
    cases = []
    for orientation in range(1, 9):
        for width, height in [(60, 41), (33, 90), (1, 7), (230, 170)]:
            data = jpeg(bench.array(width, height), orientation, bench.random.choice([0, 2]))
            for resample in range(6):
                settings = {"resize": "shortest", "size": "1x40", "resample": resample, "crop": "35x44", "exif": 1}
                cases.append(file_case(bench, data, settings, f"orientation {orientation} {width}x{height}"))
            for settings in [{"exif": 1, "layout": "nhwc", "type": "UINT8"}, {"type": "UINT8"},
                             {"resize": "exact", "size": f"{width}x{height}", "exif": 1, **IMAGENET},
                             {"resize": "longest", "size": "1x50", "pad": (1, 2, 3), "resample": 3, "exif": 1}]:
                cases.append(file_case(bench, data, settings, f"orientation {orientation} {width}x{height}"))
    bench.check(cases)


def fast_image(data, size):
    """Pillow's own use of the reduction, at the chosen scale: at least twice the size."""
    image = Image.open(io.BytesIO(data))
    width, height = image.size
    for eighths in (1, 2, 4):
        scaled = (width * eighths + 7) // 8, (height * eighths + 7) // 8
        if scaled[0] >= 2 * size[0] and scaled[1] >= 2 * size[1]:
            image.draft("RGB", (width * eighths // 8, height * eighths // 8))
            if image.size != scaled:
                raise AssertionError(f"draft made {image.size} of {width}x{height}, not {scaled}")
            break
    return image.convert("RGB")


def part_fast(bench):
    """DCT-scaled decoding: equal to Pillow's draft mode at the chosen scale; sizes of the original."""
    cases = []
    for width, height in [(1280, 960), (641, 480), (500, 375), (320, 2000), (90, 60), (1024, 1016)]:
        data = jpeg(bench.array(width, height), 1, 2)
        for settings in [{"resize": "shortest", "size": "1x64", "resample": 2, "crop": "56x56"},
                         {"resize": "exact", "size": "130x120", "resample": 3}, {"crop": "50x40"}]:
            size = resized_size(width, height, settings)
            image = fast_image(data, size) if "resize" in settings else Image.open(io.BytesIO(data))
            exact = {**settings, "resize": "exact", "size": f"{size[0]}x{size[1]}"}
            expected = tensor_of(image, exact)
            cases.append((bench.file(data), {**settings, "fast": 1}, expected, f"{width}x{height} fast"))
    bench.check(cases)


def encoded(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def part_files(bench):
    """All kinds of files in one pass, extreme shapes, and files that are not images."""
    cases = []
    for width, height in [(1, 1), (90, 61), (400, 300)]:
        image = Image.fromarray(bench.array(width, height))
        for data in [encoded(image, "PNG"), encoded(image.convert("L"), "PNG"), encoded(image.quantize(16), "PNG"),
                     encoded(image, "WEBP", lossless=True), encoded(image, "JPEG")]:
            settings = {"resize": "shortest", "size": "1x64", "resample": 3, "crop": "56x56", **IMAGENET}
            cases.append(file_case(bench, data, settings, f"{width}x{height}"))
    for width, height in [(3000, 1), (1, 3000)]:
        data = encoded(Image.fromarray(bench.array(width, height)), "PNG")
        for resample in range(6):
            settings = {"resize": "shortest", "size": "1x40", "resample": resample, "crop": "35x36"}
            cases.append(file_case(bench, data, settings, f"{width}x{height}"))
    bench.check(cases)
    good = encoded(Image.fromarray(bench.array(90, 61)), "JPEG")
    for data in [b"", b"text", good[:-2], good[:len(good) // 2], good[:1]]:
        answer = bench.run(bench.isas[0], [(bench.file(data), {"crop": "8x8"})])[0]
        bench.checked += 1
        if not isinstance(answer, str) or not answer.startswith("error undecodable "):
            bench.failures.append(f"{len(data)} bytes of no image: {answer}")


def main():
    part, dump = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(dump, directory)
        globals()[f"part_{part}"](bench)
    for failure in bench.failures[:20]:
        print(failure)
    print(f"{bench.checked} tensors, {len(bench.failures)} failures")
    sys.exit(1 if bench.failures or bench.checked == 0 else 0)


if __name__ == "__main__":
    main()
