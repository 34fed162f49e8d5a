#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What rights cost a request: the same request in turns to a situd without a token file and to one
with 1,000 tokens, each with quotas. Prints the medians and the difference.

    bench/rights.py [--build build] [--requests 10000]
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
parser.add_argument("--requests", type=int, default=10000)
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
    connection.request("GET", "/v1/cache", headers=headers)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status
    return (time.perf_counter_ns() - began) / 1000


with tempfile.TemporaryDirectory() as directory:
    base = pathlib.Path(directory)
    (base / "rights").write_text("".join(section(i) for i in range(1000)))
    with situd(base / "a") as without, situd(base / "b", "--token-file", base / "rights") as with_rights:
        # The same head in both, so that its length does not count.
        headers = [{"Authorization": f"Bearer the-token-with-number-{i:04}"} for i in range(1000)]
        times = ([], [])
        for i in range(options.requests):
            times[0].append(ask(without, headers[i % 1000]))
            times[1].append(ask(with_rights, headers[i % 1000]))
medians = [statistics.median(series) for series in times]
print(f"without rights {medians[0]:.1f} us, 1,000 tokens {medians[1]:.1f} us: "
      f"{medians[1] - medians[0]:+.1f} us, {medians[1] / medians[0]:.3f} times")
raise SystemExit(medians[1] - medians[0] > 20)
