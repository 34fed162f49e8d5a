# SPDX-License-Identifier: Apache-2.0
"""Requests in the forms that clients and attackers give them: heads, types, codings, large bodies."""

import gzip
import json
import os
import re
import select
import shutil
import socket
import subprocess
import threading
import zlib

import pytest

from conftest import grey_png


@pytest.fixture
def store(tmp_path):
    grey_png(tmp_path / "photos/0.png", 0)
    return tmp_path / "photos"


@pytest.fixture
def daemon(situd, store, null_models):
    return situd("--store", f"photos={store}", "--engine", "null", "--models",
                 null_models(quick="sleep 0"))


def connect(daemon, unix=False):
    if not unix:
        return socket.create_connection(("127.0.0.1", daemon.port), 20)
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(20)
    s.connect(str(daemon.socket))
    return s


def statuses(daemon, text, unix=False):
    """Sends a text, and returns the status of each answer until the connection ends."""
    with connect(daemon, unix) as s:
        s.sendall(text)
        out = b""
        while piece := s.recv(65536):
            out += piece
    return [int(x) for x in re.findall(rb"^HTTP/1\.1 (\d+)", out, re.M)], out


def ask(daemon, head, body=b"", unix=False):
    text = head.replace(b"\n", b"\r\n") + b"Host: localhost\r\nConnection: close\r\n"
    text += b"Content-Length: %d\r\n\r\n" % len(body) + body
    codes, out = statuses(daemon, text, unix)
    assert len(codes) == 1, out
    return codes[0], out.partition(b"\r\n\r\n")[2], out


# ---- heads ----

