# SPDX-License-Identifier: Apache-2.0
"""The measurements: each part of the experiment has settings; in each setting every system is measured
in turn, several times. An entry of the raw figures is one system in one setting.
"""
import contextlib
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request

import harness
import measure
import systems
from network import ARRAY_ADDRESS, LINKS

CLASSIFIERS = ["compact", "v2", "host", "node", "tensor", "tensor-json"]
OPEN_SYSTEMS = ["compact", "host", "node", "tensor"]
OPEN_SHARES = [0.4, 0.8, 1.1]  # relative to the rate that situ reaches under full load
DEADLINES_MS = [50, 100, 200]
LARGE_COUNT = 8
COUNT = 32  # photos per round, except for the first model, which gets all
SLOW_COUNT = 6  # photos per round if each takes long: a slow model, a tensor as text
OPEN_SECONDS = 1.5


class Setting:
    """A model, photos, and what a client needs to know about them."""

    def __init__(self, plan, name, package, photos, keys):
        self.root = plan.root
        self.build = plan.build
        self.scratch = plan.scratch
        self.node_modules = plan.node_modules
        self.name = name
        self.package = package
        self.photos = photos
        self.options = {}
        self.count = len(keys)
        self.keys = plan.scratch / f"keys-{name}"
        self.keys.write_text("".join(f"{key}\n" for key in keys))
        self.mean_bytes = statistics.mean((photos / key).stat().st_size for key in keys)
        facts = plan.facts(package)
        self.input = (facts["inputs"][-1]["name"], facts["inputs"][-1]["datatype"])
        self.output = facts["outputs"][0]["name"]

    def systems(self):
        chosen = [s for s in CLASSIFIERS if s != "tensor-json" or self.input[1] == "FP32"]
        return [s for s in chosen if s != "node" or self.node_modules]


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def summary(latencies):
    good = [value for value in latencies if value is not None]
    if not good:
        return {"mean": None, "p50": None, "p95": None, "p99": None}
    return {"mean": statistics.mean(good), "p50": percentile(good, 0.5),
            "p95": percentile(good, 0.95), "p99": percentile(good, 0.99)}


