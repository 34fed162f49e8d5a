# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: tokens and certificates are read again while requests run; invalid ones change nothing. Token
files that must not admit anyone.
"""

import shutil
import signal
import socket
import ssl
import subprocess

import pytest
import requests

from conftest import SITUD, free_port, grey_png

OLD, NEW = "an-old-token-of-twenty", "a-new-token-of-twenty"


@pytest.fixture
def store(tmp_path):
    grey_png(tmp_path / "photos/0.png", 0)
    return tmp_path / "photos"


def make_certificate(directory, name):
    if not shutil.which("openssl"):
        pytest.skip("the openssl command is missing")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", directory / f"{name}-key.pem", "-out", directory / f"{name}.pem"],
                   check=True, capture_output=True)
    return directory / f"{name}.pem", directory / f"{name}-key.pem"


def reload(daemon):
    before = daemon.log().count("event=reloaded")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for(lambda: daemon.log().count("event=reloaded") > before, "the reload")


def status_for(daemon, authorization, session=requests):
    headers = {"Authorization": authorization} if authorization else {}
    return session.get(daemon.url + "/v1/status", headers=headers, timeout=10).status_code


def test_tokens_are_read_again_and_a_wrong_file_keeps_the_old_ones(tmp_path, situd, store):
    tokens = tmp_path / "tokens"
    tokens.write_bytes(b"\xef\xbb\xbf# with a mark\r\n" + OLD.encode() + b" \r\n    \r\n")
    daemon = situd("--store", f"photos={store}", "--engine", "null", "--token-file", tokens)
    open_connection = requests.Session()
    assert status_for(daemon, f"Bearer {OLD}", open_connection) == 200
    for stranger in (None, "Bearer", "Bearer ", "Bearer      ", f"Bearer {OLD}x", f"Basic {OLD}"):
        assert status_for(daemon, stranger) == 401, stranger

    tokens.write_text(f"{NEW}\nshort\n")
    reload(daemon)
    assert status_for(daemon, f"Bearer {OLD}", open_connection) == 401
    assert status_for(daemon, f"Bearer {NEW}", open_connection) == 200
    assert "event=token_short" in daemon.log() and "line=2" in daemon.log()
    assert "short\n" not in daemon.log(), "the log must not hold a token"

    for wrong, reason in ((b"\n  \n", "no token"), (b"one\rtwo\r", "line 1 has a carriage return"),
                          (NEW.encode() + b"\nzw\0ei\n", "line 2 has a control byte"), (None, "No such file")):
        tokens.unlink(missing_ok=True)
        if wrong is not None:
            tokens.write_bytes(wrong)
        reload(daemon)
        assert reason in daemon.log().splitlines()[-2], daemon.log()
        assert "failed=1" in daemon.log().splitlines()[-1], daemon.log()
        assert status_for(daemon, f"Bearer {NEW}") == 200
    assert daemon.process.poll() is None


def test_a_token_file_that_is_wrong_keeps_situd_from_starting(tmp_path, store):
    for wrong, reason in ((b" \n", "no token"), (b"\r".join([b"%d" % i for i in range(5000)]), "line 1 "),
                          (b"good-token-of-many-bytes\nbad\0\n", "line 2 has a control byte")):
        tokens = tmp_path / "tokens"
        tokens.write_bytes(wrong)
        out = subprocess.run([SITUD, "--state", tmp_path / "state", "--store", f"p={store}", "--listen",
                              f"127.0.0.1:{free_port()}", "--token-file", tokens], capture_output=True,
                             text=True, timeout=30)
        assert out.returncode == 1 and str(tokens) in out.stderr and reason in out.stderr, out


def test_certificates_are_read_again_and_open_connections_go_on(tmp_path, situd, store, null_models):
    first, second = make_certificate(tmp_path, "first"), make_certificate(tmp_path, "second")
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    shutil.copy(first[0], certificate), shutil.copy(first[1], key)
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{OLD}\n")
    port = free_port()
    daemon = situd("--store", f"photos={store}", "--engine", "null", "--models",
                   null_models(slow="sleep 800"), "--listen", f"0.0.0.0:{port}", "--tls-certificate",
                   certificate, "--tls-key", key, "--token-file", tokens)

    def connect(trusted):
        context = ssl.create_default_context(cafile=trusted)
        return context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10),
                                   server_hostname="localhost")

    def ask(connection, path):
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                           f"{OLD}\r\n\r\n".encode())

    strict = connect(first[0])  # heads are read as strictly as without TLS
    strict.sendall(b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding : chunked\r\n\r\n")
    assert strict.recv(4096).startswith(b"HTTP/1.1 400 ")
    strict.close()

    running = connect(first[0])
    ask(running, "/v1/infer/slow/photos/0.png")
    shutil.copy(second[0], certificate), shutil.copy(second[1], key)
    reload(daemon)
    ask(connect(second[0]), "/v1/status")  # new connections see only the new one
    with pytest.raises(ssl.SSLError):
        connect(first[0])
    assert running.recv(100).startswith(b"HTTP/1.1 200"), "the running request was cut"

    key.write_bytes(first[1].read_bytes())  # not the certificate's key: the earlier pair stays
    reload(daemon)
    assert "part=certificates" in daemon.log()
    connect(second[0]).close()


def test_a_configuration_that_is_wrong_changes_nothing_and_is_told(tmp_path, situd, store):
    tokens, file = tmp_path / "tokens", tmp_path / "situd.conf"
    tokens.write_text(f"{OLD}\n")
    good = f"[store photos]\npath = {store}\n[situd]\nengine = null\n[listen]\ntoken_file = {tokens}\n"
    file.write_text(good)
    daemon = situd("--config", file)
    file.write_text(good + "no_such_setting = 1\n")
    tokens.write_text(f"{NEW}\n")
    reload(daemon)
    assert "part=configuration" in daemon.log() and "no_such_setting" in daemon.log()
    assert status_for(daemon, f"Bearer {OLD}") == 200
    file.write_text(good + "[limits]\nqueue = 7\n")
    reload(daemon)
    assert "event=restart_needed settings=queue\n" in daemon.log()
    assert status_for(daemon, f"Bearer {NEW}") == 200
    file.write_text(good.replace(f"token_file = {tokens}\n", ""))  # would remove the protection
    reload(daemon)
    assert "part=tokens" in daemon.log()
    assert status_for(daemon, None) == 401
