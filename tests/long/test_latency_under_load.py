# SPDX-License-Identifier: Apache-2.0
"""A job that fills the lanes leaves room for single requests."""
import os
import pathlib
import socket
import statistics
import time

import pytest
from conftest import job, start_job

REQUESTS = 300
ROUNDS = 6  # other programs of the machine only add time: the best round counts


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def others_seconds(daemon):
    """CPU time that all programs but the daemon, its workers and this one have had so far."""
    fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    user, nice, system, _, _, irq, softirq, steal = map(int, fields)
    busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return busy - sum(map(cpu_seconds, [daemon.process.pid, os.getpid(), *daemon.workers()]))


def latencies(daemon, model, keys):
    """The latency of a client that needs little time, since it shares the array's cores here."""
    spent = []
    with socket.create_connection(("127.0.0.1", daemon.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(REQUESTS):
            request = (f"GET /v1/infer/{model}/photos/{keys[i % len(keys)]}?top=1&labels=0 HTTP/1.1\r\n"
                       "Host: localhost\r\n\r\n").encode()
            start = time.monotonic()
            connection.sendall(request)
            answer = b""
            while not answer.endswith(b"}\n"):
                answer += connection.recv(4096)
            spent.append((time.monotonic() - start) * 1e3)
            assert answer.startswith(b"HTTP/1.1 200"), answer
    spent.sort()
    return statistics.median(spent), spent[int(len(spent) * 0.99)]


def test_single_requests_beside_a_job(situd, photo_corpus):
    """One waits for no more than what runs already. What a run takes while all lanes are busy is measured in the same
    seconds, so that the speed of the machine's cores, alone and together, cancels out. With a model that takes its
    time: the demo's would be done with its job before the requests are."""
    model, keys = photo_corpus.model, photo_corpus.names
    daemon = situd("--store", f"photos={photo_corpus.photos}", "--models", photo_corpus.models, "--cache-size", "0")
    cores = daemon.session.get(f"{daemon.url}/v1/status").json()["cores"]  # that many lanes run at a time
    latencies(daemon, model, keys)
    best = (float("inf"), float("inf"))
    quietest = 1.0
    for _ in range(ROUNDS):
        idle, _ = latencies(daemon, model, keys)
        number = start_job(daemon, model=model,
                           select={"store": "photos", "keys": (keys * 32)[:4096]})
        daemon.wait_for(lambda: job(daemon, number)["results"] > 50, "the job to run")
        began, before, first = time.monotonic(), others_seconds(daemon), job(daemon, number)["results"]
        median, p99 = latencies(daemon, model, keys)
        after = job(daemon, number)
        seconds = time.monotonic() - began
        assert after["state"] == "running", "the job ended before the requests did"
        daemon.session.delete(f"{daemon.url}/v1/jobs/{number}").raise_for_status()
        quietest = min(quietest, (others_seconds(daemon) - before) / seconds)
        run = seconds * 1e3 * cores / (after["results"] - first + REQUESTS)
        best = min(best[0], median / run), min(best[1], p99 / median)
        print(f"\nidle median {idle:.2f} ms; beside a job median {median:.2f} ms ({median / idle:.2f} times), "
              f"p99 {p99:.2f} ms ({p99 / median:.2f} times the median); a run {run:.2f} ms "
              f"({median / run:.2f} times)", end="")
        if best[0] < 2 and best[1] < 3:
            break
    if (best[0] >= 2 or best[1] >= 3) and quietest > 0.15:
        pytest.skip(f"other programs take {quietest:.0%} of a core: latency says nothing here")
    assert best[0] < 2
    assert best[1] < 3
