#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The inner loops for arm64 compared with plain C, built by a cross compiler and run in qemu's emulation of a
processor. Writes the tests' TAP; skips (77) if compiler or emulator is missing.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = {
    "media": ["tests/unit/media/test_kernels.c", "src/media/kernels.c", "src/media/kernels_c.c",
              "src/media/kernels_neon.c", "src/media/coefficients.c", "src/base/error.c", "src/base/isa.c"],
    "index": ["tests/unit/index/test_kernels.c", "tests/unit/index/numbers.c", "src/index/scan_kernels.c",
              "src/index/scan_kernels_c.c", "src/index/scan_kernels_neon.c", "src/index/quantize.c",
              "src/base/error.c", "src/base/isa.c"],
    "base": ["tests/unit/base/test_crc32c.c", "src/base/crc32c.c"],
}
FLAGS = ["-std=gnu11", "-O2", "-D_GNU_SOURCE", "-ffp-contract=off", "-static", "-Wall", "-Wextra", "-Werror",
         "-Itests/cross", "-Isrc", "-Iinclude"]


def main():
    name = sys.argv[1]
    compiler = shutil.which("aarch64-linux-gnu-gcc")
    emulator = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    if not compiler or not emulator:
        print("skipped: wants gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user")
        return 77
    with tempfile.TemporaryDirectory() as directory:
        program = pathlib.Path(directory) / name
        subprocess.run([compiler, *FLAGS, *PROGRAMS[name], "-o", program, "-lm", "-lpthread"], cwd=ROOT, check=True)
        return subprocess.run([emulator, program], check=False, timeout=240).returncode


if __name__ == "__main__":
    sys.exit(main())
