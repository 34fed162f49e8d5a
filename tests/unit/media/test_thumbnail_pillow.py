# SPDX-License-Identifier: Apache-2.0
"""Thumbnails compared with Pillow: sizes, orientation, transparency, content of the file.

    test_thumbnail_pillow.py PART THUMBNAIL_DUMP

PART is one of the functions below named part_PART. thumbnail_dump is the program beside this file.
Exits 77 if Pillow or numpy is missing.
"""
import io
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import zlib

try:
    import numpy as np
    from PIL import Image, ImageOps
except ImportError:
    print("skipped: this python3 has no PIL and numpy")
    sys.exit(77)

from photos import all_photos

Image.MAX_IMAGE_PIXELS = None
RNG = np.random.default_rng(1)


class Bench:
    def __init__(self, dump, directory):
        self.dump, self.directory = dump, pathlib.Path(directory)
        self.failures = []
        self.count = 0

    def check(self, good, text):
        if not good:
            self.failures.append(text)

    def run(self, orders):
        """(edge, bytes) -> (pixels, jpeg bytes), or the error's (code, message); and what was kept."""
        lines = []
        for i, (edge, data) in enumerate(orders):
            (self.directory / f"in{i}").write_bytes(data)
            lines.append(f"{edge}\t{self.directory}/in{i}\t{self.directory}/out{i}\n")
        done = subprocess.run([self.dump], input="".join(lines), text=True, capture_output=True,
                              timeout=250, check=True)
        answers = [line.split("\t") for line in done.stdout.splitlines()]
        self.count += len(orders)
        results = []
        for i, answer in enumerate(answers[:-1]):
            if answer[0] == "ok":
                results.append((np.array(Image.open(self.directory / f"out{i}.ppm")),
                                (self.directory / f"out{i}.jpg").read_bytes()))
            else:
                results.append(tuple(answer[1:]))
        assert len(results) == len(orders), done.stdout
        return results, int(answers[-1][1])


