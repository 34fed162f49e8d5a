# SPDX-License-Identifier: Apache-2.0
"""Stores that are missing, go away and come back: what is reported, and what is served meanwhile."""

import concurrent.futures
import fcntl
import json
import os
import pathlib
import signal
import struct

import pytest
import requests
from conftest import grey_png
from mounts import silent, volume  # noqa: F401: fixtures

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
    (photos / "all").mkdir()
    for file in photos.glob("*.png"):
        file.rename(photos / "all" / file.name)
    daemon = start(situd, null_models, photos=photos)
    standing = daemon.start_job("quick", {"store": "photos"}, standing=True, interval_s=1)["id"]
    daemon.wait_for(lambda: daemon.job(standing)["idle"], "the job to have seen everything")
    assert daemon.stop() == 0
    away = photos.rename(photos.with_name("away"))
    photos.mkdir()
    daemon.start()
    assert "empty, and was not" in refused(daemon.get("/v1/stores/photos/objects"))
    refused(daemon.infer("quick", "photos/all/0.png"))
    refused(look(daemon, "photos"))
    photos.rmdir()
    away.rename(photos)
    assert look(daemon, "photos").json()["state"] == "available"
    assert len(daemon.get("/v1/stores/photos/objects").json()["objects"]) == 5
    (photos / "all").rename(photos.with_name("gone"))  # all at once: single removals are reported as gone
    refused(daemon.get("/v1/stores/photos/objects"))
    daemon.wait_for_job(standing, "paused")
    assert daemon.job(standing)["results"] == 5, "nothing is told as gone yet"
    assert situ_cli(daemon, "store", "attach", "--empty", "photos").returncode == 0
    assert daemon.get("/v1/stores/photos/objects").json()["objects"] == []
    daemon.wait_for(lambda: daemon.job(standing)["results"] == 10, "all to be told as gone")
    lines, _ = daemon.results(standing, wait=0)
    assert [line.get("gone", False) for line in lines] == [False] * 5 + [True] * 5
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
    refused(look(daemon, "photos"))
    reason = store(daemon, "photos")["reason"]
    assert "empty, and was not" in reason and "`situ store attach --empty photos`" in reason
    assert held_open(daemon, photos.point) == []
    grey_png(photos.point / "partly.png", 2)
    assert look(daemon, "photos").status_code == 200
    assert [o["key"] for o in daemon.get("/v1/stores/photos/objects").json()["objects"]] == [
        "partly.png"]
    assert photos.mount().returncode == 0  # mounted over it, and while it is served
    daemon.wait_for(lambda: daemon.infer("quick", "photos/old.png").status_code == 200,
                    "what is mounted now")
    assert daemon.log().count("event=store_reopened") == 1


def test_a_file_system_that_does_not_answer_holds_up_nobody(situd, photos, silent, null_models):
    daemon = start(situd, null_models, photos=photos, net=silent.point)
    assert daemon.infer("quick", "photos/0.png").status_code == 200
    assert "does not answer" in refused(daemon.infer("quick", "net/0.png"))
    assert store(daemon, "net")["reason"] == "its directory does not answer"
    silent.die()
    daemon.wait_for(lambda: "not connected" in store(daemon, "net")["reason"],
                    "the server's end to be seen")
    assert "not connected" in refused(look(daemon, "net"))
    assert silent.umount().returncode == 0
    grey_png(silent.point / "0.png", 1)
    assert look(daemon, "net").status_code == 200
    assert daemon.infer("quick", "net/0.png").status_code == 200


# ---- what works on a store while it goes away ----

OBJECTS = 30


def fill(folder, count=OBJECTS):
    for value in range(count):
        grey_png(folder / f"{value:03}.png", value)


def feature_package(models):
    """In addition to the classes: the null engine's embeddings."""
    package = models / "features"
    package.mkdir(parents=True)
    (package / "model.onnx").write_text("sleep 30")
    (package / "config.json").write_text(json.dumps({"model_type": "null"}))
    (package / "situ.json").write_text('{"task": "feature-extraction"}')
    (package / "preprocessor_config.json").write_text(json.dumps({
        "image_processor_type": "ViTImageProcessor", "do_resize": True,
        "size": {"height": 8, "width": 8}, "resample": 0, "do_rescale": False,
        "do_normalize": False}))


def start_slow(situd, null_models, folder):
    models = null_models(slow="sleep 30")
    feature_package(models)
    return situd("--store", f"photos={folder}", "--models", models, "--engine", "null",
                 "--cache-size", "0", "--lanes", "1")


