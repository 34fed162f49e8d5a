# SPDX-License-Identifier: Apache-2.0
"""Files that selections leave out are counted and reported, in jobs, indexes and listings; a selection without
any object says so and ends with status 1."""

import json
import subprocess

import pytest
from conftest import SITUD, Daemon


def picture(path, size=(24, 16)):
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.linear_gradient("L").resize(size).convert("RGB").save(path, "JPEG")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("left-out") / "photos"
    for i in range(3):
        picture(root / f"mixed/{i}.jpg")
    for i in range(5):
        (root / f"mixed/{i}.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
        (root / "heic").mkdir(exist_ok=True)
        (root / f"heic/{i}.heic").write_bytes(b"\0\0\0\x18ftypheic")
    (root / "mixed/a.mov").write_bytes(b"")
    (root / "mixed/link.jpg").symlink_to("0.jpg")
    (root / "mixed/folder").symlink_to("../heic")
    (root / "empty").mkdir()
    return root


@pytest.fixture(scope="module")
def array(tmp_path_factory, tree, demo_models):
    daemon = Daemon(tmp_path_factory.mktemp("situd"), ["--store", f"photos={tree}", "--models", demo_models])
    yield daemon
    assert daemon.stop() == 0


TOLD = {"skipped": 6, "skipped_suffixes": {"heic": 5, "mov": 1}, "links": 2}


def counts(answer):
    members = ("skipped", "skipped_suffixes", "links", "excluded", "names")
    return {name: answer[name] for name in members if name in answer}


def test_a_job_tells_what_it_skipped_also_after_a_restart(array, situ_cli):
    *_, last = array.run("demo", {"store": "photos", "prefix": "mixed/"}, keep=True)
    assert counts(last["done"]) == TOLD
    done = situ_cli(array, "infer", "demo", "photos/mixed/")
    assert done.returncode == 0, done.stderr
    first, second = done.stderr.splitlines()
    assert first.startswith("3 objects") and ", 6 skipped, " in first
    assert second == "6 skipped: 5 .heic, 1 .mov; 2 symbolic links not followed"
    array.stop()
    array.start()
    jobs = [job for job in array.get("/v1/jobs").json()["jobs"] if job["state"] == "done"]
    assert jobs and all(counts(job) == TOLD for job in jobs)
    shown = situ_cli(array, "job", "show", jobs[0]["id"]).stdout
    assert "left out   6 skipped: 5 .heic, 1 .mov; 2 symbolic links not followed\n" in shown


@pytest.mark.parametrize("prefix, why", [
    ("heic/", "; left out: 5 skipped: 5 .heic"), ("empty/", ""), ("none/", "")])
def test_a_run_that_selects_nothing_says_so(array, situ_cli, prefix, why):
    done = situ_cli(array, "infer", "demo", "photos/" + prefix)
    assert done.returncode == 1, done.stderr
    assert f"situ: there are no objects below 'photos/{prefix}'{why}\n" in done.stderr
    job = array.start_job("demo", {"store": "photos", "prefix": prefix})
    followed = situ_cli(array, "job", "follow", job["id"])
    assert followed.returncode == 1, followed.stderr
    assert f"situ: job {job['id']} selected no objects{why}\n" in followed.stderr


def test_a_run_without_names_says_so(array, situ_cli):
    done = situ_cli(array, "infer", "demo", "-", input="")
    assert done.returncode == 1
    assert "no name was given" in done.stderr


def test_an_index_tells_what_it_skipped(array, situ_cli):
    made = situ_cli(array, "index", "create", "heic", "--model", "demo-features", "--store", "photos",
                    "--prefix", "heic/", "--wait")
    assert made.returncode == 1, made.stderr
    assert "0 rows\n5 skipped: 5 .heic\n" in made.stderr
    assert "index heic selects no objects" in made.stderr
    made = situ_cli(array, "index", "create", "mixed", "--model", "demo-features", "--store", "photos",
                    "--prefix", "mixed/", "--wait")
    assert made.returncode == 0, made.stderr
    assert made.stderr == "3 rows\n6 skipped: 5 .heic, 1 .mov; 2 symbolic links not followed\n"
    assert counts(array.get("/v1/indexes/mixed").json()) == TOLD
    assert "left out   5 skipped: 5 .heic\n" in situ_cli(array, "index", "show", "heic").stdout


def test_a_listing_counts_links_and_kinds(array, situ_cli):
    page = array.get("/v1/stores/photos/objects", params={"prefix": "mixed/"}).json()
    assert counts(page) == TOLD
    page = array.get("/v1/stores/photos/objects", params={"prefix": "mixed/", "all": 1}).json()
    assert len(page["objects"]) == 9 and counts(page) == {"skipped": 0, "links": 2}
    listed = situ_cli(array, "object", "list", "-a", "photos/mixed/")
    assert listed.stderr == "situ: left out: 2 symbolic links not followed\n"
    assert len(listed.stdout.splitlines()) == 9


def test_a_job_of_an_earlier_version_is_taken(array, tree):
    """Its job.json has none of the new members."""
    job = array.start_job("demo", {"store": "photos", "prefix": "heic/"})
    array.wait_for_job(job["id"], "done")
    array.stop()
    path = array.directory / "state/jobs" / job["id"] / "job.json"
    before = json.loads(path.read_text())
    assert before.pop("skipped_suffixes") == {"heic": 5}
    before.pop("crc32c", None)
    path.write_text(json.dumps(before))
    array.start()
    now = array.job(job["id"])
    assert (now["state"], counts(now)) == ("done", {"skipped": 5})


@pytest.mark.parametrize("name, start, message", [
    ("a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC image: not decoded by this version"),
    ("b.jpg", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", "an AVIF image: not decoded by this version"),
    ("c", b"II*\0\x08\0\0\0\0\0", "a TIFF image, or a raw file: not decoded by this version"),
    ("d.png", b"<!doctype html><title>404</title>", "not a JPEG, PNG or WebP image, but an HTML page"),
    ("e.jpg", b"", "not a JPEG, PNG or WebP image, but an empty file"),
    ("f.jpg", b"\1\2\3\4", "not a JPEG, PNG or WebP image")])
def test_what_cannot_be_decoded_is_named(array, tree, name, start, message):
    (tree / "kinds").mkdir(exist_ok=True)
    (tree / "kinds" / name).write_bytes(start)
    r = array.infer("demo", f"photos/kinds/{name}")
    assert (r.status_code, r.json()["code"], r.json()["error"]) == (422, "undecodable", message)


def test_a_photo_with_a_foreign_suffix_is_taken_where_it_is_named(array, tree, situ_cli):
    picture(tree / "named/photo.heic")
    picture(tree / "named/photo.jpg")
    assert array.infer("demo", "photos/named/photo.heic").status_code == 200
    done = situ_cli(array, "infer", "demo", "photos/named/photo.heic", "photos/named/photo.jpg", "-fjsonl")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 2, done.stderr


# ---- what is excluded

PLANTED = ["a.jpg", "._a.jpg", ".DS_Store", "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", "sub/b.jpg", "sub/b.jpg@SynoEAStream",
           "sub/.thumbnails/b.jpg", "#recycle/c.jpg", "raw/d.jpg"]
TAKEN = ["photos/nas/a.jpg", "photos/nas/raw/d.jpg", "photos/nas/sub/b.jpg"]


@pytest.fixture(scope="module")
def nas(tree):
    for name in PLANTED:
        picture(tree / "nas" / name)
    return tree / "nas"


def selected(lines):
    return [line["object"] for line in lines if "object" in line]


def test_what_is_no_photo_is_excluded_and_counted(array, nas, situ_cli):
    job, *lines, done = array.run("demo", {"store": "photos", "prefix": "nas/"})
    assert selected(lines) == TAKEN
    assert counts(done["done"]) == {"skipped": 0, "excluded": 6}
    assert job["job"]["select"] == {"store": "photos", "prefix": "nas/"}
    _, *lines, done = array.run("demo", {"store": "photos", "prefix": "nas/", "exclude_defaults": False})
    assert len(selected(lines)) == len(PLANTED) and counts(done["done"]) == {"skipped": 0}
    # A named object is always used.
    assert array.infer("demo", "photos/nas/._a.jpg").status_code == 200
    _, *lines, _ = array.run("demo", {"keys": ["photos/nas/._a.jpg", "photos/nas/#recycle/c.jpg"]})
    assert all("classes" in line for line in lines) and len(lines) == 2
    _, *lines, _ = array.run("demo", {"store": "photos", "prefix": "nas/#recycle/"})
    assert selected(lines) == ["photos/nas/#recycle/c.jpg"]
    page = array.get("/v1/stores/photos/objects", params={"prefix": "nas/"}).json()
    assert len(page["objects"]) == 3 and counts(page) == {"skipped": 0, "excluded": 6}
    page = array.get("/v1/stores/photos/objects", params={"prefix": "nas/", "all": 1}).json()
    assert len(page["objects"]) == len(PLANTED) and counts(page) == {"skipped": 0}


def test_jobs_and_indexes_exclude_what_they_are_told(array, nas):
    select = {"store": "photos", "prefix": "nas/", "exclude": ["raw/", "b*"]}
    job, *lines, done = array.run("demo", select, keep=True)
    assert selected(lines) == ["photos/nas/a.jpg"]
    assert counts(done["done"]) == {"skipped": 0, "excluded": 8}
    assert job["job"]["select"] == select
    r = array.post("/v1/indexes", {"name": "nas", "model": "demo-features", "select": select})
    assert r.status_code == 201, r.text
    array.wait_for(lambda: array.get("/v1/indexes/nas").json()["state"] == "ready", "the index")
    array.stop()
    array.start()
    index = array.get("/v1/indexes/nas").json()
    assert index["rows"] == 1 and index["select"] == {**select, "glob": None}
    assert counts(index) == {"skipped": 0, "excluded": 8}
    assert array.job(job["job"]["id"])["select"] == select


@pytest.mark.parametrize("exclude", ["*.tmp", [1], [""], ["/"], ["a\nb"], ["x" * 1025], ["x"] * 65])
def test_patterns_that_cannot_be_are_refused(array, exclude):
    for path, body in (("/v1/jobs", {"model": "demo"}), ("/v1/indexes", {"name": "x", "model": "demo-features"})):
        r = array.post(path, {**body, "select": {"store": "photos", "exclude": exclude}})
        assert r.status_code in (400, 413) and '"exclude"' in r.json()["error"], r.text
    r = array.post("/v1/jobs", {"model": "demo", "select": {"keys": ["a/b"], "exclude": ["x"]}})
    assert r.status_code == 400


def test_runs_judge_by_the_first_bytes_where_they_are_told(array, tree):
    picture(tree / "sniff/photo.heic")
    picture(tree / "sniff/photo.jpg")
    (tree / "sniff/true.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    job, *lines, done = array.run("demo", {"store": "photos", "prefix": "sniff/", "sniff": True})
    assert selected(lines) == ["photos/sniff/photo.heic", "photos/sniff/photo.jpg"]
    assert counts(done["done"]) == {"skipped": 1, "skipped_suffixes": {"heic": 1}}
    assert job["job"]["select"]["sniff"] is True


def test_a_store_has_exclusions_of_its_own(tmp_path, nas, demo_models, situd):
    config = tmp_path / "situd.conf"

    def start(text):
        config.write_text(f"[store photos]\n{text}path = {nas}\n")
        return situd("--config", config, "--models", demo_models)

    def listed(daemon):
        return selected(daemon.run("demo", {"store": "photos"})[1:-1])

    assert listed(start("exclude = raw/\nexclude = b.*\n")) == ["photos/a.jpg"]
    daemon = start("exclude_defaults = no\nexclude = raw/\n")
    assert len(listed(daemon)) == len(PLANTED) - 1
    for text, fault in ((f"path = {nas}\nexclude = /\n", "exclude = /: "), ("exclude = a\n", "has no path"),
                        (f"path = {nas}\nexclude_defaults = maybe\n", "yes or no is wanted")):
        config.write_text("[store photos]\n" + text)
        done = subprocess.run([SITUD, "--config", config, "--check", "--state", tmp_path], capture_output=True,
                              text=True, timeout=30)
        assert done.returncode != 0 and fault in done.stderr


def test_a_changed_setting_reports_nothing_as_gone(tmp_path, nas, demo_models, situd):
    config = tmp_path / "situd.conf"
    config.write_text(f"[store photos]\npath = {nas}\n")
    daemon = situd("--config", config, "--models", demo_models)
    job = daemon.start_job("demo", {"store": "photos"}, standing=True, interval_s=1)["id"]
    daemon.wait_for(lambda: daemon.job(job)["idle"], "the first pass")
    daemon.stop()
    config.write_text(f"[store photos]\npath = {nas}\nexclude = *.jpg\n")
    daemon.start()
    passes = daemon.job(job)["pass"]
    daemon.wait_for(lambda: daemon.job(job)["pass"] > passes + 1, "two passes more")
    assert daemon.job(job)["results"] == 3
    assert daemon.run("demo", {"store": "photos"})[-1]["done"]["objects"] == 0
    assert daemon.act(job, "exclude-defaults").status_code == 200
    daemon.wait_for(lambda: daemon.job(job)["results"] == 6, "what is excluded now to be gone")


# ---- jobs and indexes of earlier versions

def strip(path):
    """As written by a version without exclusions."""
    text = path.read_text().splitlines()[0]
    before = json.loads(text)
    before.pop("exclude_defaults")
    before.pop("crc32c", None)
    path.write_text(json.dumps(before))


def test_an_older_standing_job_keeps_all_until_it_is_asked(situd, tmp_path, demo_models):
    root = tmp_path / "photos"
    for name in ("a.jpg", "._a.jpg", "@eaDir/b.jpg"):
        picture(root / name)
    daemon = situd("--store", f"photos={root}", "--models", demo_models)
    job = daemon.start_job("demo", {"store": "photos"}, standing=True, interval_s=1)["id"]
    daemon.wait_for(lambda: daemon.job(job)["idle"], "the first pass")
    assert daemon.job(job)["results"] == 1
    daemon.stop()
    strip(daemon.directory / "state/jobs" / job / "job.json")
    daemon.start()
    daemon.wait_for(lambda: daemon.job(job)["results"] == 3, "a pass without exclusions")
    assert daemon.job(job)["select"]["exclude_defaults"] is False
    answer = daemon.act(job, "exclude-defaults")
    assert answer.status_code == 200 and answer.json()["select"] == {"store": "photos", "prefix": ""}, answer.text
    daemon.wait_for(lambda: daemon.job(job)["results"] == 5, "what is excluded to be gone")
    daemon.wait_for(lambda: daemon.job(job)["idle"], "the end of the pass")
    lines, _ = daemon.results(job, wait=0, after=3)
    assert lines == [{"object": "photos/._a.jpg", "gone": True}, {"object": "photos/@eaDir/b.jpg", "gone": True}]
    assert counts(daemon.job(job)) == {"skipped": 0, "excluded": 2}
    daemon.stop()
    daemon.start()
    assert "exclude_defaults" not in daemon.job(job)["select"]
    daemon.act(job, "cancel")
    assert daemon.act(job, "exclude-defaults").status_code == 409
    names = daemon.start_job("demo", {"keys": ["photos/a.jpg"]})["id"]
    assert daemon.act(names, "exclude-defaults").status_code == 409
    assert daemon.act("aaaaaaaa", "exclude-defaults").status_code == 404


def test_an_older_index_keeps_all_until_it_is_asked(situd, tmp_path, demo_models, situ_cli):
    root = tmp_path / "photos"
    for name in ("a.jpg", "._a.jpg", "@eaDir/b.jpg"):
        picture(root / name)
    daemon = situd("--store", f"photos={root}", "--models", demo_models)

    def index():
        return daemon.get("/v1/indexes/old").json()

    made = situ_cli(daemon, "index", "create", "old", "-m", "demo-features", "--store", "photos",
                    "--no-exclude-defaults", "--interval", 1, "--wait")
    assert made.stderr == "3 rows\n", made.stderr
    assert index()["select"]["exclude_defaults"] is False and index()["rows"] == 3
    refused = situ_cli(daemon, "job", "resume", "--exclude-defaults", index()["job"])
    assert refused.returncode == 2 and "situ index rebuild NAME --exclude-defaults" in refused.stderr
    built = situ_cli(daemon, "index", "rebuild", "old", "--exclude-defaults", "--wait")
    assert built.returncode == 0 and built.stderr.endswith("1 rows\n2 excluded\n"), built.stderr
    now = index()
    assert (now["rows"], now["model"]) == (1, "demo-features") and "exclude_defaults" not in now["select"]
    daemon.stop()
    daemon.start()
    assert "exclude_defaults" not in index()["select"] and index()["rows"] == 1


def test_the_command_excludes_and_sniffs(array, nas, tree, situ_cli):
    def objects(*args, status=0):
        done = situ_cli(array, "infer", "demo", "-fjsonl", *args)
        assert done.returncode == status, done.stderr
        return [json.loads(line)["object"] for line in done.stdout.splitlines()], done.stderr

    assert objects("photos/nas/")[0] == TAKEN
    names, told = objects("photos/nas/", "--exclude", "raw/", "--exclude", "b.*")
    assert names == ["photos/nas/a.jpg"] and "\n8 excluded\n" in told
    assert len(objects("photos/nas/", "--no-exclude-defaults")[0]) == len(PLANTED)
    assert objects("photos/nas/", "--exclude", "*", status=1)[1].startswith(
        "situ: there are no objects below 'photos/nas/'; left out: 7 excluded\n")
    picture(tree / "sniffed/a.heic")
    assert objects("photos/sniffed/", "--sniff")[0] == ["photos/sniffed/a.heic"]
    for bad in (["photos/nas/a.jpg", "--exclude", "x"], ["photos/nas/", "--exclude", ""]):
        assert situ_cli(array, "infer", "demo", *bad).returncode == 2
    listed = situ_cli(array, "object", "list", "photos/nas/")
    assert listed.stdout.splitlines() == TAKEN
    job = situ_cli(array, "infer", "demo", "--detach", "--exclude", "raw/", "photos/nas/").stdout.strip()
    array.wait_for_job(job, "done")
    assert array.job(job)["select"]["exclude"] == ["raw/"]


def test_a_listing_that_lists_nothing_says_why_also_into_a_pipe(array, situ_cli):
    nothing = situ_cli(array, "object", "list", "photos/heic/")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert nothing.stderr == "situ: left out: 5 skipped: 5 .heic; --all lists what is skipped\n"
    assert situ_cli(array, "object", "list", "photos/").stderr == ""  # there is a list, for programs
