# SPDX-License-Identifier: Apache-2.0
"""The compared systems: each has a server beside the data and a client on the host, which is started
once, warmed up, and runs rounds on request.
"""
import contextlib
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import time

from network import ARRAY_ADDRESS

SITUD_PORT = 7433
FILES_PORT = 8080
LONGEST_S = 180

# name -> (name in the report, whether it fetches photos from the file server, whether it needs situd)
SYSTEMS = {
    "compact": ("situ", False, True),
    "v2": ("situ, V2", False, True),
    "host": ("fetch, infer on the host", True, False),
    "node": ("fetch, Node with sharp", True, False),
    "tensor": ("fetch, tensor to a server (binary)", True, True),
    "tensor-json": ("fetch, tensor to a server (JSON)", True, True),
    "bulk": ("situ, one job over all", False, True),
    "search": ("situ", False, True),
    "retrieve": ("fetch, embed and compare on the host", True, False),
}


class CpuGroup:
    """A share of one core: a cgroup with a quota, version 1 or 2, of 10 ms periods."""

    PERIOD_US = 10000

    def __init__(self, percent):
        base = pathlib.Path("/sys/fs/cgroup")
        name = f"situ-experiment-{os.getpid()}"
        quota = self.PERIOD_US * percent // 100
        if (base / "cgroup.controllers").exists():
            with contextlib.suppress(OSError):
                (base / "cgroup.subtree_control").write_text("+cpu")
            self.path = base / name
            self.path.mkdir(exist_ok=True)
            (self.path / "cpu.max").write_text(f"{quota} {self.PERIOD_US}")
        else:
            self.path = base / "cpu" / name
            self.path.mkdir(exist_ok=True)
            (self.path / "cpu.cfs_period_us").write_text(str(self.PERIOD_US))
            (self.path / "cpu.cfs_quota_us").write_text(str(quota))

    def enter(self):
        return ["sh", "-c", f'echo $$ > {self.path}/cgroup.procs && exec "$@"', "sh"]

    def remove(self):
        for _ in range(50):
            try:
                self.path.rmdir()
                return
            except OSError:
                time.sleep(0.1)


class Process:
    """A program with its own log."""

    def __init__(self, command, log, stdin=None, stdout=None, env=None):
        self.command = command
        self.log = log
        with open(log, "ab") as file:
            self.process = subprocess.Popen(command, stdin=stdin or subprocess.DEVNULL,
                                            stdout=stdout or file, stderr=file, text=True,
                                            env={**os.environ, **(env or {})})

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def wait_for(self, text):
        deadline = time.monotonic() + 60
        while text not in self.log.read_text(errors="replace"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"did not start: {' '.join(self.command)}\n"
                                   + self.log.read_text(errors="replace")[-2000:])
            time.sleep(0.05)


def family(pid):
    members = [pid]
    for member in members:
        for path in pathlib.Path(f"/proc/{member}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                members += map(int, path.read_text().split())
    return members


def cpu_seconds(pid):
    """User and system time of a process and its descendants."""
    total = 0
    for member in family(pid):
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f"/proc/{member}/stat").read_text().rsplit(")", 1)[1].split()
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


# tcp_nopush is off: with it, one photo in ten was 15 to 60 ms late over a fast link.
NGINX = """
daemon off; pid {scratch}/nginx.pid; error_log stderr; worker_processes {workers};
events {{ worker_connections 1024; }}
http {{ access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000;
  open_file_cache max=4096; client_body_temp_path {scratch}/body; proxy_temp_path {scratch}/proxy;
  fastcgi_temp_path {scratch}/fastcgi; uwsgi_temp_path {scratch}/uwsgi; scgi_temp_path {scratch}/scgi;
  server {{ listen {address}:{port}; root {photos}; }} }}
"""


def find_nginx():
    """The system's nginx, otherwise the one that tools/deps has put into .deps, otherwise None."""
    beside = pathlib.Path(__file__).resolve().parents[1] / ".deps/nginx/usr/sbin/nginx"
    return shutil.which("nginx") or (str(beside) if beside.exists() else None)


def start_files(network, cpus, photos, scratch, group=None):
    nginx = find_nginx()
    if not nginx:
        raise RuntimeError("nginx is missing: run tools/deps experiment")
    config = scratch / "nginx.conf"
    config.write_text(NGINX.format(scratch=scratch, address=ARRAY_ADDRESS, port=FILES_PORT,
                                   photos=photos, workers=len(cpus)) + "\n")
    # By default workers of a server started by root run as nobody, who may not be able to read the photos.
    command = [nginx, "-p", scratch, "-c", config, "-g", "user root;"]
    process = Process(network.inside("array", cpus, command, group), scratch / "nginx.log")
    deadline = time.monotonic() + 20
    while not (scratch / "nginx.pid").exists() or not (scratch / "nginx.pid").read_text():
        if process.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("nginx did not start\n" + process.log.read_text()[-2000:])
        time.sleep(0.05)
    return process


def start_situd(network, cpus, build, photos, models, scratch, group=None):
    command = [build / "src/daemon/situd", "--store", f"photos={photos}", "--store", f"new={photos}", "--models", models,
               "--state", scratch / "state", "--listen", f"{ARRAY_ADDRESS}:{SITUD_PORT}",
               "--insecure", "--cache-size", "0"]
    process = Process(network.inside("array", cpus, command, group), scratch / "situd.log")
    process.wait_for("event=ready")
    return process


class Client:
    """The host's side of a system. round() sends a command and returns its figures."""

    def __init__(self, system, network, cpus, setting):
        files = f"http://{ARRAY_ADDRESS}:{FILES_PORT}"
        array = f"http://{ARRAY_ADDRESS}:{SITUD_PORT}"
        env = None
        if system == "node":
            command = ["node", setting.root / "experiment/node_host.js",
                       setting.package / "model.onnx", files, setting.keys,
                       setting.input[1]]
            env = {"NODE_PATH": str(setting.node_modules)}
        else:
            command = [setting.build / "experiment/experiment_host", system, "--array", array,
                       "--files", files, "--model", setting.package.name, "--package",
                       setting.package, "--cores", len(cpus), "--input", setting.input[0],
                       "--datatype", setting.input[1], "--output", setting.output,
                       *setting.options.get(system, []), setting.keys]
        self.process = Process(network.inside("host", cpus, command), setting.scratch / "client.log",
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)

    def round(self, command):
        process = self.process.process
        process.stdin.write(command + "\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], LONGEST_S)[0]:
            raise RuntimeError(f"no answer within {LONGEST_S} s to '{command}'")
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the client ended:\n"
                               + self.process.log.read_text(errors="replace")[-2000:])
        answer = json.loads(line)
        if answer["failed"]:
            raise RuntimeError(f"{answer['failed']} requests failed:\n"
                               + self.process.log.read_text(errors="replace")[-2000:])
        return answer

    def pid(self):
        return self.process.process.pid

    def stop(self):
        process = self.process.process
        if process.poll() is None:
            process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
        self.process.stop()
