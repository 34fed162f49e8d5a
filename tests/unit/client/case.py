# SPDX-License-Identifier: Apache-2.0
"""What the tests of the CLI and the library share: a fake array for each test, and running programs
with it, optionally on a terminal. Standard library only."""

import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import fake_situd

SITU = PROBE = None  # set by main()


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.fake = fake_situd.Fake()
        running = fake_situd.Running(self.fake)
        self.address = running.__enter__()
        self.addCleanup(running.__exit__)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def situ(self, *arguments, stdin=b"", address=None, program=None, status=None, **environment):
        env = {k: v for k, v in os.environ.items() if not k.startswith("SITU_")}
        env.update({"LC_ALL": "C.UTF-8", "SITU_ADDRESS": address or self.address}, **environment)
        done = subprocess.run([program or SITU, *arguments], input=stdin, env=env, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        done.out, done.err = done.stdout.decode(errors="replace"), done.stderr.decode()
        if status is not None:
            self.assertEqual(done.returncode, status, done.err + done.out)
        return done

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(content)
        return path

    def paths(self):
        return [r[1] for r in self.fake.requests]

    def on_terminal(self, *arguments, interrupt_after=None, typed=None):
        """Runs with stderr on a terminal of its own: (status, what was shown, stdout). With `typed`, stdin is on it,
        too, and that text is typed when a question is shown."""
        leader, follower = pty.openpty()
        env = dict(os.environ, SITU_ADDRESS=self.address, LC_ALL="C.UTF-8")
        with subprocess.Popen([SITU, *arguments], stderr=follower, stdout=subprocess.PIPE, env=env,
                              stdin=subprocess.DEVNULL if typed is None else follower) as child:
            os.close(follower)
            shown, end, out = b"", time.monotonic() + 30, b""
            while time.monotonic() < end:
                ready, _, _ = select.select([leader, child.stdout], [], [], 0.2)
                try:
                    if leader in ready:
                        shown += os.read(leader, 65536)
                except OSError:
                    break
                if child.stdout in ready:
                    out += os.read(child.stdout.fileno(), 65536)
                if interrupt_after and interrupt_after in shown:
                    child.send_signal(signal.SIGINT)
                    interrupt_after = None
                if typed is not None and b"[y/N]" in shown:
                    if typed == "interrupt":
                        child.send_signal(signal.SIGINT)
                    else:
                        os.write(leader, typed.encode())
                    typed = None
            os.close(leader)
            out += child.stdout.read()
        return child.returncode, shown.decode(), out.decode()

    def slow(self, seconds):
        line = fake_situd.Handler.line

        def slow_line(handler, lines, one, whole=True):
            time.sleep(seconds)
            line(handler, lines, one, whole)

        fake_situd.Handler.line = slow_line
        self.addCleanup(setattr, fake_situd.Handler, "line", line)


def main():
    """TEST.py SITU PROBE [arguments of unittest]"""
    global SITU, PROBE
    SITU, PROBE = map(os.path.abspath, sys.argv[1:3])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
