# SPDX-License-Identifier: Apache-2.0
"""The result cache: what is not read and not inferred again, and that no answer is wrong.

/metrics shows whether an object was read and whether a model ran.
"""

import concurrent.futures
import io
import json
import os
import random
import shutil
import subprocess
import time

import pytest
import requests
from conftest import Daemon

Image = pytest.importorskip("PIL.Image")

GRAIN = 0.05  # seconds after which a change of a file cannot be mistaken for the one before


def picture(seed, size=(48, 48)):
    rng = random.Random(seed)
    image = Image.new("RGB", size)
    for _ in range(12):
        x, y = rng.randrange(size[0]), rng.randrange(size[1])
        image.paste(tuple(rng.randrange(256) for _ in range(3)), (x, y, x + 16, y + 16))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def photos(tmp_path):
    """Four different pictures, older than the clock's grain."""
    root = tmp_path / "photos"
    root.mkdir()
    for i in range(4):
        (root / f"{i}.png").write_bytes(picture(i))
    time.sleep(GRAIN)
    return root


@pytest.fixture
def demo(situd, photos, demo_models):
    return situd("--store", f"photos={photos}", "--models", demo_models)


def work(daemon):
    """(objects read, models run) since the start."""
    metrics = daemon.metrics()
    return (int(metrics["situ_objects_read_total"]),
            int(metrics['situ_stage_seconds_count{stage="run"}']))


def cache(daemon):
    return daemon.get("/v1/cache").json()


def entries(daemon):
    e = cache(daemon)["entries"]
    return e["contents"], e["answers"]


def wait_for_entries(daemon, contents, answers):
    """Results are written some hundredths of a second after they are put."""
    daemon.wait_for(lambda: entries(daemon) == (contents, answers),
                    f"{contents} contents and {answers} answers", 10)


def costs(daemon, ask):
    """The cost, and the result."""
    before = work(daemon)
    answer = ask()
    after = work(daemon)
    return (after[0] - before[0], after[1] - before[1]), answer


def classes(daemon, name, model="demo", **query):
    r = daemon.infer(model, f"photos/{name}", **query)
    assert r.status_code == 200, r.text
    return r.json()["classes"]


# ---- what is saved ----

def test_a_second_request_reads_nothing(demo):
    first = [classes(demo, f"{i}.png") for i in range(4)]
    wait_for_entries(demo, 4, 4)
    assert costs(demo, lambda: [classes(demo, f"{i}.png") for i in range(4)]) == ((0, 0), first)
    hits = demo.metrics()
    assert hits['situ_cache_hits_total{kind="content"}'] == 4
    assert hits['situ_cache_hits_total{kind="answer"}'] == 4
    assert hits["situ_cache_answers"] == 4 and hits["situ_cache_bytes"] > 0


def test_touch_and_chown_read_again_and_do_not_infer(demo, photos):
    first = classes(demo, "0.png")
    wait_for_entries(demo, 1, 1)
    os.utime(photos / "0.png", (1000, 1000))
    time.sleep(GRAIN)
    assert costs(demo, lambda: classes(demo, "0.png")) == ((1, 0), first)
    os.chown(photos / "0.png", os.getuid(), os.getgid())
    (photos / "0.png").chmod(0o640)
    time.sleep(GRAIN)
    assert costs(demo, lambda: classes(demo, "0.png")) == ((1, 0), first)
    demo.wait_for(lambda: costs(demo, lambda: classes(demo, "0.png")) == ((0, 0), first),
                  "the new identity to be written")


def test_a_copy_is_read_and_not_inferred(demo, photos):
    first = classes(demo, "0.png")
    wait_for_entries(demo, 1, 1)
    shutil.copy(photos / "0.png", photos / "copy.png")
    time.sleep(GRAIN)
    assert costs(demo, lambda: classes(demo, "copy.png")) == ((1, 0), first)
    os.link(photos / "0.png", photos / "link.png")  # changes the ctime of the one file they are
    time.sleep(GRAIN)
    assert costs(demo, lambda: classes(demo, "link.png")) == ((1, 0), first)


def test_a_changed_content_is_inferred(demo, photos):
    first = classes(demo, "0.png")
    wait_for_entries(demo, 1, 1)
    (photos / "0.png").write_bytes(picture(77))
    time.sleep(GRAIN)
    cost, second = costs(demo, lambda: classes(demo, "0.png"))
    assert cost == (1, 1) and second != first
    assert second == classes(demo, "0.png", cache=0)
    wait_for_entries(demo, 1, 2)
    (photos / "0.png").write_bytes(picture(0))  # back: recognised by its content
    time.sleep(GRAIN)
    assert costs(demo, lambda: classes(demo, "0.png")) == ((1, 0), first)