def saved(image, kind="PNG", **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def smooth(size, mode="RGB"):
    small = (max(2, 6 * size[0] // max(size)), max(2, 6 * size[1] // max(size)))
    bands = len(Image.new(mode, (1, 1)).getbands())
    noise = RNG.integers(0, 256, (small[1], small[0], bands), dtype=np.uint8)
    image = Image.fromarray(noise if bands > 1 else noise[:, :, 0], mode)
    return image.resize(size, Image.Resampling.BICUBIC)


def noise(size, mode="RGB"):
    bands = len(Image.new(mode, (1, 1)).getbands())
    values = RNG.integers(0, 256, (size[1], size[0], bands), dtype=np.uint8)
    return Image.fromarray(values if bands > 1 else values[:, :, 0], mode)


def on_white(image):
    """RGB as an array; alpha blended exactly, rounded half up."""
    rgba = np.array(image.convert("RGBA")).astype(int)
    hidden = (255 - rgba[:, :, :3]) * rgba[:, :, 3:]
    return (255 - (2 * hidden + 255) // 510).astype(np.uint8)


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width, height, depth, colour, data, **chunks):
    """From stored rows, for kinds that Pillow does not write."""
    stride = len(data) // height
    raw = b"".join(b"\0" + data[y * stride:(y + 1) * stride] for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)) +
            b"".join(chunk(name.encode(), body) for name, body in chunks.items()) +
            chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


def expected_size(width, height, edge):
    longer = max(width, height)
    if longer <= edge:
        return width, height
    return tuple(max(1, (2 * e * edge + longer) // (2 * longer)) for e in (width, height))


# ---- parts ----

def part_sizes(bench):
    sizes = [(1, 1), (2, 1), (1, 2), (16, 16), (17, 16), (160, 160), (161, 160), (160, 161),
             (400, 300), (300, 400), (1000, 3), (3, 1000), (30000, 1), (1, 30000), (513, 512), (4000, 11)]
    orders, wanted = [], []
    for size in sizes:
        for kind in ("PNG", "JPEG", "WEBP"):
            if kind == "WEBP" and max(size) > 16383:
                continue
            data = saved(smooth(size), kind)
            for edge in (16, 160, 512):
                orders.append((edge, data))
                wanted.append((kind, size, edge))
    results, _ = bench.run(orders)
    for (kind, size, edge), result in zip(wanted, results):
        name = f"{kind} of {size} at {edge}"
        bench.check(len(result) == 2 and isinstance(result[1], bytes), f"{name}: {result}")
        if not isinstance(result[1], bytes):
            continue
        image = Image.open(io.BytesIO(result[1]))
        image.load()
        bench.check(image.size == expected_size(*size, edge), f"{name}: {image.size}")
        bench.check(result[0].shape[1::-1] == image.size, f"{name}: pixels of {result[0].shape}")


def part_pixels(bench):
    """Close to Pillow's thumbnail of the whole image; the compressed one close to the pixels."""
    pictures = {}
    for size in ((640, 480), (1001, 333), (333, 1001), (3000, 2000)):
        pictures[f"jpeg {size}"] = saved(smooth(size), "JPEG", quality=92)
        pictures[f"progressive {size}"] = saved(smooth(size), "JPEG", quality=92, progressive=True)
        pictures[f"png {size}"] = saved(smooth(size))
        pictures[f"webp {size}"] = saved(smooth(size), "WEBP", quality=90)
    pictures["grey jpeg"] = saved(smooth((700, 500), "L"), "JPEG")
    pictures["cmyk jpeg"] = saved(smooth((700, 500), "CMYK"), "JPEG")
    pictures["grey png"] = saved(smooth((700, 500), "L"))
    pictures["1-bit png"] = saved(smooth((700, 500), "L").convert("1"))
    pictures["palette png"] = saved(smooth((700, 500)).convert("P"))
    orders = [(edge, data) for data in pictures.values() for edge in (64, 160, 512)]
    results, _ = bench.run(orders)
    names = [f"{name} at {edge}" for name in pictures for edge in (64, 160, 512)]
    for name, (_, data), result in zip(names, orders, results):
        if not isinstance(result[1], bytes):
            bench.check(False, f"{name}: {result}")
            continue
        pixels, jpeg = result
        whole = Image.open(io.BytesIO(data)).convert("RGB")
        ours = whole.resize(pixels.shape[1::-1], Image.Resampling.BICUBIC)
        error = np.abs(pixels.astype(int) - np.array(ours).astype(int)).mean()
        bench.check(error < 1.5, f"{name}: {error:.2f} a value from Pillow's")
        shown = np.array(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)
        error = np.abs(shown - pixels.astype(int)).mean()
        bench.check(error < (25 if "1-bit" in name else 6), f"{name}: compressed {error:.2f} a value from the pixels")
        grey = any(word in name for word in ("grey", "1-bit"))
        bench.check(Image.open(io.BytesIO(jpeg)).mode == ("L" if grey else "RGB"), f"{name}: mode of the JPEG")


def part_orientation(bench):
    for size in ((24, 16), (320, 200)):
        image = smooth(size)
        orders, wanted = [], []
        for kind in ("JPEG", "PNG", "WEBP"):
            for orientation in range(1, 9):
                exif = Image.Exif()
                exif[0x0112] = orientation
                options = {"lossless": True} if kind == "WEBP" else {}
                data = saved(image, kind, exif=exif.tobytes(), **options)
                orders.append((64, data))
                turned = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
                wanted.append((f"{kind} orientation {orientation}", turned))
        results, _ = bench.run(orders)
        for (name, image_wanted), result in zip(wanted, results):
            w, h = expected_size(*image_wanted.size, 64)
            bench.check(result[0].shape[:2] == (h, w), f"{name}: {result[0].shape}, not {(h, w)}")
            ours = np.array(image_wanted.resize((w, h), Image.Resampling.BICUBIC)).astype(int)
            if result[0].shape == ours.shape:
                error = np.abs(result[0].astype(int) - ours).max()
                bench.check(error <= 3, f"{name}: up to {error} from Pillow's")
            shown = Image.open(io.BytesIO(result[1]))
            bench.check(not shown.getexif(), f"{name}: turned twice")


def part_alpha(bench):
    """Small enough to need no resizing: pixel for pixel."""
    size = (37, 29)
    files = {}
    for mode in ("RGBA", "LA"):
        image = noise(size, mode)
        files[f"png {mode}"] = saved(image), on_white(image)
    image = noise(size, "RGBA")
    files["webp lossless"] = saved(image, "WEBP", lossless=True, exact=True), on_white(image)
    lossy = saved(smooth(size, "RGBA"), "WEBP", quality=80)
    files["webp lossy"] = lossy, on_white(Image.open(io.BytesIO(lossy)))
    opaque = saved(smooth(size), "WEBP", lossless=True)
    files["webp opaque"] = opaque, np.array(Image.open(io.BytesIO(opaque)).convert("RGB"))
    indexed = noise(size).quantize(50)
    alphas = bytes(RNG.integers(0, 256, 20, dtype=np.uint8))
    data = saved(indexed, transparency=alphas)
    files["palette"] = data, on_white(Image.open(io.BytesIO(data)))
    for depth in (1, 2, 4, 8):
        values = RNG.integers(0, 1 << depth, (size[1], size[0]))
        bits = np.zeros((size[1], (size[0] * depth + 7) // 8 * 8), dtype=np.uint8)
        for b in range(depth):
            bits[:, b:size[0] * depth:depth] = values >> (depth - 1 - b) & 1
        key = int(values[3, 4])
        shown = np.repeat((values * 255 // ((1 << depth) - 1))[:, :, None], 3, 2).astype(np.uint8)
        shown[values == key] = 255
        files[f"grey key {depth}"] = png(*size, depth, 0, np.packbits(bits, axis=1).tobytes(),
                                         tRNS=struct.pack(">H", key)), shown
    for depth, dtype in ((8, ">u1"), (16, ">u2")):
        high = depth - 8
        rgb = RNG.integers(0, 1 << depth, (size[1], size[0], 3)).astype(dtype)
        rgb[5:9, 5:9] = rgb[0, 0]
        if depth == 16:
            rgb[10, 10] = rgb[0, 0] ^ 1  # near the key, but not equal
        shown = (rgb >> high).astype(np.uint8)
        shown[(rgb == rgb[0, 0]).all(axis=2)] = 255
        key = struct.pack(">3H", *map(int, rgb[0, 0]))
        files[f"colour key {depth}"] = png(*size, depth, 2, rgb.tobytes(), tRNS=key), shown
        rgba = RNG.integers(0, 1 << depth, (size[1], size[0], 4)).astype(dtype)
        shown = on_white(Image.fromarray((rgba >> high).astype(np.uint8), "RGBA"))
        files[f"alpha {depth}"] = png(*size, depth, 6, rgba.tobytes()), shown
    results, _ = bench.run([(160, data) for data, _ in files.values()])
    for (name, (_, shown)), result in zip(files.items(), results):
        good = isinstance(result[1], bytes) and np.array_equal(result[0], shown)
        off = np.abs(result[0].astype(int) - shown).max() if isinstance(result[1], bytes) else result
        bench.check(good, f"{name}: {off}")


def part_interlaced(bench):
    """An interlaced image equals the plain one; an animation gives its first frame on white."""
    image = noise((45, 31), "RGBA")
    path = bench.directory / "frames.webp"
    frames = [Image.new("RGBA", (40, 40), (0, 0, 0, 0)), noise((40, 40), "RGBA")]
    frames[0].paste((200, 10, 10, 255), (10, 10, 20, 20))
    frames[0].save(path, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    adam7 = png_adam7(image)
    results, _ = bench.run([(160, adam7), (160, saved(image)), (160, path.read_bytes())])
    bench.check(np.array_equal(results[0][0], results[1][0]), "interlaced is not as in one go")
    wanted = np.full((40, 40, 3), 255, np.uint8)
    wanted[10:20, 10:20] = (200, 10, 10)
    bench.check(np.array_equal(results[2][0], wanted), "the first frame of an animation")


def png_adam7(image):
    pixels = np.array(image)
    raw = b""
    for x, y, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
                         (0, 1, 1, 2)):
        part = pixels[y::dy, x::dx]
        raw += b"".join(b"\0" + row.tobytes() for row in part) if part.size else b""
    width, height = image.size
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 1)) +
            chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


def markers(jpeg):
    at, found = 2, []
    while at + 4 <= len(jpeg):
        code, length = jpeg[at + 1], int.from_bytes(jpeg[at + 2:at + 4], "big")
        found.append((code, jpeg[at + 4:at + 2 + length]))
        if code == 0xDA:
            return found
        at += 2 + length
    return found


def part_file(bench):
    """None of the source's metadata; chroma at half the size; noise stays below the limit."""
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    exif[0x8825] = {1: "N", 2: (12.0, 34.0, 56.0)}
    source = saved(smooth((600, 400)), "JPEG", exif=exif.tobytes(), comment=b"a secret remark",
                   icc_profile=b"x" * 300)
    results, _ = bench.run([(160, source), (512, saved(noise((512, 512))))])
    found = markers(results[0][1])
    bench.check(sorted({code for code, _ in found}) == [0xC0, 0xC4, 0xDA, 0xDB, 0xE0],
                f"markers {[hex(code) for code, _ in found]}")
    bench.check(b"secret" not in results[0][1], "metadata is left")
    frame = next(body for code, body in found if code == 0xC0)
    bench.check([frame[7], frame[10], frame[13]] == [0x22, 0x11, 0x11], f"sampling {frame.hex()}")
    bench.check(len(results[1][1]) < 1 << 19, f"{len(results[1][1])} bytes of noise")
    print("noise of 512 x 512:", len(results[1][1]), "bytes")


def part_damaged(bench):
    good = {kind: saved(smooth((300, 200)), kind) for kind in ("JPEG", "PNG", "WEBP")}
    orders = [(160, b""), (160, b"text"), (160, b"\xff\xd8\xff")]
    orders += [(160, data[:len(data) * part // 10]) for data in good.values() for part in (1, 5, 9)]
    orders += [(160, data) for data in good.values()]
    orders += [(0, good["PNG"]), (513, good["PNG"]), (160, b"GIF89a")]
    results, _ = bench.run(orders)
    for i, result in enumerate(results[:-6]):
        bench.check(result[0] == "undecodable", f"damaged {i}: {result}")
    for result in results[-6:-3]:
        bench.check(isinstance(result[1], bytes), f"after damaged ones: {result}")
    for result in results[-3:-1]:
        bench.check(isinstance(result[0], str), "an edge out of range was taken")
    bench.check(results[-1][0] == "undecodable", f"GIF: {results[-1]}")


def part_memory(bench):
    rng = random.Random(2)
    files = [saved(noise((rng.randrange(1, 900), rng.randrange(1, 900)), mode), kind)
             for kind, mode in (("JPEG", "RGB"), ("PNG", "RGBA"), ("WEBP", "RGBA"), ("JPEG", "CMYK"))
             for _ in range(8)]
    orders = [(rng.choice([16, 160, 512]), rng.choice(files)) for _ in range(400)]
    orders += [(160, rng.choice(files)[:-rng.randrange(1, 500)]) for _ in range(100)]
    _, kept = bench.run(orders)
    print("kept", kept, "bytes after", len(orders))
    bench.check(kept < 1 << 20, f"{kept} bytes more than after the first")


def part_photos(bench):
    results, _ = bench.run([(160, path.read_bytes()) for path in all_photos(bench.directory)])
    sizes = [len(result[1]) for result in results]
    bench.check(all(isinstance(result[1], bytes) for result in results), "a photo makes none")
    print(f"{len(sizes)} photos: {sum(sizes) / len(sizes):.0f} bytes on average, at most {max(sizes)}")
    bench.check(sum(sizes) / len(sizes) < 8000 and max(sizes) < 16000, "not small")


def main():
    part, dump = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(dump, directory)
        globals()["part_" + part](bench)
        print(f"{part}: {bench.count} thumbnails, {len(bench.failures)} faults")
        for failure in bench.failures[:40]:
            print(failure)
        sys.exit(1 if bench.failures or bench.count == 0 else 0)


if __name__ == "__main__":
    main()
