# SPDX-License-Identifier: Apache-2.0
"""Stores that are not there, go away and come back: what is told, and what is served meanwhile."""

import os
import pathlib

import pytest
from conftest import grey_png
from mounts import volume  # noqa: F401: a fixture

pytest.importorskip("PIL.Image")


@pytest.fixture
def photos(tmp_path):
    for value in range(5):
        grey_png(tmp_path / f"photos/{value}.png", value)
    return tmp_path / "photos"


def start(situd, models, **stores):
    args = [arg for name, path in stores.items() for arg in ("--store", f"{name}={path}")]
    return situd(*args, "--models", models(quick="sleep 0"), "--engine", "null")


def store(daemon, name):
    (told,) = [s for s in daemon.get("/v1/stores").json()["stores"] if s["name"] == name]
    return told


def wait_for_state(daemon, name, state):
    daemon.wait_for(lambda: store(daemon, name)["state"] == state, f"{name} to be {state}")


def look(daemon, name):
    """Now, not within two seconds."""
    return daemon.post(f"/v1/stores/{name}/attach", {})


def refused(answer):
    assert answer.status_code == 503, answer.text
    body = answer.json()
    assert body["code"] == "unavailable"
    return body["error"]


def held_open(daemon, directory):
    """What the daemon has open in a directory."""
    held = []
    for fd in pathlib.Path(f"/proc/{daemon.process.pid}/fd").iterdir():
        try:
            held.append(os.readlink(fd))
        except OSError:
            pass  # closed meanwhile
    return [path for path in held if path.startswith(str(directory))]


def test_a_store_that_is_missing_at_the_start_keeps_no_other_from_being_served(
        situd, photos, tmp_path, null_models, situ_cli):
    late = tmp_path / "late"
    daemon = start(situd, null_models, photos=photos, late=late)
    assert daemon.infer("quick", "photos/0.png").status_code == 200
    assert "store 'late' is unavailable: its directory is not there" in refused(
        daemon.get("/v1/stores/late/objects"))
    refused(daemon.infer("quick", "late/0.png"))
    refused(daemon.get("/v1/thumbnails/late/0.png"))
    told = store(daemon, "late")
    assert (told["state"], told["reason"]) == ("unavailable", "its directory is not there")
    assert daemon.get("/v2/health/ready").status_code == 200
    (degraded,) = daemon.status()["degraded"]
    assert (degraded["store"], degraded["reason"]) == ("late", told["reason"])
    metrics = daemon.metrics()
    assert metrics['situ_store_available{store="late"}'] == 0
    assert metrics['situ_store_available{store="photos"}'] == 1
    assert metrics['situ_stores{state="unavailable"}'] == 1
    assert "its directory is not there" in situ_cli(daemon, "store", "list").stdout
    grey_png(late / "0.png", 9)
    wait_for_state(daemon, "late", "available")
    assert daemon.infer("quick", "late/0.png").status_code == 200
    assert daemon.status()["degraded"] == []
    assert daemon.log().count("event=store_unavailable") == 1
    assert daemon.log().count("event=store_available") == 1


def test_an_empty_mount_point_is_no_empty_store_also_after_a_restart(
        situd, photos, null_models, situ_cli):
    daemon = start(situd, null_models, photos=photos)
    assert daemon.stop() == 0
    away = photos.rename(photos.with_name("away"))
    photos.mkdir()
    daemon.start()
    assert "empty, and was not" in refused(daemon.get("/v1/stores/photos/objects"))
    refused(daemon.infer("quick", "photos/0.png"))
    refused(look(daemon, "photos"))
    photos.rmdir()
    away.rename(photos)
    assert look(daemon, "photos").json()["state"] == "available"
    assert len(daemon.get("/v1/stores/photos/objects").json()["objects"]) == 5
    for file in photos.iterdir():
        file.unlink()
    refused(daemon.get("/v1/stores/photos/objects"))
    assert situ_cli(daemon, "store", "attach", "--empty", "photos").returncode == 0
    assert daemon.get("/v1/stores/photos/objects").json()["objects"] == []
    daemon.stop()
    daemon.start()
    assert daemon.get("/v1/stores/photos/objects").json()["objects"] == []


def test_a_detached_file_system_can_be_unmounted(situd, volume, null_models, situ_cli):
    photos = volume("photos")
    for value in range(5):
        grey_png(photos.point / f"{value}.png", value)
    daemon = start(situd, null_models, photos=photos.point)
    standing = daemon.start_job("quick", {"store": "photos"}, standing=True, interval_s=3600)
    daemon.wait_for(lambda: daemon.job(standing["id"])["idle"], "the job to watch the store")
    assert photos.umount().returncode != 0, "the root is open, and so it is busy"
    detached = situ_cli(daemon, "store", "detach", "photos")
    assert detached.returncode == 0, detached.stderr
    assert held_open(daemon, photos.point) == []
    unmounted = photos.umount()
    assert unmounted.returncode == 0, unmounted.stderr
    assert "detached" in refused(daemon.infer("quick", "photos/0.png"))
    assert situ_cli(daemon, "store", "attach", "photos").returncode == 2
    assert photos.mount().returncode == 0
    assert look(daemon, "photos").status_code == 200
    assert daemon.infer("quick", "photos/0.png").status_code == 200


def test_a_file_system_that_is_mounted_in_the_place_of_another_is_served(
        situd, volume, null_models, tmp_path):
    photos = volume("photos")
    grey_png(photos.point / "old.png", 1)
    daemon = start(situd, null_models, photos=photos.point)
    assert photos.umount("-l").returncode == 0
    wait_for_state(daemon, "photos", "unavailable")
    assert "empty, and was not" in store(daemon, "photos")["reason"]
    assert held_open(daemon, photos.point) == []
    grey_png(photos.point / "partly.png", 2)
    assert look(daemon, "photos").status_code == 200
    assert [o["key"] for o in daemon.get("/v1/stores/photos/objects").json()["objects"]] == [
        "partly.png"]
    assert photos.mount().returncode == 0  # over it, and while it is served
    daemon.wait_for(lambda: daemon.infer("quick", "photos/old.png").status_code == 200,
                    "what is mounted now")
    assert daemon.log().count("event=store_reopened") == 1