def test_a_renamed_object_is_the_same_one(demo, photos):
    first = classes(demo, "0.png")
    wait_for_entries(demo, 1, 1)
    (photos / "sub").mkdir()
    (photos / "0.png").rename(photos / "sub/new.png")
    time.sleep(GRAIN)
    cost, second = costs(demo, lambda: classes(demo, "sub/new.png"))
    assert second == first and cost in ((0, 0), (1, 0))  # rename changes the ctime on most systems


def test_an_undecodable_object_is_told_again_without_a_look(demo, photos):
    (photos / "text.png").write_text("this is no image")
    time.sleep(GRAIN)
    first = demo.infer("demo", "photos/text.png")
    assert (first.status_code, first.json()["code"]) == (422, "undecodable")
    wait_for_entries(demo, 1, 1)
    cost, second = costs(demo, lambda: demo.infer("demo", "photos/text.png"))
    assert cost == (0, 0) and (second.status_code, second.json()) == (422, first.json())
    (photos / "text.png").write_bytes(picture(1))
    time.sleep(GRAIN)
    assert demo.infer("demo", "photos/text.png").status_code == 200


# ---- what is not kept ----

def alternate(daemon, photos, wait):
    """Two pictures of one size take turns in one file with one mtime; every answer is the right one."""
    versions = []
    for color in ((255, 0, 0), (0, 0, 255)):
        out = io.BytesIO()
        Image.new("RGB", (8, 8), color).save(out, "PNG", compress_level=0)
        versions.append(out.getvalue())
    assert len(versions[0]) == len(versions[1])
    wanted = []
    for i, version in enumerate(versions):
        (photos / f"version{i}.png").write_bytes(version)
        wanted.append(classes(daemon, f"version{i}.png", "quick", cache=0))
    assert wanted[0] != wanted[1]
    with open(photos / "hot.png", "w+b", buffering=0) as file:
        def put(version):
            file.seek(0)
            file.write(version)
            os.utime(file.fileno(), ns=(10**18, 10**18))
        for i in range(300 if wait == 0 else 60):
            put(versions[i % 2])
            assert classes(daemon, "hot.png", "quick") == wanted[i % 2], i
            put(versions[(i + 1) % 2])
            time.sleep(wait)
            assert classes(daemon, "hot.png", "quick") == wanted[(i + 1) % 2], i


@pytest.fixture
def coarse_photos(tmp_path):
    """A directory whose time stamps have a resolution of some milliseconds, if possible: newer kernels stamp changes
    finely on most file systems once the stamp was read, but not on ramfs."""
    root = tmp_path / "coarse"
    root.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "ramfs", "ramfs", str(root)], capture_output=True).returncode == 0
    yield root
    if mounted:
        subprocess.run(["umount", "-l", str(root)], check=True)


@pytest.mark.parametrize("wait", [0, 0.09])
def test_a_file_rewritten_within_the_grain_of_the_clock_is_never_answered_from_before(
        situd, coarse_photos, null_models, wait):
    photos = coarse_photos
    daemon = situd("--store", f"photos={photos}", "--models", null_models(quick="sleep 0"),
                   "--engine", "null")
    alternate(daemon, photos, wait)


def test_an_object_that_ends_its_worker_is_not_remembered(situd, photos, null_models):
    Image.new("RGB", (8, 8), (200, 200, 200)).save(photos / "deadly.png")
    Image.new("RGB", (8, 8), (5, 5, 5)).save(photos / "good.png")
    time.sleep(GRAIN)
    models = null_models(fragile="sleep 0\ncrash_from 100")
    daemon = situd("--store", f"photos={photos}", "--models", models, "--engine", "null")
    for turn in (1, 2):
        r = daemon.infer("fragile", "photos/deadly.png")
        assert (r.status_code, r.json()["code"]) == (422, "worker_crashed"), r.text
        wait_for_entries(daemon, 1, 0)
        time.sleep(0.2)
        assert entries(daemon) == (1, 0)
    assert daemon.status()["workers_restarted"] >= 2
    assert daemon.infer("fragile", "photos/good.png").status_code == 200
    wait_for_entries(daemon, 2, 1)


