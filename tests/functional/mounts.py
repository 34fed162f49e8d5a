# SPDX-License-Identifier: Apache-2.0
"""File systems in image files, mounted and unmounted: for tests of stores that go away."""

import ctypes
import os
import shutil
import subprocess

import pytest


def run(*command):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=60)


class Volume:
    """An ext4 in a file, and where it is mounted."""

    def __init__(self, image, point):
        self.image = image
        self.point = point
        point.mkdir(exist_ok=True)
        with open(image, "wb") as f:
            f.truncate(16 << 20)
        made = run("mkfs.ext4", "-q", "-F", image)
        assert made.returncode == 0, made.stderr

    def mount(self):
        return run("mount", "-o", "loop", self.image, self.point)

    def umount(self, *options):
        return run("umount", *options, self.point)


def _can_mount(tmp_path):
    if os.geteuid() != 0:
        return "needs root, to mount"
    if not shutil.which("mkfs.ext4") or not shutil.which("mount"):
        return "needs mkfs.ext4 and mount"
    (tmp_path / "trial").mkdir()
    trial = Volume(tmp_path / "trial/image", tmp_path / "trial/point")
    mounted = trial.mount()
    if mounted.returncode != 0:
        return f"an ext4 cannot be mounted here: {mounted.stderr.strip()}"
    trial.umount()
    return None


@pytest.fixture
def volume(tmp_path):
    """volume(name) makes one and mounts it, empty. All are unmounted at the end."""
    why = _can_mount(tmp_path)
    if why:
        pytest.skip(why)
    volumes = []

    def make(name):
        volumes.append(Volume(tmp_path / f"{name}.img", tmp_path / name))
        mounted = volumes[-1].mount()
        assert mounted.returncode == 0, mounted.stderr
        return volumes[-1]

    yield make
    for made in volumes:
        while made.umount("-l").returncode == 0:
            pass


class Silent:
    """A FUSE file system whose server never answers: every access hangs."""

    def __init__(self, point):
        self.point = point
        point.mkdir()
        self.fd = os.open("/dev/fuse", os.O_RDWR)
        libc = ctypes.CDLL(None, use_errno=True)
        options = f"fd={self.fd},rootmode=40000,user_id=0,group_id=0".encode()
        if libc.mount(b"silent", os.fsencode(point), b"fuse", 0, options) != 0:
            os.close(self.fd)
            raise OSError(ctypes.get_errno(), "mount")

    def die(self):
        """Ends its server: ENOTCONN for all waiting and later calls."""
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    def umount(self):
        self.die()
        return run("umount", "-l", self.point)


@pytest.fixture
def silent(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount")
    try:
        made = Silent(tmp_path / "silent")
    except OSError as error:
        pytest.skip(f"FUSE cannot be mounted here: {error}")
    yield made
    made.umount()
