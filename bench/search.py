#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Measures searches of an index on one core: against one pass over its int8 bytes, against brute force
for the answers, and against numpy's argpartition(X @ q) over the same rows.

    bench/search.py [BUILD] [--scratch DIR]

Takes about 4 GB of memory and 3 GB of DIR (default: the system's temporary directory) for a minute.
bench/run calls it as measurement (h).
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from measure import Figure  # noqa: E402

# Name, arguments of search_bench, limit of (query time / time of a pass); None: only told.
CASES = [
    ("100 k x 512, random", ["--rows", 100_000, "--dimension", 512], None),
    ("100 k x 512, clustered", ["--rows", 100_000, "--dimension", 512, "--clusters", 1000], None),
    ("1 M x 256, random, 5,000 near-equal rows",
     ["--rows", 1_000_000, "--dimension", 256, "--near", 5000, "--insert", 200], 1.3),
    ("1 M x 256, clustered", ["--rows", 1_000_000, "--dimension", 256, "--clusters", 5000], 1.3),
]
NUMPY = """
import json, sys, time
import numpy
path, dimension, k = sys.argv[1], int(sys.argv[2]), 10
rows = numpy.fromfile(path, dtype=[("head", "u1", 16), ("vector", "<f4", dimension)])["vector"].copy()
query = rows[len(rows) // 3] + 0.01
times = []
for _ in range(8):
    start = time.perf_counter()
    scores = rows @ query
    best = numpy.argpartition(scores, len(scores) - k)[-k:]
    best = best[numpy.argsort(-scores[best])]
    times.append((time.perf_counter() - start) * 1e3)
print(json.dumps({"ms": min(times)}))
"""


def run(core, *command, env=None):
    done = subprocess.run(["taskset", "-c", str(core), *map(str, command)], capture_output=True, text=True,
                          timeout=300, check=False, env=env)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)


def numpy_ms(core, rows, dimension):
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return run(core, "/usr/bin/python3", "-c", NUMPY, rows, dimension, env=env)["ms"]


def measure_cases(build, core, scratch):
    """The figures, each case's index being removed before the next is made."""
    if subprocess.run(["/usr/bin/python3", "-c", "import numpy"], capture_output=True).returncode != 0:
        raise harness.Missing("/usr/bin/python3 has no numpy")
    for name, args, limit in CASES:
        with tempfile.TemporaryDirectory(prefix="situ-search.", dir=scratch) as directory:
            told = run(core, build / "bench/search_bench", *args, "--keep", directory)
            other = numpy_ms(core, f"{directory}/index/rows", told["dimension"])
        yield Figure("h", f"search {name}: time / one pass over the int8 bytes", told["ratio"],
                     limit or 2.0, "x", **told)
        yield Figure("h", f"search {name}: numpy's time / ours", other / told["ms"], 3.0, "x",
                     better="at least", numpy_ms=round(other, 2))
        yield Figure("h", f"search {name}: recall@10", told["recall"], 1.0, "", better="at least")
        if "inserting_p99_ms" in told:
            yield Figure("h", f"search {name}: p99 while 200 rows a second are put / idle",
                         told["inserting_p99_ms"] / told["idle_p99_ms"], 2.0, "x")


def searches(bench):
    """For bench/run."""
    return list(measure_cases(bench.build, bench.core, bench.scratch))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?", type=pathlib.Path, default=harness.ROOT / "build")
    parser.add_argument("--scratch", type=pathlib.Path)
    args = parser.parse_args()
    good = True
    for figure in measure_cases(args.build.resolve(), max(os.sched_getaffinity(0)), args.scratch):
        print(json.dumps(figure.as_json()), flush=True)
        good = good and figure.passed
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