class Plan:
    def __init__(self, args, scratch, network):
        self.root = harness.ROOT
        self.build = args.build
        self.scratch = scratch
        self.network = network
        self.quick = args.quick
        self.runs = 1 if args.quick else args.runs
        self.parts = args.parts
        self.notes = []
        self._facts = {}
        self.core_array, self.core_host, self.every = harness.cpus()
        cache = pathlib.Path.home() / ".cache/situ-bench"
        photos = args.photos
        if not photos.is_dir():
            photos = scratch / "photos"
            self._draw(photos, "--count", "128", "--seed", "5", "--size", "375-500")
            self.notes.append("No photos were given: pictures drawn by the project took their place.")
        self.bench = measure.Bench(args.build, photos.resolve(), args.model.resolve(), scratch, cache, 1)
        self.photos = photos.resolve()
        self.model = (args.model if (args.model / "model.onnx").exists() or args.model.is_dir()
                      else self.root / "demo/models/demo").resolve()
        self.node_modules = self._try(lambda: measure.node_modules(self.bench))
        self.models = {self.model.name: self.model}
        for name in ("mobilenet", "resnet50"):
            package = None if self.quick else self._try(lambda n=name: self.bench.need_exported(n))
            if package:
                self.models[name] = package

    def _try(self, function):
        try:
            return function()
        except harness.Missing as missing:
            self.notes.append(f"Left out: {missing}.")
            return None

    def _draw(self, directory, *options):
        subprocess.run([self.build / "demo/situ-draw", *options, "--out", directory], check=True,
                       stdout=subprocess.DEVNULL, timeout=300)

    def say(self, text):
        print(text, flush=True)

    def facts(self, package):
        """Inputs and outputs of a model, as situd reports them."""
        if package not in self._facts:
            with contextlib.ExitStack() as stack:
                models = self._models_directory([package])
                port = harness.free_port()
                process = systems.Process(
                    [str(self.build / "src/daemon/situd"), "--store", f"photos={self.photos}",
                     "--models", str(models), "--state", str(self.scratch / "facts-state"),
                     "--listen", f"127.0.0.1:{port}"], self.scratch / f"facts-{package.name}.log")
                stack.callback(process.stop)
                process.wait_for("event=ready")
                url = f"http://127.0.0.1:{port}/v2/models/{package.name}"
                with urllib.request.urlopen(url, timeout=60) as answer:
                    self._facts[package] = json.load(answer)
        return self._facts[package]

    def _models_directory(self, packages):
        directory = self.scratch / ("models-" + "-".join(p.name for p in packages))
        directory.mkdir(exist_ok=True)
        for package in packages:
            with contextlib.suppress(FileExistsError):
                (directory / package.name).symlink_to(package)
        return directory

    # ---- one system in one setting ----

    @contextlib.contextmanager
    def servers(self, setting, cpus_array, group=None):
        """File server and situd beside the data, warm."""
        with contextlib.ExitStack() as stack:
            directory = self.scratch / f"servers-{setting.name}"
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
            for key in setting.keys.read_text().split("\n"):
                if key:
                    (setting.photos / key).read_bytes()  # into the page cache, for all systems
            running = {}
            running["files"] = systems.start_files(self.network, cpus_array, setting.photos, directory, group)
            stack.callback(running["files"].stop)
            models = self._models_directory([setting.package])
            running["situd"] = systems.start_situd(self.network, cpus_array, self.build, setting.photos,
                                                   models, directory, group)
            stack.callback(running["situd"].stop)
            yield running

    def measured(self, client, running, command):
        """One round and its costs."""
        pids = [process.process.pid for process in running.values()]
        sent = self.network.sent()
        cpu = sum(map(systems.cpu_seconds, pids))
        host_cpu = systems.cpu_seconds(client.pid())
        answer = client.round(command)
        after = self.network.sent()
        count = answer["requests"]
        return {"latencies_ms": answer["latencies_ms"], "wall_s": answer["wall_s"],
                "up_bytes": (after[0] - sent[0]) / count, "down_bytes": (after[1] - sent[1]) / count,
                "host_cpu_ms": (systems.cpu_seconds(client.pid()) - host_cpu) * 1e3 / count,
                "array_cpu_ms": (sum(map(systems.cpu_seconds, pids)) - cpu) * 1e3 / count}

    def closed(self, part, setting, names, link, cores=1, group=None, shape=None):
        """Measures all systems in turn, run after run, so that a change of the machine's speed affects all of
        them. Where differences are a few percent, each run restarts every program, since the placement of a
        program's pages by the kernel changes that much."""
        restart = part in ("latency", "large") and setting.package.name != "resnet50"
        cpus_array = self.every if cores > 1 else [self.core_array]
        cpus_host = self.every if cores > 1 else [self.core_host]
        runs = {name: [] for name in names}
        counts = {name: self.count_of(part, setting, name) for name in names}
        self.network.set_link(LINKS[link])
        for _ in range(self.runs if restart else 1):
            with self.servers(setting, cpus_array, group) as running, contextlib.ExitStack() as stack:
                clients = {}
                for name in names:
                    clients[name] = systems.Client(name, self.network, cpus_host, setting)
                    stack.callback(clients[name].stop)
                    clients[name].round(f"closed {min(counts[name], 8)}")
                for _ in range(1 if restart else self.runs):
                    for name in names:
                        runs[name].append(self.measured(clients[name], running, f"closed {counts[name]}"))
        for name in names:
            yield self.entry(part, setting, name, link, runs[name], cores=cores, shape=shape, count=counts[name])

    def count_of(self, part, setting, name):
        if self.quick:
            return min(setting.count, 8)
        if setting.package.name == "resnet50" or name == "tensor-json":
            return min(setting.count, SLOW_COUNT)
        return setting.count if part == "latency" and setting.package == self.model else min(setting.count, COUNT)

    def entry(self, part, setting, name, link, runs, **more):
        summaries = [summary(run.pop("latencies_ms")) for run in runs]
        for run, figures in zip(runs, summaries):
            run.update(figures)
        middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]
                  if all(run[key] is not None for run in runs)}
        low_high = {key: [min(run[key] for run in runs), max(run[key] for run in runs)] for key in middle}
        self.say(f"{part} {setting.name}, {link}, {systems.SYSTEMS[name][0]}: mean {middle.get('mean', 0):.2f} ms, "
                 f"{middle['up_bytes'] + middle['down_bytes']:.0f} bytes"
                 + (f", {more['rate']:.0f}/s offered" if more.get("rate") else ""))
        return {"part": part, "setting": setting.name, "model": setting.package.name, "system": name,
                "link": link, "photo_bytes": setting.mean_bytes, "count": more.pop("count", setting.count),
                "median": middle, "range": low_high, "runs": runs,
                **{key: value for key, value in more.items() if value is not None}}

    # ---- parts ----

    def small(self, model):
        return self.small_of(self.models[model])

    def small_of(self, package):
        keys = sorted(p.name for p in self.photos.iterdir() if p.is_file() and p.suffix.lower() in
                      (".jpg", ".jpeg", ".png", ".webp"))[:128]
        return Setting(self, package.name, package, self.photos, keys)

    def large(self, model, fast):
        directory = self.scratch / "large"
        count = 2 if self.quick else LARGE_COUNT
        if not directory.is_dir():
            self._draw(directory, "--large", "--count", str(count), "--seed", "9")
        package = self.models[model]
        if fast:
            package = self.scratch / f"{model}-fast"
            if not package.is_dir():
                shutil.copytree(self.models[model], package)
                options = package / "situ.json"
                have = json.loads(options.read_text()) if options.exists() else {}
                options.write_text(json.dumps({**have, "decode": "fast"}))
        name = f"{model}, 12 megapixels" + (", fast decoding" if fast else "")
        return Setting(self, name.replace(" ", "-").replace(",", ""), package, directory,
                       sorted(p.name for p in directory.iterdir()))

    def links(self):
        return ["1 Gbit/s"] if self.quick else list(LINKS)

    def two_links(self):
        return self.links()[:2]

    def part_l(self):
        for model in self.models:
            setting = self.small(model)
            for link in self.links():
                yield from self.closed("latency", setting, setting.systems(), link)

    def part_g(self):
        model = "mobilenet" if "mobilenet" in self.models else next(iter(self.models))
        for fast in (False, True):
            setting = self.large(model, fast)
            names = [s for s in setting.systems() if not s.startswith("tensor")] + ["tensor"]
            for link in self.links():
                yield from self.closed("large", setting, names, link)

    def part_o(self):
        setting = self.small(next(iter(self.models)))
        names = [s for s in OPEN_SYSTEMS if s in setting.systems()]
        for link in (["1 Gbit/s"] if self.quick else ["100 Mbit/s", "1 Gbit/s"]):
            self.network.set_link(LINKS[link])
            with self.servers(setting, [self.core_array]) as running, contextlib.ExitStack() as stack:
                clients = {}
                for name in names:
                    clients[name] = systems.Client(name, self.network, [self.core_host], setting)
                    stack.callback(clients[name].stop)
                    clients[name].round("closed 16")
                probe = clients["compact"].round("open 2000 0.5 1 32")  # more than it can process
                full = probe["requests"] / probe["wall_s"]
                yield from self.open_rates(setting, link, clients, running, full)

    def open_rates(self, setting, link, clients, running, full):
        seconds = 1 if self.quick else OPEN_SECONDS
        for share in (OPEN_SHARES[:1] if self.quick else OPEN_SHARES):
            runs = {name: [] for name in clients}
            for number in range(self.runs):
                for name, client in clients.items():
                    command = f"open {full * share:.3f} {seconds} {number + 1} 32"
                    run = self.measured(client, running, command)
                    values = run["latencies_ms"]
                    for deadline in DEADLINES_MS:
                        inside = sum(v is not None and v <= deadline for v in values)
                        run[f"inside_{deadline}"] = inside / len(values)
                    runs[name].append(run)
            for name in clients:
                yield self.entry("open", setting, name, link, runs[name], rate=full * share, share=share)

    def part_s(self):
        setting = self.small(next(iter(self.models)))
        names = [s for s in setting.systems() if s in ("compact", "host", "node", "tensor")]
        try:
            group = systems.CpuGroup(50)
        except OSError as fault:
            self.notes.append(f"Left out: the slower array, since no cgroup can be made ({fault}).")
            return
        try:
            for link in self.two_links():
                yield from self.closed("slow", setting, names, link, group=group)
        finally:
            group.remove()

    def part_t(self):
        setting = self.small(next(iter(self.models)))
        if len(self.every) < 4:
            self.notes.append("Two cores each: this machine has fewer than four, so host and array share "
                              f"its {len(self.every)}.")
        names = [s for s in setting.systems() if s in ("compact", "host", "node", "tensor")]
        for link in self.two_links():
            yield from self.closed("two", setting, names, link, cores=2)

    def part_b(self):
        """Bulk: the command over the whole store, compared with fetching every photo."""
        setting = self.small(next(iter(self.models)))
        link = "1 Gbit/s"
        self.network.set_link(LINKS[link])
        with self.servers(setting, [self.core_array]), contextlib.ExitStack() as stack:
            client = systems.Client("host", self.network, [self.core_host], setting)
            stack.callback(client.stop)
            client.round("closed 8")
            for name in ("bulk", "host"):
                runs = []
                for _ in range(self.runs):
                    before = self.network.sent()
                    start = time.monotonic()
                    if name == "bulk":
                        self.run_bulk(setting)
                    else:
                        client.round(f"closed {setting.count}")
                    spent = time.monotonic() - start
                    after = self.network.sent()
                    runs.append({"latencies_ms": [spent * 1e3 / setting.count],
                                 "up_bytes": (after[0] - before[0]) / setting.count,
                                 "down_bytes": (after[1] - before[1]) / setting.count,
                                 "host_cpu_ms": 0, "array_cpu_ms": 0})
                yield self.entry("bulk", setting, name, link, runs)

    def run_bulk(self, setting):
        command = [self.build / "src/cli/situ", "--array",
                   f"http://{ARRAY_ADDRESS}:{systems.SITUD_PORT}", "infer", setting.package.name, "photos/",
                   "--top", "1", "--no-labels", "--format", "jsonl"]
        done = subprocess.run(self.network.inside("host", [self.core_host], command), capture_output=True,
                              text=True, timeout=systems.LONGEST_S)
        if done.returncode != 0 or len(done.stdout.splitlines()) != setting.count:
            raise RuntimeError(f"situ infer failed: {done.stderr}")

    def part_r(self):
        """Retrieval: the ten most similar of all photos to one that is new to the host."""
        package = self._try(self.feature_package)
        if not package:
            return
        setting = self.small_of(package)
        for link in self.links():
            self.network.set_link(LINKS[link])
            with self.servers(setting, [self.core_array]) as running, contextlib.ExitStack() as stack:
                self.fill_index(setting)
                clients = {}
                for name in ("search", "retrieve"):
                    clients[name] = systems.Client(name, self.network, [self.core_host], setting)
                    stack.callback(clients[name].stop)
                    clients[name].round("closed 8")
                runs = {name: [] for name in clients}
                count = min(setting.count, 8) if self.quick else setting.count
                for _ in range(self.runs):
                    for name, client in clients.items():
                        runs[name].append(self.measured(client, running, f"closed {count}"))
            for name in runs:
                yield self.entry("retrieval", setting, name, link, runs[name])

    def feature_package(self):
        """The model without its classifier, so that its output is the embedding."""
        script = self.root / "bench/feature_model.py"
        package = self.scratch / "features"
        done = subprocess.run(["/usr/bin/python3", script, self.model, package], capture_output=True, text=True,
                              timeout=120)
        if done.returncode != 0:
            raise harness.Missing(f"no feature model could be cut: {(done.stderr or done.stdout)[-200:]}")
        return package

    def fill_index(self, setting):
        """Creates the index and exports its rows for the host."""
        base = ["--array", f"http://{ARRAY_ADDRESS}:{systems.SITUD_PORT}"]
        file = self.scratch / "rows.npy"
        for words in (["index", "create", "experiment", "--model", setting.package.name, "--store", "photos", "--wait"],
                      ["index", "export", "experiment", file]):
            command = [self.build / "src/cli/situ", *base, *words]
            done = subprocess.run(self.network.inside("host", [self.core_host], command), capture_output=True,
                                  text=True, timeout=systems.LONGEST_S)
            if done.returncode != 0:
                raise RuntimeError(f"situ {words[1]}: {done.stderr}")
        import numpy
        rows = self.scratch / "rows.f32"
        numpy.load(file).astype("<f4").tofile(rows)
        setting.options = {"search": ["--index", "experiment"], "retrieve": ["--rows", rows]}

    def entries(self):
        for letter in self.parts:
            yield from getattr(self, f"part_{letter}")()


if __name__ == "__main__":
    sys.exit("this is a part of experiment/run")
