# SPDX-License-Identifier: Apache-2.0
"""The measurements, one function each; docs/performance.md says what they mean.

A measurement takes the bench (its paths and options) and returns a list of figures. Both sides of a
ratio are measured in turns within the same run, and the median of the turns' ratios is the figure.
The detail `others` is the share of a CPU that other programs used in the worst turn that was kept.
"""
import contextlib
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys

import harness
from harness import Daemon, Missing, Rounds, medians, write_paths

TURNS_A_START = 2


class Figure:
    """`value` against `limit`, with further details."""

    def __init__(self, letter, name, value, limit, unit, better="at most", **details):
        self.letter, self.name = letter, name
        self.value, self.limit, self.unit = value, limit, unit
        self.better = better
        self.details = details

    @property
    def passed(self):
        return self.value <= self.limit if self.better == "at most" else self.value >= self.limit

    def as_json(self):
        return {"letter": self.letter, "name": self.name, "value": round(self.value, 4), "limit": self.limit,
                "unit": self.unit, "better": self.better, "passed": self.passed, **self.details}


class Bench:
    """Paths and options, and processes that end with the measurement."""

    def __init__(self, build, photos, squeezenet, scratch, cache, rounds):
        self.build, self.scratch, self.cache = build, scratch, cache
        self.photos, self.rounds = photos, rounds
        self.squeezenet = squeezenet
        self.core, self.client_core, self.all_cores = harness.cpus()
        self.keys = [f"photos/{name}" for name in sorted(
            (n for n in os.listdir(photos) if not n.startswith(".")), key=os.fsencode)]

    def program(self, name):
        return self.build / "bench" / name

    def daemon(self, stack, name, package, chosen, *args, photos=None):
        """A daemon with one model, which has the name of its package's directory."""
        directory = self.scratch / name
        models = directory / "models"
        models.mkdir(parents=True)
        os.symlink(package, models / package.name)
        daemon = Daemon(self.build, directory, chosen,
                        ["--store", f"photos={photos or self.photos}", "--models", models, *args])
        stack.callback(daemon.stop)
        return daemon

    def rounds_of(self, stack, command, cpu, env=None):
        program = Rounds(command, cpu, env)
        stack.callback(program.stop)
        return program

    def loop(self, stack, package):
        return self.rounds_of(stack, [self.program("loop_bench"), package, self.photos], self.core)

    def client(self, stack, daemon, name, model, keys, *options):
        paths = write_paths(self.scratch, name, model, keys)
        return self.rounds_of(stack, [self.program("request_bench"), *options, daemon.port, paths],
                              self.client_core)

    def step_aside(self, stack):
        """Moves this program, which is the bulk client, away from the measured core."""
        os.sched_setaffinity(0, {self.client_core})
        stack.callback(os.sched_setaffinity, 0, self.all_cores)

    def need_squeezenet(self):
        if not (self.squeezenet / "model.onnx").exists():
            raise Missing(f"no SqueezeNet package in {self.squeezenet}: set SITU_TEST_DATA or --model")
        return self.squeezenet

    def need_exported(self, name):
        """A package from export_models.py, created now or in an earlier run."""
        models = self.cache / "models-1"
        if not (models / name / "situ.json").exists():
            made = subprocess.run(["/usr/bin/python3", harness.ROOT / "bench/export_models.py", models],
                                  capture_output=True, text=True, timeout=harness.LONGEST_S)
            if made.returncode == 77:
                raise Missing(made.stdout.strip())
            if made.returncode:
                raise RuntimeError(f"export_models.py failed: {made.stderr[-600:]}")
        return models / name


def repeated(keys, count):
    return [keys[i % len(keys)] for i in range(count)]


# ---- a: photo to tensor ----

def media(bench):
    script = harness.ROOT / "bench/bench_media.py"
    done = subprocess.run([sys.executable, script, bench.program("media_bench"), "--photos",
                           bench.photos, "--cpu", str(bench.core)],
                          capture_output=True, text=True, timeout=harness.LONGEST_S)
    if done.returncode == 77:
        raise Missing(done.stdout.strip())
    if not done.stdout.strip():
        raise RuntimeError(done.stderr[-600:])
    result = json.loads(done.stdout.splitlines()[-1])
    names = {"decode_to_tensor": "photo to tensor, time of Pillow + numpy",
             "resample_normalize": "resample + normalise alone, time of Pillow + numpy"}
    return [Figure("a", name, result[key]["ratio"], result[key]["limit"], "ratio", isa=result["isa"],
                   ms=result[key]["ms"], pillow_numpy_ms=result[key]["pillow_numpy_ms"])
            for key, name in names.items()]


# ---- b, c: the daemon against a plain loop, on one core ----

