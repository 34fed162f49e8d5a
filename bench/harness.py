# SPDX-License-Identifier: Apache-2.0
"""What the measurements need: a daemon on given CPUs, programs that run a round on request, a bulk
client, CPU time and memory of processes.
"""
import contextlib
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[1]
TICK = os.sysconf("SC_CLK_TCK")
LONGEST_S = 120  # timeout of every wait
QUIET = 0.05  # share of a CPU that other programs may take in an undisturbed turn


class Missing(Exception):
    """Something optional is missing: the measurement is skipped with a message that names it."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpus():
    """(measured core, core of the client, all cores); the first two are equal on a machine with one core."""
    every = sorted(os.sched_getaffinity(0))
    return every[-1], every[0], every


def on_cpus(command, chosen):
    return ["taskset", "-c", ",".join(map(str, chosen)), *map(str, command)]


def cpu_seconds(pid):
    """User and system time of all threads of a process."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def busy_seconds(chosen):
    """Time that the CPUs were not idle, including time stolen by a hypervisor."""
    total = 0
    for line in pathlib.Path("/proc/stat").read_text().splitlines():
        name, *values = line.split()
        if name[3:].isdigit() and name.startswith("cpu") and int(name[3:]) in chosen:
            user, nice, system, _, _, irq, softirq, steal = map(int, values[:8])
            total += user + nice + system + irq + softirq + steal
    return total / TICK


def family(pid):
    """A process and all its descendants."""
    members = [pid]
    for member in members:
        for path in pathlib.Path(f"/proc/{member}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                members += map(int, path.read_text().split())
    return members


def own_seconds():
    total = 0
    for pid in family(os.getpid()):
        with contextlib.suppress(OSError):
            total += cpu_seconds(pid)
    return total


def in_turns(rounds, chosen, turn):
    """The results of turn(), `rounds` times, and the share of a CPU that other programs used meanwhile.

    A turn in which they used more than QUIET is repeated, up to twice as many turns in total; the least
    disturbed ones are kept.
    """
    seen = []
    while len(seen) < 2 * rounds and sum(share <= QUIET for share, _ in seen) < rounds:
        start, busy, own = time.monotonic(), busy_seconds(chosen), own_seconds()
        value = turn()
        others = busy_seconds(chosen) - busy - (own_seconds() - own)
        seen.append((max(0.0, others / (time.monotonic() - start)), value))
    kept = sorted(seen, key=lambda one: one[0])[:rounds]
    return [value for _, value in kept], round(kept[-1][0], 3)


class Rounds:
    """A program that answers each line on its standard input with a line of JSON, pinned to a CPU."""

    def __init__(self, command, cpu, env=None):
        self.process = subprocess.Popen(on_cpus(command, [cpu]), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **(env or {})})

    def round(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args} ended")
        return json.loads(line)

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class Daemon:
    """A situd with its state in `directory`, on the given CPUs. It has no result cache unless `args`
    set one, since inference is measured."""

    def __init__(self, build, directory, chosen, args):
        self.port = free_port()
        self.log = directory / "situd.log"
        command = [build / "src/daemon/situd", "--worker", build / "src/worker/situ-worker",
                   "--state", directory / "state", "--listen", f"127.0.0.1:{self.port}",
                   "--cache-size", "0", *args]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(on_cpus(command, chosen), stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=log)
        deadline = time.monotonic() + 30
        while "event=ready" not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"situd did not start:\n{self.log.read_text()}")
            time.sleep(0.02)

    def pids(self):
        """The daemon (taskset became it) and its workers."""
        return family(self.process.pid)

    def cpu_seconds(self):
        return sum(cpu_seconds(pid) for pid in self.pids())

    def anonymous_kib(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1])
        raise RuntimeError("this kernel does not report RssAnon")

    def exchange(self, head, body=b""):
        """Sends one request on a new connection; returns the body of the response."""
        head = f"{head} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        with socket.create_connection(("127.0.0.1", self.port), timeout=LONGEST_S) as connection:
            connection.sendall(head.encode() + b"\r\n" + body)
            parts = []
            while part := connection.recv(1 << 16):
                parts.append(part)
        head, _, answer = b"".join(parts).partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError((head + b"\n" + answer).decode(errors="replace")[:1000])
        return dechunked(answer) if b"transfer-encoding: chunked" in head.lower() else answer

    def bulk(self, model, keys):
        """Starts and follows a job over many stored photos: seconds from the request to the last byte."""
        body = json.dumps({"model": model, "select": {"keys": keys}, "output": {"labels": False},
                           "cache": False, "keep": False}).encode()
        start = time.monotonic()
        answer = self.exchange("POST /v1/jobs?follow=1", body)
        spent = time.monotonic() - start
        done = json.loads(answer.splitlines()[-1]).get("done", {})
        if (done.get("objects"), done.get("failed")) != (len(keys), 0):
            raise RuntimeError(f"the job failed: {answer[-300:]!r}")
        return spent

    def best(self, model, key):
        answer = json.loads(self.exchange(f"GET {path_of(model, key)}"))
        return answer["classes"][0]["index"]

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def dechunked(body):
    """The body of a chunked response."""
    parts = []
    while body:
        size, _, body = body.partition(b"\r\n")
        parts.append(body[:int(size, 16)])
        body = body[int(size, 16) + 2:]
    return b"".join(parts)


def path_of(model, key, query=""):
    return f"/v1/infer/{model}/{urllib.parse.quote(key)}{query}"


def write_paths(directory, name, model, keys):
    """A file of paths for request_bench."""
    path = directory / name
    path.write_text("".join(path_of(model, key) + "\n" for key in keys))
    return path


def medians(rounds):
    """The median latency of each item over several rounds."""
    return [statistics.median(values) for values in zip(*(r["latencies_ms"] for r in rounds))]
