# SPDX-License-Identifier: Apache-2.0
"""SIGHUP with tokens from a named pipe: the reload waits for a moment, and never keeps situd from handling
its next signal.
"""

import os
import signal
import threading

import requests

from conftest import grey_png

OLD, NEW = "an-old-token-of-twenty", "a-new-token-of-twenty"


def hand_over(pipe, token):
    thread = threading.Thread(target=lambda: pipe.write_text(token + "\n"), daemon=True)
    thread.start()
    return thread


def test_a_pipe_that_nobody_writes_to_does_not_hold_up_signals(tmp_path, situd):
    grey_png(tmp_path / "photos/0.png", 0)
    pipe = tmp_path / "tokens"
    os.mkfifo(pipe)
    writer = hand_over(pipe, OLD)
    daemon = situd("--store", f"photos={tmp_path}/photos", "--engine", "null", "--token-file", pipe)
    writer.join(10)

    def status_for(token):
        return requests.get(daemon.url + "/v1/status", timeout=10,
                            headers={"Authorization": f"Bearer {token}"}).status_code

    def reload():
        before = daemon.log().count("event=reloaded")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for(lambda: daemon.log().count("event=reloaded") > before, "the reload")

    reload()
    assert "it is a pipe that nobody writes to" in daemon.log()
    assert status_for(OLD) == 200

    writer = hand_over(pipe, NEW)
    reload()
    writer.join(10)
    assert (status_for(OLD), status_for(NEW)) == (401, 200)

    daemon.process.send_signal(signal.SIGHUP)
    daemon.process.send_signal(signal.SIGTERM)
    assert daemon.process.wait(30) == 0
