# SPDX-License-Identifier: Apache-2.0
"""Every pixel of the decoders equals Pillow's: kinds of files, windows, photos, damage.

    test_decode_pillow.py PART DECODE_DUMP ENCODE_JPEG

PART is one of the functions below named part_PART. decode_dump and encode_jpeg are the programs
beside this file. Exits 77 if Pillow is missing.

The reference is Pillow 9.4. Later versions read two kinds of malformed files differently (Debian 13 has 11.1):
- From 10.1 on, a pixel whose index is beyond its PNG's palette is black; before, it is the grey of its index.
- From 10.2 on, a JPEG's EXIF segment must begin with "Exif" and two zero bytes; before, with one, so that
  a segment of "Exif", zero and another byte was the file's EXIF, and hid a valid one after it.
With such a Pillow these kinds are compared with the results of 9.4: see pillow_94_png() and turned(). All other
files are compared with any version of Pillow.
"""
import io
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import warnings
import zlib

try:
    from PIL import Image, ImageOps, PngImagePlugin, __version__ as pillow_version
except ImportError:
    print("skipped: this python3 has no PIL")
    sys.exit(77)

from photos import all_photos

SEED = int(os.environ.get("SITU_TEST_SEED", "1"))
ROUNDS = int(os.environ.get("SITU_TEST_ROUNDS", "1"))
SIZES = [(1, 1), (2, 3), (7, 5), (16, 16), (17, 33), (40, 24), (64, 48), (131, 97), (250, 187), (500, 3), (3, 200)]
PILLOW = tuple(int(number) for number in pillow_version.split(".")[:2])
BLACK_BEYOND_PALETTE = PILLOW >= (10, 1)
EXIF_NEEDS_TWO_ZEROS = PILLOW >= (10, 2)
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Bench:
    """The two programs, a directory for files, and the verdicts of the checks."""

    def __init__(self, dump, encode, directory):
        self.dump, self.encode, self.directory = dump, encode, pathlib.Path(directory)
        self.random = random.Random(SEED)
        self.count = 0
        self.failures = []

    def file(self, name, data):
        path = self.directory / f"{self.count:05d}-{name}"
        self.count += 1
        path.write_bytes(data)
        return path

    def run(self, orders):
        """(path, window or None, eighths or None) each -> fields of the line in the output."""
        lines = []
        for path, window, eighths in orders:
            fields = [str(path)] + [str(edge) for edge in window or ()]
            if eighths:
                fields = [str(path)] + ([str(edge) for edge in window] if window else ["-"] * 4) + [str(eighths)]
            lines.append("\t".join(fields) + "\n")
        done = subprocess.run([self.dump, "--list"], input="".join(lines), text=True, capture_output=True, check=False)
        if done.returncode != 0 or done.stderr:
            self.failures.append(f"decode_dump: status {done.returncode}, stderr {done.stderr[-2000:]!r}")
        answers = [line.split("\t") for line in done.stdout.splitlines()]
        if len(answers) != len(orders):
            self.failures.append(f"{len(orders)} orders, {len(answers)} answers")
        return answers + [["error", "none", "no answer"]] * (len(orders) - len(answers))

    def check(self, good, text):
        if not good:
            self.failures.append(text)

    def window(self, width, height):
        left, right = sorted(self.random.sample(range(width + 1), 2))
        top, bottom = sorted(self.random.sample(range(height + 1), 2))
        return left, top, right, bottom


def crc(image):
    return f"{zlib.crc32(image.tobytes()):08x}"


def pillow(data):
    """The RGB image, or None if Pillow refuses it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Image.open(io.BytesIO(data)).convert("RGB")
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError):
        return None


def check_windows(bench, files, windows):
    """`files`: path -> Pillow's image. The whole and some windows of each."""
    orders, wanted = [], []
    for path, image in files.items():
        orders.append((path, None, None))
        wanted.append(image)
        for _ in range(windows * ROUNDS):
            window = bench.window(*image.size)
            orders.append((path, window, None))
            wanted.append(image.crop(window))
    wrong = 0
    for order, image, answer in zip(orders, wanted, bench.run(orders)):
        if answer[0] != "ok" or answer[4] != crc(image):
            wrong += 1
            if wrong <= 40:
                bench.check(False, f"{order[0].name} {order[1]}: {answer}, Pillow gives {crc(image)}")
    bench.check(wrong == 0, f"{wrong} of {len(orders)} windows differ")
    print(f"{len(orders)} windows of {len(files)} files, {wrong} differ")


