# SPDX-License-Identifier: Apache-2.0
"""Rights of users of this machine: by the unix socket, and over loopback."""

import pytest

from conftest import grey_png
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