def check_answers(bench, daemon, model, loop_best):
    """Both sides must do the same work: they must agree on the best class."""
    step = max(1, len(bench.keys) // 16)
    places = range(0, len(bench.keys), step)
    equal = sum(daemon.best(model, bench.keys[i]) == loop_best[i] for i in places)
    if equal < len(places):
        raise RuntimeError(f"daemon and loop agree on {equal} of {len(places)} photos only")


def bulk_and_single_once(bench, start):
    """One start of daemon and loop: a dict of their figures."""
    package = bench.need_squeezenet()
    model = package.name
    repeats = max(1, 512 // len(bench.keys))
    keys = repeated(bench.keys, repeats * len(bench.keys))
    with contextlib.ExitStack() as stack:
        daemon = bench.daemon(stack, f"one-core-{start}", package, [bench.core])
        loop = bench.loop(stack, package)
        client = bench.client(stack, daemon, f"single-{start}", model, bench.keys, "--poll")
        check_answers(bench, daemon, model, loop.round()["best"])
        client.round()
        bench.step_aside(stack)

        def turn():
            loops = [loop.round() for _ in range(repeats)]
            before = daemon.cpu_seconds()
            spent = daemon.bulk(model, keys)
            used = daemon.cpu_seconds() - before
            return {"bulk": sum(r["wall_s"] for r in loops) / spent,
                    "cpu": sum(r["cpu_s"] for r in loops) / used,
                    "single": client.round(), "loop": loops[-1]}

        turns, others = harness.in_turns(TURNS_A_START, bench.all_cores, turn)
    ours, theirs = (medians([t[side] for t in turns]) for side in ("single", "loop"))
    return {"bulk": statistics.median(t["bulk"] for t in turns),
            "cpu": statistics.median(t["cpu"] for t in turns),
            "more_ms": statistics.median(a - b for a, b in zip(ours, theirs)),
            "loop_ms": statistics.median(theirs), "single_ms": statistics.median(ours),
            "rate": len(bench.keys) / statistics.median(t["loop"]["wall_s"] for t in turns),
            "others": others}


def in_starts(bench, once):
    """Runs `once` with new processes each time, nearly twice as often as the rounds of other measurements;
    returns the median of each figure. The placement of their pages by the kernel changes a photo's time by
    3 to 5 % for as long as the processes live."""
    starts = [once(bench, start) for start in range(2 * bench.rounds - 1)]
    return {name: statistics.median(s[name] for s in starts) for name in starts[0]}


def bulk_and_single(bench):
    f = in_starts(bench, bulk_and_single_once)
    model = bench.squeezenet.name
    return [Figure("b", "bulk rate through the daemon, of a plain loop's", f["bulk"], 0.95, "ratio", "at least",
                   model=model, by_cpu_time=round(f["cpu"], 4), loop_photos_per_s=round(f["rate"], 1),
                   others=f["others"]),
            Figure("c", "a single photo over a kept-alive connection, more than the loop", f["more_ms"], 0.25,
                   "ms", model=model, loop_ms=round(f["loop_ms"], 3), single_ms=round(f["single_ms"], 3),
                   others=f["others"])]


# ---- d: the cost of lanes on more cores ----

def lanes(bench):
    if len(bench.all_cores) < 2:
        raise Missing("two cores are needed")
    package = bench.need_squeezenet()
    keys = repeated(bench.keys, 768)
    both_cores = [bench.client_core, bench.core]
    with contextlib.ExitStack() as stack:
        one = bench.daemon(stack, "one-lane", package, [bench.core], "--lanes", "1")
        both = bench.daemon(stack, "all-lanes", package, both_cores)
        for daemon in (one, both):
            daemon.bulk(package.name, repeated(bench.keys, 128))

        def turn():
            costs, rates = [], []
            for daemon in (one, both):
                before = daemon.cpu_seconds()
                rates.append(len(keys) / daemon.bulk(package.name, keys))
                costs.append((daemon.cpu_seconds() - before) * 1e3 / len(keys))
            return {"ratio": costs[1] / costs[0], "speedup": rates[1] / rates[0], "costs": costs}

        turns, others = harness.in_turns(bench.rounds, bench.all_cores, turn)
    return [Figure("d", "CPU time a photo with lanes on two cores, of one lane's",
                   statistics.median(t["ratio"] for t in turns), 1.1, "ratio", model=package.name,
                   one_lane_cpu_ms=round(statistics.median(t["costs"][0] for t in turns), 3),
                   two_cores_cpu_ms=round(statistics.median(t["costs"][1] for t in turns), 3),
                   two_cores_rate_of_one=round(statistics.median(t["speedup"] for t in turns), 3),
                   others=others)]


# ---- e: memory ----

def memory(bench, requests=10000):
    package = harness.ROOT / "demo/models/demo"
    if not (package / "model.onnx").exists():
        raise Missing(f"no model in {package}")
    small = bench.scratch / "small"
    subprocess.run([bench.build / "demo/situ-draw", "--count", "100", "--seed", "7", "--size", "96-128",
                    "--out", small], check=True, stdout=subprocess.DEVNULL, timeout=60)
    keys = sorted(f"photos/{p.name}" for p in small.glob("*.jpg"))
    seen = []
    with contextlib.ExitStack() as stack:
        daemon = bench.daemon(stack, "memory", package, bench.all_cores, photos=small)
        kept = bench.client(stack, daemon, "kept", package.name, repeated(keys, requests * 9 // 10))
        fresh = bench.client(stack, daemon, "fresh", package.name, repeated(keys, requests // 10),
                             "--reconnect")
        for _ in range(2):
            kept.round()
            daemon.bulk(package.name, repeated(keys, 1000))
            fresh.round()
            seen.append(daemon.anonymous_kib() / 1024)
    return [Figure("e", f"anonymous memory of situd after {requests} requests", seen[0], 40, "MiB",
                   model=package.name),
            Figure("e", f"its growth over the next {requests}", seen[1] - seen[0], 0.25, "MiB")]


# ---- f: all cores for one photo ----

def all_cores(bench):
    if len(bench.all_cores) < 2:
        raise Missing("two cores are needed")
    package = bench.need_exported("resnet50")
    keys = bench.keys[:16]
    both_cores = [bench.client_core, bench.core]
    with contextlib.ExitStack() as stack:
        clients = []
        for name, chosen in (("idle-one", [bench.core]), ("idle-both", both_cores)):
            daemon = bench.daemon(stack, name, package, chosen)
            clients.append(bench.client(stack, daemon, name + "-paths", package.name, keys))
            daemon.bulk(package.name, keys)
        one, both = clients
        for _ in range(2):  # meanwhile the session for all cores is created
            one.round()
            both.round()
        turns, others = harness.in_turns(bench.rounds, bench.all_cores, lambda: (one.round(), both.round()))
    ratios = [b / a for turn in turns for a, b in zip(*(side["latencies_ms"] for side in turn))]
    ones, boths = zip(*turns)
    return [Figure("f", "one ResNet-50 photo on two idle cores, time on one", statistics.median(ratios), 0.7,
                   "ratio", one_core_ms=round(statistics.median(medians(ones)), 2),
                   two_cores_ms=round(statistics.median(medians(boths)), 2), others=others)]


# ---- g: against Node ----

def node_modules(bench):
    """node_modules with the versions of bench/package-lock.json, in the cache; no install script runs."""
    for tool in ("node", "npm"):
        if not shutil.which(tool):
            raise Missing(f"{tool} is missing (Debian: {'nodejs' if tool == 'node' else tool})")
    files = [harness.ROOT / "bench" / name for name in ("package.json", "package-lock.json")]
    digest = hashlib.sha256(b"".join(f.read_bytes() for f in files)).hexdigest()[:12]
    place = bench.cache / f"node-{digest}"
    if not (place / "complete").exists():
        place.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(file, place)
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=place,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=harness.LONGEST_S)
        if done.returncode:
            raise Missing(f"npm could not install sharp and onnxruntime-node: {done.stderr[-300:]}")
        (place / "complete").touch()
    return place / "node_modules"


def node_once(bench, start):
    """One start of daemon and script: a dict of their figures."""
    modules = node_modules(bench)
    package = bench.need_exported("mobilenet")
    with contextlib.ExitStack() as stack:
        daemon = bench.daemon(stack, f"mobilenet-one-{start}", package, [bench.core])
        client = bench.client(stack, daemon, f"mobilenet-paths-{start}", package.name, bench.keys, "--poll")
        script = bench.rounds_of(stack, ["node", harness.ROOT / "bench/node_baseline.js",
                                         package / "model.onnx", bench.photos], bench.core,
                                 {"NODE_PATH": str(modules)})
        for program in (client, script):
            program.round()
        bench.step_aside(stack)

        def turn():
            return [script.round()["wall_s"], client.round()["wall_s"],
                    daemon.bulk(package.name, bench.keys)]

        turns, others = harness.in_turns(TURNS_A_START, bench.all_cores, turn)
    each = [statistics.median(side) * 1e3 / len(bench.keys) for side in zip(*turns)]
    return {"single": statistics.median(single / node_s for node_s, single, _ in turns),
            "bulk": statistics.median(bulk / node_s for node_s, _, bulk in turns),
            "node_ms": each[0], "single_ms": each[1], "bulk_ms": each[2], "others": others}


def node(bench):
    f = in_starts(bench, node_once)
    return [Figure("g", "whole way of a photo, MobileNetV3-small, time of Node with sharp", f["single"], 0.4,
                   "ratio", in_bulk=round(f["bulk"], 4), ms=round(f["single_ms"], 3),
                   in_bulk_ms=round(f["bulk_ms"], 3), node_ms=round(f["node_ms"], 3), others=f["others"])]


MEASUREMENTS = {"a": media, "bc": bulk_and_single, "d": lanes, "e": memory, "f": all_cores, "g": node}
