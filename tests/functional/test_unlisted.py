# SPDX-License-Identifier: Apache-2.0
"""A directory that may not be read is a failure; its content is not, and everything else continues."""

import os
import subprocess

import pytest
from conftest import SITU, Daemon, grey_png, sanitizer_report

pytest.importorskip("PIL.Image")


@pytest.fixture
def photos(tmp_path):
    """Two photos: one in `secret`, which only root may list, and one sorted after it."""
    for value, name in enumerate(("a.png", "b.png", "secret/c.png", "z/d.png")):
        grey_png(tmp_path / "photos" / name, value)
    yield tmp_path / "photos"
    (tmp_path / "photos/secret").chmod(0o755)


@pytest.fixture
def plain_situd(tmp_path, photos, null_models):
    """A daemon to which permissions apply, also where the tests run as root."""
    wrapper = []
    if os.geteuid() == 0:
        without = "-dac_override,-dac_read_search"
        wrapper = ["setpriv", f"--bounding-set={without}", f"--inh-caps={without}"]
        if subprocess.run(wrapper + ["true"], capture_output=True).returncode != 0:
            pytest.skip("this root cannot give up capabilities")
    directory = tmp_path / "situd"
    directory.mkdir()
    daemon = Daemon(directory, ["--store", f"photos={photos}", "--models",
                                null_models(quick="sleep 0"), "--engine", "null"], wrapper)
    yield daemon
    (photos / "secret").chmod(0o755)
    assert daemon.stop() == 0
    assert not sanitizer_report(daemon.log()), daemon.log()


ALL_BUT_SECRET = ["photos/a.png", "photos/b.png", "photos/secret/", "photos/z/d.png"]


def names(lines):
    return [line["object"] for line in lines if "object" in line]


def test_a_directory_that_may_not_be_read_is_one_failure(plain_situd, photos):
    (photos / "secret").chmod(0)
    lines = plain_situd.run("quick", {"store": "photos"})
    assert names(lines) == ALL_BUT_SECRET
    failed = [line for line in lines if "error" in line]
    assert names(failed) == ["photos/secret/"]
    assert failed[0]["error"]["code"] == "unreadable"
    assert "cannot be listed" in failed[0]["error"]["message"]
    done = lines[-1]["done"]
    assert (done["state"], done["objects"], done["failed"]) == ("done", 4, 1)
    # Also if only it is requested, and if a glob may match in it.
    assert names(plain_situd.run("quick", {"store": "photos", "prefix": "secret/"})) == [
        "photos/secret/"]
    assert names(plain_situd.run("quick", {"store": "photos", "prefix": "sec"})) == [
        "photos/secret/"]
    assert names(plain_situd.run("quick", {"store": "photos", "glob": "c*.png"})) == [
        "photos/secret/"]


def test_a_run_over_it_has_the_rest_and_ends_with_1(plain_situd, photos):
    (photos / "secret").chmod(0)
    r = subprocess.run([SITU, "--array", plain_situd.url, "infer", "quick", "photos/"],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert r.returncode == 1, r
    assert "photos/z/d.png" in r.stdout
    assert "photos/secret/" in r.stdout + r.stderr


def test_what_is_known_in_it_is_not_gone(plain_situd, photos):
    daemon = plain_situd
    id = daemon.start_job("quick", {"store": "photos"}, standing=True, interval_s=1)["id"]
    lines = lambda: daemon.results(id, wait=0)[0]
    daemon.wait_for(lambda: len(lines()) == 4, "the first pass")
    (photos / "secret").chmod(0)
    grey_png(photos / "new.png", 9)
    daemon.wait_for(lambda: len(lines()) == 6, "the second pass")
    assert names(lines()[4:]) == ["photos/new.png", "photos/secret/"]
    daemon.stop()
    daemon.start()
    before = daemon.job(id)["pass"]
    daemon.wait_for(lambda: daemon.job(id)["pass"] > before + 1, "two more passes")
    assert len(lines()) == 6
    (photos / "secret").chmod(0o755)
    daemon.wait_for(lambda: len(lines()) == 7, "the failure to be gone")
    assert lines()[6] == {"object": "photos/secret/", "gone": True}
    (photos / "secret/c.png").unlink()
    daemon.wait_for(lambda: len(lines()) == 8, "what is really gone")
    assert lines()[7] == {"object": "photos/secret/c.png", "gone": True}


def test_a_listing_has_the_rest_and_ends_with_1(plain_situd, photos):
    (photos / "secret").chmod(0)

    def objects(*args):
        r = subprocess.run([SITU, "--array", plain_situd.url, "object", "list", *args],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        return r.returncode, r.stdout.splitlines(), r.stderr

    told = "situ: photos/secret/: the directory cannot be listed: Permission denied"
    status, listed, err = objects("photos/")
    assert (status, listed) == (1, ["photos/a.png", "photos/b.png", "photos/z/d.png"])
    assert err.startswith(told) and err.count("secret") == 1
    status, listed, err = objects("photos/secret/", "-l")
    assert (status, listed) == (1, []) and err.startswith(told)

    # Pages of one object each; a client that does not know it gets a failure, not a short list.
    url, pages, after = f"{plain_situd.url}/v1/stores/photos/objects", [], ""
    for _ in range(5):
        page = plain_situd.session.get(url, params={"unlisted": 1, "limit": 1, "after": after}).json()
        pages += page["objects"]
        if not page["more"]:
            break
        after = pages[-1]["key"]
    assert [one["key"] for one in pages] == ["a.png", "b.png", "secret/", "z/d.png"]
    assert pages[2]["error"]["code"] == "unreadable"
    r = plain_situd.session.get(url)
    assert r.status_code == 422 and "secret/" in r.text