def three_works(daemon):
    """A plain job, a standing job and an index, all running."""
    r = daemon.post("/v1/indexes", {"name": "like", "model": "features",
                                    "select": {"store": "photos"}, "interval_s": 1})
    assert r.status_code == 201, r.text
    index = daemon.get("/v1/indexes/like").json()["job"]
    standing = daemon.start_job("slow", {"store": "photos"}, standing=True, interval_s=1)["id"]
    for job in (standing, index):
        daemon.wait_for(lambda: daemon.job(job)["results"] >= 1, f"job {job} to get somewhere")
    plain = daemon.start_job("slow", {"store": "photos"}, priority=9)["id"]
    daemon.wait_for(lambda: daemon.job(plain)["results"] >= 1, "the plain job to get somewhere")
    return plain, standing, index


def wait_for_pause(daemon, jobs):
    """On a machine that stalls, one may already have ended normally."""
    for id in jobs:
        daemon.wait_for(lambda: daemon.job(id)["state"] in ("paused", "done"), f"job {id} to wait")
        job = daemon.job(id)
        if job["state"] == "done":
            assert job["results"] == OBJECTS
        else:
            assert job["reason"]["code"] == "unavailable", job


def check_whole(daemon, plain, standing, index):
    """Every object once, none lost, none reported as gone."""
    names = [f"photos/{value:03}.png" for value in range(OBJECTS)]
    job = daemon.wait_for_job(plain, "done")
    assert (job["selected"], job["results"], job["failed"]) == (OBJECTS, OBJECTS, 0)
    assert "gone" not in job
    for id in (standing, index):
        daemon.wait_for(lambda: daemon.job(id)["idle"], f"job {id} to have seen everything")
    for id in (plain, standing):
        lines, _ = daemon.results(id, wait=0)
        assert [line["object"] for line in lines] == names
        assert all("classes" in line for line in lines)
    daemon.wait_for(lambda: daemon.get("/v1/indexes/like").json()["rows"] == OBJECTS,
                    "the index to have all rows")
    assert daemon.get("/v1/indexes/like").json()["state"] == "ready"


@pytest.mark.parametrize("way", ["detach and umount", "umount -l"])
def test_jobs_and_indexes_wait_for_their_file_system(way, situd, volume, null_models, situ_cli):
    photos = volume("photos")
    fill(photos.point)
    daemon = start_slow(situd, null_models, photos.point)
    works = three_works(daemon)
    if way == "umount -l":
        assert photos.umount("-l").returncode == 0
        assert "empty" in refused(look(daemon, "photos"))
    else:
        assert situ_cli(daemon, "store", "detach", "photos").returncode == 0
        assert photos.umount().returncode == 0
    wait_for_pause(daemon, works)
    assert daemon.get("/v1/indexes/like").json()["state"] == "paused"
    assert photos.mount().returncode == 0
    assert look(daemon, "photos").status_code == 200
    check_whole(daemon, *works)


def test_no_job_ends_as_done_over_a_mount_point(situd, volume, null_models):
    """It is empty first, then it has a few files: neither is what was selected."""
    photos = volume("photos")
    fill(photos.point)
    daemon = start_slow(situd, null_models, photos.point)
    works = three_works(daemon)
    assert daemon.stop() == 0
    assert photos.umount().returncode == 0
    daemon.start()
    wait_for_pause(daemon, works)
    daemon.stop()
    for value in (0, 29, 70):
        grey_png(photos.point / f"{value:03}.png", value)
    daemon.start()
    daemon.wait_for(lambda: "another file system" in str(daemon.job(works[0])["reason"]),
                    "the job to say why it waits")
    wait_for_pause(daemon, works)
    assert daemon.job(works[0])["selected"] == OBJECTS
    daemon.kill()
    assert photos.mount().returncode == 0
    daemon.start()
    check_whole(daemon, *works)


def test_a_copy_of_the_file_system_can_be_accepted(situd, volume, null_models, situ_cli):
    photos = volume("photos")
    fill(photos.point)
    daemon = start_slow(situd, null_models, photos.point)
    job = daemon.start_job("slow", {"store": "photos"})["id"]
    daemon.wait_for(lambda: daemon.job(job)["results"] >= 3, "the job to get somewhere")
    assert daemon.post("/v1/stores/photos/detach", {}).status_code == 200
    assert photos.umount().returncode == 0
    volume("photos")  # a new one in its place
    fill(photos.point)
    assert look(daemon, "photos").status_code == 200
    daemon.wait_for(lambda: "another file system" in str(daemon.job(job)["reason"]),
                    "the job to say why it waits")
    assert "accept-store" in situ_cli(daemon, "job", "show", job).stdout
    taken = situ_cli(daemon, "job", "resume", "--accept-store", job)
    assert taken.returncode == 0, taken.stderr
    daemon.wait_for_job(job, "done")
    lines, _ = daemon.results(job)
    assert [line["object"] for line in lines] == [f"photos/{v:03}.png" for v in range(OBJECTS)]


