# SPDX-License-Identifier: Apache-2.0
"""The audit log: what it has, what it never has, and that it survives its file's renaming."""

import json
import re
import socket

import pytest
import requests

from conftest import grey_png
from rights import NOBODY, Caller, ask_as, peer_section, reload, token_of, token_section


@pytest.fixture
def rights(tmp_path):
    return tmp_path / "rights"


@pytest.fixture
def serve(tmp_path, rights, situd, null_models):
    """serve(text of the rights file, options) starts situd with a store, a model and an audit log."""
    for i in range(4):
        grey_png(tmp_path / f"photos/{i}.png", i)

    def start(text, *args):
        rights.write_text(text)
        return situd("--store", f"photos={tmp_path}/photos", "--engine", "null", "--models",
                     null_models(quick="sleep 0"), "--token-file", rights, "--socket-mode", "0666", *args)

    return start


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_for_line(daemon, path, **members):
    """The first line with these members."""
    found = []

    def look():
        found[:] = [line for line in lines_of(path) if members.items() <= line.items()]
        return found

    daemon.wait_for(look, f"a line with {members} in {path.read_text() if path.exists() else 'no file'}")
    return found[0]


def test_refusals_and_changes_have_a_line_each(serve, rights, tmp_path):
    log = tmp_path / "audit.log"
    sections = token_section("boss", "admin", "photos") + token_section("clerk", "infer jobs", "photos")
    daemon = serve(sections, "--audit", log)
    boss, clerk, stranger = (Caller(daemon, name) for name in ("boss", "clerk", None))

    answer = stranger.get("/v1/status", headers={"Authorization": "Bearer a-wrong-token-that-is-secret"})
    line = wait_for_line(daemon, log, status=401)
    assert answer.status_code == 401 and set(line) == {
        "time", "event", "request", "name", "address", "verb", "target", "outcome", "status"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", line["time"])
    assert re.fullmatch(r"127\.0\.0\.1:\d+", line["address"])
    assert {**line, "time": "", "address": ""} == {
        "time": "", "event": "refusal", "request": answer.headers["X-Request-Id"], "name": None, "address": "",
        "verb": "GET", "target": "/v1/status", "outcome": "unauthorized", "status": 401}

    assert clerk.delete("/v1/models/quick").status_code == 403
    wait_for_line(daemon, log, event="refusal", name="token:clerk", verb="DELETE", outcome="forbidden",
                  target="/v1/models/quick")
    for name in ("photos/none.png", "hidden/none.png"):
        assert clerk.get(f"/v1/infer/quick/{name}").status_code == 404
        wait_for_line(daemon, log, event="refusal", name="token:clerk", outcome="not_found",
                      target=f"/v1/infer/quick/{name}")

    assert boss.call("POST", "/v2/repository/models/quick/load", json={}).status_code == 200
    wait_for_line(daemon, log, event="models", name="token:boss", outcome="done",
                  target="/v2/repository/models/quick/load")
    created = clerk.post("/v1/jobs", {"model": "quick", "select": {"store": "photos"}, "token": "secret-of-the-job"})
    assert created.status_code == 201, created.text
    job = created.json()["id"]
    assert boss.post(f"/v1/jobs/{job}/cancel", {}).status_code in (200, 409)
    wait_for_line(daemon, log, event="jobs", name="token:boss", target=f"/v1/jobs/{job}/cancel")
    assert clerk.delete(f"/v1/jobs/{job}").status_code in (204, 409)
    assert boss.get("/v1/status").status_code == 200

    rights.write_text(token_section("boss", "admin", "photos") + token_section("new", "list", "photos"))
    reload(daemon)
    wait_for_line(daemon, log, event="rights", target="token:clerk", outcome="removed")
    wait_for_line(daemon, log, event="rights", target="token:new", outcome="added")
    rights.write_text("[token broken\n")
    reload(daemon)
    assert "line 1" in wait_for_line(daemon, log, event="rights", outcome="failed")["target"]

    told = [(line["event"], line["name"], line["target"]) for line in lines_of(log)]
    assert ("jobs", "token:clerk", f"/v1/jobs/{job}") not in told, "it was its own"
    assert not [line for line in told if line[2] == "/v1/status" and line[1]], "it was allowed"
    text = log.read_text() + daemon.log()
    for secret in (token_of("boss"), token_of("clerk"), "a-wrong-token-that-is-secret", "secret-of-the-job"):
        assert secret not in text


def test_the_log_is_opened_again_at_a_reload(serve, tmp_path):
    log, old = tmp_path / "audit.log", tmp_path / "audit.log.1"
    daemon = serve(token_section("boss", "admin"), "--audit", log)
    assert requests.get(daemon.url + "/v1/status", timeout=10).status_code == 401
    wait_for_line(daemon, log, status=401, target="/v1/status")
    log.rename(old)
    assert requests.get(daemon.url + "/v1/cache", timeout=10).status_code == 401
    wait_for_line(daemon, old, status=401, target="/v1/cache")
    reload(daemon)
    daemon.wait_for(log.exists, "the new file")
    assert requests.get(daemon.url + "/metrics", timeout=10).status_code == 401
    wait_for_line(daemon, log, status=401, target="/metrics")
    assert len(lines_of(old)) == 2 and len(lines_of(log)) == 1
    assert log.stat().st_mode & 0o007 == 0


def test_the_journal_gets_the_lines_with_the_others(serve):
    daemon = serve(peer_section("user", "nobody", "metrics"), "--audit", "journal")
    assert ask_as(daemon, NOBODY, "GET", "/v1/cache").status_code == 403
    daemon.wait_for(lambda: '"address":"uid:65534"' in daemon.log().replace('": "', '":"'), "the line")
    line = json.loads(next(line for line in daemon.log().splitlines() if line.startswith("{")))
    assert line["name"] == "user:nobody" and line["target"] == "/v1/cache" and line["status"] == 403


def test_a_file_that_cannot_be_opened_keeps_situd_from_starting(serve, tmp_path):
    with pytest.raises(RuntimeError, match="audit file .*No such file"):
        serve(token_section("boss", "admin"), "--audit", tmp_path / "none/audit.log")


def test_a_change_has_its_line_though_the_client_has_left(serve, tmp_path):
    log = tmp_path / "audit.log"
    daemon = serve(token_section("boss", "admin", "photos") + token_section("clerk", "infer jobs", "photos"),
                   "--audit", log)
    for i in range(20):
        created = Caller(daemon, "clerk").post("/v1/jobs", {"model": "quick", "select": {"store": "photos"}})
        job = created.json()["id"]
        with socket.create_connection(("127.0.0.1", daemon.port)) as hasty:
            hasty.sendall(f"POST /v1/jobs/{job}/cancel HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
                          f"Authorization: Bearer {token_of('boss')}\r\n\r\n".encode())
            if i % 2:
                hasty.shutdown(socket.SHUT_WR)
        daemon.wait_for(lambda: Caller(daemon, "clerk").get(f"/v1/jobs/{job}").json()["state"] in
                        ("done", "cancelled"), "the end of the job")
        if f"event=job_cancelled job={job}" in daemon.log():
            wait_for_line(daemon, log, event="jobs", target=f"/v1/jobs/{job}/cancel")
