#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Measures searches of an index on one core and compares them with one pass over its int8 bytes and with
numpy's argpartition(X @ q) over the same rows. Answers are compared with brute force, with each
instruction set and while rows are written.

    bench/search.py [BUILD] [--scratch DIR]

Needs about 4 GB of memory, and 2 GB in DIR (default: the system's temporary directory), and takes two or
three minutes. bench/run calls it as measurement (h).
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

# Options of search_bench; limits of (median CPU time of a query / time of a pass), and of the same for
# queries close to the near-equal rows, all of which are compared in full; whether numpy is measured.
SMALL, LARGE = (100_000, 512), (1_000_000, 256)
NEAR = 5000
CASES = [
    (SMALL, "sphere", [], 2.0, 16.0, True),
    (SMALL, "mixture", [], 2.0, 16.0, False),
    (SMALL, "cone", [], 4.0, 16.0, False),
    (LARGE, "sphere", ["--insert", 210], 1.3, 4.0, True),
    (LARGE, "mixture", [], 1.3, 4.0, False),
    (LARGE, "cone", [], 1.6, 4.0, False),  # more rows than in the other cases are compared in full
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


def figures_of(name, result, limit, near_limit):
    yield Figure("h", f"search {name}: median CPU time / one pass over the int8 bytes", result["ratio"],
                 limit, "x", **result)
    yield Figure("h", f"search {name}: the same, close to {NEAR:,} near-equal rows", result["near_ratio"],
                 near_limit, "x")
    yield Figure("h", f"search {name}: recall@10 of {result['answers']} answers ({', '.join(result['isas'])})",
                 result["recall"], 1.0, "", better="at least")
    for part in ("1", "50"):
        yield Figure("h", f"search {name}: CPU time beneath a prefix of {part} % of the rows / of all",
                     result[f"filter_{part}_ratio"], 1.2, "x",
                     first_ms=result[f"filter_{part}_first_ms"])
    if "inserted" in result:
        yield Figure("h", f"search {name}: rows written per second meanwhile", result["inserted_a_second"], 200.0,
                     "", better="at least", inserted=result["inserted"])
        yield Figure("h", f"search {name}: p99 meanwhile / idle",
                     result["inserting_p99_ms"] / result["idle_p99_ms"], 2.0, "x")
        yield Figure("h", f"search {name}: answers that were not exact meanwhile", result["wrong"], 0, "")


def measure_cases(build, core, scratch):
    """The figures. The index of each case is removed before the next one is created."""
    if subprocess.run(["/usr/bin/python3", "-c", "import numpy"], capture_output=True).returncode != 0:
        raise harness.Missing("/usr/bin/python3 has no numpy")
    for (rows, dimension), data, more, limit, near_limit, with_numpy in CASES:
        name = f"{rows:,} x {dimension}, {data}"
        with tempfile.TemporaryDirectory(prefix="situ-search.", dir=scratch) as directory:
            result = run(core, build / "bench/search_bench", "--rows", rows, "--dimension", dimension,
                         "--data", data, "--near", NEAR, *more, *(["--keep"] if with_numpy else []), directory)
            other = numpy_ms(core, f"{directory}/index/rows", dimension) if with_numpy else None
        yield from figures_of(name, result, limit, near_limit)
        if other:
            yield Figure("h", f"search {name}: numpy's time / ours", other / result["median_ms"], 3.0, "x",
                         better="at least", numpy_ms=round(other, 2))


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
