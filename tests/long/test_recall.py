# SPDX-License-Identifier: Apache-2.0
"""Searches give the results of brute force in double precision, at realistic sizes, on data of three kinds with
5,000 near-equal rows among them, with every instruction set of this CPU, and while rows are put:
bench/search_bench compares them.
"""
import json
import shutil
import subprocess

import pytest
from conftest import BUILD

BENCH = BUILD / "bench/search_bench"


def check(directory, rows, dimension, data, *more):
    need = rows * dimension * 4 * 2
    if shutil.disk_usage(directory).free < need:
        pytest.skip(f"{directory} has no {need / 1e9:.1f} GB free")
    done = subprocess.run(
        [BENCH, "--check", "--rows", str(rows), "--dimension", str(dimension), "--data", data,
         "--near", "5000", *more, directory], capture_output=True, text=True, timeout=300)
    print(f"\n{done.stdout.strip()}")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["recall"] == 1 and told["near"] == 5000
    assert "c" in told["isas"]
    return told


@pytest.mark.parametrize("data", ["sphere", "mixture", "cone"])
def test_recall_is_one_among_100_000_rows(tmp_path, data):
    told = check(tmp_path, 100_000, 512, data)
    assert told["answers"] == 20 * len(told["isas"])


@pytest.mark.parametrize("data", ["mixture", "cone"])
def test_recall_is_one_among_a_million_rows(tmp_path, data):
    told = check(tmp_path, 1_000_000, 256, data, "--queries", "8")
    assert told["answers"] == 8 * len(told["isas"])


def test_answers_are_exact_while_rows_are_put_into_a_million(tmp_path):
    told = check(tmp_path, 1_000_000, 256, "sphere", "--queries", "8", "--insert", "210")
    assert told["wrong"] == 0
    assert told["inserted_a_second"] >= 200 and told["inserted"] >= 400