def test_what_is_removed_beside_a_job_is_gone_and_no_failure(situd, tmp_path, null_models, situ_cli):
    fill(tmp_path / "photos")
    daemon = start_slow(situd, null_models, tmp_path / "photos")
    job = daemon.start_job("slow", {"store": "photos"})["id"]
    daemon.wait_for(lambda: daemon.job(job)["results"] >= 3, "the job to get somewhere")
    daemon.act(job, "pause")
    done = daemon.job(job)["results"]
    for value in range(20, OBJECTS):
        (tmp_path / f"photos/{value:03}.png").unlink()
    (tmp_path / "photos/000.png").unlink()  # it has its result
    daemon.act(job, "resume")
    followed = situ_cli(daemon, "job", "follow", job)
    assert (followed.returncode, len(followed.stdout.splitlines())) == (0, 21 if done else 0)
    assert "20 objects, 10 gone, " in followed.stderr
    end = daemon.job(job)
    assert (end["selected"], end["results"], end["gone"], end["failed"]) == (OBJECTS, 20, 10, 0)
    daemon.stop()
    daemon.start()
    assert daemon.job(job)["gone"] == 10 and daemon.job(job)["state"] == "done"
    assert " gone=10" in daemon.log()


# ---- SIGHUP ----

def test_stores_are_added_moved_and_removed_without_a_restart(situd, tmp_path, null_models):
    for name in ("a", "b", "c"):
        grey_png(tmp_path / name / f"{name}.png", 5)
    conf = tmp_path / "situd.conf"

    def configure(*stores):
        conf.write_text(f"[situd]\nengine = null\nmodels = {models}\n" + "".join(
            f"[store {name}]\npath = {tmp_path / folder}\n" for name, folder in stores))

    def reload(*stores):
        configure(*stores)
        before = daemon.log().count("event=reloaded")
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for(lambda: daemon.log().count("event=reloaded") > before, "the reload")

    def keys(store):
        r = daemon.get(f"/v1/stores/{store}/objects")
        return [o["key"] for o in r.json()["objects"]] if r.status_code == 200 else r.status_code

    models = null_models(quick="sleep 0", slow="sleep 700")
    configure(("photos", "a"))
    daemon = situd("--config", conf)
    assert keys("photos") == ["a.png"]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        daemon.infer("slow", "photos/a.png", labels=0)  # it is loaded
        cut = pool.submit(requests.get, f"{daemon.url}/v1/infer/slow/photos/a.png?top=2", timeout=60)
        daemon.wait_for(lambda: daemon.status()["lanes_busy"] > 0 or cut.done(), "it to be under way")
        reload(("more", "b"))
        assert cut.result().status_code == 200
    assert (keys("photos"), keys("more")) == (404, ["b.png"])
    assert [s["name"] for s in daemon.get("/v1/stores").json()["stores"]] == ["more"]
    assert daemon.infer("quick", "more/b.png").status_code == 200
    reload(("photos", "c"), ("more", "b"), ("late", "d"))
    assert (keys("photos"), keys("more"), keys("late")) == (["c.png"], ["b.png"], 503)
    reload(("photos", "a"), ("more", "b"))
    assert (keys("photos"), keys("late")) == (["a.png"], 404)
    assert "event=store_moved" in daemon.log() and "event=store_added" in daemon.log()
    assert "event=store_reopened" not in daemon.log()  # nothing happened to the directories
    assert "restart_needed" not in daemon.log() and "reload_failed" not in daemon.log()


def shut_down(point):
    """As the kernel does to an ext4 whose device is gone: cached directories can still be listed."""
    fd = os.open(point, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, 0x8004587D, struct.pack("I", 2))  # EXT4_IOC_SHUTDOWN, without its log
    except OSError as error:
        pytest.skip(f"this kernel shuts down no ext4: {error}")
    finally:
        os.close(fd)


def test_a_device_that_dies_ends_no_job(situd, volume, null_models):
    photos = volume("photos")
    fill(photos.point)
    os.sync()
    daemon = start_slow(situd, null_models, photos.point)
    job = daemon.start_job("slow", {"store": "photos"})["id"]
    daemon.wait_for(lambda: daemon.job(job)["results"] >= 3, "the job to get somewhere")
    shut_down(photos.point)
    wait_for_pause(daemon, [job])
    assert daemon.job(job)["failed"] == 0
    assert "Input/output error" in store(daemon, "photos")["reason"]
    assert "Input/output error" in refused(daemon.infer("slow", "photos/000.png"))
    refused(look(daemon, "photos"))
    assert photos.umount().returncode == 0  # nothing of it is open any more
    assert photos.mount().returncode == 0
    assert look(daemon, "photos").status_code == 200
    assert daemon.wait_for_job(job, "done")["results"] == OBJECTS
    lines, _ = daemon.results(job)
    assert [line["object"] for line in lines] == [f"photos/{v:03}.png" for v in range(OBJECTS)]
    assert all("classes" in line for line in lines)