def picture(bench, size, mode="RGB"):
    """Smooth shapes with noise and hard edges, to show differences in DCT or upsampling."""
    width, height = size
    rng = bench.random
    small = (max(1, width // 9), max(1, height // 9))
    bands = []
    for _ in Image.new(mode, (1, 1)).getbands():
        smooth = Image.frombytes("L", small, rng.randbytes(small[0] * small[1])).resize(size, Image.Resampling.BICUBIC)
        noise = Image.frombytes("L", size, rng.randbytes(width * height))
        band = Image.blend(smooth, noise, rng.choice([0.0, 0.1, 0.4]))
        left, top = rng.randrange(width), rng.randrange(height)
        band.paste(rng.randrange(256), (left, top, min(width, left + 9), min(height, top + 7)))
        bands.append(band)
    return Image.merge(mode, bands) if len(bands) > 1 else bands[0]


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


# ---- JPEG ----

JPEG_BY_PILLOW = [
    (mode, {"quality": quality, "subsampling": sampling, "progressive": progressive})
    for mode in ("RGB", "L", "CMYK")
    for quality in (40, 92)
    for sampling in (0, 1, 2)
    for progressive in (False, True)
    if mode == "RGB" or sampling == 0
]

JPEG_BY_ENCODER = [
    f"{space} sampling={sampling} {extra}"
    for space in ("rgb",)
    for sampling in ("1x1", "2x1", "2x2", "1x2", "4x1", "4x2", "2x4", "1x4")
    for extra in ("", "progressive", "restart=3", "separate", "arithmetic", "coarse", "dc-only", "progressive restart=2",
                  "progressive arithmetic")
] + [
    f"{space} {extra}"
    for space in ("grey", "raw-rgb", "cmyk", "ycck", "grey sampling=2x2", "cmyk sampling=2x1", "ycck sampling=2x1",
                  "ycck sampling=1x2", "cmyk no-markers", "raw-rgb no-markers", "rgb no-markers", "raw-rgb sampling=2x2")
    for extra in ("", "progressive", "arithmetic", "restart=2", "separate", "coarse quality=30")
]


def jpeg_by_encoder(bench, image, line):
    """`line`: encode_jpeg's SPACE and options."""
    mode = {"grey": "L", "cmyk": "CMYK", "ycck": "CMYK"}.get(line.split()[0], "RGB")
    samples = picture(bench, image.size, mode).tobytes()
    command = [bench.encode, str(image.width), str(image.height), *line.split()]
    return subprocess.run(command, input=samples, stdout=subprocess.PIPE, check=True).stdout


def jpeg_files(bench, sizes):
    for size in sizes:
        for mode, options in JPEG_BY_PILLOW:
            image = picture(bench, size, mode)
            name = "-".join([mode, *(f"{key[0]}{value}" for key, value in options.items())])
            yield f"pil-{name}-{size[0]}x{size[1]}.jpg", saved(image, "JPEG", **options)
        for line in JPEG_BY_ENCODER:
            data = jpeg_by_encoder(bench, Image.new("L", size), line)
            yield f"enc-{line.replace(' ', '-')}-{size[0]}x{size[1]}.jpg", data


def part_jpeg(bench):
    files = {}
    for name, data in jpeg_files(bench, SIZES):
        image = pillow(data)
        bench.check(image is not None, f"Pillow refuses {name}")
        if image is not None:
            files[bench.file(name, data)] = image
    check_windows(bench, files, 6)


def part_jpeg_scaled(bench):
    """convert() has no DCT scaling: windows are compared with the whole, and with draft()'s size."""
    orders = []
    for name, data in jpeg_files(bench, [(131, 97), (250, 187), (33, 20)]):
        path = bench.file(name, data)
        with Image.open(path) as image:
            width, height = image.size
        for eighths in (1, 2, 4, 8):
            size = [-(-edge * eighths // 8) for edge in (width, height)]
            orders += [(path, None, eighths), (path, (0, 0, *size), eighths)]
            orders += [(path, bench.window(*size), eighths) for _ in range(2)]
    answers = bench.run(orders)
    wrong = sum(answer[0] != "ok" for answer in answers)
    bench.check(wrong == 0, f"{wrong} of {len(orders)} scaled windows fail")
    crops = []
    for order, answer in zip(orders, answers):
        if order[1] and answer[0] == "ok":
            crops.append((order, answer))
    for order, answer in crops[:: 5 if ROUNDS == 1 else 1]:
        path, window, eighths = order
        width, height = int(answer[1]), int(answer[2])
        whole = scaled_by_dump(bench, path, eighths)
        if whole is None:
            continue
        image = Image.frombytes("RGB", (width, height), whole)
        bench.check(answer[4] == crc(image.crop(window)), f"{path.name} at {eighths}/8 {window} is not as the whole")
    print(f"{len(orders)} scaled windows")


def scaled_by_dump(bench, path, eighths):
    done = subprocess.run([bench.dump, "--scale", str(eighths), str(path)], capture_output=True, check=False)
    bench.check(done.returncode == 0, f"{path.name}: {done.stderr!r}")
    return done.stdout if done.returncode == 0 else None


# ---- PNG ----


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def filtered(bench, rows, unit):
    """PNG filtering with a random filter for each row."""
    out = bytearray()
    above = bytes(len(rows[0])) if rows else b""
    for row in rows:
        kind = bench.random.randrange(5)
        out.append(kind)
        for i, byte in enumerate(row):
            left = row[i - unit] if i >= unit else 0
            up, corner = above[i], above[i - unit] if i >= unit else 0
            guess = left + up - corner
            distances = [(abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner)]
            minus = [0, left, up, (left + up) // 2, min(distances)[2]][kind]
            out.append((byte - minus) & 255)
        above = row
    return bytes(out)


def packed(samples, depth):
    """Rows of samples in `depth` bits each, big end first."""
    bits = "".join(f"{sample:0{depth}b}" for sample in samples)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def png(bench, size, depth, colour, interlaced=False, before=b"", after=b"", pieces=1):
    width, height = size
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    top = (1 << depth) - 1
    rows = [
        [
            [bench.random.choice([bench.random.randint(0, top), top, 0]) for _ in range(channels)]
            for _ in range(width)
        ]
        for _ in range(height)
    ]
    passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
    data = b""
    for x0, y0, dx, dy in passes:
        lines = [packed(sum(row[x0::dx], []), depth) for row in rows[y0::dy]] if x0 < width else []
        if lines:
            data += filtered(bench, lines, max(1, channels * depth // 8))
    data = zlib.compress(data)
    step = max(1, -(-len(data) // pieces))
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    return (PNG_SIGNATURE + chunk(b"IHDR", head) + before
            + b"".join(chunk(b"IDAT", data[i : i + step]) for i in range(0, len(data), step))
            + after + chunk(b"IEND", b""))


PNG_KINDS = [(d, 0) for d in (1, 2, 4, 8, 16)] + [(d, 3) for d in (1, 2, 4, 8)] + [(d, c) for c in (2, 4, 6) for d in (8, 16)]


def png_extras(bench, depth, colour):
    """Chunks before the data: palettes that are complete, short or missing, and tRNS."""
    yield "plain", chunk(b"PLTE", bench.random.randbytes(3 << depth)) if colour == 3 else b""
    if colour == 3:
        yield "short", chunk(b"PLTE", bench.random.randbytes(4))
        yield "none", b""
        yield "trns", chunk(b"PLTE", bench.random.randbytes(6)) + chunk(b"tRNS", b"\x80\0")
        yield "trns1", chunk(b"PLTE", bench.random.randbytes(6)) + chunk(b"tRNS", b"\xff\0")
        if depth < 8:
            yield "long", chunk(b"PLTE", bench.random.randbytes(768))
    if colour in (0, 2):
        yield "trns", chunk(b"tRNS", bytes([0, 1] * (3 if colour == 2 else 1)))


def palette_of(before):
    """The complete colours of the PLTE at the start of `before`, and the chunks after it."""
    if before[4:8] != b"PLTE":
        return b"", before
    size = struct.unpack(">I", before[:4])[0]
    return before[8 : 8 + size // 3 * 3], before[12 + size :]


def pillow_94_png(bench, name, data, before, depth):
    """Pillow 9.4's image of a PNG with palette: if the palette lacks some indexes, the image that a later Pillow
    makes from the file with the palette completed by greys."""
    colours, others = palette_of(before)
    if len(colours) >= 3 << depth:
        return pillow(data)
    ramp = bytes(grey for grey in range(256) for _ in range(3))
    head = len(PNG_SIGNATURE) + 25
    completed = data[:head] + chunk(b"PLTE", colours + ramp[len(colours) :]) + others + data[head + len(before) :]
    if BLACK_BEYOND_PALETTE:
        return pillow(completed)
    image, equal = pillow(data), pillow(completed)
    bench.check(image and equal and crc(image) == crc(equal), f"{name}: other pixels with the palette completed")
    return image


def part_png(bench):
    files = {}
    for size in [(1, 1), (3, 2), (7, 9), (33, 17), (61, 40)]:
        for depth, colour in PNG_KINDS:
            for interlaced in (False, True):
                for name, before in png_extras(bench, depth, colour):
                    data = png(bench, size, depth, colour, interlaced, before, pieces=bench.random.choice([1, 1, 4]))
                    name = f"{depth}-{colour}-{name}-{int(interlaced)}-{size[0]}x{size[1]}.png"
                    image = pillow_94_png(bench, name, data, before, depth) if colour == 3 else pillow(data)
                    bench.check(image is not None, f"Pillow refuses {name}")
                    if image is not None:
                        files[bench.file(name, data)] = image
    frames = [picture(bench, (40, 30)) for _ in range(3)]
    for default in (False, True):
        data = saved(frames[0], "PNG", save_all=True, append_images=frames[1:], default_image=default)
        files[bench.file("animated.png", data)] = pillow(data)
    for mode in ("RGB", "RGBA", "LA", "L", "1"):
        data = saved(picture(bench, (200, 150), "RGB").convert("L" if mode == "1" else mode).convert(mode), "PNG")
        files[bench.file(f"pillow-{mode}.png", data)] = pillow(data)
    check_windows(bench, files, 4)


def stored(data, size):
    """A zlib stream of stored blocks without its checksum, of that size: empty blocks fill it up."""
    empty = (size - 2 - len(data)) // 5 - 1
    assert len(data) < 65536 and empty >= 0 and (size - 2 - len(data)) % 5 == 0
    return (b"\x78\x01" + b"\0\0\0\xff\xff" * empty
            + b"\1" + struct.pack("<HH", len(data), len(data) ^ 0xffff) + data)


def png_streams(bench):
    """(head, stream of all rows without its checksum, the checksum), of all kinds of blocks."""
    for size, interlaced in (((1, 1), 0), ((32, 32), 0), ((5, 7), 1), ((40, 33), 1), ((150, 150), 0)):
        width, height = size
        passes = ADAM7 if interlaced else [(0, 0, 1, 1)]
        noise = bench.random.randbytes(3 * width)
        for flat in (True, False):
            rows = b""
            for x0, y0, dx, dy in passes:
                count = len(range(x0, width, dx))
                for _ in range(y0, height, dy) if count else ():
                    rows += b"\0" + (noise[:3] * count if flat else bench.random.randbytes(3 * count))
            head = PNG_SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, interlaced))
            sums = struct.pack(">I", zlib.adler32(rows))
            for level, strategy in ((0, 0), (1, 0), (9, 0), (9, zlib.Z_FIXED), (9, zlib.Z_HUFFMAN_ONLY)):
                packer = zlib.compressobj(level, zlib.DEFLATED, 15, 8, strategy)
                yield head, (packer.compress(rows) + packer.flush())[:-4], sums
            packer = zlib.compressobj(6)
            yield head, packer.compress(rows) + packer.flush(zlib.Z_SYNC_FLUSH) + b"\x03\0", sums
            # More rows than the image has, and data that is not a block.
            yield head, zlib.compress(rows + bytes(70))[:-4], struct.pack(">I", zlib.adler32(rows + bytes(70)))
            yield head, packer_of(rows) + b"\x07", b"\0\0\0\0"


def packer_of(rows):
    packer = zlib.compressobj(9)
    return packer.compress(rows) + packer.flush(zlib.Z_SYNC_FLUSH)


def png_ends(bench):
    """Valid and invalid data after the last row, complete and cut, in one IDAT chunk and in several; and whether it
    is empty."""
    for head, stream, sums in png_streams(bench):
        wrong = bytes([sums[0] ^ 1]) + sums[1:]
        for end in (sums, wrong, wrong[:3], b"", sums + b"more", wrong + bytes(9000)):
            data = stream + end
            cuts = {len(data)} | {max(0, len(stream) - back) for back in range(-5, 4)}
            cuts |= {max(0, len(stream) - bench.random.randrange(1, 70000))}
            for cut in cuts:
                parts = [data[:cut], data[cut:]] if cut < len(data) else [data]
                if bench.random.randrange(3) == 0:
                    parts.insert(bench.random.randrange(len(parts) + 1), b"")
                yield head + b"".join(chunk(b"IDAT", part) for part in parts) + chunk(b"IEND", b""), not end
    # The checksum on both sides of a reader's block boundary: 8 KiB in libspng, 64 KiB in Pillow.
    width = 100
    for size in (8192, 7 * 8192, 65536):
        for behind in range(9):
            height = next(h for h in range(size // 301 - 5, 0, -1) if (size + behind - 6 - 301 * h) % 5 == 0)
            rows = b"".join(b"\0" + bench.random.randbytes(3 * width) for _ in range(height))
            head = PNG_SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            for sums in (struct.pack(">I", zlib.adler32(rows)), b"\1\2\3\4"):
                data = stored(rows, size + behind - 4) + sums
                assert zlib.decompressobj(-15).decompress(data[2:]) == rows
                for cut in (0, 1, 5000):
                    parts = [data[:cut], data[cut:]] if cut else [data]
                    yield head + b"".join(chunk(b"IDAT", part) for part in parts) + chunk(b"IEND", b""), False


def part_png_ends(bench):
    """If all rows of a file are there, Pillow may accept or refuse it depending on how it reaches the data after
    them. If there is none, not even a part of the checksum, it refuses some files that are accepted here."""
    files = [(bench.file("end.png", data), bare, pillow(data)) for data, bare in png_ends(bench)]
    answers = bench.run([(path, None, None) for path, _, _ in files])
    taken = 0
    for (path, bare, image), answer in zip(files, answers):
        taken += image is not None
        wanted, given = crc(image) if image else "none", answer[4] if answer[0] == "ok" else "none"
        bench.check(given == wanted or bare and wanted == "none", f"{path.name}: {answer}, Pillow gives {wanted}")
    bench.check(len(files) // 9 < taken < len(files) - len(files) // 9, f"{taken} of {len(files)} are taken")
    print(f"{len(files)} ends of PNG files, {taken} of them taken")


# ---- WebP ----


def webp_files(bench):
    for size in SIZES:
        for mode in ("RGB", "RGBA"):
            image = picture(bench, size, mode)
            for quality in (5, 60, 95):
                yield f"{mode}-{quality}-{size[0]}x{size[1]}.webp", saved(image, "WEBP", quality=quality)
            yield f"{mode}-lossless-{size[0]}x{size[1]}.webp", saved(image, "WEBP", lossless=True)
            yield f"{mode}-exact-{size[0]}x{size[1]}.webp", saved(image, "WEBP", lossless=True, exact=True)
            yield f"{mode}-fast-{size[0]}x{size[1]}.webp", saved(image, "WEBP", method=0, quality=70)
            more = [picture(bench, size, mode) for _ in range(2)]
            yield f"{mode}-animated-{size[0]}x{size[1]}.webp", saved(
                image, "WEBP", save_all=True, append_images=more, quality=70)


def webp_frame_aside(bench, size, canvas, offset, lossless):
    """An animation whose first frame covers a part of the canvas."""
    inner = saved(picture(bench, size, "RGB"), "WEBP", lossless=lossless, quality=70)[12:]

    def number(value):
        return struct.pack("<I", value)[:3]

    def riff(name, body):
        return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)

    frame = (number(offset[0] // 2) + number(offset[1] // 2) + number(size[0] - 1) + number(size[1] - 1)
             + number(100) + b"\0" + inner)
    body = (b"WEBP" + riff(b"VP8X", b"\x02\0\0\0" + number(canvas[0] - 1) + number(canvas[1] - 1))
            + riff(b"ANIM", b"\xff\xff\xff\xff\0\0") + riff(b"ANMF", frame))
    return b"RIFF" + struct.pack("<I", len(body)) + body


def part_webp(bench):
    files = {}
    pairs = list(webp_files(bench))
    for size, canvas, offset in [((20, 11), (50, 40), (10, 8)), ((7, 9), (16, 16), (8, 2)), ((8, 8), (9, 9), (0, 0))]:
        for lossless in (False, True):
            pairs.append((f"aside-{size[0]}-{lossless}.webp", webp_frame_aside(bench, size, canvas, offset, lossless)))
    for name, data in pairs:
        image = pillow(data)
        bench.check(image is not None, f"Pillow refuses {name}")
        if image is not None:
            files[bench.file(name, data)] = image
    check_windows(bench, files, 10)


# ---- orientation ----


def tiff(value, kind=3, count=1, big=False, offset=8, extra=()):
    end = ">" if big else "<"
    entries = sorted([(274, kind, count, value), *extra])
    body = b"".join(
        struct.pack(end + "HHL", tag, form, number)
        + (data if isinstance(data, bytes) else struct.pack(end + ("HH" if form == 3 else "L"), *([data, 0] if form == 3 else [data])))
        for tag, form, number, data in entries
    )
    head = (b"MM\0*" if big else b"II*\0") + struct.pack(end + "L", offset)
    return head + b"\0" * (offset - 8) + struct.pack(end + "H", len(entries)) + body + bytes(4)


def exif_blocks():
    for value in range(0, 10):
        yield tiff(value)
        yield tiff(value, big=True)
    yield tiff(6, kind=4)
    yield tiff(6, kind=4, big=True)
    yield tiff(b"\6\0\0\0", kind=1)
    yield tiff(b"\6\0\0\0", kind=6)
    yield tiff(b"6\0\0\0", kind=2)
    yield tiff(b"\6\0\0\0", kind=7)
    yield tiff(b"\6\0\0\0", kind=9)
    yield tiff(b"\6\0\0\0", kind=8)
    yield tiff(b"\6\0\0\0", kind=13)
    yield tiff(b"\6\0\3\0", kind=3, count=2)
    yield tiff(b"\6\0\3\0", kind=3, count=0)
    yield tiff(8, offset=20)
    yield tiff(5, extra=[(271, 2, 4, b"abc\0"), (305, 2, 4, b"abc\0")])
    yield tiff(5, extra=[(271, 2, 4000, b"abc\0")])
    yield tiff(5, extra=[(305, 2, 4000, b"abc\0")])
    yield tiff(5, extra=[(271, 99, 4000, b"abc\0")])
    yield tiff(5, extra=[(274, 3, 1, 6)])
    yield tiff(3)[:-4]
    yield tiff(3)[:-8]
    yield b"II*\0"
    yield tiff(3)[:4] + b"\xff\xff\xff\xff"
    yield b"garbage that is no TIFF"


HIDING_EXIF = b"Exif\0x"


def turned(data):
    """The orientation that exif_transpose of Pillow 9.4 applies."""
    if EXIF_NEEDS_TWO_ZEROS and HIDING_EXIF in data:
        return 1  # the segment is found, but is not a TIFF
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data))
            exif = image.getexif()
            value = exif.get(0x0112)
    except (OSError, SyntaxError, ValueError, TypeError, struct.error):
        return 1
    return value if isinstance(value, int) and value in range(1, 9) else 1


def orientation_files(bench):
    image = picture(bench, (9, 5))
    plain_jpeg, plain_webp = saved(image, "JPEG"), saved(image, "WEBP", lossless=True)
    xmp = '<x:xmpmeta><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>'
    for block in exif_blocks():
        segment = b"Exif\0\0" + block
        yield plain_jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + plain_jpeg[2:]
        yield saved(image, "WEBP", lossless=True, exif=segment)
        yield saved(image, "WEBP", lossless=True, exif=block)
        yield png(bench, (3, 2), 8, 2, before=chunk(b"eXIf", block))
        yield png(bench, (3, 2), 8, 2, after=chunk(b"eXIf", block))
    two = b"".join(b"\xff\xe1" + struct.pack(">H", len(s) + 2) + s for s in [b"Exif\0\0" + tiff(v) for v in (3, 6)])
    yield plain_jpeg[:2] + two + plain_jpeg[2:]
    yield plain_jpeg[:2] + two.replace(b"Exif\0\0", HIDING_EXIF, 1) + plain_jpeg[2:]
    yield plain_jpeg + two
    yield plain_jpeg
    yield plain_webp
    profile = "\nexif\n %d\n" + "%s\n"
    digits = (b"Exif\0\0" + tiff(7)).hex()
    lines = "\n".join(digits[i : i + 72] for i in range(0, len(digits), 72))
    text = (profile % (len(digits) // 2, lines)).encode()
    yield png(bench, (3, 2), 8, 2, before=chunk(b"tEXt", b"Raw profile type exif\0" + text))
    yield png(bench, (3, 2), 8, 2, before=chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text)))
    yield png(bench, (3, 2), 8, 2, before=chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text)[:-9]))
    yield png(bench, (3, 2), 8, 2, before=chunk(b"tEXt", b"exif\0" + tiff(4)))
    for value in (0, 1, 6, 9):
        packet = (xmp % value).encode()
        key = b"XML:com.adobe.xmp\0"
        yield png(bench, (3, 2), 8, 2, before=chunk(b"iTXt", key + b"\0\0\0\0" + packet))
        yield png(bench, (3, 2), 8, 2, after=chunk(b"iTXt", key + b"\1\0en\0x\0" + zlib.compress(packet)))
        yield png(bench, (3, 2), 8, 2, before=chunk(b"iTXt", key + b"\1\1\0\0" + zlib.compress(packet)))
        yield png(bench, (3, 2), 8, 2, before=chunk(b"iTXt", key + b"\0\0\0\0" + packet) + chunk(b"eXIf", tiff(3)))
        yield png(bench, (3, 2), 8, 2, before=chunk(b"iTXt", key + b"\0\0\0\0" + packet) + chunk(b"eXIf", tiff(3, kind=99)))


def part_orientation(bench):
    orders, wanted = [], []
    for data in orientation_files(bench):
        orders.append((bench.file("turned", data), None, None))
        wanted.append(turned(data))
    for (path, _, _), orientation, answer in zip(orders, wanted, bench.run(orders)):
        bench.check(answer[0] == "ok" and int(answer[3]) == orientation,
                    f"{path.name}: {answer}, Pillow turns by {orientation}")
    bench.check(len(set(wanted)) == 8, "the files do not show all orientations")
    print(f"{len(orders)} orientations")


# ---- damage ----


def part_truncated(bench):
    """A file cut anywhere is refused if Pillow refuses it, even if the window ends before the cut."""
    originals = []
    for size in [(40, 24), (131, 97)]:
        image = picture(bench, size)
        originals += [saved(image, "JPEG", quality=80), saved(image, "JPEG", progressive=True, subsampling=0),
                      saved(image.convert("CMYK"), "JPEG"), jpeg_by_encoder(bench, image, "rgb restart=2"),
                      jpeg_by_encoder(bench, image, "rgb separate"), jpeg_by_encoder(bench, image, "rgb arithmetic")]
        originals += [saved(image, "PNG"), saved(image.convert("P"), "PNG"), saved(image, "WEBP"),
                      saved(image, "WEBP", lossless=True)]
        originals.append(png(bench, (40, 24), 8, 2, interlaced=True))
        originals.append(png(bench, (40, 24), 8, 2, pieces=5, after=chunk(b"tEXt", b"a\0bcdefgh")))
    flat = Image.new("RGB", (64, 48), (200, 30, 30))
    originals += [saved(flat, "JPEG"), saved(flat.convert("L"), "JPEG"), saved(flat, "PNG"), saved(flat, "WEBP")]
    orders, wanted = [], []
    for data in originals:
        width, height = Image.open(io.BytesIO(data)).size
        cuts = {1, 2, 3, 4, 5, 8, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 24, 28}
        cuts |= {bench.random.randrange(1, len(data)) for _ in range(40 * ROUNDS)}
        for cut in sorted(cuts):
            part = data[:-cut]
            image = pillow(part)
            path = bench.file(f"cut-{cut}", part)
            for window in [None, (0, 0, width, 1), (1, 0, width // 2, height // 2)]:
                orders.append((path, window, None))
                wanted.append(image.crop(window) if image and window else image)
        for extra in (b"\0", b"garbage behind the end", b"\xff\xd9"):
            image = pillow(data + extra)
            orders.append((bench.file("longer", data + extra), None, None))
            wanted.append(image)
    refused = 0
    for (path, window, _), image, answer in zip(orders, wanted, bench.run(orders)):
        if image is None:
            refused += 1
            bench.check(answer[:2] == ["error", "undecodable"], f"{path.name} {window}: Pillow refuses, {answer}")
        else:
            bench.check(answer[0] == "ok" and answer[4] == crc(image), f"{path.name} {window}: Pillow takes, {answer}")
    print(f"{len(orders)} windows of cut files, {refused} refused")


def part_damaged(bench):
    """Bytes changed at random: files that both accept are equal, and those that only one accepts are counted."""
    originals = []
    for size in [(40, 24), (131, 97)]:
        image = picture(bench, size)
        originals += [saved(image, "JPEG", quality=80), saved(image, "JPEG", progressive=True, subsampling=0),
                      saved(image, "JPEG", quality=98, subsampling=2), saved(image.convert("L"), "JPEG", quality=95),
                      saved(image, "JPEG", quality=90, optimize=True), saved(image.convert("CMYK"), "JPEG"),
                      jpeg_by_encoder(bench, image, "rgb restart=2"), jpeg_by_encoder(bench, image, "ycck sampling=2x1"),
                      saved(image, "PNG"), saved(image, "WEBP"), saved(image, "WEBP", lossless=True)]
    orders, wanted = [], []
    for data in originals:
        original = Image.open(io.BytesIO(data))
        for _ in range(150 * ROUNDS):
            part = bytearray(data)
            for _ in range(bench.random.choice([1, 1, 3])):
                at = bench.random.randrange(min(len(part), bench.random.choice([700, len(part)])))
                part[at] = bench.random.choice([bench.random.randrange(256), 255, 0, part[at] ^ 1])
            image = pillow(bytes(part))
            path = bench.file("damaged", bytes(part))
            orders.append((path, None, None))
            wanted.append(image)
            if image and image.size == original.size and original.height > 9:  # what starts again within the rows
                window = (3, original.height // 3, original.width - 3, original.height * 2 // 3)
                orders.append((path, window, None))
                wanted.append(image.crop(window))
    both = ours = theirs = 0
    for (path, _, _), image, answer in zip(orders, wanted, bench.run(orders)):
        if image and answer[0] == "ok":
            both += 1
            bench.check(answer[4] == crc(image), f"{path.name}: {answer}, Pillow gives {crc(image)}")
        elif image:
            theirs += 1
            print(f"only Pillow takes {path.name}: {answer}")
        elif answer[0] == "ok":
            ours += 1
            print(f"only the decoder takes {path.name}")
    bench.check(ours + theirs <= len(orders) // 100, f"{ours} + {theirs} of {len(orders)} verdicts differ from Pillow's")
    print(f"{len(orders)} damaged files: {both} taken by both, {ours} only here, {theirs} only by Pillow")


# ---- photos ----


def part_photos(bench):
    check_windows(bench, {path: Image.open(path).convert("RGB") for path in all_photos(bench.directory)}, 4)


def main():
    part, dump, encode = sys.argv[1:4]
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(dump, encode, os.environ.get("SITU_TEST_KEEP") or directory)
        globals()[f"part_{part}"](bench)
    for failure in bench.failures[:60]:
        print("FAILED:", failure)
    return 1 if bench.failures else 0


sys.exit(main())
