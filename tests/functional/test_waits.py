# SPDX-License-Identifier: Apache-2.0
"""A run that waits reports why: on a terminal at once in the progress bar, otherwise after 5 s on stderr."""

import os
import pty
import re
import subprocess
import threading
import time

import pytest
from conftest import SITU, grey_png

pytest.importorskip("PIL.Image")


@pytest.fixture
def photos(tmp_path):
    for value in range(40):
        grey_png(tmp_path / f"photos/{value:02}.png", value)
    return tmp_path / "photos"


class Client:
    """situ in the background, its stderr a pipe or a terminal: `said` is its output so far."""

    def __init__(self, daemon, *args, terminal=False):
        ours, theirs = pty.openpty() if terminal else os.pipe()
        self.process = subprocess.Popen([SITU, "--array", daemon.url, *map(str, args)], text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=theirs)
        os.close(theirs)
        self.said = ""
        self.reader = threading.Thread(target=self.read, args=(ours,), daemon=True)
        self.reader.start()

    def read(self, ours):
        try:
            while piece := os.read(ours, 4096):
                self.said += piece.decode(errors="replace")
        except OSError:
            pass  # the terminal's other end is closed
        os.close(ours)

    def wait_for(self, text, seconds=30):
        deadline = time.monotonic() + seconds
        while text not in self.said:
            assert time.monotonic() < deadline, f"waited for {text!r}: {self.said!r}"
            time.sleep(0.02)

    def end(self):
        out, _ = self.process.communicate(timeout=60)
        self.reader.join(10)
        return self.process.returncode, out


def start_behind(daemon):
    """A run behind a more urgent job, and one whose model loads slowly: each with its reason."""
    urgent = daemon.start_job("slower", {"store": "photos"}, priority=9)["id"]
    daemon.wait_for(lambda: daemon.job(urgent)["state"] == "running", "the urgent job")
    return {f"waits behind job {urgent}, which has the higher priority 9":
            Client(daemon, "infer", "slower", "photos/"),
            "waits for model 'loads' to be loaded":
            Client(daemon, "infer", "loads", "photos/", "--priority", 9)}


def test_a_run_that_waits_says_why(situd, photos, null_models):
    models = null_models(quick="sleep 0", slow="sleep 100", broken="sleep 0",
                         loads="sleep 20000", slower="sleep 1000")
    daemon = situd("--store", f"photos={photos}", "--models", models, "--engine", "null",
                   "--cache-size", "0")
    (models / "broken/model.onnx").write_text("nonsense")
    other = situd("--store", f"photos={photos}", "--models", models, "--engine", "null",
                  "--cache-size", "0", "--lanes", "2")
    paused = daemon.start_job("slow", {"store": "photos"})["id"]
    daemon.wait_for(lambda: daemon.job(paused)["results"] >= 4, "some results")
    assert daemon.act(paused, "pause").json()["state"] == "paused"
    begun = time.monotonic()
    behind = start_behind(other)
    clients = [Client(daemon, "job", "follow", paused),
               Client(daemon, "job", "follow", paused, terminal=True),
               Client(daemon, "infer", "broken", "photos/")]
    clients[0].wait_for(f"situ: job {paused} is paused: situ job resume {paused}\n")
    clients[1].wait_for(f"situ: job {paused} is paused: situ job resume {paused}\r\n")
    clients[2].wait_for("is paused and tries again by itself: model 'broken' cannot be loaded")
    assert time.monotonic() - begun >= 5
    for why, client in behind.items():
        client.wait_for(why)
    for client in [clients[2], *behind.values()]:
        client.process.terminate()
        client.end()
    # Now the connection breaks and comes back.
    daemon.kill()
    clients[1].wait_for("the connection is gone, and is tried again")
    clients[0].wait_for("situ: the connection to the array is gone, and is tried again: ")
    daemon.start()
    daemon.act(paused, "resume")
    for client in clients[:2]:
        status, out = client.end()
        assert (status, len(out.splitlines())) == (0, 41 if out.startswith("OBJECT") else 40), out
    assert clients[0].said.count("is paused: ") == 1, clients[0].said


def test_the_bars_rate_is_that_of_what_is_new(situd, photos, null_models):
    """A followed job with 30 of 40 results already there: 20 a second is never 100 a second."""
    daemon = situd("--store", f"photos={photos}", "--models", null_models(slow="sleep 100"),
                   "--engine", "null", "--cache-size", "0", "--lanes", "2")
    id = daemon.start_job("slow", {"store": "photos"})["id"]
    daemon.wait_for(lambda: daemon.job(id)["results"] >= 30, "most results")
    client = Client(daemon, "job", "follow", id, terminal=True)
    status, _ = client.end()
    rates = [float(rate) for rate in re.findall(r"([\d.]+)/s", client.said)]
    assert status == 0 and rates, client.said
    # Two lanes, 0.1 s each; with the thirty earlier ones it would be a hundred.
    assert max(rates) < 60, client.said


def test_a_wait_without_any_result_says_why(situd, photos, null_models):
    """Followed before its first result, and an index beside its rebuild: like a run."""
    models = null_models(broken="sleep 0", good="sleep 0", bad="sleep 0", loads="sleep 20000",
                         shown="sleep 20000")
    for name in ("good", "bad", "loads"):
        (models / name / "situ.json").write_text('{"task": "feature-extraction"}')
    daemon = situd("--store", f"photos={photos}", "--models", models, "--engine", "null",
                   "--cache-size", "0")
    for name in ("broken", "bad"):
        (models / name / "model.onnx").write_text("nonsense")
    id = daemon.start_job("broken", {"store": "photos"})["id"]
    status, _ = Client(daemon, "index", "create", "views", "--model", "good", "--store", "photos",
                       "--wait").end()
    assert status == 0
    clients = {f"job {id} is paused and tries again by itself: model 'broken' cannot be loaded":
               Client(daemon, "job", "follow", id),
               "index views waits: model 'bad' cannot be loaded: ":
               Client(daemon, "index", "rebuild", "views", "--model", "bad", "--wait"),
               "waits for model 'loads' to be loaded":
               Client(daemon, "index", "create", "new", "--model", "loads", "--store", "photos",
                      "--wait"),
               "waits for model 'shown' to be loaded": Client(daemon, "model", "show", "shown")}
    for why, client in clients.items():
        client.wait_for(why)
        client.process.terminate()
        client.end()
        assert client.said.count(why) == 1, client.said


def test_a_single_call_that_takes_long_says_why(situd, photos, null_models):
    models = null_models(loads="sleep 20000")
    daemon = situd("--store", f"photos={photos}", "--models", models, "--engine", "null",
                   "--state", models.parent / "state")
    clients = {"situ: waits for model 'loads' to be loaded\n":
               [Client(daemon, "infer", "loads", "photos/00.png"),
                Client(daemon, "infer", "loads", "--upload", photos / "01.png")],
               "situ: waits for the array: it takes the model, loads it and runs it once\n":
               [Client(daemon, "model", "add", "another", models / "loads")]}
    for why, several in clients.items():
        for client in several:
            client.wait_for(why)
            client.process.terminate()
            client.end()
            assert client.said.count(why) == 1, client.said
