# SPDX-License-Identifier: Apache-2.0
"""Back ends that exist only in tests, served by the real daemon: what a new one gets without a change
elsewhere. Builds with -Dtest_backends=true have them (tools/configure asan)."""
import subprocess
import tarfile

import pytest
from conftest import SITUD, grey_png

pytest.importorskip("PIL.Image")


@pytest.fixture
def archive(tmp_path):
    if "NAME=tar:FILE" not in subprocess.run([SITUD, "--help"], capture_output=True, text=True,
                                             check=True).stdout:
        pytest.skip("this build has no back ends for tests: configure it with -Dtest_backends=true")
    for value in range(5):
        grey_png(tmp_path / f"photos/2024/{value}.png", value)
    (tmp_path / "photos/notes.txt").write_text("no image")
    path = tmp_path / "photos.tar"
    pack(tmp_path, path)
    return path


def pack(tmp_path, path):
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for entry in sorted((tmp_path / "photos").iterdir()):
            tar.add(entry, arcname=entry.name)


NAMES = [f"photos/2024/{value}.png" for value in range(5)]


def start(situd, null_models, *args):
    return situd(*args, "--models", null_models(quick="sleep 0"), "--engine", "null")


def test_a_tar_archive_is_listed_inferred_and_run_as_a_job(situd, archive, null_models):
    daemon = start(situd, null_models, "--store", f"photos=tar:{archive}")
    (told,) = daemon.get("/v1/stores").json()["stores"]
    assert (told["kind"], told["state"]) == ("tar", "available")
    listing = daemon.get("/v1/stores/photos/objects").json()
    assert [f"photos/{o['key']}" for o in listing["objects"]] == NAMES, listing
    assert daemon.infer("quick", NAMES[0]).status_code == 200
    assert daemon.infer("quick", "photos/2024/9.png").status_code == 404
    job = daemon.start_job("quick", {"store": "photos"})
    daemon.wait_for_job(job["id"], "done")
    lines, done = daemon.results(job["id"])
    assert [line["object"] for line in lines] == NAMES
    assert done["done"]["failed"] == 0, done


def test_an_archive_that_is_written_anew_is_another_root(situd, archive, null_models, tmp_path):
    daemon = start(situd, null_models, "--store", f"photos=tar:{archive}")
    grey_png(tmp_path / "photos/2025/5.png", 5)
    pack(tmp_path, tmp_path / "new.tar")
    (tmp_path / "new.tar").rename(archive)
    daemon.wait_for(lambda: daemon.infer("quick", "photos/2025/5.png").status_code == 200,
                    "the new archive to be served")
    archive.unlink()
    daemon.wait_for(lambda: daemon.infer("quick", NAMES[0]).status_code == 503,
                    "the store to be unavailable")


def test_the_kind_is_a_setting_of_the_configuration_file(situd, archive, null_models, tmp_path):
    conf = tmp_path / "situd.conf"
    conf.write_text(f"[store photos]\nkind = tar\nfile = {archive}\n")
    daemon = start(situd, null_models, "--config", str(conf))
    assert daemon.infer("quick", NAMES[1]).status_code == 200