def test_heads_that_are_too_much_get_one_answer_in_json(daemon):
    many = "&".join(f"k{i}=1" for i in range(490)).encode()
    cookies = b"; ".join(b"a%d=1" % i for i in range(450))
    for text, code in (
            (b"GET /v1/status?" + many + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
            (b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nCookie: " + cookies + b"\r\n\r\n", 431),
            (b"GET /v1/status HTTP/1.1\r\n\r\n", 400),
            (b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", 400),
            (b"GET /v1/status HTTP/1.1\r\nHost: localhost:80@evil\r\n\r\n", 400),
            (b"POST /v2/repository/index HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
             b"Transfer-Encoding: chunked\r\n\r\n2;" + b"x" * 32768 + b"\r\n{}\r\n0\r\n\r\n", 400)):
        codes, out = statuses(daemon, text)
        assert codes == [code], out[:200]
        assert json.loads(out.partition(b"\r\n\r\n")[2])["code"] in ("malformed", "too_large")


# ---- types ----

INFER = b'{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"parameters":{"stored_object":true},' \
        b'"data":["photos/0.png"]}]}'


def test_bodies_without_a_type_are_taken_where_no_web_page_sends_them(daemon):
    post = b"POST /v2/models/quick/infer HTTP/1.1\n"
    for head, unix, code in (
            (b"", False, 200), (b"", True, 200),
            (b"Origin: http://evil.example\n", False, 415),
            (b"Origin: http://evil.example\n", True, 200),
            (b"Origin: null\nInference-Header-Content-Length: %d\n" % len(INFER), False, 200),
            (b"Content-Type: application/x-www-form-urlencoded\n", False, 415),
            (b"Content-Type: application/x-www-form-urlencoded\n", True, 200),
            (b"Content-Type: text/plain\n", False, 415), (b"Content-Type: text/plain\n", True, 415)):
        got, body, _ = ask(daemon, post + head, INFER, unix)
        assert got == code, (head, unix, body)
        if b"form" in head and code == 415:
            assert b"-H 'Content-Type: application/json'" in body


def test_curl_posts_json_to_the_unix_socket_as_it_is(daemon):
    if not shutil.which("curl"):
        pytest.skip("the curl command is missing")
    out = subprocess.run(["curl", "-s", "--unix-socket", daemon.socket, "-d", INFER,
                          "http://localhost/v2/models/quick/infer"], capture_output=True, timeout=30)
    assert b'"outputs"' in out.stdout, out
    tcp = subprocess.run(["curl", "-s", "-d", INFER, daemon.url + "/v2/models/quick/infer"],
                         capture_output=True, timeout=30)
    assert b"with curl add" in tcp.stdout, tcp


# ---- codings ----

def bare(data):
    c = zlib.compressobj(9, zlib.DEFLATED, -15)
    return c.compress(data) + c.flush()


# zstd's frame of INFER as `zstd -19` writes it would depend on its version: a frame of one raw block.
def zstd_raw(data):
    assert len(data) < 65536
    return (bytes.fromhex("28b52ffd") + b"\x60" + (len(data) - 256).to_bytes(2, "little") +
            (1 | len(data) << 3).to_bytes(3, "little") + data)


def test_bodies_are_decoded(daemon):
    body = INFER + b" " * (300 - len(INFER))
    post = b"POST /v2/models/quick/infer HTTP/1.1\nContent-Type: application/json\nContent-Encoding: "
    for coding, data in ((b"gzip", gzip.compress(body)), (b"deflate", zlib.compress(body)),
                         (b"deflate", bare(body)), (b"zstd", zstd_raw(body)), (b"zstd", bytes.fromhex("5c2a4d1802000000") + b"no" + zstd_raw(body)),
                         (b"GZIP", gzip.compress(body)),
                         (b"gzip", gzip.compress(body[:9]) + gzip.compress(body[9:])), (b"identity", body)):
        code, answer, _ = ask(daemon, post + coding + b"\n", data)
        assert code == 200 and json.loads(answer)["outputs"], (coding, answer)
    # Chunked and byte by byte it is the same.
    data = gzip.compress(body)
    text = post.replace(b"\n", b"\r\n") + b"gzip\r\nHost: localhost\r\nConnection: close\r\n" \
        b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(b"1\r\n%c\r\n" % c for c in data) + b"0\r\n\r\n"
    assert statuses(daemon, text)[0] == [200]
    for coding, data, code, word in (
            (b"br", b"x", 415, b"'br'"), (b"gzip, zstd", b"x", 415, b"'gzip, zstd'"),
            (b"gzip", b"not gzip", 400, b"Content-Encoding"), (b"gzip", gzip.compress(body)[:-3], 400, b"ends"),
            (b"zstd", zstd_raw(body)[:-3], 400, b"ends"),
            (b"zstd", bytes.fromhex("28b52ffd0070010000"), 400, b"8 MiB"),  # a window of 16 MiB
            (b"zstd", bytes.fromhex("26b52ffd04e858ed"), 400, b"Content-Encoding"),  # of a draft of zstd
            (b"gzip", gzip.compress(body) + b"x", 400, b"Content-Encoding")):
        got, answer, _ = ask(daemon, post + coding + b"\n", data)
        assert got == code and word in answer, (coding, answer)


def test_a_body_that_decodes_to_more_than_its_limit_is_refused_in_time(daemon):
    def rss():
        return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{daemon.process.pid}/status").read())[1])

    bomb = gzip.compress(bytes(300 << 20), 6)  # 300 KB that decode to 300 MB
    before = rss()
    for path, kind in ((b"/v2/models/quick/infer", b"application/octet-stream"),
                       (b"/v1/jobs", b"application/json"), (b"/v2/repository/index", b"application/json")):
        code, answer, _ = ask(daemon, b"POST %s HTTP/1.1\nContent-Type: %s\nContent-Encoding: gzip\n"
                              % (path, kind), bomb)
        assert code == 413 and json.loads(answer)["code"] == "too_large", answer
    if "SITU_SANITIZER" not in os.environ:  # sanitizers keep freed memory
        assert rss() - before < 150 << 10, "the bomb went off"


def test_a_package_may_come_encoded(daemon, tmp_path):
    import io
    import tarfile

    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as t:
        for file in (tmp_path / "null-models/quick").iterdir():
            t.add(file, file.name)
    code, answer, _ = ask(daemon, b"PUT /v1/models/again HTTP/1.1\nContent-Type: application/octet-stream\n"
                          b"Content-Encoding: gzip\n", gzip.compress(tar.getvalue()))
    assert code in (200, 201), answer
    assert daemon.infer("again", "photos/0.png").status_code == 200


# ---- large bodies together ----

def test_large_bodies_at_once_are_served_in_turn(situd, store, null_models):
    size = 6_000_000  # of the 6.4 MB that each may have; there is room for four
    daemon = situd("--store", f"photos={store}", "--engine", "null", "--body-bytes", "6400000", "--models",
                   null_models(quick="sleep 0"))
    head = b"POST /v1/infer/quick HTTP/1.1\nContent-Type: application/octet-stream\n"
    got = []
    threads = [threading.Thread(target=lambda: got.append(ask(daemon, head, bytes(size))[0]))
               for _ in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert got == [422] * 12, got  # not images, but all were checked


def test_clients_that_stop_short_do_not_keep_others_out(situd, store, null_models):
    size = 600_000
    daemon = situd("--store", f"photos={store}", "--engine", "null", "--body-bytes", "640000", "--models",
                   null_models(quick="sleep 0"))
    head = b"POST /v1/infer/quick HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n" \
           b"Content-Length: %d\r\n\r\n" % size
    stopped = [connect(daemon) for _ in range(4)]
    for s in stopped:
        s.sendall(head + bytes(size - 10))
    told = []
    for _ in range(60):  # while fewer than four have a place, none is evicted
        code, answer, _ = ask(daemon, b"POST /v1/infer/quick HTTP/1.1\nContent-Type: application/octet-stream\n",
                              bytes(size))
        assert code == 422, answer
        told = select.select(stopped, [], [], 1)[0]
        if told:
            break
    assert [s.recv(65536).split(b"\r\n")[0] for s in told] == [b"HTTP/1.1 503 Service Unavailable"]
    for s in stopped:
        s.close()


def test_a_small_body_limit_leaves_room_for_json(situd, store, null_models):
    daemon = situd("--store", f"photos={store}", "--engine", "null", "--body-bytes", "64K", "--body-seconds", "2",
                   "--models", null_models(quick="sleep 0"))
    body = json.dumps({"model": "quick", "select": {"keys": ["photos/" + "n" * 180] * 4000}}).encode()
    assert 500_000 < len(body) < 1 << 20
    code, answer, _ = ask(daemon, b"POST /v1/jobs HTTP/1.1\nContent-Type: application/json\n", body)
    assert code == 201, answer
    # A body that has no room even without others does not wait for it.
    code, answer, _ = ask(daemon, b"POST /v1/indexes/none/search HTTP/1.1\nContent-Type: application/json\n", bytes(1 << 21))
    assert code == 413, answer
