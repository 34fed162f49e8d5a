# SPDX-License-Identifier: Apache-2.0
"""What the measurements need: a daemon on chosen CPUs, programs that do a round when asked for one,
a bulk client, CPU time and memory of processes.
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
LONGEST_S = 120  # that anything here is waited for
QUIET = 0.05  # share of a CPU that other programs may take in an undisturbed turn


class Missing(Exception):
    """An optional thing is not there: the measurement is skipped, saying what."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpus():
    """(core that is measured, core of the client, all cores); the two are one on a machine of one."""
    every = sorted(os.sched_getaffinity(0))
    return every[-1], every[0], every


def on_cpus(command, chosen):
    return ["taskset", "-c", ",".join(map(str, chosen)), *map(str, command)]


def cpu_seconds(pid):
    """User and system time of all threads of a process."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def busy_seconds(chosen):
    """Time that the CPUs have spent on anything at all, time stolen by a hypervisor included."""
    total = 0
    for line in pathlib.Path("/proc/stat").read_text().splitlines():
        name, *values = line.split()
        if name[3:].isdigit() and name.startswith("cpu") and int(name[3:]) in chosen:
            user, nice, system, _, _, irq, softirq, steal = map(int, values[:8])
            total += user + nice + system + irq + softirq + steal
    return total / TICK


def family(pid):
    """A process and all that descend from it."""
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
    """What turn() returned, `rounds` times, and the share of a CPU that other programs took meanwhile.

    Where they took more than a little, a turn is repeated, up to twice as many turns in all; those
    that were disturbed least are kept.
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
    """A situd of its own, with its state in `directory`, on the CPUs that are given. It has no
    result cache unless `args` say otherwise: what is measured is inference."""

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
        raise RuntimeError("this kernel tells no RssAnon")

    def exchange(self, head, body=b""):
        """Sends one request on a connection of its own; the whole answer, its head cut off."""
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
        """One job over many stored photos, which is followed: seconds from the request to the last byte."""
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
    """The body of an answer that came in chunks."""
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
    """Of several rounds over the same things, each thing's median latency."""
    return [statistics.median(values) for values in zip(*(r["latencies_ms"] for r in rounds))]