def test_answers_stay_right_while_workers_die_under_many_clients(situd, photos, null_models):
    """Four quarters of one value each, so that the answer is a function of the file's name."""
    names = {}
    for i in range(24):
        image = Image.new("RGB", (8, 8), (i % 4 * 20, i // 4 * 9, (i * 7) % 60))
        image.save(photos / f"c{i}.png")
        names[f"c{i}.png"] = None
    Image.new("RGB", (8, 8), (255, 0, 0)).save(photos / "deadly.png")
    time.sleep(GRAIN)
    daemon = situd("--store", f"photos={photos}", "--models",
                   null_models(fragile="sleep 2\ncrash_from 200"), "--engine", "null")
    for name in names:
        names[name] = classes(daemon, name, "fragile", cache=0)
    wrong = []

    def client(seed):
        rng = random.Random(seed)
        with requests.Session() as session:
            for turn in range(60):
                name = "deadly.png" if rng.random() < 0.03 else rng.choice(list(names))
                if rng.random() < 0.2 and name != "deadly.png":
                    os.utime(photos / name)
                r = session.get(f"{daemon.url}/v1/infer/fragile/photos/{name}", timeout=60)
                expected = (r.json().get("code") == "worker_crashed" if name == "deadly.png" else
                            r.status_code == 200 and r.json()["classes"] == names[name])
                if not expected:
                    wrong.append((name, r.status_code, r.text))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(client, range(8)))
    assert not wrong, wrong[:3]
    assert daemon.status()["workers_restarted"] > 0
    metrics = daemon.metrics()
    assert metrics['situ_cache_hits_total{kind="answer"}'] > 0
    assert entries(daemon)[1] <= len(names)


def test_cache_0_infers_and_leaves_the_cache_alone(demo):
    demo.wait_for(lambda: cache(demo)["file_bytes"] > 0, "the file to be measured")
    before = cache(demo)
    assert costs(demo, lambda: classes(demo, "0.png", cache=0))[0] == (1, 1)
    time.sleep(0.2)
    assert cache(demo) == before
    first = classes(demo, "0.png")
    wait_for_entries(demo, 1, 1)
    cost, again = costs(demo, lambda: classes(demo, "0.png", cache=0))
    assert cost == (1, 1) and again == first


@pytest.mark.parametrize("size", ["0", "off"])
def test_a_daemon_without_a_cache(situd, photos, demo_models, size):
    daemon = situd("--store", f"photos={photos}", "--models", demo_models, "--cache-size", size)
    first = classes(daemon, "0.png")
    assert costs(daemon, lambda: classes(daemon, "0.png")) == ((1, 1), first)
    assert cache(daemon)["on"] is False and entries(daemon) == (0, 0)
    assert not (daemon.directory / "state/results").exists()
    assert daemon.session.delete(daemon.url + "/v1/cache", timeout=10).status_code == 204


def test_models_whose_files_change_under_the_daemon_are_not_remembered(situd, photos, demo_models,
                                                                      tmp_path):
    package = tmp_path / "models/demo"
    shutil.copytree(demo_models / "demo", package)
    daemon = situd("--store", f"photos={photos}", "--models", tmp_path / "models")
    config = (package / "README.md")
    config.write_text(config.read_text() + "one more line\n")
    for _ in range(2):
        assert costs(daemon, lambda: classes(daemon, "0.png"))[0][1] == 1
        time.sleep(0.2)
    assert entries(daemon)[1] == 0
    assert "event=model_changed" in daemon.log()


# ---- forms of answers ----

def test_more_classes_than_are_kept_are_inferred(situd, corpus, tmp_path):
    package = shutil.copytree(corpus.models / "demo-features", tmp_path / "models/wide")  # 96 values
    (package / "situ.json").write_text('{"task": "image-classification"}')
    daemon = situd("--store", f"photos={corpus.photos}", "--models", package.parent)
    ask = lambda **query: classes(daemon, corpus.names[0], "wide", **query)
    twenty = ask(top=20, cache=0)
    assert len(ask()) == 5
    wait_for_entries(daemon, 1, 1)
    same = lambda some, others: ([c["index"] for c in some] == [c["index"] for c in others] and
                                 all(abs(a["score"] - b["score"]) < 1e-5
                                     for a, b in zip(some, others)))
    cost, sixteen = costs(daemon, lambda: ask(top=16))
    assert cost == (0, 0) and same(sixteen, twenty[:16]) and len(sixteen) == 16
    cost, all_twenty = costs(daemon, lambda: ask(top=20))
    assert cost == (1, 1) and same(all_twenty, twenty) and len(all_twenty) == 20
    assert len(ask(top=1000)) == 96
    cost, bare = costs(daemon, lambda: ask(top=2, labels=0))
    assert cost == (0, 0) and [set(c) for c in bare] == [{"index", "score"}] * 2


def test_all_classes_of_a_small_model_are_known(demo):
    first = classes(demo, "0.png")
    wait_for_entries(demo, 1, 1)
    cost, every = costs(demo, lambda: classes(demo, "0.png", top=1000))
    assert cost == (0, 0) and len(every) == 12 and every[:5] == first
    assert every == classes(demo, "0.png", top=1000, cache=0)


def test_embeddings_come_back_to_the_last_bit(situd, photos, tmp_path):
    packages = pytest.importorskip("test_models")
    package = packages.image_model(tmp_path / "embed", names=("pixel_values", "image_embeds"))
    (package / "config.json").write_text(json.dumps(
        {"architectures": ["CLIPVisionModelWithProjection"], "model_type": "clip_vision_model"}))
    daemon = situd("--store", f"photos={photos}")
    assert packages.put(daemon, "embed", packages.tar_of(package)).status_code == 201
    ask = lambda **query: daemon.infer("embed", "photos/0.png", **query).json()["embedding"]
    first = ask()
    wait_for_entries(daemon, 1, 1)
    assert costs(daemon, ask) == ((0, 0), first)
    assert ask(cache=0) == first
    # Under /v2 it is not normalised: a different answer, kept separately.
    raw = v2(daemon, "embed", ["0.png"])[0]["data"]
    assert max(abs(a - b) for a, b in zip(raw, first)) > 1e-3
    wait_for_entries(daemon, 1, 2)
    assert costs(daemon, lambda: v2(daemon, "embed", ["0.png"])[0]["data"]) == ((0, 0), raw)


def v2(daemon, model, names, classification=None, **parameters):
    output = {"name": daemon.get(f"/v2/models/{model}").json()["outputs"][0]["name"]}
    if classification:
        output["parameters"] = {"classification": classification}
    r = daemon.post(f"/v2/models/{model}/infer", {
        "inputs": [{"name": "image", "datatype": "BYTES", "shape": [len(names)],
                    "parameters": {"stored_object": True},
                    "data": [f"photos/{name}" for name in names]}],
        "outputs": [output], "parameters": parameters})
    assert r.status_code == 200, r.text
    return r.json()["outputs"]


@pytest.mark.parametrize("classification", [None, 1, 5, 16, 20])
def test_v2_answers_are_the_same_with_and_without(demo, classification):
    names = [f"{i}.png" for i in range(4)]
    ask = lambda **parameters: v2(demo, "demo", names, classification, **parameters)
    cost, without = costs(demo, lambda: ask(cache=False))
    assert cost == (4, 4)
    assert v2(demo, "demo", names[1:3], classification)  # two of them are already known
    wait_for_entries(demo, 2, 2)
    assert costs(demo, ask) == ((2, 2), without)
    wait_for_entries(demo, 4, 4)
    kept = classification is None or classification <= 16
    cost, third = costs(demo, ask)
    assert third == without and cost == ((0, 0) if kept or classification == 20 else (4, 4))


def test_v1_and_v2_share_the_best_classes(demo):
    best = classes(demo, "0.png", top=3)
    wait_for_entries(demo, 1, 1)
    cost, outputs = costs(demo, lambda: v2(demo, "demo", ["0.png"], 3))
    assert cost == (0, 0) and outputs[0]["shape"] == [1, 3]
    told = [element.split(":") for element in outputs[0]["data"]]
    assert [(int(index), label) for _, index, label in told] == [
        (c["index"], c["label"]) for c in best]


def test_one_bad_object_in_v2_from_the_cache(demo, photos):
    (photos / "bad.png").write_text("no image")
    time.sleep(GRAIN)
    body = {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [2],
                        "parameters": {"stored_object": True},
                        "data": ["photos/bad.png", "photos/0.png"]}],
            "parameters": {"on_error": "partial"}}
    first = demo.post("/v2/models/demo/infer", body)
    assert first.status_code == 200, first.text
    wait_for_entries(demo, 2, 2)
    cost, second = costs(demo, lambda: demo.post("/v2/models/demo/infer", body))
    assert cost == (0, 0) and second.json() == first.json()
    assert second.json()["parameters"]["errors"][0]["code"] == "undecodable"


