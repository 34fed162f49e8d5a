# SPDX-License-Identifier: Apache-2.0
"""The demonstration runs, and the figures at its end are right."""

import os
import re
import shutil
import subprocess

import pytest
from conftest import BUILD, ROOT


@pytest.fixture(scope="module")
def told(demo_models):
    if not shutil.which("bash"):
        pytest.skip("bash is missing")
    if "SITU_SANITIZER" in os.environ:
        pytest.skip("a sanitizer's build takes minutes for it")
    out = subprocess.run([ROOT / "demo/run", BUILD], capture_output=True, text=True, timeout=170,
                         stdin=subprocess.DEVNULL)
    assert out.returncode == 0, out.stdout + out.stderr
    return out.stdout


def test_at_least_nine_in_ten_pictures_are_told_right(told):
    total = re.search(r"^ +all +(\d+) +(\d+) +([\d.]+) % right$", told, re.MULTILINE)
    assert total, told
    number, right, share = int(total[1]), int(total[2]), float(total[3])
    assert number == 300 and right >= 270
    assert abs(share - 100 * right / number) < 0.06


def test_it_tells_what_crossed_the_network(told):
    line = re.search(r"300 objects, ([\d.]+) MB read on the array, ([\d.]+) kB over the network "
                     r"\(([\d.]+) % less\)", told)
    assert line, told
    read, sent, less = (float(part) for part in line.groups())
    assert 4 < read < 10 and sent < 20
    assert less >= 99.5 and abs(less - 100 * (1 - sent / 1000 / read)) < 0.02


def test_the_nearest_picture_is_of_the_same_kind(told):
    nearest = re.search(r"of all (\d+) pictures, the nearest other one is of the same kind for (\d+)",
                        told)
    assert nearest, told
    assert int(nearest[1]) == 300 and int(nearest[2]) >= 285
    assert re.search(r"done, \d+ s in all$", told.strip()), told
