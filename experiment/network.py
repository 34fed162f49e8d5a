# SPDX-License-Identifier: Apache-2.0
"""Host and array as two network namespaces connected by a pair of virtual interfaces. A queueing
discipline at each end sets the link's speed and counts the bytes sent.

The bytes are those of the frames (including 14 bytes of Ethernet) that the kernel would put on a wire: a
discipline counts the headers of every segment, even if the kernel passes several segments at once.
"""
import contextlib
import json
import os
import subprocess

HOST_ADDRESS = "10.98.76.1"
ARRAY_ADDRESS = "10.98.76.2"
LINKS = {"100 Mbit/s": 100, "1 Gbit/s": 1000, "10 Gbit/s": 10000, "unlimited": None}


def run(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


class Network:
    """A context manager that always removes the namespaces."""

    def __init__(self):
        number = os.getpid()
        self.names = {"host": f"situ-host-{number}", "array": f"situ-array-{number}"}

    def __enter__(self):
        try:
            self._make()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_):
        self._remove()

    def _make(self):
        for name in self.names.values():
            run("ip", "netns", "add", name)
        run("ip", "-n", self.names["host"], "link", "add", "wire", "type", "veth",
            "peer", "name", "wire", "netns", self.names["array"])
        for side, address in (("host", HOST_ADDRESS), ("array", ARRAY_ADDRESS)):
            name = self.names[side]
            run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "wire")
            run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "-n", name, "link", "set", "wire", "up")

    def _remove(self):
        for name in self.names.values():
            with contextlib.suppress(subprocess.SubprocessError):
                run("ip", "netns", "del", name, check=False)

    def set_link(self, mbit):
        """Sets the same speed in both directions; None: unlimited."""
        for name in self.names.values():
            tc = ("tc", "-n", name, "qdisc", "replace", "dev", "wire", "root")
            run(*tc[:4], "qdisc", "del", "dev", "wire", "root", check=False)
            if mbit is None:
                run(*tc, "pfifo", "limit", "10000")
            else:
                # Unlike a wire, a token bucket accumulates credit while idle, so a small photo would pass
                # through a large bucket at once. With 0.4 ms, or four frames, 117 kB take 9.7 ms at 100
                # Mbit/s and 1.0 at 1 Gbit/s, as on a wire. The queue has 50 ms, as in a switch.
                burst = max(mbit * 50, 4 * 1514)
                run(*tc, "tbf", "rate", f"{mbit}mbit", "burst", str(burst), "latency", "50ms")

    def sent(self):
        """(bytes that the host has sent, bytes that the array has sent)."""
        counts = []
        for side in ("host", "array"):
            text = run("tc", "-n", self.names[side], "-j", "-s", "qdisc", "show", "dev", "wire")
            counts.append(sum(qdisc["bytes"] for qdisc in json.loads(text) if qdisc.get("root")))
        return tuple(counts)

    def inside(self, side, cpus, command, group=None):
        """The command line for running a command on one side, on these CPUs."""
        enter = ["ip", "netns", "exec", self.names[side], "taskset", "-c", ",".join(map(str, cpus))]
        return (group.enter() if group else []) + enter + [str(word) for word in command]
