# SPDX-License-Identifier: Apache-2.0
"""situ infer, situ job and situ cache with the real daemon: jobs that are followed through a kill, left,
resumed, retried; standing jobs; long lists; bytes on the wire."""

import json
import re
import shutil
import signal
import subprocess

import pytest

from conftest import SITU, Daemon


def rows(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def names_of(lines):
    return [line["object"] for line in lines]


@pytest.fixture
def array(situd, corpus):
    """A daemon over the pictures, with a cache of its own."""
    return situd("--store", f"photos={corpus.photos}", "--models", corpus.models)


def settle(array):
    """Waits until the cache's writer has written all photos' answers."""
    array.wait_for(lambda: array.get("/v1/cache").json()["entries"]["answers"] == 128, "the cache's writer")


def wire_bytes(done):
    value, unit = re.search(r"([\d.]+) (B|kB|MB) over the network", done.stderr).groups()
    return float(value) * {"B": 1, "kB": 1000, "MB": 1000000}[unit]


def test_a_followed_run_survives_kills_of_the_daemon(corpus, tmp_path, situ_cli):
    args = ["--store", f"photos={corpus.photos}", "--models", corpus.models]
    daemon = Daemon(tmp_path, args)
    names = tmp_path / "names"
    names.write_text("".join(f"photos/{name}\n" for name in corpus.names) * 15)
    try:
        whole = situ_cli(daemon, "infer", "demo", "photos/", "-k5", "-fjsonl")
        assert whole.returncode == 0, whole.stderr
        with (open(names, "rb") as given, open(tmp_path / "lines", "wb") as taken,
              subprocess.Popen([SITU, "--array", f"unix:{daemon.socket}", "infer", "demo", "-", "-k5", "-fjsonl",
                                "--no-cache"], stdin=given, stdout=taken, stderr=subprocess.PIPE,
                               text=True) as child):
            for kill in range(3):
                size = (tmp_path / "lines").stat().st_size
                daemon.wait_for(lambda: (tmp_path / "lines").stat().st_size > size, "the run to go on")
                assert child.poll() is None, f"the run ended before kill {kill}"
                daemon.process.send_signal(signal.SIGKILL)
                daemon.process.wait()
                daemon.session.close()
                daemon = Daemon(tmp_path, args)
            _, err = child.communicate(timeout=100)
        assert child.returncode == 0, err
        lines = (tmp_path / "lines").read_text().splitlines()
        assert [json.loads(line) for line in lines] == rows(whole) * 15
        jobs = json.loads(situ_cli(daemon, "job", "list", "--json").stdout)["jobs"]
        assert {(job["state"], job["keep"]) for job in jobs} == {("done", False)}  # and is removed a minute later
    finally:
        daemon.stop()


def test_a_job_is_left_followed_and_removed(array, situ_cli):
    whole = rows(situ_cli(array, "infer", "demo", "photos/", "-fjsonl"))
    settle(array)
    started = situ_cli(array, "infer", "demo", "photos/", "--detach")
    job = started.stdout.strip()
    assert (started.returncode, started.stderr) == (0, "")
    assert re.fullmatch("[a-z2-7]{8}", job)
    assert rows(situ_cli(array, "job", "follow", job, "-fjsonl")) == whole
    followed = situ_cli(array, "job", "follow", job, "--after", "100", "-fjsonl")
    assert followed.returncode == 0, followed.stderr
    assert rows(followed) == whole[100:]
    listed = rows(situ_cli(array, "job", "list", "--format", "jsonl"))
    listed = [one for one in listed if one["keep"]]
    assert [(one["id"], one["state"], one["results"], one["cached"]) for one in listed] == [(job, "done", 128, 128)]
    assert "128 of 128, 128 cached" in situ_cli(array, "job", "show", job).stdout
    assert "conflict" not in situ_cli(array, "job", "cancel", job).stderr
    assert situ_cli(array, "job", "follow", job, "--after", "129").returncode == 2
    assert situ_cli(array, "job", "remove", job).returncode == 0
    assert situ_cli(array, "job", "show", job).returncode == 2


def test_pause_resume_and_cancel(array, corpus, situ_cli):
    """Jobs of so many pictures that none ends before the next command runs."""
    names = [f"photos/{name}" for name in corpus.names]

    def start(times):
        started = situ_cli(array, "infer", "demo", "-", "--no-cache", "--detach",
                           input="\n".join(names * times))
        assert started.returncode == 0, started.stderr
        return started.stdout.strip()

    job = start(15)
    assert situ_cli(array, "job", "pause", job).returncode == 0
    paused = json.loads(situ_cli(array, "job", "show", job, "--json").stdout)
    assert paused["state"] == "paused" and paused["results"] < 15 * len(names)
    assert situ_cli(array, "job", "resume", job).returncode == 0
    done = situ_cli(array, "job", "follow", job, "-fjsonl")
    assert names_of(rows(done)) == names * 15
    other = start(100)
    assert situ_cli(array, "job", "cancel", other).returncode == 0
    cut = situ_cli(array, "job", "follow", other, "-fjsonl")
    assert cut.returncode != 0 and "the job was cancelled" in cut.stderr


def test_what_failed_is_run_again_alone(situd, corpus, tmp_path, situ_cli):
    photos = tmp_path / "photos"
    photos.mkdir()
    for i, photo in enumerate(corpus.paths[:6]):
        shutil.copy(photo, photos / f"{i}.jpg")
    (photos / "2.jpg").write_bytes(b"no image")
    array = situd("--store", f"photos={photos}", "--models", corpus.models)
    job = situ_cli(array, "infer", "demo", "photos/", "--detach").stdout.strip()
    first = situ_cli(array, "job", "follow", job, "-fjsonl")
    assert first.returncode == 1 and "situ: photos/2.jpg: " in first.stderr
    shutil.copy(photos / "1.jpg", photos / "2.jpg")
    again = situ_cli(array, "job", "retry", job).stdout.strip()
    second = situ_cli(array, "job", "follow", again, "-fjsonl")
    assert second.returncode == 0, second.stderr
    assert names_of(rows(second)) == ["photos/2.jpg"]
    assert rows(second)[0]["classes"] == rows(first)[1]["classes"]
    none = situ_cli(array, "job", "retry", again)
    assert none.returncode == 2 and none.stdout == ""


def test_the_cache_is_told_left_out_and_cleared(array, corpus, situ_cli):
    first = situ_cli(array, "infer", "demo", "photos/", "-fjsonl")
    assert first.stderr.startswith(f"128 objects, {corpus.size_bytes / 1e6:.1f} MB read on the array")
    settle(array)
    second = situ_cli(array, "infer", "demo", "photos/", "-fjsonl")
    assert second.stderr.startswith("128 objects (128 cached), 0 B read on the array")
    assert second.stdout == first.stdout
    third = situ_cli(array, "infer", "demo", "photos/", "-fjsonl", "--no-cache")
    assert third.stderr.startswith("128 objects, ")
    assert third.stdout == first.stdout
    assert json.loads(situ_cli(array, "cache", "status", "--json").stdout)["entries"]["answers"] == 128
    assert situ_cli(array, "cache", "clear").returncode == 0
    assert json.loads(situ_cli(array, "cache", "status", "--json").stdout)["entries"]["answers"] == 0


def test_a_list_of_any_length_keeps_its_order(array, situ_cli):
    first = rows(situ_cli(array, "infer", "demo", "photos/", "-fjsonl"))
    by_name = {line["object"]: line for line in first}
    names = [sorted(by_name)[(7 * i) % 128] for i in range(6000)]
    names[17] = "photos/nosuch.jpg"
    names[5999] = "nosuch/x.jpg"
    done = situ_cli(array, "infer", "demo", "-", "-fjsonl", input="\n".join(names))
    assert done.returncode == 1, done.stderr
    lines = rows(done)
    assert names_of(lines) == names
    assert [i for i, line in enumerate(lines) if "error" in line] == [17, 5999]
    assert all(line == by_name[line["object"]] for line in lines if "error" not in line)


def test_glob_and_max_failures(array, situ_cli):
    done = situ_cli(array, "infer", "demo", "photos/", "--glob", "wood-*.jpg", "-fjsonl")
    assert done.returncode == 0
    assert names_of(rows(done)) and all(name.startswith("photos/wood-") for name in names_of(rows(done)))
    names = "\n".join(f"photos/none{i}.jpg" for i in range(200))
    done = situ_cli(array, "infer", "demo", "-", "--max-failures", "3", "-fjsonl", input=names)
    assert done.returncode == 1
    assert "situ: see 'situ job show " in done.stderr
    [job] = [job for job in rows(situ_cli(array, "job", "list", "--format", "jsonl")) if job["state"] == "failed"]
    assert job["max_failures"] == 3


def test_a_standing_job_tells_what_is_new_and_what_is_gone(situd, corpus, tmp_path, situ_cli):
    photos = tmp_path / "photos"
    photos.mkdir()
    source = corpus.paths
    shutil.copy(source[0], photos / "a.jpg")
    array = situd("--store", f"photos={photos}", "--models", corpus.models)
    with subprocess.Popen([SITU, "--array", array.url, "infer", "demo", "photos/", "--follow", "--interval",
                           "1", "-fjsonl"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                          text=True) as child:
        job = []
        array.wait_for(lambda: job.extend(rows(situ_cli(array, "job", "list", "-fjsonl"))) or
                       (job and job[-1]["idle"]), "the first pass")
        shutil.copy(source[1], tmp_path / "b.jpg").rename(photos / "b.jpg")  # never half of it
        array.wait_for(lambda: array.get(f"/v1/jobs/{job[0]['id']}").json()["results"] == 2, "what is new")
        (photos / "a.jpg").unlink()
        lines = [json.loads(child.stdout.readline()) for _ in range(3)]  # while it runs
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=30)
    assert child.returncode == 130, err
    assert names_of(lines) == ["photos/a.jpg", "photos/b.jpg", "photos/a.jpg"]
    assert lines[2] == {"object": "photos/a.jpg", "gone": True}
    assert f"job {job[0]['id']} is cancelled" in err
    assert array.get(f"/v1/jobs/{job[0]['id']}").json()["state"] == "cancelled"


def test_a_reader_that_leaves_takes_its_job_with_it(array, situ_cli):
    # Long enough that the output does not fit the pipe.
    names = "\n".join(f"photos/none{i}{'x' * 900}.jpg" for i in range(4000))
    with subprocess.Popen([SITU, "--array", array.url, "infer", "demo", "-", "-fjsonl"], text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        child.stdin.write(names)
        child.stdin.close()
        child.stdout.readline()
        child.stdout.close()
        child.wait(60)
    assert child.returncode == 141
    assert array.get("/v1/jobs").json() == {"jobs": []}


def test_bulk_classes_cross_the_wire_in_a_few_kilobytes(array, situ_cli):
    situ_cli(array, "infer", "demo", "photos/")
    settle(array)
    for top, most in (("1", 4000), ("5", 9000)):
        done = situ_cli(array, "infer", "demo", "photos/", "--top", top, "--no-labels")
        assert done.returncode == 0
        assert wire_bytes(done) < most
