# SPDX-License-Identifier: Apache-2.0
"""Rights of users of this machine: by the unix socket, and over loopback."""

import re
import subprocess
import sys

import pytest

from conftest import add_package, grey_png
from rights import NOBODY, ask_as, bearer, peer_section, reload, token_section

STRANGER = 61234  # no user has this number


@pytest.fixture
def serve(tmp_path, situd, null_models):
    """serve(text of the rights file, options) starts situd with a store and a model."""
    grey_png(tmp_path / "photos/0.png", 0)
    grey_png(tmp_path / "photos/kept/1.png", 0)

    def start(text, *args):
        rights = tmp_path / "rights"
        if text is not None:
            rights.write_text(text)
            args = ("--token-file", rights, *args)
        return situd("--store", f"photos={tmp_path}/photos", "--engine", "null", "--models",
                     null_models(grey="sleep 1"), "--socket-mode", "0666", *args)

    return start


def test_a_user_of_the_unix_socket_has_the_rights_of_its_sections(serve, tmp_path):
    daemon = serve(peer_section("user", "nobody", "infer", "photos/kept/") +
                   peer_section("group", "61235", "metrics"))
    image, other = "/v1/infer/grey/photos/kept/1.png", "/v1/infer/grey/photos/0.png"
    assert ask_as(daemon, NOBODY, "GET", image).status_code == 200
    assert ask_as(daemon, NOBODY, "GET", "/v1/status").status_code == 403
    assert ask_as(daemon, NOBODY, "GET", "/v1/status", groups=[7, 61235, 9]).status_code == 200
    assert ask_as(daemon, STRANGER, "GET", "/v1/status", groups=[61235]).status_code == 200
    assert ask_as(daemon, STRANGER, "GET", image, groups=[61235]).status_code == 403
    assert ask_as(daemon, STRANGER, "DELETE", "/v1/cache").status_code == 403
    assert ask_as(daemon, STRANGER, "GET", "/v2/health/ready").status_code == 200, "needs no rights"
    for path in (image, other, "/v1/status"):
        assert ask_as(daemon, 0, "GET", path).status_code == 200, "root keeps all"

    (tmp_path / "rights").write_text(peer_section("group", "nogroup", "metrics"))
    reload(daemon)
    assert ask_as(daemon, NOBODY, "GET", "/v1/status").status_code == 200, "by its first group"
    assert ask_as(daemon, NOBODY, "GET", image).status_code == 403


def test_without_sections_of_users_the_unix_socket_gives_all(serve):
    daemon = serve(token_section("ops", "metrics"))
    assert ask_as(daemon, STRANGER, "GET", "/v1/infer/grey/photos/0.png").status_code == 200
    assert daemon.get("/v1/status").status_code == 401
    assert daemon.get("/v1/status", headers=bearer("ops")).status_code == 200


def test_a_name_that_the_machine_does_not_know_is_logged_with_its_line(serve, tmp_path):
    daemon = serve("# users\n" + peer_section("user", "nobody", "metrics") +
                   peer_section("user", "no-such-user", "admin") + peer_section("group", "no-such-group", "admin"))
    unknown = [line for line in daemon.log().splitlines() if "event=rights_name_unknown" in line]
    assert len(unknown) == 2 and 'line=4 user="no-such-user"' in unknown[0], daemon.log()
    assert 'line=6 group="no-such-group"' in unknown[1], daemon.log()
    assert ask_as(daemon, NOBODY, "GET", "/v1/status").status_code == 200

    (tmp_path / "rights").write_text(peer_section("user", "nobody", "infer") + peer_section("user", f"{NOBODY}", "infer"))
    reload(daemon)
    assert "line 3: 'nobody' has a section already, in line 1" in daemon.log()
    assert ask_as(daemon, NOBODY, "GET", "/v1/status").status_code == 200