# ---- what lasts ----

def test_it_can_be_cleared(demo):
    first = classes(demo, "0.png")
    wait_for_entries(demo, 1, 1)
    assert demo.session.delete(demo.url + "/v1/cache", timeout=10).status_code == 204
    assert entries(demo) == (0, 0)
    assert costs(demo, lambda: classes(demo, "0.png")) == ((1, 1), first)
    wait_for_entries(demo, 1, 1)


class Kept:
    """A daemon that can be started again on its state; the fixture's state is new each time."""

    def __init__(self, directory, *args):
        self.directory = directory
        self.args = args
        self.daemon = None
        directory.mkdir()

    def start(self):
        (self.directory / "situd.log").unlink(missing_ok=True)
        self.daemon = Daemon(self.directory, self.args)
        return self.daemon

    def kill(self):
        self.daemon.process.kill()
        self.daemon.process.wait()
        self.daemon.session.close()


@pytest.fixture
def kept(tmp_path, photos, demo_models):
    kept = Kept(tmp_path / "kept", "--store", f"photos={photos}", "--models", demo_models)
    yield kept
    if kept.daemon:
        kept.daemon.stop()


def test_it_lasts_over_a_restart(kept):
    first = classes(kept.start(), "0.png")
    assert kept.daemon.stop() == 0  # writes what is queued
    daemon = kept.start()
    assert entries(daemon) == (1, 1)
    assert costs(daemon, lambda: classes(daemon, "0.png")) == ((0, 0), first)


