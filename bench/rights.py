#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What rights cost a request: the same request in turns to a situd without a token file and to one
with 1,000 tokens, each with quotas, over several starts of both: where the kernel places the processes
makes up to 20 us. Prints the medians of each start, and the median difference and ratio.

    bench/rights.py [--build build] [--starts 9] [--requests 2000]
"""

import argparse
import contextlib
import hashlib
import http.client
import pathlib
import socket
import statistics
import subprocess
import tempfile
import time

parser = argparse.ArgumentParser()
parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
parser.add_argument("--requests", type=int, default=2000)
parser.add_argument("--starts", type=int, default=9)
options = parser.parse_args()


def section(i):
    digest = hashlib.sha256(f"the-token-with-number-{i:04}".encode()).hexdigest()
    return (f"[token user-{i}]\nhash = {digest}\nrights = operator\nstores = p/{i}/ p/all/\n"
            "requests_per_second = 1000000\nconcurrent = 1000\n")


@contextlib.contextmanager
def situd(directory, *args):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    (directory / "p").mkdir(parents=True)
    process = subprocess.Popen(
        [options.build / "src/daemon/situd", "--state", directory / "state", "--store", f"p={directory}/p",
         "--listen", f"127.0.0.1:{port}", "--engine", "null", *args], stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "event=ready" in line:
            break
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    yield connection
    process.terminate()
    process.wait()


def ask(connection, headers):
    began = time.perf_counter_ns()
    connection.request("GET", "/v1/models", headers=headers)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status
    return (time.perf_counter_ns() - began) / 1000


def measure(base, turn):
    """Medians of both sides, freshly started; which one starts first changes."""
    both = [base / f"without{turn}", base / f"with{turn}"]
    tokens = [(), ("--token-file", base / "rights")]
    order = [turn % 2, 1 - turn % 2]
    with contextlib.ExitStack() as stack:
        sides = {i: stack.enter_context(situd(both[i], *tokens[i])) for i in order}
        # The same head in both, so that its length does not count.
        headers = [{"Authorization": f"Bearer the-token-with-number-{i:04}"} for i in range(1000)]
        times = {0: [], 1: []}
        for i in range(options.requests):
            for side in order:
                times[side].append(ask(sides[side], headers[i % 1000]))
    return statistics.median(times[0]), statistics.median(times[1])


with tempfile.TemporaryDirectory() as directory:
    (pathlib.Path(directory) / "rights").write_text("".join(section(i) for i in range(1000)))
    medians = [measure(pathlib.Path(directory), turn) for turn in range(options.starts)]
more = statistics.median(b - a for a, b in medians)
ratio = statistics.median(b / a for a, b in medians)
print("without rights, 1,000 tokens:", ", ".join(f"{a:.1f} {b:.1f}" for a, b in medians), "us")
print(f"median of {options.starts} starts: {more:+.1f} us, {ratio:.3f} times")
raise SystemExit(more > 20)
