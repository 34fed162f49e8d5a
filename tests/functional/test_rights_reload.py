# SPDX-License-Identifier: Apache-2.0
"""Rights that change while situd runs: whole generations only, and the end of running answers."""

import http.client
import json
import signal
import subprocess
import sys
import threading
import time

import pytest
import requests

from conftest import ROOT, SITUD, grey_png
from rights import bearer, reload, token_section


@pytest.fixture
def serve(tmp_path, situd, null_models):
    """serve(text of the rights file, options) starts situd with a store and two models."""
    for i in range(200):
        grey_png(tmp_path / f"photos/{i}.png", 0)
    models = null_models(quick="sleep 0", slow="sleep 500")

    def start(text, *args):
        (tmp_path / "rights").write_text(text)
        return situd("--store", f"photos={tmp_path}/photos", "--engine", "null", "--models", models,
                     "--cache-size", "0", "--lanes", "1", "--token-file", tmp_path / "rights", *args)

    return start


class Follower:
    """Follows a job of its own; `ended` is set when its stream has ended, `whole` if with its last
    line."""

    def __init__(self, daemon, name):
        self.ended = threading.Event()
        self.whole = None
        self.lines = 0
        self.daemon, self.name = daemon, name
        self.answer = requests.post(daemon.url + "/v1/jobs?follow=1", stream=True, timeout=60,
                                    headers=bearer(name), json={"model": "slow", "select": {"store": "photos"}})
        assert self.answer.status_code == 200, self.answer.text
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        last = {}
        try:
            for line in self.answer.iter_lines():
                last = json.loads(line) if line else last
                self.lines += 1
        except requests.exceptions.RequestException:
            pass
        self.whole = "done" in last
        self.ended.set()


@pytest.mark.parametrize("change", ["removed", "changed", "expired"])
def test_answers_end_with_the_rights_of_their_caller(serve, tmp_path, change):
    lasting = token_section("lasting", "operator", "photos")
    after_s = 12
    expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + after_s)) if change == "expired" else None
    daemon = serve(lasting + token_section("passing", "operator", "photos", expires=expires))
    followers = [Follower(daemon, name) for name in ("lasting", "passing")]
    daemon.wait_for(lambda: all(f.lines >= 2 for f in followers), "the first results")
    began = time.monotonic()
    if change != "expired":
        other = token_section("passing", "operator", "photos other") if change == "changed" else ""
        (tmp_path / "rights").write_text(other + lasting)
        reload(daemon)
        after_s = 0
    assert followers[1].ended.wait(30)
    print(f"ended {time.monotonic() - began:.1f} s after the change, which came {after_s} s later")
    assert not followers[1].whole, "the job takes 100 s"
    seen = followers[0].lines
    daemon.wait_for(lambda: followers[0].lines > seen, "the other's answer goes on")
    assert not followers[0].ended.is_set()
    status = requests.get(daemon.url + "/v1/status", timeout=10, headers=bearer("passing")).status_code
    assert status == (200 if change == "changed" else 401)


def test_check_and_systemd_name_the_line_of_a_wrong_rights_file(tmp_path):
    (tmp_path / "photos").mkdir()
    for text, reason in (("[token a]\nhash = 12\n", "line 2: "), ("[token a]\nrights = list\n", "line 1: ")):
        (tmp_path / "rights").write_text(text)
        out = subprocess.run([SITUD, "--check", "--store", f"photos={tmp_path}/photos", "--token-file",
                              tmp_path / "rights"], capture_output=True, text=True, timeout=30)
        assert out.returncode == 2 and f"{tmp_path}/rights: {reason}" in out.stderr, out
    (tmp_path / "rights").write_text(token_section("a", "list", "photos"))
    out = subprocess.run([SITUD, "--check", "--store", f"photos={tmp_path}/photos", "--token-file",
                          tmp_path / "rights"], capture_output=True, text=True, timeout=30)
    assert out.returncode == 0, out

    unit = (ROOT / "packaging/situd.service.in").read_text()
    steps = [line.split("=", 1)[1] for line in unit.splitlines() if line.startswith("ExecReload=")]
    assert steps[0].endswith("situd --config /etc/situ/situd.conf --check") and "kill -HUP" in steps[1]


# Writes one text after another: those of "rename" beside the file and then over it, the others in
# place, truncated first, some sections at a time. Ends with its input; prints the slowest such write.
WRITER = """
import json, os, random, select, sys, time
path, texts = sys.argv[1], json.load(open(sys.argv[2]))
draw, slowest = random.Random(7), 0
while not select.select([sys.stdin], [], [], draw.uniform(0.06, 0.14))[0]:
    how, text = draw.choice(texts)
    if how == "rename":
        open(path + ".new", "w").write(text)
        os.rename(path + ".new", path)
        continue
    sections = ["[" + section for section in text.split("[")[1:]]
    step = -(-len(sections) // draw.choice([1, 3, 8]))
    parts = ["".join(sections[i:i + step]).encode() for i in range(0, len(sections), step)]
    began = time.monotonic()
    with open(path, "r+b", buffering=0) as file:
        file.truncate(0)
        for part in parts:
            file.write(part)
            time.sleep(0.001)
    slowest = max(slowest, time.monotonic() - began)
print(slowest)
"""


def rights_of_both(sees, other, more):
    """Both tokens, the second at the end of the file; one of them may see the status."""
    fill = "".join(token_section(f"fill-{i}", "reader jobs", "photos/a/ photos/b/") for i in range(more))
    allowed = {sees: "metrics", other: "list"}
    return token_section("first", allowed["first"]) + fill + token_section("last", allowed["last"])


def statuses(daemon, count):
    """Of so many requests by both tokens."""
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=60)
    seen = set()
    for i in range(count):
        name = ("first", "last")[i % 2]
        connection.request("GET", "/v1/status", headers=bearer(name))
        answer = connection.getresponse()
        answer.read()
        seen.add((name, answer.status))
    return seen


def test_no_request_is_answered_by_rights_that_no_file_had(serve, tmp_path):
    """Part of a file misses the last token, or both: 401, which no file gives."""
    texts = []
    for sees, other in (("first", "last"), ("last", "first")):
        long, short = rights_of_both(sees, other, 900), rights_of_both(sees, other, 3)
        texts += [("rename", long), ("rename", short), ("in place", long), ("in place", short),
                  ("rename", short[:-40] + "\0\n"), ("in place", short.replace("[token last]", "[token"))]
    (tmp_path / "texts").write_text(json.dumps(texts))
    daemon = serve(texts[0][1])
    over = threading.Event()

    def ask_for_reloads():
        while not over.wait(0.05):
            daemon.process.send_signal(signal.SIGHUP)

    signaller = threading.Thread(target=ask_for_reloads)
    writer = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path / "rights", tmp_path / "texts"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    signaller.start()
    try:
        seen, count = set(), 0
        while count < 10000 or daemon.log().count("event=reload_failed part=tokens") < 10:
            seen |= statuses(daemon, 500)
            count += 500
    finally:
        over.set()
        signaller.join()
        slowest_s = float(writer.communicate("")[0])
    if slowest_s > 0.045:  # then the file was half written for as long as situd waits
        pytest.skip(f"the machine took {slowest_s * 1000:.0f} ms to write a file")
    assert seen == {("first", 200), ("first", 403), ("last", 200), ("last", 403)}, seen
    (tmp_path / "rights").write_text(texts[0][1])
    reload(daemon)
    assert statuses(daemon, 2) == {("first", 200), ("last", 403)}
