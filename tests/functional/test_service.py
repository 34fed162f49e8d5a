# SPDX-License-Identifier: Apache-2.0
"""The daemon as an administrator meets it: guards, configuration, systemd, metrics, memory, and the
worker seen through strace."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest
import requests
from conftest import BUILD, SITU, SITUD, Daemon, free_port, grey_png


@pytest.fixture
def store(tmp_path):
    for i in range(3):
        grey_png(tmp_path / f"photos/{i}.png", i, (32, 32))
    (tmp_path / "photos/notes.txt").write_text("not an image")
    return tmp_path / "photos"


@pytest.fixture
def plain(situd, store, null_models):
    return situd("--store", f"photos={store}", "--models", null_models(quick="sleep 0"),
                 "--engine", "null")


# ---- guards ----

def test_a_web_page_cannot_drive_it(plain):
    get = lambda **headers: requests.get(plain.url + "/v1/status", headers=headers, timeout=10)
    assert get().status_code == 200
    for host in ("localhost", f"localhost:{plain.port}", "127.0.0.1", "[::1]:7433", "127.8.8.8"):
        assert get(Host=host).status_code == 200, host
    for host in ("evil.example", "localhost.evil.example", "127.evil.example", "1270.0.0.1", ""):
        assert get(Host=host).status_code in (400, 403), host
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None):
        # Without a type it is a browser's if it names the page it comes from.
        r = requests.post(plain.url + "/v1/infer/quick", data=b"{}", timeout=10,
                          headers={"Content-Type": kind} if kind else {"Origin": "http://evil"})
        assert r.status_code == 415, kind


def test_the_unix_socket_takes_any_host_and_only_its_group(plain):
    out = subprocess.run(["curl", "-sS", "--unix-socket", plain.socket, "http://anything/v1/status"],
                         capture_output=True, text=True)
    assert json.loads(out.stdout)["state"] == "ready"
    assert plain.socket.stat().st_mode & 0o777 == 0o660


def start_refused(tmp_path, *args):
    out = subprocess.run([str(SITUD), "--state", str(tmp_path / "state"), *map(str, args)],
                         capture_output=True, text=True, timeout=20)
    return out


def test_an_address_for_others_needs_tls_and_token_or_insecure(tmp_path, store):
    out = start_refused(tmp_path, "--store", f"p={store}", "--listen", "0.0.0.0:1")
    assert out.returncode == 2
    assert "--tls-certificate" in out.stderr and "--insecure" in out.stderr


def test_tls_and_tokens(tmp_path, situd, store, null_models, situ_cli):
    if not shutil.which("openssl"):
        pytest.skip("the openssl command is missing")
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    tokens = tmp_path / "tokens"
    tokens.write_text("# two of them\nfirst-secret\nsecond-secret\n")
    port = free_port()
    daemon = situd("--store", f"photos={store}", "--models", null_models(quick="sleep 0"),
                   "--engine", "null", "--listen", f"0.0.0.0:{port}", "--tls-certificate",
                   certificate, "--tls-key", key, "--token-file", tokens)
    url = f"https://localhost:{port}/v1/status"
    ask = lambda token: requests.get(url, verify=str(certificate), timeout=10,
                                     headers={"Authorization": f"Bearer {token}"} if token else {})
    assert ask("first-secret").status_code == 200
    assert ask("second-secret").status_code == 200
    for wrong in (None, "first", "first-secretx", "# two of them", "x"):
        r = ask(wrong)
        assert (r.status_code, r.json()["code"]) == (401, "unauthorized"), wrong
        assert r.headers["WWW-Authenticate"] == "Bearer"
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(f"http://localhost:{port}/v1/status", timeout=10)
    secret = tmp_path / "token"
    secret.write_text("first-secret\n")
    out = situ_cli(daemon, "--ca-file", certificate, "--token-file", secret, "infer", "quick",
                   "photos/", address=f"https://localhost:{port}")
    assert out.returncode == 0 and "3 objects" in out.stderr, out.stderr


def test_paths_methods_and_bad_requests(plain):
    ask = lambda method, path, **kw: plain.session.request(method, plain.url + path, timeout=10, **kw)
    for method, path, status in [
            ("GET", "/", 404), ("GET", "/v1", 404), ("GET", "/v1/nothing", 404),
            ("DELETE", "/v1/status", 405), ("POST", "/v2/health/live", 405),
            ("GET", "/v1/infer/none/photos/1.png", 404), ("GET", "/v1/infer/quick/other/1.png", 404),
            ("GET", "/v1/infer/quick/photos/9.png", 404), ("GET", "/v1/infer/quick/photos", 400),
            ("GET", "/v1/infer/quick/photos/0.png?top=0", 400),
            ("GET", "/v1/infer/quick/photos/0.png?top=x", 400),
            ("GET", "/v1/infer/quick/photos/0.png?version=9", 404),
            ("GET", "/v1/stores/none/objects", 404), ("GET", "/v1/stores/photos/objects?limit=0", 400),
            ("GET", "/v2/models/none", 404), ("GET", "/v1/models/none", 404)]:
        r = ask(method, path)
        assert r.status_code == status, (method, path, r.text)
        assert r.json()["error"]
    for method, path, allow in [
            ("DELETE", "/v2/health/live", "GET, HEAD"), ("PUT", "/v1/jobs", "GET, HEAD, POST"),
            ("POST", "/v1/indexes/x", "GET, HEAD, DELETE"),
            ("GET", "/v1/jobs/abcdefgh/pause", "POST"),
            ("HEAD", "/v1/jobs/abcdefgh/pause", "POST")]:
        r = ask(method, path)
        assert (r.status_code, r.headers["Allow"]) == (405, allow), (method, path)
    for body in ("", "{", "[]", '{"model":"quick"}', '{"model":"quick","select":{}}',
                 '{"model":"quick","select":{"prefix":"a","keys":[]}}',
                 '{"model":"quick","select":{"keys":[1]}}', '{"select":{"store":"photos"}}',
                 '{"model":"quick","select":{"store":"photos"},"top":0}',
                 "[" * 100000, '{"a":1,"a":2}', '\x00',
                 '{"model":"quick","select":{"store":"none"}}',
                 '{"model":"none","select":{"store":"photos"}}'):
        r = ask("POST", "/v1/jobs", data=body, headers={"Content-Type": "application/json"})
        assert r.status_code in (400, 404), body[:50]
    r = ask("POST", "/v1/infer/quick", json={"select": {"store": "photos"}})
    assert r.status_code == 415 and "/v1/jobs" in r.json()["error"]
    for body in ("{}", '{"inputs":[]}', '{"inputs":[{"name":"image"}]}',
                 '{"inputs":[{"name":"image","datatype":"BYTES","shape":[2],"data":["a"]}]}',
                 '{"inputs":[{"name":"image","datatype":"BYTES","shape":[-1],"data":["a"]}]}',
                 '{"inputs":[{"name":"nope","datatype":"FP32","shape":[1],"data":[1]}]}',
                 '{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"data":["%%%"]}]}',
                 json.dumps({"inputs": [{"name": "image", "datatype": "BYTES", "shape": [300],
                                         "parameters": {"stored_object": True},
                                         "data": ["photos/0.png"] * 300}]})):
        r = ask("POST", "/v2/models/quick/infer", data=body,
                headers={"Content-Type": "application/json"})
        assert r.status_code in (400, 413, 422), (body[:80], r.text)


# ---- configuration ----

def test_check_names_what_is_wrong(tmp_path, store):
    good = tmp_path / "situd.conf"
    good.write_text(f"[situd]\nstate = {tmp_path / 'state'}\n[store photos]\npath = {store}\n"
                    "[limits]\nobject_seconds = 2.5\nbody_bytes = 32M\n")
    out = subprocess.run([SITUD, "--config", good, "--check"], capture_output=True, text=True)
    assert out.returncode == 0 and "good" in out.stdout, out.stderr
    for line, words in [("[limits]\nqueue = many", ["queue", "number"]),
                        ("[limits]\nquue = 5", ["quue", "situd.conf(5)"]),
                        ("[store a b]\npath = /tmp", ["a b"]),
                        ("[listen]\naddress = unix:", ["unix:"]),
                        ("[listen]\ntls_key = /etc/hostname", ["tls"]),
                        ("nonsense", [":"])]:
        bad = tmp_path / "bad.conf"
        bad.write_text(f"[store photos]\npath = {store}\n{line}\n")
        out = subprocess.run([SITUD, "--config", bad, "--check"], capture_output=True, text=True)
        assert out.returncode == 2, line
        assert out.stderr.startswith("situd: ") and all(w in out.stderr for w in words), out.stderr
    out = subprocess.run([SITUD, "--config", tmp_path / "none.conf"], capture_output=True, text=True)
    assert out.returncode == 2 and "No such file" in out.stderr
    out = subprocess.run([SITUD, "--bogus"], capture_output=True, text=True)
    assert out.returncode == 2 and "--bogus" in out.stderr


def test_it_runs_from_a_file(situd, tmp_path, store, null_models):
    conf = tmp_path / "situd.conf"
    conf.write_text(f"[situd]\nmodels = {null_models(quick='sleep 0')}\nengine = null\nlanes = 5\n"
                    f"[store photos]\npath = {store}\n")
    daemon = situd("--config", conf)
    assert daemon.infer("quick", "photos/1.png").status_code == 200
    assert daemon.status()["lanes"] == 5


def test_a_newer_state_directory_is_refused(tmp_path, store):
    (tmp_path / "state").mkdir()
    (tmp_path / "state/format").write_text("99\n")
    out = start_refused(tmp_path, "--store", f"p={store}", "--listen", f"127.0.0.1:{free_port()}")
    assert out.returncode == 1 and "newer" in out.stderr
    assert (tmp_path / "state/format").read_text() == "99\n"


def test_a_socket_in_use_is_not_taken_and_a_stale_one_is(plain, tmp_path, store):
    out = start_refused(tmp_path, "--store", f"p={store}", "--listen", f"unix:{plain.socket}")
    assert out.returncode == 1 and "listens on" in out.stderr
    stale = tmp_path / "stale.sock"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(stale))
    directory = tmp_path / "again"
    directory.mkdir()
    daemon = Daemon(directory, ["--store", f"p={store}", "--listen", f"unix:{stale}"])
    assert daemon.stop() == 0
    assert not stale.exists()


# ---- systemd ----

def test_systemd_readiness_and_stopping(tmp_path, situd, store):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(10)
        daemon = situd("--store", f"p={store}", env={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert notify.recv(100) == b"READY=1"
        daemon.stop()
        assert notify.recv(100) == b"STOPPING=1"


def test_socket_activation(tmp_path, store):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "activated.sock"))
    listener.listen()
    script = ('import os,sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True); '
              'os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1"); '
              'os.execv(sys.argv[2], sys.argv[2:])')
    import sys
    process = subprocess.Popen([sys.executable, "-c", script, str(listener.fileno()), str(SITUD),
                                "--store", f"p={store}", "--state", str(tmp_path / "state")],
                               pass_fds=[listener.fileno()], stderr=subprocess.PIPE, text=True)
    try:
        out = subprocess.run(["curl", "-sS", "-m", "20", "--unix-socket",
                              str(tmp_path / "activated.sock"), "http://situ/v2/health/ready"],
                             capture_output=True, text=True)
        assert json.loads(out.stdout)["ready"] is True
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        process.stderr.close()


# ---- status ----

def test_stores_and_objects(plain, situ_cli):
    (told,) = plain.get("/v1/stores").json()["stores"]
    assert told.pop("since").endswith("Z")
    assert told == {"name": "photos", "kind": "dir", "state": "available", "reason": None}
    page = plain.get("/v1/stores/photos/objects?limit=2&sizes=1").json()
    assert [o["key"] for o in page["objects"]] == ["0.png", "1.png"] and page["more"]
    assert all(o["size"] > 0 for o in page["objects"])
    page = plain.get("/v1/stores/photos/objects?after=1.png").json()
    assert [o["key"] for o in page["objects"]] == ["2.png"]
    assert (page["more"], page["skipped"]) == (False, 1)
    page = plain.get("/v1/stores/photos/objects?all=1").json()
    assert "notes.txt" in [o["key"] for o in page["objects"]]
    out = situ_cli(plain, "object", "list", "photos")
    assert out.stdout.split() == ["photos/0.png", "photos/1.png", "photos/2.png"]
    assert "photos" in situ_cli(plain, "store", "list").stdout
    assert "quick" in situ_cli(plain, "model", "list").stdout
    assert "Landlock" in situ_cli(plain, "status").stdout


def test_metrics_count_what_happened(plain, store):
    before = plain.metrics()
    for i in range(3):
        plain.infer("quick", f"photos/{i}.png")
    plain.infer("quick", "photos/none.png")
    after = plain.metrics()
    size = sum((store / f"{i}.png").stat().st_size for i in range(3))
    assert after["situ_object_read_bytes_total"] - before.get("situ_object_read_bytes_total", 0) == size
    assert after['situ_requests_total{model="quick@1",status="200"}'] == 3
    assert after['situ_requests_total{model="quick@1",status="404"}'] == 1
    for stage, count in (("queue", 4), ("read", 4), ("decode", 3), ("run", 3)):
        assert after[f'situ_stage_seconds_count{{stage="{stage}"}}'] == count, stage
        assert after[f'situ_stage_seconds_bucket{{stage="{stage}",le="+Inf"}}'] == count
    assert after["situ_http_sent_bytes_total"] > before["situ_http_sent_bytes_total"]
    assert after["situ_http_received_bytes_total"] > before["situ_http_received_bytes_total"]
    assert after["situ_lanes_busy"] == 0 and after["situ_lanes"] >= 2


def test_the_compact_form_is_small_on_the_wire(plain):
    """Head and body, both ways, as the client counts them."""
    out = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-H", "Accept:", "-H", "User-Agent:",
                          "-w", "%{size_request} %{size_header} %{size_download}",
                          plain.url + "/v1/infer/quick/photos/1.png?top=1"],
                         capture_output=True, text=True)
    assert sum(map(int, out.stdout.split())) < 300, out.stdout


def test_memory_does_not_grow(situd, store, null_models):
    daemon = situd("--store", f"photos={store}", "--models", null_models(quick="sleep 0"),
                   "--engine", "null")

    def anonymous_kib():
        text = open(f"/proc/{daemon.process.pid}/status").read()
        return int(re.search(r"RssAnon:\s+(\d+)", text).group(1))

    def ask(count):
        for i in range(count):
            assert daemon.infer("quick", f"photos/{i % 3}.png").status_code == 200
        daemon.run("quick", {"keys": ["photos/1.png"] * 1000})

    ask(1500)
    first = anonymous_kib()
    ask(1500)
    if "SITU_SANITIZER" not in os.environ:
        assert first < 40 * 1024
        assert anonymous_kib() - first < 1024


def test_a_traced_worker_opens_no_socket_and_writes_no_file(situd, tmp_path, store, demo_models,
                                                            monkeypatch):
    """From its start to its answer, with CI unset, as in production."""
    if not shutil.which("strace"):
        pytest.skip("strace is missing")
    if "SITU_SANITIZER" in os.environ:
        pytest.skip("sanitizers make calls of their own")
    trace = tmp_path / "trace"
    wrapper = tmp_path / "traced-worker"
    worker = BUILD / "src/worker/situ-worker"
    wrapper.write_text(f"#!/bin/sh\nexec strace -D -f -o {trace} -e trace=all {worker} \"$@\"\n")
    wrapper.chmod(0o755)
    probe = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True)
    if probe.returncode != 0:
        pytest.skip("strace may not trace here")
    monkeypatch.delenv("CI", raising=False)
    daemon = situd("--store", f"photos={store}", "--models", demo_models, "--worker", wrapper)
    r = daemon.infer("demo", "photos/1.png")
    assert r.status_code == 200, r.text
    daemon.stop()
    calls = trace.read_text()
    assert "sendto(" in calls or "sendmsg(" in calls
    assert not re.search(r"\b(socket|connect|bind|listen|accept4?)\(", calls)
    writes = re.findall(r"\bopen(?:at2?)?\(([^\n]*)", calls)
    assert not [w for w in writes if re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC|APPEND)", w)], writes
    assert not re.search(r"\b(creat|mkdir|mkdirat|unlink|rename|renameat2?|link|symlink|truncate"
                         r"|memfd_create|execveat)\(", calls)
    assert len(re.findall(r"\bexecve\(", calls)) == 1
    assert "SECCOMP" in calls or "seccomp(" in calls


def test_values_out_of_range_are_refused(tmp_path, store):
    for option, value in (("--connections", "0"), ("--lanes", "999"), ("--object-seconds", "0"),
                          ("--body-bytes", "0"), ("--queue", "-1"), ("--load-seconds", "nan")):
        out = start_refused(tmp_path, "--store", f"p={store}", option, value)
        assert out.returncode == 2, (option, out.stderr)
        assert option[2:].replace("-", "_") in out.stderr.replace("-", "_"), out.stderr


def test_two_daemons_do_not_share_a_state_directory(plain, store):
    out = subprocess.run([SITUD, "--store", f"p={store}", "--state", plain.directory / "state",
                          "--listen", f"127.0.0.1:{free_port()}"], capture_output=True, text=True,
                         timeout=20)
    assert out.returncode == 1 and "another situd" in out.stderr, out.stderr
    assert plain.infer("quick", "photos/1.png").status_code == 200