def test_a_store_of_another_name_or_a_moved_one_is_not_mixed_up(kept, photos):
    first = classes(kept.start(), "0.png")
    assert kept.daemon.stop() == 0
    other = photos.parent / "other"
    other.mkdir()
    (other / "0.png").write_bytes(picture(9))
    time.sleep(GRAIN)
    kept.args = ("--store", f"photos={other}", *kept.args[2:])
    daemon = kept.start()
    second = classes(daemon, "0.png")
    assert second != first and second == classes(daemon, "0.png", cache=0)


def test_a_damaged_file_is_set_aside_and_inference_goes_on(kept):
    first = classes(kept.start(), "0.png")
    assert kept.daemon.stop() == 0
    file = kept.directory / "state/results/data.mdb"
    size = file.stat().st_size
    file.write_bytes(os.urandom(size))
    daemon = kept.start()
    assert "event=cache_set_aside" in daemon.log()
    assert (kept.directory / "state/results.damaged-1/data.mdb").stat().st_size == size
    assert cache(daemon)["on"] and entries(daemon) == (0, 0)
    assert classes(daemon, "0.png") == first
    wait_for_entries(daemon, 1, 1)
    assert costs(daemon, lambda: classes(daemon, "0.png")) == ((0, 0), first)


def test_a_kill_at_any_moment_leaves_right_answers(kept, photos):
    rng = random.Random(4)
    for i in range(4, 40):
        (photos / f"{i}.png").write_bytes(picture(i))
    time.sleep(GRAIN)
    names = [f"{i}.png" for i in range(40)]
    daemon = kept.start()
    right = {name: classes(daemon, name, cache=0) for name in names}
    for _ in range(6):
        end = time.monotonic() + rng.uniform(0.02, 0.4)
        while time.monotonic() < end:
            name = rng.choice(names)
            assert classes(daemon, name) == right[name]
        kept.kill()
        daemon = kept.start()
        assert cache(daemon)["on"] and "cache_set_aside" not in daemon.log()
    assert {name: classes(daemon, name) for name in names} == right


def test_a_full_disk_stops_the_cache_and_not_the_answers(kept, photos, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(small)],
                      capture_output=True).returncode != 0:
        pytest.skip("no permission to mount a small file system")
    try:
        kept.args += ("--state", small / "state")
        daemon = kept.start()
        right = classes(daemon, "0.png")
        wait_for_entries(daemon, 1, 1)
        with open(small / "filler", "wb", buffering=0) as filler:
            with pytest.raises(OSError):
                while True:
                    filler.write(bytes(4096))
        for i in range(1, 60):
            (photos / f"{i}.png").write_bytes(picture(i))
        time.sleep(GRAIN)
        for i in range(1, 60):
            assert classes(daemon, f"{i}.png")
        daemon.wait_for(lambda: cache(daemon)["paused"], "the cache to pause")
        assert "event=cache_paused" in daemon.log()
        assert costs(daemon, lambda: classes(daemon, "0.png")) == ((0, 0), right)
        assert kept.daemon.stop() == 0
        kept.daemon = None
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
