# SPDX-License-Identifier: Apache-2.0
"""The log: the time of a line, the request it is about, and a line for each request."""

import os
import re
import socket

import pytest

from conftest import add_package, grey_png

TIME = r"time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "


@pytest.fixture
def store(tmp_path):
    grey_png(tmp_path / "photos/0.png", 0)
    return tmp_path / "photos"


def test_lines_carry_the_time_where_no_journal_adds_it(situd, store, tmp_path):
    daemon = situd("--store", f"photos={store}", "--engine", "null")
    assert all(re.match(TIME + "level=", line) for line in daemon.log().splitlines()), daemon.log()
    # A variable that names a stream other than stderr changes nothing.
    daemon = situd("--store", f"photos={store}", "--engine", "null", env={"JOURNAL_STREAM": "1:1"})
    assert re.match(TIME, daemon.log())
    daemon.stop()
    status = os.stat(daemon.logfile)
    daemon.env["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
    before = len(daemon.log())
    daemon.start()
    assert all(re.match("<[3467]>level=", line) for line in daemon.log()[before:].splitlines())


def test_each_request_has_an_id_that_the_log_names(situd, store, null_models):
    packages = null_models(quick="sleep 0")
    daemon = situd("--store", f"photos={store}", "--engine", "null", "--models", packages)
    made = [daemon.get(path).headers["X-Request-Id"] for path in
            ("/v1/status", "/v1/infer/quick/photos/0.png", "/v1/nothing", "/v1/infer/none/photos/0.png")]
    assert len(set(made)) == 4 and all(re.fullmatch(r"[0-9a-f]{6}-[0-9a-f]+", id) for id in made), made
    given = "6f1b9a70-1c0e-4d3c-8a52-9b7e5d2f4a11"
    for path in ("/v1/status", "/v1/nothing"):
        assert daemon.get(path, headers={"X-Request-Id": given}).headers["X-Request-Id"] == given
    for wrong in ("", "a b", "x" * 65, 'a"b', "a\\b", "caf\u00e9".encode("latin-1")):
        r = daemon.get("/v1/status", headers={"X-Request-Id": wrong})
        assert re.fullmatch(r"[0-9a-f]{6}-[0-9a-f]+", r.headers["X-Request-Id"]), wrong
    with socket.create_connection(("127.0.0.1", daemon.port), 10) as s:  # also for a refused head
        s.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: mine\r\nHost: x\r\n\r\n")
        assert b"\r\nX-Request-Id: mine\r\n" in s.recv(4096)
    r = add_package(daemon, packages / "quick", "other")
    assert re.search(rf"event=model_added .* request={r.headers['X-Request-Id']}\n", daemon.log())
    assert "event=request " not in daemon.log()


def test_the_access_log_has_a_line_for_each_request(situd, store, null_models):
    daemon = situd("--store", f"photos={store}", "--engine", "null", "--models", null_models(quick="sleep 0"),
                   "--access-log")
    daemon.get("/v1/infer/quick/photos/0.png?top=1", headers={"X-Request-Id": "one"})
    daemon.get("/v1/no%0Athing", headers={"X-Request-Id": "two"})
    daemon.post("/v2/repository/index", {}, headers={"X-Request-Id": "three"})
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(daemon.socket))
        s.sendall(b"GET /v1/status HTTP/1.1\r\nX-Request-Id: four\r\n\r\n")
        assert s.recv(4096).startswith(b"HTTP/1.1 400")

    def line(id):
        return next((x for x in daemon.log().splitlines() if f"event=request request={id} " in x), None)

    for id in ("one", "two", "three", "four"):
        daemon.wait_for(lambda: line(id), f"the line of {id}", 10)
    assert re.search(r"client=127\.0\.0\.1:\d+ method=GET target=\"/v1/infer/quick/photos/0\.png\?top=1\" "
                     r"status=200 received=\d+ sent=\d+ us=\d+$", line("one"))
    assert 'target="/v1/no%0Athing" status=404' in line("two")
    assert "method=POST" in line("three") and "status=200" in line("three")
    assert f"client=uid:{os.getuid()} " in line("four") and "status=400" in line("four")


def test_a_clean_stop_warns_of_nothing_and_the_next_start_counts_the_cache(situd, store, null_models):
    daemon = situd("--store", f"photos={store}", "--engine", "null", "--models", null_models(quick="sleep 0"))
    os.utime(store / "0.png", (1, 1))
    assert daemon.infer("quick", "photos/0.png").status_code == 200
    daemon.wait_for(lambda: daemon.get("/v1/cache").json()["entries"]["answers"] == 1, "the cache to be written")
    assert daemon.stop() == 0
    ended = daemon.log()[daemon.log().index("event=stopping"):]
    assert "event=worker_ended" in ended and "level=warning" not in ended and "level=error" not in ended
    daemon.start()
    assert [int(n) for n in re.findall(r"event=cache_opened .*?answers=(\d+)", daemon.log())] == [0, 1]