def test_loopback_serves_the_users_that_are_named(serve):
    daemon = serve(None, "--loopback-users", f"no-such-user {NOBODY}")
    assert 'setting=loopback_users user="no-such-user"' in daemon.log()
    for path in ("/v1/status", "/v1/infer/grey/photos/0.png"):
        assert ask_as(daemon, NOBODY, "GET", path, tcp=True).status_code == 200
        assert ask_as(daemon, STRANGER, "GET", path, tcp=True).status_code == 403
        assert ask_as(daemon, STRANGER, "GET", path).status_code == 200, "the unix socket's mode"
        assert ask_as(daemon, 0, "GET", path, tcp=True).status_code == 200
    assert ask_as(daemon, STRANGER, "GET", "/v2/health/ready", tcp=True).status_code == 200


def test_loopback_gives_a_user_the_rights_of_its_section(serve):
    daemon = serve(peer_section("user", f"{STRANGER}", "infer", "photos/kept/"),
                   "--loopback-users", "nobody")
    image, other = "/v1/infer/grey/photos/kept/1.png", "/v1/status"
    for user, path, status in ((STRANGER, image, 200), (STRANGER, other, 403), (NOBODY, image, 200),
                               (NOBODY, other, 200), (STRANGER + 1, image, 403)):
        assert ask_as(daemon, user, "GET", path, tcp=True).status_code == status, (user, path)
    assert ask_as(daemon, NOBODY, "GET", image).status_code == 403, "no section on the unix socket"


def test_loopback_asks_for_a_token_where_there_are_tokens(serve):
    daemon = serve(token_section("ops", "metrics"), "--loopback-users", "nobody")
    assert ask_as(daemon, NOBODY, "GET", "/v1/status", tcp=True).status_code == 401
    assert ask_as(daemon, 0, "GET", "/v1/status", tcp=True).status_code == 401
    assert ask_as(daemon, STRANGER, "GET", "/v1/status", tcp=True,
                  headers=bearer("ops")).status_code == 200


# Sends a request and closes at once, gently and by a reset, many times.
HASTY = """
import socket, struct, sys
for i in range(400):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    if i % 4 == 1:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.sendall(b"DELETE /v1/models/victim HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
    if i % 4 == 2:
        s.shutdown(socket.SHUT_WR)
        s.recv(4096)
    elif i % 4 == 3:
        s.recv(4096)
    s.close()
"""


def test_a_client_that_sends_and_closes_at_once_changes_nothing(serve, tmp_path):
    daemon = serve(None, "--loopback-users", "nobody", "--access-log")
    assert add_package(daemon, tmp_path / "null-models/grey", "victim").status_code < 300
    subprocess.run([sys.executable, "-c", HASTY, str(daemon.port)], check=True, timeout=120,
                   user=STRANGER, group=STRANGER, extra_groups=[])
    asked = r'method=DELETE target="/v1/models/victim" status=(\d+)'
    daemon.wait_for(lambda: len(re.findall(asked, daemon.log())) >= 200, "the requests")
    seen = set(re.findall(asked, daemon.log()))
    assert "401" in seen and "403" in seen and seen <= {"0", "401", "403"}, seen
    assert daemon.get("/v1/infer/victim/photos/0.png").status_code == 200


def test_the_users_of_loopback_addresses_are_read_again(situd, tmp_path):
    conf = tmp_path / "situd.conf"
    (tmp_path / "photos").mkdir()

    def write(line):
        conf.write_text(f"[store photos]\npath = {tmp_path}/photos\n[listen]\n{line}\n")

    write("")
    daemon = situd("--config", conf, "--engine", "null")
    assert ask_as(daemon, STRANGER, "GET", "/v1/status", tcp=True).status_code == 200
    for names, stranger, nobody in (("nobody", 403, 200), (f"{STRANGER}", 200, 403), ("0", 403, 403)):
        write(f"loopback_users = {names}")
        reload(daemon)
        assert ask_as(daemon, STRANGER, "GET", "/v1/status", tcp=True).status_code == stranger
        assert ask_as(daemon, NOBODY, "GET", "/v1/status", tcp=True).status_code == nobody
    write("")
    reload(daemon)
    assert "event=reload_failed part=loopback_users" in daemon.log()
    assert "restart_needed" not in daemon.log()
    assert ask_as(daemon, NOBODY, "GET", "/v1/status", tcp=True).status_code == 403
